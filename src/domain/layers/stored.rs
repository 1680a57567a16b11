//! Layers that the engine's own folder lists, images' or not (ENGINE.md §2.1, §2.5).

use std::collections::HashMap;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::Digest;
use crate::domain::inventory::Inventory;
use crate::domain::item::{ChainId, RecordId};
use crate::domain::store::layerdb::{Kept, LayerDb, OnDisk, StoredLayer, is_buildkits};
use crate::domain::text::Text;

use super::tree::{LayerNo, Tree};

/// The engine's own list of layers, joined with the tree.
#[derive(Debug, Default)]
pub(in crate::domain) struct StoredLayers {
    /// The folder could be read: every layer that there is is in the tree.
    pub(in crate::domain) is_known: bool,
    /// Some layers that no image has are remembered.
    pub(in crate::domain) remembers: bool,
    pub(super) sizes: Vec<(LayerNo, Bytes)>,
    /// What the disk keeps of layers, as far as it was measured.
    kept: Vec<(LayerNo, Kept)>,
    /// The same of what records have of their own.
    of_records: HashMap<RecordId, Kept>,
    pub(super) folders: HashMap<Text, LayerNo>,
    /// What records are, where the engine notes it: a layer, or none at all.
    pub(in crate::domain) records: HashMap<RecordId, Option<LayerNo>>,
    /// What records were that share a layer with an image still, where that told it more clearly before.
    pub(in crate::domain) hints: HashMap<RecordId, LayerNo>,
    /// By layer, true of those in a folder that BuildKit named.
    by_buildkit: Vec<bool>,
}

impl StoredLayers {
    /// Takes all stored layers into the tree, behind those of images.
    pub(super) fn new(inventory: &Inventory, tree: &mut Tree) -> Self {
        let mut stored = Self::default();
        if inventory.keeps_blobs() {
            return stored;
        }
        let of_images = tree.len();
        if let Figure::Known(db) = &inventory.stored {
            stored.is_known = true;
            stored.take(db, tree);
            stored.take_measured(db, &inventory.on_disk);
        } else {
            stored.take(&remembered(inventory), tree);
            for record in &inventory.cache {
                let Some(Some(layer)) = stored.records.get(&record.id).copied() else {
                    continue;
                };
                let is_gone = layer as usize >= of_images;
                // Else the lists are of different moments.
                if record.shared && !is_gone {
                    stored.hints.insert(record.id.clone(), layer);
                }
                if record.shared || !is_gone {
                    stored.records.remove(&record.id);
                }
            }
            stored.remembers = tree.len() > of_images;
        }
        stored.by_buildkit = vec![false; tree.len()];
        for (folder, layer) in &stored.folders {
            stored.by_buildkit[*layer as usize] = is_buildkits(folder);
        }
        stored
    }

    fn take(&mut self, stored: &LayerDb, tree: &mut Tree) {
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
                let number = tree.layer_on(below, Digest::new(&at.diff_id));
                numbers.insert(&at.chain, number);
                self.sizes.extend(at.size.map(|size| (number, size)));
                self.folders.insert(at.folder.clone(), number);
            }
        }
        for (record, chain) in &stored.records {
            let layer = chain.as_ref().map(|chain| numbers.get(chain).copied());
            match layer {
                // It keeps a layer that is not listed: nothing is known of it.
                Some(None) => continue,
                Some(layer) => self.records.insert(record.clone(), layer),
                None => self.records.insert(record.clone(), None),
            };
        }
    }

    fn take_measured(&mut self, stored: &LayerDb, on_disk: &OnDisk) {
        let folders = self.folders.iter();
        let kept = folders.filter_map(|(folder, layer)| {
            let kept = on_disk.folders.get(folder)?;
            Some((*layer, *kept))
        });
        self.kept = kept.collect();
        let records = stored.records.iter();
        let own = records.filter(|(_, chain)| chain.is_none());
        let own = own.filter_map(|(id, _)| {
            let kept = match stored.written.get(id) {
                Some(kept) => (*kept)?,
                None => *on_disk.folders.get(&stored.folder_of(id))?,
            };
            Some((id.clone(), kept))
        });
        self.of_records = own.collect();
    }

    /// Returns what the disk keeps of a record that is no layer.
    pub(in crate::domain) fn of_record(&self, record: &RecordId) -> Option<Kept> {
        self.of_records.get(record).copied()
    }

    /// Returns what the disk keeps of layers, as far as it was measured.
    pub(in crate::domain) fn kept(&self) -> &[(LayerNo, Kept)] {
        &self.kept
    }

    /// Returns true of a layer that a step of a build made here.
    pub(in crate::domain) fn is_by_buildkit(&self, layer: LayerNo) -> bool {
        self.by_buildkit.get(layer as usize) == Some(&true)
    }
}

/// Returns what is remembered of records that are still there.
fn remembered(inventory: &Inventory) -> LayerDb {
    let memory = &inventory.remembered;
    let records: HashMap<RecordId, Option<ChainId>> = inventory
        .cache
        .iter()
        .filter_map(|record| memory.records.get_key_value(&record.id))
        .map(|(record, chain)| (record.clone(), chain.clone()))
        .collect();
    let layers: HashMap<&ChainId, &StoredLayer> =
        memory.layers.iter().map(|it| (&it.chain, it)).collect();
    let mut wanted: HashMap<&ChainId, &StoredLayer> = HashMap::new();
    for chain in records.values().flatten() {
        let mut next = layers.get(chain);
        while let Some(layer) = next {
            if wanted.insert(&layer.chain, layer).is_some() {
                break;
            }
            let parent = layer.parent.as_ref();
            next = parent.and_then(|parent| layers.get(parent));
        }
    }
    LayerDb {
        layers: wanted.into_values().cloned().collect(),
        records,
        ..LayerDb::default()
    }
}
