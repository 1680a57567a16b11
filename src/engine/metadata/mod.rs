//! What engines note in their own folder, read from their files: `bolt` and `pages` read the database files of BuildKit
//! and containerd, `layerdb` a graph driver's layers, [`store`] containerd's blobs and snapshots, [`images`] what those say
//! of images, `reader` and `leases` who keeps what there.

pub(in crate::engine) mod bolt;
pub(in crate::engine) mod images;
pub(in crate::engine) mod layerdb;
pub(in crate::engine) mod leases;
pub(in crate::engine) mod pages;
pub(in crate::engine) mod reader;
pub(in crate::engine) mod store;
