//! Copies of what is removed: [`save`] writes them before anything goes, [`restore`] brings back what went, and `tar`
//! looks into an archive as it passes by.

pub mod restore;
pub mod save;
pub(in crate::engine) mod tar;
