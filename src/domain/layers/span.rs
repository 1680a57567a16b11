//! Sizes between two bounds.

use crate::domain::bytes::Bytes;
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::store::layerdb::Kept;

use super::Doubt;

/// A size between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) least: Bytes,
    pub(super) most: Bytes,
}

impl Span {
    pub(super) const UNKNOWN: Self = Self {
        least: Bytes::ZERO,
        most: Bytes(u64::MAX),
    };

    pub(super) fn exactly(size: Bytes) -> Self {
        Self {
            least: size,
            most: size,
        }
    }

    /// What goes with a thing that was walked through; what it shares with others is units of its own.
    pub(super) fn of_usage(usage: &DiskUsage) -> Self {
        Self {
            least: usage.own,
            most: usage.own + usage.uncertain + usage.shareable + usage.inodes,
        }
    }

    pub(super) fn at_most(most: Bytes) -> Self {
        Self {
            least: Bytes::ZERO,
            most,
        }
    }

    pub(super) fn size(self) -> Option<Bytes> {
        (self.least == self.most).then_some(self.least)
    }

    /// The most that it can be, or where that may be anything, the least: for sums of what is there.
    pub(super) fn likely(self) -> Bytes {
        if self.most == Self::UNKNOWN.most {
            self.least
        } else {
            self.most
        }
    }

    pub(super) fn holds(self, size: Bytes) -> bool {
        self.least <= size && size <= self.most
    }
}

impl From<Kept> for Span {
    fn from(kept: Kept) -> Self {
        Self {
            least: kept.least,
            most: kept.most,
        }
    }
}

impl Kept {
    /// Returns why it is not certain how much goes.
    pub(super) fn doubt(self) -> Option<Doubt> {
        (self.least != self.most).then_some(Doubt::NamesElsewhere)
    }
}
