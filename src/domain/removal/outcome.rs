//! What became of a plan, step by step.

use super::account::Account;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{ItemId, Text};
use crate::domain::plan::Plan;

/// What a removal did with one step's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Removed,
    /// A log: its files are empty, and still there.
    Truncated,
    /// It was not there any more at its turn.
    Gone,
    /// Its tag moved, it came into use, it was started: nothing was sent.
    Changed,
    Failed,
    /// Cancelled, or something it needed failed.
    Skipped,
    /// So much was free before its turn as was to be: nothing was sent.
    NotNeeded,
}

impl Outcome {
    pub const ALL: [Self; 7] = [
        Self::Removed,
        Self::Truncated,
        Self::Gone,
        Self::Changed,
        Self::Failed,
        Self::Skipped,
        Self::NotNeeded,
    ];

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

    /// True when what was to go is not there any more.
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
    pub id: ItemId,
    pub name: Text,
    pub outcome: Outcome,
    /// Why it did not go, in the engine's words where it has said any.
    pub error: Option<String>,
    /// Unknown where something went whose size nobody can tell.
    pub freed: Figure<Bytes>,
    /// The file with a copy of it that was written before.
    pub saved: Option<Text>,
}

/// How a removal goes on.
#[derive(Clone, Debug)]
pub enum Event {
    /// The engine is listed again.
    Checking,
    /// The plan as it will be carried out, which is never more than what was confirmed, and what fell out of it.
    Checked {
        plan: Box<Plan>,
        dropped: Vec<Done>,
    },
    /// A copy of a step's object is being written, of which so much has come.
    Saving {
        index: usize,
        done: Bytes,
    },
    /// A step of the checked plan begins.
    Started {
        index: usize,
    },
    Ended {
        index: usize,
        done: Done,
    },
    /// The engine's filesystems have not given back yet what went, and are waited for.
    Waiting {
        gained: Bytes,
        promised: Bytes,
    },
    /// Nothing could be tried: the engine could not be listed.
    Aborted {
        error: String,
    },
    /// Every step has ended, and what they freed is being found out, which may take a scan.
    Counting,
    /// What all of it has freed; comes right before the end.
    Accounted(Box<Account>),
    Finished,
}
