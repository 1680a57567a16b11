//! What has been let go of a retention, and what went with it. What was let go can be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::domain::bytes::Bytes;
use crate::domain::disk::Places;
use crate::domain::index::ItemNo;
use crate::domain::item::ItemId;

use super::Doubt;
use super::Freed;
use super::More;
use super::Retention;
use super::units::{Bound, HolderNo, Sort};
use crate::domain::compact::dense_or_sparse::DenseOrSparse;
use crate::domain::layers::tree::UnitNo;

/// How many of those that may hold the same thing are named: ten thousand names tell no more, and each item would
/// keep them all.
const NAMED: usize = 3;

/// The state of letting go. It belongs to one retention, which is given to everything it does.
///
/// Sums are wider than [`Bytes`], so that what is taken back leaves exactly what was there before: they stop
/// at the greatest number only where they are told.
#[derive(Clone, Debug)]
pub struct RemovalSet {
    /// How many holders each unit has lost, in each world.
    lost: [DenseOrSparse<u32>; 2],
    /// How many times a holder was let go: more than once only what can go with another holder, too.
    gone: DenseOrSparse<u32>,
    /// What goes for certain, but for layers.
    least: u128,
    /// What of that are logs, and volumes.
    apart: [u128; 2],
    /// What goes of layers, as soon as nothing is left that may hold any layer.
    veiled: u128,
    most: u128,
    /// Things let go, and units with them, that are still being measured.
    pending: usize,
    /// Holders still there of which it is not known what they hold.
    wildcards: usize,
    /// Units of some size that have gone, or may have: whose size the driver says, and layers.
    drivers: usize,
    layers: usize,
    /// Units measured by length that have gone, or may have.
    lengths: usize,
    /// Doubts of units that have gone, or may have, with their number.
    doubts: BTreeMap<Doubt, usize>,
    /// Units of some size that may have gone, or be held by something all the same.
    doubtful: BTreeSet<UnitNo>,
}

impl RemovalSet {
    /// `few` is for a handful of items.
    pub(super) fn new(retention: &Retention, few: bool) -> Self {
        let units = retention.graph.units.len();
        Self {
            lost: [
                DenseOrSparse::new(units, few),
                DenseOrSparse::new(units, few),
            ],
            gone: DenseOrSparse::new(retention.graph.holders.len(), few),
            least: 0,
            apart: [0; 2],
            veiled: 0,
            most: 0,
            pending: 0,
            wildcards: retention.graph.wildcards.len(),
            drivers: 0,
            layers: 0,
            lengths: 0,
            doubts: BTreeMap::new(),
            doubtful: BTreeSet::new(),
        }
    }

    /// Nothing let go yet of a retention.
    #[must_use]
    pub fn of(retention: &Retention) -> Self {
        Self::new(retention, false)
    }

    /// Lets the item of a number go, if it has not gone already.
    pub fn drop(&mut self, retention: &Retention, item: ItemNo) {
        if let Some(holder) = retention.holder(item) {
            self.let_go(retention, holder, &mut |_| {});
        }
    }

    /// Takes the item of a number back, if it had gone.
    pub fn restore(&mut self, retention: &Retention, item: ItemNo) {
        if let Some(holder) = retention.holder(item) {
            self.take_back(retention, holder);
        }
    }

    pub(super) fn is_gone(&self, holder: HolderNo) -> bool {
        self.gone.at(holder) > 0
    }

    /// Returns how many holders a unit has left.
    pub(super) fn left(&self, retention: &Retention, world: Bound, unit: UnitNo) -> u32 {
        retention.graph.counts(world)[unit as usize] - self.lost[world as usize].at(unit)
    }

    /// Lets a holder go, and notes the units that go with it, or may. False if it had gone already.
    pub(super) fn let_go(
        &mut self,
        retention: &Retention,
        holder: HolderNo,
        freed: &mut impl FnMut(UnitNo),
    ) -> bool {
        let graph = &retention.graph;
        let is_taken = graph.holder(holder).is_taken;
        let gone = self.gone.at_mut(holder);
        let before = *gone;
        if before == 0 || is_taken {
            *gone += 1;
        }
        if before > 0 {
            return false;
        }
        if let Some(taken) = graph.holder(holder).takes.get() {
            self.let_go(retention, taken, freed);
        }
        self.pending += usize::from(graph.holder(holder).pending);
        self.wildcards -= usize::from(graph.holder(holder).wildcard.is_some());
        for hold in graph.holds(holder) {
            for unit in graph.down(hold.unit) {
                if !self.loses(retention, Bound::All, unit) {
                    break;
                }
                self.is_certain(retention, unit, true);
                self.doubtful.remove(&unit);
            }
            for unit in graph.down(hold.unit).filter(|_| hold.sure) {
                if !self.loses(retention, Bound::Sure, unit) {
                    break;
                }
                self.count(retention, unit, true);
                freed(unit);
            }
        }
        true
    }

    /// Takes back what was let go. False if it had not gone.
    pub(super) fn take_back(&mut self, retention: &Retention, holder: HolderNo) -> bool {
        let gone = self.gone.at_mut(holder);
        let before = *gone;
        *gone = before.saturating_sub(1);
        if before != 1 {
            return false;
        }
        let graph = &retention.graph;
        if let Some(taken) = graph.holder(holder).takes.get() {
            self.take_back(retention, taken);
        }
        self.pending -= usize::from(graph.holder(holder).pending);
        self.wildcards += usize::from(graph.holder(holder).wildcard.is_some());
        for hold in graph.holds(holder) {
            for unit in graph.down(hold.unit).filter(|_| hold.sure) {
                if !self.gains(retention, Bound::Sure, unit) {
                    break;
                }
                self.count(retention, unit, false);
            }
            for unit in graph.down(hold.unit) {
                if !self.gains(retention, Bound::All, unit) {
                    break;
                }
                let size = graph.unit(unit).size;
                self.is_certain(retention, unit, false);
                if !size.most.is_zero() && self.may_be_gone(retention, unit) {
                    self.doubtful.insert(unit);
                }
            }
        }
        true
    }

    /// Takes a holder from a unit. True when it was the last.
    fn loses(&mut self, retention: &Retention, world: Bound, unit: UnitNo) -> bool {
        let lost = self.lost[world as usize].at_mut(unit);
        *lost += 1;
        *lost == retention.graph.counts(world)[unit as usize]
    }

    /// Gives a unit a holder back. True when it had none.
    fn gains(&mut self, retention: &Retention, world: Bound, unit: UnitNo) -> bool {
        let lost = self.lost[world as usize].at_mut(unit);
        *lost -= 1;
        *lost + 1 == retention.graph.counts(world)[unit as usize]
    }

    /// Returns true once nothing holds a unit for certain that held it before.
    fn may_be_gone(&self, retention: &Retention, unit: UnitNo) -> bool {
        let lost = self.lost[Bound::Sure as usize].at(unit);
        lost > 0 && lost == retention.graph.counts(Bound::Sure)[unit as usize]
    }

    /// Counts a unit that has gone for certain now, or not any more.
    fn is_certain(&mut self, retention: &Retention, unit: UnitNo, goes: bool) {
        let bytes = least(retention, unit);
        let of = retention.graph.unit(unit);
        let [logs, volumes] = &mut self.apart;
        let (sum, part) = match of.sort {
            Sort::Layer | Sort::Blob => (&mut self.veiled, None),
            Sort::Writable | Sort::Record | Sort::Image => (&mut self.least, None),
            Sort::Log => (&mut self.least, Some(logs)),
            Sort::Volume => (&mut self.least, Some(volumes)),
        };
        for sum in [Some(sum), part].into_iter().flatten() {
            *sum = if goes { *sum + bytes } else { *sum - bytes };
        }
    }

    /// Counts a unit that may have gone now, or not any more.
    fn count(&mut self, retention: &Retention, unit: UnitNo, goes: bool) {
        let of = retention.graph.unit(unit);
        let pending = of.pending || of.is_layer() && retention.unsettled;
        let has_size = !of.size.most.is_zero();
        let most = u128::from(of.size.most.0);
        let step = |number: &mut usize, by: bool| {
            *number = number.wrapping_add_signed(match (by, goes) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => -1,
            });
        };
        self.most = if goes {
            self.most + most
        } else {
            self.most - most
        };
        step(&mut self.pending, pending);
        step(&mut self.drivers, has_size && retention.is_drivers(of));
        step(&mut self.layers, has_size && of.is_layer());
        step(&mut self.lengths, of.by_length);
        if let Some(doubt) = &of.doubt {
            let number = self.doubts.entry(Doubt::clone(doubt)).or_default();
            step(number, true);
            if *number == 0 {
                self.doubts.remove(doubt);
            }
        }
        if !goes {
            self.doubtful.remove(&unit);
        } else if has_size && self.left(retention, Bound::All, unit) > 0 {
            self.doubtful.insert(unit);
        }
    }

    /// Returns what has gone so far, without its doubts.
    pub(super) fn sum(&self) -> GoneBytes {
        let veiled = if self.wildcards == 0 { self.veiled } else { 0 };
        GoneBytes {
            least: self.least + veiled,
            apart: self.apart,
            most: self.most,
            pending: self.pending,
        }
    }

    /// Returns what has gone so far for certain at some places: [`Freed::at`] of [`RemovalSet::total`].
    #[must_use]
    pub fn at(&self, places: Places) -> Bytes {
        GoneBytes::default().to(self.sum()).at(places)
    }

    /// Returns all that has gone so far, with the doubts that are left.
    #[must_use]
    pub fn total(&self, retention: &Retention) -> Freed {
        let mut doubts: BTreeSet<Doubt> = self.doubts.keys().cloned().collect();
        for unit in &self.doubtful {
            self.name_doubtful(retention, *unit, &mut doubts);
        }
        doubts.extend((self.lengths > 0).then_some(Doubt::ByLength));
        self.add_doubts(retention, self.drivers > 0, self.layers > 0, &mut doubts);
        GoneBytes::default().to(self.sum()).doubted(doubts)
    }

    /// Returns the doubts of some units that have gone, or may have.
    pub(super) fn doubts_of(&self, retention: &Retention, freed: &[UnitNo]) -> BTreeSet<Doubt> {
        let mut doubts = BTreeSet::new();
        let (mut drivers, mut layers) = (false, false);
        for unit in freed.iter().copied() {
            let of = retention.graph.unit(unit);
            doubts.extend(of.doubt.as_deref().cloned());
            doubts.extend(of.by_length.then_some(Doubt::ByLength));
            if of.size.most.is_zero() {
                continue;
            }
            drivers |= retention.is_drivers(of);
            layers |= of.is_layer();
            if self.left(retention, Bound::All, unit) > 0 {
                self.name_doubtful(retention, unit, &mut doubts);
            }
        }
        self.add_doubts(retention, drivers, layers, &mut doubts);
        doubts
    }

    /// Doubts that bytes of a driver have, and layers while something is left that may hold any.
    fn add_doubts(
        &self,
        retention: &Retention,
        drivers: bool,
        layers: bool,
        doubts: &mut BTreeSet<Doubt>,
    ) {
        if drivers {
            doubts.extend(retention.driver.clone());
        }
        if layers && self.wildcards > 0 {
            let graph = &retention.graph;
            let mut left = graph
                .wildcards
                .iter()
                .filter(|wildcard| !self.is_gone(**wildcard));
            let named = left.by_ref().take(NAMED);
            doubts.extend(
                named.filter_map(|wildcard| graph.holder(*wildcard).wildcard.as_deref().cloned()),
            );
            doubts.extend(left.next().map(|_| Doubt::Further));
        }
    }

    /// Names some of the records that may still hold a unit, always the same ones, or that leases may.
    fn name_doubtful(&self, retention: &Retention, unit: UnitNo, doubts: &mut BTreeSet<Doubt>) {
        let mut named = BTreeSet::new();
        self.each_holder_above(retention, unit, None, &mut |holder| {
            let holder = retention.graph.holder(holder);
            let doubt = match &holder.item {
                Some(ItemId::Record(record)) => Doubt::SharedRecord(record.clone()),
                Some(ItemId::Image(image)) => Doubt::LoadedLayers(image.clone()),
                None if holder.is_leases() => Doubt::Leased,
                Some(_) | None => return ControlFlow::Continue(()),
            };
            if named.len() < NAMED || named.contains(&doubt) {
                named.insert(doubt);
                ControlFlow::Continue(())
            } else {
                named.insert(Doubt::Further);
                ControlFlow::Break(())
            }
        });
        doubts.extend(named);
    }

    /// Calls with each holder still there of a unit, or of one that stands on it, in no order, some twice,
    /// until it has had enough.
    pub(super) fn each_holder_above(
        &self,
        retention: &Retention,
        unit: UnitNo,
        but: Option<UnitNo>,
        call: &mut impl FnMut(HolderNo) -> ControlFlow<()>,
    ) {
        let graph = &retention.graph;
        let mut open = vec![unit];
        while let Some(at) = open.pop() {
            for hold in graph.held(at) {
                if !self.is_gone(hold.holder) && call(hold.holder).is_break() {
                    return;
                }
            }
            let above = graph.above.of(at).iter().copied();
            open.extend(above.filter(|above| {
                Some(*above) != but && self.left(retention, Bound::All, *above) > 0
            }));
        }
    }
}

/// Tries what goes with a handful of things, one after another, each with all else still there.
#[derive(Debug)]
pub struct Trial<'a> {
    retention: &'a Retention,
    set: RemovalSet,
}

impl Retention {
    /// Starts to try what goes with this and with that.
    #[must_use]
    pub fn trial(&self) -> Trial<'_> {
        Trial::new(self)
    }
}

impl<'a> Trial<'a> {
    pub(super) fn new(retention: &'a Retention) -> Self {
        Self {
            retention,
            set: RemovalSet::of(retention),
        }
    }

    /// Returns what goes when just these go, each byte once.
    pub fn frees(&mut self, items: &[ItemNo]) -> Freed {
        for item in items {
            self.set.drop(self.retention, *item);
        }
        let freed = self.set.total(self.retention);
        for item in items {
            self.set.restore(self.retention, *item);
        }
        freed
    }
}

/// Bytes that have gone up to some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GoneBytes {
    least: u128,
    apart: [u128; 2],
    most: u128,
    pending: usize,
}

impl GoneBytes {
    /// Returns what went between two moments.
    pub(super) fn to(self, later: Self) -> Freed {
        let bytes = |from: u128, to: u128| Bytes(u64::try_from(to - from).unwrap_or(u64::MAX));
        Freed {
            at_least: bytes(self.least, later.least),
            at_most: bytes(self.most, later.most),
            pending: later.pending > self.pending,
            ..Freed::default()
        }
        .with(More {
            logs: bytes(self.apart[0], later.apart[0]),
            volumes: bytes(self.apart[1], later.apart[1]),
            doubts: BTreeSet::new(),
        })
    }
}

/// Returns what goes for certain with a unit that nothing may hold any more. What nothing is known to hold may be there
/// for another reason.
fn least(retention: &Retention, unit: UnitNo) -> u128 {
    if retention.graph.counts(Bound::Sure)[unit as usize] == 0 {
        return 0;
    }
    u128::from(retention.graph.unit(unit).size.least.0)
}
