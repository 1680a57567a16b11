//! A frame as a picture that a browser shows.

use std::fmt::Write;

use dtop::app::model::Model;
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::ui::{Theme, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

const WIDE: u16 = 8;
const TALL: u16 = 17;
const PAPER: &str = "#1b1d1f";
const INK: &str = "#d4d4d4";

/// Draws the model on a screen of this size.
pub fn frame(model: &mut Model, (width, height): (u16, u16)) -> String {
    update(model, Msg::Resize { width, height });
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| {
            view(model, frame, &Theme::new(true, false));
        })
        .expect("a frame");
    let buffer = terminal.backend().buffer();
    let (w, h) = (width * WIDE + 16, height * TALL + 16);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
         font-family=\"ui-monospace, Menlo, 'DejaVu Sans Mono', monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{PAPER}\"/>\n"
    );
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let (text, cells) = word(|x| &buffer[(x, y)], x, width);
            draw(&mut svg, &buffer[(x, y)], &text, (x, y, cells));
            x += cells;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The cells from here that look the same, up to a blank: their text, and how many they are. Each word has a
/// place of its own, so that columns stand wherever letters have another width.
fn word<'a>(cell: impl Fn(u16) -> &'a Cell, from: u16, width: u16) -> (String, u16) {
    let look = |cell: &Cell| (cell.fg, cell.bg, cell.modifier, cell.symbol() == " ");
    let mut text = String::new();
    let mut x = from;
    while x < width && look(cell(x)) == look(cell(from)) {
        let symbol = cell(x).symbol();
        text.push_str(symbol);
        x += u16::try_from(symbol.width().max(1)).expect("a letter's width");
    }
    (text, x - from)
}

fn draw(svg: &mut String, cell: &Cell, text: &str, (x, y, cells): (u16, u16, u16)) {
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let (left, top, wide) = (8 + x * WIDE, 8 + y * TALL, cells * WIDE);
    if reversed {
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{TALL}\" fill=\"{INK}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let ink = if reversed { PAPER } else { color(cell.fg) };
    let bold = if cell.modifier.contains(Modifier::BOLD) {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let faint = if cell.modifier.contains(Modifier::DIM) {
        " opacity=\"0.6\""
    } else {
        ""
    };
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" fill=\"{ink}\"{bold}{faint}>{text}</text>",
        top + 13
    );
}

fn color(color: Color) -> &'static str {
    match color {
        Color::Black => "#000000",
        Color::Red | Color::LightRed => "#f2777a",
        Color::Green | Color::LightGreen => "#99cc99",
        Color::Yellow | Color::LightYellow => "#ffcc66",
        Color::Blue | Color::LightBlue => "#6699cc",
        Color::Magenta | Color::LightMagenta => "#cc99cc",
        Color::Cyan | Color::LightCyan => "#66cccc",
        Color::Gray | Color::DarkGray => "#999999",
        _ => INK,
    }
}
