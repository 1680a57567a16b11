use super::*;
use crate::domain::item::ContainerId;
use crate::domain::plan::scene::{a_container, a_record, an_image};

#[test]
fn only_what_no_step_does_is_somebody_elses() {
    let container = |id: &str| Change::Container(ContainerId::new(id));
    let steps = [a_container("old"), an_image("app")];
    for ours in [
        container("old"),
        Change::Images,
        Change::Volumes,
        Change::Swarm,
    ] {
        assert!(!is_foreign(&ours, &steps), "{ours:?}");
    }
    for foreign in [container("web"), Change::BuildCache] {
        assert!(is_foreign(&foreign, &steps), "{foreign:?}");
    }
    let records = [a_record("r")];
    assert!(!is_foreign(&Change::BuildCache, &records));
    for foreign in [container("old"), Change::Images, Change::Volumes] {
        assert!(is_foreign(&foreign, &records), "{foreign:?}");
    }
}
