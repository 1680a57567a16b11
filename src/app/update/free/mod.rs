//! `f`: how much is to be freed is proposed or typed, and the safest set that frees it is marked. Nothing here
//! removes anything.

use crate::domain::bytes::Bytes;
use crate::domain::item::{ItemId, Kind};
use crate::domain::plan::AddedBy;
use crate::domain::triage::{self, Chosen, Goal, Proposal};

use super::super::keys::Key;
use super::super::model::{Asking, FreeError, FreeScreen, LONGEST_LINE, Model, Reached, Screen};
use super::super::msg::Effect;
use super::browse::{marks_changed, show};
use super::more;

/// Opens the line with a proposal.
pub fn open(model: &mut Model) {
    let text = match triage::proposal(&model.survey.inventory().disks) {
        Proposal::Free(bytes) => bytes.to_string(),
        Proposal::UntilPercent(percent) => format!("{percent} %"),
    };
    model.screen = Screen::Free(FreeScreen {
        text,
        is_proposal: true,
        error: None,
        asking: Asking::Target,
    });
}

/// What was asked for on the command line is chosen as soon as it can be.
pub fn begin(model: &mut Model, bytes: Bytes) -> Vec<Effect> {
    model.screen = Screen::Free(FreeScreen {
        text: bytes.to_string(),
        is_proposal: false,
        error: None,
        asking: Asking::Wait(Goal::Free(bytes)),
    });
    follow(model)
}

pub fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    let Screen::Free(screen) = &mut model.screen else {
        return Vec::new();
    };
    match (screen.asking, key) {
        (Asking::Volumes { goal, .. }, key) => {
            return mark(model, goal, key == Key::Char('y'));
        }
        (Asking::Wait(_), Key::Esc | Key::Ctrl('c')) => screen.asking = Asking::Target,
        (Asking::Target | Asking::More(..), Key::Esc | Key::Ctrl('c')) => {
            model.screen = Screen::Browse;
        }
        (Asking::Wait(_) | Asking::More(..), _) => {}
        (Asking::Target, Key::Enter) => return take(model),
        (Asking::Target, key) => screen.edit(key),
    }
    Vec::new()
}

/// After answers: what waits for them goes on once they are all there.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let Screen::Free(screen) = &model.screen else {
        return Vec::new();
    };
    match screen.asking {
        Asking::Wait(goal) if model.still_measured().is_empty() => choose(model, goal),
        Asking::More(goal, since) if more::is_listed(model, since) => {
            more::plan(model, goal);
            Vec::new()
        }
        Asking::Target | Asking::Wait(_) | Asking::More(..) | Asking::Volumes { .. } => Vec::new(),
    }
}

impl FreeScreen {
    /// The first letter takes the place of the proposal.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "any other key changes nothing"
    )]
    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(letter) => {
                if std::mem::take(&mut self.is_proposal) {
                    self.text.clear();
                }
                if self.text.len() + letter.len_utf8() > LONGEST_LINE {
                    self.error = Some(FreeError::TooLong);
                    return;
                }
                self.text.push(letter);
            }
            Key::Backspace => {
                self.text.pop();
            }
            Key::Ctrl('u' | 'w') => self.text.clear(),
            _ => return,
        }
        self.is_proposal = false;
        self.error = None;
    }
}

/// Reads what was typed.
fn take(model: &mut Model) -> Vec<Effect> {
    let Screen::Free(screen) = &mut model.screen else {
        return Vec::new();
    };
    let text = &screen.text;
    let goal = if text.contains('%') {
        Goal::until(text)
    } else {
        Goal::free(text)
    };
    let disks = &model.survey.inventory().disks;
    match goal.map(|goal| (goal, goal.missing(disks))) {
        None => screen.error = Some(FreeError::Unreadable),
        Some((_, None)) => screen.error = Some(FreeError::NoDisk),
        Some((goal, Some(_))) => {
            model.reached = Reached::default();
            screen.asking = Asking::Wait(goal);
            return follow(model);
        }
    }
    Vec::new()
}

/// Chooses, and asks first where only named volumes could make it more.
fn choose(model: &mut Model, goal: Goal) -> Vec<Effect> {
    let Some(chosen) = chosen(model, goal, false) else {
        model.screen = Screen::Browse;
        return Vec::new();
    };
    if !chosen.met
        && let Some(more) = self::chosen(model, goal, true)
        && more.frees > chosen.frees
        && let Screen::Free(screen) = &mut model.screen
    {
        screen.asking = Asking::Volumes {
            goal,
            wanted: chosen.wanted,
            without: chosen.frees,
            with: more.frees,
        };
        return Vec::new();
    }
    take_chosen(model, goal, &chosen)
}

fn mark(model: &mut Model, goal: Goal, even_volumes: bool) -> Vec<Effect> {
    let Some(chosen) = chosen(model, goal, even_volumes) else {
        model.screen = Screen::Browse;
        return Vec::new();
    };
    take_chosen(model, goal, &chosen)
}

/// What somebody marked stays and counts; what was chosen here before is chosen anew.
fn chosen(model: &Model, goal: Goal, even_volumes: bool) -> Option<Chosen> {
    let mut selected = model.selection();
    selected
        .items
        .retain(|_, added_by| *added_by != AddedBy::Free);
    triage::reach(&model.survey, &selected, (goal, even_volumes), model.now)
}

fn take_chosen(model: &mut Model, goal: Goal, chosen: &Chosen) -> Vec<Effect> {
    model.screen = Screen::Browse;
    model.until = Some(goal);
    let before = model.marks.iter();
    let mut changed: Vec<ItemId> = before
        .filter(|(_, added_by)| **added_by == AddedBy::Free)
        .map(|(id, _)| id.clone())
        .collect();
    for id in &changed {
        model.marks.remove(id);
    }
    for id in chosen.items.keys() {
        model.marks.insert(id.clone(), AddedBy::Free);
        changed.push(id.clone());
    }
    marks_changed(model, &changed);
    let (wanted, frees) = (chosen.wanted, chosen.frees);
    model.notice = Some(if wanted.is_zero() {
        "so much is free already".to_owned()
    } else if chosen.items.is_empty() && chosen.met {
        format!("what is marked frees {frees} already: d shows the plan")
    } else if chosen.items.is_empty() {
        "nothing more can go safely".to_owned()
    } else if chosen.met {
        format!("marked to free {frees}: d shows the plan")
    } else {
        let sure = model.marked.precision().of_the_most();
        format!("no more than {frees} of {wanted} can go{sure}: marked, d shows the plan")
    });
    show_marked(model, chosen)
}

/// Opens a pane with something that was marked, and goes to the first of it.
fn show_marked(model: &mut Model, chosen: &Chosen) -> Vec<Effect> {
    let has = |kind: Kind| chosen.items.keys().any(|id| id.kind() == kind);
    let kinds = [model.open].into_iter().chain(Kind::ALL);
    let Some(kind) = kinds.into_iter().find(|kind| has(*kind)) else {
        return Vec::new();
    };
    let effects = show(model, kind);
    let numbers = model.survey.numbers().clone();
    let (pane, around) = model.pane_mut();
    let is_marked = |at: &usize| around.tally.is_marked(numbers.number(kind, *at));
    if let Some(row) = pane.rows.iter().position(is_marked) {
        pane.go(row, around);
    }
    effects
}

#[cfg(test)]
mod tests;
