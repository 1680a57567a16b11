//! What one thing takes on the engine's disk, as a walk through its folders has counted it.
//!
//! A disk deals in blocks and not in lengths: a file with holes is longer than what it gives back, one with room
//! reserved behind its end is shorter, and a folder of small files gives back many times their lengths.

use serde::Serialize;

use crate::domain::bytes::Bytes;
use crate::domain::time::Timestamp;

/// What a figure of bytes was measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The blocks of files and folders: what the disk gives back.
    #[default]
    Blocks,
    /// The lengths of files, as the engine tells them: an estimate of what the disk gives back.
    Length,
}

/// What the files and folders of one thing take, by blocks, each file once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DiskUsage {
    /// What certainly goes when the thing is removed: its folders, and the files that have no name outside of it.
    pub own: Bytes,
    /// Files that have names outside of it, too: one goes once all its names go.
    pub links: Box<[HardLink]>,
    /// What may go besides: files with several names, of which there were too many to tell whether all lie in it.
    pub uncertain: Bytes,
    /// What may go besides: blocks that files elsewhere may have, too, on a filesystem that copies by reference.
    pub shareable: Bytes,
    /// What may go besides the blocks: inodes, and checksums, on a filesystem that gives them back (xfs, btrfs).
    pub inodes: Bytes,
    /// It holds not one file or folder.
    pub is_empty: bool,
    /// A container's layers could not be walked through: what the engine says of them comes on top.
    pub lacks_layers: bool,
}

/// A file of which a thing has some of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HardLink {
    /// Which file it is.
    pub file: FileId,
    /// How many names the file has on its filesystem.
    pub names: u32,
    /// How many of them lie in the thing.
    pub found: u32,
    /// What it takes.
    pub blocks: Bytes,
    /// How many of them other files may have, too.
    pub shareable: Bytes,
}

/// A file on this machine, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The filesystem.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}

impl DiskUsage {
    /// Returns the usage of a thing all of whose bytes are its own.
    #[must_use]
    pub fn of(own: Bytes) -> Self {
        Self {
            own,
            is_empty: own.is_zero(),
            ..Self::default()
        }
    }

    /// Keeps no more of the files that have names elsewhere than how much they take.
    pub fn forget_links(&mut self) {
        self.uncertain = self.all() - self.own - self.shareable;
        self.links = Box::default();
    }

    /// Returns the blocks of all files that have a name in it, whether they go with it or not.
    #[must_use]
    pub fn all(&self) -> Bytes {
        let links: Bytes = self.links.iter().map(|link| link.blocks).sum();
        self.own + self.uncertain + self.shareable + links
    }
}

/// How far the measuring by blocks in an engine's own folder has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measuring {
    /// When the measuring began.
    pub since: Timestamp,
    /// How many things have been measured since then.
    pub done: usize,
    /// The same, and those that are not measured yet.
    pub all: usize,
}

impl Measuring {
    /// Returns how many in a hundred have been measured; 100 only once all are.
    #[must_use]
    pub fn percent(&self) -> usize {
        self.done.saturating_mul(100) / self.all.max(1)
    }
}
