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
mod tests {
    use super::*;
    use crate::domain::item::RecordId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn left(pass: Pass, blocks: usize, containers: usize) -> Pass {
        Pass {
            blocks,
            containers,
            ..pass
        }
    }

    #[test]
    fn progress_is_of_all_that_was_ever_wanted() {
        let mut pass = Pass::default();
        let mut goes_on = |blocks, containers, second| {
            let now = left(pass, blocks, containers);
            pass.goes_on(now, at(second)).then(|| pass.measuring())
        };
        let measuring = |done, all| {
            let since = at(1);
            Some(Some(Measuring { since, done, all }))
        };
        assert_eq!(goes_on(0, 0, 0), None, "nothing begins");
        assert_eq!(goes_on(8, 0, 1), measuring(0, 8));
        assert_eq!(goes_on(6, 0, 2), measuring(2, 8));
        assert_eq!(goes_on(6, 2, 3), measuring(2, 10));
        assert_eq!(goes_on(6, 2, 4), None, "no news");
        assert_eq!(goes_on(0, 1, 5), measuring(9, 10));
        assert_eq!(goes_on(0, 0, 6), Some(None));
        assert_eq!(pass, Pass::default());
    }

    #[test]
    fn what_is_looked_at_is_taken_first() {
        let folder = |name: &str, chain: Option<&str>| ToCount::Folder {
            name: name.into(),
            chain: chain.map(ChainId::new),
            inode: None,
        };
        let image = |id: &str| ToCount::Image(ImageId::new(id));
        let mut wanted = vec![
            image("seen"),
            folder("own", None),
            folder("low", Some("sha256:low")),
            folder("other", Some("sha256:other")),
            image("unseen"),
        ];
        let first = First {
            items: vec![
                ItemId::Image(ImageId::new("seen")),
                ItemId::Record(RecordId::new("own")),
            ],
            chains: vec![ChainId::new("sha256:low")],
        };
        first.sort(&mut wanted, &LayerDb::default());
        let last: Vec<ToCount> = wanted.split_off(2);
        assert_eq!(
            wanted,
            [folder("other", Some("sha256:other")), image("unseen")]
        );
        let seen = [
            image("seen"),
            folder("own", None),
            folder("low", Some("sha256:low")),
        ];
        assert_eq!(last, seen);
    }
}
