//! What was removed, as schema 1 has it.

use serde::Serialize;

use crate::domain::bytes::Bytes;
use crate::domain::item::Labels;
use crate::domain::removal::history::{Entry, Returned};
use crate::domain::removal::outcome::Outcome;
use crate::domain::time::Timestamp;

use super::strs;

#[derive(Serialize)]
pub(super) struct History<'a> {
    pub schema: u8,
    pub entries: Vec<EntryJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct EntryJson<'a> {
    time: Timestamp,
    host: &'a str,
    kind: &'static str,
    id: &'a str,
    name: &'a str,
    names: Vec<&'a str>,
    digests: Vec<&'a str>,
    /// IDs of untagged parents that went along with an image.
    parents: Vec<&'a str>,
    size: Option<Bytes>,
    labels: &'a Labels,
    /// `null` where nobody could tell how it ended.
    outcome: Option<&'static str>,
    error: Option<&'a str>,
    freed: Option<Bytes>,
    comes_back: &'static str,
    how: Option<String>,
    saved: Option<&'a str>,
}

impl<'a> EntryJson<'a> {
    pub(super) fn new(entry: &'a Entry) -> Self {
        Self {
            time: entry.time,
            host: &entry.host,
            kind: entry.kind.key(),
            id: &entry.id,
            name: &entry.name,
            names: strs(&entry.names),
            digests: strs(&entry.digests),
            parents: strs(&entry.parents),
            size: entry.size,
            labels: &entry.labels,
            outcome: entry.outcome.map(Outcome::word),
            error: entry.error.as_deref(),
            freed: entry.freed,
            comes_back: entry.comes_back.word(),
            how: entry.how(),
            saved: entry.saved.as_deref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct WayBack<'a> {
    pub schema: u8,
    pub restored: Vec<ReturnedJson<'a>>,
    pub error: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ReturnedJson<'a> {
    kind: &'static str,
    id: &'a str,
    name: &'a str,
    names: Vec<&'a str>,
    restored: bool,
    /// Names that it did not get back, and why.
    missing: &'a [String],
    error: Option<&'a str>,
}

impl<'a> ReturnedJson<'a> {
    pub(super) fn new(returned: &'a Returned) -> Self {
        let entry = &returned.entry;
        let (missing, error) = match &returned.end {
            Ok(missing) => (missing.as_slice(), None),
            Err(error) => (&[][..], Some(error.as_str())),
        };
        Self {
            kind: entry.kind.key(),
            id: &entry.id,
            name: &entry.name,
            names: strs(&entry.names),
            restored: error.is_none(),
            missing,
            error,
        }
    }
}
