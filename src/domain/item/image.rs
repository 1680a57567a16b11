//! Images, and what they are made of.

use std::sync::Arc;

use serde::Serialize;

use super::{ImageId, Labels};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::DigestList;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// An image, however many names it has.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Image {
    /// Its ID: the digest of its config, or on the containerd store of its manifest or index.
    pub id: ImageId,
    /// The image it was made from by the classic builder or a commit.
    pub parent: Option<ImageId>,
    /// All its tags, as `repository:tag`.
    pub names: Vec<Text>,
    /// All its digest references, as `repository@sha256:…`.
    pub digests: Vec<Text>,
    /// When it was made, to the second.
    pub created: Option<Timestamp>,
    /// The engine's own figure: all layers; on the containerd store blobs and snapshots.
    pub size: Figure<Bytes>,
    /// The engine's own figure of what other images hold too.
    pub shared: Figure<Bytes>,
    /// Its labels.
    pub labels: Labels,
    /// Where it came from.
    pub source: Source,
    /// When a name was last given to it here (inspect `Metadata.LastTagTime`).
    pub last_tagged: Option<Timestamp>,
    /// What it is made of; immutable for an ID.
    pub content: Figure<Arc<Content>>,
}

impl Image {
    /// Returns what the image is made of, once that is known.
    #[must_use]
    pub fn known_content(&self) -> Option<&Arc<Content>> {
        self.content.as_ref().known()
    }

    /// Returns the sizes in the history that are not zero, the oldest first. On the containerd store they are those of
    /// the layers: an unpacked layer has folders at least, so its row is never zero (ENGINE-CONTAINERD.md §3).
    #[must_use]
    pub fn layer_sizes(&self) -> Vec<Bytes> {
        let history = self.known_content().map(|content| &content.history);
        let sizes = history.into_iter().flatten().map(|row| row.size);
        sizes.filter(|size| !size.is_zero()).collect()
    }
}

/// Where an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Pulled from, or pushed to, a registry.
    Registry,
    /// Built, loaded or imported here.
    Local,
    /// The engine does not say (the containerd store writes digests for local builds too, ENGINE.md §3).
    Unknown,
}

/// What an image is made of, from inspect and history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content {
    /// When it was made, as precise as the engine has it. Of an image that BuildKit built here this is when
    /// its top layer was made, to the nanosecond, which its history tells only to the second.
    pub created: Option<Timestamp>,
    /// `RootFS.Layers`, the lowest first.
    pub diff_ids: DigestList,
    /// The image's history, the oldest first.
    pub history: Vec<HistoryRow>,
    /// Overlay folders of the layers, the lowest first; empty where the engine does not say
    /// (`GraphDriver.Data`, ENGINE.md §2.5).
    pub folders: DigestList,
    /// On the containerd store: what it keeps packed. `None` where inspect does not say.
    pub packed: Option<PackedSize>,
}

/// What the containerd store keeps packed of the platform of an image that inspect shows: the size that it
/// says, which has nothing unpacked in it (ENGINE-CONTAINERD.md §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackedSize {
    /// All that it keeps packed.
    pub total: Bytes,
    /// About how much of it is no layer: manifest and config by what they hold, and an index.
    pub documents: Bytes,
}

/// A line of an image's history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HistoryRow {
    /// When the step was done, to the second.
    pub created: Option<Timestamp>,
    /// The step's command.
    pub created_by: Text,
    /// What the builder has added.
    pub comment: Text,
    /// The layer's bytes; zero for metadata, and for a layer of no bytes.
    pub size: Bytes,
}
