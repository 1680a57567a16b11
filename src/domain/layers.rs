//! Who holds which bytes: every byte an engine keeps, and all that must go before it goes.

use std::collections::BTreeSet;
use std::fmt;

use super::bytes::{Bytes, Figure};
use super::inventory::Inventory;
use super::item::{ChainId, ImageId, ItemId, RecordId, Text};

/// Why a number is a range and not exact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// A history that does not fit the image's layers (ENGINE.md §2.4 e).
    UnalignedHistory(ImageId),
    /// Records that share layers, but it is not known which.
    SharedRecord(RecordId),
    /// Build cache has not been listed, so it may hold the same layers.
    CacheNotListed,
    /// The containerd store keeps compressed blobs whose sizes the engine did not tell.
    Blobs,
    /// A storage driver whose accounting is not known.
    Driver(Text),
    /// Something whose size cannot be known.
    NoSize(ItemId),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What goes when something goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    pub at_least: Bytes,
    pub at_most: Bytes,
    /// Reasons for a range, or for a number that is only about right.
    pub doubts: BTreeSet<Doubt>,
    /// Some figure that it needs is still being measured.
    pub pending: bool,
}

impl Freed {
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.pending && self.doubts.is_empty() && self.at_least == self.at_most
    }

    /// The promise, once all that it needs has been measured.
    #[must_use]
    pub fn figure(&self) -> Figure<Bytes> {
        if self.pending {
            Figure::Pending
        } else {
            Figure::Known(self.at_least)
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.at_least += other.at_least;
        self.at_most += other.at_most;
        self.doubts.extend(other.doubts.iter().cloned());
        self.pending |= other.pending;
    }
}

/// Bytes of each kind, disjoint (DESIGN.md, JSON `totals`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Layers that some image holds, each once.
    pub images: Figure<Bytes>,
    /// Writable layers, and layers that only containers hold.
    pub containers: Figure<Bytes>,
    pub volumes: Figure<Bytes>,
    /// Records that nobody shares.
    pub build_cache: Figure<Bytes>,
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

/// Every byte and its holders, for one inventory.
#[derive(Debug, Default)]
pub struct Ledger {}

impl Ledger {
    #[must_use]
    pub fn new(_inventory: &Inventory) -> Self {
        Self {}
    }

    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals::default()
    }

    /// What goes when just these go, each byte once. Cheap for a few items; for many use [`Ledger::release`].
    #[must_use]
    pub fn frees(&self, items: &[ItemId]) -> Freed {
        let mut release = self.release();
        let mut freed = Freed::default();
        for item in items {
            freed.add(&release.let_go(item));
        }
        freed
    }

    /// Starts to let things go, one after another.
    #[must_use]
    pub fn release(&self) -> Release<'_> {
        Release { _ledger: self }
    }

    /// An image's layers, the lowest first; empty until its content is known.
    #[must_use]
    pub fn layers(&self, _image: &ImageId) -> Vec<LayerRow> {
        Vec::new()
    }
}

/// A ledger from which things have been let go.
#[derive(Debug)]
pub struct Release<'a> {
    _ledger: &'a Ledger,
}

impl Release<'_> {
    /// Lets an item go and returns the bytes that go with it: those nothing else holds any more.
    pub fn let_go(&mut self, _item: &ItemId) -> Freed {
        Freed::default()
    }

    /// The bytes of an item that something else still holds, with the holders, the largest first.
    /// Each holder's bytes are all those it holds of this item, so they may add up to more.
    #[must_use]
    pub fn held_back(&self, _item: &ItemId) -> HeldBack {
        HeldBack::default()
    }

    /// Build cache records not yet let go whose bytes are all gone or held by nothing but such records,
    /// with at least one of those bytes in what was let go (DESIGN.md, Unlock).
    #[must_use]
    pub fn unlockable_records(&self) -> Vec<RecordId> {
        Vec::new()
    }
}

/// What keeps the rest of an item's size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    pub bytes: Bytes,
    pub by: Vec<(ItemId, Bytes)>,
}
