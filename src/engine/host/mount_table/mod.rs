//! Which filesystem a path lies on, by what the kernel says of mounts: of what may not be entered, too.

use std::path::{Path, PathBuf};

use super::mounts::unescaped;

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Clone, Debug)]
pub(super) struct Mount {
    /// `8:1`, one a filesystem.
    device: String,
    /// What of the filesystem is mounted there.
    root: PathBuf,
    point: PathBuf,
    /// What it was mounted from, by the word of who mounted it: a device, a server, or anything.
    source: PathBuf,
}

impl Mount {
    pub(super) fn point(&self) -> &Path {
        &self.point
    }

    pub(super) fn source(&self) -> &Path {
        &self.source
    }

    /// Returns true if both show the same at the same point.
    fn is_as(&self, other: &Self) -> bool {
        (&self.device, &self.root, &self.point) == (&other.device, &other.root, &other.point)
    }

    /// Returns true if both are on one filesystem.
    pub(super) fn shares_disk(&self, other: &Self) -> bool {
        self.device == other.device
    }
}

/// All mounts that a process sees, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub(super) struct MountTable(Vec<Mount>);

impl MountTable {
    /// Reads the mounts that a process sees: `self`, or a process ID, whose list may be hidden.
    pub(super) fn of_process(process: &str) -> std::io::Result<Self> {
        let list = std::fs::read(format!("/proc/{process}/mountinfo"))?;
        Ok(Self::read(list.split(|byte| *byte == b'\n')))
    }

    /// Reads lines of such a list. What is none is passed over.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mounts = lines.filter_map(|line| {
            let mut words = line.split(|byte| *byte == b' ').skip(2);
            let device = String::from_utf8_lossy(words.next()?).into_owned();
            let (root, point) = (unescaped(words.next()?), unescaped(words.next()?));
            let is_mount = device.contains(':') && point.is_absolute();
            // Optional fields in between end with a hyphen; the format is next.
            let source = words.skip_while(|word| *word != b"-").nth(2);
            is_mount.then(|| Mount {
                device,
                root,
                point,
                source: unescaped(source.unwrap_or_default()),
            })
        });
        Self(mounts.collect())
    }

    /// Returns the mount that a path without links lies on: the longest way to it, and the last of several there.
    pub(super) fn holding(&self, path: &Path) -> Option<&Mount> {
        let holding = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        holding.max_by_key(|mount| mount.point.as_os_str().len())
    }

    /// Returns the mounts right below a folder: deeper ones are containers' and single volumes'.
    pub(super) fn right_below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Mount> {
        let below = move |mount: &&Mount| mount.point.parent() == Some(folder);
        self.0.iter().filter(below)
    }

    /// Returns all points at which a mount's filesystem can be found, its own first.
    pub(super) fn points<'a>(&'a self, mount: &'a Mount) -> impl Iterator<Item = &'a Path> {
        let others = self.0.iter().filter(|other| other.shares_disk(mount));
        std::iter::once(mount).chain(others).map(Mount::point)
    }

    /// Returns true if both see the same folder at a path, as far as mounts tell.
    pub(super) fn agrees_on(&self, other: &Self, path: &Path) -> bool {
        match (self.holding(path), other.holding(path)) {
            (Some(own), Some(other)) => own.is_as(other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

#[cfg(test)]
mod tests;
