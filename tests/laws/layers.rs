//! What a set frees, against a store that really keeps its references (ENGINE.md §2).

use std::collections::BTreeSet;
use std::sync::Arc;

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::inventory::{Inventory, Part};
use dtop::domain::item::ItemId;
use dtop::domain::retention::{Freed, Retention, Totals};
use dtop::domain::store::layerdb::LayerDb;
use dtop::domain::survey::Survey;
use proptest::prelude::*;

use crate::fleet::{Fleet, Traits, fleet};

const PLAIN: Traits = Traits {
    twins: false,
    bare: false,
    hidden: false,
    doubled: false,
};

/// Fleets that are hard to see through. Twins come alone: a record that fits a layer's depth, bytes and time is
/// taken for it, although a twin of it could lie in an image that tells no history, or under a container
/// without an image.
fn odd() -> impl Strategy<Value = Fleet> {
    prop_oneof![
        fleet(Traits {
            twins: true,
            ..PLAIN
        }),
        fleet(Traits {
            hidden: true,
            bare: true,
            ..PLAIN
        }),
    ]
}

/// Fleets of which some layers have the record of a step and that of a base.
fn doubled() -> impl Strategy<Value = Fleet> {
    any::<bool>().prop_flat_map(|bare| {
        fleet(Traits {
            doubled: true,
            bare,
            ..PLAIN
        })
    })
}

/// Those of a fleet's items whose bit is set, in any combination: also ones that an engine would refuse.
fn chosen(fleet: &Fleet, bits: &[bool]) -> Vec<ItemId> {
    let items = fleet.items().into_iter();
    items
        .zip(bits)
        .filter_map(|(item, chosen)| chosen.then_some(item))
        .collect()
}

/// The same, as far as an engine lets it go: no record before what was made on it.
fn closed(fleet: &Fleet, bits: &[bool]) -> Vec<ItemId> {
    let mut set: BTreeSet<ItemId> = chosen(fleet, bits).into_iter().collect();
    for record in fleet.inventory.cache.iter().rev() {
        if !set.contains(&ItemId::Record(record.id.clone())) {
            for parent in &record.parents {
                set.remove(&ItemId::Record(parent.clone()));
            }
        }
    }
    set.into_iter().collect()
}

/// What a second set frees of what the first has left, by a survey that has seen both pictures; and the truth.
/// By force, images go from under their containers.
fn after(fleet: &Fleet, first: &[bool], second: &[bool], force: bool) -> (Fleet, Freed, Bytes) {
    let mut survey = Survey::new(fleet.inventory.clone());
    let mut gone: BTreeSet<ItemId> = chosen(fleet, first).into_iter().collect();
    for container in fleet.inventory.containers.iter().filter(|_| !force) {
        if container
            .image_id
            .as_ref()
            .is_some_and(|id| gone.contains(&ItemId::Image(id.clone())))
        {
            gone.insert(ItemId::Container(container.id.clone()));
        }
    }
    let left = fleet.without(&gone);
    let Inventory {
        images,
        cache,
        containers,
        volumes,
        ..
    } = left.inventory.clone();
    survey.apply([
        Part::Images(images),
        Part::BuildCache(cache),
        Part::Containers(containers),
        Part::Volumes(volumes),
    ]);
    let set = closed(&left, second);
    let freed = survey.retention.frees(&set);
    let truth = Bytes(left.frees(&set.into_iter().collect()));
    (left, freed, truth)
}

fn bits() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(any::<bool>(), 40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plain_fleet_is_exact_to_the_byte(fleet in fleet(PLAIN), bits in bits()) {
        let set = chosen(&fleet, &bits);
        let freed = Retention::new(&fleet.inventory).frees(&set);
        let truth = fleet.frees(&set.into_iter().collect());
        prop_assert_eq!(freed.at_least, Bytes(truth));
        prop_assert!(freed.is_exact(), "{:?}", freed);
    }

    #[test]
    fn the_truth_is_never_outside_the_range(fleet in odd(), bits in bits()) {
        let set = chosen(&fleet, &bits);
        let freed = Retention::new(&fleet.inventory).frees(&set);
        let truth = Bytes(fleet.frees(&set.into_iter().collect()));
        prop_assert!(freed.at_least <= truth, "{:?} {:?}", freed, truth);
        prop_assert!(truth <= freed.at_most, "{:?} {:?}", freed, truth);
        if freed.is_exact() {
            prop_assert_eq!(freed.at_least, truth);
        }
    }

    #[test]
    fn the_truth_of_doubled_records_is_never_outside_the_range(fleet in doubled(), bits in bits()) {
        let set = closed(&fleet, &bits);
        let freed = Retention::new(&fleet.inventory).frees(&set);
        let truth = Bytes(fleet.frees(&set.into_iter().collect()));
        prop_assert!(freed.at_least <= truth && truth <= freed.at_most, "{:?} {:?}", freed, truth);
    }

    #[test]
    fn where_the_store_can_be_read_all_is_exact(fleet in odd(), bits in bits()) {
        let set = chosen(&fleet, &bits);
        let mut inventory = fleet.inventory.clone();
        inventory.apply(fleet.stored());
        let freed = Retention::new(&inventory).frees(&set);
        prop_assert_eq!(freed.at_least, Bytes(fleet.frees(&set.into_iter().collect())));
        prop_assert!(freed.is_exact(), "{:?}", freed);
    }

    #[test]
    fn what_the_store_tells_of_layers_alone_is_never_outside_the_range(fleet in odd(), bits in bits()) {
        let set = chosen(&fleet, &bits);
        let mut inventory = fleet.inventory.clone();
        let Part::Stored(Figure::Known(stored)) = fleet.stored() else { unreachable!() };
        let layers = LayerDb { layers: stored.layers.clone(), ..LayerDb::default() };
        inventory.apply(Part::Stored(Figure::Known(Arc::new(layers))));
        let freed = Retention::new(&inventory).frees(&set);
        let truth = Bytes(fleet.frees(&set.into_iter().collect()));
        prop_assert!(freed.at_least <= truth && truth <= freed.at_most, "{:?} {:?}", freed, truth);
        if freed.is_exact() {
            prop_assert_eq!(freed.at_least, truth);
        }
    }

    #[test]
    fn what_was_told_before_images_went_is_told_afterwards(
        fleet in fleet(PLAIN),
        first in bits(),
        second in bits(),
    ) {
        let (left, freed, truth) = after(&fleet, &first, &second, true);
        // Of layers that only containers have nothing is remembered, and what no image had was never told.
        let told = fleet.inventory.cache.iter().all(|record| record.shared);
        let images: BTreeSet<_> = left.inventory.images.iter().map(|it| Some(&it.id)).collect();
        let mut containers = left.inventory.containers.iter();
        if told && containers.all(|it| images.contains(&it.image_id.as_ref())) {
            prop_assert!(freed.is_exact(), "{:?} {:?}", freed, truth);
        }
        if freed.is_exact() {
            prop_assert_eq!(freed.at_least, truth);
        }
        prop_assert!(freed.at_least <= truth && truth <= freed.at_most, "{:?} {:?}", freed, truth);
    }

    #[test]
    fn what_is_remembered_takes_no_truth_out_of_the_range(
        fleet in prop_oneof![odd(), doubled()],
        first in bits(),
        second in bits(),
    ) {
        // A twin under a container without an image is not told apart, see `odd`.
        let (_, freed, truth) = after(&fleet, &first, &second, false);
        prop_assert!(freed.at_least <= truth && truth <= freed.at_most, "{:?} {:?}", freed, truth);
        if freed.is_exact() {
            prop_assert_eq!(freed.at_least, truth);
        }
    }

    #[test]
    fn letting_go_of_more_never_frees_less(fleet in odd(), bits in bits(), more in bits()) {
        let retention = Retention::new(&fleet.inventory);
        let few = chosen(&fleet, &bits);
        let both: Vec<bool> = bits.iter().zip(&more).map(|(a, b)| *a || *b).collect();
        let (few, many) = (retention.frees(&few), retention.frees(&chosen(&fleet, &both)));
        prop_assert!(few.at_least <= many.at_least);
        prop_assert!(few.at_most <= many.at_most);
        prop_assert!(many.at_least <= many.at_most);
    }

    #[test]
    fn the_order_does_not_matter_and_the_parts_add_up(
        fleet in odd(),
        (set, shuffled) in bits().prop_flat_map(|bits| {
            let places: Vec<usize> = (0..bits.len()).filter(|at| bits[*at]).collect();
            (Just(places.clone()), Just(places).prop_shuffle())
        }),
    ) {
        let retention = Retention::new(&fleet.inventory);
        let items = fleet.items();
        let pick = |places: &[usize]| -> Vec<ItemId> {
            places.iter().filter_map(|at| items.get(*at).cloned()).collect()
        };
        let whole = retention.frees(&pick(&set));
        let mut release = retention.release();
        let mut sum = Freed::default();
        for item in pick(&shuffled) {
            sum.add(&release.let_go(&item));
        }
        prop_assert_eq!(release.total(), whole.clone());
        prop_assert_eq!((sum.at_least, sum.at_most), (whole.at_least, whole.at_most));
    }

    #[test]
    fn what_stays_of_an_item_is_held_back_by_what_stays(fleet in fleet(PLAIN), bits in bits()) {
        let retention = Retention::new(&fleet.inventory);
        let set: BTreeSet<ItemId> = chosen(&fleet, &bits).into_iter().collect();
        let mut release = retention.release();
        for item in &set {
            release.let_go(item);
        }
        for item in &set {
            let held = release.held_back(item);
            prop_assert!(held.by.iter().all(|(by, _)| !set.contains(by)));
            let most = held.by.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
            prop_assert_eq!(most == Bytes::ZERO, held.bytes == Bytes::ZERO);
            prop_assert!(most <= held.bytes);
        }
        // With everything gone, nothing is held back.
        for item in fleet.items() {
            release.let_go(&item);
        }
        for item in &set {
            prop_assert_eq!(release.held_back(item).bytes, Bytes::ZERO);
        }
    }

    #[test]
    fn a_survey_that_takes_volumes_in_is_one_made_of_them(
        fleet in odd(),
        sizes in proptest::collection::vec(proptest::option::of(0_u64..9_000), 12),
        complete in any::<bool>(),
        bits in bits(),
    ) {
        let volumes = fleet.inventory.volumes.iter().map(|volume| volume.name.clone());
        let sizes = volumes.zip(sizes.iter().map(|size| size.map(Bytes))).collect();
        let part = Part::VolumeSizes { sizes, complete };
        let mut taken = Survey::new(fleet.inventory.clone());
        taken.apply([part.clone()]);
        let mut inventory = fleet.inventory.clone();
        inventory.apply(part);
        let made = Survey::new(inventory);
        prop_assert_eq!(taken.retention.totals(), made.retention.totals());
        let set = chosen(&fleet, &bits);
        prop_assert_eq!(taken.retention.frees(&set), made.retention.frees(&set));
        for item in fleet.items() {
            let frees = |survey: &Survey| {
                let at = survey.index(&item).expect("an item");
                survey.facts(item.kind(), at).frees.clone()
            };
            prop_assert_eq!(frees(&taken), frees(&made));
        }
    }

    #[test]
    fn totals_are_all_that_is_there(fleet in fleet(PLAIN)) {
        let retention = Retention::new(&fleet.inventory);
        let totals = retention.totals();
        let Totals { images, containers, volumes, build_cache, logs, leased: _ } = totals;
        let parts = [images, containers, volumes, build_cache, logs];
        let sum: Bytes = parts.into_iter().filter_map(dtop::domain::bytes::Figure::known).sum();
        prop_assert_eq!(sum, Bytes(fleet.frees(&fleet.items().into_iter().collect())));
    }
}
