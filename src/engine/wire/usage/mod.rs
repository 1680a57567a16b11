//! `/system/df` in both its forms: lists at the top, or `Items` of each kind (ENGINE.md §1.4).

use std::fmt;
use std::io;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
#[cfg(test)]
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::recent::shared;
use super::rows::{read, value};
use super::{Row, garbled, image_id, number};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::SharedSizes;
use crate::domain::item::{ImageId, Record, RecordId, VolumeName};
use crate::engine::EngineError;
use crate::engine::fingerprint::Fingerprint;

/// An answer of `/system/df`, read while it comes: it can have as many rows as there are things, and the whole of
/// it, as it is written, takes many times the memory of what is learnt of it.
#[derive(Clone, Debug, Default)]
pub struct Df {
    images: KindRows<(ImageId, Option<Bytes>)>,
    records: KindRows<Record>,
    volumes: KindRows<(VolumeName, Option<Bytes>)>,
    layers: Option<Bytes>,
    fingerprint: Fingerprint,
}

/// What is read of the rows of a kind. An empty list is left out or `null` in both forms, and so is one that was
/// not asked for; only the count beside it tells those apart.
#[derive(Clone, Debug)]
struct KindRows<T> {
    rows: Vec<T>,
    told: KindCount,
}

#[derive(Clone, Copy, Debug, Default)]
struct KindCount {
    is_listed: bool,
    count: Option<i64>,
}

/// What of an answer is read: some engines tell more than was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Images,
    BuildCache,
    Volumes,
    /// The build cache, of which nothing is kept but what it says.
    BuildCacheGist,
    All,
}

impl Reading {
    /// Returns whether rows of a kind are read.
    fn wants(self, kind: Self) -> bool {
        self == Self::All
            || self == kind
            || (self, kind) == (Self::BuildCacheGist, Self::BuildCache)
    }

    fn of(key: &str) -> Option<Self> {
        match key {
            "Images" | "ImageUsage" | "LayersSize" => Some(Self::Images),
            "BuildCache" | "BuildCacheUsage" => Some(Self::BuildCache),
            "Volumes" | "VolumeUsage" => Some(Self::Volumes),
            _ => None,
        }
    }
}

impl Df {
    /// Reads of an answer what is wanted. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`EngineError::Garbled`] when it is no JSON object.
    pub fn parse(
        request: &str,
        answer: impl io::Read,
        wanted: Reading,
    ) -> Result<Self, EngineError> {
        let mut df = Self::default();
        read(request, answer, Top(&mut df, wanted))?;
        Ok(df)
    }
}

#[cfg(test)]
impl From<&Value> for Df {
    fn from(answer: &Value) -> Self {
        let answer = answer.to_string();
        Self::parse("GET /system/df", answer.as_bytes(), Reading::All).unwrap()
    }
}

/// Returns the build cache's records.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts records but lists none.
pub fn records(answer: impl Into<Arc<Df>>) -> Result<Vec<Record>, EngineError> {
    own(answer).records.listed()
}

/// Returns the fingerprint of the build cache's records.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts records but lists none.
pub fn gist_of_records(answer: Df) -> Result<Fingerprint, EngineError> {
    let fingerprint = answer.fingerprint;
    answer.records.listed().map(|_| fingerprint)
}

/// Bytes of each image that others have too, as the engine computes them.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts images but lists none.
pub fn shared_sizes(answer: impl Into<Arc<Df>>) -> Result<SharedSizes, EngineError> {
    let answer = own(answer);
    Ok(SharedSizes {
        images: answer.images.listed()?,
        layers: answer.layers,
    })
}

/// Sizes of the volumes that the engine measured.
///
/// # Errors
/// [`EngineError::Garbled`] where the engine counts volumes but lists none.
pub fn volume_sizes(
    answer: impl Into<Arc<Df>>,
) -> Result<Vec<(VolumeName, Option<Bytes>)>, EngineError> {
    own(answer).volumes.listed()
}

/// Returns the answer itself, where nobody else reads it.
fn own(answer: impl Into<Arc<Df>>) -> Df {
    Arc::unwrap_or_clone(answer.into())
}

impl<T> Default for KindRows<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            told: KindCount::default(),
        }
    }
}

impl<T> KindRows<T> {
    fn listed(self) -> Result<Vec<T>, EngineError> {
        if !self.told.is_listed && self.told.count > Some(0) {
            return Err(garbled("GET /system/df", "it counts items and lists none"));
        }
        Ok(self.rows)
    }
}

fn shared_size(row: Row<'_>) -> Option<(ImageId, Option<Bytes>)> {
    Some((image_id(row.text("Id"))?, row.bytes("SharedSize")))
}

fn volume_size(row: Row<'_>) -> Option<(VolumeName, Option<Bytes>)> {
    let name = VolumeName::new(row.filled("Name")?);
    Some((name, row.at("UsageData").bytes("Size")))
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
fn parents(row: Row<'_>) -> SmallVec<[RecordId; 1]> {
    let mut parents: SmallVec<[RecordId; 1]> = [" Parents", "Parents", "Parent"]
        .into_iter()
        .flat_map(|key| row.texts(key))
        .map(|id| RecordId::new(shared(id)))
        .collect();
    parents.sort();
    parents.dedup();
    parents.shrink_to_fit();
    parents
}

/// The answer's fields, each read as its kind is.
struct Top<'a>(&'a mut Df, Reading);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Self(df, wanted) = self;
        while let Some(key) = fields.next_key::<String>()? {
            let kind = Reading::of(&key);
            if !kind.is_some_and(|kind| wanted.wants(kind)) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let Df {
                images,
                records,
                volumes,
                layers,
                fingerprint,
            } = &mut *df;
            let mut take_image = |row: Row<'_>| images.rows.extend(shared_size(row));
            let mut take_record = |row: Row<'_>| match record(row) {
                Some(record) if wanted == Reading::BuildCacheGist => fingerprint.add(&record),
                record => records.rows.extend(record),
            };
            let mut take_volume = |row: Row<'_>| volumes.rows.extend(volume_size(row));
            let (told, take): (_, &mut dyn FnMut(Row<'_>)) = match kind {
                Some(Reading::BuildCache) => (&mut records.told, &mut take_record),
                Some(Reading::Volumes) => (&mut volumes.told, &mut take_volume),
                _ => (&mut images.told, &mut take_image),
            };
            match key.as_str() {
                "LayersSize" => {
                    let size = number(&value(&fields.next_value::<Box<RawValue>>()?));
                    *layers = size.and_then(Bytes::from_engine);
                }
                key => fields.next_value_seed(Kind {
                    told,
                    take,
                    is_usage: key.ends_with("Usage"),
                })?,
            }
        }
        df.images.rows.shrink_to_fit();
        df.records.rows.shrink_to_fit();
        df.volumes.rows.shrink_to_fit();
        Ok(())
    }
}

/// Where the rows of a kind stand: in a list, or in the list `Items` of an object that counts them, too. Whatever
/// else an engine may write in its place tells nothing.
struct Kind<'a> {
    told: &'a mut KindCount,
    take: &'a mut dyn FnMut(Row<'_>),
    is_usage: bool,
}

impl<'de> DeserializeSeed<'de> for Kind<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kind<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    /// Each row is read on its own: an odd one costs no other. Some engines write the same list in both forms.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let is_wanted = !self.is_usage && !self.told.is_listed;
        while let Some(row) = list.next_element::<Box<RawValue>>()? {
            if is_wanted {
                (self.take)(Row(&value(&row)));
            }
        }
        self.told.is_listed |= is_wanted;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            match key.as_str() {
                "Items" if self.is_usage => fields.next_value_seed(Kind {
                    told: &mut *self.told,
                    take: &mut *self.take,
                    is_usage: false,
                })?,
                "TotalCount" if self.is_usage => {
                    self.told.count = number(&value(&fields.next_value::<Box<RawValue>>()?));
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
