//! Which layers there are, and how large each is.
//!
//! - `tree`: layers of images and of others, each once, as numbers. Units of bytes have the same numbers
//!   ([`super::retention`]).
//! - `sizes`: what histories tell of them (`align` lays a history beside an image's layers), as a `span` where that is
//!   not exact.
//! - `stored`: what the engine's own folder tells of them, on a graph driver.
//! - `content_store`: the blobs of the containerd store; `snapshots`: the store's own notes of snapshots; `orphans`: blobs that
//!   must be read, as nothing else tells of them; `packing`: what a layer is packed and unpacked; `init_layers`: snapshots for
//!   mounts, which no list names.
//! - `facts`: all of these of one inventory. `names`: images by name.

pub(in crate::domain) mod align;
pub(in crate::domain) mod content_store;
pub(in crate::domain) mod facts;
pub(in crate::domain) mod init_layers;
pub(in crate::domain) mod names;
pub(in crate::domain) mod orphans;
pub(in crate::domain) mod packing;
pub(in crate::domain) mod sizes;
pub(in crate::domain) mod snapshots;
pub(in crate::domain) mod span;
pub(in crate::domain) mod stored;
pub(in crate::domain) mod tree;

pub use orphans::{layers_to_read, sizes_of_bases};
pub use tree::chain_id;
