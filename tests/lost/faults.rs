//! A fault at one request of a batch of thirty objects, on the way to a real engine.

use std::collections::BTreeSet;

use crate::stage::{OBJECTS, Stage, clean, done};
use crate::support::engine::PrivateEngine;
use crate::support::length::Length;
use crate::support::meddler::{FAULTS, Fault, Meddler};
use crate::support::random::Random;

/// Cases in a short run, both halves together.
const CASES: usize = 40;
const SEED: u64 = 6;

/// Half of the cases: a seeded choice, or all of them under `DTOP_LONG=2`.
pub fn hold(engine: &PrivateEngine, half: usize) {
    let stage = Stage::on(engine);
    let meddler = Meddler::before(&engine.socket(), engine.folder());
    stage.set();
    meddler.arm(|_, _| None);
    let all = stage.left();
    assert_eq!(all.len(), OBJECTS, "{all:?}");
    let undisturbed = clean(&meddler.host());
    assert!(undisturbed.status.success(), "{undisturbed:?}");
    assert_eq!(stage.left(), BTreeSet::new());
    let requests = meddler.requests().len();
    let cases = cases(requests, half);
    for (number, fault) in &cases {
        hold_one(&stage, &meddler, *number, *fault);
    }
    println!(
        "{} cases: a fault at one of {requests} requests of a batch of {OBJECTS}",
        cases.len()
    );
}

fn cases(requests: usize, half: usize) -> Vec<(usize, Fault)> {
    let numbers = (1..=requests).filter(|number| number % 2 == half);
    let mut cases: Vec<_> = numbers
        .flat_map(|number| FAULTS.map(|fault| (number, fault)))
        .collect();
    if !Length::Search.is_asked_for() {
        let mut random = Random::new(SEED + half as u64);
        while cases.len() > CASES / 2 {
            cases.swap_remove(random.below(cases.len()));
        }
    }
    cases
}

fn hold_one(stage: &Stage<'_>, meddler: &Meddler, number: usize, fault: Fault) {
    let case = format!("{fault:?} at request {number}");
    stage.set();
    let all = stage.left();
    meddler.arm(move |now, _| (now == number).then_some(fault));
    let first = clean(&meddler.host());
    let left = stage.left();
    stage.assert_kept(&case);
    for write in meddler.writes() {
        assert!(!write.path.contains("keep"), "{case}: {write:?}");
    }
    if first.status.code() == Some(1) {
        assert_eq!(left, all, "{case}: nothing was tried");
    } else {
        let done = done(&first);
        if done.len() < OBJECTS {
            // A list that did not come costs its own kind alone, and that is said.
            assert_eq!(first.status.code(), Some(3), "{case}: {first:?}");
            let said = String::from_utf8_lossy(&first.stderr);
            assert!(said.contains(" could not be listed: "), "{case}: {first:?}");
        }
        let tried: BTreeSet<&String> = done.iter().map(|(id, _)| id).collect();
        for id in all.iter().filter(|id| !tried.contains(id)) {
            assert!(left.contains(id), "{case}: {id} was not tried: {first:?}");
        }
        for (id, outcome) in done {
            let is_gone = !left.contains(&id);
            assert_eq!(
                outcome == "removed",
                is_gone,
                "{case}: {id} {outcome}: {first:?}"
            );
        }
    }
    meddler.arm(|_, _| None);
    let second = clean(&meddler.host());
    assert!(second.status.success(), "{case}: {second:?}");
    assert_eq!(stage.left(), BTreeSet::new(), "{case}: {second:?}");
    stage.assert_kept(&case);
}
