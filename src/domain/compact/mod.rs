//! Many small things in little memory: an engine may keep ten thousand images of a hundred thousand layers.
//!
//! [`texts`] keeps digests and names, `lists` a list for each number, `table` something for few of many numbers, and
//! `maybe` a number or none in the room of the number.

pub(in crate::domain) mod lists;
pub(in crate::domain) mod maybe;
pub(in crate::domain) mod table;
pub mod texts;
