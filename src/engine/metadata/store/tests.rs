//! Notes in files that are written as bbolt writes them, as they should be and as they should not.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::domain::bytes::Bytes;
use crate::domain::item::{ContainerId, ImageId, RecordId};
use crate::domain::store::content::BlobList;
use crate::domain::store::metadata::LeaseTerm;
use crate::domain::text::Text;
use crate::engine::metadata::bolt::checksum;

const PAGE: usize = 4096;
const META: &str = "containerd/daemon/io.containerd.metadata.v1.bolt/meta.db";
const FOLDERS: &str = "containerd/daemon/io.containerd.snapshotter.v1.overlayfs/metadata.db";
pub(in crate::engine) const BLOBS: &str =
    "containerd/daemon/io.containerd.content.v1.content/blobs/sha256";
const CONTAINER: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

/// A value, or a bucket of them.
#[derive(Clone, Debug)]
enum Node {
    Value(Vec<u8>),
    Bucket(Tree),
}

type Tree = BTreeMap<String, Node>;

/// Returns a bucket of what a path leads to each time.
fn tree(entries: &[(&str, Vec<u8>)]) -> Tree {
    let mut tree = Tree::new();
    for (path, value) in entries {
        put(&mut tree, path, value.clone());
    }
    tree
}

fn put(tree: &mut Tree, path: &str, value: Vec<u8>) {
    let Some((first, rest)) = path.split_once(' ') else {
        tree.insert(path.to_owned(), Node::Value(value));
        return;
    };
    let below = tree.entry(first.to_owned());
    let below = below.or_insert_with(|| Node::Bucket(Tree::new()));
    if let Node::Bucket(below) = below {
        put(below, rest, value);
    }
}

fn leaf(id: u64, tree: &Tree) -> Vec<u8> {
    let mut page = id.to_ne_bytes().to_vec();
    page.extend(2_u16.to_ne_bytes());
    page.extend(u16::try_from(tree.len()).unwrap().to_ne_bytes());
    page.extend([0; 4]);
    let mut data: Vec<u8> = Vec::new();
    for (index, (key, node)) in tree.iter().enumerate() {
        let (flags, value) = match node {
            Node::Value(value) => (0_u32, value.clone()),
            Node::Bucket(below) => (1, [vec![0; 16], leaf(0, below)].concat()),
        };
        page.extend(flags.to_ne_bytes());
        let start = (tree.len() - index) * 16 + data.len();
        for length in [start, key.len(), value.len()] {
            page.extend(u32::try_from(length).unwrap().to_ne_bytes());
        }
        data.extend(key.as_bytes());
        data.extend(value);
    }
    page.extend(data);
    page
}

fn meta(id: u64, transaction: u64) -> Vec<u8> {
    let mut page = id.to_ne_bytes().to_vec();
    page.extend([4, 0, 0, 0, 0, 0, 0, 0]);
    let mut meta = 0xED0C_DAED_u32.to_ne_bytes().to_vec();
    for number in [2, 4096, 0_u32] {
        meta.extend(number.to_ne_bytes());
    }
    for number in [2, 0, 0, 9, transaction] {
        meta.extend(number.to_ne_bytes());
    }
    meta.extend(checksum(&meta).to_ne_bytes());
    page.extend(meta);
    page.resize(PAGE, 0);
    page
}

fn file(tree: &Tree, transaction: u64) -> Vec<u8> {
    let mut leaf = leaf(2, tree);
    // How many pages more it takes.
    let more = u32::try_from((leaf.len() - 1) / PAGE).unwrap();
    leaf[12..16].copy_from_slice(&more.to_ne_bytes());
    [meta(0, transaction - 1), meta(1, transaction), leaf].concat()
}

/// As `binary.PutUvarint` writes it.
fn unsigned(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn signed(number: u64) -> Vec<u8> {
    unsigned(number << 1)
}

pub(in crate::engine) fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

/// Returns an image of a manifest, a config and a layer that is unpacked; a record's step on it and a container; a
/// record of a base whose image is gone; leases of a build and a pull, and what the build history keeps.
fn store() -> (Tree, Tree) {
    let mut meta = tree(&[("v1 version", vec![3])]);
    put_leases(&mut meta);
    put_blobs(&mut meta);
    let mut folders = Tree::new();
    let (chain, gone_chain) = (digest('1'), digest('2'));
    let snapshots = [
        (chain.as_str(), "", Some(8_192)),
        ("own", &chain, Some(4_096)),
        (CONTAINER, &chain, None),
        (&gone_chain, "", Some(65_536)),
    ];
    for (number, (key, parent, size)) in (0_u64..).zip(snapshots) {
        let name = format!("moby/{number}/{key}");
        let row = format!("v1 moby snapshots overlayfs {key}");
        put(&mut meta, &format!("{row} name"), name.clone().into());
        put(&mut meta, &format!("{row} parent"), parent.into());
        let row = format!("v1 snapshots {name}");
        put(&mut folders, &format!("{row} id"), unsigned(number + 200));
        let kind = if size.is_some() { 3 } else { 2 };
        put(&mut folders, &format!("{row} kind"), vec![kind]);
        if let Some(size) = size {
            put(&mut folders, &format!("{row} size"), signed(size));
        }
    }
    let label = "v1 moby snapshots overlayfs own labels buildkit.mergeUsageSize";
    put(&mut meta, label, "1096".into());
    (meta, folders)
}

fn put_leases(meta: &mut Tree) {
    let flat = "labels containerd.io/gc.flat".to_owned();
    let expires = "labels containerd.io/gc.expire".to_owned();
    let of_build = "labels buildkit/lease.temporary".to_owned();
    let blob = |letter| format!("content {}", digest(letter));
    let snapshot = |key: &str| format!("snapshots overlayfs {key}");
    for (name, until) in [
        ("b", "2999-01-01T00:00:00Z"),
        ("past", "2020-01-01T00:00:00Z"),
    ] {
        let label = format!("v1 moby leases {name} {expires}");
        put(meta, &label, until.into());
    }
    for (name, parts) in [
        ("rec", vec![flat.clone(), blob('d'), snapshot("own")]),
        ("old", vec![flat, blob('e'), snapshot(&digest('2'))]),
        (CONTAINER, vec![snapshot(CONTAINER)]),
        ("b", vec![of_build, blob('a')]),
        ("p", vec![expires]),
    ] {
        for part in parts {
            put(meta, &format!("v1 moby leases {name} {part}"), Vec::new());
        }
    }
}

fn put_blobs(meta: &mut Tree) {
    put(
        meta,
        "v1 moby images docker.io/library/x:1 target digest",
        digest('a').into(),
    );
    let label = |key: &str, letter| Some((format!("labels containerd.io/{key}"), digest(letter)));
    for (space, letter, size, label) in [
        ("moby", 'a', 100, label("gc.ref.content.config", 'b')),
        ("moby", 'a', 100, label("gc.ref.content.l.0", 'c')),
        ("moby", 'b', 200, label("gc.ref.snapshot.overlayfs", '1')),
        ("moby", 'c', 300, label("uncompressed", '1')),
        ("moby", 'd', 77_000, label("uncompressed", 'f')),
        ("moby", 'e', 5_000, None),
        ("moby_history", 'f', 9, None),
        ("moby_history", 'b', 200, None),
        ("k8s.io", 'c', 300, None),
        ("k8s.io", '8', 400, None),
    ] {
        let blob = format!("v1 {space} content blob {}", digest(letter));
        put(meta, &format!("{blob} size"), signed(size));
        if let Some((key, value)) = label {
            put(meta, &format!("{blob} {key}"), value.into());
        }
    }
}

/// An engine's folder with such files.
pub(in crate::engine) struct Place(TempDir);

impl Place {
    fn new(meta: &[u8], folders: &[u8]) -> Self {
        let place = Self(TempDir::new().unwrap());
        place.write("engine-id", b"here");
        place.write(META, meta);
        place.write(FOLDERS, folders);
        for (letter, content) in [('a', "{}"), ('b', "config")] {
            let blob = format!("{BLOBS}/{}", letter.to_string().repeat(64));
            place.write(&blob, content.as_bytes());
        }
        place
    }

    pub(in crate::engine) fn stored() -> Self {
        let (meta, folders) = store();
        Self::new(&file(&meta, 7), &file(&folders, 3))
    }

    /// With further values in the engine's namespace, by the way to each.
    pub(in crate::engine) fn with(values: &[(String, String)]) -> Self {
        let (mut meta, folders) = store();
        for (path, value) in values {
            put(&mut meta, &format!("v1 moby {path}"), value.as_str().into());
        }
        Self::new(&file(&meta, 7), &file(&folders, 3))
    }

    pub(in crate::engine) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes the documents of the image and its layer.
    pub(in crate::engine) fn write_image(&self) {
        let layer = "application/vnd.oci.image.layer.v1.tar";
        let manifest = json!({
            "config": {"digest": digest('b')},
            "layers": [{"digest": digest('c'), "mediaType": layer}],
        });
        let config = json!({
            "created": "2026-11-21T11:00:45Z",
            "rootfs": {"diff_ids": [digest('1')]},
            "history": [{"created_by": "RUN x"}],
        });
        for (letter, content) in [('a', manifest), ('b', config)] {
            let blob = format!("{BLOBS}/{}", letter.to_string().repeat(64));
            self.write(&blob, content.to_string().as_bytes());
        }
    }

    /// Locks the database as whoever works with it does.
    pub(in crate::engine) fn in_use(&self) -> fs::File {
        let file = fs::File::open(self.0.path().join(META)).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        file
    }

    pub(in crate::engine) fn engine(&self) -> EngineInfo {
        EngineInfo {
            host: "unix:///run/x.sock".into(),
            root: self.0.path().to_str().unwrap().into(),
            engine_id: "here".into(),
            driver: "overlayfs".into(),
            store: Store::Containerd,
            ..EngineInfo::default()
        }
    }

    pub(in crate::engine) fn noted(&self) -> Option<StoreReading> {
        StoreReading::of(&self.engine(), &known())
    }
}

/// Returns all that the engine lists.
pub(in crate::engine) fn known() -> ListedIds {
    ListedIds {
        images: vec![ImageId::new(digest('a'))],
        containers: vec![ContainerId::new(CONTAINER)],
        records: vec![RecordId::new("rec")],
        ..ListedIds::default()
    }
}

/// Before images are listed, a store is the engine's where somebody works with it, and it has all of its containers.
#[test]
fn a_store_is_shown_to_be_the_engines_before_its_images_are_listed() {
    let place = Place::stored();
    let shown = |engine: &EngineInfo, known: &ListedIds| {
        let found = StoreReading::before_images(engine, known);
        found.map(|(_, shown)| shown)
    };
    let by_place = || Ok(Shown::ByPlace);
    let (engine, known) = (place.engine(), known());
    assert_eq!(
        shown(&engine, &known),
        Err(StoreUnread::NotHere),
        "it was left behind"
    );
    let lock = place.in_use();
    assert_eq!(shown(&engine, &known), by_place());
    let none = ListedIds::default();
    let first = Shown::ByImage(known.images[0].clone());
    assert_eq!(
        shown(&engine, &none),
        Ok(first),
        "its namespace may be another"
    );
    let in_namespace = |namespace: &str| EngineInfo {
        namespace: Some(namespace.into()),
        ..engine.clone()
    };
    assert_eq!(shown(&in_namespace("moby"), &none), by_place());
    let why = shown(&in_namespace("moby-1000.1000"), &known);
    assert_eq!(why, Err(StoreUnread::Namespace));
    let mut others = known.clone();
    others.containers.push(ContainerId::new("0".repeat(64)));
    assert_eq!(shown(&engine, &others), Err(StoreUnread::Foreign));
    others.leaving = vec![ContainerId::new("0".repeat(64))];
    assert_eq!(shown(&engine, &others), by_place());
    let elsewhere = EngineInfo {
        engine_id: "elsewhere".into(),
        ..engine.clone()
    };
    let why = shown(&elsewhere, &known);
    assert!(matches!(why, Err(StoreUnread::NotLocal(_))), "{why:?}");
    // A page that somebody was writing, and what has another form.
    place.write(FOLDERS, &[0; 512]);
    assert_eq!(shown(&engine, &known), Err(StoreUnread::Illegible));
    drop(lock);
    assert_eq!(shown(&engine, &known), Err(StoreUnread::NotHere));
}

#[test]
fn notes_tell_blobs_snapshots_and_leases() {
    let place = Place::stored();
    let StoreReading {
        listed,
        notes,
        documents,
        ..
    } = place.noted().unwrap();
    let size = |key: &str| notes.snapshots[key].size;
    assert_eq!(size(&digest('1')), Some(Bytes(8_192)));
    assert_eq!(size(&digest('2')), Some(Bytes(65_536)));
    assert_eq!(size(CONTAINER), None);
    assert_eq!(notes.snapshots["own"].linked, Bytes(3_000));
    assert_eq!(notes.snapshots[&*digest('1')].linked, Bytes::ZERO);
    assert_eq!(notes.snapshots["own"].parent, Some(Text::from(digest('1'))));
    assert_eq!(notes.snapshots[&*digest('1')].parent, None);
    assert_eq!(notes.images.len(), 1);
    let lease = |name: &str| &notes.leases[name];
    assert!(lease("rec").is_flat && !lease("b").is_flat);
    assert_eq!(lease("rec").blobs, [Text::from(digest('d'))]);
    assert_eq!(lease("old").snapshots, [Text::from(digest('2'))]);
    let terms = ["rec", CONTAINER, "b", "p"].map(|name| lease(name).term);
    assert_eq!(
        terms,
        [
            LeaseTerm::Open,
            LeaseTerm::Open,
            LeaseTerm::Build,
            LeaseTerm::Expires
        ]
    );
    // The build history's two, and one of the engine's own that another namespace has.
    let letters = ['f', 'b', 'c'].map(digest);
    for letter in &letters {
        assert!(notes.elsewhere.contains(&Text::from(&**letter)));
    }
    assert_eq!(notes.elsewhere.len(), letters.len());
    // Its time is over, so it keeps nothing any more.
    assert!(!notes.leases.contains_key("past"));
    let list = BlobList::new(listed).with_notes(Arc::clone(&notes));
    assert_eq!(list.blobs().len(), 6);
    let blob = |letter| list.blob(list.position(&digest(letter)).unwrap()).unwrap();
    assert_eq!(blob('d').size, Bytes(77_000));
    assert_eq!(blob('b').unpacked.as_ref().unwrap().as_str(), digest('1'));
    assert_eq!(blob('a').refers.len(), 2);
    let read = |digest: &str| documents.read(digest);
    assert_eq!(read(&digest('b')).as_deref(), Some(&b"config"[..]));
    assert_eq!(read(&digest('c')), None);
    assert_eq!(read("sha256:../../../engine-id"), None);
}

#[test]
fn a_remapped_engines_containerd_lies_above_its_root() {
    let place = Place::stored();
    place.write("100000.100000/engine-id", b"here");
    let of = |root: &str| {
        let root = place.0.path().join(root).to_str().unwrap().into();
        let engine = EngineInfo {
            root,
            ..place.engine()
        };
        StoreReading::of(&engine, &known())
    };
    let noted = of("100000.100000").unwrap();
    assert!(noted.documents.read(&digest('b')).is_some());
    // Any other folder is none of the engine's making.
    for name in ["data", "1.", "a.b", "1.2.3"] {
        place.write(&format!("{name}/engine-id"), b"here");
        assert!(of(name).is_none(), "{name}");
    }
    let mut other = known();
    other.images.push(ImageId::new(digest('9')));
    let root = place.0.path().join("100000.100000");
    let engine = EngineInfo {
        root: root.to_str().unwrap().into(),
        ..place.engine()
    };
    assert!(StoreReading::of(&engine, &other).is_none());
}

#[test]
fn notes_of_another_engine_are_not_taken() {
    let place = Place::stored();
    let other = |change: fn(&mut EngineInfo, &mut ListedIds)| {
        let (mut engine, mut known) = (place.engine(), known());
        change(&mut engine, &mut known);
        StoreReading::of(&engine, &known).is_none()
    };
    assert!(other(|engine, _| engine.engine_id = "elsewhere".into()));
    assert!(other(|engine, _| engine.host = "tcp://far:2375".into()));
    assert!(other(|engine, _| engine.store = Store::GraphDriver));
    assert!(other(|engine, _| engine.driver = "native".into()));
    // Its content is there, but no name stands for it.
    assert!(other(|_, known| known
        .images
        .push(ImageId::new(digest('b')))));
    assert!(other(|_, known| known
        .images
        .push(ImageId::new(digest('9')))));
    let container = CONTAINER.replace('5', "6");
    let other_container = ListedIds {
        containers: vec![ContainerId::new(container)],
        ..known()
    };
    assert!(StoreReading::of(&place.engine(), &other_container).is_none());
    // One that could not be removed may have no lease any more.
    let mut dead = known();
    let id = ContainerId::new(CONTAINER.replace('5', "6"));
    dead.containers.push(id.clone());
    assert!(StoreReading::of(&place.engine(), &dead).is_none());
    dead.leaving.push(id);
    assert!(StoreReading::of(&place.engine(), &dead).is_some());
}

#[test]
fn files_that_are_cut_off_or_damaged_tell_nothing_that_is_not_so() {
    let (meta, folders) = store();
    let (meta, folders) = (file(&meta, 7), file(&folders, 3));
    let place = Place::new(&meta, &folders);
    let truth = place.noted().unwrap();
    // Behind what a page holds nothing stands: what is left of a file is all of it, or nothing.
    for (path, whole) in [(META, &meta), (FOLDERS, &folders)] {
        for end in (0..whole.len()).step_by(37) {
            place.write(path, &whole[..end]);
            assert!(place.noted().is_none(), "{path} {end}");
        }
        for at in (2 * PAGE..whole.len()).step_by(11) {
            let mut damaged = whole.clone();
            damaged[at] = !damaged[at];
            place.write(path, &damaged);
            // No sum is over a page, so all that can be asked for is an end without a panic.
            let _ = place.noted();
        }
        // One that leads in circles, and one whose newest state is not whole.
        let mut circle = whole.clone();
        circle[2 * PAGE + 8] = 1;
        place.write(path, &circle);
        assert!(place.noted().is_none(), "{path}");
        place.write(path, whole);
    }
    assert_eq!(place.noted().unwrap().notes, truth.notes);
    // Another form.
    let (mut other, folders) = store();
    put(
        &mut other,
        "v1 moby content blob other size",
        vec![0xff; 12],
    );
    assert!(
        Place::new(&file(&other, 7), &file(&folders, 3))
            .noted()
            .is_none()
    );
    let (meta, mut other) = store();
    put(&mut other, "v1 snapshots moby/1/own kind", vec![3, 3]);
    let found = Place::new(&file(&meta, 7), &file(&other, 3)).noted();
    assert_eq!(found.unwrap().notes.snapshots["own"].size, None);
    let (meta, mut other) = store();
    put(&mut other, "v1 snapshots moby/1/own size", vec![5]);
    assert!(
        Place::new(&file(&meta, 7), &file(&other, 3))
            .noted()
            .is_none(),
        "below zero"
    );
    let (mut meta, other) = store();
    put(
        &mut meta,
        "v1 moby snapshots overlayfs new name",
        b"moby/9/new".to_vec(),
    );
    assert!(
        Place::new(&file(&meta, 7), &file(&other, 3))
            .noted()
            .is_none()
    );
}

/// Two states, between which a writer goes to and fro while they are read: what is told is one or the other.
#[test]
fn what_is_being_written_is_told_whole_or_not_at_all() {
    let state = |size: u64| {
        let (mut meta, mut folders) = store();
        for (number, key) in [(0, digest('1')), (3, digest('2'))] {
            let row = format!("v1 snapshots moby/{number}/{key}");
            put(&mut folders, &format!("{row} size"), signed(size));
        }
        let blob = format!("v1 moby content blob {} size", digest('d'));
        put(&mut meta, &blob, signed(size));
        (meta, folders)
    };
    let (one, other) = (state(4_096), state(8_192));
    let place = Place::new(&file(&one.0, 2), &file(&one.1, 2));
    let done = AtomicBool::new(false);
    let mut told = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut transaction = 3;
            while !done.load(Ordering::Relaxed) {
                let state = if transaction % 2 == 0 { &one } else { &other };
                place.write(META, &file(&state.0, transaction));
                place.write(FOLDERS, &file(&state.1, transaction));
                transaction += 1;
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        for _ in 0..300 {
            if let Some(noted) = place.noted() {
                told += 1;
                let sizes = ['1', '2'].map(|chain| noted.notes.snapshots[&*digest(chain)].size);
                assert_eq!(sizes[0], sizes[1]);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(told > 0);
}
