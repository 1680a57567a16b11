//! What the containerd store's own files tell of images, as the list, inspect, history and df would: each of these has
//! the engine read the same files, and takes it 5 to 15 ms an image.
//!
//! Taken is only what can mean but one thing: the engine is asked for the rest. `found` reads an image's documents,
//! `rows` makes the list of them.

mod found;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use self::found::{Documents, Found};
use self::rows::Rows;
use super::noted::Noted;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{ChainId, Content, Image, ImageId, Source, Text};
use crate::domain::time::{Timestamp, from_engine};
use crate::engine::gist::number_of;
use crate::engine::{ImageDetails, wire};

/// From this version on shared sizes have packed layers in them, too (ENGINE.md §0.6).
const SHARES_BLOBS: (u32, u32) = (29, 5);
/// What BuildKit notes of what it has made here, with the build behind it: inspect tells it as `Identity.Build` from API
/// 1.53 on (moby's `daemon/containerd/image_identity.go`).
const MADE_HERE: &str = "moby/build.ref.";

/// What is told of images, each to be taken once.
#[derive(Debug)]
pub struct InStore {
    /// The first image that could not be read, or that this engine lists in another way, where there is one.
    pub images: Result<Vec<Image>, ImageId>,
    pub details: HashMap<ImageId, ImageDetails>,
    /// `None` where an image could not be read.
    pub shared: Option<SharedSizes>,
}

/// Images whose details are known, by a number of their names: a new name changes when an image was last tagged, and
/// nothing else of it can change.
pub type Detailed = HashMap<ImageId, u64>;

/// Returns those of a list whose details are known.
#[must_use]
pub fn detailed(images: &[Image]) -> Detailed {
    let known = images.iter().filter(|image| !image.content.is_pending());
    known
        .map(|image| (image.id.clone(), number_of(&image.names)))
        .collect()
}

impl InStore {
    /// Tells nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            images: Ok(Vec::new()),
            details: HashMap::new(),
            shared: None,
        }
    }

    /// Reads all images, and the details of those that are not `detailed` yet. It opens files: call it where blocking is
    /// allowed.
    #[must_use]
    pub fn of(engine: &EngineInfo, noted: &Noted, detailed: &Detailed) -> Self {
        let (documents, rows) = (Documents::of(noted), Rows::of(&noted.named));
        let version = numbers(&engine.version);
        let made_here = made_here(noted);
        let mut own = Self::nothing();
        let mut sharing = Sharing::default();
        let mut is_whole = true;
        for id in rows.ids() {
            let Some(found) = documents.image(&id) else {
                (own.images, is_whole) = (Err(id), false);
                continue;
            };
            sharing.take(&id, &found, rows.is_step(&id));
            let image = rows.image(&id, &found, noted, version.0);
            let names = image.as_ref().map(|image| number_of(&image.names));
            let is_told = names.is_some() && names.as_ref() == detailed.get(&id);
            if !is_told && let Some(content) = found.content(noted) {
                let details = ImageDetails {
                    content: Figure::Known(Arc::new(content)),
                    last_tagged: rows.tagged(&id),
                    source: made_here.contains(id.text()).then_some(Source::Local),
                };
                own.details.insert(id.clone(), details);
            }
            match (&mut own.images, image) {
                (Ok(images), Some(image)) => images.push(image),
                (Ok(_), None) => own.images = Err(id),
                (Err(_), _) => {}
            }
        }
        // As the engine does.
        if let Ok(images) = &mut own.images {
            images.sort_unstable_by(|a, b| (b.created, &a.id).cmp(&(a.created, &b.id)));
        }
        let packs = version >= SHARES_BLOBS;
        own.shared = is_whole.then(|| sharing.sizes(noted, packs));
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

/// Digests of what BuildKit has made here.
fn made_here(noted: &Noted) -> HashSet<&Text> {
    let is_made = |label: &(Text, Text)| label.0.starts_with(MADE_HERE);
    let made = noted.listed.iter();
    let made = made.filter(|blob| blob.labels.iter().any(is_made));
    made.map(|blob| &blob.digest).collect()
}

/// The layers and the blobs of an image.
type Parts = (Vec<ChainId>, Vec<(Text, Bytes)>);

/// How many images have each of these.
type Users = HashMap<Text, u32>;

/// Who has which layers and which blobs: an archive that is not packed has the name of the layer that it is.
#[derive(Default)]
struct Sharing {
    unpacked: Users,
    packed: Users,
    images: Vec<(ImageId, Parts)>,
}

impl Sharing {
    fn take(&mut self, id: &ImageId, found: &Found, is_step: bool) {
        let mut packed = found.packed.clone();
        let mut seen = HashSet::with_capacity(packed.len());
        packed.retain(|(digest, _)| seen.insert(digest.clone()));
        let chains: Vec<ChainId> = found.chains().cloned().collect();
        if !is_step {
            let add = |users: &mut Users, name: &Text| {
                *users.entry(name.clone()).or_default() += 1;
            };
            for chain in &chains {
                add(&mut self.unpacked, chain.text());
            }
            for (digest, _) in &packed {
                add(&mut self.packed, digest);
            }
        }
        self.images.push((id.clone(), (chains, packed)));
    }

    /// Adds up, for each image, what is unpacked of it and of another, and where the engine does, what is packed.
    fn sizes(&self, noted: &Noted, packs: bool) -> SharedSizes {
        let is_shared = |users: &Users, name: &Text| users.get(name) > Some(&1);
        let unpacked = |chain: &ChainId| noted.notes.snapshots.get(chain.text())?.size;
        let sizes = self.images.iter().map(|(id, (chains, packed))| {
            let chains = chains.iter();
            let chains = chains.filter(|chain| is_shared(&self.unpacked, chain.text()));
            let packed = packed.iter();
            let packed = packed.filter(|(name, _)| packs && is_shared(&self.packed, name));
            let all = chains.filter_map(unpacked);
            let all: Bytes = all.chain(packed.map(|(_, size)| *size)).sum();
            (id.clone(), Some(all))
        });
        SharedSizes::from(sizes.collect::<Vec<_>>())
    }
}

impl Found {
    /// Returns what inspect and history tell; `None` where its history does not fit its layers.
    fn content(&self, noted: &Noted) -> Option<Content> {
        let shown = self.shown()?;
        let none = Vec::new();
        let rows = shown.config.get("history").and_then(Value::as_array);
        let rows = rows.unwrap_or(&none);
        let mut layers = shown.chains.iter();
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
            "Created": shown.config.get("created"),
            "RootFS": {"Layers": shown.config.pointer("/rootfs/diff_ids")},
        });
        let mut content = wire::image_content(&inspect, &Value::Array(history));
        content.packed = Some(shown.packed);
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::item::PackedSize;
    use crate::engine::metadata::noted::tests::{BLOBS, Place, digest};

    const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

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
        told_by(&Place::stored(), image, config, other, engine)
    }

    fn told_by(
        place: &Place,
        image: &Value,
        config: &Value,
        other: &Value,
        engine: &EngineInfo,
    ) -> InStore {
        for (letter, content) in [('a', image), ('b', config), ('d', other)] {
            let path = format!("{BLOBS}/{}", letter.to_string().repeat(64));
            place.write(&path, content.to_string().as_bytes());
        }
        let about = EngineInfo {
            version: engine.version.clone(),
            api: engine.api.clone(),
            ..place.engine()
        };
        InStore::of(&about, &place.noted().expect("notes"), &Detailed::new())
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
        let row = |letter: char, system: &str| {
            json!({"mediaType": MANIFEST, "digest": digest(letter),
                "platform": {"os": system, "architecture": system}})
        };
        let index = json!({"manifests": [row('d', "own"), row('9', "unknown")]});
        let found = told(&index, &fits, &manifest('b', 'c', TAR), &usual);
        assert!(found.details.contains_key(&id) && found.shared.is_some());
        // What can be run nowhere has no details.
        let found = told(&index, &fits, &attestation, &usual);
        assert!(found.details.is_empty() && found.shared.is_some());
        // Another platform that is not here may be nearer to the engine's own, and an index in it may have any.
        let inner =
            json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest('d')});
        for index in [
            json!({"manifests": [row('d', "own"), row('9', "other")]}),
            json!({"manifests": [inner]}),
        ] {
            let found = told(&index, &fits, &manifest('b', 'c', TAR), &usual);
            assert!(found.details.is_empty() && found.images.is_err(), "{index}");
        }
    }

    /// Names by their digests, each with the image that it was made of.
    fn named(names: &[(String, char, Option<char>)]) -> Place {
        let mut values = Vec::new();
        for (name, letter, parent) in names {
            values.push((format!("images {name} target digest"), digest(*letter)));
            let label = format!("images {name} labels org.mobyproject.image.parent");
            values.extend(parent.map(|parent| (label, digest(parent))));
        }
        Place::with(&values)
    }

    #[test]
    fn images_are_listed_as_the_engine_does() {
        let own = manifest('b', 'c', TAR);
        let labelled = json!({
            "created": "2026-11-21T11:00:45.5Z",
            "config": {"Labels": {"of": "it"}},
            "rootfs": {"diff_ids": [digest('1')]},
            "history": [{"created_by": "RUN x"}],
        });
        let list = |names: &[(String, char, Option<char>)]| {
            let place = named(names);
            let engine = engine("28.5.2", "1.51");
            told_by(&place, &own, &labelled, &own, &engine).images
        };
        let name = |name: &str| (name.to_owned(), 'a', None);
        // Its digest is in the repository of the last name alone.
        let images = list(&[name("r:5/a/x:2"), name("docker.io/me/b:1")]).expect("a list");
        let [image] = &images[..] else {
            panic!("not one image");
        };
        assert_eq!(image.id, ImageId::new(digest('a')));
        assert_eq!(image.names, ["x:1", "me/b:1", "r:5/a/x:2"]);
        assert_eq!(image.digests, [format!("r:5/a/x@{}", digest('a'))]);
        assert_eq!(image.created, Timestamp::from_second(1_795_258_845));
        assert_eq!(image.labels.value("of"), Some("it"));
        assert_eq!(image.size, Figure::Known(Bytes(600 + 8_192)), "both ways");
        assert_eq!(
            (image.parent.as_ref(), image.source),
            (None, Source::Unknown)
        );

        // What has lost its name is listed by its ID, and what it was made of is told; so is a step of that.
        let untagged = (format!("moby-dangling@{}", digest('d')), 'd', Some('a'));
        let images = list(&[untagged]).expect("a list");
        let dangling = images.iter().find(|it| it.id == ImageId::new(digest('d')));
        let dangling = dangling.expect("the one without a name");
        assert!(dangling.names.is_empty() && dangling.digests.is_empty());
        assert_eq!(dangling.parent, Some(ImageId::new(digest('a'))));

        // By a digest, as services have it, with and without a tag; and what Docker would write otherwise.
        let by_digest = format!("docker.io/library/x@{}", digest('a'));
        let tagged = format!("r:5/y:1@{}", digest('a'));
        let images = list(&[name(&by_digest), name(&tagged)]).expect("a list");
        let names = ["x:1", &tagged];
        assert_eq!(images[0].names, names, "the repository has a tag");
        assert_eq!(list(&[name("x:2")]), Err(ImageId::new(digest('a'))));
    }

    /// Statements about an image are packed, too: 26 leaves them out of its size, and what comes later counts them. The
    /// Docker of 29.5 counts what is packed among what images share.
    #[test]
    fn what_is_packed_counts_as_the_version_has_it() {
        let statement = json!({"mediaType": MANIFEST, "digest": digest('e'),
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"}});
        let row = json!({"mediaType": MANIFEST, "digest": digest('d')});
        let index = json!({"manifests": [row, statement]});
        let (own, fits) = (
            manifest('b', 'c', TAR),
            config(&json!([{"created_by": "x"}])),
        );
        let about = manifest('b', 'c', "application/vnd.in-toto+json");
        let place = || {
            let place = named(&[("r:5/other:1".to_owned(), 'd', None)]);
            let path = format!("{BLOBS}/{}", "e".repeat(64));
            place.write(&path, about.to_string().as_bytes());
            place
        };
        let told = |version: &str| told_by(&place(), &index, &fits, &own, &engine(version, "1.51"));
        let image = ImageId::new(digest('a'));
        let size = |version: &str| {
            let images = told(version).images.expect("a list");
            let image = images.iter().find(|it| it.id == image).expect("it");
            image.size.as_ref().known().copied()
        };
        let (own, statement) = (77_000 + 200 + 300, 5_000 + 200 + 300);
        assert_eq!(size("26.1.5"), Some(Bytes(own + 8_192)));
        assert_eq!(size("28.5.2"), Some(Bytes(own + statement + 8_192)));
        let shared = |version: &str| {
            let shared = told(version).shared.expect("shared sizes").images;
            let own = shared.into_iter().find(|(id, _)| *id == image);
            own.and_then(|(_, size)| size)
        };
        assert_eq!(shared("29.4.0"), Some(Bytes(8_192)));
        assert_eq!(shared("29.5.0"), Some(Bytes(8_192 + own)));
    }

    #[test]
    fn what_buildkit_has_noted_of_an_image_was_made_here() {
        let (own, fits) = (
            manifest('b', 'c', TAR),
            config(&json!([{"created_by": "x"}])),
        );
        let source = |label: &str| {
            let path = format!("content blob {} labels {label}", digest('a'));
            let place = Place::with(&[(path, "{}".to_owned())]);
            let engine = engine("29.7.2", "1.54");
            let mut told = told_by(&place, &own, &fits, &Value::Null, &engine);
            let details = told.details.remove(&ImageId::new(digest('a')));
            details.expect("details").source
        };
        assert_eq!(source("moby/build.ref.x"), Some(Source::Local));
        assert_eq!(source("containerd.io/distribution.source.r"), None);
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
            assert!(found.images.is_ok(), "{history}");
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
        // Nobody knows how another version lists them.
        let fits = config(&json!([row]));
        for (version, lists) in [
            ("28.5.2", true),
            ("29.7.2", true),
            ("25.0.3", false),
            ("30.0.0", false),
        ] {
            let found = told(&own, &fits, &none, &engine(version, "1.51"));
            assert_eq!(found.images.is_ok(), lists, "{version}");
            assert!(found.shared.is_some() && !found.details.is_empty());
        }
    }
}
