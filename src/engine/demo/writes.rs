//! What changes the demo engine's disk, with the refusals of a real one in its words (ENGINE.md §1.5-§1.10).

use super::fleet::repository;
use super::store::{Holding, Store, name_anew, tags_of};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{
    Container, ContainerId, Image, ImageId, Record, RecordId, State, VolumeName, short_id,
};
use crate::domain::reference::is_digest;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::{Change, EngineError, LogTruncated, Pruned, Removed};

impl Store {
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
        let short = short_id(id.as_str());
        let conflict = |force: &str, why: String| {
            Err(EngineError::Conflict(format!(
                "conflict: unable to delete {short} ({force} be forced) - {why}"
            )))
        };
        if self.has_children(id) {
            return conflict("cannot", "image has dependent child images".to_owned());
        }
        if let Some(user) = self.user_of(id, false) {
            let user = short_id(user.id.as_str());
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
            let user = short_id(user.id.as_str());
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
            removed.untagged.extend(tags_of(&gone.image).cloned());
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

    /// Returns true for a parent that goes with its last child.
    fn follows(&self, parent: &Image) -> bool {
        parent.names.is_empty()
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
                short_id(user.id.as_str()),
                short_id(id.as_str()),
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
        image.digests.retain(|known| **known != *name);
        removed.untagged.push(name.into());
        let of = repository(name);
        if !is_digest(name) && !tags_of(image).any(|name| repository(name) == of) {
            let prefix = format!("{of}@");
            let (gone, kept) = std::mem::take(&mut image.digests)
                .into_iter()
                .partition(|digest: &Text| digest.starts_with(&prefix));
            image.digests = kept;
            removed.untagged.extend::<Vec<Text>>(gone);
        }
        name_anew(image);
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

    /// Empties a container's log, as `host::truncate` does on a real engine.
    pub fn truncate_log(&mut self, id: &ContainerId) -> Result<LogTruncated, EngineError> {
        self.writes.push(format!("TRUNCATE /containers/{id}/log"));
        let at = self.container_at(id)?;
        let mut freed = Bytes::ZERO;
        let details = &mut self.containers[at].details;
        let emptied = details.truncatable();
        if let Some(log) = &mut details.log {
            freed = emptied;
            log.size = log.size - freed;
            log.blocks = log.size;
            log.aside = Bytes::ZERO;
            log.written = log.size;
        }
        self.changes.push(Change::Container(id.clone()));
        Ok(LogTruncated {
            freed,
            failure: None,
        })
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
}
