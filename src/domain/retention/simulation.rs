//! Letting go: what goes with an item, what stays and why.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use crate::domain::bytes::Bytes;
use crate::domain::index::ItemNo;
use crate::domain::item::{ItemId, RecordId};

use super::Freed;
use super::Retention;
use super::removal_set::RemovalSet;
use super::units::{Bound, Hold, HolderNo, Sort};
use crate::domain::compact::dense_or_sparse::DenseOrSparse;
use crate::domain::layers::tree::UnitNo;

/// So many holders of an item's bytes are named at most: a thousand names explain nothing.
const NAMED: usize = 128;

/// Above so many items, copying all counts is cheaper than to note what changes.
const FEW: usize = 64;

/// What keeps the rest of an item's size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// How much stays.
    pub bytes: Bytes,
    /// What keeps it, and how much of it each.
    pub by: Vec<(ItemId, Bytes)>,
}

/// Retention from which things have been let go.
#[derive(Debug)]
pub struct Simulation<'a> {
    retention: &'a Retention,
    set: RemovalSet,
    /// In the order in which they went.
    gone: Vec<HolderNo>,
    /// It is for a handful of items.
    few: bool,
}

impl Retention {
    /// Returns what goes when just these go, each byte once. Cheap for a few items; for many use
    /// [`Retention::release`].
    #[must_use]
    pub fn frees(&self, items: &[ItemId]) -> Freed {
        let mut release = self.release_for(items.len());
        for item in items {
            release.let_go(item);
        }
        release.total()
    }

    /// Starts to let many things go, one after another.
    #[must_use]
    pub fn release(&self) -> Simulation<'_> {
        Simulation::new(self, false)
    }

    /// Starts to let so many things go.
    #[must_use]
    pub fn release_for(&self, items: usize) -> Simulation<'_> {
        Simulation::new(self, items <= FEW)
    }
}

impl<'a> Simulation<'a> {
    pub(super) fn new(retention: &'a Retention, few: bool) -> Self {
        Self {
            retention,
            set: RemovalSet::new(retention, few),
            gone: Vec::new(),
            few,
        }
    }

    /// Lets an item go and returns the bytes that go with it: those nothing else holds any more.
    ///
    /// An item that is not known, or has gone already, frees nothing. The parts add up to [`Simulation::total`]
    /// but for their doubts, which a later item may settle: such a part can then have more `at_least` than
    /// `at_most`, because it makes certain what was doubtful before.
    pub fn let_go(&mut self, item: &ItemId) -> Freed {
        let number = self.retention.index.number_of(item);
        number.map_or_else(Freed::default, |number| self.let_go_of(number))
    }

    /// Lets an item go and returns the units that went with it, each once.
    pub(super) fn let_go_units(&mut self, item: &ItemId) -> Vec<UnitNo> {
        let mut freed = Vec::new();
        if let Some(number) = self.retention.index.number_of(item) {
            self.drop(number, &mut |unit| freed.push(unit));
        }
        freed
    }

    /// [`Simulation::let_go`] of the item of a number.
    pub fn let_go_of(&mut self, item: ItemNo) -> Freed {
        let before = self.set.sum();
        let mut freed = Vec::new();
        if !self.drop(item, &mut |unit| freed.push(unit)) {
            return Freed::default();
        }
        let doubts = self.set.doubts_of(self.retention, &freed);
        before.to(self.set.sum()).doubted(doubts)
    }

    /// Lets an item go without asking what goes with it.
    pub fn forget(&mut self, item: ItemNo) {
        self.drop(item, &mut |_| {});
    }

    fn drop(&mut self, item: ItemNo, freed: &mut impl FnMut(UnitNo)) -> bool {
        let Some(holder) = self.retention.holder(item) else {
            return false;
        };
        let goes = self.set.let_go(self.retention, holder, freed);
        if goes {
            self.gone.push(holder);
        }
        goes
    }

    /// Returns all that has gone so far, with the doubts that are left.
    #[must_use]
    pub fn total(&self) -> Freed {
        self.set.total(self.retention)
    }

    /// Returns the bytes of an item that something else still holds, with the holders, the largest first.
    /// Each holder's bytes are all those it holds of this item, so they may add up to more. What holds bytes
    /// without being an item, a swarm service, counts and is not named; nor are all named where they are
    /// very many, only those that hold the most.
    #[must_use]
    pub fn held_back(&self, item: &ItemId) -> HeldBack {
        let number = self.retention.index.number_of(item);
        let Some(own) = number.and_then(|number| self.retention.holder(number)) else {
            return HeldBack::default();
        };
        let graph = &self.retention.graph;
        let mut bytes = Bytes::ZERO;
        let mut by: HashMap<HolderNo, Bytes> = HashMap::new();
        let mut seen: HashSet<UnitNo> = HashSet::new();
        for hold in graph.holds(own).filter(|hold| hold.sure) {
            let chain: Vec<UnitNo> = graph
                .down(hold.unit)
                .take_while(|unit| !seen.contains(unit) && self.is_of(item, *unit))
                .collect();
            let of_chain = self.holders_of_chain(own, &chain);
            bytes += of_chain.values().copied().max().unwrap_or_default();
            for (holder, held) in of_chain {
                *by.entry(holder).or_default() += held;
            }
            seen.extend(chain);
        }
        HeldBack {
            bytes,
            by: self.named(by),
        }
    }

    /// Returns whether a unit that an item holds is its own to miss. A container's layers are its image's, and its
    /// volumes are volumes; only the layers that no image has any more are a container's.
    fn is_of(&self, item: &ItemId, unit: UnitNo) -> bool {
        let of_image = (unit as usize) < self.retention.image_layers;
        let of_volume = self.retention.graph.unit(unit).sort == Sort::Volume;
        match item {
            ItemId::Container(_) => !of_image && !of_volume,
            ItemId::Image(_) | ItemId::Volume(_) | ItemId::Record(_) | ItemId::Log(_) => true,
        }
    }

    /// Who holds how much of a chain of units, given from the top down. Who comes in higher up holds more.
    fn holders_of_chain(&self, own: HolderNo, chain: &[UnitNo]) -> HashMap<HolderNo, Bytes> {
        let graph = &self.retention.graph;
        let mut held: Bytes = chain
            .iter()
            .map(|unit| graph.unit(*unit).size.likely())
            .sum();
        let mut found: HashMap<HolderNo, Bytes> = HashMap::new();
        let mut above = None;
        for unit in chain {
            if self.set.left(self.retention, Bound::All, *unit) > 0 {
                let set = &self.set;
                set.each_holder_above(self.retention, *unit, above, &mut |holder| {
                    if holder != own {
                        found.entry(holder).or_insert(held);
                    }
                    if found.len() < NAMED {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
            }
            if found.len() >= NAMED {
                break;
            }
            held = held - graph.unit(*unit).size.likely();
            above = Some(*unit);
        }
        found
    }

    fn named(&self, by: HashMap<HolderNo, Bytes>) -> Vec<(ItemId, Bytes)> {
        let mut named: Vec<(ItemId, Bytes)> = by
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_zero())
            .filter_map(|(holder, bytes)| {
                let item = self.retention.graph.holder(holder).item.clone()?;
                Some((item, bytes))
            })
            .collect();
        named.sort_by(|(a, x), (b, y)| (Reverse(x), a).cmp(&(Reverse(y), b)));
        named
    }

    /// Build cache records not yet let go whose layer was also in what was let go, and that nothing holds any
    /// more but idle records: this one and those made on it (README.md, Keys).
    ///
    /// A record counts by the layer that it made, not by those below it, which records of their own hold. One
    /// that is in use, or that has one in use, an image or a container above it, is not among them. The idle
    /// records above one of these that no image shares are not either, though it cannot go before them.
    #[must_use]
    pub fn unlockable_records(&self) -> Vec<RecordId> {
        let graph = &self.retention.graph;
        let mut seen = DenseOrSparse::new(graph.units.len(), self.few);
        let mut busy = DenseOrSparse::new(graph.units.len(), self.few);
        let mut records: Vec<RecordId> = Vec::new();
        for holder in &self.gone {
            for hold in graph.holds(*holder).filter(|hold| hold.sure) {
                for unit in graph.down(hold.unit) {
                    // What is below one that was seen has been seen with it.
                    if seen.replace(unit, true) {
                        break;
                    }
                    let joined = self.retention.joined.of(unit).iter();
                    let left: Vec<&HolderNo> = joined
                        .filter(|holder| !self.set.is_gone(**holder))
                        .collect();
                    if left.is_empty() || !graph.unit(unit).is_layer() {
                        continue;
                    }
                    if !self.is_busy(unit, &mut busy) {
                        let items = left.iter().map(|holder| &graph.holder(**holder).item);
                        records.extend(items.filter_map(|item| match item {
                            Some(ItemId::Record(record)) => Some(record.clone()),
                            _ => None,
                        }));
                    }
                }
            }
        }
        records
    }

    /// Returns true if something other than an idle record still holds a unit or one that stands on it. `known` keeps
    /// what was found out on the way.
    fn is_busy(&self, unit: UnitNo, known: &mut DenseOrSparse<Option<bool>>) -> bool {
        let graph = &self.retention.graph;
        // Units that are looked at, each with the next of those above it.
        let mut open = vec![(unit, 0)];
        while let Some((at, next)) = open.last_mut() {
            let held = |hold: Hold| {
                !self.set.is_gone(hold.holder) && !graph.holder(hold.holder).idle_record
            };
            let mut busy = known.at(*at);
            if busy.is_none() && *next == 0 && graph.held(*at).any(held) {
                busy = Some(true);
            }
            let mut unknown = None;
            while busy.is_none() && unknown.is_none() {
                match graph.above.of(*at).get(*next).copied() {
                    None => busy = Some(false),
                    Some(above) => match known.at(above) {
                        Some(true) => busy = Some(true),
                        None if self.set.left(self.retention, Bound::All, above) > 0 => {
                            unknown = Some(above);
                        }
                        None | Some(false) => *next += 1,
                    },
                }
            }
            if let Some(above) = unknown {
                open.push((above, 0));
            } else {
                *known.at_mut(*at) = busy;
                open.pop();
            }
        }
        known.at(unit).unwrap_or_default()
    }
}
