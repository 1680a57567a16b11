//! A filesystem of a test's own, small enough to be filled.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, StatVfs, fallocate, statvfs, syncfs};
use tempfile::TempDir;

use super::program::Missing;

/// For so long what is free on a filesystem that nobody uses may move.
const LONGEST: Duration = Duration::from_secs(60);

/// A filesystem that is made for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With the share of it, in percent, that it keeps for root.
    Ext4 {
        reserve: u8,
    },
    /// With reflinks, as it is made when nobody says otherwise.
    Xfs,
    Btrfs,
    /// Btrfs that packs whatever is written.
    PackedBtrfs,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 { .. } => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::PackedBtrfs => "packed_btrfs",
        }
    }

    /// Makes the filesystem in a file.
    fn make(self, file: &Path) -> bool {
        let reserve = match self {
            Self::Ext4 { reserve } => reserve.to_string(),
            Self::Xfs | Self::Btrfs | Self::PackedBtrfs => String::new(),
        };
        let words = match self {
            Self::Ext4 { .. } => &["-q", "-F", "-m", &reserve][..],
            Self::Xfs | Self::Btrfs | Self::PackedBtrfs => &["-q", "-f"],
        };
        let program = match self {
            Self::PackedBtrfs => Self::Btrfs.name(),
            Self::Ext4 { .. } | Self::Xfs | Self::Btrfs => self.name(),
        };
        runs(&format!("mkfs.{program}"), words, &[file])
    }

    /// Returns the options that it is mounted with.
    fn options(self) -> &'static str {
        match self {
            Self::PackedBtrfs => "loop,compress-force=zstd",
            Self::Ext4 { .. } | Self::Xfs | Self::Btrfs => "loop",
        }
    }
}

/// ext4 in a file where there are loop devices, else tmpfs; gone with the test.
pub struct SmallDisk {
    mount: PathBuf,
    pub is_ext4: bool,
    is_btrfs: bool,
    // Holds the mount point and the file behind it.
    _folder: TempDir,
}

impl SmallDisk {
    /// `reserve` is the share of it, in percent, that ext4 keeps for root.
    pub fn new(bytes: u64, reserve: u8) -> Result<Self, Missing> {
        let failed = |error: std::io::Error| Missing(format!("a small disk: {error}"));
        let folder = tempfile::Builder::new()
            .prefix("dtop-disk-")
            .tempdir_in("/tmp");
        let folder = folder.map_err(failed)?;
        let (mount, file) = (folder.path().join("m"), folder.path().join("file"));
        fs::create_dir(&mount).map_err(failed)?;
        let size = File::create(&file).and_then(|it| it.set_len(bytes));
        size.map_err(failed)?;
        // Enough inodes for an engine, however small it is.
        let reserve = reserve.to_string();
        let words = ["-q", "-F", "-m", &reserve, "-N", "40000"];
        let is_ext4 =
            runs("mkfs.ext4", &words, &[&file]) && runs("mount", &["-o", "loop"], &[&file, &mount]);
        let size = format!("size={bytes}");
        let words = ["-t", "tmpfs", "-o", &size, "tmpfs"];
        if !is_ext4 && !runs("mount", &words, &[&mount]) {
            return Err(Missing(
                "no small disk: neither a loop device nor tmpfs can be mounted".into(),
            ));
        }
        Ok(Self {
            mount,
            is_ext4,
            is_btrfs: false,
            _folder: folder,
        })
    }

    /// One of this format, or why this machine has none.
    pub fn of(format: Format, bytes: u64) -> Result<Self, Missing> {
        let name = format.name();
        let failed = |error: std::io::Error| Missing(format!("a disk of {name}: {error}"));
        let folder = tempfile::Builder::new()
            .prefix("dtop-disk-")
            .tempdir_in("/tmp");
        let folder = folder.map_err(failed)?;
        let (mount, file) = (folder.path().join("m"), folder.path().join("file"));
        fs::create_dir(&mount).map_err(failed)?;
        let size = File::create(&file).and_then(|it| it.set_len(bytes));
        size.map_err(failed)?;
        if !format.make(&file) || !runs("mount", &["-o", format.options()], &[&file, &mount]) {
            return Err(Missing(format!(
                "no {name} can be made in a file and mounted here"
            )));
        }
        Ok(Self {
            mount,
            is_ext4: matches!(format, Format::Ext4 { .. }),
            is_btrfs: matches!(format, Format::Btrfs | Format::PackedBtrfs),
            _folder: folder,
        })
    }

    pub fn path(&self) -> &Path {
        &self.mount
    }

    pub fn stat(&self) -> StatVfs {
        statvfs(&self.mount).expect("a filesystem")
    }

    /// Writes all that waits to be written to it, and to no other disk: what it has then is so.
    pub fn written(&self) -> &Self {
        let root = File::open(&self.mount).expect("the mount");
        syncfs(root).expect("a sync");
        self
    }

    /// Waits until what is free stands still: btrfs gives back later what was deleted, and takes room for its own
    /// notes in pieces.
    pub fn settled(&self) -> &Self {
        self.still_for(if self.is_btrfs {
            Duration::from_secs(4)
        } else {
            Duration::from_secs(2)
        })
    }

    /// Waits until what is free has stood still for so long.
    pub fn still_for(&self, still: Duration) -> &Self {
        let begun = Instant::now();
        let (mut since, mut last) = (begun, self.written().unused());
        while since.elapsed() < still {
            assert!(
                begun.elapsed() < LONGEST,
                "{last} bytes, and it still moves"
            );
            sleep(Duration::from_millis(125));
            let now = self.written().unused();
            if now.abs_diff(last) > 16 * 1024 {
                (since, last) = (Instant::now(), now);
            }
        }
        self
    }

    /// Bytes that nothing has, what is kept for root among them.
    pub fn unused(&self) -> u64 {
        let stat = self.stat();
        stat.f_bfree * stat.f_frsize
    }

    /// Bytes that users have of it.
    pub fn available(&self) -> u64 {
        let stat = self.stat();
        stat.f_bavail * stat.f_frsize
    }

    pub fn total(&self) -> u64 {
        let stat = self.stat();
        stat.f_blocks * stat.f_frsize
    }

    /// Takes so many bytes, as somebody else's file.
    pub fn take(&self, bytes: u64) {
        let file = File::create(self.mount.join("somebody-elses")).expect("a file");
        fallocate(&file, FallocateFlags::empty(), 0, bytes).expect("room");
    }
}

fn runs(program: &str, words: &[&str], paths: &[&Path]) -> bool {
    let mut command = Command::new(program);
    command.args(words).args(paths).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What a killed engine still holds goes with it.
        let mut command = Command::new(OsStr::new("umount"));
        let _ = command.arg("--lazy").arg(&self.mount).status();
    }
}
