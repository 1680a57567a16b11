//! Who keeps what in containerd's store, as its own notes have it: the collector's graph of images, leases,
//! blobs and snapshots (ENGINE-CONTAINERD.md §2).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::reader::{MetadataReader, Space};
use crate::domain::item::ContainerId;
use crate::domain::store::content::leads_to_blob;
use crate::domain::text::Text;
use crate::engine::host::Root;

const SNAPSHOT_REFERENCE: &str = "containerd.io/gc.ref.snapshot.";

/// Who keeps a blob or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Keeper {
    Image,
    /// No image, but leases of these names: of containers, of build cache records, of something under way.
    Leases(Vec<Text>),
    /// The build history only.
    History,
    /// Another namespace of the same containerd: kubelet's, or that of `ctr` and `nerdctl`.
    OtherNamespace,
    Nobody,
}

/// Who keeps what.
pub(in crate::engine) struct Owners {
    blobs: HashMap<Text, Keeper>,
    /// By the numbers of their folders.
    snapshots: HashMap<u64, Keeper>,
    /// What it runs.
    containers: HashSet<Text>,
}

impl Owners {
    /// `None` where the notes cannot be read, or have another form.
    pub(in crate::engine) fn read(
        root: &Root,
        containerd: &Path,
        snapshotter: &str,
    ) -> Option<Self> {
        let notes = MetadataReader::read(root, containerd, snapshotter)?;
        let own = Graph::of(&notes.own, snapshotter);
        let history = Graph::of(&notes.history, snapshotter);
        let folders = notes.folders.iter();
        let folders = folders.map(|(name, folder)| (name.clone(), folder.number));
        let mut keepers = Self::of(&own, &history, &folders.collect());
        for digest in notes.foreign {
            keepers
                .blobs
                .entry(digest)
                .or_insert(Keeper::OtherNamespace);
        }
        for name in notes.foreign_snapshots {
            if let Some(folder) = notes.folders.get(&name) {
                let keeper = keepers.snapshots.entry(folder.number);
                keeper.or_insert(Keeper::OtherNamespace);
            }
        }
        Some(keepers)
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

    /// Returns true if it runs this container of the engine's.
    pub(in crate::engine) fn runs(&self, id: &ContainerId) -> bool {
        self.containers.contains(id.as_str())
    }

    pub(in crate::engine) fn of_blob(&self, digest: &str) -> Keeper {
        self.blobs.get(digest).cloned().unwrap_or(Keeper::Nobody)
    }

    pub(in crate::engine) fn of_snapshot(&self, folder: &str) -> Keeper {
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
    snapshots: HashMap<Text, NamedSnapshot>,
    images: Vec<Text>,
    leases: Vec<Lease>,
    containers: HashSet<Text>,
}

#[derive(Debug, Default)]
struct NamedSnapshot {
    /// What the snapshotter calls it.
    name: Text,
    parent: Option<Text>,
}

#[derive(Debug, Default)]
struct Lease {
    name: Text,
    flat: bool,
    keeps: Vec<Node>,
}

impl Graph {
    fn of(space: &Space, snapshotter: &str) -> Self {
        let refers = |labels: &[(Text, Text)]| {
            let refers = labels
                .iter()
                .filter_map(|(key, value)| refers_to(key, value, snapshotter));
            refers.collect()
        };
        let blobs = space.blobs.iter();
        let snapshots = space.snapshots.iter().map(|(key, row)| {
            let snapshot = NamedSnapshot {
                name: row.name.clone(),
                parent: row.parent.clone(),
            };
            (key.clone(), snapshot)
        });
        let leases = space.leases.iter().map(|(name, lease)| {
            let blobs = lease.blobs.iter().cloned().map(Node::Blob);
            let snapshots = lease.snapshots.iter().cloned().map(Node::Snapshot);
            Lease {
                name: name.clone(),
                flat: lease.is_flat,
                keeps: blobs.chain(snapshots).collect(),
            }
        });
        Self {
            blobs: blobs
                .map(|blob| (blob.digest.clone(), refers(&blob.labels)))
                .collect(),
            snapshots: snapshots.collect(),
            images: space.images.iter().map(|it| it.target.clone()).collect(),
            leases: leases.collect(),
            containers: space.containers.clone(),
        }
    }

    /// Returns everything that is kept, and by whom.
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
                    let snapshot = self.snapshots.get(key);
                    let parent = snapshot.and_then(|snapshot| snapshot.parent.clone());
                    open.extend(parent.map(Node::Snapshot));
                }
            }
        }
        reached
    }
}

/// Returns what a label refers to.
fn refers_to(key: &str, value: &Text, snapshotter: &str) -> Option<Node> {
    if leads_to_blob(key) {
        return Some(Node::Blob(value.clone()));
    }
    // More may follow, behind a dot or a slash.
    let is_named = |rest: &str| rest.is_empty() || rest.starts_with(['.', '/']);
    let name = key.strip_prefix(SNAPSHOT_REFERENCE)?;
    let is_named = name.strip_prefix(snapshotter).is_some_and(is_named);
    is_named.then(|| Node::Snapshot(value.clone()))
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

    /// Returns an image of a manifest, a config and a layer; a record's step on its layer, with a blob of its own; a
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
                    let snapshot = NamedSnapshot {
                        name: format!("moby/1/{name}").into(),
                        parent: parent.map(Text::from),
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
        let keepers = Owners::of(&graph(), &history, &folders.into());
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
}
