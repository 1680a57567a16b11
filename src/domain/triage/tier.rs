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
    Cache,
    Dangling,
    Log,
    Container,
    Pulled(Idle),
    FreshCache,
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::inventory::{Inventory, Part, Progress};
    use crate::domain::item::{ContainerDetails, ItemId};
    use crate::domain::plan::scene::{
        a_container, a_log, a_record, an_image, anonymous, at, image, inventory, labels, logging,
        mounting, record, running, stopped, volume,
    };

    fn tier_of(inventory: &Inventory, id: &ItemId) -> Option<Tier> {
        let mut inventory = inventory.clone();
        for stage in [Stage::Containers, Stage::Volumes] {
            inventory.apply(Part::Stage(stage, Progress::Done(at(0))));
        }
        let survey = Survey::new(inventory);
        let number = survey.numbers().number_of(id).expect("it is there");
        // Eight days after everything in the scene.
        tier(&survey, number, at(8 * 24 * 3600))
    }

    fn told(mut container: Container, tell: impl Fn(&mut ContainerDetails)) -> Container {
        if let Figure::Known(details) = &mut container.details {
            tell(Arc::make_mut(details));
        }
        container
    }

    #[test]
    fn only_a_log_that_nothing_bounds_and_that_is_large_may_be_emptied() {
        let half = LOG_BOUND.0 / 2;
        let tier_of =
            |container: Container| tier_of(&inventory(Vec::new(), vec![container]), &a_log("web"));
        let web = || running("web", "i");
        assert_eq!(tier_of(logging(web(), half + 1)), Some(Tier::Log));
        assert_eq!(
            tier_of(logging(stopped("web", "i"), half + 1)),
            Some(Tier::Log)
        );
        assert_eq!(tier_of(logging(web(), half)), None, "not beyond it");
        let bounded = |bounded| told(logging(web(), 10 * half), |it| it.log_bounded = bounded);
        assert_eq!(tier_of(bounded(Some(true))), None);
        assert_eq!(tier_of(bounded(None)), None, "nobody says that it is not");
        let far = told(logging(web(), 10 * half), |it| it.log = None);
        assert_eq!(tier_of(far), None);
        let mut keep = logging(web(), 10 * half);
        keep.labels = labels(&[("dtop.keep", "")]);
        assert_eq!(tier_of(keep), None);
        assert!(Tier::Dangling < Tier::Log && Tier::Log < Tier::Container);
    }

    #[test]
    fn only_idle_cache_goes_before_images() {
        let idle = |days: i64| {
            let mut all = inventory(Vec::new(), Vec::new());
            all.cache = vec![record("r", &[])];
            all.cache[0].last_used = Some(at(24 * 3600 * (8 - days)));
            tier_of(&all, &a_record("r"))
        };
        assert_eq!(idle(7), Some(Tier::Cache));
        assert_eq!(idle(6), Some(Tier::FreshCache));
        let dangling = tier_of(
            &inventory(vec![image("i", &[])], Vec::new()),
            &an_image("i"),
        );
        assert_eq!(dangling, Some(Tier::Dangling));
        assert!(Tier::Cache < Tier::Dangling);
        assert!(Tier::Pulled(Idle::Less) < Tier::FreshCache && Tier::FreshCache < Tier::Local);
    }

    #[test]
    fn a_container_with_a_volume_of_its_own_stays() {
        let job = |name: &str, volumes: &[&str]| {
            let ended = told(stopped(name, "i"), |it| it.size_rw = Some(SCRATCH));
            mounting(ended, volumes)
        };
        let tier_of = |containers: Vec<Container>| {
            let mut all = inventory(Vec::new(), containers);
            all.volumes = vec![anonymous("a1", 5), volume("data", 5)];
            tier_of(&all, &a_container("job"))
        };
        assert_eq!(tier_of(vec![job("job", &[])]), Some(Tier::Container));
        assert_eq!(tier_of(vec![job("job", &["data"])]), None);
        let two = |volume: &str| vec![job("job", &[volume]), job("next", &[volume])];
        assert_eq!(tier_of(two("data")), Some(Tier::Container));
        assert_eq!(tier_of(two("a1")), None, "both gone, nothing uses it");
    }
}
