//! An engine inside the program, with a fleet of its own: the whole job works with no Docker anywhere.
//!
//! It keeps the rules of a real one, so that what a removal frees here is true. Tests use it as their
//! model: [`DemoEngine::bytes`] says what its disk holds, [`DemoEngine::writes`] what it was asked to do.
//!
//! - `entries`: how a fleet is written down.
//! - `fleet`: the fleet as its file has it: builds and what stands on them, in ages instead of dates.
//! - `folder`: what lies in the folder of the demo engine: what it keeps, with what an engine needs to keep it.
//! - `ids`: IDs of things that are made up, always the same for the same key.
//! - `store`: what the demo engine keeps, with the rules of a real one on a graph driver.

mod entries;
mod fleet;
mod folder;
mod ids;
mod store;
#[cfg(test)]
mod tests;
mod writes;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use jiff::SignedDuration;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use self::store::Store;
use super::host::{LogOrder, LookOrder};
use super::{
    Answer, Change, Engine, EngineError, Gate, ImageDetails, LogTruncated, Pruned, Removed, Tell,
};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::{Disk, DiskList};
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Image, ImageId, Record, RecordId, Volume, VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::store::folder::Contents;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::copies::exported::{Exported, Pieces};

pub use self::fleet::FleetError;

/// What stands in a copy of something that is in the demo.
const EMPTY: &[u8] = b"A copy from the demo of dtop: there is nothing in it.\n";
const ROOT: &str = "/var/lib/docker";
const FLEET: &str = include_str!("../../../assets/demo.json");
/// More changes than one plan makes; who falls further behind has to list everything anew.
const CHANGES: usize = 4096;

/// How long answers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As long as on a real engine, so that figures stream in and progress is seen.
    Lifelike,
    /// Not at all, for tests.
    Instant,
}

/// The engine behind `--demo`.
pub struct DemoEngine {
    store: Mutex<Store>,
    disk: Disk,
    /// What the disk held at first.
    held: Bytes,
    /// So many percent of what goes the disk gains.
    gains: u64,
    pace: Pace,
    gate: Gate,
    now: Timestamp,
    opened: Instant,
    changes: broadcast::Sender<Change>,
}

impl DemoEngine {
    /// Returns the embedded fleet, as old as it should look at this time.
    ///
    /// # Panics
    /// If the embedded fleet cannot be read, which the tests of this module rule out.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::from_json(FLEET, now).unwrap_or_else(|error| panic!("assets/demo.json: {error}"))
    }

    /// Another fleet (assets/demo.json shows how one is written).
    ///
    /// # Errors
    /// If it cannot be read, or names something that it has not.
    pub fn from_json(json: &str, now: Timestamp) -> Result<Self, FleetError> {
        let (store, disk) = fleet::read(json, now)?;
        Ok(Self {
            held: store.bytes(),
            store: Mutex::new(store),
            disk,
            gains: 100,
            pace: Pace::Lifelike,
            gate: Gate::default(),
            now,
            opened: Instant::now(),
            changes: broadcast::channel(CHANGES).0,
        })
    }

    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Returns a disk that gains something else than what goes, in percent of it.
    #[cfg(test)]
    #[must_use]
    pub fn with_disk_gaining(mut self, percent: u64) -> Self {
        self.gains = percent;
        self
    }

    #[must_use]
    pub fn with_gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// Returns all bytes that its disk holds now, each once.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.store().bytes()
    }

    #[must_use]
    pub fn freed_so_far(&self) -> Bytes {
        self.held - self.bytes()
    }

    /// Returns every write that was asked for, refused ones included, as `METHOD /path`.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        self.store().writes.clone()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic of another thread leaves nothing half done here that a reader could trip over.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time by the demo's own clock, which stands still for tests.
    fn now(&self) -> Timestamp {
        if self.pace == Pace::Instant {
            return self.now;
        }
        self.now + SignedDuration::try_from(self.opened.elapsed()).unwrap_or_default()
    }

    /// Waits for so many milliseconds, the same for the same object.
    async fn take(&self, milliseconds: Range<u64>, what: &str) {
        if self.pace == Pace::Instant {
            return;
        }
        let odd = what.bytes().fold(7_u64, |odd, byte| {
            odd.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let span = milliseconds.end - milliseconds.start;
        sleep(Duration::from_millis(milliseconds.start + odd % span)).await;
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        milliseconds: Range<u64>,
        what: &'a str,
        answer: impl FnOnce(&Store) -> Result<T, EngineError> + Send + 'a,
    ) -> Answer<'a, T> {
        async move {
            self.take(milliseconds, what).await;
            answer(&self.store())
        }
        .boxed()
    }

    /// Carries a write out and tells of it, then takes the time that so many bytes take. Who drops the
    /// answer has not undone the write, as on a real engine.
    fn write<'a, T: Send + 'a>(
        &'a self,
        write: impl FnOnce(&mut Store) -> Result<T, EngineError> + Send + 'a,
    ) -> Answer<'a, T> {
        async move {
            self.gate.pass(|| "a change of the demo".to_owned())?;
            let (answer, freed) = self.write_now(write);
            if self.pace == Pace::Lifelike {
                // 120 ms for nothing, 400 ms for 1.4 GB and more.
                let delay = 120 + (freed.0 / 5_000_000).min(280);
                sleep(Duration::from_millis(delay)).await;
            }
            answer
        }
        .boxed()
    }

    fn write_now<T>(
        &self,
        write: impl FnOnce(&mut Store) -> Result<T, EngineError>,
    ) -> (Result<T, EngineError>, Bytes) {
        let mut store = self.store();
        let before = store.bytes();
        let answer = write(&mut store);
        for change in store.changes.drain(..) {
            // Nobody listening is no failure.
            let _ = self.changes.send(change);
        }
        (answer, before - store.bytes())
    }
}

impl Engine for DemoEngine {
    /// What the demo keeps has a size, and nothing in it: copies say so.
    fn export_image<'a>(&'a self, id: &'a ImageId, names: &'a [Text]) -> Answer<'a, Exported> {
        self.read(50..400, id.as_str(), move |_| {
            let layer = Exported::archive(&[("about.txt", EMPTY)]);
            let (archive, proof) = Exported::of_layer(&layer, names);
            let content = Exported::pieces_of(&archive);
            Ok(Exported { content, proof })
        })
    }

    fn export_volume<'a>(&'a self, name: &'a VolumeName) -> Answer<'a, Pieces> {
        self.read(50..400, name.as_str(), |_| {
            let archive = Exported::archive(&[("about.txt", EMPTY)]);
            Ok(Exported::pieces_of(&archive))
        })
    }

    fn gate(&self) -> Gate {
        self.gate
    }

    fn about(&self) -> Answer<'_, EngineInfo> {
        self.read(5..20, "about", |_| {
            Ok(EngineInfo {
                host: "demo".into(),
                why: "--demo".into(),
                product: "demo".into(),
                version: "28.5.2".into(),
                api: "1.51".into(),
                driver: "overlay2".into(),
                root: ROOT.into(),
                has_build_cache: true,
                ..EngineInfo::default()
            })
        })
    }

    fn disks(&self, _: LookOrder) -> Answer<'_, DiskList> {
        self.read(1..5, "disks", |store| {
            let freed = self.held - store.bytes();
            let freed = Bytes(freed.0 / 100 * self.gains + freed.0 % 100 * self.gains / 100);
            let disk = Disk {
                free: self.disk.free + freed,
                ..self.disk.clone()
            };
            Ok(DiskList {
                disks: vec![disk],
                synced: true,
                ..DiskList::default()
            })
        })
    }

    fn contents(&self) -> Answer<'_, Option<Contents>> {
        self.read(900..1100, "contents", |store| {
            Ok(Some(folder::contents(store)))
        })
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        self.read(30..80, "images", |store| {
            let listed = |kept: &store::KeptImage| Image {
                size: Figure::Known(store.size_of(kept.top.as_ref())),
                last_tagged: None,
                ..kept.image.clone()
            };
            Ok(store.images.iter().map(listed).collect())
        })
    }

    fn containers(&self) -> Answer<'_, Vec<Container>> {
        self.read(30..80, "containers", |store| {
            let kept = store.containers.iter();
            Ok(kept.map(|kept| kept.container.clone()).collect())
        })
    }

    fn volumes(&self) -> Answer<'_, Vec<Volume>> {
        self.read(30..80, "volumes", |store| {
            let kept = store.volumes.iter();
            Ok(kept.map(|(volume, _)| volume.clone()).collect())
        })
    }

    fn services(&self) -> Answer<'_, Vec<Outsider>> {
        self.read(5..20, "services", |_| Ok(Vec::new()))
    }

    fn build_cache(&self) -> Answer<'_, Vec<Record>> {
        self.read(30..80, "build cache", |store| Ok(store.listed_records()))
    }

    fn shared_sizes(&self) -> Answer<'_, SharedSizes> {
        self.read(60..120, "shared sizes", |store| {
            Ok(store.shared_sizes().into())
        })
    }

    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>> {
        self.read(1400..1600, "volume sizes", |store| {
            let measured = store.volumes.iter().filter(|(_, size)| size.is_some());
            Ok(measured
                .map(|(volume, size)| (volume.name.clone(), *size))
                .collect())
        })
    }

    fn image_details<'a>(&'a self, id: &'a ImageId) -> Answer<'a, ImageDetails> {
        self.read(2..8, id.as_str(), |store| {
            let kept = store.image(id)?;
            Ok(ImageDetails {
                content: Figure::Known(Arc::clone(&kept.content)),
                last_tagged: kept.image.last_tagged,
                source: None,
            })
        })
    }

    fn container_details<'a>(
        &'a self,
        id: &'a ContainerId,
        size: bool,
    ) -> Answer<'a, ContainerDetails> {
        let time = if size { 50..200 } else { 2..8 };
        self.read(time, id.as_str(), move |store| {
            let mut details = store.container(id)?.details.clone();
            if !size {
                details.size_rw = None;
                details.size_root = None;
            }
            Ok(details)
        })
    }

    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageId>> {
        self.read(2..8, name, |store| Ok(store.resolve(name)))
    }

    fn changes(&self) -> BoxStream<'_, Result<Change, EngineError>> {
        // Who lags too far behind sees the stream end, and lists everything anew.
        stream::unfold(self.changes.subscribe(), async |mut changes| {
            let change = changes.recv().await.ok()?;
            Some((Ok(change), changes))
        })
        .boxed()
    }

    fn unpause<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.write(|store| store.unpause(id))
    }

    fn stop<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        let now = self.now();
        self.write(move |store| store.stop(id, now))
    }

    fn remove_container<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.write(|store| store.remove_container(id))
    }

    fn untag<'a>(&'a self, name: &'a str) -> Answer<'a, Removed> {
        self.write(|store| store.untag(name))
    }

    fn remove_image<'a>(&'a self, id: &'a ImageId) -> Answer<'a, Removed> {
        self.write(|store| store.remove_image(id))
    }

    fn prune_records<'a>(&'a self, ids: &'a [RecordId]) -> Answer<'a, Pruned> {
        self.write(|store| Ok(store.prune_records(ids)))
    }

    fn remove_volume<'a>(&'a self, name: &'a VolumeName) -> Answer<'a, ()> {
        self.write(|store| store.remove_volume(name))
    }

    fn truncate_log(&self, order: LogOrder) -> Answer<'_, LogTruncated> {
        self.write(move |store| store.truncate_log(&order.container))
    }

    fn is_in_registry<'a>(&'a self, digest: &'a str) -> Answer<'a, bool> {
        self.read(200..600, digest, |store| Ok(store.is_published(digest)))
    }

    fn pull<'a>(&'a self, digest: &'a str, _tell: Tell<'a>) -> Answer<'a, ()> {
        self.write(|store| store.pull(digest))
    }

    fn tag<'a>(&'a self, id: &'a ImageId, name: &'a str) -> Answer<'a, ()> {
        self.write(|store| store.tag(id, name))
    }
}
