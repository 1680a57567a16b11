//! Which images of a repository are the newest.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Kind, Survey};
use crate::domain::reference::repository;
use crate::domain::time::Timestamp;

impl Survey {
    /// Fills in each image's place in its repository, the newest first. One in several repositories has the
    /// first of its places; one without a date has none.
    pub(super) fn rank(&mut self) {
        let mut repositories: HashMap<&str, Vec<(Reverse<Timestamp>, usize)>> = HashMap::new();
        for (at, image) in self.inventory.images.iter().enumerate() {
            let Some(created) = image.created else {
                continue;
            };
            for name in &image.names {
                let images = repositories.entry(repository(name)).or_default();
                // Its names come one after another.
                if images.last().is_none_or(|(_, last)| *last != at) {
                    images.push((Reverse(created), at));
                }
            }
        }
        let facts = &mut self.facts[Kind::Image as usize];
        for images in repositories.values_mut() {
            images.sort_unstable();
            for (place, (_, at)) in (1..).zip(images) {
                let nth = &mut facts[*at].nth;
                *nth = Some(nth.map_or(place, |before| before.min(place)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
