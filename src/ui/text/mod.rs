//! Strings of an engine, made safe for a terminal and cut to columns.
//!
//! Names, labels, commands and error texts are whatever somebody put there: escape sequences, bidi overrides,
//! characters of no width or of a width on which terminals do not agree. What is drawn moves the cursor by
//! exactly the columns that [`width`] counts.

use unicode_width::UnicodeWidthChar;

pub use crate::domain::engine_words::sanitise;

/// Returns how many columns a safe text takes: those of its letters one by one, as terminals draw them. (Arabic lam and
/// alef count as one column together in tables, and are drawn in two.)
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// Returns a text in at most that many columns; what does not fit is cut and `…` stands for it. A letter of two
/// columns is never cut in half, so that the result may be one column shorter.
#[must_use]
pub fn fit(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut left = room - 1;
    let end = text.char_indices().find(|(_, letter)| {
        let fits = columns(*letter) <= left;
        left = left.saturating_sub(columns(*letter));
        !fits
    });
    format!("{}…", end.map_or(text, |(at, _)| &text[..at]))
}

/// Returns a text in exactly that many columns, filled with spaces.
#[must_use]
pub fn pad(text: &str, room: usize) -> String {
    let mut fitted = fit(text, room);
    fitted.extend(std::iter::repeat_n(' ', room - width(&fitted)));
    fitted
}

#[cfg(test)]
mod tests;
