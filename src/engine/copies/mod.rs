//! Copies of what is removed: [`save`] writes them before anything goes, [`restore`] brings back what went, `exported`
//! is an archive as it comes, and `tar` looks into one as it passes by.

pub mod exported;
pub mod restore;
pub mod save;
pub(in crate::engine) mod tar;
