//! Folders of which the entries are read one by one.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, PathBuf};

use rustix::fs::{AtFlags, Dir, Stat, statat};
use rustix::io::Errno;

use super::mounts::MountTree;

/// Returns an engine's word for an object, as the name of one folder.
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

/// A folder of which the entries are read one by one.
pub(super) struct FolderReader<'m> {
    entries: Dir,
    mounts: Option<&'m MountTree>,
}

impl<'m> FolderReader<'m> {
    pub(super) fn new(dir: OwnedFd) -> io::Result<Self> {
        Self::among(dir, None)
    }

    /// Returns a folder in which what is mounted is not touched, and left out.
    pub(super) fn among(dir: OwnedFd, mounts: Option<&'m MountTree>) -> io::Result<Self> {
        let entries = Dir::new(dir)?;
        Ok(Self { entries, mounts })
    }

    /// Returns the next entry that is still there, itself and not what it may point to.
    pub(super) fn next(&mut self) -> io::Result<Option<(std::ffi::OsString, Stat)>> {
        while let Some(entry) = self.entries.next().transpose()? {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let as_os = OsStr::from_bytes(name.to_bytes());
            let mounts = self.mounts.and_then(|it| it.child(as_os));
            if mounts.is_some_and(MountTree::is_mount) {
                continue;
            }
            match statat(self.entries.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => return Ok(Some((as_os.to_owned(), stat))),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}
