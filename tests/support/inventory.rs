//! A small engine as it answers: images with shared layers, containers in three states, volumes, build cache.

use std::sync::Arc;

use dtop::app::model::{Model, Options};
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::compact::texts::DigestList;
use dtop::domain::disk::{Disk, Places};
use dtop::domain::inventory::{EngineInfo, Part, Progress, Stage, Store};
use dtop::domain::item::{
    Backing, Container, ContainerDetails, ContainerId, Content, HistoryRow, Image, ImageId, Labels,
    Record, RecordId, Source, State, Volume, VolumeName,
};
use dtop::domain::paths::Paths;
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use jiff::SignedDuration;

pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// A program that has just read all of it.
pub fn model() -> Model {
    model_of(parts())
}

pub fn model_of(parts: Vec<Part>) -> Model {
    let mut model = Model::new(Options::default(), 80, 24, now());
    update(&mut model, Msg::Connected);
    update(&mut model, Msg::Scan(parts));
    model
}

pub fn parts() -> Vec<Part> {
    let mut parts = vec![
        Part::Engine(Arc::new(engine())),
        Part::Disks(vec![disk()]),
        Part::Images(images()),
        Part::Containers(containers()),
        Part::Volumes(volumes()),
        Part::BuildCache(records()),
    ];
    parts.extend(Stage::ALL.map(|stage| Part::Stage(stage, Progress::Done(now()))));
    parts
}

fn engine() -> EngineInfo {
    EngineInfo {
        host: "unix:///var/run/docker.sock".into(),
        why: "default".into(),
        product: "Docker".into(),
        version: "29.7.2".into(),
        store: Store::GraphDriver,
        driver: "overlay2".into(),
        root: "/var/lib/docker".into(),
        local: true,
        has_build_cache: true,
        ..EngineInfo::default()
    }
}

fn disk() -> Disk {
    Disk {
        path: "/var/lib/docker".into(),
        total: Bytes(91_000_000_000),
        free: Bytes(8_200_000_000),
        inodes_total: 6_000_000,
        inodes_free: 4_000_000,
        holds: Places::ALL,
        ..Disk::default()
    }
}

/// An image of layers given by name and bytes, the lowest first.
pub fn image(id: char, names: &[&str], layers: &[(&str, u64)]) -> Image {
    let history = layers.iter().map(|(name, size)| HistoryRow {
        created: Some(ago(24 * 40)),
        created_by: format!("COPY {name} /app # buildkit").into(),
        comment: "buildkit.dockerfile.v0".into(),
        size: Bytes(*size),
    });
    let diff_ids = layers
        .iter()
        .map(|(name, _)| Text::from(format!("sha256:{name}")));
    let names: Vec<Text> = names.iter().map(|name| (*name).into()).collect();
    Image {
        id: ImageId::new(format!("sha256:{}", id.to_string().repeat(64))),
        parent: None,
        source: if names.is_empty() {
            Source::Local
        } else {
            Source::Registry
        },
        names,
        digests: Vec::new(),
        created: Some(ago(24 * 40)),
        size: Figure::Known(layers.iter().map(|(_, size)| Bytes(*size)).sum()),
        shared: Figure::Known(Bytes(5_600_000)),
        labels: Labels::default(),
        last_tagged: Some(ago(24 * 9)),
        content: Figure::Known(Arc::new(Content {
            created: None,
            diff_ids: diff_ids.collect(),
            history: history.collect(),
            folders: DigestList::default(),
            packed: None,
        })),
    }
}

fn images() -> Vec<Image> {
    let alpine = ("alpine", 5_600_000);
    vec![
        image(
            'a',
            &["nextcloud:latest", "nextcloud:19"],
            &[("debian", 80_000_000), ("cloud", 670_000_000)],
        ),
        image(
            'b',
            &["postgres:13-beta1-alpine"],
            &[alpine, ("postgres", 154_400_000)],
        ),
        image('c', &[], &[("debian", 80_000_000), ("build", 304_000_000)]),
        image('d', &["redis:6-alpine"], &[alpine, ("redis", 26_000_000)]),
        image(
            'e',
            &["registry.example.org/shop/checkout-service:2026-11-01"],
            &[alpine, ("shop", 91_000_000)],
        ),
    ]
}

fn container(name: &str, image: &Image, state: State) -> Container {
    Container {
        id: ContainerId::new(format!("{name:0<64}")),
        name: name.into(),
        image_id: Some(image.id.clone()),
        image: image.names[0].clone(),
        command: "/entrypoint.sh serve".into(),
        state,
        created: Some(ago(24 * 30)),
        labels: Labels::new(vec![("com.docker.compose.project".into(), "shop".into())]),
        volumes: vec![VolumeName::new(format!("{name}_data"))],
        image_mounts: Vec::new(),
        binds: Paths::default(),
        details: Figure::Known(Arc::new(ContainerDetails {
            size_rw: Some(Bytes(1_230_000)),
            started: Some(ago(72)),
            finished: Some(ago(2)),
            log_driver: "json-file".into(),
            ..ContainerDetails::default()
        })),
    }
}

fn containers() -> Vec<Container> {
    let images = images();
    vec![
        container("web-1", &images[0], State::Running),
        container("job-1", &images[4], State::Exited),
        container("cache-1", &images[3], State::Paused),
    ]
}

fn volumes() -> Vec<Volume> {
    let volume = |name: &str, size: Figure<Bytes>, labels: Labels| Volume {
        name: VolumeName::new(name),
        driver: "local".into(),
        size,
        anonymous: name.len() == 64,
        created: Some(ago(24 * 400)),
        labels,
        mountpoint: format!("/var/lib/docker/volumes/{name}/_data").into(),
        scope: "local".into(),
        backing: Backing::Folder,
        usage: None,
    };
    let keep = Labels::new(vec![("dtop.keep".into(), "".into())]);
    vec![
        volume(
            "web-1_data",
            Figure::Known(Bytes(14_500_000_000)),
            Labels::default(),
        ),
        volume(
            "old_data",
            Figure::Known(Bytes(1_200_000_000)),
            Labels::default(),
        ),
        volume("ledger", Figure::Known(Bytes(900_000_000)), keep),
        volume("nfs", Figure::Unknown, Labels::default()),
        volume(&"4f".repeat(32), Figure::Known(Bytes(0)), Labels::default()),
    ]
}

fn records() -> Vec<Record> {
    let record = |id: &str, parent: Option<&str>, description: &str, size: u64| Record {
        id: RecordId::new(id),
        parents: parent.map(RecordId::new).into_iter().collect(),
        kind: "regular".into(),
        description: description.into(),
        in_use: false,
        shared: false,
        size: Figure::Known(Bytes(size)),
        created: Some(ago(100)),
        last_used: Some(ago(3)),
    };
    vec![
        record(
            "q1w2",
            None,
            "pulled from docker.io/library/rust:1",
            800_000_000,
        ),
        record(
            "e3r4",
            Some("q1w2"),
            "[build 3/7] RUN cargo build --release",
            384_000_000,
        ),
        record("t5z6", None, "local source for context", 12_000_000),
    ]
}
