//! What the containerd store notes in its database files: blobs, snapshots, images and leases of a namespace
//! (ENGINE-CONTAINERD.md §1, §2).
//!
//! Both files are read in one whole state each, and taken only if neither has changed meanwhile. Whatever does not
//! look as it should is no answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::bolt::{Bolt, BoltValue, Bucket};
use crate::domain::bytes::Bytes;
use crate::domain::item::ImageId;
use crate::domain::store::content::Listed;
use crate::domain::store::metadata::{Lease, LeaseTerm, MetadataDb, Snapshot};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::host::Root;
use crate::engine::metadata::layerdb::databases;

/// What containerd writes of everything, below its folder.
pub(in crate::engine) const DATABASE: &str = "io.containerd.metadata.v1.bolt/meta.db";
/// The engine's namespace, and that of its build history.
pub(in crate::engine) const OWN: &str = "moby";
const HISTORY: &str = "moby_history";
/// A lease with it keeps what it names, and not what that refers to.
const FLAT: &str = "containerd.io/gc.flat";
/// A lease with it ends of its own accord.
const EXPIRES: &str = "containerd.io/gc.expire";
/// BuildKit's word for leases that it ends at the next prune, too.
const OF_BUILD: &str = "buildkit/lease.temporary";
/// BuildKit's word for what a snapshot takes besides its hard links, which the snapshotter counts again.
const WITHOUT_LINKS: &str = "buildkit.mergeUsageSize";
/// The classic builder's word for the image that another was made of.
const MADE_OF: &str = "org.mobyproject.image.parent";
/// What the snapshotter calls a snapshot that nothing is written to any more.
const COMMITTED: u8 = 3;

/// What both databases note.
#[derive(Debug, Default)]
pub(in crate::engine) struct MetadataReader {
    pub(in crate::engine) own: Space,
    pub(in crate::engine) history: Space,
    /// Digests of blobs that further namespaces keep.
    pub(in crate::engine) foreign: HashSet<Text>,
    /// What the snapshotter calls the snapshots that they have.
    pub(in crate::engine) foreign_snapshots: HashSet<Text>,
    /// By the snapshotter's own names.
    pub(in crate::engine) folders: HashMap<Text, SnapshotFolder>,
}

/// What one namespace notes.
#[derive(Debug, Default)]
pub(in crate::engine) struct Space {
    pub(in crate::engine) blobs: Vec<Listed>,
    /// By key.
    pub(in crate::engine) snapshots: HashMap<Text, SnapshotRow>,
    /// In the order of their names, in which the engine lists them, too.
    pub(in crate::engine) images: Vec<Named>,
    pub(in crate::engine) leases: BTreeMap<Text, Lease>,
    /// What it runs.
    pub(in crate::engine) containers: HashSet<Text>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: Text,
    /// The digest of a manifest or an index, which is the ID of the image.
    pub target: Text,
    /// When it was last given to it.
    pub tagged: Option<Timestamp>,
    /// The image that the classic builder made it of.
    pub parent: Option<Text>,
}

/// A snapshot in a namespace.
#[derive(Debug, Default)]
pub(in crate::engine) struct SnapshotRow {
    /// What the snapshotter calls it.
    pub(in crate::engine) name: Text,
    pub(in crate::engine) parent: Option<Text>,
    /// What it takes besides its hard links, of one that has them.
    without_links: Option<Bytes>,
}

/// A snapshot as the snapshotter has it.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct SnapshotFolder {
    /// Its folder's name.
    pub(in crate::engine) number: u64,
    /// Of one that nothing is written to any more.
    size: Option<Bytes>,
}

impl MetadataReader {
    /// `None` where the notes cannot be read, or have another form.
    pub(in crate::engine) fn read(
        root: &Root,
        containerd: &Path,
        snapshotter: &str,
    ) -> Option<Self> {
        let meta = containerd.join(DATABASE);
        let folder = format!("io.containerd.snapshotter.v1.{snapshotter}/metadata.db");
        let folder = containerd.join(folder);
        databases(root, [&meta, &folder], |[meta, folder]| {
            let top = bucket(meta, &meta.root(), "v1")?;
            // Without a namespace of its own the engine keeps its things in another one, of which nothing is known.
            let own = Space::read(meta, &bucket(meta, &top, OWN)?, snapshotter)?;
            let history = match bucket(meta, &top, HISTORY) {
                Some(history) => Space::read(meta, &history, snapshotter)?,
                None => Space::default(),
            };
            let (mut foreign, mut foreign_snapshots) = (HashSet::new(), HashSet::new());
            let others = buckets(meta, &top)?.into_iter();
            for (_, space) in others.filter(|(name, _)| **name != *OWN && **name != *HISTORY) {
                let below = |path: [&str; 2]| {
                    let folder = bucket(meta, &space, path[0])?;
                    bucket(meta, &folder, path[1])
                };
                if let Some(blobs) = below(["content", "blob"]) {
                    foreign.extend(keys(meta, &blobs)?);
                }
                if let Some(snapshots) = below(["snapshots", snapshotter]) {
                    let snapshots = buckets(meta, &snapshots)?.into_iter();
                    foreign_snapshots
                        .extend(snapshots.filter_map(|(_, own)| text(meta, &own, "name")));
                }
            }
            let folders = folders(folder)?;
            Some(Self {
                own,
                history,
                foreign,
                foreign_snapshots,
                folders,
            })
        })
    }

    /// Returns all blobs, the engine's own first, and who keeps what of the engine's at some time, given what names
    /// stand for. `None` where one of the databases lacks what the other has.
    pub(in crate::engine) fn notes(
        self,
        images: HashSet<ImageId>,
        now: Timestamp,
    ) -> Option<(Vec<Listed>, MetadataDb)> {
        let mut snapshots = HashMap::new();
        for (key, row) in self.own.snapshots {
            let folder = self.folders.get(&row.name)?;
            let linked = folder.size.zip(row.without_links);
            let snapshot = Snapshot {
                parent: row.parent,
                size: folder.size,
                linked: linked.map_or(Bytes::ZERO, |(all, own)| all - own),
            };
            snapshots.insert(key, snapshot);
        }
        let mut leases = self.own.leases;
        // Whatever is removed has the collector run, which takes what they kept.
        leases.retain(|_, lease| lease.until.is_none_or(|until| until > now));
        let history = self.history.blobs;
        let shared = self.own.blobs.iter();
        let shared = shared.filter(|blob| self.foreign.contains(&blob.digest));
        let elsewhere = history.iter().chain(shared);
        let notes = MetadataDb {
            snapshots,
            leases,
            images,
            elsewhere: elsewhere.map(|blob| blob.digest.clone()).collect(),
            ..MetadataDb::default()
        };
        let mut blobs = self.own.blobs;
        blobs.extend(history);
        Some((blobs, notes))
    }
}

impl Space {
    fn read(bolt: &Bolt<'_>, namespace: &Bucket<'_>, snapshotter: &str) -> Option<Self> {
        let mut space = Self::default();
        // What is not there is empty; what cannot be read leaves all of it unknown.
        let each = |path: &[&str], take: &mut TakeRow<'_>| {
            let mut at = None;
            for name in path {
                match bucket(bolt, at.as_ref().unwrap_or(namespace), name) {
                    Some(found) => at = Some(found),
                    None => return Some(()),
                }
            }
            each_bucket(bolt, at.as_ref().unwrap_or(namespace), take)
        };
        each(&["content", "blob"], &mut |bolt, digest, blob| {
            space.blobs.push(Listed {
                digest,
                size: number(bolt, blob, "size")?,
                labels: labels(bolt, blob)?,
            });
            Some(())
        })?;
        each(&["snapshots", snapshotter], &mut |bolt, key, own| {
            space.snapshots.insert(key, SnapshotRow::read(bolt, own)?);
            Some(())
        })?;
        each(&["images"], &mut |bolt, name, image| {
            space.images.extend(Named::read(bolt, name, image));
            Some(())
        })?;
        each(&["leases"], &mut |bolt, name, own| {
            space.leases.insert(name, lease(bolt, own, snapshotter)?);
            Some(())
        })?;
        each(&["containers"], &mut |_, id, _| {
            space.containers.insert(id);
            Some(())
        })?;
        Some(space)
    }
}

impl Named {
    fn read(bolt: &Bolt<'_>, name: Text, of: &Bucket<'_>) -> Option<Self> {
        let target = bucket(bolt, of, "target")?;
        let labels = bucket(bolt, of, "labels");
        Some(Self {
            name,
            target: text(bolt, &target, "digest")?,
            tagged: bytes(bolt, of, "updatedat").and_then(time),
            parent: labels.and_then(|labels| text(bolt, &labels, MADE_OF)),
        })
    }
}

impl SnapshotRow {
    fn read(bolt: &Bolt<'_>, of: &Bucket<'_>) -> Option<Self> {
        let labels = labels(bolt, of)?;
        let without_links = labels.iter().find(|(key, _)| **key == *WITHOUT_LINKS);
        Some(Self {
            name: text(bolt, of, "name").unwrap_or_default(),
            parent: text(bolt, of, "parent").filter(|parent| !parent.is_empty()),
            without_links: without_links.and_then(|(_, size)| size.parse().ok().map(Bytes)),
        })
    }
}

fn lease(bolt: &Bolt<'_>, of: &Bucket<'_>, snapshotter: &str) -> Option<Lease> {
    let labels = labels(bolt, of)?;
    let value = |wanted: &str| labels.iter().find(|(key, _)| **key == *wanted);
    let has = |wanted: &str| value(wanted).is_some();
    let mut lease = Lease {
        is_flat: has(FLAT),
        term: match (has(EXPIRES), has(OF_BUILD)) {
            (false, _) => LeaseTerm::Open,
            (true, true) => LeaseTerm::Build,
            (true, false) => LeaseTerm::Expires,
        },
        until: value(EXPIRES).and_then(|(_, until)| until.parse().ok()),
        ..Lease::default()
    };
    if let Some(content) = bucket(bolt, of, "content") {
        lease.blobs = keys(bolt, &content)?;
    }
    let snapshots = bucket(bolt, of, "snapshots");
    if let Some(snapshots) = snapshots.and_then(|it| bucket(bolt, &it, snapshotter)) {
        lease.snapshots = keys(bolt, &snapshots)?;
    }
    Some(lease)
}

fn labels(bolt: &Bolt<'_>, of: &Bucket<'_>) -> Option<Vec<(Text, Text)>> {
    let Some(labels) = bucket(bolt, of, "labels") else {
        return Some(Vec::new());
    };
    let entries = bolt.entries(&labels)?.into_iter();
    let pairs = entries.filter_map(|(key, value)| {
        let BoltValue::Bytes(value) = value else {
            return None;
        };
        Some((bolt.text(key)?, bolt.text(value)?))
    });
    Some(pairs.collect())
}

/// Returns a snapshotter's folders, by the names that it has for what is in them.
fn folders(bolt: &Bolt<'_>) -> Option<HashMap<Text, SnapshotFolder>> {
    let top = bucket(bolt, &bolt.root(), "v1")?;
    let Some(snapshots) = bucket(bolt, &top, "snapshots") else {
        return Some(HashMap::new());
    };
    let read = |bolt: &Bolt<'_>, own: &Bucket<'_>| {
        let is_committed = bytes(bolt, own, "kind")? == [COMMITTED];
        Some(SnapshotFolder {
            number: unsigned(bytes(bolt, own, "id")?)?,
            size: if is_committed {
                Some(number(bolt, own, "size")?)
            } else {
                None
            },
        })
    };
    let mut folders = HashMap::new();
    each_bucket(bolt, &snapshots, &mut |bolt, name, own| {
        folders.insert(name, read(bolt, own)?);
        Some(())
    })?;
    Some(folders)
}

/// Returns what Go's `binary.PutVarint` has written of a size: the lowest bit is the sign.
fn number(bolt: &Bolt<'_>, of: &Bucket<'_>, name: &str) -> Option<Bytes> {
    let number = unsigned(bytes(bolt, of, name)?)?;
    (number & 1 == 0).then_some(Bytes(number >> 1))
}

/// Seconds from the year 1 to 1970, as Go counts them.
const YEAR_ONE: i64 = 62_135_596_800;

/// Returns a time as Go's `Time.MarshalBinary` writes it: a version, seconds since the year 1, nanoseconds, and an
/// offset, which changes nothing.
fn time(bytes: &[u8]) -> Option<Timestamp> {
    let (_, rest) = bytes.split_first()?;
    let (seconds, rest) = rest.split_first_chunk::<8>()?;
    let (nanoseconds, _) = rest.split_first_chunk::<4>()?;
    let seconds = i64::from_be_bytes(*seconds).checked_sub(YEAR_ONE)?;
    let nanoseconds = i64::from(u32::from_be_bytes(*nanoseconds));
    let all = seconds
        .checked_mul(1_000_000_000)?
        .checked_add(nanoseconds)?;
    Some(Timestamp::from_nanosecond(all))
}

/// Returns a number as Go's `binary.PutUvarint` writes it.
fn unsigned(bytes: &[u8]) -> Option<u64> {
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
    match entry(bolt, of, name)? {
        BoltValue::Bucket(bucket) => Some(bucket),
        BoltValue::Bytes(_) => None,
    }
}

fn bytes<'a>(bolt: &Bolt<'a>, of: &Bucket<'a>, name: &str) -> Option<&'a [u8]> {
    match entry(bolt, of, name)? {
        BoltValue::Bytes(bytes) => Some(bytes),
        BoltValue::Bucket(_) => None,
    }
}

fn text(bolt: &Bolt<'_>, of: &Bucket<'_>, name: &str) -> Option<Text> {
    bolt.text(bytes(bolt, of, name)?)
}

fn entry<'a>(bolt: &Bolt<'a>, of: &Bucket<'a>, name: &str) -> Option<BoltValue<'a>> {
    let entries = bolt.entries(of)?.into_iter();
    let mut named = entries.filter(|(key, _)| *key == name.as_bytes());
    Some(named.next()?.1)
}

/// Takes in a bucket with its name, and the database as it is there.
type TakeRow<'t> = dyn for<'p> FnMut(&Bolt<'p>, Text, &Bucket<'p>) -> Option<()> + 't;

/// Takes in the buckets in a bucket, one by one.
fn each_bucket<'a>(bolt: &Bolt<'a>, of: &Bucket<'a>, take: &mut TakeRow<'_>) -> Option<()> {
    bolt.each(of, &mut |bolt, key, value| match value {
        BoltValue::Bucket(bucket) => match bolt.text(key) {
            Some(name) => take(bolt, name, &bucket),
            None => Some(()),
        },
        BoltValue::Bytes(_) => Some(()),
    })
}

fn buckets<'a>(bolt: &Bolt<'a>, of: &Bucket<'a>) -> Option<Vec<(Text, Bucket<'a>)>> {
    let entries = bolt.entries(of)?.into_iter();
    let buckets = entries.filter_map(|(key, value)| match value {
        BoltValue::Bucket(bucket) => Some((bolt.text(key)?, bucket)),
        BoltValue::Bytes(_) => None,
    });
    Some(buckets.collect())
}

fn keys(bolt: &Bolt<'_>, of: &Bucket<'_>) -> Option<Vec<Text>> {
    let entries = bolt.entries(of)?.into_iter();
    Some(entries.filter_map(|(key, _)| bolt.text(key)).collect())
}

#[cfg(test)]
mod tests;
