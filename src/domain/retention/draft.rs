//! A graph of units and holders in the making.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::index::Index;
use crate::domain::item::ItemId;

use super::Doubt;
use super::solve::ChainSum;
use super::units::{Hold, Holder, HolderNo, Unit};
use crate::domain::layers::tree::UnitNo;
use crate::domain::layers::tree::number;

/// Units, their holders, and what is still to be found out of sums. Layers come first among the units, so that their
/// numbers are the same; blobs of the containerd store follow, and then its snapshots that are no layers.
pub(super) struct GraphDraft {
    pub(super) units: Vec<Unit>,
    pub(super) holders: Vec<Holder>,
    pub(super) holds: Vec<Hold>,
    /// The holder of each item, by the item's number.
    pub(super) items: Vec<HolderNo>,
    index: Arc<Index>,
    /// Build cache records with the layers, or layers' blobs, that they are.
    pub(super) joined: Vec<(HolderNo, UnitNo)>,
    /// What chains of units are together, for those whose parts nothing tells.
    pub(super) sums: Vec<ChainSum>,
    /// Some holder of layers has not been listed or inspected yet.
    pub(super) unsettled: bool,
}

impl GraphDraft {
    /// Starts a graph of the items of an index.
    pub(super) fn new(index: Arc<Index>, units: Vec<Unit>, unsettled: bool) -> Self {
        Self {
            units,
            holders: Vec::with_capacity(index.len()),
            // Most items hold one thing.
            holds: Vec::with_capacity(2 * index.len()),
            items: vec![HolderNo::MAX; index.len()],
            index,
            joined: Vec::new(),
            sums: Vec::new(),
            unsettled,
        }
    }

    pub(super) fn add_unit(&mut self, unit: Unit) -> UnitNo {
        self.units.push(unit);
        number(self.units.len() - 1)
    }

    pub(super) fn add_holder(&mut self, holder: Holder) -> HolderNo {
        let number = number(self.holders.len());
        self.holders.push(holder);
        number
    }

    /// Adds what stands at a place of its kind's list as a holder.
    pub(super) fn add_item(&mut self, place: usize, holder: Holder) -> HolderNo {
        let kind = holder.item.as_ref().map(ItemId::kind);
        let added = self.add_holder(holder);
        if let Some(kind) = kind {
            self.items[self.index.number(kind, place) as usize] = added;
        }
        added
    }

    pub(super) fn hold(&mut self, holder: HolderNo, unit: UnitNo, sure: bool) {
        self.holds.push(Hold { holder, unit, sure });
    }

    pub(super) fn hold_all(&mut self, holder: HolderNo, units: BTreeSet<UnitNo>) {
        for unit in units {
            self.hold(holder, unit, true);
        }
    }

    /// Notes that a holder may hold any layer at all.
    pub(super) fn wildcard(&mut self, holder: HolderNo, doubt: Doubt) {
        self.holders[holder as usize].wildcard = Some(doubt.into());
    }

    /// Returns whether each unit is held for certain, by a holder or by what stands on it.
    pub(super) fn held_for_certain(&self) -> Vec<bool> {
        let mut held = vec![false; self.units.len()];
        for hold in self.holds.iter().filter(|hold| hold.sure) {
            held[hold.unit as usize] = true;
        }
        // Units stand only on units of smaller numbers.
        for unit in (0..held.len()).rev() {
            if let (true, Some(below)) = (held[unit], self.units[unit].below.get()) {
                held[below as usize] = true;
            }
        }
        held
    }
}
