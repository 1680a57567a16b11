//! `/system/df` in both its forms: lists at the top, or `Items` of each kind (ENGINE.md §1.4).

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::recent::shared;
use super::{Row, garbled, image_id, number};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::SharedSizes;
use crate::domain::item::{Record, RecordId, VolumeName};
use crate::engine::EngineError;

/// An answer of `/system/df` as it was written. It can have as many rows as there are things, so each is read
/// on its own: all of them read at once would take many times the memory of what is learnt of them.
#[derive(Debug)]
pub struct Df(String);

impl Df {
    /// Takes an answer. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`EngineError::Garbled`] when it is no JSON object.
    pub fn parse(request: &str, answer: Vec<u8>) -> Result<Self, EngineError> {
        let text = String::from_utf8(answer)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        serde_json::from_str::<Fields<'_>>(&text)
            .map_err(|error| garbled(request, &error.to_string()))?;
        Ok(Self(text))
    }
}

#[cfg(test)]
impl From<&Value> for Df {
    fn from(answer: &Value) -> Self {
        Self(answer.to_string())
    }
}

/// An object's fields, not read yet.
type Fields<'a> = HashMap<String, &'a RawValue>;

/// The build cache's records.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts records but lists none.
pub fn records(answer: &Df) -> Result<Vec<Record>, EngineError> {
    items(answer, "BuildCacheUsage", "BuildCache", record)
}

fn record(row: Row<'_>) -> Option<Record> {
    Some(Record {
        id: RecordId::new(shared(row.filled("ID").or(row.filled("Id"))?)),
        parents: parents(row),
        kind: shared(row.text("Type")),
        description: shared(row.text("Description")),
        in_use: row.flag("InUse"),
        shared: row.flag("Shared"),
        size: row.bytes("Size").into(),
        created: row.time("CreatedAt"),
        last_used: row.time("LastUsedAt"),
    })
}

/// Since API 1.42 the key begins with a space; before it was one `Parent` (ENGINE.md §0.2).
fn parents(row: Row<'_>) -> Vec<RecordId> {
    let mut parents: Vec<RecordId> = [" Parents", "Parents", "Parent"]
        .into_iter()
        .flat_map(|key| row.texts(key))
        .map(|id| RecordId::new(shared(id)))
        .collect();
    parents.sort();
    parents.dedup();
    parents
}

/// Bytes of each image that others have too, as the engine computes them.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts images but lists none.
pub fn shared_sizes(answer: &Df) -> Result<SharedSizes, EngineError> {
    let images = items(answer, "ImageUsage", "Images", |row| {
        Some((image_id(row.text("Id"))?, row.bytes("SharedSize")))
    })?;
    let layers = fields(&answer.0).get("LayersSize").map(|raw| value(raw));
    let layers = layers.and_then(|size| number(&size));
    Ok(SharedSizes {
        images,
        layers: layers.and_then(Bytes::from_engine),
    })
}

/// Sizes of the volumes that the engine measured.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts volumes but lists none.
pub fn volume_sizes(answer: &Df) -> Result<Vec<(VolumeName, Option<Bytes>)>, EngineError> {
    items(answer, "VolumeUsage", "Volumes", |row| {
        let name = VolumeName::new(row.filled("Name")?);
        Some((name, row.at("UsageData").bytes("Size")))
    })
}

/// The fields of an object; none of anything else.
fn fields(text: &str) -> Fields<'_> {
    serde_json::from_str(text).unwrap_or_default()
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// What is read of the rows of a kind. An empty list is left out or `null` in both forms, and so is one that was
/// not asked for; only the count beside it tells those apart.
fn items<T>(
    answer: &Df,
    usage: &str,
    legacy: &str,
    read: impl Fn(Row<'_>) -> Option<T>,
) -> Result<Vec<T>, EngineError> {
    let top = fields(&answer.0);
    let usage = top.get(usage).map(|usage| fields(usage.get()));
    let usage = usage.unwrap_or_default();
    let list = [usage.get("Items"), top.get(legacy)]
        .into_iter()
        .flatten()
        .find_map(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()).ok());
    match list {
        Some(list) => {
            let mut items = Vec::with_capacity(list.len());
            items.extend(list.iter().filter_map(|row| read(Row(&value(row)))));
            Ok(items)
        }
        None if usage
            .get("TotalCount")
            .and_then(|count| number(&value(count)))
            > Some(0) =>
        {
            Err(garbled("GET /system/df", "it counts items and lists none"))
        }
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::bytes::Figure;

    #[test]
    fn parents_under_each_of_their_names() {
        for (key, value, count) in [
            (" Parents", json!(["p"]), 1),
            ("Parents", json!(["p", "q"]), 2),
            ("Parent", json!("p"), 1),
            ("Parent", json!(""), 0),
            ("Parents", json!(null), 0),
        ] {
            let answer = json!({"BuildCache": [{"ID": "a", key: value}]});
            let records = records(&Df::from(&answer)).unwrap();
            assert_eq!(records[0].parents.len(), count, "{key} {value}");
        }
    }

    #[test]
    fn both_forms_and_neither() {
        let row = json!([{"ID": "a", "Size": -1}]);
        for answer in [
            json!({"BuildCache": row}),
            json!({"BuildCacheUsage": {"Items": row}}),
            json!({"BuildCacheUsage": {"TotalCount": 1}, "BuildCache": row}),
        ] {
            let records = records(&Df::from(&answer)).unwrap();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].size, Figure::Unknown);
        }
        assert_eq!(
            records(&Df::from(&json!({"BuildCache": null}))),
            Ok(Vec::new())
        );
        assert_eq!(
            records(&Df::from(&json!({"BuildCacheUsage": {"TotalCount": 0}}))),
            Ok(Vec::new())
        );
        assert!(records(&Df::from(&json!({"BuildCacheUsage": {"TotalCount": 3}}))).is_err());
    }

    #[test]
    fn a_volume_that_could_not_be_walked_has_no_size() {
        let answer = json!({"Volumes": [
            {"Name": "a", "UsageData": {"Size": -1, "RefCount": 1}},
            {"Name": "b", "UsageData": null},
            {"Name": "c", "UsageData": {"Size": 0}},
        ]});
        let sizes = volume_sizes(&Df::from(&answer)).unwrap();
        let sizes: Vec<_> = sizes.into_iter().map(|(_, size)| size).collect();
        assert_eq!(sizes, [None, None, Some(Bytes::ZERO)]);
    }
}
