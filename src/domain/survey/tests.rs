use super::*;

/// Which changes of a stage make a new picture.
#[test]
fn a_list_that_is_asked_for_again_is_understood_already() {
    let mut inventory = Inventory::default();
    let at = Timestamp::UNIX_EPOCH;
    let mut is_news = |stage, progress| {
        let before = stands(&inventory);
        inventory.apply(Part::Stage(stage, progress));
        before != stands(&inventory)
    };
    let failed = || Progress::Failed("no".into());
    for stage in [Stage::Images, Stage::Containers, Stage::BuildCache] {
        assert!(is_news(stage, failed()), "{stage:?}");
        is_news(stage, Progress::Running(at));
        assert!(is_news(stage, Progress::Done(at)), "{stage:?}");
        for again in [Progress::Running(at), failed(), Progress::Done(at)] {
            assert!(!is_news(stage, again.clone()), "{stage:?} {again:?}");
        }
    }
    // What is to come is pending, and what is not, is not.
    for stage in [Stage::Layers, Stage::ContainerSizes] {
        assert!(!is_news(stage, Progress::Running(at)), "{stage:?}");
        assert!(is_news(stage, Progress::Done(at)), "{stage:?}");
        assert!(!is_news(stage, failed()), "{stage:?}");
        assert!(is_news(stage, Progress::Running(at)), "{stage:?}");
    }
    assert!(is_news(Stage::Volumes, failed()));
    assert!(is_news(Stage::Volumes, Progress::Running(at)));
    for stage in [Stage::Volumes, Stage::SharedSizes, Stage::VolumeSizes] {
        assert!(!is_news(stage, Progress::Done(at)), "{stage:?}");
    }
}
