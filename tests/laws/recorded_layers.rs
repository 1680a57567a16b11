//! What removals free on the recorded engines, from bytes that anybody can add up by hand.

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::inventory::{Inventory, Part};
use dtop::domain::item::ItemId;
use dtop::domain::retention::{Doubt, Freed, Retention};

use crate::recorded::{CONTAINERD, GRAPH_DRIVERS, inventory};

fn image(inventory: &Inventory, name: &str) -> ItemId {
    let found = inventory
        .images
        .iter()
        .find(|image| image.names.iter().any(|known| &**known == name));
    ItemId::Image(found.unwrap().id.clone())
}

fn record(inventory: &Inventory, command: &str) -> ItemId {
    let found = inventory
        .cache
        .iter()
        .find(|record| record.description.ends_with(command));
    ItemId::Record(found.unwrap().id.clone())
}

fn container(inventory: &Inventory, name: &str) -> ItemId {
    let found = inventory
        .containers
        .iter()
        .find(|container| &*container.name == name);
    ItemId::Container(found.unwrap().id.clone())
}

fn everything(inventory: &Inventory) -> Vec<ItemId> {
    let images = inventory.images.iter().map(|i| ItemId::Image(i.id.clone()));
    let containers = inventory.containers.iter();
    let records = inventory.cache.iter();
    images
        .chain(containers.map(|c| ItemId::Container(c.id.clone())))
        .chain(records.map(|r| ItemId::Record(r.id.clone())))
        .collect()
}

/// The graph-driver engines. The base was built by the classic builder: 1,982,256 and 8,228,656 bytes and a
/// layer of none.
#[test]
fn an_image_whose_layers_are_cache_frees_nothing() {
    for engine in GRAPH_DRIVERS {
        let inventory = inventory(engine);
        let retention = Retention::new(&inventory);
        for (items, bytes) in [
            (vec![image(&inventory, "imported:1")], 1_982_256),
            (vec![image(&inventory, "old:1")], 0),
            (vec![image(&inventory, "app:1")], 0),
            (vec![image(&inventory, "base:1")], 0),
            (
                vec![record(&inventory, "/gone bs=1k count=2468")],
                2_527_232,
            ),
            (vec![record(&inventory, "/b bs=1k count=1234")], 0),
            (
                vec![
                    record(&inventory, "/b bs=1k count=1234"),
                    image(&inventory, "old:1"),
                ],
                1_263_616,
            ),
        ] {
            let freed = retention.frees(&items);
            assert_eq!(freed.at_least, Bytes(bytes), "{engine} {items:?}");
            assert!(is_settled(&freed), "{engine} {items:?} {freed:?}");
        }
    }
}

/// True where nothing is in doubt but what lengths are in blocks.
fn is_settled(freed: &Freed) -> bool {
    let mut doubts = freed.doubts().iter();
    let by_length = doubts.all(|doubt| *doubt == Doubt::ByLength);
    by_length && !freed.pending && freed.at_least == freed.at_most
}

#[test]
fn everything_is_each_layer_once_and_what_records_and_containers_have() {
    for engine in GRAPH_DRIVERS {
        let inventory = inventory(engine);
        let retention = Retention::new(&inventory);
        let written: Bytes = inventory
            .containers
            .iter()
            .filter_map(|c| c.details.as_ref().known()?.size_rw)
            .sum();
        // The copy of the Dockerfile, which was not equally long everywhere.
        let copies: Bytes = inventory
            .cache
            .iter()
            .filter(|record| &*record.kind == "source.local")
            .filter_map(|record| record.size.known())
            .sum();
        // `LayersSize` of each, and the record of the image that is gone.
        let all = Bytes(29_118_864 + 2_527_232) + copies + written;
        let mut items = everything(&inventory);
        assert_eq!(retention.frees(&items).at_least, all, "{engine}");
        assert!(is_settled(&retention.frees(&items)), "{engine}");
        items.reverse();
        let mut release = retention.release();
        let sum: Bytes = items.iter().map(|item| release.let_go(item).at_least).sum();
        assert_eq!(sum, all, "{engine}");
        let totals = retention.totals();
        assert_eq!(totals.images, Figure::Known(Bytes(29_118_864)), "{engine}");
        assert_eq!(totals.build_cache, Figure::Known(Bytes(2_527_232) + copies));
        assert_eq!(totals.containers, Figure::Known(written));
    }
}

#[test]
fn what_holds_an_image_back_and_what_unlocks_it() {
    for engine in GRAPH_DRIVERS {
        let inventory = inventory(engine);
        let retention = Retention::new(&inventory);
        let app = image(&inventory, "app:1");
        let [lower, upper] = ["count=9876", "count=321"].map(|text| record(&inventory, text));
        let unused = container(&inventory, "never-started");
        let mut release = retention.release();
        release.let_go(&app);
        let held = release.held_back(&app);
        assert_eq!(held.bytes, Bytes(20_652_640), "{engine}");
        let of = |item: &ItemId| held.by.iter().find(|(by, _)| by == item).map(|(_, b)| *b);
        assert_eq!(of(&unused), Some(Bytes(20_652_640)));
        assert_eq!(of(&upper), Some(Bytes(20_652_640)));
        assert_eq!(of(&lower), Some(Bytes(20_323_936)));
        assert_eq!(of(&image(&inventory, "base:1")), Some(Bytes(10_210_912)));
        assert_eq!(of(&image(&inventory, "imported:1")), None);
        assert!(
            release.unlockable_records().is_empty(),
            "a container holds them"
        );
        release.let_go(&unused);
        let mut unlocked: Vec<ItemId> = release
            .unlockable_records()
            .into_iter()
            .map(ItemId::Record)
            .collect();
        unlocked.sort();
        let mut both = [lower, upper];
        both.sort();
        assert_eq!(
            unlocked, both,
            "{engine}: the base's records hold what stays"
        );
        assert_eq!(
            release.held_back(&unused).bytes,
            Bytes::ZERO,
            "{engine}: its image's"
        );
        let freed: Bytes = both.iter().map(|r| release.let_go(r).at_least).sum();
        assert_eq!(freed, Bytes(10_113_024 + 328_704));
    }
}

#[test]
fn layers_have_the_chain_ids_sizes_and_commands_of_their_image() {
    for engine in GRAPH_DRIVERS {
        let inventory = inventory(engine);
        let retention = Retention::new(&inventory);
        let ItemId::Image(app) = image(&inventory, "app:1") else {
            unreachable!()
        };
        let layers = retention.layers(&app);
        let sizes: Vec<_> = layers.iter().map(|layer| layer.size).collect();
        let known = [1_982_256, 8_228_656, 0, 10_113_024, 328_704];
        assert_eq!(
            sizes,
            known.map(|size| Figure::Known(Bytes(size))),
            "{engine}"
        );
        assert!(layers[4].command.contains("count=321"));
        let shared: Vec<_> = layers.iter().map(|layer| layer.shared_with).collect();
        assert_eq!(shared, [8, 7, 5, 0, 0], "{engine}");
    }
}

/// A share and bytes an object that the containerd store may be off (ENGINE-CONTAINERD.md §6).
fn slack(lost: u64, objects: usize) -> u64 {
    lost / 100 + objects as u64 * 32 * 1024
}

/// What these very scenes lost on both engines when it was removed (ENGINE.md §0, item 9), though nothing but
/// their answers is known here, and no list of blobs.
#[test]
fn on_the_containerd_store_sums_come_to_what_was_measured() {
    for engine in CONTAINERD {
        let mut inventory = inventory(engine);
        inventory.apply(Part::Blobs(Figure::Unknown));
        let retention = Retention::new(&inventory);
        let old = image(&inventory, "old:1");
        let step = record(&inventory, "/b bs=1k count=1234");
        let records = inventory.cache.iter();
        let mut cache: Vec<ItemId> = records.map(|it| ItemId::Record(it.id.clone())).collect();
        cache.push(old.clone());
        for (what, items, lost, exact) in [
            (
                "imported",
                vec![image(&inventory, "imported:1")],
                3_084_288,
                true,
            ),
            // Nothing but the list tells that others have the very blobs of the layers below.
            ("old", vec![old.clone()], 1_280_000, false),
            (
                "old and its record",
                vec![old, step],
                1_280_000 + 2_533_952,
                false,
            ),
            ("old and all cache", cache, 1_280_000 + 24_200_000, false),
        ] {
            let freed = retention.frees(&items);
            let slack = slack(lost, items.len());
            assert!(freed.is_exact() || !exact, "{engine} {what}: {freed:?}");
            assert!(
                freed.at_least.0 <= lost + slack,
                "{engine} {what}: {freed:?}"
            );
            assert!(
                freed.at_most.0 + slack >= lost,
                "{engine} {what}: {freed:?}"
            );
        }
    }
}
