//! What engines write, read with patience.
//!
//! Docker and Podman of many versions answer the same requests a little differently, and now and then
//! with a type or a word that nobody has seen before. A strict model loses a whole list to one such
//! field (ENGINE.md §9), so here each row, and each field of a row, is read on its own: what cannot be
//! read is not known, and everything else stays. A row is dropped only when it says nothing of what it is.
//!
//! - `about`: `/info` and `/version`: which engine this is.
//! - `details`: what inspect and history tell of one image or one container.
//! - `events`: lines of `/events`.
//! - `external`: containers in Podman's store that other programs have made.
//! - `images`: the list of images, which is by far the longest of those that a scan begins with.
//! - `lists`: the cheap lists of containers, volumes and services.
//! - `lossy`: bytes that should be text, made text while they are read.
//! - `recent`: the same text kept once.
//! - `rows`: long lists, read row by row while they come.
//! - `usage`: `/system/df` in both its forms: lists at the top, or `Items` of each kind.

mod about;
mod details;
mod events;
mod external;
mod images;
mod lists;
mod lossy;
mod recent;
#[cfg(test)]
mod recorded;
mod rows;
mod usage;

use recent::shared;
use serde_json::Value;

pub use about::{Dialect, about, is_podman};
pub use details::{container_details, created, image_content, image_source, last_tagged, mounts};
pub use events::change;
pub use external::external;
pub use images::{ImageList, images};
pub use lists::{
    backing, containers, lists_mounts, services, volume_warnings, volumes, with_hidden_mounts,
};
pub use usage::{Df, Reading, gist_of_records, records, shared_sizes, volume_sizes};

use super::EngineError;
use crate::domain::bytes::Bytes;
use crate::domain::engine_words::shortened;
use crate::domain::item::{ImageId, Labels};
use crate::domain::time;
use crate::domain::time::Timestamp;

/// Reads a JSON answer. Bytes that are no UTF-8 are replaced: one odd name must not cost a list.
///
/// # Errors
/// [`EngineError::Garbled`] when it is no JSON.
pub fn parse(request: &str, answer: &[u8]) -> Result<Value, EngineError> {
    serde_json::from_str(&String::from_utf8_lossy(answer))
        .map_err(|error| garbled(request, &error.to_string()))
}

/// Reads a JSON answer that must be a list; Go writes an empty one as `null`.
///
/// # Errors
/// [`EngineError::Garbled`] when it is anything else.
pub fn parse_list(request: &str, answer: &[u8]) -> Result<Value, EngineError> {
    let value = parse(request, answer)?;
    if value.is_array() || value.is_null() {
        Ok(value)
    } else {
        Err(garbled(request, "it is no list"))
    }
}

pub(super) fn garbled(request: &str, cause: &str) -> EngineError {
    EngineError::Garbled {
        request: request.to_owned(),
        cause: shortened(cause),
    }
}

/// Returns an image's ID with its algorithm in front: Podman leaves it out in places (ENGINE.md §8).
#[must_use]
pub fn image_id(id: &str) -> Option<ImageId> {
    match id {
        "" => None,
        id if id.contains(':') => Some(ImageId::new(id)),
        id => Some(ImageId::new(format!("sha256:{id}"))),
    }
}

/// Returns a number, which some engines write as text.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// An object in an answer. A field that is absent, or of another type than asked for, reads as nothing.
#[derive(Clone, Copy)]
pub(super) struct Row<'a>(pub(super) &'a Value);

impl<'a> Row<'a> {
    pub(super) fn at(self, key: &str) -> Self {
        Self(self.0.get(key).unwrap_or(&Value::Null))
    }

    /// Returns the field's text, empty if there is none.
    pub(super) fn text(self, key: &str) -> &'a str {
        self.at(key).0.as_str().unwrap_or_default()
    }

    pub(super) fn filled(self, key: &str) -> Option<&'a str> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    pub(super) fn number(self, key: &str) -> Option<i64> {
        number(self.at(key).0)
    }

    /// Returns a size; `-1`, `null` and absent are not known.
    pub(super) fn bytes(self, key: &str) -> Option<Bytes> {
        self.number(key).and_then(Bytes::from_engine)
    }

    pub(super) fn flag(self, key: &str) -> bool {
        self.at(key).0.as_bool().unwrap_or_default()
    }

    /// Returns a list's elements; none if it is no list.
    pub(super) fn rows(self) -> impl Iterator<Item = Row<'a>> {
        self.0.as_array().into_iter().flatten().map(Row)
    }

    /// Returns what an object has, whatever its keys are; nothing if it is no object.
    pub(super) fn values(self) -> impl Iterator<Item = Row<'a>> + Clone {
        let fields = self.0.as_object().into_iter().flatten();
        fields.map(|(_, value)| Row(value))
    }

    /// Returns a list of texts, of which some engines write a single one without the list.
    pub(super) fn texts(self, key: &str) -> impl Iterator<Item = &'a str> {
        let field = self.at(key);
        field
            .0
            .as_str()
            .into_iter()
            .chain(field.rows().filter_map(|row| row.0.as_str()))
            .filter(|text| !text.is_empty())
    }

    pub(super) fn labels(self, key: &str) -> Labels {
        let pairs = self.at(key).0.as_object().into_iter().flatten();
        Labels::new(
            pairs
                .map(|(key, value)| (shared(key), shared(value.as_str().unwrap_or_default())))
                .collect(),
        )
    }

    /// Returns a time, written as text or in seconds since 1970.
    pub(super) fn time(self, key: &str) -> Option<Timestamp> {
        match self.at(key).0 {
            Value::String(text) => time::from_engine(text),
            Value::Number(seconds) => seconds.as_i64().and_then(time::created_from_seconds),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
