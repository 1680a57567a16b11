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

use support::engine::{PrivateEngine, Store};
use support::pace::{Build, fill, measure};
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
    fill(&engine, IMAGES);
    let pace = measure(&engine, IMAGES, TIMES, IDLE);
    println!("{}", pace.table());
    let missed = pace.missed(Build::Release);
    for what in &missed {
        println!("missed: {what}");
    }
    ExitCode::from(u8::from(!missed.is_empty()))
}
