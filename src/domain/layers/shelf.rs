//! Layers that the engine's own folder lists, images' or not (ENGINE.md §2.1, §2.5).

use std::collections::HashMap;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Inventory;
use crate::domain::item::{ChainId, RecordId, Text};
use crate::domain::stored::StoredLayer;

use super::ledger::has_blobs;
use super::tree::{LayerNo, Tree};

/// The engine's own list of layers, joined with the tree.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// The folder could be read: every layer that there is is in the tree.
    pub(super) is_known: bool,
    pub(super) sizes: Vec<(LayerNo, Bytes)>,
    pub(super) folders: HashMap<Text, LayerNo>,
    /// What records are, where the engine notes it: a layer, or none at all.
    pub(super) records: HashMap<RecordId, Option<LayerNo>>,
    /// By layer, true of those in a folder that BuildKit named.
    by_buildkit: Vec<bool>,
}

/// BuildKit's names for folders have 25 letters and digits (ENGINE.md §2.5).
pub(super) fn is_buildkits(folder: &str) -> bool {
    folder.len() == 25
}

impl Shelf {
    /// Takes all stored layers into the tree, behind those of images.
    pub(super) fn new(inventory: &Inventory, tree: &mut Tree) -> Self {
        let mut shelf = Self::default();
        let Figure::Known(stored) = &inventory.stored else {
            return shelf;
        };
        if has_blobs(inventory) {
            return shelf;
        }
        shelf.is_known = true;
        let index: HashMap<&ChainId, &StoredLayer> = stored
            .layers
            .iter()
            .map(|layer| (&layer.chain, layer))
            .collect();
        let mut numbers: HashMap<&ChainId, LayerNo> = HashMap::new();
        for layer in &stored.layers {
            let mut above = Vec::new();
            let mut next = Some(layer);
            // A chain that ends in the air, or in itself, is not taken.
            while let Some(at) = next {
                if numbers.contains_key(&at.chain) || above.len() > stored.layers.len() {
                    break;
                }
                above.push(at);
                next = at
                    .parent
                    .as_ref()
                    .and_then(|parent| index.get(parent).copied());
            }
            while let Some(at) = above.pop() {
                let below = at
                    .parent
                    .as_ref()
                    .map(|parent| numbers.get(parent).copied());
                let below = match below {
                    None => None,
                    Some(Some(below)) => Some(below),
                    Some(None) => break,
                };
                let number = tree.layer_on(below, &at.diff_id);
                numbers.insert(&at.chain, number);
                shelf.sizes.push((number, at.size));
                shelf.folders.insert(at.folder.clone(), number);
            }
        }
        for (record, chain) in &stored.records {
            let layer = chain.as_ref().map(|chain| numbers.get(chain).copied());
            match layer {
                // It keeps a layer that is not listed: nothing is known of it.
                Some(None) => continue,
                Some(layer) => shelf.records.insert(record.clone(), layer),
                None => shelf.records.insert(record.clone(), None),
            };
        }
        shelf.by_buildkit = vec![false; tree.len()];
        for (folder, layer) in &shelf.folders {
            shelf.by_buildkit[*layer as usize] = is_buildkits(folder);
        }
        shelf
    }

    /// True of a layer that a step of a build made here.
    pub(super) fn is_by_buildkit(&self, layer: LayerNo) -> bool {
        self.by_buildkit.get(layer as usize) == Some(&true)
    }
}
