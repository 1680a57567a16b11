//! The history of removals: the newest first, with how what is under the cursor comes back.
//!
//! ```text
//!  History of removals from unix:///var/run/docker.sock (Docker 29.7.2)
//!
//!  2 min  removed     154 MB  image      postgres:13
//! ▸1 h    removed     160 MB  image      redis:7, cache:latest
//!         docker pull redis@sha256:5f2c1b9d8e7a
//!  1 h    removed    12.0 kB  container  job-1
//!
//!  r restore   Esc back   ? help
//! ```

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{Model, Past};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::removal::history::Entry;
use crate::domain::removal::outcome::Outcome;
use crate::domain::time::age;

use super::canvas::{Canvas, cut_middle, wrap};
use super::footer;
use super::header::engine_and_host;
use super::scroll::{self, Line, Place};
use super::text::{sanitise, width};
use super::theme::{Look, Theme};
use super::words::{figure, kind_word};

/// Below this width the kind stands with the name.
const NARROW: u16 = 60;
/// Columns before the notes of an entry.
const INDENT: usize = 7;

pub fn draw(model: &Model, past: &Past, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    let title = " History of removals from ";
    let room = usize::from(wide).saturating_sub(width(title) + 1);
    let host = cut_middle(&sanitise(&engine_and_host(model)), room);
    canvas
        .pen(0, 0, wide)
        .put(&format!("{title}{host}"), Look::Bold);
    let airy = u16::from(tall >= 16);
    let place = Place {
        x: 0,
        y: 1 + airy,
        width: wide,
        height: tall.saturating_sub(2 + 2 * airy),
    };
    let entries = past.entries();
    if entries.is_empty() {
        let text = match &past.entries {
            None => canvas.theme.pending().to_owned(),
            Some(Err(why)) => why.clone(),
            Some(Ok(_)) => "nothing was removed here with dtop yet".to_owned(),
        };
        canvas
            .pen(1, place.y, wide.saturating_sub(1))
            .put(&text, Look::Plain);
    }
    let theme = canvas.theme;
    let lines = |at: usize| {
        let is_current = at == past.cursor.at;
        lines(model, &entries[at], is_current, theme)
    };
    scroll::draw(past.cursor, entries.len(), lines, place, canvas);
    foot(model, past, canvas);
}

fn foot(model: &Model, past: &Past, canvas: &mut Canvas<'_>) {
    let y = model.layout.height.saturating_sub(1);
    if let Some(entry) = past.current().filter(|_| past.asks) {
        let room = usize::from(model.layout.width).saturating_sub(24).max(8);
        let name = cut_middle(&sanitise(&entry.title()), room);
        let question = [(format!(" Restore {name}? "), Look::Reverse)];
        let keys = [footer::key("y", "yes"), footer::key("n", "no")];
        footer::line(&question, &keys, y, canvas);
        return;
    }
    let notice = model.notice.as_deref().or(model.restoring.as_deref());
    let can = past.current().is_some_and(Entry::can_be_restored);
    let applies = |action| can || action != crate::app::keys::Action::Restore;
    footer::keys_that(KeyPlace::History, applies, notice, y, canvas);
}

fn lines(model: &Model, entry: &Entry, is_current: bool, theme: Theme) -> Vec<Line> {
    let wide = model.layout.width;
    let look = match entry.outcome {
        Some(Outcome::Removed | Outcome::Truncated | Outcome::Gone | Outcome::NotNeeded) => {
            Look::Plain
        }
        Some(Outcome::Failed) => Look::Danger,
        Some(Outcome::Changed | Outcome::Skipped) | None => Look::Warn,
    };
    let word = entry.outcome.map_or("unknown", Outcome::word);
    let freed: Figure<Bytes> = entry.freed.into();
    let freed = if entry.went() {
        figure(freed, theme)
    } else {
        String::new()
    };
    let kind = kind_word(entry.kind);
    let mut head = vec![
        (format!("{:7}", age(entry.time, model.now)), Look::Plain),
        (format!("{word:8}"), look),
        (format!("{freed:>9}  "), Look::Frees),
    ];
    if wide >= NARROW {
        head.push((format!("{kind:11}"), Look::Plain));
    }
    head.push((entry.title(), Look::Plain));
    let mut lines = vec![Line::head(head)];
    if is_current {
        let room = usize::from(wide).saturating_sub(INDENT + 2).max(8);
        for (text, look) in notes(entry) {
            lines.extend(wrap(&text, room).into_iter().map(|line| {
                let indent = " ".repeat(INDENT);
                Line::more(vec![(indent, Look::Plain), (line, look)])
            }));
        }
    }
    lines
}

/// Returns what else is known of an entry: why it did not go, or how it comes back.
fn notes(entry: &Entry) -> Vec<(String, Look)> {
    let mut notes = Vec::new();
    if let Some(error) = &entry.error {
        notes.push((error.to_string(), Look::Warn));
    }
    if entry.went() {
        let look = match entry.how() {
            Some(_) => Look::Faint,
            None => Look::Warn,
        };
        notes.push((shortened(&entry.way_back()), look));
    }
    notes
}

/// Returns a way back whose digest has twelve digits, as `docker` shows IDs.
fn shortened(way: &str) -> String {
    const MARK: &str = "@sha256:";
    let Some((name, digits)) = way.split_once(MARK) else {
        return way.to_owned();
    };
    let short: String = digits.chars().take(12).collect();
    format!("{name}{MARK}{short}")
}
