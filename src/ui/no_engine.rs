//! The screen where no engine answers: each place that was tried, why, and what to do about it.

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{Link, Model};
use crate::app::msg::Attempt;

use super::canvas::{Canvas, Piece, wrap};
use super::footer;
use super::scroll::{self, Place};
use super::theme::Look;

pub fn draw(model: &Model, attempts: &[Attempt], canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    let state = if model.link == Link::Connecting {
        "  looking again …"
    } else {
        ""
    };
    canvas.pen(0, 0, wide).pieces(&[
        (" dtop  ".to_owned(), Look::Bold),
        ("no engine answers".to_owned(), Look::Warn),
        (state.to_owned(), Look::Plain),
    ]);
    let room = usize::from(wide).saturating_sub(6).max(8);
    let lines: Vec<Vec<Piece>> = attempts
        .iter()
        .flat_map(|attempt| tried(attempt, room))
        .collect();
    let place = Place {
        x: 0,
        y: 2,
        width: wide,
        height: tall.saturating_sub(4),
    };
    scroll::page(&lines, 0, place, canvas);
    scroll::range(lines.len(), 0, place, canvas);
    let notice = model.notice.as_deref();
    footer::keys_of(KeyPlace::NoEngine, notice, tall.saturating_sub(1), canvas);
}

fn tried(attempt: &Attempt, room: usize) -> Vec<Vec<Piece>> {
    let title = format!("{} ({})", attempt.place, attempt.why);
    let mut lines: Vec<Vec<Piece>> = wrap(&title, room + 3)
        .into_iter()
        .map(|line| vec![(format!(" {line}"), Look::Bold)])
        .collect();
    let indented = |text: &str, look: Look| -> Vec<Vec<Piece>> {
        wrap(text, room)
            .into_iter()
            .map(|line| vec![(format!("     {line}"), look)])
            .collect()
    };
    lines.extend(indented(&attempt.failure, Look::Plain));
    if let Some(advice) = &attempt.advice {
        lines.extend(indented(&format!("try: {advice}"), Look::Warn));
    }
    lines.push(Vec::new());
    lines
}
