//! Who holds which bytes: every byte an engine keeps, and all that must go before it goes.
//!
//! An engine's bytes are cut into *units* that go together: a layer with what it stands on, a container's
//! writable layer, a volume, what a build cache record has of its own. Items hold units. Letting items go
//! and counting what is left gives the bytes that a removal frees (ENGINE.md §2).

mod align;
mod balance;
mod build;
mod containerd;
mod containers;
mod draft;
mod equations;
mod facts;
mod files;
mod folders;
mod hidden;
mod images;
mod index;
mod inits;
mod join;
mod kept;
mod leased;
mod ledger;
mod linked;
mod loaded;
mod match_records;
mod memory;
mod mount_layers;
mod names;
mod observed;
mod open_layers;
mod orphans;
mod packing;
mod records;
mod register;
mod release;
mod remains;
mod shelf;
mod sizes;
mod solve;
mod span;
mod stock;
mod tree;
mod units;
mod untold;
mod volumes;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

pub use balance::{Balance, Trial};
pub use ledger::Ledger;
pub use observed::{Observation, Went};
pub use orphans::{layers_to_read, sizes_of_bases};
pub use release::{HeldBack, Release};
pub use remains::Remains;
pub use tree::chain_id;

use super::bytes::{Bytes, Figure};
use super::disk::Places;
use super::inventory::Stage;
use super::item::{ChainId, ContainerId, ImageId, ItemId, Kind, RecordId, short_id};
use crate::domain::store::disk_usage::{DiskUsage, Measure};
use crate::domain::text::Text;

/// Why a number is a range and not exact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// A history that does not fit the image's layers (ENGINE.md §2.4 e), or that could not be had.
    UnalignedHistory(ImageId),
    /// Records that share layers, but it is not known which.
    SharedRecord(RecordId),
    /// An image of the containerd store that may have been loaded when its layers were there already: then it keeps
    /// none of them unpacked; and what it has packed may be packed in another way than elsewhere.
    LoadedLayers(ImageId),
    /// A container whose image is gone: which layers it holds, and who else, is not fully known.
    HiddenLayers(ContainerId),
    /// What may hold the same layers could not be listed: build cache, containers or images.
    NotListed(Kind),
    /// The engine does not say which store it has, so that it may keep more of a thing than it tells.
    Store,
    /// The containerd store keeps compressed blobs whose sizes the engine did not tell.
    Blobs,
    /// A lease of a pull or a build keeps it still, until some time or something ends it.
    Leased,
    /// A storage driver whose accounting is not known.
    Driver(Text),
    /// Files with several names, more than are kept one by one: some may stay under a name elsewhere.
    ManyNames(ItemId),
    /// Files whose blocks other files may have, too, on a filesystem that copies by reference.
    SharedExtents(ItemId),
    /// Files of layers that have names elsewhere, too, and go with the last of these, or may have blocks elsewhere.
    NamesElsewhere,
    /// What goes is told by the lengths of files and not by what they take on the disk, so it is an estimate.
    ByLength,
    /// Something whose size cannot be known.
    NoSize(ItemId),
    /// Others, as one of those that are named: not all of them are.
    Further,
}

impl Doubt {
    /// Returns why it is not certain how much goes with a thing that was walked through.
    fn of_usage(usage: &DiskUsage, id: impl FnOnce() -> ItemId) -> Option<Self> {
        if !usage.shareable.is_zero() || !usage.inodes.is_zero() {
            Some(Self::SharedExtents(id()))
        } else {
            (!usage.uncertain.is_zero()).then(|| Self::ManyNames(id()))
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnalignedHistory(image) => write!(
                f,
                "the history of image {} does not tell how large each of its layers is",
                short_id(image.as_str())
            ),
            Self::SharedRecord(record) => write!(
                f,
                "build cache record {} shares layers with an image, but not which is known",
                short_id(record.as_str())
            ),
            Self::LoadedLayers(image) => write!(
                f,
                "image {} may not keep the layers that it shares",
                short_id(image.as_str())
            ),
            Self::HiddenLayers(container) => write!(
                f,
                "the image of container {} is gone, so not all layers that it holds are known",
                short_id(container.as_str())
            ),
            Self::NotListed(kind) => write!(
                f,
                "the {} could not be listed and may hold the same layers",
                Stage::list_of(*kind).word()
            ),
            Self::Store => f.write_str("the engine does not say how it stores layers"),
            Self::Blobs => {
                f.write_str("the engine does not say how large its compressed layers are")
            }
            Self::Leased => f.write_str(
                "a pull or build that is under way, or ended a moment ago, may keep some of it for a while",
            ),
            Self::Driver(driver) if driver.is_empty() => {
                f.write_str("the engine does not name its storage driver")
            }
            Self::Driver(driver) => write!(
                f,
                "how the storage driver {driver} shares bytes is not known"
            ),
            Self::Further => f.write_str("so it is with others that are not named here"),
            Self::ManyNames(item) => write!(
                f,
                "too many files of {} {} have several names to tell which go with it",
                item.kind().word(),
                item.as_str()
            ),
            Self::SharedExtents(item) => write!(
                f,
                "files of {} {} may share their blocks with others",
                item.kind().word(),
                item.as_str()
            ),
            Self::NamesElsewhere => f.write_str("files of layers may have names or blocks elsewhere, too, and stay"),
            Self::ByLength => f.write_str("by length"),
            Self::NoSize(item) => write!(
                f,
                "the size of {} {} cannot be known",
                item.kind().word(),
                match item {
                    ItemId::Volume(name) => name.as_str(),
                    _ => short_id(item.as_str()),
                }
            ),
        }
    }
}

/// What goes when something goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
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

    /// The same number with other reasons. Of a store that nobody knows, nobody knows what else it keeps.
    #[must_use]
    pub fn doubted(mut self, doubts: BTreeSet<Doubt>) -> Self {
        if doubts.contains(&Doubt::Store) {
            self.at_most = Bytes(u64::MAX);
        }
        let more = self.take_more();
        self.with(More { doubts, ..more })
    }

    /// The most that can go; none where something goes that may have any size, or whose size is an estimate by length.
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

    /// The promise, once all that it needs has been measured.
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

    /// What of it goes for certain at some places.
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

/// Bytes of each kind, disjoint (README.md, On the command line).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Layers that some image holds, each once.
    pub images: Figure<Bytes>,
    /// Writable layers, and layers that only containers hold.
    pub containers: Figure<Bytes>,
    pub volumes: Figure<Bytes>,
    /// Records that nobody shares.
    pub build_cache: Figure<Bytes>,
    /// Log files of containers; not known where one of them cannot be read.
    pub logs: Figure<Bytes>,
    /// What the containerd store's own notes have of none of these: kept by leases of something under way, or by
    /// the build history. It is on no screen: what lies in the folder and is not counted is told by its cause.
    pub leased: Bytes,
}

/// A layer of an image, for the details screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    pub chain: ChainId,
    pub size: Figure<Bytes>,
    pub command: Text,
    /// How many other images have it.
    pub shared_with: usize,
}
