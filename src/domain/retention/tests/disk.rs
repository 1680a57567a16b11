//! Layers, records and images of a graph driver whose blocks were counted on the disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Places;
use crate::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Store};
use crate::domain::item::{ChainId, Content, HistoryRow, ImageId, Record, RecordId};
use crate::domain::plan::scene::{a_container, a_record, an_image, at, image, record, stopped};
use crate::domain::retention::{Doubt, Freed, More, Retention};
use crate::domain::store::disk_usage::{DiskUsage, Measure};
use crate::domain::store::layerdb::{Kept, LayerDb, OnDisk, StoredLayer};
use crate::domain::survey::Survey;

const GIB: u64 = 1 << 30;

fn layer(chain: &str, parent: Option<&str>, size: u64) -> StoredLayer {
    StoredLayer {
        chain: ChainId::new(chain),
        parent: parent.map(ChainId::new),
        diff_id: format!("d-{chain}").into(),
        folder: format!("f-{chain}").into(),
        size: Some(Bytes(size)),
    }
}

fn row(size: u64) -> HistoryRow {
    HistoryRow {
        created: None,
        created_by: "RUN".into(),
        comment: "".into(),
        size: Bytes(size),
    }
}

/// Two images on one base: one with a file of 1 GiB that is one hole, the other with many small files. A record keeps
/// the layer of the second, and another one has bytes of its own.
fn sparse_and_small() -> Inventory {
    let content = |top: &str, size: u64| {
        Figure::Known(Arc::new(Content {
            diff_ids: ["d-base", top].into_iter().map(String::from).collect(),
            history: vec![row(1_000), row(size)],
            ..Content::default()
        }))
    };
    let mut sparse = image("sparse", &["sparse:1"]);
    sparse.content = content("d-sparse", GIB);
    sparse.size = Figure::Known(Bytes(1_000 + GIB));
    let mut small = image("small", &["small:1"]);
    small.content = content("d-small", 10_000);
    small.size = Figure::Known(Bytes(11_000));
    let step = Record {
        shared: true,
        size: Figure::Known(Bytes(10_000)),
        ..record("step", &[])
    };
    let mut inventory = Inventory::default();
    inventory.apply(Part::Engine(Arc::new(EngineInfo {
        product: "Docker".into(),
        store: Store::GraphDriver,
        driver: "overlay2".into(),
        measure: Measure::Length,
        has_build_cache: true,
        local: true,
        ..EngineInfo::default()
    })));
    inventory.apply(Part::Images(vec![sparse, small]));
    inventory.apply(Part::BuildCache(vec![step, record("own", &[])]));
    for stage in [Stage::Images, Stage::Containers, Stage::BuildCache] {
        inventory.apply(Part::Stage(stage, Progress::Done(at(0))));
    }
    let stored = LayerDb {
        layers: vec![
            layer("base", None, 1_000),
            layer("sparse", Some("base"), GIB),
            layer("small", Some("base"), 10_000),
        ],
        records: HashMap::from([
            (RecordId::new("step"), Some(ChainId::new("small"))),
            (RecordId::new("own"), None),
        ]),
        folders: HashMap::from([(RecordId::new("own"), "f-own".into())]),
        ..LayerDb::default()
    };
    inventory.apply(Part::Stored(Figure::Known(Arc::new(stored))));
    inventory
}

fn measured() -> OnDisk {
    let kept = |bytes| Kept {
        least: Bytes(bytes),
        most: Bytes(bytes),
    };
    let folders = [
        ("f-base", kept(40_960)),
        ("f-sparse", kept(69_632)),
        ("f-small", kept(410_000)),
        ("f-own", kept(8_192)),
    ];
    let images = ["sparse", "small"].map(|id| (ImageId::new(id), Bytes(12_288)));
    OnDisk {
        folders: folders.map(|(name, kept)| (name.into(), kept)).into(),
        images: images.into(),
    }
}

fn counted() -> Inventory {
    let mut inventory = sparse_and_small();
    inventory.apply(Part::OnDisk(measured()));
    inventory
}

#[test]
fn what_was_counted_in_blocks_frees_blocks_and_keeps_the_engines_size() {
    let inventory = counted();
    let retention = Retention::new(&inventory);
    let frees = |items: &[_]| {
        let freed = retention.frees(items);
        assert!(freed.is_exact(), "{freed:?}");
        freed.at_least.0
    };
    assert_eq!(frees(&[an_image("sparse")]), 69_632 + 12_288);
    assert_eq!(
        frees(&[an_image("small")]),
        12_288,
        "its layer is a record's"
    );
    assert_eq!(
        frees(&[an_image("small"), a_record("step")]),
        410_000 + 12_288
    );
    assert_eq!(frees(&[a_record("own")]), 8_192);
    let all = [an_image("sparse"), an_image("small"), a_record("step")];
    assert_eq!(frees(&all), 40_960 + 69_632 + 410_000 + 2 * 12_288);
    let sizes = retention.layers(&ImageId::new("sparse"));
    let sizes: Vec<_> = sizes.into_iter().map(|row| row.size).collect();
    assert_eq!(sizes, [Bytes(1_000), Bytes(GIB)].map(Figure::Known));
    let shared = retention.shared(inventory.images.iter().map(|it| &it.id));
    assert!(shared.values().all(|bytes| *bytes == Some(Bytes(1_000))));
}

#[test]
fn what_is_held_back_and_totals_are_blocks_too() {
    let inventory = counted();
    let retention = Retention::new(&inventory);
    let held = retention.release().held_back(&an_image("small"));
    assert_eq!(held.bytes, Bytes(410_000 + 40_960));
    assert_eq!(held.by[0], (a_record("step"), Bytes(410_000 + 40_960)));
    let totals = retention.totals();
    let images = 40_960 + 69_632 + 410_000 + 2 * 12_288;
    assert_eq!(totals.images, Figure::Known(Bytes(images)));
    assert_eq!(totals.build_cache, Figure::Known(Bytes(8_192)));
}

#[test]
fn figures_come_as_they_are_counted_and_are_kept_over_the_next_list() {
    let mut survey = Survey::new(sparse_and_small());
    let frees = |survey: &Survey| survey.retention.frees(&[an_image("sparse")]).at_least;
    assert_eq!(frees(&survey), Bytes(GIB));
    survey.apply([Part::OnDisk(measured())]);
    assert_eq!(frees(&survey), Bytes(69_632 + 12_288));
    let stored = survey.inventory().stored.clone();
    survey.apply([Part::Stored(stored.clone())]);
    assert_eq!(frees(&survey), Bytes(69_632 + 12_288));
    let Figure::Known(stored) = stored else {
        unreachable!()
    };
    // A layer that came in another folder is another one: the same digest says nothing of its blocks.
    let mut again = LayerDb::clone(&stored);
    again.layers[1].folder = "f-again".into();
    survey.apply([Part::Stored(Figure::Known(Arc::new(again)))]);
    assert_eq!(frees(&survey), Bytes(GIB + 12_288));
    assert!(!survey.inventory().on_disk.folders.contains_key("f-sparse"));
}

#[test]
fn of_a_file_with_names_elsewhere_it_is_not_certain_that_it_goes() {
    let mut inventory = counted();
    let kept = Kept {
        least: Bytes(4_096),
        most: Bytes(69_632),
    };
    inventory.apply(Part::OnDisk(OnDisk {
        folders: HashMap::from([("f-sparse".into(), kept)]),
        ..OnDisk::default()
    }));
    let freed = Retention::new(&inventory).frees(&[an_image("sparse")]);
    assert_eq!(freed.at_least, Bytes(4_096 + 12_288));
    assert_eq!(freed.at_most, Bytes(69_632 + 12_288));
    assert!(!freed.is_exact());
}

#[test]
fn what_the_engine_says_that_went_is_counted_in_blocks_too() {
    let inventory = counted();
    let retention = Retention::new(&inventory);
    let mut observation = crate::domain::retention::Reported::new(&retention);
    let chain = retention.layers(&ImageId::new("sparse"))[1].chain.clone();
    let answer = [(ImageId::new("sparse"), vec![chain.as_str().into()])];
    let went = observation.images(&answer).remove(0);
    assert_eq!((went.bytes, went.about), (Bytes(69_632 + 12_288), false));
}

/// A driver of whole copies: what was counted is what goes, of containers as of layers.
#[test]
fn what_was_counted_of_whole_copies_is_exact() {
    let mut inventory = counted();
    inventory.apply(Part::Engine(Arc::new(EngineInfo {
        driver: "vfs".into(),
        ..(*inventory.engine).clone()
    })));
    inventory.apply(Part::Containers(vec![stopped("done", "small")]));
    let estimate = Retention::new(&inventory).frees(&[a_container("done")]);
    assert!(!estimate.is_exact());
    let usage = Arc::new(DiskUsage::of(Bytes(52_000_000)));
    inventory.apply(Part::DiskUsage(vec![(a_container("done"), usage)]));
    let retention = Retention::new(&inventory);
    for (item, bytes) in [
        (a_container("done"), 52_000_000),
        (an_image("sparse"), 69_632 + 12_288),
    ] {
        let freed = retention.frees(&[item]);
        assert!(freed.is_exact(), "{freed:?}");
        assert_eq!(freed.at_least, Bytes(bytes));
    }
}

#[test]
fn figures_by_length_say_so_in_little_memory_and_add_up() {
    let by_length = |bytes| {
        let freed = Freed {
            at_least: Bytes(bytes),
            at_most: Bytes(bytes),
            ..Freed::default()
        };
        freed.doubted(BTreeSet::from([Doubt::ByLength]))
    };
    let blocks = Freed {
        at_least: Bytes(5),
        at_most: Bytes(5),
        ..Freed::default()
    };
    let volume = blocks.clone().with(More {
        volumes: Bytes(5),
        ..More::default()
    });
    let one = by_length(7);
    assert_eq!(
        one.more, None,
        "there is one for each of a hundred thousand"
    );
    assert_eq!(size_of::<Freed>(), 32);
    assert_eq!(one.doubts(), &BTreeSet::from([Doubt::ByLength]));
    assert!(one.is_by_length() && !one.is_exact());
    let mut sum = one.clone();
    sum.add(&by_length(1));
    assert_eq!(sum, by_length(8));
    for other in [&blocks, &volume] {
        let (mut sum, mut turned) = (one.clone(), other.clone());
        sum.add(other);
        turned.add(&one);
        assert_eq!(sum, turned);
        assert!(sum.is_by_length());
        assert_eq!(sum.at_least, Bytes(12));
        assert_eq!(
            sum.at(Places {
                layers: false,
                ..Places::ALL
            }),
            other.at(Places {
                layers: false,
                ..Places::ALL
            })
        );
    }
    assert_eq!(
        one.doubted(BTreeSet::new()).measure(),
        Some(Measure::Blocks)
    );
}
