//! One picture of everything an engine keeps, put together from answers that come one after another.
//!
//! - `apply`: puts an answer into the picture of an engine.
//! - `engine_info`: what an engine says of itself.
//! - `part`: answers that a picture of an engine is put together from.
//! - `stage`: the stages of a scan, and how far each has come.

mod apply;
mod engine_info;
mod part;
mod stage;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bytes::{Bytes, Figure};
use super::disk::Disk;
use super::item::{Container, ContainerId, Image, Record, Volume};
use super::outsider::Outsiders;
use super::paths::ResolvedPaths;
use super::protect::Protection;
use super::unexplained::Unexplained;

use crate::domain::store::content::BlobList;
use crate::domain::store::disk_usage::Measuring;
use crate::domain::store::layerdb::{LayerDb, OnDisk};
use crate::domain::store::mounted::MountedImages;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
pub use engine_info::{EngineInfo, Store, Swarm};
pub use part::{Inspected, Part, SharedSizes};
pub use stage::{Progress, Stage};

/// Everything an engine keeps, as far as it has answered.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// What the engine says of itself.
    pub engine: Arc<EngineInfo>,
    /// The filesystems that hold its data, where they can be asked.
    pub disks: Vec<Disk>,
    /// All images, intermediate ones too.
    pub images: Vec<Image>,
    /// All containers.
    pub containers: Vec<Container>,
    /// All volumes.
    pub volumes: Vec<Volume>,
    /// What the list of volumes warned of, bounded.
    pub volume_warnings: Vec<Text>,
    /// What holds any of these and is on no list.
    pub outsiders: Outsiders,
    /// Where paths are that are elsewhere than they read; nothing of an engine on another machine.
    pub resolved: Arc<ResolvedPaths>,
    /// What the engine's folder tells of image mounts, where it can be read.
    pub mounted: Arc<MountedImages>,
    /// Records of the build cache.
    pub cache: Vec<Record>,
    /// `LayersSize` as it was said last.
    pub layers_size: Option<Bytes>,
    /// Of the containerd store only; a list stays in force until a newer one comes.
    pub blobs: Figure<Arc<BlobList>>,
    /// Of a graph driver's store on this machine only.
    pub stored: Figure<Arc<LayerDb>>,
    /// What the disk keeps of these and of images, as far as it was measured.
    pub on_disk: Arc<OnDisk>,
    /// What earlier pictures told of layers that build cache records keep; see
    /// [`Retention::remember`](super::retention::Retention::remember).
    pub remembered: Arc<LayerDb>,
    /// Of blobs that were read because nothing else tells it. A digest tells the same for ever.
    pub extents: Arc<HashMap<Text, UnpackedSize>>,
    /// What the engine's folder holds and nothing of this counts, the largest first, as of the end of its stage;
    /// unknown where the folder cannot be read.
    pub unexplained: Figure<Arc<[Unexplained]>>,
    /// What of all this must not go, beside what says so itself.
    pub protection: Protection,
    /// How far the measuring by blocks has come; nothing while nothing is measured.
    pub measuring: Option<Measuring>,
    stages: HashMap<Stage, Progress>,
    listed: HashSet<Stage>,
    /// Where containers stood in the list that came last.
    places: HashMap<ContainerId, usize>,
}

impl Inventory {
    /// Nothing yet, of which this must not go.
    #[must_use]
    pub fn under(protection: Protection) -> Self {
        Self {
            protection,
            ..Self::default()
        }
    }

    /// Returns how far a stage has come.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &Progress {
        self.stages.get(&stage).unwrap_or(&Progress::Waiting)
    }

    /// Returns true when a stage is complete and not being repeated.
    #[must_use]
    pub fn is_done(&self, stage: Stage) -> bool {
        matches!(self.stage(stage), Progress::Done(_))
    }

    /// Returns true once a stage has been complete, even if it is under way again or failed since.
    #[must_use]
    pub fn is_listed(&self, stage: Stage) -> bool {
        self.listed.contains(&stage)
    }

    /// Returns why a stage has told nothing at all, in the engine's words: it failed, and was never complete. What was
    /// told before stays in force where it fails later.
    #[must_use]
    pub fn lacks(&self, stage: Stage) -> Option<&Text> {
        match self.stage(stage) {
            Progress::Failed(why) if !self.is_listed(stage) => Some(why),
            Progress::Waiting | Progress::Running(_) | Progress::Done(_) | Progress::Failed(_) => {
                None
            }
        }
    }

    /// Returns true where the store keeps layers both packed and unpacked.
    #[must_use]
    pub fn keeps_blobs(&self) -> bool {
        self.engine.store == Store::Containerd
    }

    /// Returns whether build cache is known, still to come, or cannot be had.
    #[must_use]
    pub fn cache_listing(&self) -> Figure<()> {
        if !self.engine.has_build_cache || self.is_listed(Stage::BuildCache) {
            return Figure::Known(());
        }
        match self.stage(Stage::BuildCache) {
            Progress::Failed(_) => Figure::Unknown,
            Progress::Waiting | Progress::Running(_) | Progress::Done(_) => Figure::Pending,
        }
    }

    /// Returns what the engine did not answer, by its word, and why: what it is itself first.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        let engine = self.engine.untold.iter().map(|why| ("engine", why));
        let stages = Stage::ALL.into_iter();
        let failed = stages.filter_map(|stage| match self.stage(stage) {
            Progress::Failed(why) => Some((stage.word(), why)),
            Progress::Waiting | Progress::Running(_) | Progress::Done(_) => None,
        });
        engine.chain(failed)
    }

    /// Forgets that a stage was ever complete: what it told is too old to decide by, and nothing newer can be had.
    pub fn distrust(&mut self, stage: Stage, why: Text) {
        self.listed.remove(&stage);
        self.stages.insert(stage, Progress::Failed(why));
    }

    /// Returns whether log files can be read: known once one was, or where a local engine has no containers.
    #[must_use]
    pub fn reads_logs(&self) -> Figure<()> {
        let mut pending = false;
        for container in &self.containers {
            match container.details.as_ref().known() {
                Some(details) if details.log.is_some() => return Figure::Known(()),
                Some(_) => {}
                None => pending |= container.details.is_pending(),
            }
        }
        match self.engine.local {
            true if self.lacks(Stage::Containers).is_some() => Figure::Unknown,
            true if self.containers.is_empty() => Figure::Known(()),
            true if pending => Figure::Pending,
            true | false => Figure::Unknown,
        }
    }
}
