//! Which blob and which snapshots a build cache record keeps on the containerd store, by the engine's list of
//! blobs (ENGINE-CONTAINERD.md §3, JOIN).
//!
//! The record of a step has the time of its layer to the nanosecond. The record of a base image has its depth
//! and the size of its blob, and records made on it tell the rest.

use std::collections::{HashMap, HashSet};

use crate::domain::bytes::Bytes;
use crate::domain::item::Record;
use crate::domain::time::Timestamp;

use super::join::RecordTree;
use crate::domain::layers::content_store::{ContentStore, LayerBlob};
use crate::domain::layers::packing::{BLOCK, may_hold};
use crate::domain::layers::sizes::Sizes;
use crate::domain::layers::tree::{LayerNo, Tree};

/// What a record keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain) enum RecordKeeps {
    /// Nothing that anything else has.
    Own,
    /// The snapshot of a step, and one of these blobs: certain if it is one.
    Step(Vec<u32>),
    /// Layers of a base as they are in images: blob and chain, certain if it is one.
    Base(Vec<(LayerNo, u32)>),
    /// A base that no manifest tells of, with the blobs that are its size: then that lacks what is unpacked.
    GoneBase(Vec<u32>),
    /// Some blob that an image has, it is not known which at all.
    Some,
}

/// Finds out what each record keeps.
pub(in crate::domain) fn match_records(
    records: &[Record],
    record_tree: &RecordTree,
    store: &ContentStore,
    tree: &Tree,
    sizes: &Sizes,
) -> Vec<RecordKeeps> {
    let mut search = Search {
        records,
        record_tree,
        store,
        tree,
        sizes,
        fits: vec![Vec::new(); records.len()],
        steps: vec![false; records.len()],
    };
    search.find();
    search.narrow();
    let mut keeps = search.certain();
    search.settle_open(&mut keeps);
    keeps
}

struct Search<'a> {
    records: &'a [Record],
    record_tree: &'a RecordTree,
    store: &'a ContentStore,
    tree: &'a Tree,
    sizes: &'a Sizes,
    /// Where each record may lie.
    fits: Vec<Vec<LayerBlob>>,
    /// Records of steps by their time, whatever their description.
    steps: Vec<bool>,
}

impl Search<'_> {
    fn is_layer(&self, at: usize) -> bool {
        &*self.records[at].kind == "regular"
    }

    fn size(&self, at: usize) -> Bytes {
        self.records[at].size.known().unwrap_or_default()
    }

    /// Snapshot and blob together, where both are known.
    fn whole(&self, spot: &LayerBlob) -> Option<Bytes> {
        let unpacked = self.sizes.exact(spot.layer)?;
        Some(unpacked + self.store.size(spot.blob))
    }

    fn find(&mut self) {
        let mut by_time: HashMap<Timestamp, Vec<LayerBlob>> = HashMap::new();
        let mut by_depth: HashMap<u32, Vec<LayerBlob>> = HashMap::new();
        for spot in &self.store.spots {
            if let Some(created) = spot.created {
                by_time.entry(created).or_default().push(*spot);
            }
            let depth = self.tree.depth(spot.layer);
            by_depth.entry(depth).or_default().push(*spot);
        }
        for at in 0..self.records.len() {
            if !self.is_layer(at) {
                continue;
            }
            let record = &self.records[at];
            let timely = record.created.and_then(|created| by_time.get(&created));
            if let Some(spots) = timely {
                self.steps[at] = true;
                self.fits[at] = self.likely(at, spots);
                continue;
            }
            let depth = self.record_tree.depth[at];
            let level = depth.and_then(|depth| by_depth.get(&depth));
            let level = level.map_or(&[][..], Vec::as_slice);
            self.fits[at] = self.sized(at, level);
        }
    }

    /// Of layers of one time, those whose blob is in the record's size, and those at its depth, if there are.
    fn likely(&self, at: usize, spots: &[LayerBlob]) -> Vec<LayerBlob> {
        let mut found = spots.to_vec();
        let size = self.size(at);
        keep_if_any(&mut found, |spot| {
            may_hold(size, self.store.size(spot.blob))
        });
        if let Some(depth) = self.record_tree.depth[at] {
            keep_if_any(&mut found, |spot| self.tree.depth(spot.layer) == depth);
        }
        found
    }

    /// Layers of the same size at the same depth: of a base the blob alone, the usual case, or both.
    fn sized(&self, at: usize, level: &[LayerBlob]) -> Vec<LayerBlob> {
        let size = self.size(at);
        let base = self.records[at].is_base();
        let fits = |spot: &&LayerBlob| {
            self.whole(spot) == Some(size) || base && self.store.size(spot.blob) == size
        };
        level.iter().filter(fits).copied().collect()
    }

    /// A record lies on what its parent is, and a parent below what is made on it.
    fn narrow(&mut self) {
        for at in self.record_tree.order() {
            let Some(parent) = self.record_tree.parent(at) else {
                continue;
            };
            let below: HashSet<LayerNo> = layers(&self.fits[parent]);
            let lies = |spot: &LayerBlob| {
                let under = self.tree.below(spot.layer);
                under.is_some_and(|under| below.contains(&under))
            };
            if self.steps[at] {
                keep_if_any(&mut self.fits[at], lies);
            } else {
                self.fits[at].retain(lies);
            }
        }
        for at in self.record_tree.order().rev() {
            let Some(parent) = self.record_tree.parent(at) else {
                continue;
            };
            let under: HashSet<LayerNo> = self.fits[at]
                .iter()
                .filter_map(|spot| self.tree.below(spot.layer))
                .collect();
            keep_if_any(&mut self.fits[parent], |spot| under.contains(&spot.layer));
        }
    }

    fn certain(&self) -> Vec<RecordKeeps> {
        (0..self.records.len())
            .map(|at| {
                let fits = &self.fits[at];
                let base = !self.steps[at] && self.records[at].is_base();
                if !self.is_layer(at) {
                    RecordKeeps::Own
                } else if fits.is_empty() && base && !self.size(at).is_zero() {
                    RecordKeeps::GoneBase(self.blobs_of_size(at))
                } else if fits.is_empty() {
                    RecordKeeps::Own
                } else if base {
                    let places = fits.iter().map(|spot| (spot.layer, spot.blob));
                    RecordKeeps::Base(once(places))
                } else {
                    RecordKeeps::Step(once(fits.iter().map(|spot| spot.blob)))
                }
            })
            .collect()
    }

    /// Layers' blobs of a record's very size, of no image if there are such.
    fn blobs_of_size(&self, at: usize) -> Vec<u32> {
        let size = self.size(at);
        let list = &self.store.list;
        let orphans = list.orphans().filter(|blob| self.store.size(*blob) == size);
        let orphans: Vec<u32> = orphans.collect();
        if !orphans.is_empty() {
            return orphans;
        }
        let blobs = (0_u32..).zip(list.blobs());
        let alike = blobs.filter(|(_, blob)| blob.size == size && blob.uncompressed.is_some());
        alike.map(|(at, _)| at).collect()
    }

    /// Steps that no time and no place told of: the same step on another base, or one whose image is gone.
    fn settle_open(&self, keeps: &mut [RecordKeeps]) {
        let taken: HashSet<u32> = keeps
            .iter()
            .flat_map(|keeps| match keeps {
                RecordKeeps::Step(blobs) => blobs.clone(),
                RecordKeeps::Base(places) => places.iter().map(|(_, blob)| *blob).collect(),
                RecordKeeps::Own | RecordKeeps::GoneBase(_) | RecordKeeps::Some => Vec::new(),
            })
            .collect();
        let orphans: Vec<u32> = self
            .store
            .list
            .orphans()
            .filter(|blob| !taken.contains(blob))
            .collect();
        let based: HashSet<u32> = keeps
            .iter()
            .filter_map(|keeps| match keeps {
                RecordKeeps::GoneBase(blobs) => <[u32; 1]>::try_from(&blobs[..]).ok(),
                _ => None,
            })
            .flatten()
            .collect();
        let mut open: Vec<(usize, Vec<u32>)> = (0..keeps.len())
            .filter(|at| keeps[*at] == RecordKeeps::Own && self.is_layer(*at))
            .map(|at| (at, self.that_may_be(at, orphans.iter().copied())))
            .collect();
        // Something was built on what a step made here: then both keep one blob.
        open.retain_mut(|(at, blobs)| {
            let is_base = |blob: &u32| based.contains(blob);
            if let [blob] = blobs[..]
                && is_base(&blob)
            {
                keeps[*at] = RecordKeeps::Step(vec![blob]);
                return false;
            }
            blobs.retain(|blob| !is_base(blob));
            true
        });
        let wanted: HashSet<u32> = open.iter().flat_map(|(_, blobs)| blobs.clone()).collect();
        let claims = open.iter().filter(|(_, blobs)| !blobs.is_empty()).count();
        for (at, mine) in open {
            keeps[at] = self.settle_one(at, mine, wanted.len() >= claims);
        }
    }

    fn settle_one(&self, at: usize, orphans: Vec<u32>, enough: bool) -> RecordKeeps {
        let size = self.size(at);
        // A step of a stage that was never exported has no blob, though the engine may call it shared.
        if size.0.is_multiple_of(BLOCK) {
            return RecordKeeps::Own;
        }
        let spots = &self.store.spots;
        let same = spots.iter().filter(|spot| self.whole(spot) == Some(size));
        let mut same = once(same.map(|spot| spot.blob));
        if !orphans.is_empty() && !self.records[at].shared {
            if enough {
                return RecordKeeps::Own;
            }
            same.extend(orphans);
            return RecordKeeps::Step(once(same.into_iter()));
        }
        if same.is_empty() && self.records[at].shared {
            same = self.that_may_be(at, spots.iter().map(|spot| spot.blob));
            if same.is_empty() {
                return RecordKeeps::Some;
            }
        }
        if same.is_empty() {
            return RecordKeeps::Own;
        }
        RecordKeeps::Step(same)
    }

    fn that_may_be(&self, at: usize, blobs: impl Iterator<Item = u32>) -> Vec<u32> {
        let size = self.size(at);
        once(blobs.filter(|blob| may_hold(size, self.store.size(*blob))))
    }
}

/// Returns true if a gone base's record, of whose size is no blob, counts both a blob that no image reaches and what
/// that is unpacked.
pub(in crate::domain) fn counts_both(record: &Record, store: &ContentStore) -> bool {
    let size = record.size.known().unwrap_or_default();
    let is_both = |blob: u32| {
        let packed = store.size(blob);
        may_hold(size, packed) && store.extents.may_take(blob, size - packed)
    };
    store.list.orphans().any(is_both)
}

fn layers(spots: &[LayerBlob]) -> HashSet<LayerNo> {
    spots.iter().map(|spot| spot.layer).collect()
}

/// Keeps what passes a test, unless nothing does.
fn keep_if_any(spots: &mut Vec<LayerBlob>, test: impl Fn(&LayerBlob) -> bool) {
    if spots.iter().any(&test) {
        spots.retain(test);
    }
}

/// Returns each once, in order.
fn once<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
