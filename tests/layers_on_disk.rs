//! What images, containers and build cache promise on the engine's own machine, held against what the filesystem gained:
//! holes, many small files, and storage drivers that keep whole copies, each on an ext4 of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use support::STATE;
use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing, Podman, Programs};
use support::scene::{Builder, Scene};
use support::small_disk::SmallDisk;
use support::trial;

const DRIVERS: [&str; 2] = ["overlay2", "vfs"];
const DRIVERS_OF_PODMAN: [&str; 2] = ["overlay", "vfs"];
/// Files of a hundred bytes, each in a block of its own.
const FILES: usize = 3_000;
/// A promise may be off by so much, and by so much for each object …
const ABOUT: u64 = 64_000;
const AN_OBJECT: u64 = 16_000;
/// … or by one of so many bytes.
const SHARE: u64 = 200;
/// A build's trace is written to its history, some 100 kB, three seconds after it has ended.
const HISTORY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let has_newer = std::env::var_os("DTOP_TEST_ENGINES").is_some();
    let mut all = vec![Programs::installed()];
    if has_newer {
        all.extend(Programs::all());
    }
    let docker = |it| Setup::Docker(it, Store::GraphDriver);
    let setups = all.into_iter().map(|it| it.map(docker));
    let mut cases: Vec<(Result<Setup, Missing>, &str)> = Vec::new();
    for setup in setups {
        cases.extend(DRIVERS.map(|driver| (setup.clone(), driver)));
    }
    // The version that Debian installs has no store with such a driver.
    if let Some(native) = Programs::all().pop().filter(|_| has_newer) {
        let native = native.map(|it| Setup::Docker(it, Store::Containerd));
        cases.push((native, "native"));
    }
    let podman = Podman::installed().map(Setup::Podman);
    cases.extend(DRIVERS_OF_PODMAN.map(|driver| (podman.clone(), driver)));
    let mut trials = Vec::new();
    for (setup, driver) in cases {
        let label = match &setup {
            Ok(Setup::Docker(programs, _)) if !programs.label.is_empty() => {
                format!("{}::", programs.label)
            }
            Ok(Setup::Podman(_)) => "podman::".to_owned(),
            _ => String::new(),
        };
        let name = format!("{label}{driver}_gives_back_what_was_promised");
        trials.push(trial::of(name, Length::Long, move || on(setup, driver)));
    }
    trial::run(trials)
}

fn on(setup: Result<Setup, Missing>, driver: &str) -> Result<Completion, Failed> {
    let disk = match SmallDisk::new(900 << 20, 0) {
        Ok(disk) if disk.is_ext4 => disk,
        Ok(_) => return Ok(Completion::ignored_with("no loop device to mount ext4 on")),
        Err(missing) => return trial::without_engine(&missing),
    };
    let options = [format!("--storage-driver={driver}")];
    let start = |it| PrivateEngine::start_as_one_with(&it, &options, disk.path());
    let engine = match setup.and_then(start) {
        Ok(engine) => engine,
        Err(missing) => return trial::without_engine(&missing),
    };
    assert_eq!(engine.get("/info")["Driver"], driver);
    let scene = Scene::on(&engine);
    scene.import("many:1", |root| {
        for file in 0..FILES {
            fs::write(root.join(file.to_string()), [b'x'; 100]).expect("a file");
        }
    });
    let is_copies = matches!(driver, "vfs" | "native");
    let hole = "FROM base:1\nRUN dd if=/dev/zero of=/hole bs=4096 count=1 seek=16383\n";
    scene.build(Builder::BuildKit, "hole:1", hole);
    if engine.has_build_cache() {
        thread::sleep(HISTORY);
    }
    for name in ["one", "other"] {
        scene.stopped(name, 1_000_000, &[], "hole:1");
    }
    // Of a store with nothing but images nobody can tell whose it is, where the driver names no folders.
    scene.stopped("stays", 1_000, &[], "base:1");
    let both = ["--containers", "=one", "--containers", "=other"];
    let both = removed(&engine, &disk, &both);
    // Each is a copy of all below it, the hole included or not.
    let least = if is_copies { 3_000_000 } else { 1_000_000 };
    assert!(both >= 2 * least, "{both}");
    let many = removed(&engine, &disk, &["--images", "=many:1"]);
    assert!(many >= FILES as u64 * 4_096, "{many}");
    removed(&engine, &disk, &["--images", "=hole:1", "--unlock"]);
    if engine.has_build_cache() {
        removed(&engine, &disk, &["--cache", "is:unused"]);
    }
    Ok(Completion::Completed)
}

/// Plans and removes, and returns what the filesystem gained.
fn removed(engine: &PrivateEngine, disk: &SmallDisk, selection: &[&str]) -> u64 {
    let plan = dtop(engine, &[&["plan", "--json"], selection].concat());
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let before = disk.written().unused();
    dtop(engine, &[&["clean", "--yes"], selection].concat());
    let gained = disk.written().unused().saturating_sub(before);
    assert_eq!(plan["exact"], true, "{plan}");
    let promised = plan["frees"].as_u64().expect("a promise");
    let steps = plan["steps"].as_array().map_or(0, Vec::len) as u64;
    let slack = (ABOUT + steps * AN_OBJECT).max(promised / SHARE);
    assert!(
        promised.abs_diff(gained) <= slack,
        "gained {gained}: {plan}"
    );
    gained
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
