//! The plan against what is there now: it may shrink, it never grows (README.md, What it promises, and what not).

use std::collections::HashSet;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Stage;
use crate::domain::item::{ImageId, ItemId};
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::survey::Survey;

use super::draft::Draft;
use super::{Plan, Selection, Step};

/// What is left of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recheck {
    /// What is left of the plan.
    pub plan: Plan,
    /// Steps that fell out: gone, or changed, with the reason.
    pub dropped: Vec<Done>,
}

impl Plan {
    /// Plans the same steps anew on a fresh picture. What vanished is gone; what is not what it was, or
    /// came into use, is changed; what cannot be listed, or held by what cannot, is skipped; nothing that was not a
    /// step before becomes one.
    #[must_use]
    pub fn recheck(&self, fresh: &Survey) -> Recheck {
        let mut dropped = Vec::new();
        // A running container that was not to be stopped has changed, so this gives nothing away.
        let mut selection = Selection {
            stop: true,
            ..Selection::default()
        };
        for step in &self.steps {
            if let Some(stage) = unlisted(step, fresh) {
                let why = fresh.unlisted_in_words(stage);
                dropped.push(drop(step, Outcome::Skipped, why));
                continue;
            }
            match fresh.find(&step.id) {
                None => dropped.push(drop(step, Outcome::Gone, None)),
                Some(item) => match step.seen.change(item, fresh) {
                    Some(why) => dropped.push(drop(step, Outcome::Changed, Some(why))),
                    None => {
                        selection.items.insert(step.id.clone(), step.added_by);
                    }
                },
            }
        }
        loop {
            let plan = Draft::closed(fresh, &selection).into_plan();
            let mut fallen = self.refused_in(&plan);
            if fallen.is_empty() {
                fallen = self.grown_in(&plan);
            }
            if fallen.is_empty() {
                return Recheck { plan, dropped };
            }
            for done in fallen {
                selection.items.remove(&done.id);
                dropped.push(done);
            }
        }
    }

    fn refused_in(&self, plan: &Self) -> Vec<Done> {
        plan.refused
            .iter()
            .filter_map(|refusal| {
                let step = self.steps.iter().find(|step| step.id == refusal.id)?;
                Some(drop(step, Outcome::Changed, Some(refusal.in_words())))
            })
            .collect()
    }

    /// Images that would take along a parent that nobody has confirmed.
    fn grown_in(&self, plan: &Self) -> Vec<Done> {
        let confirmed: HashSet<&ImageId> = self
            .steps
            .iter()
            .flat_map(|step| {
                let own = match &step.id {
                    ItemId::Image(id) => Some(id),
                    _ => None,
                };
                step.follows().iter().chain(own)
            })
            .collect();
        plan.steps
            .iter()
            .filter_map(|step| {
                let parent = step.follows().iter().find(|id| !confirmed.contains(id))?;
                let why = format!("would take along its parent {parent} now");
                Some(drop(step, Outcome::Changed, Some(why)))
            })
            .collect()
    }
}

/// Returns the list that would tell whether a step's object is there and what holds it, and could not be had.
fn unlisted(step: &Step, fresh: &Survey) -> Option<Stage> {
    let own = Stage::list_of(step.id.kind());
    let number = fresh.numbers().number_of(&step.id);
    let lacks = fresh.inventory().lacks(own).map(|_| own);
    lacks.or_else(|| fresh.unlisted_holders(number?))
}

fn drop(step: &Step, outcome: Outcome, error: Option<String>) -> Done {
    Done {
        id: step.id.clone(),
        name: (&*step.name).into(),
        outcome,
        error,
        freed: Figure::Known(Bytes::ZERO),
        saved: None,
    }
}
