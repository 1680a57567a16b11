//! The containerd store's list of blobs beside the layers that they unpack to.
//!
//! A layer is kept twice there, as a blob and as a snapshot named by its chain, and each has holders of its own
//! (ENGINE-CONTAINERD.md §1). The list says how large blobs are; histories say it of snapshots.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::Digest;
use crate::domain::inventory::Inventory;
use crate::domain::item::{Image, ImageId};
use crate::domain::store::content::{BlobList, Manifest};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

use super::orphans::Extents;
use super::packing::MOST_UNPACKED;
use super::snapshots::SnapshotTree;
use super::span::Span;
use super::tree::UnitNo;
use super::tree::{LayerNo, Tree, number};

/// Folders and rounding of a layer of no bytes.
const SMALL: Bytes = Bytes(65_536);

/// A layer of some manifest, with the blob that it is unpacked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::domain) struct LayerBlob {
    pub(in crate::domain) layer: LayerNo,
    pub(in crate::domain) blob: u32,
    pub(in crate::domain) created: Option<Timestamp>,
}

/// A manifest's highest layer.
#[derive(Clone, Copy, Debug)]
struct Top {
    layer: LayerNo,
    /// The store says that it is unpacked.
    unpacked: bool,
}

/// A list of blobs, joined with the tree of layers.
pub(in crate::domain) struct ContentStore {
    pub(in crate::domain) list: Arc<BlobList>,
    /// All layers of all manifests, gone builds included, each once.
    pub(in crate::domain) spots: Vec<LayerBlob>,
    tops: HashMap<Text, Top>,
    /// What blobs were read for.
    pub(in crate::domain) extents: Extents,
    /// Who keeps what, where the store's own notes tell.
    pub(in crate::domain) snapshot_tree: Option<SnapshotTree>,
    /// The unit of the first blob; the others follow in the list's order.
    first: UnitNo,
}

impl ContentStore {
    /// Takes the layers of all manifests into the tree, which must not grow any more afterwards.
    pub(super) fn new(inventory: &Inventory, tree: &mut Tree) -> Option<Self> {
        if !inventory.keeps_blobs() {
            return None;
        }
        let Figure::Known(list) = &inventory.blobs else {
            return None;
        };
        let mut store = Self {
            list: Arc::clone(list),
            spots: Vec::new(),
            tops: HashMap::new(),
            extents: Extents::default(),
            snapshot_tree: None,
            first: 0,
        };
        let mut seen = HashSet::new();
        for manifest in list.manifests() {
            store.take(manifest, tree, &mut seen);
        }
        store.first = number(tree.len());
        Some(store)
    }

    /// Joins the store's own notes, if it is they that the list is from, with the tree, which is complete.
    pub(super) fn join_notes(&mut self, inventory: &Inventory, tree: &Tree) {
        let first = self.first + number(self.list.blobs().len());
        let notes = self.list.notes();
        self.snapshot_tree = notes.map(|notes| SnapshotTree::new(notes, inventory, tree, first));
    }

    fn take(&mut self, manifest: &Manifest, tree: &mut Tree, seen: &mut HashSet<LayerBlob>) {
        let layers = manifest.layers.iter();
        let Some(top) = tree.take(layers.map(|layer| Digest::new(&layer.diff_id))) else {
            return;
        };
        for (layer, of) in tree.up_to(top).into_iter().zip(&manifest.layers) {
            let spot = of.blob.map(|blob| LayerBlob {
                layer,
                blob,
                created: of.created,
            });
            self.spots.extend(spot.filter(|spot| seen.insert(*spot)));
        }
        let top = Top {
            layer: top,
            unpacked: manifest.unpacked.is_some(),
        };
        self.tops.insert(manifest.digest.clone(), top);
    }

    /// Returns the unit of a blob.
    pub(in crate::domain) fn unit(&self, blob: u32) -> UnitNo {
        self.first + blob
    }

    pub(in crate::domain) fn size(&self, blob: u32) -> Bytes {
        self.list
            .blob(blob)
            .map_or(Bytes::ZERO, |listed| listed.size)
    }

    /// Returns the highest unpacked layer of each platform of an image, and whether the image keeps it for certain.
    /// `inspected` is the one that the engine shows.
    ///
    /// An image that was loaded when all of its layers were there already keeps none of them: `docker load` then leaves
    /// out the label by which the collector knows (seen on 28.5.2), and they go with whatever brought them.
    pub(in crate::domain) fn tops_of_image(
        &self,
        image: &Image,
        inspected: Option<LayerNo>,
    ) -> Vec<(LayerNo, bool)> {
        // History tells sizes only of what is unpacked.
        let shown = inspected.filter(|_| !image.layer_sizes().is_empty());
        let kept = self.unpacked(image.id.as_str()).map(|top| (top, true));
        let mut tops: Vec<(LayerNo, bool)> = kept.collect();
        // Where no manifest has such a label, the list has none to tell.
        let has_labels = self.tops.values().any(|top| top.unpacked);
        tops.extend(shown.map(|shown| (shown, !has_labels || tops.contains(&(shown, true)))));
        tops.sort_unstable();
        tops.dedup();
        tops
    }

    /// Returns the highest layers of what a container may run, most likely one.
    pub(in crate::domain) fn tops_of_run(
        &self,
        digest: &str,
        inspected: Option<LayerNo>,
    ) -> Vec<LayerNo> {
        let mut tops: Vec<LayerNo> = self.unpacked(digest).collect();
        if tops.is_empty() {
            let manifests = self.list.manifests_of(digest);
            tops = manifests.filter_map(|it| self.top(it)).collect();
        }
        match inspected.filter(|top| tops.is_empty() || tops.contains(top)) {
            Some(top) => vec![top],
            None => tops,
        }
    }

    fn top(&self, manifest: &Manifest) -> Option<LayerNo> {
        Some(self.tops.get(&manifest.digest)?.layer)
    }

    fn unpacked(&self, digest: &str) -> impl Iterator<Item = LayerNo> {
        self.list
            .manifests_of(digest)
            .filter_map(|manifest| self.tops.get(&manifest.digest))
            .filter(|top| top.unpacked)
            .map(|top| top.layer)
    }

    /// Returns what the store keeps packed for an image.
    pub(in crate::domain) fn packed_size(&self, image: &ImageId) -> Bytes {
        let content = self.list.image(image).map(|image| &image.content);
        let blobs = content.into_iter().flatten();
        blobs.map(|blob| self.size(*blob)).sum()
    }

    /// Returns what histories say of unpacked layers, what their blobs tell of the others, or bounds.
    pub(super) fn spans(
        &mut self,
        inventory: &Inventory,
        tree: &Tree,
        tops: &[Option<LayerNo>],
    ) -> Vec<Span> {
        if let Some(snapshot_tree) = &mut self.snapshot_tree {
            return std::mem::take(&mut snapshot_tree.spans);
        }
        let mut spans = vec![Span::UNKNOWN; tree.len()];
        for spot in &self.spots {
            let most = self.size(spot.blob).0.saturating_mul(MOST_UNPACKED);
            spans[spot.layer as usize] = Span::at_most(Bytes(most) + SMALL);
        }
        for (image, top) in inventory.images.iter().zip(tops) {
            let Some(top) = top else { continue };
            let rows = image.layer_sizes();
            let chain = tree.up_to(*top);
            if rows.len() == chain.len() {
                for (layer, size) in chain.into_iter().zip(rows) {
                    spans[layer as usize] = Span::exactly(size);
                }
            }
        }
        let known = self.spots.iter().filter_map(|spot| {
            let size = spans[spot.layer as usize].size()?;
            Some((spot.blob, size))
        });
        self.extents = Extents::new(&self.list, &inventory.extents, known);
        for spot in &self.spots {
            let span = &mut spans[spot.layer as usize];
            if span.size().is_none()
                && let Some(unpacked) = self.extents.unpacked(spot.blob)
            {
                *span = Span::exactly(unpacked);
            }
        }
        spans
    }
}
