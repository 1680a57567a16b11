//! The containerd store's notes with its blobs, where its folder is on this machine and shown to be the engine's.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::{DATABASE, MetadataReader, Named, OWN};
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::item::{ContainerId, ImageId};
use crate::domain::store::content::Listed;
use crate::domain::store::metadata::MetadataDb;
use crate::domain::text::Text;
use crate::engine::host::extents;
use crate::engine::host::in_use::is_locked;
use crate::engine::host::proof::{CONTAINERD, ListedIds, NotLocal, has_images, prove};
use crate::engine::host::root::{Root, is_random};
use crate::engine::port::clock;

/// Where an engine keeps the containerd that it runs itself.
pub(in crate::engine) const DAEMON: &str = "containerd/daemon";
/// The snapshotter of whole copies.
const COPIES: &str = "native";
/// Manifests and configs are a few KB; registries take no manifest beyond 4 MiB.
pub(super) const LONGEST_DOCUMENT: u64 = 4 << 20;

/// All that the store notes, and the way to its blobs.
#[derive(Clone, Debug)]
pub struct StoreReading {
    /// The engine's own blobs, and then those of its build history.
    pub listed: Vec<Listed>,
    /// How many are its own.
    pub own: usize,
    pub notes: Arc<MetadataDb>,
    /// The names of images, in the order of the names.
    pub named: Vec<Named>,
    pub documents: BlobFolder,
}

/// The folder of the store's blobs.
#[derive(Clone, Debug)]
pub struct BlobFolder {
    root: Arc<Root>,
    blobs: PathBuf,
}

/// Why images are not read out of the store's own files, so that the engine is asked for its list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUnread {
    #[error(transparent)]
    NotLocal(#[from] NotLocal),
    #[error("no containerd that somebody works with keeps its data where this engine's would")]
    NotHere,
    #[error("the engine keeps its things in another namespace of containerd than {OWN}")]
    Namespace,
    #[error("what containerd has noted cannot be read, or changes all the time")]
    Illegible,
    #[error("containerd keeps nothing for a container that the engine lists: it is another's")]
    Foreign,
    #[error("the engine does not know an image that containerd keeps: it is another's")]
    Stranger,
    #[error("what the engine says of image {0} its files alone do not tell")]
    Image(ImageId),
    #[error("the disk did not answer within {0} s")]
    Silent(u64),
}

/// What shows that notes are the engine's before it has listed its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// They lie in its own folder and have its namespace, or have its containers, and somebody works with them.
    ByPlace,
    /// Nothing of the engine's is random there: it must know this image by its ID.
    ByImage(ImageId),
}

impl StoreReading {
    /// Returns true for an engine that keeps such a store and may keep it on this machine, which is to be proven.
    #[must_use]
    pub fn may_be_here(engine: &EngineInfo) -> bool {
        engine.store == Store::Containerd && engine.host.starts_with("unix://")
    }

    /// `None` where the engine is not proven to be local, or keeps no such store; where no folder of one is found
    /// that has all that the engine lists; and where its notes cannot be read, are written to all the time, or have
    /// another form. It opens files: call it where blocking is allowed.
    #[must_use]
    pub fn of(engine: &EngineInfo, known: &ListedIds) -> Option<Self> {
        let at = |root: Root, containerd: &Path| {
            has_images(&root, containerd, &known.images).then_some(())?;
            let noted = Self::at(root, containerd, engine)?;
            let staying = staying(known);
            let is_its = noted.notes.are_of(&known.images, &staying, &known.records);
            is_its.then_some(noted)
        };
        let at = |root: Root, containerd: &Path| at(root, containerd).ok_or(StoreUnread::NotHere);
        in_folder_of_store(engine, known, at).ok()
    }

    /// The same before the engine has listed its images, whose list it takes long for; its containers are known. A store
    /// that nobody works with was left behind: only the list would show it.
    ///
    /// # Errors
    /// Why the list is needed.
    pub fn before_images(
        engine: &EngineInfo,
        known: &ListedIds,
    ) -> Result<(Self, Shown), StoreUnread> {
        let own = Path::new(DAEMON);
        // An engine that maps users adds them to its name (moby's `RemapContainerdNamespaces`).
        let namespace = engine.namespace.as_deref();
        if namespace.is_some_and(|it| it != OWN) || above_remapped(&engine.root).is_some() {
            return Err(StoreUnread::Namespace);
        }
        in_folder_of_store(engine, known, |root, containerd| {
            let database = root.open_file(&containerd.join(DATABASE));
            let is_used = database.is_ok_and(|file| is_locked(&file));
            is_used.then_some(()).ok_or(StoreUnread::NotHere)?;
            let noted = Self::at(root, containerd, engine).ok_or(StoreUnread::Illegible)?;
            let staying = staying(known);
            let mut leases = staying.iter().map(|id| noted.notes.leases.get(id.text()));
            let has_all = leases.all(|lease| lease.is_some());
            has_all.then_some(()).ok_or(StoreUnread::Foreign)?;
            let is_own = containerd == own && namespace.is_some();
            let shown = if is_own || !staying.is_empty() {
                Shown::ByPlace
            } else {
                // Without any there is next to nothing to list.
                let image = noted.notes.images.iter().next();
                Shown::ByImage(image.ok_or(StoreUnread::NotHere)?.clone())
            };
            Ok((noted, shown))
        })
    }

    fn at(root: Root, containerd: &Path, engine: &EngineInfo) -> Option<Self> {
        let mut collector = MetadataReader::read(&root, containerd, &engine.driver)?;
        let named = std::mem::take(&mut collector.own.images);
        let own = collector.own.blobs.len();
        let targets = named.iter().map(|named| ImageId::new(named.target.clone()));
        let (listed, mut notes) = collector.notes(targets.collect(), clock::now())?;
        let snapshots = containerd.join(snapshots_of(&engine.driver));
        notes.copies = &*engine.driver == COPIES;
        if let Ok(snapshots) = root.open_folder(&snapshots) {
            notes.inode = extents::inode(&snapshots);
            notes.packs = extents::packs(&snapshots);
        }
        Some(Self {
            listed,
            own,
            notes: Arc::new(notes),
            named,
            documents: BlobFolder {
                blobs: containerd.join("io.containerd.content.v1.content/blobs/sha256"),
                root: Arc::new(root),
            },
        })
    }
}

/// Containers that are not on their way out.
fn staying(known: &ListedIds) -> Vec<ContainerId> {
    let all = known.containers.iter();
    let staying = all.filter(|id| !known.leaving.contains(id));
    staying.cloned().collect()
}

/// Returns the folder of a snapshotter's snapshots, below containerd's own.
fn snapshots_of(snapshotter: &str) -> PathBuf {
    let folder = format!("io.containerd.snapshotter.v1.{snapshotter}");
    Path::new(&folder).join("snapshots")
}

/// Returns the folder above an engine's root that is named after the user and the group to whom it maps root
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
    /// `None` in the same cases as [`StoreReading::of`].
    pub(in crate::engine) fn of(engine: &EngineInfo, known: &ListedIds) -> Option<Self> {
        let at = |root: Root, containerd: &Path| {
            has_images(&root, containerd, &known.images).then_some(())?;
            let space = MetadataReader::read(&root, containerd, &engine.driver)?;
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
        };
        let at = |root: Root, containerd: &Path| at(root, containerd).ok_or(StoreUnread::NotHere);
        in_folder_of_store(engine, known, at).ok()
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
fn own_snapshots(store: &MetadataReader, known: &ListedIds) -> HashMap<Text, Vec<u64>> {
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
    known: &ListedIds,
    find: impl Fn(Root, &Path) -> Result<T, StoreUnread>,
) -> Result<T, StoreUnread> {
    if engine.store != Store::Containerd {
        return Err(StoreUnread::NotHere);
    }
    let root = prove(engine, known)?;
    let above = above_remapped(root.path()).map(Text::from);
    let root_of = |path: Text| Root::open(path).ok();
    let mut why = StoreUnread::NotHere;
    for (root, containerd) in [
        (Some(root), DAEMON),
        (above.and_then(root_of), DAEMON),
        (root_of(CONTAINERD.into()), ""),
    ] {
        match root.map(|root| find(root, Path::new(containerd))) {
            Some(Ok(found)) => return Ok(found),
            Some(Err(error)) if why == StoreUnread::NotHere => why = error,
            Some(Err(_)) | None => {}
        }
    }
    Err(why)
}

impl BlobFolder {
    /// Returns a short blob's content; `None` of one that is not there or cannot be read. It opens files, too.
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
