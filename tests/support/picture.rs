//! A frame as text: its glyphs, then one letter for each styled cell, then what the letters mean.

use std::fmt::Write;

use dtop::app::model::Model;
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::ui::{Theme, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

type Look = (Color, Color, Modifier);

/// Draws the model on a screen of this size.
pub fn frame(model: &mut Model, (width, height): (u16, u16), theme: Theme) -> String {
    update(model, Msg::Resize { width, height });
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| {
            view(model, frame, &theme);
        })
        .expect("a frame");
    let buffer = terminal.backend().buffer();
    let mut looks: Vec<Look> = Vec::new();
    let mut text = String::new();
    for y in 0..height {
        let _ = writeln!(text, "{}", glyphs(buffer, y));
    }
    for y in 0..height {
        let line = letters(buffer, y, &mut looks);
        if !line.is_empty() {
            let _ = writeln!(text, "{y:2} {line}");
        }
    }
    for (letter, (fg, bg, modifier)) in ('a'..).zip(&looks) {
        let _ = writeln!(text, "{letter}: {fg:?} on {bg:?} {modifier:?}");
    }
    text
}

fn glyphs(buffer: &Buffer, y: u16) -> String {
    let mut line = String::new();
    let mut x = 0;
    while x < buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        line.push_str(symbol);
        x += u16::try_from(symbol.width().max(1)).expect("a letter's width");
    }
    line.trim_end().to_owned()
}

fn letters(buffer: &Buffer, y: u16, looks: &mut Vec<Look>) -> String {
    let mut line = String::new();
    for x in 0..buffer.area.width {
        let cell = &buffer[(x, y)];
        let look = (cell.fg, cell.bg, cell.modifier);
        let plain = look == (Color::Reset, Color::Reset, Modifier::empty());
        line.push(if plain {
            ' '
        } else {
            let at = looks.iter().position(|known| *known == look);
            let at = at.unwrap_or_else(|| {
                looks.push(look);
                looks.len() - 1
            });
            ('a'..).nth(at).expect("a letter")
        });
    }
    line.trim_end().to_owned()
}
