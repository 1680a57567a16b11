//! Things come and go: what there is at any time, and what an engine says of each change.

use std::collections::HashMap;
use std::ops::Range;

use super::things::{self, Size, event};

/// What there is now: of each kind a range of all the things that there ever are.
pub struct Life {
    size: Size,
    images: Range<u64>,
    containers: Range<u64>,
    volumes: Range<u64>,
    /// Images whose build the cache still has.
    built: Range<u64>,
    /// How many events there were.
    past: u64,
    image_numbers: HashMap<String, u64>,
    container_numbers: HashMap<String, u64>,
}

/// What happens again and again: a thing, and how it ends up.
#[derive(Clone, Copy)]
enum Event {
    /// The engine only says it.
    Container(&'static str),
    Volume(&'static str),
    ImageComes,
    ImageGoes,
    ContainerComes,
    ContainerGoes,
    VolumeComes,
    VolumeGoes,
    CacheIsPruned,
}

/// A job of a build server: an image is built, a container runs of it for a while, older ones go.
const JOB: [Event; 20] = [
    Event::ImageComes,
    Event::VolumeComes,
    Event::ContainerComes,
    Event::Volume("mount"),
    Event::Container("attach"),
    Event::Container("start"),
    Event::Container("exec_create: /bin/sh -c /srv/healthy"),
    Event::Container("exec_start: /bin/sh -c /srv/healthy"),
    Event::Container("exec_die"),
    Event::Container("health_status: healthy"),
    Event::Container("exec_create: /bin/sh -c /srv/healthy"),
    Event::Container("exec_start: /bin/sh -c /srv/healthy"),
    Event::Container("exec_die"),
    Event::Container("kill"),
    Event::Container("die"),
    Event::ContainerGoes,
    Event::Volume("unmount"),
    Event::VolumeGoes,
    Event::ImageGoes,
    Event::CacheIsPruned,
];

impl Life {
    pub fn begin(size: Size) -> Self {
        // The records of an image's own layers, and a base's for the first on it.
        let of_bases = size.bases * (things::LAYERS - things::OWN_LAYERS);
        let built = (size.records - of_bases) / things::OWN_LAYERS;
        Self {
            size,
            images: 0..size.images,
            containers: 0..size.containers,
            volumes: 0..size.volumes,
            built: 0..built,
            past: 0,
            image_numbers: (0..size.images)
                .map(|number| (things::image_id(number), number))
                .collect(),
            container_numbers: (0..size.containers)
                .map(|number| (things::container_id(number), number))
                .collect(),
        }
    }

    /// Lets so many things happen, and returns what the engine says of them.
    pub fn go_on(&mut self, events: usize) -> String {
        (0..events).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> String {
        let at = usize::try_from(self.past % JOB.len() as u64).expect("few");
        self.past += 1;
        match JOB[at] {
            Event::Container(action) => {
                let id = things::container_id(self.containers.end - 1);
                event("container", action, &id, "checkout-service-worker")
            }
            Event::Volume(action) => {
                let name = things::volume_name(self.volumes.end - 1);
                event("volume", action, &name, &name)
            }
            Event::ImageComes => {
                let number = self.images.end;
                let id = things::image_id(number);
                self.images.end += 1;
                self.image_numbers.insert(id.clone(), number);
                let made = event("image", "create", &id, "checkout-service-worker");
                made + &event("image", "tag", &id, "checkout-service-worker")
            }
            Event::ImageGoes => {
                let id = things::image_id(self.images.start);
                self.images.start += 1;
                self.image_numbers.remove(&id);
                let untagged = event("image", "untag", &id, "checkout-service-worker");
                untagged + &event("image", "delete", &id, "checkout-service-worker")
            }
            Event::ContainerComes => {
                let number = self.containers.end;
                let id = things::container_id(number);
                self.containers.end += 1;
                self.container_numbers.insert(id.clone(), number);
                event("container", "create", &id, "checkout-service-worker")
            }
            Event::ContainerGoes => {
                let id = things::container_id(self.containers.start);
                self.containers.start += 1;
                self.container_numbers.remove(&id);
                event("container", "destroy", &id, "checkout-service-worker")
            }
            Event::VolumeComes => {
                let name = things::volume_name(self.volumes.end);
                self.volumes.end += 1;
                event("volume", "create", &name, &name)
            }
            Event::VolumeGoes => {
                let name = things::volume_name(self.volumes.start);
                self.volumes.start += 1;
                event("volume", "destroy", &name, &name)
            }
            Event::CacheIsPruned => {
                self.built = self.built.start + 1..self.built.end + 1;
                event("builder", "prune", "", "")
            }
        }
    }

    /// The image that a container was made of, which is there as long as the container is.
    fn image_of(&self, container: u64) -> u64 {
        container + self.size.images - self.size.containers
    }

    pub fn images(&self) -> String {
        list(
            self.images
                .clone()
                .rev()
                .map(|it| things::image(self.size, it)),
        )
    }

    pub fn containers(&self) -> String {
        let numbers = self.containers.clone().rev();
        list(numbers.map(|it| things::container(it, self.image_of(it))))
    }

    pub fn volumes(&self) -> String {
        let rows = list(self.volumes.clone().map(things::volume));
        format!("{{\"Volumes\":{rows},\"Warnings\":null}}")
    }

    /// What `/system/df` tells of the types that were asked for.
    pub fn usage(&self, query: &str) -> String {
        let asked = |kind: &str| query.is_empty() || query.contains(kind);
        let only = |kind: &str, rows: &dyn Fn() -> String| {
            if asked(kind) {
                rows()
            } else {
                "null".to_owned()
            }
        };
        let images = only("type=image", &|| {
            list(
                self.images
                    .clone()
                    .map(|it| things::image_usage(self.size, it)),
            )
        });
        let volumes = only("type=volume", &|| {
            list(self.volumes.clone().map(things::volume_usage))
        });
        let records = only("type=build-cache", &|| {
            list(things::records(self.size, self.built.clone()))
        });
        format!(
            "{{\"LayersSize\":0,\"Images\":{images},\"Containers\":null,\"Volumes\":{volumes},\"BuildCache\":{records}}}"
        )
    }

    pub fn image_inspect(&self, id: &str) -> Option<String> {
        let number = self.image_numbers.get(id)?;
        Some(things::image_inspect(self.size, *number))
    }

    pub fn image_history(&self, id: &str) -> Option<String> {
        let number = self.image_numbers.get(id)?;
        Some(things::image_history(self.size, *number))
    }

    pub fn container_inspect(&self, id: &str) -> Option<String> {
        let number = *self.container_numbers.get(id)?;
        let image = self.image_of(number);
        Some(things::container_inspect(self.size, number, image))
    }
}

fn list(rows: impl Iterator<Item = String>) -> String {
    let mut list = String::from("[");
    for row in rows {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&row);
    }
    list.push(']');
    list
}
