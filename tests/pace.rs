//! Fast at any size, silent when idle: many images on a real engine, seen through a real terminal.
//!
//! What depends on how the program was built (times, memory) is held to its bounds where `DTOP_TEST_PROGRAM` names
//! a release build; bytes and requests always are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]
#![allow(
    clippy::print_stderr,
    reason = "the measured figures, shown with --nocapture"
)]

mod support;

use std::process::ExitCode;
use std::time::Duration;

use support::engine::PrivateEngine;
use support::length::Length;
use support::pace::{Build, fill, measure};
use support::{is_release_build, trial};

const IMAGES: usize = 1_000;
/// Enough to tell what is drawn and asked, where times are not held to anything.
const FEW_IMAGES: usize = 200;
const IDLE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let test: trial::OnEngine = ("many_images_are_light", many_images_are_light);
    trial::run(trial::on_engines(&[test], Length::Long))
}

fn many_images_are_light(engine: &PrivateEngine) {
    let (build, images) = if is_release_build() {
        (Build::Release, IMAGES)
    } else {
        (Build::Debug, FEW_IMAGES)
    };
    fill(engine, images);
    let pace = measure(engine, images, 5, IDLE);
    eprintln!("{}", pace.table());
    let missed = pace.missed(build);
    assert!(missed.is_empty(), "missed: {missed:?}\n{}", pace.table());
}
