//! The filter while it is typed, with what is wrong with it.

use crate::app::model::{FilterLine, Model};

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
    let Some(error) = &line.error else {
        return;
    };
    let message = format!("   {}", error.message);
    if width(&sanitise(&message)) <= pen.room() {
        pen.put(&message, Look::Danger);
    }
}

/// The keys of the filter line, or what is wrong where the line above has no room for it.
pub fn keys(line: &FilterLine, model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    if let Some(error) = &line.error {
        let room = usize::from(at.inner_width()).saturating_sub(2);
        let taken = length(&typed(line, room)) + width(&sanitise(&error.message)) + 3;
        if taken > room {
            let text = format!(" {}", error.message);
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

/// The text with the cursor in it; of a long one the part before the cursor.
pub(super) fn typed(line: &FilterLine, room: usize) -> Vec<Piece> {
    let fault = line.error.as_ref().map(|error| error.at.clone());
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, letter) in line.text.char_indices() {
        if at == line.at {
            pieces.push(("▌".to_owned(), Look::Bold));
        }
        let wrong = fault.as_ref().is_some_and(|range| range.contains(&at));
        let look = if wrong { Look::Reverse } else { Look::Plain };
        pieces.push((letter.to_string(), look));
    }
    if line.at >= line.text.len() {
        pieces.push(("▌".to_owned(), Look::Bold));
    }
    let cursor = pieces
        .iter()
        .position(|(text, _)| text == "▌")
        .unwrap_or_default();
    let mut from = 0;
    while from < cursor && length(&pieces[from..=cursor]) > room {
        from += 1;
    }
    pieces.split_off(from)
}
