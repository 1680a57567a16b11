//! The account of a removal: what it says was freed, how it knows, and why where that is not what was promised.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

#[allow(dead_code, reason = "the parts that went are another test's report")]
#[path = "exact/disk.rs"]
mod disk;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use disk::Disk;
use support::STATE;
use support::engine::{PrivateEngine, Store};
use support::journey::{Journey, Pane};
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::proxy::{Manner, Proxy};
use support::scene::{Builder, Scene};
use support::trial::{self, OnEngine};

const ON_GRAPH_DRIVER: &[OnEngine] = &[
    ("what_went_is_the_engines_word", |engine| {
        what_went(engine, "engine");
    }),
    (
        "what_came_meanwhile_and_keeps_layers_is_said",
        what_came_meanwhile,
    ),
];
const ON_CONTAINERD: &[OnEngine] = &[
    ("what_went_is_two_scans_apart", |engine| {
        what_went(engine, "rescan");
    }),
    (
        "what_came_meanwhile_and_keeps_layers_is_said_by_a_scan",
        what_came_meanwhile,
    ),
];

fn main() -> ExitCode {
    let mut trials = trial::on_store(ON_GRAPH_DRIVER, Store::GraphDriver, Length::Short);
    trials.extend(trial::on_store(
        ON_CONTAINERD,
        Store::Containerd,
        Length::Short,
    ));
    trial::run_waiting(trials, 2)
}

/// Of each image's own layer.
const OWN: u64 = 3_000_000;
/// Manifests, configs, folders: what a removal may be off.
const SMALL: u64 = 100_000;

/// An image, a container on another, a volume and the cache of a build.
fn what_went(engine: &PrivateEngine, by: &str) {
    let scene = Scene::on(engine);
    image(&scene, "first:1");
    scene.build(
        Builder::BuildKit,
        "kit:1",
        "FROM first:1\nRUN dd if=/dev/urandom of=/kit bs=700000 count=1 iflag=fullblock\n",
    );
    scene.stopped("stopped", 90_000, &[], "first:1");
    scene.volume("data", 50_000);
    // The trace of a build is written three seconds after it has ended.
    thread::sleep(Duration::from_secs(5));
    let before = Disk::of(engine, engine.store(), (true, true));
    let images = ["--images", "=first:1", "--images", "=kit:1"];
    let rest = ["--containers", "", "--volumes", "", "--cache", ""];
    let (object, said) = clean(&engine.host(), &[&images[..], &rest].concat());
    let lost = before.lost(&Disk::of(engine, engine.store(), (true, true)));
    let freed = object["freed"].as_u64().unwrap();
    assert_eq!(object["freed_by"], by, "{object}");
    assert!(freed.abs_diff(lost) <= SMALL, "{freed} of {lost}: {object}");
    assert!(lost > 2 * OWN / 3, "{lost}: {object}");
    assert!(!said.contains(", freed "), "as promised: {said}");
}

/// A load brings another image of the same layers while the image is being removed.
fn what_came_meanwhile(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let manner = Manner {
        slows_removals: Duration::from_secs(4),
        ..Manner::default()
    };
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let by = match engine.store() {
        Store::GraphDriver => "engine",
        Store::Containerd => "rescan",
    };

    let archive = image_and_archive(engine, &scene, "one");
    let earlier = removals(&proxy);
    let (object, said) = thread::scope(|scope| {
        let load = scope.spawn(|| load_meanwhile(engine, &proxy, earlier, &archive));
        let cleaned = clean(&proxy.host(), &["--images", "=one:1"]);
        load.join().expect("a load");
        cleaned
    });
    assert_eq!(object["freed_by"], by, "{object}");
    assert_eq!(object["done"][0]["outcome"], "removed", "{object}");
    let promised = object["frees"].as_u64().unwrap();
    assert!(promised >= OWN, "{object}");
    // Unpacked it is all still there; an archive may have packed it anew, under another digest.
    for freed in [&object["freed"], &object["done"][0]["freed"]] {
        assert!(freed.as_u64() <= Some(promised - OWN), "{object}");
    }
    assert!(said.contains("image keeper-one:1 came meanwhile"), "{said}");

    let archive = image_and_archive(engine, &scene, "two");
    let mut journey = Journey::at(&proxy.host(), (35, 120));
    journey.mark(Pane::Images, "two:1");
    journey.plan();
    let earlier = removals(&proxy);
    journey.say_yes();
    load_meanwhile(engine, &proxy, earlier, &archive);
    let end = journey.wait_for_the_end();
    let words: Vec<&str> = end.split_whitespace().collect();
    let end = words.join(" ");
    assert!(end.contains("1 removed"), "{end}");
    assert!(end.contains("image keeper-two:1 came meanwhile"), "{end}");
    assert!(end.contains("promised"), "{end}");
    journey.quit();
}

/// An image that nothing shares.
fn image(scene: &Scene<'_>, name: &str) {
    let step = format!("RUN dd if=/dev/urandom of=/own bs={OWN} count=1 iflag=fullblock");
    scene.build(Builder::Classic, name, &format!("FROM base:1\n{step}\n"));
}

/// An image `NAME:1`, and an archive of `keeper-NAME:1`, which has the same layers.
fn image_and_archive(engine: &PrivateEngine, scene: &Scene<'_>, name: &str) -> PathBuf {
    let (first, keeper) = (format!("{name}:1"), format!("keeper-{name}:1"));
    image(scene, &first);
    let file = format!("FROM {first}\nLABEL keeper={name}\n");
    scene.build(Builder::Classic, &keeper, &file);
    let archive = engine.folder().join(format!("{name}.tar"));
    let path = archive.to_string_lossy();
    engine.docker(&["save", "--output", &path, &keeper]);
    engine.docker(&["image", "rm", &keeper]);
    archive
}

/// How many removals have come to the proxy.
fn removals(proxy: &Proxy) -> usize {
    let requests = proxy.requests().into_iter();
    requests.filter(|it| it.method == "DELETE").count()
}

/// Loads an archive once one more removal waits at the proxy.
fn load_meanwhile(engine: &PrivateEngine, proxy: &Proxy, earlier: usize, archive: &Path) {
    let start = Instant::now();
    while removals(proxy) == earlier {
        assert!(start.elapsed() < Duration::from_secs(30), "no removal");
        thread::sleep(Duration::from_millis(20));
    }
    engine.docker(&["load", "--input", &archive.to_string_lossy()]);
}

/// What `clean --yes --json` prints, and what it says on standard error.
fn clean(host: &str, chosen: &[&str]) -> (Value, String) {
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    command.args(["-H", host, "clean", "--yes", "--json"]);
    let Output { stdout, stderr, .. } = command.args(chosen).output().expect("dtop runs");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    let object = serde_json::from_slice(&stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    (object, said)
}
