//! What a command was to choose from, and could not be listed.

use std::collections::BTreeSet;

use crate::cli::{self, Chosen};
use crate::domain::inventory::Stage;
use crate::domain::item::Kind;
use crate::domain::plan::Plan;
use crate::domain::survey::Survey;
use crate::ui::text::sanitise;

/// The lists that a selection needs and that were refused.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    stages: BTreeSet<Stage>,
    /// Nothing that was to be chosen from can go.
    is_all: bool,
    lines: Vec<String>,
}

impl Unlisted {
    /// Looks for what the selected kinds need; a target without a filter may choose from all of them.
    pub fn new(survey: &Survey, filters: &[Chosen]) -> Self {
        let chosen =
            |kind: &Kind| filters.is_empty() || filters.iter().any(|one| one.kind == *kind);
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(chosen).collect();
        let missing = |kind: &Kind| {
            let needed = needed_lists(*kind).iter().copied();
            let missing = needed.filter(|stage| survey.inventory().lacks(*stage).is_some());
            missing.collect::<Vec<Stage>>()
        };
        let missing: Vec<Vec<Stage>> = kinds.iter().map(missing).collect();
        let stages: BTreeSet<Stage> = missing.iter().flatten().copied().collect();
        let lines = stages.iter().filter_map(|stage| {
            let why = survey.unlisted_in_words(*stage)?;
            let own = kinds.iter().any(|kind| Stage::list_of(*kind) == *stage);
            let words = if own {
                why
            } else {
                format!("nothing goes that they may hold: {why}")
            };
            Some(sanitise(&words).into_owned())
        });
        Self {
            lines: lines.collect(),
            is_all: !missing.is_empty() && missing.iter().all(|stages| !stages.is_empty()),
            stages,
        }
    }

    /// Returns a line for stderr for each list, in the engine's words.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Returns why nothing could be tried, where nothing could.
    pub fn error(&self) -> Option<String> {
        self.is_all.then(|| self.lines.join("; "))
    }

    /// Leaves open what a plan frees: nobody knows what else was meant.
    pub fn doubt(&self, plan: &mut Plan) {
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Log);
        let unlisted = kinds.filter(|kind| self.stages.contains(&Stage::list_of(*kind)));
        plan.leave_open(unlisted);
    }

    /// Returns the exit code of what ended with this one otherwise.
    pub fn code(&self, code: u8) -> u8 {
        if self.is_all {
            cli::NOTHING_TRIED
        } else if self.stages.is_empty() {
            code
        } else {
            cli::NOT_ALL_DONE
        }
    }
}

/// Returns the lists without which nothing of a kind goes: its own, and that of what may hold it.
fn needed_lists(kind: Kind) -> &'static [Stage] {
    match kind {
        Kind::Image => &[Stage::Images, Stage::Containers],
        Kind::Volume => &[Stage::Volumes, Stage::Containers],
        Kind::Container | Kind::Log => &[Stage::Containers],
        Kind::BuildCache => &[Stage::BuildCache],
    }
}
