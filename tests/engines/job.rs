//! The main job: what is marked and confirmed goes, and nothing else ever does.

use std::process::Command;
use std::time::Duration;

use crate::support::census::Census;
use crate::support::engine::{PrivateEngine, run};
use crate::support::journey::{Journey, PLAN, Pane, WORD};
use crate::support::proxy::{Manner, Proxy};
use crate::support::pty::Screen;
use crate::support::scene::{Builder, Scene};

pub fn what_is_marked_and_confirmed_goes(engine: &PrivateEngine) {
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
    let record = engine.has_build_cache().then(|| before.record("# goes"));

    let mut journey = Journey::on(engine);
    journey.mark(Pane::Images, "of-stopped:1");
    // Both names are one row, which either finds.
    journey.open(Pane::Images);
    journey.filter(&format!("={}", scene.name("second-name:2")));
    journey.mark(Pane::Images, "first-name:1");
    journey.screen.keys("esc");
    journey.screen.settle();
    journey.mark(Pane::Images, short(&dangling));
    journey.mark(Pane::Containers, "goes-stopped");
    journey.mark(Pane::Volumes, "used-volume");
    journey.mark(Pane::Volumes, "lonely-volume");
    journey.mark(Pane::Volumes, &anonymous[..12]);
    if record.is_some() {
        journey.mark(Pane::BuildCache, "# goes");
    }
    journey.plan();
    let plan = journey.screen.contents();
    let names = ["first-name:1", "second-name:2"].map(|name| scene.name(name));
    assert!(plan.contains(&names.join(", ")), "{plan}");
    assert_eq!(Census::of(engine), before, "a plan changes nothing");
    journey.confirm();
    let end = journey.screen.contents();
    let all = format!(" {} removed", 7 + usize::from(record.is_some()));
    assert!(end.contains(&all), "{end}");

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
    let records: Vec<&String> = gone.records.keys().collect();
    assert_eq!(records, record.iter().collect::<Vec<_>>());
    assert_eq!(
        after.without(&before),
        Census::default(),
        "nothing came into being"
    );
    journey.quit();
}

pub fn without_a_yes_nothing_is_sent(engine: &PrivateEngine) {
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
    if engine.has_build_cache() {
        journey.mark(Pane::BuildCache, "# mine");
    }
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

pub fn a_used_image_is_unlocked(engine: &PrivateEngine) {
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

pub fn running_containers_go_by_the_word(engine: &PrivateEngine) {
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

pub fn a_vanishing_container_goes(engine: &PrivateEngine) {
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

pub fn a_plan_follows_the_engine(engine: &PrivateEngine) {
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
    // A container that runs is measured anew, and the plan follows that, too.
    journey.screen.settle();
    journey.screen.keys("y");
    journey.screen.wait_for("nothing to remove");
    journey.quit();
    assert_eq!(Census::of(engine), before);
}

pub fn what_changed_unseen_stays(engine: &PrivateEngine) {
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

pub fn a_failure_is_said(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("a-spare", 5_000);
    scene.volume("b-stuck", 6_000);
    scene.volume("c-spare", 7_000);
    // Podman removes what something is mounted on: there somebody else must refuse.
    let mut stuck = None;
    let mut manner = Manner::default();
    if engine.is_podman() {
        manner.fails = Some(("b-stuck", "the volume is busy"));
    } else {
        let of = ["volume", "inspect", "--format", "{{.Mountpoint}}"];
        stuck = Some(Busy::mount(
            &engine.docker(&[&of[..], &["b-stuck"]].concat()),
        ));
    }
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let before = Census::of(engine);

    let mut journey = Journey::at(&proxy.host(), (35, 120));
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
    let was_mounted = stuck.take().is_some();
    journey.screen.keys("enter");
    journey.screen.wait_for("1 marked");
    journey.screen.settle();
    if was_mounted {
        // What was mounted on it had another date, and a volume of another date is another volume.
        journey.screen.keys("r");
        journey.screen.settle();
        journey.plan();
        journey.confirm();
        let end = journey.screen.contents();
        assert_eq!(Census::of(engine).volumes.len(), 0, "{end}");
    }
    journey.quit();
}

pub fn a_removal_is_cancelled(engine: &PrivateEngine) {
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

pub fn an_engine_is_found_later(engine: &PrivateEngine) {
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
        run(Command::new("mount").args(["-t", "tmpfs", "none", at]));
        Self(at.to_owned())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // The engine may be measuring what is in it.
        let _ = Command::new("umount").args(["--lazy", &self.0]).status();
    }
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
