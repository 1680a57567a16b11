//! What is in sight or marked is measured before everything else.

use crate::domain::inventory::{Progress, Stage};
use crate::domain::item::ItemId;

use super::super::model::Model;
use super::super::msg::Effect;

/// So many marked things are named at most: what somebody has marked by the thousand, he waits for as a whole.
const MOST_MARKED: usize = 500;

/// Says what is in sight and what is marked, once that has changed, while things are measured on this machine.
pub fn measure_first(model: &mut Model) -> Vec<Effect> {
    let inventory = model.survey.inventory();
    let volumes = inventory.stage(Stage::VolumeSizes);
    let is_measuring = inventory.measuring.is_some() || matches!(volumes, Progress::Running(_));
    if !inventory.engine.local || !is_measuring {
        model.measured_first.clear();
        return Vec::new();
    }
    let pane = model.pane();
    let rows = pane.rows.iter().skip(pane.cursor.offset);
    let rows = rows.take(usize::from(model.layout.page));
    let in_sight = rows.map(|at| model.survey.item(pane.kind, *at).id());
    let marked = model.marks.keys().take(MOST_MARKED).cloned();
    let items: Vec<ItemId> = in_sight.chain(marked).collect();
    if items == model.measured_first {
        return Vec::new();
    }
    model.measured_first.clone_from(&items);
    let chains = model.survey.retention.chains_of(&items);
    vec![Effect::MeasureFirst(items, chains)]
}

#[cfg(test)]
mod tests;
