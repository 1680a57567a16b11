//! The ledger is built once for each picture of an engine; every question about bytes is asked of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::csr::Csr;
use crate::domain::index::{Index, ItemNo};
use crate::domain::inventory::{Inventory, Progress, Stage, Store};
use crate::domain::item::{ChainId, Container, Content, ImageId, ItemId, Kind};
use crate::domain::store::content::BlobList;

use super::Doubt;
use super::LayerRow;
use super::Totals;
use super::units::{Bound, Graph, HolderNo, Sort, Unit};
use crate::domain::layers::sizes::Sizes;
use crate::domain::layers::tree::UnitNo;
use crate::domain::layers::tree::{LayerNo, Tree, number};

/// Every byte and its holders, for one inventory.
#[derive(Debug, Default)]
pub struct Retention {
    pub(super) graph: Graph,
    /// By the items' numbers.
    pub(super) items: Vec<HolderNo>,
    pub(super) index: Arc<Index>,
    pub(super) tree: Tree,
    pub(super) sizes: Sizes,
    /// Of each image its content and top layer.
    pub(super) images: Vec<Option<(Arc<Content>, LayerNo)>>,
    /// For each layer the records that were found to be it.
    pub(super) joined: Csr<HolderNo>,
    /// How many of the layers are images'.
    pub(super) image_layers: usize,
    /// Some holder of layers has not been listed or inspected yet.
    pub(super) unsettled: bool,
    /// That the store is not known, or that the storage driver's accounting is not.
    pub(super) driver: Option<Doubt>,
    /// What the engine says of layers is lengths: what was not measured by length was counted on the disk.
    pub(super) by_length: bool,
    pub(super) totals: Totals,
    /// Holders are those that the containerd store's own notes have.
    pub(super) has_notes: bool,
    /// The containerd store's blobs where the engine lists them, and the unit of the first of them.
    pub(super) blobs: Option<(UnitNo, Arc<BlobList>)>,
}

impl Retention {
    /// Returns true for bytes that are as many as the storage driver says, and that were not counted on the disk.
    pub(super) fn is_drivers(&self, unit: &Unit) -> bool {
        let is_counted = self.by_length && !unit.by_length;
        unit.is_drivers() && !is_counted
    }

    /// Returns true for what was counted on the disk of an image besides its layers.
    pub(super) fn is_counted_beside(&self, unit: &Unit) -> bool {
        self.by_length && !unit.by_length && unit.sort == Sort::Image
    }

    /// Who holds what an item holds.
    pub(super) fn holder(&self, item: ItemNo) -> Option<HolderNo> {
        let holder = self.items.get(item as usize).copied();
        holder.filter(|holder| *holder != HolderNo::MAX)
    }

    /// [`Retention::holder`] of an item that may not be there.
    pub(super) fn holder_of(&self, item: &ItemId) -> Option<HolderNo> {
        self.holder(self.index.number_of(item)?)
    }

    /// Returns an image's content and top layer, once they are known.
    pub(super) fn image(&self, image: &ImageId) -> Option<&(Arc<Content>, LayerNo)> {
        self.images.get(self.index.image(image)?)?.as_ref()
    }

    /// Bytes of each kind, each byte in one of them.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the layers that any of these items holds.
    #[must_use]
    pub fn chains_of(&self, items: &[ItemId]) -> Vec<ChainId> {
        let holders = items.iter().filter_map(|item| self.holder_of(item));
        let holds = holders.flat_map(|holder| self.graph.holds(holder));
        let mut held: HashSet<UnitNo> = HashSet::new();
        for hold in holds {
            for unit in self.graph.down(hold.unit) {
                if !held.insert(unit) {
                    break;
                }
            }
        }
        if held.is_empty() {
            return Vec::new();
        }
        let chains = (0..).zip(self.tree.all_chain_ids());
        let chains = chains.filter(|(layer, _)| held.contains(layer));
        chains
            .map(|(_, chain)| ChainId::new(chain.text()))
            .collect()
    }

    /// Returns an image's layers, the lowest first; empty until its content is known.
    #[must_use]
    pub fn layers(&self, image: &ImageId) -> Vec<LayerRow> {
        let Some((content, top)) = self.image(image) else {
            return Vec::new();
        };
        let others = self.images_above(self.images.iter().flatten().map(|(_, top)| *top));
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
                shared_with: others[step.layer as usize] as usize - 1,
            })
            .collect()
    }

    /// Returns the bytes of an image's layers that another of these images has too, for each that is known. `None`
    /// where the size of such a layer is not.
    #[must_use]
    pub fn shared<'a>(
        &self,
        among: impl Iterator<Item = &'a ImageId>,
    ) -> HashMap<ImageId, Option<Bytes>> {
        let images: Vec<(&ImageId, LayerNo)> = among
            .filter_map(|image| Some((image, self.image(image)?.1)))
            .collect();
        let owners = self.images_above(images.iter().map(|(_, top)| *top));
        images
            .into_iter()
            .map(|(image, top)| {
                let layers = self.tree.down(top);
                let layers = layers.filter(|layer| owners[*layer as usize] > 1);
                let bytes = layers.map(|layer| self.sizes.exact(layer)).sum();
                (image.clone(), bytes)
            })
            .collect()
    }

    /// For each layer, how many of the images with these top layers have it.
    fn images_above(&self, tops: impl Iterator<Item = LayerNo>) -> Vec<u32> {
        let mut counts = vec![0; self.tree.len()];
        for top in tops {
            counts[top as usize] += 1;
        }
        // Layers stand only on layers of smaller numbers.
        for layer in (0..number(self.tree.len())).rev() {
            if let Some(below) = self.tree.below(layer) {
                counts[below as usize] += counts[layer as usize];
            }
        }
        counts
    }

    /// Adds up the bytes of each kind, each byte in one of them.
    pub(super) fn sum(&self, inventory: &Inventory) -> Totals {
        let of_images = self.held_by(Kind::Image);
        let of_containers = self.held_by(Kind::Container);
        let of_records = self.held_by(Kind::BuildCache);
        let mut leased = Bytes::ZERO;
        let mut images = Bytes::ZERO;
        let mut containers = Bytes::ZERO;
        let mut volumes = Bytes::ZERO;
        let mut build_cache = Bytes::ZERO;
        let lacks = |stage| inventory.lacks(stage).is_some();
        let is_untold = untold_kinds(inventory);
        let mut pending = [self.unsettled, false, false, false];
        let holders = self.graph.counts(Bound::All);
        let held = of_images.into_iter().zip(of_containers).zip(of_records);
        for ((unit, holders), held) in self.graph.units.iter().zip(holders).zip(held) {
            let ((in_image, in_container), in_record) = held;
            let (total, kind) = match unit.sort {
                // Manifests of gone builds name layers, and the store lists blobs, that no item holds.
                Sort::Layer | Sort::Blob if *holders == 0 || lacks(Stage::Images) => continue,
                Sort::Layer | Sort::Blob if in_image => (&mut images, 0),
                Sort::Layer | Sort::Blob | Sort::Record
                    if self.has_notes && !in_container && !in_record =>
                {
                    leased += unit.size.likely();
                    continue;
                }
                Sort::Image => (&mut images, 0),
                // What no image has any more is a container's, else the cache's.
                Sort::Layer if in_container => (&mut containers, 1),
                Sort::Writable => (&mut containers, 1),
                Sort::Volume => (&mut volumes, 2),
                Sort::Layer | Sort::Blob | Sort::Record => (&mut build_cache, 3),
                Sort::Log => continue,
            };
            *total += unit.size.likely();
            pending[kind] |= unit.pending;
        }
        let figure = |bytes, kind: usize| {
            if pending[kind] {
                Figure::Pending
            } else if is_untold[kind] {
                Figure::Unknown
            } else {
                Figure::Known(bytes)
            }
        };
        let cache_listed = inventory.cache_listing();
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
            leased,
        }
    }

    fn held_by(&self, kind: Kind) -> Vec<bool> {
        let mut held = vec![false; self.graph.units.len()];
        for number in self.index.numbers(kind) {
            let holder = self.holder(number).into_iter();
            for hold in holder.flat_map(|holder| self.graph.holds(holder)) {
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

/// Returns for each of images, containers, volumes and build cache whether its sum cannot be known: it is not listed,
/// or what tells the sizes of its things is refused and left some untold. A few whose size nobody can tell, as a
/// volume on another host, count for nothing.
fn untold_kinds(inventory: &Inventory) -> [bool; 4] {
    let lacks = |stage| inventory.lacks(stage).is_some();
    let has_failed = |stage| matches!(inventory.stage(stage), Progress::Failed(_));
    let mut images = inventory.images.iter();
    let mut containers = inventory.containers.iter();
    let mut volumes = inventory.volumes.iter();
    let written = |container: &Container| {
        let details = container.details.as_ref().known();
        details.and_then(|details| details.size_rw)
    };
    [
        lacks(Stage::Images)
            || has_failed(Stage::Layers) && images.any(|it| it.content.as_ref() == Figure::Unknown),
        lacks(Stage::Containers)
            || has_failed(Stage::ContainerSizes) && containers.any(|it| written(it).is_none()),
        lacks(Stage::Volumes)
            || has_failed(Stage::VolumeSizes) && volumes.any(|it| it.size == Figure::Unknown),
        // Packed layers are the images' and the cache's in one.
        lacks(Stage::Images) && inventory.engine.store != Store::GraphDriver,
    ]
}

/// Bytes of all containers' log files.
fn logs(inventory: &Inventory) -> Figure<Bytes> {
    match inventory.reads_logs() {
        Figure::Known(()) => {}
        Figure::Pending => return Figure::Pending,
        Figure::Unknown => return Figure::Unknown,
    }
    let mut sum = Some(Bytes::ZERO);
    for container in &inventory.containers {
        match &container.details {
            Figure::Pending => return Figure::Pending,
            Figure::Unknown => sum = None,
            Figure::Known(details) => {
                sum = sum.zip(details.log).map(|(sum, log)| sum + log.blocks);
            }
        }
    }
    sum.into()
}
