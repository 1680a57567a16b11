//! How things look: a few roles in the terminal's own 16 colours, and plain forms for terminals without UTF-8.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::text::width;

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Without colour, bold and reverse stay.
    color: bool,
    ascii: bool,
}

/// What a piece of text is, as far as looks go. No meaning hangs on a look alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Plain,
    /// Titles, the row under the cursor, keys.
    Bold,
    /// What matters less: headings, notes.
    Faint,
    /// Marks.
    Mark,
    /// Bytes that go.
    Frees,
    /// What is odd, and what must be known before a yes.
    Warn,
    /// Failures, and what is about to be lost.
    Danger,
    /// The open tab, the letter under the text cursor.
    Reverse,
}

impl Theme {
    #[must_use]
    pub fn new(color: bool, ascii: bool) -> Self {
        Self { color, ascii }
    }

    #[must_use]
    pub fn style(self, look: Look) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        match (look, self.color) {
            (Look::Plain, _) | (Look::Faint | Look::Frees, false) => plain,
            (Look::Bold, _) | (Look::Mark | Look::Warn | Look::Danger, false) => bold,
            (Look::Faint, true) => plain.add_modifier(Modifier::DIM),
            (Look::Mark, true) => bold.fg(Color::Yellow),
            (Look::Frees, true) => plain.fg(Color::Green),
            (Look::Warn, true) => plain.fg(Color::Yellow),
            (Look::Danger, true) => bold.fg(Color::Red),
            (Look::Reverse, _) => plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// Returns a figure that is still being measured.
    #[must_use]
    pub fn pending(self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }

    /// Returns a key as the table writes it, for a terminal that may not have its sign.
    #[must_use]
    pub fn key(self, shown: &str) -> String {
        let plain = shown.replace('`', "");
        if self.ascii {
            plain
                .replace('⇧', "S-")
                .replace('↑', "up")
                .replace('↓', "down")
        } else {
            plain
        }
    }

    /// Returns a text to be printed, with a plain form for every glyph if the terminal needs that. No column moves.
    #[must_use]
    pub fn printed(self, text: String) -> String {
        if !self.ascii || text.is_ascii() {
            return text;
        }
        let mut printed = String::with_capacity(text.len());
        for letter in text.chars() {
            if letter.is_ascii() {
                printed.push(letter);
            } else {
                let plain = plain(letter.encode_utf8(&mut [0; 4]));
                printed.push_str(&plain.repeat(width(letter.encode_utf8(&mut [0; 4]))));
            }
        }
        printed
    }

    /// Gives every glyph on the screen its plain form, if the terminal needs that.
    ///
    /// This runs over the finished picture, so that nothing can be forgotten and no width changes.
    pub fn plain_forms(self, buffer: &mut Buffer) {
        if !self.ascii {
            return;
        }
        let width = usize::from(buffer.area.width).max(1);
        for at in 0..buffer.content.len() {
            let symbol = buffer.content[at].symbol();
            if symbol.is_ascii() {
                continue;
            }
            let plain = plain(symbol);
            // The cells that a wide letter covers are blank: they get a sign of their own.
            let covered = symbol.width().clamp(1, width - at % width);
            for cell in &mut buffer.content[at..at + covered] {
                cell.set_symbol(plain);
            }
        }
    }
}

/// Returns the plain form of a glyph, one column wide.
fn plain(symbol: &str) -> &'static str {
    match symbol {
        "▸" | "≥" | "→" => ">",
        "●" => "*",
        "†" => "!",
        "…" | "≈" => "~",
        "–" | "·" | "─" | "—" => "-",
        "│" => "|",
        "╭" | "╮" | "╰" | "╯" => "+",
        "█" => "#",
        "▒" => "=",
        "░" => ".",
        "↓" => "v",
        "↑" => "^",
        "▌" => "_",
        _ => "?",
    }
}

#[cfg(test)]
mod tests;
