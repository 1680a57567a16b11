use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::*;

const AREA: Rect = Rect::new(0, 0, 40, 6);

/// A text in a place, in some look.
type Stroke = (u16, u16, String, Style);

fn style() -> impl Strategy<Value = Style> {
    let colour = prop_oneof![
        Just(Color::Reset),
        Just(Color::Green),
        Just(Color::LightBlue),
        Just(Color::Indexed(200)),
        Just(Color::Rgb(1, 2, 3)),
    ];
    let modifier = prop_oneof![
        Just(Modifier::empty()),
        Just(Modifier::BOLD),
        Just(Modifier::DIM),
        Just(Modifier::REVERSED),
        Just(Modifier::BOLD | Modifier::UNDERLINED),
    ];
    (colour.clone(), colour, modifier).prop_map(|(fg, bg, modifier)| {
        // Nothing is bold and faint at once: a terminal shows one of them.
        let others = Modifier::all() - modifier;
        let style = Style::new().fg(fg).bg(bg);
        style.add_modifier(modifier).remove_modifier(others)
    })
}

/// Frames of texts in these looks.
fn frames(
    text: impl Strategy<Value = String>,
    style: impl Strategy<Value = Style>,
) -> impl Strategy<Value = Vec<Buffer>> {
    let stroke = (0..AREA.width, 0..AREA.height, text, style);
    let picture = prop::collection::vec(stroke, 0..12).prop_map(|strokes| picture(&strokes));
    prop::collection::vec(picture, 1..6)
}

fn narrow() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{1,12}", Just("…".to_owned()), Just("▸ ●".to_owned())]
}

fn wide() -> impl Strategy<Value = String> {
    prop_oneof![Just("漢字 x".to_owned()), narrow()]
}

fn picture(strokes: &[Stroke]) -> Buffer {
    let mut buffer = Buffer::empty(AREA);
    for (x, y, text, style) in strokes {
        buffer.set_string(*x, *y, text, *style);
    }
    // Ratatui takes buffers to have nothing under the second half of a wide symbol.
    for Position { x, y } in AREA.positions() {
        if buffer[(x, y)].symbol().width() > 1 && x + 1 < AREA.width {
            buffer[(x + 1, y)].reset();
        }
    }
    buffer
}

/// Returns what is sent for some frames, one after the other.
fn sent(frames: &[Buffer]) -> Vec<Vec<u8>> {
    let mut before = Buffer::empty(AREA);
    let out = Line::default();
    let mut lean = Lean::new(out.clone());
    let send = |frame: &Buffer| {
        lean.draw(before.diff(frame).into_iter()).unwrap();
        before = frame.clone();
        out.0.take()
    };
    frames.iter().map(send).collect()
}

/// Where the bytes go.
#[derive(Clone, Default)]
struct Line(Rc<RefCell<Vec<u8>>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shows(frames: &[Buffer]) -> Result<(), TestCaseError> {
    let mut terminal = vt100::Parser::new(AREA.height, AREA.width, 0);
    for (frame, bytes) in frames.iter().zip(sent(frames)) {
        terminal.process(&bytes);
        for Position { x, y } in AREA.positions() {
            let cell = terminal.screen().cell(y, x).unwrap();
            if cell.is_wide_continuation() {
                continue;
            }
            let meant = &frame[(x, y)];
            let symbol = if cell.has_contents() {
                cell.contents()
            } else {
                " "
            };
            prop_assert_eq!(symbol, meant.symbol(), "at {}, {}", x, y);
            let looks = (
                (cell.bold(), cell.dim(), cell.inverse(), cell.underline()),
                (cell.fgcolor(), cell.bgcolor()),
            );
            let has = |modifier| meant.modifier.contains(modifier);
            let modifiers = (
                has(Modifier::BOLD),
                has(Modifier::DIM),
                has(Modifier::REVERSED),
                has(Modifier::UNDERLINED),
            );
            let wanted = (modifiers, (seen(meant.fg), seen(meant.bg)));
            prop_assert_eq!(looks, wanted, "at {}, {}", x, y);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever was drawn before, a terminal shows each frame as it was meant.
    #[test]
    fn a_terminal_shows_what_was_drawn(frames in frames(narrow(), style())) {
        shows(&frames)?;
    }

    /// Symbols of two columns, too. (Half of one that is overwritten is the terminal's to paint.)
    #[test]
    fn wide_symbols_come_and_go(frames in frames(wide(), Just(Style::new()))) {
        shows(&frames)?;
    }
}

fn seen(colour: Color) -> vt100::Color {
    match colour {
        Color::Green => vt100::Color::Idx(2),
        Color::LightBlue => vt100::Color::Idx(12),
        Color::Indexed(index) => vt100::Color::Idx(index),
        Color::Rgb(red, green, blue) => vt100::Color::Rgb(red, green, blue),
        _ => vt100::Color::Default,
    }
}

/// Ratatui clears the second half of such a symbol, right behind it in the order of cells.
#[test]
fn what_follows_a_symbol_with_a_variation_stands_where_it_belongs() {
    let plain = Style::new();
    let frames = [
        picture(&[(0, 0, "abcdef".to_owned(), plain)]),
        picture(&[(0, 0, "a\u{26a0}\u{fe0f}xyz".to_owned(), plain)]),
    ];
    assert_eq!(
        String::from_utf8_lossy(&sent(&frames)[1]),
        "\x1b[1;2H\u{26a0}\u{fe0f}\x1b[3G xyz"
    );
}

#[test]
fn words_that_change_are_sent_as_one_and_a_frame_ends_plain() {
    let plain = Style::new();
    let frames = [
        picture(&[(0, 0, "held by one of them".to_owned(), plain)]),
        picture(&[(0, 0, "lent to all in turn".to_owned(), plain)]),
        Buffer::empty(AREA),
        picture(&[(2, 3, "x".to_owned(), plain.add_modifier(Modifier::BOLD))]),
    ];
    let sent = sent(&frames);
    assert_eq!(
        String::from_utf8_lossy(&sent[1]),
        "\x1b[1;1Hlent to all in turn"
    );
    assert_eq!(String::from_utf8_lossy(&sent[2]), "\x1b[1;1H\x1b[19X");
    assert_eq!(String::from_utf8_lossy(&sent[3]), "\x1b[4;3H\x1b[1mx\x1b[m");
}

#[test]
fn nothing_is_sent_for_a_frame_like_the_one_before() {
    let out = Line::default();
    let viewport = ratatui::Viewport::Fixed(AREA);
    let options = ratatui::TerminalOptions { viewport };
    let mut terminal = Terminal::with_options(Lean::new(out.clone()), options).unwrap();
    for _ in 0..3 {
        terminal
            .draw(|frame| frame.render_widget("as ever", AREA))
            .unwrap();
    }
    let out = String::from_utf8_lossy(&out.0.take()).into_owned();
    assert_eq!(out.matches("as ever").count(), 1);
    assert_eq!(out.matches("\x1b[?25l").count(), 1);
}
