//! How much is to be freed: so much more, or until so much is free.

use crate::domain::bytes::Bytes;
use crate::domain::disk::{Disk, Places};
use crate::domain::filter::parse_size;

/// What somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// So much is to be freed.
    Free(Bytes),
    /// So much is to be available on the engine's disk.
    Until(Bytes),
    /// So many percent of the engine's disk are to be available.
    UntilPercent(u8),
}

/// What is proposed at least, and where nobody knows the disk.
pub const PROPOSED: Bytes = Bytes(5_000_000_000);
/// So much of a disk should be free.
const ENOUGH: u8 = 20;

impl Goal {
    /// Reads `20gb`, which is to be freed.
    #[must_use]
    pub fn free(text: &str) -> Option<Self> {
        size(text).map(Self::Free)
    }

    /// Reads `20gb` or `20%`, which is to be available.
    #[must_use]
    pub fn until(text: &str) -> Option<Self> {
        let Some(number) = text.trim().strip_suffix('%') else {
            return size(text).map(Self::Until);
        };
        let percent = number.trim_end().parse().ok();
        percent
            .filter(|percent| (1..=100).contains(percent))
            .map(Self::UntilPercent)
    }

    /// Returns how many bytes are to be freed, where that is what was asked for.
    #[must_use]
    pub fn bytes(self) -> Option<Bytes> {
        match self {
            Self::Free(bytes) => Some(bytes),
            Self::Until(_) | Self::UntilPercent(_) => None,
        }
    }

    /// Returns how many bytes are missing, on each disk that has too few; `None` where it takes a disk and none is
    /// known.
    #[must_use]
    pub fn missing(self, disks: &[Disk]) -> Option<Vec<Lack>> {
        let wanted = |disk: &Disk| match self {
            Self::Free(bytes) | Self::Until(bytes) => bytes,
            Self::UntilPercent(percent) => share(disk.total, percent),
        };
        match self {
            Self::Free(bytes) => Some(vec![Lack {
                bytes,
                at: Places::ALL,
            }]),
            Self::Until(_) | Self::UntilPercent(_) if disks.is_empty() => None,
            Self::Until(_) | Self::UntilPercent(_) => {
                let lack = |disk: &Disk| Lack {
                    bytes: disk.missing(wanted(disk)),
                    at: disk.holds,
                };
                let lacks = disks.iter().map(lack);
                Some(lacks.filter(|lack| !lack.bytes.is_zero()).collect())
            }
        }
    }
}

/// What is missing on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// How many are missing on it.
    pub bytes: Bytes,
    /// What of the engine's data lies there.
    pub at: Places,
}

fn size(text: &str) -> Option<Bytes> {
    let text: String = text.split_whitespace().collect();
    parse_size(&text)
}

/// Percent of a size, rounded up.
fn share(of: Bytes, percent: u8) -> Bytes {
    let bytes = (u128::from(of.0) * u128::from(percent)).div_ceil(100);
    Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// What `f` proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// So many bytes.
    Free(Bytes),
    /// With several disks: freed in the wrong place no size helps.
    UntilPercent(u8),
}

/// Proposes what brings the engine's disk to 20 % free, at least 5 GB; on a disk of less than 10 GB at least a
/// tenth of it.
#[must_use]
pub fn proposal(disks: &[Disk]) -> Proposal {
    let Some(missing) = Goal::UntilPercent(ENOUGH).missing(disks) else {
        return Proposal::Free(PROPOSED);
    };
    if disks.len() > 1 && !missing.is_empty() {
        return Proposal::UntilPercent(ENOUGH);
    }
    let missing = missing.iter().map(|lack| lack.bytes).sum::<Bytes>();
    let largest = disks.iter().map(|disk| disk.total).max();
    let least = largest.map_or(PROPOSED, |total| {
        if is_small(total) {
            share(total, 10)
        } else {
            PROPOSED
        }
    });
    Proposal::Free(rounded_up(missing.max(least)))
}

/// Returns true for a disk of which a tenth is proposed, where that is less than what is proposed of others.
#[must_use]
pub fn is_small(total: Bytes) -> bool {
    total.0 < 2 * PROPOSED.0
}

/// Returns the least size that is written with three digits and is not less.
fn rounded_up(bytes: Bytes) -> Bytes {
    let mut step = 1_u64;
    while bytes.0 / step >= 1000 {
        step *= 10;
    }
    Bytes(bytes.0.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests;
