//! The filter while it is typed, with what is wrong with it.

use crate::app::model::{FilterLine, LINE_FULL, Model};

use super::canvas::{Canvas, Piece, length};
use super::footer;
use super::text::{sanitise, width};
use super::theme::Look;

/// `/name idle>30▌` in the place of the line that says why; what is at fault is reversed.
pub fn draw(line: &FilterLine, model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    let room = usize::from(at.inner_width()).saturating_sub(2);
    let pieces = typed(line, room);
    let mut pen = canvas.pen(at.inset, at.why, at.inner_width());
    pen.put(" /", Look::Bold).pieces(&pieces);
    let Some(fault) = fault(line) else {
        return;
    };
    let message = format!("   {fault}");
    if width(&sanitise(&message)) <= pen.room() {
        pen.put(&message, Look::Danger);
    }
}

/// The keys of the filter line, or what is wrong where the line above has no room for it.
pub fn keys(line: &FilterLine, model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    if let Some(fault) = fault(line) {
        let room = usize::from(at.inner_width()).saturating_sub(2);
        let taken = length(&typed(line, room)) + width(&sanitise(fault)) + 3;
        if taken > room {
            let text = format!(" {fault}");
            canvas.pen(0, at.footer, at.width).put(&text, Look::Danger);
            return;
        }
    }
    let keys = [
        footer::key("Enter", "keep"),
        footer::key("Esc", "as before"),
        footer::key("^u", "clear"),
        footer::key("", "words, size>500mb, idle>30d, is:unused, -not"),
    ];
    footer::line(&[], &keys, at.footer, canvas);
}

/// Returns the text with the cursor in it, as far as it is seen: of a long one the part before the cursor.
pub(super) fn typed(line: &FilterLine, room: usize) -> Vec<Piece> {
    let (before, behind) = line.text.split_at(line.at);
    let fault = line.error.as_ref().map(|error| error.at.clone());
    let piece = |at: usize, letter: char| {
        let wrong = fault.as_ref().is_some_and(|range| range.contains(&at));
        let look = if wrong { Look::Reverse } else { Look::Plain };
        (letter.to_string(), look)
    };
    // One pass, and no further than there is room: the line is measured with each key.
    let mut left = room.saturating_sub(1);
    let mut fits = |piece: &Piece| {
        let columns = length(std::slice::from_ref(piece));
        let fits = columns <= left;
        left = left.saturating_sub(columns);
        fits
    };
    let letters = before.char_indices().rev();
    let mut pieces: Vec<Piece> = letters
        .map(|(at, letter)| piece(at, letter))
        .take_while(&mut fits)
        .collect();
    pieces.reverse();
    pieces.push(("▌".to_owned(), Look::Bold));
    let letters = behind.char_indices();
    let letters = letters.map(|(at, letter)| piece(line.at + at, letter));
    pieces.extend(letters.take_while(&mut fits));
    pieces
}

/// Returns what is wrong with the line, in words.
fn fault(line: &FilterLine) -> Option<&str> {
    let error = line.error.as_ref().map(|error| error.message.as_str());
    line.is_full.then_some(LINE_FULL).or(error)
}
