//! Sizes between two bounds.

use crate::domain::bytes::Bytes;
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::store::layerdb::Kept;

/// A size between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Span {
    pub(in crate::domain) least: Bytes,
    pub(in crate::domain) most: Bytes,
}

impl Span {
    pub(in crate::domain) const UNKNOWN: Self = Self {
        least: Bytes::ZERO,
        most: Bytes(u64::MAX),
    };

    pub(in crate::domain) fn exactly(size: Bytes) -> Self {
        Self {
            least: size,
            most: size,
        }
    }

    /// Returns what goes with a thing that was walked through; what it shares with others is units of its own.
    pub(in crate::domain) fn of_usage(usage: &DiskUsage) -> Self {
        Self {
            least: usage.own,
            most: usage.own + usage.uncertain + usage.shareable + usage.inodes,
        }
    }

    pub(in crate::domain) fn at_most(most: Bytes) -> Self {
        Self {
            least: Bytes::ZERO,
            most,
        }
    }

    pub(in crate::domain) fn size(self) -> Option<Bytes> {
        (self.least == self.most).then_some(self.least)
    }

    /// Returns the most that it can be, or where that may be anything, the least: for sums of what is there.
    pub(in crate::domain) fn likely(self) -> Bytes {
        if self.most == Self::UNKNOWN.most {
            self.least
        } else {
            self.most
        }
    }

    pub(in crate::domain) fn holds(self, size: Bytes) -> bool {
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
