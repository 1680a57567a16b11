//! What follows of each item: what it frees on its own, when it was last used, what a filter may ask of it.

use super::{Facts, Survey};
use crate::domain::filter::Flags;
use crate::domain::index::ItemNo;
use crate::domain::inventory::Stage;
use crate::domain::item::{Container, Kind, Source, State};
use crate::domain::protect::Guard;
use crate::domain::retention::{Freed, Trial};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

impl Survey {
    pub(super) fn all_facts(&self) -> [Vec<Facts>; Kind::COUNT] {
        Kind::ALL.map(|kind| self.facts_of(kind))
    }

    pub(super) fn facts_of(&self, kind: Kind) -> Vec<Facts> {
        let trial = &mut self.retention.trial();
        let numbers = self.links.index.numbers(kind);
        numbers
            .enumerate()
            .map(|(place, number)| match kind {
                Kind::Image => self.image_facts(number, place, trial),
                Kind::Container => self.container_facts(number, place, trial),
                Kind::Volume => self.volume_facts(number, place, trial),
                Kind::BuildCache => self.record_facts(number, place, trial),
                Kind::Log => self.log_facts(number, place, trial),
            })
            .collect()
    }

    /// Finds what is protected of a kind. It would be refused, so that it frees nothing; a filter asks for what
    /// it would free otherwise.
    pub(super) fn protect(&mut self, kind: Kind) {
        let protection = &self.inventory.protection;
        let guards: Vec<(usize, Guard)> = (0..self.len(kind))
            .filter_map(|at| Some((at, protection.guard(&self.subject(kind, at, false))?)))
            .collect();
        for (at, guard) in guards {
            // A step on the way to an image has no use and no name of its own that could be known some day: a
            // rule in doubt about it would keep all images that were made on it.
            if self.facts[kind as usize][at].intermediate && matches!(guard, Guard::Doubt(_)) {
                continue;
            }
            let facts = &mut self.facts[kind as usize][at];
            facts.guard = Some(guard);
            facts.flags.protected = true;
            facts.blocked = true;
            facts.frees = Freed::default();
        }
    }

    fn image_facts(&self, number: ItemNo, place: usize, trial: &mut Trial<'_>) -> Facts {
        let image = &self.inventory.images[place];
        let users = self.users(number);
        let children = !self.children(number).is_empty();
        let is_held = self.may_be_held(number);
        let used = self.is_used(Kind::Image, number);
        let intermediate = image.names.is_empty() && children;
        let blocked =
            !users.is_empty() || children || is_held || self.unlisted_holders(number).is_some();
        let (mut last_used, mut last_used_by) = self.last_use_of(users);
        // Somebody had a use for it when it was given a name here.
        if image.last_tagged > last_used {
            (last_used, last_used_by) = (image.last_tagged, None);
        }
        let frees = if blocked {
            Freed::default()
        } else {
            let mut going = self.follows(number, |_| false);
            going.push(number);
            trial.frees(&going)
        };
        Facts {
            frees,
            blocked,
            last_used,
            last_used_by,
            flags: Flags {
                used,
                stopped: used.map(|used| used && !is_held && self.are_stopped(users)),
                dangling: Some(self.is_dangling(number)),
                local: (image.source != Source::Unknown).then_some(image.source == Source::Local),
                registry: (image.source != Source::Unknown)
                    .then_some(image.source == Source::Registry),
                ..Flags::default()
            },
            intermediate,
            ..Facts::default()
        }
    }

    /// Returns true for an image or a volume that a container or something outside the lists uses.
    fn is_held(&self, number: ItemNo) -> bool {
        !self.users(number).is_empty() || self.outsiders(number).len() > 0
    }

    /// Returns whether anything uses an image or a volume; `None` until everything has come that may tell.
    fn is_used(&self, kind: Kind, number: ItemNo) -> Option<bool> {
        let is_told = self.inventory.is_listed(Stage::Containers)
            && !self.inventory.outsiders.are_pending(kind);
        let is_used = self.is_held(number);
        // A list that is refused may name users of what has none, and so may what cannot be read.
        let may_be_used = self.unlisted_holders(number).is_some() || self.may_be_held(number);
        (is_told && (is_used || !may_be_used)).then_some(is_used)
    }

    /// Returns true where none of these containers runs.
    fn are_stopped(&self, users: &[ItemNo]) -> bool {
        users.iter().all(|user| {
            let (_, place) = self.links.index.place(*user);
            self.inventory.containers[place].state.is_stopped()
        })
    }

    /// Returns when one of these containers last ran, and which it was. A running one is used now: its start is the
    /// latest time that a picture without a clock can name.
    fn last_use_of(&self, users: &[ItemNo]) -> (Option<Timestamp>, Option<Text>) {
        users
            .iter()
            .filter_map(|user| {
                let (_, place) = self.links.index.place(*user);
                let container = &self.inventory.containers[place];
                Some((container_last_use(container)?, container.name.clone()))
            })
            .max_by_key(|(time, _)| *time)
            .unzip()
    }

    fn container_facts(&self, number: ItemNo, place: usize, trial: &mut Trial<'_>) -> Facts {
        let container = &self.inventory.containers[place];
        let blocked = !container.state.is_stopped();
        Facts {
            frees: alone(blocked, number, trial),
            blocked,
            last_used: container_last_use(container),
            last_used_by: None,
            flags: Flags {
                running: Some(matches!(
                    container.state,
                    State::Running | State::Restarting
                )),
                paused: Some(container.state == State::Paused),
                stopped: Some(container.state.is_stopped()),
                ..Flags::default()
            },
            ..Facts::default()
        }
    }

    fn log_facts(&self, number: ItemNo, place: usize, trial: &mut Trial<'_>) -> Facts {
        let container = &self.inventory.containers[place];
        let details = container.details.as_ref().known();
        let blocked = container.log_obstacle().is_some() || self.link_obstacle(Kind::Log).is_some();
        Facts {
            frees: alone(blocked, number, trial),
            blocked,
            last_used: container_last_use(container),
            flags: Flags {
                running: Some(matches!(
                    container.state,
                    State::Running | State::Restarting
                )),
                stopped: Some(container.state.is_stopped()),
                bounded: details.and_then(|details| details.log_bounded),
                ..Flags::default()
            },
            unreadable: details.is_none_or(|details| details.log.is_none()),
            ..Facts::default()
        }
    }

    fn volume_facts(&self, number: ItemNo, place: usize, trial: &mut Trial<'_>) -> Facts {
        let volume = &self.inventory.volumes[place];
        let users = self.users(number);
        let is_in_use = self.is_held(number) || !self.children(number).is_empty();
        let may_be_used = self.unresolved().is_some()
            || self.unlisted_holders(number).is_some()
            || self.may_be_held(number);
        let through_link = volume.is_local() && self.link_obstacle(Kind::Volume).is_some();
        let blocked = is_in_use || may_be_used || through_link;
        // That nothing here uses it says nothing of what others may use.
        let is_told = !volume.is_elsewhere() && (is_in_use || !may_be_used);
        let used = self.is_used(Kind::Volume, number).filter(|_| is_told);
        let (last_used, last_used_by) = self.last_use_of(users);
        Facts {
            frees: alone(blocked, number, trial),
            blocked,
            last_used,
            last_used_by,
            flags: Flags {
                used: used.map(|_| is_in_use),
                anonymous: Some(volume.anonymous),
                ..Flags::default()
            },
            ..Facts::default()
        }
    }

    fn record_facts(&self, number: ItemNo, place: usize, trial: &mut Trial<'_>) -> Facts {
        let record = &self.inventory.cache[place];
        let blocked = record.in_use || !self.children(number).is_empty();
        Facts {
            frees: alone(blocked, number, trial),
            blocked,
            last_used: record.last_used,
            last_used_by: None,
            flags: Flags {
                used: Some(record.in_use),
                shared: Some(record.shared),
                ..Flags::default()
            },
            ..Facts::default()
        }
    }
}

/// Returns what goes with one thing alone; nothing if it would be refused.
fn alone(blocked: bool, number: ItemNo, trial: &mut Trial<'_>) -> Freed {
    if blocked {
        Freed::default()
    } else {
        trial.frees(&[number])
    }
}

fn container_last_use(container: &Container) -> Option<Timestamp> {
    let details = container.details.as_ref().known()?;
    if container.state.is_stopped() {
        details.finished.or(details.started)
    } else {
        details.started
    }
}
