//! The number, side by side: what Docker's own figures and dtop promise for the same removal, and what it freed.
//!
//! `cargo test --test promise -- --nocapture` prints the rows of the README's table, for the installed engine or
//! for each below `DTOP_TEST_ENGINES`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause; its rows are for the README"
)]

#[allow(dead_code, reason = "the parts that went are another test's report")]
#[path = "exact/disk.rs"]
mod disk;
mod support;

use std::process::{Command, ExitCode};

use serde_json::Value;

use disk::Disk;
use support::STATE;
use support::engine::{PrivateEngine, Store};
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::scene::{Builder, Scene};
use support::trial::{self, OnEngine};

const ON_GRAPH_DRIVER: &[OnEngine] = &[(
    "an_image_and_its_cache_to_the_byte",
    an_image_and_its_cache_to_the_byte,
)];
const ON_CONTAINERD: &[OnEngine] = &[(
    "an_image_and_its_cache_on_the_containerd_store",
    an_image_and_its_cache_on_the_containerd_store,
)];

fn main() -> ExitCode {
    let mut trials = trial::on_store(ON_GRAPH_DRIVER, Store::GraphDriver, Length::Short);
    trials.extend(trial::on_store(
        ON_CONTAINERD,
        Store::Containerd,
        Length::Short,
    ));
    trial::run(trials)
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

fn an_image_and_its_cache_to_the_byte(engine: &PrivateEngine) {
    lay_scene(engine);
    let both = remove(engine, "img:b", &["--unlock"]);
    assert!(both.promise.exact, "{:?}", both.promise);
    assert_eq!(both.promise.frees, both.freed, "{both:?}");
    // With the layer's folder go the engine's notes on it, with the image its settings.
    assert!((OWN..OWN + 100_000).contains(&both.freed), "{both:?}");

    let alone = remove(engine, "img:a", &[]);
    assert!(alone.promise.exact, "{:?}", alone.promise);
    assert_eq!(alone.promise.frees, alone.freed, "{alone:?}");
    assert!((1..32_768).contains(&alone.freed), "{alone:?}");
    print_rows(engine, &both, &alone);
}

/// ENGINE.md §0, item 9: a layer costs twice here, and the cache keeps one of the two.
fn an_image_and_its_cache_on_the_containerd_store(engine: &PrivateEngine) {
    lay_scene(engine);
    let both = remove(engine, "img:b", &["--unlock"]);
    let alone = remove(engine, "img:a", &[]);
    print_rows(engine, &both, &alone);
    for removed in [&both, &alone] {
        let Promise {
            frees,
            at_most,
            exact,
            objects,
        } = removed.promise;
        let slack = removed.freed / 100 + objects * 32 * 1024;
        assert!(frees <= removed.freed + slack, "{removed:?}");
        assert!(removed.freed <= at_most + slack, "{removed:?}");
        // The engine lists its blobs, so nothing is left to doubt.
        assert!(exact && frees == at_most, "{removed:?}");
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
    /// What the engine's folders lost.
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
fn remove(engine: &PrivateEngine, image: &str, options: &[&str]) -> Removed {
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
    let before = Disk::of(engine, engine.store(), (false, true));
    let chosen = ["clean", "--images", &filter, "--yes"];
    dtop(engine, &[&chosen, options].concat());
    Removed {
        size,
        unique,
        promise,
        freed: before.lost(&Disk::of(engine, engine.store(), (false, true))),
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
