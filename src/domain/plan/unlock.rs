//! What could be marked too, so that more of what is marked goes: only what is good for nothing else.

use std::collections::{BTreeSet, HashSet};

use crate::domain::item::{Container, Image, ImageId, ItemId, RecordId};
use crate::domain::survey::{Item, Survey};

use super::draft::{Draft, is_untagged};
use super::refuse::swarm_service;
use super::{AddedBy, Selection};

/// What unlock adds to a selection: only what is good for nothing else (DESIGN.md, Unlock).
#[must_use]
pub fn unlock(survey: &Survey, selection: &Selection) -> Vec<ItemId> {
    let first = Draft::new(survey, selection);
    let mut added: BTreeSet<ItemId> = first
        .refused
        .iter()
        .filter_map(|(id, _)| first.unlocks(id))
        .flatten()
        .collect();
    let mut widened = selection.clone();
    for id in &added {
        widened.items.insert(id.clone(), AddedBy::Unlock);
    }
    let draft = Draft::new(survey, &widened);
    added.extend(draft.held_by_records().into_iter().map(ItemId::Record));
    added
        .into_iter()
        .filter(|id| !selection.items.contains_key(id))
        .collect()
}

impl Draft<'_> {
    /// What would have to be added so that a refused item goes; `None` where unlock cannot.
    pub(super) fn unlocks(&self, id: &ItemId) -> Option<Vec<ItemId>> {
        if self.is_protected(id) {
            return None;
        }
        let mut found = match id {
            ItemId::Image(id) => self.unlocks_image(self.survey.image(id)?),
            ItemId::Record(id) => self.idle_descendants(id),
            // A container that runs, a volume that is used: for the user to decide.
            ItemId::Container(_) | ItemId::Volume(_) => None,
        }?;
        found.retain(|found| found != id && !self.going.contains_key(found));
        Some(found)
    }

    /// The stopped containers and untagged children of an image, and theirs.
    fn unlocks_image(&self, image: &Image) -> Option<Vec<ItemId>> {
        let has_unasked = self
            .selection
            .unasked_names
            .get(&image.id)
            .is_some_and(|names| !names.is_empty());
        if has_unasked || self.may_not_take_parent(image) {
            return None;
        }
        let mut found = Vec::new();
        let mut seen: HashSet<&ImageId> = HashSet::from([&image.id]);
        let mut queue = vec![image];
        while let Some(image) = queue.pop() {
            if self.survey.services_of_image(&image.id).next().is_some() {
                return None;
            }
            for user in self.survey.users_of_image(&image.id) {
                if self.stays(user) {
                    found.push(self.expendable(user)?);
                }
            }
            for child in self.survey.children_of_image(&image.id) {
                let id = ItemId::Image(child.id.clone());
                if self.goes(&id) || !seen.insert(&child.id) {
                    continue;
                }
                let may_go = is_untagged(child)
                    && !self.is_protected(&id)
                    && !self.selection.dropped.contains(&id);
                if !may_go {
                    return None;
                }
                found.push(id);
                queue.push(child);
            }
        }
        found.sort();
        found.dedup();
        Some(found)
    }

    /// True when the engine would take a protected parent along, which nothing can unlock.
    fn may_not_take_parent(&self, image: &Image) -> bool {
        let mut seen = HashSet::from([&image.id]);
        let mut at = image;
        while let Some(parent) = at.parent.as_ref().and_then(|id| self.survey.image(id)) {
            if !is_untagged(parent) || !seen.insert(&parent.id) {
                return false;
            }
            if self.is_protected(&ItemId::Image(parent.id.clone())) {
                return true;
            }
            at = parent;
        }
        false
    }

    /// A container that nobody would miss: stopped, not protected, not put back by hand.
    fn expendable(&self, container: &Container) -> Option<ItemId> {
        let id = ItemId::Container(container.id.clone());
        let may_go = container.state.is_stopped()
            && swarm_service(&container.labels).is_none()
            && !self.is_protected(&id)
            && !self.selection.dropped.contains(&id);
        may_go.then_some(id)
    }

    /// Everything built on a record; `None` if some of it, or the record itself, is in use.
    fn idle_descendants(&self, record: &RecordId) -> Option<Vec<ItemId>> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut queue = vec![record.clone()];
        while let Some(at) = queue.pop() {
            if !seen.insert(at.clone()) {
                continue;
            }
            let id = ItemId::Record(at.clone());
            let Some(Item::Record(record)) = self.survey.find(&id) else {
                continue;
            };
            if record.in_use || self.selection.dropped.contains(&id) {
                return None;
            }
            found.push(id);
            let children = self.survey.children_of_record(&at);
            queue.extend(children.map(|child| child.id.clone()));
        }
        Some(found)
    }

    /// Records that hold nothing but bytes of what goes, with all that is built on them.
    fn held_by_records(&self) -> BTreeSet<RecordId> {
        let mut release = self.survey.ledger.release();
        for id in self.order() {
            release.let_go(&id);
        }
        for image in &self.following {
            release.let_go(&ItemId::Image(image.clone()));
        }
        let mut added = BTreeSet::new();
        // Letting records go may set the next ones free; every turn takes at least one more.
        loop {
            let before = added.len();
            for record in release.unlockable_records() {
                let Some(all) = self.idle_descendants(&record) else {
                    continue;
                };
                for id in all {
                    if let ItemId::Record(record) = &id
                        && !self.going.contains_key(&id)
                        && added.insert(record.clone())
                    {
                        release.let_go(&id);
                    }
                }
            }
            if added.len() == before {
                return added;
            }
        }
    }
}
