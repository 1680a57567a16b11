//! Settles what of a selection can go: what is refused takes along what needs it gone.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::domain::bytes::Bytes;
use crate::domain::item::{Container, Image, ImageId, ItemId, RecordId, Source, Volume};
use crate::domain::survey::{Item, Survey};

use super::{AddedBy, Selection};

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub survey: &'a Survey,
    pub selection: &'a Selection,
    /// What goes as a step of its own, with who chose it. It is asked many times for every mark.
    pub going: HashMap<ItemId, AddedBy>,
    /// Untagged parents that the engine removes along with what goes.
    pub following: HashSet<ImageId>,
    /// What was chosen and stays, in the order of steps, with the reason that was found first.
    pub refused: Vec<(ItemId, String)>,
    /// Nothing may go that was not chosen, not even an empty volume.
    pub closed: bool,
}

impl<'a> Draft<'a> {
    /// Settles a selection, with the volumes that its containers leave empty.
    pub fn new(survey: &'a Survey, selection: &'a Selection) -> Self {
        let mut draft = Self::start(survey, selection, false);
        draft.settle();
        draft.take_left_volumes();
        draft
    }

    /// Settles a selection that must not grow.
    pub fn closed(survey: &'a Survey, selection: &'a Selection) -> Self {
        let mut draft = Self::start(survey, selection, true);
        draft.settle();
        draft
    }

    fn start(survey: &'a Survey, selection: &'a Selection, closed: bool) -> Self {
        let going = selection
            .items
            .iter()
            .filter(|(id, _)| !selection.dropped.contains(id) && survey.index(id).is_some())
            .map(|(id, added_by)| (id.clone(), *added_by))
            .collect();
        Self {
            survey,
            selection,
            going,
            following: HashSet::new(),
            refused: Vec::new(),
            closed,
        }
    }

    /// True when nothing is left of an item after the plan.
    pub fn goes(&self, id: &ItemId) -> bool {
        self.going.contains_key(id)
            || matches!(id, ItemId::Image(image) if self.following.contains(image))
    }

    pub fn stays(&self, container: &Container) -> bool {
        !self
            .going
            .contains_key(&ItemId::Container(container.id.clone()))
    }

    pub fn image_goes(&self, image: &ImageId) -> bool {
        self.goes(&ItemId::Image(image.clone()))
    }

    pub fn is_protected(&self, id: &ItemId) -> bool {
        self.survey
            .index(id)
            .is_some_and(|index| self.survey.facts(id.kind(), index).flags.protected)
    }

    /// Refuses until nothing that goes has anything in its way.
    fn settle(&mut self) {
        // Children come before parents here, so that one pass carries a refusal up a whole chain.
        // Only followers that turn out to stay ask for another.
        let order = self.order();
        let mut refused = HashMap::new();
        loop {
            self.following = self.followers();
            let before = self.going.len();
            for id in &order {
                if !self.going.contains_key(id) {
                    continue;
                }
                let obstacles = self.obstacles(id);
                if !obstacles.is_empty() {
                    self.going.remove(id);
                    refused.insert(id.clone(), obstacles.join("; "));
                }
            }
            if self.going.len() == before {
                break;
            }
        }
        self.refused = order
            .into_iter()
            .filter_map(|id| refused.remove_entry(&id))
            .collect();
    }

    /// Untagged parents that nothing holds once all that goes is gone (ENGINE.md §2.3).
    fn followers(&self) -> HashSet<ImageId> {
        let mut following = HashSet::new();
        let mut queue: Vec<&Image> = self
            .going
            .keys()
            .filter_map(|id| match id {
                ItemId::Image(image) => self.survey.image(image),
                _ => None,
            })
            .collect();
        while let Some(image) = queue.pop() {
            let Some(parent) = image.parent.as_ref().and_then(|id| self.survey.image(id)) else {
                continue;
            };
            let goes = |id: &ImageId| {
                following.contains(id) || self.going.contains_key(&ItemId::Image(id.clone()))
            };
            let survey = self.survey;
            let follows = !goes(&parent.id)
                && is_untagged(parent)
                && !survey
                    .users_of_image(&parent.id)
                    .any(|user| self.stays(user))
                && survey.services_of_image(&parent.id).next().is_none()
                && survey
                    .children_of_image(&parent.id)
                    .all(|child| goes(&child.id));
            if follows {
                following.insert(parent.id.clone());
                queue.push(parent);
            }
        }
        following
    }

    /// Anonymous volumes that a container alone still holds: removing it leaves them behind.
    pub fn left_by(&self, container: &'a Container) -> impl Iterator<Item = &'a Volume> {
        container
            .volumes
            .iter()
            .filter_map(
                |name| match self.survey.find(&ItemId::Volume(name.clone())) {
                    Some(Item::Volume(volume)) if volume.anonymous => Some(volume),
                    _ => None,
                },
            )
            .filter(|volume| {
                !self
                    .survey
                    .users_of_volume(&volume.name)
                    .any(|user| user.id != container.id && self.stays(user))
            })
    }

    /// Takes along volumes that are empty, and those that vanish with their container.
    fn take_left_volumes(&mut self) {
        let mut taken = Vec::new();
        // In the selection's order, so that a volume of two containers is always the same one's.
        for (id, added_by) in &self.selection.items {
            let Some(Item::Container(container)) = self.survey.find(id) else {
                continue;
            };
            if !self.going.contains_key(id) {
                continue;
            }
            let vanishing: HashSet<_> = self
                .vanishing(container)
                .map(|volume| &volume.name)
                .collect();
            for volume in self.left_by(container) {
                let id = ItemId::Volume(volume.name.clone());
                let is_empty = volume.size.known().is_some_and(Bytes::is_zero);
                let is_kept = self.is_protected(&id) || self.selection.dropped.contains(&id);
                if !is_kept && (is_empty || vanishing.contains(&volume.name)) {
                    taken.push((id, *added_by));
                }
            }
        }
        for (id, added_by) in taken {
            self.going.entry(id).or_insert(added_by);
        }
    }

    /// The volumes that the engine removes with a `--rm` container at its turn: those that it alone still
    /// holds when all that comes before it is gone.
    pub fn vanishing(&self, container: &'a Container) -> impl Iterator<Item = &'a Volume> {
        let vanishes = vanishes_when_stopped(container);
        let comes_before = |user| {
            Item::Container(user)
                .compare_names(&Item::Container(container))
                .is_lt()
        };
        self.left_by(container).filter(move |volume| {
            vanishes
                && self
                    .survey
                    .users_of_volume(&volume.name)
                    .all(|user| user.id == container.id || !self.stays(user) && comes_before(user))
        })
    }

    /// What goes, in the order of steps: containers, build cache, images, volumes; children before parents.
    pub fn order(&self) -> Vec<ItemId> {
        let mut items: Vec<(&ItemId, Item<'_>)> = self
            .going
            .keys()
            .filter_map(|id| Some((id, self.survey.find(id)?)))
            .collect();
        // By name, since some engines list in another order every time ([`Draft::vanishing`] counts on it).
        items.sort_by(|(a_id, a), (b_id, b)| {
            let by_name = ease(*a).cmp(&ease(*b)).then_with(|| a.compare_names(b));
            by_name.then_with(|| a_id.cmp(b_id))
        });
        let ids: Vec<&ItemId> = items.into_iter().map(|(id, _)| id).collect();
        let containers = ids.iter().filter(|id| matches!(id, ItemId::Container(_)));
        let volumes = ids.iter().filter(|id| matches!(id, ItemId::Volume(_)));
        let records = ids.iter().filter_map(|id| match id {
            ItemId::Record(id) => Some(id.clone()),
            _ => None,
        });
        let images = ids.iter().filter_map(|id| match id {
            ItemId::Image(id) => Some(id.clone()),
            _ => None,
        });
        let records = children_first(records, |id: &RecordId| {
            self.survey
                .children_of_record(id)
                .map(|record| record.id.clone())
                .collect()
        });
        let images = children_first(images, |id: &ImageId| {
            self.survey
                .children_of_image(id)
                .map(|image| image.id.clone())
                .collect()
        });
        containers
            .map(|id| (*id).clone())
            .chain(records.into_iter().map(ItemId::Record))
            .chain(images.into_iter().map(ItemId::Image))
            .chain(volumes.map(|id| (*id).clone()))
            .filter(|id| self.going.contains_key(id))
            .collect()
    }
}

/// What can be had again goes before what cannot, so that a cancel saves the most.
fn ease(item: Item<'_>) -> u8 {
    match item {
        Item::Image(image) => match image.source {
            Source::Registry => 0,
            Source::Unknown => 1,
            Source::Local => 2,
        },
        Item::Container(_) | Item::Volume(_) | Item::Record(_) => 0,
    }
}

/// True for a `--rm` container that runs: the engine removes it when it stops, with its anonymous volumes.
fn vanishes_when_stopped(container: &Container) -> bool {
    !container.state.is_stopped()
        && container
            .details
            .as_ref()
            .known()
            .is_some_and(|details| details.auto_remove)
}

/// True for an image that no reference names.
pub(super) fn is_untagged(image: &Image) -> bool {
    image.names.is_empty() && image.digests.is_empty()
}

/// Everything reachable from the roots, each after all that is reachable from it. A circle is cut somewhere.
pub(super) fn children_first<T: Clone + Eq + Hash>(
    roots: impl IntoIterator<Item = T>,
    children: impl Fn(&T) -> Vec<T>,
) -> Vec<T> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    for root in roots {
        let mut stack = vec![(root, false)];
        while let Some((at, is_complete)) = stack.pop() {
            if is_complete {
                order.push(at);
            } else if seen.insert(at.clone()) {
                let below = children(&at);
                stack.push((at, true));
                stack.extend(below.into_iter().rev().map(|child| (child, false)));
            }
        }
    }
    order
}
