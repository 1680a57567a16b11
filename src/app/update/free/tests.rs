use super::*;
use crate::app::model::Options;
use crate::app::msg::Msg;
use crate::app::update::update;
use crate::domain::disk::{Disk, Places};
use crate::domain::inventory::Stage;
use crate::domain::inventory::{Part, Progress};
use crate::domain::plan::scene::{a_record, record, volume};
use crate::domain::time::Timestamp;

/// Three records of 7 bytes, and a volume of 100; stages other than the lists are as given.
fn model(options: Options, measured: &Progress) -> Model {
    let now = Timestamp::UNIX_EPOCH;
    let mut model = Model::new(options, 80, 24, now);
    let mut parts = vec![
        Part::BuildCache(["a", "b", "c"].map(|id| record(id, &[])).into()),
        Part::Volumes(vec![volume("data", 100)]),
    ];
    let done = || Progress::Done(now);
    let stages = Stage::ALL.map(|stage| match stage {
        Stage::Layers => Part::Stage(stage, measured.clone()),
        _ => Part::Stage(stage, done()),
    });
    parts.extend(stages);
    update(&mut model, Msg::Connected);
    update(&mut model, Msg::Scan(parts));
    model
}

fn press(model: &mut Model, keys: &str) {
    for word in keys.split(' ') {
        let key = crate::app::keys::parse(word).expect(word);
        update(model, Msg::Key(key));
    }
}

fn done() -> Progress {
    Progress::Done(Timestamp::UNIX_EPOCH)
}

#[test]
fn what_is_typed_is_marked_and_planned_but_not_removed() {
    let mut model = model(Options::default(), &done());
    press(&mut model, "f 1 0 b enter");
    assert_eq!(model.marks.len(), 2);
    assert_eq!(model.marked.at_least, Bytes(14));
    assert!(model.marks.values().all(|by| *by == AddedBy::Free));
    press(&mut model, "f 7 b enter");
    assert_eq!(model.marks.len(), 1, "chosen anew: {:?}", model.marks);
    press(&mut model, "d");
    assert!(matches!(&model.screen, Screen::Plan(screen) if screen.plan.steps.len() == 1));
}

#[test]
fn marks_made_by_hand_stay_and_count() {
    let mut model = model(Options::default(), &done());
    model.marks.insert(a_record("b"), AddedBy::Selection);
    press(&mut model, "f 1 4 b enter");
    assert_eq!(model.marks.len(), 2);
    assert_eq!(model.marks[&a_record("b")], AddedBy::Selection);
}

#[test]
fn nothing_is_promised_while_it_is_measured() {
    let waiting = Progress::Running(Timestamp::UNIX_EPOCH);
    let mut model = model(Options::default(), &waiting);
    press(&mut model, "f 7 b enter d y");
    assert!(model.marks.is_empty());
    assert!(matches!(model.screen, Screen::Free(_)));
    let part = Part::Stage(Stage::Layers, done());
    update(&mut model, Msg::Scan(vec![part]));
    assert_eq!((model.marks.len(), &model.screen), (1, &Screen::Browse));
}

#[test]
fn what_is_marked_for_a_target_goes_only_until_that_is_met() {
    let mut model = model(Options::default(), &done());
    press(&mut model, "f 1 0 b enter");
    assert_eq!(model.until, Some(Goal::Free(Bytes(10))));
    let disk = Disk {
        total: Bytes(100),
        free: Bytes(10),
        holds: Places::ALL,
        ..Disk::default()
    };
    update(&mut model, Msg::Scan(vec![Part::Disks(vec![disk])]));
    press(&mut model, "f 2 0 % enter");
    assert_eq!(model.until, Some(Goal::UntilPercent(20)));
    assert_eq!(model.marks.len(), 2);
}

#[test]
fn named_volumes_are_a_question_of_their_own() {
    let mut model = model(Options::default(), &done());
    press(&mut model, "f 5 0 b enter");
    let asked = matches!(&model.screen, Screen::Free(screen)
    if screen.asking == Asking::Volumes {
        goal: Goal::Free(Bytes(50)),
        wanted: Bytes(50),
        without: Bytes(21),
        with: Bytes(100),
    });
    assert!(asked, "{:?}", model.screen);
    press(&mut model, "enter");
    assert_eq!(model.marked.at_least, Bytes(21), "anything but y is a No");
    press(&mut model, "f 5 0 b enter y");
    assert!(model.marked.at_least >= Bytes(50));
    assert!(model.marks.keys().any(|id| id.kind() == Kind::Volume));
}

#[test]
fn the_command_line_may_ask_before_the_first_key() {
    let options = Options {
        free: Some(Bytes(8)),
        ..Options::default()
    };
    let model = model(options, &done());
    assert_eq!(model.marked.at_least, Bytes(14));
    assert_eq!(model.screen, Screen::Browse);
}
