//! Who keeps what in containerd's store, as its own notes have it: the collector's graph of images, leases,
//! blobs and snapshots (ENGINE-CONTAINERD.md §2), read from its database files.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::Root;
use super::bolt::{Bolt, Bucket, Value};
use super::layers::database;
use crate::domain::item::{ContainerId, Text};

/// The engine's namespace, and that of its build history.
const OWN: &str = "moby";
const HISTORY: &str = "moby_history";
const CONTENT_REFERENCE: &str = "containerd.io/gc.ref.content";
const SNAPSHOT_REFERENCE: &str = "containerd.io/gc.ref.snapshot.";
/// A lease with it keeps what it names, and not what that refers to.
const FLAT: &str = "containerd.io/gc.flat";

/// Who keeps a blob or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    Image,
    /// No image, but leases of these names: of containers, of build cache records, of something under way.
    Leases(Vec<Text>),
    /// The build history only.
    History,
    Nobody,
}

/// Who keeps what.
pub(super) struct Keepers {
    blobs: HashMap<Text, Keeper>,
    /// By the numbers of their folders.
    snapshots: HashMap<u64, Keeper>,
    /// What it runs.
    containers: HashSet<Text>,
}

impl Keepers {
    /// `None` where the notes cannot be read, or have another form.
    pub(super) fn read(root: &Root, containerd: &Path, snapshotter: &str) -> Option<Self> {
        let meta = containerd.join("io.containerd.metadata.v1.bolt/meta.db");
        let folder = format!("io.containerd.snapshotter.v1.{snapshotter}/metadata.db");
        let graphs = database(root, &meta, |bolt| {
            let top = bucket(bolt, &bolt.root(), "v1")?;
            // Without a namespace of its own the engine keeps its things in another one, of which nothing is known.
            let own = Graph::read(bolt, &bucket(bolt, &top, OWN)?, snapshotter)?;
            let history = match bucket(bolt, &top, HISTORY) {
                Some(history) => Graph::read(bolt, &history, snapshotter)?,
                None => Graph::default(),
            };
            Some((own, history))
        })?;
        let folders = database(root, &containerd.join(folder), numbers)?;
        Some(Self::of(&graphs.0, &graphs.1, &folders))
    }

    fn of(own: &Graph, history: &Graph, folders: &HashMap<Text, u64>) -> Self {
        let kept = own.keepers();
        let mut blobs = HashMap::new();
        let mut snapshots = HashMap::new();
        for (node, keeper) in &kept {
            match node {
                Node::Blob(digest) => {
                    blobs.insert(digest.clone(), keeper.clone());
                }
                Node::Snapshot(key) => {
                    let name = own.snapshots.get(key).map(|snapshot| &snapshot.name);
                    if let Some(number) = name.and_then(|name| folders.get(name)) {
                        snapshots.insert(*number, keeper.clone());
                    }
                }
            }
        }
        for node in history.keepers().into_keys() {
            if let Node::Blob(digest) = node {
                blobs.entry(digest).or_insert(Keeper::History);
            }
        }
        Self {
            blobs,
            snapshots,
            containers: own.containers.clone(),
        }
    }

    /// True if it runs this container of the engine's.
    pub(super) fn runs(&self, id: &ContainerId) -> bool {
        self.containers.contains(id.as_str())
    }

    pub(super) fn of_blob(&self, digest: &str) -> Keeper {
        self.blobs.get(digest).cloned().unwrap_or(Keeper::Nobody)
    }

    pub(super) fn of_snapshot(&self, folder: &str) -> Keeper {
        let number = folder.parse().ok();
        let keeper = number.and_then(|number: u64| self.snapshots.get(&number));
        keeper.cloned().unwrap_or(Keeper::Nobody)
    }
}

/// Something that the collector keeps or takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Blob(Text),
    Snapshot(Text),
}

/// What one namespace notes.
#[derive(Debug, Default)]
struct Graph {
    /// What each blob refers to.
    blobs: HashMap<Text, Vec<Node>>,
    snapshots: HashMap<Text, Snapshot>,
    images: Vec<Text>,
    leases: Vec<Lease>,
    containers: HashSet<Text>,
}

#[derive(Debug, Default)]
struct Snapshot {
    /// What the snapshotter calls it.
    name: Text,
    parent: Option<Text>,
    refers: Vec<Node>,
}

#[derive(Debug, Default)]
struct Lease {
    name: Text,
    flat: bool,
    keeps: Vec<Node>,
}

impl Graph {
    fn read(bolt: &Bolt<'_>, namespace: &Bucket<'_>, snapshotter: &str) -> Option<Self> {
        let mut graph = Self::default();
        let labels = |of: &Bucket<'_>| labels(bolt, of, snapshotter);
        // What is not there is empty; what cannot be read leaves all of it unknown.
        let below = |path: &[&str]| {
            let mut at = None;
            for name in path {
                match bucket(bolt, at.as_ref().unwrap_or(namespace), name) {
                    Some(found) => at = Some(found),
                    None => return Some(Vec::new()),
                }
            }
            buckets(bolt, at.as_ref().unwrap_or(namespace))
        };
        for (digest, blob) in below(&["content", "blob"])? {
            graph.blobs.insert(digest, labels(&blob)?.0);
        }
        for (key, own) in below(&["snapshots", snapshotter])? {
            let snapshot = Snapshot {
                name: text(bolt, &own, "name").unwrap_or_default(),
                parent: text(bolt, &own, "parent").filter(|parent| !parent.is_empty()),
                refers: labels(&own)?.0,
            };
            graph.snapshots.insert(key, snapshot);
        }
        for (_, image) in below(&["images"])? {
            let target = bucket(bolt, &image, "target");
            let digest = target.and_then(|target| text(bolt, &target, "digest"));
            graph.images.extend(digest);
        }
        for (name, own) in below(&["leases"])? {
            let mut keeps = Vec::new();
            if let Some(content) = bucket(bolt, &own, "content") {
                keeps.extend(keys(bolt, &content)?.into_iter().map(Node::Blob));
            }
            let snapshots = bucket(bolt, &own, "snapshots");
            if let Some(snapshots) = snapshots.and_then(|it| bucket(bolt, &it, snapshotter)) {
                keeps.extend(keys(bolt, &snapshots)?.into_iter().map(Node::Snapshot));
            }
            let flat = labels(&own)?.1;
            graph.leases.push(Lease { name, flat, keeps });
        }
        let running = below(&["containers"])?.into_iter();
        graph.containers = running.map(|(id, _)| id).collect();
        Some(graph)
    }

    /// Everything that is kept, and by whom.
    fn keepers(&self) -> HashMap<Node, Keeper> {
        let images = self.images.iter().cloned().map(Node::Blob);
        let mut kept: HashMap<Node, Keeper> = self
            .reached(images, false)
            .into_iter()
            .map(|node| (node, Keeper::Image))
            .collect();
        for lease in &self.leases {
            for node in self.reached(lease.keeps.iter().cloned(), lease.flat) {
                let keeper = kept.entry(node).or_insert(Keeper::Leases(Vec::new()));
                if let Keeper::Leases(names) = keeper {
                    names.push(lease.name.clone());
                }
            }
        }
        kept
    }

    fn reached(&self, from: impl Iterator<Item = Node>, flat: bool) -> HashSet<Node> {
        let mut open: Vec<Node> = from.collect();
        let mut reached = HashSet::new();
        while let Some(node) = open.pop() {
            if !reached.insert(node.clone()) {
                continue;
            }
            match &node {
                Node::Blob(digest) => {
                    let refers = self.blobs.get(digest).filter(|_| !flat);
                    open.extend(refers.into_iter().flatten().cloned());
                }
                Node::Snapshot(key) => {
                    if let Some(snapshot) = self.snapshots.get(key) {
                        open.extend(snapshot.parent.clone().map(Node::Snapshot));
                        let refers = snapshot.refers.iter().filter(|_| !flat);
                        open.extend(refers.cloned());
                    }
                }
            }
        }
        reached
    }
}

/// What the labels of something refer to, and whether they say that nothing is followed.
fn labels(bolt: &Bolt<'_>, of: &Bucket<'_>, snapshotter: &str) -> Option<(Vec<Node>, bool)> {
    let Some(labels) = bucket(bolt, of, "labels") else {
        return Some((Vec::new(), false));
    };
    let (mut refers, mut flat) = (Vec::new(), false);
    for (key, value) in bolt.entries(&labels)? {
        let (Ok(key), Value::Bytes(value)) = (std::str::from_utf8(key), value) else {
            continue;
        };
        let Ok(value) = std::str::from_utf8(value) else {
            continue;
        };
        flat |= key == FLAT;
        // More may follow, behind a dot or a slash.
        let is_named = |rest: &str| rest.is_empty() || rest.starts_with(['.', '/']);
        if key.strip_prefix(CONTENT_REFERENCE).is_some_and(is_named) {
            refers.push(Node::Blob(value.into()));
        } else if let Some(name) = key.strip_prefix(SNAPSHOT_REFERENCE)
            && name.strip_prefix(snapshotter).is_some_and(is_named)
        {
            refers.push(Node::Snapshot(value.into()));
        }
    }
    Some((refers, flat))
}

/// The numbers of a snapshotter's folders, by the names that it has for them.
fn numbers(bolt: &Bolt<'_>) -> Option<HashMap<Text, u64>> {
    let top = bucket(bolt, &bolt.root(), "v1")?;
    let Some(snapshots) = bucket(bolt, &top, "snapshots") else {
        return Some(HashMap::new());
    };
    let own = buckets(bolt, &snapshots)?.into_iter();
    let numbered = own.filter_map(|(name, own)| {
        let entries = bolt.entries(&own)?;
        let number = entries.iter().find_map(|(key, value)| match value {
            Value::Bytes(bytes) if *key == b"id" => varint(bytes),
            Value::Bytes(_) | Value::Bucket(_) => None,
        })?;
        Some((name, number))
    });
    Some(numbered.collect())
}

/// A number as Go's `binary.PutUvarint` writes it.
fn varint(bytes: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let shift = u32::try_from(at * 7).ok()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn bucket<'a>(bolt: &Bolt<'a>, of: &Bucket<'a>, name: &str) -> Option<Bucket<'a>> {
    let entries = bolt.entries(of)?.into_iter();
    let mut named = entries.filter(|(key, _)| *key == name.as_bytes());
    match named.next()?.1 {
        Value::Bucket(bucket) => Some(bucket),
        Value::Bytes(_) => None,
    }
}

fn buckets<'a>(bolt: &Bolt<'a>, of: &Bucket<'a>) -> Option<Vec<(Text, Bucket<'a>)>> {
    let entries = bolt.entries(of)?.into_iter();
    let buckets = entries.filter_map(|(key, value)| match value {
        Value::Bucket(bucket) => Some((std::str::from_utf8(key).ok()?.into(), bucket)),
        Value::Bytes(_) => None,
    });
    Some(buckets.collect())
}

fn keys(bolt: &Bolt<'_>, of: &Bucket<'_>) -> Option<Vec<Text>> {
    let entries = bolt.entries(of)?.into_iter();
    let keys = entries.filter_map(|(key, _)| std::str::from_utf8(key).ok());
    Some(keys.map(Text::from).collect())
}

fn text(bolt: &Bolt<'_>, of: &Bucket<'_>, name: &str) -> Option<Text> {
    let entries = bolt.entries(of)?.into_iter();
    let mut named = entries.filter(|(key, _)| *key == name.as_bytes());
    match named.next()?.1 {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Text::from),
        Value::Bucket(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(name: &str) -> Node {
        Node::Blob(name.into())
    }

    fn snapshot(name: &str) -> Node {
        Node::Snapshot(name.into())
    }

    fn lease(name: &str, flat: bool, keeps: &[Node]) -> Lease {
        Lease {
            name: name.into(),
            flat,
            keeps: keeps.to_vec(),
        }
    }

    /// An image of a manifest, a config and a layer; a record's step on its layer, with a blob of its own; a
    /// manifest that only a lease of a pull keeps; a blob and a snapshot that nobody keeps.
    fn graph() -> Graph {
        let blobs = [
            ("manifest", vec![blob("config"), blob("layer")]),
            ("config", vec![snapshot("chain")]),
            ("layer", vec![]),
            ("step", vec![]),
            ("fetched", vec![blob("half")]),
            ("half", vec![]),
            ("lost", vec![]),
        ];
        let snapshots = [("chain", None), ("own", Some("chain")), ("lost", None)];
        Graph {
            blobs: blobs.map(|(name, refers)| (name.into(), refers)).into(),
            snapshots: snapshots
                .map(|(name, parent)| {
                    let snapshot = Snapshot {
                        name: format!("moby/1/{name}").into(),
                        parent: parent.map(Text::from),
                        refers: Vec::new(),
                    };
                    (name.into(), snapshot)
                })
                .into(),
            images: vec!["manifest".into()],
            leases: vec![
                lease("record", true, &[snapshot("own"), blob("step")]),
                lease("again", true, &[blob("step"), blob("fetched")]),
                lease("pull", false, &[blob("fetched"), blob("layer")]),
            ],
            containers: HashSet::new(),
        }
    }

    #[test]
    fn what_no_image_keeps_has_the_names_of_its_leases() {
        let history = Graph {
            blobs: [("log".into(), vec![]), ("manifest".into(), vec![])].into(),
            leases: vec![lease("ref_x", false, &[blob("log"), blob("manifest")])],
            ..Graph::default()
        };
        let folders = [("chain", 4), ("own", 5), ("lost", 6)];
        let folders = folders.map(|(name, number)| (format!("moby/1/{name}").into(), number));
        let keepers = Keepers::of(&graph(), &history, &folders.into());
        let by =
            |names: &[&str]| Keeper::Leases(names.iter().map(|name| Text::from(*name)).collect());
        for (digest, keeper) in [
            ("manifest", Keeper::Image),
            ("layer", Keeper::Image),
            ("step", by(&["record", "again"])),
            ("fetched", by(&["again", "pull"])),
            // A flat lease keeps what it names and no more.
            ("half", by(&["pull"])),
            ("log", Keeper::History),
            ("lost", Keeper::Nobody),
            ("in no list", Keeper::Nobody),
        ] {
            assert_eq!(keepers.of_blob(digest), keeper, "{digest}");
        }
        for (folder, keeper) in [
            ("4", Keeper::Image),
            ("5", by(&["record"])),
            ("6", Keeper::Nobody),
            ("new-123", Keeper::Nobody),
        ] {
            assert_eq!(keepers.of_snapshot(folder), keeper, "{folder}");
        }
    }

    #[test]
    fn what_refers_in_circles_ends() {
        let mut graph = graph();
        graph.blobs.insert("layer".into(), vec![blob("manifest")]);
        let own = graph.snapshots.get_mut("chain").unwrap();
        own.parent = Some("own".into());
        assert_eq!(graph.keepers()[&snapshot("own")], Keeper::Image);
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        assert_eq!(varint(&[5]), Some(5));
        assert_eq!(varint(&[0x8a, 0xa4, 0x80, 0x02]), Some(4_198_922));
        assert_eq!(varint(&[0xff; 12]), None);
        assert_eq!(varint(&[]), None);
    }
}
