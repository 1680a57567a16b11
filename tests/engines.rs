//! dtop against a private real engine: what is marked, confirmed and removed, and what never is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::process::{Command, ExitCode};
use std::time::Duration;

use serde_json::Value;

use support::DTOP;
use support::census::Census;
use support::engine::PrivateEngine;
use support::journey::{Journey, PLAN, Pane, WORD};
use support::program::{CALLERS_ENGINE, on_path};
use support::proxy::{Manner, Proxy};
use support::pty::Screen;
use support::scene::{Builder, EVIL, Scene, WIDE};
use support::trial::{self, OnEngine};

const TESTS: &[OnEngine] = &[
    (
        "the_harness_sees_what_its_scene_built",
        the_harness_sees_what_its_scene_built,
    ),
    (
        "the_proxy_writes_down_every_request",
        the_proxy_writes_down_every_request,
    ),
    (
        "what_is_marked_and_confirmed_goes_and_nothing_else",
        what_is_marked_and_confirmed_goes,
    ),
    (
        "without_a_yes_nothing_is_sent",
        without_a_yes_nothing_is_sent,
    ),
    (
        "an_image_of_a_stopped_container_is_refused_until_unlocked",
        a_used_image_is_unlocked,
    ),
    (
        "running_containers_go_only_by_the_typed_word",
        running_containers_go_by_the_word,
    ),
    (
        "a_container_of_rm_goes_with_its_anonymous_volume",
        a_vanishing_container_goes,
    ),
    (
        "a_plan_follows_what_changes_under_it",
        a_plan_follows_the_engine,
    ),
    (
        "what_changed_unseen_is_not_removed_and_said",
        what_changed_unseen_stays,
    ),
    (
        "what_fails_is_said_stays_marked_and_does_not_stop_the_rest",
        a_failure_is_said,
    ),
    (
        "a_removal_is_cancelled_between_two_images",
        a_removal_is_cancelled,
    ),
    (
        "an_engine_that_starts_later_is_found",
        an_engine_is_found_later,
    ),
    (
        "report_is_json_on_an_empty_engine",
        report_is_json_on_an_empty_engine,
    ),
    (
        "report_is_json_with_everything_in_use",
        report_is_json_with_everything_in_use,
    ),
    (
        "hostile_strings_move_no_cursor_and_break_no_column",
        hostile_strings_break_nothing,
    ),
];

fn main() -> ExitCode {
    trial::run(trial::on_engines(TESTS))
}

fn the_harness_sees_what_its_scene_built(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let built = scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # mine\n",
    );
    scene.build(
        Builder::Classic,
        "classic:1",
        "FROM base:1\nCOPY note /note\n",
    );
    let dangling = scene.dangling(Builder::Classic, "moved:1");
    let stopped = scene.stopped("idle", 30_000, &[], "base:1");
    let running = scene.running("busy", &["--volume", "named:/data"], "base:1");
    scene.paused("held", "built:1");
    let anonymous = scene.vanishing("brief", "base:1");
    scene.volume("spare", 7_000);

    let census = Census::of(engine);
    assert!(census.images.contains_key(&built));
    assert_eq!(census.images[&dangling], Vec::<String>::new());
    assert!(census.containers.contains_key(&stopped) && census.containers.contains_key(&running));
    for volume in ["named", "spare", &anonymous] {
        assert!(
            census.volumes.contains_key(volume),
            "{volume}: {:?}",
            census.volumes
        );
    }
    census.record("# mine");
    let size = engine.get(&format!("/containers/{stopped}/json?size=1"))["SizeRw"].clone();
    assert_eq!(size, 30_000);

    engine.docker(&["volume", "rm", "spare"]);
    let gone = census.without(&Census::of(engine));
    assert_eq!(gone.volumes.into_keys().collect::<Vec<_>>(), ["spare"]);
    assert_eq!(
        (gone.images.len(), gone.containers.len(), gone.records.len()),
        (0, 0, 0)
    );
}

fn the_proxy_writes_down_every_request(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let through = |args: &[&str]| support::engine::run(engine.client_at(&proxy.host()).args(args));
    through(&["image", "ls"]);
    assert_eq!(proxy.writes(), []);
    // A body, an upgraded connection and an answer without end, each on its own terms.
    let said = through(&[
        "run",
        "--rm",
        "--network",
        "none",
        "base:1",
        "sh",
        "-c",
        "echo said",
    ]);
    assert_eq!(said, "said");
    through(&["image", "tag", "base:1", "other:1"]);
    through(&["image", "rm", "other:1"]);
    let writes = proxy.writes();
    let seen = |method: &str, part: &str| {
        writes
            .iter()
            .any(|it| it.method == method && it.path.contains(part))
    };
    assert!(seen("POST", "/containers/create"), "{writes:?}");
    assert!(seen("POST", "/tag?repo="), "{writes:?}");
    assert!(seen("DELETE", "/images/other:1"), "{writes:?}");
    assert!(!scene.image_id("base:1").is_empty());
}

fn what_is_marked_and_confirmed_goes(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    // What is to go.
    let imported = scene.import("first-name:1", |root| write(root, 20_000));
    let anonymous_before = Census::of(engine);
    scene.build(
        Builder::Classic,
        "of-stopped:1",
        "FROM base:1\nRUN dd if=/dev/zero of=/a bs=9000 count=1\n",
    );
    let of_stopped = scene.image_id("of-stopped:1");
    let options = ["--volume", "used-volume:/data", "--volume", "/anonymous"];
    let stopped = scene.stopped("goes-stopped", 12_000, &options, "of-stopped:1");
    scene.fill("used-volume", 6_000);
    let anonymous = Census::of(engine).without(&anonymous_before).volumes;
    let anonymous = anonymous
        .into_keys()
        .find(|name| name != "used-volume")
        .expect("a volume");
    scene.fill(&anonymous, 3_000);
    scene.tag("first-name:1", "second-name:2");
    let dangling = scene.dangling(Builder::Classic, "stays-moved:1");
    scene.volume("lonely-volume", 8_000);
    scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # stays\nRUN true # goes\n",
    );
    // What looks like it and stays.
    scene.running(
        "stays-running",
        &["--volume", "stays-volume:/data"],
        "base:1",
    );
    scene.stopped(
        "stays-stopped",
        12_000,
        &["--volume", "/anonymous"],
        "built:1",
    );
    scene.volume("stays-unused", 8_000);
    let before = Census::of(engine);
    let record = before.record("# goes");

    let mut journey = Journey::on(engine);
    journey.mark(Pane::Images, "of-stopped:1");
    // Both names are one row, which either finds.
    journey.open(Pane::Images);
    journey.filter("=second-name:2");
    journey.mark(Pane::Images, "first-name:1");
    journey.screen.keys("esc");
    journey.screen.settle();
    journey.mark(Pane::Images, short(&dangling));
    journey.mark(Pane::Containers, "goes-stopped");
    journey.mark(Pane::Volumes, "used-volume");
    journey.mark(Pane::Volumes, "lonely-volume");
    journey.mark(Pane::Volumes, &anonymous[..12]);
    journey.mark(Pane::BuildCache, "# goes");
    journey.plan();
    let plan = journey.screen.contents();
    assert!(plan.contains("first-name:1, second-name:2"), "{plan}");
    assert_eq!(Census::of(engine), before, "a plan changes nothing");
    journey.confirm();
    let end = journey.screen.contents();
    assert!(end.contains(" 8 removed"), "{end}");

    let after = Census::of(engine);
    let gone = before.without(&after);
    let images = gone.images.keys().collect();
    assert_eq!(
        sorted(images),
        sorted(vec![&imported, &of_stopped, &dangling])
    );
    assert_eq!(sorted(gone.containers.keys().collect()), [&stopped]);
    let volumes = vec!["used-volume", "lonely-volume", &anonymous];
    assert_eq!(
        sorted(gone.volumes.keys().map(String::as_str).collect()),
        sorted(volumes)
    );
    assert_eq!(sorted(gone.records.keys().collect()), [&record]);
    assert_eq!(
        after.without(&before),
        Census::default(),
        "nothing came into being"
    );
    journey.quit();
}

fn without_a_yes_nothing_is_sent(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.stopped("idle", 30_000, &[], "base:1");
    scene.volume("spare", 7_000);
    scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # mine\n",
    );
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let before = Census::of(engine);

    let mut journey = Journey::at(&proxy.host(), (35, 120));
    journey.mark(Pane::Images, "built:1");
    journey.mark(Pane::Containers, "idle");
    journey.mark(Pane::Volumes, "spare");
    journey.mark(Pane::BuildCache, "# mine");
    for no in [
        "n",
        "esc",
        "q",
        "enter",
        "Y",
        "x", // A yes without the word that a volume with data asks for,
        "y", // and the word without a yes, or only a part of it.
        "delete",
        "delet y",
        "deletex esc",
    ] {
        journey.plan();
        journey.screen.keys(no);
        journey.screen.settle();
        if journey.screen.contents().contains(PLAN) {
            journey.screen.keys("esc");
            journey.screen.wait_while(PLAN);
        }
        assert_eq!(proxy.writes(), [], "after {no:?}");
    }
    journey.quit();
    assert_eq!(proxy.writes(), [], "after the end");
    assert!(!proxy.requests().is_empty(), "dtop spoke through the proxy");
    assert_eq!(Census::of(engine), before);
}

fn a_used_image_is_unlocked(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let image = scene.import("wanted:1", |root| write(root, 20_000));
    let copy = "FROM wanted:1\nCOPY note /note\n";
    let child = scene.build(Builder::BuildKit, "child:1", copy);
    engine.docker(&[
        "create",
        "--network",
        "none",
        "--name",
        "holds-it",
        "child:1",
        "sh",
    ]);
    let before = Census::of(engine);

    let mut journey = Journey::on(engine);
    journey.mark(Pane::Images, "child:1");
    journey.plan();
    let shown = journey.screen.contents();
    assert!(
        shown.contains("holds-it"),
        "the refusal names the container:\n{shown}"
    );
    assert!(
        shown.contains("u unlocks"),
        "the refusal names the key:\n{shown}"
    );
    journey.screen.keys("y");
    journey.screen.wait_for("nothing to remove");
    journey.screen.keys("u");
    journey.screen.wait_for("added by unlock");
    journey.confirm();
    journey.quit();

    let gone = before.without(&Census::of(engine));
    assert_eq!(gone.images.into_keys().collect::<Vec<_>>(), [child]);
    assert_eq!(
        gone.containers.into_values().collect::<Vec<_>>(),
        ["/holds-it"]
    );
    assert_eq!(gone.volumes.len(), 0);
    assert!(Census::of(engine).images.contains_key(&image));
}

fn running_containers_go_by_the_word(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let running = scene.running("busy", &[], "base:1");
    let paused = scene.paused("held", "base:1");
    scene.running("stays", &[], "base:1");
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let before = Census::of(engine);

    let mut journey = Journey::at(&proxy.host(), (35, 120));
    journey.mark(Pane::Containers, "busy");
    journey.mark(Pane::Containers, "held");
    journey.plan();
    let shown = journey.screen.contents();
    assert!(
        shown.contains("refused") && !shown.contains(WORD),
        "{shown}"
    );
    journey.screen.keys("s");
    journey.screen.wait_for(WORD);
    journey.screen.wait_for("unpaused and stopped first");
    journey.screen.keys("y");
    journey.screen.settle();
    assert_eq!(proxy.writes(), [], "a yes without the word");
    journey.confirm();
    journey.quit();

    let gone = before.without(&Census::of(engine));
    assert_eq!(
        sorted(gone.containers.keys().collect()),
        sorted(vec![&running, &paused])
    );
    assert!(gone.images.is_empty() && gone.volumes.is_empty());
    let forced = |path: &str| path.contains("force=1") || path.contains("force=true");
    let writes = proxy.writes();
    assert!(!writes.iter().any(|it| forced(&it.path)), "{writes:?}");
}

fn a_vanishing_container_goes(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let anonymous = scene.vanishing("brief", "base:1");
    scene.stopped("stays", 1_000, &["--volume", "/data"], "base:1");
    let before = Census::of(engine);

    let mut journey = Journey::on(engine);
    journey.mark(Pane::Containers, "brief");
    journey.plan();
    journey.screen.keys("s");
    journey.screen.wait_for("vanishes with its container");
    let shown = journey.screen.contents();
    assert!(shown.contains(&anonymous[..12]), "{shown}");
    assert!(shown.contains(WORD), "a volume with data goes:\n{shown}");
    journey.confirm();
    journey.quit();

    let gone = before.without(&Census::of(engine));
    assert_eq!(
        gone.containers.into_values().collect::<Vec<_>>(),
        ["/brief"]
    );
    assert_eq!(gone.volumes.into_keys().collect::<Vec<_>>(), [anonymous]);
    assert!(gone.images.is_empty());
}

fn a_plan_follows_the_engine(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    idle(engine, "wakes");
    scene.volume("spare", 0);
    let before = Census::of(engine);

    let mut journey = Journey::on(engine);
    journey.mark(Pane::Containers, "wakes");
    journey.plan();
    engine.docker(&["start", "wakes"]);
    journey.screen.wait_for("The engine changed");
    journey.screen.wait_for("refused");
    journey.screen.keys("y");
    journey.screen.wait_for("nothing to remove");
    journey.quit();
    assert_eq!(Census::of(engine), before);
}

fn what_changed_unseen_stays(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    idle(engine, "wakes");
    scene.volume("spare", 5_000);
    let manner = Manner {
        hides: Some("/events"),
        ..Manner::default()
    };
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let before = Census::of(engine);

    let mut journey = Journey::at(&proxy.host(), (35, 120));
    journey.mark(Pane::Containers, "wakes");
    journey.mark(Pane::Volumes, "spare");
    journey.plan();
    engine.docker(&["start", "wakes"]);
    journey.confirm();
    let end = journey.screen.contents();
    let said = end.lines().find(|line| line.contains("wakes"));
    assert!(
        said.is_some_and(|line| line.contains("changed")),
        "it changed, and that is said:\n{end}"
    );
    assert!(end.contains("stays marked"), "{end}");
    journey.quit();

    let gone = before.without(&Census::of(engine));
    assert_eq!(gone.volumes.into_keys().collect::<Vec<_>>(), ["spare"]);
    assert!(gone.containers.is_empty());
    let writes = proxy.writes();
    assert!(
        !writes.iter().any(|it| it.path.contains("/containers/")),
        "nothing was sent for it: {writes:?}"
    );
}

fn a_failure_is_said(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("a-spare", 5_000);
    scene.volume("b-stuck", 6_000);
    scene.volume("c-spare", 7_000);
    let format = [
        "volume",
        "inspect",
        "--format",
        "{{.Mountpoint}}",
        "b-stuck",
    ];
    let at = engine.docker(&format);
    let stuck = Busy::mount(&at);
    let before = Census::of(engine);

    let mut journey = Journey::on(engine);
    for name in ["a-spare", "b-stuck", "c-spare"] {
        journey.mark(Pane::Volumes, name);
    }
    journey.plan();
    journey.confirm();
    let end = journey.screen.contents();
    assert!(end.contains("2 removed and 1 failed"), "{end}");
    assert!(end.contains("busy"), "the engine's words:\n{end}");
    let gone = before.without(&Census::of(engine));
    assert_eq!(
        gone.volumes.into_keys().collect::<Vec<_>>(),
        ["a-spare", "c-spare"]
    );
    // It stays marked: once its reason is mended, it can be tried again.
    drop(stuck);
    journey.screen.keys("enter");
    journey.screen.wait_for("1 marked");
    journey.screen.settle();
    journey.plan();
    journey.confirm();
    journey.quit();
    assert_eq!(Census::of(engine).volumes.len(), 0);
}

fn a_removal_is_cancelled(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for number in 1..=4_usize {
        scene.import(&format!("spare:{number}"), |root| {
            write(root, 20_000 + number);
        });
    }
    let manner = Manner {
        slows_removals: Duration::from_millis(700),
        ..Manner::default()
    };
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let before = Census::of(engine);

    let mut journey = Journey::at(&proxy.host(), (35, 120));
    journey.open(Pane::Images);
    journey.filter("spare");
    journey.screen.keys("a");
    journey.screen.wait_for("4 marked");
    journey.plan();
    journey.say_yes();
    journey.screen.wait_for("1 of 4");
    journey.screen.keys("esc");
    journey.screen.wait_for("cancelling after this one");
    let end = journey.wait_for_the_end();
    assert!(end.contains("Cancelled: removed from"), "{end}");
    assert!(end.contains("2 removed and 2 skipped"), "{end}");
    let gone = before.without(&Census::of(engine));
    assert_eq!(gone.images.len(), 2, "the object in hand was finished");
    journey.screen.keys("enter");
    journey.screen.wait_for("2 marked");
    journey.quit();
}

fn an_engine_is_found_later(engine: &PrivateEngine) {
    let host = format!("unix://{}/proxy.sock", engine.folder().display());
    let mut screen = Screen::start(&["-H", &host], &[], (24, 80));
    screen.wait_for("no such socket");
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    screen.keys("r");
    screen.wait_for("1 Images");
    screen.keys("q");
    assert_eq!(screen.end().exit_code(), 0);
    assert_eq!(proxy.writes(), []);
}

/// A container that has not been started, and that lives when it is.
fn idle(engine: &PrivateEngine, name: &str) {
    let create = ["create", "--network", "none", "--name", name];
    let wait = ["base:1", "sh", "-c", "while true; do sleep 1; done"];
    engine.docker(&[&create[..], &wait].concat());
}

/// A folder that cannot be removed, because something is mounted on it.
struct Busy(String);

impl Busy {
    fn mount(at: &str) -> Self {
        support::engine::run(Command::new("mount").args(["-t", "tmpfs", "none", at]));
        Self(at.to_owned())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn report_is_json_on_an_empty_engine(engine: &PrivateEngine) {
    let report = json_report(engine);
    for list in ["images", "containers", "volumes", "build_cache"] {
        assert_eq!(report[list], Value::Array(Vec::new()), "{list}");
    }
    assert_eq!(report["schema"], 1);
    assert_eq!(report["engine"]["root"].as_str(), engine.root().to_str());
    assert_eq!(report["totals"]["images"], 0);
}

fn report_is_json_with_everything_in_use(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let built = scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # mine\n",
    );
    let running = scene.running("busy", &["--volume", "named:/data"], "built:1");
    scene.running("also-busy", &["--volume", "/data"], "base:1");
    scene.fill("named", 5_000);
    let report = json_report(engine);
    let find = |list: &str, key: &str, value: &str| {
        let rows = report[list].as_array().expect("a list");
        let found = rows.iter().find(|row| row[key] == value);
        found
            .unwrap_or_else(|| panic!("no {key} {value} in {list}: {report}"))
            .clone()
    };
    let image = find("images", "id", &built);
    assert_eq!(
        (&image["state"], &image["names"][0]),
        (&"used".into(), &"built:1".into())
    );
    assert_eq!(image["frees"], 0, "a used image frees nothing");
    assert_eq!(find("containers", "id", &running)["state"], "running");
    let volume = find("volumes", "name", "named");
    assert_eq!(
        (&volume["size"], &volume["frees"]),
        (&5_000.into(), &0.into())
    );
    find("build_cache", "id", &Census::of(engine).record("# mine"));
}

fn hostile_strings_break_nothing(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let project = format!("com.docker.compose.project={EVIL}");
    let wide = format!("com.docker.compose.project={WIDE}");
    let labels = ["--label", &project, "--label", &format!("evil={EVIL}")];
    scene.stopped("evil-labels", 1_000, &labels, "base:1");
    scene.stopped("wide-labels", 1_000, &["--label", &wide], "base:1");
    let create = [
        "create",
        "--network",
        "none",
        "--name",
        "evil-command",
        "base:1",
        "sh",
        "-c",
        EVIL,
    ];
    engine.docker(&create);
    engine.docker(&[&["volume", "create"], &labels[..], &["evil-volume"]].concat());
    let run = format!("FROM base:1\nRUN [\"sh\", \"-c\", \"true {WIDE} \\u001b[31m \\u202e\"]\n");
    scene.build(Builder::BuildKit, "evil-image:1", &run);

    let mut journey = Journey::on(engine);
    for (pane, name, beside) in [
        // What stands in the column right of the hostile one, or in it.
        (Pane::Containers, "evil-labels", "base:1"),
        (Pane::Containers, "wide-labels", "base:1"),
        (Pane::Containers, "evil-command", "base:1"),
        (Pane::Volumes, "evil-volume", ""),
        (Pane::Images, "evil-image", "local"),
        (Pane::BuildCache, "漢字", "regular"),
    ] {
        journey.open(pane);
        assert_unbroken(&journey);
        assert_aligned(&journey, beside);
        journey.go_to(name);
        journey.screen.keys("enter");
        journey.screen.wait_while(" 1 Images");
        journey.screen.settle();
        assert_harmless(&journey);
        journey.screen.keys("esc");
        journey.screen.settle();
    }
    let text = dtop(engine, &["report"]);
    let hostile = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c));
    assert!(!text.contains(hostile), "{text:?}");
    assert!(text.contains("evil-labels"), "{text}");
    json_report(engine);

    journey.mark(Pane::Containers, "evil-labels");
    journey.mark(Pane::BuildCache, "漢字");
    journey.plan();
    assert_harmless(&journey);
    journey.confirm();
    assert_harmless(&journey);
    let raw = String::from_utf8_lossy(&journey.screen.raw_since(0)).into_owned();
    assert!(!raw.contains("\u{1b}]"), "the terminal's title was set");
    assert!(!raw.contains("\u{1b}[5;5H\u{202e}"), "the cursor was moved");
    assert!(!raw.contains('\u{7}'), "the bell rang");
    journey.quit();
}

/// Borders stand in one column each, and nothing that turns text around is on the screen.
fn assert_unbroken(journey: &Journey) {
    assert_harmless(journey);
    let picture = journey.screen.contents();
    let (rows, columns) = journey.screen.look(vt100::Screen::size);
    let framed: Vec<u16> = (0..rows)
        .filter(|&row| "│┃|".contains(first(&journey.screen.cell(row, 0))))
        .collect();
    assert!(!framed.is_empty(), "no frame:\n{picture}");
    for row in framed {
        let right = journey.screen.cell(row, columns - 1);
        assert!(
            "│┃|".contains(first(&right)),
            "row {row} ends with {right:?}:\n{picture}"
        );
    }
}

/// A text that several rows of a pane hold stands in the same column in all of them.
fn assert_aligned(journey: &Journey, text: &str) {
    let (rows, columns) = journey.screen.look(vt100::Screen::size);
    let at = |row, column| {
        let mut here = (column..columns).map(|column| journey.screen.cell(row, column));
        text.chars()
            .all(|sign| here.next().is_some_and(|cell| first(&cell) == sign))
    };
    let found: Vec<u16> = (0..rows)
        .filter_map(|row| (20..columns).rev().find(|&column| at(row, column)))
        .collect();
    let picture = journey.screen.contents();
    assert!(!found.is_empty(), "no {text:?}:\n{picture}");
    assert!(
        found.iter().all(|column| *column == found[0]),
        "{text:?} in columns {found:?}:\n{picture}"
    );
}

/// Nothing that turns text around is on the screen, and its first row has not been wiped away.
fn assert_harmless(journey: &Journey) {
    let picture = journey.screen.contents();
    let turns = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let turned = picture.contains(|sign| turns.iter().any(|range| range.contains(&sign)));
    assert!(!turned, "{picture}");
    assert!(
        journey.screen.row(0).starts_with(' ') && !journey.screen.row(0).trim().is_empty(),
        "the title is gone:\n{picture}"
    );
}

/// A cell's sign; a space for an empty one.
fn first(cell: &str) -> char {
    cell.chars().next().unwrap_or(' ')
}

/// `dtop report --json`, read by serde and, where there is one, by Python.
fn json_report(engine: &PrivateEngine) -> Value {
    let text = dtop(engine, &["report", "--json"]);
    if let Some(python) = on_path("python3") {
        let file = engine.folder().join("report.json");
        std::fs::write(&file, &text).expect("the report is written");
        support::engine::run(Command::new(python).args(["-m", "json.tool"]).arg(file));
    }
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// What a dtop command prints; it must succeed.
fn dtop(engine: &PrivateEngine, args: &[&str]) -> String {
    let mut command = Command::new(DTOP);
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    support::engine::run(command.args(["-H", &engine.host()]).args(args))
}

fn write(root: &std::path::Path, bytes: usize) {
    std::fs::write(root.join("data"), vec![1; bytes]).expect("data");
}

/// The twelve digits by which people know an image without a name.
fn short(id: &str) -> &str {
    &id.trim_start_matches("sha256:")[..12]
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}
