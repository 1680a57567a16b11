//! Bases whose image is gone, on the containerd store by hand: what their blobs tell, and what bounds them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::{Inventory, Part, SharedSizes};
use crate::domain::item::{ItemId, Record};
use crate::domain::layers::{layers_to_read, sizes_of_bases};
use crate::domain::retention::tests::store::{
    APP, BASE, MANIFEST, OTHER, Row, STEP, a_record, an_image, assert_frees, blob_of, inventory,
    list, record, records_of_app, unlabelled, with_list, without_list,
};
use crate::domain::retention::{Doubt, Freed, Retention};
use crate::domain::store::content::BlobList;
use crate::domain::store::unpacked::{UnpackedSize, UnpackedTally};
use crate::domain::text::Text;

/// Returns a layer of so many files of a page each, in its own folder.
fn extent(files: usize) -> UnpackedSize {
    let mut tally = UnpackedTally::default();
    for file in 0..files {
        tally.file(&format!("file-{file}"), 4_096).unwrap();
    }
    tally.extent()
}

/// Returns the application, and the record of a base that no image has: its blob is OTHER's.
fn gone() -> Inventory {
    let mut records = records_of_app();
    records.push(record("g", &[], "", OTHER.1, 60));
    with_list(inventory(APP, records), list(APP, &[], &[OTHER]))
}

fn that_reads(mut inventory: Inventory, read: &[(Row, usize)]) -> Inventory {
    let extents = read.iter().map(|(layer, files)| {
        let digest = Text::from(blob_of(*layer));
        (digest, extent(*files))
    });
    inventory.apply(Part::Extents(extents.collect()));
    inventory
}

fn frees(inventory: &Inventory, item: ItemId) -> Freed {
    Retention::new(inventory).frees(&[item])
}

#[test]
fn a_blob_that_was_read_tells_what_the_base_takes() {
    // BASE takes 8,192: one file and its folder.
    let read = that_reads(gone(), &[(BASE, 1), (OTHER, 2)]);
    assert_frees(&read, &[a_record("g")], OTHER.1 + 3 * 4_096);
    // Where folders count for nothing, BASE has two files.
    let read = that_reads(gone(), &[(BASE, 2), (OTHER, 2)]);
    assert_frees(&read, &[a_record("g")], OTHER.1 + 2 * 4_096);
}

#[test]
fn what_is_not_checked_by_a_layer_of_known_size_is_not_taken() {
    for read in [
        &[][..],
        &[(OTHER, 2)],
        // Nothing tells how this filesystem counts.
        &[(BASE, 7), (OTHER, 2)],
        &[(BASE, 1), (STEP, 7), (OTHER, 2)],
    ] {
        let freed = frees(&that_reads(gone(), read), a_record("g"));
        assert!(!freed.is_exact(), "{read:?} {freed:?}");
        assert_eq!(freed.at_least, Bytes(OTHER.1), "{read:?}");
    }
}

#[test]
fn a_step_and_what_was_built_on_it_keep_one_blob() {
    let step = record(
        "o",
        &["b"],
        "mount / from exec other",
        OTHER.1 + OTHER.2,
        77,
    );
    let mut both = that_reads(gone(), &[(BASE, 1), (OTHER, 2)]);
    both.cache.push(step);
    assert_frees(&both, &[a_record("g")], 3 * 4_096);
    assert_frees(&both, &[a_record("o")], OTHER.2);
    let all = OTHER.1 + OTHER.2 + 3 * 4_096;
    assert_frees(&both, &[a_record("o"), a_record("g")], all);
}

#[test]
fn a_base_that_counts_both_is_told_by_what_its_blob_takes() {
    let mut records = records_of_app();
    records.push(record("g", &[], "", OTHER.1 + 3 * 4_096, 60));
    let gone = with_list(inventory(APP, records), list(APP, &[], &[OTHER]));
    let read = that_reads(gone.clone(), &[(BASE, 1), (OTHER, 2)]);
    assert_frees(&read, &[a_record("g")], OTHER.1 + 3 * 4_096);
    // A blob that only happens to leave whole blocks is not its own.
    let read = that_reads(gone, &[(BASE, 1), (OTHER, 5)]);
    assert!(!frees(&read, a_record("g")).is_exact());
}

#[test]
fn bases_that_are_gone_are_read_after_what_checks_them() {
    let gone = gone();
    let list = gone.blobs.as_ref().known().unwrap();
    let list = &unlabelled(BlobList::clone(list), "app");
    let sizes = sizes_of_bases(&gone.cache);
    assert_eq!(sizes, [Bytes(OTHER.1), Bytes(BASE.1)]);
    // No manifest of these says that it is unpacked, so there is nothing to check by.
    let digests = |bases: &[Bytes]| -> Vec<String> {
        let layers = layers_to_read(list, bases);
        layers.iter().map(|(it, _)| it.to_string()).collect()
    };
    assert_eq!(digests(&sizes), [blob_of(OTHER)]);
    assert_eq!(digests(&[Bytes(OTHER.1 + 512)]), [blob_of(OTHER)]);
    assert_eq!(digests(&[Bytes(BASE.1)]), [""; 0]);
}

/// Returns what the engine says of all snapshots, with or without the blobs of images in it.
fn saying(version: &str, layers: u64) -> Inventory {
    let mut said = gone();
    Arc::make_mut(&mut said.engine).version = version.into();
    said.apply(Part::SharedSizes(SharedSizes {
        layers: Some(Bytes(layers)),
        images: Vec::new(),
    }));
    said
}

#[test]
fn what_all_snapshots_are_together_bounds_a_base_that_is_gone() {
    let about = 32_768;
    // Those of the application and of its step's record, and the one that is gone.
    let snapshots = BASE.2 + STEP.2 + STEP.2 + OTHER.2;
    let blobs = MANIFEST + BASE.1 + STEP.1;
    for (version, layers, most) in [
        ("26.1.5", snapshots, OTHER.2),
        ("28.2.2", snapshots, OTHER.2),
        // From here on images' blobs are in the sum, and do not widen the bound.
        ("28.3.0", snapshots + blobs, OTHER.2),
        ("28.5.2", snapshots + blobs, OTHER.2),
        ("28.2.2", snapshots + blobs, OTHER.2 + blobs),
    ] {
        let freed = frees(&saying(version, layers), a_record("g"));
        assert_eq!(freed.at_most, Bytes(OTHER.1 + most + about), "{version}");
        assert_eq!(freed.at_least, Bytes(OTHER.1), "{version}");
    }
    // 29 leaves the cache's snapshots out, so the sum bounds nothing.
    let freed = frees(&saying("29.0.0", snapshots), a_record("g"));
    assert!(freed.at_most > Bytes(100 * OTHER.1), "{freed:?}");
}

#[test]
fn without_the_list_a_base_that_nobody_shares_is_not_the_last_layer_of_its_depth() {
    let base = |shared: bool| -> Vec<Record> {
        let mut gone = record("g", &[], "", 275_000, 50);
        gone.shared = shared;
        vec![gone]
    };
    let unshared = without_list(inventory(APP, base(false)));
    let freed = frees(&unshared, a_record("g"));
    assert!(freed.at_most >= Bytes(2 * 275_000), "{freed:?}");
    assert!(freed.doubts().contains(&Doubt::Blobs), "{freed:?}");
    // True means shared: then it is that layer, and the image keeps its bytes.
    let shared = without_list(inventory(APP, base(true)));
    let freed = frees(&shared, a_record("g"));
    assert_eq!(freed.at_most, Bytes::ZERO, "{freed:?}");
    let freed = frees(&shared, an_image("app"));
    assert!(freed.at_most < frees(&unshared, an_image("app")).at_most);
}

#[test]
fn without_the_list_a_step_has_no_blob_of_a_size_that_no_image_leaves() {
    const BIG: Row = ("big", 100_001, 204_800, 9);
    let images: &[(&str, &[Row])] = &[("big", &[BIG])];
    let step = |left: u64| record("s", &[], "mount / from exec made", BIG.2 + left, 77);
    let all = BIG.1 + BIG.2 + MANIFEST;
    // All that the image has packed is less than the step would leave for it.
    let other = without_list(inventory(images, vec![step(160_003)]));
    assert_frees(&other, &[an_image("big")], all);
    // It may be this one, as far as can be told.
    let same = without_list(inventory(images, vec![step(100_003)]));
    let freed = frees(&same, an_image("big"));
    assert_eq!(freed.at_least, Bytes(BIG.2), "{freed:?}");
    assert_eq!(freed.at_most, Bytes(all), "{freed:?}");
}

#[test]
fn without_the_list_the_least_of_images_blobs_is_left_out_of_the_bound() {
    const BIG: Row = ("big", 100_001, 204_800, 9);
    let images: &[(&str, &[Row])] = &[("big", &[BIG])];
    let bound = |version: &str| {
        let gone = record("g", &[], "", 275_000, 50);
        let mut said = without_list(inventory(images, vec![gone]));
        Arc::make_mut(&mut said.engine).version = version.into();
        said.apply(Part::SharedSizes(SharedSizes {
            layers: Some(Bytes(BIG.1 + BIG.2 + MANIFEST + 300_000)),
            images: Vec::new(),
        }));
        frees(&said, a_record("g")).at_most.0
    };
    // What is in the sum of 28.3 and of no earlier one, but for what a manifest is estimated at.
    let (before, since) = (bound("28.2.2"), bound("28.3.0"));
    let blobs = BIG.1 + MANIFEST;
    assert!(
        before - since <= blobs && before - since >= blobs - 4_096,
        "{before} {since}"
    );
    assert!(since >= 275_000 + 300_000);
}

#[test]
fn what_is_read_is_kept_by_digest() {
    let read = HashMap::from([(Text::from("blob-base"), extent(1))]);
    let mut inventory = gone();
    inventory.apply(Part::Extents(read.clone()));
    assert_eq!(*inventory.extents, read);
}
