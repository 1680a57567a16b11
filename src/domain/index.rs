//! A number for each thing that an inventory lists, so that what is asked for many things is a look at a place
//! and not for a name.

use std::collections::HashMap;

use super::inventory::Inventory;
use super::item::{ContainerId, ImageId, ItemId, Kind, RecordId, VolumeName};

/// A thing's number among all that an inventory lists: kind after kind, each in the order of its list.
pub type ItemNo = u32;

/// Where each thing stands in its list, and which number it has.
#[derive(Debug, Default)]
pub struct Index {
    images: HashMap<ImageId, u32>,
    containers: HashMap<ContainerId, u32>,
    volumes: HashMap<VolumeName, u32>,
    records: HashMap<RecordId, u32>,
    /// The first number of each kind, and the one after all.
    starts: [ItemNo; Kind::COUNT + 1],
}

impl Index {
    /// Numbers all items of an inventory.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let lengths = [
            inventory.images.len(),
            inventory.containers.len(),
            inventory.volumes.len(),
            inventory.cache.len(),
            // Each container has a log, though it may not be seen from here.
            inventory.containers.len(),
        ];
        let mut starts = [0; Kind::COUNT + 1];
        for (kind, length) in lengths.into_iter().enumerate() {
            starts[kind + 1] = starts[kind] + small(length);
        }
        Self {
            images: places(inventory.images.iter().map(|image| &image.id)),
            containers: places(inventory.containers.iter().map(|container| &container.id)),
            volumes: places(inventory.volumes.iter().map(|volume| &volume.name)),
            records: places(inventory.cache.iter().map(|record| &record.id)),
            starts,
        }
    }

    /// Returns how many things there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts[Kind::COUNT] as usize
    }

    /// Returns true where there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of what stands at a place of its kind's list.
    #[must_use]
    pub fn number(&self, kind: Kind, place: usize) -> ItemNo {
        self.starts[kind as usize] + small(place)
    }

    /// Returns the kind of a number, and its place in that kind's list.
    #[must_use]
    pub fn place(&self, number: ItemNo) -> (Kind, usize) {
        let kind = Kind::ALL
            .into_iter()
            .rev()
            .find(|kind| self.starts[*kind as usize] <= number)
            .unwrap_or(Kind::Image);
        (kind, (number - self.starts[kind as usize]) as usize)
    }

    /// Returns the numbers of a kind.
    #[must_use]
    pub fn numbers(&self, kind: Kind) -> std::ops::Range<ItemNo> {
        self.starts[kind as usize]..self.starts[kind as usize + 1]
    }

    /// Returns where a thing stands in its kind's list, if it is there.
    #[must_use]
    pub fn find(&self, id: &ItemId) -> Option<usize> {
        match id {
            ItemId::Image(id) => self.images.get(id),
            ItemId::Container(id) | ItemId::Log(id) => self.containers.get(id),
            ItemId::Volume(id) => self.volumes.get(id),
            ItemId::Record(id) => self.records.get(id),
        }
        .map(|place| *place as usize)
    }

    /// Returns an item's number; `None` where it is not listed.
    #[must_use]
    pub fn number_of(&self, id: &ItemId) -> Option<ItemNo> {
        self.find(id).map(|place| self.number(id.kind(), place))
    }

    /// Returns an image's place in its list.
    #[must_use]
    pub fn image(&self, id: &ImageId) -> Option<usize> {
        self.images.get(id).map(|place| *place as usize)
    }

    /// Returns a volume's place in its list.
    #[must_use]
    pub fn volume(&self, name: &VolumeName) -> Option<usize> {
        self.volumes.get(name).map(|place| *place as usize)
    }

    /// Returns a record's place in its list.
    #[must_use]
    pub fn record(&self, id: &RecordId) -> Option<usize> {
        self.records.get(id).map(|place| *place as usize)
    }
}

fn places<'a, K: Clone + Eq + std::hash::Hash + 'a>(
    ids: impl Iterator<Item = &'a K>,
) -> HashMap<K, u32> {
    ids.zip(0..)
        .map(|(id, place)| (id.clone(), place))
        .collect()
}

/// Returns a length as a number of 32 bits: no engine has four milliards of anything.
fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
