//! The engine's host, where it is this machine: proof of that, and the disks that hold the engine's data.

mod containers;
mod contents;
pub(in crate::engine) mod extents;
pub(in crate::engine) mod in_use;
mod logs;
pub mod remote;
mod resolve;

pub use crate::engine::metadata::layerdb::stored;
pub use crate::engine::metadata::noted::{Documents, Noted};
pub use containers::{Containers, containers};
pub use contents::{Measured, contents};

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, FsWord, Mode, OFlags, StatVfs, fstat, fstatfs, fstatvfs, openat,
    statat, syncfs,
};

use crate::domain::bytes::Bytes;
use crate::domain::disk::{Disk, DiskList, Places, owed_by_ext};
use crate::domain::inventory::{EngineInfo, Inventory, Store};
use crate::domain::item::{
    Container, ContainerId, ImageId, ImageMount, RecordId, State, Text, VolumeName,
};

mod measure;
mod meter;
mod mount_table;
mod mounts;
pub mod on_disk;
pub mod peer;
pub(in crate::engine) mod podman;
mod unlisted;
mod walk;
mod written;

pub use logs::{LogOrder, logs, truncate};
pub use measure::{Leash, VolumeUsage, Walker};
pub use resolve::{Asked, resolve};
pub use unlisted::{Unlisted, unlisted};
pub use written::written;

/// Where containerd keeps its data when it is not told otherwise.
pub(in crate::engine) const CONTAINERD: &str = "/var/lib/containerd";
/// The folders of an engine's root that people put on another disk with a link (moby#39446), and no others.
const LINKABLE: [&str; 3] = ["volumes", "containers", "overlay2"];
/// How many objects of a kind are looked for: one found is proof, and a folder of thousands is no better.
const SAMPLE: usize = 16;

/// How filesystems are asked how full they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookOrder {
    AsTheyAre,
    /// Once they were synchronised, where that can be done: it waits for the disk.
    Synced,
}

/// Why an engine does not count as local.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLocal {
    #[error("it is not reached through a unix socket")]
    NoUnixSocket,
    #[error("it does not say where it keeps its data")]
    NoRoot,
    #[error("{root} cannot be opened: {cause}")]
    Closed { root: Text, cause: String },
    #[error("{root} on this machine belongs to another engine")]
    OtherEngine { root: Text },
    #[error("nothing in {root} shows that it is this engine's")]
    Unproven { root: Text },
}

/// Things on an engine's lists, to be looked for in its folder.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub images: Vec<ImageId>,
    pub containers: Vec<ContainerId>,
    /// Those of them that are on their way out, or were and stayed: they may have lost what they had already.
    pub leaving: Vec<ContainerId>,
    /// Those of them that mount images.
    pub mounting: Vec<(ContainerId, Vec<ImageMount>)>,
    pub volumes: Vec<VolumeName>,
    pub records: Vec<RecordId>,
    /// Folders of layers, which the storage driver names at random.
    pub folders: Vec<Text>,
    /// The folder that was proven to be this very engine's before.
    pub proven: Option<Proven>,
}

impl Known {
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        let named = inventory
            .images
            .iter()
            .filter(|image| !image.names.is_empty());
        Self {
            images: named.map(|image| image.id.clone()).collect(),
            containers: inventory.containers.iter().map(|c| c.id.clone()).collect(),
            leaving: leaving(&inventory.containers),
            mounting: mounting(&inventory.containers),
            volumes: inventory.volumes.iter().map(|v| v.name.clone()).collect(),
            records: inventory.cache.iter().map(|it| it.id.clone()).collect(),
            folders: inventory
                .images
                .iter()
                .filter_map(|image| image.content.as_ref().known())
                .filter_map(|content| content.folders.last())
                .take(SAMPLE)
                .collect(),
            proven: None,
        }
    }
}

impl Known {
    /// The container that a layer, a lease or a snapshot of this name belongs to, which may be not listed: names are
    /// a container's ID, an ID with more behind it, or made up for an image mount of a listed one.
    pub(super) fn mounts_of(&self, name: &str) -> ContainerId {
        let is_its = |(id, mounts): &&(ContainerId, Vec<ImageMount>)| {
            let mut names = mounts.iter().flat_map(|mount| mount.layer_names(id));
            names.any(|it| *it == *name)
        };
        if let Some((id, _)) = self.mounting.iter().find(is_its) {
            return id.clone();
        }
        let id = name.get(..64).filter(|id| is_random(id));
        ContainerId::new(match id {
            Some(id) if name[64..].starts_with('-') => id,
            Some(_) | None => name,
        })
    }
}

/// Containers that mount images, with their mounts.
pub(in crate::engine) fn mounting(containers: &[Container]) -> Vec<(ContainerId, Vec<ImageMount>)> {
    let mounting = containers.iter().filter(|it| !it.image_mounts.is_empty());
    mounting
        .map(|it| (it.id.clone(), it.image_mounts.clone()))
        .collect()
}

/// Containers that are being removed, or could not be.
pub(in crate::engine) fn leaving(containers: &[Container]) -> Vec<ContainerId> {
    let is_leaving = |it: &&Container| matches!(it.state, State::Removing | State::Dead);
    let leaving = containers.iter().filter(is_leaving);
    leaving.map(|container| container.id.clone()).collect()
}

/// What can be seen of an engine's host from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    pub local: Result<Proven, NotLocal>,
    /// None where nothing shows that they are the engine's.
    pub disks: DiskList,
}

impl Surroundings {
    /// Returns why the engine does not count as local, and what that means for its disks.
    #[must_use]
    pub fn why_not_local(&self) -> Option<Text> {
        let why = self.local.as_ref().err()?.to_string();
        Some(match &self.disks.proof {
            Some(proof) => format!("{why}; {proof}").into(),
            None => why.into(),
        })
    }
}

/// Proves that the engine is local and asks its disks. It opens files, which may hang on a dead network
/// filesystem: call it where blocking is allowed.
#[must_use]
pub fn look(engine: &EngineInfo, known: &Known) -> Surroundings {
    match prove(engine, known) {
        Ok(root) => Surroundings {
            local: Ok(root.proven()),
            disks: DiskList {
                disks: disks(&root, engine, known),
                ..DiskList::default()
            },
        },
        Err(reason) => Surroundings {
            local: Err(reason),
            disks: DiskList::default(),
        },
    }
}

/// The folder of an engine that was proven to be local. It is not kept open: whoever wants to unmount it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    path: Text,
    device: u64,
    inode: u64,
}

impl Proven {
    /// Opens the folder again.
    ///
    /// # Errors
    /// It cannot be opened, or is another one by now.
    pub fn open(&self) -> io::Result<Root> {
        let root = Root::open(self.path.clone())?;
        if root.proven() == *self {
            Ok(root)
        } else {
            Err(io::Error::other("it is another folder by now"))
        }
    }
}

/// The folder of an engine that is proven to be local, opened. Nothing outside of it is reached through it.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    path: Text,
    device: u64,
    inode: u64,
}

/// Opens an engine's folder if it holds what only this engine knows (README.md, What is never removed).
///
/// A forwarded socket, or one of a virtual machine, names a folder that may well exist here too, with
/// another engine's data in it. Since Docker 23 the file `engine-id` decides, either way; elsewhere a
/// folder named by a container's or an anonymous volume's ID does, or that of a layer or of a build cache record, as
/// those are random.
/// A volume's given name proves nothing: two engines can both have a `db-data`.
///
/// # Errors
/// Why the engine does not count as local.
pub fn prove(engine: &EngineInfo, known: &Known) -> Result<Root, NotLocal> {
    if !engine.host.starts_with("unix://") {
        return Err(NotLocal::NoUnixSocket);
    }
    if !Path::new(&*engine.root).is_absolute() {
        return Err(NotLocal::NoRoot);
    }
    let path = engine.root.clone();
    let root = Root::open(path.clone()).map_err(|error| NotLocal::Closed {
        root: path.clone(),
        cause: error.to_string(),
    })?;
    if let Some(id) = root.engine_id()
        && !engine.engine_id.is_empty()
    {
        return if id == *engine.engine_id {
            Ok(root)
        } else {
            Err(NotLocal::OtherEngine { root: path })
        };
    }
    // What proved it may be gone by now, as all that the engine had may be.
    let was_proven = !engine.engine_id.is_empty() && known.proven.as_ref() == Some(&root.proven());
    if was_proven || root.holds(engine, known) {
        Ok(root)
    } else {
        Err(NotLocal::Unproven { root: path })
    }
}

impl Root {
    pub(in crate::engine) fn open(path: Text) -> io::Result<Self> {
        // The root itself may be a symlink: that is the administrator's doing, not the engine's.
        let dir = openat(CWD, &*path, OFlags::DIRECTORY | base_flags(), Mode::empty())?;
        let stat = fstat(&dir)?;
        Ok(Self {
            dir,
            path,
            device: stat.st_dev,
            inode: stat.st_ino,
        })
    }

    fn proven(&self) -> Proven {
        Proven {
            path: self.path.clone(),
            device: self.device,
            inode: self.inode,
        }
    }

    /// The folder's path, as the engine names it.
    #[must_use]
    pub fn path(&self) -> &Text {
        &self.path
    }

    /// Returns the folder's path without links, as the list of mounts has it.
    fn real_path(&self) -> Option<PathBuf> {
        mounts::real_path(&self.dir)
    }

    /// Opens a folder below the root; see [`Root::open_file`].
    ///
    /// # Errors
    /// It is not there, may not be read, is no folder, or the way leads over a symlink or `..`.
    pub fn open_folder(&self, relative: &Path) -> io::Result<OwnedFd> {
        self.walk(relative, OFlags::DIRECTORY)
    }

    /// Opens a regular file below the root for reading, with no symlink and no `..` on the way. The path
    /// comes from an engine: it must not lead out of the engine's own folder.
    ///
    /// # Errors
    /// It is not there, may not be read, is no regular file, or the way leads over a symlink or `..`.
    pub fn open_file(&self, relative: &Path) -> io::Result<File> {
        let fd = self.walk(relative, OFlags::empty())?;
        let kind = FileType::from_raw_mode(fstat(&fd)?.st_mode);
        if kind != FileType::RegularFile {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        Ok(File::from(fd))
    }

    /// An absolute path as it lies below the root, for [`Root::open_file`].
    #[must_use]
    pub fn relative<'a>(&self, absolute: &'a str) -> Option<&'a Path> {
        Path::new(absolute).strip_prefix(&*self.path).ok()
    }

    /// Opens one component after another, each in the folder that was opened before it, so that nobody
    /// can put a symlink in between. The first may be one of [`LINKABLE`]: who may write to the root decides where
    /// the engine's data lies.
    fn walk(&self, relative: &Path, last: OFlags) -> io::Result<OwnedFd> {
        let mut names = Vec::new();
        for component in relative.components() {
            match component {
                Component::Normal(name) => names.push(name),
                Component::CurDir => {}
                _ => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "it leads out of the engine's folder",
                    ));
                }
            }
        }
        // Not a copy of the handle: two readers of one would each get half of the entries.
        let own = OFlags::DIRECTORY | base_flags();
        let mut at = openat(&self.dir, c".", own, Mode::empty())?;
        let ends_at = names.len().saturating_sub(1);
        for (index, name) in names.into_iter().enumerate() {
            let kind = if index == ends_at {
                last
            } else {
                OFlags::DIRECTORY
            };
            let is_linkable = index == 0 && LINKABLE.iter().any(|it| name == *it);
            let follow = if is_linkable && kind.contains(OFlags::DIRECTORY) {
                OFlags::empty()
            } else {
                OFlags::NOFOLLOW
            };
            let flags = kind | follow | base_flags();
            at = openat(&at, name, flags, Mode::empty())?;
        }
        Ok(at)
    }

    /// Returns where one of the root's own folders leads that is a link.
    fn link(&self, folder: &str) -> Option<PathBuf> {
        let stat = statat(&self.dir, folder, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let is_linkable = LINKABLE.contains(&folder);
        let folder = (is_link && is_linkable).then(|| self.open_folder(Path::new(folder)))?;
        mounts::real_path(&folder.ok()?)
    }

    fn engine_id(&self) -> Option<String> {
        let mut id = String::new();
        self.open_file(Path::new("engine-id"))
            .ok()?
            .take(256)
            .read_to_string(&mut id)
            .ok()?;
        let id = id.trim();
        (!id.is_empty()).then(|| id.to_owned())
    }

    fn holds(&self, engine: &EngineInfo, known: &Known) -> bool {
        let has = |folder: &str, name: &str| {
            is_random(name) && self.open_folder(&Path::new(folder).join(name)).is_ok()
        };
        // Podman has a folder a driver.
        let podman = podman::notes(&engine.driver, "containers");
        let podman = podman.to_string_lossy();
        let mut containers = known.containers.iter().take(SAMPLE);
        let mut volumes = known
            .volumes
            .iter()
            .filter(|name| is_random(name.as_str()))
            .take(SAMPLE);
        let records = known.records.iter().map(RecordId::text);
        let folders = known.folders.iter().take(SAMPLE);
        let mut folders = folders.chain(records.take(SAMPLE));
        let has_layer = |name: &Text| {
            let folders = on_disk::folders_of(engine);
            let path = folders.map_or_else(|| engine.driver.to_string().into(), |(path, _)| path);
            let path = path.join(&**name);
            is_folders(name) && self.open_folder(&path).is_ok()
        };
        containers.any(|id| has("containers", id.as_str()) || has(&podman, id.as_str()))
            || volumes.any(|name| has("volumes", name.as_str()))
            || folders.any(has_layer)
    }
}

pub(in crate::engine) fn base_flags() -> OFlags {
    // Opening a FIFO would wait for somebody to write into it.
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK
}

/// What has vanished meanwhile is no trouble, but nothing.
pub(in crate::engine) fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// True for 64 hexadecimal digits: nobody else has come upon the same ones.
pub(in crate::engine) fn is_random(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// True for a name that a storage driver makes up for a layer's folder: BuildKit's have 25 letters and digits.
fn is_folders(name: &str) -> bool {
    let by_buildkit = name.len() == 25 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    by_buildkit || is_random(name)
}

/// The filesystems that hold the data of a proven engine, each once, with what of it they hold.
fn disks(root: &Root, engine: &EngineInfo, known: &Known) -> Vec<Disk> {
    let mut disks: Vec<(u64, Disk)> = Vec::new();
    let none = Places::default();
    note(&mut disks, &root.dir, root.path(), (none, none));
    let real = root.real_path().unwrap_or_default();
    for (folder, holds) in places(engine) {
        let link = root.link(&folder);
        let leads_out = link.as_ref().is_some_and(|link| !link.starts_with(&real));
        let path = link.unwrap_or_else(|| Path::new(&*root.path).join(&folder));
        if let Ok(dir) = root.open_folder(Path::new(&folder)) {
            let linked = if leads_out { holds } else { none };
            note(&mut disks, &dir, &path.to_string_lossy(), (holds, linked));
        }
    }
    if engine.store == Store::Containerd
        && let Some(containerd) = containerd_with(CONTAINERD, &known.images)
    {
        // That is proven; a folder in the root may be left from another time.
        for (_, disk) in &mut disks {
            disk.holds.layers = false;
        }
        note(&mut disks, &containerd.dir, CONTAINERD, (LAYERS, none));
    }
    settled(disks.into_iter().map(|(_, disk)| disk).collect(), engine)
}

/// Adds the filesystem of a folder, or what the folder holds to one that is known, and what of that through a link.
fn note(
    disks: &mut Vec<(u64, Disk)>,
    dir: &OwnedFd,
    path: &str,
    (holds, linked): (Places, Places),
) {
    let Ok(device) = fstat(dir).map(|stat| stat.st_dev) else {
        return;
    };
    if let Some((_, disk)) = disks.iter_mut().find(|(known, _)| *known == device) {
        disk.holds = disk.holds.and(holds);
        disk.linked = disk.linked.and(linked);
    } else if let Ok(disk) = disk(dir, path) {
        let disk = Disk {
            holds,
            linked,
            ..disk
        };
        disks.push((device, disk));
    }
}

/// Folders that were not found are taken to lie on the root's own disk, the first: they are not there yet, or cannot
/// be looked into. Layers in a containerd's folder may lie anywhere, and with two such folders nobody knows in which.
fn settled(mut disks: Vec<Disk>, engine: &EngineInfo) -> Vec<Disk> {
    if disks.iter().filter(|disk| disk.holds.layers).count() > 1 {
        for disk in &mut disks {
            disk.holds.layers = false;
        }
    }
    let found = disks.iter().map(|disk| disk.holds);
    let found = found.fold(Places::default(), Places::and);
    if let Some(root) = disks.first_mut() {
        root.holds = root.holds.and(Places {
            layers: !found.layers && engine.store == Store::GraphDriver,
            logs: !found.logs,
            volumes: !found.volumes,
        });
    }
    disks
}

const LAYERS: Places = Places {
    layers: true,
    logs: false,
    volumes: false,
};

/// The folders in an engine's root that may each be a mount, and what they hold.
fn places(engine: &EngineInfo) -> [(String, Places); 3] {
    let volumes = Places {
        volumes: true,
        ..Places::default()
    };
    let logs = Places {
        logs: true,
        ..Places::default()
    };
    let layers = match engine.store {
        Store::Containerd => crate::engine::metadata::noted::DAEMON.to_owned(),
        Store::GraphDriver | Store::Unknown => engine.driver.to_string(),
    };
    [
        (layers, LAYERS),
        ("volumes".to_owned(), volumes),
        ("containers".to_owned(), logs),
    ]
}

/// Asks filesystems again that a look has found a moment ago. It may hang, as [`look`] may.
#[must_use]
pub fn again(disks: &[Disk]) -> Vec<Disk> {
    let again = |old: &Disk| {
        let new = disk(Root::open(old.path.clone()).ok()?.dir, &old.path).ok()?;
        let Disk { holds, linked, .. } = *old;
        Some(Disk {
            holds,
            linked,
            ..new
        })
    };
    disks.iter().filter_map(again).collect()
}

/// Synchronises filesystems (syncfs(2)): btrfs and xfs tell only then what a removal has given back, on their own they
/// take up to 35 s. Returns false where one cannot be synchronised. It waits for the disk, and may hang as [`look`]
/// may.
#[must_use]
pub fn sync(disks: &[Disk]) -> bool {
    disks.iter().all(|disk| is_synced(Path::new(&*disk.path)))
}

/// Synchronises the filesystem of a folder, which takes no right but to open it.
fn is_synced(folder: &Path) -> bool {
    let dir = openat(CWD, folder, OFlags::DIRECTORY | base_flags(), Mode::empty());
    dir.is_ok_and(|dir| syncfs(&dir).is_ok())
}

/// A containerd's folder, if it holds every one of some images: another containerd than the engine's
/// would lack one. The containerd store names an image by the digest of a blob (ENGINE.md §3).
fn containerd_with(path: &str, images: &[ImageId]) -> Option<Root> {
    let root = Root::open(path.into()).ok()?;
    let all = has_images(&root, Path::new(""), images);
    (all && !images.is_empty()).then_some(root)
}

/// True if a containerd's folder, below a root, holds every one of some images, as far as that is looked for.
pub(in crate::engine) fn has_images(root: &Root, containerd: &Path, images: &[ImageId]) -> bool {
    let blobs = containerd.join("io.containerd.content.v1.content/blobs/sha256");
    images.iter().take(SAMPLE).all(|image| {
        let digest = image.as_str().strip_prefix("sha256:").unwrap_or_default();
        is_random(digest) && root.open_file(&blobs.join(digest)).is_ok()
    })
}

fn disk(dir: impl AsFd, path: &str) -> io::Result<Disk> {
    let stat = fstatvfs(&dir)?;
    let is_ext = fstatfs(&dir).is_ok_and(|stat| stat.f_type == EXT);
    Ok(Disk {
        path: path.into(),
        ..disk_of(&stat, is_ext)
    })
}

/// A filesystem by what it says of itself.
fn disk_of(stat: &StatVfs, is_ext: bool) -> Disk {
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(stat.f_frsize));
    let seen = Seen {
        total: bytes(stat.f_blocks),
        unused: bytes(stat.f_bfree),
        free: bytes(stat.f_bavail),
        is_ext,
    };
    Disk {
        inodes_total: stat.f_files,
        inodes_free: stat.f_favail,
        ..seen.disk()
    }
}

/// What ext2, ext3 and ext4 call themselves.
const EXT: FsWord = 0xEF53;

/// What a filesystem says of its bytes.
struct Seen {
    total: Bytes,
    /// For anybody.
    unused: Bytes,
    /// For users.
    free: Bytes,
    /// Only ext keeps the difference for root; others count what they need themselves.
    is_ext: bool,
}

impl Seen {
    fn disk(&self) -> Disk {
        let (total, free) = (self.total, self.free);
        let ext = |bytes| if self.is_ext { bytes } else { Bytes::ZERO };
        Disk {
            total,
            free,
            kept: ext(self.unused - free),
            owed: match free {
                Bytes::ZERO => ext(owed_by_ext(total, self.unused)),
                _ => Bytes::ZERO,
            },
            ..Disk::default()
        }
    }
}

#[cfg(test)]
mod tests;
