//! Answers that a picture of an engine is put together from.

use std::sync::Arc;

use super::{EngineInfo, Progress, Stage};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Content, Image, ImageId, ItemId, LogFiles, Record,
    Source, Volume, VolumeName,
};
use crate::domain::outsider::{Outsider, OutsiderKind};
use crate::domain::paths::ResolvedPaths;
use crate::domain::store::content::BlobList;
use crate::domain::store::disk_usage::{DiskUsage, Measuring};
use crate::domain::store::folder::Contents;
use crate::domain::store::layerdb::{LayerDb, OnDisk};
use crate::domain::store::mounted::MountedImages;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use std::collections::HashMap;

/// What inspecting an image told.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The image's ID.
    pub id: ImageId,
    /// What it is made of.
    pub content: Figure<Arc<Content>>,
    /// When a name was last given to it.
    pub last_tagged: Option<Timestamp>,
    /// Where it came from; `None` leaves what the list said.
    pub source: Option<Source>,
}

impl Inspected {
    /// Returns an image that the engine can tell nothing of.
    #[must_use]
    pub fn unavailable(id: ImageId) -> Self {
        Self {
            id,
            content: Figure::Unknown,
            last_tagged: None,
            source: None,
        }
    }
}

/// What the engine says of images together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedSizes {
    /// Bytes of each image that others have too.
    pub images: Vec<(ImageId, Option<Bytes>)>,
    /// `LayersSize`, which has other things in it with each version (ENGINE.md §3); `None` where it is not said.
    pub layers: Option<Bytes>,
}

impl From<Vec<(ImageId, Option<Bytes>)>> for SharedSizes {
    fn from(images: Vec<(ImageId, Option<Bytes>)>) -> Self {
        Self {
            images,
            layers: None,
        }
    }
}

/// An answer, as it comes from a scan.
#[derive(Clone, Debug)]
pub enum Part {
    /// What the engine says of itself.
    Engine(Arc<EngineInfo>),
    /// The filesystems that hold its data.
    Disks(Vec<Disk>),
    /// All images, intermediates included.
    Images(Vec<Image>),
    /// The list of containers.
    Containers(Vec<Container>),
    /// The list of volumes.
    Volumes(Vec<Volume>),
    /// What the list of volumes warned of: drivers that did not answer, whose volumes it leaves out.
    VolumeWarnings(Vec<Text>),
    /// Where bind mounts and volumes really are on this machine, newer than containers and volumes.
    Resolved(ResolvedPaths),
    /// All outsiders of a kind, newer than those of the last answer; unknown where they cannot be had.
    Outsiders(OutsiderKind, Figure<Vec<Outsider>>),
    /// What listed containers mount of images, newer than their list; nothing where that cannot be read.
    Mounted(MountedImages),
    /// The list of build cache records.
    BuildCache(Vec<Record>),
    /// What images share, as the engine computes it.
    SharedSizes(SharedSizes),
    /// What images are made of, as far as they were inspected.
    Layers(Vec<Inspected>),
    /// The containerd store's blobs, newer than the images; unknown where the engine does not list them.
    Blobs(Figure<Arc<BlobList>>),
    /// The layers in the engine's folder, newer than the build cache; unknown where they cannot be read.
    Stored(Figure<Arc<LayerDb>>),
    /// What the disk keeps of some of these layers, of records and of images, beside what was told before.
    OnDisk(OnDisk),
    /// What layers of the containerd store unpack to, by the digests of their blobs.
    Extents(HashMap<Text, UnpackedSize>),
    /// What only inspecting a container tells.
    ContainerDetails(ContainerId, Figure<Arc<ContainerDetails>>),
    /// Volumes that were measured; `complete` when what is not named here cannot be known.
    VolumeSizes {
        /// The sizes, by volume; `None` of one that cannot be known.
        sizes: Vec<(VolumeName, Option<Bytes>)>,
        /// All that can be measured are among them.
        complete: bool,
    },
    /// What things take on the disk that were walked through here, newer than what the engine says of their sizes.
    DiskUsage(Vec<(ItemId, Arc<DiskUsage>)>),
    /// How far the measuring of these has come; nothing while nothing is measured.
    Measuring(Option<Measuring>),
    /// What lies in the folder of an engine on this machine, newer than all lists; unknown where it cannot be
    /// read.
    Contents(Figure<Arc<Contents>>),
    /// Log files that were measured on the engine's host; `None` where they cannot be read.
    Logs(Vec<(ContainerId, Option<LogFiles>)>),
    /// How far a stage has come.
    Stage(Stage, Progress),
}

impl Part {
    /// Takes a list of all swarm services.
    #[must_use]
    pub fn services(services: Vec<Outsider>) -> Self {
        Self::Outsiders(OutsiderKind::Service, Figure::Known(services))
    }
}
