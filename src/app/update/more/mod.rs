//! A removal for a target ends, and the disk still lacks some: the next safest things are planned and asked about, as
//! `clean` does where somebody is asked.

use crate::domain::inventory::{Progress, Stage};
use crate::domain::plan::{AddedBy, Selection};
use crate::domain::time::Timestamp;
use crate::domain::triage::{self, Goal};

use super::super::model::{Asking, FreeScreen, Model, Removing, Screen};
use super::browse::marks_changed;
use super::plan::open_with;

/// How often more is planned where the disk still lacks some.
const MOST: usize = 2;

/// Returns true if a removal has not reached its target, and more is planned once its end was read.
#[must_use]
pub fn plans_more(model: &Model, removing: &Removing) -> bool {
    let mut steps = removing.plan.steps.iter();
    let account = removing.account.as_ref();
    model.until.is_some()
        && steps.any(|step| step.added_by == AddedBy::Free)
        && account.is_some_and(|account| !account.lacks.is_zero())
        && !removing.cancelling
        && model.reached.again < MOST
}

/// Goes on after the end of a removal was read: waits for what is left where the disk still lacks some.
pub fn after(model: &mut Model, removing: &Removing) {
    let (Some(goal), Some(since)) = (model.until, removing.counting) else {
        return;
    };
    if !plans_more(model, removing) {
        return;
    }
    let done = removing.done.iter();
    model.reached.tried.extend(done.map(|done| done.id.clone()));
    let account = removing.account.as_ref();
    let lacks = account.map(|account| account.lacks);
    model.screen = Screen::Free(FreeScreen {
        text: lacks.unwrap_or_default().to_string(),
        asking: Asking::More(goal, since),
        ..FreeScreen::default()
    });
    if is_listed(model, since) {
        plan(model, goal);
    }
}

/// Returns true once everything was listed that may go, later than at some time, and measured.
pub fn is_listed(model: &Model, since: Timestamp) -> bool {
    let lists = [
        Stage::Images,
        Stage::Containers,
        Stage::Volumes,
        Stage::BuildCache,
    ];
    let is_new = |stage: &Stage| match model.survey.inventory().stage(*stage) {
        Progress::Done(at) => *at >= since,
        // It will not come; what was there before stays.
        Progress::Failed(_) => true,
        Progress::Waiting | Progress::Running(_) => false,
    };
    lists.iter().all(is_new) && model.still_measured().is_empty()
}

/// Shows the plan of the next safest things: nothing goes without another yes.
pub fn plan(model: &mut Model, goal: Goal) {
    model.screen = Screen::Browse;
    let selected = Selection {
        dropped: model.reached.tried.clone(),
        ..Selection::default()
    };
    let chosen = triage::reach(&model.survey, &selected, (goal, false), model.now);
    let Some(chosen) = chosen else { return };
    if chosen.wanted.is_zero() {
        model.notice = Some("so much is free by now".to_owned());
        return;
    }
    if chosen.items.is_empty() {
        let wanted = chosen.wanted;
        model.notice = Some(format!(
            "the disk still lacks {wanted}, and nothing more can go safely"
        ));
        return;
    }
    model.reached.again += 1;
    let ids: Vec<_> = chosen.items.keys().cloned().collect();
    let new = ids.iter().map(|id| (id.clone(), AddedBy::Free));
    model.marks.extend(new);
    marks_changed(model, &ids);
    let mut selection = Selection::default();
    chosen.add_to(&mut selection);
    open_with(model, selection);
    model.notice = Some(format!(
        "the disk still lacks {}: these are missed least",
        chosen.wanted
    ));
}

#[cfg(test)]
mod tests;
