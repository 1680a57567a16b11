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
use support::pace::{Pace, fill, measure};
use support::program::Programs;

const IMAGES: usize = 1_000;
const TIMES: usize = 9;
const IDLE: Duration = Duration::from_secs(60);
const MEBIBYTE: u64 = 1 << 20;

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
    print(&pace);
    let missed = missed(&pace);
    for what in &missed {
        println!("missed: {what}");
    }
    ExitCode::from(u8::from(!missed.is_empty()))
}

fn print(pace: &Pace) {
    let bare = pace.raw_list.as_secs_f64();
    let row = |what: &str, time: Duration| {
        let milliseconds = time.as_secs_f64() * 1000.0;
        println!(
            "{what:<52} {milliseconds:>9.1} ms  {:>6.2} x",
            time.as_secs_f64() / bare
        );
    };
    println!("{} images, 120x35\n", pace.images);
    row("GET /images/json, bare", pace.raw_list);
    row("docker images", pace.docker_images);
    row("docker system df -v", pace.docker_df);
    row("dtop: first byte on the terminal", pace.first_byte);
    row("dtop: first screen with names", pace.first_screen);
    row(
        "dtop: the same, df never answers",
        pace.first_screen_without_df,
    );
    println!(
        "\ndtop: a cursor key within the page   {:>8} bytes",
        pace.key
    );
    println!(
        "dtop: a page                         {:>8} bytes",
        pace.page
    );
    let idle = &pace.idle;
    println!(
        "dtop: {} s idle                      {:>8} bytes, {} ms of processor, {} requests",
        idle.time.as_secs(),
        idle.bytes,
        idle.cpu.as_millis(),
        idle.requests.len()
    );
    println!(
        "dtop: memory at its peak             {:>8.1} MiB",
        mebibytes(pace.memory)
    );
}

#[allow(clippy::cast_precision_loss, reason = "a figure to read")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MEBIBYTE as f64
}

fn missed(pace: &Pace) -> Vec<&'static str> {
    let soon = pace.raw_list.mul_f64(1.3) + Duration::from_millis(20);
    let bounds = [
        (
            pace.first_screen <= soon,
            "first screen: 1.3 x the bare list + 20 ms",
        ),
        (
            pace.first_screen_without_df <= soon,
            "first screen without df: the same",
        ),
        (
            pace.first_byte <= Duration::from_millis(10),
            "first byte: 10 ms",
        ),
        (pace.key <= 400, "a cursor key: 400 bytes"),
        (pace.page <= 6_000, "a page: 6,000 bytes"),
        (pace.idle.bytes == 0, "idle: no byte"),
        (
            pace.idle.cpu < pace.idle.time / 1000,
            "idle: 0.1 % of a processor",
        ),
        (pace.memory <= 16 * MEBIBYTE, "memory: 16 MiB"),
    ];
    let missed = bounds.into_iter().filter(|(holds, _)| !holds);
    missed.map(|(_, bound)| bound).collect()
}
