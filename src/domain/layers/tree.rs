//! Layers by what they are made of: each knows the layer below it, so one number stands for a whole chain.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::domain::item::ChainId;
use crate::domain::texts::Digest;

/// A layer's place in the [`Tree`].
pub(super) type LayerNo = u32;

/// Every distinct layer of an engine. Two images have the same layer exactly if its diff ID and all those
/// below it are equal, which is what a chain ID says (ENGINE.md §2.1), without computing any hash.
#[derive(Debug, Default)]
pub(super) struct Tree {
    layers: Vec<Layer>,
    known: HashMap<(Option<LayerNo>, Digest), LayerNo>,
}

#[derive(Debug)]
struct Layer {
    below: Option<LayerNo>,
    diff_id: Digest,
    /// How many layers there are up to and including this one.
    depth: u32,
}

impl Tree {
    /// Takes in a chain of layers, the lowest first, and returns the top one.
    pub(super) fn take(&mut self, diff_ids: impl Iterator<Item = Digest>) -> Option<LayerNo> {
        let mut top = None;
        for diff_id in diff_ids {
            top = Some(self.layer_on(top, diff_id));
        }
        top
    }

    /// The layer of some content on another.
    pub(super) fn layer_on(&mut self, below: Option<LayerNo>, diff_id: Digest) -> LayerNo {
        let next = number(self.layers.len());
        let layer = *self.known.entry((below, diff_id.clone())).or_insert(next);
        if layer == next {
            let depth = below.map_or(0, |below| self.depth(below)) + 1;
            self.layers.push(Layer {
                below,
                diff_id,
                depth,
            });
        }
        layer
    }

    /// Says that no layer will be taken in any more.
    pub(super) fn close(&mut self) {
        self.known = HashMap::new();
        self.layers.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.layers.len()
    }

    pub(super) fn below(&self, layer: LayerNo) -> Option<LayerNo> {
        self.layers[layer as usize].below
    }

    pub(super) fn diff_id(&self, layer: LayerNo) -> &Digest {
        &self.layers[layer as usize].diff_id
    }

    pub(super) fn depth(&self, layer: LayerNo) -> u32 {
        self.layers[layer as usize].depth
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = LayerNo> + use<> {
        0..number(self.layers.len())
    }

    /// A layer and all below it, from the top down.
    pub(super) fn down(&self, top: LayerNo) -> impl Iterator<Item = LayerNo> + '_ {
        std::iter::successors(Some(top), |layer| self.below(*layer))
    }

    /// A chain from the lowest layer up.
    pub(super) fn up_to(&self, top: LayerNo) -> Vec<LayerNo> {
        let mut chain: Vec<LayerNo> = self.down(top).collect();
        chain.reverse();
        chain
    }

    /// The chain ID of every layer, by its number.
    pub(super) fn all_chain_ids(&self) -> Vec<ChainId> {
        let mut ids: Vec<ChainId> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            // A layer is taken in after the one below it.
            let below = layer.below.and_then(|below| ids.get(below as usize));
            let id = below.map_or_else(
                || ChainId::new(layer.diff_id.text()),
                |below| chain_id(below, &layer.diff_id.text()),
            );
            ids.push(id);
        }
        ids
    }

    /// The chain IDs of a chain, the lowest first.
    pub(super) fn chain_ids(&self, top: LayerNo) -> Vec<ChainId> {
        let mut ids: Vec<ChainId> = Vec::new();
        for layer in self.up_to(top) {
            let diff_id = &self.layers[layer as usize].diff_id;
            ids.push(match ids.last() {
                None => ChainId::new(diff_id.text()),
                Some(below) => chain_id(below, &diff_id.text()),
            });
        }
        ids
    }
}

/// The ID of a chain: of the one below, a space, and the next diff ID.
fn chain_id(below: &ChainId, diff_id: &str) -> ChainId {
    use std::fmt::Write as _;

    let digest = Sha256::new()
        .chain_update(below.as_str())
        .chain_update(" ")
        .chain_update(diff_id)
        .finalize();
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    ChainId::new(text)
}

/// A length as a number of 32 bits: no engine has four milliards of anything.
pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(tree: &mut Tree, diff_ids: &[&str]) -> Option<LayerNo> {
        tree.take(diff_ids.iter().map(|it| Digest::new(it)))
    }

    #[test]
    fn chains_are_equal_only_with_all_that_is_below() {
        let mut tree = Tree::default();
        let ab = take(&mut tree, &["sha256:a", "sha256:b"]);
        let cb = take(&mut tree, &["sha256:c", "sha256:b"]);
        assert_ne!(ab, cb);
        assert_eq!(take(&mut tree, &["sha256:a", "sha256:b"]), ab);
        assert_eq!(take(&mut tree, &[]), None);
        assert_eq!(tree.len(), 4);
    }

    #[test]
    fn a_digest_is_compared_by_all_its_digits() {
        let mut tree = Tree::default();
        let (zeros, one) = ("0".repeat(64), format!("{}1", "0".repeat(63)));
        let (capital, short) = ("A".repeat(64), "0".repeat(63));
        let ids = [&zeros, &one, &capital, &"a".repeat(64), &short];
        let ids = ids.map(|digits| format!("sha256:{digits}"));
        for (place, id) in ids.iter().enumerate() {
            assert_eq!(take(&mut tree, &[id]), Some(number(place)), "{id}");
        }
        assert_eq!(take(&mut tree, &[&ids[1]]), Some(1));
    }

    #[test]
    fn a_chain_id_is_the_one_that_docker_computes() {
        // `printf 'sha256:aa sha256:bb' | sha256sum`
        let mut tree = Tree::default();
        let top = take(&mut tree, &["sha256:aa", "sha256:bb"]).unwrap();
        assert_eq!(
            tree.chain_ids(top)
                .iter()
                .map(ChainId::as_str)
                .collect::<Vec<_>>(),
            [
                "sha256:aa",
                "sha256:b68ad689d6d1ec110ea1c13617437ad6f3766d4b3b309f6a603a222e07a0164f"
            ]
        );
    }
}
