//! `/system/df` in both its forms: lists at the top, or `Items` of each kind (ENGINE.md §1.4).

use serde_json::Value;

use super::{Row, garbled, image_id};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::SharedSizes;
use crate::domain::item::{Record, RecordId, VolumeName};
use crate::engine::EngineError;

/// The build cache's records.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts records but lists none.
pub fn records(answer: &Value) -> Result<Vec<Record>, EngineError> {
    let rows = items(answer, "BuildCacheUsage", "BuildCache")?;
    Ok(rows.filter_map(record).collect())
}

fn record(row: Row<'_>) -> Option<Record> {
    Some(Record {
        id: RecordId::new(row.filled("ID").or(row.filled("Id"))?),
        parents: parents(row),
        kind: row.text("Type").into(),
        description: row.text("Description").into(),
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
        .map(RecordId::new)
        .collect();
    parents.sort();
    parents.dedup();
    parents
}

/// Bytes of each image that others have too, as the engine computes them.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts images but lists none.
pub fn shared_sizes(answer: &Value) -> Result<SharedSizes, EngineError> {
    let rows = items(answer, "ImageUsage", "Images")?;
    Ok(SharedSizes {
        images: rows
            .filter_map(|row| Some((image_id(row.text("Id"))?, row.bytes("SharedSize"))))
            .collect(),
        layers: Row(answer).bytes("LayersSize"),
    })
}

/// Sizes of the volumes that the engine measured.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts volumes but lists none.
pub fn volume_sizes(answer: &Value) -> Result<Vec<(VolumeName, Option<Bytes>)>, EngineError> {
    let rows = items(answer, "VolumeUsage", "Volumes")?;
    Ok(rows
        .filter_map(|row| {
            let name = VolumeName::new(row.filled("Name")?);
            Some((name, row.at("UsageData").bytes("Size")))
        })
        .collect())
}

/// The rows of a kind. An empty list is left out or `null` in both forms, and so is one that was not
/// asked for; only the count beside it tells those apart.
fn items<'a>(
    answer: &'a Value,
    usage: &str,
    legacy: &str,
) -> Result<impl Iterator<Item = Row<'a>> + use<'a>, EngineError> {
    let usage = Row(answer).at(usage);
    let list = [usage.at("Items"), Row(answer).at(legacy)]
        .into_iter()
        .find(|list| list.0.is_array());
    match list {
        Some(list) => Ok(list.rows()),
        None if usage.number("TotalCount").unwrap_or_default() > 0 => {
            Err(garbled("GET /system/df", "it counts items and lists none"))
        }
        None => Ok(Row(&Value::Null).rows()),
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
            let records = records(&answer).unwrap();
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
            let records = records(&answer).unwrap();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].size, Figure::Unknown);
        }
        assert_eq!(records(&json!({"BuildCache": null})), Ok(Vec::new()));
        assert_eq!(
            records(&json!({"BuildCacheUsage": {"TotalCount": 0}})),
            Ok(Vec::new())
        );
        assert!(records(&json!({"BuildCacheUsage": {"TotalCount": 3}})).is_err());
    }

    #[test]
    fn a_volume_that_could_not_be_walked_has_no_size() {
        let answer = json!({"Volumes": [
            {"Name": "a", "UsageData": {"Size": -1, "RefCount": 1}},
            {"Name": "b", "UsageData": null},
            {"Name": "c", "UsageData": {"Size": 0}},
        ]});
        let sizes = volume_sizes(&answer).unwrap();
        let sizes: Vec<_> = sizes.into_iter().map(|(_, size)| size).collect();
        assert_eq!(sizes, [None, None, Some(Bytes::ZERO)]);
    }
}
