use super::*;

#[test]
fn wrapping_loses_nothing_and_keeps_to_the_width() {
    let text = "nextcloud:latest, registry.example.org/a/very/long/name:1.2.3 日本語日本語 x";
    for room in 2..80 {
        let lines = wrap(text, room);
        assert!(lines.iter().all(|line| width(line) <= room), "{room}");
        let squeezed = |text: &str| text.replace(' ', "");
        assert_eq!(squeezed(&lines.concat()), squeezed(text), "{room}");
    }
}

#[test]
fn a_pen_stays_in_its_place() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
    let theme = Theme::new(true, false);
    let mut canvas = Canvas::new(&mut buffer, theme);
    canvas
        .pen(1, 0, 6)
        .right("12", 4, Look::Plain)
        .put("日本語", Look::Plain);
    canvas.pen(3, 5, 6).put("below the screen", Look::Plain);
    canvas.pen(300, 0, 6).put("beside the screen", Look::Plain);
    let line: String = buffer
        .content
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert!(line.starts_with("   12…"), "{line:?}");
    assert!(line.ends_with("   "), "{line:?}");
}
