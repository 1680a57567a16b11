//! A disk that is full: from starting dtop to enough free space in a handful of keys, and what was promised is
//! what the disk has more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Completion, Trial};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tempfile::TempDir;

use support::engine::{PrivateEngine, Setup, Store};
use support::journey::Journey;
use support::program::{Missing, Programs};
use support::scene::Scene;
use support::trial;

/// Bytes of the engine's disk, and of an image's own layer.
const DISK: u64 = 400_000_000;
const LAYER: u64 = 30_000_000;

fn main() -> ExitCode {
    let name = "a_full_disk_has_enough_free_after_four_keys";
    trial::run(vec![Trial::ignorable_test(name, || {
        let disk = match Disk::new() {
            Ok(disk) => disk,
            Err(missing) => return trial::without_engine(&missing),
        };
        let start = |programs| {
            let setup = Setup::Docker(programs, Store::GraphDriver);
            PrivateEngine::start_in(&setup, &[], &disk.mount)
        };
        match Programs::installed().and_then(start) {
            Ok(engine) => {
                a_full_disk_has_enough_free_after_four_keys(&engine);
                Ok(Completion::Completed)
            }
            Err(missing) => trial::without_engine(&missing),
        }
    })])
}

/// An ext4 in a file, with the share that only root may use; gone with the test.
struct Disk {
    mount: PathBuf,
    _folder: TempDir,
}

impl Disk {
    fn new() -> Result<Self, Missing> {
        let failed = |error: std::io::Error| Missing(format!("a small disk: {error}"));
        let folder = tempfile::Builder::new()
            .prefix("dtop-disk-")
            .tempdir_in("/tmp");
        let folder = folder.map_err(failed)?;
        let (mount, file) = (folder.path().join("m"), folder.path().join("file"));
        std::fs::create_dir(&mount).map_err(failed)?;
        let size = File::create(&file).and_then(|it| it.set_len(DISK));
        size.map_err(failed)?;
        let runs = |program: &str, args: &[&OsStr]| {
            let mut command = Command::new(program);
            command.args(args).stdin(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let (file, at) = (file.as_os_str(), mount.as_os_str());
        let is_there = runs("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), file])
            && runs("mount", &["-o".as_ref(), "loop".as_ref(), file, at]);
        // Where there are no loop devices, in a container say, memory does.
        let size = format!("size={DISK}");
        let words = ["-t", "tmpfs", "-o", &size, "tmpfs"].map(OsStr::new);
        if !is_there && !runs("mount", &[&words[..], &[at]].concat()) {
            return Err(Missing("no small filesystem can be mounted".into()));
        }
        Ok(Self {
            mount,
            _folder: folder,
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What a killed engine still holds goes with it.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.mount)
            .status();
    }
}

/// Bytes that users have of the disk, and of how many.
fn available(at: &Path) -> (u64, u64) {
    let disk = statvfs(at).expect("a filesystem");
    (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)
}

fn fill(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for number in 0..6 {
        scene.import(&format!("app:{number}"), |root| {
            let noise: Vec<u8> = (0..LAYER)
                .map(|at| (at * (number + 7) % 251) as u8)
                .collect();
            std::fs::write(root.join("data"), noise).expect("a file");
        });
    }
    scene.running("web", &[], "base:1");
    // The rest is taken by somebody else, but for what root keeps for itself.
    let rest = File::create(engine.root().join("somebody-elses")).expect("a file");
    let (free, _) = available(&engine.root());
    fallocate(&rest, FallocateFlags::empty(), 0, free - 1_000_000).expect("room");
}

fn a_full_disk_has_enough_free_after_four_keys(engine: &PrivateEngine) {
    fill(engine);
    let (before, total) = available(&engine.root());
    assert!(before < total / 50, "{before} of {total} are free");
    let mut journey = Journey::on(engine);
    journey.screen.keys("f");
    journey.screen.wait_for("Enter mark the safest");
    journey.screen.keys("enter");
    journey.screen.wait_for("marked to free ");
    journey.plan();
    let plan = journey.screen.contents();
    journey.screen.keys("y");
    let end = journey.wait_for_the_end();
    let (after, _) = available(&engine.root());
    assert!(after >= total / 5, "{after} of {total}:\n{plan}\n{end}");
    // No more than needed: one image less would not have been enough.
    assert!(after - LAYER < total / 5, "{after} of {total}:\n{plan}");
    let promised = promised(&plan);
    let gained = after - before;
    let apart = promised.abs_diff(gained);
    assert!(
        apart < promised / 20 + 500_000,
        "{promised} {gained}:\n{plan}\n{end}"
    );
    journey.quit();
}

/// ` Frees 90.0 MB · removes …`
fn promised(plan: &str) -> u64 {
    let line = plan
        .lines()
        .find_map(|line| line.trim().strip_prefix("Frees "));
    let figure = line.expect("a promise").split(" · ").next().unwrap();
    let figure: String = figure.split_whitespace().collect();
    dtop::domain::filter::parse_size(&figure).expect("a size").0
}
