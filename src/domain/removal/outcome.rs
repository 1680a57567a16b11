//! What became of a plan, step by step.

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::ItemId;
use crate::domain::text::Text;

/// What a removal did with one step's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is gone.
    Removed,
    /// A log: its files are empty, and still there.
    Truncated,
    /// It was not there any more at its turn.
    Gone,
    /// Its tag moved, it came into use, it was started: nothing was sent.
    Changed,
    /// The engine refused, or could not.
    Failed,
    /// Cancelled, or something it needed failed.
    Skipped,
    /// So much was free before its turn as was to be: nothing was sent.
    NotNeeded,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 7] = [
        Self::Removed,
        Self::Truncated,
        Self::Gone,
        Self::Changed,
        Self::Failed,
        Self::Skipped,
        Self::NotNeeded,
    ];

    /// Returns the word that JSON and the journal have for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Truncated => "truncated",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotNeeded => "not_needed",
        }
    }

    /// Returns true when what was to go is not there any more.
    #[must_use]
    pub fn is_away(self) -> bool {
        match self {
            Self::Removed | Self::Truncated | Self::Gone => true,
            Self::Changed | Self::Failed | Self::Skipped | Self::NotNeeded => false,
        }
    }

    /// Returns true when a step ended as it was to: its object is away, or may stay.
    #[must_use]
    pub fn is_well(self) -> bool {
        self.is_away() || self == Self::NotNeeded
    }
}

/// A step that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The step's object.
    pub id: ItemId,
    /// What it was called.
    pub name: Text,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it did not go, in the engine's words where it has said any.
    pub error: Option<String>,
    /// Unknown where something went whose size nobody can tell.
    pub freed: Figure<Bytes>,
    /// The file with a copy of it that was written before.
    pub saved: Option<Text>,
}
