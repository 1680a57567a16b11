//! What Docker does not count, as lines of text.

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::unexplained::{Unexplained, sum};
use crate::ui::text::{pad, sanitise};
use crate::ui::words::builders_volumes;

use super::table::right;

/// From here on it is said what can be done about it.
const MUCH: Bytes = Bytes(10_000_000);
const BYTES: usize = 9;
const TITLE: usize = 37;

/// The largest, so many of them; nothing where the engine's folder cannot be read.
pub fn unexplained(inventory: &Inventory, most: usize) -> Vec<String> {
    let Some(rows) = inventory.unexplained.as_ref().known() else {
        return Vec::new();
    };
    let mut lines = vec![
        String::new(),
        format!("What Docker does not count {}", sum(rows)),
    ];
    lines.extend(rows.iter().take(most).flat_map(lines_of));
    if rows.len() > most {
        let more = rows.len() - most;
        let bytes = sum(&rows[most..]);
        lines.push(format!("  and {more} more, {bytes} (--json has all)"));
    }
    let builders = builders_volumes(inventory);
    lines.extend(builders.map(|text| format!("  {text}")));
    lines
}

fn lines_of(row: &Unexplained) -> Vec<String> {
    let bytes = right(&row.bytes.to_string(), BYTES);
    let title = pad(row.cause.title(), TITLE);
    let mut lines = vec![format!("  {bytes}  {title}  {}", sanitise(&row.path))];
    if row.bytes >= MUCH {
        lines.push(format!("  {:BYTES$}  {}", "", row.cause.advice()));
    }
    lines
}
