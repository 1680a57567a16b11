//! The list of projects (what compose made, and stacks): all of one is marked at once, and shown in its panes.

use crate::domain::index::ItemNo;
use crate::domain::item::Kind;

use super::super::list::Cursor;
use super::super::model::{Model, ProjectList, Screen};
use super::super::msg::Effect;
use super::super::projects::{Project, projects};
use super::browse::{mark, show};

pub fn open(model: &mut Model) {
    let list = projects(&model.survey);
    if list.is_empty() {
        model.notice = Some("no project of compose and no stack is here".to_owned());
        return;
    }
    model.screen = Screen::Projects(ProjectList {
        cursor: Cursor::default(),
        list,
    });
}

/// After answers: what there is now, in the order that is on the screen; the cursor stays on its project.
pub fn follow(model: &mut Model) {
    let Screen::Projects(screen) = &mut model.screen else {
        return;
    };
    let before = std::mem::take(&mut screen.list);
    let place = |project: &Project| before.iter().position(|old| old.name == project.name);
    screen.list = projects(&model.survey);
    screen
        .list
        .sort_by_key(|project| place(project).unwrap_or(usize::MAX));
    let held = before.get(screen.cursor.at).map(|project| &project.name);
    let mut list = screen.list.iter();
    let at = list.position(|project| Some(&project.name) == held);
    let length = screen.list.len();
    screen.cursor.at = at.unwrap_or(screen.cursor.at).min(length.saturating_sub(1));
    if screen.list.is_empty() {
        model.screen = Screen::Browse;
    }
}

fn current(model: &Model) -> Option<Project> {
    let Screen::Projects(screen) = &model.screen else {
        return None;
    };
    screen.list.get(screen.cursor.at).cloned()
}

/// Opens the first pane that has something of the project under the cursor, with all panes filtered by it.
pub fn show_current(model: &mut Model) -> Vec<Effect> {
    match current(model) {
        Some(project) => show_members(model, &project),
        None => Vec::new(),
    }
}

/// Marks all of the project under the cursor that may go; where all of that is marked, unmarks it.
pub fn mark_current(model: &mut Model) {
    let Some(project) = current(model) else {
        return;
    };
    let is_protected = |number: &ItemNo| {
        let facts = model.survey.facts_of_number(*number);
        facts.flags.protected
    };
    let free: Vec<ItemNo> = project
        .members
        .iter()
        .copied()
        .filter(|number| !is_protected(number))
        .collect();
    let all = free.iter().all(|number| model.tally.is_marked(*number));
    let protected = project.members.len() - free.len();
    mark(model, free.into_iter().map(|number| (number, !all)));
    if protected > 0 {
        model.notice = Some(format!("{protected} protected left out"));
    }
    if let Screen::Projects(screen) = &mut model.screen {
        let last = screen.list.len().saturating_sub(1);
        screen.cursor.at = (screen.cursor.at + 1).min(last);
    }
}

fn show_members(model: &mut Model, project: &Project) -> Vec<Effect> {
    model.screen = Screen::Browse;
    let has = |kind: Kind| {
        let numbers = model.survey.numbers().numbers(kind);
        project.members.iter().any(|it| numbers.contains(it))
    };
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| has(*kind)).collect();
    let mut effects = Vec::new();
    for kind in kinds.into_iter().rev() {
        effects.extend(show(model, kind));
        let (pane, around) = model.pane_mut();
        // Quoted, it can be read whatever is in it; a quote in it leaves the list as it was.
        let _ = pane.set_filter(&format!("project:\"{}\"", project.name), around);
    }
    effects
}

#[cfg(test)]
mod tests;
