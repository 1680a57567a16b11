//! Units of bytes and their holders, as plain numbers.
//!
//! A unit stands on at most one other, as a layer does, and holds it. An item holds units. What nothing holds
//! goes, and lets go of what it stands on: the engine's own reference counting (ENGINE.md §2.1).

use crate::domain::compact::csr::Csr;
use crate::domain::item::ItemId;

use super::Doubt;
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::{UnitNo, number};

pub(super) type HolderNo = u32;

/// Bytes that go together.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) below: OptIndex,
    pub(super) size: Span,
    /// Why its size is not known; of most it is.
    pub(super) doubt: Option<Box<Doubt>>,
    /// Its size is being measured.
    pub(super) pending: bool,
    /// Its size is the length of its files and not what they take on the disk.
    pub(super) by_length: bool,
    pub(super) sort: Sort,
}

/// What a unit's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A layer, which anything may hold.
    Layer,
    Writable,
    Log,
    Volume,
    /// What a record has of its own.
    Record,
    /// What an image has besides its layers: blobs, or all of it where its layers are not known.
    Image,
    /// Packed content of the containerd store, which anything may hold.
    Blob,
}

impl Unit {
    pub(super) fn is_layer(&self) -> bool {
        matches!(self.sort, Sort::Layer | Sort::Blob)
    }

    /// The storage driver says how large it is, and what sharing it costs.
    pub(super) fn is_drivers(&self) -> bool {
        !matches!(self.sort, Sort::Log | Sort::Volume)
    }
}

/// What holds units: an item, or something that is no item and never goes.
#[derive(Debug, Default)]
pub(super) struct Holder {
    pub(super) item: Option<ItemId>,
    /// A record that nothing uses, or what goes with any of them.
    pub(super) idle_record: bool,
    /// It holds layers, but it is not known which.
    pub(super) wildcard: Option<Box<Doubt>>,
    /// Not all that it holds is known yet.
    pub(super) pending: bool,
    /// What goes whenever it goes: a container's log, or with a record what a prune ends besides.
    pub(super) takes: OptIndex,
    /// It goes with others, or by itself: whichever is first.
    pub(super) is_taken: bool,
}

impl Holder {
    pub(super) fn of(item: ItemId) -> Self {
        Self {
            item: Some(item),
            ..Self::default()
        }
    }

    /// Leases of something under way, or that was a moment ago: they end by themselves, and some with a record.
    pub(super) fn of_leases() -> Self {
        Self {
            is_taken: true,
            ..Self::default()
        }
    }

    pub(super) fn is_leases(&self) -> bool {
        self.is_taken && self.item.is_none()
    }
}

/// That a holder holds a unit. A hold that is not sure is one of several, of which one is real.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) holder: HolderNo,
    pub(super) unit: UnitNo,
    pub(super) sure: bool,
}

/// A hold as it is kept on one side of it: what is on the other, and as the lowest bit whether it is sure. No engine
/// has two milliards of anything.
#[derive(Clone, Copy, Debug, Default)]
struct Side(u32);

impl Side {
    fn new(other: u32, sure: bool) -> Self {
        Self(other << 1 | u32::from(sure))
    }

    fn other(self) -> u32 {
        self.0 >> 1
    }

    fn sure(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The two ways to see what is not sure: as not there, which gives the most that can go, or as all there,
/// which gives the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bound {
    Sure,
    All,
}

/// Units with their holders and how many each has.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) units: Vec<Unit>,
    pub(super) holders: Vec<Holder>,
    /// By holder.
    holds: Csr<Side>,
    /// By unit.
    held: Csr<Side>,
    /// The units that stand on a unit.
    pub(super) above: Csr<UnitNo>,
    /// Holders that may hold anything.
    pub(super) wildcards: Vec<HolderNo>,
    sure: Vec<u32>,
    all: Vec<u32>,
}

impl Graph {
    /// Units stand only on units of smaller numbers.
    pub(super) fn new(units: Vec<Unit>, holders: Vec<Holder>, holds: &[Hold]) -> Self {
        let by_holder = holds.iter();
        let by_holder = by_holder.map(|it| (it.holder, Side::new(it.unit, it.sure)));
        let by_unit = holds.iter();
        let by_unit = by_unit.map(|it| (it.unit, Side::new(it.holder, it.sure)));
        let above = units
            .iter()
            .enumerate()
            .filter_map(|(unit, of)| Some((of.below.get()?, number(unit))));
        let mut graph = Self {
            holds: Csr::new(by_holder),
            held: Csr::new(by_unit),
            above: Csr::new(above),
            wildcards: (0..number(holders.len()))
                .filter(|holder| holders[*holder as usize].wildcard.is_some())
                .collect(),
            sure: vec![0; units.len()],
            all: vec![0; units.len()],
            units,
            holders,
        };
        for hold in holds {
            graph.all[hold.unit as usize] += 1;
            graph.sure[hold.unit as usize] += u32::from(hold.sure);
        }
        for unit in (0..graph.units.len()).rev() {
            if let Some(below) = graph.units[unit].below.get() {
                graph.all[below as usize] += u32::from(graph.all[unit] > 0);
                graph.sure[below as usize] += u32::from(graph.sure[unit] > 0);
            }
        }
        graph
    }

    pub(super) fn unit(&self, unit: UnitNo) -> &Unit {
        &self.units[unit as usize]
    }

    pub(super) fn holder(&self, holder: HolderNo) -> &Holder {
        &self.holders[holder as usize]
    }

    /// Returns what a holder holds.
    pub(super) fn holds(&self, holder: HolderNo) -> impl Iterator<Item = Hold> + '_ {
        self.holds.of(holder).iter().map(move |side| Hold {
            holder,
            unit: side.other(),
            sure: side.sure(),
        })
    }

    /// Returns what a holder holds, if that is one thing.
    pub(super) fn only_hold(&self, holder: HolderNo) -> Option<Hold> {
        let mut holds = self.holds(holder);
        holds.next().filter(|_| holds.next().is_none())
    }

    /// Returns what holds a unit.
    pub(super) fn held(&self, unit: UnitNo) -> impl Iterator<Item = Hold> + '_ {
        self.held.of(unit).iter().map(move |side| Hold {
            holder: side.other(),
            unit,
            sure: side.sure(),
        })
    }

    /// How many holders each unit has before anything is let go.
    pub(super) fn counts(&self, world: Bound) -> &[u32] {
        match world {
            Bound::Sure => &self.sure,
            Bound::All => &self.all,
        }
    }

    /// Returns a unit and all below it, from the top down.
    pub(super) fn down(&self, top: UnitNo) -> impl Iterator<Item = UnitNo> + '_ {
        std::iter::successors(Some(top), |unit| self.unit(*unit).below.get())
    }
}

#[cfg(test)]
mod tests;
