//! Who refers to whom: made once for each list, so that every question about users is a look-up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::domain::index::{Index, ItemNo};
use crate::domain::inventory::Inventory;
use crate::domain::item::{Container, ImageId, Kind, Text};
use crate::domain::lists::Lists;
use crate::domain::reference;

use super::order::NamePlace;

/// Who refers to whom, by number.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) index: Arc<Index>,
    image_names: HashMap<Text, u32>,
    /// Of each image.
    pub(super) parents: Vec<Option<ItemNo>>,
    /// Containers of an image, or of a volume.
    pub(super) users: Lists<ItemNo>,
    /// What was made on an image, or on a record.
    pub(super) children: Lists<ItemNo>,
    /// Volumes of a container.
    pub(super) volumes: Lists<ItemNo>,
    /// Places of swarm services that run an image.
    pub(super) services: Lists<u32>,
    /// Compose projects that have containers.
    pub(super) projects: HashSet<Text>,
    /// For each item a number that it has in common with all that it is tied to by any of these links, however
    /// far around.
    pub(super) clusters: Vec<u32>,
    /// All of a cluster.
    pub(super) members: Lists<ItemNo>,
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
        links.projects = projects.flatten().map(Text::from).collect();
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
        let mut users = Vec::new();
        let mut volumes = Vec::new();
        for (number, container) in index.numbers(Kind::Container).zip(&inventory.containers) {
            users.extend(
                links
                    .images_of(container)
                    .into_iter()
                    .map(|at| (at, number)),
            );
            let mounted = links.volumes_of(container);
            users.extend(mounted.iter().map(|at| (*at, number)));
            volumes.extend(mounted.into_iter().map(|at| (number, at)));
        }
        let services = (0..)
            .zip(&inventory.services)
            .filter_map(|(place, service)| {
                let image = links.image_named(&service.image)?;
                Some((index.number(Kind::Image, image), place))
            });
        let services: Vec<(ItemNo, u32)> = services.collect();
        let length = index.len();
        links.clusters = clusters(length, users.iter().chain(&children));
        let members = links.clusters.iter().copied().zip(0..);
        links.members = Lists::new(length, members);
        links.parents = parents;
        links.users = Lists::new(length, users.into_iter());
        links.children = Lists::new(length, children.into_iter());
        links.volumes = Lists::new(length, volumes.into_iter());
        links.services = Lists::new(length, services.into_iter());
        links
    }

    /// The images that a container is made of and mounts, each once.
    fn images_of(&self, container: &Container) -> Vec<ItemNo> {
        let made_of = container
            .image_id
            .as_ref()
            .and_then(|id| self.index.image(id));
        let mounted = container
            .image_mounts
            .iter()
            .filter_map(|name| self.image_named(name));
        let places = made_of.into_iter().chain(mounted);
        once_each(places.map(|place| self.index.number(Kind::Image, place)))
    }

    fn volumes_of(&self, container: &Container) -> Vec<ItemNo> {
        let known = container.volumes.iter();
        let places = known.filter_map(|name| self.index.volume(name));
        once_each(places.map(|place| self.index.number(Kind::Volume, place)))
    }

    /// The place of the image that a reference means.
    pub(super) fn image_named(&self, name: &str) -> Option<usize> {
        reference::find(name, |name| {
            let by_id = self.index.image(&ImageId::new(name));
            by_id.or_else(|| self.image_names.get(name).map(|place| *place as usize))
        })
    }
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

/// The root of a thing; the way there is halved for those who come after.
fn root(towards: &mut [u32], mut at: u32) -> u32 {
    while towards[at as usize] != at {
        let next = towards[towards[at as usize] as usize];
        towards[at as usize] = next;
        at = next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tied_in_any_way_is_one_cluster() {
        let ties = [(5, 6), (1, 2), (6, 2), (4, 4), (3, 7)];
        assert_eq!(clusters(9, ties.iter()), [0, 1, 1, 3, 4, 1, 1, 3, 8]);
    }
}
