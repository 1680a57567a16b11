//! Who refers to whom: made once for each list, so that every question about users is a look-up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::domain::compact::csr::Csr;
use crate::domain::index::{Index, ItemNo};
use crate::domain::inventory::Inventory;
use crate::domain::item::{Container, ImageId, Kind};
use crate::domain::outsider::{Outsider, OutsiderKind, Perhaps};
use crate::domain::reference;
use crate::domain::store::mounted::Mounts;
use crate::domain::text::Text;

use super::holds::{Above, VolumeFolders};
use super::order::NamePlace;

/// Who refers to whom, by number.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) index: Arc<Index>,
    image_names: HashMap<Text, u32>,
    /// Of each image.
    pub(super) parents: Vec<Option<ItemNo>>,
    /// Containers of an image, or of a volume, by whatever way they mount it.
    pub(super) users: Csr<ItemNo>,
    /// What was made on an image, or on a record; volumes whose device lies in a volume.
    pub(super) children: Csr<ItemNo>,
    /// Volumes of a container.
    pub(super) volumes: Csr<ItemNo>,
    /// Of a volume, the containers that mount it only by its path.
    pub(super) by_path: Csr<ItemNo>,
    /// Containers that mount folders above volumes.
    pub(super) above: Above,
    /// A container that may mount any volume by its path.
    pub(super) unresolved: Option<ItemNo>,
    /// Containers of which it cannot be told whether they mount an image, by the images' numbers.
    pub(super) perhaps: HashMap<ItemNo, Vec<ItemNo>>,
    /// Places of outsiders of which it is not known what they hold.
    pub(super) doubtful: Vec<u32>,
    /// Places of the outsiders that hold an image or a volume.
    pub(super) outsiders: Csr<u32>,
    /// Projects that have containers, here or, by their services, on other nodes.
    pub(super) projects: HashSet<Text>,
    /// For each item a number that it has in common with all that it is tied to by any of these links, however
    /// far around.
    pub(super) clusters: Vec<u32>,
    /// All of a cluster.
    pub(super) members: Csr<ItemNo>,
    /// Of each kind, once it was asked for.
    pub(super) name_places: [OnceLock<Vec<NamePlace>>; Kind::COUNT],
}

impl Links {
    pub(super) fn new(inventory: &Inventory, index: Arc<Index>) -> Self {
        let mut links = Self {
            index,
            ..Self::default()
        };
        for (place, image) in (0..).zip(&inventory.images) {
            for name in image.names.iter().chain(&image.digests) {
                links.image_names.insert(name.clone(), place);
            }
        }
        let projects = inventory.containers.iter().map(|it| it.labels.project());
        let stacks = inventory.outsiders.iter();
        let stacks = stacks.filter_map(|it| it.project.as_deref());
        links.projects = projects.flatten().chain(stacks).map(Text::from).collect();
        let index = &links.index;
        let parents = inventory.images.iter().map(|image| {
            let parent = index.image(image.parent.as_ref()?)?;
            Some(index.number(Kind::Image, parent))
        });
        let parents: Vec<Option<ItemNo>> = parents.collect();
        let mut children: Vec<(ItemNo, ItemNo)> = (0..)
            .zip(&parents)
            .filter_map(|(child, parent)| Some(((*parent)?, child)))
            .collect();
        for (child, record) in index.numbers(Kind::BuildCache).zip(&inventory.cache) {
            let known = record.parents.iter().filter_map(|id| index.record(id));
            children.extend(known.map(|parent| (index.number(Kind::BuildCache, parent), child)));
        }
        let folders = has_paths(inventory).then(|| VolumeFolders::new(inventory));
        let mut users = Vec::new();
        let mut volumes = Vec::new();
        let mut by_path = Vec::new();
        let mut doubts = Vec::new();
        for (number, container) in index.numbers(Kind::Container).zip(&inventory.containers) {
            let images = links.images_of(container, inventory);
            users.extend(images.into_iter().map(|at| (at, number)));
            let perhaps = links.may_mount(container, inventory);
            doubts.extend(perhaps.into_iter().map(|at| (at, number)));
            let mounted = links.volumes_of(container);
            users.extend(mounted.iter().map(|at| (*at, number)));
            for at in links.volumes_by_path(folders.as_ref(), container, number) {
                if !mounted.contains(&at) {
                    by_path.push((at, number));
                }
            }
            volumes.extend(mounted.into_iter().map(|at| (number, at)));
        }
        users.extend(&by_path);
        // As they stand in the list, whatever they hold a volume by.
        users.sort_by_key(|(_, user)| *user);
        children.extend(links.volumes_in_volumes(folders.as_ref(), inventory));
        let index = &links.index;
        let mut outsiders = Vec::new();
        for kind in OutsiderKind::ALL {
            for (place, outsider) in (0..).zip(&inventory.outsiders) {
                if outsider.kind == kind {
                    let held = links.held_by(folders.as_ref(), outsider);
                    outsiders.extend(held.into_iter().map(|at| (at, place)));
                }
            }
        }
        let length = index.len();
        let ties = users.iter().chain(&children).chain(&doubts);
        links.clusters = clusters(length, ties);
        let members = links.clusters.iter().copied().zip(0..);
        links.members = Csr::new(members);
        for (image, container) in doubts {
            links.perhaps.entry(image).or_default().push(container);
        }
        let doubtful = (0..).zip(&inventory.outsiders);
        let doubtful = doubtful.filter(|(_, it)| it.perhaps != Perhaps::Nothing);
        links.doubtful = doubtful.map(|(place, _)| place).collect();
        links.parents = parents;
        links.users = Csr::new(users.iter().copied());
        links.children = Csr::new(children.iter().copied());
        links.volumes = Csr::new(volumes.iter().copied());
        links.by_path = Csr::new(by_path.iter().copied());
        links.outsiders = Csr::new(outsiders.iter().copied());
        links
    }

    /// Returns the images that a container is made of and mounts, each once.
    fn images_of(&self, container: &Container, inventory: &Inventory) -> Vec<ItemNo> {
        let made_of = container
            .image_id
            .as_ref()
            .and_then(|id| self.index.image(id));
        let mounts = self.mounts_of(container, inventory);
        let mounted = mounts.filter_map(|mounts| match mounts {
            Mounts::Image(place) | Mounts::Unsure(Some(place)) => Some(place),
            Mounts::Unlisted | Mounts::Unsure(None) => None,
        });
        let places = made_of.into_iter().chain(mounted);
        once_each(places.map(|place| self.index.number(Kind::Image, place)))
    }

    fn mounts_of(
        &self,
        container: &Container,
        inventory: &Inventory,
    ) -> impl Iterator<Item = Mounts> {
        let mounts = container.image_mounts.iter();
        mounts.map(|mount| {
            container.mounts(mount, &inventory.mounted, &inventory.images, |name| {
                self.image_named(name)
            })
        })
    }

    /// Returns the images of which it cannot be told whether a container mounts them.
    fn may_mount(&self, container: &Container, inventory: &Inventory) -> Vec<ItemNo> {
        let mut mounts = self.mounts_of(container, inventory);
        if !mounts.any(|mounts| matches!(mounts, Mounts::Unsure(_))) {
            return Vec::new();
        }
        let images = inventory.images.iter().enumerate();
        let images = images.filter(|(_, image)| container.may_mount(image));
        images
            .map(|(place, _)| self.index.number(Kind::Image, place))
            .collect()
    }

    /// Returns the images and volumes that an outsider holds, each once.
    fn held_by(&self, folders: Option<&VolumeFolders<'_>>, outsider: &Outsider) -> Vec<ItemNo> {
        let images = outsider.images.iter();
        let images = images.filter_map(|name| self.image_named(name));
        let images = images.map(|place| self.index.number(Kind::Image, place));
        let volumes = outsider.volumes.iter();
        let volumes = volumes.filter_map(|name| self.index.volume(name));
        let volumes = volumes.map(|place| self.index.number(Kind::Volume, place));
        let reached = folders.into_iter().flat_map(|folders| {
            let paths = outsider.binds.iter();
            let reached = paths.flat_map(|path| folders.reach(path).volumes);
            reached.map(|place| self.index.number(Kind::Volume, place as usize))
        });
        once_each(images.chain(volumes).chain(reached))
    }

    /// Returns the volumes that a container mounts by their paths, each once; what it mounts above volumes is noted.
    fn volumes_by_path(
        &mut self,
        folders: Option<&VolumeFolders<'_>>,
        container: &Container,
        number: ItemNo,
    ) -> Vec<ItemNo> {
        let mut found = Vec::new();
        for path in container.binds.iter() {
            let Some(reach) = folders.map(|it| it.reach(path)) else {
                break;
            };
            if reach.unresolved {
                self.unresolved.get_or_insert(number);
            }
            if let Some(folder) = reach.above {
                self.above.add(folder, number);
            }
            let places = reach.volumes.into_iter();
            found.extend(places.map(|at| self.index.number(Kind::Volume, at as usize)));
        }
        once_each(found.into_iter())
    }

    /// Volumes that other volumes are names for, or for a folder in them, with those.
    fn volumes_in_volumes(
        &self,
        folders: Option<&VolumeFolders<'_>>,
        inventory: &Inventory,
    ) -> Vec<(ItemNo, ItemNo)> {
        let mut found = Vec::new();
        for (name, volume) in self.index.numbers(Kind::Volume).zip(&inventory.volumes) {
            let Some((device, folders)) = volume.device().zip(folders) else {
                continue;
            };
            let places = folders.reach(device).volumes.into_iter();
            let places = places.map(|at| self.index.number(Kind::Volume, at as usize));
            found.extend(places.filter(|at| *at != name).map(|at| (at, name)));
        }
        found
    }

    fn volumes_of(&self, container: &Container) -> Vec<ItemNo> {
        let known = container.volumes.iter();
        let places = known.filter_map(|name| self.index.volume(name));
        once_each(places.map(|place| self.index.number(Kind::Volume, place)))
    }

    /// Returns the place of the image that a reference means.
    pub(super) fn image_named(&self, name: &str) -> Option<usize> {
        reference::find(name, |name| {
            let by_id = self.index.image(&ImageId::new(name));
            by_id.or_else(|| self.image_names.get(name).map(|place| *place as usize))
        })
    }
}

/// Returns true where any path may lead into a volume.
fn has_paths(inventory: &Inventory) -> bool {
    let mut outsiders = inventory.outsiders.iter();
    inventory.containers.iter().any(|it| !it.binds.is_empty())
        || inventory.volumes.iter().any(|it| it.device().is_some())
        || outsiders.any(|it| !it.binds.is_empty())
}

/// In the order in which they come first.
fn once_each(numbers: impl Iterator<Item = ItemNo>) -> Vec<ItemNo> {
    let mut once = Vec::new();
    for number in numbers {
        if !once.contains(&number) {
            once.push(number);
        }
    }
    once
}

/// For each of so many things the smallest that is tied to it.
fn clusters<'a>(length: usize, ties: impl Iterator<Item = &'a (u32, u32)>) -> Vec<u32> {
    let mut towards: Vec<u32> = (0..).take(length).collect();
    for (one, other) in ties {
        let (one, other) = (root(&mut towards, *one), root(&mut towards, *other));
        towards[one.max(other) as usize] = one.min(other);
    }
    for at in 0..length {
        // A smaller one leads to its root by now.
        towards[at] = towards[towards[at] as usize];
    }
    towards
}

/// Returns the root of a thing; the way there is halved for those who come after.
fn root(towards: &mut [u32], mut at: u32) -> u32 {
    while towards[at as usize] != at {
        let next = towards[towards[at as usize] as usize];
        towards[at as usize] = next;
        at = next;
    }
    at
}

#[cfg(test)]
mod tests;
