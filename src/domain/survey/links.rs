//! Who refers to whom: made once for each inventory, so that every question about users is a look-up.

use std::collections::{HashMap, HashSet};

use crate::domain::inventory::Inventory;
use crate::domain::item::{Container, ContainerId, ImageId, RecordId, Text, VolumeName};

/// Who refers to whom, by index.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) image: HashMap<ImageId, usize>,
    pub(super) image_name: HashMap<Text, usize>,
    pub(super) container: HashMap<ContainerId, usize>,
    pub(super) volume: HashMap<VolumeName, usize>,
    pub(super) record: HashMap<RecordId, usize>,
    pub(super) image_users: Vec<Vec<usize>>,
    pub(super) image_children: Vec<Vec<usize>>,
    pub(super) image_services: Vec<Vec<usize>>,
    pub(super) volume_users: Vec<Vec<usize>>,
    pub(super) record_children: Vec<Vec<usize>>,
}

impl Links {
    pub(super) fn new(inventory: &Inventory) -> Self {
        let mut links = Self {
            image: indices(&inventory.images, |image| image.id.clone()),
            container: indices(&inventory.containers, |container| container.id.clone()),
            volume: indices(&inventory.volumes, |volume| volume.name.clone()),
            record: indices(&inventory.cache, |record| record.id.clone()),
            image_users: vec![Vec::new(); inventory.images.len()],
            image_children: vec![Vec::new(); inventory.images.len()],
            image_services: vec![Vec::new(); inventory.images.len()],
            volume_users: vec![Vec::new(); inventory.volumes.len()],
            record_children: vec![Vec::new(); inventory.cache.len()],
            ..Self::default()
        };
        for (index, image) in inventory.images.iter().enumerate() {
            for name in image.names.iter().chain(&image.digests) {
                links.image_name.insert(name.clone(), index);
            }
            if let Some(parent) = image.parent.as_ref().and_then(|id| links.image.get(id)) {
                links.image_children[*parent].push(index);
            }
        }
        for (index, container) in inventory.containers.iter().enumerate() {
            links.add_container(index, container);
        }
        for (index, service) in inventory.services.iter().enumerate() {
            if let Some(image) = links.image_named(&service.image) {
                links.image_services[image].push(index);
            }
        }
        for (index, record) in inventory.cache.iter().enumerate() {
            for parent in &record.parents {
                if let Some(parent) = links.record.get(parent) {
                    links.record_children[*parent].push(index);
                }
            }
        }
        links
    }

    fn add_container(&mut self, index: usize, container: &Container) {
        let made_of = container
            .image_id
            .as_ref()
            .and_then(|id| self.image.get(id).copied());
        let mounted = container
            .image_mounts
            .iter()
            .filter_map(|name| self.image_named(name));
        let images: HashSet<usize> = made_of.into_iter().chain(mounted).collect();
        for image in images {
            self.image_users[image].push(index);
        }
        let volumes: HashSet<&VolumeName> = container.volumes.iter().collect();
        for volume in volumes {
            if let Some(volume) = self.volume.get(volume) {
                self.volume_users[*volume].push(index);
            }
        }
    }

    /// The image that a reference means: an ID, a tag, a digest, `name:tag@digest`, or a bare name.
    pub(super) fn image_named(&self, name: &str) -> Option<usize> {
        let by_digest = || {
            let (name, digest) = name.split_once('@')?;
            let repository = name
                .rsplit_once(':')
                .filter(|(_, tag)| !tag.contains('/'))
                .map_or(name, |(repository, _)| repository);
            self.image_name
                .get(format!("{repository}@{digest}").as_str())
        };
        self.image
            .get(&ImageId::new(name))
            .or_else(|| self.image_name.get(name))
            .or_else(|| self.image_name.get(format!("{name}:latest").as_str()))
            .or_else(by_digest)
            .copied()
    }
}

fn indices<T, K: std::hash::Hash + Eq>(items: &[T], id: impl Fn(&T) -> K) -> HashMap<K, usize> {
    items
        .iter()
        .enumerate()
        .map(|(index, item)| (id(item), index))
        .collect()
}
