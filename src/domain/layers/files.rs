//! Files of which several things have names: hard links between two volumes, or between one and what is none of the
//! engine's. Such a file goes with the last of its names.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::bytes::Bytes;
use crate::domain::disk_usage::HardLink;
use crate::domain::inventory::Inventory;
use crate::domain::item::ItemId;

use super::Doubt;
use super::build::Builder;
use super::maybe::Maybe;
use super::sizes::Span;
use super::units::{Holder, Sort, Unit, UnitNo};

/// Things by their places in the list of volumes.
type Things = SmallVec<[usize; 2]>;

/// What some files take.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Sizes {
    blocks: Bytes,
    /// How many of them other files may have, too.
    shareable: Bytes,
}

/// The units of such files, by the volumes that have names of them.
pub(super) struct SharedFiles {
    units: HashMap<usize, Vec<UnitNo>>,
}

impl SharedFiles {
    /// Adds a unit for all files that the same things have names of. A file that has further names is held by them
    /// for ever.
    pub(super) fn new(builder: &mut Builder<'_>) -> Self {
        let mut units: HashMap<usize, Vec<UnitNo>> = HashMap::new();
        let mut groups: Vec<((Things, bool), Sizes)> = grouped(builder.inventory);
        // Always the same numbers for the same picture.
        groups.sort_unstable();
        for ((things, stays), taken) in groups {
            let volume = |place: &usize| builder.inventory.volumes.get(*place);
            let first = things.first().and_then(volume);
            let id = first.map(|it| ItemId::Volume(it.name.clone()));
            let doubt = id.filter(|_| !taken.shareable.is_zero());
            let unit = builder.add_unit(Unit {
                below: Maybe::NONE,
                size: Span {
                    least: taken.blocks - taken.shareable,
                    most: taken.blocks,
                },
                doubt: doubt.map(|id| Doubt::SharedExtents(id).into()),
                pending: false,
                by_length: false,
                sort: Sort::Volume,
            });
            if stays {
                let names = builder.add_holder(Holder::default());
                builder.hold(names, unit, true);
            }
            for thing in things {
                units.entry(thing).or_default().push(unit);
            }
        }
        Self { units }
    }

    /// Returns the units of files that a volume has some of the names of.
    pub(super) fn of_volume(&self, place: usize) -> impl Iterator<Item = UnitNo> + '_ {
        self.units.get(&place).into_iter().flatten().copied()
    }
}

/// Returns the bytes of such files by the things that have names of them, and whether they have other names, too.
fn grouped(inventory: &Inventory) -> Vec<((Things, bool), Sizes)> {
    let volumes = inventory.volumes.iter().enumerate();
    let volumes = volumes.filter_map(|(place, volume)| Some((place, volume.usage.as_ref()?)));
    let links = volumes.flat_map(|(place, usage)| usage.links.iter().map(move |it| (it, place)));
    let mut links: Vec<(&HardLink, usize)> = links.collect();
    links.sort_unstable_by_key(|(link, place)| (link.file, *place));
    let mut groups: HashMap<(Things, bool), Sizes> = HashMap::new();
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
