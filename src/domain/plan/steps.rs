//! Turns what goes into steps: their order, their bytes, and what stays behind.

use std::collections::HashSet;

use crate::domain::index::ItemNo;
use crate::domain::item::{Image, ItemId, Kind, Source, State};
use crate::domain::retention::{Freed, RemovalSet};
use crate::domain::survey::{Item, Survey};

use super::draft::Draft;
use super::obstacle::Obstacle;
use super::{AddedBy, ComesBack, Cure, Plan, Refusal, Seen, Stays, Step};

impl Draft<'_> {
    pub(super) fn into_plan(self) -> Plan {
        let order = self.order();
        let mut steps = self.steps(&order);
        let mut release = self.survey.retention.release();
        let numbers = self.survey.numbers();
        for (step, number) in steps.iter_mut().zip(&order) {
            step.frees = release.let_go_of(*number);
            let parents = step.seen.follows().iter();
            for parent in parents.filter_map(|id| numbers.number_of(&ItemId::Image(id.clone()))) {
                step.frees.add(&release.let_go_of(parent));
            }
        }
        Plan {
            frees: release.total(),
            refused: self.refusals(),
            stays: self.left_behind(&order),
            held_by_records: !self.survey.unlockable_records(&release).is_empty(),
            steps,
        }
    }

    /// Returns what the plan frees, in whichever order its steps come.
    pub(super) fn frees(&self) -> Freed {
        let retention = &self.survey.retention;
        let mut set = RemovalSet::of(retention);
        for number in self.gone() {
            set.drop(retention, number);
        }
        set.total(retention)
    }

    /// Returns the steps without their bytes, as the engine will see them one after another.
    fn steps(&self, order: &[ItemNo]) -> Vec<Step> {
        let mut gone = vec![false; self.survey.numbers().len()];
        let mut vanished = gone.clone();
        let mut steps = Vec::with_capacity(order.len());
        for number in order {
            let Some(added_by) = self.added_by(*number) else {
                continue;
            };
            let item = self.survey.numbered(*number);
            let mut step = step(item, added_by, self.survey);
            step.vanishes = vanished[*number as usize];
            gone[*number as usize] = true;
            match item {
                Item::Container(_) => {
                    for volume in self.vanishing(*number) {
                        vanished[volume as usize] = true;
                    }
                }
                Item::Image(_) if !step.vanishes => {
                    let follows = self.survey.follows(*number, |number| gone[number as usize]);
                    for parent in follows {
                        if self.is_step(parent) {
                            vanished[parent as usize] = true;
                        } else if let Item::Image(image) = self.survey.numbered(parent)
                            && let Seen::Image(seen) = &mut step.seen
                        {
                            gone[parent as usize] = true;
                            seen.follows.push(image.id.clone());
                        }
                    }
                }
                _ => {}
            }
            steps.push(step);
        }
        steps
    }

    fn refusals(&self) -> Vec<Refusal> {
        let refusal = |(number, first): &(ItemNo, Vec<Obstacle>)| {
            let item = self.survey.numbered(*number);
            // More may be in the way in the end than at first, as refusals cascade. Nothing at all is
            // where a parent does not follow any more because this very image stays.
            let obstacles = self.obstacles(*number);
            let obstacles = if obstacles.is_empty() {
                first
            } else {
                &obstacles
            };
            let more = self.unlocks(*number).filter(|more| !more.is_empty());
            let stops = matches!(obstacles.as_slice(), [Obstacle::State])
                && matches!(item, Item::Container(it) if it.state.can_be_stopped());
            Refusal {
                id: item.id(),
                name: item.name(),
                why: self.words(*number, obstacles),
                cure: more.map(Cure::Unlock).or(stops.then_some(Cure::Stop)),
            }
        };
        self.refused.iter().map(refusal).collect()
    }

    fn left_behind(&self, order: &[ItemNo]) -> Vec<Stays> {
        let mut seen = HashSet::new();
        let mut stays = Vec::new();
        let containers = self.survey.numbers().numbers(Kind::Container);
        for number in order.iter().filter(|number| containers.contains(number)) {
            for volume in self.left_by(*number) {
                let item = self.survey.numbered(volume);
                if !self.is_step(volume) && seen.insert(volume) {
                    stays.push(Stays {
                        id: item.id(),
                        name: item.name(),
                        size: item.size(),
                        left_by: self.survey.numbered(*number).name(),
                    });
                }
            }
        }
        stays
    }
}

fn step(item: Item<'_>, added_by: AddedBy, survey: &Survey) -> Step {
    let engine = &survey.inventory().engine;
    let state = match item {
        Item::Container(container) => Some(&container.state),
        _ => None,
    };
    Step {
        id: item.id(),
        name: item.excerpt(),
        size: item.size(),
        frees: Freed::default(),
        comes_back: match item {
            Item::Image(image) => comes_back(image),
            // The next build makes it anew.
            Item::Record(_) => ComesBack::Yes,
            Item::Container(_) | Item::Volume(_) | Item::Log(_) => ComesBack::No,
        },
        added_by,
        stop: state.is_some_and(|state| !state.is_stopped()),
        unpause: state == Some(&State::Paused),
        tail_waits: matches!(item, Item::Log(container)
            if !container.state.is_stopped() && engine.counts_logs()),
        vanishes: false,
        seen: Seen::new(item, survey),
    }
}

/// Returns whether an image can be had again, as far as the engine tells. Where a store writes digests for local builds
/// too they prove nothing, and its source is not known (ENGINE.md §10).
#[must_use]
pub fn comes_back(image: &Image) -> ComesBack {
    match image.source {
        Source::Registry => ComesBack::Pulled,
        Source::Local => ComesBack::No,
        Source::Unknown => ComesBack::Unknown,
    }
}
