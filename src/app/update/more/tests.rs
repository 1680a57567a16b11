use super::*;
use crate::app::keys;
use crate::app::model::Options;
use crate::app::msg::{Effect, Msg};
use crate::app::update::update;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::{Disk, Places};
use crate::domain::inventory::Part;
use crate::domain::item::ItemId;
use crate::domain::plan::scene::record;
use crate::domain::removal::account::Account;
use crate::domain::removal::event::Event;
use crate::domain::removal::outcome::{Done, Outcome};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// Returns a disk of 100 bytes on which so much is free.
fn disk(free: u64) -> Disk {
    Disk {
        total: Bytes(100),
        free: Bytes(free),
        holds: Places::ALL,
        ..Disk::default()
    }
}

fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let keys = keys.split(' ').map(|word| keys::parse(word).expect(word));
    keys.flat_map(|key| {
        update(model, Msg::Drawn { furthest: 0 });
        update(model, Msg::Key(key))
    })
    .collect()
}

/// The lists as of some time, of records of 7 bytes each.
fn lists(model: &mut Model, ids: &[&str], free: u64, when: Timestamp) {
    let records = ids.iter().map(|id| record(id, &[])).collect();
    let mut parts = vec![Part::BuildCache(records), Part::Disks(vec![disk(free)])];
    parts.extend(Stage::ALL.map(|stage| Part::Stage(stage, Progress::Done(when))));
    update(model, Msg::Scan(parts));
}

/// Carries out what was confirmed: all of it goes, and the disk has so much then.
fn removed(model: &mut Model, (before, free): (u64, u64), lacks: u64) -> Vec<ItemId> {
    let Screen::Removing(removing) = &model.screen else {
        panic!("{:?}", model.screen);
    };
    let plan = removing.plan.clone();
    let steps = plan.steps.clone();
    let plan = Box::new(plan);
    let dropped = Vec::new();
    let mut events = vec![Event::Checked { plan, dropped }];
    for (index, step) in steps.iter().enumerate() {
        let done = Done {
            id: step.id.clone(),
            name: (&*step.name).into(),
            outcome: Outcome::Removed,
            error: None,
            freed: Figure::Known(Bytes::ZERO),
            saved: None,
        };
        events.push(Event::Ended { index, done });
    }
    events.push(Event::Counting);
    let account = Account {
        disks: vec![(disk(before), disk(free))],
        lacks: Bytes(lacks),
        ..Account::default()
    };
    events.push(Event::Accounted(Box::new(account)));
    events.push(Event::Finished);
    for event in events {
        update(model, Msg::Removal(event));
    }
    steps.into_iter().map(|step| step.id).collect()
}

/// Three records, of which one is removed for a target that it does not reach.
fn after_the_first() -> (Model, Vec<ItemId>) {
    let mut model = Model::new(Options::default(), 80, 24, at(0));
    update(&mut model, Msg::Connected);
    lists(&mut model, &["a", "b", "c"], 10, at(0));
    press(&mut model, "f 1 7 % enter d y");
    update(&mut model, Msg::Now(at(5)));
    let gone = removed(&mut model, (10, 12), 5);
    assert_eq!(gone.len(), 1);
    (model, gone)
}

#[test]
fn what_the_disk_lacks_still_is_planned_and_asked_about() {
    let (mut model, gone) = after_the_first();
    assert!(matches!(&model.screen, Screen::Outcome(removing) if plans_more(&model, removing)));
    let effects = press(&mut model, "enter");
    assert!(!effects.iter().any(|it| matches!(it, Effect::Remove(..))));
    let waits = |model: &Model| matches!(&model.screen, Screen::Free(it) if matches!(it.asking, Asking::More(..)));
    assert!(
        waits(&model),
        "the lists are those of before: {:?}",
        model.screen
    );
    lists(&mut model, &["a", "b", "c"], 12, at(4));
    assert!(waits(&model));
    let left: Vec<&str> = ["a", "b", "c"]
        .into_iter()
        .filter(|id| *id != gone[0].as_str())
        .collect();
    lists(&mut model, &left, 12, at(6));
    let Screen::Plan(screen) = &model.screen else {
        panic!("{:?}", model.screen);
    };
    assert_eq!(screen.plan.steps.len(), 1);
    assert!(!gone.contains(&screen.plan.steps[0].id));
    assert_eq!(screen.plan.steps[0].added_by, AddedBy::Free);
    let effects = press(&mut model, "y");
    assert!(
        matches!(effects.as_slice(), [Effect::Remove(..)]),
        "{effects:?}"
    );
}

#[test]
fn more_is_planned_twice_at_most_and_nothing_a_second_time() {
    let (mut model, mut gone) = after_the_first();
    // What has not gone by the engine's lists is not tried again either.
    for round in 1..=2 {
        press(&mut model, "enter");
        lists(&mut model, &["a", "b", "c", "d"], 12, at(5 + round));
        update(&mut model, Msg::Now(at(5 + round)));
        assert!(
            matches!(&model.screen, Screen::Plan(_)),
            "{:?}",
            model.screen
        );
        press(&mut model, "y");
        let more = removed(&mut model, (12, 12), 5);
        assert!(
            more.iter().all(|id| !gone.contains(id)),
            "{gone:?} {more:?}"
        );
        gone.extend(more);
    }
    press(&mut model, "enter");
    assert_eq!(model.screen, Screen::Browse);
}

#[test]
fn where_it_is_enough_or_nothing_more_can_go_that_is_said() {
    for (ids, free, says) in [
        (&["z"][..], 17, "so much is free by now"),
        (&[], 12, "nothing more can go safely"),
    ] {
        let (mut model, _) = after_the_first();
        press(&mut model, "enter");
        lists(&mut model, ids, free, at(6));
        assert_eq!(model.screen, Screen::Browse);
        let notice = model.notice.clone().unwrap_or_default();
        assert!(notice.contains(says), "{notice}");
    }
}

#[test]
fn what_was_no_matter_of_the_target_or_was_cancelled_ends_as_ever() {
    let (mut model, _) = after_the_first();
    if let Screen::Outcome(removing) = &mut model.screen {
        removing.cancelling = true;
    }
    press(&mut model, "enter");
    assert_eq!(model.screen, Screen::Browse);
    let (mut model, _) = after_the_first();
    if let Screen::Outcome(removing) = &mut model.screen {
        for step in &mut removing.plan.steps {
            step.added_by = AddedBy::Selection;
        }
    }
    press(&mut model, "enter");
    assert_eq!(model.screen, Screen::Browse);
}
