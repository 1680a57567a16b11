use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::domain::store::disk_usage::DiskUsage;
use crate::engine::host::Walker;
use crate::engine::host::meter::Meter;

/// A filesystem of its own in a file, for as long as it is held.
struct Mounted {
    dir: TempDir,
}

impl Mounted {
    /// None where this machine cannot make or mount it.
    fn new(kind: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let dir = TempDir::new().unwrap();
        let (image, at) = (dir.path().join("image"), dir.path().join("at"));
        File::create(&image).unwrap().set_len(400 << 20).unwrap();
        fs::create_dir(&at).unwrap();
        let runs = |program: &str, args: &[&str], paths: &[&Path]| {
            let mut command = Command::new(program);
            command.args(args).args(paths).stdin(Stdio::null());
            let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            ended.is_ok_and(|it| it.success())
        };
        let is_made = runs(&format!("mkfs.{kind}"), &["-q"], &[&image]);
        let options = ["-t", kind, "-o", "loop"];
        (is_made && runs("mount", &options, &[&image, &at])).then_some(Self { dir })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("at")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

fn usage(folder: &Path) -> DiskUsage {
    let walker = Walker::default();
    let mut meter = Meter::new(&walker);
    let top = File::open(folder).unwrap();
    meter.folder(top.into(), None).unwrap();
    meter.usage(false)
}

fn write(path: &Path, bytes: usize) {
    let mut file = File::create(path).unwrap();
    file.write_all(&vec![7; bytes]).unwrap();
    file.sync_all().unwrap();
}

fn copy_by_reference(from: &Path, to: &Path) {
    let ended = Command::new("cp")
        .arg("--reflink=always")
        .args([from, to])
        .status();
    assert!(ended.unwrap().success());
}

#[test]
fn blocks_that_another_file_has_too_may_stay() {
    for kind in ["xfs", "btrfs"] {
        let Some(disk) = Mounted::new(kind) else {
            continue;
        };
        let (one, other) = (disk.path().join("one"), disk.path().join("other"));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&other).unwrap();
        write(&one.join("own"), 8 << 20);
        let alone = usage(&one);
        assert!(alone.own >= Bytes(8 << 20), "{kind} {alone:?}");
        assert_eq!(alone.shareable, Bytes::ZERO, "{kind}");

        write(&one.join("shared"), 16 << 20);
        copy_by_reference(&one.join("shared"), &other.join("copy"));
        let both = usage(&one);
        assert_eq!(both.own, alone.own, "{kind} {both:?}");
        assert_eq!(both.shareable, Bytes(16 << 20), "{kind} {both:?}");
        assert_eq!(usage(&other).shareable, Bytes(16 << 20), "{kind}");

        // One half of the copy is written anew: that is its own.
        let mut copy = fs::OpenOptions::new()
            .write(true)
            .open(other.join("copy"))
            .unwrap();
        copy.write_all(&vec![9; 8 << 20]).unwrap();
        copy.sync_all().unwrap();
        let half = usage(&other);
        assert_eq!(half.shareable, Bytes(8 << 20), "{kind} {half:?}");
        assert!(half.own >= Bytes(8 << 20), "{kind} {half:?}");

        drop(copy);
        fs::remove_dir_all(&other).unwrap();
        // xfs lets go of a removed file's extents a moment later, btrfs with the next commit.
        let begin = Instant::now();
        while usage(&one).shareable != Bytes::ZERO {
            assert!(begin.elapsed() < Duration::from_secs(40), "{kind}");
            File::open(&one)
                .map(|it| rustix::fs::syncfs(&it))
                .unwrap()
                .unwrap();
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_file_with_a_name_elsewhere_is_doubted_there() {
    let Some(disk) = Mounted::new("xfs") else {
        return;
    };
    let (one, other) = (disk.path().join("one"), disk.path().join("other"));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&other).unwrap();
    write(&one.join("file"), 1 << 20);
    fs::hard_link(one.join("file"), other.join("name")).unwrap();
    copy_by_reference(&one.join("file"), &disk.path().join("copy"));
    let found = usage(&one);
    assert_eq!(found.shareable, Bytes::ZERO, "{found:?}");
    let [link] = &*found.links else {
        panic!("{found:?}")
    };
    assert_eq!(
        (link.blocks, link.shareable),
        (Bytes(1 << 20), Bytes(1 << 20))
    );
}

#[test]
fn small_files_may_be_shared_and_many_inodes_come_back() {
    let Some(disk) = Mounted::new("xfs") else {
        return;
    };
    let folder = disk.path().join("many");
    fs::create_dir(&folder).unwrap();
    for name in 0..100 {
        write(&folder.join(name.to_string()), 100);
    }
    let blocks = |path: &Path| fs::metadata(path).unwrap().blocks() * 512;
    let files: u64 = (0..100)
        .map(|it| blocks(&folder.join(it.to_string())))
        .sum();
    let found = usage(&folder);
    assert_eq!(found.shareable, Bytes(files));
    assert_eq!(found.inodes, Bytes(101 * 512));
    assert_eq!(found.own, Bytes(blocks(&folder)));
}

#[test]
fn where_nothing_is_shared_nothing_is_asked() {
    let folder = TempDir::new().unwrap();
    write(&folder.path().join("file"), 1 << 20);
    if may_share(File::open(folder.path()).unwrap()) {
        return;
    }
    let found = usage(folder.path());
    assert_eq!((found.shareable, found.inodes), (Bytes::ZERO, Bytes::ZERO));
    assert!(found.own >= Bytes(1 << 20));
}
