//! The one trait behind which every engine is, real or embedded.

use std::collections::HashMap;
use std::path::Path;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::answers::{Change, ImageDetails, LogTruncated, Pruned, Removed};
use super::error::EngineError;
use super::gate::Gate;
use crate::domain::bytes::Bytes;
use crate::domain::disk::DiskList;
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Image, ImageId, Record, RecordId, Volume, VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::store::content::BlobList;
use crate::domain::store::folder::Contents;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::engine::copies::exported::{Exported, Pieces};
use crate::engine::fingerprint::Fingerprint;
use crate::engine::host::{LogOrder, LookOrder};
use crate::engine::metadata::images::InStore;
use crate::engine::metadata::store::StoreReading;

/// An answer that an engine will give.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// An engine that keeps images, containers, volumes and build cache.
///
/// Lists are cheap; everything else may walk a disk and take long (ENGINE.md §6). Dropping an answer's
/// future cancels the request.
pub trait Engine: Send + Sync {
    /// Returns what everything that writes on its behalf passes.
    fn gate(&self) -> Gate {
        Gate::default()
    }
    /// What it is, asked anew: it may have been restarted as another version. Also a sign of life.
    fn about(&self) -> Answer<'_, EngineInfo>;
    /// Filesystems that hold the engine's data, where the engine itself knows; the host is asked otherwise.
    fn disks(&self, _order: LookOrder) -> Answer<'_, DiskList> {
        Box::pin(async { Ok(DiskList::default()) })
    }
    /// What lies in the engine's folder, where the engine itself knows; it is walked through otherwise, where it
    /// can be read.
    fn contents(&self) -> Answer<'_, Option<Contents>> {
        Box::pin(async { Ok(None) })
    }
    /// All images, intermediates included. `size` is known; `content` and `shared` are pending.
    fn images(&self) -> Answer<'_, Vec<Image>>;
    /// All containers, without sizes; `details` are pending.
    fn containers(&self) -> Answer<'_, Vec<Container>>;
    /// All volumes of all drivers. `size` is pending where [`Engine::volume_sizes`] may tell it, else unknown.
    fn volumes(&self) -> Answer<'_, Vec<Volume>>;
    /// Returns what the last list of volumes warned of.
    fn volume_warnings(&self) -> Vec<Text> {
        Vec::new()
    }

    /// Swarm services; none where there is no swarm.
    fn services(&self) -> Answer<'_, Vec<Outsider>>;
    /// Containers that the list does not have, because other programs made them in the same store (Podman).
    fn external(&self) -> Answer<'_, Vec<Outsider>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// All records of the build cache.
    fn build_cache(&self) -> Answer<'_, Vec<Record>>;
    /// The fingerprint of [`Engine::build_cache`], for which nothing of it need be kept.
    fn build_cache_fingerprint(&self) -> Answer<'_, Fingerprint> {
        Box::pin(async { Ok(Fingerprint::of(&self.build_cache().await?)) })
    }
    /// Shared sizes of images, as the engine computes them.
    fn shared_sizes(&self) -> Answer<'_, SharedSizes>;
    /// Sizes of all volumes that the engine can measure: one answer at the end of a long walk.
    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>>;
    /// What inspect and history tell of an image.
    fn image_details<'a>(&'a self, id: &'a ImageId) -> Answer<'a, ImageDetails>;
    /// Takes what the store's own files told of images: it is told once instead of the engine's answers.
    fn take_in_store(&self, _told: InStore) {}
    /// Inspects a container; `size` asks for a walk of its writable layer too.
    fn container_details<'a>(
        &'a self,
        id: &'a ContainerId,
        size: bool,
    ) -> Answer<'a, ContainerDetails>;
    /// The containerd store's blobs, with the manifests of these images and of further digests: what containers
    /// run (`ContainerDetails::manifest`, or their image's ID below API 1.48) though no image has it. `None` where the store is another, or where the
    /// list is not served: sizes of blobs are then not known one by one (ENGINE-CONTAINERD.md §5). Where the store's
    /// own notes could be read, the list is theirs, and the engine is not asked.
    fn blobs<'a>(
        &'a self,
        _images: &'a [ImageId],
        _further: &'a [Text],
        _noted: Option<StoreReading>,
    ) -> Answer<'a, Option<BlobList>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// What layers of the containerd store unpack to, told from their blobs, which are read within bounds of
    /// bytes and time: the first that are wanted, with their sizes. Those that are not told are left out.
    fn extents<'a>(
        &'a self,
        _layers: &'a [(Text, Bytes)],
    ) -> Answer<'a, HashMap<Text, UnpackedSize>> {
        Box::pin(std::future::ready(Ok(HashMap::new())))
    }
    /// The image that a name means now; `None` if none does.
    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageId>>;
    /// Changes as they happen. The stream ends when the connection does.
    fn changes(&self) -> BoxStream<'_, Result<Change, EngineError>>;

    /// An image with these names, or by its ID without any, as `docker load` reads it.
    fn export_image<'a>(&'a self, _: &'a ImageId, _: &'a [Text]) -> Answer<'a, Exported> {
        Box::pin(std::future::ready(Err(no_copies())))
    }
    /// What a volume holds. What had to be made for it is there until [`Engine::end_export`].
    fn export_volume<'a>(&'a self, _: &'a VolumeName) -> Answer<'a, Pieces> {
        Box::pin(std::future::ready(Err(no_copies())))
    }
    /// Takes away what was made to read a volume.
    fn end_export(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// Takes away what such a reading that was cut short once has left, where a list has shown any.
    fn sweep(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Lets a paused container go on.
    fn unpause<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()>;
    /// Stops a container with its own timeout.
    fn stop<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()>;
    /// Removes a stopped container, never by force, never with its volumes.
    fn remove_container<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()>;
    /// Takes a name from an image that has others.
    fn untag<'a>(&'a self, name: &'a str) -> Answer<'a, Removed>;
    /// Removes an image by ID, never by force.
    fn remove_image<'a>(&'a self, id: &'a ImageId) -> Answer<'a, Removed>;
    /// Removes exactly these records; what has descendants that stay is left by the engine.
    fn prune_records<'a>(&'a self, ids: &'a [RecordId]) -> Answer<'a, Pruned>;
    /// Removes a volume that nothing uses, never by force.
    fn remove_volume<'a>(&'a self, name: &'a VolumeName) -> Answer<'a, ()>;
    /// Empties the files of a container's log in place: no request of the engine's does, so it takes an engine
    /// whose folder can be written from here.
    fn truncate_log(&self, _order: LogOrder) -> Answer<'_, LogTruncated> {
        let words = "its log files cannot be written from here".to_owned();
        Box::pin(std::future::ready(Err(EngineError::NotSupported(words))))
    }

    /// Whether a registry has this `repository@sha256:…` now. The engine asks it, with the credentials that the
    /// docker command would use.
    fn is_in_registry<'a>(&'a self, _digest: &'a str) -> Answer<'a, bool> {
        Box::pin(async { Err(no_registry()) })
    }
    /// Returns what to pull a digest by, where a pull by digest leaves a name of its own even beside the repository's
    /// tags: a reference that can be untagged later without those. `None` where it goes with them by itself.
    fn passing_reference(&self, _digest: &str) -> Option<Text> {
        None
    }
    /// Pulls `repository@sha256:…`, and tells how far that is.
    fn pull<'a>(&'a self, _digest: &'a str, _tell: Tell<'a>) -> Answer<'a, ()> {
        Box::pin(async { Err(no_registry()) })
    }
    /// Loads images from a file on this machine, as `docker load` does, and tells how far that is.
    fn load<'a>(&'a self, _file: &'a Path, _tell: Tell<'a>) -> Answer<'a, ()> {
        Box::pin(async { Err(no_registry()) })
    }
    /// Gives an image a name, which is taken from any other that has it.
    fn tag<'a>(&'a self, _id: &'a ImageId, _name: &'a str) -> Answer<'a, ()> {
        Box::pin(async { Err(no_registry()) })
    }
}

/// Told in words how far something is.
pub type Tell<'a> = &'a (dyn Fn(String) + Send + Sync);

fn no_registry() -> EngineError {
    EngineError::NotSupported("this engine brings no images back".to_owned())
}

fn no_copies() -> EngineError {
    EngineError::NotSupported("this engine gives no copies".to_owned())
}
