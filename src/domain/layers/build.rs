//! Puts a ledger together: which units there are, and who holds them.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::lists::Lists;
use crate::domain::index::Index;
use crate::domain::inventory::{Inventory, Progress, Stage, Store};
use crate::domain::item::{Image, ItemId, Kind, Record, RecordId, Text, Volume};
use crate::domain::store::disk_usage::Measure;

use super::equations::Packed;
use super::files::SharedFiles;
use super::hidden::Hidden;
use super::inits;
use super::join::{Join, Lineage, Tie};
use super::ledger::{content, has_blobs};
use super::loaded::{Keeps, perhaps_loaded};
use super::names::Names;
use super::shelf::Shelf;
use super::sizes::{Sizes, Span, sizes_are_sums};
use super::solve::{Sum, solve};
use super::stock::Stock;
use super::tree::{LayerNo, Tree, number};
use super::units::{Graph, Hold, Holder, HolderNo, Sort, Unit, UnitNo};
use super::{Doubt, Ledger};
use crate::domain::compact::maybe::Maybe;

/// Drivers whose sizes are known to be what a removal gives back (README.md, The number, side by side).
const KNOWN_DRIVERS: [&str; 3] = ["overlay2", "fuse-overlayfs", "overlayfs"];

/// Returns true until a list has come, or turns out not to come.
fn is_to_come(inventory: &Inventory, stage: Stage) -> bool {
    !inventory.is_listed(stage) && inventory.lacks(stage).is_none()
}

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
    /// What the engine keeps with a layer besides what it says, by layer; empty where it keeps nothing of the kind.
    beside: Vec<Bytes>,
    pub(super) units: Vec<Unit>,
    pub(super) holders: Vec<Holder>,
    pub(super) holds: Vec<Hold>,
    /// By the items' numbers.
    pub(super) items: Vec<HolderNo>,
    pub(super) index: Arc<Index>,
    pub(super) joined: Vec<(HolderNo, UnitNo)>,
    pub(super) sums: Vec<Sum>,
    pub(super) hidden: Vec<Hidden>,
    /// The containerd store's blobs, where the engine lists them.
    pub(super) stock: Option<Rc<Stock>>,
    /// The layers in the engine's folder, where it can be read.
    pub(super) shelf: Shelf,
    /// How many layers images have; those of greater numbers are in none.
    pub(super) image_layers: usize,
    /// What records tell of blobs, where the engine does not list them.
    pub(super) packed: Vec<Packed>,
    /// Layers of which nothing but a record may tell the size.
    pub(super) open: Vec<(UnitNo, RecordId)>,
    pub(super) unsettled: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(inventory: &'a Inventory, index: Arc<Index>) -> Self {
        let mut tree = Tree::default();
        let tops: Vec<Option<LayerNo>> = inventory
            .images
            .iter()
            .map(|image| tree.take_image(content(image)?))
            .collect();
        let of_images = tree.len();
        let mut stock = Stock::new(inventory, &mut tree);
        let shelf = Shelf::new(inventory, &mut tree);
        let sizes = match &mut stock {
            Some(stock) => {
                stock.join_notes(inventory, &tree);
                Sizes::of_spans(stock.spans(inventory, &tree, &tops))
            }
            None => Sizes::new(inventory, &tree, &tops, &shelf.sizes),
        };
        tree.close();
        let register = stock.as_mut().and_then(|stock| stock.register.as_mut());
        let beside = match register {
            Some(register) => std::mem::take(&mut register.beside),
            None if has_blobs(inventory) => inits::beside(inventory, &tree, &tops),
            None => Vec::new(),
        };
        Self {
            inventory,
            image_layers: if shelf.is_known || shelf.remembers {
                of_images
            } else {
                tree.len()
            },
            tree,
            tops,
            sizes,
            beside,
            units: Vec::new(),
            holders: Vec::with_capacity(index.len()),
            // Most items hold one thing.
            holds: Vec::with_capacity(2 * index.len()),
            items: vec![HolderNo::MAX; index.len()],
            index,
            joined: Vec::with_capacity(inventory.cache.len()),
            sums: Vec::new(),
            hidden: Vec::new(),
            stock: stock.map(Rc::new),
            shelf,
            packed: Vec::new(),
            open: Vec::new(),
            unsettled: is_to_come(inventory, Stage::Images)
                || is_to_come(inventory, Stage::Containers)
                || cache_is_listed(inventory).is_pending()
                || has_blobs(inventory) && inventory.blobs.is_pending(),
        }
    }

    pub(super) fn build(mut self) -> Ledger {
        let inventory = self.inventory;
        let lineage = Lineage::new(&inventory.cache, &self.index);
        let stock = self.stock.clone();
        let mut ties = if stock.is_some() {
            Vec::new()
        } else {
            Join::find(&self, &lineage)
        };
        self.take_sizes_of_records(&ties);
        self.add_layers();
        if let Some(stock) = &stock {
            self.add_stock(stock);
            self.add_noted_snapshots(stock);
        }
        let loaded = if stock.is_none() && has_blobs(inventory) {
            perhaps_loaded(inventory, &self.tree, &self.tops, &ties)
        } else {
            HashMap::new()
        };
        for (index, image) in inventory.images.iter().enumerate() {
            let keeps = loaded.get(&index).copied();
            self.add_image(index, image, keeps.unwrap_or(Keeps::Sure));
        }
        let files = SharedFiles::new(&mut self);
        let volumes = self.add_volumes(&files);
        self.add_containers(&volumes, &files);
        if let Some(stock) = stock.as_ref().filter(|it| it.register.is_some()) {
            self.add_noted_records(stock);
            self.add_other_leases(stock);
        } else if let Some(stock) = &stock {
            self.add_kept_records(&lineage, stock);
        } else {
            self.join_hidden(&lineage, &mut ties);
            self.add_records(&lineage, ties);
            if has_blobs(inventory) {
                self.add_blobs_by_sums();
            }
        }
        drop(lineage);
        self.add_what_never_goes();
        self.doubt_records();
        solve(&mut self.units, &self.holds, &self.sums);
        self.bound_open_layers();
        self.name_open_layers();
        self.finish()
    }

    fn finish(mut self) -> Ledger {
        self.units.shrink_to_fit();
        self.holders.shrink_to_fit();
        let engine = &self.inventory.engine;
        let by_length = self.by_length();
        let images = self.inventory.images.iter().zip(self.tops);
        let joined = self.joined.iter().map(|(holder, unit)| (*unit, *holder));
        Ledger {
            joined: Lists::new(joined),
            graph: Graph::new(self.units, self.holders, &self.holds),
            items: self.items,
            index: self.index,
            images: images
                .map(|(image, top)| Some((content(image)?.clone(), top?)))
                .collect(),
            tree: self.tree,
            sizes: self.sizes,
            image_layers: self.image_layers,
            by_length,
            unsettled: self.unsettled,
            driver: if engine.store == Store::Unknown {
                Some(Doubt::Store)
            } else {
                let register = self.stock.as_ref().and_then(|it| it.register.as_ref());
                let is_known = KNOWN_DRIVERS.contains(&&*engine.driver)
                    || register.is_some_and(|it| it.notes.copies);
                (!is_known).then(|| Doubt::Driver(engine.driver.clone()))
            },
            totals: super::Totals::default(),
            has_notes: self.stock.as_ref().is_some_and(|it| it.register.is_some()),
            blobs: self
                .stock
                .map(|stock| (stock.unit(0), Arc::clone(&stock.list))),
        }
    }

    /// Layers by folder, as the engine's own list has them.
    pub(super) fn stored_folders(&self) -> &HashMap<Text, LayerNo> {
        &self.shelf.folders
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

    /// Returns true where what the engine says of layers is the lengths of their files, as every store but
    /// containerd's does.
    pub(super) fn by_length(&self) -> bool {
        let engine = &self.inventory.engine;
        engine.measure == Measure::Length && engine.store != Store::Containerd
    }

    fn add_layers(&mut self) {
        let by_length = self.by_length();
        let layers = self.tree.numbers().map(|layer| Unit {
            below: self.tree.below(layer).into(),
            size: self.with_beside(layer),
            doubt: None,
            pending: false,
            by_length,
            sort: Sort::Layer,
        });
        // Items may have one of their own besides.
        let mut units = Vec::with_capacity(self.tree.len() + self.index.len());
        units.extend(layers);
        for (layer, kept) in self.shelf.kept() {
            let unit = &mut units[*layer as usize];
            unit.size = (*kept).into();
            unit.doubt = kept.doubt().map(Box::new);
            unit.by_length = false;
        }
        self.units = units;
    }

    pub(super) fn with_beside(&self, layer: LayerNo) -> Span {
        let span = self.sizes.span(layer);
        let beside = self.beside.get(layer as usize).copied();
        let beside = beside.unwrap_or_default();
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
        self.holders.push(holder);
        number
    }

    /// Adds what stands at a place of its kind's list as a holder.
    pub(super) fn add_item(&mut self, place: usize, holder: Holder) -> HolderNo {
        let kind = holder.item.as_ref().map(ItemId::kind);
        let added = self.add_holder(holder);
        if let Some(kind) = kind {
            self.items[self.index.number(kind, place) as usize] = added;
        }
        added
    }

    pub(super) fn hold(&mut self, holder: HolderNo, unit: UnitNo, sure: bool) {
        self.holds.push(Hold { holder, unit, sure });
    }

    /// Notes that a holder may hold any layer at all.
    pub(super) fn veil(&mut self, holder: HolderNo, doubt: Doubt) {
        self.holders[holder as usize].veil = Some(doubt.into());
    }

    fn add_image(&mut self, index: usize, image: &Image, keeps: Keeps) {
        let known = Holder {
            pending: image.content.is_pending(),
            ..Holder::of(ItemId::Image(image.id.clone()))
        };
        let holder = self.add_item(index, known);
        self.unsettled |= image.content.is_pending();
        if let Some(stock) = self.stock.clone() {
            self.add_stocked_image(holder, image, self.tops[index], &stock);
            return;
        }
        let doubt = Doubt::UnalignedHistory(image.id.clone());
        self.add_beside_layers(holder, image);
        match (&image.content, self.tops[index]) {
            (Figure::Known(_), Some(top)) => {
                self.hold(holder, top, keeps == Keeps::Sure);
                if keeps == Keeps::Either {
                    self.add_perhaps_unpacked(holder, image, top);
                }
                self.add_sum(image, top, doubt);
            }
            // Not known yet, or an image of no layers at all.
            (Figure::Pending, _) | (Figure::Known(_), None) => {}
            (Figure::Unknown, _) => {
                let whole = self.add_unit(Unit {
                    below: Maybe::NONE,
                    size: Span::at_most(image.size.known().unwrap_or_default()),
                    doubt: Some(doubt.clone().into()),
                    pending: image.size.is_pending(),
                    by_length: self.by_length(),
                    sort: Sort::Image,
                });
                self.hold(holder, whole, true);
                self.veil(holder, doubt);
            }
        }
    }

    /// Adds that all that is unpacked of an image may go with it.
    fn add_perhaps_unpacked(&mut self, holder: HolderNo, image: &Image, top: LayerNo) {
        let layers = self.tree.down(top);
        let most = layers.map(|layer| self.with_beside(layer).most).sum();
        let unit = self.add_unit(Unit {
            below: Maybe::NONE,
            size: Span::at_most(most),
            doubt: Some(Doubt::LoadedLayers(image.id.clone()).into()),
            pending: false,
            by_length: false,
            sort: Sort::Image,
        });
        self.hold(holder, unit, true);
    }

    /// Adds what the disk keeps of an image besides its layers, where that was measured.
    fn add_beside_layers(&mut self, holder: HolderNo, image: &Image) {
        let Some(bytes) = self.inventory.on_disk.images.get(&image.id) else {
            return;
        };
        let unit = self.add_unit(Unit {
            below: Maybe::NONE,
            size: Span::exactly(*bytes),
            doubt: None,
            pending: false,
            by_length: false,
            sort: Sort::Image,
        });
        self.hold(holder, unit, true);
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

    /// Returns the units of each volume, which whatever uses it holds, too.
    fn add_volumes(&mut self, files: &SharedFiles) -> HashMap<&'a str, SmallVec<[UnitNo; 1]>> {
        let measure = self.inventory.engine.measure;
        let mut units = HashMap::new();
        for (place, volume) in self.inventory.volumes.iter().enumerate() {
            let item = ItemId::Volume(volume.name.clone());
            let own = self.add_unit(volume_unit(volume, measure));
            let all: SmallVec<[UnitNo; 1]> =
                std::iter::once(own).chain(files.of_volume(place)).collect();
            let holder = self.add_item(place, Holder::of(item));
            for unit in &all {
                self.hold(holder, *unit, true);
            }
            units.insert(volume.name.as_str(), all);
        }
        units
    }

    /// What outsiders hold, and the build cache where it cannot be listed.
    fn add_what_never_goes(&mut self) {
        let inventory = self.inventory;
        let mut held = inventory
            .outsiders
            .iter()
            .flat_map(|it| &it.images)
            .peekable();
        if held.peek().is_some() {
            let names = Names::new(&inventory.images);
            for image in held {
                let image = names.image(image);
                if let Some(top) = image.and_then(|image| self.tops[image]) {
                    let holder = self.add_holder(Holder::default());
                    self.hold(holder, top, true);
                }
            }
        }
        for kind in unlisted(inventory) {
            self.add_holder(Holder {
                veil: Some(Doubt::NotListed(kind).into()),
                ..Holder::default()
            });
        }
    }

    /// Lets no record's own bytes go for certain that images or containers may hold, too, where those are not listed:
    /// an image what the engine calls shared, a container whose image is gone any layer. Only layers are shared.
    fn doubt_records(&mut self) {
        let inventory = self.inventory;
        let lacks = |stage| inventory.lacks(stage).is_some();
        let by_image = lacks(Stage::Images);
        let by_container = lacks(Stage::Containers);
        if !by_image && !by_container {
            return;
        }
        let are_told = inventory.engine.store == Store::GraphDriver;
        let may_share = |record: &Record| {
            let is_layer = &*record.kind == "regular";
            is_layer && (by_container || record.shared || !are_told)
        };
        let records = self.index.numbers(Kind::BuildCache).zip(&inventory.cache);
        let shared: HashSet<HolderNo> = records
            .filter(|(_, record)| may_share(record))
            .map(|(number, _)| self.items[number as usize])
            .collect();
        let kind = if by_image {
            Kind::Image
        } else {
            Kind::Container
        };
        for hold in self
            .holds
            .iter()
            .filter(|hold| shared.contains(&hold.holder))
        {
            let unit = &mut self.units[hold.unit as usize];
            unit.size.least = Bytes::ZERO;
            unit.doubt
                .get_or_insert_with(|| Doubt::NotListed(kind).into());
        }
    }
}

/// Returns the kinds that may hold layers and could not be listed.
fn unlisted(inventory: &Inventory) -> impl Iterator<Item = Kind> {
    let is_unlisted = |kind: &Kind| match kind {
        Kind::BuildCache => cache_is_listed(inventory) == Figure::Unknown,
        Kind::Image | Kind::Container => inventory.lacks(Stage::list_of(*kind)).is_some(),
        Kind::Volume | Kind::Log => false,
    };
    Kind::ALL.into_iter().filter(is_unlisted)
}

/// Returns what goes with a volume and with nothing else.
pub(super) fn volume_unit(volume: &Volume, measure: Measure) -> Unit {
    let no_size = || Doubt::NoSize(ItemId::Volume(volume.name.clone()));
    let (size, doubt) = match (&volume.usage, volume.size) {
        (Some(usage), _) => {
            let id = || ItemId::Volume(volume.name.clone());
            (Span::of_usage(usage), Doubt::of_usage(usage, id))
        }
        (None, Figure::Known(size)) => (Span::exactly(size), None),
        // With a name nothing goes.
        (None, Figure::Unknown) if volume.device().is_none() => (Span::UNKNOWN, Some(no_size())),
        (None, Figure::Pending | Figure::Unknown) => (Span::exactly(Bytes::ZERO), None),
    };
    Unit {
        below: Maybe::NONE,
        size,
        doubt: doubt.map(Into::into),
        pending: volume.usage.is_none() && volume.size.is_pending(),
        by_length: volume.usage.is_none()
            && measure == Measure::Length
            && volume.size.known().is_some(),
        sort: Sort::Volume,
    }
}
