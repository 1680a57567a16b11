//! From the filters of a command line to a selection, and to the plan that they stand for.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::Chosen;
use crate::domain::bytes::Bytes;
use crate::domain::filter::Verdict;
use crate::domain::item::{Emptiness, ImageId, ItemId, Kind};
use crate::domain::plan::{AddedBy, Plan, Selection, unlock};
use crate::domain::survey::{Item, Survey};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::domain::triage::{self, Goal};

/// What else the command line says about a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line; any set of them makes sense"
)]
pub struct How {
    pub unlock: bool,
    pub stop: bool,
    pub all_names: bool,
    /// Nobody is asked.
    pub yes: bool,
}

/// What was to be freed, and how far that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub wanted: Bytes,
    /// What goes for certain: less than was wanted where that cannot be had.
    pub frees: Bytes,
    pub is_met: bool,
}

/// What the filters chose, and what they could not decide on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub selection: Selection,
    /// How many things of each kind were left out because a filter asks for a figure that is not known.
    pub not_known: BTreeMap<Kind, usize>,
    pub target: Option<Target>,
}

impl Choice {
    /// Chooses what any of the filters matches. Several filters of a kind add up, and so do the names that
    /// they match.
    #[must_use]
    pub fn new(survey: &Survey, filters: &[Chosen], how: How, now: Timestamp) -> Self {
        let mut choice = Self::default();
        choice.selection.stop = how.stop;
        choice.selection.unattended = how.yes;
        for kind in Kind::ALL {
            let of_kind: Vec<&Chosen> = filters.iter().filter(|one| one.kind == kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            for index in survey.rows(kind) {
                choice.ask(survey, &of_kind, index, now);
            }
        }
        if how.all_names {
            choice.selection.unasked_names.clear();
        }
        if how.unlock {
            choice.unlock(survey);
        }
        choice
    }

    /// Under `--yes` nobody types the word that volumes with data ask for: what is to be freed must come from
    /// elsewhere, unless `--even-volumes` has said it. What this keeps counts for no target.
    pub fn keep_volumes(&mut self, survey: &Survey, how: How, even_volumes: bool) {
        if !how.yes {
            return;
        }
        if !even_volumes {
            let volumes = survey
                .rows(Kind::Volume)
                .map(|at| survey.item(Kind::Volume, at));
            let measure = survey.inventory().engine.measure;
            let is_empty = |item: &Item<'_>| matches!(item, Item::Volume(volume) if volume.emptiness(measure) == Emptiness::Empty);
            let unasked = volumes.filter(|volume| {
                !is_empty(volume) && !self.selection.items.contains_key(&volume.id())
            });
            let unasked: Vec<ItemId> = unasked.map(|volume| volume.id()).collect();
            self.selection.dropped.extend(unasked);
        }
        // What vanishes with a container is kept as well, and the container with it.
        let _ = self.plan(survey, how);
    }

    /// Adds the safest things until all that was chosen reaches a goal. False where nobody knows how far that is.
    #[must_use]
    pub fn free(&mut self, survey: &Survey, wish: (Goal, bool), now: Timestamp) -> bool {
        let Some(chosen) = triage::reach(survey, &self.selection, wish, now) else {
            return false;
        };
        chosen.add_to(&mut self.selection);
        self.target = Some(Target {
            wanted: chosen.wanted,
            frees: chosen.frees,
            is_met: chosen.met,
        });
        true
    }

    /// Returns a line for stderr that the target cannot be met by what this plan frees for certain; nothing where it
    /// can, or where there is none.
    #[must_use]
    pub fn missed(&self, plan: &Plan) -> Option<String> {
        let missed = self.target.filter(|target| !target.is_met)?;
        let Target { wanted, frees, .. } = missed;
        let sure = plan.frees.precision().of_the_most();
        Some(format!(
            "the target cannot be met: {wanted} were asked for, and no more than {frees} can go{sure}"
        ))
    }

    fn ask(&mut self, survey: &Survey, filters: &[&Chosen], index: usize, now: Timestamp) {
        let Some(kind) = filters.first().map(|chosen| chosen.kind) else {
            return;
        };
        let names = survey.names(kind, index);
        let subject = survey.subject(kind, index, false);
        let mut asked: BTreeSet<&Text> = BTreeSet::new();
        let (mut shown, mut not_known) = (false, false);
        for chosen in filters {
            match chosen.filter.verdict(&subject, now) {
                Verdict::Shown => {
                    shown = true;
                    asked.extend(chosen.filter.matched_names(&subject));
                }
                Verdict::NotKnown => not_known = true,
                Verdict::Hidden => {}
            }
        }
        if !shown {
            if not_known {
                *self.not_known.entry(kind).or_default() += 1;
            }
            return;
        }
        let item = survey.item(kind, index);
        if let Item::Image(image) = item {
            self.leave_out_names(&image.id, names, &asked);
        }
        self.selection.items.insert(item.id(), AddedBy::Selection);
    }

    fn leave_out_names(&mut self, image: &ImageId, names: &[Text], asked: &BTreeSet<&Text>) {
        let unasked: Vec<Text> = names
            .iter()
            .filter(|name| !asked.contains(name))
            .cloned()
            .collect();
        if !unasked.is_empty() {
            self.selection.unasked_names.insert(image.clone(), unasked);
        }
    }

    /// Adds what unlock adds, until it has nothing more to add.
    fn unlock(&mut self, survey: &Survey) {
        loop {
            let before = self.selection.items.len();
            for id in unlock(survey, &self.selection) {
                self.selection.items.entry(id).or_insert(AddedBy::Unlock);
            }
            if self.selection.items.len() == before {
                return;
            }
        }
    }

    /// Returns the plan for what was chosen.
    ///
    /// Under `--yes` nobody types a word, and only a `--volumes` filter stands for it: a volume that may hold
    /// data and would go for another reason (it vanishes with its `--rm` container) is to stay.
    #[must_use]
    pub fn plan(&mut self, survey: &Survey, how: How) -> Plan {
        loop {
            let plan = Plan::new(survey, &self.selection);
            if !how.yes {
                return plan;
            }
            let before = self.selection.dropped.len();
            let unasked = plan
                .steps
                .iter()
                .filter(|step| step.loses_data() && !self.selection.items.contains_key(&step.id));
            let unasked: Vec<ItemId> = unasked.map(|step| step.id.clone()).collect();
            self.selection.dropped.extend(unasked);
            if self.selection.dropped.len() == before {
                return plan;
            }
        }
    }

    /// Returns what was left out because it could not be decided on, in a line for stderr; `None` if nothing was.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let counts: Vec<String> = self
            .not_known
            .iter()
            .map(|(kind, count)| crate::ui::words::count(*count, kind.word()))
            .collect();
        (!counts.is_empty()).then(|| {
            format!(
                "left out: {}; a filter asks for a figure that is not known of them",
                crate::ui::words::join(&counts)
            )
        })
    }
}

#[cfg(test)]
mod tests;
