//! Files of which several things have names: hard links between two volumes, or between a container's folder and what is
//! none of the engine's. Such a file goes with the last of its names.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::item::{Container, ItemId};
use crate::domain::store::disk_usage::HardLink;

use super::Doubt;
use super::draft::GraphDraft;
use super::units::{Holder, Sort, Unit};
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;

/// Things by their places in the lists of volumes and of containers, one behind the other.
type Things = SmallVec<[usize; 2]>;

/// What some files take.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct FileSizes {
    blocks: Bytes,
    /// How many of them other files may have, too.
    shareable: Bytes,
}

/// The units of such files, by the volumes and containers that have names of them.
pub(super) struct SharedFiles {
    volumes: usize,
    units: HashMap<usize, Vec<UnitNo>>,
}

impl SharedFiles {
    /// Adds a unit for all files that the same things have names of. A file that has further names is held by them
    /// for ever.
    pub(super) fn new(inventory: &Inventory, draft: &mut GraphDraft) -> Self {
        let volumes = inventory.volumes.len();
        let mut units: HashMap<usize, Vec<UnitNo>> = HashMap::new();
        let mut groups: Vec<((Things, bool), FileSizes)> = grouped(inventory);
        // Always the same numbers for the same picture.
        groups.sort_unstable();
        for ((things, stays), taken) in groups {
            let id = things.first().and_then(|first| id_of(inventory, *first));
            let doubt = id.filter(|_| !taken.shareable.is_zero());
            let unit = draft.add_unit(Unit {
                below: OptIndex::NONE,
                size: Span {
                    least: taken.blocks - taken.shareable,
                    most: taken.blocks,
                },
                doubt: doubt.map(|id| Doubt::SharedExtents(id).into()),
                pending: false,
                by_length: false,
                sort: if things[0] < volumes {
                    Sort::Volume
                } else {
                    Sort::Writable
                },
            });
            if stays {
                let names = draft.add_holder(Holder::default());
                draft.hold(names, unit, true);
            }
            for thing in things {
                units.entry(thing).or_default().push(unit);
            }
        }
        Self { volumes, units }
    }

    /// Returns the units of files that a volume has some of the names of.
    pub(super) fn of_volume(&self, place: usize) -> impl Iterator<Item = UnitNo> + '_ {
        self.units.get(&place).into_iter().flatten().copied()
    }

    /// Returns the units of files that a container has some of the names of.
    pub(super) fn of_container(&self, place: usize) -> impl Iterator<Item = UnitNo> + '_ {
        self.of_volume(self.volumes + place)
    }
}

/// Returns which thing stands at a place of the lists of volumes and of containers, one behind the other.
fn id_of(inventory: &Inventory, place: usize) -> Option<ItemId> {
    if let Some(volume) = inventory.volumes.get(place) {
        return Some(ItemId::Volume(volume.name.clone()));
    }
    let container = inventory.containers.get(place - inventory.volumes.len());
    container.map(|it| ItemId::Container(it.id.clone()))
}

/// Returns the bytes of such files by the things that have names of them, and whether they have other names, too.
fn grouped(inventory: &Inventory) -> Vec<((Things, bool), FileSizes)> {
    let volumes = inventory.volumes.iter().map(|it| it.usage.as_ref());
    let containers = inventory.containers.iter().map(Container::usage);
    let things = volumes.chain(containers).enumerate();
    let things = things.filter_map(|(place, usage)| Some((place, usage?)));
    let links = things.flat_map(|(place, usage)| usage.links.iter().map(move |it| (it, place)));
    let mut links: Vec<(&HardLink, usize)> = links.collect();
    links.sort_unstable_by_key(|(link, place)| (link.file, *place));
    let mut groups: HashMap<(Things, bool), FileSizes> = HashMap::new();
    for names in links.chunk_by(|(one, _), (other, _)| one.file == other.file) {
        let things = names.iter().map(|(_, place)| *place).collect();
        let found: u64 = names.iter().map(|(link, _)| u64::from(link.found)).sum();
        let file = names[0].0;
        let stays = found < u64::from(file.names);
        let files = groups.entry((things, stays)).or_default();
        files.blocks += file.blocks;
        files.shareable += file.shareable;
    }
    groups.into_iter().collect()
}
