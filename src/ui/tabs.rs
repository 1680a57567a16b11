//! The panes' titles with their counts and totals.

use crate::app::model::Model;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Stage;
use crate::domain::item::Kind;

use super::canvas::{Canvas, Piece, length};
use super::theme::{Look, Theme};
use super::words::{figure, no_build_cache};

/// The titles of the panes: of the others below a box, of all of them where there is no box.
pub fn tabs_line(model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    let theme = canvas.theme;
    let room = usize::from(at.width);
    let forms: [TabForm; 6] = [
        TabForm {
            total: true,
            ..TabForm::LONG
        },
        TabForm {
            total: true,
            gap: 2,
            ..TabForm::LONG
        },
        TabForm {
            total: at.totals.is_none(),
            count: at.totals.is_some(),
            gap: 2,
            ..TabForm::LONG
        },
        TabForm {
            total: at.totals.is_none(),
            count: at.totals.is_some(),
            gap: 2,
            ..TabForm::SHORT
        },
        TabForm {
            gap: 1,
            ..TabForm::SHORT
        },
        TabForm {
            gap: 1,
            count: false,
            ..TabForm::SHORT
        },
    ];
    // Without a box the filter of the open pane stands behind the titles; much of it must be legible.
    let filter = Some(&model.pane().filter_text)
        .filter(|text| !at.roomy && !text.is_empty())
        .map(|text| (format!("  /{text}"), Look::Warn));
    let wanted = filter
        .as_ref()
        .map_or(0, |filter| length(std::slice::from_ref(filter)).min(16));
    let mut pieces = Vec::new();
    for form in forms {
        pieces = tabs(model, theme, form);
        if length(&pieces) + wanted <= room {
            break;
        }
    }
    pieces.extend(filter);
    canvas.pen(0, at.tabs, at.width).pieces(&pieces);
}

/// How much a pane's title says.
#[derive(Clone, Copy)]
struct TabForm {
    long: bool,
    count: bool,
    total: bool,
    gap: usize,
}

impl TabForm {
    const LONG: Self = Self {
        long: true,
        count: true,
        total: false,
        gap: 4,
    };
    const SHORT: Self = Self {
        long: false,
        ..Self::LONG
    };
}

fn tabs(model: &Model, theme: Theme, form: TabForm) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for kind in model.survey.kinds() {
        let open = kind == model.open;
        if open && model.layout.roomy {
            continue;
        }
        let gap = if pieces.is_empty() {
            0
        } else {
            form.gap.saturating_sub(2)
        };
        pieces.push((" ".repeat(gap), Look::Plain));
        let look = if open { Look::Reverse } else { Look::Plain };
        pieces.push((tab(model, theme, kind, form), look));
    }
    pieces
}

fn tab(model: &Model, theme: Theme, kind: Kind, form: TabForm) -> String {
    let title = if form.long {
        kind.title()
    } else {
        short_title(kind)
    };
    let mut text = format!(" {} {title}", kind as usize + 1);
    if form.count {
        text.push(' ');
        text.push_str(&count(model, kind));
    }
    // Two dashes say no more than one.
    let is_none = form.count && kind == Kind::BuildCache && lacks_build_cache(model);
    if form.total && !is_none {
        let dot = if form.count { " ·" } else { "" };
        text.push_str(dot);
        text.push(' ');
        text.push_str(&figure(total(model, kind), theme));
    }
    if form.gap > 1 {
        text.push(' ');
    }
    text
}

/// Returns how many rows a pane has; under a filter, of how many. What an engine does not keep has no number.
pub fn count(model: &Model, kind: Kind) -> String {
    let pane = &model.panes[kind as usize];
    if kind == Kind::BuildCache && lacks_build_cache(model) {
        return "–".to_owned();
    }
    let (inventory, stage) = (model.survey.inventory(), Stage::list_of(kind));
    if !inventory.is_listed(stage) && pane.rows.is_empty() {
        let is_refused = inventory.lacks(stage).is_some();
        return if is_refused { "–" } else { "…" }.to_owned();
    }
    if pane.filter_text.is_empty() {
        return pane.rows.len().to_string();
    }
    format!("{} of {}", pane.rows.len(), model.survey.count(kind))
}

/// Returns the bytes of a kind.
pub fn total(model: &Model, kind: Kind) -> Figure<Bytes> {
    let totals = model.survey.retention.totals();
    match kind {
        Kind::Image => totals.images,
        Kind::Container => totals.containers,
        Kind::Volume => totals.volumes,
        Kind::BuildCache if lacks_build_cache(model) => Figure::Unknown,
        Kind::BuildCache => totals.build_cache,
        Kind::Log => totals.logs,
    }
}

/// Returns true where it is known that the engine keeps no build cache of its own.
pub fn lacks_build_cache(model: &Model) -> bool {
    no_build_cache(&model.survey.inventory().engine).is_some()
}

pub fn short_title(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => "Img",
        Kind::Container => "Ctr",
        Kind::Volume => "Vol",
        Kind::BuildCache => "Cache",
        Kind::Log => "Log",
    }
}
