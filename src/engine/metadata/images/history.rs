//! The history in an image's config, as the engine tells it.

use serde_json::{Value, json};

use crate::domain::bytes::Bytes;
use crate::domain::time::{Timestamp, from_engine};

/// Returns an image's history as the API has it, the newest row first, with the sizes of its layers, the lowest first;
/// `None` where it does not fit them.
pub(super) fn history(config: &Value, mut layers: impl Iterator<Item = Bytes>) -> Option<Value> {
    let none = Vec::new();
    let rows = config.get("history").and_then(Value::as_array);
    let rows = rows.unwrap_or(&none);
    let mut history = Vec::with_capacity(rows.len());
    for row in rows {
        let is_empty = row.get("empty_layer").and_then(Value::as_bool) == Some(true);
        let size = if is_empty {
            Bytes::ZERO
        } else {
            layers.next()?
        };
        // The API tells it to the second.
        let created = row.get("created").and_then(Value::as_str);
        let created = created.and_then(from_engine);
        history.push(json!({
            "Created": created.map(Timestamp::as_second),
            "CreatedBy": row.get("created_by"),
            "Comment": row.get("comment"),
            "Size": size.0,
        }));
    }
    if layers.next().is_some() {
        return None;
    }
    history.reverse();
    Some(Value::Array(history))
}
