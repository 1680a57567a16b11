//! Keys in the lists: panes, sorting, marks.

use crate::domain::index::ItemNo;
use crate::domain::item::{ItemId, Kind};
use crate::domain::plan::{AddedBy, Tally};
use crate::domain::retention::Freed;

use super::super::columns::{columns, fitting};
use super::super::layout::GUTTER;
use super::super::list::{Cursor, Pane};
use super::super::model::{Detail, Model, Screen};
use super::super::msg::Effect;
use super::refresh;

/// Opens the pane so many further, round and round.
pub fn open_pane(model: &mut Model, by: isize) -> Vec<Effect> {
    let kinds: Vec<Kind> = model.survey.kinds().collect();
    let at = kinds.iter().position(|kind| *kind == model.open);
    let next = at.unwrap_or_default() + kinds.len();
    show(model, kinds[next.wrapping_add_signed(by) % kinds.len()])
}

/// Leaves a pane that there is no more.
pub fn leave_logs(model: &mut Model) {
    if model.open == Kind::Log && !model.survey.has_logs() {
        model.open = Kind::Image;
    }
}

pub fn show(model: &mut Model, kind: Kind) -> Vec<Effect> {
    if model.open == kind {
        return Vec::new();
    }
    if kind == Kind::Log && !model.survey.has_logs() {
        let why = model.survey.inventory().engine.why_not_local.as_deref();
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        model.notice = Some(format!("log files cannot be read from here{why}"));
        return Vec::new();
    }
    let was_cache = model.open == Kind::BuildCache;
    model.open = kind;
    if was_cache || kind == Kind::BuildCache {
        vec![Effect::BuildCacheVisible(kind == Kind::BuildCache)]
    } else {
        Vec::new()
    }
}

/// Sorts by the column after the one that the pane is sorted by.
pub fn sort_by_next(model: &mut Model) {
    let (pane, around) = model.pane_mut();
    let next = (pane.sort + 1) % columns(pane.kind).len();
    pane.sort_by(next, around);
}

/// Turns the order of the pane around.
pub fn reverse(model: &mut Model) {
    let (pane, around) = model.pane_mut();
    pane.reverse(around);
}

pub fn open_detail(model: &mut Model) {
    if let Some(id) = model.pane().current_id(&model.survey) {
        model.screen = Screen::Detail(Detail {
            id,
            cursor: Cursor::default(),
        });
    }
}

pub fn clear_filter(model: &mut Model) {
    let (pane, around) = model.pane_mut();
    // An empty filter is always one that can be read.
    let _ = pane.set_filter("", around);
}

pub fn mark_current(model: &mut Model) {
    let Some(id) = model.pane().current_id(&model.survey) else {
        return;
    };
    if model.marks.remove(&id).is_none() {
        if let Some(why) = protected_by(model, &id) {
            model.notice = Some(format!("{why}: it cannot be marked"));
        } else {
            model.marks.insert(id.clone(), AddedBy::Selection);
        }
    }
    let (pane, around) = model.pane_mut();
    pane.step(1, around);
    marks_changed(model, &[id]);
}

/// Marks all that the pane shows; where all of it is marked, unmarks it.
pub fn mark_all(model: &mut Model) {
    let shown = shown(model);
    let (protected, free): (Vec<ItemNo>, Vec<ItemNo>) = shown
        .into_iter()
        .partition(|number| model.survey.facts_of_number(*number).flags.protected);
    let new: Vec<ItemNo> = free
        .iter()
        .copied()
        .filter(|at| !model.tally.is_marked(*at))
        .collect();
    if new.is_empty() {
        mark(model, free.into_iter().map(|number| (number, false)));
    } else {
        mark(model, new.into_iter().map(|number| (number, true)));
        say_protected(model, protected.len());
    }
}

pub fn invert(model: &mut Model) {
    let shown = shown(model);
    let count = shown.len();
    let may_change = |number: &ItemNo| {
        model.tally.is_marked(*number) || !model.survey.facts_of_number(*number).flags.protected
    };
    let changes: Vec<(ItemNo, bool)> = shown
        .into_iter()
        .filter(may_change)
        .map(|number| (number, !model.tally.is_marked(number)))
        .collect();
    say_protected(model, count - changes.len());
    mark(model, changes);
}

fn say_protected(model: &mut Model, number: usize) {
    if number > 0 {
        model.notice = Some(format!("{number} protected left out"));
    }
}

/// Returns the numbers of all that the pane shows.
fn shown(model: &Model) -> Vec<ItemNo> {
    let pane = model.pane();
    let numbers = model.survey.numbers();
    let rows = pane.rows.iter();
    rows.map(|at| numbers.number(pane.kind, *at)).collect()
}

fn protected_by(model: &Model, id: &ItemId) -> Option<String> {
    let at = model.survey.index(id)?;
    model.survey.protected_by(id.kind(), at)
}

/// Marks items, or unmarks them.
pub fn mark(model: &mut Model, changes: impl IntoIterator<Item = (ItemNo, bool)>) {
    let changes: Vec<(ItemNo, bool)> = changes.into_iter().collect();
    for (number, marked) in &changes {
        let id = model.survey.numbered(*number).id();
        if *marked {
            model.marks.insert(id, AddedBy::Selection);
        } else {
            model.marks.remove(&id);
        }
    }
    model.marked = model.tally.change(&model.survey, changes);
    filter_marks(model);
}

/// After a change of marks, perhaps of these: what all of them free together, and filters that ask for marks.
pub fn marks_changed(model: &mut Model, ids: &[ItemId]) {
    let numbers = model.survey.numbers();
    let marks = &model.marks;
    let changes = ids.iter().filter_map(|id| {
        let number = numbers.number_of(id)?;
        Some((number, marks.contains_key(id)))
    });
    model.marked = model.tally.change(&model.survey, changes);
    filter_marks(model);
}

/// Works out anew what the marked things free together, after the engine changed.
pub fn weigh_marks(model: &mut Model) {
    model.tally = Tally::default();
    let numbers = model.survey.numbers();
    let marked = model.marks.keys();
    let changes = marked.filter_map(|id| Some((numbers.number_of(id)?, true)));
    model.marked = model.tally.change(&model.survey, changes);
}

pub fn clear_marks(model: &mut Model) {
    model.marks.clear();
    model.tally = Tally::default();
    model.marked = Freed::default();
    filter_marks(model);
}

/// Brings filters that ask for marks up to date.
fn filter_marks(model: &mut Model) {
    let asks = |pane: &Pane| pane.filter_text.contains("is:marked");
    if model.panes.iter().any(asks) {
        refresh(model);
    }
}

/// A click on a heading sorts, on a row moves the cursor there.
pub fn click(model: &mut Model, column: u16, row: u16) {
    let at = model.layout;
    let (pane, around) = model.pane_mut();
    if row == at.headings {
        let x = column.saturating_sub(at.inset + GUTTER);
        let hit = fitting(pane.kind, at.row_width())
            .into_iter()
            .find(|(_, start, width)| (*start..start + width).contains(&x));
        if let Some((index, ..)) = hit {
            pane.sort_by(index, around);
        }
    } else if (at.rows..at.rows + at.page).contains(&row) {
        let line = pane.cursor.offset + usize::from(row - at.rows);
        if line < pane.rows.len() {
            pane.go(line, around);
        }
    }
}
