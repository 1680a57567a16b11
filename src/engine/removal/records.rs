//! Removes build cache records by ID in one prune, and sees what the engine left.

use std::collections::HashSet;

use crate::domain::inventory::Inventory;
use crate::domain::item::{ItemId, Record, RecordId};
use crate::domain::plan::{Plan, Step};
use crate::domain::removal::outcome::Outcome;
use crate::domain::survey::Survey;

use super::ends::{StepEnd, is_silence, unresolved};
use super::{AFTERMATH, PAUSE, RemovalRun, SILENT, TRIES};
use crate::engine::EngineError;

impl RemovalRun<'_> {
    /// Prunes records. The engine skips in silence what is in use or has others built on it.
    pub(super) async fn records(&mut self, steps: &[Step]) -> Vec<StepEnd> {
        let ids: Vec<RecordId> = steps
            .iter()
            .filter_map(|step| match &step.id {
                ItemId::Record(id) => Some(id.clone()),
                _ => None,
            })
            .collect();
        let (deleted, error) = match self.engine.prune_records(&ids).await {
            Ok(pruned) => (pruned.deleted, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        if let Some(error) = error.as_ref().filter(|error| error.is_forbidden()) {
            let end = |_: &Step| StepEnd::failed(error.to_string());
            self.is_forbidden(error);
            return steps.iter().map(end).collect();
        }
        let deleted: HashSet<RecordId> = deleted.into_iter().collect();
        if ids.iter().all(|id| deleted.contains(id)) {
            return steps.iter().map(|_| StepEnd::removed()).collect();
        }
        let left = match self.what_is_left(&ids, error.as_ref()).await {
            Ok(left) => left,
            Err(lost) => {
                let error = error.unwrap_or(lost);
                let end = |id: &RecordId| {
                    if deleted.contains(id) {
                        StepEnd::removed()
                    } else {
                        unresolved(&error)
                    }
                };
                return ids.iter().map(end).collect();
            }
        };
        let now = Plan {
            steps: steps.to_vec(),
            ..Plan::default()
        }
        .recheck(&survey_of(left));
        let end = |id: &RecordId| {
            if deleted.contains(id) {
                return StepEnd::removed();
            }
            let id = ItemId::Record(id.clone());
            match (now.dropped.iter().find(|done| done.id == id), &error) {
                (Some(done), Some(_)) if done.outcome == Outcome::Gone => StepEnd::removed(),
                (Some(done), _) => StepEnd::new(done.outcome, done.error.clone()),
                (None, Some(error)) => StepEnd::refused(error),
                (None, None) => {
                    StepEnd::failed("the engine left it: in use, or others build on it")
                }
            }
        };
        ids.iter().map(end).collect()
    }

    /// Returns the records that are listed. Where the answer was cut off the engine may not be done yet.
    async fn what_is_left(
        &mut self,
        ids: &[RecordId],
        error: Option<&EngineError>,
    ) -> Result<Vec<Record>, EngineError> {
        let mut left = self.list_records().await?;
        if matches!(error, Some(EngineError::Unreachable { .. })) {
            for _ in 1..AFTERMATH {
                if !left.iter().any(|record| ids.contains(&record.id)) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                left = self.list_records().await?;
            }
        }
        Ok(left)
    }

    async fn list_records(&mut self) -> Result<Vec<Record>, EngineError> {
        for _ in 1..TRIES {
            match self.listed_records().await {
                Err(_) if self.lost.is_none() => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
        let records = self.listed_records().await;
        if records.as_ref().is_err_and(is_silence) {
            self.lost.get_or_insert(SILENT);
        }
        records
    }

    async fn listed_records(&mut self) -> Result<Vec<Record>, EngineError> {
        self.is_still_itself().await?;
        self.engine.build_cache().await
    }
}

fn survey_of(records: Vec<Record>) -> Survey {
    let mut inventory = Inventory::default();
    inventory.cache = records;
    Survey::new(inventory)
}
