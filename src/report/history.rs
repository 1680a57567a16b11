//! What `history` prints for people: a line a removal, the newest first.

use crate::domain::bytes::Figure;
use crate::domain::removal::history::{Entry, Returned};
use crate::domain::removal::outcome::Outcome;
use crate::ui::text::sanitise;
use crate::ui::words;

use super::page::Page;
use super::table::right;

/// Returns everything that was removed.
#[must_use]
pub fn text(entries: &[Entry], page: Page) -> String {
    if entries.is_empty() {
        return page.printed(&["nothing was removed with dtop yet".to_owned()]);
    }
    let mut lines = vec!["removed with dtop, the newest first (times are UTC)".to_owned()];
    lines.extend(entries.iter().map(|entry| line(entry, page)));
    page.printed(&lines)
}

fn line(entry: &Entry, page: Page) -> String {
    let outcome = entry.outcome.map_or("not known", Outcome::word);
    let freed: Figure<_> = entry.freed.into();
    let freed = if entry.went() {
        words::figure(freed, page.theme())
    } else {
        String::new()
    };
    let mut text = format!(
        "{}  {outcome:<9}  {:<9}  {}  {}",
        entry.time.minute(),
        words::kind_word(entry.kind),
        right(&freed, 9),
        entry.title(),
    );
    for note in notes(entry) {
        text.push_str(" · ");
        text.push_str(&note);
    }
    sanitise(&text).into_owned()
}

fn notes(entry: &Entry) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(error) = &entry.error {
        notes.push(error.to_string());
    }
    if entry.can_be_restored() {
        notes.push(format!("dtop restore {}", entry.short_id()));
    } else if entry.went() {
        notes.push(entry.way_back());
    }
    notes.push(format!("from {}", entry.host));
    notes
}

/// Returns what came of a restore, in a line.
#[must_use]
pub fn returned(returned: &Returned, page: Page) -> String {
    page.printed(&[sanitise(&returned.words()).into_owned()])
}
