//! Turns what goes into steps: their order, their bytes, and what stays behind.

use std::collections::HashSet;

use crate::domain::inventory::Store;
use crate::domain::item::{Image, ItemId, Source, State};
use crate::domain::layers::Freed;
use crate::domain::survey::Item;

use super::draft::Draft;
use super::{AddedBy, ComesBack, Plan, Refusal, Seen, Stays, Step};

impl Draft<'_> {
    pub(super) fn into_plan(self) -> Plan {
        let mut steps = self.steps();
        let mut plan = Plan {
            refused: self.refusals(),
            stays: self.left_behind(),
            ..Plan::default()
        };
        let mut release = self.survey.ledger.release();
        for step in &mut steps {
            step.frees = release.let_go(&step.id);
            for parent in &step.follows {
                step.frees
                    .add(&release.let_go(&ItemId::Image(parent.clone())));
            }
        }
        plan.frees = release.total();
        for step in &steps {
            let is_larger = step
                .size
                .known()
                .is_some_and(|size| size > step.frees.at_least);
            let held_back = release.held_back(&step.id);
            if is_larger && !held_back.bytes.is_zero() {
                plan.held_back.push((step.id.clone(), held_back));
            }
        }
        plan.steps = steps;
        plan
    }

    /// What the plan frees, in whichever order its steps come.
    pub(super) fn frees(&self) -> Freed {
        let followers = self.following.iter().cloned().map(ItemId::Image);
        let all: Vec<ItemId> = self.going.keys().cloned().chain(followers).collect();
        self.survey.ledger.frees(&all)
    }

    /// The steps without their bytes, as the engine will see them one after another.
    fn steps(&self) -> Vec<Step> {
        let mut gone: HashSet<ItemId> = HashSet::new();
        let mut vanished: HashSet<ItemId> = HashSet::new();
        let mut steps = Vec::with_capacity(self.going.len());
        for id in self.order() {
            let (Some(item), Some(added_by)) = (self.survey.find(&id), self.going.get(&id)) else {
                continue;
            };
            let mut step = step(item, *added_by, self.survey.inventory().engine.store);
            step.vanishes = vanished.contains(&id);
            gone.insert(id.clone());
            match item {
                Item::Container(container) => {
                    let volumes = self.vanishing(container);
                    vanished.extend(volumes.map(|volume| ItemId::Volume(volume.name.clone())));
                }
                Item::Image(image) if !step.vanishes => {
                    for parent in self.survey.follows(&image.id, |id| gone.contains(id)) {
                        let id = ItemId::Image(parent.clone());
                        if self.going.contains_key(&id) {
                            vanished.insert(id);
                        } else {
                            gone.insert(id);
                            step.follows.push(parent);
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
        self.refused
            .iter()
            .filter_map(|(id, first)| {
                let item = self.survey.find(id)?;
                // More may be in the way in the end than at first, as refusals cascade. Nothing at all is
                // where a parent does not follow any more because this very image stays.
                let obstacles = self.obstacles(id);
                Some(Refusal {
                    id: id.clone(),
                    name: item.name(),
                    why: if obstacles.is_empty() {
                        first.clone()
                    } else {
                        obstacles.join("; ")
                    },
                    unlock: self.unlocks(id).unwrap_or_default(),
                })
            })
            .collect()
    }

    fn left_behind(&self) -> Vec<Stays> {
        let mut seen = HashSet::new();
        let mut stays = Vec::new();
        for id in self.order() {
            let Some(Item::Container(container)) = self.survey.find(&id) else {
                continue;
            };
            for volume in self.left_by(container) {
                let id = ItemId::Volume(volume.name.clone());
                if !self.going.contains_key(&id) && seen.insert(id.clone()) {
                    stays.push(Stays {
                        id,
                        name: Item::Volume(volume).name(),
                        size: volume.size,
                        left_by: Item::Container(container).name(),
                    });
                }
            }
        }
        stays
    }
}

fn step(item: Item<'_>, added_by: AddedBy, store: Store) -> Step {
    let state = match item {
        Item::Container(container) => Some(&container.state),
        _ => None,
    };
    Step {
        id: item.id(),
        name: item.name(),
        names: match item {
            Item::Image(image) => image.names.clone(),
            _ => Vec::new(),
        },
        size: item.size(),
        frees: Freed::default(),
        comes_back: match item {
            Item::Image(image) => comes_back(image, store),
            _ => ComesBack::No,
        },
        added_by,
        stop: state.is_some_and(|state| !state.is_stopped()),
        unpause: state == Some(&State::Paused),
        vanishes: false,
        follows: Vec::new(),
        seen: Seen::new(item),
    }
}

/// The containerd store writes digests for local builds too, so they prove nothing there (ENGINE.md §10).
fn comes_back(image: &Image, store: Store) -> ComesBack {
    match (store, image.source) {
        (Store::GraphDriver, Source::Registry) => ComesBack::Pulled,
        (Store::GraphDriver, Source::Local) => ComesBack::No,
        (Store::Containerd, _) | (_, Source::Unknown) => ComesBack::Unknown,
    }
}
