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
    let place = Place {
        x: 0,
        y: 2,
        width: wide,
        height: tall.saturating_sub(4),
    };
    let all = |is_airy| -> Vec<Vec<Piece>> {
        let tried = |attempt| tried(attempt, room, is_airy);
        attempts.iter().flat_map(tried).collect()
    };
    // All places belong on the screen, and nothing here scrolls.
    let mut lines = all(true);
    if lines.len() > usize::from(place.height) {
        lines = all(false);
    }
    scroll::page(&lines, 0, place, canvas);
    scroll::range(lines.len(), 0, place, canvas);
    let notice = model.notice.as_deref();
    footer::keys_of(KeyPlace::NoEngine, notice, tall.saturating_sub(1), canvas);
}

/// Returns a place in a paragraph of its own or, where there is little room, without blank lines.
fn tried(attempt: &Attempt, room: usize, is_airy: bool) -> Vec<Vec<Piece>> {
    let mut title = format!("{} ({})", attempt.place, attempt.why);
    if !is_airy {
        title = format!("{title}: {}", attempt.failure);
    }
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
    if is_airy {
        lines.extend(indented(&attempt.failure, Look::Plain));
    }
    if let Some(advice) = &attempt.advice {
        lines.extend(indented(&format!("try: {advice}"), Look::Warn));
    }
    if is_airy {
        lines.push(Vec::new());
    }
    lines
}
