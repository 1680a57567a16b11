//! The menu of presets: each says what it would mark and free now. Enter marks and shows.

use crate::domain::item::ItemId;
use crate::domain::plan::AddedBy;

use super::super::list::Cursor;
use super::super::model::{FilterLine, Model, PresetMenu, Screen};
use super::super::msg::Effect;
use super::super::presets::{PRESETS, Preset};
use super::browse::{marks_changed, show};

pub fn open(model: &mut Model) {
    model.screen = Screen::Presets(PresetMenu {
        cursor: Cursor::default(),
        yields: Vec::new(),
    });
    weigh(model);
}

/// Works out what each preset would do, as far as is known now.
pub fn weigh(model: &mut Model) {
    let (survey, now) = (&model.survey, model.now);
    if let Screen::Presets(menu) = &mut model.screen {
        let yields = PRESETS.iter().map(|preset| preset.yields(survey, now));
        menu.yields = yields.collect();
    }
}

fn current(model: &Model) -> Option<&'static Preset> {
    let Screen::Presets(menu) = &model.screen else {
        return None;
    };
    PRESETS.get(menu.cursor.at)
}

/// Marks what the preset under the cursor stands for; one that is only begun is a filter to be ended.
pub fn take(model: &mut Model) -> Vec<Effect> {
    let Some(preset) = current(model) else {
        return Vec::new();
    };
    if preset.is_begun {
        return edit(model);
    }
    model.screen = Screen::Browse;
    mark(model, preset)
}

/// Opens the filter line with the preset under the cursor, where it is one filter.
pub fn edit(model: &mut Model) -> Vec<Effect> {
    match current(model).map(|preset| preset.filters) {
        Some([(kind, text)]) => {
            let effects = show(model, *kind);
            write_on(model, text);
            effects
        }
        Some(_) => {
            // No one line says what it means.
            model.notice = Some("it is several filters: Enter marks".to_owned());
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Opens the filter line with a preset's filter in it.
fn write_on(model: &mut Model, text: &str) {
    let before = model.pane().filter_text.clone();
    let (pane, around) = model.pane_mut();
    // A test reads them all.
    let _ = pane.set_filter(text, around);
    model.screen = Screen::Filter(FilterLine {
        text: text.to_owned(),
        at: text.len(),
        before,
        ..FilterLine::default()
    });
}

fn mark(model: &mut Model, preset: &Preset) -> Vec<Effect> {
    let items = preset.items(&model.survey, model.now);
    if items.is_empty() {
        model.notice = Some(format!("{}: there are none", preset.name));
        return Vec::new();
    }
    let ids: Vec<ItemId> = items
        .iter()
        .map(|number| model.survey.numbered(*number).id())
        .collect();
    for id in &ids {
        model.marks.insert(id.clone(), AddedBy::Selection);
    }
    marks_changed(model, &ids);
    let kind = ids.first().map_or(model.open, ItemId::kind);
    let effects = show(model, kind);
    // One filter shows just what it marked; of several only the marks are in common.
    let filter = match preset.filters {
        [(_, text)] => text,
        _ => "is:marked",
    };
    let (pane, around) = model.pane_mut();
    let _ = pane.set_filter(filter, around);
    model.notice = Some(format!(
        "{}: {} marked, d shows the plan",
        preset.name,
        ids.len()
    ));
    effects
}

#[cfg(test)]
mod tests;
