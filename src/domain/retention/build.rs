//! Puts a retention together: which units there are, and who holds them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::csr::Csr;
use crate::domain::index::Index;
use crate::domain::inventory::{Inventory, Stage, Store};
use crate::domain::item::{Kind, Record};

use super::Doubt;
use super::Retention;
use super::Totals;
use super::containerd::add_blobs;
use super::containers::add_containers;
use super::draft::GraphDraft;
use super::equations::add_blobs_by_sums;
use super::files::SharedFiles;
use super::imageless::join_hidden;
use super::images::add_image;
use super::kept::add_kept_records;
use super::leased::{add_noted_records, add_noted_snapshots, add_other_leases};
use super::open_layers::{bound_open_layers, name_open_layers};
use super::open_sizes::OpenSizes;
use super::records::add_records;
use super::solve::solve;
use super::units::{Graph, Holder, HolderNo, Sort, Unit};
use super::volumes::{add_volumes, volume_unit};
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::names::Names;
use crate::domain::matching::join::{RecordMatch, RecordMatcher, RecordTree};
use crate::domain::matching::loaded::{ImageKeeps, perhaps_loaded};

/// Drivers whose sizes are known to be what a removal gives back (README.md, The number, side by side).
const KNOWN_DRIVERS: [&str; 3] = ["overlay2", "fuse-overlayfs", "overlayfs"];

impl Retention {
    /// Finds out who holds which bytes of an inventory.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        Self::with_index(inventory, Arc::new(Index::new(inventory)))
    }

    /// Finds out who holds which bytes of an inventory whose index is known.
    #[must_use]
    pub fn with_index(inventory: &Inventory, index: Arc<Index>) -> Self {
        let mut retention = build(inventory, index);
        retention.totals = retention.sum(inventory);
        retention
    }

    /// Takes in what volumes measure now. The rest of the inventory must be the one that it was made of. Returns false
    /// where that takes another retention, as files have names in several volumes.
    pub fn measure_volumes(&mut self, inventory: &Inventory) -> bool {
        let mut links = inventory.volumes.iter().filter_map(|it| it.usage.as_ref());
        if links.any(|usage| !usage.links.is_empty()) {
            return false;
        }
        let numbers = self.index.numbers(Kind::Volume);
        for (volume, number) in inventory.volumes.iter().zip(numbers) {
            let Some(holder) = self.holder(number) else {
                continue;
            };
            // A volume without such files holds itself and nothing else.
            let Some(own) = self.graph.only_hold(holder) else {
                return false;
            };
            self.graph.units[own.unit as usize] = volume_unit(volume, inventory.engine.measure);
        }
        self.totals = self.sum(inventory);
        true
    }
}

fn build(inventory: &Inventory, index: Arc<Index>) -> Retention {
    let mut facts = LayerFacts::new(inventory, Arc::clone(&index));
    let record_tree = RecordTree::new(&inventory.cache, &index);
    let mut matches = if facts.store.is_some() {
        Vec::new()
    } else {
        RecordMatcher::find(&facts, &record_tree)
    };
    take_sizes_of_records(&mut facts, &matches);
    let facts = facts;
    let mut draft = GraphDraft::new(index, layer_units(&facts), is_unsettled(inventory));
    if let Some(store) = &facts.store {
        add_blobs(&mut draft, store);
        add_noted_snapshots(&facts, &mut draft, store);
    }
    let loaded = if facts.store.is_none() && inventory.keeps_blobs() {
        perhaps_loaded(inventory, &facts.tree, &facts.tops, &matches)
    } else {
        HashMap::new()
    };
    for (place, image) in inventory.images.iter().enumerate() {
        let keeps = loaded.get(&place).copied();
        add_image(
            &facts,
            &mut draft,
            place,
            image,
            keeps.unwrap_or(ImageKeeps::Sure),
        );
    }
    let files = SharedFiles::new(inventory, &mut draft);
    let volumes = add_volumes(&facts, &mut draft, &files);
    let hidden = add_containers(&facts, &mut draft, &volumes, &files);
    let mut untold = OpenSizes::default();
    draft.joined.reserve(inventory.cache.len());
    match &facts.store {
        Some(store) if store.snapshot_tree.is_some() => {
            add_noted_records(&facts, &mut draft, store);
            add_other_leases(&facts, &mut draft, store);
        }
        Some(store) => add_kept_records(&facts, &mut draft, &mut untold, &record_tree, store),
        None => {
            join_hidden(&facts, &mut draft, hidden, &record_tree, &mut matches);
            add_records(&facts, &mut draft, &mut untold, &record_tree, matches);
            if inventory.keeps_blobs() {
                add_blobs_by_sums(&facts, &mut draft, &untold.packed);
            }
        }
    }
    drop(record_tree);
    add_what_never_goes(&facts, &mut draft);
    doubt_records(&facts, &mut draft);
    solve(&mut draft.units, &draft.holds, &draft.sums);
    bound_open_layers(&facts, &mut draft, &untold.open);
    name_open_layers(&mut draft, untold.open);
    finish(facts, draft)
}

fn finish(facts: LayerFacts<'_>, mut draft: GraphDraft) -> Retention {
    draft.units.shrink_to_fit();
    draft.holders.shrink_to_fit();
    let images = facts.inventory.images.iter().zip(&facts.tops);
    let images = images.map(|(image, top)| Some((image.known_content()?.clone(), (*top)?)));
    let joined = draft.joined.iter().map(|(holder, unit)| (*unit, *holder));
    Retention {
        joined: Csr::new(joined),
        graph: Graph::new(draft.units, draft.holders, &draft.holds),
        items: draft.items,
        images: images.collect(),
        by_length: facts.by_length(),
        unsettled: draft.unsettled,
        driver: doubt_of_driver(&facts),
        totals: Totals::default(),
        has_notes: facts.snapshot_tree().is_some(),
        index: facts.index,
        tree: facts.tree,
        sizes: facts.sizes,
        image_layers: facts.image_layers,
        blobs: facts
            .store
            .map(|store| (store.unit(0), Arc::clone(&store.list))),
    }
}

/// Takes the size of a layer from the record of the step that made it.
fn take_sizes_of_records(facts: &mut LayerFacts<'_>, matches: &[RecordMatch]) {
    if facts.inventory.keeps_blobs() {
        return;
    }
    for (record, tie) in facts.inventory.cache.iter().zip(matches) {
        if let (RecordMatch::Layer(layer), Some(size)) = (tie, record.size.known())
            && !size.is_zero()
        {
            facts.sizes.settle(*layer, size);
        }
    }
}

/// Returns why the sizes of layers may not be what a removal gives back.
fn doubt_of_driver(facts: &LayerFacts<'_>) -> Option<Doubt> {
    let engine = &facts.inventory.engine;
    if engine.store == Store::Unknown {
        return Some(Doubt::Store);
    }
    let is_known = KNOWN_DRIVERS.contains(&&*engine.driver)
        || facts.snapshot_tree().is_some_and(|it| it.notes.copies);
    (!is_known).then(|| Doubt::Driver(engine.driver.clone()))
}

/// Returns true where some holder of layers is not listed yet.
fn is_unsettled(inventory: &Inventory) -> bool {
    let is_to_come = |stage| !inventory.is_listed(stage) && inventory.lacks(stage).is_none();
    is_to_come(Stage::Images)
        || is_to_come(Stage::Containers)
        || inventory.cache_listing().is_pending()
        || inventory.keeps_blobs() && inventory.blobs.is_pending()
}

/// Returns a unit for each layer.
fn layer_units(facts: &LayerFacts<'_>) -> Vec<Unit> {
    let by_length = facts.by_length();
    let layers = facts.tree.numbers().map(|layer| Unit {
        below: facts.tree.below(layer).into(),
        size: facts.with_beside(layer),
        doubt: None,
        pending: false,
        by_length,
        sort: Sort::Layer,
    });
    // Items may have one of their own besides.
    let mut units = Vec::with_capacity(facts.tree.len() + facts.index.len());
    units.extend(layers);
    for (layer, kept) in facts.stored.kept() {
        let unit = &mut units[*layer as usize];
        unit.size = (*kept).into();
        unit.doubt = Doubt::of_kept(*kept).map(Box::new);
        unit.by_length = false;
    }
    units
}

/// What outsiders hold, and the build cache where it cannot be listed.
fn add_what_never_goes(facts: &LayerFacts<'_>, draft: &mut GraphDraft) {
    let inventory = facts.inventory;
    let mut held = inventory
        .outsiders
        .iter()
        .flat_map(|it| &it.images)
        .peekable();
    if held.peek().is_some() {
        let names = Names::new(&inventory.images);
        for image in held {
            let image = names.image(image);
            if let Some(top) = image.and_then(|image| facts.tops[image]) {
                let holder = draft.add_holder(Holder::default());
                draft.hold(holder, top, true);
            }
        }
    }
    for kind in unlisted(inventory) {
        draft.add_holder(Holder {
            wildcard: Some(Doubt::NotListed(kind).into()),
            ..Holder::default()
        });
    }
}

/// Lets no record's own bytes go for certain that images or containers may hold, too, where those are not listed:
/// an image what the engine calls shared, a container whose image is gone any layer. Only layers are shared.
fn doubt_records(facts: &LayerFacts<'_>, draft: &mut GraphDraft) {
    let inventory = facts.inventory;
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
    let records = facts.index.numbers(Kind::BuildCache).zip(&inventory.cache);
    let shared: HashSet<HolderNo> = records
        .filter(|(_, record)| may_share(record))
        .map(|(number, _)| draft.items[number as usize])
        .collect();
    let kind = if by_image {
        Kind::Image
    } else {
        Kind::Container
    };
    for hold in draft
        .holds
        .iter()
        .filter(|hold| shared.contains(&hold.holder))
    {
        let unit = &mut draft.units[hold.unit as usize];
        unit.size.least = Bytes::ZERO;
        unit.doubt
            .get_or_insert_with(|| Doubt::NotListed(kind).into());
    }
}

/// Returns the kinds that may hold layers and could not be listed.
fn unlisted(inventory: &Inventory) -> impl Iterator<Item = Kind> {
    let is_unlisted = |kind: &Kind| match kind {
        Kind::BuildCache => inventory.cache_listing() == Figure::Unknown,
        Kind::Image | Kind::Container => inventory.lacks(Stage::list_of(*kind)).is_some(),
        Kind::Volume | Kind::Log => false,
    };
    Kind::ALL.into_iter().filter(is_unlisted)
}
