//! Which build cache record is which layer (ENGINE.md §2.6, §2.7; ENGINE-CONTAINERD.md §3).
//!
//! The engine does not say. A record that a step of a build made has the time of that step's row in the
//! history, its size, its depth and its command; a record of a base image has its depth, and the records
//! made on it tell the rest. Histories tell seconds; the image itself tells to the nanosecond when its top
//! layer was made, which is the record's own time and nothing else's.

use std::collections::HashSet;

use crate::domain::compact::csr::Csr;
use crate::domain::index as items;
use crate::domain::item::Record;

use super::index::LayerIndex;
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::tree::{LayerNo, number};

/// What a record was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain) enum RecordMatch {
    /// No layer of any image: its bytes are its own.
    None,
    Layer(LayerNo),
    /// One of these, it is not known which.
    OneOf(Vec<LayerNo>),
    /// Some layer, it is not known which at all.
    Some,
    /// Bytes of its own, or one of these layers that no image has.
    Perhaps(Vec<LayerNo>),
}

/// More candidates than this are not followed one by one.
const MANY: usize = 256;

/// Records and their parents by index.
pub(in crate::domain) struct RecordTree {
    /// The only parent. Records with none, or with several, have no place below them that could be compared.
    parent: Vec<OptIndex>,
    parents: Csr<u32>,
    /// How many layers there are up to and including it; `None` where its parents are not listed or several.
    pub(in crate::domain) depth: Vec<Option<u32>>,
    /// Indices, parents before children.
    order: Vec<u32>,
}

impl RecordTree {
    pub(in crate::domain) fn new(records: &[Record], index: &items::Index) -> Self {
        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(records.len());
        for (at, record) in (0..).zip(records) {
            let known = record.parents.iter().filter_map(|id| index.record(id));
            pairs.extend(known.map(|parent| (at, number(parent))));
        }
        let parents = Csr::new(pairs.iter().copied());
        let mut record_tree = Self {
            parent: (0..number(records.len()))
                .map(|at| match parents.of(at) {
                    [parent] => (*parent).into(),
                    _ => OptIndex::NONE,
                })
                .collect(),
            depth: vec![None; records.len()],
            order: order(records.len(), &pairs),
            parents,
        };
        for place in 0..record_tree.order.len() {
            let at = record_tree.order[place] as usize;
            record_tree.depth[at] = match (records[at].parents.len(), record_tree.parent(at)) {
                (0, _) => Some(1),
                (1, Some(parent)) => record_tree.depth[parent].map(|depth| depth + 1),
                _ => None,
            };
        }
        record_tree
    }

    /// Returns the only parent of a record.
    pub(in crate::domain) fn parent(&self, at: usize) -> Option<usize> {
        self.parent[at].get().map(|parent| parent as usize)
    }

    /// Returns all records, parents before children.
    pub(in crate::domain) fn order(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.order.iter().map(|at| *at as usize)
    }

    /// Returns a record and all below it, the lowest first; `None` where its depth is not known.
    pub(in crate::domain) fn line(&self, at: usize) -> Option<Vec<usize>> {
        self.depth[at]?;
        let mut line: Vec<usize> =
            std::iter::successors(Some(at), |record| self.parent(*record)).collect();
        line.reverse();
        Some(line)
    }

    /// Of each record those that have no other parent.
    fn children(&self) -> Csr<u32> {
        let pairs = (0..).zip(&self.parent);
        let pairs = pairs.filter_map(|(child, parent)| Some((parent.get()?, child)));
        Csr::new(pairs)
    }

    /// Parents of a record that has several.
    pub(in crate::domain) fn other_parents(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let parents = match self.parents.of(number(at)) {
            [_] => &[],
            parents => parents,
        };
        parents.iter().map(|parent| *parent as usize)
    }
}

/// Parents before children. What closes on itself, an engine's mistake, comes last in any order.
fn order(length: usize, parents: &[(u32, u32)]) -> Vec<u32> {
    let by_parent = parents.iter().map(|(child, parent)| (*parent, *child));
    let children = Csr::new(by_parent);
    let mut waits = vec![0_u32; length];
    for (child, _) in parents {
        waits[*child as usize] += 1;
    }
    let all = || 0..number(length);
    let mut order: Vec<u32> = Vec::with_capacity(length);
    order.extend(all().filter(|at| waits[*at as usize] == 0));
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for child in children.of(at) {
            let waits = &mut waits[*child as usize];
            *waits -= 1;
            if *waits == 0 {
                order.push(*child);
            }
        }
    }
    order.extend(all().filter(|at| waits[*at as usize] > 0));
    order
}

/// A join under way.
pub(in crate::domain) struct RecordMatcher<'a> {
    records: &'a [Record],
    record_tree: &'a RecordTree,
    index: LayerIndex<'a>,
    matches: Vec<RecordMatch>,
    /// Records that were made on each, and on nothing else.
    children: Csr<u32>,
    /// Layers that some base's record is: there is one record for each, however often it is built on.
    bases: HashSet<LayerNo>,
}

impl RecordMatcher<'_> {
    /// Finds the layer of each record that has one besides its own bytes.
    pub(in crate::domain) fn find(
        facts: &LayerFacts<'_>,
        record_tree: &RecordTree,
    ) -> Vec<RecordMatch> {
        let inventory = facts.inventory;
        let records = &inventory.cache;
        let packed = inventory.keeps_blobs();
        // On the containerd store the engine's word that nobody shares is often wrong (ENGINE-CONTAINERD.md §4).
        // On the other it says only that no image has the layer.
        let any = packed || facts.stored.is_known;
        let may_share = |record: &Record| record.shared || any && &*record.kind == "regular";
        let stored = &facts.stored.records;
        if stored.is_empty() && !records.iter().any(may_share) {
            return vec![RecordMatch::None; records.len()];
        }
        let matches = records.iter().map(|record| match stored.get(&record.id) {
            Some(Some(layer)) => RecordMatch::Layer(*layer),
            None if may_share(record) => RecordMatch::Some,
            None | Some(None) => RecordMatch::None,
        });
        let matches: Vec<RecordMatch> = matches.collect();
        let bases = records
            .iter()
            .zip(&matches)
            .filter_map(|(record, tie)| match tie {
                RecordMatch::Layer(layer) if record.is_base() => Some(*layer),
                _ => None,
            });
        let mut join = RecordMatcher {
            records,
            record_tree,
            bases: bases.collect(),
            matches,
            children: record_tree.children(),
            index: LayerIndex::new(facts),
        };
        join.settle();
        if facts.stored.remembers {
            join.doubt_steps();
        }
        join.matches
    }

    /// The deepest first: where one is found, all below it are. What others settle may settle the rest.
    fn settle(&mut self) {
        let mut open: Vec<usize> = (0..self.records.len())
            .filter(|at| self.matches[*at] != RecordMatch::None)
            .collect();
        open.sort_by_key(|at| std::cmp::Reverse(self.record_tree.depth[*at]));
        let mut progress = true;
        while progress {
            progress = false;
            open.retain(|at| {
                if matches!(self.matches[*at], RecordMatch::Layer(_)) {
                    return false;
                }
                let fits = self.fits(*at);
                if let [layer] = fits[..]
                    && self.tells_enough(*at)
                {
                    self.tie(*at, layer);
                    progress = true;
                    return false;
                }
                let before = std::mem::replace(&mut self.matches[*at], RecordMatch::Some);
                self.matches[*at] = self.open(*at, fits);
                progress |= match (&before, &self.matches[*at]) {
                    // What was never made into a layer has none above it either.
                    (_, RecordMatch::None) => true,
                    (RecordMatch::OneOf(before), RecordMatch::OneOf(now)) => {
                        now.len() < before.len()
                    }
                    _ => false,
                };
                self.matches[*at] != RecordMatch::None
            });
        }
    }

    /// A step of which nothing is remembered may be what a remembered base is.
    fn doubt_steps(&mut self) {
        for at in 0..self.records.len() {
            let record = &self.records[at];
            let is_step = !record.shared && &*record.kind == "regular" && !record.is_base();
            if !is_step || self.matches[at] != RecordMatch::None {
                continue;
            }
            let mut fits = self.index.candidates(record, self.record_tree.depth[at]);
            fits.retain(|layer| self.bases.contains(layer) && self.parents_fit(at, *layer));
            if !fits.is_empty() {
                self.matches[at] = RecordMatch::Perhaps(fits);
            }
        }
    }

    /// What a record was made on may lie below a layer. Of a step that is no layer for certain any may.
    fn parents_fit(&self, at: usize, layer: LayerNo) -> bool {
        let mut pair = self
            .record_tree
            .parent(at)
            .zip(self.index.tree.below(layer));
        while let Some((parent, below)) = pair {
            match &self.matches[parent] {
                RecordMatch::Layer(known) => return *known == below,
                RecordMatch::OneOf(known) => return known.contains(&below),
                RecordMatch::None | RecordMatch::Some | RecordMatch::Perhaps(_) => {}
            }
            pair = self
                .record_tree
                .parent(parent)
                .zip(self.index.tree.below(below));
        }
        true
    }

    /// Of a base on the containerd store only the depth tells, unless something that was made on it does. Where
    /// no image shares it either, it may be of an image that is gone.
    fn tells_enough(&self, at: usize) -> bool {
        let record = &self.records[at];
        record.shared || !self.index.packed || !record.is_base()
    }

    /// What is left to say of a record that fits no layer, or several.
    fn open(&self, at: usize, fits: Vec<LayerNo>) -> RecordMatch {
        let record = &self.records[at];
        // All layers are known, so a step that fits none was never made into one, and may not have been.
        let step = self.index.is_whole() && !record.shared && !record.is_base();
        match fits.len() {
            0 if step => RecordMatch::None,
            0 => RecordMatch::Some,
            count if count > MANY => RecordMatch::Some,
            _ if step => RecordMatch::Perhaps(fits),
            _ => RecordMatch::OneOf(fits),
        }
    }

    /// Returns the layers that a record may be with everything below it.
    fn fits(&self, at: usize) -> Vec<LayerNo> {
        let record = &self.records[at];
        let mut found = self.index.candidates(record, self.record_tree.depth[at]);
        found.retain(|layer| self.ancestors_fit(at, *layer) && self.children_fit(at, *layer));
        // Text and time only choose among what fits: both can be rewritten by a build.
        let narrow = |found: &mut Vec<LayerNo>, test: &dyn Fn(LayerNo) -> bool| {
            if found.len() > 1 && found.iter().any(|layer| test(*layer)) {
                found.retain(|layer| test(*layer));
            }
        };
        narrow(&mut found, &|layer| self.index.was_told(record, layer));
        if record.is_base() {
            narrow(&mut found, &|layer| !self.bases.contains(&layer));
            narrow(&mut found, &|layer| self.index.was_there(record, layer));
        } else {
            narrow(&mut found, &|layer| self.index.is_by_buildkit(layer));
            narrow(&mut found, &|layer| self.index.same_moment(record, layer));
            narrow(&mut found, &|layer| self.index.same_time(record, layer));
            narrow(&mut found, &|layer| self.index.same_command(record, layer));
        }
        found
    }

    /// What was made on a record lies right above it, as far as it is known where it may lie.
    fn children_fit(&self, at: usize, layer: LayerNo) -> bool {
        let is_above = |child: &LayerNo| self.index.tree.below(*child) == Some(layer);
        let mut children = self.children.of(number(at)).iter();
        children.all(|child| match &self.matches[*child as usize] {
            RecordMatch::Layer(known) => is_above(known),
            RecordMatch::OneOf(known) => known.iter().any(is_above),
            RecordMatch::None | RecordMatch::Some | RecordMatch::Perhaps(_) => true,
        })
    }

    fn ancestors_fit(&self, at: usize, layer: LayerNo) -> bool {
        let mut record = at;
        let mut layer = layer;
        loop {
            let (parent, below) = (
                self.record_tree.parent(record),
                self.index.tree.below(layer),
            );
            match (parent, below) {
                (Some(parent), Some(below)) => {
                    let fits = match &self.matches[parent] {
                        RecordMatch::Layer(known) => return *known == below,
                        RecordMatch::None => false,
                        RecordMatch::Perhaps(known) | RecordMatch::OneOf(known) => {
                            known.contains(&below)
                        }
                        RecordMatch::Some => self.index.size_fits(&self.records[parent], below),
                    };
                    if !fits {
                        return false;
                    }
                    record = parent;
                    layer = below;
                }
                // Below a record of no known depth nothing can be compared.
                (None, _) => return true,
                (Some(_), None) => return false,
            }
        }
    }

    fn tie(&mut self, at: usize, layer: LayerNo) {
        let mut next = Some((at, layer));
        while let Some((at, layer)) = next {
            if matches!(self.matches[at], RecordMatch::Layer(_) | RecordMatch::None) {
                break;
            }
            self.matches[at] = RecordMatch::Layer(layer);
            if self.records[at].is_base() {
                self.bases.insert(layer);
            }
            next = self
                .record_tree
                .parent(at)
                .zip(self.index.tree.below(layer));
        }
    }
}
