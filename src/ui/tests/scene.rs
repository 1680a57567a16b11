//! Engines and screens to draw: what people have, and names that nobody would choose.

use std::sync::Arc;

use jiff::SignedDuration;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use unicode_width::UnicodeWidthStr;

use super::super::{Theme, view};
use crate::app::keys;
use crate::app::list::Cursor;
use crate::app::model::{Model, Options, PlanScreen, Removing, Screen};
use crate::app::msg::{Attempt, Msg};
use crate::app::update::update;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::DigestList;
use crate::domain::disk::{Disk, Places};
use crate::domain::inventory::{EngineInfo, Part, Progress, Stage, Store};
use crate::domain::item::{
    Backing, Container, ContainerDetails, ContainerId, Content, HistoryRow, Image, ImageId, ItemId,
    Labels, Record, RecordId, Source, State, Volume, VolumeName,
};
use crate::domain::paths::Paths;
use crate::domain::plan::{
    AddedBy, ComesBack, Cure, Plan, Refusal, Seen, SeenImage, Selection, Stays, Step,
};
use crate::domain::removal::account::{Account, Difference, DiskChange};
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::retention::{Doubt, Freed};
use crate::domain::time::Timestamp;

const HOSTILE: &str =
    "evil\u{1b}[31m\u{202e}\nname\t\u{7}\u{200b}e\u{301}\u{1f468}\u{200d}\u{1f469}";
const WIDE: &str = "日本語の名前がとても長いイメージ/サービス:最新版";

pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn known(bytes: u64) -> Figure<Bytes> {
    Figure::Known(Bytes(bytes))
}

fn image(id: char, names: &[&str], size: u64) -> Image {
    Image {
        id: ImageId::new(format!("sha256:{}", id.to_string().repeat(64))),
        parent: None,
        names: names.iter().map(|name| (*name).into()).collect(),
        digests: Vec::new(),
        created: Some(ago(24 * 40)),
        size: known(size),
        shared: known(size / 3),
        labels: Labels::default(),
        source: Source::Registry,
        last_tagged: Some(ago(30)),
        content: Figure::Known(Arc::new(Content {
            created: None,
            diff_ids: ["sha256:aa"].iter().collect(),
            history: vec![HistoryRow {
                created: Some(ago(24 * 40)),
                created_by: "/bin/sh -c #(nop) ADD file:4e8f6b in / ".into(),
                comment: HOSTILE.into(),
                size: Bytes(size),
            }],
            folders: DigestList::default(),
            packed: None,
        })),
    }
}

fn container(name: &str, image: &Image, state: State) -> Container {
    Container {
        id: ContainerId::new(name.to_owned() + "0123456789abcdef"),
        name: name.into(),
        image_id: Some(image.id.clone()),
        image: image.names.first().cloned().unwrap_or_default(),
        command: "sleep infinity".into(),
        state,
        created: Some(ago(48)),
        labels: Labels::new(vec![("com.docker.compose.project".into(), "shop".into())]),
        volumes: vec![VolumeName::new("shop_data")],
        image_mounts: Vec::new(),
        binds: Paths::default(),
        details: Figure::Known(Arc::new(ContainerDetails {
            size_rw: Some(Bytes(1_200_000)),
            started: Some(ago(20)),
            finished: Some(ago(2)),
            log_driver: "json-file".into(),
            ..ContainerDetails::default()
        })),
    }
}

fn volume(name: &str, size: Figure<Bytes>) -> Volume {
    Volume {
        name: VolumeName::new(name),
        driver: "local".into(),
        size,
        anonymous: false,
        created: Some(ago(700)),
        labels: Labels::new(vec![("dtop.keep".into(), String::new().into())]),
        mountpoint: "/var/lib/docker/volumes/x/_data".into(),
        scope: "local".into(),
        backing: Backing::Folder,
        usage: None,
    }
}

fn record(id: &str, description: &str) -> Record {
    Record {
        id: RecordId::new(id),
        parents: Vec::new().into(),
        kind: "exec.cachemount".into(),
        description: description.into(),
        in_use: false,
        shared: true,
        size: known(384_000_000),
        created: Some(ago(100)),
        last_used: Some(ago(3)),
    }
}

fn parts() -> Vec<Part> {
    let images = vec![
        image('a', &["nextcloud:latest", "nextcloud:19"], 750_000_000),
        image('b', &["postgres:13-beta1-alpine"], 160_000_000),
        image('c', &[], 384_000_000),
        image('d', &[WIDE], 31_000_000_000),
        image('e', &[HOSTILE], 12_345),
        image(
            'f',
            &["registry.example.org/team/a-very-long-project/service-name:2026-11-21"],
            5,
        ),
    ];
    let containers = vec![
        container("web-1", &images[0], State::Running),
        container("job-1", &images[0], State::Exited),
        container(HOSTILE, &images[1], State::Other(HOSTILE.into())),
        container(WIDE, &images[3], State::Exited),
    ];
    let engine = EngineInfo {
        host: "unix:///var/run/docker.sock".into(),
        why: "default".into(),
        product: "Docker".into(),
        version: "29.7.2".into(),
        store: Store::GraphDriver,
        driver: "overlay2".into(),
        has_build_cache: true,
        ..EngineInfo::default()
    };
    let disk = Disk {
        path: "/var/lib/docker".into(),
        total: Bytes(91_000_000_000),
        free: Bytes(8_200_000_000),
        inodes_total: 1_000_000,
        inodes_free: 900_000,
        holds: Places::ALL,
        ..Disk::default()
    };
    let mut parts = vec![
        Part::Engine(Arc::new(engine)),
        Part::Disks(vec![disk]),
        Part::Images(images),
        Part::Containers(containers),
        Part::Volumes(vec![
            volume("shop_data", known(14_500_000_000)),
            volume(HOSTILE, Figure::Pending),
            volume(WIDE, Figure::Unknown),
        ]),
        Part::BuildCache(vec![
            record(
                "q1w2e3",
                "[build 3/7] RUN --mount=type=cache,target=/root/.cargo cargo build",
            ),
            record("r4t5z6", HOSTILE),
        ]),
    ];
    for stage in Stage::ALL {
        parts.push(Part::Stage(stage, Progress::Done(now())));
    }
    let began = now() - SignedDuration::from_secs(12);
    parts.push(Part::Stage(Stage::VolumeSizes, Progress::Running(began)));
    parts
}

pub fn model() -> Model {
    let mut model = Model::new(Options::default(), 80, 24, now());
    update(&mut model, Msg::Connected);
    update(&mut model, Msg::Scan(parts()));
    model
}

pub fn press(model: &mut Model, script: &str) {
    for word in script.split_whitespace() {
        let key = keys::parse(word).expect("a key");
        update(model, Msg::Key(key));
        update(model, Msg::Drawn { furthest: 99 });
    }
}

pub fn lines(model: &mut Model, (width, height): (u16, u16), theme: Theme) -> Vec<String> {
    update(model, Msg::Resize { width, height });
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| {
            view(model, frame, &theme);
        })
        .expect("a frame");
    let buffer = terminal.backend().buffer();
    let row = |y: u16| -> String {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = symbol.width().max(1);
            }
            skip -= 1;
        }
        line
    };
    (0..height).map(row).collect()
}

fn step(name: &str, id: ItemId, frees: u64) -> Step {
    let frees = Freed {
        at_least: Bytes(frees),
        at_most: Bytes(frees),
        ..Freed::default()
    };
    Step {
        id,
        name: name.into(),
        size: known(1),
        frees,
        comes_back: ComesBack::No,
        added_by: AddedBy::Selection,
        stop: false,
        unpause: false,
        tail_waits: false,
        vanishes: false,
        seen: Seen::Record,
    }
}

fn plan(model: &Model) -> Plan {
    let images = &model.survey.inventory().images;
    let id = |at: usize| ItemId::Image(images[at].id.clone());
    let mut job = step(
        "job-1",
        ItemId::Container(ContainerId::new("job-1")),
        1_200_000,
    );
    job.added_by = AddedBy::Unlock;
    let mut next = step("nextcloud:latest", id(0), 366_000_000);
    next.seen = Seen::Image(Box::new(SeenImage {
        names: images[0].names.clone(),
        ..SeenImage::default()
    }));
    let wide = step(WIDE, id(3), 0);
    let hostile = step(HOSTILE, ItemId::Volume(VolumeName::new(HOSTILE)), 9);
    let frees = Freed {
        at_least: Bytes(367_000_000),
        at_most: Bytes(751_000_000),
        ..Freed::default()
    };
    let frees = frees.doubted([Doubt::NotListed(crate::domain::item::Kind::BuildCache)].into());
    Plan {
        steps: vec![job, next, wide, hostile],
        frees,
        refused: vec![Refusal {
            id: id(1),
            name: "postgres:13-beta1-alpine".into(),
            why: format!("used by running container {HOSTILE}"),
            cure: Some(Cure::Unlock(vec![ItemId::Container(ContainerId::new("x"))])),
        }],
        held_by_records: true,
        stays: vec![Stays {
            id: ItemId::Volume(VolumeName::new("shop_data")),
            name: "shop_data".into(),
            size: known(1_200_000_000),
            left_by: "job-1".into(),
        }],
    }
}

pub fn plan_screen(model: &Model) -> Screen {
    Screen::Plan(PlanScreen {
        selection: Selection::default(),
        plan: plan(model),
        cursor: Cursor { at: 1, offset: 0 },
        typed: None,
        drawn: true,
        recomputed: true,
        save: Some(format!("/copies/{HOSTILE}")),
        line: None,
    })
}

fn removing(model: &Model) -> Removing {
    let plan = plan(model);
    let done = |at: usize, outcome: Outcome, error: Option<&str>| Done {
        id: plan.steps[at].id.clone(),
        name: (&*plan.steps[at].name).into(),
        outcome,
        error: error.map(str::to_owned),
        freed: plan.steps[at].frees.figure(),
        saved: Some(format!("/copies/{HOSTILE}/volume-1.tar").into()),
    };
    Removing {
        promised: plan.frees.clone(),
        refused: 1,
        checked: true,
        saving: None,
        current: Some(3),
        waiting: None,
        ended: 3,
        done: vec![
            done(0, Outcome::Removed, None),
            done(1, Outcome::Removed, None),
            done(
                2,
                Outcome::Failed,
                Some(&format!("conflict: {HOSTILE} is in use")),
            ),
        ],
        freed: Bytes(367_200_000),
        counting: None,
        account: Some(account(&plan)),
        cancelling: true,
        aborted: None,
        cursor: Cursor::default(),
        plan,
    }
}

/// Of a removal that freed less than promised, on a disk that others write to.
fn account(plan: &Plan) -> Account {
    let disk = |free: u64| Disk {
        total: Bytes(91_000_000_000),
        free: Bytes(free),
        ..Disk::default()
    };
    let disks = [(disk(8_200_000_000), disk(8_195_000_000))];
    Account {
        freed: Bytes(337_200_000),
        about: true,
        disk: DiskChange::over(&disks),
        disks: disks.into(),
        differences: vec![Difference {
            id: plan.steps[1].id.clone(),
            name: (&*plan.steps[1].name).into(),
            promised: plan.steps[1].frees.at_least,
            freed: Bytes::ZERO,
            why: format!("image {HOSTILE} came meanwhile and may hold it"),
        }],
        ..Account::default()
    }
}

fn no_engine() -> Screen {
    Screen::NoEngine(vec![
        Attempt {
            place: "unix:///var/run/docker.sock".into(),
            why: "default".into(),
            failure: "permission denied".into(),
            advice: Some("add yourself to the group docker and log in again".into()),
        },
        Attempt {
            place: WIDE.into(),
            why: "DOCKER_HOST".into(),
            failure: HOSTILE.into(),
            advice: None,
        },
    ])
}

/// Every screen there is, each over the same engine.
pub fn screens() -> Vec<(&'static str, Model)> {
    let with = |script: &str| {
        let mut model = model();
        press(&mut model, script);
        model
    };
    let showing = |make: &dyn Fn(&Model) -> Screen| {
        let mut model = model();
        model.screen = make(&model);
        model
    };
    let mut lost = model();
    let (why, again) = (HOSTILE.into(), now());
    update(&mut lost, Msg::Lost { why, again });
    vec![
        ("browse", with("j space space")),
        ("containers", with("2 j")),
        ("volumes", with("3")),
        ("build cache", with("4 S")),
        ("filter", with("/ n e x t")),
        ("lost", lost),
        ("details of an image", with("enter")),
        ("details of a container", with("2 enter")),
        ("details of a volume", with("3 enter")),
        ("details of a record", with("4 enter")),
        ("help", with("?")),
        ("quit", with("space q")),
        ("plan", showing(&plan_screen)),
        (
            "removing",
            showing(&|model| Screen::Removing(removing(model))),
        ),
        (
            "outcome",
            showing(&|model| Screen::Outcome(removing(model))),
        ),
        ("no engine", showing(&|_| no_engine())),
        ("connecting", Model::new(Options::default(), 80, 24, now())),
    ]
}
