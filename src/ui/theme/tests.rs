use ratatui::layout::Rect;

use super::*;

#[test]
fn plain_forms_leave_no_letter_out_and_no_column_changed() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
    buffer.set_string(0, 0, "▸● 日本é…† b", Style::new());
    Theme::new(true, true).plain_forms(&mut buffer);
    let line: String = buffer
        .content
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(line, ">* ?????~! b");
}

#[test]
fn without_colour_only_bold_and_reverse_are_left() {
    let theme = Theme::new(false, false);
    for look in [
        Look::Plain,
        Look::Bold,
        Look::Faint,
        Look::Mark,
        Look::Frees,
        Look::Warn,
        Look::Danger,
        Look::Reverse,
    ] {
        let style = theme.style(look);
        assert_eq!((style.fg, style.bg), (None, None), "{look:?}");
        let allowed = Modifier::BOLD | Modifier::REVERSED;
        assert!(allowed.contains(style.add_modifier), "{look:?}");
    }
}
