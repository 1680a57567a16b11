//! Random fleets: a store that is known to the last byte, and what an engine would tell of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage};
use dtop::domain::item::{
    Backing, ChainId, Container, ContainerDetails, ContainerId, Content, HistoryRow, Image,
    ImageId, ItemId, Labels, LogFiles, Record, RecordId, Source, State, Volume, VolumeName,
};
use dtop::domain::paths::Paths;
use dtop::domain::store::layerdb::{LayerDb, StoredLayer};
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

/// A layer as the store has it.
#[derive(Clone, Debug)]
pub struct Layer {
    below: Option<usize>,
    size: u64,
    /// When its step was built, and by which command.
    second: i64,
    command: u8,
}

/// What holds layers: an item and the top of its chain.
#[derive(Clone, Debug)]
pub struct Holder {
    pub item: ItemId,
    top: usize,
}

/// A store with all that holds something in it, and the picture that an engine gives of it.
#[derive(Clone)]
pub struct Fleet {
    layers: Vec<Layer>,
    holders: Vec<Holder>,
    /// Bytes that are one item's alone.
    own: Vec<(ItemId, u64)>,
    pub inventory: Inventory,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "layers")?;
        for (number, layer) in self.layers.iter().enumerate() {
            writeln!(f, "  {number} {layer:?}")?;
        }
        for holder in &self.holders {
            writeln!(f, "{:?} on {}", holder.item, holder.top)?;
        }
        for image in &self.inventory.images {
            let rows = image.content.as_ref().known().map(|c| c.history.len());
            writeln!(f, "{} of {:?}, rows {rows:?}", image.id, image.size)?;
        }
        for record in &self.inventory.cache {
            writeln!(f, "{} {:?} {}", record.id, record.size, record.description)?;
        }
        writeln!(f, "{:?}", self.own)
    }
}

/// What a fleet may have that makes it hard to see through.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a trait of its own; any set of them makes a fleet"
)]
pub struct Traits {
    /// Layers, and records, that look the same.
    pub twins: bool,
    /// Images with less history than layers.
    pub bare: bool,
    /// Containers whose image was removed by force.
    pub hidden: bool,
    /// Layers that a step made and that something was built on since: a record each keeps them.
    pub doubled: bool,
}

impl Fleet {
    /// All items that can be let go.
    pub fn items(&self) -> Vec<ItemId> {
        let items: BTreeSet<ItemId> = self
            .holders
            .iter()
            .map(|holder| holder.item.clone())
            .chain(self.own.iter().map(|(item, _)| item.clone()))
            .collect();
        items.into_iter().collect()
    }

    /// What really goes with a set: the layers that nothing left holds, and what is the set's alone.
    pub fn frees(&self, set: &BTreeSet<ItemId>) -> u64 {
        let held = |gone: &dyn Fn(&ItemId) -> bool| {
            let mut held = BTreeSet::new();
            for holder in self.holders.iter().filter(|holder| !gone(&holder.item)) {
                held.extend(self.chain(holder.top));
            }
            held
        };
        let before = held(&|_| false);
        let after = held(&|item| set.contains(item));
        let layers: u64 = before
            .difference(&after)
            .map(|layer| self.layers[*layer].size)
            .sum();
        // A log goes with its container, too.
        let goes = |item: &ItemId| match item {
            ItemId::Log(id) => set.contains(item) || set.contains(&ItemId::Container(id.clone())),
            _ => set.contains(item),
        };
        let own = self.own.iter().filter(|(item, _)| goes(item));
        layers + own.map(|(_, bytes)| bytes).sum::<u64>()
    }

    /// Gives a container other log files: so many bytes in the file that is written, and as many aside.
    pub fn log(&mut self, at: usize, bytes: u64, bounded: bool) {
        let container = &mut self.inventory.containers[at];
        let Figure::Known(details) = &mut container.details else {
            return;
        };
        let details = Arc::make_mut(details);
        details.log_bounded = Some(bounded);
        details.log = Some(LogFiles {
            size: Bytes(2 * bytes),
            blocks: Bytes(2 * bytes),
            packed: Bytes::ZERO,
            written: Bytes(bytes),
            aside: Bytes(bytes),
            rotated: 1,
        });
        let written = details.size_rw.unwrap_or_default().0;
        // The file that is written is emptied only where nothing bounds it.
        let stays = if bounded { bytes } else { 0 };
        let log = ItemId::Log(container.id.clone());
        let container = ItemId::Container(container.id.clone());
        for (item, own) in &mut self.own {
            if *item == log {
                *own = 2 * bytes - stays;
            } else if *item == container {
                *own = written + stays;
            }
        }
    }

    /// What is left of it once a set has gone, as the engine tells it then. A record stays that others were made on.
    pub fn without(&self, set: &BTreeSet<ItemId>) -> Self {
        let mut set = set.clone();
        for record in self.inventory.cache.iter().rev() {
            if !set.contains(&ItemId::Record(record.id.clone())) {
                for parent in &record.parents {
                    set.remove(&ItemId::Record(parent.clone()));
                }
            }
        }
        let mut left = self.clone();
        left.holders.retain(|holder| !set.contains(&holder.item));
        left.own.retain(|(item, _)| match item {
            ItemId::Log(id) => !set.contains(&ItemId::Container(id.clone())),
            _ => !set.contains(item),
        });
        let shared: BTreeSet<usize> = left
            .holders
            .iter()
            .filter(|holder| matches!(holder.item, ItemId::Image(_)))
            .flat_map(|holder| left.chain(holder.top))
            .collect();
        let mut images = self.inventory.images.clone();
        images.retain(|image| !set.contains(&ItemId::Image(image.id.clone())));
        let mut cache = self.inventory.cache.clone();
        cache.retain(|record| !set.contains(&ItemId::Record(record.id.clone())));
        for record in &mut cache {
            let item = ItemId::Record(record.id.clone());
            let holder = left.holders.iter().find(|holder| holder.item == item);
            record.shared = holder.is_some_and(|holder| shared.contains(&holder.top));
        }
        let mut containers = self.inventory.containers.clone();
        containers.retain(|it| !set.contains(&ItemId::Container(it.id.clone())));
        let mut volumes = self.inventory.volumes.clone();
        volumes.retain(|it| !set.contains(&ItemId::Volume(it.name.clone())));
        for part in [
            Part::Images(images),
            Part::BuildCache(cache),
            Part::Containers(containers),
            Part::Volumes(volumes),
        ] {
            left.inventory.apply(part);
        }
        left
    }

    /// What the engine's own folder tells of this store.
    pub fn stored(&self) -> Part {
        let name = |layer: usize| ChainId::new(format!("chain-{layer}"));
        let layers = self
            .layers
            .iter()
            .enumerate()
            .map(|(number, layer)| StoredLayer {
                chain: name(number),
                parent: layer.below.map(name),
                diff_id: diff_id(number),
                folder: folder(number),
                size: Some(Bytes(layer.size)),
            });
        let records = self.holders.iter().filter_map(|holder| match &holder.item {
            ItemId::Record(id) => Some((id.clone(), Some(name(holder.top)))),
            _ => None,
        });
        let stored = LayerDb {
            layers: layers.collect(),
            records: records.collect(),
            ..LayerDb::default()
        };
        Part::Stored(Figure::Known(Arc::new(stored)))
    }

    /// A layer and all below it, from the lowest up.
    fn chain(&self, top: usize) -> Vec<usize> {
        chain(&self.layers, top)
    }
}

fn chain(layers: &[Layer], top: usize) -> Vec<usize> {
    let mut chain: Vec<usize> =
        std::iter::successors(Some(top), |layer| layers[*layer].below).collect();
    chain.reverse();
    chain
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// When a layer was made, as no other was.
fn fine_time(second: i64, layer: usize) -> Timestamp {
    let nanosecond = i64::try_from(layer).unwrap() + 1;
    time(second) + jiff::SignedDuration::from_nanos(nanosecond)
}

/// A choice of each thing, before it is made into a fleet.
type Raw = (
    Vec<(Option<Index>, u64, u8, u8)>,
    Vec<(Index, bool, u8, Option<Index>)>,
    Vec<(Index, u8)>,
    Vec<(Index, u64, bool)>,
    Vec<u64>,
);

/// Any fleet with at most these traits.
pub fn fleet(traits: Traits) -> impl Strategy<Value = Fleet> {
    let layer = (
        proptest::option::weighted(0.75, any::<Index>()),
        prop_oneof![Just(0_u64), Just(10), Just(10), 1_u64..1_000_000],
        0_u8..4,
        0_u8..3,
    );
    let image = (
        any::<Index>(),
        proptest::bool::weighted(0.25),
        any::<u8>(),
        proptest::option::weighted(0.2, any::<Index>()),
    );
    let raw = (
        proptest::collection::vec(layer, 1..14),
        proptest::collection::vec(image, 0..7),
        proptest::collection::vec((any::<Index>(), any::<u8>()), 0..8),
        proptest::collection::vec((any::<Index>(), 0_u64..5_000, any::<bool>()), 0..4),
        proptest::collection::vec(0_u64..5_000, 0..3),
    );
    raw.prop_map(move |raw| make(traits, raw))
}

fn make(traits: Traits, (layers, images, records, containers, volumes): Raw) -> Fleet {
    let mut made: Vec<Layer> = Vec::new();
    for (number, (below, size, second, command)) in layers.into_iter().enumerate() {
        let unique = u8::try_from(number).unwrap();
        // Without twins no two sets of layers have the same bytes either.
        made.push(Layer {
            below: below
                .filter(|_| number > 0)
                .map(|below| below.index(number)),
            size: if traits.twins {
                size
            } else {
                size + (1 << (20 + unique))
            },
            second: i64::from(if traits.twins { second } else { unique }),
            command: if traits.twins { command } else { unique },
        });
    }
    let mut fleet = Fleet {
        layers: made,
        holders: Vec::new(),
        own: Vec::new(),
        inventory: Inventory::default(),
    };
    let images = add_images(&mut fleet, traits, images);
    let mut cache = add_records(&mut fleet, traits, &records);
    if traits.doubled {
        double_records(&mut fleet, &records, &mut cache);
    }
    let containers = add_containers(&mut fleet, traits, &images, &containers);
    let volumes = add_volumes(&mut fleet, &volumes);
    let engine = EngineInfo {
        product: "Docker".into(),
        driver: "overlay2".into(),
        has_build_cache: true,
        ..EngineInfo::default()
    };
    let stages = Stage::ALL.map(|stage| Part::Stage(stage, Progress::Done(time(0))));
    let lists = [
        Part::Engine(Arc::new(engine)),
        Part::Images(images),
        Part::BuildCache(cache),
        Part::Containers(containers),
        Part::Volumes(volumes),
    ];
    for part in lists.into_iter().chain(stages) {
        fleet.inventory.apply(part);
    }
    fleet
}

fn add_images(
    fleet: &mut Fleet,
    traits: Traits,
    raw: Vec<(Index, bool, u8, Option<Index>)>,
) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for (number, (top, bare, mixed, parent)) in raw.into_iter().enumerate() {
        let top = top.index(fleet.layers.len());
        let chain = fleet.chain(top);
        let content = Content {
            created: (number % 2 == 0).then(|| fine_time(fleet.layers[top].second, top)),
            diff_ids: chain.iter().map(|layer| diff_id(*layer)).collect(),
            history: if bare && traits.bare {
                Vec::new()
            } else {
                history(&fleet.layers, &chain, mixed)
            },
            folders: chain.iter().map(|layer| folder(*layer)).collect(),
            packed: None,
        };
        let id = ImageId::new(format!("sha256:{number:064x}"));
        let size = chain.iter().map(|layer| fleet.layers[*layer].size).sum();
        fleet.holders.push(Holder {
            item: ItemId::Image(id.clone()),
            top,
        });
        images.push(Image {
            parent: parent
                .filter(|_| number > 0)
                .map(|parent| images[parent.index(number)].id.clone()),
            names: (mixed % 4 > 0)
                .then(|| format!("image-{number}:1").into())
                .into_iter()
                .collect(),
            id,
            digests: Vec::new(),
            created: Some(time(1_000)),
            size: Figure::Known(Bytes(size)),
            shared: Figure::Pending,
            labels: Labels::default(),
            source: Source::Local,
            last_tagged: None,
            content: Figure::Known(Arc::new(content)),
        });
    }
    images
}

fn diff_id(layer: usize) -> Text {
    format!("sha256:{layer:064}").into()
}

fn folder(layer: usize) -> Text {
    format!("{layer:025}").into()
}

fn command(layer: &Layer) -> String {
    format!("/bin/sh -c make -j{} all", layer.command)
}

/// The rows of a build, with metadata among them where `mixed` has a bit.
fn history(layers: &[Layer], chain: &[usize], mixed: u8) -> Vec<HistoryRow> {
    let mut rows = Vec::new();
    for (place, layer) in chain.iter().enumerate() {
        let layer = &layers[*layer];
        let row = |created_by: String, size| HistoryRow {
            created: Some(time(layer.second)),
            created_by: created_by.into(),
            comment: "buildkit.dockerfile.v0".into(),
            size: Bytes(size),
        };
        rows.push(row(
            format!("RUN {} # buildkit", command(layer)),
            layer.size,
        ));
        if mixed >> (place % 8) & 1 == 1 {
            rows.push(row("ENV A=1".to_owned(), 0));
        }
    }
    rows
}

/// Records of some layers with all that is below them: of a base up to some depth, of steps above.
fn add_records(fleet: &mut Fleet, traits: Traits, raw: &[(Index, u8)]) -> Vec<Record> {
    let shared: BTreeSet<usize> = fleet
        .holders
        .iter()
        .flat_map(|holder| fleet.chain(holder.top))
        .collect();
    let mut records: Vec<Option<Record>> = vec![None; fleet.layers.len()];
    for (top, base) in raw {
        let chain = fleet.chain(top.index(fleet.layers.len()));
        // Without a step above it in some image, nothing tells which of all layers a base is.
        let told = chain.last().is_some_and(|top| shared.contains(top));
        let deepest = chain.len() - 1;
        let mut parent: Option<RecordId> = None;
        let mut on_base = traits.twins || told;
        for (depth, layer) in chain.into_iter().enumerate() {
            on_base &= depth < usize::from(base % 4) && shared.contains(&layer);
            on_base &= traits.twins || depth < deepest;
            if records[layer].is_none() {
                let id = RecordId::new(format!("{layer:025}"));
                fleet.holders.push(Holder {
                    item: ItemId::Record(id.clone()),
                    top: layer,
                });
                let of = &fleet.layers[layer];
                records[layer] = Some(Record {
                    id,
                    parents: parent.into_iter().collect(),
                    kind: "regular".into(),
                    description: if on_base {
                        "from local ".into()
                    } else {
                        format!("mount / from exec {}", command(of)).into()
                    },
                    in_use: false,
                    shared: shared.contains(&layer),
                    size: Figure::Known(Bytes(if on_base { 0 } else { of.size })),
                    created: Some(fine_time(of.second, layer)),
                    last_used: None,
                });
            }
            let record = records[layer].as_ref().unwrap();
            on_base &= record.description.starts_with("from local");
            parent = Some(record.id.clone());
        }
    }
    records.into_iter().flatten().collect()
}

/// Records of bases for layers that steps have records of, and for all below them; one for each layer.
fn double_records(fleet: &mut Fleet, raw: &[(Index, u8)], records: &mut Vec<Record>) {
    let images: Vec<usize> = fleet
        .holders
        .iter()
        .filter(|holder| matches!(holder.item, ItemId::Image(_)))
        .map(|holder| holder.top)
        .collect();
    for (pick, double) in raw.iter().filter(|_| !images.is_empty()) {
        if double % 3 > 0 {
            continue;
        }
        let mut parent: Option<RecordId> = None;
        for layer in fleet.chain(images[pick.index(images.len())]) {
            let id = RecordId::new(format!("{layer:025}"));
            let again = RecordId::new(format!("base-{layer:020}"));
            let is_base = |id: &RecordId| {
                let known = records.iter().find(|record| record.id == *id);
                known.is_some_and(|record| record.description.starts_with("from local"))
            };
            let known = [id, again.clone()].into_iter().find(is_base);
            parent = Some(known.unwrap_or_else(|| {
                fleet.holders.push(Holder {
                    item: ItemId::Record(again.clone()),
                    top: layer,
                });
                records.push(Record {
                    id: again.clone(),
                    parents: parent.clone().into_iter().collect(),
                    kind: "regular".into(),
                    description: "from local ".into(),
                    in_use: false,
                    shared: true,
                    size: Figure::Known(Bytes::ZERO),
                    // After all that was built.
                    created: Some(fine_time(1_000, layer)),
                    last_used: None,
                });
                again
            }));
        }
    }
}

fn add_containers(
    fleet: &mut Fleet,
    traits: Traits,
    images: &[Image],
    raw: &[(Index, u64, bool)],
) -> Vec<Container> {
    let mut containers = Vec::new();
    for (number, (pick, written, hidden)) in raw.iter().enumerate() {
        let hidden = traits.hidden && *hidden;
        if images.is_empty() && !hidden {
            continue;
        }
        let (top, image) = if hidden {
            (pick.index(fleet.layers.len()), "sha256:gone".into())
        } else {
            let image = pick.index(images.len());
            (
                fleet.holders[image].top,
                images[image].id.as_str().to_owned(),
            )
        };
        let chain = fleet.chain(top);
        let below: u64 = chain.iter().map(|layer| fleet.layers[*layer].size).sum();
        let kept = written / 3;
        let details = ContainerDetails {
            size_rw: Some(Bytes(*written)),
            size_root: Some(Bytes(below + written)),
            folders: chain.iter().map(|layer| folder(*layer)).collect(),
            log_bounded: Some(false),
            log: Some(LogFiles {
                size: Bytes(written * 2 + kept),
                blocks: Bytes(written * 2 + kept),
                packed: Bytes(kept),
                written: Bytes(*written),
                aside: Bytes(*written),
                rotated: 1,
            }),
            ..ContainerDetails::default()
        };
        let id = ContainerId::new(format!("{number:064}"));
        fleet
            .own
            .push((ItemId::Container(id.clone()), *written + kept));
        fleet.own.push((ItemId::Log(id.clone()), *written * 2));
        fleet.holders.push(Holder {
            item: ItemId::Container(id.clone()),
            top,
        });
        containers.push(Container {
            id,
            name: format!("container-{number}").into(),
            image_id: Some(ImageId::new(image)),
            image: "some".into(),
            command: "sh".into(),
            state: State::Exited,
            created: Some(time(2_000)),
            labels: Labels::default(),
            volumes: Vec::new(),
            image_mounts: Vec::new(),
            binds: Paths::default(),
            details: Figure::Known(Arc::new(details)),
        });
    }
    containers
}

fn add_volumes(fleet: &mut Fleet, sizes: &[u64]) -> Vec<Volume> {
    let mut volumes = Vec::new();
    for (number, size) in sizes.iter().enumerate() {
        let name = VolumeName::new(format!("volume-{number}"));
        fleet.own.push((ItemId::Volume(name.clone()), *size));
        volumes.push(Volume {
            name,
            driver: "local".into(),
            size: Figure::Known(Bytes(*size)),
            anonymous: false,
            created: Some(time(0)),
            labels: Labels::default(),
            mountpoint: "".into(),
            scope: "local".into(),
            backing: Backing::Folder,
            usage: None,
        });
    }
    volumes
}
