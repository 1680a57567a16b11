//! Full frames by key script: what somebody sees after these keys.
//!
//! `INSTA_UPDATE=always cargo test --test frames` writes them anew.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/picture.rs"]
mod picture;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;

use dtop::app::model::{Link, Model, Options};
use dtop::app::msg::{Attempt, Effect, Msg};
use dtop::app::update::update;
use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::disk::Disk;
use dtop::domain::inventory::{Part, Progress, Stage};
use dtop::domain::item::{Kind, Labels, Source};
use dtop::domain::plan::ComesBack;
use dtop::domain::removal::history::Entry;
use dtop::domain::removal::outcome::Outcome;
use dtop::domain::store::folder::{Contents, Owner, Portion};
use dtop::domain::unexplained::Cause;
use dtop::ui::Theme;
use inventory::{model, model_of, now, parts};
use jiff::SignedDuration;
use picture::frame;
use script::press;

const COLOUR: (bool, bool) = (true, false);
const ASCII: (bool, bool) = (false, true);

fn check(name: &str, model: &mut Model, size: (u16, u16), (colour, ascii): (bool, bool)) {
    let frame = frame(model, size, Theme::new(colour, ascii));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("frames");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, frame));
}

fn after(keys: &str) -> Model {
    let mut model = model();
    press(&mut model, keys);
    model
}

#[test]
fn the_first_screen() {
    check("first_80x24", &mut model(), (80, 24), COLOUR);
    check("first_120x35", &mut model(), (120, 35), COLOUR);
    check("first_40x10", &mut model(), (40, 10), COLOUR);
    check("first_ascii", &mut model(), (80, 24), ASCII);
}

#[test]
fn every_pane() {
    check("containers", &mut after("2 j"), (80, 24), COLOUR);
    check("volumes", &mut after("3"), (80, 24), COLOUR);
    check("build_cache", &mut after("4"), (120, 35), COLOUR);
}

#[test]
fn marks_and_their_sum() {
    check("marked", &mut after("j space space"), (80, 24), COLOUR);
    check("sorted_by_size", &mut after("s S"), (80, 24), COLOUR);
    check("quit_with_marks", &mut after("space q"), (80, 24), COLOUR);
}

#[test]
fn typing_a_filter() {
    check("filter", &mut after("/ r e d i s"), (80, 24), COLOUR);
    check(
        "filter_kept",
        &mut after("/ r e d i s enter"),
        (120, 35),
        COLOUR,
    );
    check(
        "filter_wrong",
        &mut after("/ s i z e > x"),
        (80, 24),
        COLOUR,
    );
}

#[test]
fn details() {
    check("image", &mut after("G enter"), (80, 24), COLOUR);
    check(
        "image_scrolled",
        &mut after("G enter pgdn"),
        (80, 24),
        COLOUR,
    );
    check("container", &mut after("2 enter"), (80, 24), COLOUR);
    check("volume", &mut after("3 enter"), (80, 24), COLOUR);
    check("record", &mut after("4 enter"), (80, 24), COLOUR);
}

#[test]
fn the_plan() {
    check("plan", &mut after("a d j"), (80, 24), COLOUR);
    check("plan_40x10", &mut after("a d"), (40, 10), COLOUR);
    check(
        "plan_of_volumes",
        &mut after("3 a d d e l"),
        (120, 35),
        ASCII,
    );
    check("plan_stops", &mut after("2 a d s"), (80, 24), COLOUR);
}

/// The disk of the scene, changed.
fn with_disk(keys: &str, change: impl FnOnce(&mut Disk)) -> Model {
    let mut model = model();
    let mut disks = model.survey.inventory().disks.clone();
    change(&mut disks[0]);
    update(&mut model, Msg::Scan(vec![Part::Disks(disks)]));
    press(&mut model, keys);
    model
}

#[test]
fn the_gauge_with_marks() {
    let large = |disk: &mut Disk| disk.total = Bytes(16_000_000_000);
    check(
        "gauge_marked",
        &mut with_disk("a", large),
        (120, 35),
        COLOUR,
    );
    let few = |disk: &mut Disk| disk.inodes_free = 6_000;
    check("gauge_inodes", &mut with_disk("a", few), (120, 35), ASCII);
    let eaten = |disk: &mut Disk| {
        disk.free = Bytes::ZERO;
        disk.owed = Bytes(1_200_000_000);
    };
    check("gauge_owed", &mut with_disk("f", eaten), (120, 35), COLOUR);
    check("plan_owed", &mut with_disk("a d", eaten), (120, 35), COLOUR);
}

#[test]
fn freeing_a_target() {
    check("free", &mut after("f"), (80, 24), COLOUR);
    check("free_40x10", &mut after("f"), (40, 10), COLOUR);
    check(
        "free_wrong_40x10",
        &mut after("f x enter"),
        (40, 10),
        COLOUR,
    );
    check("free_wrong", &mut after("f x enter"), (120, 35), ASCII);
    check("free_volumes", &mut after("f enter"), (80, 24), COLOUR);
    check("free_marked", &mut after("f 1 g b enter"), (80, 24), COLOUR);
    check(
        "free_marked_40x10",
        &mut after("f 1 g b enter"),
        (40, 10),
        COLOUR,
    );
    check(
        "free_plan",
        &mut after("f 1 g b enter d"),
        (120, 35),
        COLOUR,
    );
    check("free_unmet", &mut after("f enter n"), (80, 24), COLOUR);
}

#[test]
fn compose_projects() {
    check("projects", &mut after("P space"), (80, 24), COLOUR);
    check("projects_40x10", &mut after("P"), (40, 10), COLOUR);
}

#[test]
fn presets() {
    check("presets", &mut after("p j j"), (120, 35), COLOUR);
    check("presets_80x24", &mut after("p"), (80, 24), COLOUR);
    check("presets_40x10", &mut after("p G"), (40, 10), COLOUR);
    check("preset_marked", &mut after("p enter"), (80, 24), COLOUR);
    check("preset_changed", &mut after("p j /"), (80, 24), COLOUR);
}

#[test]
fn help() {
    check("help_120x35", &mut after("?"), (120, 35), COLOUR);
    check("help_40x10", &mut after("?"), (40, 10), COLOUR);
}

/// All that is said of a cause is seen at once, however small the screen.
#[test]
fn what_docker_does_not_count() {
    let root = "/var/lib/docker";
    let id = "0a1b2c3d".repeat(8);
    let portion = |cause, path: &str, megabytes: u64| Portion {
        owner: Owner::Nobody(cause),
        path: format!("{root}/{path}").into(),
        blocks: Bytes(megabytes * 1_000_000),
        counted: None,
    };
    let contents = Contents {
        root: root.into(),
        portions: vec![
            portion(
                Cause::OtherStore,
                "containerd/daemon/io.containerd.snapshotter.v1.overlayfs",
                900,
            ),
            portion(Cause::Unreferenced, &format!("overlay2/{id}"), 412),
            portion(Cause::Temporary, "tmp/a\u{1b}[31mb", 35),
        ],
        ..Contents::default()
    };
    let mut model = model();
    update(
        &mut model,
        Msg::Scan(vec![Part::Contents(Figure::Known(Arc::new(contents)))]),
    );
    press(&mut model, "x");
    check("unexplained_80x24", &mut model, (80, 24), COLOUR);
    check("unexplained_40x10", &mut model, (40, 10), COLOUR);
    press(&mut model, "j");
    check("unexplained_below_40x10", &mut model, (40, 10), COLOUR);
}

#[test]
fn nothing_there_yet() {
    let mut model = Model::new(Options::default(), 80, 24, now());
    check("connecting", &mut model, (80, 24), COLOUR);
}

#[test]
fn figures_still_to_come() {
    let mut parts = parts();
    let began = now() - SignedDuration::from_secs(12);
    parts.push(Part::Stage(Stage::VolumeSizes, Progress::Running(began)));
    check("measuring", &mut model_of(parts), (120, 35), COLOUR);
}

#[test]
fn a_lost_connection() {
    let mut model = model();
    model.link = Link::Lost {
        since: now() - SignedDuration::from_secs(5),
        why: "connection refused".into(),
        again: Some(now() + SignedDuration::from_secs(3)),
    };
    check("lost", &mut model, (80, 24), COLOUR);
}

#[test]
fn no_engine() {
    let mut model = model();
    let attempts = vec![Attempt {
        place: "unix:///var/run/docker.sock".into(),
        why: "default".into(),
        failure: "permission denied".into(),
        advice: Some("sudo usermod -aG docker $USER, then log in again".into()),
    }];
    update(&mut model, Msg::NoEngine(attempts));
    check("no_engine", &mut model, (80, 24), COLOUR);
}

/// What the history looks like with some of everything in it.
fn past(keys: &str) -> Model {
    let mut model = after("H");
    let host = model.survey.inventory().engine.host.clone();
    let engine = model.survey.inventory().engine.engine_id.clone();
    let entry = |hours: i64, kind: Kind, name: &str, outcome: Option<Outcome>| Entry {
        time: now() - SignedDuration::from_hours(hours),
        host: host.clone(),
        engine: engine.clone(),
        kind,
        id: format!("sha256:{hours}f2abcdef012345").into(),
        name: name.into(),
        names: Vec::new(),
        digests: Vec::new(),
        parents: Vec::new(),
        size: Some(Bytes(154_000_000)),
        labels: Labels::default(),
        created: None,
        comes_back: ComesBack::No,
        saved: None,
        outcome,
        freed: Some(Bytes(154_000_000)),
        error: None,
    };
    let entries = vec![
        Entry {
            names: vec!["postgres:13".into(), "db:old".into()],
            digests: vec![
                "postgres@sha256:5f2c1b9d8e7a6f5c4d3b2a1908f7e6d5c4b3a29180f7e6d5c4b3a29180f7e6d5"
                    .into(),
            ],
            comes_back: ComesBack::Pulled,
            ..entry(0, Kind::Image, "postgres:13", Some(Outcome::Removed))
        },
        entry(1, Kind::Image, "shop-web:latest", Some(Outcome::Removed)),
        entry(2, Kind::Container, "job-1", Some(Outcome::Gone)),
        Entry {
            error: Some("volume is in use - [3f2a]".into()),
            ..entry(30, Kind::Volume, "data", Some(Outcome::Failed))
        },
        entry(31, Kind::BuildCache, "RUN make", None),
        Entry {
            host: "ssh://elsewhere".into(),
            engine: "other".into(),
            ..entry(40, Kind::Image, "never-shown:1", Some(Outcome::Removed))
        },
    ];
    update(&mut model, Msg::History(Ok(entries)));
    press(&mut model, keys);
    model
}

#[test]
fn the_history_of_removals() {
    check("history_80x24", &mut past(""), (80, 24), COLOUR);
    check("history_40x10", &mut past("j"), (40, 10), COLOUR);
    check("history_asks", &mut past("r"), (80, 24), COLOUR);
    check("history_refuses", &mut past("j enter"), (80, 24), COLOUR);
    let mut empty = after("H");
    update(&mut empty, Msg::History(Ok(Vec::new())));
    check("history_empty", &mut empty, (40, 10), ASCII);
}

#[test]
fn only_a_yes_restores() {
    let mut model = past("r");
    assert_eq!(press(&mut model, "n"), []);
    assert_eq!(
        press(&mut model, "y"),
        [],
        "the question is not asked any more"
    );
    let effects = press(&mut model, "enter y");
    assert!(
        matches!(&effects[..], [Effect::Restore(entry)] if entry.title() == "postgres:13, db:old"),
        "{effects:?}"
    );
    // What is not gone, or does not come back, is not asked about.
    assert_eq!(press(&mut model, "j r y j j r y"), []);
}

/// The fleet with digests, as what was pulled has them.
fn pulled() -> Model {
    let mut model = model();
    let mut images = model.survey.inventory().images.clone();
    for image in images.iter_mut().filter(|it| it.source == Source::Registry) {
        image.digests = vec!["postgres@sha256:5f2c1b9d8e7a".into()];
    }
    update(&mut model, Msg::Scan(vec![Part::Images(images)]));
    model
}

#[test]
fn what_a_registry_says_changes_no_plan() {
    let mut model = pulled();
    // An image that was pulled, alone in its plan.
    let effects = press(&mut model, "/ i s : r e g i s t r y enter d");
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::AskRegistries(wanted) => Some(wanted.clone()),
        _ => None,
    });
    let (id, sources) = asked.expect("it is asked about").remove(0);
    assert!(sources[0].contains("@sha256:"), "{sources:?}");
    check("plan_not_checked", &mut model, (80, 24), COLOUR);
    update(&mut model, Msg::ComesBack(id.clone(), ComesBack::Yes));
    check("plan_comes_back", &mut model, (80, 24), COLOUR);
    // The engine is listed again: it is the same plan, and a yes is one.
    update(&mut model, Msg::Scan(Vec::new()));
    let effects = press(&mut model, "y");
    let Some(Effect::Remove(plan, _)) = effects.first() else {
        panic!("{effects:?}");
    };
    assert_eq!(plan.steps[0].comes_back, ComesBack::Yes);
}

#[test]
fn a_closed_plan_asks_no_registry_any_more() {
    let mut model = pulled();
    press(&mut model, "/ i s : r e g i s t r y enter d");
    assert_eq!(press(&mut model, "n"), [Effect::StopAsking]);
    assert_eq!(press(&mut model, "j"), []);
    let again = press(&mut model, "k d");
    assert!(
        again
            .iter()
            .any(|it| matches!(it, Effect::AskRegistries(_)))
    );
}
