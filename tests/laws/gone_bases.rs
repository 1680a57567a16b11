//! Bases whose image is gone, on the containerd store, against a store that really keeps its references.
//!
//! Images, and builds on bases, each layer a blob and a snapshot of its own. Some images are gone, and the build
//! cache keeps their layers. Blobs are read, some or all, on filesystems of two kinds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dtop::domain::blobs::{BlobList, Layer, Listed, Manifest};
use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::extent::{Extent, Tally};
use dtop::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Store};
use dtop::domain::item::{
    Content, HistoryRow, Image, ImageId, ItemId, Labels, Record, RecordId, Source, Text,
};
use dtop::domain::layers::Ledger;
use jiff::Timestamp;
use proptest::prelude::*;

const PAGE: u64 = 4_096;
/// A manifest's blob.
const MANIFEST: u64 = 77;

/// A layer of a base: bytes of its blob, and its files' pages.
#[derive(Clone, Debug)]
struct Made {
    blob: u64,
    files: Vec<u64>,
    /// Its blob can be read.
    read: bool,
}

/// A base of some layers, and a step that a build made on it: its blob and pages of its snapshot.
#[derive(Clone, Debug)]
struct Base {
    layers: Vec<Made>,
    /// It has an image still.
    image: bool,
    /// The build cache keeps it.
    cached: bool,
    step: Option<(u64, u64)>,
}

/// What there is, as the store has it: bytes with all that holds them.
struct Kept {
    inventory: Inventory,
    units: Vec<(u64, BTreeSet<ItemId>)>,
    items: Vec<ItemId>,
}

fn made() -> impl Strategy<Value = Made> {
    let files = proptest::collection::vec(1..9 * PAGE, 1..5);
    (600..90_000_u64, files, proptest::bool::weighted(0.8)).prop_map(|(blob, files, read)| Made {
        blob,
        files,
        read,
    })
}

fn base() -> impl Strategy<Value = Base> {
    let layers = proptest::collection::vec(made(), 1..4);
    let step = proptest::option::of((600..90_000_u64, 1..30_u64));
    (layers, any::<bool>(), any::<bool>(), step).prop_map(|(layers, image, cached, step)| Base {
        layers,
        image,
        cached,
        step,
    })
}

/// Bases of which no two blobs, nor a record and another's blob, are of one size: that is ambiguous and told so.
fn bases() -> impl Strategy<Value = Vec<Base>> {
    proptest::collection::vec(base(), 1..5).prop_map(|mut bases| {
        let mut number = 0;
        for base in &mut bases {
            let layers = base.layers.iter_mut().map(|layer| &mut layer.blob);
            for blob in layers.chain(base.step.iter_mut().map(|(blob, _)| blob)) {
                number += 1;
                // Each is alone in leaving this to whole blocks.
                *blob = *blob / 512 * 512 + 2 * number + 1;
            }
        }
        bases
    })
}

fn takes(files: &[u64], in_pages: bool) -> u64 {
    let pages: u64 = files.iter().map(|file| file.div_ceil(PAGE)).sum();
    (pages + u64::from(in_pages)) * PAGE
}

fn extent(files: &[u64]) -> Extent {
    let mut tally = Tally::default();
    for (number, file) in files.iter().enumerate() {
        tally.file(&format!("file-{number}"), *file).unwrap();
    }
    tally.extent()
}

fn record(id: String, parent: Option<&RecordId>, description: &str, size: u64) -> Record {
    Record {
        id: RecordId::new(id),
        parents: parent.cloned().into_iter().collect(),
        kind: "regular".into(),
        description: description.into(),
        in_use: false,
        shared: false,
        size: Figure::Known(Bytes(size)),
        created: Timestamp::from_second(1_000_000).ok(),
        last_used: None,
    }
}

fn image(id: &str, layers: &[(Text, u64, u64)]) -> Image {
    let history = layers.iter().map(|(name, _, takes)| HistoryRow {
        created: Timestamp::from_second(9).ok(),
        created_by: format!("COPY {name}").into(),
        comment: "".into(),
        size: Bytes(*takes),
    });
    let size: u64 = layers.iter().map(|(_, blob, takes)| blob + takes).sum();
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
            diff_ids: layers.iter().map(|(name, ..)| name.clone()).collect(),
            history: history.collect(),
            folders: Vec::new(),
            packed: None,
        })),
    }
}

/// Builds the store and what its engine tells.
fn store(bases: &[Base], in_pages: bool) -> Kept {
    let mut listed: Vec<Listed> = Vec::new();
    let mut extents: HashMap<Text, Extent> = HashMap::new();
    let mut units: Vec<(u64, BTreeSet<ItemId>)> = Vec::new();
    let (mut images, mut records) = (Vec::new(), Vec::new());
    let mut manifests: Vec<(ImageId, Vec<Text>)> = Vec::new();
    let layer_blob = |digest: &Text, size: u64| Listed {
        digest: digest.clone(),
        size: Bytes(size),
        labels: vec![("containerd.io/uncompressed".into(), digest.clone())],
    };
    for (at, base) in bases.iter().enumerate() {
        let name = |layer: usize| Text::from(format!("layer-{at}-{layer}"));
        let id = ImageId::new(format!("image-{at}"));
        let mut below: Option<RecordId> = None;
        let mut rows = Vec::new();
        let mut own: Vec<BTreeSet<ItemId>> = vec![BTreeSet::new(); base.layers.len()];
        for (place, layer) in base.layers.iter().enumerate() {
            let digest = name(place);
            if layer.read {
                extents.insert(digest.clone(), extent(&layer.files));
            }
            rows.push((digest.clone(), layer.blob, takes(&layer.files, in_pages)));
            if base.image {
                own[place].insert(ItemId::Image(id.clone()));
            }
            if base.cached {
                let made = record(format!("base-{at}-{place}"), below.as_ref(), "", layer.blob);
                below = Some(made.id.clone());
                own[place].insert(ItemId::Record(made.id.clone()));
                records.push(made);
            }
        }
        let mut on_it: BTreeSet<ItemId> = BTreeSet::new();
        if let Some((blob, pages)) = base.step.filter(|_| base.cached) {
            let digest = Text::from(format!("step-{at}"));
            let size = blob + pages * PAGE;
            let made = record(
                format!("step-{at}"),
                below.as_ref(),
                "mount / from exec step",
                size,
            );
            on_it.insert(ItemId::Record(made.id.clone()));
            listed.push(layer_blob(&digest, blob));
            units.push((size, on_it.clone()));
            records.push(made);
        }
        for (place, layer) in base.layers.iter().enumerate() {
            if own[place].is_empty() {
                continue;
            }
            listed.push(layer_blob(&name(place), layer.blob));
            units.push((layer.blob, own[place].clone()));
            // What stands on a snapshot keeps it.
            let above = own[place..].iter().flatten().chain(&on_it).cloned();
            units.push((takes(&layer.files, in_pages), above.collect()));
        }
        if base.image {
            let labels = (0..base.layers.len()).map(|place| {
                let key = format!("containerd.io/gc.ref.content.l.{place}");
                (key.into(), name(place))
            });
            listed.push(Listed {
                digest: id.as_str().into(),
                size: Bytes(MANIFEST),
                labels: labels.collect(),
            });
            units.push((MANIFEST, BTreeSet::from([ItemId::Image(id.clone())])));
            images.push(image(id.as_str(), &rows));
            manifests.push((id, rows.into_iter().map(|(digest, ..)| digest).collect()));
        }
    }
    let mut list = BlobList::new(listed);
    for (id, layers) in manifests {
        let layers = layers.iter().map(|digest| Layer {
            blob: list.position(digest),
            diff_id: digest.clone(),
            created: None,
        });
        let manifest = Manifest {
            digest: id.as_str().into(),
            layers: layers.collect(),
            ..Manifest::default()
        };
        list.add_image(id, vec![manifest], false);
    }
    let items: Vec<ItemId> = units
        .iter()
        .flat_map(|(_, holders)| holders.clone())
        .collect();
    let items: BTreeSet<ItemId> = items.into_iter().collect();
    Kept {
        inventory: inventory(images, records, list, extents),
        units,
        items: items.into_iter().collect(),
    }
}

fn inventory(
    images: Vec<Image>,
    records: Vec<Record>,
    list: BlobList,
    extents: HashMap<Text, Extent>,
) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.apply(Part::Engine(Arc::new(EngineInfo {
        product: "Docker".into(),
        store: Store::Containerd,
        driver: "overlayfs".into(),
        has_build_cache: true,
        ..EngineInfo::default()
    })));
    inventory.apply(Part::Images(images));
    inventory.apply(Part::BuildCache(records));
    inventory.apply(Part::Blobs(Figure::Known(Arc::new(list))));
    inventory.apply(Part::Extents(extents));
    for stage in Stage::ALL {
        let done = Progress::Done(Timestamp::UNIX_EPOCH);
        inventory.apply(Part::Stage(stage, done));
    }
    inventory
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_blobs_tell_of_gone_bases_is_the_truth(
        bases in bases(),
        in_pages in any::<bool>(),
        bits in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let kept = store(&bases, in_pages);
        let marked = kept.items.iter().zip(&bits).filter(|(_, bit)| **bit);
        let mut set: BTreeSet<ItemId> = marked.map(|(item, _)| item.clone()).collect();
        // A record does not go before what was made on it (ENGINE.md §4). Children come after their parents.
        for record in kept.inventory.cache.iter().rev() {
            if !set.contains(&ItemId::Record(record.id.clone())) {
                let parents = record.parents.iter().map(|id| ItemId::Record(id.clone()));
                parents.for_each(|parent| {
                    set.remove(&parent);
                });
            }
        }
        let goes = kept.units.iter().filter(|(_, holders)| holders.is_subset(&set));
        let truth = Bytes(goes.map(|(bytes, _)| bytes).sum());
        let items: Vec<ItemId> = set.into_iter().collect();
        let freed = Ledger::new(&kept.inventory).frees(&items);
        prop_assert!(freed.at_least <= truth && truth <= freed.at_most, "{:?} {:?}", freed, truth);
        // One layer of known size shows how the filesystem counts, and then all that was read is told.
        let is_checked = bases.iter().any(|it| it.image && it.layers.iter().any(|it| it.read));
        let gone = bases.iter().filter(|it| it.cached && !it.image);
        let all_read = gone.flat_map(|it| &it.layers).all(|layer| layer.read);
        if is_checked && all_read {
            prop_assert!(freed.is_exact(), "{:?} {:?}", freed, truth);
            prop_assert_eq!(freed.at_least, truth);
        }
    }
}
