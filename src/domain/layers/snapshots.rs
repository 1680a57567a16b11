//! The containerd store's own notes of snapshots, joined with the tree of layers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::item::Container;
use crate::domain::store::metadata::MetadataDb;
use crate::domain::text::Text;

use super::span::Span;
use super::tree::UnitNo;
use super::tree::{LayerNo, Tree, number};

/// A block of a filesystem, as filesystems are made.
const BLOCK: u64 = 4096;

/// Notes, joined with the tree of layers.
pub(in crate::domain) struct SnapshotTree {
    pub(in crate::domain) notes: Arc<MetadataDb>,
    /// What each layer of the tree takes unpacked; nothing of those that are not. The builder takes this, and what is
    /// beside.
    pub(super) spans: Vec<Span>,
    /// What lies between a layer and the one below it in the tree: the classic builder's and a commit's snapshots
    /// for mounts (ENGINE-CONTAINERD.md §1).
    pub(super) beside: Vec<Bytes>,
    between: HashSet<Text>,
    /// By key: layers of the tree, and those of `others`.
    pub(in crate::domain) units: HashMap<Text, UnitNo>,
    /// Snapshots that are no layers of the tree, each after the one that it stands on.
    pub(in crate::domain) others: Vec<Other>,
}

/// A snapshot that is no layer of the tree.
pub(in crate::domain) struct Other {
    pub(in crate::domain) below: Option<UnitNo>,
    pub(in crate::domain) size: Bytes,
    /// It is named as layers of images are.
    pub(in crate::domain) is_layer: bool,
}

impl SnapshotTree {
    /// `first` is the unit of the first snapshot that is no layer of the tree.
    pub(super) fn new(
        notes: &Arc<MetadataDb>,
        inventory: &Inventory,
        tree: &Tree,
        first: UnitNo,
    ) -> Self {
        let mut snapshot_tree = Self {
            notes: Arc::clone(notes),
            spans: vec![Span::exactly(Bytes::ZERO); tree.len()],
            beside: vec![Bytes::ZERO; tree.len()],
            between: HashSet::new(),
            units: HashMap::new(),
            others: Vec::new(),
        };
        let mut there: Vec<(Text, LayerNo)> = Vec::new();
        for (layer, chain) in tree.numbers().zip(tree.all_chain_ids()) {
            if let Some((key, snapshot)) = notes.snapshots.get_key_value(&chain.text()) {
                let size = snapshot.own();
                let size = size.map_or(Span::UNKNOWN, |size| range(notes, size));
                snapshot_tree.spans[layer as usize] = size;
                snapshot_tree.units.insert(key.clone(), layer);
                there.push((key.clone(), layer));
            }
        }
        for (chain, layer) in there {
            snapshot_tree.count_beside(&chain, layer);
        }
        let mut apart = snapshot_tree.between.clone();
        for container in &inventory.containers {
            apart.extend(snapshot_tree.own_keys(container).cloned());
        }
        let mut others: Vec<&Text> = notes.snapshots.keys().collect();
        others.sort_unstable();
        for key in others.into_iter().filter(|key| !apart.contains(*key)) {
            snapshot_tree.place(key, &apart, first);
        }
        snapshot_tree
    }

    /// Gives a layer what lies between it and the one below.
    fn count_beside(&mut self, chain: &Text, layer: LayerNo) {
        let mut next = self.parent(chain).cloned();
        while let Some(key) = next.filter(|key| !self.units.contains_key(key)) {
            next = self.parent(&key).cloned();
            let size = self.size(&key).unwrap_or_default();
            // Two commits of one container stand on the same, which counts once.
            if !self.between.insert(key) {
                break;
            }
            let of_layer = self.range(size);
            self.beside[layer as usize] += of_layer.least;
            self.spans[layer as usize].most += of_layer.most - of_layer.least;
        }
    }

    fn parent(&self, key: &Text) -> Option<&Text> {
        self.notes.snapshots.get(key)?.parent.as_ref()
    }

    fn size(&self, key: &Text) -> Option<Bytes> {
        self.notes.snapshots.get(key)?.own()
    }

    /// Returns what a container alone has: what it writes to, and what was made for its mounts, unless a layer that was
    /// committed of it stands on that.
    fn own_keys(&self, container: &Container) -> impl Iterator<Item = &Text> {
        let lease = self.notes.leases.get(container.id.text());
        let keys = lease.map(|lease| &lease.snapshots).into_iter().flatten();
        let is_shared = |key: &Text| self.units.contains_key(key) || self.between.contains(key);
        keys.filter(move |key| !is_shared(key) && !is_chain(key))
    }

    /// Returns what goes with snapshots that take so many blocks.
    pub(in crate::domain) fn range(&self, blocks: Bytes) -> Span {
        range(&self.notes, blocks)
    }

    /// Returns what was made for a container's mounts; `None` of one that the notes do not have.
    pub(super) fn mounts_of(&self, container: &Container) -> Option<Bytes> {
        self.notes.leases.get(container.id.text())?;
        let sizes = self.own_keys(container).filter_map(|key| self.size(key));
        Some(sizes.sum())
    }

    /// Makes a unit of a snapshot, and of those below it first.
    fn place(&mut self, key: &Text, apart: &HashSet<Text>, first: UnitNo) {
        let mut open = Vec::new();
        let mut next = Some(key.clone());
        // A chain that ends in the air, or in itself, has an end.
        for _ in 0..=self.notes.snapshots.len() {
            let is_open = |key: &Text| {
                !self.units.contains_key(key) && self.notes.snapshots.contains_key(key)
            };
            let Some(key) = next.filter(is_open) else {
                break;
            };
            next = self.parent(&key).cloned();
            if !apart.contains(&key) {
                open.push(key);
            }
        }
        while let Some(key) = open.pop() {
            if self.units.contains_key(&key) {
                continue;
            }
            let below = self.parent(&key).and_then(|parent| self.unit(parent));
            let unit = first + number(self.others.len());
            self.others.push(Other {
                below,
                size: self.size(&key).unwrap_or_default(),
                is_layer: is_chain(&key),
            });
            self.units.insert(key, unit);
        }
    }

    /// Returns the unit of a snapshot, or of the first one below it that has one.
    pub(in crate::domain) fn unit(&self, key: &Text) -> Option<UnitNo> {
        let mut steps = self.notes.snapshots.len();
        let mut next = Some(key);
        while let Some(key) = next {
            if let Some(unit) = self.units.get(key) {
                return Some(*unit);
            }
            steps = steps.checked_sub(1)?;
            next = self.parent(key);
        }
        None
    }
}

/// Returns what goes with a snapshot that takes so many blocks.
///
/// Where the filesystem copies by reference, a snapshot that is a copy may have all its blocks from the one below, and
/// where it packs they may be fewer than they seem. Such filesystems give back inodes, too: of how many files is not noted, but each that has any length takes a block.
fn range(notes: &MetadataDb, blocks: Bytes) -> Span {
    let Some(inode) = notes.inode else {
        return Span::exactly(blocks);
    };
    Span {
        least: if notes.copies || notes.packs {
            Bytes::ZERO
        } else {
            blocks
        },
        most: blocks + Bytes(blocks.0 / BLOCK * inode.0),
    }
}

/// Layers of images have the digest of their chain for a key.
pub(in crate::domain) fn is_chain(key: &str) -> bool {
    let digest = key.strip_prefix("sha256:");
    digest.is_some_and(|digest| digest.len() == 64)
}
