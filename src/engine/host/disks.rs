//! The filesystems that hold an engine's data, and how full they are.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FsWord, Mode, OFlags, StatVfs, fstat, fstatfs, fstatvfs, openat, syncfs};

use super::proof::{CONTAINERD, ListedIds, containerd_with};
use super::root::{Root, base_flags};
use crate::domain::bytes::Bytes;
use crate::domain::disk::{Disk, Places, owed_by_ext};
use crate::domain::inventory::{EngineInfo, Store};
use crate::engine::metadata::store::DAEMON;

/// How filesystems are asked how full they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookOrder {
    AsTheyAre,
    /// Once they were synchronised, where that can be done: it waits for the disk.
    Synced,
}

/// Returns the filesystems that hold the data of a proven engine, each once, with what of it they hold.
pub(super) fn disks(root: &Root, engine: &EngineInfo, known: &ListedIds) -> Vec<Disk> {
    let mut disks: Vec<(u64, Disk)> = Vec::new();
    let none = Places::default();
    note(&mut disks, &root.dir, root.path(), (none, none));
    let real = root.real_path().unwrap_or_default();
    for (folder, holds) in places(engine) {
        let link = root.link(&folder);
        let leads_out = link.as_ref().is_some_and(|link| !link.starts_with(&real));
        let path = link.unwrap_or_else(|| Path::new(&**root.path()).join(&folder));
        if let Ok(dir) = root.open_folder(Path::new(&folder)) {
            let linked = if leads_out { holds } else { none };
            note(&mut disks, &dir, &path.to_string_lossy(), (holds, linked));
        }
    }
    if engine.store == Store::Containerd
        && let Some(containerd) = containerd_with(CONTAINERD, &known.images)
    {
        // That is proven; a folder in the root may be left from another time.
        for (_, disk) in &mut disks {
            disk.holds.layers = false;
        }
        note(&mut disks, &containerd.dir, CONTAINERD, (LAYERS, none));
    }
    settled(disks.into_iter().map(|(_, disk)| disk).collect(), engine)
}

/// Adds the filesystem of a folder, or what the folder holds to one that is known, and what of that through a link.
fn note(
    disks: &mut Vec<(u64, Disk)>,
    dir: &OwnedFd,
    path: &str,
    (holds, linked): (Places, Places),
) {
    let Ok(device) = fstat(dir).map(|stat| stat.st_dev) else {
        return;
    };
    if let Some((_, disk)) = disks.iter_mut().find(|(known, _)| *known == device) {
        disk.holds = disk.holds.and(holds);
        disk.linked = disk.linked.and(linked);
    } else if let Ok(disk) = disk(dir, path) {
        let disk = Disk {
            holds,
            linked,
            ..disk
        };
        disks.push((device, disk));
    }
}

/// Folders that were not found are taken to lie on the root's own disk, the first: they are not there yet, or cannot
/// be looked into. Layers in a containerd's folder may lie anywhere, and with two such folders nobody knows in which.
pub(super) fn settled(mut disks: Vec<Disk>, engine: &EngineInfo) -> Vec<Disk> {
    if disks.iter().filter(|disk| disk.holds.layers).count() > 1 {
        for disk in &mut disks {
            disk.holds.layers = false;
        }
    }
    let found = disks.iter().map(|disk| disk.holds);
    let found = found.fold(Places::default(), Places::and);
    if let Some(root) = disks.first_mut() {
        root.holds = root.holds.and(Places {
            layers: !found.layers && engine.store == Store::GraphDriver,
            logs: !found.logs,
            volumes: !found.volumes,
        });
    }
    disks
}

pub(super) const LAYERS: Places = Places {
    layers: true,
    logs: false,
    volumes: false,
};

/// Returns the folders in an engine's root that may each be a mount, and what they hold.
pub(super) fn places(engine: &EngineInfo) -> [(String, Places); 3] {
    let volumes = Places {
        volumes: true,
        ..Places::default()
    };
    let logs = Places {
        logs: true,
        ..Places::default()
    };
    let layers = match engine.store {
        Store::Containerd => DAEMON.to_owned(),
        Store::GraphDriver | Store::Unknown => engine.driver.to_string(),
    };
    [
        (layers, LAYERS),
        ("volumes".to_owned(), volumes),
        ("containers".to_owned(), logs),
    ]
}

/// Asks filesystems again that a look has found a moment ago. It may hang, as [`super::look`] may.
#[must_use]
pub fn again(disks: &[Disk]) -> Vec<Disk> {
    let again = |old: &Disk| {
        let new = disk(Root::open(old.path.clone()).ok()?.dir, &old.path).ok()?;
        let Disk { holds, linked, .. } = *old;
        Some(Disk {
            holds,
            linked,
            ..new
        })
    };
    disks.iter().filter_map(again).collect()
}

/// Synchronises filesystems (syncfs(2)): btrfs and xfs tell only then what a removal has given back, on their own they
/// take up to 35 s. Returns false where one cannot be synchronised. It waits for the disk, and may hang as [`super::look`]
/// may.
#[must_use]
pub fn sync(disks: &[Disk]) -> bool {
    disks.iter().all(|disk| is_synced(Path::new(&*disk.path)))
}

/// Synchronises the filesystem of a folder, which takes no right but to open it.
pub(super) fn is_synced(folder: &Path) -> bool {
    let dir = openat(CWD, folder, OFlags::DIRECTORY | base_flags(), Mode::empty());
    dir.is_ok_and(|dir| syncfs(&dir).is_ok())
}

fn disk(dir: impl AsFd, path: &str) -> io::Result<Disk> {
    let stat = fstatvfs(&dir)?;
    let is_ext = fstatfs(&dir).is_ok_and(|stat| stat.f_type == EXT);
    Ok(Disk {
        path: path.into(),
        ..disk_of(&stat, is_ext)
    })
}

/// Returns a filesystem by what it says of itself.
pub(super) fn disk_of(stat: &StatVfs, is_ext: bool) -> Disk {
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(stat.f_frsize));
    let seen = Capacity {
        total: bytes(stat.f_blocks),
        unused: bytes(stat.f_bfree),
        free: bytes(stat.f_bavail),
        is_ext,
    };
    Disk {
        inodes_total: stat.f_files,
        inodes_free: stat.f_favail,
        ..seen.disk()
    }
}

/// What ext2, ext3 and ext4 call themselves.
pub(super) const EXT: FsWord = 0xEF53;

/// What a filesystem says of its bytes.
pub(super) struct Capacity {
    pub(super) total: Bytes,
    /// For anybody.
    pub(super) unused: Bytes,
    /// For users.
    pub(super) free: Bytes,
    /// Only ext keeps the difference for root; others count what they need themselves.
    pub(super) is_ext: bool,
}

impl Capacity {
    pub(super) fn disk(&self) -> Disk {
        let (total, free) = (self.total, self.free);
        let ext = |bytes| if self.is_ext { bytes } else { Bytes::ZERO };
        Disk {
            total,
            free,
            kept: ext(self.unused - free),
            owed: match free {
                Bytes::ZERO => ext(owed_by_ext(total, self.unused)),
                _ => Bytes::ZERO,
            },
            ..Disk::default()
        }
    }
}
