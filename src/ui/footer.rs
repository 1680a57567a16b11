//! The last line: what is marked and what it frees, then the keys that apply now.

use crate::app::keys::{Action, BINDINGS, Binding, Place};
use crate::app::model::Model;

use super::canvas::{Canvas, Piece, columns, length};
use super::theme::{Look, Theme};
use super::words::freed;

/// The marks on the left, keys of the place on the right.
pub fn browse(model: &Model, canvas: &mut Canvas<'_>) {
    let y = model.layout.footer;
    let left = marks(model, canvas.theme);
    line(
        &left,
        &keys(Place::Browse, canvas.theme, |_| true),
        y,
        canvas,
    );
}

/// A message on the left, the keys of a place on the right.
pub fn keys_of(place: Place, message: Option<&str>, y: u16, canvas: &mut Canvas<'_>) {
    keys_that(place, |_| true, message, y, canvas);
}

/// Returns the same with only those keys that do something now.
pub fn keys_that(
    place: Place,
    apply: impl Fn(Action) -> bool,
    message: Option<&str>,
    y: u16,
    canvas: &mut Canvas<'_>,
) {
    let left = message.map_or_else(Vec::new, |text| vec![(format!(" {text}"), Look::Warn)]);
    line(&left, &keys(place, canvas.theme, apply), y, canvas);
}

/// Keys that are not in the table because text is typed, or a question asked.
pub fn line(left: &[Piece], keys: &[Vec<Piece>], y: u16, canvas: &mut Canvas<'_>) {
    let wide = canvas.area().width;
    canvas.pen(0, y, wide).pieces(left);
    let taken = length(left);
    let gap = if left.is_empty() { 0 } else { 2 };
    let room = usize::from(wide).saturating_sub(taken + gap);
    let kept = fitting(keys, room);
    let long = columns(kept.iter().map(|key| length(key)).sum());
    let x = if left.is_empty() {
        0
    } else {
        wide.saturating_sub(long)
    };
    let mut pen = canvas.pen(x, y, long);
    for key in kept {
        pen.pieces(key);
    }
}

/// Returns the keys that there is room for, in their order. Help is kept the longest: it names all others.
fn fitting(keys: &[Vec<Piece>], room: usize) -> Vec<&Vec<Piece>> {
    let is_help = |key: &Vec<Piece>| key.iter().any(|(text, _)| text.trim() == "?");
    let mut left = room;
    let mut kept = vec![false; keys.len()];
    let order = keys
        .iter()
        .enumerate()
        .filter(|(_, key)| is_help(key))
        .chain(keys.iter().enumerate().filter(|(_, key)| !is_help(key)));
    for (at, key) in order {
        let long = length(key);
        if long > left {
            break;
        }
        left -= long;
        kept[at] = true;
    }
    keys.iter()
        .zip(kept)
        .filter(|(_, kept)| *kept)
        .map(|(key, _)| key)
        .collect()
}

/// Returns a key and what it does, as the footer writes it: ` d delete `.
pub fn key(shown: &str, does: &str) -> Vec<Piece> {
    vec![
        (format!(" {shown}"), Look::Bold),
        (format!(" {does} "), Look::Plain),
    ]
}

fn keys(place: Place, theme: Theme, apply: impl Fn(Action) -> bool) -> Vec<Vec<Piece>> {
    BINDINGS
        .iter()
        .filter(|binding| binding.places.contains(&place) && !binding.short.is_empty())
        .filter(|binding| apply(binding.action))
        .map(|binding| key(&first_key(binding, theme), binding.short))
        .collect()
}

fn first_key(binding: &Binding, theme: Theme) -> String {
    let first = binding.shown.split(' ').next().unwrap_or_default();
    theme.key(first)
}

/// `2 marked · frees 154 MB`
fn marks(model: &Model, theme: Theme) -> Vec<Piece> {
    if model.marks.is_empty() {
        return Vec::new();
    }
    let hidden = match model.marked_not_shown() {
        0 => String::new(),
        hidden => format!(", {hidden} not shown"),
    };
    vec![
        (format!(" {} marked", model.marks.len()), Look::Mark),
        (hidden, Look::Warn),
        (" · frees ".to_owned(), Look::Plain),
        (freed(&model.marked, theme), Look::Frees),
    ]
}
