//! The account of a removal: what it has freed, how that is known, and where it differs from the promise.

use std::collections::HashSet;
use std::hash::Hash;

use serde::Serialize;

use super::outcome::Done;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::inventory::Inventory;
use crate::domain::item::ItemId;
use crate::domain::retention::Retention;
use crate::domain::text::Text;

/// How it was found out what has been freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreedBy {
    /// From what the engine said that it deleted.
    #[default]
    Engine,
    /// From a scan afterwards.
    Rescan,
    /// From the filesystem.
    Disk,
}

/// What a removal has freed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What all of it has freed.
    pub freed: Bytes,
    /// How that is known.
    pub by: FreedBy,
    /// Not everything in it was told or measured.
    pub about: bool,
    /// How the free space of the engine's filesystems changed, where that can be read.
    pub disk: Option<DiskChange>,
    /// Each of them before and afterwards.
    pub disks: Vec<(Disk, Disk)>,
    /// They were synchronised before each look: what was removed is not still to come.
    pub synced: bool,
    /// The most that can have been freed; no less than `freed`.
    pub at_most: Bytes,
    /// What dtop had counted where the filesystems gained something else while nobody else was at work.
    pub miss: Option<Bytes>,
    /// What must be free more, by the filesystems' word, where so much was to be.
    pub lacks: Bytes,
    /// Steps that freed something else than promised.
    pub differences: Vec<Difference>,
}

impl Account {
    /// Gives steps that freed something else than promised what they did free.
    pub fn correct(&self, done: &mut [Done]) {
        for done in done {
            let found = self.differences.iter().find(|it| it.id == done.id);
            if let Some(difference) = found {
                done.freed = Figure::Known(difference.freed);
            }
        }
    }

    /// Returns true when a step freed something else than promised, or the disk shows something else.
    #[must_use]
    pub fn is_remarkable(&self) -> bool {
        !self.differences.is_empty() || self.explanation().is_some()
    }

    /// What explains that the disk does not show what was freed; nothing where it does, but for a hundredth and what
    /// a filesystem moves by itself.
    #[must_use]
    pub fn explanation(&self) -> Option<String> {
        if let Some(counted) = self.miss {
            return Some(format!(
                "dtop counted {counted}, and nothing else wrote to it or was deleted on it; the miss is dtop's own"
            ));
        }
        let counted = (self.freed, self.at_most.max(self.freed));
        self.disk?.explains(counted, self.synced)
    }

    /// Takes the filesystems' word for what was freed: nobody else was at work. It is a miss where so much was promised
    /// at the least and at the most and something else was gained, or where so much more was counted of single steps.
    /// So much was written meanwhile.
    pub fn correct_by_disk(&mut self, promised: (Bytes, Bytes), beyond: Bytes, written: Bytes) {
        if let Some(disk) = self.disk {
            let is_miss = disk.differs(promised, written) || !beyond.is_zero();
            self.miss = is_miss.then_some(self.freed + beyond);
            self.freed = match disk.available.and_more(disk.refilled) {
                Change::More(gained) => gained,
                Change::Less(_) => Bytes::ZERO,
            };
            self.at_most = self.freed;
            self.by = FreedBy::Disk;
            self.about = true;
        }
    }

    /// Adds what was removed right after this, on the same engine.
    pub fn add(&mut self, next: Self) {
        let (total, at_most) = (self.freed + next.freed, self.at_most + next.at_most);
        let by = if self.by == FreedBy::Engine {
            next.by
        } else {
            self.by
        };
        let by = if next.by == FreedBy::Disk {
            next.by
        } else {
            by
        };
        let last = in_both(&self.disks_before(), &next.disks_after());
        let disks = if self.disks.is_empty() {
            next.disks.clone()
        } else if last.is_empty() {
            std::mem::take(&mut self.disks)
        } else {
            last
        };
        let miss = match (self.miss, next.miss) {
            (None, None) => None,
            (own, other) => Some(own.unwrap_or(self.freed) + other.unwrap_or(next.freed)),
        };
        self.differences.extend(next.differences);
        self.disk = DiskChange::over(&disks);
        self.disks = disks;
        (self.freed, self.at_most, self.by, self.miss) = (total, at_most, by, miss);
        self.about |= next.about;
        self.lacks = next.lacks;
        self.synced &= next.synced;
    }

    fn disks_before(&self) -> Vec<Disk> {
        self.disks
            .iter()
            .map(|(before, _)| before.clone())
            .collect()
    }

    fn disks_after(&self) -> Vec<Disk> {
        self.disks.iter().map(|(_, after)| after.clone()).collect()
    }
}

/// A step that freed something else than promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The step's object.
    pub id: ItemId,
    /// What it was called.
    pub name: Text,
    /// What it was to free.
    pub promised: Bytes,
    /// What it has freed.
    pub freed: Bytes,
    /// What explains it, as the end of a sentence.
    pub why: String,
}

/// How the engine's filesystems changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskChange {
    /// How the bytes that users may write changed.
    pub available: Change,
    /// What went to what they keep for root, before anybody else got any.
    pub refilled: Bytes,
    /// How many inodes more are free, or fewer, where inodes were scarcer than bytes on one of them.
    pub inodes: Option<i64>,
}

/// Returns the filesystems that are in both of two lists.
#[must_use]
pub fn in_both(before: &[Disk], after: &[Disk]) -> Vec<(Disk, Disk)> {
    let again = |old: &Disk| after.iter().find(|new| new.path == old.path).cloned();
    let pairs = before
        .iter()
        .filter_map(|old| Some((old.clone(), again(old)?)));
    pairs.collect()
}

/// How much more, or less, is available to users than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many more are free.
    More(Bytes),
    /// So many fewer are free.
    Less(Bytes),
}

impl Change {
    fn between(was: Bytes, is: Bytes) -> Self {
        if is >= was {
            Self::More(is - was)
        } else {
            Self::Less(was - is)
        }
    }

    fn and_more(self, more: Bytes) -> Self {
        match self {
            Self::More(change) => Self::More(change + more),
            Self::Less(change) => Self::between(change, more),
        }
    }
}

/// What a filesystem may differ by of its own accord: folders, the engine's own notes.
const OWN_NOTES: Bytes = Bytes(1_000_000);

impl DiskChange {
    /// The change over filesystems, each before and afterwards; none where there is none.
    #[must_use]
    pub fn over(pairs: &[(Disk, Disk)]) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let was: Bytes = pairs.iter().map(|(old, _)| old.free).sum();
        let is: Bytes = pairs.iter().map(|(_, new)| new.free).sum();
        let refilled = pairs.iter().map(|(old, new)| new.kept - old.kept);
        let lacks_inodes = pairs.iter().any(|(old, _)| old.lacks_inodes());
        let inodes = pairs.iter().map(|(old, new)| {
            let change = i128::from(new.inodes_free) - i128::from(old.inodes_free);
            i64::try_from(change).unwrap_or_default()
        });
        Some(Self {
            available: Change::between(was, is),
            refilled: refilled.sum(),
            inodes: lacks_inodes.then(|| inodes.sum()),
        })
    }

    /// What explains that the disk does not show what was freed, which is so much at the least and so much at the
    /// most.
    fn explains(self, (freed, at_most): (Bytes, Bytes), synced: bool) -> Option<String> {
        let slack = Bytes(freed.0 / 100).max(OWN_NOTES);
        let shows = |change| match change {
            Change::More(change) => change + slack >= freed,
            Change::Less(change) => change <= slack && freed <= slack,
        };
        if matches!(self.available, Change::More(change) if change > at_most + slack) {
            return Some("something else was deleted on it meanwhile".to_owned());
        }
        if shows(self.available) {
            return None;
        }
        let refilled = self.refilled;
        let others = if synced {
            "something else wrote to it meanwhile, or it gives space back later"
        } else {
            "it could not be synchronised and may give space back later, or something else wrote to it meanwhile"
        };
        Some(if refilled.is_zero() {
            others.to_owned()
        } else if shows(self.available.and_more(refilled)) {
            format!("{refilled} went to what it keeps for root")
        } else {
            format!("{refilled} went to what it keeps for root, and {others}")
        })
    }

    /// Returns true where filesystems gained something else than so much at the least and so much at the most, what
    /// they keep for root included. What was written to them meanwhile, by anybody, may have taken what does not show.
    #[must_use]
    pub fn differs(self, (freed, at_most): (Bytes, Bytes), written: Bytes) -> bool {
        let slack = Bytes(freed.0 / 100).max(OWN_NOTES);
        let (gained, lost) = match self.available.and_more(self.refilled) {
            Change::More(gained) => (gained, Bytes::ZERO),
            Change::Less(lost) => (Bytes::ZERO, lost),
        };
        gained > at_most + slack || gained + written + slack < freed + lost
    }
}

/// Returns the bytes that were there before and are not there after, by two scans. `None` where figures are missing.
///
/// What both scans have, and what came in between, must not count: so what there was at either time is
/// counted together, each byte once, and then without what there is now.
#[must_use]
pub fn lost(before: &Inventory, after: &Inventory) -> Option<Bytes> {
    // Only the notes tell what else keeps bytes.
    let has_notes = |of: &Inventory| {
        of.blobs
            .as_ref()
            .known()
            .is_some_and(|it| it.notes().is_some())
    };
    if has_notes(before) != has_notes(after) {
        return None;
    }
    let mut either = before.clone();
    add_new(&mut either.images, &after.images, |image| &image.id);
    add_new(&mut either.containers, &after.containers, |found| &found.id);
    add_new(&mut either.volumes, &after.volumes, |volume| &volume.name);
    add_new(&mut either.cache, &after.cache, |record| &record.id);
    Some(bytes(&either)? - bytes(after)? - left_elsewhere(before, after))
}

/// Blobs that are off the engine's list, while another namespace has them still, files and all.
fn left_elsewhere(before: &Inventory, after: &Inventory) -> Bytes {
    let (Figure::Known(before), Figure::Known(after)) = (&before.blobs, &after.blobs) else {
        return Bytes::ZERO;
    };
    let elsewhere = before.notes().into_iter().flat_map(|it| &it.elsewhere);
    let left = elsewhere.filter(|digest| after.position(digest).is_none());
    let sizes = left.filter_map(|digest| Some(before.blob(before.position(digest)?)?.size));
    sizes.sum()
}

fn add_new<T: Clone, K: Clone + Eq + Hash>(to: &mut Vec<T>, from: &[T], key: impl Fn(&T) -> &K) {
    let known: HashSet<K> = to.iter().map(|it| key(it).clone()).collect();
    let new = from.iter().filter(|it| !known.contains(key(it)));
    to.extend(new.cloned());
}

fn bytes(inventory: &Inventory) -> Option<Bytes> {
    let totals = Retention::new(inventory).totals();
    let parts = [
        totals.images,
        totals.containers,
        totals.volumes,
        totals.build_cache,
        Figure::Known(totals.leased),
    ];
    parts.into_iter().map(Figure::known).sum()
}

#[cfg(test)]
mod tests;
