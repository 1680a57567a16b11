//! The outside: an engine, real or embedded, behind one trait.

pub mod config;
pub mod connect;
mod content;
pub mod copies;
pub mod demo;
pub mod docker;
#[cfg(test)]
mod fake;
pub mod gist;
mod hex;
pub mod host;
pub mod journal;
pub mod keychain;
pub(in crate::engine) mod metadata;
pub mod port;
pub mod removal;
pub mod scan;
pub mod transport;
mod user_file;
mod user_folder;
pub mod wire;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use self::gist::Gist;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::DiskList;
use crate::domain::inventory::{EngineInfo, Inspected, SharedSizes};
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Content, Image, ImageId, Record, RecordId, Source,
    Volume, VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::store::content::BlobList;
use crate::domain::store::folder::Contents;
use crate::domain::store::unpacked::Extent;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

use crate::engine::copies::save::{Exported, Pieces};
use crate::engine::metadata::images::InStore;

pub use crate::domain::removal::outcome::{Done, Outcome};
pub use crate::engine::port::gate::{Gate, Permit};

use crate::engine::metadata::noted::Noted;
use host::{LogOrder, LookOrder};

/// An answer that an engine will give.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// Why an engine gave no answer, with the words to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No connection, or it broke: whether a request took effect is not known.
    #[error("{host}: {cause}")]
    Unreachable { host: String, cause: String },
    /// 404: the object is not there (any more).
    #[error("{0}")]
    NotFound(String),
    /// 409: something stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// The engine does not have this request (Podman has no build cache).
    #[error("{0}")]
    NotSupported(String),
    /// Any other refusal, with its status and the engine's words.
    #[error("{message} (status {status})")]
    Refused { status: u16, message: String },
    /// What answers is no engine but a proxy before it, which lets this request not through, or reaches nobody.
    #[error("{}", barred(*status, request))]
    Barred { status: u16, request: String },
    /// An answer that cannot be read.
    #[error("{request}: the answer cannot be read: {cause}")]
    Garbled { request: String, cause: String },
    /// No answer within the time that this request is given.
    #[error("{request}: no answer within {seconds} s")]
    TimedOut { request: String, seconds: u64 },
    /// The engine tells nothing of this container, though it answers otherwise.
    #[error(
        "container {container}: the engine tells nothing of it within {seconds} s; is a docker cp of it not read to its end?"
    )]
    Stalled { container: String, seconds: u64 },
    /// `--read-only`: nothing was sent, or written ([`Gate`]).
    #[error("read-only: {request} was not done")]
    ReadOnly { request: String },
    /// The engine's folder on this machine cannot be read to its end.
    #[error("the engine's folder cannot be read: {0}")]
    Unreadable(String),
    /// Copies were wanted, and there is no place for them.
    #[error("nothing was removed: {0}")]
    NoPlace(String),
}

impl EngineError {
    /// Returns true for what nobody may do here, whatever object it is about: an authorization plugin or a proxy says
    /// so, and would say so again.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Barred { status, .. } => !is_gateway(*status),
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 405 | 407),
            _ => false,
        }
    }
}

impl EngineError {
    /// Returns true for what is the trouble of one object: it went meanwhile, or the engine cannot read it (`layer … was
    /// not found (corruption?)`, 500). Whatever else refuses one refuses others of its kind.
    #[must_use]
    pub fn is_of_object(&self) -> bool {
        match self {
            Self::NotFound(_) | Self::Conflict(_) | Self::NotSupported(_) => true,
            Self::Refused { status, .. } => *status == 500,
            _ => false,
        }
    }
}

/// Returns true for a proxy's status that says that nobody answered it.
fn is_gateway(status: u16) -> bool {
    matches!(status, 502..=504)
}

fn barred(status: u16, request: &str) -> String {
    if is_gateway(status) {
        format!("a proxy in between gets no answer to {request} ({status})")
    } else {
        format!("a proxy in between refuses {request} ({status})")
    }
}

/// What an inspected image tells.
#[derive(Clone, Debug)]
pub struct ImageDetails {
    pub content: Figure<Arc<Content>>,
    pub last_tagged: Option<Timestamp>,
    /// Where it came from, where the engine keeps a record of that; `None` leaves what the list said.
    pub source: Option<Source>,
}

impl ImageDetails {
    /// What an inventory takes in.
    #[must_use]
    pub fn of(self, id: ImageId) -> Inspected {
        Inspected {
            id,
            content: self.content,
            last_tagged: self.last_tagged,
            source: self.source,
        }
    }
}

/// What the engine says that it did when an image was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub untagged: Vec<Text>,
    /// Image IDs and, on graph drivers, chain IDs of the layers that really went (ENGINE.md §1.7).
    pub deleted: Vec<Text>,
}

/// What came of emptying a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTruncated {
    pub freed: Bytes,
    /// Why not all of its files could be emptied, after some were.
    pub failure: Option<String>,
}

/// What the engine says that a build cache prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub deleted: Vec<RecordId>,
    /// The engine's sum of record sizes, which is not what was freed (ENGINE.md §1.5).
    pub claimed: Bytes,
}

/// Something that changed on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Images,
    /// A container, with its ID.
    Container(ContainerId),
    Volumes,
    BuildCache,
    /// A service of a swarm, or a swarm that is made or left.
    Swarm,
}

/// An engine that keeps images, containers, volumes and build cache.
///
/// Lists are cheap; everything else may walk a disk and take long (ENGINE.md §6). Dropping an answer's
/// future cancels the request.
pub trait Engine: Send + Sync {
    /// What everything that writes on its behalf passes.
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
    /// What the last list of volumes warned of.
    fn volume_warnings(&self) -> Vec<Text> {
        Vec::new()
    }

    /// Swarm services; none where there is no swarm.
    fn services(&self) -> Answer<'_, Vec<Outsider>>;
    /// Containers that the list does not have, because other programs made them in the same store (Podman).
    fn external(&self) -> Answer<'_, Vec<Outsider>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn build_cache(&self) -> Answer<'_, Vec<Record>>;
    /// The gist of [`Engine::build_cache`], for which nothing of it need be kept.
    fn build_cache_gist(&self) -> Answer<'_, Gist> {
        Box::pin(async { Ok(Gist::of(&self.build_cache().await?)) })
    }
    /// Shared sizes of images, as the engine computes them.
    fn shared_sizes(&self) -> Answer<'_, SharedSizes>;
    /// Sizes of all volumes that the engine can measure: one answer at the end of a long walk.
    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>>;
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
        _noted: Option<Noted>,
    ) -> Answer<'a, Option<BlobList>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// What layers of the containerd store unpack to, told from their blobs, which are read within bounds of
    /// bytes and time: the first that are wanted, with their sizes. Those that are not told are left out.
    fn extents<'a>(&'a self, _layers: &'a [(Text, Bytes)]) -> Answer<'a, HashMap<Text, Extent>> {
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
