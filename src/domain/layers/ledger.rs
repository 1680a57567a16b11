//! The ledger is built once for each picture of an engine; every question about bytes is asked of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::blobs::BlobList;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Inventory, Store};
use crate::domain::item::{Content, Image, ImageId, ItemId, Text};

use super::build::{Builder, volume_unit};
use super::sizes::Sizes;
use super::tree::{LayerNo, Tree};
use super::units::{Graph, HolderNo, Sort, UnitNo, World};
use super::{Freed, LayerRow, Release, Totals};

/// Above so many items, copying all counts is cheaper than to note what changes.
const FEW: usize = 64;

/// Every byte and its holders, for one inventory.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) graph: Graph,
    pub(super) items: HashMap<ItemId, HolderNo>,
    pub(super) tree: Tree,
    pub(super) sizes: Sizes,
    /// Images with their content and top layer.
    pub(super) images: HashMap<ImageId, (Arc<Content>, LayerNo)>,
    /// Records and the layers they were found to be.
    pub(super) joined: Vec<(HolderNo, UnitNo)>,
    /// Some holder of layers has not been listed or inspected yet.
    pub(super) unsettled: bool,
    /// A storage driver whose accounting is not known.
    pub(super) driver: Option<Text>,
    pub(super) totals: Totals,
    /// The containerd store's blobs where the engine lists them, and the unit of the first of them.
    pub(super) blobs: Option<(UnitNo, Arc<BlobList>)>,
}

impl Ledger {
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let mut ledger = Builder::new(inventory).build();
        ledger.totals = ledger.sum(inventory);
        ledger
    }

    /// Takes in what volumes measure now. The rest of the inventory must be the one that it was made of.
    pub fn measure_volumes(&mut self, inventory: &Inventory) {
        for volume in &inventory.volumes {
            let item = ItemId::Volume(volume.name.clone());
            let Some(holder) = self.items.get(&item) else {
                continue;
            };
            // A volume holds itself and nothing else.
            if let [own] = self.graph.holds.of(*holder) {
                self.graph.units[own.unit as usize] = volume_unit(volume, &item);
            }
        }
        self.totals = self.sum(inventory);
    }

    /// Bytes of each kind, each byte in one of them.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// What goes when just these go, each byte once. Cheap for a few items; for many use [`Ledger::release`].
    #[must_use]
    pub fn frees(&self, items: &[ItemId]) -> Freed {
        let mut release = Release::new(self, items.len() <= FEW);
        for item in items {
            release.let_go(item);
        }
        release.total()
    }

    /// Starts to let things go, one after another.
    #[must_use]
    pub fn release(&self) -> Release<'_> {
        Release::new(self, false)
    }

    /// An image's layers, the lowest first; empty until its content is known.
    #[must_use]
    pub fn layers(&self, image: &ImageId) -> Vec<LayerRow> {
        let Some((content, top)) = self.images.get(image) else {
            return Vec::new();
        };
        let others = self.images_above(*top);
        self.sizes
            .steps(&self.tree, content, *top)
            .into_iter()
            .zip(self.tree.chain_ids(*top))
            .map(|(step, chain)| LayerRow {
                chain,
                size: self.sizes.exact(step.layer).into(),
                command: step
                    .row
                    .map_or_else(|| "".into(), |row| row.created_by.clone()),
                shared_with: others[&step.layer] - 1,
            })
            .collect()
    }

    /// The bytes of an image's layers that another of these images has too, for each that is known. `None` where
    /// the size of such a layer is not.
    #[must_use]
    pub fn shared<'a>(
        &self,
        among: impl Iterator<Item = &'a ImageId>,
    ) -> HashMap<ImageId, Option<Bytes>> {
        let images: Vec<(&ImageId, LayerNo)> = among
            .filter_map(|image| Some((image, self.images.get(image)?.1)))
            .collect();
        let mut owners: HashMap<LayerNo, usize> = HashMap::new();
        for layer in images.iter().flat_map(|(_, top)| self.tree.down(*top)) {
            *owners.entry(layer).or_default() += 1;
        }
        images
            .into_iter()
            .map(|(image, top)| {
                let layers = self.tree.down(top).filter(|layer| owners[layer] > 1);
                let bytes = layers.map(|layer| self.sizes.exact(layer)).sum();
                (image.clone(), bytes)
            })
            .collect()
    }

    /// For each layer of a chain, how many images have it.
    fn images_above(&self, top: LayerNo) -> HashMap<LayerNo, usize> {
        let mut counts: HashMap<LayerNo, usize> =
            self.tree.down(top).map(|layer| (layer, 0)).collect();
        for (_, other) in self.images.values() {
            for layer in self.tree.down(*other) {
                if let Some(count) = counts.get_mut(&layer) {
                    *count += 1;
                }
            }
        }
        counts
    }

    fn sum(&self, inventory: &Inventory) -> Totals {
        let of_images = self.held_by_images();
        let mut images = Bytes::ZERO;
        let mut containers = Bytes::ZERO;
        let mut volumes = Bytes::ZERO;
        let mut build_cache = Bytes::ZERO;
        let mut pending = [self.unsettled, false, false, false];
        let holders = self.graph.counts(World::All);
        for ((unit, in_image), holders) in self.graph.units.iter().zip(of_images).zip(holders) {
            let (total, kind) = match unit.sort {
                // Manifests of gone builds name layers, and the store lists blobs, that no item holds.
                Sort::Layer | Sort::Blob if *holders == 0 => continue,
                Sort::Layer | Sort::Blob if in_image => (&mut images, 0),
                Sort::Image => (&mut images, 0),
                Sort::Layer | Sort::Writable => (&mut containers, 1),
                Sort::Volume => (&mut volumes, 2),
                Sort::Blob | Sort::Record => (&mut build_cache, 3),
                Sort::Log => continue,
            };
            *total += unit.size.most;
            pending[kind] |= unit.pending;
        }
        let figure = |bytes, kind: usize| {
            if pending[kind] {
                Figure::Pending
            } else {
                Figure::Known(bytes)
            }
        };
        let cache_listed = super::build::cache_is_listed(inventory);
        Totals {
            images: figure(images, 0),
            containers: figure(containers, 1),
            volumes: figure(volumes, 2),
            build_cache: match cache_listed {
                Figure::Known(()) => figure(build_cache, 3),
                Figure::Pending => Figure::Pending,
                Figure::Unknown => Figure::Unknown,
            },
            logs: logs(inventory),
        }
    }

    fn held_by_images(&self) -> Vec<bool> {
        let mut held = vec![false; self.graph.units.len()];
        let images = self
            .items
            .iter()
            .filter(|(item, _)| matches!(item, ItemId::Image(_)));
        for (_, holder) in images {
            for hold in self.graph.holds.of(*holder) {
                for unit in self.graph.down(hold.unit) {
                    if std::mem::replace(&mut held[unit as usize], true) {
                        break;
                    }
                }
            }
        }
        held
    }
}

/// Bytes of all containers' log files.
fn logs(inventory: &Inventory) -> Figure<Bytes> {
    if !inventory.engine.local {
        return Figure::Unknown;
    }
    let mut sum = Some(Bytes::ZERO);
    for container in &inventory.containers {
        match &container.details {
            Figure::Pending => return Figure::Pending,
            Figure::Unknown => sum = None,
            Figure::Known(details) => sum = sum.zip(details.log).map(|(sum, log)| sum + log),
        }
    }
    sum.into()
}

/// Whether the store keeps layers both packed and unpacked.
pub(super) fn has_blobs(inventory: &Inventory) -> bool {
    inventory.engine.store == Store::Containerd
}

/// An image's content, once it is known.
pub(super) fn content(image: &Image) -> Option<&Arc<Content>> {
    image.content.as_ref().known()
}
