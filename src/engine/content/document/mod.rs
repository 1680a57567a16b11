//! Indexes, manifests and configs, as far as they say which layers an image has.

use serde_json::Value;

use crate::domain::store::content::Platform;
use crate::domain::text::Text;
use crate::domain::time::{self, Timestamp};

/// A small blob, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Manifests of several platforms, and attestations.
    Index {
        manifests: Vec<Text>,
    },
    Manifest {
        config: Text,
        /// Digests, the lowest layer first.
        layers: Vec<Text>,
    },
    Config(ImageConfig),
    /// Anything else: attestations, charts, what is no JSON.
    Other,
}

/// What a config says of its layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    pub platform: Platform,
    pub diff_ids: Vec<Text>,
    /// When each layer was made, as many as there are diff IDs.
    pub created: Vec<Option<Timestamp>>,
}

impl Document {
    /// Tells a document by what it has: the list of blobs does not say what they are.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
            return Self::Other;
        };
        if value.get("manifests").is_some_and(Value::is_array) {
            return Self::Index {
                manifests: rows(&value, "manifests")
                    .filter_map(|row| text(row, "digest"))
                    .collect(),
            };
        }
        let config = value.get("config").and_then(|row| text(row, "digest"));
        if let (Some(config), true) = (config, holds_layers(&value)) {
            return Self::Manifest {
                config,
                layers: rows(&value, "layers")
                    .filter_map(|row| text(row, "digest"))
                    .collect(),
            };
        }
        if value.get("rootfs").is_some_and(Value::is_object) {
            return Self::Config(ImageConfig::read(&value));
        }
        Self::Other
    }

    /// Returns the documents that it leads to.
    pub fn leads_to(&self) -> &[Text] {
        match self {
            Self::Index { manifests } => manifests,
            Self::Manifest { config, .. } => std::slice::from_ref(config),
            Self::Config(_) | Self::Other => &[],
        }
    }
}

impl ImageConfig {
    fn read(value: &Value) -> Self {
        let diff_ids: Vec<Text> = value
            .pointer("/rootfs/diff_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|id| id.as_str().unwrap_or_default().into())
            .collect();
        let word = |key| text(value, key).unwrap_or_default();
        Self {
            platform: Platform {
                os: word("os"),
                architecture: word("architecture"),
                variant: word("variant"),
            },
            created: creation_times(value, diff_ids.len()),
            diff_ids,
        }
    }
}

/// Returns the times of the history rows that made a layer. Where they are not as many as the layers, which row
/// made which is not known.
fn creation_times(config: &Value, layers: usize) -> Vec<Option<Timestamp>> {
    let times: Vec<_> = rows(config, "history")
        .filter(|row| row.get("empty_layer").and_then(Value::as_bool) != Some(true))
        .map(|row| row.get("created").and_then(Value::as_str))
        .map(|created| created.and_then(time::from_engine))
        .collect();
    if times.len() == layers {
        times
    } else {
        vec![None; layers]
    }
}

/// Returns true where all layers are archives of files: an attestation's are JSON.
fn holds_layers(manifest: &Value) -> bool {
    let archive = |row: &Value| {
        let media_type = row.get("mediaType").and_then(Value::as_str);
        media_type.is_none_or(|media_type| media_type.contains(".tar"))
    };
    manifest.get("layers").is_some_and(Value::is_array) && rows(manifest, "layers").all(archive)
}

fn rows<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, key: &str) -> Option<Text> {
    value.get(key)?.as_str().map(Text::from)
}

#[cfg(test)]
mod tests;
