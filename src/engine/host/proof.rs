//! Proof that an engine's folder is on this machine.

use std::io::Read as _;
use std::path::Path;

use super::root::{Root, RootProof, is_folders, is_random};
use super::{on_disk, podman};
use crate::domain::inventory::{EngineInfo, Inventory};
use crate::domain::item::{
    Container, ContainerId, ImageId, ImageMount, RecordId, State, VolumeName,
};
use crate::domain::text::Text;

/// Where containerd keeps its data when it is not told otherwise.
pub(in crate::engine) const CONTAINERD: &str = "/var/lib/containerd";

/// How many objects of a kind are looked for: one found is proof, and a folder of thousands is no better.
const SAMPLE: usize = 16;

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
pub struct ListedIds {
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
    pub proven: Option<RootProof>,
}

impl ListedIds {
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

impl ListedIds {
    /// Returns the container that a layer, a lease or a snapshot of this name belongs to, which may be not listed:
    /// names are a container's ID, an ID with more behind it, or made up for an image mount of a listed one.
    pub(in crate::engine) fn mounts_of(&self, name: &str) -> ContainerId {
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
pub fn prove(engine: &EngineInfo, known: &ListedIds) -> Result<Root, NotLocal> {
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

/// Returns a containerd's folder, if it holds every one of some images: another containerd than the engine's
/// would lack one. The containerd store names an image by the digest of a blob (ENGINE.md §3).
pub(super) fn containerd_with(path: &str, images: &[ImageId]) -> Option<Root> {
    let root = Root::open(path.into()).ok()?;
    let all = has_images(&root, Path::new(""), images);
    (all && !images.is_empty()).then_some(root)
}

/// Returns true if a containerd's folder, below a root, holds every one of some images, as far as that is looked for.
pub(in crate::engine) fn has_images(root: &Root, containerd: &Path, images: &[ImageId]) -> bool {
    let blobs = containerd.join("io.containerd.content.v1.content/blobs/sha256");
    images.iter().take(SAMPLE).all(|image| {
        let digest = image.as_str().strip_prefix("sha256:").unwrap_or_default();
        is_random(digest) && root.open_file(&blobs.join(digest)).is_ok()
    })
}

impl Root {
    pub(super) fn engine_id(&self) -> Option<String> {
        let mut id = String::new();
        self.open_file(Path::new("engine-id"))
            .ok()?
            .take(256)
            .read_to_string(&mut id)
            .ok()?;
        let id = id.trim();
        (!id.is_empty()).then(|| id.to_owned())
    }

    fn holds(&self, engine: &EngineInfo, known: &ListedIds) -> bool {
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
