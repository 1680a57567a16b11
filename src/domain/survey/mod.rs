//! An inventory understood: who uses what, when it was last used, and what each item frees on its own.

mod links;
mod shared;
mod view;

use std::collections::HashSet;
use std::mem::{Discriminant, discriminant};

use jiff::Timestamp;

use super::bytes::{Bytes, Figure};
use super::filter::{Flags, Subject};
use super::inventory::{Inventory, Part, Progress, Stage};
use super::item::{
    Container, Image, ImageId, ItemId, Kind, Record, RecordId, Source, State, Text, VolumeName,
};
use super::layers::{Freed, Ledger};
use links::Links;

pub use view::Item;

/// An inventory with everything that follows from it. The indices are those of the inventory's lists.
#[derive(Debug, Default)]
pub struct Survey {
    inventory: Inventory,
    pub ledger: Ledger,
    links: Links,
    facts: [Vec<Facts>; 4],
    /// How many rows each kind has.
    counts: [usize; 4],
}

/// What follows of one item.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What goes if it alone goes now; nothing if it would be refused.
    pub frees: Freed,
    /// Bytes of an image that other images have too; nothing of the other kinds.
    pub shared: Figure<Bytes>,
    /// It would be refused if it alone were marked.
    pub blocked: bool,
    pub last_used: Option<Timestamp>,
    /// The container that used it last.
    pub last_used_by: Option<Text>,
    pub flags: Flags,
    /// An untagged image that is only a step on the way to another one: not a row.
    pub intermediate: bool,
}

impl Survey {
    #[must_use]
    pub fn new(inventory: Inventory) -> Self {
        let ledger = Ledger::new(&inventory);
        let links = Links::new(&inventory);
        let mut survey = Self {
            inventory,
            ledger,
            links,
            facts: Default::default(),
            counts: [0; 4],
        };
        survey.facts = [
            (0..survey.inventory.images.len())
                .map(|index| survey.image_facts(index))
                .collect(),
            (0..survey.inventory.containers.len())
                .map(|index| survey.container_facts(index))
                .collect(),
            (0..survey.inventory.volumes.len())
                .map(|index| survey.volume_facts(index))
                .collect(),
            (0..survey.inventory.cache.len())
                .map(|index| survey.record_facts(index))
                .collect(),
        ];
        survey.share();
        survey.counts = Kind::ALL.map(|kind| survey.rows(kind).count());
        survey
    }

    /// Takes answers in and understands anew what they touch: all of it, but for sizes of volumes, which come
    /// one by one and belong to nothing else, and for what says nothing of any item.
    pub fn apply(&mut self, parts: impl IntoIterator<Item = Part>) {
        let mut inventory = std::mem::take(&mut self.inventory);
        let before = stands(&inventory);
        let (mut volumes, mut all) = (false, false);
        for part in parts {
            match part {
                Part::Disks(_) | Part::Stage(..) => {}
                Part::VolumeSizes { .. } => volumes = true,
                _ => all = true,
            }
            inventory.apply(part);
        }
        if all || before != stands(&inventory) {
            *self = Self::new(inventory);
            return;
        }
        self.inventory = inventory;
        if volumes {
            self.ledger.measure_volumes(&self.inventory);
            self.facts[Kind::Volume as usize] = (0..self.inventory.volumes.len())
                .map(|index| self.volume_facts(index))
                .collect();
        }
    }

    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// How many items a kind has, intermediate images included.
    #[must_use]
    pub fn len(&self, kind: Kind) -> usize {
        self.facts[kind as usize].len()
    }

    /// True when nothing at all is known of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.len(*kind) == 0)
    }

    /// How many items a pane shows without a filter.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.counts[kind as usize]
    }

    /// The items that a pane shows: all but intermediate images.
    pub fn rows(&self, kind: Kind) -> impl Iterator<Item = usize> {
        self.facts[kind as usize]
            .iter()
            .enumerate()
            .filter(|(_, facts)| !facts.intermediate)
            .map(|(index, _)| index)
    }

    #[must_use]
    pub fn facts(&self, kind: Kind, index: usize) -> &Facts {
        &self.facts[kind as usize][index]
    }

    #[must_use]
    pub fn item(&self, kind: Kind, index: usize) -> Item<'_> {
        match kind {
            Kind::Image => Item::Image(&self.inventory.images[index]),
            Kind::Container => Item::Container(&self.inventory.containers[index]),
            Kind::Volume => Item::Volume(&self.inventory.volumes[index]),
            Kind::BuildCache => Item::Record(&self.inventory.cache[index]),
        }
    }

    /// Where an item stands in its kind's list, if it is still there.
    #[must_use]
    pub fn index(&self, id: &ItemId) -> Option<usize> {
        match id {
            ItemId::Image(id) => self.links.image.get(id),
            ItemId::Container(id) => self.links.container.get(id),
            ItemId::Volume(id) => self.links.volume.get(id),
            ItemId::Record(id) => self.links.record.get(id),
        }
        .copied()
    }

    #[must_use]
    pub fn find(&self, id: &ItemId) -> Option<Item<'_>> {
        self.index(id).map(|index| self.item(id.kind(), index))
    }

    #[must_use]
    pub fn image(&self, id: &ImageId) -> Option<&Image> {
        let index = self.links.image.get(id)?;
        self.inventory.images.get(*index)
    }

    /// The image that a name, with or without `:latest`, means here.
    #[must_use]
    pub fn image_named(&self, name: &str) -> Option<&Image> {
        self.links
            .image_named(name)
            .map(|index| &self.inventory.images[index])
    }

    /// Containers made from an image, or that mount it, in the order of the engine's list.
    pub fn users_of_image(&self, image: &ImageId) -> impl Iterator<Item = &Container> {
        self.containers_at(self.links.image.get(image), &self.links.image_users)
    }

    /// Containers that mount a volume, running or not.
    pub fn users_of_volume(&self, volume: &VolumeName) -> impl Iterator<Item = &Container> {
        self.containers_at(self.links.volume.get(volume), &self.links.volume_users)
    }

    fn containers_at<'a>(
        &'a self,
        index: Option<&usize>,
        users: &'a [Vec<usize>],
    ) -> impl Iterator<Item = &'a Container> {
        index
            .map(|index| users[*index].as_slice())
            .unwrap_or_default()
            .iter()
            .map(|index| &self.inventory.containers[*index])
    }

    /// Images made from an image by the classic builder or a commit.
    pub fn children_of_image(&self, image: &ImageId) -> impl Iterator<Item = &Image> {
        self.links
            .image
            .get(image)
            .map(|index| self.links.image_children[*index].as_slice())
            .unwrap_or_default()
            .iter()
            .map(|index| &self.inventory.images[*index])
    }

    /// Names of swarm services that run an image.
    pub fn services_of_image(&self, image: &ImageId) -> impl Iterator<Item = &Text> {
        self.links
            .image
            .get(image)
            .map(|index| self.links.image_services[*index].as_slice())
            .unwrap_or_default()
            .iter()
            .map(|index| &self.inventory.services[*index].name)
    }

    /// Records made on top of a record.
    pub fn children_of_record(&self, record: &RecordId) -> impl Iterator<Item = &Record> {
        self.links
            .record
            .get(record)
            .map(|index| self.links.record_children[*index].as_slice())
            .unwrap_or_default()
            .iter()
            .map(|index| &self.inventory.cache[*index])
    }

    /// The images that the engine removes along with an image: its untagged parents that nothing else
    /// uses, upwards (ENGINE.md §2.3). `gone` answers whether an item goes as well.
    pub fn follows(&self, image: &ImageId, gone: impl Fn(&ItemId) -> bool) -> Vec<ImageId> {
        let mut follows = Vec::new();
        let mut seen = HashSet::from([image.clone()]);
        let mut at = self.image(image);
        while let Some(parent) = at
            .and_then(|image| image.parent.as_ref())
            .and_then(|parent| self.image(parent))
        {
            let stays = |id: &ImageId| !seen.contains(id) && !gone(&ItemId::Image(id.clone()));
            let used = self
                .users_of_image(&parent.id)
                .any(|user| !gone(&ItemId::Container(user.id.clone())))
                || self.services_of_image(&parent.id).next().is_some()
                || self
                    .children_of_image(&parent.id)
                    .any(|child| stays(&child.id));
            // A chain of parents that closes on itself is an engine's mistake, not a reason to hang.
            if !parent.names.is_empty()
                || !parent.digests.is_empty()
                || used
                || seen.contains(&parent.id)
            {
                break;
            }
            seen.insert(parent.id.clone());
            follows.push(parent.id.clone());
            at = Some(parent);
        }
        follows
    }

    /// What the filter language may ask of an item.
    #[must_use]
    pub fn subject<'a>(
        &'a self,
        kind: Kind,
        index: usize,
        name: &'a [Text],
        marked: bool,
    ) -> Subject<'a> {
        let facts = self.facts(kind, index);
        let item = self.item(kind, index);
        let (id, labels) = match item {
            Item::Image(image) => (image.id.as_str(), Some(&image.labels)),
            Item::Container(container) => (container.id.as_str(), Some(&container.labels)),
            Item::Volume(volume) => (volume.name.as_str(), Some(&volume.labels)),
            Item::Record(record) => (record.id.as_str(), None),
        };
        Subject {
            kind,
            names: name,
            id,
            size: item.size(),
            frees: facts.frees.figure(),
            created: item.created(),
            last_used: facts.last_used,
            project: labels.and_then(|labels| labels.project()),
            labels,
            is: Flags {
                marked,
                ..facts.flags
            },
        }
    }

    /// All names that a filter may match.
    #[must_use]
    pub fn names(&self, kind: Kind, index: usize) -> Vec<Text> {
        match self.item(kind, index) {
            Item::Image(image) => image.names.clone(),
            Item::Container(container) => vec![container.name.clone()],
            Item::Volume(volume) => vec![volume.name.as_str().into()],
            Item::Record(record) => vec![record.description.clone()],
        }
    }

    fn image_facts(&self, index: usize) -> Facts {
        let image = &self.inventory.images[index];
        let users = &self.links.image_users[index];
        let listed = self.inventory.is_listed(Stage::Containers);
        let children = !self.links.image_children[index].is_empty();
        let in_service = !self.links.image_services[index].is_empty();
        let used = listed.then_some(!users.is_empty() || in_service);
        let intermediate = image.names.is_empty() && image.digests.is_empty() && children;
        let protected = is_protected(image.labels.value("dtop.keep"));
        let blocked = !users.is_empty() || children || in_service || protected;
        let (last_used, last_used_by) = self.last_use_of(users);
        let frees = if blocked {
            Freed::default()
        } else {
            let mut going = vec![ItemId::Image(image.id.clone())];
            going.extend(
                self.follows(&image.id, |_| false)
                    .into_iter()
                    .map(ItemId::Image),
            );
            self.ledger.frees(&going)
        };
        Facts {
            frees,
            blocked,
            last_used: last_used.or(image.last_tagged),
            last_used_by,
            flags: Flags {
                used,
                dangling: Some(image.names.is_empty() && !children),
                local: (image.source != Source::Unknown).then_some(image.source == Source::Local),
                registry: (image.source != Source::Unknown)
                    .then_some(image.source == Source::Registry),
                shared: image.shared.known().map(|shared| !shared.is_zero()),
                protected,
                ..Flags::default()
            },
            intermediate,
            ..Facts::default()
        }
    }

    /// When one of these containers last ran, and which it was. A running one is used now: its start is the
    /// latest time that a picture without a clock can name.
    fn last_use_of(&self, users: &[usize]) -> (Option<Timestamp>, Option<Text>) {
        users
            .iter()
            .filter_map(|user| {
                let container = &self.inventory.containers[*user];
                let facts = container_last_use(container)?;
                Some((facts, container.name.clone()))
            })
            .max_by_key(|(time, _)| *time)
            .unzip()
    }

    fn container_facts(&self, index: usize) -> Facts {
        let container = &self.inventory.containers[index];
        let protected = is_protected(container.labels.value("dtop.keep"));
        let blocked = !container.state.is_stopped() || protected;
        let frees = if blocked {
            Freed::default()
        } else {
            self.ledger
                .frees(&[ItemId::Container(container.id.clone())])
        };
        Facts {
            frees,
            blocked,
            last_used: container_last_use(container),
            last_used_by: None,
            flags: Flags {
                running: Some(matches!(
                    container.state,
                    State::Running | State::Restarting
                )),
                paused: Some(container.state == State::Paused),
                stopped: Some(container.state.is_stopped()),
                protected,
                ..Flags::default()
            },
            ..Facts::default()
        }
    }

    fn volume_facts(&self, index: usize) -> Facts {
        let volume = &self.inventory.volumes[index];
        let users = &self.links.volume_users[index];
        let protected = is_protected(volume.labels.value("dtop.keep"));
        let blocked = !users.is_empty() || protected;
        let frees = if blocked {
            Freed::default()
        } else {
            self.ledger.frees(&[ItemId::Volume(volume.name.clone())])
        };
        let (last_used, last_used_by) = self.last_use_of(users);
        Facts {
            frees,
            blocked,
            last_used,
            last_used_by,
            flags: Flags {
                used: self
                    .inventory
                    .is_listed(Stage::Containers)
                    .then_some(!users.is_empty()),
                anonymous: Some(volume.anonymous),
                protected,
                ..Flags::default()
            },
            ..Facts::default()
        }
    }

    fn record_facts(&self, index: usize) -> Facts {
        let record = &self.inventory.cache[index];
        let blocked = record.in_use || !self.links.record_children[index].is_empty();
        let frees = if blocked {
            Freed::default()
        } else {
            self.ledger.frees(&[ItemId::Record(record.id.clone())])
        };
        Facts {
            frees,
            blocked,
            last_used: record.last_used,
            last_used_by: None,
            flags: Flags {
                used: Some(record.in_use),
                shared: Some(record.shared),
                ..Flags::default()
            },
            ..Facts::default()
        }
    }
}

/// How far each stage is, without times and words.
fn stands(inventory: &Inventory) -> [(Discriminant<Progress>, bool); Stage::ALL.len()] {
    Stage::ALL.map(|stage| {
        let progress = discriminant(inventory.stage(stage));
        (progress, inventory.is_listed(stage))
    })
}

/// The label `dtop.keep` protects, whatever its value but `false`.
fn is_protected(label: Option<&str>) -> bool {
    label.is_some_and(|value| value != "false")
}

fn container_last_use(container: &Container) -> Option<Timestamp> {
    let details = container.details.as_ref().known()?;
    if container.state.is_stopped() {
        details.finished.or(details.started)
    } else {
        details.started
    }
}
