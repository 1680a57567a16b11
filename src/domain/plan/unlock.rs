//! What could be marked too, so that more of what is marked goes: only what is good for nothing else.

use std::collections::HashSet;

use crate::domain::index::ItemNo;
use crate::domain::item::ItemId;
use crate::domain::survey::{Item, Survey};

use super::draft::Draft;
use super::{AddedBy, Selection};

/// Returns what unlock adds to a selection: only what is good for nothing else (README.md, Keys).
#[must_use]
pub fn unlock(survey: &Survey, selection: &Selection) -> Vec<ItemId> {
    let first = Draft::settled(survey, selection);
    let refused = first.refused.iter();
    let mut added: Vec<ItemId> = refused
        .filter_map(|(number, _)| first.unlocks(*number))
        .flatten()
        .collect();
    let records = if added.is_empty() {
        first.held_by_records()
    } else {
        let mut widened = selection.clone();
        let more = added.iter().map(|id| (id.clone(), AddedBy::Unlock));
        widened.items.extend(more);
        Draft::settled(survey, &widened).held_by_records()
    };
    added.extend(records.map(|number| survey.numbered(number).id()));
    added.retain(|id| !selection.items.contains_key(id));
    added.sort_unstable();
    added.dedup();
    added
}

impl Draft<'_> {
    /// What would have to be added so that a refused item goes; `None` where unlock cannot.
    pub(super) fn unlocks(&self, number: ItemNo) -> Option<Vec<ItemId>> {
        if self.is_protected(number) {
            return None;
        }
        let mut found = match self.survey.numbered(number) {
            Item::Image(_) => self.unlocks_image(number),
            Item::Record(_) => self.idle_descendants(number, &HashSet::new()),
            // A container that runs, a volume that is used: for the user to decide.
            Item::Container(_) | Item::Volume(_) | Item::Log(_) => None,
        }?;
        found.retain(|found| *found != number && !self.is_step(*found));
        let ids = found.into_iter().map(|found| self.survey.numbered(found));
        let mut ids: Vec<ItemId> = ids.map(|item| item.id()).collect();
        ids.sort();
        Some(ids)
    }

    /// Returns the stopped containers and untagged children of an image, and theirs.
    fn unlocks_image(&self, image: ItemNo) -> Option<Vec<ItemNo>> {
        let has_unasked = matches!(self.survey.numbered(image),
            Item::Image(image) if !self.unasked_names(image).is_empty());
        if has_unasked || self.may_not_take_parent(image) {
            return None;
        }
        let mut found = Vec::new();
        let mut seen = HashSet::from([image]);
        let mut queue = vec![image];
        while let Some(image) = queue.pop() {
            if self.survey.may_be_held(image) {
                return None;
            }
            for user in self.survey.users(image).iter().copied() {
                if self.stays(user) && seen.insert(user) {
                    if !self.is_expendable(user) {
                        return None;
                    }
                    found.push(user);
                }
            }
            for child in self.survey.children(image).iter().copied() {
                if self.goes(child) || !seen.insert(child) {
                    continue;
                }
                let may_go = self.survey.numbered(child).is_untagged_image()
                    && !self.is_protected(child)
                    && !self.is_dropped(child);
                if !may_go {
                    return None;
                }
                found.push(child);
                queue.push(child);
            }
        }
        Some(found)
    }

    /// Returns true when the engine would take a protected parent along, which nothing can unlock.
    fn may_not_take_parent(&self, image: ItemNo) -> bool {
        let mut seen = HashSet::from([image]);
        let mut at = image;
        while let Some(parent) = self.survey.parent(at) {
            if !self.survey.numbered(parent).is_untagged_image() || !seen.insert(parent) {
                return false;
            }
            if self.is_protected(parent) {
                return true;
            }
            at = parent;
        }
        false
    }

    /// A container that nobody would miss: stopped, not protected, not put back by hand.
    fn is_expendable(&self, number: ItemNo) -> bool {
        matches!(self.survey.numbered(number), Item::Container(container)
            if container.state.is_stopped()
                && !self.survey.is_held_by_swarm(container)
                && !self.is_protected(number)
                && !self.is_dropped(number))
    }

    /// Returns everything built on a record, and the record, but for what is `known` to be idle with all that is built
    /// on it; `None` if some of it is in use, or to stay.
    fn idle_descendants(&self, record: ItemNo, known: &HashSet<ItemNo>) -> Option<Vec<ItemNo>> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut queue = vec![record];
        while let Some(at) = queue.pop() {
            if known.contains(&at) || !seen.insert(at) {
                continue;
            }
            let in_use = matches!(self.survey.numbered(at), Item::Record(it) if it.in_use);
            if in_use || self.is_dropped(at) || self.is_protected(at) {
                return None;
            }
            found.push(at);
            queue.extend(self.survey.children(at));
        }
        Some(found)
    }

    /// Records that hold nothing but bytes of what goes, with all that is built on them.
    fn held_by_records(&self) -> impl Iterator<Item = ItemNo> + use<> {
        let numbers = self.survey.numbers();
        let mut release = self.survey.retention.release();
        for number in self.gone() {
            release.forget(number);
        }
        let mut idle = HashSet::new();
        let mut added = Vec::new();
        // Letting records go may set the next ones free; every turn takes at least one more.
        loop {
            let before = added.len();
            for record in release.unlockable_records() {
                let Some(number) = numbers.number_of(&ItemId::Record(record)) else {
                    continue;
                };
                for number in self.idle_descendants(number, &idle).unwrap_or_default() {
                    idle.insert(number);
                    if !self.is_step(number) {
                        added.push(number);
                        release.forget(number);
                    }
                }
            }
            if added.len() == before {
                return added.into_iter();
            }
        }
    }
}
