//! What an inventory comes to, by kind and by layer.

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::ChainId;
use crate::domain::text::Text;

/// Bytes of each kind, disjoint (README.md, On the command line).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Layers that some image holds, each once.
    pub images: Figure<Bytes>,
    /// Writable layers, and layers that only containers hold.
    pub containers: Figure<Bytes>,
    /// All volumes that are measured.
    pub volumes: Figure<Bytes>,
    /// Records that nobody shares.
    pub build_cache: Figure<Bytes>,
    /// Log files of containers; not known where one of them cannot be read.
    pub logs: Figure<Bytes>,
    /// What the containerd store's own notes have of none of these: kept by leases of something under way, or by
    /// the build history. It is on no screen: what lies in the folder and is not counted is told by its cause.
    pub leased: Bytes,
}

/// A layer of an image, for the details screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// The layer with all that it stands on.
    pub chain: ChainId,
    /// What it takes alone.
    pub size: Figure<Bytes>,
    /// The step that made it.
    pub command: Text,
    /// How many other images have it.
    pub shared_with: usize,
}
