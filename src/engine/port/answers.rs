//! What an engine answers that is more than a list of what it keeps.

use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Inspected;
use crate::domain::item::{ContainerId, Content, ImageId, RecordId, Source};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// What an inspected image tells.
#[derive(Clone, Debug)]
pub struct ImageDetails {
    /// What it is made of.
    pub content: Figure<Arc<Content>>,
    /// When a name was last given to it.
    pub last_tagged: Option<Timestamp>,
    /// Where it came from, where the engine keeps a record of that; `None` leaves what the list said.
    pub source: Option<Source>,
}

impl ImageDetails {
    /// Returns what an inventory takes in.
    #[must_use]
    pub fn of(self, id: ImageId) -> Inspected {
        Inspected {
            id,
            content: self.content,
            last_tagged: self.last_tagged,
            source: self.source,
        }
    }
}

/// What the engine says that it did when an image was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that were taken away.
    pub untagged: Vec<Text>,
    /// Image IDs and, on graph drivers, chain IDs of the layers that really went (ENGINE.md §1.7).
    pub deleted: Vec<Text>,
}

/// What came of emptying a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTruncated {
    /// What that has freed.
    pub freed: Bytes,
    /// Why not all of its files could be emptied, after some were.
    pub failure: Option<String>,
}

/// What the engine says that a build cache prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The records that are gone.
    pub deleted: Vec<RecordId>,
    /// The engine's sum of record sizes, which is not what was freed (ENGINE.md §1.5).
    pub claimed: Bytes,
}

/// Something that changed on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something of images.
    Images,
    /// A container, with its ID.
    Container(ContainerId),
    /// Something of volumes.
    Volumes,
    /// Something of the build cache.
    BuildCache,
    /// A service of a swarm, or a swarm that is made or left.
    Swarm,
}
