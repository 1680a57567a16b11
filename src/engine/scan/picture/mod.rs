//! What a scan must remember between answers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::ask::{has_notes, has_stored_layers};
use super::last_published::LastPublished;
use super::pass::{First, Pass};
use super::question::Question;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::inventory::{EngineInfo, Store, Swarm};
use crate::domain::item::{ContainerId, ImageId, Volume, VolumeName};
use crate::domain::paths::{Paths, ResolvedPaths};
use crate::domain::store::layerdb::{LayerDb, OnDisk};
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::EngineError;
use crate::engine::host::on_disk::ToCount;
use crate::engine::host::{ListedIds, MeasuredVolumes, RootProof};
use crate::engine::metadata::store::StoreReading;

/// What must be remembered between answers.
#[derive(Default)]
pub(super) struct Picture {
    /// As it was sent last.
    pub(super) engine: Option<Arc<EngineInfo>>,
    /// What the host may show, if it is this one.
    pub(super) known: ListedIds,
    /// What the containerd store's own files note, from when images were read out of them until blobs are.
    pub(super) noted: Option<StoreReading>,
    pub(super) disks: Vec<Disk>,
    /// What is asked only because time has gone by, and not because something has happened; images, while they are listed
    /// out of the store's own files.
    pub(super) idly: HashSet<Question>,
    /// Its folder, if it is local.
    pub(super) root: Option<RootProof>,
    /// Volumes whose size the list leaves open.
    pub(super) volumes: HashMap<VolumeName, Arc<Volume>>,
    /// What those took that were measured here.
    pub(super) taken: MeasuredVolumes,
    /// Containers that are to be measured here, those that were inspected first before the others.
    pub(super) unmeasured_containers: VecDeque<ContainerId>,
    /// Volumes that could not be measured here: what the engine says of them counts.
    pub(super) unreadable: HashSet<VolumeName>,
    /// It was asked for them since volumes were measured last.
    pub(super) falls_back: bool,
    /// Images of whose shared size something was sent.
    pub(super) shared: HashSet<ImageId>,
    /// Volumes whose size is pending until somebody says something of it.
    pub(super) unmeasured: HashMap<VolumeName, Option<Timestamp>>,
    /// Volumes of whose size something was sent, with their dates: a new one under an old name is another.
    pub(super) measured: HashMap<VolumeName, Option<Timestamp>>,
    /// Words of questions that failed when they were asked last.
    pub(super) failures: HashMap<Question, Text>,
    /// Folders that containers mount.
    pub(super) binds: Vec<Paths>,
    /// Folders that services mount.
    pub(super) service_binds: Vec<Paths>,
    /// What containers that no list has mount of the host's folders.
    pub(super) unlisted_binds: Vec<Paths>,
    /// What volumes are names for.
    pub(super) devices: Vec<Text>,
    /// What the list of volumes warned of, as it was sent last.
    pub(super) volume_warnings: Vec<Text>,
    /// The folders of all volumes.
    pub(super) mountpoints: Vec<Text>,
    /// Where paths really are, as it was sent last.
    pub(super) resolved: ResolvedPaths,
    /// What each container runs: a manifest, or where the engine does not say it, an image.
    pub(super) runs: HashMap<ContainerId, Text>,
    /// Those that the list of blobs was asked for last.
    pub(super) runs_asked: HashSet<Text>,
    /// A list of blobs was sent, or that there is none.
    pub(super) has_blobs: bool,
    /// Sizes of the build cache's bases.
    pub(super) bases: Vec<Bytes>,
    /// Blobs that must be read for what they unpack to.
    pub(super) to_read: Vec<(Text, Bytes)>,
    /// What they unpack to, as it was sent last.
    pub(super) extents: HashMap<Text, UnpackedSize>,
    /// The layers in the engine's folder, as they were sent last.
    pub(super) stored: Figure<Arc<LayerDb>>,
    /// What the disk keeps of them, as far as it was counted, with the inodes of the folders.
    pub(super) on_disk: Arc<OnDisk>,
    pub(super) inodes: HashMap<Text, u64>,
    /// What of that is left to be counted.
    pub(super) uncounted: Vec<ToCount>,
    /// What of it comes first, with the volumes and containers that do.
    pub(super) first: First,
    /// How much of all that is left, as it was sent last.
    pub(super) pass: Pass,
    /// The build cache said something new when it was looked at last: it is listed at once the next time.
    pub(super) is_building: bool,
    /// What lists said when they were sent last.
    pub(super) told: LastPublished,
    asked: HashMap<Question, Instant>,
}

impl Picture {
    /// Returns true unless the engine has said that it has none.
    pub(super) fn has_build_cache(&self) -> bool {
        self.engine.as_ref().is_none_or(|info| info.has_build_cache)
    }

    /// Returns true for an engine that may run services and tell of them.
    pub(super) fn has_swarm(&self) -> bool {
        let engine = self.engine.as_ref();
        engine.is_some_and(|info| info.swarm == Swarm::Manager)
    }

    /// Returns true for a store that keeps layers packed, too.
    pub(super) fn keeps_blobs(&self) -> bool {
        self.engine
            .as_ref()
            .is_some_and(|info| info.store == Store::Containerd)
    }

    /// Returns true for an engine on this machine whose folder lists its layers.
    pub(super) fn keeps_stored(&self) -> bool {
        self.engine.as_deref().is_some_and(has_stored_layers)
    }

    /// Returns true for an engine on this machine whose store's notes may be read with its blobs.
    pub(super) fn keeps_notes(&self) -> bool {
        self.engine.as_deref().is_some_and(has_notes)
    }

    /// Takes disks in. True if that is news: a disk is never quite still, and while nothing happens on the
    /// engine a gauge that ticks would be all that an idle program sends.
    pub(super) fn takes(&mut self, disks: &[Disk]) -> bool {
        let idle = self.idly.remove(&Question::Surroundings);
        let is_same = |(old, new): (&Disk, &Disk)| {
            let of_total = |free: u64, total: u64| (total / 1000).min(free / 20);
            old.path == new.path
                && (old.total, old.inodes_total) == (new.total, new.inodes_total)
                && old.free.0.abs_diff(new.free.0) <= of_total(old.free.0, old.total.0)
                && old.inodes_free.abs_diff(new.inodes_free)
                    <= of_total(old.inodes_free, old.inodes_total)
        };
        let is_news = if idle && self.disks.len() == disks.len() {
            !self.disks.iter().zip(disks).all(is_same)
        } else {
            self.disks != disks
        };
        if is_news {
            self.disks = disks.to_vec();
        }
        is_news
    }

    /// Something was sent of a volume's size.
    pub(super) fn has_told(&mut self, volume: &VolumeName) {
        if let Some((name, created)) = self.unmeasured.remove_entry(volume) {
            self.measured.insert(name, created);
        }
    }

    /// Returns true if the last answer to a question was a good one.
    pub(super) fn is_answered(&self, question: Question) -> bool {
        self.asked.contains_key(&question) && !self.failures.contains_key(&question)
    }

    pub(super) fn answered_at(&mut self, question: Question) {
        self.asked.insert(question, Instant::now());
    }

    /// Returns when a question was answered last, or failed.
    pub(super) fn asked_last(&self, question: Question) -> Option<Instant> {
        self.asked.get(&question).copied()
    }

    /// Remembers how a question went, and returns what was answered. What an engine does not have is an
    /// empty answer, not a failure.
    pub(super) fn accept<T: Default>(
        &mut self,
        question: Question,
        answer: Result<T, EngineError>,
    ) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.failures.remove(&question);
                Some(answer)
            }
            Err(EngineError::NotSupported(_)) => {
                self.failures.remove(&question);
                Some(T::default())
            }
            Err(error) => {
                self.failures.insert(question, error.to_string().into());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
