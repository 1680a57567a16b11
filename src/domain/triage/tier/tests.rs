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
