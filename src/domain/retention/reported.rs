//! What really went: the engine's own words, held against who held which bytes before.

use std::collections::{HashMap, HashSet};

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{ImageId, ItemId};
use crate::domain::text::Text;

use super::Doubt;
use super::Retention;
use super::units::{Bound, HolderNo, Sort};
use crate::domain::layers::tree::UnitNo;

/// What went with one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BytesGone {
    /// What has gone.
    pub bytes: Bytes,
    /// It is about so much: the engine did not say what went, or the size of it is not known.
    pub about: bool,
    /// Something of no known size went.
    pub no_size: bool,
    /// Sizes of layers that nothing known holds any more and that the engine did not name all the same.
    pub still_there: Vec<Bytes>,
}

impl BytesGone {
    /// Unknown where all that went has no known size.
    #[must_use]
    pub fn figure(&self) -> Figure<Bytes> {
        if self.bytes.is_zero() && self.no_size {
            Figure::Unknown
        } else {
            Figure::Known(self.bytes)
        }
    }

    /// Adds what has gone with something else.
    pub fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.about |= other.about;
        self.no_size |= other.no_size;
        self.still_there.extend(other.still_there);
    }
}

/// Counts what goes, object by object, as the engine tells it; each byte once.
#[derive(Debug)]
pub struct Reported<'a> {
    retention: &'a Retention,
    sure: Vec<u32>,
    all: Vec<u32>,
    gone: HashSet<HolderNo>,
    counted: HashSet<UnitNo>,
    /// How many are left that may hold any layer.
    wildcards: usize,
}

impl<'a> Reported<'a> {
    /// Begins with nothing gone.
    #[must_use]
    pub fn new(retention: &'a Retention) -> Self {
        let graph = &retention.graph;
        Self {
            retention,
            sure: graph.counts(Bound::Sure).to_vec(),
            all: graph.counts(Bound::All).to_vec(),
            gone: HashSet::new(),
            counted: HashSet::new(),
            wildcards: graph.wildcards.len(),
        }
    }

    /// An object went of which the engine says no more than that. What it had of its own went with it; the
    /// layers that nothing else holds are the retention's estimate, but for build cache, whose records the engine
    /// names one by one (ENGINE.md §1.5).
    pub fn went(&mut self, item: &ItemId) -> BytesGone {
        let mut went = BytesGone::default();
        let graph = &self.retention.graph;
        let told = matches!(item, ItemId::Record(_));
        for unit in self.let_go(item, &mut went) {
            if !graph.unit(unit).is_layer() {
                continue;
            }
            if self.wildcards > 0 {
                went.about |= !graph.unit(unit).size.most.is_zero();
            } else {
                self.count(unit, told, &mut went);
            }
        }
        let own = self.retention.holder_of(item);
        let taken = own.and_then(|holder| graph.holder(holder).takes.get());
        for holder in own.into_iter().chain(taken) {
            for hold in graph.holds(holder) {
                let sort = graph.unit(hold.unit).sort;
                if is_own(item, sort) {
                    self.count(hold.unit, sort != Sort::Image, &mut went);
                }
            }
        }
        went
    }

    /// Images went in one answer, each with the chain IDs of the layers that went with it (ENGINE.md §1.7).
    /// Returns what went with each.
    pub fn images(&mut self, answer: &[(ImageId, Vec<Text>)]) -> Vec<BytesGone> {
        let retention = self.retention;
        let mut all: Vec<BytesGone> = Vec::with_capacity(answer.len());
        let mut expected: Vec<UnitNo> = Vec::new();
        let mut layers: HashMap<Text, UnitNo> = HashMap::new();
        for (image, _) in answer {
            let mut went = BytesGone::default();
            // The list decides what went, not the count; so it does not matter how sure the count is.
            expected.extend(self.let_go(&ItemId::Image(image.clone()), &mut BytesGone::default()));
            match retention.image(image) {
                Some((_, top)) => {
                    let chains = retention.tree.chain_ids(*top).into_iter();
                    let chains = chains.map(|chain| Text::from(chain.as_str()));
                    layers.extend(chains.zip(retention.tree.up_to(*top)));
                }
                None => went.about = true,
            }
            all.push(went);
        }
        for ((_, named), went) in answer.iter().zip(&mut all) {
            for chain in named {
                if let Some(unit) = layers.get(chain) {
                    self.count(*unit, true, went);
                } else {
                    went.about = true;
                    went.no_size = true;
                }
            }
        }
        for ((image, _), went) in answer.iter().zip(&mut all) {
            let holder = retention.holder_of(&ItemId::Image(image.clone()));
            for hold in holder.into_iter().flat_map(|it| retention.graph.holds(it)) {
                // Its config and what stands beside it go with its ID.
                if retention.is_counted_beside(retention.graph.unit(hold.unit)) {
                    self.count(hold.unit, true, went);
                }
            }
        }
        if let Some(first) = all.first_mut() {
            let left = expected.iter().filter(|unit| {
                retention.graph.unit(**unit).is_layer() && !self.counted.contains(unit)
            });
            let sizes = left.map(|unit| retention.graph.unit(*unit).size.least);
            first
                .still_there
                .extend(sizes.filter(|size| !size.is_zero()));
        }
        all
    }

    /// Takes an item's holds away and returns the units that nothing holds any more.
    fn let_go(&mut self, item: &ItemId, went: &mut BytesGone) -> Vec<UnitNo> {
        let graph = &self.retention.graph;
        let mut free = Vec::new();
        let Some(holder) = self.retention.holder_of(item) else {
            return free;
        };
        if !self.gone.insert(holder) {
            return free;
        }
        self.wildcards -= usize::from(graph.holder(holder).wildcard.is_some());
        for hold in graph.holds(holder) {
            for unit in graph.down(hold.unit) {
                if !drop_one(&mut self.all, unit) {
                    break;
                }
                free.push(unit);
            }
            if !hold.sure {
                continue;
            }
            for unit in graph.down(hold.unit) {
                if !drop_one(&mut self.sure, unit) {
                    break;
                }
                // Perhaps it went, perhaps something else had it.
                went.about |= graph.unit(unit).is_layer() && self.all[unit as usize] > 0;
            }
        }
        free
    }

    fn count(&mut self, unit: UnitNo, told: bool, went: &mut BytesGone) {
        if !self.counted.insert(unit) {
            return;
        }
        let of = self.retention.graph.unit(unit);
        let (least, most) = (of.size.least, of.size.most);
        went.bytes += least;
        went.about |= of.pending || of.by_length || least != most || !told && !most.is_zero();
        went.about |=
            self.retention.is_drivers(of) && self.retention.driver.is_some() && !most.is_zero();
        let is_untold =
            of.pending || matches!(of.doubt.as_deref(), Some(Doubt::NoSize(_))) || least != most;
        went.no_size |= is_untold && least.is_zero();
        went.about |= is_untold;
    }
}

/// Returns true if a unit goes with the item whatever else is said to hold it: a volume that is gone has left no bytes.
fn is_own(item: &ItemId, sort: Sort) -> bool {
    match item {
        ItemId::Container(_) => matches!(sort, Sort::Writable | Sort::Log),
        ItemId::Volume(_) => sort == Sort::Volume,
        ItemId::Log(_) => sort == Sort::Log,
        ItemId::Record(_) => sort == Sort::Record,
        ItemId::Image(_) => sort == Sort::Image,
    }
}

fn drop_one(counts: &mut [u32], unit: UnitNo) -> bool {
    let count = &mut counts[unit as usize];
    *count = count.saturating_sub(1);
    *count == 0
}
