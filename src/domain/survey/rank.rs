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
mod tests {
    use super::*;
    use crate::domain::item::Image;
    use crate::domain::plan::scene::{at, image, inventory};

    #[test]
    fn the_newest_of_a_repository_is_the_first() {
        let made = |id: &str, names: &[&str], second| Image {
            created: Some(at(second)),
            ..image(id, names)
        };
        let images = vec![
            made("old", &["host:5000/app:1"], 1),
            made("new", &["host:5000/app:3", "host:5000/app:latest"], 3),
            made("both", &["host:5000/app:2", "other:1"], 2),
            made("none", &[], 4),
            Image {
                created: None,
                ..image("undated", &["other:0"])
            },
        ];
        let survey = Survey::new(inventory(images, vec![]));
        let nth = |at| survey.facts(Kind::Image, at).nth;
        assert_eq!(
            (0..5).map(nth).collect::<Vec<_>>(),
            [Some(3), Some(1), Some(1), None, None]
        );
    }
}
