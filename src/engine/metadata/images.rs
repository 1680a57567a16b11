//! What the containerd store's own files tell of images, as inspect, history and df would: each of these has the engine
//! read the same files, and takes it 5 to 15 ms an image.
//!
//! Taken is only what can mean but one thing: an image with one platform that is there, whose history fits its layers.
//! The engine is asked for the rest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::noted::Noted;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{ChainId, Image, ImageId, PackedSize, Text};
use crate::domain::time::{Timestamp, from_engine};
use crate::engine::hex::hex;
use crate::engine::{ImageDetails, wire};

/// From this API on inspect tells who made an image (`Identity`), which no file of the store does.
const TELLS_MAKER: (u32, u32) = (1, 53);
/// From this version on shared sizes have packed layers in them, too (ENGINE.md §0.6).
const SHARES_BLOBS: (u32, u32) = (29, 5);

/// What is told of images, each to be taken once.
#[derive(Debug, Default)]
pub struct InStore {
    pub details: HashMap<ImageId, ImageDetails>,
    /// `None` where an image could not be read, or this engine means something else by them.
    pub shared: Option<SharedSizes>,
}

/// What is asked of the store's files.
#[derive(Debug, Default)]
pub struct Asked {
    /// Images whose details are wanted.
    pub details: HashSet<ImageId>,
    /// Steps of builds, which are no sharers: nothing has their names, and other images were made of them.
    pub steps: HashSet<ImageId>,
}

impl Asked {
    /// Asks for details of images, of all that are listed.
    pub fn of(images: &[Image], details: HashSet<ImageId>) -> Self {
        let parents = images.iter().filter_map(|image| image.parent.as_ref());
        let parents: HashSet<&ImageId> = parents.collect();
        let steps = images
            .iter()
            .filter(|image| image.names.is_empty() && parents.contains(&image.id));
        Self {
            details,
            steps: steps.map(|image| image.id.clone()).collect(),
        }
    }
}

/// An image as its documents have it.
struct Found {
    config: Value,
    /// All that the store has packed of it, and what of that is no layer.
    packed: PackedSize,
    chains: Vec<ChainId>,
}

impl InStore {
    /// Reads what some images are, and what all share. It opens files: call it where blocking is allowed.
    #[must_use]
    pub fn of(engine: &EngineInfo, noted: &Noted, asked: &Asked) -> Self {
        let sizes = noted.listed.iter().map(|blob| (&*blob.digest, blob.size));
        let sizes: HashMap<&str, Bytes> = sizes.collect();
        let tells_maker = numbers(&engine.api) >= TELLS_MAKER;
        let mut own = Self::default();
        let mut users: HashMap<ChainId, u32> = HashMap::new();
        let mut all = Some(Vec::new());
        for id in &noted.notes.images {
            let Some(found) = Found::read(noted, id, &sizes) else {
                all = None;
                continue;
            };
            if !asked.steps.contains(id) {
                for chain in &found.chains {
                    *users.entry(chain.clone()).or_default() += 1;
                }
            }
            if let Some(all) = &mut all {
                all.push((id.clone(), found.chains.clone()));
            }
            if !tells_maker
                && asked.details.contains(id)
                && let Some(details) = found.details(noted, id)
            {
                own.details.insert(id.clone(), details);
            }
        }
        if numbers(&engine.version) < SHARES_BLOBS {
            own.shared = all.map(|all| shared(noted, &users, &all));
        }
        own
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut numbers = version
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|number| number.parse().unwrap_or_default());
    (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    )
}

/// Adds up, for each image, what is unpacked of it and of another.
fn shared(
    noted: &Noted,
    users: &HashMap<ChainId, u32>,
    images: &[(ImageId, Vec<ChainId>)],
) -> SharedSizes {
    let size = |chain: &ChainId| {
        let snapshot = noted.notes.snapshots.get(chain.text())?;
        snapshot.size
    };
    let of = |chains: &[ChainId]| {
        let several = chains.iter().filter(|chain| users.get(*chain) > Some(&1));
        several.filter_map(size).sum::<Bytes>()
    };
    let images = images
        .iter()
        .map(|(id, chains)| (id.clone(), Some(of(chains))));
    SharedSizes::from(images.collect::<Vec<_>>())
}

impl Found {
    /// Reads an image; `None` where it has several platforms here, or none, or something cannot be read.
    fn read(noted: &Noted, id: &ImageId, sizes: &HashMap<&str, Bytes>) -> Option<Self> {
        let document = |digest: &str| -> Option<Value> {
            sizes.get(digest)?;
            serde_json::from_slice(&noted.documents.read(digest)?).ok()
        };
        let mut document_of_image = document(id.as_str())?;
        let mut digest = Text::from(id.as_str());
        if let Some(listed) = document_of_image.get("manifests").and_then(Value::as_array) {
            let here = listed.iter().filter_map(|row| {
                let digest = row.get("digest")?.as_str()?;
                let manifest = document(digest)?;
                // An index in an index may have further platforms: no manifest, so that there is none to be read.
                let may_be_image = is_image(&manifest) || manifest.get("manifests").is_some();
                may_be_image.then(|| (Text::from(digest), manifest))
            });
            let mut here: Vec<_> = here.take(2).collect();
            let only = here.pop().filter(|_| here.is_empty());
            (digest, document_of_image) = only?;
        }
        let manifest = document_of_image;
        let config_digest = manifest.pointer("/config/digest")?.as_str()?;
        let config = document(config_digest)?;
        let diff_ids = config.pointer("/rootfs/diff_ids")?.as_array()?;
        let diff_ids: Option<Vec<&str>> = diff_ids.iter().map(Value::as_str).collect();
        let layers = manifest.get("layers")?.as_array()?;
        let packed = layers.iter().filter_map(|row| {
            let digest = row.get("digest")?.as_str()?;
            sizes.get(digest).copied()
        });
        let documents = *sizes.get(&*digest)? + *sizes.get(config_digest)?;
        Some(Self {
            packed: PackedSize {
                total: documents + packed.sum::<Bytes>(),
                documents,
            },
            chains: chains(diff_ids?),
            config,
        })
    }

    /// Returns what inspect and history tell; `None` where its history does not fit its layers.
    fn details(&self, noted: &Noted, id: &ImageId) -> Option<ImageDetails> {
        let none = Vec::new();
        let rows = self.config.get("history").and_then(Value::as_array);
        let rows = rows.unwrap_or(&none);
        let mut layers = self.chains.iter();
        let mut history = Vec::with_capacity(rows.len());
        for row in rows {
            let is_empty = row.get("empty_layer").and_then(Value::as_bool) == Some(true);
            let size = if is_empty {
                Bytes::ZERO
            } else {
                let snapshot = noted.notes.snapshots.get(layers.next()?.text());
                snapshot.and_then(|it| it.size).unwrap_or_default()
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
        let inspect = json!({
            "Created": self.config.get("created"),
            "RootFS": {"Layers": self.config.pointer("/rootfs/diff_ids")},
        });
        let mut content = wire::image_content(&inspect, &Value::Array(history));
        content.packed = Some(self.packed);
        Some(ImageDetails {
            content: Figure::Known(Arc::new(content)),
            last_tagged: noted.tagged.get(id).copied(),
            source: None,
        })
    }
}

/// Returns the chain IDs of layers, the lowest first: each is named after its contents and all that is below it
/// (ENGINE.md §2.1).
fn chains(diff_ids: Vec<&str>) -> Vec<ChainId> {
    let mut below: Option<String> = None;
    let chain = |diff_id: &str| {
        let chain = match &below {
            None => diff_id.to_owned(),
            Some(below) => {
                let digest = Sha256::digest(format!("{below} {diff_id}"));
                format!("sha256:{}", hex(&digest))
            }
        };
        below = Some(chain.clone());
        ChainId::new(chain)
    };
    diff_ids.into_iter().map(chain).collect()
}

/// True for the manifest of an image: those of attestations have layers that are no archives.
fn is_image(manifest: &Value) -> bool {
    let layers = manifest.get("layers").and_then(Value::as_array);
    layers.is_some_and(|layers| {
        layers.iter().all(|row| {
            let kind = row.get("mediaType").and_then(Value::as_str);
            kind.is_none_or(|kind| kind.contains(".tar"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::metadata::noted::tests::{BLOBS, Place, digest};

    const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

    fn manifest(config: char, layer: char, kind: &str) -> Value {
        json!({
            "config": {"digest": digest(config)},
            "layers": [{"digest": digest(layer), "mediaType": kind}],
        })
    }

    fn config(history: &Value) -> Value {
        json!({
            "created": "2026-11-21T11:00:45.5Z",
            "rootfs": {"diff_ids": [digest('1')]},
            "history": history,
        })
    }

    /// A store whose image and config are these, and whose blob `d` is a further manifest.
    fn told(image: &Value, config: &Value, other: &Value, engine: &EngineInfo) -> InStore {
        let place = Place::stored();
        for (letter, content) in [('a', image), ('b', config), ('d', other)] {
            let path = format!("{BLOBS}/{}", letter.to_string().repeat(64));
            place.write(&path, content.to_string().as_bytes());
        }
        let asked = Asked {
            details: HashSet::from([ImageId::new(digest('a'))]),
            ..Asked::default()
        };
        let about = EngineInfo {
            version: engine.version.clone(),
            api: engine.api.clone(),
            ..place.engine()
        };
        InStore::of(&about, &place.noted().expect("notes"), &asked)
    }

    fn engine(version: &str, api: &str) -> EngineInfo {
        EngineInfo {
            version: version.into(),
            api: api.into(),
            ..EngineInfo::default()
        }
    }

    #[test]
    fn what_can_mean_but_one_thing_is_taken() {
        let row = json!({"created": "2026-11-21T11:00:44.9Z", "created_by": "RUN x"});
        let empty = json!({"created_by": "ENV a=b", "empty_layer": true});
        let (own, fits) = (manifest('b', 'c', TAR), config(&json!([row, empty])));
        let (id, none) = (ImageId::new(digest('a')), Value::Null);
        let usual = engine("28.5.2", "1.51");
        let found = told(&own, &fits, &none, &usual);
        let details = found.details.get(&id).expect("details");
        let content = details.content.as_ref().known().expect("a content");
        let sizes: Vec<Bytes> = content.history.iter().map(|row| row.size).collect();
        assert_eq!(sizes, [Bytes(8_192), Bytes::ZERO], "the oldest first");
        let second = Timestamp::from_second(1_795_258_844);
        assert_eq!(content.history[0].created, second);
        let (total, documents) = (Bytes(600), Bytes(300));
        assert_eq!(content.packed, Some(PackedSize { total, documents }));
        let shared = found.shared.expect("shared sizes").images;
        assert_eq!(shared, [(id.clone(), Some(Bytes::ZERO))]);

        // An index with one image and its attestation is that image.
        let attestation = manifest('b', 'c', "application/vnd.in-toto+json");
        let index = json!({"manifests": [{"digest": digest('d')}, {"digest": digest('9')}]});
        let found = told(&index, &fits, &manifest('b', 'c', TAR), &usual);
        assert!(found.details.contains_key(&id) && found.shared.is_some());
        let inner = json!({"manifests": [{"digest": digest('b')}]});
        for other in [&attestation, &inner] {
            let found = told(&index, &fits, other, &usual);
            assert!(found.details.is_empty() && found.shared.is_none());
        }
    }

    #[test]
    fn the_engine_is_asked_for_the_rest() {
        let (own, none) = (manifest('b', 'c', TAR), Value::Null);
        let usual = engine("28.5.2", "1.51");
        let row = json!({"created_by": "RUN x"});
        for history in [json!([]), json!([row, row]), none.clone()] {
            let found = told(&own, &config(&history), &none, &usual);
            assert!(found.details.is_empty(), "{history}");
            assert!(found.shared.is_some(), "{history}");
        }
        for (image, config) in [
            (&none, &none),
            (&own, &none),
            (&own, &json!({"rootfs": {"diff_ids": [1]}})),
            (&manifest('7', 'c', TAR), &config(&json!([row]))),
        ] {
            let found = told(image, config, &none, &usual);
            assert!(
                found.details.is_empty() && found.shared.is_none(),
                "{image}"
            );
        }
        let fits = config(&json!([row]));
        assert!(
            told(&own, &fits, &none, &engine("29.2.0", "1.53"))
                .details
                .is_empty()
        );
        assert!(
            told(&own, &fits, &none, &engine("29.5.0", "1.55"))
                .shared
                .is_none()
        );
        assert!(
            told(&own, &fits, &none, &engine("29.1.0", "1.52"))
                .shared
                .is_some()
        );
    }

    #[test]
    fn a_chain_is_named_after_all_that_is_below() {
        let chains = chains(vec!["sha256:a", "sha256:b"]);
        assert_eq!(chains[0], ChainId::new("sha256:a"));
        let both = hex(&Sha256::digest("sha256:a sha256:b"));
        assert_eq!(chains[1], ChainId::new(format!("sha256:{both}")));
    }
}
