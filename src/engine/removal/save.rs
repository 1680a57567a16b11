//! Copies before anything goes (README.md, Copies first): volumes first, because the first steps may take them along.
//!
//! What cannot be kept stays, and with it what would take it along; all else goes.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::domain::bytes::Bytes;
use crate::domain::item::{ImageId, ItemId, State, VolumeName};
use crate::domain::plan::{Plan, Step};
use crate::domain::reference::is_digest;
use crate::domain::removal::event::Event;
use crate::domain::text::Text;
use crate::engine::copies::save::{AnyFiles, CopyFolder, Failure, WholeImage};
use crate::engine::{EngineError, Gate};

use tokio::time::timeout;

use super::RemovalRun;

/// Between two words about how far a copy has come.
const WORD: Duration = Duration::from_millis(200);
/// Between two looks whether it is cancelled.
const GLANCE: Duration = Duration::from_millis(100);
/// How long the way back to how it was may take; what is left then goes at the next start.
const SWEEP: Duration = Duration::from_secs(10);
/// What an archive needs beside what is in it: headers, and the filesystem's own.
const SLACK: Bytes = Bytes(16_000_000);

/// Opens the folder for copies of a plan's images and volumes.
///
/// # Errors
/// Where nothing can be written there, or it has no room for all of them.
pub(super) fn folder(path: &Path, gate: Gate, plan: &Plan) -> Result<CopyFolder, EngineError> {
    let permit = gate.pass(|| format!("a copy in {}", path.display()))?;
    let folder = CopyFolder::open(path, permit).map_err(EngineError::NoPlace)?;
    let kept = plan.steps.iter().filter(|step| is_kept(step));
    let needed: Bytes = kept.filter_map(|step| step.size.known()).sum();
    let needed = needed + Bytes(needed.0 / 100) + SLACK;
    match folder.room() {
        Some(room) if room < needed => Err(EngineError::NoPlace(format!(
            "{}: {room} are free, and the copies need about {needed}; name another folder for them",
            folder.path().display()
        ))),
        _ => Ok(folder),
    }
}

fn is_kept(step: &Step) -> bool {
    matches!(step.id, ItemId::Image(_) | ItemId::Volume(_))
}

impl RemovalRun<'_> {
    /// Keeps a copy of each image and volume of the plan.
    pub(super) async fn save(&mut self, folder: &CopyFolder, report: &mut dyn FnMut(Event)) {
        let plan = self.plan;
        let steps = || plan.steps.iter().enumerate();
        for (index, step) in steps() {
            if let ItemId::Volume(name) = &step.id {
                let kept = self.save_volume(folder, index, name, report).await;
                self.saved(step, kept);
            }
        }
        for (index, step) in steps() {
            if let ItemId::Image(id) = &step.id {
                let kept = self.save_image(folder, index, id, report).await;
                self.saved(step, kept);
            }
        }
    }

    fn saved(&mut self, step: &Step, kept: Result<PathBuf, Failure>) {
        let id = step.id.clone();
        match kept {
            Ok(path) => {
                let path = path.to_string_lossy().into();
                self.copies.insert(id, path);
            }
            Err(why) => {
                self.unsaved.insert(id, why);
            }
        }
    }

    async fn save_volume(
        &mut self,
        folder: &CopyFolder,
        index: usize,
        name: &VolumeName,
        report: &mut dyn FnMut(Event),
    ) -> Result<PathBuf, Failure> {
        self.may_go_on()?;
        self.stop_writers(name).await?;
        report(Event::Saving {
            index,
            done: Bytes::ZERO,
        });
        let engine = self.engine;
        let keep = async {
            // A container for a volume that is not there any more would make it anew.
            let there = engine.volumes().await.map_err(|error| error.to_string())?;
            if !there.iter().any(|volume| volume.name == *name) {
                return Err("it is not there any more".to_owned());
            }
            let content = engine.export_volume(name).await;
            let content = content.map_err(|error| error.to_string())?;
            let id = &self.plan.steps[index].id;
            let mut tell = teller(index, report);
            folder.keep(id, content, &mut AnyFiles, &mut tell).await
        };
        let kept = self.unless_cancelled(keep).await;
        // What is left of it now goes at the next start.
        let _ = timeout(SWEEP, engine.end_export()).await;
        kept
    }

    async fn save_image(
        &mut self,
        folder: &CopyFolder,
        index: usize,
        id: &ImageId,
        report: &mut dyn FnMut(Event),
    ) -> Result<PathBuf, Failure> {
        self.may_go_on()?;
        report(Event::Saving {
            index,
            done: Bytes::ZERO,
        });
        let step = &self.plan.steps[index];
        let keep = async {
            // No archive has a digest as a name.
            let names = step.names().iter().filter(|name| !is_digest(name));
            let tags: Vec<Text> = names.cloned().collect();
            let exported = self.engine.export_image(id, &tags).await;
            let exported = exported.map_err(|error| error.to_string())?;
            let mut check = WholeImage::new(exported.proof, &tags);
            let mut tell = teller(index, report);
            let content = exported.content;
            folder.keep(&step.id, content, &mut check, &mut tell).await
        };
        self.unless_cancelled(keep).await
    }

    /// Stops what still writes to a volume, where the plan stops it anyway: a copy of what is being written is
    /// none. What vanishes when it stops is left to run for a copy of what would vanish with it; what would
    /// not is not copied then, and stays. A container that was started since is not stopped.
    async fn stop_writers(&mut self, volume: &VolumeName) -> Result<(), Failure> {
        let survey = self.survey;
        for user in survey.users_of_volume(volume) {
            let id = ItemId::Container(user.id.clone());
            let steps = self.plan.steps.iter();
            let step = steps.clone().find(|step| step.id == id && step.stop);
            if let Some(step) = step
                && user.state != State::Removing
                && !self.stopped.contains(&id)
            {
                let details = self.engine.container_details(&user.id, false).await;
                let details = details.map_err(|error| error.to_string())?;
                if let Some(why) = step.seen.restarted(&details) {
                    return Err(format!("container {} {why}", step.name));
                }
                if details.auto_remove {
                    if self.vanishes(&ItemId::Volume(volume.clone())) {
                        continue;
                    }
                    return Err(format!(
                        "container {} writes to it and vanishes when it is stopped: stop it first",
                        step.name
                    ));
                }
                let stopped = self.stop(step, &user.id, false).await;
                stopped.map_err(|end| {
                    let why = end.error.unwrap_or_default();
                    format!("container {} could not be stopped: {why}", step.name)
                })?;
                self.stopped.insert(id);
            }
        }
        Ok(())
    }

    fn may_go_on(&self) -> Result<(), Failure> {
        self.halted().map_or(Ok(()), |why| Err(why.to_owned()))
    }

    /// What a cancelled copy has written so far goes with it.
    async fn unless_cancelled(
        &self,
        keep: impl Future<Output = Result<PathBuf, Failure>>,
    ) -> Result<PathBuf, Failure> {
        let cancelled = async {
            while !self.cancel.load(Ordering::Relaxed) {
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::select! {
            kept = keep => kept,
            () = cancelled => Err("cancelled".to_owned()),
        }
    }

    /// Returns why a step must not be tried: there was to be a copy of it, or of what would go along, and there is
    /// none.
    pub(super) fn has_no_copy(&self, step: &Step) -> Option<String> {
        if let Some(why) = self.unsaved.get(&step.id) {
            return Some(format!("no copy could be saved: {why}"));
        }
        let along: Vec<ItemId> = match &step.id {
            ItemId::Container(_) => self.volumes_along(step),
            ItemId::Image(_) => self.parents_along(step),
            _ => return None,
        };
        let (id, why) = along
            .into_iter()
            .find_map(|id| Some((id.clone(), self.unsaved.get(&id)?)))?;
        let name = self.survey.find(&id)?.name();
        let kind = id.kind().word();
        Some(format!(
            "{kind} {name}, which goes with it, could not be saved: {why}"
        ))
    }

    fn volumes_along(&self, step: &Step) -> Vec<ItemId> {
        let numbers = self.survey.numbers();
        let volumes = numbers
            .number_of(&step.id)
            .map(|at| self.survey.volumes(at));
        let ids = volumes.unwrap_or_default().iter();
        let ids = ids.map(|volume| self.survey.numbered(*volume).id());
        ids.filter(|id| self.vanishes(id)).collect()
    }

    fn parents_along(&self, step: &Step) -> Vec<ItemId> {
        let mut found = Vec::new();
        let mut at = self.survey.numbers().number_of(&step.id);
        while let Some(parent) = at.and_then(|at| self.survey.parent(at)) {
            let id = self.survey.numbered(parent).id();
            // A circle of parents ends.
            if !self.vanishes(&id) || found.contains(&id) {
                break;
            }
            found.push(id);
            at = Some(parent);
        }
        found
    }

    fn vanishes(&self, id: &ItemId) -> bool {
        let mut steps = self.plan.steps.iter();
        steps.any(|step| step.vanishes && step.id == *id)
    }
}

/// Tells how far a copy has come, now and then.
fn teller(index: usize, report: &mut dyn FnMut(Event)) -> impl FnMut(Bytes) {
    let mut said = Instant::now();
    move |done| {
        if said.elapsed() >= WORD {
            said = Instant::now();
            report(Event::Saving { index, done });
        }
    }
}
