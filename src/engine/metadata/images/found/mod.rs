//! An image as the documents of the containerd store have it: its index, its manifests and their configs
//! (ENGINE-CONTAINERD.md §1).

use std::collections::HashMap;
use std::env::consts::ARCH;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::domain::bytes::Bytes;
use crate::domain::item::{ChainId, ImageId, PackedSize};
use crate::domain::text::Text;
use crate::engine::hex::hex;
use crate::engine::metadata::store::StoreReading;

const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// How kinds of layers begin that are unpacked; what else a manifest lists is nothing to run.
const LAYERS: [&str; 2] = [
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
];
/// BuildKit's word for a manifest that says something about another one.
const ABOUT_ANOTHER: &str = "vnd.docker.reference.type";

/// An image with all that is there of it.
pub(super) struct FoundImage {
    /// All that are there; none of what can be run nowhere, such as an artifact.
    pub(super) platforms: Vec<Platform>,
    /// The place among them of the one that the engine tells of.
    shown: usize,
    /// Everything that is packed of it but an index, once for each manifest that names it.
    pub(super) packed: Vec<(Text, Bytes)>,
}

/// What can be run on one kind of machine.
pub(super) struct Platform {
    pub(super) config: Value,
    pub(super) packed: PackedSize,
    pub(super) chains: Vec<ChainId>,
    is_of_host: bool,
}

/// The store's documents, with the blobs that are the engine's own.
pub(super) struct StoreDocuments<'a> {
    noted: &'a StoreReading,
    sizes: HashMap<&'a str, Bytes>,
}

impl<'a> StoreDocuments<'a> {
    pub(super) fn of(noted: &'a StoreReading) -> Self {
        let own = noted.listed.iter().take(noted.own);
        Self {
            noted,
            sizes: own.map(|blob| (&*blob.digest, blob.size)).collect(),
        }
    }

    /// Reads an image; `None` where something of it cannot be read, is missing from what is there otherwise, or may
    /// mean more than one thing.
    pub(super) fn image(&self, id: &ImageId) -> Option<FoundImage> {
        let top = self.document(id.as_str())?;
        let mut found = FoundImage {
            platforms: Vec::new(),
            shown: 0,
            packed: Vec::new(),
        };
        let Some(listed) = top.get("manifests").and_then(Value::as_array) else {
            self.take(id.as_str(), &top, &Value::Null, &mut found)?;
            return Some(found);
        };
        let mut absent = 0;
        for row in listed {
            // An index in an index may have further platforms.
            let kind = row.get("mediaType").and_then(Value::as_str);
            kind.filter(|kind| MANIFESTS.contains(kind))?;
            let digest = row.get("digest")?.as_str()?;
            if self.sizes.contains_key(digest) {
                let manifest = self.document(digest)?;
                self.take(digest, &manifest, row, &mut found)?;
            } else if !is_statement(row) {
                absent += 1;
            }
        }
        // Of several the engine shows that of its own machine; which one is nearest to it, it alone knows.
        if found.platforms.len() + absent > 1 {
            let mut own = found.platforms.iter().enumerate();
            let mut own = own.by_ref().filter(|(_, it)| it.is_of_host);
            found.shown = own.next()?.0;
            own.next().is_none().then_some(())?;
        }
        Some(found)
    }

    fn document(&self, digest: &str) -> Option<Value> {
        self.sizes.get(digest)?;
        serde_json::from_slice(&self.noted.documents.read(digest)?).ok()
    }

    /// Takes in what one manifest names, as its row in an index has it.
    fn take(
        &self,
        digest: &str,
        manifest: &Value,
        row: &Value,
        found: &mut FoundImage,
    ) -> Option<()> {
        let config_digest = manifest.pointer("/config/digest")?.as_str()?;
        let layers = manifest.get("layers")?.as_array()?;
        let digests = layers
            .iter()
            .map(|layer| layer.get("digest").and_then(Value::as_str));
        let digests: Option<Vec<&str>> = digests.collect();
        let (mut packed, mut is_whole) = (Bytes::ZERO, true);
        for digest in [digest, config_digest].into_iter().chain(digests?) {
            match self.sizes.get(digest) {
                Some(size) => {
                    packed += *size;
                    found.packed.push((digest.into(), *size));
                }
                None => is_whole = false,
            }
        }
        if is_statement(row) || !(layers.is_empty() || layers.iter().any(is_layer)) {
            return Some(());
        }
        // Of what is there in part versions of the engine tell different things.
        is_whole.then_some(())?;
        let config = self.document(config_digest)?;
        let chains = chains(config.pointer("/rootfs/diff_ids")?)?;
        let of_row = row.get("platform").filter(|it| !it.is_null());
        let is_of_host = is_host(of_row.unwrap_or(&config));
        found.platforms.push(Platform {
            packed: PackedSize {
                total: packed,
                documents: *self.sizes.get(digest)? + *self.sizes.get(config_digest)?,
            },
            config,
            chains,
            is_of_host,
        });
        Some(())
    }
}

impl FoundImage {
    pub(super) fn shown(&self) -> Option<&Platform> {
        self.platforms.get(self.shown)
    }

    /// Layers of all platforms.
    pub(super) fn chains(&self) -> impl Iterator<Item = &ChainId> {
        self.platforms.iter().flat_map(|it| &it.chains)
    }
}

impl Platform {
    /// Adds up what the store has unpacked of it: all that its top layer stands on, which may be more than layers.
    pub(super) fn unpacked(&self, noted: &StoreReading) -> Bytes {
        let snapshots = &noted.notes.snapshots;
        let mut next = self.chains.last().map(ChainId::text);
        let mut all = Bytes::ZERO;
        // None stands on itself, but in a file that was damaged.
        for _ in 0..=snapshots.len() {
            let Some(snapshot) = next.and_then(|key| snapshots.get(key)) else {
                break;
            };
            all += snapshot.size.unwrap_or_default();
            next = snapshot.parent.as_ref();
        }
        all
    }
}

/// Returns true for a manifest that its index says to be about another one, or for no machine.
fn is_statement(row: &Value) -> bool {
    let is_unknown = |path: &str| row.pointer(path).and_then(Value::as_str) == Some("unknown");
    let annotations = row.get("annotations");
    annotations.is_some_and(|it| it.get(ABOUT_ANOTHER).is_some())
        || is_unknown("/platform/os") && is_unknown("/platform/architecture")
}

fn is_layer(row: &Value) -> bool {
    let kind = row.get("mediaType").and_then(Value::as_str);
    kind.is_some_and(|kind| LAYERS.iter().any(|it| kind.starts_with(it)))
}

/// Returns true for a platform that is this machine's, which is the engine's: its store is here.
fn is_host(platform: &Value) -> bool {
    let architecture = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let is = |key: &str, word: &str| platform.get(key).and_then(Value::as_str) == Some(word);
    is("os", "linux") && is("architecture", architecture)
}

/// Returns the chain IDs of layers, the lowest first: each is named after its contents and all that is below it
/// (ENGINE.md §2.1). `None` of what is no list of digests.
fn chains(diff_ids: &Value) -> Option<Vec<ChainId>> {
    let mut below: Option<String> = None;
    let chain = |diff_id: &Value| {
        let diff_id = diff_id.as_str()?;
        let chain = match &below {
            None => diff_id.to_owned(),
            Some(below) => {
                let digest = Sha256::digest(format!("{below} {diff_id}"));
                format!("sha256:{}", hex(&digest))
            }
        };
        below = Some(chain.clone());
        Some(ChainId::new(chain))
    };
    diff_ids.as_array()?.iter().map(chain).collect()
}

#[cfg(test)]
mod tests;
