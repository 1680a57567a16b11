//! What is measured in a local engine's own folder: volumes one by one, where the engine would tell all of them
//! together at the end, and logs, which it never tells.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::ask::{look, resolved};
use super::pass::{First, Pass};
use super::question::Question;
use super::queue::Landing;
use super::response::MeasuredVolume;
use super::response::Response;
use crate::domain::bytes::Bytes;
use crate::domain::inventory::{EngineInfo, Inventory, Part, Stage};
use crate::domain::item::{ContainerId, ItemId, LogFiles, Volume, VolumeName};
use crate::domain::paths::ResolvedPaths;
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::text::Text;
use crate::engine::Engine;
use crate::engine::host::{self, Asked, CancelGuard, ListedIds, RootProof, Walker};
use crate::engine::metadata::images::InStore;
use crate::engine::port::blocking::{Priority, run_blocking, run_with_priority};
use crate::engine::port::clock;
use crate::engine::scan::state::Scan;

impl Scan<'_> {
    /// Takes note of how much is left to be measured.
    pub(super) fn pass(&mut self, change: impl FnOnce(&mut Pass)) {
        let mut now = self.picture.pass;
        change(&mut now);
        let pass = &mut self.picture.pass;
        if pass.goes_on(now, clock::now()) {
            self.outbox.push(Part::Measuring(pass.measuring()));
        }
    }

    /// Measures some things before all others.
    pub(super) fn measure_first(&mut self, first: First) {
        let volumes: Vec<VolumeName> = first
            .items
            .iter()
            .filter_map(|item| match item {
                ItemId::Volume(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        self.volumes.look_first(&volumes);
        let is_first: HashSet<&ContainerId> = first
            .items
            .iter()
            .filter_map(|item| match item {
                ItemId::Container(id) => Some(id),
                _ => None,
            })
            .collect();
        let waiting = self.picture.unmeasured_containers.make_contiguous();
        waiting.sort_by_key(|id| !is_first.contains(id));
        self.picture.first = first;
    }

    /// The host was looked at: its folder is the engine's, or that cannot be shown.
    pub(super) fn take_root(&mut self, root: Option<RootProof>) {
        if self.picture.root == root {
            return;
        }
        // What was read in the folder and not asked for yet may not be so any more.
        if root.is_none() {
            self.engine().take_in_store(InStore::nothing());
        }
        // What was to be measured here is asked of the engine where it cannot be any more.
        if root.is_none() && !self.volumes.is_idle() {
            self.want(Question::VolumeSizes);
        }
        self.picture.known.proven.clone_from(&root);
        self.picture.root = root;
        self.want(Question::Unlisted);
        self.picture.taken.clear();
        self.picture.unreadable.clear();
        self.want(Question::Contents);
        self.resolve();
        self.picture.falls_back = false;
        // What was measured in another folder says nothing of this one, and in none nothing is measured.
        self.volumes.list(Vec::new());
        self.list_volumes();
        self.measure_logs();
        if self.picture.root.is_some() {
            // What was inspected before the folder was known was not measured.
            for id in self.picture.known.containers.clone() {
                self.measure_container(&id);
            }
        }
    }

    /// Takes the volumes of the last list as work to be done here.
    pub(super) fn list_volumes(&mut self) {
        if self.picture.root.is_some() {
            let volumes = self.picture.volumes.values();
            let list = volumes.map(|volume| (volume.name.clone(), volume.created));
            self.volumes.list(list.collect());
        }
    }

    /// Measures volumes a few at a time, or has the engine measure all of them: where its folder cannot be read,
    /// or for those in it that cannot, once all others have had their turn.
    pub(super) fn measure_volumes(&mut self) {
        let Some(root) = self.picture.root.clone() else {
            // Until the host was looked at, it may yet be measured here.
            if !self.is_in_flight(Question::Surroundings) {
                self.ask_if_due(Question::VolumeSizes);
            }
            return;
        };
        let was_due = !self.picture.falls_back && self.forget(Question::VolumeSizes);
        while let Some(name) = self.volumes.next() {
            let Some(volume) = self.picture.volumes.get(&name) else {
                self.volumes.landed(&name, Landing::Unanswerable, None);
                continue;
            };
            let job = volume_job(root.clone(), self.leash.walker(), Arc::clone(volume));
            self.jobs.push(job);
        }
        if self.volumes.begins() {
            self.outbox.running(Stage::VolumeSizes);
        } else if was_due && self.volumes.is_idle() {
            self.outbox.ended(Stage::VolumeSizes, None);
        }
        if !self.volumes.is_waiting() {
            self.ask_if_due(Question::VolumeSizes);
        }
    }

    pub(super) fn take_volume(&mut self, name: VolumeName, measured: MeasuredVolume) {
        self.picture.taken.remove(&name);
        self.picture.unreadable.remove(&name);
        let (size, usage) = match measured {
            MeasuredVolume::Taken(taken) => {
                let told = (Some(taken.length), Some(Arc::clone(&taken.disk)));
                self.picture.taken.insert(name.clone(), taken);
                told
            }
            MeasuredVolume::Gone | MeasuredVolume::Mounted => (None, None),
            MeasuredVolume::Unreadable => {
                self.volumes.landed(&name, Landing::Unanswerable, None);
                return self.fall_back(name);
            }
        };
        self.volumes.landed(&name, Landing::Known, None);
        self.picture.has_told(&name);
        self.outbox.push_detail(Part::VolumeSizes {
            sizes: vec![(name.clone(), size)],
            complete: false,
        });
        if let Some(usage) = usage {
            let usage = (ItemId::Volume(name), usage);
            self.outbox.push_detail(Part::DiskUsage(vec![usage]));
        }
        self.end_volumes();
    }

    fn end_volumes(&mut self) {
        if self.volumes.ends() && !self.is_coming(Question::VolumeSizes) {
            self.outbox.flush();
            let asked = self.picture.falls_back;
            let failures = asked.then_some(&self.picture.failures);
            let failure = failures.and_then(|it| it.get(&Question::VolumeSizes).cloned());
            self.outbox.ended(Stage::VolumeSizes, failure);
        }
    }

    /// The engine may read what this program may not. It tells all volumes or none, and is asked once.
    fn fall_back(&mut self, name: VolumeName) {
        if !std::mem::replace(&mut self.picture.falls_back, true) {
            self.want(Question::VolumeSizes);
        } else if !self.is_coming(Question::VolumeSizes) {
            // A volume that came after the walk is not worth another one (ENGINE.md §7).
            self.outbox.push_detail(Part::VolumeSizes {
                sizes: vec![(name.clone(), None)],
                complete: false,
            });
        }
        self.picture.unreadable.insert(name);
        self.end_volumes();
    }

    /// What the engine says of volumes that could not be measured here. Of the others it is older than what was.
    pub(super) fn settle_unreadable(&mut self, sizes: Vec<(VolumeName, Option<Bytes>)>) {
        let mut told: HashMap<VolumeName, Option<Bytes>> = sizes.into_iter().collect();
        let unreadable = self.picture.unreadable.iter().cloned();
        let sizes: Vec<_> = unreadable
            .map(|name| {
                let size = told.remove(&name).flatten();
                (name, size)
            })
            .collect();
        for (name, _) in &sizes {
            self.picture.has_told(name);
        }
        let complete = false;
        self.outbox.push(Part::VolumeSizes { sizes, complete });
    }

    /// Wants a container measured that was inspected: what it takes may be another number since.
    pub(super) fn measure_container(&mut self, id: &ContainerId) {
        let waiting = &mut self.picture.unmeasured_containers;
        if !waiting.contains(id) {
            waiting.push_back(id.clone());
        }
        if self.picture.root.is_some() {
            self.want(Question::ContainerUsage);
        }
    }

    pub(super) fn container_usage<'a>(&mut self) -> BoxFuture<'a, Response> {
        let info = self.picture.engine.clone().unwrap_or_default();
        let (root, known) = (self.picture.root.clone(), self.picture.known.clone());
        let wanted = std::mem::take(&mut self.picture.unmeasured_containers);
        self.pass(|pass| pass.containers = wanted.len());
        let how = (self.leash.walker(), Priority::Leisurely);
        async move {
            let measured = measure_containers(info, root, known, wanted.into(), how);
            Response::ContainerUsage(measured.await)
        }
        .boxed()
    }

    /// Those whose turn has not come are measured next, a part at a time, so that figures stream in.
    pub(super) fn take_container_usage(&mut self, found: Option<host::Containers>) {
        let found = found.unwrap_or_default();
        if !found.left.is_empty() {
            let mut waiting: VecDeque<ContainerId> = found.left.into();
            waiting.append(&mut self.picture.unmeasured_containers);
            self.picture.unmeasured_containers = waiting;
            self.want(Question::ContainerUsage);
        }
        let left = self.picture.unmeasured_containers.len();
        self.outbox.flush();
        self.outbox.push(Part::DiskUsage(usages(found.measured)));
        self.pass(|pass| pass.containers = left);
        self.landed(Question::ContainerUsage);
    }

    pub(super) fn measure_logs(&mut self) {
        if self.picture.root.is_some() && !self.picture.known.containers.is_empty() {
            self.ask(Question::Logs);
        }
    }

    pub(super) fn logs<'a>(&self) -> BoxFuture<'a, Response> {
        let driver = self.picture.engine.as_ref();
        let driver = driver.map_or_else(Text::default, |engine| engine.driver.clone());
        let ids = self.picture.known.containers.clone();
        let root = self.picture.root.clone();
        async move { Response::Logs(log_sizes(root, driver, ids).await) }.boxed()
    }

    pub(super) fn take_logs(&mut self, sizes: Vec<(ContainerId, Option<LogFiles>)>) {
        if self.picture.told.takes(Question::Logs, &sizes) {
            self.outbox.push(Part::Logs(sizes));
        }
        self.landed(Question::Logs);
    }
}

impl Scan<'_> {
    /// Wants to know where paths really are, where that is this machine's matter.
    pub(super) fn resolve(&mut self) {
        if self.picture.root.is_some() {
            self.want(Question::Resolved);
        } else {
            // Nothing of another engine's machine can be seen here.
            self.forget(Question::Resolved);
            self.take_paths(ResolvedPaths::default());
        }
    }

    fn take_paths(&mut self, paths: ResolvedPaths) {
        if self.picture.resolved != paths {
            self.picture.resolved.clone_from(&paths);
            self.outbox.push(Part::Resolved(paths));
        }
    }

    /// Where looking hung, what was seen last stays.
    pub(super) fn take_resolved(&mut self, paths: Option<ResolvedPaths>) {
        if let Some(paths) = paths.filter(|_| self.picture.root.is_some()) {
            self.take_paths(paths);
        }
        self.landed(Question::Resolved);
    }
}

impl<'e> Scan<'e> {
    pub(super) fn resolved(&self) -> BoxFuture<'e, Response> {
        let picture = &self.picture;
        let binds = picture.binds.iter().chain(&picture.service_binds);
        let binds = binds.chain(&picture.unlisted_binds);
        let asked = Asked {
            binds: binds.cloned().collect(),
            devices: picture.devices.clone(),
            mountpoints: picture.mountpoints.clone(),
        };
        resolved(asked).map(Response::Resolved).boxed()
    }
}

fn volume_job<'a>(root: RootProof, walker: Walker, volume: Arc<Volume>) -> BoxFuture<'a, Response> {
    async move {
        let name = volume.name.clone();
        let measured = measure(root, walker, volume, Priority::Leisurely).await;
        Response::Volume(name, measured)
    }
    .boxed()
}

/// Walks through a volume on a thread of its own.
pub(super) async fn measure(
    root: RootProof,
    walker: Walker,
    volume: Arc<Volume>,
    pace: Priority,
) -> MeasuredVolume {
    match run_with_priority(pace, move || walker.volume(&root.open()?, &volume)).await {
        Some(Ok(taken)) => MeasuredVolume::Taken(taken),
        Some(Err(error)) => match error.kind() {
            ErrorKind::NotFound => MeasuredVolume::Gone,
            ErrorKind::CrossesDevices => MeasuredVolume::Mounted,
            _ => MeasuredVolume::Unreadable,
        },
        None => MeasuredVolume::Unreadable,
    }
}

/// Figures are sent so often while containers are measured.
const PART: Duration = Duration::from_millis(500);

/// Measures containers for a while, on a thread of its own; nothing where their folder cannot be opened.
pub(super) async fn measure_containers(
    info: Arc<EngineInfo>,
    root: Option<RootProof>,
    known: ListedIds,
    wanted: Vec<ContainerId>,
    (walker, pace): (Walker, Priority),
) -> Option<host::Containers> {
    let look = move || {
        let root = root?.open().ok()?;
        host::containers(&root, &info, &known, wanted, (&walker, PART)).ok()
    };
    run_with_priority(pace, look).await?
}

/// Returns what containers take as an inventory takes it in.
pub(super) fn usages(
    measured: Vec<(ContainerId, Option<DiskUsage>)>,
) -> Vec<(ItemId, Arc<DiskUsage>)> {
    let measured = measured.into_iter();
    measured
        .filter_map(|(id, usage)| Some((ItemId::Container(id), Arc::new(usage?))))
        .collect()
}

/// Bytes of the containers' log files; those that cannot be read are not known.
pub(super) async fn log_sizes(
    root: Option<RootProof>,
    driver: Text,
    ids: Vec<ContainerId>,
) -> Vec<(ContainerId, Option<LogFiles>)> {
    let look = run_blocking(move || {
        let root = root.and_then(|root| root.open().ok());
        let size = |id: &ContainerId| host::logs(root.as_ref()?, &driver, id).ok();
        let sized = |id: ContainerId| {
            let size = size(&id);
            (id, size)
        };
        ids.into_iter().map(sized).collect()
    });
    look.await.unwrap_or_default()
}

/// Returns what some volumes take as they are now, where the engine is local; of those that can be measured here.
pub(in crate::engine) async fn sizes_of(
    engine: &dyn Engine,
    inventory: &Inventory,
    volumes: Vec<Volume>,
) -> Vec<Part> {
    if volumes.is_empty() || !inventory.engine.local {
        return Vec::new();
    }
    let found = look(
        engine,
        Arc::clone(&inventory.engine),
        ListedIds::of(inventory),
    );
    let Some(Ok(root)) = found.await.map(|found| found.local) else {
        return Vec::new();
    };
    let leash = CancelGuard::default();
    let (mut sizes, mut usages) = (Vec::new(), Vec::new());
    for volume in volumes {
        let name = volume.name.clone();
        let volume = Arc::new(volume);
        let measured = measure(root.clone(), leash.walker(), volume, Priority::Normal).await;
        if let MeasuredVolume::Taken(taken) = measured {
            usages.push((ItemId::Volume(name.clone()), taken.disk));
            sizes.push((name, Some(taken.length)));
        }
    }
    let complete = false;
    let sizes = Part::VolumeSizes { sizes, complete };
    vec![sizes, Part::DiskUsage(usages)]
}
