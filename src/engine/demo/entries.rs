//! How a fleet is written down (assets/demo.json). Entries name each other by key, and only those above.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::time::parse_duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fleet {
    pub disk: DiskEntry,
    #[serde(default)]
    pub builds: Vec<Build>,
    #[serde(default)]
    pub volumes: Vec<VolumeEntry>,
    #[serde(default)]
    pub containers: Vec<ContainerEntry>,
    #[serde(default)]
    pub records: Vec<RecordEntry>,
    #[serde(default)]
    pub left: Vec<LeftEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiskEntry {
    pub total: u64,
    pub free: u64,
    pub inodes_total: u64,
    pub inodes_free: u64,
}

/// How long ago, as in `90s`, `3h`, `12d`, `5w`.
#[derive(Clone, Copy)]
pub(super) struct Age(pub SignedDuration);

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an age")))
    }
}

/// Who carried out the steps: it shows in the history, and the classic builder leaves images behind.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    #[default]
    Buildkit,
    Classic,
    Import,
}

/// Steps on top of another build, and what was made of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    pub key: String,
    pub from: Option<String>,
    /// Commands as in a Dockerfile, each with its layer's bytes; `null` where it makes no layer.
    pub steps: Vec<(String, Option<u64>)>,
    pub age: Age,
    #[serde(default)]
    pub by: By,
    /// There is an image of it; otherwise it is only something to stand on.
    #[serde(default = "yes")]
    pub image: bool,
    #[serde(default)]
    pub names: Vec<String>,
    /// When it was pulled or tagged here.
    pub here: Option<Age>,
    /// It came from a registry, and has a digest.
    #[serde(default)]
    pub pulled: bool,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The build cache still has it; last used then.
    pub cached: Option<Age>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeEntry {
    /// A name, or for an anonymous one the key of its sixty-four digits.
    pub name: String,
    #[serde(default)]
    pub anonymous: bool,
    /// `null` where nobody can measure it.
    pub size: Option<u64>,
    pub age: Age,
    #[serde(default = "local")]
    pub driver: String,
    /// What its driver mounts, as the engine has it.
    #[serde(default)]
    pub options: Value,
    pub project: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

fn local() -> String {
    "local".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContainerEntry {
    pub name: String,
    /// The key of its build.
    pub build: String,
    /// The image's name as it was asked for; the ID where there is none.
    pub image: Option<String>,
    pub command: String,
    pub state: String,
    pub age: Age,
    pub started: Option<Age>,
    pub finished: Option<Age>,
    /// Bytes of its writable layer.
    #[serde(default)]
    pub written: u64,
    #[serde(default)]
    pub volumes: Vec<String>,
    pub project: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub rm: bool,
    pub stop_timeout: Option<i64>,
    /// Bytes of its log files; `null` where they cannot be read.
    pub log: Option<u64>,
    /// Files of it that were put aside; there is a bound where there are any.
    #[serde(default)]
    pub rotated: usize,
}

/// Files in the engine's folder that nothing it lists counts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeftEntry {
    /// As [`crate::domain::unexplained::Cause::word`] has it.
    pub cause: String,
    /// Below the folder.
    pub path: String,
    pub size: u64,
}

/// A record that no build's steps explain: a copied context, a cache mount.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordEntry {
    pub kind: String,
    pub description: String,
    pub size: u64,
    pub age: Age,
    pub used: Option<Age>,
    #[serde(default)]
    pub in_use: bool,
    /// The build whose last record is its parent.
    pub on: Option<String>,
}
