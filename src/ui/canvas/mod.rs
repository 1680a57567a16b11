//! Where text enters the screen: sanitised, cut to its place, with a look.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::text::{fit, sanitise, width};
use super::theme::{Look, Theme};

/// The screen while it is drawn.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    pub theme: Theme,
    /// How far the page that is drawn can be scrolled.
    pub furthest: usize,
}

/// A line that is written from left to right and never leaves its place.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
    x: u16,
    y: u16,
    end: u16,
    bold: bool,
}

/// A piece of text with its look.
pub type Piece = (String, Look);

impl<'a> Canvas<'a> {
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        Self {
            buffer,
            theme,
            furthest: 0,
        }
    }

    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Returns a pen on line `y`, from column `x`, for at most `room` columns.
    pub fn pen(&mut self, x: u16, y: u16, room: u16) -> Pen<'_> {
        let area = self.buffer.area;
        let end = x.saturating_add(room).min(area.width);
        let outside = y >= area.height;
        Pen {
            buffer: self.buffer,
            theme: self.theme,
            x: x.min(end),
            y: y.min(area.height.saturating_sub(1)),
            end: if outside { 0 } else { end },
            bold: false,
        }
    }

    /// A box over the whole width, with a title in its upper border.
    pub fn frame(&mut self, y: u16, height: u16, title: &[Piece]) {
        let wide = self.area().width;
        if wide < 2 || height < 2 {
            return;
        }
        let inner = usize::from(wide - 2);
        let edge = "─".repeat(inner);
        self.pen(0, y, wide).put(&format!("╭{edge}╮"), Look::Plain);
        for line in y + 1..y + height - 1 {
            self.pen(0, line, 1).put("│", Look::Plain);
            self.pen(wide - 1, line, 1).put("│", Look::Plain);
        }
        let last = y + height - 1;
        self.pen(0, last, wide)
            .put(&format!("╰{edge}╯"), Look::Plain);
        let mut pen = self.pen(1, y, wide - 2);
        pen.put(" ", Look::Plain);
        for (text, look) in title {
            pen.put(text, *look);
        }
        pen.put(" ", Look::Plain);
    }
}

impl Pen<'_> {
    /// What follows is bold, whatever its look.
    pub fn bold(&mut self, bold: bool) -> &mut Self {
        self.bold = bold;
        self
    }

    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// Writes as much of a text as there is room for; what is cut ends in `…`.
    pub fn put(&mut self, text: &str, look: Look) -> &mut Self {
        let room = self.room();
        if room == 0 {
            return self;
        }
        let clean = sanitise(text);
        let cut = if width(&clean) > room {
            fit(&clean, room)
        } else {
            clean.into_owned()
        };
        let mut style = self.theme.style(look);
        if self.bold {
            style = style
                .add_modifier(Modifier::BOLD)
                .remove_modifier(Modifier::DIM);
        }
        let (x, _) = self.buffer.set_stringn(self.x, self.y, cut, room, style);
        self.x = x;
        self
    }

    pub fn pieces(&mut self, pieces: &[Piece]) -> &mut Self {
        for (text, look) in pieces {
            self.put(text, *look);
        }
        self
    }

    /// Writes a text against the right end of the next `room` columns, and goes behind them.
    pub fn right(&mut self, text: &str, room: u16, look: Look) -> &mut Self {
        let room = usize::from(room).min(self.room());
        let taken = width(&sanitise(text)).min(room);
        let end = self.x + columns(room);
        self.skip(columns(room - taken));
        self.within(columns(taken), |pen| {
            pen.put(text, look);
        });
        self.x = end;
        self
    }

    /// Writes a text against the left end of the next `room` columns, and goes behind them.
    pub fn left(&mut self, text: &str, room: u16, look: Look) -> &mut Self {
        let room = room.min(columns(self.room()));
        let end = self.x + room;
        self.within(room, |pen| {
            pen.put(text, look);
        });
        self.x = end;
        self
    }

    pub fn skip(&mut self, by: u16) -> &mut Self {
        self.x = self.x.saturating_add(by).min(self.end.max(self.x));
        self
    }

    /// Columns that are left.
    pub fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    fn within(&mut self, room: u16, write: impl FnOnce(&mut Self)) {
        let end = self.end;
        self.end = self.x.saturating_add(room).min(end);
        write(self);
        self.end = end;
    }
}

/// Returns a number of columns; no terminal has more than `u16` counts.
pub fn columns(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Returns how many columns some pieces take.
pub fn length(pieces: &[Piece]) -> usize {
    pieces.iter().map(|(text, _)| width(&sanitise(text))).sum()
}

/// Returns a text whose middle is left out: its beginning and its end tell most.
pub fn cut_middle(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let half = room.saturating_sub(1) / 2;
    let take = |letters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut taken = String::new();
        for letter in letters {
            taken.push(letter);
            if width(&taken) > room {
                taken.pop();
                break;
            }
        }
        taken
    };
    let start = take(&mut text.chars(), half);
    let end = take(&mut text.chars().rev(), room.saturating_sub(half + 1));
    let end: String = end.chars().rev().collect();
    format!("{start}…{end}")
}

/// Breaks a text at spaces into lines of at most `room` columns; what is longer than a line is cut.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let clean = sanitise(text);
    let mut lines: Vec<String> = Vec::new();
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(break_word(word, room)),
        }
    }
    lines
}

/// A word that is longer than a line goes on in the next one: names are never lost.
fn break_word(word: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for letter in word.chars() {
        let mut longer = lines.pop().unwrap_or_default();
        longer.push(letter);
        if width(&longer) > room.max(2) {
            longer.pop();
            lines.push(longer);
            lines.push(letter.to_string());
        } else {
            lines.push(longer);
        }
    }
    lines
}

#[cfg(test)]
mod tests;
