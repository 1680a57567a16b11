//! What the demo engine keeps, with the rules of a real one on a graph driver (ENGINE.md §1.5-§1.9, §2.1).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::fleet::{repository, sha256};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{
    ChainId, Container, ContainerDetails, ContainerId, Content, Image, ImageId, Record, RecordId,
    State, Text, Volume, VolumeName,
};
use crate::engine::{Change, EngineError, Pruned, Removed};

/// A layer, which stays as long as something refers to it: an image, a container, a record, a layer above.
#[derive(Debug)]
struct Layer {
    below: Option<ChainId>,
    size: Bytes,
    references: usize,
}

#[derive(Debug)]
pub(super) struct KeptImage {
    pub image: Image,
    pub content: Arc<Content>,
    pub top: Option<ChainId>,
}

#[derive(Debug)]
pub(super) struct KeptContainer {
    pub container: Container,
    pub details: ContainerDetails,
    top: Option<ChainId>,
}

#[derive(Debug)]
pub(super) struct KeptRecord {
    pub record: Record,
    pub holding: Holding,
}

/// Where a record's bytes are.
#[derive(Debug)]
pub(super) enum Holding {
    /// In a layer, which an image may hold too.
    Layer(ChainId),
    /// On their own.
    Own(Bytes),
}

/// The disk of the demo engine.
#[derive(Debug, Default)]
pub(super) struct Store {
    layers: BTreeMap<ChainId, Layer>,
    pub images: Vec<KeptImage>,
    pub containers: Vec<KeptContainer>,
    pub volumes: Vec<(Volume, Option<Bytes>)>,
    pub records: Vec<KeptRecord>,
    /// Each write as it was asked for, refused ones included.
    pub writes: Vec<String>,
    /// What writes have changed since this was last emptied.
    pub changes: Vec<Change>,
}

impl Store {
    /// The chain of a content's layers (ENGINE.md §2.1).
    pub fn chain(content: &Content) -> Option<ChainId> {
        let (first, above) = content.diff_ids.split_first()?;
        let chain = above.iter().fold(first.to_string(), |below, diff| {
            sha256(&format!("{below} {diff}"))
        });
        Some(ChainId::new(chain))
    }

    /// Adds a layer that nothing refers to yet.
    pub fn add_layer(&mut self, chain: &ChainId, below: Option<ChainId>, size: Bytes) {
        self.hold(below.as_ref());
        let layer = Layer {
            below,
            size,
            references: 0,
        };
        self.layers.insert(chain.clone(), layer);
    }

    pub fn add_image(&mut self, kept: KeptImage) {
        self.hold(kept.top.as_ref());
        self.images.push(kept);
    }

    pub fn add_container(
        &mut self,
        container: Container,
        details: ContainerDetails,
        top: Option<ChainId>,
    ) {
        self.hold(top.as_ref());
        self.containers.push(KeptContainer {
            container,
            details,
            top,
        });
    }

    pub fn add_volume(&mut self, volume: Volume, size: Option<Bytes>) {
        self.volumes.push((volume, size));
    }

    /// Adds a record; one that two builds have in common was used when the later of them used it.
    pub fn add_record(&mut self, kept: KeptRecord) {
        let known = self
            .records
            .iter_mut()
            .find(|other| other.record.id == kept.record.id);
        if let Some(known) = known {
            known.record.last_used = known.record.last_used.max(kept.record.last_used);
            return;
        }
        if let Holding::Layer(chain) = &kept.holding {
            self.hold(Some(chain));
        }
        self.records.push(kept);
    }

    /// Drops layers that nothing came to refer to: builds of which neither image nor cache is left.
    pub fn settle(&mut self) {
        loop {
            let idle = self.layers.iter().find(|(_, layer)| layer.references == 0);
            let Some(chain) = idle.map(|(chain, _)| chain.clone()) else {
                return;
            };
            self.drop_layer(chain);
        }
    }

    fn hold(&mut self, chain: Option<&ChainId>) {
        if let Some(layer) = chain.and_then(|chain| self.layers.get_mut(chain)) {
            layer.references += 1;
        }
    }

    /// Gives a reference back. What nothing refers to any more goes, the topmost first.
    fn release(&mut self, chain: &ChainId) -> Vec<ChainId> {
        match self.layers.get_mut(chain) {
            Some(layer) => {
                layer.references = layer.references.saturating_sub(1);
                if layer.references == 0 {
                    return self.drop_layer(chain.clone());
                }
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Drops a layer that nothing refers to, with the layers below that only it referred to.
    fn drop_layer(&mut self, chain: ChainId) -> Vec<ChainId> {
        let mut dropped = Vec::new();
        let mut next = Some(chain);
        while let Some(chain) = next.take() {
            let Some(layer) = self.layers.remove(&chain) else {
                break;
            };
            dropped.push(chain);
            if let Some(below) = layer.below
                && let Some(under) = self.layers.get_mut(&below)
            {
                under.references = under.references.saturating_sub(1);
                next = (under.references == 0).then_some(below);
            }
        }
        dropped
    }

    /// All bytes on the disk, each once.
    pub fn bytes(&self) -> Bytes {
        let layers: Bytes = self.layers.values().map(|layer| layer.size).sum();
        let written: Bytes = self
            .containers
            .iter()
            .filter_map(|kept| kept.details.size_rw)
            .sum();
        let volumes: Bytes = self.volumes.iter().filter_map(|(_, size)| *size).sum();
        let own: Bytes = self
            .records
            .iter()
            .map(|kept| match kept.holding {
                Holding::Own(size) => size,
                Holding::Layer(_) => Bytes::ZERO,
            })
            .sum();
        layers + written + volumes + own
    }

    /// A chain and all chains below it, the topmost first.
    fn down<'a>(&'a self, top: Option<&'a ChainId>) -> impl Iterator<Item = &'a ChainId> {
        std::iter::successors(top, |chain| self.layers.get(*chain)?.below.as_ref())
    }

    pub fn size_of(&self, top: Option<&ChainId>) -> Bytes {
        self.down(top)
            .filter_map(|chain| self.layers.get(chain))
            .map(|layer| layer.size)
            .sum()
    }

    /// Shared sizes of all images (ENGINE.md §2.2): bytes of layers that more than one image has.
    pub fn shared_sizes(&self) -> Vec<(ImageId, Option<Bytes>)> {
        let holders = self.holders();
        let shared = |kept: &KeptImage| {
            self.down(kept.top.as_ref())
                .filter(|chain| holders.get(chain).is_some_and(|images| *images > 1))
                .filter_map(|chain| self.layers.get(chain))
                .map(|layer| layer.size)
                .sum()
        };
        self.images
            .iter()
            .map(|kept| (kept.image.id.clone(), Some(shared(kept))))
            .collect()
    }

    /// How many images have each chain.
    fn holders(&self) -> HashMap<&ChainId, usize> {
        let mut holders = HashMap::new();
        for kept in &self.images {
            for chain in self.down(kept.top.as_ref()) {
                *holders.entry(chain).or_insert(0) += 1;
            }
        }
        holders
    }

    /// The build cache as the engine lists it: a record is shared if an image has its layer.
    pub fn listed_records(&self) -> Vec<Record> {
        let holders = self.holders();
        self.records
            .iter()
            .map(|kept| Record {
                shared: matches!(&kept.holding, Holding::Layer(chain) if holders.contains_key(chain)),
                ..kept.record.clone()
            })
            .collect()
    }

    /// The image that a tag, a digest, a bare name or an ID means.
    pub fn resolve(&self, name: &str) -> Option<ImageId> {
        let latest = format!("{name}:latest");
        let named = |image: &Image| {
            image
                .names
                .iter()
                .chain(&image.digests)
                .any(|known| **known == *name || **known == *latest)
                || image.id.as_str() == name
        };
        self.images
            .iter()
            .find(|kept| named(&kept.image))
            .map(|kept| kept.image.id.clone())
    }

    fn image_at(&self, id: &ImageId) -> Result<usize, EngineError> {
        self.images
            .iter()
            .position(|kept| kept.image.id == *id)
            .ok_or_else(|| EngineError::NotFound(format!("No such image: {id}")))
    }

    pub fn image(&self, id: &ImageId) -> Result<&KeptImage, EngineError> {
        Ok(&self.images[self.image_at(id)?])
    }

    fn container_at(&self, id: &ContainerId) -> Result<usize, EngineError> {
        self.containers
            .iter()
            .position(|kept| kept.container.id == *id)
            .ok_or_else(|| EngineError::NotFound(format!("No such container: {id}")))
    }

    pub fn container(&self, id: &ContainerId) -> Result<&KeptContainer, EngineError> {
        Ok(&self.containers[self.container_at(id)?])
    }

    fn user_of(&self, id: &ImageId, stopped: bool) -> Option<&Container> {
        self.containers
            .iter()
            .map(|kept| &kept.container)
            .find(|user| user.image_id.as_ref() == Some(id) && user.state.is_stopped() == stopped)
    }

    fn has_children(&self, id: &ImageId) -> bool {
        self.images
            .iter()
            .any(|kept| kept.image.parent.as_ref() == Some(id))
    }

    /// Why an image does not go without force, in the order in which Docker looks.
    fn image_conflict(&self, id: &ImageId, tags: usize) -> Result<(), EngineError> {
        let short = short(id.as_str());
        let conflict = |force: &str, why: String| {
            Err(EngineError::Conflict(format!(
                "conflict: unable to delete {short} ({force} be forced) - {why}"
            )))
        };
        if self.has_children(id) {
            return conflict("cannot", "image has dependent child images".to_owned());
        }
        if let Some(user) = self.user_of(id, false) {
            let user = self::short(user.id.as_str());
            return conflict(
                "cannot",
                format!("image is being used by running container {user}"),
            );
        }
        if tags > 1 {
            return conflict(
                "must",
                "image is referenced in multiple repositories".to_owned(),
            );
        }
        if let Some(user) = self.user_of(id, true) {
            let user = self::short(user.id.as_str());
            return conflict(
                "must",
                format!("image is being used by stopped container {user}"),
            );
        }
        Ok(())
    }

    /// Removes an image by ID, without force, with its untagged parents (ENGINE.md §1.7).
    pub fn remove_image(&mut self, id: &ImageId) -> Result<Removed, EngineError> {
        self.writes.push(format!("DELETE /images/{id}"));
        let at = self.image_at(id)?;
        self.image_conflict(id, self.images[at].image.names.len())?;
        let mut removed = Removed::default();
        self.drop_image(at, &mut removed);
        self.changes.push(Change::Images);
        Ok(removed)
    }

    fn drop_image(&mut self, at: usize, removed: &mut Removed) {
        let mut next = Some(at);
        while let Some(at) = next.take() {
            let gone = self.images.remove(at);
            removed.untagged.extend(gone.image.names);
            removed.untagged.extend(gone.image.digests);
            removed.deleted.push(gone.image.id.as_str().into());
            if let Some(top) = &gone.top {
                let released = self.release(top);
                removed
                    .deleted
                    .extend(released.iter().map(|chain| Text::from(chain.as_str())));
            }
            next = gone
                .image
                .parent
                .and_then(|parent| self.image_at(&parent).ok())
                .filter(|at| self.follows(&self.images[*at].image));
        }
    }

    /// True for a parent that goes with its last child.
    fn follows(&self, parent: &Image) -> bool {
        parent.names.is_empty()
            && parent.digests.is_empty()
            && !self.has_children(&parent.id)
            && self.user_of(&parent.id, true).is_none()
            && self.user_of(&parent.id, false).is_none()
    }

    /// Takes a name away; the image goes with its last one. The last tag of a repository takes that
    /// repository's digests along (ENGINE.md §1.7).
    pub fn untag(&mut self, name: &str) -> Result<Removed, EngineError> {
        self.writes.push(format!("DELETE /images/{name}"));
        let missing = || EngineError::NotFound(format!("No such image: {name}"));
        let at = self
            .images
            .iter()
            .position(|kept| kept.image.names.iter().any(|known| **known == *name))
            .ok_or_else(missing)?;
        let id = self.images[at].image.id.clone();
        let last = self.images[at].image.names.len() == 1;
        let user = self.user_of(&id, true).or(self.user_of(&id, false));
        if let Some(user) = user.filter(|_| last) {
            return Err(EngineError::Conflict(format!(
                "conflict: unable to remove repository reference \"{name}\" (must force) - container {} is using its referenced image {}",
                short(user.id.as_str()),
                short(id.as_str()),
            )));
        }
        let mut removed = Removed::default();
        self.changes.push(Change::Images);
        if last && !self.has_children(&id) {
            self.drop_image(at, &mut removed);
            return Ok(removed);
        }
        let image = &mut self.images[at].image;
        image.names.retain(|known| **known != *name);
        removed.untagged.push(name.into());
        let of = repository(name);
        if !image.names.iter().any(|name| repository(name) == of) {
            let prefix = format!("{of}@");
            let (gone, kept) = std::mem::take(&mut image.digests)
                .into_iter()
                .partition(|digest: &Text| digest.starts_with(&prefix));
            image.digests = kept;
            removed.untagged.extend::<Vec<Text>>(gone);
        }
        Ok(removed)
    }

    pub fn unpause(&mut self, id: &ContainerId) -> Result<(), EngineError> {
        self.writes.push(format!("POST /containers/{id}/unpause"));
        let at = self.container_at(id)?;
        let container = &mut self.containers[at].container;
        if container.state != State::Paused {
            return Err(EngineError::Refused {
                status: 500,
                message: format!("Container {id} is not paused"),
            });
        }
        container.state = State::Running;
        self.changes.push(Change::Container(id.clone()));
        Ok(())
    }

    /// Stops a container. One of `--rm` vanishes with the anonymous volumes that only it used.
    pub fn stop(&mut self, id: &ContainerId, now: Timestamp) -> Result<(), EngineError> {
        self.writes.push(format!("POST /containers/{id}/stop"));
        let at = self.container_at(id)?;
        let kept = &mut self.containers[at];
        if kept.container.state == State::Paused {
            return Err(EngineError::Refused {
                status: 500,
                message: format!(
                    "Container {id} is paused. Unpause the container before stopping or killing"
                ),
            });
        }
        if kept.container.state.is_stopped() {
            return Ok(());
        }
        kept.container.state = State::Exited;
        kept.details.finished = Some(now);
        self.changes.push(Change::Container(id.clone()));
        if self.containers[at].details.auto_remove {
            let volumes = self.drop_container(at);
            self.drop_anonymous(&volumes);
        }
        Ok(())
    }

    pub fn remove_container(&mut self, id: &ContainerId) -> Result<(), EngineError> {
        self.writes.push(format!("DELETE /containers/{id}"));
        let at = self.container_at(id)?;
        let container = &self.containers[at].container;
        let conflict = |why: &str| {
            Err(EngineError::Conflict(format!(
                "cannot remove container \"/{}\": {why}",
                container.name
            )))
        };
        match &container.state {
            state if state.is_stopped() => {}
            State::Paused => return conflict("container is paused and must be unpaused first"),
            _ => {
                return conflict(
                    "container is running: stop the container before removing or force remove",
                );
            }
        }
        self.drop_container(at);
        self.changes.push(Change::Container(id.clone()));
        Ok(())
    }

    /// Drops a container and returns the volumes that it mounted.
    fn drop_container(&mut self, at: usize) -> Vec<VolumeName> {
        let gone = self.containers.remove(at);
        if let Some(top) = &gone.top {
            self.release(top);
        }
        gone.container.volumes
    }

    fn drop_anonymous(&mut self, names: &[VolumeName]) {
        let before = self.volumes.len();
        let containers = &self.containers;
        self.volumes.retain(|(volume, _)| {
            let used = containers
                .iter()
                .any(|kept| kept.container.volumes.contains(&volume.name));
            used || !volume.anonymous || !names.contains(&volume.name)
        });
        if self.volumes.len() < before {
            self.changes.push(Change::Volumes);
        }
    }

    pub fn remove_volume(&mut self, name: &VolumeName) -> Result<(), EngineError> {
        self.writes.push(format!("DELETE /volumes/{name}"));
        let at = self
            .volumes
            .iter()
            .position(|(volume, _)| volume.name == *name)
            .ok_or_else(|| EngineError::NotFound(format!("get {name}: no such volume")))?;
        let users: Vec<&str> = self
            .containers
            .iter()
            .filter(|kept| kept.container.volumes.contains(name))
            .map(|kept| kept.container.id.as_str())
            .collect();
        if !users.is_empty() {
            return Err(EngineError::Conflict(format!(
                "remove {name}: volume is in use - [{}]",
                users.join(", ")
            )));
        }
        self.volumes.remove(at);
        self.changes.push(Change::Volumes);
        Ok(())
    }

    /// Prunes records: silently leaves those in use and those with descendants that stay (ENGINE.md §1.5).
    pub fn prune_records(&mut self, ids: &[RecordId]) -> Pruned {
        let named: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        self.writes
            .push(format!("POST /build/prune {}", named.join("|")));
        let mut pruned = Pruned::default();
        while let Some(at) = self
            .records
            .iter()
            .position(|kept| ids.contains(&kept.record.id) && self.is_idle(&kept.record))
        {
            let gone = self.records.remove(at);
            if let Holding::Layer(chain) = &gone.holding {
                self.release(chain);
            }
            if let Figure::Known(size) = gone.record.size {
                pruned.claimed += size;
            }
            pruned.deleted.push(gone.record.id);
        }
        if !pruned.deleted.is_empty() {
            self.changes.push(Change::BuildCache);
        }
        pruned
    }

    fn is_idle(&self, record: &Record) -> bool {
        !record.in_use
            && !self
                .records
                .iter()
                .any(|other| other.record.parents.contains(&record.id))
    }

    /// References counted anew from what is there, to hold the counters against.
    #[cfg(test)]
    pub fn check(&self) {
        let mut counted: HashMap<&ChainId, usize> = HashMap::new();
        let tops = self.images.iter().filter_map(|kept| kept.top.as_ref());
        let ran = self.containers.iter().filter_map(|kept| kept.top.as_ref());
        let below = self
            .layers
            .values()
            .filter_map(|layer| layer.below.as_ref());
        let cached = self.records.iter().filter_map(|kept| match &kept.holding {
            Holding::Layer(chain) => Some(chain),
            Holding::Own(_) => None,
        });
        for chain in tops.chain(ran).chain(below).chain(cached) {
            *counted.entry(chain).or_default() += 1;
        }
        let kept: HashMap<_, _> = self
            .layers
            .iter()
            .map(|(chain, layer)| (chain, layer.references))
            .collect();
        assert_eq!(counted, kept, "references");
    }
}

/// Twelve digits of an ID, as Docker names it in its refusals.
fn short(id: &str) -> &str {
    crate::domain::item::short_id(id)
}
