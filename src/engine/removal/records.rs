//! Removes build cache records by ID in one prune, and sees what the engine left.

use std::collections::HashSet;

use crate::domain::inventory::Inventory;
use crate::domain::item::{ItemId, Record, RecordId};
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Plan, Step};
use crate::domain::survey::Survey;

use super::ends::{End, unresolved};
use super::{PAUSE, Run, TRIES};
use crate::engine::EngineError;

impl Run<'_> {
    /// Prunes records. The engine skips in silence what is in use or has others built on it.
    pub(super) async fn records(&mut self, steps: &[Step]) -> Vec<End> {
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
        let deleted: HashSet<RecordId> = deleted.into_iter().collect();
        if ids.iter().all(|id| deleted.contains(id)) {
            return steps.iter().map(|_| End::removed()).collect();
        }
        let left = match self.list_records().await {
            Ok(left) => left,
            Err(lost) => {
                let error = error.unwrap_or(lost);
                let end = |id: &RecordId| {
                    if deleted.contains(id) {
                        End::removed()
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
                return End::removed();
            }
            let id = ItemId::Record(id.clone());
            match (now.dropped.iter().find(|done| done.id == id), &error) {
                (Some(done), Some(_)) if done.outcome == Outcome::Gone => End::removed(),
                (Some(done), _) => End::new(done.outcome, done.error.clone()),
                (None, Some(error)) => End::failed(error.to_string()),
                (None, None) => End::failed("the engine left it: in use, or others build on it"),
            }
        };
        ids.iter().map(end).collect()
    }

    async fn list_records(&mut self) -> Result<Vec<Record>, EngineError> {
        for _ in 1..TRIES {
            if let Ok(records) = self.engine.build_cache().await {
                return Ok(records);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let records = self.engine.build_cache().await;
        self.is_lost |= records.is_err();
        records
    }
}

fn survey_of(records: Vec<Record>) -> Survey {
    let mut inventory = Inventory::default();
    inventory.cache = records;
    Survey::new(inventory)
}
