//! How much is to be freed: so much more, or until so much is free.

use crate::domain::bytes::Bytes;
use crate::domain::filter::parse_size;
use crate::domain::inventory::Disk;

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

    /// How many bytes are missing; `None` where it takes a disk and none is known. With several disks, those
    /// that are missing the most.
    #[must_use]
    pub fn missing(self, disks: &[Disk]) -> Option<Bytes> {
        let wanted = |disk: &Disk| match self {
            Self::Free(bytes) | Self::Until(bytes) => bytes,
            Self::UntilPercent(percent) => share(disk.total, percent),
        };
        match self {
            Self::Free(bytes) => Some(bytes),
            Self::Until(_) | Self::UntilPercent(_) => {
                disks.iter().map(|disk| wanted(disk) - disk.free).max()
            }
        }
    }
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

/// What `f` proposes to free: what brings the engine's disk to 20 % free, at least 5 GB; on a disk of less than
/// 10 GB at least a tenth of it.
#[must_use]
pub fn proposal(disks: &[Disk]) -> Bytes {
    let Some(missing) = Goal::UntilPercent(ENOUGH).missing(disks) else {
        return PROPOSED;
    };
    let largest = disks.iter().map(|disk| disk.total).max();
    let least = largest.map_or(PROPOSED, |total| {
        if total.0 < 2 * PROPOSED.0 {
            share(total, 10)
        } else {
            PROPOSED
        }
    });
    rounded_up(missing.max(least))
}

/// The least size that is written with three digits and is not less.
fn rounded_up(bytes: Bytes) -> Bytes {
    let mut step = 1_u64;
    while bytes.0 / step >= 1000 {
        step *= 10;
    }
    Bytes(bytes.0.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(total: u64, free: u64) -> Disk {
        Disk {
            path: "/".into(),
            total: Bytes(total * 1_000_000_000),
            free: Bytes(free * 1_000_000_000),
            inodes_total: 0,
            inodes_free: 0,
        }
    }

    #[test]
    fn a_goal_is_a_size_or_a_share() {
        assert_eq!(Goal::free("20 GB"), Some(Goal::Free(Bytes(20_000_000_000))));
        assert_eq!(Goal::free("20%"), None);
        assert_eq!(Goal::until("20%"), Some(Goal::UntilPercent(20)));
        assert_eq!(
            Goal::until("1.5gb"),
            Some(Goal::Until(Bytes(1_500_000_000)))
        );
        for bad in ["", "%", "0%", "101%", "-1%", "much", "2.5%"] {
            assert_eq!(Goal::until(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_asked_of_the_disks() {
        let disks = [disk(100, 8), disk(10, 3)];
        let gb = |number: u64| Some(Bytes(number * 1_000_000_000));
        assert_eq!(Goal::UntilPercent(20).missing(&disks), gb(12));
        assert_eq!(Goal::Until(Bytes(5_000_000_000)).missing(&disks), gb(2));
        assert_eq!(Goal::Until(Bytes(3)).missing(&disks), gb(0));
        assert_eq!(Goal::Until(Bytes(3)).missing(&[]), None);
        assert_eq!(Goal::Free(Bytes(7)).missing(&[]), Some(Bytes(7)));
    }

    #[test]
    fn the_proposal_brings_a_fifth_and_at_least_5_gb() {
        let gb = |number: u64| Bytes(number * 1_000_000_000);
        assert_eq!(proposal(&[disk(100, 8)]), gb(12));
        assert_eq!(proposal(&[disk(100, 40)]), PROPOSED);
        assert_eq!(proposal(&[]), PROPOSED);
        let odd = Disk {
            free: Bytes(8_765_432_100),
            ..disk(100, 0)
        };
        assert_eq!(proposal(&[odd]).to_string(), "11.3 GB");
        // A small disk never has so much.
        assert_eq!(proposal(&[disk(5, 0)]), gb(1));
        assert_eq!(proposal(&[disk(5, 5)]), Bytes(500_000_000));
    }
}
