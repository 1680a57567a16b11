//! Long lists, read row by row while they come: the whole of one, as it is written, takes many times the memory of
//! what is learnt of it.

use std::fmt;
use std::io::{self, BufReader};

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lossy::Lossy;
use super::{Row, garbled};
use crate::engine::EngineError;

/// Reads a JSON answer that must be a list; Go writes an empty one as `null`. Each row is read on its own: an odd
/// one costs no other. Bytes that are no UTF-8 are replaced.
///
/// # Errors
/// [`EngineError::Garbled`] when it is anything else.
pub(super) fn each_row(
    request: &str,
    answer: impl io::Read,
    take: &mut dyn FnMut(Row<'_>),
) -> Result<(), EngineError> {
    read(request, answer, RowList(take))
}

/// Reads a JSON answer as `how` reads its top.
///
/// # Errors
/// [`EngineError::Garbled`] when it cannot be read so, or goes on behind it.
pub(super) fn read(
    request: &str,
    answer: impl io::Read,
    how: impl for<'de> DeserializeSeed<'de, Value = ()>,
) -> Result<(), EngineError> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(Lossy::new(answer)));
    how.deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| garbled(request, &error.to_string()))
}

/// Returns what stands in one row; nothing where that cannot be read.
pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

struct RowList<'a>(&'a mut dyn FnMut(Row<'_>));

impl<'de> DeserializeSeed<'de> for RowList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(row) = list.next_element::<Box<RawValue>>()? {
            (self.0)(Row(&value(&row)));
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
