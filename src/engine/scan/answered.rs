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
use crate::domain::paths::Resolved;
use crate::domain::store::content::BlobList;
use crate::domain::store::folder::Contents;
use crate::domain::store::layerdb::Stored;
use crate::domain::store::unpacked::Extent;
use crate::domain::text::Text;
use crate::engine::host::VolumeUsage;
use crate::engine::host::on_disk::Counted;
use crate::engine::host::{self, Surroundings, Unlisted};
use crate::engine::metadata::noted::Noted;
use crate::engine::metadata::noted::Unread;
use crate::engine::{EngineError, ImageDetails};

pub(super) type Answer<T> = Result<T, EngineError>;

/// An answer, with the question it belongs to.
pub(super) enum Answered {
    About(Answer<EngineInfo>),
    Images(Answer<Vec<Image>>),
    Containers(Answer<Vec<Container>>),
    Services(Answer<Vec<Outsider>>),
    Volumes(Answer<Vec<Volume>>),
    SharedSizes(Answer<SharedSizes>),
    BuildCache(Answer<Vec<Record>>),
    /// It says what it said when it was listed last.
    SameBuildCache,
    VolumeSizes(Answer<Vec<(VolumeName, Option<Bytes>)>>),
    Blobs(Answer<Option<BlobList>>),
    Extents(Answer<HashMap<Text, Extent>>),
    Stored(Option<Arc<Stored>>),
    /// Blocks that were counted, and what is left to be; nothing where counting failed.
    Blocks(Option<Counted>),
    /// The engine has been told what the store's own files say, where they could be read.
    InStore,
    /// All images as the store's own files have them, or why the engine must list them.
    ImagesInStore(Result<(Noted, Vec<Image>), Unread>),
    /// What was seen of the host of the engine as it was known then; nothing where looking hung.
    Surroundings(Arc<EngineInfo>, Option<Surroundings>),
    Unlisted(Unlisted),
    External(Answer<Vec<Outsider>>),
    Logs(Vec<(ContainerId, Option<LogFiles>)>),
    /// What containers take; nothing where the folder could not be opened, or nobody waits any more.
    ContainerUsage(Option<host::Containers>),
    /// Where paths really are; nothing where looking hung.
    Resolved(Option<Resolved>),
    Contents(Answer<Option<Contents>>),
    Image(ImageId, Answer<ImageDetails>),
    Container(ContainerId, InspectedContainer),
    /// What a volume was measured to hold here.
    Volume(VolumeName, Measured),
}

/// What came of measuring a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    Taken(VolumeUsage),
    /// Its folder is not there.
    Gone,
    /// Another filesystem is mounted in it, which may be a network's that does not answer: the engine is not made to
    /// walk through it either.
    Mounted,
    /// Only the engine can tell.
    Unreadable,
}
