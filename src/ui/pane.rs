//! The open pane: a title, headings, the rows in sight, and a line that says why.

use crate::app::columns::{Cell, Column, columns as columns_of, fitting};
use crate::app::layout::GUTTER;
use crate::app::model::{Model, Screen};
use crate::domain::bytes::Figure;
use crate::domain::inventory::{Progress, Stage};
use crate::domain::item::Kind;
use crate::domain::retention::Precision;
use crate::domain::time::age;

use super::canvas::{Canvas, Pen, Piece, cut_middle};
use super::tabs::{count, lacks_build_cache, total};
use super::text::{fit, sanitise, width};
use super::theme::Look;
use super::words::{figure, no_build_cache, signed};
use super::{filter_line, free_line, why};

/// Columns behind a FREES figure for its sign.
const SIGN: u16 = 2;
/// The column that names a row.
const NAME: usize = 0;

pub fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    if at.roomy {
        let title = title(model, canvas);
        canvas.frame(at.pane.0, at.pane.1, &title);
    }
    headings(model, canvas);
    let pane = model.pane();
    if pane.rows.is_empty() {
        let room = at.row_width();
        canvas
            .pen(at.inset + GUTTER, at.rows, room)
            .put(&empty(model), Look::Plain);
    }
    let visible = pane.rows.iter().enumerate().skip(pane.cursor.offset);
    for ((place, index), line) in visible.take(usize::from(at.page)).zip(at.rows..) {
        row(model, place, *index, line, canvas);
    }
    if let Screen::Filter(line) = &model.screen {
        filter_line::draw(line, model, canvas);
    } else if let Screen::Free(screen) = &model.screen {
        free_line::draw(screen, model, canvas);
    } else {
        why::draw(model, canvas);
    }
}

/// `1 Images 3 of 61 · 31.0 GB · /postgres · 3 not known`
fn title(model: &Model, canvas: &Canvas<'_>) -> Vec<Piece> {
    let pane = model.pane();
    let kind = pane.kind;
    let mut title = vec![
        (
            format!("{} {}", kind as usize + 1, kind.title()),
            Look::Bold,
        ),
        (format!(" {}", count(model, kind)), Look::Plain),
    ];
    if kind != Kind::BuildCache || !lacks_build_cache(model) {
        let total = figure(total(model, kind), canvas.theme);
        title.push((format!(" · {total}"), Look::Plain));
    }
    if !pane.filter_text.is_empty() {
        title.push((format!(" · /{}", pane.filter_text), Look::Warn));
    }
    if let Some(text) = why::left_out(pane) {
        title.push((format!(" · {text}"), Look::Warn));
    }
    title
}

fn headings(model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    let pane = model.pane();
    let room = at.row_width();
    let arrow = if pane.reversed { '↑' } else { '↓' };
    for (index, x, wide) in fitting(pane.kind, room) {
        let column = &columns_of(pane.kind)[index];
        let sorts = index == pane.sort;
        let look = if sorts { Look::Bold } else { Look::Faint };
        let x = at.inset + GUTTER + x;
        let wide = if index == 1 { wide - SIGN } else { wide };
        // A sign of the order may stand in the gap between two columns: titles keep their places.
        match (sorts, column.right) {
            (true, true) => {
                let title = format!("{arrow}{}", column.title);
                canvas
                    .pen(x - 1, at.headings, wide + 1)
                    .right(&title, wide + 1, look);
            }
            (true, false) => {
                let title = format!("{}{arrow}", column.title);
                canvas.pen(x, at.headings, wide + 1).put(&title, look);
            }
            (false, true) => {
                canvas
                    .pen(x, at.headings, wide)
                    .right(column.title, wide, look);
            }
            (false, false) => {
                canvas.pen(x, at.headings, wide).put(column.title, look);
            }
        }
    }
}

fn row(model: &Model, place: usize, index: usize, y: u16, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    let pane = model.pane();
    let here = place == pane.cursor.at;
    let id = model.survey.item(pane.kind, index).id();
    let facts = model.survey.facts(pane.kind, index);
    let mut pen = canvas.pen(at.inset, y, GUTTER);
    pen.put(if here { "▸" } else { " " }, Look::Bold);
    if model.marks.contains_key(&id) {
        pen.put("●", Look::Mark);
    } else if facts.flags.protected {
        pen.put("P", Look::Faint);
    }
    let room = at.row_width();
    for (at_column, x, wide) in fitting(pane.kind, room) {
        let column = &columns_of(pane.kind)[at_column];
        // A `≥` or `≈` may stand in the gap before the figure, which must never lose its unit.
        let gap = u16::from(at_column == 1);
        let (x, wide) = (x - gap, wide + gap);
        let mut pen = canvas.pen(at.inset + GUTTER + x, y, wide);
        // The name is enough: a row in bold would be sent twice over for each key on a slow line.
        pen.bold(here && at_column == NAME);
        let cell = (column.cell)(&model.survey, pane.kind, index);
        draw_cell(&cell, column, pane.kind, model, wide, &mut pen);
    }
}

fn draw_cell(
    cell: &Cell,
    column: &Column,
    kind: Kind,
    model: &Model,
    wide: u16,
    pen: &mut Pen<'_>,
) {
    let theme = pen.theme();
    let (text, look) = match cell {
        Cell::Name { name, more } => (name_in(name, *more, kind, wide), Look::Plain),
        Cell::Frees {
            figure,
            precision,
            blocked,
        } => {
            return frees(*figure, *precision, *blocked, wide, pen);
        }
        Cell::Size(size) => (figure(*size, theme), Look::Plain),
        Cell::Ago(Figure::Known(then)) => (age(*then, model.now), Look::Plain),
        Cell::Ago(Figure::Pending) => (theme.pending().to_owned(), Look::Faint),
        Cell::Ago(Figure::Unknown) | Cell::Nothing => ("–".to_owned(), Look::Faint),
        Cell::Text(text) => (text.to_string(), Look::Plain),
        Cell::Project { name, down } => (project(name, *down, wide), Look::Plain),
        Cell::Word(word) => ((*word).to_owned(), Look::Plain),
        Cell::Users { first, more } => (with_more(first, *more, wide), Look::Plain),
        Cell::Flag(flag) => (if *flag { "yes" } else { "no" }.to_owned(), Look::Plain),
    };
    if column.right {
        pen.right(&text, wide, look);
    } else {
        pen.left(&text, wide, look);
    }
}

/// A name's end tells as much as its beginning (the tag); a description's beginning tells most.
fn name_in(name: &str, more: usize, kind: Kind, wide: u16) -> String {
    match kind {
        Kind::BuildCache => name.to_owned(),
        Kind::Image | Kind::Container | Kind::Volume | Kind::Log => with_more(name, more, wide),
    }
}

/// `nextcloud:latest +1`: the number is never cut.
fn with_more(name: &str, more: usize, wide: u16) -> String {
    let more = match more {
        0 => String::new(),
        more => format!(" +{more}"),
    };
    let room = usize::from(wide).saturating_sub(width(&more));
    let clean = sanitise(name);
    // Of an ID the beginning counts.
    let cut = if clean.starts_with("<none> ") {
        fit(&clean, room)
    } else {
        cut_middle(&clean, room)
    };
    cut + &more
}

/// `shop (down)`: that it is down is never cut.
fn project(name: &str, down: bool, wide: u16) -> String {
    let down = if down { " (down)" } else { "" };
    let room = usize::from(wide).saturating_sub(down.len());
    fit(&sanitise(name), room) + down
}

fn frees(
    bytes: Figure<crate::domain::bytes::Bytes>,
    precision: Precision,
    blocked: bool,
    wide: u16,
    pen: &mut Pen<'_>,
) {
    let text = if blocked {
        figure(bytes, pen.theme())
    } else {
        signed(bytes, precision, pen.theme())
    };
    let look = match bytes {
        Figure::Known(bytes) if !bytes.is_zero() => Look::Frees,
        Figure::Known(_) | Figure::Pending | Figure::Unknown => Look::Plain,
    };
    pen.right(&text, wide.saturating_sub(SIGN), look);
    if blocked {
        pen.put(" †", Look::Plain);
    }
}

/// Returns why there are no rows.
fn empty(model: &Model) -> String {
    let pane = model.pane();
    let inventory = model.survey.inventory();
    let kind = pane.kind;
    if let Some(why) = no_build_cache(&inventory.engine).filter(|_| kind == Kind::BuildCache) {
        return why;
    }
    let stage = Stage::list_of(kind);
    if !inventory.is_listed(stage) {
        return match inventory.stage(stage) {
            Progress::Failed(why) => format!("cannot be listed: {why}"),
            Progress::Waiting | Progress::Running(_) | Progress::Done(_) => {
                "reading the list …".to_owned()
            }
        };
    }
    if pane.filter_text.is_empty() {
        return match kind {
            Kind::Image => "no images",
            Kind::Container => "no containers",
            Kind::Volume => "no volumes",
            Kind::BuildCache => "no build cache",
            Kind::Log => "no logs",
        }
        .to_owned();
    }
    match why::left_out(pane) {
        Some(text) => format!("nothing matches ({text}): Esc clears the filter"),
        None => "nothing matches: Esc clears the filter".to_owned(),
    }
}
