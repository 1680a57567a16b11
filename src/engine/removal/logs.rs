//! Empties a container's log, right after the engine has said once more where it writes it.

use std::sync::Arc;

use crate::domain::item::ContainerId;
use crate::domain::plan::Step;
use crate::domain::removal::outcome::Outcome;

use super::RemovalRun;
use super::ends::StepEnd;
use crate::engine::host::{ListedIds, LogOrder};
use crate::engine::{EngineError, LogTruncated};

impl RemovalRun<'_> {
    pub(super) async fn log(&mut self, step: &Step, id: &ContainerId) -> StepEnd {
        let details = match self.engine.container_details(id, false).await {
            Ok(details) => details,
            Err(EngineError::NotFound(words)) => return self.missing(step, words).await,
            Err(error) => return self.after_asking(step, error).await,
        };
        if let Some(why) = step.seen.moved(details.log_path.as_ref()) {
            return StepEnd::new(Outcome::Changed, why);
        }
        let inventory = self.survey.inventory();
        let order = LogOrder {
            container: id.clone(),
            path: details.log_path,
            bounded: details.log_bounded != Some(false),
            engine: Arc::clone(&inventory.engine),
            known: ListedIds::of(inventory),
        };
        match self.engine.truncate_log(order).await {
            Ok(LogTruncated { freed, failure }) => {
                self.tally.truncated(step, freed);
                match failure {
                    Some(words) => StepEnd::failed(words),
                    None => StepEnd::new(Outcome::Truncated, None),
                }
            }
            Err(EngineError::NotFound(words)) => self.missing(step, words).await,
            Err(error) => StepEnd::refused(&error),
        }
    }
}
