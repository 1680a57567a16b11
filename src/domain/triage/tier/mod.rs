//! The order of sacrifice: what may go at all, and how much it would be missed.

use jiff::SignedDuration;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::index::ItemNo;
use crate::domain::inventory::Stage;
use crate::domain::item::{Backing, Container, State, Volume};
use crate::domain::plan::{ComesBack, comes_back};
use crate::domain::survey::{Item, Survey};
use crate::domain::time::Timestamp;

/// Why something may go, in the order of sacrifice: the first is missed least.
///
/// | tier | what is in it |
/// |---|---|
/// | `Cache` | build cache that no build uses, last used 7 days ago or more |
/// | `Dangling` | images that the engine itself calls dangling ([`Survey::is_dangling`]), which nothing uses |
/// | `Log` | logs that nothing bounds, with more than [`LOG_BOUND`] to empty; the container stays, and goes on writing |
/// | `Container` | exited or dead containers that finished 7 days ago or more, wrote at most 1 MB, and have no volume of their own: no anonymous one, and none that nothing else uses |
/// | `Pulled` | unused images that can be pulled again; those unused for the longest first |
/// | `FreshCache` | as `Cache`, but used since, or without a record of its last use |
/// | `Local` | all other unused images |
/// | `Anonymous` | anonymous volumes of no project that nothing uses |
/// | `Named` | named ones, only where they are asked for |
///
/// Fresh build cache is not idle, so it does not go with what is: whoever built yesterday waits for the next build
/// without it, and mostly for longer than for an image that is pulled. But it is made anew, which a local image may
/// not be.
///
/// Never in any: what is protected, in use or running, tasks, images and volumes of swarm services, volumes of a
/// project (which keeps them while it is down), volumes whose size or place is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Build cache that was last used 7 days ago or more.
    Cache,
    /// Images without a name.
    Dangling,
    /// Large logs that nothing bounds.
    Log,
    /// Containers that ended 7 days ago or more and left next to nothing.
    Container,
    /// Unused images that can be pulled again; those unused for the longest first.
    Pulled(Idle),
    /// Build cache that was used since, or without a record of its last use.
    FreshCache,
    /// All other unused images.
    Local,
    /// Anonymous volumes of no project that nothing uses.
    Anonymous,
    /// Named ones, only where they are asked for.
    Named,
}

/// For how long an image has not been used, the longest first. What has no record counts as used just now: it
/// may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Idle {
    /// 90 days or more.
    Months,
    /// 30 days or more.
    Month,
    /// 7 days or more.
    Week,
    /// Less, or it is not known.
    Less,
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What a container may have written that nobody will miss.
const SCRATCH: Bytes = Bytes(1_000_000);
/// What a log may have: as much as the driver that Docker recommends against full disks keeps of a container (`local`:
/// five files of 20 MB). Where somebody has set a bound, theirs holds, whatever it is.
pub const LOG_BOUND: Bytes = Bytes(100_000_000);

impl Idle {
    fn since(last_used: Option<Timestamp>, now: Timestamp) -> Self {
        let Some(last_used) = last_used else {
            return Self::Less;
        };
        let idle = now.duration_since(last_used);
        if idle >= 90 * DAY {
            Self::Months
        } else if idle >= 30 * DAY {
            Self::Month
        } else if idle >= WEEK {
            Self::Week
        } else {
            Self::Less
        }
    }
}

/// Returns the tier of an item by itself, however much else would have to go before it; none where it may not go.
#[must_use]
pub fn tier(survey: &Survey, number: ItemNo, now: Timestamp) -> Option<Tier> {
    let facts = survey.facts_of_number(number);
    if facts.flags.protected {
        return None;
    }
    let is_old = || {
        let last = facts.last_used;
        last.is_some_and(|last| now.duration_since(last) >= WEEK)
    };
    match survey.numbered(number) {
        Item::Log(container) => is_boundless(container).then_some(Tier::Log),
        Item::Record(record) if record.in_use => None,
        Item::Record(_) if is_old() => Some(Tier::Cache),
        Item::Record(_) => Some(Tier::FreshCache),
        Item::Container(container) => {
            let may_go = is_old() && is_worthless(survey, number, container);
            may_go.then_some(Tier::Container)
        }
        Item::Image(image) => {
            // Its containers may go before it.
            let are_users_known = facts.flags.used.is_some();
            let may_go = are_users_known && !facts.intermediate && may_go(survey, number);
            let idle = Idle::since(facts.last_used, now);
            may_go.then(|| match comes_back(image) {
                _ if survey.is_dangling(number) => Tier::Dangling,
                ComesBack::Yes | ComesBack::Pulled => Tier::Pulled(idle),
                ComesBack::No | ComesBack::Unknown => Tier::Local,
            })
        }
        Item::Volume(volume) => {
            let unused = facts.flags.used == Some(false);
            let may_go = unused && volume.labels.project().is_none() && is_measured(volume);
            may_go.then_some(if volume.anonymous {
                Tier::Anonymous
            } else {
                Tier::Named
            })
        }
    }
}

/// Nothing outside the lists holds an image, and no parent that the engine would remove along is protected.
fn may_go(survey: &Survey, image: ItemNo) -> bool {
    if survey.may_be_held(image) {
        return false;
    }
    let parents = std::iter::successors(survey.parent(image), |at| survey.parent(*at));
    // As many as there are images at most: a circle of parents is an engine's mistake.
    parents
        .take(survey.inventory().images.len())
        .take_while(|parent| survey.numbered(*parent).is_untagged_image())
        .all(|parent| !survey.facts_of_number(parent).flags.protected)
}

/// A log that grows for ever, and has come far enough.
fn is_boundless(container: &Container) -> bool {
    let details = container.details.as_ref().known();
    details.is_some_and(|it| it.log_bounded == Some(false) && it.truncatable() > LOG_BOUND)
}

/// A container that ended, wrote next to nothing, and has no volume of its own.
fn is_worthless(survey: &Survey, number: ItemNo, container: &Container) -> bool {
    let Figure::Known(details) = &container.details else {
        return false;
    };
    let ended = matches!(container.state, State::Exited | State::Dead);
    let mut volumes = survey.volumes(number).iter();
    let has_own_volume = volumes.any(|volume| {
        // Others that use an anonymous one have it from the container that it was made for.
        let is_anonymous = matches!(survey.numbered(*volume), Item::Volume(it) if it.anonymous);
        is_anonymous || survey.users(*volume) == [number]
    });
    // What is not on the list of volumes may be its own.
    let are_listed = survey.inventory().is_listed(Stage::Volumes) || container.volumes.is_empty();
    ended
        && details.finished.is_some()
        && details.size_rw.is_some_and(|written| written <= SCRATCH)
        && are_listed
        && !has_own_volume
        && !survey.is_held_by_swarm(container)
}

/// A volume whose bytes are known and here.
fn is_measured(volume: &Volume) -> bool {
    matches!(volume.size, Figure::Known(_)) && volume.backing == Backing::Folder
}

#[cfg(test)]
mod tests;
