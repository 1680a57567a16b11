//! An engine for tests: it refuses what a real one refuses, records what is written, and can be disturbed.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, pending, ready};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::{Disk, DiskList, Places};
use crate::domain::inventory::{EngineInfo, Inventory, SharedSizes};
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Image, ImageId, Record, RecordId, State, Volume,
    VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::plan::scene::at;
use crate::domain::text::Text;
use crate::engine::host::LookOrder;
use crate::engine::{Answer, Change, Engine, EngineError, ImageDetails, Pruned, Removed};

type Disturbance = Box<dyn FnMut(&mut Inventory) + Send>;

/// What goes wrong at a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// It is refused and has no effect.
    Refuse(EngineError),
    /// The connection is cut before or after it takes effect.
    CutBefore,
    CutAfter,
    /// It is never answered, and has no effect.
    Hang,
    /// Its answer takes so long.
    Late(Duration),
    /// The engine is gone from this request on.
    Down,
    /// It is refused after it took effect.
    FailAfter(EngineError),
    /// It is refused, and the object is off the list all the same; its bytes stay (Podman on a full disk).
    Unlist(EngineError),
}

/// What a filesystem says, however the engine's figures are.
#[derive(Default)]
pub(super) struct Filesystem {
    pub total: Bytes,
    /// What is free while every object is there.
    pub free: Bytes,
    /// What each object really takes; the filesystem gives it back once the object is gone.
    pub takes: HashMap<String, Bytes>,
    /// So many looks later than it went.
    pub late: usize,
    /// What somebody else writes before each look, or deletes.
    pub others: Vec<i64>,
    /// How much they wrote, where that is counted.
    pub written: Option<Bytes>,
    pub is_unsynced: bool,
    /// How often each object that is gone was seen to be gone.
    pub seen: HashMap<String, usize>,
}

impl Filesystem {
    fn look(&mut self, inventory: &Inventory) -> Disk {
        if !self.others.is_empty() {
            let change = self.others.remove(0);
            self.free = Bytes(self.free.0.saturating_add_signed(change));
            if let (Some(written), true) = (&mut self.written, change < 0) {
                *written += Bytes(change.unsigned_abs());
            }
        }
        let there = all(inventory);
        let mut free = self.free;
        for (id, bytes) in &self.takes {
            if !there.contains(id.as_str()) {
                let seen = self.seen.entry(id.clone()).or_default();
                *seen += 1;
                if *seen > self.late {
                    free += *bytes;
                }
            }
        }
        Disk {
            path: "/var/lib/docker".into(),
            total: self.total,
            free,
            holds: Places::ALL,
            ..Disk::default()
        }
    }
}

#[derive(Default)]
struct World {
    inventory: Inventory,
    /// Writing requests, in order.
    writes: Vec<String>,
    requests: usize,
    /// What else happens right before a request that starts so; once.
    before: Vec<(String, Disturbance)>,
    /// What else happens before the request of this number; where so told, only before one that reads.
    at_number: Vec<(usize, bool, Disturbance)>,
    /// Faults at requests that start so; once.
    faults: Vec<(String, Fault)>,
    /// A fault at the request of this number.
    fault_at: Option<(usize, Fault)>,
    is_down: bool,
    filesystem: Option<Filesystem>,
}

#[derive(Default)]
pub(super) struct Model(Mutex<World>);

fn cut() -> EngineError {
    EngineError::Unreachable {
        host: "model".to_owned(),
        cause: "connection reset".to_owned(),
    }
}

fn missing<T>(what: &str) -> Result<T, EngineError> {
    Err(EngineError::NotFound(format!("No such {what}")))
}

fn conflict<T>(words: &str) -> Result<T, EngineError> {
    Err(EngineError::Conflict(words.to_owned()))
}

impl Model {
    pub(super) fn new(inventory: Inventory) -> Self {
        Self(Mutex::new(World {
            inventory,
            ..World::default()
        }))
    }

    pub(super) fn before(
        &self,
        request: &str,
        change: impl FnMut(&mut Inventory) + Send + 'static,
    ) {
        let mut world = self.0.lock().unwrap();
        world.before.push((request.to_owned(), Box::new(change)));
    }

    pub(super) fn before_number(
        &self,
        number: usize,
        reads_only: bool,
        change: impl FnMut(&mut Inventory) + Send + 'static,
    ) {
        let mut world = self.0.lock().unwrap();
        let change = Box::new(change);
        world.at_number.push((number, reads_only, change));
    }

    pub(super) fn fault(&self, request: &str, fault: Fault) {
        let mut world = self.0.lock().unwrap();
        world.faults.push((request.to_owned(), fault));
    }

    pub(super) fn fault_at(&self, number: usize, fault: Fault) {
        self.0.lock().unwrap().fault_at = Some((number, fault));
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Inventory)) {
        change(&mut self.0.lock().unwrap().inventory);
    }

    /// Gives it a filesystem that can be asked.
    pub(super) fn put_on(&self, filesystem: Filesystem) {
        self.0.lock().unwrap().filesystem = Some(filesystem);
    }

    /// Returns what the filesystem says by now, once everything that went has been given back.
    pub(super) fn free(&self) -> Bytes {
        let mut world = self.0.lock().unwrap();
        let World {
            inventory,
            filesystem,
            ..
        } = &mut *world;
        let filesystem = filesystem.as_mut().unwrap();
        filesystem.late = 0;
        filesystem.look(inventory).free
    }

    pub(super) fn writes(&self) -> Vec<String> {
        self.0.lock().unwrap().writes.clone()
    }

    pub(super) fn requests(&self) -> usize {
        self.0.lock().unwrap().requests
    }

    pub(super) fn inventory(&self) -> Inventory {
        self.0.lock().unwrap().inventory.clone()
    }

    fn ask<'a, T: Send + 'a>(
        &self,
        request: &str,
        effect: impl FnOnce(&mut Inventory) -> Result<T, EngineError>,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        let mut world = self.0.lock().unwrap();
        world.requests += 1;
        let number = world.requests;
        if world.is_down {
            return ready(Err(cut())).boxed();
        }
        while let Some(found) = world
            .before
            .iter()
            .position(|(on, _)| request.starts_with(on))
        {
            let (_, mut change) = world.before.remove(found);
            change(&mut world.inventory);
        }
        let reads = request.starts_with("GET");
        while let Some(due) = world
            .at_number
            .iter()
            .position(|(at, reads_only, _)| *at <= number && (reads || !reads_only))
        {
            let (_, _, mut change) = world.at_number.remove(due);
            change(&mut world.inventory);
        }
        if !reads {
            world.writes.push(request.to_owned());
        }
        let fault = world
            .faults
            .iter()
            .position(|(on, _)| request.starts_with(on));
        let fault = fault.map(|found| world.faults.remove(found).1).or_else(|| {
            let is_now = world.fault_at.as_ref().is_some_and(|(at, _)| *at == number);
            is_now
                .then(|| world.fault_at.take().map(|(_, fault)| fault))
                .flatten()
        });
        let answer = match fault {
            None => effect(&mut world.inventory),
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::CutBefore) => Err(cut()),
            Some(Fault::Hang) => return pending().boxed(),
            Some(Fault::Late(time)) => {
                let answer = effect(&mut world.inventory);
                return async move {
                    tokio::time::sleep(time).await;
                    answer
                }
                .boxed();
            }
            Some(Fault::CutAfter) => effect(&mut world.inventory).and(Err(cut())),
            Some(Fault::FailAfter(error)) => effect(&mut world.inventory).and(Err(error)),
            Some(Fault::Unlist(error)) => {
                effect(&mut world.inventory).ok();
                let World {
                    inventory,
                    filesystem,
                    ..
                } = &mut *world;
                if let Some(filesystem) = filesystem {
                    let there = all(inventory);
                    filesystem.takes.retain(|id, _| {
                        there.contains(id.as_str()) || filesystem.seen.contains_key(id)
                    });
                }
                Err(error)
            }
            Some(Fault::Down) => {
                world.is_down = true;
                Err(cut())
            }
        };
        ready(answer).boxed()
    }
}

fn container<'a>(
    world: &'a mut Inventory,
    id: &ContainerId,
) -> Result<&'a mut Container, EngineError> {
    let found = world.containers.iter_mut().find(|found| found.id == *id);
    found.ok_or_else(|| EngineError::NotFound(format!("No such container: {id}")))
}

fn named(world: &Inventory, name: &str) -> Option<usize> {
    world.images.iter().position(|image| {
        image
            .names
            .iter()
            .chain(&image.digests)
            .any(|known| **known == *name)
    })
}

/// Deletes an image and the untagged parents that nothing holds any more (ENGINE.md §1.7).
fn delete_image(world: &mut Inventory, at: usize) -> Result<Removed, EngineError> {
    let is_held = |world: &Inventory, image: &Image| {
        world
            .containers
            .iter()
            .any(|user| user.image_id.as_ref() == Some(&image.id))
    };
    let has_child = |world: &Inventory, image: &Image| {
        world
            .images
            .iter()
            .any(|child| child.parent.as_ref() == Some(&image.id))
    };
    if is_held(world, &world.images[at]) {
        return conflict("image is being used by stopped container");
    }
    if has_child(world, &world.images[at]) {
        return conflict("image has dependent child images");
    }
    let mut image = world.images.remove(at);
    let mut removed = Removed {
        untagged: image.names.clone(),
        deleted: vec![image.id.as_str().into()],
    };
    while let Some(parent) = image
        .parent
        .take()
        .and_then(|id| world.images.iter().position(|found| found.id == id))
    {
        let found = &world.images[parent];
        if !found.names.is_empty() || is_held(world, found) || has_child(world, found) {
            break;
        }
        image = world.images.remove(parent);
        removed.deleted.push(image.id.as_str().into());
    }
    Ok(removed)
}

fn end_container(world: &mut Inventory, at: usize, with_volumes: bool) {
    let gone = world.containers.remove(at);
    let used: HashSet<VolumeName> = world
        .containers
        .iter()
        .flat_map(|found| found.volumes.clone())
        .collect();
    world.volumes.retain(|volume| {
        !(with_volumes
            && volume.anonymous
            && gone.volumes.contains(&volume.name)
            && !used.contains(&volume.name))
    });
}

impl Engine for Model {
    fn about(&self) -> Answer<'_, EngineInfo> {
        self.ask("GET info", |world| Ok((*world.engine).clone()))
    }

    fn disks(&self, _: LookOrder) -> Answer<'_, DiskList> {
        let mut world = self.0.lock().unwrap();
        let World {
            inventory,
            filesystem,
            ..
        } = &mut *world;
        let list = filesystem.as_mut().map(|filesystem| DiskList {
            disks: vec![filesystem.look(inventory)],
            synced: !filesystem.is_unsynced,
            written: filesystem.written,
            ..DiskList::default()
        });
        ready(Ok(list.unwrap_or_default())).boxed()
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        self.ask("GET images", |world| Ok(world.images.clone()))
    }

    fn containers(&self) -> Answer<'_, Vec<Container>> {
        self.ask("GET containers", |world| {
            let mut listed = world.containers.clone();
            for found in &mut listed {
                found.details = Figure::Pending;
            }
            Ok(listed)
        })
    }

    fn volumes(&self) -> Answer<'_, Vec<Volume>> {
        self.ask("GET volumes", |world| Ok(world.volumes.clone()))
    }

    fn services(&self) -> Answer<'_, Vec<Outsider>> {
        self.ask("GET services", |world| {
            Ok(world.outsiders.iter().cloned().collect())
        })
    }

    fn build_cache(&self) -> Answer<'_, Vec<Record>> {
        self.ask("GET build_cache", |world| Ok(world.cache.clone()))
    }

    fn shared_sizes(&self) -> Answer<'_, SharedSizes> {
        self.ask("GET df images", |_| Ok(SharedSizes::default()))
    }

    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>> {
        self.ask("GET df volumes", |_| Ok(Vec::new()))
    }

    fn image_details<'a>(&'a self, id: &'a ImageId) -> Answer<'a, ImageDetails> {
        self.ask(&format!("GET image {id}"), |_| missing("image"))
    }

    fn container_details<'a>(
        &'a self,
        id: &'a ContainerId,
        _size: bool,
    ) -> Answer<'a, ContainerDetails> {
        self.ask(&format!("GET container {id}"), |world| {
            let found = container(world, id)?;
            let details = found.details.as_ref().known();
            Ok(details
                .map(|details| (**details).clone())
                .unwrap_or_default())
        })
    }

    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageId>> {
        self.ask(&format!("GET resolve {name}"), |world| {
            Ok(named(world, name).map(|at| world.images[at].id.clone()))
        })
    }

    fn changes(&self) -> BoxStream<'_, Result<Change, EngineError>> {
        stream::pending().boxed()
    }

    fn unpause<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.ask(&format!("unpause {id}"), |world| {
            let found = container(world, id)?;
            if found.state != State::Paused {
                return conflict("Container is not paused");
            }
            found.state = State::Running;
            Ok(())
        })
    }

    fn stop<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.ask(&format!("stop {id}"), |world| {
            let found = container(world, id)?;
            if found.state == State::Paused {
                return conflict("Container is paused. Unpause the container before stopping");
            }
            found.state = State::Exited;
            let mut details = found
                .details
                .as_ref()
                .known()
                .map_or_else(ContainerDetails::default, |details| (**details).clone());
            details.finished = Some(at(500));
            let vanishes = details.auto_remove;
            found.details = Figure::Known(details.into());
            if vanishes && let Some(at) = world.containers.iter().position(|found| found.id == *id)
            {
                end_container(world, at, true);
            }
            Ok(())
        })
    }

    fn remove_container<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.ask(&format!("rm {id}"), |world| {
            if !container(world, id)?.state.is_stopped() {
                return conflict("container is running: stop the container before removing");
            }
            if let Some(at) = world.containers.iter().position(|found| found.id == *id) {
                end_container(world, at, false);
            }
            Ok(())
        })
    }

    fn untag<'a>(&'a self, name: &'a str) -> Answer<'a, Removed> {
        self.ask(&format!("untag {name}"), |world| {
            let Some(at) = named(world, name) else {
                return missing("image");
            };
            if world.images[at].names.len() == 1 {
                return delete_image(world, at);
            }
            world.images[at].names.retain(|known| **known != *name);
            world.images[at].digests.retain(|known| **known != *name);
            Ok(Removed {
                untagged: vec![name.into()],
                deleted: Vec::new(),
            })
        })
    }

    fn remove_image<'a>(&'a self, id: &'a ImageId) -> Answer<'a, Removed> {
        self.ask(&format!("rmi {id}"), |world| {
            let Some(at) = world.images.iter().position(|image| image.id == *id) else {
                return missing("image");
            };
            if world.images[at].names.len() > 1 {
                return conflict("image is referenced in multiple repositories");
            }
            delete_image(world, at)
        })
    }

    fn prune_records<'a>(&'a self, ids: &'a [RecordId]) -> Answer<'a, Pruned> {
        let listed: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        self.ask(&format!("prune {}", listed.join(" ")), |world| {
            let mut pruned = Pruned::default();
            while let Some(at) = world.cache.iter().position(|record| {
                let has_child = world
                    .cache
                    .iter()
                    .any(|child| child.parents.contains(&record.id));
                ids.contains(&record.id) && !record.in_use && !has_child
            }) {
                pruned.deleted.push(world.cache.remove(at).id);
            }
            Ok(pruned)
        })
    }

    fn remove_volume<'a>(&'a self, name: &'a VolumeName) -> Answer<'a, ()> {
        self.ask(&format!("volume rm {name}"), |world| {
            let Some(at) = world.volumes.iter().position(|volume| volume.name == *name) else {
                return missing("volume");
            };
            if world
                .containers
                .iter()
                .any(|user| user.volumes.contains(name))
            {
                return conflict("volume is in use");
            }
            world.volumes.remove(at);
            Ok(())
        })
    }
}

/// The names of everything that an inventory holds, tags included.
pub(super) fn all(inventory: &Inventory) -> HashSet<Text> {
    let images = inventory.images.iter();
    let tags = images.clone().flat_map(|image| image.names.iter().cloned());
    images
        .map(|image| image.id.as_str().into())
        .chain(tags)
        .chain(
            inventory
                .containers
                .iter()
                .map(|found| found.id.as_str().into()),
        )
        .chain(
            inventory
                .volumes
                .iter()
                .map(|found| found.name.as_str().into()),
        )
        .chain(inventory.cache.iter().map(|found| found.id.as_str().into()))
        .collect()
}
