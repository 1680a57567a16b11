//! The engine in full, all keys by place, the signs on the screen, and the filter language in short.

use crate::app::keys::{BINDINGS, Binding, Place as KeyPlace};
use crate::app::list::Cursor;
use crate::app::model::Model;
use crate::domain::filter;

use super::canvas::{Canvas, Piece, wrap};
use super::footer;
use super::header::engine_in_full;
use super::scroll::{self, Place};
use super::text::width;
use super::theme::{Look, Theme};

/// The places in the order of the screen; a key that works in several stands at the first of them.
const SECTIONS: &[(KeyPlace, &str)] = &[
    (KeyPlace::Browse, "In the lists"),
    (KeyPlace::Projects, "Among projects"),
    (KeyPlace::Presets, "In the menu of presets"),
    (KeyPlace::Plan, "In the plan"),
    (KeyPlace::Removing, "While removing"),
    (KeyPlace::Outcome, "After removing"),
    (KeyPlace::History, "In the history"),
    (KeyPlace::Unexplained, "Among what Docker does not count"),
    (KeyPlace::Detail, "In details"),
    (KeyPlace::Help, "In help"),
    (KeyPlace::NoEngine, "Where no engine answers"),
];

const SIGNS: &[(&str, &str)] = &[
    ("●", "marked"),
    ("†", "would be refused now"),
    ("P", "protected: dtop.keep, or the config"),
    ("≥", "at least this much"),
    ("≈", "an estimate, by length"),
    ("…", "being measured"),
    ("–", "none, or cannot be known"),
];

/// The word behind `is:` that stands for all of them.
const UNUSED: &str = "unused";

/// The width from which two columns stand side by side.
const TWO: u16 = 76;
const KEYS: usize = 12;

pub fn draw(model: &Model, cursor: Cursor, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    canvas.pen(0, 0, wide).put(" dtop  help", Look::Bold);
    let mut pen = canvas.pen(0, 1, wide);
    pen.put(" ", Look::Plain);
    pen.pieces(&engine_in_full(model));
    let theme = canvas.theme;
    let height = tall.saturating_sub(3);
    let place = |x, width| Place {
        x,
        y: 2,
        width,
        height,
    };
    if wide < TWO {
        let mut lines = keys(theme, usize::from(wide));
        lines.extend(rest(usize::from(wide)));
        scroll::page(&lines, cursor.offset, place(0, wide), canvas);
        scroll::range(lines.len(), cursor.offset, place(0, wide), canvas);
    } else {
        let half = wide / 2;
        let left = keys(theme, usize::from(half) - 1);
        let right = rest(usize::from(wide - half) - 1);
        let (mut left, mut right) = balance(left, right);
        let longest = left.len().max(right.len());
        // Both columns scroll as one.
        left.resize(longest, Vec::new());
        right.resize(longest, Vec::new());
        scroll::page(&left, cursor.offset, place(0, half - 1), canvas);
        scroll::page(&right, cursor.offset, place(half, wide - half), canvas);
        scroll::range(longest, cursor.offset, place(0, wide), canvas);
    }
    let y = tall.saturating_sub(1);
    footer::keys_of(KeyPlace::Help, model.notice.as_deref(), y, canvas);
}

type Lines = Vec<Vec<Piece>>;

/// Moves whole sections from the end of the longer column to the start of the other, while that evens them out.
fn balance(mut left: Lines, mut right: Lines) -> (Lines, Lines) {
    while let Some(at) = left.iter().rposition(Vec::is_empty) {
        let section = left.len() - at;
        if left.len() - section < right.len() + section {
            break;
        }
        let mut moved = left.split_off(at);
        moved.remove(0);
        moved.push(Vec::new());
        moved.append(&mut right);
        right = moved;
    }
    (left, right)
}

fn keys(theme: Theme, width: usize) -> Lines {
    let mut lines = Lines::new();
    for (nth, (place, title)) in SECTIONS.iter().enumerate() {
        let earlier = &SECTIONS[..nth];
        let first_here = |binding: &&Binding| {
            binding.places.contains(place)
                && !earlier
                    .iter()
                    .any(|(place, _)| binding.places.contains(place))
        };
        let mut bindings = BINDINGS.iter().filter(first_here).peekable();
        if bindings.peek().is_none() {
            continue;
        }
        heading(title, &mut lines);
        for binding in bindings {
            entry(
                &theme.key(binding.shown),
                binding.does,
                KEYS,
                width,
                &mut lines,
            );
        }
    }
    lines
}

fn rest(width: usize) -> Lines {
    let mut lines = Lines::new();
    heading("Signs", &mut lines);
    for (sign, means) in SIGNS {
        entry(sign, means, 3, width, &mut lines);
    }
    heading("The filter: terms with spaces between them", &mut lines);
    let mut filter = |term: &str, means: &str| entry(term, means, 19, width, &mut lines);
    for term in filter::entries().filter(|term| !term.short.is_empty()) {
        filter(term.example, term.short);
    }
    let others = filter::states().map(|(word, ..)| word);
    let others: Vec<&str> = others.filter(|word| *word != UNUSED).collect();
    filter(&format!("is:{UNUSED}"), &others.join(" "));
    filter(filter::NEGATION.example, filter::NEGATION.short);
    lines
}

fn heading(title: &str, lines: &mut Lines) {
    if !lines.is_empty() {
        lines.push(Vec::new());
    }
    lines.push(vec![(format!(" {title}"), Look::Bold)]);
}

fn entry(key: &str, means: &str, column: usize, wide: usize, lines: &mut Lines) {
    let indent = column + 2;
    let pad = column.saturating_sub(width(key)) + 1;
    let mut head = vec![
        (format!(" {key}"), Look::Bold),
        (" ".repeat(pad), Look::Plain),
    ];
    for line in wrap(means, wide.saturating_sub(indent).max(8)) {
        head.push((line, Look::Plain));
        lines.push(std::mem::take(&mut head));
        head.push((" ".repeat(indent), Look::Plain));
    }
}

#[cfg(test)]
mod tests;
