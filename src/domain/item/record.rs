//! Records of the build cache.

use smallvec::SmallVec;

use super::RecordId;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A record of the build cache.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Record {
    /// Its ID.
    pub id: RecordId,
    /// Most have one, which needs no memory of its own.
    pub parents: SmallVec<[RecordId; 1]>,
    /// `regular`, `source.local`, `exec.cachemount`, …
    pub kind: Text,
    /// What the builder did, in its words.
    pub description: Text,
    /// A build uses it, or it is mounted.
    pub in_use: bool,
    /// The engine says that an image holds the same layer.
    pub shared: bool,
    /// The engine's own figure of it.
    pub size: Figure<Bytes>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When a build last used it.
    pub last_used: Option<Timestamp>,
}

impl Record {
    /// Returns true of a record that a base image became: it was not made by a step of a build here.
    #[must_use]
    pub fn is_base(&self) -> bool {
        let text = &self.description;
        text.is_empty()
            || text.starts_with("from local")
            || text.starts_with("pulled from")
            || (text.starts_with('[') && text.contains("] FROM "))
    }
}
