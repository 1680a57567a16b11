//! The layers in the folder of a graph driver's store.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use super::bolt::{Bolt, BoltValue, Interner};
use super::pages::Pages;
use crate::domain::bytes::Bytes;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ChainId, ContainerId, RecordId};
use crate::domain::store::folder::Owner;
use crate::domain::store::layerdb::{LayerDb, StoredLayer};
use crate::domain::store::mounted::MountedLayer;
use crate::domain::text::Text;
use crate::engine::host::leash::Walker;
use crate::engine::host::on_disk::Counter;
use crate::engine::host::podman;
use crate::engine::host::proof::{ListedIds, prove};
use crate::engine::host::root::{Root, base_flags, is_random, unless_gone};

/// No file of a layer's entry that is read here is longer than a digest.
const LONGEST: u64 = 256;
/// Ten thousand records need some megabytes.
const LARGEST: u64 = 256 << 20;
/// No name of an image has more slashes than this.
const SLASHES: usize = 32;
/// How often a database is read that changes meanwhile.
const TRIES: usize = 3;
/// So long is counted what records have that are written to: the figures wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns every layer that the engine keeps (ENGINE.md §2.1), and which the build cache keeps, as its own folder lists
/// them. `None` where the engine is not proven to be local, its folder cannot be read, or has another form. It opens
/// files: call it where blocking is allowed. What an earlier list says as well is shared with it.
#[must_use]
pub fn stored(
    engine: &EngineInfo,
    known: &ListedIds,
    earlier: Option<&LayerDb>,
) -> Option<LayerDb> {
    let root = prove(engine, known).ok()?;
    if engine.is_podman() {
        return Some(LayerDb {
            layers: podman::layers(&root, &engine.driver)?,
            ..LayerDb::default()
        });
    }
    // Records first: their layers are then among those that are listed.
    let snapshots = snapshots(&root).unwrap_or_default();
    let is_written_to = |it: &&BuildkitSnapshot| it.chain.is_none() && it.committed.is_none();
    let written = snapshots.iter().filter(is_written_to);
    let walker = Walker::until(Instant::now() + PATIENCE);
    let counter = Counter::new(&root, engine, &walker);
    let count = |id: &RecordId| counter.as_ref()?.folder(id.as_str()).ok();
    let written = written.map(|it| (it.id.clone(), count(&it.id)));
    let written: HashMap<_, _> = written.collect();
    let own = snapshots.iter().filter(|it| it.chain.is_none());
    let own = own.filter_map(|it| Some((it.id.clone(), it.committed.clone()?)));
    Some(LayerDb {
        layers: layers(&root, &engine.driver, earlier)?,
        folders: own
            .filter(|(id, folder)| id.as_str() != &**folder)
            .collect(),
        records: snapshots.into_iter().map(|it| (it.id, it.chain)).collect(),
        written,
    })
}

/// What the engine notes of the folders of its graph driver: whose each is.
#[derive(Default)]
pub(in crate::engine) struct FolderOwners {
    /// `None` where they cannot be read.
    pub(in crate::engine) layers: Option<Vec<StoredLayer>>,
    /// The layers that each container stands on, or mounts.
    pub(in crate::engine) mounts: Vec<(ContainerId, ChainId)>,
    pub(in crate::engine) records: HashMap<RecordId, Option<ChainId>>,
    /// The builder's own notes could be read, or there is none.
    has_records: bool,
    /// The notes of all containers could be read, or there is none.
    has_mounts: bool,
    owners: HashMap<Text, Owner>,
    sizes: HashMap<ChainId, Bytes>,
}

impl FolderOwners {
    /// Reads all of them; what an earlier list says as well is shared with it.
    pub(in crate::engine) fn read(
        root: &Root,
        driver: &str,
        known: &ListedIds,
        earlier: Option<&LayerDb>,
    ) -> Self {
        let mut notes = Self::default();
        let snapshots = match root.open_folder(Path::new("buildkit")) {
            Ok(_) => snapshots(root),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Vec::new()),
            Err(_) => None,
        };
        notes.has_records = snapshots.is_some();
        for snapshot in snapshots.unwrap_or_default() {
            let owner = Owner::Record(snapshot.id.clone());
            if let Some(folder) = snapshot.committed {
                // Its folder has the name that it had while it was written.
                notes.owners.insert(folder, owner);
            } else {
                let folder = snapshot.id.as_str().into();
                notes.owners.entry(folder).or_insert(owner);
            }
            notes.records.insert(snapshot.id, snapshot.chain);
        }
        let mounts = unless_gone(mounts(root, driver, |_| true));
        notes.has_mounts = mounts.is_ok();
        for mount in mounts.ok().flatten().unwrap_or_default() {
            let container = known.mounts_of(&mount.name);
            let is_its_own = *container.as_str() == *mount.name;
            let owner = if is_its_own {
                Owner::Writable
            } else {
                Owner::Init
            };
            let written = mount.folder.map(|it| (it, owner(container.clone())));
            let init = mount.init.map(|it| (it, Owner::Init(container.clone())));
            notes.owners.extend(written.into_iter().chain(init));
            let parent = mount.parent.map(|parent| (container, parent));
            notes.mounts.extend(parent);
        }
        notes.layers = layers(root, driver, earlier);
        for layer in notes.layers.iter().flatten() {
            let owner = Owner::Layer(layer.chain.clone());
            notes.owners.insert(layer.folder.clone(), owner);
            if let Some(size) = layer.size {
                notes.sizes.insert(layer.chain.clone(), size);
            }
        }
        notes
    }

    /// Whose a folder of the driver is; `None` for one that nothing refers to.
    pub(in crate::engine) fn owner(&self, folder: &str) -> Option<Owner> {
        let owner = self.owners.get(folder);
        let is_doubtful =
            self.layers.is_none() || !self.has_mounts || !self.has_records && folder.len() == 25;
        owner.cloned().or(is_doubtful.then_some(Owner::Store))
    }

    /// Returns how large the engine counts a layer.
    pub(in crate::engine) fn size(&self, chain: &ChainId) -> Option<Bytes> {
        self.sizes.get(chain).copied()
    }
}

/// Returns the layers of containers' image mounts, and whatever else stands there that is no listed container's own.
pub(in crate::engine) fn mounted_layers(
    root: &Root,
    driver: &str,
    listed: &HashSet<&str>,
) -> io::Result<Vec<MountedLayer>> {
    // The builder takes layers of its own, with shorter names.
    let is_wanted = |name: &str| name.get(..64).is_some_and(is_random) && !listed.contains(name);
    let mounts = unless_gone(mounts(root, driver, is_wanted))?;
    let layers = mounts.into_iter().flatten().filter_map(|mount| {
        Some(MountedLayer {
            folder: mount.folder?,
            name: mount.name,
            parent: mount.parent,
        })
    });
    Ok(layers.collect())
}

/// What has layers of its own above others' (`layerdb/mounts/<name>`).
struct MountEntry {
    /// The ID of a container; that of one with the image behind it that it mounts; or what the builder made up.
    name: Text,
    folder: Option<Text>,
    init: Option<Text>,
    parent: Option<ChainId>,
}

fn mounts(
    root: &Root,
    driver: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<MountEntry>> {
    let list = Path::new("image").join(driver).join("layerdb/mounts");
    let folder = root.open_folder(&list)?;
    let mut mounts = Vec::new();
    for name in names(&folder)?.into_iter().filter(|it| is_wanted(it)) {
        if let Some(own) = inner(&folder, &name)? {
            take_mounts(&own, &name, 0, &mut mounts)?;
        }
    }
    Ok(mounts)
}

/// Takes a mount, and those in folders below it: Docker 28 names a mount's layer after its image, with all the
/// slashes that a repository's name has.
fn take_mounts(
    own: &OwnedFd,
    name: &str,
    depth: usize,
    mounts: &mut Vec<MountEntry>,
) -> io::Result<()> {
    let folder = read(own, "mount-id")?.map(Text::from);
    if folder.is_some() {
        mounts.push(MountEntry {
            name: name.into(),
            folder,
            init: read(own, "init-id")?.map(Into::into),
            parent: read(own, "parent")?.map(ChainId::new),
        });
    }
    if name.len() <= 64 || depth > SLASHES {
        return Ok(());
    }
    for below in names(own)? {
        if let Some(folder) = inner(own, &below)? {
            take_mounts(&folder, &format!("{name}/{below}"), depth + 1, mounts)?;
        }
    }
    Ok(())
}

/// Returns what is in a folder, but for names that are no text.
fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_str().ok();
        names.extend(
            name.filter(|it| !matches!(*it, "." | ".."))
                .map(str::to_owned),
        );
    }
    Ok(names)
}

/// One of BuildKit's snapshots, as the engine notes it.
struct BuildkitSnapshot {
    id: RecordId,
    /// The layer that it became.
    chain: Option<ChainId>,
    /// The folder that it was written in, under the name that it had until it was whole.
    committed: Option<Text>,
}

fn layers(root: &Root, driver: &str, earlier: Option<&LayerDb>) -> Option<Vec<StoredLayer>> {
    let earlier = earlier.iter().flat_map(|it| &it.layers);
    let earlier: HashMap<&str, &StoredLayer> = earlier.map(|it| (it.chain.as_str(), it)).collect();
    let list = Path::new("image").join(driver).join("layerdb/sha256");
    let folder = root.open_folder(&list).ok()?;
    let mut layers = Vec::new();
    for entry in Dir::read_from(&folder).ok()? {
        let entry = entry.ok()?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        // What is on its way in or out has another name. A list that lacks one which is there is worse than
        // none: what was made of that layer would seem to have bytes of its own.
        if is_random(name) {
            layers.extend(layer(&folder, name, &earlier).ok()?);
        }
    }
    let chains: HashSet<ChainId> = layers.iter().map(|it| it.chain.clone()).collect();
    for layer in &mut layers {
        let parent = layer.parent.as_ref().and_then(|it| chains.get(it));
        layer.parent = parent.cloned().or(layer.parent.take());
    }
    Some(layers)
}

/// Returns what BuildKit's snapshots are: the engine notes the layer of each that became one (its `snapshots.db`, a
/// bucket for each record with the key `chainid`).
fn snapshots(root: &Root) -> Option<Vec<BuildkitSnapshot>> {
    databases(root, [Path::new("buildkit/snapshots.db")], |[bolt]| {
        snapshots_in(bolt)
    })
}

/// Something in databases of the engine's, each read in one whole state, while none of them changed.
pub(in crate::engine) fn databases<T, const N: usize>(
    root: &Root,
    paths: [&Path; N],
    read: impl Fn([&Bolt<'_>; N]) -> Option<T>,
) -> Option<T> {
    for _ in 0..TRIES {
        let (files, texts) = (paths.map(|path| pages(root, path)), Interner::default());
        let bolts: Option<Vec<Bolt<'_>>> = files
            .iter()
            .map(|file| Bolt::open(file.as_ref()?, &texts))
            .collect();
        let bolts = bolts?;
        let those: Vec<&Bolt<'_>> = bolts.iter().collect();
        let found = read(those.try_into().ok()?);
        // Pages are used again only by a later change, and there was none meanwhile.
        let is_same = |(path, bolt): (&&Path, &Bolt<'_>)| {
            let file = pages(root, path);
            let now = file.as_ref().and_then(|file| Bolt::open(file, &texts));
            now.is_some_and(|now| now.transaction == bolt.transaction)
        };
        if paths.iter().zip(&bolts).all(is_same) {
            return found;
        }
    }
    None
}

fn pages(root: &Root, path: &Path) -> Option<Pages> {
    Pages::of(root.open_file(path).ok()?, LARGEST)
}

fn snapshots_in(bolt: &Bolt<'_>) -> Option<Vec<BuildkitSnapshot>> {
    let mut snapshots = Vec::new();
    for (id, value) in bolt.entries(&bolt.root())? {
        let BoltValue::Bucket(bucket) = value else {
            continue;
        };
        let entries = bolt.entries(&bucket)?;
        let text = |wanted: &[u8]| {
            entries.iter().find_map(|(key, value)| match value {
                BoltValue::Bytes(bytes) if *key == wanted => std::str::from_utf8(bytes).ok(),
                _ => None,
            })
        };
        if let Ok(id) = std::str::from_utf8(id) {
            snapshots.push(BuildkitSnapshot {
                id: RecordId::new(id),
                chain: text(b"chainid").map(ChainId::new),
                committed: text(b"committed").map(Text::from),
            });
        }
    }
    Some(snapshots)
}

/// One entry; `None` where it went meanwhile or is not whole.
fn layer(
    list: &OwnedFd,
    name: &str,
    earlier: &HashMap<&str, &StoredLayer>,
) -> io::Result<Option<StoredLayer>> {
    let Some(folder) = inner(list, name)? else {
        return Ok(None);
    };
    let parent = read(&folder, "parent")?;
    let (diff, cache) = (read(&folder, "diff")?, read(&folder, "cache-id")?);
    let size = read(&folder, "size")?.and_then(|size| size.parse().ok());
    let Some(((diff_id, folder), size)) = diff.zip(cache).zip(size) else {
        return Ok(None);
    };
    let (chain, size) = (format!("sha256:{name}"), Some(Bytes(size)));
    if let Some(same) = earlier.get(&*chain).filter(|it| {
        it.parent.as_ref().map(ChainId::as_str) == parent.as_deref()
            && *it.diff_id == *diff_id
            && *it.folder == *folder
            && it.size == size
    }) {
        return Ok(Some((*same).clone()));
    }
    Ok(Some(StoredLayer {
        chain: ChainId::new(chain),
        parent: parent.map(ChainId::new),
        diff_id: diff_id.into(),
        folder: folder.into(),
        size,
    }))
}

/// Opens a folder in another; `None` where it went, or is none.
pub(in crate::engine) fn inner(list: &OwnedFd, name: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | base_flags();
    match openat(list, name, flags, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        // Gone, or no folder: a link is followed nowhere.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(in crate::engine) fn read(folder: impl AsFd, name: &str) -> io::Result<Option<String>> {
    let file = openat(folder, name, OFlags::NOFOLLOW | base_flags(), Mode::empty());
    let Some(file) = unless_gone(file.map_err(io::Error::from))? else {
        return Ok(None);
    };
    let mut text = String::new();
    File::from(file).take(LONGEST).read_to_string(&mut text)?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
