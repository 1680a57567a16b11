//! How much a layer takes once it is unpacked, told from what its archive has in it.
//!
//! The containerd store counts an unpacked layer in the blocks of its filesystem, folders included, and tells
//! that only of images' layers (ENGINE-CONTAINERD.md §1). Of a base whose image is gone, which the build cache
//! still keeps, there is the blob, which is in the engine's list and can be read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::bytes::Bytes;

/// Files fill whole pages on the filesystems that engines use.
const PAGE: u64 = 4_096;
/// What a folder's page has room for besides `.`, `..` and what checks it (ext4).
const FIRST_NAMES: u64 = PAGE - 36;
const NAMES: u64 = PAGE - 12;
/// An inode has room for the target of a link that is shorter …
const SHORT_LINK: usize = 60;
/// … and for some extended attributes, a file's capabilities among them.
const FEW_ATTRIBUTES: u64 = 64;
/// More names than any layer has that is worth the memory.
const MOST_NAMES: usize = 200_000;
/// Filesystems take no path that is longer …
const LONGEST_NAME: usize = 4096;
/// … and all of a layer's together are some megabytes.
const LONGEST_NAMES: usize = 64 << 20;
/// In front of the name of something that the layer takes away from those below it.
const WHITEOUT: &str = ".wh.";
/// It takes away all that a folder had, or is of no meaning here.
const OPAQUE: &str = ".wh..wh.";
/// So far may a size be off and still be called exact, as the engine's own is, which leaves out folders of mounts. On
/// the containerd store a promise is exact within a hundredth and 32 KiB for each object that goes: one base takes no
/// more of that than half, so that all of a set together stay within. Where the store's own notes can be read, the
/// size is theirs, to the byte, and no blob is read.
const NEAR: Bytes = Bytes(16 * 1024);
const NEAR_SHARE: u64 = 200;

/// What a layer has in it, as far as a filesystem's accounting asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnpackedSize {
    /// Contents of files, each in whole pages.
    files: Bytes,
    /// Folders, the layer's own among them, where they have pages of their own.
    folders: Bytes,
    /// So much more or less it may be: large folders are filled at random.
    about: Bytes,
}

/// Where a filesystem keeps its folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folders {
    /// In pages of their own, as ext4 does.
    InPages,
    /// In their inodes, as XFS does with small ones; they count for nothing.
    InInodes,
}

impl Folders {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::InPages, Self::InInodes];
}

impl UnpackedSize {
    /// Blocks that it takes, as `du` counts them; see [`UnpackedSize::is_near`].
    #[must_use]
    pub fn bytes(&self, folders: Folders) -> Bytes {
        match folders {
            Folders::InPages => self.files + self.folders,
            Folders::InInodes => self.files,
        }
    }

    /// Returns how far [`UnpackedSize::bytes`] may be off to either side.
    #[must_use]
    pub fn about(&self) -> Bytes {
        self.about
    }

    /// Returns true if the size is within half of what a promise on the containerd store may be off: a two-hundredth,
    /// or 16 KiB.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.about <= NEAR.max(Bytes(self.files.0 / NEAR_SHARE))
    }

    /// Returns true if a layer that is known to take so much is one like this.
    #[must_use]
    pub fn fits(&self, known: Bytes, folders: Folders) -> bool {
        known.0.abs_diff(self.bytes(folders).0) <= self.about.0
    }
}

/// What is unpacked, name by name.
#[derive(Debug)]
enum Node {
    /// With the room that its names take.
    Folder(u64),
    File(Bytes),
}

/// Counts what an archive unpacks to, as the engine does it: parents that it does not name are made.
#[derive(Debug)]
pub struct UnpackedTally {
    nodes: HashMap<Box<str>, Node>,
    /// What may take another page, or may not.
    perhaps: u64,
    /// Bytes of all names.
    named: usize,
}

/// Something that an archive has of which the bytes cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

impl Default for UnpackedTally {
    fn default() -> Self {
        Self {
            nodes: HashMap::from([("".into(), Node::Folder(0))]),
            perhaps: 0,
            named: 0,
        }
    }
}

impl UnpackedTally {
    /// # Errors
    /// The name is not one within the layer, or another thing has it.
    pub fn folder(&mut self, name: &str) -> Result<(), Unsupported> {
        self.add_folder(&clean(name)?)
    }

    /// Returns a file of so many bytes, or what takes something away.
    ///
    /// # Errors
    /// As [`UnpackedTally::folder`].
    pub fn file(&mut self, name: &str, size: u64) -> Result<(), Unsupported> {
        let name = clean(name)?;
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", &name));
        if last.starts_with(OPAQUE) {
            return self.add_folder(folder);
        }
        if let Some(away) = last.strip_prefix(WHITEOUT) {
            let name = [folder, away].join("/");
            return self.add(name.trim_start_matches('/'), Node::File(Bytes::ZERO));
        }
        self.add(
            &name,
            Node::File(Bytes(size.div_ceil(PAGE).saturating_mul(PAGE))),
        )
    }

    /// # Errors
    /// As [`UnpackedTally::folder`].
    pub fn symlink(&mut self, name: &str, target: &str) -> Result<(), Unsupported> {
        let pages = u64::from(target.len() >= SHORT_LINK);
        self.add(&clean(name)?, Node::File(Bytes(pages * PAGE)))
    }

    /// Another name of a file. One that the archive does not have is of a layer below, and is copied.
    ///
    /// # Errors
    /// As [`UnpackedTally::folder`], and where the file is not in the archive.
    pub fn hard_link(&mut self, name: &str, target: &str) -> Result<(), Unsupported> {
        match self.nodes.get(&*clean(target)?) {
            Some(Node::File(_)) => self.add(&clean(name)?, Node::File(Bytes::ZERO)),
            Some(Node::Folder(_)) | None => Err(Unsupported),
        }
    }

    /// What was named last has extended attributes of so many bytes.
    pub fn attributes(&mut self, bytes: u64) {
        self.perhaps += u64::from(bytes > FEW_ATTRIBUTES);
    }

    /// Returns all that it takes.
    #[must_use]
    pub fn extent(&self) -> UnpackedSize {
        let mut extent = UnpackedSize {
            files: Bytes(self.perhaps * PAGE / 2),
            folders: Bytes::ZERO,
            about: Bytes(self.perhaps * PAGE / 2),
        };
        for node in self.nodes.values() {
            match node {
                Node::File(bytes) => extent.files += *bytes,
                Node::Folder(names) if *names <= FIRST_NAMES => extent.folders += Bytes(PAGE),
                // Its pages are from half to quite full, and one tells which name is where.
                Node::Folder(names) => {
                    let least = names.div_ceil(NAMES);
                    let half = (least + 1) * PAGE / 2;
                    extent.folders += Bytes(least * PAGE + half);
                    extent.about += Bytes(half);
                }
            }
        }
        extent
    }

    fn add_folder(&mut self, name: &str) -> Result<(), Unsupported> {
        match self.nodes.get(name) {
            Some(Node::Folder(_)) => Ok(()),
            Some(Node::File(_)) => Err(Unsupported),
            None => self.add(name, Node::Folder(0)),
        }
    }

    fn add(&mut self, name: &str, node: Node) -> Result<(), Unsupported> {
        self.named += name.len();
        if name.is_empty() || self.nodes.len() >= MOST_NAMES || self.named > LONGEST_NAMES {
            return Err(Unsupported);
        }
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        self.add_folder(folder)?;
        if let Some(Node::Folder(names)) = self.nodes.get_mut(folder) {
            *names += 8 + (last.len() as u64).next_multiple_of(4);
        }
        match self.nodes.entry(name.into()) {
            // What comes twice is unpacked over what came first.
            Entry::Occupied(_) => Err(Unsupported),
            Entry::Vacant(free) => {
                free.insert(node);
                Ok(())
            }
        }
    }
}

/// A name as it lies below the layer's folder, empty for that itself.
fn clean(name: &str) -> Result<String, Unsupported> {
    let parts = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<&str> = parts.collect();
    if name.len() > LONGEST_NAME || parts.contains(&"..") || parts.len() > 256 {
        return Err(Unsupported);
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests;
