//! What a frame costs on a slow line: only what differs is sent, and that in as few bytes as it takes.
//!
//! Ratatui finds the cells that differ; its own backend then moves the cursor over each gap between them, names
//! every colour in full and ends each frame with five resets. Here a short gap is bridged by sending what stands
//! there already, and a style is the shortest sequence that leads to it.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// A terminal that is drawn to; see the module.
pub struct Lean<W: Write> {
    terminal: CrosstermBackend<W>,
    /// What stands on the terminal, row by row; cells beyond are blank.
    shown: Vec<Vec<Cell>>,
    cursor_hidden: bool,
}

/// How text looks, as far as dtop uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Look = Look {
    fg: Color::Reset,
    bg: Color::Reset,
    modifier: Modifier::empty(),
};

/// Modifiers and the parameters that set them (ECMA-48, SGR).
const MODIFIERS: [(Modifier, &str); 7] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
    (Modifier::HIDDEN, "8"),
    (Modifier::CROSSED_OUT, "9"),
];

impl Look {
    fn of(cell: &Cell) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            modifier: cell.modifier,
        }
    }

    /// Returns the shortest sequence that makes the one look the other.
    fn sequence(self, to: Self) -> String {
        if self == to {
            return String::new();
        }
        if to == PLAIN {
            return "\x1b[m".to_owned();
        }
        let anew = format!("\x1b[0;{}m", to.parameters(PLAIN).join(";"));
        // Only a reset takes one modifier away and leaves the rest on every terminal.
        if !to.modifier.contains(self.modifier) {
            return anew;
        }
        let onward = format!("\x1b[{}m", to.parameters(self).join(";"));
        if onward.len() <= anew.len() {
            onward
        } else {
            anew
        }
    }

    fn parameters(self, from: Self) -> Vec<String> {
        let added = self.modifier - from.modifier;
        let added = MODIFIERS
            .iter()
            .filter(|(modifier, _)| added.contains(*modifier));
        let mut parameters: Vec<String> = added.map(|(_, code)| (*code).to_owned()).collect();
        if self.fg != from.fg {
            parameters.push(colour(self.fg, 30));
        }
        if self.bg != from.bg {
            parameters.push(colour(self.bg, 40));
        }
        parameters
    }
}

/// Returns a colour as an SGR parameter; `base` is 30 for the text, 40 for what is behind it.
fn colour(colour: Color, base: u8) -> String {
    let dark = |number: u8| (base + number).to_string();
    let light = |number: u8| (base + 60 + number).to_string();
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Black => dark(0),
        Color::Red => dark(1),
        Color::Green => dark(2),
        Color::Yellow => dark(3),
        Color::Blue => dark(4),
        Color::Magenta => dark(5),
        Color::Cyan => dark(6),
        Color::Gray => dark(7),
        Color::DarkGray => light(0),
        Color::LightRed => light(1),
        Color::LightGreen => light(2),
        Color::LightYellow => light(3),
        Color::LightBlue => light(4),
        Color::LightMagenta => light(5),
        Color::LightCyan => light(6),
        Color::White => light(7),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
    }
}

/// A frame on its way to the terminal.
struct Frame<'s> {
    out: String,
    look: Look,
    /// Where the next symbol goes, if that is known.
    at: Option<(u16, u16)>,
    /// All symbols since the cursor was moved last take one column on every terminal.
    is_plain: bool,
    /// Blanks before that place which have not been sent yet.
    blanks: u16,
    shown: &'s mut Vec<Vec<Cell>>,
}

impl Frame<'_> {
    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        if self.at != Some((x, y)) && !self.bridge(x, y) {
            self.go(x, y);
        }
        self.print(x, y, cell);
        let row = usize::from(y);
        if self.shown.len() <= row {
            self.shown.resize_with(row + 1, Vec::new);
        }
        let row = &mut self.shown[row];
        let column = usize::from(x);
        let end = column + cell.symbol().width().max(1);
        if row.len() < end {
            row.resize(end, Cell::EMPTY);
        }
        row[column] = cell.clone();
        // The rest of a wide symbol: nothing that could be sent again.
        row[column + 1..end].fill(Cell::new(""));
    }

    fn print(&mut self, x: u16, y: u16, cell: &Cell) {
        // Behind a symbol of two columns the cursor is moved, even to its second half, which ratatui clears
        // for some: no cell that follows stands at this place.
        let is_wide = cell.symbol().width() > 1;
        self.at = Some((if is_wide { x } else { x + 1 }, y));
        self.is_plain &= is_plain(cell);
        let look = Look::of(cell);
        let is_blank = look == PLAIN && cell.symbol() == " ";
        if !is_blank {
            self.send_blanks(Some(x));
        }
        self.out.push_str(&self.look.sequence(look));
        self.look = look;
        if is_blank {
            self.blanks += 1;
        } else {
            self.out.push_str(cell.symbol());
        }
    }

    /// Sends blanks that were held back, many of them as one sequence (ECH) that leaves the cursor before them;
    /// it then goes on to a column, or nowhere.
    fn send_blanks(&mut self, next: Option<u16>) {
        let count = std::mem::take(&mut self.blanks);
        let mut sequence = format!("\x1b[{count}X");
        if let Some(x) = next {
            sequence.push_str(&column(x));
        }
        if sequence.len() < usize::from(count) {
            self.out.push_str(&sequence);
        } else {
            let blanks = std::iter::repeat_n(' ', usize::from(count));
            self.out.extend(blanks);
        }
    }

    /// Moves the cursor.
    fn go(&mut self, x: u16, y: u16) {
        self.send_blanks(None);
        self.out.push_str(&self.way(x, y));
        self.is_plain = true;
    }

    fn way(&self, x: u16, y: u16) -> String {
        match self.at {
            Some((_, row)) if row == y => column(x),
            _ => format!("\x1b[{};{}H", y + 1, x + 1),
        }
    }

    /// Sends what stands between the cursor and a cell once more, where that is shorter than to move.
    fn bridge(&mut self, x: u16, y: u16) -> bool {
        let Some((from, row)) = self.at else {
            return false;
        };
        let cost = self.way(x, y).len();
        if row != y || from > x || usize::from(x - from) > cost || !self.is_plain {
            return false;
        }
        let blank = Cell::EMPTY;
        let between: Vec<Cell> = (from..x)
            .map(|column| {
                let row = self.shown.get(usize::from(y));
                row.and_then(|row| row.get(usize::from(column)))
                    .unwrap_or(&blank)
                    .clone()
            })
            .collect();
        let is_like_this = |cell: &Cell| Look::of(cell) == self.look && is_plain(cell);
        if !between.iter().all(is_like_this) {
            return false;
        }
        for (column, cell) in (from..x).zip(&between) {
            self.print(column, y, cell);
        }
        true
    }
}

/// Moves the cursor to a column of its row (CHA).
fn column(x: u16) -> String {
    format!("\x1b[{}G", x + 1)
}

/// Returns true for a cell that takes one column on every terminal.
fn is_plain(cell: &Cell) -> bool {
    matches!(cell.symbol().as_bytes(), [b' '..=b'~'])
}

impl<W: Write> Lean<W> {
    pub fn new(out: W) -> Self {
        Self {
            terminal: CrosstermBackend::new(out),
            shown: Vec::new(),
            cursor_hidden: false,
        }
    }
}

impl<W: Write> Backend for Lean<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut frame = Frame {
            out: String::new(),
            look: PLAIN,
            at: None,
            is_plain: true,
            blanks: 0,
            shown: &mut self.shown,
        };
        for (x, y, cell) in content {
            frame.put(x, y, cell);
        }
        frame.send_blanks(None);
        let end = frame.look.sequence(PLAIN);
        let mut out = frame.out;
        out.push_str(&end);
        self.terminal.write_all(out.as_bytes())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.cursor_hidden, true) {
            return Ok(());
        }
        self.terminal.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor_hidden = false;
        self.terminal.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.terminal.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.terminal.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    /// What is left of a part that was cleared is not looked at: ratatui draws all of it anew.
    fn clear_region(&mut self, part: ClearType) -> io::Result<()> {
        self.shown.clear();
        self.cursor_hidden = false;
        self.terminal.clear_region(part)
    }

    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.terminal)
    }
}

#[cfg(test)]
mod tests;
