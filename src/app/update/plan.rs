//! The plan on the screen: made, changed, confirmed. Nothing here removes anything: a yes becomes an effect.

use std::collections::HashMap;

use crate::domain::bytes::Bytes;
use crate::domain::item::ItemId;
use crate::domain::plan::{AddedBy, ComesBack, MOST_ASKED, Plan, Selection, unlock};
use crate::domain::survey::Survey;
use crate::domain::text::Text;

use super::super::keys::{Action, Key};
use super::super::list::Cursor;
use super::super::model::{FilterLine, Model, PlanLine, PlanScreen, Removing, Screen};
use super::super::msg::Effect;
use super::browse::marks_changed;
use super::counts;

/// The word that must be typed before a running container or a volume with data goes.
pub const WORD: &str = "delete";

/// Marks what holds the marked things back, or takes it into the plan that is open.
pub fn unlock_more(model: &mut Model) {
    if !matches!(model.screen, Screen::Plan(_)) {
        return unlock_marks(model);
    }
    change(model, |survey, screen| {
        let more = unlock(survey, &screen.selection);
        let none = more.is_empty();
        screen
            .selection
            .items
            .extend(more.into_iter().map(|id| (id, AddedBy::Unlock)));
        none.then_some("nothing more can be unlocked")
    });
}

/// Opens the plan of what the screen is about: of the thing in its details, else of the marks, else of the row.
pub fn open(model: &mut Model) {
    match &model.screen {
        Screen::Projects(_) if model.marks.is_empty() => {
            model.notice = Some("nothing is marked: space marks a project".to_owned());
        }
        Screen::Detail(detail) => {
            let id = detail.id.clone();
            open_of(model, Some(id));
        }
        Screen::Projects(_)
        | Screen::Browse
        | Screen::NoEngine(_)
        | Screen::Filter(_)
        | Screen::Free(_)
        | Screen::Presets(_)
        | Screen::Plan(_)
        | Screen::Removing(_)
        | Screen::Outcome(_)
        | Screen::History(_)
        | Screen::Unexplained(_)
        | Screen::Help(..)
        | Screen::Quit(_) => open_of(model, None),
    }
}

/// Opens the plan of the marks or, without any, of the item under the cursor.
fn open_of(model: &mut Model, item: Option<ItemId>) {
    let current = || model.pane().current_id(&model.survey);
    let selection = match item {
        None if !model.marks.is_empty() => model.selection(),
        None => selection_of(current()),
        item => selection_of(item),
    };
    if selection.items.is_empty() {
        model.notice = Some("nothing to remove here".to_owned());
        return;
    }
    open_with(model, selection);
}

/// Opens the plan of a selection.
pub fn open_with(model: &mut Model, selection: Selection) {
    model.screen = Screen::Plan(PlanScreen {
        plan: planned(&model.survey, &selection, &model.asked),
        selection,
        cursor: Cursor::default(),
        typed: None,
        drawn: false,
        recomputed: false,
        save: None,
        line: None,
    });
}

fn selection_of(item: Option<ItemId>) -> Selection {
    Selection::of(item, AddedBy::Selection)
}

/// Marks what holds the marked things back; without marks, the item under the cursor and what holds it back.
fn unlock_marks(model: &mut Model) {
    let mut selection = model.selection();
    if selection.items.is_empty() {
        selection = selection_of(model.pane().current_id(&model.survey));
    }
    let more = unlock(&model.survey, &selection);
    if more.is_empty() {
        model.notice = Some(nothing_unlocked(&Plan::new(&model.survey, &selection)));
        return;
    }
    model.notice = Some(format!("also marked: {}", counts(&more)));
    let new: Vec<ItemId> = selection.items.keys().chain(&more).cloned().collect();
    model.marks.extend(selection.items);
    model
        .marks
        .extend(more.into_iter().map(|id| (id, AddedBy::Unlock)));
    marks_changed(model, &new);
}

/// Returns why unlock has nothing to add: what is in the way is not for it to take, or nothing is.
fn nothing_unlocked(plan: &Plan) -> String {
    plan.refused.first().map_or_else(
        || "nothing more can be unlocked".to_owned(),
        |refusal| format!("not unlocked: {}: {}", refusal.name, refusal.why),
    )
}

/// Stops running containers first, or leaves them again.
pub fn stop_running(model: &mut Model) {
    change(model, |_, screen| {
        screen.selection.stop = !screen.selection.stop;
        None
    });
}

/// Drops the line under the cursor, or takes it back.
pub fn drop_or_take_back(model: &mut Model) {
    change(model, |_, screen| drop_line(screen));
}

/// Asks where copies go; where they are wanted already, they are not any more.
pub fn ask_for_path(model: &mut Model) {
    let Screen::Plan(screen) = &mut model.screen else {
        return;
    };
    if !screen.applies(Action::Save) {
        model.notice = Some("copies are of images and volumes; none goes here".to_owned());
    } else if model.options.read_only {
        model.notice = Some("read-only: nothing is written".to_owned());
    } else if screen.save.take().is_none() {
        screen.line = Some(FilterLine {
            at: model.save_to.len(),
            text: model.save_to.clone(),
            ..FilterLine::default()
        });
    }
}

/// Keys of the line for the folder, while it is typed. True if one is.
#[expect(clippy::wildcard_enum_match_arm, reason = "any other key is typed")]
pub fn edits_path(model: &mut Model, key: Key) -> bool {
    let Screen::Plan(screen) = &mut model.screen else {
        return false;
    };
    let Some(line) = &mut screen.line else {
        return false;
    };
    match key {
        Key::Enter if line.text.trim().is_empty() => {}
        Key::Enter => {
            model.save_to = line.text.trim().to_owned();
            screen.save = Some(model.save_to.clone());
            screen.line = None;
            // What is confirmed has changed, and must be seen.
            screen.drawn = false;
        }
        Key::Esc | Key::Ctrl('c') => screen.line = None,
        key => {
            line.edit(key);
        }
    }
    true
}

/// Letters of the word, while it is asked for. True if the key was one.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other key is no letter of the word"
)]
pub fn types(model: &mut Model, key: Key) -> bool {
    let Screen::Plan(screen) = &mut model.screen else {
        return false;
    };
    if !screen.drawn || !screen.plan.needs_word() {
        return false;
    }
    let typed = screen.typed.clone().unwrap_or_default();
    match key {
        Key::Char(letter) if WORD.contains(letter) => {
            let longer = format!("{typed}{letter}");
            let start = if WORD.starts_with(letter) {
                letter.to_string()
            } else {
                String::new()
            };
            screen.typed = Some(if WORD.starts_with(&longer) {
                longer
            } else {
                start
            });
            true
        }
        Key::Backspace => {
            let mut shorter = typed;
            shorter.pop();
            screen.typed = Some(shorter);
            true
        }
        _ => false,
    }
}

/// Returns true when the word was asked for and stands there in full.
pub fn is_word_typed(model: &Model) -> bool {
    matches!(&model.screen, Screen::Plan(screen)
        if screen.plan.needs_word() && screen.typed.as_deref() == Some(WORD))
}

pub fn confirm(model: &mut Model) -> Vec<Effect> {
    let Screen::Plan(screen) = &mut model.screen else {
        return Vec::new();
    };
    if !screen.drawn {
        return Vec::new();
    }
    if screen.plan.steps.is_empty() {
        model.notice = Some("there is nothing to remove in this plan".to_owned());
        return Vec::new();
    }
    if screen.plan.needs_word() && screen.typed.as_deref() != Some(WORD) {
        screen.typed.get_or_insert_default();
        return Vec::new();
    }
    if model.options.read_only {
        model.notice = Some("read-only: nothing is removed".to_owned());
        return Vec::new();
    }
    let plan = screen.plan.clone();
    let save = screen.save.clone();
    model.screen = Screen::Removing(Removing {
        promised: plan.frees.clone(),
        refused: plan.refused.len(),
        plan: plan.clone(),
        checked: false,
        saving: None,
        current: None,
        waiting: None,
        ended: 0,
        done: Vec::new(),
        freed: Bytes::ZERO,
        account: None,
        cancelling: false,
        aborted: None,
        counting: None,
        cursor: Cursor::default(),
    });
    vec![Effect::Remove(Box::new(plan), save)]
}

fn drop_line(screen: &mut PlanScreen) -> Option<&'static str> {
    let line = screen.lines().get(screen.cursor.at).copied()?;
    match line {
        PlanLine::Step(at) => {
            let step = &screen.plan.steps[at];
            if step.vanishes {
                return Some("it vanishes with its container");
            }
            screen.selection.dropped.insert(step.id.clone());
        }
        PlanLine::Dropped(at) => {
            let id = screen.selection.dropped.iter().nth(at)?.clone();
            screen.selection.dropped.remove(&id);
        }
        PlanLine::Stays(at) => {
            let id = screen.plan.stays[at].id.clone();
            screen.selection.items.insert(id, AddedBy::Selection);
        }
        PlanLine::Refused(_) => return Some("it is refused, and stays"),
    }
    None
}

/// Changes the selection and plans anew. A plan that changed must be seen before it can be confirmed.
fn change(model: &mut Model, how: impl FnOnce(&Survey, &mut PlanScreen) -> Option<&'static str>) {
    let Screen::Plan(screen) = &mut model.screen else {
        return;
    };
    model.notice = how(&model.survey, screen).map(str::to_owned);
    screen.replan(planned(&model.survey, &screen.selection, &model.asked));
}

/// Images that registries were asked about, and what they said.
type Asked = HashMap<ItemId, Option<ComesBack>>;

/// Returns a plan with what registries have said of its images.
fn planned(survey: &Survey, selection: &Selection, asked: &Asked) -> Plan {
    let mut plan = Plan::new(survey, selection);
    for step in &mut plan.steps {
        if let Some(Some(known)) = asked.get(&step.id) {
            step.comes_back = *known;
        }
    }
    plan
}

/// Asks about images of the plan that nothing is known of yet; a plan that is closed has nothing to ask.
pub fn ask(model: &mut Model) -> Option<Effect> {
    let Screen::Plan(screen) = &model.screen else {
        let before = model.asked.len();
        model.asked.retain(|_, known| known.is_some());
        return (model.asked.len() < before).then_some(Effect::StopAsking);
    };
    let steps = screen.plan.steps.iter();
    let known = steps.clone().filter(|it| model.asked.contains_key(&it.id));
    let left = MOST_ASKED.saturating_sub(known.count());
    let wanted: Vec<(ItemId, Vec<Text>)> = steps
        .filter(|step| !model.asked.contains_key(&step.id))
        .map(|step| (step.id.clone(), step.sources()))
        .filter(|(_, sources)| !sources.is_empty())
        .take(left)
        .collect();
    let asked = wanted.iter().map(|(id, _)| (id.clone(), None));
    model.asked.extend(asked);
    (!wanted.is_empty()).then_some(Effect::AskRegistries(wanted))
}

/// Takes in what a registry says. The plan is the same: a yes to it stays one.
pub fn answered(model: &mut Model, id: &ItemId, answer: ComesBack) {
    model.asked.insert(id.clone(), Some(answer));
    if let Screen::Plan(screen) = &mut model.screen {
        let step = screen.plan.steps.iter_mut().find(|step| step.id == *id);
        if let Some(step) = step {
            step.comes_back = answer;
        }
    }
}

/// Plans anew after the engine changed; says so if that changed the plan.
pub fn follow(model: &mut Model) {
    let Screen::Plan(screen) = &mut model.screen else {
        return;
    };
    let plan = planned(&model.survey, &screen.selection, &model.asked);
    if plan != screen.plan {
        screen.recomputed = true;
        screen.replan(plan);
    }
}

impl PlanScreen {
    fn replan(&mut self, plan: Plan) {
        if plan == self.plan {
            return;
        }
        self.plan = plan;
        self.typed = None;
        self.drawn = false;
        let lines = self.lines().len();
        self.cursor.at = self.cursor.at.min(lines.saturating_sub(1));
    }
}
