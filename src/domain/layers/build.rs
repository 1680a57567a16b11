//! Puts a ledger together: which units there are, and who holds them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Inventory, Progress, Stage};
use crate::domain::item::{Container, ContainerDetails, Image, ItemId, RecordId, Volume};

use super::equations::Packed;
use super::folders::Folders;
use super::hidden::Hidden;
use super::inits;
use super::join::{Lineage, Tie, join};
use super::ledger::{content, has_blobs};
use super::names::Names;
use super::sizes::{Sizes, Span, sizes_are_sums};
use super::solve::{Sum, solve};
use super::stock::Stock;
use super::tree::{LayerNo, Tree, number};
use super::units::{Graph, Hold, Holder, HolderNo, Sort, Unit, UnitNo};
use super::{Doubt, Ledger};

/// Drivers whose sizes are known to be what a removal gives back (DESIGN.md, frees).
const KNOWN_DRIVERS: [&str; 3] = ["overlay2", "fuse-overlayfs", "overlayfs"];

/// Whether build cache is known, still to come, or cannot be had.
pub(super) fn cache_is_listed(inventory: &Inventory) -> Figure<()> {
    if !inventory.engine.has_build_cache || inventory.is_listed(Stage::BuildCache) {
        return Figure::Known(());
    }
    match inventory.stage(Stage::BuildCache) {
        Progress::Failed(_) => Figure::Unknown,
        Progress::Waiting | Progress::Running(_) | Progress::Done(_) => Figure::Pending,
    }
}

/// A ledger in the making. Layers come first among the units, so that their numbers are the same.
pub(super) struct Builder<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) tree: Tree,
    pub(super) tops: Vec<Option<LayerNo>>,
    pub(super) sizes: Sizes,
    /// What the containerd store keeps with a layer besides its snapshot, by layer.
    beside: Vec<Bytes>,
    pub(super) units: Vec<Unit>,
    pub(super) holders: Vec<Holder>,
    pub(super) holds: Vec<Hold>,
    pub(super) items: HashMap<ItemId, HolderNo>,
    pub(super) joined: Vec<(HolderNo, UnitNo)>,
    pub(super) sums: Vec<Sum>,
    pub(super) hidden: Vec<Hidden>,
    /// The containerd store's blobs, where the engine lists them.
    stock: Option<Rc<Stock>>,
    /// What records tell of blobs, where the engine does not list them.
    pub(super) packed: Vec<Packed>,
    /// Layers of which nothing but a record may tell the size.
    pub(super) open: Vec<(UnitNo, RecordId)>,
    pub(super) unsettled: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        let mut tree = Tree::default();
        let tops: Vec<Option<LayerNo>> = inventory
            .images
            .iter()
            .map(|image| tree.take(&content(image)?.diff_ids))
            .collect();
        let stock = Stock::new(inventory, &mut tree).map(Rc::new);
        let sizes = match &stock {
            Some(stock) => Sizes::of_spans(stock.spans(inventory, &tree, &tops)),
            None => Sizes::new(inventory, &tree, &tops),
        };
        let beside = if has_blobs(inventory) {
            inits::beside(inventory, &tree, &tops)
        } else {
            vec![Bytes::ZERO; tree.len()]
        };
        Self {
            inventory,
            tree,
            tops,
            sizes,
            beside,
            units: Vec::new(),
            holders: Vec::new(),
            holds: Vec::new(),
            items: HashMap::new(),
            joined: Vec::new(),
            sums: Vec::new(),
            hidden: Vec::new(),
            stock,
            packed: Vec::new(),
            open: Vec::new(),
            unsettled: !inventory.is_listed(Stage::Images)
                || !inventory.is_listed(Stage::Containers)
                || cache_is_listed(inventory).is_pending()
                || has_blobs(inventory) && inventory.blobs.is_pending(),
        }
    }

    pub(super) fn build(mut self) -> Ledger {
        let inventory = self.inventory;
        let lineage = Lineage::new(&inventory.cache);
        let stock = self.stock.clone();
        let mut ties = if stock.is_some() {
            Vec::new()
        } else {
            join(inventory, &lineage, &self.tree, &self.tops, &self.sizes)
        };
        self.take_sizes_of_records(&ties);
        self.add_layers();
        if let Some(stock) = &stock {
            self.add_stock(stock);
        }
        for (index, image) in inventory.images.iter().enumerate() {
            self.add_image(index, image);
        }
        let volumes = self.add_volumes();
        self.add_containers(&volumes);
        if let Some(stock) = &stock {
            self.add_kept_records(&lineage, stock);
        } else {
            self.join_hidden(&lineage, &mut ties);
            self.add_records(&lineage, ties);
            if has_blobs(inventory) {
                self.add_blobs_by_sums();
            }
        }
        self.add_what_never_goes();
        solve(&mut self.units, &self.holds, &self.sums);
        self.bound_open_layers();
        self.name_open_layers();
        self.finish()
    }

    fn finish(self) -> Ledger {
        let engine = &self.inventory.engine;
        let images = self.inventory.images.iter().zip(&self.tops);
        Ledger {
            graph: Graph::new(self.units, self.holders, &self.holds),
            items: self.items,
            images: images
                .filter_map(|(image, top)| {
                    Some((image.id.clone(), (content(image)?.clone(), (*top)?)))
                })
                .collect(),
            tree: self.tree,
            sizes: self.sizes,
            joined: self.joined,
            unsettled: self.unsettled,
            driver: (!KNOWN_DRIVERS.contains(&&*engine.driver)).then(|| engine.driver.clone()),
            totals: super::Totals::default(),
            blobs: self
                .stock
                .map(|stock| (stock.unit(0), Arc::clone(&stock.list))),
        }
    }

    /// A record of a step has the size of the layer that it made.
    fn take_sizes_of_records(&mut self, ties: &[Tie]) {
        if has_blobs(self.inventory) {
            return;
        }
        for (record, tie) in self.inventory.cache.iter().zip(ties) {
            if let (Tie::Layer(layer), Some(size)) = (tie, record.size.known())
                && !size.is_zero()
            {
                self.sizes.settle(*layer, size);
            }
        }
    }

    fn add_layers(&mut self) {
        self.units = self
            .tree
            .numbers()
            .map(|layer| Unit {
                below: self.tree.below(layer),
                size: self.with_beside(layer),
                doubt: None,
                pending: false,
                sort: Sort::Layer,
            })
            .collect();
    }

    fn with_beside(&self, layer: LayerNo) -> Span {
        let (span, beside) = (self.sizes.span(layer), self.beside[layer as usize]);
        Span {
            least: span.least + beside,
            most: span.most + beside,
        }
    }

    pub(super) fn add_unit(&mut self, unit: Unit) -> UnitNo {
        self.units.push(unit);
        number(self.units.len() - 1)
    }

    pub(super) fn add_holder(&mut self, holder: Holder) -> HolderNo {
        let number = number(self.holders.len());
        if let Some(item) = &holder.item {
            self.items.insert(item.clone(), number);
        }
        self.holders.push(holder);
        number
    }

    pub(super) fn hold(&mut self, holder: HolderNo, unit: UnitNo, sure: bool) {
        self.holds.push(Hold { holder, unit, sure });
    }

    /// Notes that a holder may hold any layer at all.
    pub(super) fn veil(&mut self, holder: HolderNo, doubt: Doubt) {
        self.holders[holder as usize].veil = Some(doubt);
    }

    fn add_image(&mut self, index: usize, image: &Image) {
        let holder = self.add_holder(Holder {
            pending: image.content.is_pending(),
            ..Holder::of(ItemId::Image(image.id.clone()))
        });
        self.unsettled |= image.content.is_pending();
        if let Some(stock) = self.stock.clone() {
            self.add_stocked_image(holder, image, self.tops[index], &stock);
            return;
        }
        let doubt = Doubt::UnalignedHistory(image.id.clone());
        match (&image.content, self.tops[index]) {
            (Figure::Known(_), Some(top)) => {
                self.hold(holder, top, true);
                self.add_sum(image, top, doubt);
            }
            // Not known yet, or an image of no layers at all.
            (Figure::Pending, _) | (Figure::Known(_), None) => {}
            (Figure::Unknown, _) => {
                let whole = self.add_unit(Unit {
                    below: None,
                    size: Span::at_most(image.size.known().unwrap_or_default()),
                    doubt: Some(doubt.clone()),
                    pending: image.size.is_pending(),
                    sort: Sort::Image,
                });
                self.hold(holder, whole, true);
                self.veil(holder, doubt);
            }
        }
    }

    fn add_sum(&mut self, image: &Image, top: LayerNo, doubt: Doubt) {
        let open = |layer| self.sizes.exact(layer).is_none();
        if self.tree.down(top).any(open) {
            self.sums.push(Sum {
                top,
                total: image.size.known(),
                exact: sizes_are_sums(&self.inventory.engine),
                pending: image.size.is_pending(),
                doubt,
            });
        }
    }

    fn add_volumes(&mut self) -> HashMap<&'a str, UnitNo> {
        let mut units = HashMap::new();
        for volume in &self.inventory.volumes {
            let item = ItemId::Volume(volume.name.clone());
            let unit = self.add_unit(volume_unit(volume, &item));
            let holder = self.add_holder(Holder::of(item));
            self.hold(holder, unit, true);
            units.insert(volume.name.as_str(), unit);
        }
        units
    }

    fn add_containers(&mut self, volumes: &HashMap<&str, UnitNo>) {
        let inventory = self.inventory;
        let names = Names::new(&inventory.images);
        let mut folders = Folders::new(self);
        for container in &inventory.containers {
            let item = ItemId::Container(container.id.clone());
            let holder = self.add_holder(Holder::of(item));
            let top = self.add_image_of(holder, container, &names, &mut folders);
            self.add_own_bytes(holder, container, top);
            for volume in &container.volumes {
                if let Some(unit) = volumes.get(volume.as_str()) {
                    self.hold(holder, *unit, true);
                }
            }
            for mount in &container.image_mounts {
                match names.image(mount).map(|image| self.tops[image]) {
                    Some(Some(top)) => self.hold(holder, top, true),
                    Some(None) => {}
                    None => self.veil(holder, Doubt::HiddenLayers(container.id.clone())),
                }
            }
        }
    }

    /// Returns the highest layer that the container runs on, where that is certain.
    fn add_image_of(
        &mut self,
        holder: HolderNo,
        container: &Container,
        names: &Names<'_>,
        folders: &mut Folders,
    ) -> Option<LayerNo> {
        if let Some(stock) = self.stock.clone() {
            let tops = self.add_run(holder, container, names, &stock);
            if let Some(top) = tops.first() {
                return (tops.len() == 1).then_some(*top);
            }
        }
        let image = container
            .image_id
            .as_ref()
            .and_then(|id| names.image(id.as_str()));
        if let Some(image) = image {
            let top = self.tops[image];
            if let Some(top) = top {
                self.hold(holder, top, true);
            }
            return top;
        }
        match &container.details {
            Figure::Known(details) => self.add_hidden(holder, container, details, folders),
            Figure::Unknown => self.veil(holder, Doubt::HiddenLayers(container.id.clone())),
            Figure::Pending => {
                self.unsettled = true;
                self.holders[holder as usize].pending = true;
            }
        }
        None
    }

    /// The layers of a container whose image was removed by force: some are other images' too, the rest is
    /// what its own size tells (ENGINE.md §2.5).
    fn add_hidden(
        &mut self,
        holder: HolderNo,
        container: &Container,
        details: &ContainerDetails,
        folders: &mut Folders,
    ) {
        let doubt = Doubt::HiddenLayers(container.id.clone());
        let total = details
            .size_root
            .map(|root| root - details.size_rw.unwrap_or_default());
        if details.folders.is_empty() {
            let rest = self.add_unit(Unit {
                below: None,
                size: Span::at_most(total.unwrap_or_default()),
                doubt: Some(doubt.clone()),
                pending: total.is_none() && self.sizes_to_come(),
                sort: Sort::Layer,
            });
            self.hold(holder, rest, true);
            self.veil(holder, doubt);
            return;
        }
        let mut chain: Vec<UnitNo> = Vec::new();
        for folder in &details.folders {
            chain.push(folders.unit(self, folder, chain.last().copied()));
        }
        if let Some(top) = chain.last().copied() {
            self.hidden.push(Hidden {
                chain,
                folders: details.folders.clone(),
                total,
                created: container.created,
            });
            self.hold(holder, top, true);
            self.sums.push(Sum {
                top,
                total,
                exact: total.is_some(),
                pending: total.is_none() && self.sizes_to_come(),
                doubt,
            });
        }
    }

    fn sizes_to_come(&self) -> bool {
        matches!(
            self.inventory.stage(Stage::ContainerSizes),
            Progress::Waiting | Progress::Running(_)
        )
    }

    /// What only a container has: its writable layer, and on the containerd store the one for its mounts.
    pub(super) fn own_bytes(&self, container: &Container, top: Option<LayerNo>) -> Bytes {
        let details = container.details.as_ref().known();
        let Some(written) = details.and_then(|details| details.size_rw) else {
            return Bytes::ZERO;
        };
        if !has_blobs(self.inventory) {
            return written;
        }
        let below: Option<Bytes> = top.and_then(|top| {
            let mut layers = self.tree.down(top);
            layers.try_fold(Bytes::ZERO, |sum, layer| {
                Some(sum + self.with_beside(layer).size()?)
            })
        });
        let root = details.and_then(|details| details.size_root);
        written + inits::of_container(root, below.map(|below| below + written))
    }

    /// A container's writable layer, and its log where that can be read.
    fn add_own_bytes(&mut self, holder: HolderNo, container: &Container, top: Option<LayerNo>) {
        let details = container.details.as_ref().known();
        let written = details.and_then(|details| details.size_rw);
        let pending = container.details.is_pending() || written.is_none() && self.sizes_to_come();
        let item = ItemId::Container(container.id.clone());
        let unit = self.add_unit(Unit {
            below: None,
            size: Span::exactly(self.own_bytes(container, top)),
            doubt: (written.is_none() && !pending).then_some(Doubt::NoSize(item)),
            pending,
            sort: Sort::Writable,
        });
        self.hold(holder, unit, true);
        if let Some(log) = details.and_then(|details| details.log) {
            let unit = self.add_unit(Unit {
                below: None,
                size: Span::exactly(log),
                doubt: None,
                pending: false,
                sort: Sort::Log,
            });
            self.hold(holder, unit, true);
        }
    }

    /// Swarm services, and the build cache where it cannot be listed.
    fn add_what_never_goes(&mut self) {
        let inventory = self.inventory;
        if !inventory.services.is_empty() {
            let names = Names::new(&inventory.images);
            for service in &inventory.services {
                let image = names.image(&service.image);
                if let Some(top) = image.and_then(|image| self.tops[image]) {
                    let holder = self.add_holder(Holder::default());
                    self.hold(holder, top, true);
                }
            }
        }
        if cache_is_listed(inventory) == Figure::Unknown {
            self.add_holder(Holder {
                veil: Some(Doubt::CacheNotListed),
                ..Holder::default()
            });
        }
    }
}

pub(super) fn volume_unit(volume: &Volume, item: &ItemId) -> Unit {
    Unit {
        below: None,
        size: Span::exactly(volume.size.known().unwrap_or_default()),
        doubt: (volume.size == Figure::Unknown).then(|| Doubt::NoSize(item.clone())),
        pending: volume.size.is_pending(),
        sort: Sort::Volume,
    }
}
