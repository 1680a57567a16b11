//! Answers on their way from a job to the scan.

use std::collections::HashMap;
use std::sync::Arc;

use super::ask::InspectedContainer;
use crate::domain::bytes::Bytes;
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{
    Container, ContainerId, Image, ImageId, LogFiles, Record, Volume, VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::paths::ResolvedPaths;
use crate::domain::store::content::BlobList;
use crate::domain::store::folder::Contents;
use crate::domain::store::layerdb::LayerDb;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::engine::host::VolumeUsage;
use crate::engine::host::on_disk::Counted;
use crate::engine::host::{self, HostInfo, Unlisted};
use crate::engine::metadata::store::StoreReading;
use crate::engine::metadata::store::StoreUnread;
use crate::engine::{EngineError, ImageDetails};

pub(super) type Reply<T> = Result<T, EngineError>;

/// An answer, with the question it belongs to.
pub(super) enum Response {
    About(Reply<EngineInfo>),
    Images(Reply<Vec<Image>>),
    Containers(Reply<Vec<Container>>),
    Services(Reply<Vec<Outsider>>),
    Volumes(Reply<Vec<Volume>>),
    SharedSizes(Reply<SharedSizes>),
    BuildCache(Reply<Vec<Record>>),
    /// It says what it said when it was listed last.
    SameBuildCache,
    VolumeSizes(Reply<Vec<(VolumeName, Option<Bytes>)>>),
    Blobs(Reply<Option<BlobList>>),
    Extents(Reply<HashMap<Text, UnpackedSize>>),
    Stored(Option<Arc<LayerDb>>),
    /// Blocks that were counted, and what is left to be; nothing where counting failed.
    Blocks(Option<Counted>),
    /// The engine has been told what the store's own files say, where they could be read.
    InStore,
    /// All images as the store's own files have them, or why the engine must list them.
    ImagesInStore(Result<(StoreReading, Vec<Image>), StoreUnread>),
    /// What was seen of the host of the engine as it was known then; nothing where looking hung.
    Surroundings(Arc<EngineInfo>, Option<HostInfo>),
    Unlisted(Unlisted),
    External(Reply<Vec<Outsider>>),
    Logs(Vec<(ContainerId, Option<LogFiles>)>),
    /// What containers take; nothing where the folder could not be opened, or nobody waits any more.
    ContainerUsage(Option<host::Containers>),
    /// Where paths really are; nothing where looking hung.
    Resolved(Option<ResolvedPaths>),
    Contents(Reply<Option<Contents>>),
    Image(ImageId, Reply<ImageDetails>),
    Container(ContainerId, InspectedContainer),
    /// What a volume was measured to hold here.
    Volume(VolumeName, MeasuredVolume),
}

/// What came of measuring a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MeasuredVolume {
    Taken(VolumeUsage),
    /// Its folder is not there.
    Gone,
    /// Another filesystem is mounted in it, which may be a network's that does not answer: the engine is not made to
    /// walk through it either.
    Mounted,
    /// Only the engine can tell.
    Unreadable,
}
