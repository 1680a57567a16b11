//! Images as the store's own files have them, as they should be and as they should not.

use serde_json::Value;

use super::*;
use crate::domain::item::PackedSize;
use crate::domain::time::Timestamp;
use crate::engine::metadata::store::tests::{BLOBS, Place, digest};

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

/// Returns a store whose image and config are these, and whose blob `d` is a further manifest.
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

/// The folder of an engine with a graph driver, and an image of two layers in it.
struct GraphDriver {
    folder: tempfile::TempDir,
    engine: EngineInfo,
    image: ImageId,
    chains: [ChainId; 2],
}

impl GraphDriver {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image/overlay2");
        let diff_ids = ["a", "b"].map(|letter| format!("sha256:{}", letter.repeat(64)));
        let low = crate::domain::layers::chain_id(None, &diff_ids[0]);
        let top = crate::domain::layers::chain_id(Some(&low), &diff_ids[1]);
        for (chain, size, cache) in [(&low, "700", "low"), (&top, "50", "top")] {
            let layer = image.join("layerdb/sha256").join(&chain.as_str()[7..]);
            std::fs::create_dir_all(&layer).unwrap();
            std::fs::write(layer.join("size"), size).unwrap();
            std::fs::write(layer.join("cache-id"), cache).unwrap();
        }
        let config = json!({
            "created": "2026-11-30T10:00:00.123456789Z",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [
                {"created": "2026-11-29T10:00:00.5Z", "created_by": "ADD base"},
                {"created": "2026-11-30T10:00:00Z", "created_by": "ENV A=b", "empty_layer": true},
                {"created": "2026-11-30T10:00:00.123456789Z", "created_by": "RUN it", "comment": "some"},
            ],
        });
        let config = config.to_string();
        let digits = crate::engine::hex::hex(&<sha2::Sha256 as sha2::Digest>::digest(&config));
        std::fs::create_dir_all(image.join("imagedb/content/sha256")).unwrap();
        std::fs::write(image.join("imagedb/content/sha256").join(&digits), config).unwrap();
        let notes = image.join("imagedb/metadata/sha256").join(&digits);
        std::fs::create_dir_all(&notes).unwrap();
        std::fs::write(notes.join("lastUpdated"), "2026-12-01T08:00:00.5Z").unwrap();
        std::fs::write(folder.path().join("engine-id"), "own").unwrap();
        let engine = EngineInfo {
            host: "unix:///run/some.sock".into(),
            root: folder.path().to_str().unwrap().into(),
            engine_id: "own".into(),
            product: "Docker".into(),
            driver: "overlay2".into(),
            ..EngineInfo::default()
        };
        Self {
            folder,
            engine,
            image: ImageId::new(format!("sha256:{digits}")),
            chains: [low, top],
        }
    }

    fn details(&self) -> Option<ImageDetails> {
        let known = crate::engine::host::ListedIds::default();
        let told =
            InStore::of_graph_driver(&self.engine, &known, std::slice::from_ref(&self.image));
        told?.details.remove(&self.image)
    }

    fn layer(&self, place: usize, file: &str) -> std::path::PathBuf {
        let layers = self.folder.path().join("image/overlay2/layerdb/sha256");
        layers.join(&self.chains[place].as_str()[7..]).join(file)
    }
}

#[test]
fn a_graph_drivers_folder_tells_what_inspect_and_history_would() {
    let store = GraphDriver::new();
    let details = store.details().unwrap();
    let content = details.content.known().unwrap();
    let folders: Vec<Text> = content.folders.iter().collect();
    assert_eq!(folders, ["low", "top"]);
    assert_eq!(content.diff_ids.len(), 2);
    let sizes: Vec<u64> = content.history.iter().map(|row| row.size.0).collect();
    assert_eq!(sizes, [700, 0, 50]);
    let row = &content.history[2];
    assert_eq!((&*row.created_by, &*row.comment), ("RUN it", "some"));
    // A history tells seconds, and the image itself when its top layer was made.
    assert_eq!(row.created.unwrap().subsec_nanosecond(), 0);
    assert_eq!(content.created.unwrap().subsec_nanosecond(), 123_456_789);
    let tagged = details.last_tagged.map(|it| it.to_string());
    assert_eq!(tagged.as_deref(), Some("2026-12-01T08:00:00.5Z"));
}

#[test]
fn what_is_not_whole_in_a_graph_drivers_folder_is_asked_of_the_engine() {
    let damaged = |change: fn(&GraphDriver)| {
        let store = GraphDriver::new();
        assert!(store.details().is_some());
        change(&store);
        store.details().is_none()
    };
    assert!(damaged(|store| std::fs::remove_file(
        store.layer(0, "size")
    )
    .unwrap()));
    assert!(damaged(|store| std::fs::write(
        store.layer(1, "size"),
        "many"
    )
    .unwrap()));
    assert!(damaged(|store| std::fs::remove_file(
        store.layer(1, "cache-id")
    )
    .unwrap()));
    // Not what the image is named by.
    assert!(damaged(|store| {
        let digits = &store.image.as_str()[7..];
        let config = store
            .folder
            .path()
            .join("image/overlay2/imagedb/content/sha256")
            .join(digits);
        let mut text = std::fs::read_to_string(&config).unwrap();
        text = text.replace("RUN it", "RUN no");
        std::fs::write(config, text).unwrap();
    }));
    assert!(damaged(|store| std::fs::write(
        store.folder.path().join("engine-id"),
        "other"
    )
    .unwrap()));
    let mut store = GraphDriver::new();
    store.engine.driver = "vfs".into();
    assert!(store.details().is_none());
}
