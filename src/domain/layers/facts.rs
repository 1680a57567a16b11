//! What is known before anything is held: the layers there are, how large they are, and what tells of them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::bytes::Bytes;
use crate::domain::index::Index;
use crate::domain::inventory::{Inventory, Progress, Stage, Store};
use crate::domain::item::Container;
use crate::domain::store::disk_usage::Measure;
use crate::domain::text::Text;

use super::content_store::ContentStore;
use super::init_layers;
use super::sizes::Sizes;
use super::snapshots::SnapshotTree;
use super::span::Span;
use super::stored::StoredLayers;
use super::tree::{LayerNo, Tree};

/// The layers of an inventory, and all that is read to find out who holds them. Nothing in it changes while holders
/// are added.
pub(in crate::domain) struct LayerFacts<'a> {
    pub(in crate::domain) inventory: &'a Inventory,
    pub(in crate::domain) index: Arc<Index>,
    pub(in crate::domain) tree: Tree,
    /// The highest layer of each image; `None` of one without layers, or whose content is not known.
    pub(in crate::domain) tops: Vec<Option<LayerNo>>,
    pub(in crate::domain) sizes: Sizes,
    /// What the engine keeps with a layer besides what it says, by layer; empty where it keeps nothing of the kind.
    beside: Vec<Bytes>,
    /// The containerd store's blobs, where the engine lists them.
    pub(in crate::domain) store: Option<ContentStore>,
    /// The layers in the engine's folder, where it can be read.
    pub(in crate::domain) stored: StoredLayers,
    /// How many layers images have; those of greater numbers are in none.
    pub(in crate::domain) image_layers: usize,
}

impl<'a> LayerFacts<'a> {
    /// Reads an inventory. `index` is the one of that inventory.
    pub(in crate::domain) fn new(inventory: &'a Inventory, index: Arc<Index>) -> Self {
        let mut tree = Tree::default();
        let tops: Vec<Option<LayerNo>> = inventory
            .images
            .iter()
            .map(|image| tree.take_image(image.known_content()?))
            .collect();
        let of_images = tree.len();
        let mut store = ContentStore::new(inventory, &mut tree);
        let stored = StoredLayers::new(inventory, &mut tree);
        let sizes = match &mut store {
            Some(store) => {
                store.join_notes(inventory, &tree);
                Sizes::of_spans(store.spans(inventory, &tree, &tops))
            }
            None => Sizes::new(inventory, &tree, &tops, &stored.sizes),
        };
        tree.close();
        let snapshot_tree = store
            .as_mut()
            .and_then(|store| store.snapshot_tree.as_mut());
        let beside = match snapshot_tree {
            Some(snapshot_tree) => std::mem::take(&mut snapshot_tree.beside),
            None if inventory.keeps_blobs() => init_layers::beside(inventory, &tree, &tops),
            None => Vec::new(),
        };
        Self {
            inventory,
            index,
            image_layers: if stored.is_known || stored.remembers {
                of_images
            } else {
                tree.len()
            },
            tree,
            tops,
            sizes,
            beside,
            store,
            stored,
        }
    }

    /// Returns what the containerd store's own notes tell, where they can be read.
    pub(in crate::domain) fn snapshot_tree(&self) -> Option<&SnapshotTree> {
        self.store.as_ref()?.snapshot_tree.as_ref()
    }

    /// Returns the layers by their folder, as the engine's own list has them.
    pub(in crate::domain) fn stored_folders(&self) -> &HashMap<Text, LayerNo> {
        &self.stored.folders
    }

    /// Returns true where what the engine says of layers is the lengths of their files, as every store but
    /// containerd's does.
    pub(in crate::domain) fn by_length(&self) -> bool {
        let engine = &self.inventory.engine;
        engine.measure == Measure::Length && engine.store != Store::Containerd
    }

    /// Returns the size of a layer with what the engine keeps beside it.
    pub(in crate::domain) fn with_beside(&self, layer: LayerNo) -> Span {
        let span = self.sizes.span(layer);
        let beside = self.beside.get(layer as usize).copied();
        let beside = beside.unwrap_or_default();
        Span {
            least: span.least + beside,
            most: span.most + beside,
        }
    }

    /// Returns what only a container has: its writable layer, and on the containerd store the one for its mounts.
    pub(in crate::domain) fn own_bytes(
        &self,
        container: &Container,
        top: Option<LayerNo>,
    ) -> Bytes {
        let details = container.details.as_ref().known();
        let Some(written) = details.and_then(|details| details.size_rw) else {
            return Bytes::ZERO;
        };
        if !self.inventory.keeps_blobs() {
            return written;
        }
        let snapshot_tree = self.snapshot_tree();
        if let Some(mounts) =
            snapshot_tree.and_then(|snapshot_tree| snapshot_tree.mounts_of(container))
        {
            return written + mounts;
        }
        let below: Option<Bytes> = top.and_then(|top| {
            let mut layers = self.tree.down(top);
            layers.try_fold(Bytes::ZERO, |sum, layer| {
                Some(sum + self.with_beside(layer).size()?)
            })
        });
        let root = details.and_then(|details| details.size_root);
        written + init_layers::of_container(root, below.map(|below| below + written))
    }

    /// Returns true until images' contents have been asked for, or turn out not to come.
    pub(in crate::domain) fn layers_to_come(&self) -> bool {
        self.is_under_way(Stage::Layers)
    }

    /// Returns true until the sizes of containers have been asked for, or turn out not to come.
    pub(in crate::domain) fn sizes_to_come(&self) -> bool {
        self.is_under_way(Stage::ContainerSizes)
    }

    fn is_under_way(&self, stage: Stage) -> bool {
        matches!(
            self.inventory.stage(stage),
            Progress::Waiting | Progress::Running(_)
        )
    }
}
