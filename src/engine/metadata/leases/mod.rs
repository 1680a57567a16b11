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
mod tests;
