//! One picture of everything an engine keeps, put together from answers that come one after another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bytes::{Bytes, Figure};
use super::disk::Disk;
use super::item::{
    Backing, Container, ContainerDetails, ContainerId, Content, Image, ImageId, ItemId, Kind,
    LogFiles, Record, Source, State, Text, Volume, VolumeName,
};
use super::outsider::{Outsider, OutsiderKind, Outsiders};
use super::paths::{Paths, Resolved, lies_in};
use super::protect::Protection;
use super::time::Timestamp;
use super::unexplained::{self, Unexplained};
use crate::domain::store::content::BlobList;
use crate::domain::store::disk_usage::{DiskUsage, HardLink, Measure, Measuring};
use crate::domain::store::folder::Contents;
use crate::domain::store::layerdb::{OnDisk, Stored};
use crate::domain::store::mounted::MountedImages;
use crate::domain::store::unpacked::Extent;

/// The engine, and how it was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// `unix:///var/run/docker.sock`, `ssh://web-3`, `demo`.
    pub host: Text,
    /// Why this host: `DOCKER_HOST`, `context "prod"`, `default`, …
    pub why: Text,
    /// `Docker`, `Podman`, `demo`.
    pub product: Text,
    pub version: Text,
    pub api: Text,
    pub store: Store,
    /// The storage driver: `overlay2`, `overlayfs`, …
    pub driver: Text,
    /// Where it keeps its data, on its own host.
    pub root: Text,
    /// What the engine calls itself (`ID` of `/info`); it tells a local engine from a forwarded one.
    pub engine_id: Text,
    /// The namespace of containerd that it keeps its things in, where it says so (API 1.46 and newer).
    pub namespace: Option<Text>,
    /// Proven to be on this machine, with a root that can be read (README.md, What is never removed).
    pub local: bool,
    /// Why it does not count as local, once that has been tried.
    pub why_not_local: Option<Text>,
    /// Why it is asked for its images, which takes it long, though the files of its store may be here.
    pub unread: Option<Text>,
    /// Places that hold its data on a filesystem of which nobody here may ask how full it is.
    pub closed_disks: Vec<Text>,
    /// The virtual machine that it runs in, by the name of what brings it along (`Docker Desktop`): its disk
    /// is a file on the host.
    pub vm: Option<Text>,
    /// What its own figures are measured by: lengths, but for the demo's. What the containerd store says of layers is
    /// blocks all the same.
    pub measure: Measure,
    /// It has a build cache of its own to list and prune (Podman has not).
    pub has_build_cache: bool,
    pub swarm: Swarm,
    /// Why it does not say what it is (`/info` is refused): then its store, its folder and its disks are not known.
    pub untold: Option<Text>,
}

impl EngineInfo {
    /// Returns true for Docker on a graph driver, the store that every Docker had before the containerd store.
    #[must_use]
    pub fn is_docker_on_graph_driver(&self) -> bool {
        self.store == Store::GraphDriver && !self.is_podman()
    }

    #[must_use]
    pub fn is_podman(&self) -> bool {
        self.product.contains("Podman")
    }

    /// Returns what its store is called: `overlay2`, `containerd`; nothing where it does not say.
    #[must_use]
    pub fn store_name(&self) -> Option<&str> {
        let name = match self.store {
            Store::Containerd => "containerd",
            Store::GraphDriver => &self.driver,
            Store::Unknown => "",
        };
        Some(name).filter(|name| !name.is_empty())
    }

    /// True for an engine that remembers how long a running container's log is (Docker 23; Podman's numbers are
    /// smaller): one that was emptied behind its back is shorter than it thinks, and it seeks the last lines where
    /// there are none.
    #[must_use]
    pub fn counts_logs(&self) -> bool {
        let major = self.version.split('.').next().unwrap_or_default();
        major.parse().is_ok_and(|major: u32| major >= 23)
    }
}

/// What an engine is to a swarm, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Swarm {
    /// It did not say, or is on its way in or out.
    #[default]
    Unknown,
    /// It is in none: what a swarm left here belongs to nobody.
    Inactive,
    /// It runs tasks for others, who alone know the services.
    Worker,
    /// It knows all services.
    Manager,
}

/// How an engine keeps image layers (ENGINE.md §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// Each layer once, unpacked.
    #[default]
    GraphDriver,
    /// Each layer as a compressed blob and as an unpacked snapshot.
    Containerd,
    /// The engine does not say (`/info` is refused).
    Unknown,
}

/// A stage of a scan: what can be pending, done, or failed on its own (ENGINE.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Images,
    Containers,
    Volumes,
    /// Swarm services, which hold images and volumes; done at once where there is no swarm.
    Services,
    BuildCache,
    SharedSizes,
    Layers,
    ContainerSizes,
    VolumeSizes,
    /// What the engine's folder holds besides.
    Unexplained,
}

impl Stage {
    pub const ALL: [Self; 10] = [
        Self::Images,
        Self::Containers,
        Self::Volumes,
        Self::Services,
        Self::BuildCache,
        Self::SharedSizes,
        Self::Layers,
        Self::ContainerSizes,
        Self::VolumeSizes,
        Self::Unexplained,
    ];

    /// The stage that lists a kind.
    #[must_use]
    pub fn list_of(kind: Kind) -> Self {
        match kind {
            Kind::Image => Self::Images,
            Kind::Container | Kind::Log => Self::Containers,
            Kind::Volume => Self::Volumes,
            Kind::BuildCache => Self::BuildCache,
        }
    }

    /// What is being measured, in a sentence.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Containers => "containers",
            Self::Volumes => "volumes",
            Self::Services => "services",
            Self::BuildCache => "build cache",
            Self::SharedSizes => "shared sizes",
            Self::Layers => "layers",
            Self::ContainerSizes => "container sizes",
            Self::VolumeSizes => "volume sizes",
            Self::Unexplained => "unexplained bytes",
        }
    }
}

/// Where a stage stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Nothing has come yet.
    #[default]
    Waiting,
    /// Under way since then.
    Running(Timestamp),
    /// Complete as of then.
    Done(Timestamp),
    /// The engine's words; what was there before stays.
    Failed(Text),
}

/// What inspecting an image told.
#[derive(Clone, Debug)]
pub struct Inspected {
    pub id: ImageId,
    pub content: Figure<Arc<Content>>,
    pub last_tagged: Option<Timestamp>,
    /// Where it came from; `None` leaves what the list said.
    pub source: Option<Source>,
}

impl Inspected {
    /// An image that the engine can tell nothing of.
    #[must_use]
    pub fn in_vain(id: ImageId) -> Self {
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
    Engine(Arc<EngineInfo>),
    Disks(Vec<Disk>),
    /// All images, intermediates included.
    Images(Vec<Image>),
    Containers(Vec<Container>),
    Volumes(Vec<Volume>),
    /// What the list of volumes warned of: drivers that did not answer, whose volumes it leaves out.
    VolumeWarnings(Vec<Text>),
    /// Where bind mounts and volumes really are on this machine, newer than containers and volumes.
    Resolved(Resolved),
    /// All outsiders of a kind, newer than those of the last answer; unknown where they cannot be had.
    Outsiders(OutsiderKind, Figure<Vec<Outsider>>),
    /// What listed containers mount of images, newer than their list; nothing where that cannot be read.
    Mounted(MountedImages),
    BuildCache(Vec<Record>),
    SharedSizes(SharedSizes),
    Layers(Vec<Inspected>),
    /// The containerd store's blobs, newer than the images; unknown where the engine does not list them.
    Blobs(Figure<Arc<BlobList>>),
    /// The layers in the engine's folder, newer than the build cache; unknown where they cannot be read.
    Stored(Figure<Arc<Stored>>),
    /// What the disk keeps of some of these layers, of records and of images, beside what was told before.
    OnDisk(OnDisk),
    /// What layers of the containerd store unpack to, by the digests of their blobs.
    Extents(HashMap<Text, Extent>),
    ContainerDetails(ContainerId, Figure<Arc<ContainerDetails>>),
    /// Volumes that were measured; `complete` when what is not named here cannot be known.
    VolumeSizes {
        sizes: Vec<(VolumeName, Option<Bytes>)>,
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
    Stage(Stage, Progress),
}

impl Part {
    /// Takes a list of all swarm services.
    #[must_use]
    pub fn services(services: Vec<Outsider>) -> Self {
        Self::Outsiders(OutsiderKind::Service, Figure::Known(services))
    }
}

/// So many files of which names lie elsewhere are kept of all things: 16 MiB.
const MOST_LINKS: usize = (16 << 20) / size_of::<HardLink>();

/// Everything an engine keeps, as far as it has answered.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub engine: Arc<EngineInfo>,
    pub disks: Vec<Disk>,
    pub images: Vec<Image>,
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
    /// What the list of volumes warned of, bounded.
    pub volume_warnings: Vec<Text>,
    /// What holds any of these and is on no list.
    pub outsiders: Outsiders,
    /// Where paths are that are elsewhere than they read; nothing of an engine on another machine.
    pub resolved: Arc<Resolved>,
    /// What the engine's folder tells of image mounts, where it can be read.
    pub mounted: Arc<MountedImages>,
    pub cache: Vec<Record>,
    /// `LayersSize` as it was said last.
    pub layers_size: Option<Bytes>,
    /// Of the containerd store only; a list stays in force until a newer one comes.
    pub blobs: Figure<Arc<BlobList>>,
    /// Of a graph driver's store on this machine only.
    pub stored: Figure<Arc<Stored>>,
    /// What the disk keeps of these and of images, as far as it was measured.
    pub on_disk: Arc<OnDisk>,
    /// What earlier pictures told of layers that build cache records keep; see
    /// [`Ledger::remember`](super::layers::Ledger::remember).
    pub remembered: Arc<Stored>,
    /// Of blobs that were read because nothing else tells it. A digest tells the same for ever.
    pub extents: Arc<HashMap<Text, Extent>>,
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

    #[must_use]
    pub fn stage(&self, stage: Stage) -> &Progress {
        self.stages.get(&stage).unwrap_or(&Progress::Waiting)
    }

    /// True when a stage is complete and not being repeated.
    #[must_use]
    pub fn is_done(&self, stage: Stage) -> bool {
        matches!(self.stage(stage), Progress::Done(_))
    }

    /// True once a stage has been complete, even if it is under way again or failed since.
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

    /// Whether log files can be read: known once one was, or where a local engine has no containers.
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

    /// Puts an answer in its place. A new list keeps what was measured of the objects it still has.
    pub fn apply(&mut self, part: Part) {
        match part {
            Part::Engine(engine) => self.engine = engine,
            Part::Disks(disks) => self.disks = disks,
            Part::Measuring(measuring) => self.measuring = measuring,
            Part::Images(images) => {
                self.take_images(images);
                self.tell_sources();
            }
            Part::Containers(containers) => self.take_containers(containers),
            Part::Volumes(volumes) => self.take_volumes(volumes),
            Part::VolumeWarnings(warnings) => self.volume_warnings = warnings,
            Part::Resolved(paths) => self.resolved = Arc::new(paths),
            Part::Outsiders(kind, answer) => self.outsiders.replace(kind, answer),
            Part::Mounted(mounted) => self.mounted = Arc::new(mounted),
            Part::BuildCache(records) => self.cache = records,
            Part::SharedSizes(shared) => {
                self.layers_size = shared.layers.or(self.layers_size);
                self.take_shared_sizes(shared.images);
            }
            Part::Layers(layers) => {
                self.take_layers(layers);
                self.tell_sources();
            }
            Part::Blobs(blobs) => {
                self.blobs = blobs;
                self.tell_sources();
            }
            Part::Stored(stored) => self.take_stored(stored),
            Part::OnDisk(found) => Arc::make_mut(&mut self.on_disk).add(found),
            Part::Extents(extents) => self.extents = Arc::new(extents),
            Part::Contents(contents) => {
                let explained = contents.map(|it| unexplained::explain(&it, self).into());
                self.unexplained = explained;
            }
            Part::ContainerDetails(id, details) => self.take_details(&id, details),
            Part::VolumeSizes { sizes, complete } => self.take_volume_sizes(sizes, complete),
            Part::DiskUsage(usages) => self.take_disk_usage(usages),
            Part::Logs(sizes) => self.take_logs(sizes),
            Part::Stage(stage, progress) => {
                if matches!(progress, Progress::Done(_)) {
                    self.listed.insert(stage);
                }
                self.stages.insert(stage, progress);
            }
        }
    }

    /// What was measured is kept of what is still there.
    fn take_stored(&mut self, stored: Figure<Arc<Stored>>) {
        match &stored {
            Figure::Known(stored) if !self.on_disk.is_empty() => {
                Arc::make_mut(&mut self.on_disk).retain(stored);
            }
            Figure::Known(_) => {}
            Figure::Pending | Figure::Unknown => self.on_disk = Arc::default(),
        }
        self.stored = stored;
    }

    fn take_images(&mut self, mut images: Vec<Image>) {
        let known = self.images.iter().map(|image| &image.id);
        if !known.eq(images.iter().map(|image| &image.id)) {
            // It was said of other images.
            self.layers_size = None;
        }
        let mut old: HashMap<ImageId, Image> = std::mem::take(&mut self.images)
            .into_iter()
            .map(|image| (image.id.clone(), image))
            .collect();
        for image in &mut images {
            let Some(before) = old.remove(&image.id) else {
                continue;
            };
            if image.content.is_pending() {
                image.content = before.content;
            }
            if image.shared.is_pending() {
                image.shared = before.shared;
            }
            image.last_tagged = image.last_tagged.or(before.last_tagged);
            // A list that cannot tell does not take back what inspecting told.
            if image.source == Source::Unknown {
                image.source = before.source;
            }
        }
        self.images = images;
        if !self.on_disk.images.is_empty() {
            let there: HashSet<&ImageId> = self.images.iter().map(|it| &it.id).collect();
            let on_disk = Arc::make_mut(&mut self.on_disk);
            on_disk.images.retain(|id, _| there.contains(id));
        }
    }

    fn take_containers(&mut self, mut containers: Vec<Container>) {
        let known = self.containers.iter().map(|container| &container.id);
        if !known.eq(containers.iter().map(|container| &container.id)) {
            self.layers_size = None;
        }
        let states: HashMap<&ContainerId, &State> = self
            .containers
            .iter()
            .map(|it| (&it.id, &it.state))
            .collect();
        let changed = containers
            .iter()
            .filter(|it| states.get(&it.id) != Some(&&it.state));
        let changed: Vec<&Container> = changed.collect();
        let written: HashSet<VolumeName> =
            changed.iter().flat_map(|it| it.volumes.clone()).collect();
        let paths: Vec<Paths> = changed.iter().map(|it| it.binds.clone()).collect();
        self.doubt_emptiness(&written, &paths);
        let mut old: HashMap<ContainerId, Figure<Arc<ContainerDetails>>> =
            std::mem::take(&mut self.containers)
                .into_iter()
                .map(|container| (container.id, container.details))
                .collect();
        for container in &mut containers {
            if container.details.is_pending()
                && let Some(details) = old.remove(&container.id)
            {
                container.details = details;
            }
        }
        let ids = containers.iter().map(|container| container.id.clone());
        self.places = ids.zip(0..).collect();
        self.containers = containers;
    }

    fn take_details(&mut self, id: &ContainerId, details: Figure<Arc<ContainerDetails>>) {
        let Some(container) = self.container_mut(id) else {
            return;
        };
        let old = container.details.as_ref().known().cloned();
        container.details = details;
        // The engine tells no log's size: what was measured stays.
        set_log(container, old.as_ref().and_then(|old| old.log));
        let ran = |it: &Arc<ContainerDetails>| (it.started, it.finished);
        let now = container.details.as_ref().known().map(ran);
        keep_usage(container, old.as_ref());
        if old.is_some() && now.is_some() && old.as_ref().map(ran) != now {
            let written = container.volumes.iter().cloned().collect();
            let paths = container.binds.clone();
            self.doubt_emptiness(&written, &[paths]);
        }
    }

    /// Volumes that were measured to be empty, and that a container may have written to since: whether they
    /// still are is not known. A plan takes empty ones along unasked.
    fn doubt_emptiness(&mut self, written: &HashSet<VolumeName>, paths: &[Paths]) {
        for volume in &mut self.volumes {
            if volume.emptiness(self.engine.measure).is_empty()
                && (written.contains(&volume.name)
                    || is_reached(&volume.mountpoint, paths, &self.resolved))
            {
                volume.size = Figure::Unknown;
                volume.usage = None;
            }
        }
    }

    /// A container of the list. Details come one by one, for each of thousands.
    fn container_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        let place = self.places.get(id).copied();
        let stands = |place: &usize| self.containers.get(*place).is_some_and(|it| it.id == *id);
        let place = place.filter(stands).or_else(|| {
            // Not a list that came as an answer.
            self.containers.iter().position(|it| it.id == *id)
        })?;
        self.containers.get_mut(place)
    }

    fn take_volumes(&mut self, mut volumes: Vec<Volume>) {
        let old = std::mem::take(&mut self.volumes).into_iter();
        let mut old: HashMap<VolumeName, Volume> =
            old.map(|volume| (volume.name.clone(), volume)).collect();
        for volume in &mut volumes {
            // A volume made anew under an old name is another volume.
            if let Some(old) = old.remove(&volume.name)
                && volume.size.is_pending()
                && old.created == volume.created
            {
                volume.size = old.size;
                volume.usage = old.usage;
            }
        }
        self.volumes = volumes;
    }

    fn take_shared_sizes(&mut self, sizes: Vec<(ImageId, Option<Bytes>)>) {
        let sizes: HashMap<_, _> = sizes.into_iter().collect();
        for image in &mut self.images {
            if let Some(size) = sizes.get(&image.id) {
                image.shared = (*size).into();
            }
        }
    }

    fn take_layers(&mut self, layers: Vec<Inspected>) {
        let mut layers: HashMap<_, _> = layers
            .into_iter()
            .map(|inspected| (inspected.id.clone(), inspected))
            .collect();
        for image in &mut self.images {
            if let Some(inspected) = layers.remove(&image.id) {
                image.content = inspected.content;
                image.last_tagged = inspected.last_tagged;
                image.source = inspected.source.unwrap_or(image.source);
            }
        }
    }

    /// Tells where images are from by their blobs, which know it best.
    fn tell_sources(&mut self) {
        let Figure::Known(blobs) = &self.blobs else {
            return;
        };
        for image in &mut self.images {
            if let Some(kept) = blobs.image(&image.id) {
                image.source = kept.origin.source(image);
            }
        }
    }

    fn take_logs(&mut self, sizes: Vec<(ContainerId, Option<LogFiles>)>) {
        let sizes: HashMap<_, _> = sizes.into_iter().collect();
        for container in &mut self.containers {
            if let Some(log) = sizes.get(&container.id) {
                set_log(container, *log);
            }
        }
    }

    /// Takes in what things take on the disk. Of all of them together no more files with several names are kept than
    /// [`MOST_LINKS`]; whether further ones go is not certain.
    fn take_disk_usage(&mut self, usages: Vec<(ItemId, Arc<DiskUsage>)>) {
        let mut of_volumes = HashMap::new();
        for (id, usage) in usages {
            match id {
                ItemId::Volume(name) => {
                    of_volumes.insert(name, usage);
                }
                ItemId::Container(id) => {
                    let container = self.container_mut(&id).map(|it| &mut it.details);
                    if let Some(Figure::Known(details)) = container {
                        Arc::make_mut(details).usage = Some(usage);
                    }
                }
                ItemId::Image(_) | ItemId::Record(_) | ItemId::Log(_) => {}
            }
        }
        let mut room = MOST_LINKS;
        for volume in &mut self.volumes {
            let usage = of_volumes.remove(&volume.name);
            volume.usage = usage.or(volume.usage.take());
            keep_links(&mut volume.usage, &mut room);
        }
        for container in &mut self.containers {
            if let Figure::Known(details) = &mut container.details
                && details
                    .usage
                    .as_ref()
                    .is_some_and(|it| !it.links.is_empty())
            {
                keep_links(&mut Arc::make_mut(details).usage, &mut room);
            }
        }
    }

    fn take_volume_sizes(&mut self, sizes: Vec<(VolumeName, Option<Bytes>)>, complete: bool) {
        let sizes: HashMap<_, _> = sizes.into_iter().collect();
        // Podman measures what is mounted over a volume's folder, too.
        let own = |it: &&mut Volume| it.backing == Backing::Folder;
        for volume in self.volumes.iter_mut().filter(own) {
            match sizes.get(&volume.name) {
                Some(size) => {
                    volume.size = (*size).into();
                    volume.usage = None;
                }
                None if complete && volume.size.is_pending() => volume.size = Figure::Unknown,
                None => {}
            }
        }
    }
}

/// Keeps the files of a thing of which names lie elsewhere, as long as there is room for them.
fn keep_links(usage: &mut Option<Arc<DiskUsage>>, room: &mut usize) {
    let Some(usage) = usage.as_mut().filter(|it| !it.links.is_empty()) else {
        return;
    };
    match room.checked_sub(usage.links.len()) {
        Some(left) => *room = left,
        None => Arc::make_mut(usage).forget_links(),
    }
}

/// Returns true if one of these bind mounts shows what is in a volume, or may show it.
fn is_reached(mountpoint: &Text, paths: &[Paths], resolved: &Resolved) -> bool {
    let led = |path: &str| resolved.get(path).map(ToString::to_string);
    let mut folders = led(mountpoint).into_iter().chain([mountpoint.to_string()]);
    folders.any(|folder| {
        let mut binds = paths.iter().flat_map(Paths::iter);
        binds.any(|bind| {
            let to = led(bind).unwrap_or_else(|| bind.to_owned());
            lies_in(&to, &folder) || lies_in(&folder, &to)
        })
    })
}

/// Keeps what a container was measured to take, unless it has written or run since: then it is measured anew.
fn keep_usage(container: &mut Container, old: Option<&Arc<ContainerDetails>>) {
    let seen = |it: &ContainerDetails| (it.size_rw, it.started, it.finished);
    if let Figure::Known(details) = &mut container.details
        && let Some(old) = old.filter(|old| old.usage.is_some() && seen(old) == seen(details))
        && details.usage.is_none()
    {
        Arc::make_mut(details).usage.clone_from(&old.usage);
    }
}

/// Takes the size of a container's logs in, where details are known that it belongs to.
fn set_log(container: &mut Container, log: Option<LogFiles>) {
    if let Figure::Known(details) = &mut container.details
        && log.is_some()
        && details.log != log
    {
        Arc::make_mut(details).log = log;
    }
}
