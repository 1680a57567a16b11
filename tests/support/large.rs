//! A fleet as large as a build server's after years: for what must not be felt at any size.

use std::sync::Arc;

use dtop::app::model::{Model, Options};
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::compact::texts::DigestList;
use dtop::domain::inventory::{EngineInfo, Part, Progress, Stage, Store};
use dtop::domain::item::{
    Backing, Container, ContainerDetails, ContainerId, Content, HistoryRow, Image, ImageId, Labels,
    Record, RecordId, Source, State, Volume, VolumeName,
};
use dtop::domain::paths::Paths;
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use jiff::SignedDuration;

/// How much of everything there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub images: usize,
    /// Layers that an image has for itself.
    pub own_layers: usize,
    /// Build cache records, each of a layer of an image.
    pub records: usize,
    pub containers: usize,
    pub volumes: usize,
}

/// Ten thousand images of a hundred thousand layers.
pub const LARGE: Size = Size {
    images: 10_000,
    own_layers: 10,
    records: 50_000,
    containers: 2_000,
    volumes: 2_000,
};

/// So many bases, of so many layers each, share the images among them.
const BASES: usize = 100;
const BASE_LAYERS: usize = 5;

pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

/// When a thing was made: every one at a second of its own.
fn made(number: usize) -> Timestamp {
    now() - SignedDuration::from_secs(1_000_000 + i64::try_from(number).expect("few"))
}

/// Sizes that look random and are the same every time.
fn bytes(number: usize) -> Bytes {
    Bytes((number as u64).wrapping_mul(2_654_435_761) % 40_000_000 + 1)
}

/// A program that has read all of it and shows it.
pub fn model(size: Size, width: u16, height: u16) -> Model {
    let mut model = Model::new(Options::default(), width, height, now());
    update(&mut model, Msg::Connected);
    update(&mut model, Msg::Scan(parts(size)));
    model
}

pub fn parts(size: Size) -> Vec<Part> {
    let mut parts = vec![
        Part::Engine(Arc::new(EngineInfo {
            host: "unix:///var/run/docker.sock".into(),
            product: "Docker".into(),
            version: "28.5.2".into(),
            store: Store::GraphDriver,
            driver: "overlay2".into(),
            has_build_cache: true,
            ..EngineInfo::default()
        })),
        Part::Images((0..size.images).map(|at| image(at, size)).collect()),
        Part::Containers(containers(size)),
        Part::Volumes((0..size.volumes).map(volume).collect()),
        Part::BuildCache(records(size)),
    ];
    parts.extend(Stage::ALL.map(|stage| Part::Stage(stage, Progress::Done(now()))));
    parts
}

fn image_id(at: usize) -> ImageId {
    ImageId::new(format!("sha256:{at:064x}"))
}

/// An image's layer, the lowest first: those of its base, then its own.
struct Layer {
    name: Text,
    row: HistoryRow,
}

fn layer(image: usize, place: usize, size: Size) -> Layer {
    let base = image % BASES;
    let number = if place < BASE_LAYERS {
        base * BASE_LAYERS + place
    } else {
        BASES * BASE_LAYERS + image * size.own_layers + place - BASE_LAYERS
    };
    Layer {
        name: format!("sha256:{number:064x}").into(),
        row: HistoryRow {
            created: Some(made(number)),
            created_by: format!("RUN /bin/sh -c make step-{number} # buildkit").into(),
            comment: "buildkit.dockerfile.v0".into(),
            size: bytes(number),
        },
    }
}

fn image(at: usize, size: Size) -> Image {
    let layers: Vec<Layer> = (0..BASE_LAYERS + size.own_layers)
        .map(|place| layer(at, place, size))
        .collect();
    let is_untagged = at.is_multiple_of(5);
    let name = format!(
        "registry.example.org/team-{}/service-{}:{at}",
        at % 40,
        at % 400
    );
    Image {
        id: image_id(at),
        parent: None,
        names: (!is_untagged).then(|| name.into()).into_iter().collect(),
        digests: Vec::new(),
        created: Some(made(at)),
        size: Figure::Known(layers.iter().map(|layer| layer.row.size).sum()),
        shared: Figure::Known(bytes(at)),
        labels: Labels::new(vec![("team".into(), format!("{}", at % 40).into())]),
        source: Source::Local,
        last_tagged: Some(made(at)),
        content: Figure::Known(Arc::new(Content {
            created: None,
            diff_ids: layers.iter().map(|layer| layer.name.clone()).collect(),
            history: layers.into_iter().map(|layer| layer.row).collect(),
            folders: DigestList::default(),
            packed: None,
        })),
    }
}

/// Every fifth image has a container, every other of which runs.
fn containers(size: Size) -> Vec<Container> {
    (0..size.containers)
        .map(|at| Container {
            id: ContainerId::new(format!("{at:064x}")),
            name: format!("service-{at}-1").into(),
            image_id: Some(image_id(at * 5 % size.images)),
            image: format!("service:{at}").into(),
            command: "/entrypoint.sh serve".into(),
            state: if at.is_multiple_of(2) {
                State::Running
            } else {
                State::Exited
            },
            created: Some(made(at)),
            labels: Labels::new(vec![("com.docker.compose.project".into(), "shop".into())]),
            volumes: vec![VolumeName::new(format!("volume-{at}"))],
            image_mounts: Vec::new(),
            binds: Paths::default(),
            details: Figure::Known(Arc::new(ContainerDetails {
                size_rw: Some(bytes(at)),
                started: Some(made(at)),
                finished: Some(made(at)),
                log_driver: "json-file".into(),
                ..ContainerDetails::default()
            })),
        })
        .collect()
}

fn volume(at: usize) -> Volume {
    Volume {
        name: VolumeName::new(format!("volume-{at}")),
        driver: "local".into(),
        size: Figure::Known(bytes(at)),
        anonymous: at.is_multiple_of(3),
        created: Some(made(at)),
        labels: Labels::default(),
        mountpoint: format!("/var/lib/docker/volumes/volume-{at}/_data").into(),
        scope: "local".into(),
        backing: Backing::Folder,
        usage: None,
    }
}

/// The cache of the images' own layers, on records of their bases.
fn records(size: Size) -> Vec<Record> {
    let chain = BASE_LAYERS + size.own_layers;
    let mut records = Vec::with_capacity(size.records);
    for image in 0..size.images {
        // An image on a base that an earlier one has built shares that one's records below.
        let first = if image < BASES { 0 } else { BASE_LAYERS };
        for place in first..chain {
            if records.len() == size.records {
                return records;
            }
            let id = |place: usize| {
                let owner = if place < BASE_LAYERS {
                    image % BASES
                } else {
                    image
                };
                RecordId::new(format!("r{owner:015}p{place:08}"))
            };
            let row = layer(image, place, size).row;
            records.push(Record {
                id: id(place),
                parents: place.checked_sub(1).map(id).into_iter().collect(),
                kind: "regular".into(),
                description: format!(
                    "[{place}/{chain}] {}",
                    row.created_by.replace(" # buildkit", "")
                )
                .into(),
                in_use: false,
                shared: true,
                size: Figure::Known(row.size),
                created: row.created,
                last_used: Some(made(image)),
            });
        }
    }
    records
}
