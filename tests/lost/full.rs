//! A disk without a byte left, which holds the engine's data, HOME, the state folder and TMPDIR.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use libtest_mimic::{Completion, Trial};
use serde_json::Value;

use crate::stage::done;
use crate::support::dtop;
use crate::support::engine::{PrivateEngine, Setup};
use crate::support::journey::{Journey, Pane};
use crate::support::length::Length;
use crate::support::program::{CALLERS_ENGINE, Missing};
use crate::support::pty::Screen;
use crate::support::scene::Scene;
use crate::support::small_disk::SmallDisk;
use crate::support::trial::{self, without_engine};

/// Room for an engine with a few small images.
const MEGABYTES: u64 = 160;

pub fn trials() -> Vec<Trial> {
    let is_docker = |setup: &Result<Setup, Missing>| !matches!(setup, Ok(Setup::Podman(_)));
    let setups = Setup::matrix().into_iter().filter(is_docker);
    setups.map(on).collect()
}

fn on(setup: Result<Setup, Missing>) -> Trial {
    let label = setup.as_ref().map_or("none".to_owned(), Setup::label);
    let name = format!("{label}::on_a_full_disk_it_starts_shows_and_removes");
    trial::of(name, Length::Long, move || {
        match setup.and_then(|it| set_up(&it)) {
            Ok((engine, disk)) => {
                on_a_full_disk(&engine, &disk);
                drop(engine);
                drop(disk);
                Ok(Completion::Completed)
            }
            Err(missing) => without_engine(&missing),
        }
    })
}

fn set_up(setup: &Setup) -> Result<(PrivateEngine, Disk), Missing> {
    let disk = Disk::new()?;
    let engine = PrivateEngine::start_in(setup, &[], disk.path())?;
    Ok((engine, disk))
}

/// A disk that holds all that a program may want to write to.
struct Disk(SmallDisk);

impl Disk {
    /// Without the share that only root may use: not even the engine has a byte then.
    fn new() -> Result<Self, Missing> {
        let disk = SmallDisk::new(MEGABYTES << 20, 0)?;
        println!("a full {}", if disk.is_ext4 { "ext4" } else { "tmpfs" });
        Ok(Self(disk))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes the last byte.
    fn fill(&self) {
        let mut files = 0;
        let mut piece = 1 << 20;
        while piece > 0 {
            let name = self.path().join(format!("filler-{files}"));
            files += 1;
            let Ok(mut file) = File::create(name) else {
                break;
            };
            let zeros = vec![0; piece];
            while file.write_all(&zeros).is_ok() {}
            piece /= 16;
        }
        // What the engine still wrote, or gave back, meanwhile.
        let more = File::create(self.path().join("filler-last"));
        if let Ok(mut more) = more {
            while more.write_all(&[0; 4096]).is_ok() {}
        }
        assert_eq!(self.0.available(), 0, "a full disk");
        let words = fs::write(self.path().join("home/one-byte"), "1");
        assert!(words.is_err(), "not one byte more");
    }

    fn empty(&self) {
        for entry in fs::read_dir(self.path()).expect("the disk").flatten() {
            if entry.file_name().to_string_lossy().starts_with("filler-") {
                fs::remove_file(entry.path()).expect("the filler goes");
            }
        }
    }

    /// All that a program may want to write to.
    fn environment(&self) -> [(&'static str, String); 5] {
        let at = |name: &str| self.path().join(name).to_string_lossy().into_owned();
        [
            ("HOME", at("home")),
            ("XDG_STATE_HOME", at("home/state")),
            ("XDG_CONFIG_HOME", at("home/config")),
            ("XDG_CACHE_HOME", at("home/cache")),
            ("TMPDIR", at("tmp")),
        ]
    }
}

fn run(disk: &Disk, engine: &PrivateEngine, args: &[&str]) -> Output {
    let mut command = Command::new(dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.envs(disk.environment()).current_dir(disk.path());
    command.args(["-H", &engine.host()]).args(args);
    command.output().expect("it runs")
}

/// An image in two layers, a stopped container, a volume with data.
fn lay(scene: &Scene<'_>) {
    for name in ["go-first:1", "go-second:1"] {
        scene.import(name, |root| {
            fs::write(root.join(name), vec![7; 300_000]).expect("a file");
        });
    }
    scene.stopped("go-job", 200_000, &[], "base:1");
    scene.volume("go-data", 400_000);
}

fn on_a_full_disk(engine: &PrivateEngine, disk: &Disk) {
    for folder in ["home", "tmp"] {
        fs::create_dir(disk.path().join(folder)).expect("a folder");
    }
    let scene = Scene::on(engine);
    lay(&scene);
    disk.fill();
    by_command(engine, disk);
    disk.empty();
    lay(&scene);
    disk.fill();
    by_hand(engine, disk);
    disk.empty();
    of_several_names(engine, disk);
}

/// Nothing but an image of several names goes, and nothing makes room for it first. Docker 20.10 to 28 refuse to take a
/// name on a graph driver, as they cannot write it down, and have lost it all the same until they are started again: the
/// image goes by its ID in the end.
fn of_several_names(engine: &PrivateEngine, disk: &Disk) {
    let scene = Scene::on(engine);
    scene.import("go-first:1", |root| {
        fs::write(root.join("file"), vec![7; 300_000]).expect("a file");
    });
    for name in ["go-second:1", "go-third:1"] {
        scene.tag("go-first:1", name);
    }
    disk.fill();
    let args = ["clean", "--yes", "--json", "--images", "/^go-/"];
    let clean = run(disk, engine, &args);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    let done = done(&clean);
    assert_eq!(done.len(), 1, "{clean:?}");
    assert_eq!(done[0].1, "removed", "{clean:?}");
    assert_gone(engine);
}

fn by_command(engine: &PrivateEngine, disk: &Disk) {
    let report = run(disk, engine, &["report", "--json"]);
    assert!(report.status.success(), "{report:?}");
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["images"].as_array().map(Vec::len), Some(3));
    let plan = run(disk, engine, &["plan", "--images", "/^go-/"]);
    assert!(plan.status.success(), "{plan:?}");

    let args = [
        "clean",
        "--yes",
        "--json",
        "--images",
        "/^go-/",
        "--containers",
        "/^go-/",
        "--volumes",
        "/^go-/",
    ];
    let clean = run(disk, engine, &args);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    let done = done(&clean);
    assert_eq!(done.len(), 4, "{clean:?}");
    assert!(
        done.iter().all(|(_, outcome)| outcome == "removed"),
        "{clean:?}"
    );
    assert_gone(engine);
    // As soon as there is room it is written down.
    let history = run(disk, engine, &["history", "--json"]);
    assert!(history.status.success(), "{history:?}");
    let history: Value = serde_json::from_slice(&history.stdout).expect("JSON");
    let entries = history["entries"].as_array().expect("a list");
    assert!(!entries.is_empty(), "{history}");
}

fn by_hand(engine: &PrivateEngine, disk: &Disk) {
    let environment = disk.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let screen = Screen::start(&["-H", &engine.host()], &environment, (35, 120));
    screen.wait_for("▸");
    screen.settle();
    let mut journey = Journey { screen };
    journey.mark(Pane::Images, "go-first:1");
    journey.mark(Pane::Images, "go-second:1");
    journey.mark(Pane::Containers, "go-job");
    journey.mark(Pane::Volumes, "go-data");
    journey.plan();
    journey.confirm();
    let end = journey.screen.contents();
    assert!(end.contains(" 4 removed"), "{end}");
    assert_gone(engine);
    journey.quit();
}

fn assert_gone(engine: &PrivateEngine) {
    for path in ["/images/json", "/containers/json?all=1", "/volumes"] {
        let list = engine.get(path).to_string();
        assert!(!list.contains("go-"), "{path}: {list}");
    }
}
