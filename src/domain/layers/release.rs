//! Letting go: what goes with an item, what stays and why.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use crate::domain::bytes::Bytes;
use crate::domain::item::{ItemId, RecordId};

use super::units::{Graph, HolderNo, Sort, UnitNo, World};
use super::{Doubt, Freed, Ledger};

/// So many holders of an item's bytes are named at most: a thousand names explain nothing.
const NAMED: usize = 128;

/// What keeps the rest of an item's size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    pub bytes: Bytes,
    pub by: Vec<(ItemId, Bytes)>,
}

/// A ledger from which things have been let go.
#[derive(Debug)]
pub struct Release<'a> {
    ledger: &'a Ledger,
    counts: Counts<'a>,
    gone: HashSet<HolderNo>,
    /// Holders still there of which it is not known what they hold.
    veils: usize,
    /// Bytes of layers that only such holders may still hold.
    veiled: Bytes,
    /// Units that have gone, or may have.
    freed: Vec<UnitNo>,
    total: Freed,
}

impl<'a> Release<'a> {
    /// `few` keeps only what changes, for a handful of items; else all counts are copied.
    pub(super) fn new(ledger: &'a Ledger, few: bool) -> Self {
        Self {
            ledger,
            counts: Counts::new(&ledger.graph, few),
            gone: HashSet::new(),
            veils: ledger.graph.veils.len(),
            veiled: Bytes::ZERO,
            freed: Vec::new(),
            total: Freed::default(),
        }
    }

    /// Lets an item go and returns the bytes that go with it: those nothing else holds any more.
    ///
    /// An item that is not known, or has gone already, frees nothing. The parts add up to [`Release::total`]
    /// but for their doubts, which a later item may settle: such a part can then have more `at_least` than
    /// `at_most`, because it makes certain what was doubtful before.
    pub fn let_go(&mut self, item: &ItemId) -> Freed {
        let ledger = self.ledger;
        let Some(holder) = ledger.items.get(item).copied() else {
            return Freed::default();
        };
        if !self.gone.insert(holder) {
            return Freed::default();
        }
        let start = self.freed.len();
        let mut part = Freed {
            pending: ledger.graph.holder(holder).pending,
            ..Freed::default()
        };
        for hold in ledger.graph.holds.of(holder) {
            if hold.sure {
                self.drop_hold(World::Sure, hold.unit, &mut part);
            }
            self.drop_hold(World::All, hold.unit, &mut part);
        }
        if ledger.graph.holder(holder).veil.is_some() {
            self.veils -= 1;
        }
        if self.veils == 0 {
            part.at_least += std::mem::take(&mut self.veiled);
        }
        part.doubts = self.doubts_of(&self.freed[start..]);
        self.total.at_least += part.at_least;
        self.total.at_most += part.at_most;
        self.total.pending |= part.pending;
        part
    }

    /// Lets an item go and returns the units that went with it, each once.
    pub(super) fn let_go_units(&mut self, item: &ItemId) -> Vec<UnitNo> {
        let start = self.freed.len();
        self.let_go(item);
        self.freed[start..].to_vec()
    }

    fn drop_hold(&mut self, world: World, top: UnitNo, part: &mut Freed) {
        let graph = &self.ledger.graph;
        for unit in graph.down(top) {
            if !self.counts.drop_one(world, unit) {
                break;
            }
            let size = graph.unit(unit).size;
            match world {
                World::Sure => {
                    part.at_most += size.most;
                    part.pending |= graph.unit(unit).pending
                        || (graph.unit(unit).is_layer() && self.ledger.unsettled);
                    self.freed.push(unit);
                }
                World::All if graph.unit(unit).is_layer() => self.veiled += size.least,
                World::All => part.at_least += size.least,
            }
        }
    }

    /// All that has gone so far, with the doubts that are left.
    #[must_use]
    pub fn total(&self) -> Freed {
        Freed {
            doubts: self.doubts_of(&self.freed),
            ..self.total.clone()
        }
    }

    fn doubts_of(&self, freed: &[UnitNo]) -> BTreeSet<Doubt> {
        let graph = &self.ledger.graph;
        let mut doubts = BTreeSet::new();
        let mut layers = false;
        let mut bytes = false;
        for unit in freed.iter().copied() {
            let of = graph.unit(unit);
            doubts.extend(of.doubt.iter().cloned());
            if of.size.most.is_zero() {
                continue;
            }
            bytes |= of.is_drivers();
            layers |= of.is_layer();
            if self.counts.left(World::All, unit) > 0 {
                self.name_doubtful(unit, &mut doubts);
            }
        }
        if bytes {
            doubts.extend(self.ledger.driver.clone().map(Doubt::Driver));
        }
        if layers && self.veils > 0 {
            let left = graph.veils.iter().filter(|veil| !self.gone.contains(veil));
            doubts.extend(left.filter_map(|veil| graph.holder(*veil).veil.clone()));
        }
        doubts
    }

    /// Names the records that may still hold a unit.
    fn name_doubtful(&self, unit: UnitNo, doubts: &mut BTreeSet<Doubt>) {
        self.each_holder_above(unit, None, &mut |holder| {
            if let Some(ItemId::Record(record)) = &self.ledger.graph.holder(holder).item {
                doubts.insert(Doubt::SharedRecord(record.clone()));
            }
            ControlFlow::Continue(())
        });
    }

    /// Calls with each holder still there of a unit, or of one that stands on it, in no order, some twice,
    /// until it has had enough.
    fn each_holder_above(
        &self,
        unit: UnitNo,
        but: Option<UnitNo>,
        call: &mut impl FnMut(HolderNo) -> ControlFlow<()>,
    ) {
        let graph = &self.ledger.graph;
        let mut open = vec![unit];
        while let Some(at) = open.pop() {
            for hold in graph.held.of(at) {
                if !self.gone.contains(&hold.holder) && call(hold.holder).is_break() {
                    return;
                }
            }
            let above = graph.above.of(at).iter().copied();
            open.extend(
                above.filter(|above| {
                    Some(*above) != but && self.counts.left(World::All, *above) > 0
                }),
            );
        }
    }

    /// The bytes of an item that something else still holds, with the holders, the largest first.
    /// Each holder's bytes are all those it holds of this item, so they may add up to more. What holds bytes
    /// without being an item, a swarm service, counts and is not named; nor are all named where they are
    /// very many, only those that hold the most.
    #[must_use]
    pub fn held_back(&self, item: &ItemId) -> HeldBack {
        let Some(own) = self.ledger.items.get(item).copied() else {
            return HeldBack::default();
        };
        let graph = &self.ledger.graph;
        let mut bytes = Bytes::ZERO;
        let mut by: HashMap<HolderNo, Bytes> = HashMap::new();
        let mut seen: HashSet<UnitNo> = HashSet::new();
        for hold in graph.holds.of(own).iter().filter(|hold| hold.sure) {
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

    /// Whether a unit that an item holds is its own to miss. A container's layers are its image's, and its
    /// volumes are volumes; only the layers that no image has any more are a container's.
    fn is_of(&self, item: &ItemId, unit: UnitNo) -> bool {
        let of_image = (unit as usize) < self.ledger.tree.len();
        let of_volume = self.ledger.graph.unit(unit).sort == Sort::Volume;
        match item {
            ItemId::Container(_) => !of_image && !of_volume,
            ItemId::Image(_) | ItemId::Volume(_) | ItemId::Record(_) => true,
        }
    }

    /// Who holds how much of a chain of units, given from the top down. Who comes in higher up holds more.
    fn holders_of_chain(&self, own: HolderNo, chain: &[UnitNo]) -> HashMap<HolderNo, Bytes> {
        let graph = &self.ledger.graph;
        let mut held: Bytes = chain.iter().map(|unit| graph.unit(*unit).size.most).sum();
        let mut found: HashMap<HolderNo, Bytes> = HashMap::new();
        let mut above = None;
        for unit in chain {
            if self.counts.left(World::All, *unit) > 0 {
                self.each_holder_above(*unit, above, &mut |holder| {
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
            held = held - graph.unit(*unit).size.most;
            above = Some(*unit);
        }
        found
    }

    fn named(&self, by: HashMap<HolderNo, Bytes>) -> Vec<(ItemId, Bytes)> {
        let mut named: Vec<(ItemId, Bytes)> = by
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_zero())
            .filter_map(|(holder, bytes)| {
                let item = self.ledger.graph.holder(holder).item.clone()?;
                Some((item, bytes))
            })
            .collect();
        named.sort_by(|(a, x), (b, y)| (Reverse(x), a).cmp(&(Reverse(y), b)));
        named
    }

    /// Build cache records not yet let go whose layer was also in what was let go, and that nothing holds any
    /// more but idle records: this one and those made on it (DESIGN.md, Unlock).
    ///
    /// A record counts by the layer that it made, not by those below it, which records of their own hold. One
    /// that is in use, or that has one in use, an image or a container above it, is not among them. The idle
    /// records above one of these that no image shares are not either, though it cannot go before them.
    #[must_use]
    pub fn unlockable_records(&self) -> Vec<RecordId> {
        let graph = &self.ledger.graph;
        let mut touched: HashSet<UnitNo> = HashSet::new();
        for holder in &self.gone {
            for hold in graph.holds.of(*holder).iter().filter(|hold| hold.sure) {
                touched.extend(
                    graph
                        .down(hold.unit)
                        .filter(|unit| graph.unit(*unit).is_layer()),
                );
            }
        }
        let mut free: HashMap<UnitNo, bool> = HashMap::new();
        let mut records: Vec<RecordId> = Vec::new();
        for (holder, unit) in &self.ledger.joined {
            let Some(ItemId::Record(record)) = &graph.holder(*holder).item else {
                continue;
            };
            if self.gone.contains(holder) || !touched.contains(unit) {
                continue;
            }
            let free = free.entry(*unit).or_insert_with(|| {
                let mut idle = true;
                self.each_holder_above(*unit, None, &mut |holder| {
                    idle &= graph.holder(holder).idle_record;
                    if idle {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
                idle
            });
            if *free {
                records.push(record.clone());
            }
        }
        records
    }
}

/// How many holders each unit has left.
#[derive(Debug)]
enum Counts<'a> {
    Copied {
        sure: Vec<u32>,
        all: Vec<u32>,
    },
    Changed {
        graph: &'a Graph,
        taken: HashMap<(World, UnitNo), u32>,
    },
}

impl<'a> Counts<'a> {
    fn new(graph: &'a Graph, few: bool) -> Self {
        if few {
            Self::Changed {
                graph,
                taken: HashMap::new(),
            }
        } else {
            Self::Copied {
                sure: graph.counts(World::Sure).to_vec(),
                all: graph.counts(World::All).to_vec(),
            }
        }
    }

    /// Takes a holder from a unit. True when it was the last.
    fn drop_one(&mut self, world: World, unit: UnitNo) -> bool {
        match self {
            Self::Copied { sure, all } => {
                let count = match world {
                    World::Sure => &mut sure[unit as usize],
                    World::All => &mut all[unit as usize],
                };
                *count -= 1;
                *count == 0
            }
            Self::Changed { graph, taken } => {
                let taken = taken.entry((world, unit)).or_default();
                *taken += 1;
                *taken == graph.counts(world)[unit as usize]
            }
        }
    }

    fn left(&self, world: World, unit: UnitNo) -> u32 {
        match self {
            Self::Copied { sure, all } => match world {
                World::Sure => sure[unit as usize],
                World::All => all[unit as usize],
            },
            Self::Changed { graph, taken } => {
                let taken = taken.get(&(world, unit)).copied().unwrap_or_default();
                graph.counts(world)[unit as usize] - taken
            }
        }
    }
}
