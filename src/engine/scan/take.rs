//! What an answer means: parts to send, and what is to be asked next.

use std::collections::HashSet;
use std::sync::Arc;

use super::ask::{InspectedContainer, with_surroundings};
use super::question::Question;
use super::queue::Landing;
use super::response::{Reply, Response};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, Part, SharedSizes, Stage};
use crate::domain::item::{Container, ContainerId, Record, Volume, VolumeName};
use crate::domain::layers::sizes_of_bases;
use crate::domain::outsider::Outsider;
use crate::domain::store::layerdb::LayerDb;
use crate::domain::text::Text;
use crate::engine::EngineError;
use crate::engine::host::{HostInfo, leaving, mounting};
use crate::engine::scan::state::Scan;

impl Scan<'_> {
    pub(super) fn take(&mut self, answer: Response) {
        match answer {
            Response::About(answer) => self.take_about(answer),
            Response::Images(answer) => self.take_images(answer),
            Response::Containers(answer) => self.take_containers(answer),
            Response::Services(answer) => self.take_services(answer),
            Response::Volumes(answer) => self.take_volumes(answer),
            Response::SharedSizes(answer) => self.take_shared_sizes(answer),
            Response::BuildCache(answer) => self.take_build_cache(answer),
            Response::SameBuildCache => self.take_same_build_cache(),
            Response::VolumeSizes(answer) => self.take_volume_sizes(answer),
            Response::Blobs(answer) => self.take_blobs(answer),
            Response::Extents(answer) => self.take_extents(answer),
            Response::Stored(layers) => self.take_stored(layers.into()),
            Response::Blocks(counted) => self.take_blocks(counted),
            Response::InStore => self.landed(Question::InStore),
            Response::ImagesInStore(found) => self.take_images_in_store(found),
            Response::Surroundings(asked, found) => self.take_surroundings(&asked, found),
            Response::Image(id, answer) => self.take_image(&id, answer),
            Response::Container(id, answer) => self.take_container(&id, answer),
            Response::Volume(name, measured) => self.take_volume(name, measured),
            Response::Unlisted(found) => self.take_unlisted(found),
            Response::External(answer) => self.take_external(answer),
            Response::Logs(sizes) => self.take_logs(sizes),
            Response::ContainerUsage(found) => self.take_container_usage(found),
            Response::Resolved(paths) => self.take_resolved(paths),
            Response::Contents(answer) => self.take_contents(answer),
        }
    }

    /// Says that a question's stage has ended.
    pub(super) fn end(&mut self, question: Question) {
        self.complete_first(question);
        let Some(stage) = question.stage() else {
            return self.landed(question);
        };
        let failure = self.picture.failures.get(&question).cloned();
        self.outbox.ended(stage, failure);
        self.landed(question);
    }

    /// The host shows more of a local engine when more of the engine is known.
    fn complete_first(&mut self, question: Question) {
        let tells = match question {
            Question::About
            | Question::Images
            | Question::ImagesInStore
            | Question::Containers
            | Question::Volumes => true,
            Question::BuildCache => self.picture.root.is_none(),
            _ => false,
        };
        if tells && self.picture.engine.is_some() {
            self.ask(Question::Surroundings);
        }
    }

    fn take_about(&mut self, answer: Reply<EngineInfo>) {
        // A failure is told by the lists, which fail as well, or by the feed.
        if let Ok(mut info) = answer {
            // What was proven of another root is not proven of this one.
            let old = self.picture.engine.as_ref();
            if let Some(old) = old.filter(|old| is_same_engine(old, &info)) {
                info.local = old.local;
                info.why_not_local.clone_from(&old.why_not_local);
                info.closed_disks.clone_from(&old.closed_disks);
                info.unread.clone_from(&old.unread);
            }
            // An engine that was restarted with its other store has other layers.
            let old = self.picture.engine.as_deref();
            let is_new = old.is_some_and(|old| !is_same_engine(old, &info));
            if is_new {
                self.picture.known.proven = None;
            }
            if self.picture.has_blobs && (is_new || !keeps_same_store(old, &info)) {
                self.picture.has_blobs = false;
                self.outbox.push(Part::Blobs(Figure::Pending));
            }
            // Another engine's folder lists other layers, and a new one may not be readable here.
            let before = self.picture.engine.as_deref();
            if !before.is_some_and(|old| is_same_engine(old, &info) && old.driver == info.driver) {
                self.take_folder_back();
            }
            self.send_engine(info);
            if !self.picture.has_blobs {
                self.want_blobs();
            }
        }
        self.end(Question::About);
    }

    /// What the folder of another engine listed is not of this one.
    fn take_folder_back(&mut self) {
        if self.picture.stored.as_ref().known().is_some() {
            self.picture.stored = Figure::Pending;
            self.picture.on_disk = Arc::default();
            self.outbox.push(Part::Stored(Figure::Pending));
        }
    }

    pub(super) fn send_engine(&mut self, info: EngineInfo) {
        if self.picture.engine.as_deref() != Some(&info) {
            let info = Arc::new(info);
            self.picture.engine = Some(Arc::clone(&info));
            self.outbox.push(Part::Engine(info));
        }
    }

    fn take_surroundings(&mut self, asked: &EngineInfo, found: Option<HostInfo>) {
        // Where looking hangs, what was seen last stays: the disk is not gone, only silent.
        if let Some(found) = found {
            let engine = self.picture.engine.clone();
            if let Some(info) = engine.filter(|info| is_same_engine(info, asked)) {
                self.send_engine(with_surroundings(&info, &found));
                if !info.local && self.picture.keeps_stored() {
                    self.want(Question::Stored);
                    self.read_images();
                }
                if !info.local && self.picture.keeps_notes() {
                    self.want(Question::Blobs);
                    self.read_images();
                }
            }
            self.take_root(found.local.ok());
            if self.picture.takes(&found.disks.disks) {
                self.outbox.push(Part::Disks(found.disks.disks));
            }
        }
        self.give_up_folder();
        self.landed(Question::Surroundings);
    }

    /// A folder that tells what it told before makes no new picture.
    fn take_stored(&mut self, stored: Figure<Arc<LayerDb>>) {
        if self.picture.stored != stored {
            self.picture.stored.clone_from(&stored);
            self.outbox.push(Part::Stored(stored));
        }
        self.want_blocks();
        self.landed(Question::Stored);
    }

    fn take_containers(&mut self, answer: Reply<Vec<Container>>) {
        let listed = self.picture.accept(Question::Containers, answer);
        if let Some(containers) = listed {
            let ids: Vec<ContainerId> = containers.iter().map(|c| c.id.clone()).collect();
            // A container that is gone keeps nothing any more, but in old notes.
            if self.picture.keeps_notes()
                && self.picture.has_blobs
                && ids != self.picture.known.containers
            {
                self.want(Question::Blobs);
            }
            // Notes that were read before a container came do not have it.
            if ids != self.picture.known.containers {
                self.picture.noted = None;
            }
            self.picture.known.containers = ids;
            self.picture.known.leaving = leaving(&containers);
            self.picture.known.mounting = mounting(&containers);
            self.want(Question::Unlisted);
            self.want(Question::External);
            // What is stopped can go, so its size is wanted first.
            let (stopped, running): (Vec<&Container>, Vec<&Container>) = containers
                .iter()
                .partition(|container| container.state.is_stopped());
            let list = stopped
                .into_iter()
                .chain(running)
                .map(|container| (container.id.clone(), container.state.clone()))
                .collect();
            self.take_runs(&containers);
            self.containers.list(list);
            if self.picture.told.takes(Question::Containers, &containers) {
                let binds = containers.iter().map(|it| it.binds.clone());
                self.picture.binds = binds.collect();
                self.resolve();
                self.outbox.push(Part::Containers(containers));
            }
            self.end(Question::Containers);
            if self.containers.is_idle() {
                self.containers.ends();
                self.end_container_sizes();
            }
        } else {
            self.end(Question::Containers);
        }
    }

    fn take_container(&mut self, id: &ContainerId, answer: InspectedContainer) {
        match answer.details {
            Ok(details) => {
                let unsized_by = answer.unsized_by.as_ref().and_then(words);
                // A log that was measured before was kept by nobody.
                if self.containers.landed(id, Landing::Known, unsized_by) {
                    self.picture.told.forget(Question::Logs);
                }
                self.gain();
                if let Some(manifest) = details.manifest.clone() {
                    self.picture.runs.insert(id.clone(), manifest);
                }
                let details = Figure::Known(Arc::new(details));
                let part = Part::ContainerDetails(id.clone(), details);
                self.outbox.push_detail(part);
                self.measure_container(id);
            }
            Err(error) => {
                let landing = landing(&error);
                self.picture.told.forget(Question::Logs);
                if landing == Landing::Lost {
                    self.lose();
                }
                if self.containers.landed(id, landing, words(&error)) {
                    let part = Part::ContainerDetails(id.clone(), Figure::Unknown);
                    self.outbox.push_detail(part);
                }
            }
        }
        if self.containers.ends() {
            self.end_container_sizes();
        }
    }

    /// What containers run, as far as their list tells.
    fn take_runs(&mut self, containers: &[Container]) {
        let mut old = std::mem::take(&mut self.picture.runs);
        let runs = containers.iter().filter_map(|container| {
            let image = container.image_id.as_ref();
            let run = old.remove(&container.id);
            let run = run.or_else(|| image.map(|image| image.as_str().into()));
            Some((container.id.clone(), run?))
        });
        self.picture.runs = runs.collect();
    }

    fn end_container_sizes(&mut self) {
        self.outbox.flush();
        let mut runs = self.picture.runs.values();
        if runs.any(|run| !self.picture.runs_asked.contains(run)) {
            self.want_blobs();
        }
        self.measure_logs();
        let failure = self.containers.failure();
        self.outbox.ended(Stage::ContainerSizes, failure);
    }

    fn take_services(&mut self, answer: Reply<Vec<Outsider>>) {
        if let Some(services) = self.picture.accept(Question::Services, answer)
            && self.picture.told.takes(Question::Services, &services)
        {
            let binds = services.iter().map(|it| it.binds.clone());
            self.picture.service_binds = binds.collect();
            self.resolve();
            self.outbox.push(Part::services(services));
        }
        self.end(Question::Services);
    }

    fn take_same_build_cache(&mut self) {
        let question = Question::BuildCache;
        self.picture.idly.remove(&question);
        if self.picture.failures.remove(&question).is_some() {
            self.end(question);
        } else {
            self.landed(question);
        }
    }

    fn take_build_cache(&mut self, answer: Reply<Vec<Record>>) {
        let question = Question::BuildCache;
        let idly = self.picture.idly.remove(&question);
        let failed = self.picture.failures.get(&question).cloned();
        let mut is_news = false;
        if let Some(records) = self.picture.accept(question, answer) {
            is_news = self.picture.told.takes(question, &records);
            self.picture.is_building = idly && is_news;
            if is_news {
                self.picture.bases = sizes_of_bases(&records);
                self.picture.known.records = records.iter().map(|it| it.id.clone()).collect();
                self.outbox.push(Part::BuildCache(records));
            }
            // What a record keeps may have gone without it, if something has happened.
            if is_news || !idly {
                self.want_blobs();
            }
        }
        if idly && !is_news && self.picture.failures.get(&question) == failed.as_ref() {
            return self.landed(question);
        }
        self.end(question);
    }

    fn take_shared_sizes(&mut self, answer: Reply<SharedSizes>) {
        let lost = matches!(&answer, Err(error) if landing(error) == Landing::Lost);
        if let Some(sizes) = self.picture.accept(Question::SharedSizes, answer) {
            let ids = sizes.images.iter().map(|(id, _)| self.images.own(id));
            self.picture.shared.extend(ids);
            self.outbox.push(Part::SharedSizes(sizes));
        }
        if !lost {
            self.settle_shared();
        }
        self.end(Question::SharedSizes);
    }

    /// Nobody will say the shared sizes of the other images: they are not pending, but unknown.
    pub(super) fn settle_shared(&mut self) {
        let silent: Vec<_> = self
            .images
            .keys()
            .filter(|id| !self.picture.shared.contains(id))
            .map(|id| (id.clone(), None))
            .collect();
        if !silent.is_empty() {
            let ids = silent.iter().map(|(id, _)| id.clone());
            self.picture.shared.extend(ids);
            self.outbox.push(Part::SharedSizes(silent.into()));
        }
    }

    fn take_volumes(&mut self, answer: Reply<Vec<Volume>>) {
        if let Some(volumes) = self.picture.accept(Question::Volumes, answer) {
            self.picture.known.volumes = volumes.iter().map(|v| v.name.clone()).collect();
            let names: HashSet<&VolumeName> = volumes.iter().map(|v| &v.name).collect();
            self.picture.measured.retain(|name, _| names.contains(name));
            self.picture.taken.retain(|name, _| names.contains(name));
            self.picture.unreadable.retain(|name| names.contains(name));
            let measured = &self.picture.measured;
            let pending = volumes.iter().filter(|volume| volume.size.is_pending());
            self.picture.volumes = pending
                .clone()
                .map(|volume| (volume.name.clone(), Arc::new(volume.clone())))
                .collect();
            self.picture.unmeasured = pending
                .filter(|volume| measured.get(&volume.name) != Some(&volume.created))
                .map(|volume| (volume.name.clone(), volume.created))
                .collect();
            if self.picture.told.takes(Question::Volumes, &volumes) {
                let all = volumes.iter();
                let devices = all.clone().filter_map(|it| it.device().cloned());
                self.picture.devices = devices.collect();
                self.picture.mountpoints = all.map(|it| it.mountpoint.clone()).collect();
                self.resolve();
                self.outbox.push(Part::Volumes(volumes));
            }
            let warnings = self.engine().volume_warnings();
            if self.picture.volume_warnings != warnings {
                self.picture.volume_warnings.clone_from(&warnings);
                self.outbox.push(Part::VolumeWarnings(warnings));
            }
            self.list_volumes();
            // A volume that came after the walk is not worth another one (ENGINE.md §7).
            if self.picture.root.is_none() && !self.is_coming(Question::VolumeSizes) {
                let silent = self.picture.unmeasured.keys();
                let sizes: Vec<_> = silent.map(|name| (name.clone(), None)).collect();
                self.settle_volumes(sizes, false);
            }
        }
        self.end(Question::Volumes);
    }

    fn take_volume_sizes(&mut self, answer: Reply<Vec<(VolumeName, Option<Bytes>)>>) {
        let lost = matches!(&answer, Err(error) if landing(error) == Landing::Lost);
        let accept = self.picture.accept(Question::VolumeSizes, answer);
        if accept.is_some() || !lost {
            let sizes = accept.unwrap_or_default();
            if self.picture.root.is_some() {
                self.settle_unreadable(sizes);
            } else {
                self.settle_volumes(sizes, true);
            }
        }
        if self.volumes.is_idle() {
            self.end(Question::VolumeSizes);
        } else {
            // Those that are measured here end the stage.
            self.landed(Question::VolumeSizes);
        }
    }

    fn settle_volumes(&mut self, sizes: Vec<(VolumeName, Option<Bytes>)>, complete: bool) {
        let settled = std::mem::take(&mut self.picture.unmeasured);
        self.picture.measured.extend(settled);
        if complete || !sizes.is_empty() {
            self.outbox.push(Part::VolumeSizes { sizes, complete });
        }
    }
}

/// Returns true if what is found out about the host of the one holds for the other.
fn is_same_engine(one: &EngineInfo, other: &EngineInfo) -> bool {
    (&one.host, &one.root, &one.engine_id) == (&other.host, &other.root, &other.engine_id)
}

fn keeps_same_store(old: Option<&EngineInfo>, new: &EngineInfo) -> bool {
    old.is_none_or(|old| (old.store, &old.driver) == (new.store, &new.driver))
}

/// Returns what the stage says of a question about one object that failed. What the engine refuses is the object's own.
pub(super) fn words(error: &EngineError) -> Option<Text> {
    (!error.is_of_object()).then(|| error.to_string().into())
}

/// Returns whether it is worth asking again.
pub(super) fn landing(error: &EngineError) -> Landing {
    match error {
        EngineError::Unreachable { .. }
        | EngineError::TimedOut { .. }
        | EngineError::Stalled { .. } => Landing::Lost,
        // A proxy that reaches nobody may reach the engine again.
        EngineError::Barred { .. } if !error.is_forbidden() => Landing::Lost,
        EngineError::NotFound(_)
        | EngineError::Conflict(_)
        | EngineError::NotSupported(_)
        | EngineError::Refused { .. }
        | EngineError::Barred { .. }
        | EngineError::Garbled { .. }
        | EngineError::ReadOnly { .. }
        | EngineError::Unreadable(_)
        | EngineError::NoPlace(_) => Landing::Unanswerable,
    }
}
