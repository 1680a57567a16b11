//! What engines note in their own folder, read from their files: `bolt` and `pages` read the database files of BuildKit
//! and containerd, `layerdb` a graph driver's layers, [`noted`] containerd's blobs and snapshots, [`images`] what those say
//! of images, `collector` and `leases` who keeps what there.

pub(in crate::engine) mod bolt;
pub(in crate::engine) mod collector;
pub(in crate::engine) mod images;
pub(in crate::engine) mod layerdb;
pub(in crate::engine) mod leases;
pub(in crate::engine) mod noted;
pub(in crate::engine) mod pages;
