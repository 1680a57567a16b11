//! What is promised by blocks against what the disk gave back: an engine on a filesystem of its own, and what statvfs
//! gained after a sync.
//!
//! The bound is 64 kB and 16 kB an object, or 0.5 %: what the filesystem and the engine write down of a removal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends with the place and the cause; figures are shown with --nocapture"
)]

mod host;
mod shared;
#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Completion, Failed};
use rustix::fs::{FallocateFlags, fallocate};
use serde_json::Value;

use host::{GB, Host, MB};
use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::Missing;
use support::scene::Scene;
use support::small_disk::SmallDisk;
use support::trial;

const DISK: u64 = 2 * GB;

fn main() -> ExitCode {
    let mut trials = shared::trials();
    for setup in Setup::matrix() {
        let label = setup.as_ref().map_or("none".to_owned(), Setup::label);
        let keeps_containerd = matches!(setup, Ok(Setup::Docker(_, Store::Containerd)));
        let ways: &[(&str, Start)] = if keeps_containerd {
            &[
                ("", PrivateEngine::start_as_one_in),
                // Where dtop does not look for it: the engine's own figures of snapshots are blocks, too.
                ("_with_containerd_elsewhere", |setup, parent| {
                    PrivateEngine::start_in(setup, &[], parent)
                }),
            ]
        } else {
            &[("", |setup, parent| {
                PrivateEngine::start_in(setup, &[], parent)
            })]
        };
        for (way, start) in ways {
            let setup = setup.clone();
            let run = move || match setup {
                Ok(setup) => on_disk_of_its_own(&setup, *start),
                Err(missing) => trial::without_engine(&missing),
            };
            let name = format!("{label}::what_is_promised_is_what_is_free{way}");
            trials.push(trial::of(name, Length::Long, run));
        }
    }
    trial::run(trials)
}

/// Starts an engine in a folder.
type Start = fn(&Setup, &Path) -> Result<PrivateEngine, Missing>;

fn on_disk_of_its_own(setup: &Setup, start: Start) -> Result<Completion, Failed> {
    let disk = match SmallDisk::new(DISK, 0) {
        Ok(disk) if disk.is_ext4 => disk,
        Ok(_) => return Ok(Completion::ignored_with("no ext4 can be mounted here")),
        Err(missing) => return Ok(Completion::ignored_with(&missing)),
    };
    let engine = match start(setup, disk.path()) {
        Ok(engine) => engine,
        Err(missing) => return trial::without_engine(&missing),
    };
    let host = Host {
        scene: Scene::on(&engine),
        engine: &engine,
        disk: &disk,
    };
    host.volumes();
    host.files_of_two_volumes();
    host.containers();
    if !engine.is_podman() {
        // What Docker's logs and checkpoints lie in.
        host.dated();
        host.logs();
    }
    host.a_volume_of_empty_files_stays();
    Ok(Completion::Completed)
}

impl Host<'_> {
    fn volumes(&self) {
        let sparse = self.data("sparse").join("file");
        fs::write(&sparse, vec![7; 8192]).unwrap();
        let sparse = File::options().write(true).open(sparse).unwrap();
        sparse.set_len(GB).unwrap();
        drop(sparse);
        let promised = self.goes("a file of holes", &["--volumes", "=sparse"]);
        assert!(promised < MB, "{promised}");

        let kept = File::create(self.data("kept").join("file")).unwrap();
        fallocate(&kept, FallocateFlags::KEEP_SIZE, 0, 300 * MB).unwrap();
        drop(kept);
        let promised = self.goes("room reserved behind the end", &["--volumes", "=kept"]);
        assert!(promised >= 300 * MB, "{promised}");

        let many = self.data("many");
        for number in 0..20_000 {
            fs::write(many.join(number.to_string()), "ten bytes.").unwrap();
        }
        let promised = self.goes("small files", &["--volumes", "=many"]);
        assert!(promised > 80 * 1_000_000, "{promised}");
    }

    /// A copy by hard links: nothing goes with the one, and all of it with the other.
    fn files_of_two_volumes(&self) {
        let (one, other) = (self.data("one"), self.data("other"));
        for number in 0..8 {
            let name = number.to_string();
            fs::write(one.join(&name), vec![7; 1_000_000]).unwrap();
            fs::hard_link(one.join(&name), other.join(&name)).unwrap();
        }
        let both = self.dtop(&["plan", "--volumes", "=one", "--volumes", "=other"]);
        assert!(both["frees"].as_u64() > Some(8_000_000), "{both}");
        let alone = self.goes(
            "one of two volumes with the same files",
            &["--volumes", "=one"],
        );
        assert!(alone < 100_000, "{alone}");
        let last = self.goes("the other of them", &["--volumes", "=other"]);
        assert!(last > 8_000_000, "{last}");
    }

    fn containers(&self) {
        self.run(
            "holes",
            &[],
            "dd if=/dev/zero of=/lastlog bs=1 count=1 seek=60000000000",
        );
        let promised = self.goes(
            "a container with a file of holes",
            &["--containers", "=holes"],
        );
        assert!(promised < MB, "{promised}");

        self.run("first", &[], "dd if=/dev/zero of=/file bs=1000000 count=7");
        self.run("second", &[], "true");
        let both = ["--containers", "=first", "--containers", "=second"];
        self.goes("two containers", &both);
    }

    /// Log files that something else than the engine put aside, and a checkpoint.
    fn dated(&self) {
        let own = self.run("dated", &[], "true");
        let id = own.file_name().unwrap().to_string_lossy().into_owned();
        let log = |end: &str| own.join(format!("{id}-json.log{end}"));
        fs::write(log("-20261101"), vec![b'a'; 3_000_000]).unwrap();
        fs::write(log("-20261031.gz"), vec![b'z'; 1_000_000]).unwrap();
        let checkpoint = own.join("checkpoints/one");
        fs::create_dir_all(&checkpoint).unwrap();
        fs::write(checkpoint.join("pages-1.img"), vec![7; 5_000_000]).unwrap();
        let promised = self.goes("a container with a checkpoint", &["--containers", "=dated"]);
        assert!(promised > 9_000_000, "{promised}");
    }

    /// What was put aside with a date is emptied, too; what is compressed stays.
    fn logs(&self) {
        let lines =
            "i=0; while [ $i -lt 20000 ]; do echo a line of some length $i; i=$((i+1)); done";
        let own = self.run("talker", &[], lines);
        let id = own.file_name().unwrap().to_string_lossy().into_owned();
        let packed = own.join(format!("{id}-json.log-20261031.gz"));
        fs::write(&packed, vec![b'z'; 1_000_000]).unwrap();
        fs::write(
            own.join(format!("{id}-json.log-20261101")),
            vec![b'a'; 3_000_000],
        )
        .unwrap();
        let plan = self.dtop(&["plan", "--logs", "=talker"]);
        let note = plan["steps"][0]["notes"][0].as_str().unwrap_or_default();
        assert!(note.contains("compressed files stay"), "{plan}");
        let promised = self.goes("a log", &["--logs", "=talker"]);
        assert!(promised > 4_000_000, "{promised}");
        assert_eq!(length(&packed), 1_000_000);
        self.goes("its container", &["--containers", "=talker"]);
    }

    /// It has entries: it is not empty, whatever their lengths, and does not go along unasked.
    fn a_volume_of_empty_files_stays(&self) {
        let folders = "mkdir /data/a /data/b";
        self.run("leaves", &["--volume", "/data"], folders);
        let volume = self.scene.volume_of("leaves");
        let cleaned = self.dtop(&["clean", "--yes", "--containers", "=leaves"]);
        assert_eq!(cleaned["stays"][0]["id"], *volume, "{cleaned}");
        assert!(self.engine.root().join("volumes").join(&volume).exists());
        self.run("leaves", &["--volume", "/data"], "true");
        let empty = self.scene.volume_of("leaves");
        let cleaned = self.dtop(&["clean", "--yes", "--containers", "=leaves"]);
        assert_eq!(cleaned["stays"], Value::Array(Vec::new()), "{cleaned}");
        assert!(!self.engine.root().join("volumes").join(empty).exists());
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |of| of.len())
}
