//! Removes a volume. Its name is all the identity it has, so it is looked at right before.

use crate::domain::item::VolumeName;
use crate::domain::plan::Step;
use crate::domain::removal::outcome::Outcome;

use super::RemovalRun;
use super::ends::StepEnd;
use crate::engine::EngineError;

impl RemovalRun<'_> {
    pub(super) async fn volume(&mut self, step: &Step, name: &VolumeName) -> StepEnd {
        match self.look(step).await {
            Ok(None) => {}
            Ok(Some(done)) if done.outcome == Outcome::Gone => return self.away(step),
            Ok(Some(done)) => return StepEnd::new(done.outcome, done.error),
            Err(error) => return self.after_asking(step, error).await,
        }
        match self.engine.remove_volume(name).await {
            Ok(()) => StepEnd::removed(),
            Err(EngineError::NotFound(words)) => self.missing(step, words).await,
            Err(EngineError::Conflict(words)) => self.after_conflict(step, words).await,
            Err(error) => self.after(step, error).await,
        }
    }
}
