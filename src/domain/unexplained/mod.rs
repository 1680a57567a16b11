//! What an engine's folder holds and the engine does not count, by cause.
//!
//! `totals` count blocks of what was walked through, and of the rest what the engine says: lengths of files on a graph
//! driver, blocks on the containerd store. The causes count blocks, folders included, as `du` does, and what things
//! that are counted by length take beyond their count is a cause of its own. So totals and causes together are what
//! `du` says of the folder, apart from files with holes that are counted by length: they take less than they are long.
//!
//! - `cause`: why bytes are there that the engine does not count, and what can be done about each.
//! - `row`: one row of what is not counted.

mod cause;
mod row;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::bytes::{Bytes, Figure};
use super::inventory::{Inventory, Stage};
use super::item::{ChainId, ContainerId, RecordId, VolumeName};
use crate::domain::store::folder::{Contents, Owner, Portion};
use crate::domain::text::Text;

pub use cause::Cause;
pub use row::Unexplained;

/// Lays what was found in the engine's folder beside what it lists, the largest first.
#[must_use]
pub fn explain(contents: &Contents, inventory: &Inventory) -> Vec<Unexplained> {
    let lists = ListedOwners::new(contents, inventory);
    let mut rows: BTreeMap<(Cause, Text), Bytes> = BTreeMap::new();
    let names = contents
        .portions
        .iter()
        .filter_map(|portion| match &portion.owner {
            Owner::OtherStores(name) => Some((&portion.path, name)),
            _ => None,
        });
    let names: HashMap<&Text, &Text> = names.collect();
    let mut beyond = Beyond::default();
    for portion in &contents.portions {
        let (cause, path) = match lists.place(portion, contents) {
            Place::Uncounted(cause) => (cause, portion.path.clone()),
            Place::Counted(bytes) => {
                beyond.add(portion.blocks, bytes);
                continue;
            }
            Place::Folder(logs) => {
                let folders = format!("{}/containers", contents.root).into();
                *rows.entry((Cause::ContainerFolders, folders)).or_default() +=
                    portion.blocks - logs;
                continue;
            }
        };
        *rows.entry((cause, path)).or_default() += portion.blocks;
    }
    let cause = if contents.copies {
        Cause::Copies
    } else {
        Cause::Rounding
    };
    *rows.entry((cause, contents.root.clone())).or_default() += beyond.bytes();
    let rows = rows.into_iter().filter(|(_, bytes)| !bytes.is_zero());
    let rows = rows.map(|((cause, path), bytes)| Unexplained {
        cause,
        container: names.get(&path).map(|name| (*name).clone()),
        path,
        bytes: Some(bytes),
    });
    let unread = contents.unread.iter().map(|path| Unexplained {
        cause: Cause::Unread,
        path: path.clone(),
        container: None,
        bytes: None,
    });
    let mut rows: Vec<Unexplained> = rows.chain(unread).collect();
    // What may be of any size comes first.
    rows.sort_by_key(|row| (row.bytes.is_some(), std::cmp::Reverse(row.bytes)));
    rows
}

/// What is counted takes so much more than its count, or less.
#[derive(Default)]
struct Beyond {
    more: Bytes,
    less: Bytes,
}

impl Beyond {
    fn add(&mut self, blocks: Bytes, counted: Bytes) {
        self.more += blocks - counted;
        self.less += counted - blocks;
    }

    /// Nothing, where files with holes count for more than all the rest takes beyond its length.
    fn bytes(&self) -> Bytes {
        self.more - self.less
    }
}

enum Place {
    /// So much of it is in the totals.
    Counted(Bytes),
    /// A container's own folder, of which its logs are counted.
    Folder(Bytes),
    Uncounted(Cause),
}

/// What the engine lists, to find a portion's owner in. What is not known to be listed counts as listed: nobody
/// is told of leftovers because an answer did not come.
struct ListedOwners<'a> {
    /// By ID, with what the engine says of each writable layer, and whether it was walked through.
    containers: HashMap<&'a ContainerId, (Option<Bytes>, bool)>,
    /// What leases, snapshots and layers of image mounts may be called.
    mounts: HashSet<Text>,
    /// By name, with whether each was walked through.
    volumes: HashMap<&'a VolumeName, bool>,
    /// `None` where the build cache could not be listed.
    records: Option<HashMap<&'a RecordId, Figure<Bytes>>>,
    /// The layers that something listed stands on; `None` where that is not known of all.
    held: Option<HashSet<&'a ChainId>>,
}

impl<'a> ListedOwners<'a> {
    fn new(contents: &'a Contents, inventory: &'a Inventory) -> Self {
        let written = |container: &'a super::item::Container| {
            let details = container.details.as_ref().known();
            let size = details.and_then(|details| details.size_rw);
            (&container.id, (size, container.usage().is_some()))
        };
        let has_records = inventory.engine.has_build_cache;
        let is_listed = !has_records || inventory.is_listed(Stage::BuildCache);
        let records = is_listed.then(|| {
            let records = inventory.cache.iter();
            records.map(|record| (&record.id, record.size)).collect()
        });
        let mut lists = Self {
            containers: inventory.containers.iter().map(written).collect(),
            mounts: mount_names(inventory),
            volumes: inventory
                .volumes
                .iter()
                .map(|it| (&it.name, it.usage.is_some()))
                .collect(),
            records,
            held: None,
        };
        lists.held = lists.held(contents, inventory);
        lists
    }

    /// Returns the layers of images, containers and records, with all below them.
    fn held(
        &self,
        contents: &'a Contents,
        inventory: &'a Inventory,
    ) -> Option<HashSet<&'a ChainId>> {
        let records = self.records.as_ref()?;
        let layers = contents.layers.iter();
        let by_step: HashMap<(Option<&ChainId>, &str), &ChainId> = layers
            .clone()
            .map(|it| ((it.parent.as_ref(), &*it.diff_id), &it.chain))
            .collect();
        let parents: HashMap<&ChainId, Option<&ChainId>> =
            layers.map(|it| (&it.chain, it.parent.as_ref())).collect();
        let mut held = HashSet::new();
        for image in &inventory.images {
            let content = image.content.as_ref().known()?;
            let mut below = None;
            for diff in content.diff_ids.iter() {
                let Some(chain) = by_step.get(&(below, &*diff)) else {
                    break;
                };
                held.insert(*chain);
                below = Some(chain);
            }
        }
        let mounts = contents.mounts.iter();
        let mounts = mounts.filter(|(id, _)| self.containers.contains_key(id));
        let kept = contents.records.iter();
        let kept = kept.filter(|(id, _)| records.contains_key(id));
        let tops = mounts.map(|(_, chain)| chain);
        for top in tops.chain(kept.filter_map(|(_, chain)| chain.as_ref())) {
            let mut next = Some(top);
            while let Some(chain) = next.filter(|chain| held.insert(*chain)) {
                next = parents.get(chain).copied().flatten();
            }
        }
        Some(held)
    }

    /// Returns true if a lease is that of a container, or of a record or what belongs to it.
    fn is_listed(&self, lease: &str) -> bool {
        let Some(records) = &self.records else {
            return true;
        };
        let of = ["-view", "-variants"]
            .iter()
            .find_map(|end| lease.strip_suffix(end));
        let name = of.unwrap_or(lease);
        records.contains_key(&RecordId::new(name))
            || self.containers.contains_key(&ContainerId::new(name))
            || self.mounts.contains(name)
    }

    /// Returns true for a part of something that was walked through: the totals count all of its blocks, wherever else
    /// its files have names.
    fn is_measured(&self, owner: &Owner) -> bool {
        let container = |id: &ContainerId| {
            let known = self.containers.get(id);
            known.is_some_and(|(_, is_measured)| *is_measured)
        };
        match owner {
            Owner::Volume(name) => self.volumes.get(name).copied().unwrap_or(false),
            Owner::Writable(id) | Owner::Init(id) | Owner::Container(id) | Owner::Notes(id) => {
                container(id)
            }
            Owner::Leased(names) => {
                let mut names = names.iter();
                names.any(|name| container(&ContainerId::new(name.clone())))
            }
            Owner::Layer(_)
            | Owner::Record(_)
            | Owner::Store
            | Owner::OtherStores(_)
            | Owner::Nobody(_) => false,
        }
    }

    fn place(&self, portion: &Portion, contents: &Contents) -> Place {
        let counted = portion.counted.unwrap_or_default();
        if self.is_measured(&portion.owner) {
            return Place::Counted(portion.blocks);
        }
        match &portion.owner {
            Owner::Nobody(cause) => Place::Uncounted(*cause),
            Owner::OtherStores(_) => Place::Uncounted(Cause::OtherStore),
            Owner::Store => Place::Counted(counted),
            Owner::Layer(chain) => match &self.held {
                Some(held) if !held.contains(chain) => Place::Uncounted(unheld(chain, contents)),
                Some(_) | None => Place::Counted(counted),
            },
            Owner::Writable(id) => match self.containers.get(id) {
                Some((size, _)) => Place::Counted(size.or(portion.counted).unwrap_or_default()),
                None => Place::Uncounted(gone(id)),
            },
            Owner::Init(id) if self.containers.contains_key(id) => Place::Counted(counted),
            Owner::Init(id) => Place::Uncounted(gone(id)),
            Owner::Container(id) if self.containers.contains_key(id) => Place::Folder(counted),
            Owner::Container(_) => Place::Uncounted(Cause::GoneContainers),
            Owner::Record(id) => match &self.records {
                None => Place::Counted(counted),
                Some(records) => match records.get(id) {
                    Some(size) => {
                        let size = portion.counted.or(size.known());
                        Place::Counted(size.unwrap_or_default())
                    }
                    None => Place::Uncounted(Cause::BuildKit),
                },
            },
            Owner::Leased(names) if names.iter().any(|name| self.is_listed(name)) => {
                Place::Counted(counted)
            }
            Owner::Leased(_) => Place::Uncounted(Cause::Leased),
            Owner::Notes(_) => Place::Uncounted(Cause::ImageMetadata),
            Owner::Volume(name) if self.volumes.contains_key(name) => Place::Counted(counted),
            Owner::Volume(_) => Place::Uncounted(Cause::GoneVolumes),
        }
    }
}

fn mount_names(inventory: &Inventory) -> HashSet<Text> {
    let containers = inventory.containers.iter();
    let mounts = containers.flat_map(|it| it.image_mounts.iter().map(move |mount| (it, mount)));
    mounts
        .flat_map(|(it, mount)| mount.layer_names(&it.id))
        .collect()
}

/// Returns why a layer is there that nothing listed stands on.
fn unheld(chain: &ChainId, contents: &Contents) -> Cause {
    let is_kept = |kept: &Option<ChainId>| kept.as_ref() == Some(chain);
    if contents.records.values().any(is_kept) {
        Cause::BuildKit
    } else {
        Cause::Unreferenced
    }
}

/// Whose a layer was that no listed container has: the builder takes layers of its own, with shorter names.
fn gone(id: &ContainerId) -> Cause {
    if id.as_str().len() == 64 {
        Cause::GoneContainers
    } else {
        Cause::Unreferenced
    }
}

/// Volumes that buildx builders keep their cache in: how many, and what they hold as far as it is known. They are
/// counted as volumes.
#[must_use]
pub fn builders(inventory: &Inventory) -> (usize, Bytes) {
    let volumes = inventory.volumes.iter();
    let of_builders = volumes.filter(|volume| volume.builder().is_some());
    let sizes = of_builders.map(|volume| volume.size.known().unwrap_or_default());
    (sizes.clone().count(), sizes.sum())
}

/// Returns what these come to together, as far as it could be counted and is a part of the engine's folder.
#[must_use]
pub fn sum(rows: &[Unexplained]) -> Bytes {
    let rows = rows.iter().filter(|row| !row.cause.is_beyond());
    rows.filter_map(|row| row.bytes).sum()
}
