//! Bytes of volumes, measured in the folder of an engine that is proven to be local.
//!
//! The engine tells all volumes' sizes in one answer at the end of one long walk (ENGINE.md §1.3). Here each is told by itself, in the engine's own unit: the bytes of the files, a hard link
//! once, folders not counted (moby's `pkg/directory`).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use super::{Root, base_flags, unless_gone};
use crate::domain::bytes::Bytes;
use crate::domain::contents::Taken;
use crate::domain::item::Volume;

/// Folders within folders: each costs two open files, of which a process often has no more than 1,024, and a
/// few volumes are walked at once.
pub(super) const DEPTH: usize = 100;
const MOUNTED: &str = "another filesystem is mounted below it";

/// Ends the walks that were begun with it once it is dropped, so that nothing reads a disk for nobody.
#[derive(Debug, Default)]
pub struct Leash(Arc<AtomicBool>);

impl Leash {
    #[must_use]
    pub fn walker(&self) -> Walker {
        Walker {
            is_over: Arc::clone(&self.0),
            until: None,
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What walks through folders, as long as its [`Leash`] is held.
#[derive(Clone, Debug, Default)]
pub struct Walker {
    is_over: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Walker {
    /// One that needs no leash: it ends by itself.
    pub(super) fn until(end: Instant) -> Self {
        Self {
            until: Some(end),
            ..Self::default()
        }
    }

    /// What a volume's files take. It may take as long as the volume is large.
    ///
    /// A walk stays on one filesystem. The engine does not when it removes a volume: one with another mounted
    /// below it has more than is seen here, and must not pass for an empty one.
    ///
    /// # Errors
    /// The volume lies elsewhere or has driver options, another filesystem is mounted below it, a folder may
    /// not be read or is nested more than [`DEPTH`] deep, or nobody waits for the answer any more.
    pub fn volume(&self, root: &Root, volume: &Volume) -> io::Result<Taken> {
        let folder = folder_of(volume)?;
        let mountpoint = root.relative(&volume.mountpoint);
        if mountpoint != Some(&folder) {
            return Err(refusal("it does not lie where the engine keeps volumes"));
        }
        let top = root.open_folder(&folder)?;
        self.walk(top, Mounted::Refused, &mut Linked::new())
    }

    /// Ends a walk for which nobody waits any more.
    pub(super) fn goes_on(&self) -> io::Result<()> {
        if self.is_over.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.until.is_some_and(|end| Instant::now() > end) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// What all files and folders below one take, it included.
    pub(super) fn walk(
        &self,
        top: OwnedFd,
        mounted: Mounted,
        linked: &mut Linked,
    ) -> io::Result<Taken> {
        let stat = fstat(&top)?;
        let device = stat.st_dev;
        let mut taken = Taken {
            length: Bytes::ZERO,
            blocks: blocks(&stat),
        };
        let mut open = vec![Folder::new(top)?];
        while let Some(folder) = open.last_mut() {
            self.goes_on()?;
            let Some((name, stat)) = folder.next()? else {
                open.pop();
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                taken += file(&stat, linked);
                continue;
            }
            let inner = if stat.st_dev == device {
                unless_gone(folder.enter(&name))?
            } else {
                None
            };
            // Between the two calls somebody may have mounted something.
            let stat_now = inner.as_ref().map(fstat).transpose()?;
            if stat.st_dev != device || stat_now.is_some_and(|stat| stat.st_dev != device) {
                match mounted {
                    Mounted::Refused => return Err(refusal(MOUNTED)),
                    Mounted::LeftOut => continue,
                }
            }
            let Some(inner) = inner else {
                continue;
            };
            if open.len() == DEPTH {
                return Err(refusal("its folders are nested too deeply"));
            }
            taken.blocks += blocks(&stat);
            open.push(Folder::new(inner)?);
        }
        Ok(taken)
    }
}

/// What becomes of a walk that comes upon another filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mounted {
    Refused,
    LeftOut,
}

/// Files that were counted and have further names, on one filesystem.
pub(super) type Linked = HashSet<u64>;

/// What a file takes that was not counted by another of its names.
pub(super) fn file(stat: &Stat, linked: &mut Linked) -> Taken {
    if stat.st_nlink > 1 && !linked.insert(stat.st_ino) {
        return Taken::default();
    }
    Taken {
        length: Bytes(u64::try_from(stat.st_size).unwrap_or_default()),
        blocks: blocks(stat),
    }
}

/// Bytes of the blocks that are allocated, which the system counts by 512 whatever the filesystem's are.
pub(super) fn blocks(stat: &Stat) -> Bytes {
    Bytes(
        u64::try_from(stat.st_blocks)
            .unwrap_or_default()
            .saturating_mul(512),
    )
}

/// Where an engine keeps a volume of its own, below its root.
fn folder_of(volume: &Volume) -> io::Result<PathBuf> {
    if &*volume.driver != "local" || volume.has_options {
        return Err(refusal("its bytes live elsewhere"));
    }
    let name = single(volume.name.as_str())?;
    Ok(Path::new("volumes").join(name).join("_data"))
}

/// An engine's word for an object, as the name of one folder.
pub(super) fn single(name: &str) -> io::Result<PathBuf> {
    let path = PathBuf::from(name);
    let mut components = path.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(only)), None) if only == OsStr::new(name) => Ok(path),
        _ => Err(refusal("its name is no folder's name")),
    }
}

pub(super) fn refusal(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// A folder that is being read.
pub(super) struct Folder {
    entries: Dir,
    dir: OwnedFd,
}

impl Folder {
    pub(super) fn new(dir: OwnedFd) -> io::Result<Self> {
        let entries = Dir::read_from(&dir)?;
        Ok(Self { entries, dir })
    }

    /// The next entry that is still there, itself and not what it may point to.
    pub(super) fn next(&mut self) -> io::Result<Option<(std::ffi::OsString, Stat)>> {
        while let Some(entry) = self.entries.next().transpose()? {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => {
                    let name = OsStr::from_bytes(name.to_bytes()).to_owned();
                    return Ok(Some((name, stat)));
                }
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    pub(super) fn enter(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | base_flags();
        Ok(openat(&self.dir, name, flags, Mode::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::domain::bytes::Figure;
    use crate::domain::item::{ContainerId, Labels, VolumeName};

    fn volume(root: &Path, name: &str) -> Volume {
        Volume {
            name: VolumeName::new(name),
            driver: "local".into(),
            size: Figure::Pending,
            anonymous: false,
            created: None,
            labels: Labels::default(),
            mountpoint: format!("{}/volumes/{name}/_data", root.display()).into(),
            has_options: false,
        }
    }

    fn root_with(volume: &str) -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        let data = dir.path().join("volumes").join(volume).join("_data");
        std::fs::create_dir_all(&data).unwrap();
        (dir, data)
    }

    fn open(dir: &TempDir) -> Root {
        Root::open(dir.path().to_str().unwrap().into()).unwrap()
    }

    fn measure(dir: &TempDir, volume: &Volume) -> io::Result<Bytes> {
        let taken = Walker::default().volume(&open(dir), volume)?;
        Ok(taken.length)
    }

    #[test]
    fn a_volume_is_its_files_with_a_hard_link_once_and_a_symlink_by_its_own_length() {
        let (dir, data) = root_with("shop");
        std::fs::write(data.join("a"), [0; 1000]).unwrap();
        std::fs::hard_link(data.join("a"), data.join("b")).unwrap();
        std::fs::create_dir_all(data.join("deep/er")).unwrap();
        std::fs::hard_link(data.join("a"), data.join("deep/er/c")).unwrap();
        std::fs::write(data.join("deep/er/d"), [0; 30]).unwrap();
        symlink("a-long-way", data.join("e")).unwrap();
        let sparse = std::fs::File::create(data.join("sparse")).unwrap();
        sparse.set_len(5_000_000).unwrap();
        let found = measure(&dir, &volume(dir.path(), "shop")).unwrap();
        assert_eq!(found, Bytes(1000 + 30 + 10 + 5_000_000));
    }

    #[test]
    fn nothing_outside_of_the_engines_folder_is_opened() {
        let (dir, data) = root_with("shop");
        let outside = TempDir::new().unwrap();
        std::fs::write(outside.path().join("secret"), [0; 77]).unwrap();
        symlink(outside.path(), data.join("out")).unwrap();
        let length = outside.path().as_os_str().len() as u64;
        assert_eq!(
            measure(&dir, &volume(dir.path(), "shop")).unwrap(),
            Bytes(length)
        );
        std::fs::create_dir_all(dir.path().join("volumes/led")).unwrap();
        symlink(outside.path(), dir.path().join("volumes/led/_data")).unwrap();
        for name in ["led", "..", "../volumes/shop", "shop/", "a/b", "", "/"] {
            measure(&dir, &volume(dir.path(), name)).unwrap_err();
        }
        let mut elsewhere = volume(dir.path(), "shop");
        elsewhere.mountpoint = outside.path().to_str().unwrap().into();
        measure(&dir, &elsewhere).unwrap_err();
    }

    #[test]
    fn a_volume_with_options_is_not_walked() {
        let (dir, _) = root_with("nfs");
        let with_options = Volume {
            has_options: true,
            ..volume(dir.path(), "nfs")
        };
        measure(&dir, &with_options).unwrap_err();
        let other_driver = Volume {
            driver: "ceph".into(),
            ..volume(dir.path(), "nfs")
        };
        measure(&dir, &other_driver).unwrap_err();
    }

    #[test]
    fn folders_may_be_deep_but_not_endlessly() {
        let (dir, data) = root_with("deep");
        let mut path = data;
        for _ in 0..DEPTH - 1 {
            path.push("d");
        }
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("f"), [0; 9]).unwrap();
        let deep = volume(dir.path(), "deep");
        assert_eq!(measure(&dir, &deep).unwrap(), Bytes(9));
        std::fs::create_dir(path.join("d")).unwrap();
        measure(&dir, &deep).unwrap_err();
    }

    #[test]
    fn a_walk_ends_when_nobody_waits_for_it() {
        let (dir, _) = root_with("shop");
        let leash = Leash::default();
        let walker = leash.walker();
        drop(leash);
        let found = walker.volume(&open(&dir), &volume(dir.path(), "shop"));
        assert_eq!(found.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    const ID: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

    /// Opening one would wait for somebody to write into it, or do whatever a device does when it is opened.
    #[test]
    fn pipes_and_devices_are_not_opened() {
        let (dir, data) = root_with("shop");
        let own = dir.path().join("containers").join(ID);
        std::fs::create_dir_all(&own).unwrap();
        let log = own.join(format!("{ID}-json.log"));
        let id = dir.path().join("engine-id");
        let pipe = |path: &Path| {
            let mode = Mode::RUSR | Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, mode, 0).unwrap();
        };
        pipe(&log);
        pipe(&id);
        pipe(&data.join("pipe"));
        // Only root makes devices; without the right there is one thing less to stumble over.
        let (tty, mode) = (rustix::fs::makedev(5, 0), Mode::RUSR);
        let device = data.join("tty");
        let _ = rustix::fs::mknodat(
            rustix::fs::CWD,
            &device,
            FileType::CharacterDevice,
            mode,
            tty,
        );
        let root = open(&dir);
        let logs = super::super::logs(&root, "overlay2", &ContainerId::new(ID));
        assert_eq!(logs.unwrap().size, Bytes::ZERO);
        let found = measure(&dir, &volume(dir.path(), "shop")).unwrap();
        assert_eq!(found, Bytes::ZERO);
        assert!(root.open_file(Path::new("engine-id")).is_err());
        assert_eq!(root.engine_id(), None);
    }
}
