//! dtop against a private real engine: what is marked, confirmed and removed, and what never is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::process::{Command, ExitCode};

use serde_json::Value;

use support::DTOP;
use support::census::Census;
use support::engine::PrivateEngine;
use support::journey::{Journey, PLAN, Pane};
use support::program::{CALLERS_ENGINE, on_path};
use support::proxy::Proxy;
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
    assert!(seen("POST", "/tag?repo=other"), "{writes:?}");
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
    scene.volume("unused-volume", 8_000);
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
    // The other name of the two is on the same row.
    journey.mark(Pane::Images, "second-name:2");
    journey.mark(Pane::Images, short(&dangling));
    journey.mark(Pane::Containers, "goes-stopped");
    journey.mark(Pane::Volumes, "used-volume");
    journey.mark(Pane::Volumes, "unused-volume");
    journey.mark(Pane::Volumes, &anonymous[..12]);
    journey.mark(Pane::BuildCache, "# goes");
    journey.plan();
    assert_eq!(Census::of(engine), before, "a plan changes nothing");
    journey.confirm();

    let after = Census::of(engine);
    let gone = before.without(&after);
    let images = gone.images.keys().collect();
    assert_eq!(
        sorted(images),
        sorted(vec![&imported, &of_stopped, &dangling])
    );
    assert_eq!(sorted(gone.containers.keys().collect()), [&stopped]);
    let volumes = vec!["used-volume", "unused-volume", &anonymous];
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
    for no in ["n", "esc", "q", "enter", "Y", "d", "x"] {
        journey.plan();
        journey.screen.keys(no);
        journey.screen.settle();
        journey.screen.keys("esc");
        journey.screen.wait_while(PLAN);
        assert_eq!(proxy.writes(), [], "after {no:?}");
    }
    // The word that volumes with data ask for, begun and left.
    journey.plan();
    journey.screen.keys("y delet esc esc");
    journey.screen.settle();
    assert_eq!(proxy.writes(), [], "after a word half typed");
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
    assert!(shown.contains("u "), "the refusal names the key:\n{shown}");
    journey.screen.keys("u");
    journey.screen.settle();
    if !journey.screen.contents().contains(PLAN) {
        journey.plan();
    }
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
    for (pane, name) in [
        (Pane::Containers, "evil-labels"),
        (Pane::Containers, "wide-labels"),
        (Pane::Containers, "evil-command"),
        (Pane::Volumes, "evil-volume"),
        (Pane::Images, "evil-image"),
        (Pane::BuildCache, WIDE),
    ] {
        journey.open(pane);
        assert_unbroken(&journey);
        journey.go_to(name);
        journey.screen.keys("enter");
        journey.screen.settle();
        assert_unbroken(&journey);
        journey.screen.keys("esc");
        journey.screen.settle();
    }
    let raw = String::from_utf8_lossy(&journey.screen.raw_since(0)).into_owned();
    assert!(
        !raw.contains("owned") || !raw.contains("\u{1b}]0;"),
        "the title was set"
    );
    assert!(!raw.contains('\u{7}'), "the bell rang");
    journey.quit();

    let text = dtop(engine, &["report"]);
    let hostile = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c));
    assert!(!text.contains(hostile), "{text:?}");
    assert!(text.contains("evil-labels"), "{text}");
    json_report(engine);
}

/// Borders stand in one column each and nothing that turns text around is on the screen.
fn assert_unbroken(journey: &Journey) {
    let picture = journey.screen.contents();
    assert!(!picture.contains(['\u{202e}', '\u{2066}']), "{picture}");
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
