//! Layers by what they are made of: each knows the layer below it, so one number stands for a whole chain.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use sha2::{Digest as _, Sha256};

use crate::domain::compact::texts::Digest;
use crate::domain::item::{ChainId, Content};

use crate::domain::compact::opt_index::OptIndex;

/// The number of a unit of bytes (see [`crate::domain::retention`]). Layers come first among units.
pub(in crate::domain) type UnitNo = u32;

/// A layer's place in the [`Tree`], which is the number of its unit, too.
pub(in crate::domain) type LayerNo = UnitNo;

/// Engines stack no more layers than about this many (overlay2: 128). What is above has a diff ID of its own: it
/// would take long to find one among so many others.
const DEEP: u32 = 128;

/// Every distinct layer of an engine. Two images have the same layer exactly if its diff ID and all those
/// below it are equal, which is what a chain ID says (ENGINE.md §2.1), without computing any hash.
#[derive(Debug, Default)]
pub(in crate::domain) struct Tree {
    layers: Vec<LayerNode>,
    sources: Vec<DiffIdSource>,
    /// Layers by what they stand on and their diff ID, as long as more may be taken in.
    known: HashTable<LayerNo>,
    hasher: RandomState,
}

/// A layer has no diff ID of its own: it is where it was first found.
#[derive(Debug)]
struct LayerNode {
    below: OptIndex,
    /// How many layers there are up to and including this one.
    depth: u32,
    /// The place of its [`DiffIdSource`].
    source: u32,
}

/// Where a diff ID is written.
#[derive(Debug)]
enum DiffIdSource {
    /// With an image, at the place that is the layer's depth.
    Image(Arc<Content>),
    /// Here: no image was found with it first, or very many layers are below it.
    Other(Box<Digest>),
}

impl Tree {
    /// Takes in a chain of layers, the lowest first, and returns the top one.
    pub(in crate::domain) fn take(
        &mut self,
        diff_ids: impl Iterator<Item = Digest>,
    ) -> Option<LayerNo> {
        let mut top = None;
        for diff_id in diff_ids {
            top = Some(self.layer_on(top, diff_id));
        }
        top
    }

    /// Takes in the layers of an image, and returns the top one.
    pub(super) fn take_image(&mut self, content: &Arc<Content>) -> Option<LayerNo> {
        let mut top = None;
        let mut source = None;
        for diff_id in content.diff_ids.digests() {
            let hash = hash(&self.hasher, top, &diff_id);
            let known = self.find(hash, top, &diff_id);
            top = known.or_else(|| {
                let source = if top.is_some_and(|below| self.depth(below) >= DEEP) {
                    push(&mut self.sources, DiffIdSource::Other(diff_id.into()))
                } else {
                    let image = || DiffIdSource::Image(Arc::clone(content));
                    *source.get_or_insert_with(|| push(&mut self.sources, image()))
                };
                Some(self.add(hash, top, source))
            });
        }
        top
    }

    /// Returns the layer of some content on another.
    pub(super) fn layer_on(&mut self, below: Option<LayerNo>, diff_id: Digest) -> LayerNo {
        let hash = hash(&self.hasher, below, &diff_id);
        self.find(hash, below, &diff_id).unwrap_or_else(|| {
            let source = push(&mut self.sources, DiffIdSource::Other(diff_id.into()));
            self.add(hash, below, source)
        })
    }

    fn find(&self, hash: u64, below: Option<LayerNo>, diff_id: &Digest) -> Option<LayerNo> {
        let is_it = |at: &LayerNo| self.below(*at) == below && self.diff_id(*at) == *diff_id;
        self.known.find(hash, is_it).copied()
    }

    fn add(&mut self, hash: u64, below: Option<LayerNo>, source: u32) -> LayerNo {
        let layer = LayerNode {
            below: below.into(),
            depth: below.map_or(0, |below| self.depth(below)) + 1,
            source,
        };
        let added = push(&mut self.layers, layer);
        let (layers, sources, hasher) = (&self.layers, &self.sources, &self.hasher);
        self.known.insert_unique(hash, added, |at| {
            let layer = &layers[*at as usize];
            self::hash(hasher, layer.below.get(), &layer.diff_id(sources))
        });
        added
    }

    /// Says that no layer will be taken in any more.
    pub(super) fn close(&mut self) {
        self.known = HashTable::new();
        self.layers.shrink_to_fit();
        self.sources.shrink_to_fit();
    }

    pub(in crate::domain) fn len(&self) -> usize {
        self.layers.len()
    }

    pub(in crate::domain) fn below(&self, layer: LayerNo) -> Option<LayerNo> {
        self.layers[layer as usize].below.get()
    }

    pub(in crate::domain) fn diff_id(&self, layer: LayerNo) -> Digest {
        self.layers[layer as usize].diff_id(&self.sources)
    }

    pub(in crate::domain) fn depth(&self, layer: LayerNo) -> u32 {
        self.layers[layer as usize].depth
    }

    pub(in crate::domain) fn numbers(&self) -> std::ops::Range<LayerNo> {
        0..number(self.layers.len())
    }

    /// Returns a layer and all below it, from the top down.
    pub(in crate::domain) fn down(&self, top: LayerNo) -> impl Iterator<Item = LayerNo> + '_ {
        std::iter::successors(Some(top), |layer| self.below(*layer))
    }

    /// Returns a chain from the lowest layer up.
    pub(in crate::domain) fn up_to(&self, top: LayerNo) -> Vec<LayerNo> {
        let mut chain: Vec<LayerNo> = self.down(top).collect();
        chain.reverse();
        chain
    }

    /// Returns the chain ID of every layer, by its number.
    pub(in crate::domain) fn all_chain_ids(&self) -> Vec<Digest> {
        let mut ids: Vec<Digest> = Vec::with_capacity(self.layers.len());
        for layer in self.numbers() {
            // A layer is taken in after the one below it.
            let below = self.below(layer).and_then(|below| ids.get(below as usize));
            ids.push(chain_digest(below, self.diff_id(layer)));
        }
        ids
    }

    /// Returns the chain IDs of a chain, the lowest first.
    pub(in crate::domain) fn chain_ids(&self, top: LayerNo) -> Vec<ChainId> {
        let mut ids: Vec<Digest> = Vec::new();
        for layer in self.up_to(top) {
            ids.push(chain_digest(ids.last(), self.diff_id(layer)));
        }
        let ids = ids.iter();
        ids.map(|id| ChainId::new(id.text())).collect()
    }
}

impl LayerNode {
    fn diff_id(&self, sources: &[DiffIdSource]) -> Digest {
        match &sources[self.source as usize] {
            DiffIdSource::Image(content) => {
                let found = content.diff_ids.digest(self.depth as usize - 1);
                // It was found there, and what an image has never changes.
                found.unwrap_or_else(|| Digest::new(""))
            }
            DiffIdSource::Other(diff_id) => Digest::clone(diff_id),
        }
    }
}

fn hash(hasher: &RandomState, below: Option<LayerNo>, diff_id: &Digest) -> u64 {
    hasher.hash_one((below, diff_id))
}

/// Appends something and returns its place.
fn push<T>(list: &mut Vec<T>, item: T) -> u32 {
    list.push(item);
    number(list.len() - 1)
}

/// Returns the ID of the chain that a layer ends, as engines compute it from the chain below and the layer's diff ID.
#[must_use]
pub fn chain_id(below: Option<&ChainId>, diff_id: &str) -> ChainId {
    let below = below.map(|below| Digest::new(below.as_str()));
    ChainId::new(chain_digest(below.as_ref(), Digest::new(diff_id)).text())
}

/// Returns the ID of a chain: of the one below, a space, and the next diff ID. The lowest layer's is the diff ID.
fn chain_digest(below: Option<&Digest>, diff_id: Digest) -> Digest {
    let Some(below) = below else {
        return diff_id;
    };
    let digest = Sha256::new()
        .chain_update(&*below.text())
        .chain_update(" ")
        .chain_update(&*diff_id.text())
        .finalize();
    Digest::Sha256(digest.into())
}

/// Returns a length as a number of 32 bits: no engine has four milliards of anything.
pub(in crate::domain) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
