//! Removes a container: unpause, stop, remove, each only where the plan says so.

use crate::domain::item::{ContainerId, ItemId, State, VolumeName};
use crate::domain::plan::{Seen, Step};
use crate::domain::removal::outcome::Outcome;

use super::ends::{StepEnd, unresolved};
use super::{PATIENCE, PAUSE, RemovalRun};
use crate::engine::EngineError;

impl RemovalRun<'_> {
    pub(super) async fn container(&mut self, step: &Step, id: &ContainerId) -> StepEnd {
        let details = match self.engine.container_details(id, false).await {
            Ok(details) => details,
            Err(EngineError::NotFound(words)) => return self.missing(step, words).await,
            Err(error) => return self.after_asking(step, error).await,
        };
        if let Some(why) = step.seen.restarted(&details) {
            return StepEnd::new(Outcome::Changed, why);
        }
        let vanishes = step.stop && details.auto_remove;
        if step.stop
            && !self.stopped.contains(&step.id)
            && let Err(end) = self.stop(step, id, vanishes).await
        {
            return end;
        }
        if step.stop {
            self.note_volumes(id).await;
        }
        match self.engine.remove_container(id).await {
            Ok(()) => StepEnd::removed(),
            Err(EngineError::NotFound(words)) => match self.missing(step, words).await {
                // The engine was quicker, at our word.
                end if end.outcome == Outcome::Gone && vanishes => StepEnd::removed(),
                end => end,
            },
            Err(EngineError::Conflict(words)) => {
                self.container_conflict(step, id, vanishes, words).await
            }
            Err(error) => self.after(step, error).await,
        }
    }

    /// Stops a container with its own timeout. An end where there is nothing left to remove, or it failed.
    pub(super) async fn stop(
        &mut self,
        step: &Step,
        id: &ContainerId,
        vanishes: bool,
    ) -> Result<(), StepEnd> {
        if step.unpause {
            match self.engine.unpause(id).await {
                // Somebody else has unpaused it: so much the better.
                Ok(()) | Err(EngineError::Conflict(_)) => {}
                Err(EngineError::NotFound(words)) => return Err(self.missing(step, words).await),
                Err(error) => return Err(self.after(step, error).await),
            }
        }
        match self.engine.stop(id).await {
            Ok(()) => {}
            // It may have been done all the same: then the removal goes on.
            Err(EngineError::Unreachable { .. }) if self.has_stopped(id).await => {}
            Err(EngineError::NotFound(words)) => return Err(self.missing(step, words).await),
            Err(error) => return Err(self.after(step, error).await),
        }
        // The engine removes it by itself, and its anonymous volumes with it: a removal of ours could
        // come in between and leave those behind.
        if vanishes && self.is_gone_soon(step).await? {
            return Err(StepEnd::removed());
        }
        Ok(())
    }

    async fn has_stopped(&mut self, id: &ContainerId) -> bool {
        if self.is_still_itself().await.is_err() {
            return false;
        }
        let containers = self.engine.containers().await.unwrap_or_default();
        containers
            .iter()
            .any(|container| container.id == *id && container.state.is_stopped())
    }

    /// Docker 20.10 takes for the time when a volume was made that of the last change to its topmost folder,
    /// which a container may write to as it ends. As long as it is there its volumes are the ones that it had.
    async fn note_volumes(&mut self, id: &ContainerId) {
        let own: Vec<&VolumeName> = self
            .plan
            .steps
            .iter()
            .filter_map(|step| match (&step.id, &step.seen) {
                (ItemId::Volume(name), Seen::Volume(seen)) if seen.users.contains(id) => Some(name),
                _ => None,
            })
            .collect();
        if own.is_empty() {
            return;
        }
        // Without the list what was known before holds.
        for volume in self.engine.volumes().await.unwrap_or_default() {
            if own.contains(&&volume.name) {
                self.made.insert(volume.name, volume.created);
            }
        }
    }

    /// Waits for a removal that is under way.
    async fn is_gone_soon(&mut self, step: &Step) -> Result<bool, StepEnd> {
        for _ in 0..PATIENCE {
            match self.is_there(&step.id).await {
                Ok(false) => return Ok(true),
                Ok(true) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(unresolved(&error)),
            }
        }
        Ok(false)
    }

    async fn container_conflict(
        &mut self,
        step: &Step,
        id: &ContainerId,
        vanishes: bool,
        words: String,
    ) -> StepEnd {
        let state = match self.engine.containers().await {
            Ok(containers) => containers
                .into_iter()
                .find(|container| container.id == *id)
                .map(|container| container.state),
            Err(error) => return self.after(step, error).await,
        };
        match state {
            None if vanishes => StepEnd::removed(),
            None => StepEnd::gone(),
            // Removal under way: of `--rm`, which is ours, or somebody else's, whose bytes they count (two dtops at
            // once counted them twice).
            Some(state) if state == State::Removing || words.contains("already in progress") => {
                match self.is_gone_soon(step).await {
                    Ok(true) if vanishes => StepEnd::removed(),
                    Ok(true) => StepEnd::gone(),
                    Ok(false) => StepEnd::failed(words),
                    Err(end) => end,
                }
            }
            Some(state) if !state.is_stopped() && step.stop => StepEnd::new(
                Outcome::Changed,
                "was started again after it was stopped".to_owned(),
            ),
            Some(_) => self.after_conflict(step, words).await,
        }
    }
}
