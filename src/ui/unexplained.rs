//! What Docker does not count, by cause: the largest first, with what can be done about what is under the cursor.
//!
//! ```text
//!  What Docker does not count in /var/lib/docker: 1.41 GB                                measured 2 min ago
//!
//! ▸  1.20 GB  left by another store                 /var/lib/docker/overlay2
//!             out of sight while this store runs: switch the engine back …
//!     184 MB  BuildKit's own notes and content      /var/lib/docker/buildkit
//!
//!  Esc back   ? help
//! ```

use crate::app::keys::Place as KeyPlace;
use crate::app::list::Cursor;
use crate::app::model::Model;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{Inventory, Progress, Stage};
use crate::domain::unexplained::{Unexplained, sum};

use super::canvas::{Canvas, columns, cut_middle, wrap};
use super::footer;
use super::scroll::{self, Line, Place};
use super::text::{sanitise, width};
use super::theme::Look;
use super::words::{builders_volumes, counted, lasting, no_unexplained};

/// Columns of the bytes, and of what stands before the notes.
const BYTES: usize = 9;
const INDENT: usize = BYTES + 3;
/// Below this width the path stands below its cause.
const NARROW: u16 = 76;
const NARROW_INDENT: usize = 3;
const TITLE: usize = 37;

pub fn draw(model: &Model, cursor: Cursor, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    let inventory = model.survey.inventory();
    title(model, canvas);
    let airy = u16::from(tall >= 16);
    let builders = builders_volumes(inventory);
    let below = u16::from(builders.is_some());
    let place = Place {
        x: 0,
        y: 1 + airy,
        width: wide,
        height: tall.saturating_sub(2 + 2 * airy + below),
    };
    let y = place.y + place.height;
    let mut pen = canvas.pen(1, y, wide.saturating_sub(1));
    pen.put(&builders.unwrap_or_default(), Look::Faint);
    match &inventory.unexplained {
        Figure::Known(rows) => {
            let lines = |at: usize| lines(&rows[at], at == cursor.at, wide);
            scroll::draw(cursor, rows.len(), lines, place, canvas);
        }
        Figure::Pending | Figure::Unknown => {
            let text = no_unexplained(inventory);
            let room = usize::from(wide).saturating_sub(2).max(8);
            for (line, y) in wrap(&sanitise(&text), room).iter().zip(place.y..) {
                let mut pen = canvas.pen(1, y, wide.saturating_sub(1));
                pen.put(line, Look::Plain);
            }
        }
    }
    let y = tall.saturating_sub(1);
    footer::keys_of(KeyPlace::Unexplained, model.notice.as_deref(), y, canvas);
}

fn title(model: &Model, canvas: &mut Canvas<'_>) {
    let wide = model.layout.width;
    let inventory = model.survey.inventory();
    let total = match &inventory.unexplained {
        Figure::Known(rows) => format!(": {}", sum(rows)),
        Figure::Pending | Figure::Unknown => String::new(),
    };
    let age = age(model, inventory);
    let start = " What Docker does not count";
    let room = usize::from(wide).saturating_sub(width(start) + width(&total) + 4);
    let folder = sanitise(&inventory.engine.root);
    let place = match room {
        12.. if !folder.is_empty() => format!(" in {}", cut_middle(&folder, room)),
        _ => String::new(),
    };
    let text = format!("{start}{place}{total}");
    let rest = usize::from(wide).saturating_sub(width(&text));
    canvas.pen(0, 0, wide).put(&text, Look::Bold);
    if rest > width(&age) + 2 {
        let long = columns(width(&age) + 1);
        let mut pen = canvas.pen(wide.saturating_sub(long), 0, long);
        pen.put(&age, Look::Faint);
    }
}

/// Returns how old it is, or for how long it has been measured.
fn age(model: &Model, inventory: &Inventory) -> String {
    match inventory.stage(Stage::Unexplained) {
        Progress::Running(since) => format!("measuring {}", lasting(*since, model.now)),
        Progress::Done(at) if matches!(inventory.unexplained, Figure::Known(_)) => {
            format!("measured {} ago", lasting(*at, model.now))
        }
        Progress::Waiting | Progress::Done(_) | Progress::Failed(_) => String::new(),
    }
}

fn lines(row: &Unexplained, is_current: bool, wide: u16) -> Vec<Line> {
    let indent = if wide >= NARROW {
        INDENT
    } else {
        NARROW_INDENT
    };
    let room = usize::from(wide).saturating_sub(indent + 1).max(8);
    let path = sanitise(&row.path);
    let title = cut_middle(&sanitise(&row.title()), TITLE);
    let mut head = vec![
        (format!("{:>BYTES$}  ", counted(row.bytes)), Look::Frees),
        (title.clone(), Look::Plain),
    ];
    let mut notes = Vec::new();
    if wide >= NARROW {
        let fill = " ".repeat(TITLE.saturating_sub(width(&title)));
        head.push((fill, Look::Plain));
        let room = usize::from(wide).saturating_sub(INDENT + TITLE + 2);
        head.push((format!(" {}", cut_middle(&path, room)), Look::Faint));
        if is_current && width(&path) > room {
            notes.push(path.into_owned());
        }
    } else if is_current {
        if width(&title) + INDENT > usize::from(wide) {
            notes.push(title);
        }
        // All that is said of the row must be seen at once, the advice above all.
        notes.push(cut_middle(&path, room));
    }
    let mut lines = vec![Line::head(head)];
    if is_current {
        notes.push(row.cause.advice().to_owned());
        lines.extend(notes.iter().flat_map(|text| wrap(text, room)).map(|line| {
            let indent = " ".repeat(indent - 1);
            Line::more(vec![(indent, Look::Plain), (line, Look::Faint)])
        }));
    }
    lines
}
