//! What earlier pictures told of layers that no image has any more.
//!
//! An engine tells the sizes of layers that images have, and which records share them. When the image goes, the
//! cache may keep the layer, and of a base there is then nothing but that it is (ENGINE.md §2.6). What a record
//! keeps never changes, so what was found out while the image was there holds as long as the record does.

use std::collections::{HashMap, HashSet};

use crate::domain::inventory::Inventory;
use crate::domain::item::{ChainId, ItemId, Record, RecordId};
use crate::domain::store::layerdb::{LayerDb, StoredLayer};
use crate::domain::text::Text;

use super::Retention;
use super::records::is_untold;
use crate::domain::layers::tree::LayerNo;
use crate::domain::layers::tree::UnitNo;

impl Retention {
    /// Returns the layers that bases in the build cache were found to keep for certain, with all that is below them,
    /// and what tells steps from them; with what `inventory` remembers that this picture tells nothing of. `None` where
    /// it is not whole yet, or the store is one whose layers are known in another way.
    #[must_use]
    pub fn remember(&self, inventory: &Inventory) -> Option<LayerDb> {
        if self.unsettled || inventory.keeps_blobs() || inventory.stored.as_ref().known().is_some()
        {
            return None;
        }
        let tops = self.tops_to_remember(inventory);
        if tops.is_empty() && inventory.remembered.records.is_empty() {
            return Some(LayerDb::default());
        }
        let wanted: HashSet<UnitNo> = tops
            .iter()
            .flat_map(|(_, top)| self.tree.down(*top))
            .collect();
        let folders = self.folders_of(inventory, &wanted);
        let mut memory = LayerDb::default();
        let mut named: HashSet<ChainId> = HashSet::new();
        for (record, top) in tops {
            let Some(chain) = self.chain(top, &folders) else {
                continue;
            };
            if let Some(top) = chain.last() {
                memory.records.insert(record, Some(top.chain.clone()));
            }
            let fresh = chain
                .into_iter()
                .filter(|it| named.insert(it.chain.clone()));
            memory.layers.extend(fresh);
        }
        keep_older(inventory, &mut memory, &mut named);
        Some(memory)
    }

    /// Bases that have no size of their own, and of steps those that could be taken for one of them.
    fn tops_to_remember(&self, inventory: &Inventory) -> Vec<(RecordId, LayerNo)> {
        let look = |at: LayerNo| Some((self.tree.depth(at), self.sizes.exact(at)?));
        let mut tops = Vec::new();
        let mut looks = HashSet::new();
        for of_bases in [true, false] {
            let records = inventory.cache.iter().filter(|record| record.shared);
            for record in records.filter(|record| is_untold(record) == of_bases) {
                if !of_bases && looks.is_empty() {
                    break;
                }
                let Some(layer) = self.layer_of(record) else {
                    continue;
                };
                if of_bases {
                    looks.extend(look(layer));
                }
                if of_bases || look(layer).is_some_and(|look| looks.contains(&look)) {
                    tops.push((record.id.clone(), layer));
                }
            }
        }
        tops
    }

    /// Returns the layer of an image that a record is for certain.
    fn layer_of(&self, record: &Record) -> Option<LayerNo> {
        let holder = self.holder_of(&ItemId::Record(record.id.clone()))?;
        let hold = self.graph.only_hold(holder).filter(|hold| hold.sure)?;
        ((hold.unit as usize) < self.image_layers).then_some(hold.unit)
    }

    /// Returns where the driver keeps some layers, as far as images tell.
    fn folders_of(
        &self,
        inventory: &Inventory,
        wanted: &HashSet<UnitNo>,
    ) -> HashMap<LayerNo, Text> {
        let mut folders = HashMap::new();
        for (image, known) in inventory.images.iter().zip(&self.images) {
            let (Some(content), Some((_, top))) = (image.known_content(), known) else {
                continue;
            };
            let chain = self.tree.up_to(*top);
            if content.folders.len() == chain.len() {
                let pairs = chain.into_iter().zip(content.folders.iter());
                let pairs = pairs.filter(|(layer, _)| wanted.contains(layer));
                folders.extend(pairs);
            }
        }
        folders
    }

    /// Returns a chain of layers of which everything is known, the lowest first. Without its folder a layer could not
    /// be told from that of a container without an image.
    fn chain(&self, top: LayerNo, folders: &HashMap<LayerNo, Text>) -> Option<Vec<StoredLayer>> {
        let mut chain: Vec<StoredLayer> = Vec::new();
        let ids = self.tree.chain_ids(top);
        for (layer, id) in self.tree.up_to(top).into_iter().zip(ids) {
            chain.push(StoredLayer {
                chain: id,
                parent: chain.last().map(|below| below.chain.clone()),
                diff_id: self.tree.diff_id(layer).text(),
                folder: folders.get(&layer)?.clone(),
                size: Some(self.sizes.exact(layer)?),
            });
        }
        Some(chain)
    }
}

/// What was remembered of records that are still there, and of which this picture tells no more.
fn keep_older(inventory: &Inventory, memory: &mut LayerDb, named: &mut HashSet<ChainId>) {
    let older = &inventory.remembered;
    let layers: HashMap<&ChainId, &StoredLayer> =
        older.layers.iter().map(|it| (&it.chain, it)).collect();
    for record in &inventory.cache {
        if memory.records.contains_key(&record.id) {
            continue;
        }
        let Some(Some(top)) = older.records.get(&record.id) else {
            continue;
        };
        memory.records.insert(record.id.clone(), Some(top.clone()));
        let mut next = Some(top);
        while let Some(layer) = next.and_then(|chain| layers.get(chain)) {
            if !named.insert(layer.chain.clone()) {
                break;
            }
            memory.layers.push(StoredLayer::clone(layer));
            next = layer.parent.as_ref();
        }
    }
}
