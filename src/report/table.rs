//! A pane's rows as lines of text: the columns of the screen, without colour or cursor.

use crate::app::columns::{Cell, Column, columns, fitting};
use crate::domain::bytes::Figure;
use crate::domain::item::Kind;
use crate::domain::survey::Survey;
use crate::domain::time::age;
use crate::ui::text::{fit, pad, sanitise, width as columns_of};
use crate::ui::words::{figure, signed};

use super::page::Page;

/// Returns the heading and the rows that free most, so many of them.
pub fn top(survey: &Survey, kind: Kind, page: Page, most: usize) -> Vec<String> {
    let wide = u16::try_from(page.width.saturating_sub(2)).unwrap_or(u16::MAX);
    let placed: Vec<(&Column, usize)> = fitting(kind, wide)
        .into_iter()
        .map(|(index, _, wide)| (&columns(kind)[index], usize::from(wide)))
        .collect();
    let mut rows: Vec<usize> = survey.rows(kind).collect();
    let frees = columns(kind)[1].key;
    rows.sort_by_cached_key(|at| frees(survey, kind, *at));
    let heading = line(placed.iter().map(|(column, wide)| {
        let title = column.title.to_owned();
        aligned(&title, column, *wide)
    }));
    let shown = rows.iter().take(most).map(|at| {
        line(placed.iter().map(|(column, wide)| {
            let text = said(&(column.cell)(survey, kind, *at), page, *wide);
            aligned(&text, column, *wide)
        }))
    });
    std::iter::once(heading).chain(shown).collect()
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("  {}", cells.join("  ")).trim_end().to_owned()
}

fn aligned(text: &str, column: &Column, wide: usize) -> String {
    if column.right {
        right(text, wide)
    } else {
        pad(text, wide)
    }
}

/// A clean text at the right end of so many columns.
pub fn right(text: &str, room: usize) -> String {
    let fitted = fit(text, room);
    let blank = room.saturating_sub(columns_of(&fitted));
    format!("{:blank$}{fitted}", "")
}

/// Returns what a cell says. Bytes that go have room for a sign after them, so that their digits stand in line.
fn said(cell: &Cell, page: Page, wide: usize) -> String {
    match cell {
        Cell::Name { name, more } | Cell::Users { first: name, more } => {
            let more = match more {
                0 => String::new(),
                more => format!(" +{more}"),
            };
            let room = wide.saturating_sub(more.len());
            format!("{}{more}", fit(&sanitise(name), room))
        }
        Cell::Frees {
            figure: bytes,
            precision: _,
            blocked: true,
        } => format!("{} †", figure(*bytes, page.theme())),
        Cell::Frees {
            figure: bytes,
            precision,
            blocked: false,
        } => format!("{}  ", signed(*bytes, *precision, page.theme())),
        Cell::Size(bytes) => figure(*bytes, page.theme()),
        Cell::Ago(Figure::Known(then)) => age(*then, page.now),
        Cell::Ago(Figure::Pending) => page.theme().pending().to_owned(),
        Cell::Ago(Figure::Unknown) | Cell::Nothing => "–".to_owned(),
        Cell::Text(text) => sanitise(text).into_owned(),
        Cell::Project { name, down: false } => sanitise(name).into_owned(),
        Cell::Project { name, down: true } => format!("{} (down)", sanitise(name)),
        Cell::Word(word) => (*word).to_owned(),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
    }
}
