//! What is mounted below an engine's folder, as `/proc/self/mountinfo` lists it: a mount point must be known before
//! it is touched, as a network filesystem that does not answer holds whoever asks for its attributes (moby#41427).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

const LIST: &str = "/proc/self/mountinfo";

/// The mount points below a folder, which is not among them.
#[derive(Debug, Default)]
pub(super) struct MountTree {
    is_mount: bool,
    inner: HashMap<OsString, Self>,
}

impl MountTree {
    /// Reads what is mounted below a folder, given by its path without links. Nothing where there is no such list:
    /// then other filesystems are known by their device alone.
    pub(super) fn below(folder: &Path) -> Self {
        Self::of(&std::fs::read(LIST).unwrap_or_default(), folder)
    }

    pub(super) fn of(list: &[u8], folder: &Path) -> Self {
        let mut tree = Self::default();
        for line in list.split(|byte| *byte == b'\n') {
            // ID, parent, device, root, mount point (proc_pid_mountinfo(5)).
            let Some(point) = line.split(|byte| *byte == b' ').nth(4) else {
                continue;
            };
            let point = unescaped(point);
            match point.strip_prefix(folder) {
                Ok(below) if !below.as_os_str().is_empty() => tree.add(below),
                Ok(_) | Err(_) => {}
            }
        }
        tree
    }

    fn add(&mut self, path: &Path) {
        let mut at = self;
        for name in names(path) {
            at = at.inner.entry(name.to_owned()).or_default();
        }
        at.is_mount = true;
    }

    /// Returns what is known of an entry of this folder: something is mounted on it, or below it.
    pub(super) fn child(&self, name: &OsStr) -> Option<&Self> {
        if self.inner.is_empty() {
            return None;
        }
        self.inner.get(name)
    }

    /// Returns true if a filesystem is mounted right here.
    pub(super) fn is_mount(&self) -> bool {
        self.is_mount
    }

    /// Returns what is known of a path below this folder.
    pub(super) fn at(&self, path: &Path) -> Option<&Self> {
        names(path).try_fold(self, Self::child)
    }

    /// Returns true if a path below this folder leads over a mount point, or to one.
    pub(super) fn is_crossed_by(&self, path: &Path) -> bool {
        let mut at = Some(self);
        names(path).any(|name| {
            at = at.and_then(|tree| tree.child(name));
            at.is_some_and(Self::is_mount)
        })
    }
}

fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

/// Returns a path of the list, in which blanks and backslashes stand as octal numbers (`\040`).
pub(super) fn unescaped(escaped: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let byte = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Returns a folder's path without links, as the list of mounts names it.
pub(super) fn real_path(folder: &impl std::os::fd::AsRawFd) -> Option<PathBuf> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()?;
    link.as_os_str()
        .as_bytes()
        .starts_with(b"/")
        .then_some(link)
}

#[cfg(test)]
mod tests;
