//! The containerd store's notes with its blobs, where its folder is on this machine and shown to be the engine's.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collector::Collector;
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::item::{ContainerId, ImageId, Text};
use crate::domain::store::content::Listed;
use crate::domain::store::metadata::Notes;
use crate::domain::time::Timestamp;
use crate::engine::host::{CONTAINERD, Known, Root, extents, has_images, is_random, prove};
use crate::engine::port::clock;

/// Where an engine keeps the containerd that it runs itself.
pub(in crate::engine) const DAEMON: &str = "containerd/daemon";
/// The snapshotter of whole copies.
const COPIES: &str = "native";
/// Manifests and configs are a few KB; registries take no manifest beyond 4 MiB.
const LONGEST_DOCUMENT: u64 = 4 << 20;

/// All that the store notes, and the way to its blobs.
#[derive(Clone, Debug)]
pub struct Noted {
    pub listed: Vec<Listed>,
    pub notes: Arc<Notes>,
    /// When an image was last given a name.
    pub tagged: HashMap<ImageId, Timestamp>,
    pub documents: Documents,
}

/// The folder of the store's blobs.
#[derive(Clone, Debug)]
pub struct Documents {
    root: Arc<Root>,
    blobs: PathBuf,
}

impl Noted {
    /// `None` where the engine is not proven to be local, or keeps no such store; where no folder of one is found
    /// that has all that the engine lists; and where its notes cannot be read, are written to all the time, or have
    /// another form. It opens files: call it where blocking is allowed.
    #[must_use]
    pub fn of(engine: &EngineInfo, known: &Known) -> Option<Self> {
        in_folder_of_store(engine, known, |root, containerd| {
            Self::at(root, containerd, engine, known)
        })
    }

    fn at(root: Root, containerd: &Path, engine: &EngineInfo, known: &Known) -> Option<Self> {
        let mut collector = Collector::read(&root, containerd, &engine.driver)?;
        let tagged = std::mem::take(&mut collector.own.tagged).into_iter();
        let tagged = tagged.map(|(digest, time)| (ImageId::new(digest), time));
        let tagged = tagged.collect();
        let (listed, mut notes) = collector.notes(clock::now())?;
        let snapshots = containerd.join(snapshots_of(&engine.driver));
        notes.copies = &*engine.driver == COPIES;
        if let Ok(snapshots) = root.open_folder(&snapshots) {
            notes.inode = extents::inode(&snapshots);
            notes.packs = extents::packs(&snapshots);
        }
        let mut staying = known.containers.clone();
        staying.retain(|id| !known.leaving.contains(id));
        if !notes.are_of(&known.images, &staying, &known.records) {
            return None;
        }
        Some(Self {
            listed,
            notes: Arc::new(notes),
            tagged,
            documents: Documents {
                blobs: containerd.join("io.containerd.content.v1.content/blobs/sha256"),
                root: Arc::new(root),
            },
        })
    }
}

/// Returns the folder of a snapshotter's snapshots, below containerd's own.
fn snapshots_of(snapshotter: &str) -> PathBuf {
    let folder = format!("io.containerd.snapshotter.v1.{snapshotter}");
    Path::new(&folder).join("snapshots")
}

/// The folder above an engine's root that is named after the user and the group to whom it maps root
/// (`userns-remap`): a containerd of its own keeps its data there.
pub(in crate::engine) fn above_remapped(root: &str) -> Option<&str> {
    let (above, name) = root.trim_end_matches('/').rsplit_once('/')?;
    let (user, group) = name.split_once('.')?;
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    (is_number(user) && is_number(group) && !above.is_empty()).then_some(above)
}

/// The folders of snapshots that are containers' own.
pub(in crate::engine) struct Snapshots {
    root: Root,
    folder: PathBuf,
    /// Their numbers, by the containers' IDs.
    own: HashMap<Text, Vec<u64>>,
}

impl Snapshots {
    /// `None` in the same cases as [`Noted::of`].
    pub(in crate::engine) fn of(engine: &EngineInfo, known: &Known) -> Option<Self> {
        in_folder_of_store(engine, known, |root, containerd| {
            let space = Collector::read(&root, containerd, &engine.driver)?;
            let folder = snapshots_of(&engine.driver);
            let own = own_snapshots(&space, known);
            let mut staying = known.containers.iter();
            let has_all =
                staying.all(|id| known.leaving.contains(id) || own.contains_key(id.text()));
            has_all.then(|| Self {
                folder: containerd.join(folder),
                root,
                own,
            })
        })
    }

    pub(in crate::engine) fn root(&self) -> &Root {
        &self.root
    }

    /// Returns the folders of what a container writes to and of what was made for its mounts; `None` of one that the
    /// store does not note.
    pub(in crate::engine) fn of_container(
        &self,
        id: &ContainerId,
    ) -> Option<impl Iterator<Item = PathBuf>> {
        let own = self.own.get(id.text())?.iter();
        Some(own.map(|number| self.folder.join(number.to_string())))
    }
}

/// Returns the numbers of the snapshots that the leases of containers name and that nothing else stands on: layers that
/// were committed of one may.
fn own_snapshots(store: &Collector, known: &Known) -> HashMap<Text, Vec<u64>> {
    let snapshots = &store.own.snapshots;
    let mut above: HashMap<&Text, Vec<&Text>> = HashMap::new();
    for (key, row) in snapshots {
        if let Some(parent) = &row.parent {
            above.entry(parent).or_default().push(key);
        }
    }
    let of = |id: &ContainerId| {
        let lease = store.own.leases.get(id.text())?;
        let is_own = |key: &&Text| {
            let mut above = above.get(*key).into_iter().flatten();
            !is_chain(key) && above.all(|above| lease.snapshots.contains(above))
        };
        let own = lease.snapshots.iter().filter(is_own);
        let rows = own.filter_map(|key| snapshots.get(key));
        let folders = rows.filter_map(|row| store.folders.get(&row.name));
        let numbers = folders.map(|folder| folder.number);
        Some((id.text().clone(), numbers.collect()))
    };
    known.containers.iter().filter_map(of).collect()
}

/// Layers of images have the digest of their chain for a key.
fn is_chain(key: &str) -> bool {
    key.strip_prefix("sha256:").is_some_and(is_random)
}

/// Looks for the folder of the store, in each place where it may lie, until something finds in one what it looks for.
fn in_folder_of_store<T>(
    engine: &EngineInfo,
    known: &Known,
    find: impl Fn(Root, &Path) -> Option<T>,
) -> Option<T> {
    if engine.store != Store::Containerd {
        return None;
    }
    let find = |root: Root, containerd: &str| {
        let containerd = Path::new(containerd);
        has_images(&root, containerd, &known.images).then(|| find(root, containerd))?
    };
    let root = prove(engine, known).ok()?;
    let above = above_remapped(root.path());
    let above = above.and_then(|above| Root::open(above.into()).ok());
    let beside = || Root::open(CONTAINERD.into()).ok();
    find(root, DAEMON)
        .or_else(|| find(above?, DAEMON))
        .or_else(|| find(beside()?, ""))
}

impl Documents {
    /// A short blob's content; `None` of one that is not there or cannot be read. It opens files, too.
    #[must_use]
    pub fn read(&self, digest: &str) -> Option<Vec<u8>> {
        let name = digest.strip_prefix("sha256:").filter(|it| is_random(it))?;
        let file = self.root.open_file(&self.blobs.join(name)).ok()?;
        let mut content = Vec::new();
        file.take(LONGEST_DOCUMENT).read_to_end(&mut content).ok()?;
        Some(content)
    }
}

#[cfg(test)]
pub(in crate::engine) mod tests;
