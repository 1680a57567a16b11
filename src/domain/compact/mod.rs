//! Many small things in little memory: an engine may keep ten thousand images of a hundred thousand layers.
//!
//! [`texts`] keeps digests and names, `csr` a list for each number, `dense_or_sparse` something for few of many numbers, and
//! `opt_index` a number or none in the room of the number.

pub(in crate::domain) mod csr;
pub(in crate::domain) mod dense_or_sparse;
pub(in crate::domain) mod opt_index;
pub mod texts;
