//! Layers as the engine's own folder lists them, where dtop can read it.
//!
//! The API tells of layers only what images have. Layers that only a container or the build cache holds
//! any more are in no answer of it, but each has an entry of its own in the engine's folder, and so has each
//! record that keeps one.

use std::collections::HashMap;

use super::bytes::Bytes;
use super::item::{ChainId, RecordId, Text};

/// What the folder of a graph driver's store tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub layers: Vec<StoredLayer>,
    /// The layer that each build cache record keeps; none for one with bytes of its own. Records that are not
    /// here are not known.
    pub records: HashMap<RecordId, Option<ChainId>>,
    /// What records have that are written to again and again, as far as that could be measured: the engine tells
    /// what they had when it was first asked.
    pub written: HashMap<RecordId, Bytes>,
}

/// A layer in the engine's folder (`image/<driver>/layerdb/sha256/<chain>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLayer {
    pub chain: ChainId,
    /// The chain below it; none for a lowest layer.
    pub parent: Option<ChainId>,
    pub diff_id: Text,
    /// The folder in which the driver keeps its files.
    pub folder: Text,
    /// Apparent bytes, as the engine counts them.
    pub size: Bytes,
    /// Lengths of its symbolic links, where the engine leaves them out and they could be counted.
    pub links: Option<Bytes>,
}

impl StoredLayer {
    /// True of a layer that BuildKit made: its names for folders have 25 letters and digits (ENGINE.md §2.5).
    #[must_use]
    pub fn is_by_buildkit(&self) -> bool {
        is_buildkits(&self.folder)
    }
}

/// True of a folder's name that BuildKit gave.
#[must_use]
pub fn is_buildkits(folder: &str) -> bool {
    folder.len() == 25
}
