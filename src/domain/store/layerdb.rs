//! Layers as the engine's own folder lists them, where dtop can read it.
//!
//! The API tells of layers only what images have. Layers that only a container or the build cache holds
//! any more are in no answer of it, but each has an entry of its own in the engine's folder, and so has each
//! record that keeps one.

use std::collections::{HashMap, HashSet};

use crate::domain::bytes::Bytes;
use crate::domain::item::{ChainId, ImageId, RecordId};
use crate::domain::text::Text;

/// What the folder of a graph driver's store tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerDb {
    /// Every layer that the engine keeps.
    pub layers: Vec<StoredLayer>,
    /// The layer that each build cache record keeps; none for one with bytes of its own. Records that are not
    /// here are not known.
    pub records: HashMap<RecordId, Option<ChainId>>,
    /// The folder of each record that has bytes of its own, where it has another name than the record.
    pub folders: HashMap<RecordId, Text>,
    /// What the disk keeps of records that are written to again and again, a build's context or a cache mount, where it
    /// could be measured: the engine tells what they had when it was first asked (moby
    /// `builder/builder-next/adapters/snapshot`, `Usage`).
    pub written: HashMap<RecordId, Option<Kept>>,
}

impl LayerDb {
    /// Returns true of a record that is written to again and again.
    #[must_use]
    pub fn is_written_to(&self, record: &RecordId) -> bool {
        self.written.contains_key(record)
    }

    /// Returns the folder in which the driver keeps what a record has of its own.
    #[must_use]
    pub fn folder_of(&self, record: &RecordId) -> Text {
        let folder = self.folders.get(record);
        folder.map_or_else(|| record.as_str().into(), Clone::clone)
    }
}

/// What the disk keeps of a graph driver's store, as far as it was measured: blocks of files and of folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnDisk {
    /// Of layers and of build cache records, by the folder in which the driver keeps each: with the engine's notes on
    /// it. A folder's name is never given twice.
    pub folders: HashMap<Text, Kept>,
    /// What images have besides their layers.
    pub images: HashMap<ImageId, Bytes>,
}

/// Bytes of blocks that the disk gives back when a thing goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What goes for certain.
    pub least: Bytes,
    /// All of its blocks; more than the least where a file has further names elsewhere.
    pub most: Bytes,
}

impl OnDisk {
    /// Returns true if nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.images.is_empty()
    }

    /// Takes in what was measured later.
    pub fn add(&mut self, later: Self) {
        self.folders.extend(later.folders);
        self.images.extend(later.images);
    }

    /// Forgets folders that the engine does not keep any more.
    pub fn retain(&mut self, stored: &LayerDb) {
        let layers = stored.layers.iter().map(|it| it.folder.clone());
        let records = stored.records.keys().map(|it| stored.folder_of(it));
        let there: HashSet<Text> = layers.chain(records).collect();
        self.folders.retain(|folder, _| there.contains(folder));
    }
}

/// A layer in the engine's folder (Docker: `image/<driver>/layerdb/sha256/<chain>`; Podman: a row of
/// `<driver>-layers/layers.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLayer {
    /// Its name with all that it stands on.
    pub chain: ChainId,
    /// The chain below it; none for a lowest layer.
    pub parent: Option<ChainId>,
    /// The digest of its contents alone.
    pub diff_id: Text,
    /// The folder in which the driver keeps its files; empty where there are several.
    pub folder: Text,
    /// Apparent bytes, as the engine counts them; `None` where it has not counted them.
    pub size: Option<Bytes>,
}

impl StoredLayer {
    /// Returns true of a layer that BuildKit made: its names for folders have 25 letters and digits (ENGINE.md §2.5).
    #[must_use]
    pub fn is_by_buildkit(&self) -> bool {
        is_buildkits(&self.folder)
    }
}

/// Returns true of a folder's name that BuildKit gave.
#[must_use]
pub fn is_buildkits(folder: &str) -> bool {
    folder.len() == 25
}
