//! What lies on an engine's disk, as it was read there: plain facts, whoever read them.
//!
//! - [`layerdb`]: a graph driver's layers, and what the disk keeps of each;
//! - [`content`]: the containerd store's blobs, and what leads to what;
//! - [`metadata`]: what containerd notes of its blobs and snapshots;
//! - [`folder`]: everything in an engine's folder, each byte in one part;
//! - [`unpacked`]: how large a layer is once it is unpacked;
//! - [`mounted`], [`origin`], [`disk_usage`]: images that are mounted, where an image is from, what one thing takes.

pub mod content;
pub mod disk_usage;
pub mod folder;
pub mod layerdb;
pub mod metadata;
pub mod mounted;
pub mod origin;
pub mod unpacked;
