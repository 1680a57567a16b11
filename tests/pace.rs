//! Fast at any size, silent when idle: many images on a real engine, seen through a real terminal. The engine is on a
//! disk of its own: what others write to theirs moves no gauge.
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

use libtest_mimic::Completion;

use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::pace::{Build, fill, measure};
use support::program::Programs;
use support::small_disk::SmallDisk;
use support::{is_release_build, trial};

const IMAGES: usize = 1_000;
/// Enough to tell what is drawn and asked, where times are not held to anything.
const FEW_IMAGES: usize = 200;
/// Bytes of the engine's disk, of which little is ever written.
const DISK: u64 = 2_000_000_000;
const IDLE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let trials = Programs::all().into_iter().map(|programs| {
        let name = match &programs {
            Ok(programs) if !programs.label.is_empty() => {
                format!("{}::many_images_are_light", programs.label)
            }
            _ => "many_images_are_light".to_owned(),
        };
        trial::of(name, Length::Long, move || {
            let started = programs.and_then(|programs| {
                let disk = SmallDisk::new(DISK, 0)?;
                let setup = Setup::Docker(programs, Store::GraphDriver);
                Ok((PrivateEngine::start_in(&setup, &[], disk.path())?, disk))
            });
            match started {
                Ok((engine, disk)) => {
                    many_images_are_light(&engine);
                    drop(engine);
                    drop(disk);
                    Ok(Completion::Completed)
                }
                Err(missing) => trial::without_engine(&missing),
            }
        })
    });
    trial::run(trials.collect())
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
