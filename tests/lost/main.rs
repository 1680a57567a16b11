//! Nothing is lost: faults and races on the way to a real engine, and a disk without a byte left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause; how many cases there were is said"
)]

mod faults;
mod full;
mod races;
mod stage;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use support::engine::Store;
use support::length::Length;
use support::trial::{self, OnEngine};

const TESTS: &[OnEngine] = &[
    ("a_fault_on_the_way_is_told_truly_first_half", |engine| {
        faults::hold(engine, 0);
    }),
    ("a_fault_on_the_way_is_told_truly_second_half", |engine| {
        faults::hold(engine, 1);
    }),
    ("what_others_do_meanwhile_is_not_lost", races::hold),
];

fn main() -> ExitCode {
    let mut trials = trial::on_store(TESTS, Store::GraphDriver, Length::Long);
    trials.extend(full::trials());
    trial::run_waiting(trials, 2)
}
