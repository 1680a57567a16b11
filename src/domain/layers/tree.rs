//! Layers by what they are made of: each knows the layer below it, so one number stands for a whole chain.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::domain::item::{ChainId, Text};

/// A layer's place in the [`Tree`].
pub(super) type LayerNo = u32;

/// Every distinct layer of an engine. Two images have the same layer exactly if its diff ID and all those
/// below it are equal, which is what a chain ID says (ENGINE.md §2.1), without computing any hash.
#[derive(Debug, Default)]
pub(super) struct Tree {
    layers: Vec<Layer>,
    known: HashMap<(Option<LayerNo>, Content), LayerNo>,
}

/// A diff ID as it is compared: the bytes of a digest, where it is one, lie together with the rest of the key.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Content {
    Digest([u8; 32]),
    Other(Text),
}

impl Content {
    fn of(diff_id: &Text) -> Self {
        digest(diff_id).map_or_else(|| Self::Other(diff_id.clone()), Self::Digest)
    }
}

/// The bytes of a `sha256:` digest in small letters, as engines write it.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.strip_prefix("sha256:")?.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[derive(Debug)]
struct Layer {
    below: Option<LayerNo>,
    diff_id: Text,
    /// How many layers there are up to and including this one.
    depth: u32,
}

impl Tree {
    /// Takes in a chain of layers, the lowest first, and returns the top one.
    pub(super) fn take(&mut self, diff_ids: &[Text]) -> Option<LayerNo> {
        let mut top = None;
        for diff_id in diff_ids {
            top = Some(self.layer_on(top, diff_id));
        }
        top
    }

    /// The layer of some content on another.
    pub(super) fn layer_on(&mut self, below: Option<LayerNo>, diff_id: &Text) -> LayerNo {
        let next = number(self.layers.len());
        let key = (below, Content::of(diff_id));
        let layer = *self.known.entry(key).or_insert(next);
        if layer == next {
            let depth = below.map_or(0, |below| self.depth(below)) + 1;
            self.layers.push(Layer {
                below,
                diff_id: diff_id.clone(),
                depth,
            });
        }
        layer
    }

    /// Says that no layer will be taken in any more.
    pub(super) fn close(&mut self) {
        self.known = HashMap::new();
    }

    pub(super) fn len(&self) -> usize {
        self.layers.len()
    }

    pub(super) fn below(&self, layer: LayerNo) -> Option<LayerNo> {
        self.layers[layer as usize].below
    }

    pub(super) fn diff_id(&self, layer: LayerNo) -> &Text {
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
                || ChainId::new(layer.diff_id.clone()),
                |below| chain_id(below, &layer.diff_id),
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
                None => ChainId::new(diff_id.clone()),
                Some(below) => chain_id(below, diff_id),
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

    #[test]
    fn chains_are_equal_only_with_all_that_is_below() {
        let mut tree = Tree::default();
        let [a, b, c] = ["sha256:a", "sha256:b", "sha256:c"].map(Text::from);
        let ab = tree.take(&[a.clone(), b.clone()]);
        let cb = tree.take(&[c, b.clone()]);
        assert_ne!(ab, cb);
        assert_eq!(tree.take(&[a, b]), ab);
        assert_eq!(tree.take(&[]), None);
        assert_eq!(tree.len(), 4);
    }

    #[test]
    fn a_digest_is_compared_by_all_its_digits() {
        let mut tree = Tree::default();
        let id = |digits: &str| Text::from(format!("sha256:{digits}"));
        let (zeros, one) = ("0".repeat(64), format!("{}1", "0".repeat(63)));
        let (capital, short) = ("A".repeat(64), "0".repeat(63));
        let ids = [&zeros, &one, &capital, &"a".repeat(64), &short];
        for (place, digits) in ids.into_iter().enumerate() {
            assert_eq!(tree.take(&[id(digits)]), Some(number(place)), "{digits}");
        }
        assert_eq!(tree.take(&[id(&one)]), Some(1));
    }

    #[test]
    fn a_chain_id_is_the_one_that_docker_computes() {
        // `printf 'sha256:aa sha256:bb' | sha256sum`
        let mut tree = Tree::default();
        let top = tree
            .take(&["sha256:aa".into(), "sha256:bb".into()])
            .unwrap();
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
