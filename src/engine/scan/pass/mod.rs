//! The measuring by blocks as a whole: how far it has come, and what somebody looks at, which comes first.

use std::collections::HashSet;

use crate::domain::item::{ChainId, ImageId, ItemId};
use crate::domain::store::disk_usage::Measuring;
use crate::domain::store::layerdb::LayerDb;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::host::on_disk::ToCount;

/// How much of the measuring is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pass {
    /// Layers, records and images that are not counted yet.
    pub blocks: usize,
    /// Containers that are not measured yet.
    pub containers: usize,
    done: usize,
    since: Option<Timestamp>,
}

impl Pass {
    /// Takes in what is left now, and returns true where that is another number than before.
    pub(super) fn goes_on(&mut self, now: Self, at: Timestamp) -> bool {
        let left = now.blocks + now.containers;
        let before = self.blocks + self.containers;
        if left == before {
            (self.blocks, self.containers) = (now.blocks, now.containers);
            return false;
        }
        *self = if left == 0 {
            Self::default()
        } else {
            Self {
                done: self.done + before.saturating_sub(left),
                since: self.since.or(Some(at)),
                ..now
            }
        };
        true
    }

    /// Returns how far it has come; nothing where nothing is left.
    pub(super) fn measuring(&self) -> Option<Measuring> {
        Some(Measuring {
            since: self.since?,
            done: self.done,
            all: self.done + self.blocks + self.containers,
        })
    }
}

/// What somebody looks at or has marked: it is measured first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct First {
    pub items: Vec<ItemId>,
    /// The layers of its images.
    pub chains: Vec<ChainId>,
}

impl First {
    /// Puts what comes first at the end of a list, from which it is taken.
    pub(super) fn sort(&self, wanted: &mut [ToCount], stored: &LayerDb) {
        if !self.items.is_empty() {
            let first = DriverPlaces::of(&self.items, &self.chains, stored);
            wanted.sort_by_key(|wanted| first.have(wanted));
        }
    }
}

/// Where the driver keeps some items.
pub(super) struct DriverPlaces<'a> {
    images: HashSet<&'a ImageId>,
    /// Of records.
    folders: HashSet<Text>,
    chains: HashSet<&'a ChainId>,
}

impl<'a> DriverPlaces<'a> {
    /// Returns the places of images and records, and of layers of these chains.
    pub(super) fn of(items: &'a [ItemId], chains: &'a [ChainId], stored: &LayerDb) -> Self {
        let mut places = Self {
            images: HashSet::new(),
            folders: HashSet::new(),
            chains: chains.iter().collect(),
        };
        for item in items {
            match item {
                ItemId::Image(id) => drop(places.images.insert(id)),
                ItemId::Record(id) => drop(places.folders.insert(stored.folder_of(id))),
                ItemId::Container(_) | ItemId::Volume(_) | ItemId::Log(_) => {}
            }
        }
        places
    }

    /// Returns true for a place of theirs.
    pub(super) fn have(&self, wanted: &ToCount) -> bool {
        match wanted {
            ToCount::Image(id) => self.images.contains(id),
            ToCount::Folder { name, chain, .. } => match chain {
                Some(chain) => self.chains.contains(chain),
                None => self.folders.contains(name),
            },
        }
    }
}

#[cfg(test)]
mod tests;
