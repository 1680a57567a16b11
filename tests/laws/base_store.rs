//! A containerd store that really keeps its references: images, and builds on bases, each layer a blob and a snapshot
//! of its own. Some images are gone, and the build cache keeps their layers.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::compact::texts::DigestList;
use dtop::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Store};
use dtop::domain::item::{
    Content, HistoryRow, Image, ImageId, ItemId, Labels, Record, RecordId, Source,
};
use dtop::domain::store::content::{BlobList, Listed, Manifest, ManifestLayer};
use dtop::domain::store::metadata::{Lease, LeaseTerm, MetadataDb, Snapshot};
use dtop::domain::store::unpacked::{UnpackedSize, UnpackedTally};
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

pub const PAGE: u64 = 4_096;
/// A manifest's blob.
const MANIFEST: u64 = 77;

/// A layer of a base: bytes of its blob, and its files' pages.
#[derive(Clone, Debug)]
pub struct Made {
    pub blob: u64,
    pub files: Vec<u64>,
    /// Its blob can be read.
    pub read: bool,
}

/// A base of some layers, and a step that a build made on it: its blob and pages of its snapshot.
#[derive(Clone, Debug)]
pub struct Base {
    pub layers: Vec<Made>,
    /// It has an image still.
    pub image: bool,
    /// The build cache keeps it.
    pub cached: bool,
    pub step: Option<(u64, u64)>,
}

/// What there is, as the store has it: bytes with all that holds them.
pub struct Kept {
    pub inventory: Inventory,
    pub units: Vec<(u64, BTreeSet<ItemId>)>,
    pub items: Vec<ItemId>,
    /// Places among the units, by the digest of a blob or the key of a snapshot.
    pub places: HashMap<Text, usize>,
    pub listed: Vec<Listed>,
    pub manifests: Vec<(ImageId, Vec<Text>)>,
    pub notes: MetadataDb,
}

impl Kept {
    pub fn keep(&mut self, name: &Text, bytes: u64, holders: BTreeSet<ItemId>) {
        self.places.insert(name.clone(), self.units.len());
        self.units.push((bytes, holders));
    }

    fn lease(&mut self, id: &RecordId, blob: &Text, key: &Text) {
        let lease = Lease {
            blobs: vec![blob.clone()],
            snapshots: vec![key.clone()],
            is_flat: true,
            term: LeaseTerm::Open,
            until: None,
        };
        self.notes.leases.insert(id.text().clone(), lease);
    }

    pub fn snapshot(&mut self, key: &Text, parent: Option<&Text>, size: u64) {
        let snapshot = Snapshot {
            parent: parent.cloned(),
            size: Some(Bytes(size)),
            linked: Bytes::ZERO,
        };
        self.notes.snapshots.insert(key.clone(), snapshot);
    }
}

/// The key of a layer's snapshot.
pub fn chain_id(below: Option<&Text>, diff_id: &Text) -> Text {
    let Some(below) = below else {
        return diff_id.clone();
    };
    let digest = Sha256::digest(format!("{below} {diff_id}"));
    let mut id = String::from("sha256:");
    for byte in digest {
        write!(id, "{byte:02x}").unwrap();
    }
    id.into()
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
pub fn bases() -> impl Strategy<Value = Vec<Base>> {
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

fn extent(files: &[u64]) -> UnpackedSize {
    let mut tally = UnpackedTally::default();
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
        created: Timestamp::from_second(1_000_000),
        last_used: None,
    }
}

fn image(id: &str, layers: &[(Text, u64, u64)]) -> Image {
    let history = layers.iter().map(|(name, _, takes)| HistoryRow {
        created: Timestamp::from_second(9),
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
            folders: DigestList::default(),
            packed: None,
        })),
    }
}

pub fn layer_blob(digest: &Text, size: u64) -> Listed {
    Listed {
        digest: digest.clone(),
        size: Bytes(size),
        labels: vec![("containerd.io/uncompressed".into(), digest.clone())],
    }
}

fn manifest_blob(id: &ImageId, layers: &[Text], top: &Text) -> Listed {
    let labels = layers.iter().enumerate().map(|(place, digest)| {
        let key = format!("containerd.io/gc.ref.content.l.{place}");
        (key.into(), digest.clone())
    });
    let unpacked = (
        "containerd.io/gc.ref.snapshot.overlayfs".into(),
        top.clone(),
    );
    Listed {
        digest: id.text().clone(),
        size: Bytes(MANIFEST),
        labels: labels.chain([unpacked]).collect(),
    }
}

/// Builds the store and what its engine tells.
pub fn store(bases: &[Base], in_pages: bool) -> Kept {
    let mut kept = Kept {
        inventory: Inventory::default(),
        units: Vec::new(),
        items: Vec::new(),
        places: HashMap::new(),
        listed: Vec::new(),
        manifests: Vec::new(),
        notes: MetadataDb::default(),
    };
    let mut listed: Vec<Listed> = Vec::new();
    let mut extents: HashMap<Text, UnpackedSize> = HashMap::new();
    let (mut images, mut records) = (Vec::new(), Vec::new());
    let mut manifests: Vec<(ImageId, Vec<Text>)> = Vec::new();
    for (at, base) in bases.iter().enumerate() {
        let name = |layer: usize| Text::from(format!("layer-{at}-{layer}"));
        let mut chains: Vec<Text> = Vec::new();
        for place in 0..base.layers.len() {
            chains.push(chain_id(chains.last(), &name(place)));
        }
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
                kept.lease(&made.id, &digest, &chains[place]);
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
            let key = Text::from(format!("own-{at}"));
            kept.keep(&digest, blob, on_it.clone());
            kept.keep(&key, pages * PAGE, on_it.clone());
            kept.lease(&made.id, &digest, &key);
            kept.snapshot(&key, chains.last(), pages * PAGE);
            records.push(made);
        }
        for (place, layer) in base.layers.iter().enumerate() {
            if own[place].is_empty() {
                continue;
            }
            listed.push(layer_blob(&name(place), layer.blob));
            kept.keep(&name(place), layer.blob, own[place].clone());
            // What stands on a snapshot keeps it.
            let above = own[place..].iter().flatten().chain(&on_it).cloned();
            let size = takes(&layer.files, in_pages);
            // Its key may be the digest of its blob.
            let key = Text::from(format!("chain {}", chains[place]));
            kept.keep(&key, size, above.collect());
            let parent = place.checked_sub(1).map(|below| &chains[below]);
            kept.snapshot(&chains[place], parent, size);
        }
        if base.image {
            let digests: Vec<Text> = (0..base.layers.len()).map(name).collect();
            listed.push(manifest_blob(&id, &digests, chains.last().unwrap()));
            let holder = BTreeSet::from([ItemId::Image(id.clone())]);
            kept.keep(id.text(), MANIFEST, holder);
            kept.notes.images.insert(id.clone());
            images.push(image(id.as_str(), &rows));
            manifests.push((id, rows.into_iter().map(|(digest, ..)| digest).collect()));
        }
    }
    let list = with_manifests(BlobList::new(listed.clone()), &manifests);
    let items: BTreeSet<ItemId> = kept
        .units
        .iter()
        .flat_map(|(_, holders)| holders.clone())
        .collect();
    kept.items = items.into_iter().collect();
    kept.inventory = inventory(images, records, list, extents);
    (kept.listed, kept.manifests) = (listed, manifests);
    kept
}

pub fn with_manifests(mut list: BlobList, manifests: &[(ImageId, Vec<Text>)]) -> BlobList {
    for (id, layers) in manifests {
        let layers = layers.iter().map(|digest| ManifestLayer {
            blob: list.position(digest),
            diff_id: digest.clone(),
            created: None,
        });
        let manifest = Manifest {
            digest: id.as_str().into(),
            layers: layers.collect(),
            ..Manifest::default()
        };
        list.add_image(id.clone(), vec![manifest], false);
    }
    list
}

fn inventory(
    images: Vec<Image>,
    records: Vec<Record>,
    list: BlobList,
    extents: HashMap<Text, UnpackedSize>,
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
