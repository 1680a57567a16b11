//! Lists whose items take several lines: only what is in sight is written.

use crate::app::list::Cursor;

use super::canvas::{Canvas, Piece, columns};
use super::theme::Look;

/// A line of a list, and whether the cursor's sign stands before it.
pub struct Line {
    pub pieces: Vec<Piece>,
    /// The first line of an item that the cursor can be on.
    pub head: bool,
}

impl Line {
    pub fn head(pieces: Vec<Piece>) -> Self {
        Self { pieces, head: true }
    }

    pub fn more(pieces: Vec<Piece>) -> Self {
        Self {
            pieces,
            head: false,
        }
    }
}

/// Where a list stands on the screen.
#[derive(Clone, Copy)]
pub struct Place {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

/// Draws the items around the cursor. `lines_of` writes an item, headings before it included; the item under
/// the cursor is in sight with all its lines, or with as many as there is room for.
pub fn draw(
    cursor: Cursor,
    len: usize,
    lines_of: impl Fn(usize) -> Vec<Line>,
    place: Place,
    canvas: &mut Canvas<'_>,
) {
    let height = usize::from(place.height);
    let mut lines: Vec<(usize, Line)> = Vec::new();
    let mut end_of_current = 0;
    for item in cursor.offset.min(cursor.at)..len {
        if item > cursor.at && lines.len() >= height {
            break;
        }
        lines.extend(lines_of(item).into_iter().map(|line| (item, line)));
        if item == cursor.at {
            end_of_current = lines.len();
        }
    }
    let head = lines
        .iter()
        .position(|(item, line)| *item == cursor.at && line.head)
        .unwrap_or_default();
    let top = end_of_current.saturating_sub(height).min(head);
    for ((item, line), y) in lines.iter().skip(top).take(height).zip(place.y..) {
        let here = *item == cursor.at && line.head;
        let mut pen = canvas.pen(place.x, y, place.width);
        pen.put(if here { "▸" } else { " " }, Look::Bold);
        pen.bold(here).pieces(&line.pieces);
    }
}

/// Draws plain lines from an offset on, or from where the last of them is at the bottom.
pub fn page(lines: &[Vec<Piece>], offset: usize, place: Place, canvas: &mut Canvas<'_>) {
    let height = usize::from(place.height);
    let furthest = lines.len().saturating_sub(height);
    canvas.furthest = canvas.furthest.max(furthest);
    let offset = offset.min(furthest);
    for (line, y) in lines.iter().skip(offset).take(height).zip(place.y..) {
        canvas.pen(place.x, y, place.width).pieces(line);
    }
}

/// Says in the first line which part of a page is in sight, if not all of it is.
pub fn range(len: usize, offset: usize, place: Place, canvas: &mut Canvas<'_>) {
    let height = usize::from(place.height);
    if len <= height || height == 0 {
        return;
    }
    let offset = offset.min(len - height);
    let text = format!("  {}-{} of {len} ", offset + 1, offset + height);
    let long = columns(text.len());
    let x = canvas.area().width.saturating_sub(long);
    canvas.pen(x, 0, long).put(&text, Look::Faint);
}
