//! What lies in the folder of an engine that is proven to be local: one walk through all of it, each part with
//! whose it is by its place and by the engine's notes (ENGINE.md §5).
//!
//! Only lists and notes are kept of it, and the inodes of files with several names: it does not matter how many
//! files there are. A folder that cannot be read costs what is in it, and is told by its path.
//!
//! - `beside`: the containerd that runs beside the engine.
//! - `beyond`: what lies beside an engine's folder, and is not in its totals.

mod beside;
mod beyond;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FileType, Stat, fstat, readlinkat};
use serde::Deserialize;

use self::beside::Beside;
use super::folder::FolderReader;
use super::leash::Walker;
use super::measure::VolumeUsage;
use super::mounts::MountTree;
use super::on_disk::{Before, folders_of};
use super::proof::{ListedIds, has_images};
use super::root::{Root, unless_gone};
use super::taken::blocks;
use super::walk::{Linked, LookAt};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::item::{ChainId, ContainerId, ImageId, VolumeName};
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::store::folder::{Contents, Owner, Portion, Taken};
use crate::domain::text::Text;
use crate::domain::unexplained::Cause;
use crate::engine::metadata::layerdb::FolderOwners;
use crate::engine::metadata::leases::{Keeper, Owners};
use crate::engine::metadata::store::DAEMON;

/// Folders that the storage drivers have had: one that is not in use was left by another.
const DRIVERS: [&str; 9] = [
    "overlay2",
    "fuse-overlayfs",
    "overlay",
    "vfs",
    "btrfs",
    "zfs",
    "aufs",
    "devicemapper",
    "windowsfilter",
];
/// A container's settings are some kilobytes.
const LONGEST_CONFIG: u64 = 4 << 20;
/// So many folders of one thing that cannot be read are told one by one.
const NAMED: usize = 8;
/// Where overlay2 keeps a link with a short name for each layer.
const SHORT_NAMES: &str = "l";
/// What the engine notes of containers' own layers, below its notes on layers and images.
const MOUNTS: &str = "layerdb/mounts";
/// Folders of the engine's notes on layers and images that have one for each, or lead there.
const LISTS: [&str; 7] = [
    "layerdb",
    "layerdb/sha256",
    "imagedb",
    "imagedb/content",
    "imagedb/content/sha256",
    "imagedb/metadata",
    "imagedb/metadata/sha256",
];
const BLOBS: &str = "io.containerd.content.v1.content";
const SNAPSHOTTER: &str = "io.containerd.snapshotter.v1.";

/// How the engine's figure of a folder of the driver's is counted.
enum CountedBy {
    Blocks,
    Length(Bytes),
    /// Only the engine knows.
    Unknown,
}

/// What volumes took when they were measured.
pub type MeasuredVolumes = HashMap<VolumeName, VolumeUsage>;

/// Walks through all of an engine's folder. `volumes` were measured a moment ago and need no second walk.
///
/// It reads as much as `du` does: call it where that is allowed to take as long.
///
/// # Errors
/// The folder itself cannot be read, or nobody waits for the answer any more.
pub fn contents(
    root: &Root,
    engine: &EngineInfo,
    known: &ListedIds,
    (volumes, layers): (&MeasuredVolumes, &Before),
    walker: &Walker,
) -> io::Result<Contents> {
    let beside = Beside::of(engine, known);
    let measured = (volumes, layers);
    of_root_and(beside.as_ref(), (root, walker), engine, known, measured)
}

fn of_root_and(
    beside: Option<&Beside>,
    (root, walker): (&Root, &Walker),
    engine: &EngineInfo,
    known: &ListedIds,
    (volumes, before): (&MeasuredVolumes, &Before),
) -> io::Result<Contents> {
    let daemon = Path::new(DAEMON);
    let tour = |root| FolderWalk {
        root,
        walker,
        volumes,
        before,
        known,
        driver: match engine.store {
            Store::GraphDriver => Some(&engine.driver),
            Store::Containerd | Store::Unknown => None,
        },
        folders: folders_of(engine),
        snapshotter: &engine.driver,
        // A folder in the root may be left from another time, when the engine ran a containerd of its own.
        runs_containerd: engine.store == Store::Containerd
            && beside.is_none()
            && has_images(root, daemon, &known.images),
        mounts: walker.mounts(root),
        device: root.device,
        linked: Mutex::default(),
        contents: Contents {
            root: root.path().clone(),
            ..Contents::default()
        },
    };
    let mut own = tour(root);
    own.all()?;
    if let Some(beside) = beside {
        let mut other = tour(&beside.root);
        beside.tour(&mut other)?;
        own.contents.portions.append(&mut other.contents.portions);
        own.contents.unread.append(&mut other.contents.unread);
    }
    own.contents
        .portions
        .extend(beyond::portions(root, engine, walker)?);
    Ok(own.contents)
}

/// Returns why a file in a folder of the engine's notes is there: a database is never smaller than it once was.
fn of_file(entry: &FolderEntry, otherwise: Cause) -> Cause {
    let name = entry.name();
    let is_database = name.ends_with(".db") || name.ends_with(".boltdb");
    if is_database && !entry.is_folder() {
        Cause::Databases
    } else {
        otherwise
    }
}

struct FolderWalk<'a> {
    root: &'a Root,
    walker: &'a Walker,
    volumes: &'a MeasuredVolumes,
    /// Layers and images that were counted a moment ago.
    before: &'a Before,
    known: &'a ListedIds,
    /// The graph driver; none where the containerd store runs.
    driver: Option<&'a str>,
    /// Where the graph driver keeps a folder for each layer, and the folder in each of the layer's own files.
    folders: Option<(PathBuf, Option<&'static str>)>,
    /// The same, or containerd's snapshotter.
    snapshotter: &'a str,
    /// The containerd store lies in the root.
    runs_containerd: bool,
    mounts: Arc<MountTree>,
    /// The filesystem that is walked through: the root's, or that to which a link in it leads.
    device: u64,
    linked: Mutex<Linked>,
    contents: Contents,
}

/// Something in a folder, by its path below the root.
struct FolderEntry {
    path: PathBuf,
    stat: Stat,
}

impl FolderEntry {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Directory
    }
}

impl FolderWalk<'_> {
    fn all(&mut self) -> io::Result<()> {
        let own = blocks(&fstat(&self.root.dir)?);
        self.nobodys(Cause::EngineFiles, Path::new(""), own);
        // Nothing is known where this fails.
        FolderReader::new(self.root.open_folder(Path::new(""))?)?.next()?;
        for entry in self.entries(Path::new(""))? {
            let entry = self.through_link(entry)?;
            let name = entry.name();
            let cause = match &*name {
                "containers" if entry.is_folder() => {
                    self.containers(&entry)?;
                    continue;
                }
                "volumes" if entry.is_folder() => {
                    self.volumes(&entry)?;
                    continue;
                }
                "image" if entry.is_folder() => {
                    self.image(&entry)?;
                    continue;
                }
                "containerd" if entry.is_folder() => {
                    self.containerd(&entry)?;
                    continue;
                }
                "buildkit" | "builder" | "network" if entry.is_folder() => {
                    self.with_databases(&entry)?;
                    continue;
                }
                name if Some(name) == self.driver && entry.is_folder() => {
                    self.layers(&entry)?;
                    continue;
                }
                name if DRIVERS.contains(&name) => Cause::OtherStore,
                "swarm" => Cause::Swarm,
                "plugins" => Cause::Plugins,
                "tmp" | "tmp-old" => Cause::Temporary,
                "engine-id" | "key.json" | "runtimes" | "rootfs" | "trust" => Cause::EngineFiles,
                _ if beyond::is_other_root(self.root, &entry.path) => Cause::OtherRoot,
                _ => Cause::Other,
            };
            self.take_as(cause, &entry)?;
        }
        Ok(())
    }

    /// Returns the builder's folder, or that of networks: notes, and databases of them.
    fn with_databases(&mut self, folder: &FolderEntry) -> io::Result<()> {
        let cause = match &*folder.name() {
            "network" => Cause::Network,
            _ => Cause::BuildKit,
        };
        let mut open = vec![(folder.path.clone(), blocks(&folder.stat))];
        while let Some((path, own)) = open.pop() {
            self.nobodys(cause, &folder.path, own);
            for entry in self.entries(&path)? {
                // Those of networks lie one folder below.
                if entry.is_folder() && cause == Cause::Network && path == folder.path {
                    open.push((entry.path.clone(), blocks(&entry.stat)));
                } else {
                    self.take_in(of_file(&entry, cause), &folder.path, &entry)?;
                }
            }
        }
        Ok(())
    }

    /// Takes something as a part of the folder that it is in.
    fn take_in(&mut self, cause: Cause, folder: &Path, entry: &FolderEntry) -> io::Result<()> {
        let taken = self.take(entry)?;
        let place = if cause == Cause::Databases {
            &entry.path
        } else {
            folder
        };
        self.nobodys(cause, place, taken.blocks);
        Ok(())
    }

    /// Takes the folder that a link of the root leads to for the link. Until the next entry all is walked through on
    /// that folder's filesystem.
    fn through_link(&mut self, entry: FolderEntry) -> io::Result<FolderEntry> {
        self.device = self.root.device;
        if self.root.link(&entry.name()).is_none() {
            return Ok(entry);
        }
        let Some(folder) = unless_gone(self.root.open_folder(&entry.path))? else {
            return Ok(entry);
        };
        let stat = fstat(folder)?;
        self.device = stat.st_dev;
        Ok(FolderEntry { stat, ..entry })
    }

    /// Returns a folder for each container, whose logs are told elsewhere.
    fn containers(&mut self, folder: &FolderEntry) -> io::Result<()> {
        self.nobodys(Cause::ContainerFolders, &folder.path, blocks(&folder.stat));
        for entry in self.entries(&folder.path)? {
            if !entry.is_folder() {
                self.take_as(Cause::Other, &entry)?;
                continue;
            }
            let taken = self.take(&entry)?;
            if let Some(name) = self.other_stores(&entry) {
                let owner = Owner::OtherStores(name);
                self.portion(owner, &entry.path, taken.blocks, None);
                continue;
            }
            let id = ContainerId::new(&*entry.name());
            let logs = super::logs(self.root, self.snapshotter, &id);
            let logs = logs.map_or(Bytes::ZERO, |logs| logs.blocks);
            self.portion(Owner::Container(id), &entry.path, taken.blocks, Some(logs));
        }
        Ok(())
    }

    /// The name of a container of another storage driver, which an engine does not load: it is out of its sight.
    fn other_stores(&self, folder: &FolderEntry) -> Option<Text> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Config {
            #[serde(default)]
            driver: String,
            #[serde(default)]
            name: String,
        }
        let config = self.root.open_file(&folder.path.join("config.v2.json"));
        let config = config.ok()?.take(LONGEST_CONFIG);
        let config: Config = serde_json::from_reader(BufReader::new(config)).ok()?;
        let is_other = !config.driver.is_empty() && config.driver != self.snapshotter;
        is_other.then(|| config.name.trim_start_matches('/').into())
    }

    fn volumes(&mut self, folder: &FolderEntry) -> io::Result<()> {
        self.nobodys(Cause::EngineFiles, &folder.path, blocks(&folder.stat));
        for entry in self.entries(&folder.path)? {
            if !entry.is_folder() {
                self.take_as(of_file(&entry, Cause::EngineFiles), &entry)?;
                continue;
            }
            let name = VolumeName::new(&*entry.name());
            if let Some(known) = self.volumes.get(&name) {
                let taken = self.take_known(&known.disk);
                let data = Some(known.length);
                self.portion(Owner::Volume(name), &entry.path, taken, data);
                continue;
            }
            let mut taken = blocks(&entry.stat);
            let mut data = Bytes::ZERO;
            for inner in self.entries(&entry.path)? {
                let inside = self.take(&inner)?;
                taken += inside.blocks;
                if inner.name() == "_data" {
                    data = inside.length;
                }
            }
            self.portion(Owner::Volume(name), &entry.path, taken, Some(data));
        }
        Ok(())
    }

    /// Returns what something takes that was measured by itself: a file with names elsewhere counts once in all.
    fn take_known(&self, usage: &DiskUsage) -> Bytes {
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        let links: Bytes = usage.links.iter().map(|it| linked.meet_link(it)).sum();
        usage.own + usage.uncertain + usage.shareable + links
    }

    fn image(&mut self, folder: &FolderEntry) -> io::Result<()> {
        self.nobodys(Cause::ImageMetadata, &folder.path, blocks(&folder.stat));
        for entry in self.entries(&folder.path)? {
            let name = entry.name();
            if Some(&*name) == self.driver && entry.is_folder() {
                self.notes(&entry)?;
                continue;
            }
            let cause = if DRIVERS.contains(&&*name) {
                Cause::OtherStore
            } else {
                Cause::ImageMetadata
            };
            self.take_as(cause, &entry)?;
        }
        Ok(())
    }

    /// Returns what the engine notes of layers and images, but for what was counted with them.
    fn notes(&mut self, folder: &FolderEntry) -> io::Result<()> {
        let before = self.before;
        let layers = before.layers();
        let images = &before.on_disk.images;
        let of_images: Bytes = images.values().copied().sum();
        self.portion(Owner::Store, &folder.path, of_images, Some(of_images));
        let mut open = vec![(folder.path.clone(), blocks(&folder.stat))];
        while let Some((path, own)) = open.pop() {
            self.nobodys(Cause::ImageMetadata, &path, own);
            for entry in self.entries(&path)? {
                let place = entry.path.strip_prefix(&folder.path);
                let place = place.unwrap_or(&entry.path);
                let mut lists = LISTS.iter().chain([&MOUNTS]);
                if entry.is_folder() && lists.any(|it| place == Path::new(it)) {
                    open.push((entry.path.clone(), blocks(&entry.stat)));
                    continue;
                }
                if place.parent() == Some(Path::new(MOUNTS)) {
                    let taken = self.take(&entry)?.blocks;
                    let container = self.known.mounts_of(&entry.name());
                    self.portion(Owner::Notes(container), Path::new("image"), taken, None);
                    continue;
                }
                let digest = format!("sha256:{}", entry.name());
                let is_counted = match place.parent().and_then(Path::to_str) {
                    Some("layerdb/sha256") => layers.contains(&ChainId::new(digest)),
                    Some("imagedb/content/sha256" | "imagedb/metadata/sha256") => {
                        images.contains_key(&ImageId::new(digest))
                    }
                    _ => false,
                };
                if !is_counted {
                    self.take_as(Cause::ImageMetadata, &entry)?;
                }
            }
        }
        Ok(())
    }

    /// Returns where the engine runs a containerd of its own.
    fn containerd(&mut self, folder: &FolderEntry) -> io::Result<()> {
        self.nobodys(Cause::EngineFiles, &folder.path, blocks(&folder.stat));
        for entry in self.entries(&folder.path)? {
            if entry.name() != "daemon" {
                self.take_as(Cause::EngineFiles, &entry)?;
                continue;
            }
            self.nobodys(Cause::EngineFiles, &entry.path, blocks(&entry.stat));
            for entry in self.entries(&entry.path)? {
                let name = entry.name().into_owned();
                match name.strip_prefix(SNAPSHOTTER) {
                    Some(snapshotter) => self.snapshots(snapshotter, &entry)?,
                    None if name == BLOBS => self.blobs(&entry)?,
                    None if name.starts_with("io.containerd.metadata.") => {
                        self.take_as(Cause::Databases, &entry)?;
                    }
                    None => self.take_as(Cause::EngineFiles, &entry)?,
                }
            }
        }
        Ok(())
    }

    fn blobs(&mut self, folder: &FolderEntry) -> io::Result<()> {
        if !self.runs_containerd {
            let taken = self.take(folder)?;
            let cause = left(!taken.length.is_zero());
            self.nobodys(cause, &folder.path, taken.blocks);
            return Ok(());
        }
        self.nobodys(Cause::ImageMetadata, &folder.path, blocks(&folder.stat));
        let keepers = self.keepers(folder);
        for entry in self.entries(&folder.path)? {
            if entry.name() == "blobs" {
                self.kept_blobs(&entry, &folder.path, keepers.as_ref())?;
                continue;
            }
            let taken = self.take(&entry)?;
            // What is being fetched, or was until it was cut off.
            let is_fetched = entry.name() == "ingest" && !taken.length.is_zero();
            let cause = if is_fetched {
                Cause::Leased
            } else {
                Cause::ImageMetadata
            };
            self.nobodys(cause, &entry.path, taken.blocks);
        }
        Ok(())
    }

    /// Returns a folder for each way to make a digest, with the blobs in it.
    fn kept_blobs(
        &mut self,
        folder: &FolderEntry,
        store: &Path,
        keepers: Option<&Owners>,
    ) -> io::Result<()> {
        let Some(keepers) = keepers else {
            let taken = self.take(folder)?;
            self.portion(Owner::Store, store, taken.blocks, Some(taken.length));
            return Ok(());
        };
        self.nobodys(Cause::ImageMetadata, store, blocks(&folder.stat));
        let mut of_images = Taken::default();
        for algorithm in self.entries(&folder.path)? {
            self.nobodys(Cause::ImageMetadata, store, blocks(&algorithm.stat));
            if !algorithm.is_folder() {
                continue;
            }
            for blob in self.entries(&algorithm.path)? {
                let taken = self.take(&blob)?;
                let digest = format!("{}:{}", algorithm.name(), blob.name());
                let owner = match keepers.of_blob(&digest) {
                    Keeper::Image => {
                        of_images += taken;
                        continue;
                    }
                    Keeper::Leases(names) => Owner::Leased(names),
                    Keeper::History => Owner::Nobody(Cause::BuildKit),
                    Keeper::OtherNamespace => Owner::Nobody(Cause::OtherNamespace),
                    // The collector takes it when it runs next.
                    Keeper::Nobody => Owner::Nobody(Cause::Leased),
                };
                self.portion(owner, store, taken.blocks, Some(taken.length));
            }
        }
        self.portion(
            Owner::Store,
            store,
            of_images.blocks,
            Some(of_images.length),
        );
        Ok(())
    }

    /// Who keeps what in the containerd store beside one of its folders.
    fn keepers(&self, folder: &FolderEntry) -> Option<Owners> {
        let containerd = folder.path.parent()?;
        Owners::read(self.root, containerd, self.snapshotter)
    }

    fn snapshots(&mut self, snapshotter: &str, folder: &FolderEntry) -> io::Result<()> {
        let list = folder.path.join("snapshots");
        if !self.runs_containerd || snapshotter != self.snapshotter {
            let is_used = !self.entries(&list)?.is_empty();
            let taken = self.take(folder)?;
            self.nobodys(left(is_used), &folder.path, taken.blocks);
            return Ok(());
        }
        self.nobodys(Cause::ImageMetadata, &folder.path, blocks(&folder.stat));
        let keepers = self.keepers(folder);
        for entry in self.entries(&folder.path)? {
            if entry.path != list {
                self.take_as(of_file(&entry, Cause::ImageMetadata), &entry)?;
                continue;
            }
            self.nobodys(Cause::ImageMetadata, &entry.path, blocks(&entry.stat));
            for snapshot in self.entries(&list)? {
                let (taken, files) = self.take_with(&snapshot, "fs")?;
                // The containerd store counts blocks, of folders too (ENGINE.md §3).
                let counted = Some(files.blocks);
                let keeper = keepers.as_ref().map(|it| it.of_snapshot(&snapshot.name()));
                let owner = match keeper {
                    None | Some(Keeper::Image) => Owner::Store,
                    Some(Keeper::Leases(names)) => Owner::Leased(names),
                    Some(Keeper::History) => Owner::Nobody(Cause::BuildKit),
                    Some(Keeper::OtherNamespace) => Owner::Nobody(Cause::OtherNamespace),
                    Some(Keeper::Nobody) => Owner::Nobody(Cause::Unreferenced),
                };
                let place = match &owner {
                    Owner::Leased(_) | Owner::Nobody(Cause::OtherNamespace) => folder.path.clone(),
                    _ => snapshot.path.clone(),
                };
                self.portion(owner, &place, taken.blocks, counted);
            }
        }
        Ok(())
    }

    /// Returns the folders of the graph driver in use.
    fn layers(&mut self, folder: &FolderEntry) -> io::Result<()> {
        let driver = folder.name().into_owned();
        let mut own = blocks(&folder.stat);
        let Some((list, files)) = self.folders.clone() else {
            let taken = self.take(folder)?.blocks;
            self.portion(Owner::Store, &folder.path, taken, Some(taken));
            return Ok(());
        };
        self.contents.copies = files.is_none();
        if list != folder.path {
            let folder = self.own_folder(&list).ok().flatten();
            let stat = folder.map(fstat).transpose()?;
            own += stat.as_ref().map(blocks).unwrap_or_default();
        }
        self.portion(Owner::Store, &folder.path, own, Some(Bytes::ZERO));
        let (mut found, mut links) = (Vec::new(), Vec::new());
        for entry in self.entries(&list)? {
            if let Some(blocks) = self.before.folder(&entry.name()) {
                found.push((entry, blocks, CountedBy::Blocks));
                continue;
            }
            let (taken, counted) = match files {
                Some(_) if entry.name() == SHORT_NAMES => {
                    links = self.short_names(&entry)?;
                    let blocks = blocks(&entry.stat);
                    let length = Bytes::ZERO;
                    (Taken { length, blocks }, CountedBy::Length(Bytes::ZERO))
                }
                Some(files) => {
                    let (taken, files) = self.take_with(&entry, files)?;
                    (taken, CountedBy::Length(files.length))
                }
                None => (self.take(&entry)?, CountedBy::Unknown),
            };
            found.push((entry, taken.blocks, counted));
        }
        // Newer than the folders: one that came meanwhile is not taken for nobody's.
        let earlier = self.before.stored.as_deref();
        let notes = FolderOwners::read(self.root, &driver, self.known, earlier);
        for (entry, blocks, counted) in found {
            let owner = match notes.owner(&entry.name()) {
                Some(owner) => owner,
                None if !entry.is_folder() || entry.name() == SHORT_NAMES => Owner::Store,
                // It may have gone meanwhile, and the notes on it with it.
                None if unless_gone(self.root.open_folder(&entry.path))?.is_none() => continue,
                None => Owner::Nobody(Cause::Unreferenced),
            };
            let counted = match (&owner, counted) {
                (_, CountedBy::Blocks) => Some(blocks),
                (Owner::Layer(chain), _) => notes.size(chain),
                (_, CountedBy::Length(length)) => Some(length),
                (_, CountedBy::Unknown) => None,
            };
            self.portion(owner, &entry.path, blocks, counted);
        }
        for (of, blocks) in links {
            let owner = match notes.owner(&of) {
                Some(Owner::Writable(id) | Owner::Init(id)) => Owner::Notes(id),
                Some(_) | None => Owner::Store,
            };
            self.portion(owner, &list.join(SHORT_NAMES), blocks, Some(Bytes::ZERO));
        }
        self.contents.layers = notes.layers.unwrap_or_default();
        self.contents.mounts = notes.mounts;
        self.contents.records = notes.records;
        Ok(())
    }

    /// Returns the folders that short names stand for, each with what its name takes; but for those of layers, which
    /// were counted with them, and those that take nothing.
    fn short_names(&mut self, folder: &FolderEntry) -> io::Result<Vec<(String, Bytes)>> {
        let mut names = Vec::new();
        let list = self.root.open_folder(&folder.path).ok();
        for entry in self.entries(&folder.path)? {
            let own = blocks(&entry.stat);
            // `../<folder>/diff`; most lie in their inodes.
            let target = list.as_ref().filter(|_| !own.is_zero());
            let target = target.and_then(|it| readlinkat(it, &*entry.name(), Vec::new()).ok());
            let target = target.as_ref().and_then(|it| it.to_str().ok());
            let of = target.and_then(|it| it.split('/').nth(1));
            if !own.is_zero() && of.and_then(|of| self.before.folder(of)).is_none() {
                names.push((of.unwrap_or_default().to_owned(), own));
            }
        }
        Ok(names)
    }

    /// Returns what is in a folder that is there and can be read. What lies on another filesystem is not in it.
    fn entries(&mut self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        self.walker.goes_on()?;
        let mut entries = Vec::new();
        if self.add_entries(folder, &mut entries).is_err() {
            self.note_unread(folder);
        }
        Ok(entries)
    }

    fn add_entries(&self, folder: &Path, entries: &mut Vec<FolderEntry>) -> io::Result<()> {
        let Some(dir) = unless_gone(self.root.open_folder(folder))? else {
            return Ok(());
        };
        let mut open = FolderReader::among(dir, self.mounts.at(folder))?;
        while let Some((name, stat)) = open.next()? {
            if stat.st_dev == self.device {
                let path = folder.join(name);
                entries.push(FolderEntry { path, stat });
            }
        }
        Ok(())
    }

    /// Returns what something takes with everything in it.
    fn take(&mut self, entry: &FolderEntry) -> io::Result<Taken> {
        if !entry.is_folder() {
            let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(linked.meet(&entry.stat));
        }
        let folder = match self.own_folder(&entry.path) {
            Ok(Some(folder)) => folder,
            Ok(None) => return Ok(Taken::default()),
            Err(_) => {
                self.note_unread(&entry.path);
                let blocks = blocks(&entry.stat);
                let length = Bytes::ZERO;
                return Ok(Taken { length, blocks });
            }
        };
        let mounts = self.mounts.at(&entry.path);
        let found = self
            .walker
            .walk(folder, mounts, &self.linked, LookAt::All)?;
        if found.unread.len() > NAMED {
            self.note_unread(&entry.path);
        } else {
            for unread in &found.unread {
                self.note_unread(&entry.path.join(&unread.path));
            }
        }
        Ok(found.taken)
    }

    /// Opens a folder that is there, on the root's own filesystem.
    fn own_folder(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let folder = unless_gone(self.root.open_folder(path))?;
        let is_own = |folder: &OwnedFd| Ok(fstat(folder)?.st_dev == self.device);
        let is_own = folder.as_ref().map(is_own).transpose();
        is_own.map(|is_own| folder.filter(|_| is_own == Some(true)))
    }

    fn note_unread(&mut self, path: &Path) {
        let path = self.place_of(path);
        self.contents.unread.push(path);
    }

    /// Returns the same, and what one of the folders in it takes.
    fn take_with(&mut self, entry: &FolderEntry, files: &str) -> io::Result<(Taken, Taken)> {
        if !entry.is_folder() {
            return Ok((self.take(entry)?, Taken::default()));
        }
        let mut all = Taken {
            length: Bytes::ZERO,
            blocks: blocks(&entry.stat),
        };
        let mut of_files = Taken::default();
        for inner in self.entries(&entry.path)? {
            let taken = self.take(&inner)?;
            all += taken;
            if inner.path.file_name() == Some(OsStr::new(files)) {
                of_files = taken;
            }
        }
        Ok((all, of_files))
    }

    fn take_as(&mut self, cause: Cause, entry: &FolderEntry) -> io::Result<()> {
        let taken = self.take(entry)?;
        self.nobodys(cause, &entry.path, taken.blocks);
        Ok(())
    }

    fn nobodys(&mut self, cause: Cause, path: &Path, blocks: Bytes) {
        // These are many and small: they are told together.
        let store = ["image", "containerd"].map(Path::new);
        let path = match cause {
            Cause::EngineFiles => Path::new(""),
            Cause::ImageMetadata => {
                let below = store.into_iter().find(|store| path.starts_with(store));
                below.unwrap_or(path)
            }
            _ => path,
        };
        self.portion(Owner::Nobody(cause), path, blocks, None);
    }

    fn portion(&mut self, owner: Owner, path: &Path, blocks: Bytes, counted: Option<Bytes>) {
        let path = self.place_of(path);
        self.contents.portions.push(Portion {
            owner,
            path,
            blocks,
            counted,
        });
    }

    /// Returns a path as the engine would name it.
    fn place_of(&self, path: &Path) -> Text {
        let root = &self.contents.root;
        if path.as_os_str().is_empty() {
            return root.clone();
        }
        Path::new(&**root).join(path).to_string_lossy().into()
    }
}

/// Whose a part of the containerd store is while a graph driver runs.
fn left(is_used: bool) -> Cause {
    if is_used {
        Cause::OtherStore
    } else {
        Cause::EngineFiles
    }
}

#[cfg(test)]
mod tests;
