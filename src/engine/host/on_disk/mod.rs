//! What the disk keeps of a graph driver's store: blocks of layers, of build cache records and of images, each in
//! folders of its own.
//!
//! | | Docker | Podman |
//! |---|---|---|
//! | a layer | its folder in the driver's, the short name that overlay2 gives it (`l/<name>`), and the engine's notes on it (`layerdb/sha256/<chain>`) | the same folder and short name, the list of its files (`DRIVER-layers/<id>.tar-split.gz`), and what is noted of it besides (`DRIVER-layers/<id>`) |
//! | an image besides its layers | its config and the folder beside it (`imagedb/content`, `imagedb/metadata`) | its folder (`DRIVER-images/<id>`) |
//!
//! What a pull notes of digests (`distribution`) stays when the image goes (seen after a pull from a registry on 20.10
//! and 28.5).

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{AtFlags, Stat, fstat, statat};

use super::folder::single;
use super::leash::Walker;
use super::meter::Meter;
use super::podman;
use super::root::{Root, is_random, unless_gone};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ChainId, ImageId, RecordId};
use crate::domain::store::layerdb::{Kept, LayerDb, OnDisk};
use crate::domain::text::Text;

/// Something whose blocks are to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToCount {
    /// A folder of the driver's.
    Folder {
        name: Text,
        /// The layer whose folder it is; none for what a record has of its own.
        chain: Option<ChainId>,
        /// The inode of the folder that was counted under this name before: of the same one there is nothing new.
        inode: Option<u64>,
    },
    /// What an image has besides its layers.
    Image(ImageId),
}

impl ToCount {
    /// Returns everything of a store that is not counted yet, and the folders that were, to be looked at again: the
    /// inode of each is told.
    #[must_use]
    pub fn all(
        stored: &LayerDb,
        images: &[ImageId],
        known: &OnDisk,
        inodes: &HashMap<Text, u64>,
    ) -> Vec<Self> {
        let folder = |name: Text, chain: Option<ChainId>| Self::Folder {
            inode: inodes.get(&name).copied(),
            name,
            chain,
        };
        let layers = stored.layers.iter();
        let layers = layers.map(|it| folder(it.folder.clone(), Some(it.chain.clone())));
        // What is written to again and again was counted with the list.
        let records = stored.records.iter();
        let own = records.filter(|(id, chain)| chain.is_none() && !stored.is_written_to(id));
        let own = own.map(|(id, _)| folder(stored.folder_of(id), None));
        let images = images.iter().filter(|id| !known.images.contains_key(id));
        let images = images.cloned().map(Self::Image);
        layers.chain(own).chain(images).collect()
    }

    /// Returns true for a folder that was counted.
    #[must_use]
    pub fn is_in(&self, known: &OnDisk) -> bool {
        match self {
            Self::Folder { name, .. } => known.folders.contains_key(name),
            Self::Image(id) => known.images.contains_key(id),
        }
    }
}

/// What was counted in a while.
#[derive(Debug, Default)]
pub struct Counted {
    pub on_disk: OnDisk,
    /// The inodes of the folders that were counted.
    pub inodes: Vec<(Text, u64)>,
    /// What there was no time for.
    pub left: Vec<ToCount>,
}

/// Counts blocks from the last of a list on, until some moment. What cannot be read, or has gone, is left out, and so
/// is everything of a driver whose folders are not known.
///
/// # Errors
/// Nobody waits for it any more.
pub fn count(
    root: &Root,
    engine: &EngineInfo,
    mut wanted: Vec<ToCount>,
    walker: &Walker,
    until: Option<Instant>,
) -> io::Result<Counted> {
    let mut counted = Counted::default();
    let Some(disk) = Counter::new(root, engine, walker) else {
        return Ok(counted);
    };
    while let Some(next) = wanted.pop() {
        walker.goes_on()?;
        match next {
            ToCount::Folder { name, chain, inode } => {
                let found = disk.folder_unless(&name, chain.as_ref(), inode);
                if let Ok(Some((inode, kept))) = found {
                    counted.on_disk.folders.insert(name.clone(), kept);
                    counted.inodes.push((name, inode));
                }
            }
            ToCount::Image(id) => {
                if let Ok(bytes) = disk.image(&id) {
                    counted.on_disk.images.insert(id, bytes);
                }
            }
        }
        if until.is_some_and(|until| Instant::now() > until) {
            counted.left = wanted;
            break;
        }
    }
    walker.goes_on()?;
    Ok(counted)
}

/// Returns where a driver keeps a folder for each layer, below the root, and the folder in it of the layer's own files.
pub(super) fn folders_of(engine: &EngineInfo) -> Option<(PathBuf, Option<&'static str>)> {
    let driver = &*engine.driver;
    match driver {
        "overlay2" | "fuse-overlayfs" => Some((driver.into(), Some("diff"))),
        // Docker had another driver of this name.
        "overlay" if engine.is_podman() => Some((driver.into(), Some("diff"))),
        "vfs" => Some((Path::new(driver).join("dir"), None)),
        // Their folders are no folders of layers, or filesystems of their own.
        _ => None,
    }
}

/// What was counted of a store before all of the folder is walked through: it needs no second walk.
#[derive(Clone, Debug, Default)]
pub struct Before {
    pub stored: Option<Arc<LayerDb>>,
    pub on_disk: Arc<OnDisk>,
}

impl Before {
    /// Returns all blocks of a folder of the driver's, with the notes on it.
    pub(in crate::engine) fn folder(&self, name: &str) -> Option<Bytes> {
        let counted = self.on_disk.folders.get(name).copied();
        let written = || {
            let stored = self.stored.as_deref()?;
            *stored.written.get(&RecordId::new(name))?
        };
        let kept = counted.or_else(written)?;
        // A file with further names elsewhere counts once, wherever it is met first.
        (kept.least == kept.most).then_some(kept.most)
    }

    /// Returns the layers whose notes were counted with their folders.
    pub(super) fn layers(&self) -> HashSet<&ChainId> {
        let layers = self.stored.iter().flat_map(|it| &it.layers);
        let counted = layers.filter(|it| self.folder(&it.folder).is_some());
        counted.map(|it| &it.chain).collect()
    }
}

/// Counts blocks below one root.
pub(in crate::engine) struct Counter<'a> {
    root: &'a Root,
    walker: &'a Walker,
    /// Where the driver keeps a folder for each layer.
    folders: PathBuf,
    /// Where it keeps their short names.
    links: Option<OwnedFd>,
    notes: NotesPlace,
}

/// Where an engine keeps its notes on layers and images.
enum NotesPlace {
    Docker(PathBuf),
    Podman { layers: PathBuf, images: PathBuf },
}

impl<'a> Counter<'a> {
    /// `None` for a driver whose folders are not known.
    pub(in crate::engine) fn new(
        root: &'a Root,
        engine: &EngineInfo,
        walker: &'a Walker,
    ) -> Option<Self> {
        let (folders, _) = folders_of(engine)?;
        let driver = &engine.driver;
        Some(Self {
            root,
            walker,
            links: root.open_folder(&folders.join("l")).ok(),
            folders,
            notes: if engine.is_podman() {
                NotesPlace::Podman {
                    layers: podman::notes(driver, "layers"),
                    images: podman::notes(driver, "images"),
                }
            } else {
                NotesPlace::Docker(Path::new("image").join(&**driver))
            },
        })
    }

    /// Returns a folder's inode and what goes with it, with the notes on the layer that it is; nothing where it is the
    /// one of this inode.
    fn folder_unless(
        &self,
        name: &str,
        chain: Option<&ChainId>,
        known: Option<u64>,
    ) -> io::Result<Option<(u64, Kept)>> {
        let path = self.folders.join(single(name)?);
        let folder = self.root.open_folder(&path)?;
        let inode = fstat(&folder)?.st_ino;
        if known == Some(inode) {
            return Ok(None);
        }
        let mut meter = Meter::new(self.walker);
        self.walk(&mut meter, folder, &path)?;
        if let Some(link) = self.link(&path)? {
            meter.entry(&link);
        }
        if let Some(chain) = chain {
            self.notes_on(&mut meter, name, chain)?;
        }
        let usage = meter.usage(false);
        let kept = Kept {
            least: usage.own,
            most: usage.all() + usage.inodes,
        };
        Ok(Some((inode, kept)))
    }

    /// Takes in what the engine notes of a layer.
    fn notes_on(&self, meter: &mut Meter<'_>, name: &str, chain: &ChainId) -> io::Result<()> {
        match &self.notes {
            NotesPlace::Docker(notes) => {
                let path = notes.join("layerdb/sha256");
                let path = path.join(digits(chain.as_str())?);
                self.walk(meter, self.root.open_folder(&path)?, &path)
            }
            NotesPlace::Podman { layers, .. } => {
                let name = single(name)?;
                let packed = layers.join(&name).with_extension("tar-split.gz");
                if let Some(packed) = unless_gone(self.root.open_file(&packed))? {
                    meter.entry(&fstat(packed)?);
                }
                self.walk_if_there(meter, &layers.join(&name))
            }
        }
    }

    /// Returns what goes with a folder of the driver's.
    ///
    /// # Errors
    /// It is not there or cannot be read to its end, something is mounted in it, or time is over.
    pub(in crate::engine) fn folder(&self, name: &str) -> io::Result<Kept> {
        let found = self.folder_unless(name, None, None)?;
        Ok(found.map(|(_, kept)| kept).unwrap_or_default())
    }

    /// Returns the short name of a layer as it stands in its folder: it is a link.
    fn link(&self, folder: &Path) -> io::Result<Option<Stat>> {
        let Some(links) = &self.links else {
            return Ok(None);
        };
        let Some(file) = unless_gone(self.root.open_file(&folder.join("link")))? else {
            return Ok(None);
        };
        let mut name = String::new();
        file.take(256).read_to_string(&mut name)?;
        let name = single(name.trim())?;
        let stat = statat(links, &name, AtFlags::SYMLINK_NOFOLLOW);
        unless_gone(stat.map_err(io::Error::from))
    }

    /// Returns what an image has besides its layers.
    fn image(&self, id: &ImageId) -> io::Result<Bytes> {
        let digits = digits(id.as_str())?;
        let mut meter = Meter::new(self.walker);
        match &self.notes {
            NotesPlace::Docker(notes) => {
                let config = notes.join("imagedb/content/sha256").join(&digits);
                meter.entry(&fstat(self.root.open_file(&config)?)?);
                let beside = notes.join("imagedb/metadata/sha256").join(&digits);
                self.walk_if_there(&mut meter, &beside)?;
            }
            NotesPlace::Podman { images, .. } => {
                let own = images.join(&digits);
                self.walk(&mut meter, self.root.open_folder(&own)?, &own)?;
            }
        }
        Ok(meter.usage(false).own)
    }

    fn walk_if_there(&self, meter: &mut Meter<'_>, path: &Path) -> io::Result<()> {
        match unless_gone(self.root.open_folder(path))? {
            Some(folder) => self.walk(meter, folder, path),
            None => Ok(()),
        }
    }

    fn walk(&self, meter: &mut Meter<'_>, top: OwnedFd, path: &Path) -> io::Result<()> {
        let mounts = self.walker.mounts(self.root);
        if meter.folder(top, mounts.at(path))?.is_crossed {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        Ok(())
    }
}

/// Returns the digits of a digest, which are the name of one file.
fn digits(digest: &str) -> io::Result<PathBuf> {
    match digest.strip_prefix("sha256:") {
        Some(digits) if is_random(digits) => Ok(digits.into()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests;
