//! One scan from beginning to end: for a report, a plan, and the recheck right before a removal.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, stream};

use super::ask::{
    has_only_whole_df, has_stored_layers, inspect, look, noted, resolved, stored, tell_in_store,
    with_surroundings, within,
};
use super::beside::{has_folders, parts, unlisted};
use super::blocks::count_all;
use super::response::MeasuredVolume;
use super::rest::found_in_folder;
use super::state::{CONTAINERS_AT_ONCE, IMAGES_AT_ONCE, VOLUMES_AT_ONCE};
use super::walks::{log_sizes, measure, measure_containers, usages};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, Inspected, Inventory, Part, Progress, Stage, Store};
use crate::domain::item::{Container, ContainerId, ImageId, ItemId, Record, VolumeName};
use crate::domain::layers::{layers_to_read, sizes_of_bases};
use crate::domain::paths::ResolvedPaths;
use crate::domain::text::Text;
use crate::engine::host::on_disk::Before;
use crate::engine::host::{self, Asked, CancelGuard, ListedIds, RootProof};
use crate::engine::metadata::images::detailed;
use crate::engine::metadata::store::StoreReading;
use crate::engine::port::blocking::Priority;
use crate::engine::port::clock;
use crate::engine::{Engine, EngineError};

/// Of which containers the writable layer is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkOf {
    None,
    /// Of those whose image is gone: only their own size tells which layers they hold (ENGINE.md §2.5).
    Hidden,
    All,
}

/// What a scan is to find out besides the lists of images, containers, volumes and services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a stage of its own; any set of them makes sense"
)]
pub struct ScanScope {
    pub layers: bool,
    pub shared_sizes: bool,
    pub build_cache: bool,
    /// What inspecting tells without a walk: when a container last ran, and whether it vanishes.
    pub container_details: bool,
    pub container_sizes: WalkOf,
    pub volume_sizes: bool,
    /// What the disk keeps of layers, where it can be counted.
    pub blocks: bool,
    /// What lies in the folder of an engine on this machine.
    pub contents: bool,
}

impl ScanScope {
    /// Everything, however long it takes.
    pub const ALL: Self = Self {
        layers: true,
        shared_sizes: true,
        build_cache: true,
        container_details: true,
        container_sizes: WalkOf::All,
        volume_sizes: true,
        blocks: true,
        contents: true,
    };

    /// Nothing besides them: enough to know the engine's disks.
    pub const LISTS: Self = Self {
        layers: false,
        shared_sizes: false,
        build_cache: false,
        container_details: false,
        container_sizes: WalkOf::None,
        volume_sizes: false,
        blocks: false,
        contents: false,
    };

    /// Nothing that walks a disk (`--fast`, and the recheck before a removal). Below API 1.42 the build cache
    /// cannot be had without walking every volume (ENGINE.md §1.4): what is known of it stays.
    #[must_use]
    pub fn without_walks(engine: &EngineInfo) -> Self {
        let cheap = !has_only_whole_df(engine);
        Self {
            layers: true,
            shared_sizes: cheap,
            build_cache: cheap,
            container_details: true,
            container_sizes: WalkOf::None,
            volume_sizes: false,
            blocks: false,
            contents: false,
        }
    }
}

/// Scans once, upon what is known: layers of an image in `base` are not asked again, and what is not
/// `wanted` stays as it is there. `progress` hears of each stage.
///
/// Whatever fails is its stage's own and can be read from the inventory.
///
/// # Errors
/// The engine does not answer in time, or neither images nor containers nor volumes are listed: there is no picture at
/// all.
pub async fn scan_once(
    engine: &dyn Engine,
    wanted: ScanScope,
    base: &Inventory,
    mut progress: impl FnMut(Stage, &Progress),
) -> Result<Inventory, EngineError> {
    scan(engine, wanted, base, &mut progress).await
}

/// Returns the same, once for all who listen: it is a great deal of code.
async fn scan(
    engine: &dyn Engine,
    wanted: ScanScope,
    base: &Inventory,
    progress: &mut dyn FnMut(Stage, &Progress),
) -> Result<Inventory, EngineError> {
    let mut once = Once {
        engine,
        inventory: base.clone(),
        progress,
        root: None,
        taken: host::MeasuredVolumes::new(),
        noted: None,
    };
    once.lists().await?;
    once.host().await;
    once.resolve().await;
    let is_to_read = once.noted.is_none() && (wanted.layers || wanted.shared_sizes);
    let whole = has_only_whole_df(&once.inventory.engine);
    let of_df = ScanScope {
        volume_sizes: false,
        ..wanted
    };
    if is_to_read && !whole && has_stored_layers(&once.inventory.engine) {
        // A graph driver's files tell nothing that df is asked for.
        let read = once.in_store();
        let ((), _) = tokio::join!(once.df(of_df), read);
    } else {
        if is_to_read {
            once.noted = once.in_store().await;
        }
        if !whole {
            once.df(of_df).await;
        }
    }
    if wanted.layers {
        once.layers().await;
    }
    if !once.inventory.engine.local {
        // Layers have folders of their own, which are known only now.
        once.host().await;
    }
    if wanted.container_sizes != WalkOf::None {
        once.container_sizes(wanted.container_sizes).await;
    }
    if wanted.container_details {
        once.container_details().await;
    }
    if wanted.layers && once.inventory.engine.store == Store::Containerd {
        once.blobs().await;
        if wanted.container_sizes != WalkOf::None {
            once.extents().await;
        }
    }
    if wanted.container_details {
        once.logs().await;
    }
    let volumes_measured = wanted.volume_sizes && once.measure_volumes().await;
    // The one walk that old engines have for all three comes last, like that over the volumes.
    once.df(ScanScope {
        shared_sizes: whole && wanted.shared_sizes,
        build_cache: whole && wanted.build_cache,
        volume_sizes: wanted.volume_sizes && !volumes_measured,
        ..wanted
    })
    .await;
    if !once.inventory.engine.local && !once.inventory.cache.is_empty() {
        // So have some records.
        once.host().await;
    }
    if wanted.layers && has_stored_layers(&once.inventory.engine) {
        once.stored().await;
        if wanted.blocks {
            once.blocks().await;
        }
    }
    if wanted.contents {
        once.contents().await;
    }
    once.settle(wanted);
    Ok(once.inventory)
}

pub(super) struct Once<'e> {
    pub(super) engine: &'e dyn Engine,
    pub(super) inventory: Inventory,
    progress: &'e mut dyn FnMut(Stage, &Progress),
    /// The engine's folder, if it is local.
    root: Option<RootProof>,
    /// What volumes took that were measured.
    taken: host::MeasuredVolumes,
    /// What the containerd store's own files note, from when images were read out of them until blobs are.
    pub(super) noted: Option<StoreReading>,
}

impl<'e> Once<'e> {
    pub(super) fn running(&mut self, stage: Stage) {
        self.stage(stage, Progress::Running(clock::now()));
    }

    fn ended(&mut self, stage: Stage, failure: Option<&EngineError>) {
        let progress = failure.map_or_else(
            || Progress::Done(clock::now()),
            |error| Progress::Failed(error.to_string().into()),
        );
        self.stage(stage, progress);
    }

    fn stage(&mut self, stage: Stage, progress: Progress) {
        (self.progress)(stage, &progress);
        self.inventory.apply(Part::Stage(stage, progress));
    }

    async fn host(&mut self) {
        let engine = Arc::clone(&self.inventory.engine);
        let known = ListedIds::of(&self.inventory);
        let found = look(self.engine, Arc::clone(&engine), known).await;
        if let Some(found) = found {
            let engine = with_surroundings(&engine, &found);
            self.inventory.apply(Part::Engine(Arc::new(engine)));
            self.inventory.apply(Part::Disks(found.disks.disks));
            self.root = found.local.ok();
        }
        // Without their list every container would seem to be missing from it.
        let is_told = has_folders(&engine) && self.inventory.is_done(Stage::Containers);
        let found = match self.root.clone().filter(|_| is_told) {
            Some(root) => Some(unlisted(&engine, root, ListedIds::of(&self.inventory)).await),
            None => None,
        };
        for part in parts(found) {
            self.inventory.apply(part);
        }
    }

    /// Reads of images what the store's own files tell; see [`tell_in_store`].
    fn in_store(&self) -> impl Future<Output = Option<StoreReading>> + use<'e> {
        let images = &self.inventory.images;
        let open = images.iter().filter(|image| image.content.is_pending());
        let open = open.map(|image| image.id.clone()).collect();
        let asked = (detailed(images), open);
        let info = Arc::clone(&self.inventory.engine);
        let known = ListedIds::of(&self.inventory);
        tell_in_store(self.engine, info, known, asked)
    }

    /// Of an engine elsewhere, paths are what they read.
    async fn resolve(&mut self) {
        let paths = if self.root.is_some() {
            resolved(Asked::of(&self.inventory)).await
        } else {
            Some(ResolvedPaths::default())
        };
        // Where looking hung, what is known of before stays.
        if let Some(paths) = paths {
            self.inventory.apply(Part::Resolved(paths));
        }
    }

    /// What df answers, as one request each; all at once, so that an old engine needs to walk only once.
    async fn df(&mut self, wanted: ScanScope) {
        let has_cache = self.inventory.engine.has_build_cache;
        for (wanted, stage) in [
            (wanted.shared_sizes, Stage::SharedSizes),
            (wanted.build_cache, Stage::BuildCache),
            (wanted.volume_sizes, Stage::VolumeSizes),
        ] {
            if wanted {
                self.running(stage);
            }
        }
        let engine = self.engine;
        let (shared, cache, volumes) = tokio::join!(
            ask(wanted.shared_sizes, || engine.shared_sizes()),
            ask(wanted.build_cache && has_cache, || engine.build_cache()),
            ask(wanted.volume_sizes, || engine.volume_sizes()),
        );
        if wanted.shared_sizes {
            self.end_answer(Stage::SharedSizes, shared, Part::SharedSizes);
        }
        if wanted.build_cache {
            let records = cache.map(|records: Option<Vec<Record>>| records.or(Some(Vec::new())));
            self.end_answer(Stage::BuildCache, records, Part::BuildCache);
        }
        if wanted.volume_sizes {
            self.end_answer(Stage::VolumeSizes, volumes, measured);
        }
    }

    pub(super) fn end_answer<T>(
        &mut self,
        stage: Stage,
        answer: Result<Option<T>, EngineError>,
        part: impl FnOnce(T) -> Part,
    ) {
        match answer {
            Ok(answer) => {
                if let Some(answer) = answer {
                    self.inventory.apply(part(answer));
                }
                self.ended(stage, None);
            }
            Err(error) => self.ended(stage, Some(&error)),
        }
    }

    async fn layers(&mut self) {
        self.running(Stage::Layers);
        let engine = self.engine;
        let mut waiting = self
            .inventory
            .images
            .iter()
            .filter(|image| image.content.is_pending())
            .map(|image| image.id.clone())
            .collect::<Vec<_>>()
            .into_iter();
        let job = |id: ImageId| async move {
            let answer = within("image", engine.image_details(&id)).await;
            (id, answer)
        };
        let mut jobs: FuturesUnordered<_> =
            waiting.by_ref().take(IMAGES_AT_ONCE).map(job).collect();
        let mut layers = Vec::new();
        let (mut lost, mut damaged, mut is_any_read) = (None, None, false);
        while let Some((id, answer)) = jobs.next().await {
            jobs.extend(waiting.next().map(job));
            match answer {
                Ok(details) => {
                    is_any_read = true;
                    layers.push(details.of(id));
                }
                Err(error) => {
                    layers.push(Inspected::unavailable(id));
                    if !error.is_of_object() {
                        lost.get_or_insert(error);
                    } else if !matches!(error, EngineError::NotFound(_)) {
                        damaged.get_or_insert(error);
                    }
                }
            }
        }
        // One damaged image is its own; an engine that reads none is sick.
        let lost = lost.or(damaged.filter(|_| !is_any_read));
        self.inventory.apply(Part::Layers(layers));
        self.ended(Stage::Layers, lost.as_ref());
    }

    /// The blobs belong to the layers; they are asked for when it is known what containers run.
    async fn blobs(&mut self) {
        let inventory = &self.inventory;
        let images: Vec<ImageId> = inventory.images.iter().map(|it| it.id.clone()).collect();
        let mut further: BTreeSet<Text> = BTreeSet::new();
        further.extend(inventory.containers.iter().filter_map(runs));
        let further: Vec<Text> = further.into_iter().collect();
        let known = ListedIds {
            images: images.clone(),
            ..ListedIds::of(inventory)
        };
        let noted = match self.noted.take() {
            Some(noted) => Some(noted),
            None => noted(Arc::clone(&inventory.engine), known).await,
        };
        match ask(true, || self.engine.blobs(&images, &further, noted)).await {
            Ok(blobs) => {
                let blobs = blobs.flatten().map(Arc::new);
                self.inventory.apply(Part::Blobs(blobs.into()));
            }
            Err(error) => {
                if self.inventory.blobs.is_pending() {
                    self.inventory.apply(Part::Blobs(Figure::Unknown));
                }
                self.ended(Stage::Layers, Some(&error));
            }
        }
    }

    /// What only blobs tell, which are read for it: of bases that the build cache keeps of images that are gone.
    async fn extents(&mut self) {
        let Figure::Known(list) = &self.inventory.blobs else {
            return;
        };
        let wanted = layers_to_read(list, &sizes_of_bases(&self.inventory.cache));
        if !wanted.is_empty()
            && let Ok(extents) = self.engine.extents(&wanted).await
        {
            self.inventory.apply(Part::Extents(extents));
        }
    }

    /// Newer than the build cache, so that every layer that a record has is among them.
    async fn stored(&mut self) {
        let engine = Arc::clone(&self.inventory.engine);
        let layers = stored(engine, ListedIds::of(&self.inventory), None).await;
        self.inventory.apply(Part::Stored(layers.into()));
    }

    /// Counts what the disk keeps of layers, records and images.
    async fn blocks(&mut self) {
        if let Some(root) = self.root.clone() {
            let leash = CancelGuard::default();
            let found = count_all(root, &self.inventory, leash.walker()).await;
            self.inventory.apply(Part::OnDisk(found));
        }
    }

    async fn container_sizes(&mut self, walk: WalkOf) {
        self.running(Stage::ContainerSizes);
        let listed: HashSet<&ImageId> = self.inventory.images.iter().map(|i| &i.id).collect();
        let is_hidden = |container: &Container| {
            let image = container.image_id.as_ref();
            image.is_none_or(|image| !listed.contains(image))
        };
        let (stopped, running): (Vec<&Container>, Vec<&Container>) = self
            .inventory
            .containers
            .iter()
            .filter(|container| walk == WalkOf::All || is_hidden(container))
            .partition(|container| container.state.is_stopped());
        let ids = stopped.into_iter().chain(running);
        let ids: Vec<ContainerId> = ids.map(|container| container.id.clone()).collect();
        let lost = self.inspect(ids.clone(), true).await;
        self.measure_containers(ids).await;
        self.ended(Stage::ContainerSizes, lost.as_ref());
    }

    /// Measures containers in the folder of a local engine.
    async fn measure_containers(&mut self, mut wanted: Vec<ContainerId>) {
        let leash = CancelGuard::default();
        while self.root.is_some() && !wanted.is_empty() {
            let info = Arc::clone(&self.inventory.engine);
            let (root, known) = (self.root.clone(), ListedIds::of(&self.inventory));
            let how = (leash.walker(), Priority::Normal);
            let found = measure_containers(info, root, known, wanted, how).await;
            let found = found.unwrap_or_default();
            self.inventory
                .apply(Part::DiskUsage(usages(found.measured)));
            wanted = found.left;
        }
    }

    /// Inspects containers of which nothing is known yet. That is no stage of its own: only its failure shows.
    async fn container_details(&mut self) {
        let unknown = self.inventory.containers.iter();
        let unknown = unknown.filter(|container| container.details.is_pending());
        let ids = unknown.map(|container| container.id.clone()).collect();
        let lost = self.inspect(ids, false).await;
        if lost.is_some() {
            self.ended(Stage::ContainerSizes, lost.as_ref());
        }
    }

    /// Inspects containers, a few at a time. The first failure that is not a container's own is returned.
    async fn inspect(&mut self, ids: Vec<ContainerId>, size: bool) -> Option<EngineError> {
        let engine = self.engine;
        let mut waiting = ids.into_iter();
        let job = |id: ContainerId| async move {
            let answer = inspect(engine, &id, size).await;
            (id, answer)
        };
        let at_once = if size {
            CONTAINERS_AT_ONCE
        } else {
            IMAGES_AT_ONCE
        };
        let mut jobs: FuturesUnordered<_> = waiting.by_ref().take(at_once).map(job).collect();
        let mut lost = None;
        while let Some((id, answer)) = jobs.next().await {
            jobs.extend(waiting.next().map(job));
            lost = lost.or(answer.unsized_by);
            let details = match answer.details {
                Ok(details) => Figure::Known(Arc::new(details)),
                Err(error) => {
                    if !matches!(error, EngineError::NotFound(_)) {
                        lost.get_or_insert(error);
                    }
                    Figure::Unknown
                }
            };
            self.inventory.apply(Part::ContainerDetails(id, details));
        }
        lost
    }

    /// Measures the log files of a local engine's containers.
    async fn logs(&mut self) {
        if self.root.is_some() {
            let containers = self.inventory.containers.iter();
            let ids = containers.map(|container| container.id.clone()).collect();
            let driver = self.inventory.engine.driver.clone();
            let sizes = log_sizes(self.root.clone(), driver, ids).await;
            self.inventory.apply(Part::Logs(sizes));
        }
    }

    /// Measures the volumes of a local engine. False if the engine must be asked, which tells all together.
    async fn measure_volumes(&mut self) -> bool {
        let Some(root) = self.root.clone() else {
            return false;
        };
        self.running(Stage::VolumeSizes);
        let leash = CancelGuard::default();
        let volumes = self.inventory.volumes.iter();
        let pending = volumes.filter(|volume| volume.size.is_pending());
        let jobs: Vec<_> = pending
            .map(|volume| {
                let (root, walker) = (root.clone(), leash.walker());
                let volume = Arc::new(volume.clone());
                async move {
                    let name = volume.name.clone();
                    (name, measure(root, walker, volume, Priority::Normal).await)
                }
            })
            .collect();
        let mut jobs = stream::iter(jobs).buffer_unordered(VOLUMES_AT_ONCE);
        let (mut sizes, mut usages) = (Vec::new(), Vec::new());
        while let Some((name, measured)) = jobs.next().await {
            match measured {
                MeasuredVolume::Taken(taken) => {
                    sizes.push((name.clone(), Some(taken.length)));
                    usages.push((ItemId::Volume(name.clone()), Arc::clone(&taken.disk)));
                    self.taken.insert(name, taken);
                }
                MeasuredVolume::Gone | MeasuredVolume::Mounted => sizes.push((name, None)),
                MeasuredVolume::Unreadable => return false,
            }
        }
        drop(jobs);
        self.inventory.apply(measured(sizes));
        self.inventory.apply(Part::DiskUsage(usages));
        self.ended(Stage::VolumeSizes, None);
        true
    }

    /// Walks through all of a local engine's folder.
    async fn contents(&mut self) {
        self.running(Stage::Unexplained);
        let leash = CancelGuard::default();
        let engine = Arc::clone(&self.inventory.engine);
        let root = self.root.clone();
        let taken = std::mem::take(&mut self.taken);
        let known = ListedIds::of(&self.inventory);
        let before = Before {
            stored: self.inventory.stored.as_ref().known().cloned(),
            on_disk: Arc::clone(&self.inventory.on_disk),
        };
        let measured = (taken, before);
        let how = (leash.walker(), Priority::Normal);
        let found = found_in_folder(self.engine, engine, root, known, how, measured);
        let found = found.await;
        match found {
            Ok(contents) => {
                let contents = contents.map(Arc::new);
                self.inventory.apply(Part::Contents(contents.into()));
                self.ended(Stage::Unexplained, None);
            }
            Err(error) => self.ended(Stage::Unexplained, Some(&error)),
        }
    }

    /// Makes unknown what nobody will tell any more: figures of a stage that has ended.
    fn settle(&mut self, wanted: ScanScope) {
        if wanted.shared_sizes || self.inventory.is_listed(Stage::SharedSizes) {
            let silent: Vec<_> = self
                .inventory
                .images
                .iter()
                .filter(|image| image.shared.is_pending())
                .map(|image| (image.id.clone(), None))
                .collect();
            self.inventory.apply(Part::SharedSizes(silent.into()));
        }
        if wanted.volume_sizes || self.inventory.is_listed(Stage::VolumeSizes) {
            self.inventory.apply(measured(Vec::new()));
        }
    }
}

/// Returns what a container runs: a manifest, or where the engine does not say it, an image.
fn runs(container: &Container) -> Option<Text> {
    let details = container.details.as_ref().known();
    let manifest = details.and_then(|details| details.manifest.clone());
    let image = container.image_id.as_ref();
    manifest.or_else(|| image.map(|image| image.as_str().into()))
}

fn measured(sizes: Vec<(VolumeName, Option<Bytes>)>) -> Part {
    Part::VolumeSizes {
        sizes,
        complete: true,
    }
}

/// Asks if it is wanted; what the engine does not have is no answer, and no failure.
async fn ask<'a, T>(
    wanted: bool,
    question: impl FnOnce() -> crate::engine::Answer<'a, T>,
) -> Result<Option<T>, EngineError> {
    if !wanted {
        return Ok(None);
    }
    match question().await {
        Ok(answer) => Ok(Some(answer)),
        Err(EngineError::NotSupported(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
