//! The number, side by side: what Docker's own figures and dtop promise for the same removal, and what the disk gained.
//!
//! Each engine stands on an ext4 of its own: what statvfs has more of after a sync is what a removal has freed.
//!
//! `cargo test --test promise -- --nocapture` prints the rows of the README's table, for the installed engine or
//! for each below `DTOP_TEST_ENGINES`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause; its rows are for the README"
)]

mod support;

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use support::STATE;
use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing};
use support::scene::{Builder, Scene};
use support::small_disk::SmallDisk;
use support::trial;

const DISK: u64 = 1_000_000_000;
/// What the filesystem and the engine write down of a removal by themselves: in all, and for each object.
const ABOUT: u64 = 64_000;
const AN_OBJECT: u64 = 16_000;
/// A build's trace is written to its history, some 100 kB, three seconds after it has ended.
const HISTORY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for setup in Setup::matrix() {
        if matches!(setup, Ok(Setup::Podman(_))) {
            continue;
        }
        let label = setup.as_ref().map_or("none".to_owned(), Setup::label);
        let name = format!("{label}::an_image_and_its_cache");
        let run = move || on_a_disk_of_its_own(setup);
        trials.push(trial::of(name, Length::Short, run));
    }
    trial::run(trials)
}

fn on_a_disk_of_its_own(setup: Result<Setup, Missing>) -> Result<Completion, Failed> {
    let disk = match SmallDisk::new(DISK, 0) {
        Ok(disk) if disk.is_ext4 => disk,
        Ok(_) => return Ok(Completion::ignored_with("no loop device to mount ext4 on")),
        Err(missing) => return trial::without_engine(&missing),
    };
    let engine = setup.and_then(|setup| match setup {
        Setup::Docker(_, Store::Containerd) => PrivateEngine::start_as_one_in(&setup, disk.path()),
        _ => PrivateEngine::start_in(&setup, &[], disk.path()),
    });
    match engine {
        Ok(engine) => {
            an_image_and_its_cache(&engine, &disk);
            Ok(Completion::Completed)
        }
        Err(missing) => trial::without_engine(&missing),
    }
}

/// Bytes of the layer that `a` and `b` share, and of the one that each has for itself.
const SHARED: u64 = 20_000_000;
const OWN: u64 = 10_000_000;

/// ENGINE.md §0, item 1: two images of 30 MB built by BuildKit, 10 MB of each its own, and the cache of both.
fn lay_scene(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for name in ["a", "b"] {
        // Random bytes, which the containerd store cannot pack.
        let random =
            |bytes| format!("dd if=/dev/urandom of=/of-{bytes} bs={bytes} count=1 iflag=fullblock");
        let file = format!(
            "FROM base:1\nRUN {}\nRUN : {name} && {}\n",
            random(SHARED),
            random(OWN)
        );
        scene.build(Builder::BuildKit, &format!("img:{name}"), &file);
    }
}

/// An image goes with the cache of its own layer, then the other alone: on a graph driver the cache holds all of it but
/// its settings. On the containerd store a layer costs twice, and the cache keeps one of the two (ENGINE.md §0, item 9).
fn an_image_and_its_cache(engine: &PrivateEngine, disk: &SmallDisk) {
    lay_scene(engine);
    thread::sleep(HISTORY);
    let both = remove(engine, disk, "img:b", &["--unlock"]);
    let alone = remove(engine, disk, "img:a", &[]);
    print_rows(engine, &both, &alone);
    for removed in [&both, &alone] {
        let Promise {
            frees,
            at_most,
            exact,
            objects,
        } = removed.promise;
        // The engine lists its blobs, so nothing is left to doubt on the containerd store either.
        assert!(exact && frees == at_most, "{removed:?}");
        let slack = (ABOUT + objects * AN_OBJECT).max(removed.freed / 200);
        assert!(frees.abs_diff(removed.freed) <= slack, "{removed:?}");
    }
    if engine.store() == Store::GraphDriver {
        // With the layer's folder go the engine's notes on it, with the image its settings.
        let frees = both.promise.frees;
        assert!((OWN..OWN + 100_000).contains(&frees), "{both:?}");
        let frees = alone.promise.frees;
        assert!((1..32_768).contains(&frees), "{alone:?}");
    }
}

/// What was promised for a removal, and what it did.
#[derive(Debug)]
struct Removed {
    /// `SIZE` of `docker images`.
    size: String,
    /// `UNIQUE SIZE` of `docker system df -v`.
    unique: String,
    promise: Promise,
    /// What the filesystem gained.
    freed: u64,
}

/// `dtop plan --json`
#[derive(Debug)]
struct Promise {
    frees: u64,
    at_most: u64,
    exact: bool,
    objects: u64,
}

/// Asks everybody what removing an image frees, and removes it with dtop.
fn remove(engine: &PrivateEngine, disk: &SmallDisk, image: &str, options: &[&str]) -> Removed {
    let filter = format!("={image}");
    let with = |command: &str, more: &str| {
        let chosen = [&[command, "--images", &filter, more], options].concat();
        serde_json::from_str::<Value>(&dtop(engine, &chosen)).expect("JSON")
    };
    let (size, unique) = dockers_figures(engine, image);
    let plan = with("plan", "--json");
    let number = |key: &str| {
        plan[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key}: {plan}"))
    };
    let promise = Promise {
        frees: number("frees"),
        at_most: number("at_most"),
        exact: plan["exact"] == true,
        objects: plan["steps"].as_array().map_or(0, Vec::len) as u64,
    };
    assert!(promise.objects > 0, "nothing to remove: {plan}");
    let before = disk.written().unused();
    let chosen = ["clean", "--images", &filter, "--yes"];
    dtop(engine, &[&chosen, options].concat());
    Removed {
        size,
        unique,
        promise,
        freed: disk.written().unused().saturating_sub(before),
    }
}

/// What the docker command prints of an image: its size, and its unique size.
fn dockers_figures(engine: &PrivateEngine, image: &str) -> (String, String) {
    let size = engine.docker(&["images", "--format", "{{.Size}}", image]);
    let usage = engine.docker(&["system", "df", "--verbose"]);
    let (name, tag) = image.split_once(':').expect("a tag");
    let row = usage
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.starts_with(&[name, tag]))
        .unwrap_or_else(|| panic!("no {image}: {usage}"));
    // … SIZE, SHARED SIZE, UNIQUE SIZE, CONTAINERS
    (size, row[row.len() - 2].to_owned())
}

fn dtop(engine: &PrivateEngine, args: &[&str]) -> String {
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    support::engine::run(command.args(["-H", &engine.host()]).args(args))
}

/// The README's rows of this engine.
fn print_rows(engine: &PrivateEngine, both: &Removed, alone: &Removed) {
    let version = engine.get("/version");
    let version = version["Version"].as_str().unwrap_or_default();
    let driver = engine.get("/info");
    let driver = driver["Driver"].as_str().unwrap_or_default();
    for (what, removed) in [
        ("the image and its cache (`--unlock`)", both),
        ("the image", alone),
    ] {
        let Removed {
            size,
            unique,
            promise,
            freed,
        } = removed;
        let promise = if promise.exact {
            grouped(promise.frees)
        } else {
            format!("{} to {}", grouped(promise.frees), grouped(promise.at_most))
        };
        println!(
            "| {version} {driver} | {what} | {size} | {unique} | {promise} | {} |",
            grouped(*freed)
        );
    }
}

/// `10,000,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
