//! Which layer a record of a base is, on a graph driver by hand.

use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage};
use crate::domain::item::{
    Content, HistoryRow, Image, ImageId, ItemId, Labels, Record, RecordId, Source,
};
use crate::domain::retention::{Freed, Retention};
use crate::domain::survey::Survey;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

fn time(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second)
}

/// Returns an image of layers given by name and bytes.
fn image(id: &str, layers: &[(&str, u64)]) -> Image {
    let history = layers.iter().map(|(name, size)| HistoryRow {
        created: time(1),
        created_by: format!("RUN {name} # buildkit").into(),
        comment: "".into(),
        size: Bytes(*size),
    });
    let names = || layers.iter().map(|(name, _)| Text::from(*name));
    Image {
        id: ImageId::new(id),
        parent: None,
        names: vec![format!("{id}:1").into()],
        digests: Vec::new(),
        created: None,
        size: Figure::Known(layers.iter().map(|(_, size)| Bytes(*size)).sum()),
        shared: Figure::Pending,
        labels: Labels::default(),
        source: Source::Unknown,
        last_tagged: None,
        content: Figure::Known(Arc::new(Content {
            created: None,
            diff_ids: names().collect(),
            history: history.collect(),
            folders: names().collect(),
            packed: None,
        })),
    }
}

fn record(id: &str, parent: Option<&str>, step: Option<u64>, shared: bool) -> Record {
    Record {
        id: RecordId::new(id),
        parents: parent.map(RecordId::new).into_iter().collect(),
        kind: "regular".into(),
        description: step
            .map_or("from local ", |_| "mount / from exec made")
            .into(),
        in_use: false,
        shared,
        size: Figure::Known(Bytes(step.unwrap_or_default())),
        created: time(9),
        last_used: None,
    }
}

fn inventory(images: Vec<Image>, records: Vec<Record>) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.apply(Part::Engine(Arc::new(EngineInfo {
        product: "Docker".into(),
        driver: "overlay2".into(),
        has_build_cache: true,
        ..EngineInfo::default()
    })));
    inventory.apply(Part::Images(images));
    inventory.apply(Part::BuildCache(records));
    for stage in Stage::ALL {
        let done = Progress::Done(Timestamp::UNIX_EPOCH);
        inventory.apply(Part::Stage(stage, done));
    }
    inventory
}

fn frees(retention: &Retention, items: &[ItemId]) -> Freed {
    retention.frees(items)
}

fn exactly(bytes: u64) -> Freed {
    Freed {
        at_least: Bytes(bytes),
        at_most: Bytes(bytes),
        ..Freed::default()
    }
}

fn an_image(id: &str) -> ItemId {
    ItemId::Image(ImageId::new(id))
}

fn a_record(id: &str) -> ItemId {
    ItemId::Record(RecordId::new(id))
}

#[test]
fn a_base_is_below_what_was_made_on_it() {
    let images = vec![
        image("one", &[("base", 100), ("x1", 10)]),
        image("two", &[("base", 100), ("y1", 20), ("y2", 1)]),
        image("three", &[("base", 100), ("z1", 40), ("z2", 2)]),
    ];
    let records = vec![
        record("b1", None, None, true),
        record("b2", Some("b1"), None, true),
        record("b3", Some("b2"), None, true),
    ];
    let retention = Retention::new(&inventory(images, records));
    // Nothing is made on it in any image, so no base of three layers is.
    assert_eq!(frees(&retention, &[an_image("one")]), exactly(10));
    let two = frees(&retention, &[an_image("two")]);
    assert_eq!((two.at_least, two.at_most), (Bytes::ZERO, Bytes(21)));
}

#[test]
fn a_base_on_an_images_layer_is_no_step_on_a_base_that_is_gone() {
    let images = vec![image("one", &[("base", 100)])];
    let records = |parent: &str| {
        vec![
            record("b1", None, None, true),
            record("b2", Some("b1"), None, false),
            record("g1", None, None, false),
            record("s", Some(parent), Some(30), false),
        ]
    };
    let retention = Retention::new(&inventory(images.clone(), records("g1")));
    assert_eq!(frees(&retention, &[a_record("s")]), exactly(30));
    // On the same layer it may be.
    let retention = Retention::new(&inventory(images, records("b1")));
    let freed = frees(&retention, &[a_record("s")]);
    assert_eq!((freed.at_least, freed.at_most), (Bytes::ZERO, Bytes(30)));
}

#[test]
fn a_base_whose_image_went_has_the_size_that_it_had() {
    let base = || image("base", &[("base", 100)]);
    let images = vec![base(), image("app", &[("base", 100), ("made", 30)])];
    let records = |shared| {
        vec![
            record("b1", None, None, true),
            record("b2", Some("b1"), None, shared),
        ]
    };
    let mut survey = Survey::new(inventory(images, records(true)));
    let after = [Part::Images(vec![base()]), Part::BuildCache(records(false))];
    survey.apply(after.clone());
    assert_eq!(frees(&survey.retention, &[a_record("b2")]), exactly(30));
    // What was never seen has no known size, and another record is not that one.
    let mut unseen = Survey::new(inventory(Vec::new(), Vec::new()));
    unseen.apply(after.clone());
    assert_eq!(frees(&unseen.retention, &[a_record("b2")]).upper(), None);
    let mut another = records(false);
    another[1].id = RecordId::new("b3");
    survey.apply([Part::BuildCache(another)]);
    assert_eq!(frees(&survey.retention, &[a_record("b3")]).upper(), None);
    // What is not there any more is forgotten.
    assert_eq!(survey.inventory().remembered.records.len(), 1);
}

#[test]
fn nothing_is_remembered_of_a_picture_that_is_not_whole() {
    let images = vec![image("app", &[("base", 100), ("made", 30)])];
    let records = vec![
        record("b1", None, None, true),
        record("b2", Some("b1"), None, true),
    ];
    let mut whole = inventory(images, records);
    let remembered = |inventory: &Inventory| {
        let survey = Survey::new(inventory.clone());
        survey.inventory().remembered.records.len()
    };
    assert_eq!(remembered(&whole), 2);
    whole.images[0].content = Figure::Pending;
    assert_eq!(remembered(&whole), 0);
}
