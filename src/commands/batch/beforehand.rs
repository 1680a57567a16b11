//! What is said and asked before a plan is printed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Planned;
use crate::commands::console::Console;
use crate::domain::item::ItemId;
use crate::domain::plan::MOST_ASKED;
use crate::domain::removal::history::Resolved;
use crate::domain::text::Text;
use crate::engine;
use crate::engine::journal::Journal;

/// Registries are given so long in all, before a plan is printed.
const ASKING: Duration = Duration::from_secs(5);

/// Says what an earlier dtop had in hand when it was ended.
pub(super) async fn say_what_was_in_hand(
    planned: &Planned,
    journal: &Journal,
    console: &mut Console<'_>,
) {
    let resolved = journal.resolve(&*planned.engine).await;
    for line in resolved.iter().flat_map(Resolved::words) {
        console.complain(&line);
    }
}

/// Asks registries whether they have what goes, and waits for all of them together only so long.
pub(super) async fn ask_registries(planned: &mut Planned) {
    let steps = planned.plan.steps.iter();
    let wanted = steps.map(|step| (step.id.clone(), step.sources()));
    let wanted = wanted.filter(|(_, sources)| !sources.is_empty());
    let wanted: Vec<(ItemId, Vec<Text>)> = wanted.take(MOST_ASKED).collect();
    let engine = Arc::clone(&planned.engine);
    let mut known = HashMap::new();
    let asking = engine::copies::restore::ask_registries(&*engine, wanted, |id, answer| {
        known.insert(id, answer);
    });
    // Who does not answer has said nothing.
    let _ = timeout(ASKING, asking).await;
    for step in &mut planned.plan.steps {
        step.comes_back = known.get(&step.id).copied().unwrap_or(step.comes_back);
    }
}
