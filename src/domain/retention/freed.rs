//! What goes when something goes: between two bounds, with the reasons for a range.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::doubt::Doubt;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Places;
use crate::domain::store::disk_usage::Measure;

/// What goes when something goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// What goes for certain.
    pub at_least: Bytes,
    /// The largest number there is where no upper end is known; see [`Freed::upper`].
    pub at_most: Bytes,
    /// Some figure that it needs is still being measured.
    pub pending: bool,
    /// All that there is to say of it is that it was measured by length, as it is of everything where only the engine
    /// tells: a word of its own for each of a hundred thousand things would take megabytes.
    /// [`Freed::with`] sets it.
    pub only_by_length: bool,
    /// What else there is to say of it; of most there is nothing.
    pub more: Option<Box<More>>,
}

/// How a promise is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// To the byte.
    Exact,
    /// So much goes for certain, and perhaps more.
    AtLeast,
    /// About so much goes: it was measured by length.
    Estimate,
}

impl Precision {
    /// Returns the words after "no more than so much can go" that keep it true.
    #[must_use]
    pub fn of_the_most(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::AtLeast => " for certain",
            Self::Estimate => " by the lengths of files",
        }
    }
}

/// What is to be said of a few things that go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// What are logs, and volumes: they may lie on other disks than layers do.
    pub logs: Bytes,
    /// What of it are volumes.
    pub volumes: Bytes,
    /// Reasons for a range, or for a number that is only about right.
    pub doubts: BTreeSet<Doubt>,
}

static CERTAIN: BTreeSet<Doubt> = BTreeSet::new();

static BY_LENGTH: LazyLock<BTreeSet<Doubt>> = LazyLock::new(|| BTreeSet::from([Doubt::ByLength]));

impl Freed {
    /// Returns the same number with all that is to be said of it.
    #[must_use]
    pub fn with(self, more: More) -> Self {
        let is_plain = more.logs.is_zero() && more.volumes.is_zero();
        let only_by_length = is_plain && more.doubts == *BY_LENGTH;
        let is_nothing = only_by_length || more == More::default();
        Self {
            only_by_length,
            more: (!is_nothing).then(|| Box::new(more)),
            ..self
        }
    }

    /// Takes out all that is to be said of it.
    fn take_more(&mut self) -> More {
        let doubts = || BTreeSet::from([Doubt::ByLength]);
        let plain = std::mem::take(&mut self.only_by_length).then(doubts);
        match self.more.take() {
            Some(more) => *more,
            None => More {
                doubts: plain.unwrap_or_default(),
                ..More::default()
            },
        }
    }

    /// Returns true where the disk gives back just so much.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.pending && self.doubts().is_empty() && self.at_least == self.at_most
    }

    /// Reasons for a range, or for a number that is only about right.
    #[must_use]
    pub fn doubts(&self) -> &BTreeSet<Doubt> {
        match &self.more {
            Some(more) => &more.doubts,
            None if self.only_by_length => &BY_LENGTH,
            None => &CERTAIN,
        }
    }

    /// Returns the same number with other reasons. Of a store that nobody knows, nobody knows what else it keeps.
    #[must_use]
    pub fn doubted(mut self, doubts: BTreeSet<Doubt>) -> Self {
        if doubts.contains(&Doubt::Store) {
            self.at_most = Bytes(u64::MAX);
        }
        let more = self.take_more();
        self.with(More { doubts, ..more })
    }

    /// Returns the most that can go; none where something goes that may have any size, or whose size is an estimate by
    /// length.
    #[must_use]
    pub fn upper(&self) -> Option<Bytes> {
        (self.at_most != Bytes(u64::MAX) && !self.is_by_length()).then_some(self.at_most)
    }

    /// Returns true if some of it was measured by length: then all of it is an estimate.
    #[must_use]
    pub fn is_by_length(&self) -> bool {
        self.only_by_length || self.doubts().contains(&Doubt::ByLength)
    }

    /// Returns what it was measured by; nothing while it is being measured, and where it cannot be known.
    #[must_use]
    pub fn measure(&self) -> Option<Measure> {
        self.figure().known().map(|_| {
            if self.is_by_length() {
                Measure::Length
            } else {
                Measure::Blocks
            }
        })
    }

    /// Returns how the promise is to be read.
    #[must_use]
    pub fn precision(&self) -> Precision {
        if self.pending || self.is_exact() {
            Precision::Exact
        } else if self.is_by_length() {
            Precision::Estimate
        } else {
            Precision::AtLeast
        }
    }

    /// Returns the promise, once all that it needs has been measured.
    #[must_use]
    pub fn figure(&self) -> Figure<Bytes> {
        if self.pending {
            Figure::Pending
        } else if self.at_least.is_zero()
            && (self.at_most.is_zero() || self.at_most == Bytes(u64::MAX))
            && self
                .doubts()
                .iter()
                .any(|doubt| matches!(doubt, Doubt::NoSize(_)))
        {
            Figure::Unknown
        } else {
            Figure::Known(self.at_least)
        }
    }

    /// Returns what of it goes for certain at some places.
    #[must_use]
    pub fn at(&self, places: Places) -> Bytes {
        let apart = |more: &More| (more.logs, more.volumes);
        let (logs, volumes) = self.more.as_deref().map(apart).unwrap_or_default();
        let parts = [
            (places.layers, self.at_least - logs - volumes),
            (places.logs, logs),
            (places.volumes, volumes),
        ];
        let parts = parts.into_iter().filter(|(is_there, _)| *is_there);
        parts.map(|(_, bytes)| bytes).sum()
    }

    /// Adds what goes with something else that has no bytes in common with it.
    pub fn add(&mut self, other: &Self) {
        self.at_least += other.at_least;
        self.at_most += other.at_most;
        self.pending |= other.pending;
        if other.more.is_none() && other.only_by_length == self.only_by_length {
            return;
        }
        let mut more = self.take_more();
        if let Some(other) = &other.more {
            more.logs += other.logs;
            more.volumes += other.volumes;
        }
        more.doubts.extend(other.doubts().iter().cloned());
        *self = std::mem::take(self).with(more);
    }
}
