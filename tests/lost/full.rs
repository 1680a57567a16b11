//! A disk without a byte left, which holds the engine's data, HOME, the state folder and TMPDIR.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Completion, Trial};
use rustix::fs::statvfs;
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::done;
use crate::support::dtop;
use crate::support::engine::{PrivateEngine, Setup, Store};
use crate::support::journey::{Journey, Pane};
use crate::support::program::{CALLERS_ENGINE, Missing, Programs};
use crate::support::pty::Screen;
use crate::support::scene::Scene;
use crate::support::trial::without_engine;

/// Room for an engine with a few small images.
const MEGABYTES: u64 = 160;

pub fn trials() -> Vec<Trial> {
    let test = || match set_up() {
        Ok((engine, disk)) => {
            on_a_full_disk(&engine, &disk);
            drop(engine);
            drop(disk);
            Ok(Completion::Completed)
        }
        Err(missing) => without_engine(&missing),
    };
    let name = "on_a_full_disk_it_starts_shows_and_removes";
    vec![Trial::ignorable_test(name, test)]
}

fn set_up() -> Result<(PrivateEngine, Disk), Missing> {
    let programs = Programs::installed()?;
    let disk = Disk::new()?;
    let setup = Setup::Docker(programs, Store::GraphDriver);
    let engine = PrivateEngine::start_in(&setup, &[], disk.path())?;
    Ok((engine, disk))
}

/// A filesystem of a test's own, gone with it.
struct Disk {
    mount: PathBuf,
    // Holds the mount point and the file behind it.
    _folder: TempDir,
}

impl Disk {
    /// ext4 in a file where there are loop devices, else tmpfs.
    fn new() -> Result<Self, Missing> {
        let failed = |error: std::io::Error| Missing(format!("a small disk: {error}"));
        let folder = tempfile::Builder::new()
            .prefix("dtop-full-")
            .tempdir_in("/tmp")
            .map_err(failed)?;
        let mount = folder.path().join("m");
        fs::create_dir(&mount).map_err(failed)?;
        let image = folder.path().join("image");
        let file = File::create(&image).map_err(failed)?;
        file.set_len(MEGABYTES << 20).map_err(failed)?;
        let runs = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(args)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let (at, of) = (mount.to_string_lossy(), image.to_string_lossy());
        // Without the share that only root may use: not even the engine has a byte then.
        let is_ext4 = runs("mkfs.ext4", &["-q", "-F", "-m", "0", "-N", "40000", &of])
            && runs("mount", &["-o", "loop", &of, &at]);
        let size = format!("size={MEGABYTES}m");
        if !is_ext4 && !runs("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &at]) {
            return Err(Missing(
                "no small disk: neither a loop device nor tmpfs can be mounted".into(),
            ));
        }
        println!("a full {}", if is_ext4 { "ext4" } else { "tmpfs" });
        Ok(Self {
            mount,
            _folder: folder,
        })
    }

    fn path(&self) -> &Path {
        &self.mount
    }

    /// Takes the last byte.
    fn fill(&self) {
        let mut files = 0;
        let mut piece = 1 << 20;
        while piece > 0 {
            let name = self.mount.join(format!("filler-{files}"));
            files += 1;
            let Ok(mut file) = File::create(name) else {
                break;
            };
            let zeros = vec![0; piece];
            while file.write_all(&zeros).is_ok() {}
            piece /= 16;
        }
        // What the engine still wrote, or gave back, meanwhile.
        let more = File::create(self.mount.join("filler-last"));
        if let Ok(mut more) = more {
            while more.write_all(&[0; 4096]).is_ok() {}
        }
        let stat = statvfs(&self.mount).expect("the disk");
        assert_eq!(stat.f_bavail, 0, "a full disk");
        let words = fs::write(self.mount.join("home/one-byte"), "1");
        assert!(words.is_err(), "not one byte more");
    }

    fn empty(&self) {
        for entry in fs::read_dir(&self.mount).expect("the disk").flatten() {
            if entry.file_name().to_string_lossy().starts_with("filler-") {
                fs::remove_file(entry.path()).expect("the filler goes");
            }
        }
    }

    /// All that a program may want to write to.
    fn environment(&self) -> [(&'static str, String); 5] {
        let at = |name: &str| self.mount.join(name).to_string_lossy().into_owned();
        [
            ("HOME", at("home")),
            ("XDG_STATE_HOME", at("home/state")),
            ("XDG_CONFIG_HOME", at("home/config")),
            ("XDG_CACHE_HOME", at("home/cache")),
            ("TMPDIR", at("tmp")),
        ]
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.mount)
            .status();
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
