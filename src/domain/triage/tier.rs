//! The order of sacrifice: what may go at all, and how much it would be missed.

use jiff::{SignedDuration, Timestamp};

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::index::ItemNo;
use crate::domain::inventory::Stage;
use crate::domain::item::{Container, Image, State, Volume};
use crate::domain::plan::{ComesBack, comes_back, is_task};
use crate::domain::survey::{Item, Survey};

/// Why something may go, in the order of sacrifice: the first is missed least.
///
/// | tier | what is in it |
/// |---|---|
/// | `Cache` | build cache that no build uses, last used 7 days ago or more |
/// | `FreshCache` | the same, used since, or without a record of its last use |
/// | `Dangling` | images without a name or digest, which nothing uses |
/// | `Container` | exited or dead containers that finished 7 days ago or more, wrote at most 1 MB, and have no volume that is theirs alone |
/// | `Pulled` | unused images that can be pulled again; those unused for the longest first |
/// | `Local` | all other unused images |
/// | `Anonymous` | anonymous volumes of no compose project that nothing uses |
/// | `Named` | named ones, only where they are asked for |
///
/// Never in any: what is protected, in use or running, tasks and images of swarm services, volumes of a compose
/// project (which keeps them while it is down), volumes whose size or place is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    Cache,
    FreshCache,
    Dangling,
    Container,
    Pulled(Idle),
    Local,
    Anonymous,
    Named,
}

/// For how long an image has not been used, the longest first. What has no record counts as used just now: it
/// may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Idle {
    Months,
    Month,
    Week,
    Less,
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What a container may have written that nobody will miss.
const SCRATCH: Bytes = Bytes(1_000_000);

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

/// The tier of an item by itself, however much else would have to go before it; none where it may not go.
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
    // Who uses an image or a volume only the list of containers tells.
    let are_users_known = survey.inventory().is_listed(Stage::Containers);
    match survey.numbered(number) {
        Item::Log(_) => None,
        Item::Record(record) if record.in_use => None,
        Item::Record(_) if is_old() => Some(Tier::Cache),
        Item::Record(_) => Some(Tier::FreshCache),
        Item::Container(container) => {
            let may_go = is_old() && is_worthless(survey, number, container);
            may_go.then_some(Tier::Container)
        }
        Item::Image(image) => {
            let may_go = are_users_known && !facts.intermediate && may_go(survey, number);
            may_go.then(|| of_image(image, Idle::since(facts.last_used, now)))
        }
        Item::Volume(volume) => {
            let unused = are_users_known && survey.users(number).is_empty();
            let may_go = unused && volume.labels.project().is_none() && is_measured(volume);
            may_go.then_some(if volume.anonymous {
                Tier::Anonymous
            } else {
                Tier::Named
            })
        }
    }
}

fn of_image(image: &Image, idle: Idle) -> Tier {
    if image.names.is_empty() && image.digests.is_empty() {
        return Tier::Dangling;
    }
    match comes_back(image) {
        ComesBack::Yes | ComesBack::Pulled => Tier::Pulled(idle),
        ComesBack::No | ComesBack::Unknown => Tier::Local,
    }
}

/// No service runs an image, and no parent that the engine would remove along is protected.
fn may_go(survey: &Survey, image: ItemNo) -> bool {
    if survey.services(image).len() > 0 {
        return false;
    }
    let parents = std::iter::successors(survey.parent(image), |at| survey.parent(*at));
    // As many as there are images at most: a circle of parents is an engine's mistake.
    parents
        .take(survey.inventory().images.len())
        .take_while(|parent| survey.numbered(*parent).is_untagged_image())
        .all(|parent| !survey.facts_of_number(parent).flags.protected)
}

/// A container that ended, wrote next to nothing, and would leave no volume behind.
fn is_worthless(survey: &Survey, number: ItemNo, container: &Container) -> bool {
    let Figure::Known(details) = &container.details else {
        return false;
    };
    let ended = matches!(container.state, State::Exited | State::Dead);
    let has_own_volume = survey
        .volumes(number)
        .iter()
        .any(|volume| survey.users(*volume) == [number]);
    ended
        && details.finished.is_some()
        && details.size_rw.is_some_and(|written| written <= SCRATCH)
        && !has_own_volume
        && !is_task(&container.labels)
}

/// A volume whose bytes are known and here.
fn is_measured(volume: &Volume) -> bool {
    matches!(volume.size, Figure::Known(_)) && !volume.has_options
}
