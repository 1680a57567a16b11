//! An inventory understood: who uses what, when it was last used, and what each item frees on its own.
//!
//! - `facts`: what follows of each item: what it frees on its own, when it was last used, what a filter may ask of it.
//! - `holds`: which volumes a path leads into.
//! - `links`: who refers to whom: made once for each list, so that every question about users is a look-up.
//! - `order`: the order of items by name.
//! - `rank`: which images of a repository are the newest.
//! - `shared`: shared sizes of images.
//! - `unlisted`: what is not known of uses because a list that names the users cannot be had.
//! - `view`: an item of any kind as its list has it, and what all kinds have in common.

mod facts;
mod holds;
mod links;
mod order;
mod rank;
mod shared;
mod unlisted;
mod view;

use std::slice;
use std::sync::Arc;

use super::bytes::{Bytes, Figure};
use super::disk::linked;
use super::filter::{Flags, Naming, Subject};
use super::index::{Index, ItemNo};
use super::inventory::{Inventory, Part, Progress, Stage, Store, Swarm};
use super::item::{Container, Image, ImageId, ItemId, Kind, Record, RecordId, Volume, VolumeName};
use super::outsider::Outsider;
use super::protect::Guard;
use super::reference::is_digest;
use super::retention::{Freed, Retention, Simulation};
use super::time::Timestamp;
use crate::domain::text::Text;
use links::Links;

pub use order::NamePlace;
pub use view::Item;

/// An inventory with everything that follows from it. The indices are those of the inventory's lists.
#[derive(Debug, Default)]
pub struct Survey {
    inventory: Inventory,
    /// Who holds which bytes.
    pub retention: Retention,
    links: Links,
    facts: [Vec<Facts>; Kind::COUNT],
    /// Bytes of each image that other images have too.
    shared: Vec<Figure<Bytes>>,
    /// Log files can be read, or may yet turn out to be.
    has_logs: bool,
    /// How many rows each kind has.
    counts: [usize; Kind::COUNT],
}

/// What follows of one item.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What goes if it alone goes now; nothing if it would be refused.
    pub frees: Freed,
    /// It would be refused if it alone were marked.
    pub blocked: bool,
    /// As far as the engine keeps a record, and never from when it was made: when a container of it last ran, or
    /// when it was given its name (images); when a container that mounts it last ran (volumes); when it ran
    /// (containers); when a build last took it (build cache).
    pub last_used: Option<Timestamp>,
    /// The container that used it last; none where an image was named later than that.
    pub last_used_by: Option<Text>,
    /// What the words behind `is:` ask.
    pub flags: Flags,
    /// What protects it.
    pub guard: Option<Guard>,
    /// An image's place in its repository by creation, the newest first.
    pub nth: Option<u32>,
    /// An untagged image that is only a step on the way to another one: not a row.
    pub intermediate: bool,
    /// A log that cannot be read: not a row.
    pub unreadable: bool,
}

impl Survey {
    /// Understands an inventory.
    #[must_use]
    pub fn new(inventory: Inventory) -> Self {
        let links = Links::new(&inventory, Arc::new(Index::new(&inventory)));
        Self::with_links(inventory, links)
    }

    fn with_links(inventory: Inventory, links: Links) -> Self {
        let retention = Retention::with_index(&inventory, Arc::clone(&links.index));
        let mut inventory = inventory;
        if let Some(memory) = retention.remember(&inventory) {
            inventory.remembered = Arc::new(memory);
        }
        let mut survey = Self {
            inventory,
            retention,
            links,
            facts: Default::default(),
            shared: Vec::new(),
            counts: [0; Kind::COUNT],
            has_logs: false,
        };
        survey.has_logs = !matches!(survey.inventory.reads_logs(), Figure::Unknown);
        survey.facts = survey.all_facts();
        survey.share();
        survey.rank();
        for kind in Kind::ALL {
            survey.protect(kind);
        }
        survey.counts = Kind::ALL.map(|kind| survey.rows(kind).count());
        survey
    }

    /// Takes answers in and understands anew what they touch: all of it, but for who refers to whom where no
    /// list came, for sizes of volumes, which come one by one and belong to nothing else, for what images share
    /// where nothing follows of it, and for what says nothing of any item.
    pub fn apply(&mut self, parts: impl IntoIterator<Item = Part>) {
        let mut inventory = std::mem::take(&mut self.inventory);
        let before = stands(&inventory);
        let (mut volumes, mut shared, mut figures, mut lists) = (false, false, false, false);
        for part in parts {
            match part {
                // What is reached through a link may not be taken away there.
                Part::Disks(ref disks) if linked(disks) != linked(&inventory.disks) => {
                    figures = true;
                }
                Part::Disks(_)
                | Part::Contents(_)
                | Part::VolumeWarnings(_)
                | Part::Measuring(_)
                | Part::Stage(..) => {}
                Part::DiskUsage(ref of)
                    if of.iter().any(|(id, _)| !matches!(id, ItemId::Volume(_))) =>
                {
                    figures = true;
                }
                Part::VolumeSizes { .. } | Part::DiskUsage(_) => volumes = true,
                // The containerd store's own sum bounds what nothing else tells.
                Part::SharedSizes(_)
                    if inventory.engine.store == Store::GraphDriver
                        && inventory.protection.is_bare() =>
                {
                    shared = true;
                }
                Part::Engine(_)
                | Part::SharedSizes(_)
                | Part::Layers(_)
                | Part::Blobs(_)
                | Part::Stored(_)
                | Part::OnDisk(_)
                | Part::Extents(_)
                | Part::Logs(_)
                | Part::ContainerDetails(..) => figures = true,
                Part::Images(_)
                | Part::Containers(_)
                | Part::Volumes(_)
                | Part::Resolved(_)
                | Part::Outsiders(..)
                | Part::Mounted(_)
                | Part::BuildCache(_) => lists = true,
            }
            inventory.apply(part);
        }
        if lists {
            // What was understood before goes first: there is no need for memory to hold both.
            *self = Self::default();
            *self = Self::new(inventory);
        } else if figures
            || before != stands(&inventory)
            || volumes && !self.retention.measure_volumes(&inventory)
        {
            let links = std::mem::take(&mut self.links);
            *self = Self::default();
            *self = Self::with_links(inventory, links);
        } else {
            self.inventory = inventory;
            if shared {
                self.share();
            }
            if volumes {
                let facts = self.facts_of(Kind::Volume);
                self.facts[Kind::Volume as usize] = facts;
                self.protect(Kind::Volume);
            }
        }
    }

    /// Returns why no log can be emptied on this engine, or none of its volumes be removed, whatever they are; nothing
    /// where each is asked for itself.
    #[must_use]
    pub fn link_obstacle(&self, kind: Kind) -> Option<&'static str> {
        let linked = linked(&self.inventory.disks);
        match kind {
            Kind::Log if linked.logs => Some(
                "its folder is reached through a link (containers), and nothing is emptied through one: mount its disk there instead",
            ),
            // Docker 20.10 to 29 compare the real path with where they keep volumes. Podman does not.
            Kind::Volume if linked.volumes && !self.inventory.engine.is_podman() => Some(
                "the engine removes no volume through a link (volumes): stop it and mount that disk there instead (mount --bind)",
            ),
            Kind::Image | Kind::Container | Kind::Volume | Kind::BuildCache | Kind::Log => None,
        }
    }

    /// Tells the time from which the ages of what is protected count, once the next answers come.
    pub fn tell_time(&mut self, now: Timestamp) {
        self.inventory.protection.tell_time(now);
    }

    /// Returns what protects an item, in words.
    #[must_use]
    pub fn protected_by(&self, kind: Kind, index: usize) -> Option<String> {
        let guard = self.facts(kind, index).guard?;
        Some(self.inventory.protection.why(guard))
    }

    /// As [`Survey::protected_by`], of a number.
    #[must_use]
    pub fn number_protected_by(&self, number: ItemNo) -> Option<String> {
        let (kind, place) = self.links.index.place(number);
        self.protected_by(kind, place)
    }

    /// Returns the records that would have to go, too, so that bytes let go of really go, and that nothing protects.
    #[must_use]
    pub fn unlockable_records(&self, release: &Simulation<'_>) -> Vec<RecordId> {
        let mut records = release.unlockable_records();
        let index = &self.links.index;
        let may_go = |at: usize| self.facts(Kind::BuildCache, at).guard.is_none();
        records.retain(|record| index.record(record).is_none_or(may_go));
        records
    }

    /// Returns the inventory that is understood.
    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Returns true where log files can be read, or may yet turn out to be: then there is a pane of them.
    #[must_use]
    pub fn has_logs(&self) -> bool {
        self.has_logs
    }

    /// Returns the kinds that there are panes of.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let has_logs = self.has_logs();
        Kind::ALL
            .into_iter()
            .filter(move |kind| has_logs || *kind != Kind::Log)
    }

    /// Returns how many items a kind has, intermediate images included.
    #[must_use]
    pub fn len(&self, kind: Kind) -> usize {
        self.facts[kind as usize].len()
    }

    /// Returns true when nothing at all is known of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.len(*kind) == 0)
    }

    /// Returns how many items a pane shows without a filter.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.counts[kind as usize]
    }

    /// Returns the items that a pane shows: all but intermediate images, and logs that cannot be read.
    pub fn rows(&self, kind: Kind) -> impl Iterator<Item = usize> {
        self.facts[kind as usize]
            .iter()
            .enumerate()
            .filter(|(_, facts)| !facts.intermediate && !facts.unreadable)
            .map(|(index, _)| index)
    }

    /// Returns what follows of the item at a place of its kind's list.
    #[must_use]
    pub fn facts(&self, kind: Kind, index: usize) -> &Facts {
        &self.facts[kind as usize][index]
    }

    /// Bytes of an image that other images have too.
    #[must_use]
    pub fn shared(&self, image: usize) -> Figure<Bytes> {
        self.shared[image]
    }

    /// Returns the item at a place of its kind's list.
    #[must_use]
    pub fn item(&self, kind: Kind, index: usize) -> Item<'_> {
        match kind {
            Kind::Image => Item::Image(&self.inventory.images[index]),
            Kind::Container => Item::Container(&self.inventory.containers[index]),
            Kind::Volume => Item::Volume(&self.inventory.volumes[index]),
            Kind::BuildCache => Item::Record(&self.inventory.cache[index]),
            Kind::Log => Item::Log(&self.inventory.containers[index]),
        }
    }

    /// Returns where an item stands in its kind's list, if it is still there.
    #[must_use]
    pub fn index(&self, id: &ItemId) -> Option<usize> {
        self.links.index.find(id)
    }

    /// Returns the numbers of all items.
    #[must_use]
    pub fn numbers(&self) -> &Arc<Index> {
        &self.links.index
    }

    /// Returns an item, if it is listed.
    #[must_use]
    pub fn find(&self, id: &ItemId) -> Option<Item<'_>> {
        self.index(id).map(|index| self.item(id.kind(), index))
    }

    /// Returns the item of a number.
    #[must_use]
    pub fn numbered(&self, number: ItemNo) -> Item<'_> {
        let (kind, place) = self.links.index.place(number);
        self.item(kind, place)
    }

    /// Returns what follows of the item of a number.
    #[must_use]
    pub fn facts_of_number(&self, number: ItemNo) -> &Facts {
        let (kind, place) = self.links.index.place(number);
        self.facts(kind, place)
    }

    /// Returns an image, if it is listed.
    #[must_use]
    pub fn image(&self, id: &ImageId) -> Option<&Image> {
        self.inventory.images.get(self.links.index.image(id)?)
    }

    /// Returns the image that a name, with or without `:latest`, means here.
    #[must_use]
    pub fn image_named(&self, name: &str) -> Option<&Image> {
        self.links
            .image_named(name)
            .map(|index| &self.inventory.images[index])
    }

    /// Returns true for a project that is down: it has no container and no service, and keeps its volumes for the next
    /// time.
    #[must_use]
    pub fn is_down(&self, project: &str) -> bool {
        // On a worker nobody knows what else runs of a stack.
        let is_known = self.inventory.engine.swarm != Swarm::Worker;
        is_known
            && self.inventory.is_listed(Stage::Containers)
            && !self.links.projects.contains(project)
    }

    /// Returns true for a task of a swarm service, which comes back by itself and belongs to the swarm. One that was
    /// left behind is a container as any other: only an engine that says so is in no swarm.
    #[must_use]
    pub fn is_held_by_swarm(&self, container: &Container) -> bool {
        container.labels.is_swarm_task() && self.inventory.engine.swarm != Swarm::Inactive
    }

    /// Containers made from an image, or that mount it, or that mount a volume, by its name or by its path, running
    /// or not, in the order of the engine's list.
    #[must_use]
    pub fn users(&self, number: ItemNo) -> &[ItemNo] {
        self.links.users.of(number)
    }

    /// Returns those of [`Survey::users`] of a volume that mount it only by its path.
    #[must_use]
    pub fn users_by_path(&self, volume: ItemNo) -> &[ItemNo] {
        self.links.by_path.of(volume)
    }

    /// Containers that mount a folder above a volume, as backups and monitors do: they see it, and use nothing
    /// of it that they would miss.
    #[must_use]
    pub fn containers_above(&self, volume: &Volume) -> Vec<&Container> {
        let above = self.links.above.of(&self.inventory, volume);
        let (kind, index) = (Kind::Container, &self.links.index);
        let places = above.into_iter().map(|number| index.place(number));
        let containers = places.filter(|(it, _)| *it == kind);
        containers
            .filter_map(|(_, place)| self.inventory.containers.get(place))
            .collect()
    }

    /// Returns a container with a bind mount of which nobody here knows where it resolved: it may use any volume.
    #[must_use]
    pub fn unresolved(&self) -> Option<&Container> {
        let (_, place) = self.links.index.place(self.links.unresolved?);
        self.inventory.containers.get(place)
    }

    /// Returns what was made on an image by the classic builder or a commit, or on a record; volumes whose data lies in
    /// another one.
    #[must_use]
    pub fn children(&self, number: ItemNo) -> &[ItemNo] {
        self.links.children.of(number)
    }

    /// Returns the image that an image was made on, if it is there.
    #[must_use]
    pub fn parent(&self, image: ItemNo) -> Option<ItemNo> {
        self.links.parents.get(image as usize).copied().flatten()
    }

    /// Returns true for an image that the engine itself calls dangling, and its prune takes: one that nothing was
    /// made on, and that has no tag on a graph driver of Docker's, where a digest does not count, and no name at all
    /// on the containerd store and Podman (seen on 20.10, 26.1, 28.5 and Podman 4.3.1).
    #[must_use]
    pub fn is_dangling(&self, image: ItemNo) -> bool {
        let Item::Image(it) = self.numbered(image) else {
            return false;
        };
        let only_tags = self.inventory.engine.is_docker_on_graph_driver();
        let counts = |name: &Text| !(only_tags && is_digest(name));
        !it.names.iter().any(counts) && self.children(image).is_empty()
    }

    /// Volumes that a container mounts.
    #[must_use]
    pub fn volumes(&self, container: ItemNo) -> &[ItemNo] {
        self.links.volumes.of(container)
    }

    /// Returns what holds an image or a volume and is on no list, kind by kind.
    #[must_use]
    pub fn outsiders(&self, number: ItemNo) -> impl ExactSizeIterator<Item = &Outsider> {
        let places = self.links.outsiders.of(number).iter();
        places.map(|place| self.inventory.outsiders.at(*place))
    }

    /// As [`Survey::outsiders`], of an item.
    pub fn outsiders_of(&self, id: &ItemId) -> impl Iterator<Item = &Outsider> {
        let number = self.links.index.number_of(id);
        number
            .map(|number| self.outsiders(number))
            .into_iter()
            .flatten()
    }

    /// Containers of which it cannot be told whether they mount an image.
    #[must_use]
    pub fn perhaps_users(&self, number: ItemNo) -> &[ItemNo] {
        let users = self.links.perhaps.get(&number);
        users.map_or(&[], Vec::as_slice)
    }

    /// Outsiders of which it cannot be told whether they hold a volume.
    pub fn perhaps_outsiders(&self, number: ItemNo) -> impl Iterator<Item = &Outsider> {
        let volume = match self.numbered(number) {
            Item::Volume(volume) => Some(volume),
            Item::Image(_) | Item::Container(_) | Item::Record(_) | Item::Log(_) => None,
        };
        let outsiders = self.links.doubtful.iter();
        let outsiders = outsiders.map(|place| self.inventory.outsiders.at(*place));
        outsiders.filter(move |it| volume.is_some_and(|volume| it.may_hold(volume)))
    }

    /// Returns true if something outside the lists holds an item, or it is not known whether anything does.
    #[must_use]
    pub fn may_be_held(&self, number: ItemNo) -> bool {
        self.outsiders(number).len() > 0
            || !self.perhaps_users(number).is_empty()
            || self.perhaps_outsiders(number).next().is_some()
    }

    /// Returns a number that an item shares with all whose removal can depend on its own: those it is tied to by use,
    /// by descent or by a mount, however far around.
    #[must_use]
    pub fn cluster(&self, number: ItemNo) -> u32 {
        self.links.clusters[number as usize]
    }

    /// Returns all items of a cluster.
    #[must_use]
    pub fn cluster_members(&self, cluster: u32) -> &[ItemNo] {
        self.links.members.of(cluster)
    }

    /// Containers made from an image, or that mount it, in the order of the engine's list.
    pub fn users_of_image(&self, image: &ImageId) -> impl Iterator<Item = &Container> {
        self.containers_at(self.number_of(Kind::Image, self.links.index.image(image)))
    }

    /// Containers that mount a volume, running or not.
    pub fn users_of_volume(&self, volume: &VolumeName) -> impl Iterator<Item = &Container> {
        self.containers_at(self.number_of(Kind::Volume, self.links.index.volume(volume)))
    }

    /// Returns those of [`Survey::users_of_volume`] that mount it only by its path.
    pub fn users_by_path_of(&self, volume: &VolumeName) -> impl Iterator<Item = &Container> {
        let number = self.number_of(Kind::Volume, self.links.index.volume(volume));
        let users = number.map(|number| self.users_by_path(number));
        self.containers_among(users.unwrap_or_default())
    }

    /// Volumes that are names for what lies in a volume.
    pub fn volumes_in(&self, volume: &VolumeName) -> impl Iterator<Item = &Volume> {
        let number = self.number_of(Kind::Volume, self.links.index.volume(volume));
        let inside = number.map(|number| self.children(number));
        let inside = inside.unwrap_or_default().iter();
        inside.filter_map(|number| match self.numbered(*number) {
            Item::Volume(volume) => Some(volume),
            _ => None,
        })
    }

    fn number_of(&self, kind: Kind, place: Option<usize>) -> Option<ItemNo> {
        place.map(|place| self.links.index.number(kind, place))
    }

    fn containers_at(&self, number: Option<ItemNo>) -> impl Iterator<Item = &Container> {
        let users = number.map(|number| self.users(number));
        self.containers_among(users.unwrap_or_default())
    }

    fn containers_among<'a>(
        &'a self,
        numbers: &'a [ItemNo],
    ) -> impl Iterator<Item = &'a Container> {
        numbers
            .iter()
            .filter_map(|number| match self.numbered(*number) {
                Item::Container(container) => Some(container),
                _ => None,
            })
    }

    /// Images made from an image by the classic builder or a commit.
    pub fn children_of_image(&self, image: &ImageId) -> impl Iterator<Item = &Image> {
        let number = self.number_of(Kind::Image, self.links.index.image(image));
        let children = number.map(|number| self.children(number));
        let children = children.unwrap_or_default().iter();
        children.filter_map(|child| match self.numbered(*child) {
            Item::Image(image) => Some(image),
            _ => None,
        })
    }

    /// Records made on top of a record.
    pub fn children_of_record(&self, record: &RecordId) -> impl Iterator<Item = &Record> {
        let number = self.number_of(Kind::BuildCache, self.links.index.record(record));
        let children = number.map(|number| self.children(number));
        let children = children.unwrap_or_default().iter();
        children.filter_map(|child| match self.numbered(*child) {
            Item::Record(record) => Some(record),
            _ => None,
        })
    }

    /// Returns the images that the engine removes along with an image: its untagged parents that nothing else
    /// uses, upwards (ENGINE.md §2.3). `gone` answers whether an item goes as well.
    pub fn follows(&self, image: ItemNo, gone: impl Fn(ItemNo) -> bool) -> Vec<ItemNo> {
        let mut follows = Vec::new();
        let mut at = image;
        while let Some(parent) = self.parent(at) {
            let is_known = |number: ItemNo| number == image || follows.contains(&number);
            let stays = |number: &ItemNo| !is_known(*number) && !gone(*number);
            let used = self.users(parent).iter().any(|user| !gone(*user))
                || self.may_be_held(parent)
                || self.children(parent).iter().any(stays);
            // A chain of parents that closes on itself is an engine's mistake, not a reason to hang.
            if !self.numbered(parent).is_untagged_image() || used || is_known(parent) {
                break;
            }
            follows.push(parent);
            at = parent;
        }
        follows
    }

    /// Returns what the filter language may ask of an item.
    #[must_use]
    pub fn subject(&self, kind: Kind, index: usize, marked: bool) -> Subject<'_> {
        let facts = self.facts(kind, index);
        let item = self.item(kind, index);
        let (id, labels) = match item {
            Item::Image(image) => (image.id.as_str(), Some(&image.labels)),
            Item::Container(container) | Item::Log(container) => {
                (container.id.as_str(), Some(&container.labels))
            }
            Item::Volume(volume) => (volume.name.as_str(), Some(&volume.labels)),
            Item::Record(record) => (record.id.as_str(), None),
        };
        Subject {
            kind,
            names: self.names(kind, index),
            naming: match item {
                Item::Image(_) if self.inventory.engine.is_podman() => Naming::Podman,
                Item::Image(_) => Naming::Docker,
                _ => Naming::Plain,
            },
            digests: match item {
                Item::Image(image) => &image.digests,
                _ => &[],
            },
            id,
            size: item.size(),
            frees: facts.frees.figure(),
            created: item.created(),
            last_used: facts.last_used,
            project: labels.and_then(|labels| labels.project()),
            driver: item.driver(),
            nth: facts.nth,
            labels,
            is: Flags {
                marked,
                ..facts.flags
            },
        }
    }

    /// All names that a filter may match.
    #[must_use]
    pub fn names(&self, kind: Kind, index: usize) -> &[Text] {
        match self.item(kind, index) {
            Item::Image(image) => &image.names,
            Item::Container(container) | Item::Log(container) => slice::from_ref(&container.name),
            Item::Volume(volume) => slice::from_ref(volume.name.text()),
            Item::Record(record) => slice::from_ref(&record.description),
        }
    }
}

/// Returns how far the stages are of which something follows by itself: what is not listed or measured yet, or never
/// will be. That a list is asked for once more changes nothing.
fn stands(inventory: &Inventory) -> [bool; 10] {
    let is_to_come = |stage| {
        matches!(
            inventory.stage(stage),
            Progress::Waiting | Progress::Running(_)
        )
    };
    let lacks = |stage| inventory.lacks(stage).is_some();
    [
        inventory.is_listed(Stage::Images),
        inventory.is_listed(Stage::Containers),
        inventory.is_listed(Stage::BuildCache),
        inventory.is_listed(Stage::Services),
        lacks(Stage::Images),
        lacks(Stage::Containers),
        lacks(Stage::Volumes),
        lacks(Stage::BuildCache),
        is_to_come(Stage::Layers),
        is_to_come(Stage::ContainerSizes),
    ]
}

#[cfg(test)]
mod tests;
