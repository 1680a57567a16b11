//! Filesystems that copy by reference, or pack what they keep: a promise is a range there, and what the filesystem gains
//! lies in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Completion, Failed, Trial};

use super::host::{Host, MB};
use super::support::engine::{PrivateEngine, Setup, Store, run};
use super::support::length::Length;
use super::support::program::{Missing, Podman, Programs};
use super::support::random::Random;
use super::support::scene::Scene;
use super::support::small_disk::{Format, SmallDisk};
use super::support::trial;

const DISK: u64 = 1_500_000_000;
const FORMATS: [Format; 3] = [Format::Xfs, Format::Btrfs, Format::PackedBtrfs];

/// The newest Docker with either store, and Podman, on each of these filesystems.
pub fn trials() -> Vec<Trial> {
    let newest = Programs::all().pop().unwrap_or_else(Programs::installed);
    let docker = |store| {
        let programs = newest.clone();
        programs.map(|it| Setup::Docker(it, store))
    };
    let engines = [
        ("overlay2", docker(Store::GraphDriver)),
        ("containerd", docker(Store::Containerd)),
        ("podman", Podman::installed().map(Setup::Podman)),
    ];
    let mut trials = Vec::new();
    for format in FORMATS {
        for (label, setup) in &engines {
            let setup = setup.clone();
            let name = format!("{label}::what_may_be_shared_is_a_range::{}", format.name());
            let test = move || on(setup, format);
            trials.push(trial::of(name, Length::Long, test));
        }
    }
    trials
}

fn on(setup: Result<Setup, Missing>, format: Format) -> Result<Completion, Failed> {
    let is_containerd = matches!(&setup, Ok(Setup::Docker(_, Store::Containerd)));
    let started = setup.and_then(|setup| {
        let disk = SmallDisk::of(format, DISK)?;
        let engine = match &setup {
            // Docker has drivers for btrfs and zfs of its own, which it prefers.
            Setup::Docker(_, Store::GraphDriver) => {
                let driver = ["--storage-driver=overlay2".to_owned()];
                PrivateEngine::start_in(&setup, &driver, disk.path())?
            }
            _ => PrivateEngine::start_as_one_in(&setup, disk.path())?,
        };
        Ok((disk, engine))
    });
    let (disk, engine) = match started {
        Ok(started) => started,
        Err(missing) => return trial::without_engine(&missing),
    };
    if is_containerd && engine.store() != Store::Containerd {
        return Ok(Completion::ignored_with("this version has no such store"));
    }
    let host = Host {
        scene: Scene::on(&engine),
        engine: &engine,
        disk: &disk,
    };
    let is_packed = format == Format::PackedBtrfs;
    host.volumes_of_one_copy(is_packed);
    host.small_copies();
    host.a_file_that_was_copied_up();
    host.an_image_of_small_files();
    if is_packed {
        host.what_packs_well();
    }
    Ok(Completion::Completed)
}

impl Host<'_> {
    /// A volume and its copy: with the first goes nothing, with the second all.
    fn volumes_of_one_copy(&self, is_packed: bool) {
        let (one, other) = (self.data("one"), self.data("other"));
        fs::write(one.join("file"), Random::new(1).bytes(8 << 20)).unwrap();
        copy(&one.join("file"), &other.join("file"));
        let alone = self.removes("one of two copies", &["--volumes", "=one"]);
        assert!(alone.gained < MB && alone.frees < MB, "{alone:?}");
        assert!(alone.at_most >= Some(8 * MB), "{alone:?}");
        let last = self.removes("the other of them", &["--volumes", "=other"]);
        assert!(last.gained > 8 * MB - last.bound, "{last:?}");
        // Of what is packed nobody tells what it takes.
        assert!(is_packed || last.frees >= 8 * MB, "{last:?}");
    }

    /// Files that are too small to be asked for: all of them are in doubt.
    fn small_copies(&self) {
        let (one, other) = (self.data("small"), self.data("copies"));
        for number in 0..200_u32 {
            let name = number.to_string();
            fs::write(one.join(&name), Random::new(number.into()).bytes(20_000)).unwrap();
            copy(&one.join(&name), &other.join(&name));
        }
        let alone = self.removes("small copies", &["--volumes", "=copies"]);
        assert!(alone.gained < MB, "{alone:?}");
        self.removes("what they were copied from", &["--volumes", "=small"]);
    }

    /// One byte of a large file of the image is written: overlay takes the file to the container by reference.
    fn a_file_that_was_copied_up(&self) {
        self.scene.import("big:1", |root| {
            fs::create_dir(root.join("bin")).unwrap();
            fs::copy(self.engine.busybox(), root.join("bin/busybox")).unwrap();
            std::os::unix::fs::symlink("busybox", root.join("bin/sh")).unwrap();
            fs::write(root.join("big"), Random::new(2).bytes(20 << 20)).unwrap();
        });
        let write = "busybox dd if=/dev/zero of=/big bs=1 count=1 conv=notrunc";
        self.run_of("big:1", "writer", &[], write);
        let of_container = self.removes("a file that was copied up", &["--containers", "=writer"]);
        assert!(of_container.gained < MB, "{of_container:?}");
        let image = self.removes("its image", &["--images", "=big:1"]);
        assert!(image.gained > 19 * MB, "{image:?}");
    }

    fn an_image_of_small_files(&self) {
        self.scene.import("many:1", |root| {
            for file in 0..3_000_u32 {
                fs::write(root.join(file.to_string()), [b'x'; 100]).unwrap();
            }
        });
        self.removes("an image of small files", &["--images", "=many:1"]);
    }

    fn what_packs_well(&self) {
        let data = self.data("packed");
        fs::write(data.join("file"), vec![b'a'; 30 << 20]).unwrap();
        let found = self.removes("what packs well", &["--volumes", "=packed"]);
        assert!(found.gained < 3 * MB && found.frees < 3 * MB, "{found:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    run(command.arg("--reflink=always").args([from, to]));
}
