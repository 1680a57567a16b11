//! The containerd store by hand, by its own notes: what of them is whose, and what they do not have.

use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::Digest;
use crate::domain::inventory::{EngineInfo, Inventory, Part};
use crate::domain::item::{ContainerId, ImageId, ImageMount, ItemId};
use crate::domain::layers::tree::Tree;
use crate::domain::retention::tests::store::{
    APP, BASE, MANIFEST, OTHER, STEP, a_record, an_image, assert_frees, blob_of, container,
    inventory, list, record, records_of_app, with_list,
};
use crate::domain::retention::{Doubt, Reported, Retention};
use crate::domain::store::content::{BlobList, Listed};
use crate::domain::store::metadata::{Lease, LeaseTerm, MetadataDb, Snapshot};
use crate::domain::text::Text;

/// Chain IDs of the application's two layers.
fn chains() -> [Text; 2] {
    let mut tree = Tree::default();
    let ids = [BASE.0, STEP.0].into_iter().map(Digest::new);
    let top = tree.take(ids).unwrap();
    let ids = tree.chain_ids(top);
    [ids[0].text().clone(), ids[1].text().clone()]
}

fn put(notes: &mut MetadataDb, key: &str, parent: Option<&str>, size: Option<u64>) {
    let snapshot = Snapshot {
        parent: parent.map(Text::from),
        size: size.map(Bytes),
        linked: Bytes::ZERO,
    };
    notes.snapshots.insert(key.into(), snapshot);
}

fn lease(notes: &mut MetadataDb, name: &str, blobs: &[String], snapshots: &[&str]) {
    let lease = Lease {
        blobs: blobs.iter().map(|it| Text::from(&**it)).collect(),
        snapshots: snapshots.iter().map(|it| Text::from(*it)).collect(),
        is_flat: true,
        term: LeaseTerm::Open,
        until: None,
    };
    notes.leases.insert(name.into(), lease);
}

/// Returns the application with its two records, as the store has them.
fn notes() -> MetadataDb {
    let [base, top] = chains();
    let mut notes = MetadataDb::default();
    put(&mut notes, &base, None, Some(BASE.2));
    put(&mut notes, &top, Some(&base), Some(STEP.2));
    put(&mut notes, "own", Some(&base), Some(STEP.2));
    lease(&mut notes, "b", &[blob_of(BASE)], &[&base]);
    lease(&mut notes, "s", &[blob_of(STEP)], &["own"]);
    notes.images.insert(ImageId::new("app"));
    notes
}

fn noted(notes: MetadataDb) -> Inventory {
    with_notes(inventory(APP, records_of_app()), notes)
}

/// The image's config is not in this list: its manifest leads to its layers, and to what is unpacked.
fn with_notes(inventory: Inventory, notes: MetadataDb) -> Inventory {
    let [_, top] = chains();
    let listed = list(APP, &[], &[OTHER]);
    let again = listed.blobs().iter().map(|blob| {
        let refers = blob.refers.iter().filter_map(|at| listed.blob(*at));
        let refers = refers.map(|to| {
            (
                format!("containerd.io/gc.ref.content.{}", to.digest).into(),
                to.digest.clone(),
            )
        });
        let uncompressed = blob.uncompressed.iter();
        let uncompressed = uncompressed.map(|it| ("containerd.io/uncompressed".into(), it.clone()));
        let unpacked = (
            "containerd.io/gc.ref.snapshot.overlayfs".into(),
            top.clone(),
        );
        let unpacked = (&*blob.digest == "app").then_some(unpacked);
        Listed {
            digest: blob.digest.clone(),
            size: blob.size,
            labels: refers.chain(uncompressed).chain(unpacked).collect(),
        }
    });
    let mut list = BlobList::new(again.collect());
    for image in &inventory.images {
        let manifests = listed.manifests_of(image.id.as_str()).cloned().collect();
        list.add_image(image.id.clone(), manifests, false);
    }
    with_list(inventory, list.with_notes(Arc::new(notes)))
}

fn a_container(id: &str) -> ItemId {
    ItemId::Container(ContainerId::new(id))
}

#[test]
fn each_holds_what_its_leases_name() {
    let app = noted(notes());
    assert_frees(&app, &[an_image("app")], MANIFEST + STEP.2);
    assert_frees(&app, &[a_record("s")], STEP.2);
    assert_frees(&app, &[a_record("s"), a_record("b")], STEP.2);
    let all = MANIFEST + BASE.1 + BASE.2 + STEP.1 + 2 * STEP.2;
    assert_frees(&app, &[a_record("s"), a_record("b"), an_image("app")], all);
}

#[test]
fn a_base_whose_image_is_gone_has_the_size_that_the_notes_have() {
    let mut notes = notes();
    put(&mut notes, "sha256:gone", None, Some(40_960));
    put(&mut notes, "sha256:gone-view", Some("sha256:gone"), None);
    lease(&mut notes, "g", &[blob_of(OTHER)], &["sha256:gone"]);
    lease(&mut notes, "g-view", &[], &["sha256:gone-view"]);
    let mut records = records_of_app();
    records.push(record("g", &[], "", OTHER.1, 60));
    let gone = with_notes(inventory(APP, records), notes);
    assert_frees(&gone, &[a_record("g")], OTHER.1 + 40_960);
    assert_frees(&gone, &[an_image("app")], MANIFEST + STEP.2);
}

#[test]
fn a_record_that_is_still_written_to_is_what_it_says_less_its_blob() {
    let mut notes = notes();
    put(&mut notes, "open", None, None);
    lease(&mut notes, "l", &[], &["open"]);
    let mut records = records_of_app();
    records.push(record("l", &[], "local source for context", 8_192, 60));
    let open = with_notes(inventory(APP, records.clone()), notes.clone());
    assert_frees(&open, &[a_record("l")], 8_192);
    records[2].size = Figure::Unknown;
    let freed = Retention::new(&with_notes(inventory(APP, records), notes)).frees(&[a_record("l")]);
    let doubt = Doubt::NoSize(a_record("l"));
    assert!(freed.doubts().contains(&doubt), "{freed:?}");
}

#[test]
fn a_container_holds_what_its_snapshots_stand_on_and_owns_them() {
    let [_, top] = chains();
    let mut notes = notes();
    put(&mut notes, "c-init", Some(&top), Some(20_480));
    put(&mut notes, "c", Some("c-init"), None);
    lease(&mut notes, "c", &[], &["c", "c-init"]);
    let mut run = inventory(APP, records_of_app());
    // Its image was another one's name by then: only the notes tell what it runs on.
    run.apply(Part::Containers(vec![container("c", "gone", 700, 0)]));
    let run = with_notes(run, notes.clone());
    assert_frees(&run, &[a_container("c")], 700 + 20_480);
    assert_frees(&run, &[an_image("app")], MANIFEST);
    let both = 700 + 20_480 + MANIFEST + STEP.2;
    assert_frees(&run, &[a_container("c"), an_image("app")], both);
    // A commit's layer stands on what was made for the container's mounts, and keeps it.
    let mut committed = notes;
    put(&mut committed, &top, Some("c-init"), Some(STEP.2));
    put(&mut committed, "c-init", Some(&chains()[0]), Some(20_480));
    let mut run = inventory(APP, records_of_app());
    run.apply(Part::Containers(vec![container("c", "app", 700, 0)]));
    let run = with_notes(run, committed);
    assert_frees(&run, &[a_container("c")], 700);
    assert_frees(&run, &[a_container("c"), an_image("app")], both);
}

#[test]
fn what_came_or_went_meanwhile_is_a_range() {
    let mut records = records_of_app();
    records.push(record("new", &["s"], "mount / from exec new", 9_000, 70));
    let newer = with_notes(inventory(APP, records), notes());
    let freed = Retention::new(&newer).frees(&[a_record("new")]);
    assert_eq!((freed.at_least, freed.at_most), (Bytes::ZERO, Bytes(9_000)));
    assert!(!freed.is_exact(), "{freed:?}");
    // What an image that is not listed any more has is not there to go, until it has gone.
    let mut older = notes();
    older.images.insert(ImageId::new(blob_of(STEP)));
    let older = noted(older);
    let items = [a_record("s"), a_record("b"), an_image("app")];
    assert_frees(&older, &items, MANIFEST + BASE.1 + BASE.2 + 2 * STEP.2);
}

#[test]
fn a_layer_without_a_size_is_a_range_with_a_reason() {
    let mut notes = notes();
    let [base, top] = chains();
    put(&mut notes, &top, Some(&base), None);
    let freed = Retention::new(&noted(notes)).frees(&[an_image("app")]);
    assert_eq!(freed.at_least, Bytes(MANIFEST));
    assert!(freed.doubts().contains(&Doubt::Blobs), "{freed:?}");
}

#[test]
fn notes_that_lead_in_circles_or_nowhere_end() {
    let [base, top] = chains();
    for (from, to) in [
        (&*base, &*top),
        (&base, &base),
        ("own", "own"),
        ("own", "x"),
        ("x", "own"),
    ] {
        let mut notes = notes();
        put(&mut notes, "x", Some("own"), Some(1));
        put(&mut notes, from, Some(to), Some(4_096));
        lease(&mut notes, "c", &["no".to_owned()], &["x", "no"]);
        let mut run = inventory(APP, records_of_app());
        run.apply(Part::Containers(vec![container("c", "app", 700, 0)]));
        let run = with_notes(run, notes);
        let all = [
            a_container("c"),
            a_record("s"),
            a_record("b"),
            an_image("app"),
        ];
        let freed = Retention::new(&run).frees(&all);
        assert!(freed.at_least >= Bytes(700 + MANIFEST), "{from} {freed:?}");
    }
}

#[test]
fn what_is_linked_takes_its_bytes_once_and_stays_with_whichever_is_left() {
    let [base, _] = chains();
    let mut notes = notes();
    put(&mut notes, "copy", None, Some(20_000));
    put(&mut notes, "merge", Some(&base), Some(24_000));
    notes.snapshots.get_mut("merge").unwrap().linked = Bytes(19_000);
    lease(&mut notes, "c", &[], &["copy"]);
    lease(&mut notes, "m", &[], &["merge"]);
    let mut records = records_of_app();
    records.push(record("c", &[], "COPY --link", 20_000, 60));
    records.push(record("m", &["b", "c"], "LINK COPY --link", 5_000, 61));
    let linked = with_notes(inventory(APP, records.clone()), notes.clone());
    assert_frees(&linked, &[a_record("m")], 5_000);
    assert_frees(&linked, &[a_record("c")], 0);
    assert_frees(&linked, &[a_record("m"), a_record("c")], 25_000);
    let retention = Retention::new(&linked);
    let went = Reported::new(&retention).went(&a_record("m"));
    assert_eq!(went.bytes, Bytes(5_000));
    // What was copied is not listed any more: the links may be the last.
    records.remove(2);
    notes.leases.remove("c");
    notes.snapshots.remove("copy");
    let left = with_notes(inventory(APP, records), notes);
    let freed = Retention::new(&left).frees(&[a_record("m")]);
    let ends = (freed.at_least, freed.at_most);
    assert_eq!(ends, (Bytes(5_000), Bytes(24_000)));
    assert!(!freed.is_exact(), "{freed:?}");
}

#[test]
fn what_another_namespace_has_too_stays() {
    let mut notes = notes();
    notes.elsewhere.push(blob_of(STEP).into());
    let shared = noted(notes);
    let all = MANIFEST + BASE.1 + BASE.2 + 2 * STEP.2;
    assert_frees(
        &shared,
        &[a_record("s"), a_record("b"), an_image("app")],
        all,
    );
}

/// A container that mounts the image of an application whose name has gone to another one. Docker 28 names the mount's
/// snapshot and lease after the container and the image, Docker 29.2 by a hash of both and the destination.
#[test]
fn a_container_holds_what_its_image_mounts_stand_on() {
    let id = "c".repeat(64);
    let mount = ImageMount {
        image: "app:1".into(),
        destination: "/m".into(),
        folder: Text::new(),
    };
    // printf %s "ccc…-src=app:1-dst=/m" | sha256sum
    let hashed = "d8ea204a8354ea6b22e832e9b4fc28688b5d16cbe166033871c0f20d8b3e8b18";
    let named = format!("{id}-app:1");
    for (name, folder) in [
        (hashed, ""),
        (&*named, ""),
        ("whatever-it-is", "/d/rootfs/overlayfs/whatever-it-is"),
    ] {
        let [_, top] = chains();
        let mut notes = notes();
        notes.leases.clear();
        put(&mut notes, &id, None, None);
        put(&mut notes, name, Some(&top), None);
        lease(&mut notes, &id, &[], &[&id]);
        lease(&mut notes, name, &[], &[name]);
        let mut inventory = inventory(APP, Vec::new());
        let mut container = container(&id, "none", 0, 0);
        container.image_mounts = vec![ImageMount {
            folder: folder.into(),
            ..mount.clone()
        }];
        inventory.containers = vec![container];
        let mounted = with_notes(inventory, notes);
        let packed = MANIFEST + BASE.1 + STEP.1;
        assert_frees(&mounted, &[an_image("app")], packed);
        let all = packed + BASE.2 + STEP.2;
        assert_frees(&mounted, &[an_image("app"), a_container(&id)], all);
    }
}

/// On xfs what is unpacked goes, and the inodes of its files may go with it; of whole copies by reference nothing may.
#[test]
fn where_blocks_may_be_shared_what_is_unpacked_is_a_range() {
    let exact = Retention::new(&noted(notes()));
    let exact = exact.frees(&[an_image("app"), a_record("b"), a_record("s")]);
    assert!(exact.is_exact(), "{exact:?}");
    let frees = |copies, packs| {
        let notes = MetadataDb {
            copies,
            inode: Some(Bytes(512)),
            packs,
            ..notes()
        };
        let retention = Retention::new(&noted(notes));
        retention.frees(&[an_image("app"), a_record("b"), a_record("s")])
    };
    let unpacked = Bytes(BASE.2 + 2 * STEP.2);
    let least = frees(false, false);
    assert_eq!(
        least.doubts().iter().collect::<Vec<_>>(),
        [&Doubt::NamesElsewhere]
    );
    assert_eq!(least.at_least, exact.at_least);
    assert!(least.at_most > exact.at_most);
    assert!(least.at_most <= exact.at_most + Bytes(unpacked.0 / 8));
    for doubtful in [frees(true, false), frees(false, true)] {
        assert_eq!(doubtful.at_least, exact.at_least - unpacked);
        assert_eq!(doubtful.at_most, least.at_most);
    }
}

/// The snapshotter's figures are those of the copies, where its notes were read.
#[test]
fn whole_copies_of_snapshots_are_exact() {
    let frees = |notes: MetadataDb| {
        let mut inventory = noted(notes);
        inventory.apply(Part::Engine(Arc::new(EngineInfo {
            driver: "native".into(),
            ..(*inventory.engine).clone()
        })));
        Retention::new(&inventory).frees(&[an_image("app"), a_record("b"), a_record("s")])
    };
    let copies = MetadataDb {
        copies: true,
        ..notes()
    };
    assert!(frees(copies).is_exact());
    assert!(!frees(notes()).is_exact());
}
