//! The containerd store by hand: what each thing frees, with the list of blobs and without.

use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::DigestList;
use crate::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Store};
use crate::domain::item::{
    ChainId, Container, ContainerDetails, ContainerId, Content, HistoryRow, Image, ImageId, ItemId,
    Labels, Record, RecordId, Source, State,
};
use crate::domain::paths::Paths;
use crate::domain::retention::{Doubt, Freed, Retention};
use crate::domain::store::content::{BlobList, Listed, Manifest, ManifestLayer};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A layer: name, blob, snapshot, and the nanosecond it was made in.
pub(in crate::domain) type Row = (&'static str, u64, u64, i64);

pub(in crate::domain) const BASE: Row = ("base", 1_001, 8_192, 1);
pub(in crate::domain) const STEP: Row = ("step", 507, 4_096, 2_000_000_007);
const LIKE: Row = ("like", 1_115, 12_288, 4_000_000_000);
pub(in crate::domain) const OTHER: Row = ("other", 603, 12_288, 3_000_000_009);
pub(in crate::domain) const MANIFEST: u64 = 100;

fn image(id: &str, layers: &[Row]) -> Image {
    let history = layers.iter().map(|(name, _, size, created)| HistoryRow {
        created: Some(Timestamp::from_nanosecond(
            created / 1_000_000_000 * 1_000_000_000,
        )),
        created_by: format!("RUN {name} # buildkit").into(),
        comment: "".into(),
        size: Bytes(*size),
    });
    let size: u64 = layers.iter().map(|(_, blob, size, _)| blob + size).sum();
    Image {
        id: ImageId::new(id),
        parent: None,
        names: vec![format!("{id}:1").into()],
        digests: Vec::new(),
        created: None,
        size: Figure::Known(Bytes(size + MANIFEST)),
        shared: Figure::Pending,
        labels: Labels::default(),
        source: Source::Unknown,
        last_tagged: None,
        content: Figure::Known(Arc::new(Content {
            created: None,
            diff_ids: layers.iter().map(|(name, ..)| Text::from(*name)).collect(),
            history: history.collect(),
            folders: DigestList::default(),
            packed: None,
        })),
    }
}

pub(in crate::domain) fn record(
    id: &str,
    parents: &[&str],
    description: &str,
    size: u64,
    created: i64,
) -> Record {
    Record {
        id: RecordId::new(id),
        parents: parents.iter().map(|id| RecordId::new(*id)).collect(),
        kind: "regular".into(),
        description: description.into(),
        in_use: false,
        shared: false,
        size: Figure::Known(Bytes(size)),
        created: Some(Timestamp::from_nanosecond(created)),
        last_used: None,
    }
}

pub(in crate::domain) fn container(id: &str, image: &str, written: u64, root: u64) -> Container {
    Container {
        id: ContainerId::new(id),
        name: id.into(),
        image_id: Some(ImageId::new(image)),
        image: image.into(),
        command: "".into(),
        state: State::Exited,
        created: None,
        labels: Labels::default(),
        volumes: Vec::new(),
        image_mounts: Vec::new(),
        binds: Paths::default(),
        details: Figure::Known(Arc::new(ContainerDetails {
            size_rw: Some(Bytes(written)),
            size_root: Some(Bytes(root)),
            ..ContainerDetails::default()
        })),
    }
}

pub(in crate::domain) fn blob_of(layer: Row) -> String {
    format!("blob-{}", layer.0)
}

/// Returns the list of these images' blobs, of gone ones' manifests, and of blobs that nothing leads to.
pub(in crate::domain) fn list(
    images: &[(&str, &[Row])],
    gone: &[(&str, &[Row])],
    orphans: &[Row],
) -> BlobList {
    let mut listed: Vec<Listed> = Vec::new();
    let layers = images.iter().flat_map(|(_, layers)| *layers).chain(orphans);
    for layer in layers {
        listed.push(Listed {
            digest: blob_of(*layer).into(),
            size: Bytes(layer.1),
            labels: vec![("containerd.io/uncompressed".into(), layer.0.into())],
        });
    }
    for (id, layers) in images {
        let labels = layers.iter().enumerate().map(|(place, layer)| {
            let key = format!("containerd.io/gc.ref.content.l.{place}");
            (key.into(), blob_of(*layer).into())
        });
        listed.push(Listed {
            digest: (*id).into(),
            size: Bytes(MANIFEST),
            labels: labels.collect(),
        });
    }
    let mut list = BlobList::new(listed);
    let manifest = |list: &BlobList, id: &str, layers: &[Row]| Manifest {
        digest: id.into(),
        layers: layers
            .iter()
            .map(|layer| ManifestLayer {
                blob: list.position(&blob_of(*layer)),
                diff_id: layer.0.into(),
                created: Some(Timestamp::from_nanosecond(layer.3)),
            })
            .collect(),
        ..Manifest::default()
    };
    for (id, layers) in images {
        let unpacked = Some(ChainId::new(layers.last().map_or("", |layer| layer.0)));
        let manifests = vec![Manifest {
            unpacked,
            ..manifest(&list, id, layers)
        }];
        list.add_image(ImageId::new(*id), manifests, false);
    }
    for (id, layers) in gone {
        let manifests = vec![manifest(&list, id, layers)];
        list.add_further((*id).into(), manifests);
    }
    list
}

/// Returns the same list, in which nothing says that an image's layers are unpacked.
pub(in crate::domain) fn unlabelled(mut list: BlobList, image: &str) -> BlobList {
    let manifests: Vec<Manifest> = list
        .manifests_of(image)
        .map(|it| Manifest {
            unpacked: None,
            ..it.clone()
        })
        .collect();
    list.add_image(ImageId::new(image), manifests, false);
    list
}

pub(in crate::domain) fn inventory(images: &[(&str, &[Row])], records: Vec<Record>) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.apply(Part::Engine(Arc::new(EngineInfo {
        product: "Docker".into(),
        store: Store::Containerd,
        driver: "overlayfs".into(),
        has_build_cache: true,
        ..EngineInfo::default()
    })));
    let images = images.iter().map(|(id, layers)| image(id, layers));
    inventory.apply(Part::Images(images.collect()));
    inventory.apply(Part::BuildCache(records));
    for stage in Stage::ALL {
        let done = Progress::Done(Timestamp::UNIX_EPOCH);
        inventory.apply(Part::Stage(stage, done));
    }
    inventory
}

pub(in crate::domain) fn with_list(mut inventory: Inventory, list: BlobList) -> Inventory {
    inventory.apply(Part::Blobs(Figure::Known(Arc::new(list))));
    inventory
}

pub(in crate::domain) fn without_list(mut inventory: Inventory) -> Inventory {
    inventory.apply(Part::Blobs(Figure::Unknown));
    inventory
}

pub(in crate::domain) fn an_image(id: &str) -> ItemId {
    ItemId::Image(ImageId::new(id))
}

pub(in crate::domain) fn a_record(id: &str) -> ItemId {
    ItemId::Record(RecordId::new(id))
}

#[track_caller]
pub(in crate::domain) fn assert_frees(inventory: &Inventory, items: &[ItemId], bytes: u64) {
    let freed = Retention::new(inventory).frees(items);
    let exact = Freed {
        at_least: Bytes(bytes),
        at_most: Bytes(bytes),
        ..Freed::default()
    };
    assert_eq!(freed, exact);
}

pub(in crate::domain) const APP: &[(&str, &[Row])] = &[("app", &[BASE, STEP])];

pub(in crate::domain) fn records_of_app() -> Vec<Record> {
    vec![
        record("b", &[], "", 1_001, 50),
        record("s", &["b"], "mount / from exec step", 4_603, 2_000_000_007),
    ]
}

#[test]
fn an_image_shares_its_blobs_with_the_cache_and_unpacks_its_own() {
    let listed = list(APP, &[], &[]);
    let app = with_list(inventory(APP, records_of_app()), listed);
    // Its manifest and its snapshot of the step; the cache has the rest.
    assert_frees(&app, &[an_image("app")], MANIFEST + 4_096);
    assert_frees(&app, &[a_record("s")], 4_096);
    assert_frees(&app, &[a_record("s"), a_record("b")], 4_096);
    let all = [an_image("app"), a_record("s"), a_record("b")];
    assert_frees(&app, &all, MANIFEST + 1_001 + 8_192 + 507 + 2 * 4_096);
}

#[test]
fn until_the_list_has_come_nothing_is_promised() {
    let retention = Retention::new(&inventory(APP, Vec::new()));
    assert!(retention.frees(&[an_image("app")]).pending);
    let older = with_list(inventory(APP, Vec::new()), list(&[], &[], &[]));
    let freed = Retention::new(&older).frees(&[an_image("app")]);
    assert!(
        freed.doubts().contains(&Doubt::Blobs),
        "it is not in the list"
    );
    assert!(!freed.pending && !freed.is_exact());
}

#[test]
fn twins_of_one_size_are_told_apart_by_their_time() {
    const TWIN: Row = ("twin", 507, 4_096, 2_000_000_008);
    let images: &[(&str, &[Row])] = &[("app", &[BASE, STEP]), ("twin", &[BASE, TWIN])];
    let mut records = records_of_app();
    records.remove(1);
    records.push(record(
        "t",
        &["b"],
        "mount / from exec step",
        4_603,
        2_000_000_008,
    ));
    let twins = with_list(inventory(images, records), list(images, &[], &[]));
    assert_frees(&twins, &[an_image("app")], MANIFEST + 4_096 + 507);
    assert_frees(&twins, &[an_image("twin")], MANIFEST + 4_096);
}

#[test]
fn a_step_of_a_gone_image_owns_its_blob() {
    let gone: &[(&str, &[Row])] = &[("old", &[BASE, OTHER])];
    let mut records = records_of_app();
    records.push(record(
        "o",
        &["b"],
        "mount / from exec other",
        12_891,
        3_000_000_009,
    ));
    let app = with_list(inventory(APP, records.clone()), list(APP, gone, &[OTHER]));
    assert_frees(&app, &[a_record("o")], 12_288 + 603);
    // Nothing tells of that build any more, but the blob is there.
    let app = with_list(inventory(APP, records), list(APP, &[], &[OTHER]));
    assert_frees(&app, &[a_record("o")], 12_288 + 603);
}

#[test]
fn two_steps_share_the_only_blob_that_fits_both() {
    let mut records = records_of_app();
    for id in ["o", "p"] {
        records.push(record(id, &["b"], "mount / from exec other", 12_891, 77));
    }
    let app = with_list(inventory(APP, records.clone()), list(APP, &[], &[OTHER]));
    assert_frees(&app, &[a_record("o")], 12_288);
    assert_frees(&app, &[a_record("o"), a_record("p")], 2 * 12_288 + 603);

    // Where two fit and three want one, nobody can tell.
    records.push(record("q", &["b"], "mount / from exec other", 12_891, 77));
    let app = with_list(inventory(APP, records), list(APP, &[], &[OTHER, LIKE]));
    let freed = Retention::new(&app).frees(&[a_record("o")]);
    assert_eq!(freed.at_least, Bytes(12_891 - 1_115), "{freed:?}");
    assert_eq!(freed.at_most, Bytes(12_891), "{freed:?}");
    let record = RecordId::new("o");
    assert!(
        freed.doubts().contains(&Doubt::SharedRecord(record)),
        "{freed:?}"
    );
}

#[test]
fn a_step_that_was_never_exported_is_its_own_whatever_the_engine_says() {
    let mut stage = record("x", &["b"], "mount / from exec made", 36_864, 77);
    stage.shared = true;
    let mut records = records_of_app();
    records.push(stage);
    let app = with_list(inventory(APP, records), list(APP, &[], &[]));
    assert_frees(&app, &[a_record("x")], 36_864);
}

#[test]
fn a_container_holds_what_it_runs_though_its_image_was_built_anew() {
    let gone: &[(&str, &[Row])] = &[("old", &[BASE, OTHER])];
    let root = 8_192 + 12_288 + 4_096 + 12_288;
    let mut app = with_list(inventory(APP, Vec::new()), list(APP, gone, &[]));
    app.containers = vec![container("c", "old", 4_096, root)];
    let one = ItemId::Container(ContainerId::new("c"));
    // Its writable layer, the one for mounts, and the layer that no image has.
    assert_frees(&app, std::slice::from_ref(&one), 4_096 + 12_288 + 12_288);
    assert_frees(&app, &[an_image("app")], MANIFEST + 1_001 + 507 + 4_096);
    let both = 4_096 + 12_288 + 12_288 + MANIFEST + 1_001 + 8_192 + 507 + 4_096;
    assert_frees(&app, &[one, an_image("app")], both);
}

#[test]
fn the_base_that_is_gone_frees_at_least_its_blob() {
    let records = vec![record("b", &[], "", 1_001, 50)];
    let gone = with_list(inventory(&[], records), list(&[], &[], &[BASE]));
    let freed = Retention::new(&gone).frees(&[a_record("b")]);
    assert_eq!(freed.at_least, Bytes(1_001));
    assert!(freed.at_most >= Bytes(1_001 + 8_192));
    assert!(!freed.doubts().is_empty());
}

/// Without the list, bounds hold the truth, and are it where one record tells of each shared blob.
#[test]
fn without_the_list_sums_tell_what_they_can() {
    let images: &[(&str, &[Row])] = &[("app", &[BASE, STEP]), ("other", &[BASE, OTHER])];
    let truth = MANIFEST + 507 + 4_096;
    let alone = without_list(inventory(images, Vec::new()));
    let freed = Retention::new(&alone).frees(&[an_image("app")]);
    assert!(freed.at_least <= Bytes(truth) && Bytes(truth) <= freed.at_most);
    assert!(freed.doubts().contains(&Doubt::Blobs));
    let both = Retention::new(&alone).frees(&[an_image("app"), an_image("other")]);
    let all = truth + MANIFEST + 603 + 12_288 + 1_001 + 8_192;
    assert!(both.at_least <= Bytes(all) && Bytes(all) <= both.at_most);

    let cached = without_list(inventory(images, records_of_app()));
    let freed = Retention::new(&cached).frees(&[an_image("app")]);
    // The cache holds the step's blob too.
    assert_eq!(freed.at_least, Bytes(MANIFEST + 4_096), "{freed:?}");
    // Nothing tells that the other image has the very blob of the base.
    assert_eq!(freed.at_most, Bytes(MANIFEST + 4_096 + BASE.1), "{freed:?}");
    let one = without_list(inventory(&images[..1], records_of_app()));
    let freed = Retention::new(&one).frees(&[an_image("app")]);
    assert_eq!(freed.at_least, Bytes(MANIFEST + 4_096), "{freed:?}");
    assert_eq!(freed.at_most, Bytes(MANIFEST + 4_096), "{freed:?}");
}

/// Where a layer is stored gzipped and plain, both images have it by the same diff ID, and nothing but the list of blobs
/// tells that these are two blobs.
#[test]
fn without_the_list_images_may_have_a_layer_packed_in_two_ways() {
    // What does not shrink is as long in both.
    let (packed, docs) = (1_000_000, MANIFEST);
    let layer: Row = ("data", packed, 1_003_520, 1);
    let images: &[(&str, &[Row])] = &[("gz", &[layer]), ("plain", &[layer])];
    let inventory = without_list(inventory(images, Vec::new()));
    let frees = |items: &[ItemId]| Retention::new(&inventory).frees(items);
    for id in ["gz", "plain"] {
        let alone = frees(&[an_image(id)]);
        assert!(!alone.is_exact(), "{alone:?}");
        // Its manifest for certain; and perhaps a blob of its own, or all that is unpacked, too.
        assert!(alone.at_least <= Bytes(docs + 1), "{alone:?}");
        assert!(alone.at_most >= Bytes(docs + packed + layer.2), "{alone:?}");
    }
    let both = frees(&[an_image("gz"), an_image("plain")]);
    assert!(
        both.at_least <= Bytes(2 * docs + packed + layer.2),
        "{both:?}"
    );
    assert!(
        both.at_most >= Bytes(2 * docs + 2 * packed + layer.2),
        "{both:?}"
    );
}

#[test]
fn a_layer_that_comes_twice_in_an_image_may_have_one_blob() {
    let layer: Row = ("data", 1_000_000, 1_003_520, 1);
    let other: Row = ("other", 5_000, 8_192, 2);
    let images: &[(&str, &[Row])] = &[("thrice", &[layer, other, layer, layer])];
    let freed = Retention::new(&without_list(inventory(images, Vec::new())));
    let freed = freed.frees(&[an_image("thrice")]);
    let unpacked = 3 * layer.2 + other.2;
    let once = MANIFEST + layer.1 + other.1 + unpacked;
    assert!(freed.at_least <= Bytes(once), "{freed:?}");
    assert!(freed.at_most >= Bytes(once + 2 * layer.1), "{freed:?}");
    assert!(!freed.is_exact());
}

/// `docker load` of an image whose layers are there already leaves out the label by which the collector keeps them.
#[test]
fn an_image_without_the_label_may_not_keep_what_is_unpacked() {
    let images: &[(&str, &[Row])] = &[("app", &[BASE, STEP]), ("base", &[BASE])];
    let mut list = list(images, &[], &[]);
    let manifests = list.manifests_of("base").cloned();
    let manifests = manifests.map(|it| Manifest {
        unpacked: None,
        ..it
    });
    let manifests: Vec<Manifest> = manifests.collect();
    list.add_image(ImageId::new("base"), manifests, false);
    let with_label = with_list(inventory(images, Vec::new()), self::list(images, &[], &[]));
    let own = MANIFEST + STEP.1 + STEP.2;
    assert_frees(&with_label, &[an_image("app")], own);
    let without = with_list(inventory(images, Vec::new()), list);
    let freed = Retention::new(&without).frees(&[an_image("app")]);
    assert_eq!(freed.at_least, Bytes(own));
    assert_eq!(freed.at_most, Bytes(own + BASE.2));
    let doubt = Doubt::LoadedLayers(ImageId::new("base"));
    assert!(freed.doubts().contains(&doubt), "{freed:?}");
}

#[test]
fn an_image_that_was_there_first_keeps_its_layers_and_needs_no_list() {
    let images: &[(&str, &[Row])] = &[("app", &[BASE, STEP]), ("base", &[BASE])];
    let tagged = |times: [i64; 2]| {
        let mut inventory = without_list(inventory(images, Vec::new()));
        for (image, time) in inventory.images.iter_mut().zip(times) {
            image.last_tagged = Some(Timestamp::from_nanosecond(time));
        }
        let freed = Retention::new(&inventory).frees(&[an_image("app")]);
        let base = BASE.1 + BASE.2;
        (freed.at_most < Bytes(STEP.2 + base + 2_000)).then_some(freed.at_most)
    };
    let first = tagged([20, 10]).unwrap();
    let later = tagged([10, 20]).unwrap();
    assert_eq!(later, first + Bytes(BASE.2));
}
