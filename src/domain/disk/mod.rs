//! The filesystems that hold an engine's data: how full they are, and how full something leaves them.

use super::bytes::Bytes;
use crate::domain::text::Text;

/// A filesystem that holds engine data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// A folder on it, as the engine names it.
    pub path: Text,
    /// Its size.
    pub total: Bytes,
    /// Available to users.
    pub free: Bytes,
    /// Free as well, but kept for root: ext4 has such a reserve.
    pub kept: Bytes,
    /// So much must be freed before any of it is available to users, because root has eaten into what is kept for
    /// it. A filesystem does not tell how much it would keep: see [`owed_by_ext`].
    pub owed: Bytes,
    /// How many inodes it has; 0 where they are not counted.
    pub inodes_total: u64,
    /// How many of them are free.
    pub inodes_free: u64,
    /// What of the engine's data lies on it.
    pub holds: Places,
    /// What of that is reached through a link that leads out of the engine's folder.
    pub linked: Places,
}

/// Returns what of an engine's data is reached through links that lead out of its folder.
#[must_use]
pub fn linked(disks: &[Disk]) -> Places {
    let linked = disks.iter().map(|disk| disk.linked);
    linked.fold(Places::default(), Places::and)
}

/// The filesystems of an engine's host, as far as they can be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskList {
    /// One a filesystem that holds engine data.
    pub disks: Vec<Disk>,
    /// Places that hold engine data on a filesystem that may not be asked.
    pub closed: Vec<Text>,
    /// What shows that they are the engine's, or why nothing does, where the engine does not count as local.
    pub proof: Option<Text>,
    /// All of them were synchronised first, so that they tell of what was removed a moment ago.
    pub synced: bool,
    /// How much was written to their devices since those are there, by anybody; `None` where nobody counts it.
    pub written: Option<Bytes>,
}

/// Where an engine keeps things. Each place may be a filesystem of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Layers of images, containers and build cache.
    pub layers: bool,
    /// Containers' logs.
    pub logs: bool,
    /// The engine's own volumes.
    pub volumes: bool,
}

impl Places {
    /// All of them.
    pub const ALL: Self = Self {
        layers: true,
        logs: true,
        volumes: true,
    };

    /// Returns what is in either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            layers: self.layers || other.layers,
            logs: self.logs || other.logs,
            volumes: self.volumes || other.volumes,
        }
    }

    /// Returns what is in the first and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self {
            layers: self.layers && !other.layers,
            logs: self.logs && !other.logs,
            volumes: self.volumes && !other.volumes,
        }
    }
}

impl Disk {
    /// What is available to users once so much has been freed.
    #[must_use]
    pub fn available_after(&self, freed: Bytes) -> Bytes {
        (self.free + (freed - self.owed)).min(self.total)
    }

    /// How much must be freed until so much is available to users.
    #[must_use]
    pub fn missing(&self, wanted: Bytes) -> Bytes {
        match wanted - self.free {
            Bytes::ZERO => Bytes::ZERO,
            missing => missing + self.owed,
        }
    }

    /// Returns how full it is for users, in whole percent of its size, once so much has been freed; `None` without a
    /// size.
    #[must_use]
    pub fn percent_used(&self, freed: Bytes) -> Option<u64> {
        used(self.total.0, self.available_after(freed).0)
    }

    /// Returns how many of its inodes are used, in whole percent; `None` where they are not counted.
    #[must_use]
    pub fn inodes_used(&self) -> Option<u64> {
        used(self.inodes_total, self.inodes_free)
    }

    /// Returns true where inodes are scarcer than bytes.
    #[must_use]
    pub fn lacks_inodes(&self) -> bool {
        self.inodes_used() > self.percent_used(Bytes::ZERO)
    }

    /// Returns how full it is in bytes or inodes, whichever are scarcer.
    #[must_use]
    pub fn tightness(&self) -> Option<u64> {
        self.percent_used(Bytes::ZERO).max(self.inodes_used())
    }
}

/// Percent that are used, rounded to the nearest.
fn used(total: u64, free: u64) -> Option<u64> {
    let total = u128::from(total);
    let used = total - u128::from(free).min(total);
    let percent = (used * 200 + total).checked_div(2 * total)?;
    u64::try_from(percent).ok()
}

/// The most that an ext filesystem holds ready for itself.
const READY: Bytes = Bytes(16 << 20);

/// Returns what an ext filesystem, of which so much is unused and nothing available, takes first of what is freed.
///
/// It tells how much it keeps for root only while something else is left, too. Otherwise what `mkfs.ext4` sets is
/// taken: 5 % of the device, of which a twentieth at most are not counted as its size, and what the kernel holds
/// ready beside that (a fiftieth, 16 MiB at most, since Linux 3.10). Whoever has set less frees too much this way,
/// which is better than a promise that is not kept.
#[must_use]
pub fn owed_by_ext(total: Bytes, unused: Bytes) -> Bytes {
    let kept = Bytes(total.0 / 19) + Bytes(total.0 / 50).min(READY);
    kept - unused
}

#[cfg(test)]
mod tests;
