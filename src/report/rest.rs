//! What Docker does not count, as lines of text.

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::unexplained::{Unexplained, sum};
use crate::ui::text::{pad, sanitise};
use crate::ui::words::{builders_volumes, counted};
use crate::ui::{cut_middle, wrap};

use super::table::right;

/// From here on it is said what can be done about it.
const MUCH: Bytes = Bytes(10_000_000);
const BYTES: usize = 9;
const TITLE: usize = 37;
/// No text gets fewer columns.
const LEAST: usize = 20;

/// Returns the largest, so many of them, in lines of so many columns; nothing where the engine's folder cannot be read.
pub fn unexplained(inventory: &Inventory, most: usize, columns: usize) -> Vec<String> {
    let Some(rows) = inventory.unexplained.as_ref().known() else {
        return Vec::new();
    };
    let mut lines = vec![
        String::new(),
        format!("What Docker does not count {}", sum(rows)),
    ];
    lines.extend(
        rows.iter()
            .take(most)
            .flat_map(|row| lines_of(row, columns)),
    );
    if rows.len() > most {
        let more = rows.len() - most;
        let bytes = sum(&rows[most..]);
        lines.push(format!("  and {more} more, {bytes} (--json has all)"));
    }
    let builders = builders_volumes(inventory);
    lines.extend(builders.map(|text| format!("  {text}")));
    lines
}

fn lines_of(row: &Unexplained, columns: usize) -> Vec<String> {
    let bytes = right(&counted(row.bytes), BYTES);
    let title = cut_middle(&sanitise(&row.title()), TITLE);
    let title = pad(&title, TITLE);
    let room = |taken: usize| columns.saturating_sub(taken).max(LEAST);
    let path = sanitise(&row.path);
    let path = cut_middle(&path, room(BYTES + TITLE + 6));
    let mut lines = vec![format!("  {bytes}  {title}  {path}")];
    if row.bytes.is_none_or(|bytes| bytes >= MUCH) {
        let advice = wrap(row.cause.advice(), room(BYTES + 4));
        let advice = advice.iter().map(|line| format!("  {:BYTES$}  {line}", ""));
        lines.extend(advice);
    }
    lines
}
