//! What the containerd store notes of itself, where dtop can read it: how large each snapshot is, and what the
//! collector keeps and for whom.
//!
//! The API tells little of it, and the rest has to be found out from times and sizes. On the engine's own machine it
//! stands in the store's database files: an image keeps what its digest leads to, and a container and a build cache
//! record have a lease each, of their own ID, which names the very snapshots and blobs that go with them.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::bytes::Bytes;
use crate::domain::item::{ContainerId, ImageId, RecordId};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// One state of the notes, of the engine's own namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataDb {
    /// By key: a layer's chain ID as images have it, or what its maker calls it. BuildKit gives each step a key of
    /// its own, and the engine each container its ID.
    pub snapshots: HashMap<Text, Snapshot>,
    /// By name. A record has others besides, whose names begin with its ID and a dash.
    pub leases: BTreeMap<Text, Lease>,
    /// What the names of all images stand for.
    pub images: HashSet<ImageId>,
    /// Digests of blobs that other namespaces keep, whoever else does: the build history, and whatever else uses the
    /// same containerd. All share the files, and a file stays while any namespace has it.
    pub elsewhere: Vec<Text>,
    /// Each snapshot is a whole copy of the one below it, as the snapshotter `native` makes it.
    pub copies: bool,
    /// Bytes that may come back with each file besides its blocks, on a filesystem that copies by reference (xfs, btrfs
    /// and their like); `None` on one that does not.
    pub inode: Option<Bytes>,
    /// That filesystem may keep a file in less than its blocks, too (btrfs, bcachefs, zfs).
    pub packs: bool,
}

/// What is unpacked, or is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The key of the one below it, which it keeps.
    pub parent: Option<Text>,
    /// Blocks, folders included, as the engine counts them; `None` of one that may still be written to.
    pub size: Option<Bytes>,
    /// What of that are links to files of other snapshots, which take nothing besides: what `COPY --link` has put
    /// on a base (ENGINE-CONTAINERD.md §1).
    pub linked: Bytes,
}

impl Snapshot {
    /// Returns what it takes besides what it is linked with.
    #[must_use]
    pub fn own(&self) -> Option<Bytes> {
        Some(self.size? - self.linked)
    }
}

/// What somebody keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Digests.
    pub blobs: Vec<Text>,
    /// Keys.
    pub snapshots: Vec<Text>,
    /// It keeps what it names, and of blobs not what that refers to.
    pub is_flat: bool,
    /// When it ends.
    pub term: LeaseTerm,
    /// When it ends of its own accord, where that is noted. What it keeps is there until the collector runs next.
    pub until: Option<Timestamp>,
}

/// How long a lease that is no container's and no record's keeps what it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaseTerm {
    /// Until whoever made it ends it.
    #[default]
    Open,
    /// Until some minutes after a build, or until the next prune of build cache (ENGINE-CONTAINERD.md §4).
    Build,
    /// Until some time.
    Expires,
}

impl MetadataDb {
    /// Returns whether these are the notes of the engine that listed all this: they have all of its images and
    /// containers. Images have the same digests everywhere, so something that is random must be there, or every image
    /// of the notes listed and no container besides.
    #[must_use]
    pub fn are_of(
        &self,
        images: &[ImageId],
        containers: &[ContainerId],
        records: &[RecordId],
    ) -> bool {
        let is_leased = |id: &str| self.leases.contains_key(id);
        let has_all = images.iter().all(|id| self.images.contains(id))
            && containers.iter().all(|id| is_leased(id.as_str()));
        if !has_all {
            return false;
        }
        if !containers.is_empty() {
            return true;
        }
        if !records.is_empty() {
            return records.iter().any(|id| is_leased(id.as_str()));
        }
        let listed: HashSet<&ImageId> = images.iter().collect();
        let of_containers = |name: &Text| name.len() == 64 && !name.contains('-');
        !images.is_empty()
            && listed.len() == self.images.len()
            && !self.leases.keys().any(of_containers)
    }

    /// Returns the leases of a record or a container: that of its name, and those whose names begin with it.
    pub fn leases_of(&self, id: &Text) -> impl Iterator<Item = (&Text, &Lease)> {
        let own = self.leases.get_key_value(id).into_iter();
        let prefix = format!("{id}-");
        let from: Text = prefix.as_str().into();
        let others = self.leases.range(from..);
        own.chain(others.take_while(move |(name, _)| name.starts_with(&prefix)))
    }
}

#[cfg(test)]
mod tests;
