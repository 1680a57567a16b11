//! Settles what of a selection can go: what is refused takes along what needs it gone.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use crate::domain::index::ItemNo;
use crate::domain::item::{Container, Emptiness, ItemId, Kind, Source};
use crate::domain::survey::{Item, Survey};

use super::obstacle::Obstacle;
use super::{AddedBy, Selection};

/// What becomes of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Stays,
    /// It goes as a step of its own, by this choice.
    Goes(AddedBy),
    /// An untagged parent that the engine removes along with what goes.
    Follows,
}

/// A plan in the making. Items are numbers here: all of them are asked of many times for every mark.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub survey: &'a Survey,
    pub selection: &'a Selection,
    /// Of each item.
    fates: Vec<Fate>,
    /// What goes as a step of its own: kind after kind in the order of steps, and each kind by name.
    sorted: Vec<ItemNo>,
    followers: Vec<ItemNo>,
    /// What was chosen and stays, in the order of steps, with what was found in its way first.
    pub refused: Vec<(ItemNo, Vec<Obstacle>)>,
    /// Items that the selection has put back.
    dropped: HashSet<ItemNo>,
    /// Nothing may go that was not chosen, not even an empty volume.
    pub closed: bool,
    /// The order matters only as far as it decides what goes.
    loose: bool,
}

impl<'a> Draft<'a> {
    /// Settles a selection, with the volumes that its containers leave empty.
    pub fn new(survey: &'a Survey, selection: &'a Selection) -> Self {
        let chosen = chosen(survey, selection);
        let mut draft = Self::start(survey, selection, &chosen, false);
        draft.settle();
        draft.take_left_volumes(&chosen);
        draft
    }

    /// Settles a selection that must not grow.
    pub fn closed(survey: &'a Survey, selection: &'a Selection) -> Self {
        let mut draft = Self::start(survey, selection, &chosen(survey, selection), false);
        draft.closed = true;
        draft.settle();
        draft
    }

    /// Settles a selection, only to know what goes: steps in their order cannot be had of it.
    pub fn settled(survey: &'a Survey, selection: &'a Selection) -> Self {
        Self::of_clusters(survey, selection, &chosen(survey, selection))
    }

    /// Settles these items by the selection's rules, only to know what goes: they must be all that is chosen
    /// of their clusters. Steps in their order cannot be had of it.
    pub fn of_clusters(
        survey: &'a Survey,
        selection: &'a Selection,
        chosen: &[(ItemNo, AddedBy)],
    ) -> Self {
        let mut draft = Self::start(survey, selection, chosen, true);
        draft.settle();
        draft.take_left_volumes(chosen);
        draft
    }

    fn start(
        survey: &'a Survey,
        selection: &'a Selection,
        chosen: &[(ItemNo, AddedBy)],
        loose: bool,
    ) -> Self {
        let numbers = survey.numbers();
        let dropped = selection.dropped.iter();
        let dropped = dropped.filter_map(|id| numbers.number_of(id)).collect();
        let mut draft = Self {
            survey,
            selection,
            fates: vec![Fate::Stays; numbers.len()],
            sorted: Vec::with_capacity(chosen.len()),
            followers: Vec::new(),
            refused: Vec::new(),
            dropped,
            closed: false,
            loose,
        };
        for (number, added_by) in chosen {
            if !draft.dropped.contains(number) {
                draft.fates[*number as usize] = Fate::Goes(*added_by);
                draft.sorted.push(*number);
            }
        }
        draft.sort();
        draft
    }

    /// Who chose what goes as a step of its own.
    pub fn added_by(&self, number: ItemNo) -> Option<AddedBy> {
        match self.fates[number as usize] {
            Fate::Goes(added_by) => Some(added_by),
            Fate::Stays | Fate::Follows => None,
        }
    }

    /// Returns true for what goes as a step of its own.
    pub fn is_step(&self, number: ItemNo) -> bool {
        self.added_by(number).is_some()
    }

    /// Returns true when nothing is left of an item after the plan.
    pub fn goes(&self, number: ItemNo) -> bool {
        self.fates[number as usize] != Fate::Stays
    }

    pub fn stays(&self, number: ItemNo) -> bool {
        !self.goes(number)
    }

    pub fn follows(&self, number: ItemNo) -> bool {
        self.fates[number as usize] == Fate::Follows
    }

    /// Returns all that is gone after the plan, in no order that matters.
    pub fn gone(&self) -> impl Iterator<Item = ItemNo> {
        let followers = self.followers.iter();
        self.sorted.iter().chain(followers).copied()
    }

    pub fn followers(&self) -> &[ItemNo] {
        &self.followers
    }

    pub fn is_protected(&self, number: ItemNo) -> bool {
        self.survey.facts_of_number(number).flags.protected
    }

    pub fn is_dropped(&self, number: ItemNo) -> bool {
        self.dropped.contains(&number)
    }

    /// Refuses until nothing that goes has anything in its way.
    fn settle(&mut self) {
        // Children come before parents here, so that one pass carries a refusal up a whole chain.
        // Only followers that turn out to stay ask for another.
        let order = self.order();
        let mut refused = HashMap::new();
        loop {
            self.find_followers();
            let before = refused.len();
            for number in &order {
                if !self.is_step(*number) {
                    continue;
                }
                let obstacles = self.obstacles(*number);
                if !obstacles.is_empty() {
                    self.fates[*number as usize] = Fate::Stays;
                    refused.insert(*number, obstacles);
                }
            }
            if refused.len() == before {
                break;
            }
        }
        if refused.is_empty() {
            return;
        }
        let fates = &self.fates;
        self.sorted
            .retain(|number| matches!(fates[*number as usize], Fate::Goes(_)));
        self.refused = order
            .into_iter()
            .filter_map(|number| refused.remove_entry(&number))
            .collect();
    }

    /// Untagged parents that nothing holds once all that goes is gone (ENGINE.md §2.3).
    fn find_followers(&mut self) {
        for number in std::mem::take(&mut self.followers) {
            self.fates[number as usize] = Fate::Stays;
        }
        let images = self.survey.numbers().numbers(Kind::Image);
        let steps = self.sorted.iter().copied();
        let mut queue: Vec<ItemNo> = steps
            .filter(|number| images.contains(number) && self.is_step(*number))
            .collect();
        while let Some(image) = queue.pop() {
            let Some(parent) = self.survey.parent(image) else {
                continue;
            };
            let survey = self.survey;
            let follows = !self.goes(parent)
                && survey.numbered(parent).is_untagged_image()
                && !survey.users(parent).iter().any(|user| self.stays(*user))
                && !survey.may_be_held(parent)
                && survey
                    .children(parent)
                    .iter()
                    .all(|child| self.goes(*child));
            if follows {
                self.fates[parent as usize] = Fate::Follows;
                self.followers.push(parent);
                queue.push(parent);
            }
        }
    }

    /// Anonymous volumes that a container alone still holds: removing it leaves them behind.
    pub fn left_by(&self, container: ItemNo) -> impl Iterator<Item = ItemNo> {
        let volumes = self.survey.volumes(container).iter().copied();
        volumes.filter(move |volume| {
            let anonymous =
                matches!(self.survey.numbered(*volume), Item::Volume(it) if it.anonymous);
            let mut users = self.survey.users(*volume).iter();
            anonymous && !users.any(|user| *user != container && self.stays(*user))
        })
    }

    /// Takes along volumes that are empty, and those that vanish with their container.
    fn take_left_volumes(&mut self, chosen: &[(ItemNo, AddedBy)]) {
        let containers = self.survey.numbers().numbers(Kind::Container);
        let mut taken = Vec::new();
        // In the selection's order, so that a volume of two containers is always the same one's.
        for (number, added_by) in chosen {
            if !containers.contains(number) || !self.is_step(*number) {
                continue;
            }
            let vanishing: Vec<ItemNo> = self.vanishing(*number).collect();
            for volume in self.left_by(*number) {
                let is_kept = self.is_protected(volume) || self.is_dropped(volume);
                if !is_kept && (self.is_left_empty(volume) || vanishing.contains(&volume)) {
                    taken.push((volume, *added_by));
                }
            }
        }
        let before = self.sorted.len();
        for (volume, added_by) in taken {
            if !self.is_step(volume) {
                self.fates[volume as usize] = Fate::Goes(added_by);
                self.sorted.push(volume);
            }
        }
        if self.sorted.len() > before {
            self.sort();
        }
    }

    /// Returns true for a volume without anything in it that nothing can write to before its turn comes: what a
    /// container that runs has not written yet it may write until it is stopped.
    fn is_left_empty(&self, volume: ItemNo) -> bool {
        let Item::Volume(own) = self.survey.numbered(volume) else {
            return false;
        };
        let is_empty = match own.emptiness(self.survey.inventory().engine.measure) {
            Emptiness::Empty => true,
            Emptiness::ByLength => !self.selection.unattended,
            Emptiness::HoldsData | Emptiness::Unknown => false,
        };
        let rests = |user: &ItemNo| matches!(self.survey.numbered(*user), Item::Container(it) if it.state.is_stopped());
        is_empty && self.survey.users(volume).iter().all(rests)
    }

    /// Returns the volumes that the engine removes with a `--rm` container at its turn: those that it alone still
    /// holds when all that comes before it is gone.
    pub fn vanishing(&self, container: ItemNo) -> impl Iterator<Item = ItemNo> {
        let own = self.survey.numbered(container);
        let vanishes = matches!(own, Item::Container(it) if vanishes_when_stopped(it));
        let comes_before = move |user| self.survey.numbered(user).compare_names(&own).is_lt();
        self.left_by(container).filter(move |volume| {
            let mut users = self.survey.users(*volume).iter().copied();
            vanishes
                && users.all(|user| user == container || !self.stays(user) && comes_before(user))
        })
    }

    /// By name, since some engines list in another order every time ([`Draft::vanishing`] counts on it). Where
    /// only what goes is asked for, no names are compared across clusters, nor of what has its obstacles in any
    /// order.
    fn sort(&mut self) {
        let survey = self.survey;
        let mut sorted: Vec<(u32, u8, ItemNo, Item<'_>)> = self
            .sorted
            .iter()
            .map(|number| {
                let item = survey.numbered(*number);
                let cluster = if self.loose {
                    survey.cluster(*number)
                } else {
                    0
                };
                (cluster, turn(item), *number, item)
            })
            .collect();
        sorted.sort_unstable_by(|a, b| {
            let is_named = !self.loose || matches!(a.3, Item::Container(_) | Item::Image(_));
            let by_turn = (a.0, a.1).cmp(&(b.0, b.1));
            by_turn
                .then_with(|| {
                    if is_named {
                        a.3.compare_names(&b.3)
                    } else {
                        Ordering::Equal
                    }
                })
                .then_with(|| {
                    if is_named && a.2 != b.2 {
                        a.3.id().cmp(&b.3.id())
                    } else {
                        a.2.cmp(&b.2)
                    }
                })
        });
        self.sorted = sorted.into_iter().map(|(_, _, number, _)| number).collect();
    }

    /// Returns what goes, in the order of steps: logs, containers, build cache, images, volumes; children before
    /// parents.
    pub fn order(&self) -> Vec<ItemNo> {
        let mut seen = vec![false; self.fates.len()];
        let mut order = Vec::with_capacity(self.sorted.len());
        let mut open = Vec::new();
        for root in self.sorted.iter().copied() {
            open.push((root, false));
            // A circle is cut somewhere.
            while let Some((at, is_complete)) = open.pop() {
                if is_complete {
                    order.push(at);
                } else if !std::mem::replace(&mut seen[at as usize], true) {
                    open.push((at, true));
                    let children = self.survey.children(at).iter().rev();
                    open.extend(children.map(|child| (*child, false)));
                }
            }
        }
        order.retain(|number| self.is_step(*number));
        order
    }
}

/// Returns what of a selection is there, in its order.
fn chosen(survey: &Survey, selection: &Selection) -> Vec<(ItemNo, AddedBy)> {
    let number = |id: &ItemId| survey.numbers().number_of(id);
    let items = selection.items.iter();
    items
        .filter_map(|(id, added_by)| Some((number(id)?, *added_by)))
        .collect()
}

/// Kinds in the order of steps; and of images, what can be had again before what cannot, so that a cancel
/// saves the most.
fn turn(item: Item<'_>) -> u8 {
    match item {
        Item::Log(_) => 0,
        Item::Container(_) => 1,
        Item::Record(_) => 2,
        Item::Image(image) => match image.source {
            Source::Registry => 3,
            Source::Unknown => 4,
            Source::Local => 5,
        },
        Item::Volume(_) => 6,
    }
}

/// Returns true for a `--rm` container that runs: the engine removes it when it stops, with its anonymous volumes.
fn vanishes_when_stopped(container: &Container) -> bool {
    !container.state.is_stopped()
        && container
            .details
            .as_ref()
            .known()
            .is_some_and(|details| details.auto_remove)
}
