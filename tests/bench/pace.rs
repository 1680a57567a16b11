//! How light dtop is on a terminal and on a real engine with a thousand images: `cargo bench --bench pace`.
//!
//! The docker command and the bare request that dtop cannot do without are measured in the same run. A bound
//! that is missed is named, and ends the program with a failure. Without an engine nothing is measured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its table"
)]

#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use support::engine::{PrivateEngine, Setup, Store};
use support::pace::{Build, Pace, fill, measure, missed_in_store};
use support::program::Programs;

const IMAGES: usize = 1_000;
const TIMES: usize = 9;
const IDLE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let programs = Programs::installed();
    let engine = match programs.and_then(|it| PrivateEngine::start(&it, Store::GraphDriver)) {
        Ok(engine) => engine,
        Err(missing) => {
            println!("nothing is measured: {missing}");
            return ExitCode::SUCCESS;
        }
    };
    let pace = filled_and_measured(&engine);
    let mut missed = pace.missed(Build::Release);
    drop(engine);
    // The newest of those that `.ci/engines` has fetched (DTOP_TEST_ENGINES).
    if let Some(Ok(programs)) = Programs::all().pop()
        && !programs.label.is_empty()
        && let Ok(engine) = PrivateEngine::start_as_one(&Setup::Docker(programs, Store::Containerd))
    {
        missed.extend(missed_in_store(&filled_and_measured(&engine)));
    }
    for what in &missed {
        println!("missed: {what}");
    }
    ExitCode::from(u8::from(!missed.is_empty()))
}

fn filled_and_measured(engine: &PrivateEngine) -> Pace {
    fill(engine, IMAGES);
    let pace = measure(engine, IMAGES, TIMES, IDLE);
    println!("{:?}, {}", engine.store(), pace.table());
    pace
}
