//! The folder of an engine, and what below it is opened: no link and no `..` leads out of it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};

use super::mounts;
use crate::domain::text::Text;

/// The folders of an engine's root that people put on another disk with a link (moby#39446), and no others.
const LINKABLE: [&str; 3] = ["volumes", "containers", "overlay2"];

/// The folder of an engine that was proven to be local. It is not kept open: whoever wants to unmount it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootProof {
    pub(super) path: Text,
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl RootProof {
    /// Opens the folder again.
    ///
    /// # Errors
    /// It cannot be opened, or is another one by now.
    pub fn open(&self) -> io::Result<Root> {
        let root = Root::open(self.path.clone())?;
        if root.proven() == *self {
            Ok(root)
        } else {
            Err(io::Error::other("it is another folder by now"))
        }
    }
}

/// The folder of an engine that is proven to be local, opened. Nothing outside of it is reached through it.
#[derive(Debug)]
pub struct Root {
    pub(super) dir: OwnedFd,
    pub(super) path: Text,
    pub(super) device: u64,
    inode: u64,
}

impl Root {
    pub(in crate::engine) fn open(path: Text) -> io::Result<Self> {
        // The root itself may be a symlink: that is the administrator's doing, not the engine's.
        let dir = openat(CWD, &*path, OFlags::DIRECTORY | base_flags(), Mode::empty())?;
        let stat = fstat(&dir)?;
        Ok(Self {
            dir,
            path,
            device: stat.st_dev,
            inode: stat.st_ino,
        })
    }

    pub(super) fn proven(&self) -> RootProof {
        RootProof {
            path: self.path.clone(),
            device: self.device,
            inode: self.inode,
        }
    }

    /// Returns the folder's path, as the engine names it.
    #[must_use]
    pub fn path(&self) -> &Text {
        &self.path
    }

    /// Returns the folder's path without links, as the list of mounts has it.
    pub(super) fn real_path(&self) -> Option<PathBuf> {
        mounts::real_path(&self.dir)
    }

    /// Opens a folder below the root; see [`Root::open_file`].
    ///
    /// # Errors
    /// It is not there, may not be read, is no folder, or the way leads over a symlink or `..`.
    pub fn open_folder(&self, relative: &Path) -> io::Result<OwnedFd> {
        self.walk(relative, OFlags::DIRECTORY)
    }

    /// Opens a regular file below the root for reading, with no symlink and no `..` on the way. The path
    /// comes from an engine: it must not lead out of the engine's own folder.
    ///
    /// # Errors
    /// It is not there, may not be read, is no regular file, or the way leads over a symlink or `..`.
    pub fn open_file(&self, relative: &Path) -> io::Result<File> {
        let fd = self.walk(relative, OFlags::empty())?;
        let kind = FileType::from_raw_mode(fstat(&fd)?.st_mode);
        if kind != FileType::RegularFile {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        Ok(File::from(fd))
    }

    /// Returns an absolute path as it lies below the root, for [`Root::open_file`].
    #[must_use]
    pub fn relative<'a>(&self, absolute: &'a str) -> Option<&'a Path> {
        Path::new(absolute).strip_prefix(&*self.path).ok()
    }

    /// Opens one component after another, each in the folder that was opened before it, so that nobody
    /// can put a symlink in between. The first may be one of [`LINKABLE`]: who may write to the root decides where
    /// the engine's data lies.
    fn walk(&self, relative: &Path, last: OFlags) -> io::Result<OwnedFd> {
        let mut names = Vec::new();
        for component in relative.components() {
            match component {
                Component::Normal(name) => names.push(name),
                Component::CurDir => {}
                _ => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "it leads out of the engine's folder",
                    ));
                }
            }
        }
        // Not a copy of the handle: two readers of one would each get half of the entries.
        let own = OFlags::DIRECTORY | base_flags();
        let mut at = openat(&self.dir, c".", own, Mode::empty())?;
        let ends_at = names.len().saturating_sub(1);
        for (index, name) in names.into_iter().enumerate() {
            let kind = if index == ends_at {
                last
            } else {
                OFlags::DIRECTORY
            };
            let is_linkable = index == 0 && LINKABLE.iter().any(|it| name == *it);
            let follow = if is_linkable && kind.contains(OFlags::DIRECTORY) {
                OFlags::empty()
            } else {
                OFlags::NOFOLLOW
            };
            let flags = kind | follow | base_flags();
            at = openat(&at, name, flags, Mode::empty())?;
        }
        Ok(at)
    }

    /// Returns where one of the root's own folders leads that is a link.
    pub(super) fn link(&self, folder: &str) -> Option<PathBuf> {
        let stat = statat(&self.dir, folder, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let is_linkable = LINKABLE.contains(&folder);
        let folder = (is_link && is_linkable).then(|| self.open_folder(Path::new(folder)))?;
        mounts::real_path(&folder.ok()?)
    }
}

pub(in crate::engine) fn base_flags() -> OFlags {
    // Opening a FIFO would wait for somebody to write into it.
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK
}

/// What has vanished meanwhile is no trouble, but nothing.
pub(in crate::engine) fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns true for 64 hexadecimal digits: nobody else has come upon the same ones.
pub(in crate::engine) fn is_random(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns true for a name that a storage driver makes up for a layer's folder: BuildKit's have 25 letters and digits.
pub(super) fn is_folders(name: &str) -> bool {
    let by_buildkit = name.len() == 25 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    by_buildkit || is_random(name)
}
