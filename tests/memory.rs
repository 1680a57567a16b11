//! As small as what it shows: memory at its peak on engines of any size, and after a day of what happens there.
//!
//! A debug build is held to bounds of its own on a smaller engine. A release build, where `DTOP_TEST_PROGRAM` names
//! one, is held to 16 MiB with a thousand images and 96 with ten thousand, whatever is opened.
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
use std::thread;
use std::time::{Duration, Instant};

use support::crowd::Crowd;
use support::crowd::things::{Size, Words};
use support::length::Length;
use support::pty::Screen;
use support::{is_release_build, trial};

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    (
        "memory_is_bounded_at_any_size",
        memory_is_bounded_at_any_size,
    ),
    (
        "many_words_take_little_more_than_themselves",
        many_words_take_little_more_than_themselves,
    ),
    (
        "a_day_of_events_leaves_nothing_behind",
        a_day_of_events_leaves_nothing_behind,
    ),
];

fn main() -> ExitCode {
    let trials = TESTS
        .iter()
        .map(|&(name, test)| trial::plain(name, Length::Long, test));
    trial::run(trials.collect())
}

/// How long the largest engine may take to tell everything, on a slow machine.
const LONG: Duration = Duration::from_secs(120);
/// Longer than a burst of events is waited for.
const PAUSE: Duration = Duration::from_millis(450);
/// What memory may differ by from one minute to the next: what an allocator keeps for later.
const GROWTH: u64 = MEBIBYTE;
/// Bytes that a burst of events may draw: all of the screen a few times.
const MOST_DRAWN: usize = 30_000;
const MEBIBYTE: u64 = 1 << 20;
/// Little enough that a day passes quickly.
const SMALL: Size = Size {
    images: 200,
    bases: 10,
    records: 1_000,
    containers: 40,
    volumes: 40,
    words: Words::Many,
};

/// Ten thousand images of a hundred thousand layers.
const LARGE: Size = Size {
    images: 10_000,
    bases: 100,
    records: 50_000,
    containers: 2_000,
    volumes: 2_000,
    words: Words::Few,
};

/// A thousand images on the machine of a developer.
const THOUSAND: Size = Size {
    images: 1_000,
    bases: 20,
    records: 1_000,
    containers: 100,
    volumes: 100,
    words: Words::Few,
};

/// A tenth of the large one: a build server, whose cache has five records for each image.
const MEDIUM: Size = Size {
    images: 1_000,
    bases: 20,
    records: 5_000,
    containers: 200,
    volumes: 200,
    words: Words::Few,
};

/// Opens dtop and waits until all figures have come, and the rows have taken their order.
fn open(engine: &Crowd) -> Screen {
    let screen = Screen::start(&["-H", &engine.host()], &[], (35, 120));
    screen.wait_for(" Images ");
    let begin = Instant::now();
    loop {
        // A new order is taken 2 s after the scan.
        thread::sleep(Duration::from_secs(3));
        let picture = screen.contents();
        if picture.contains("MB") && !picture.contains("measuring") && !picture.contains("waiting")
        {
            break;
        }
        assert!(begin.elapsed() < LONG, "no end of the scan:\n{picture}");
    }
    screen.settle();
    screen
}

/// What somebody does who looks around: every pane, its orders, a filter, all marked, the plan.
fn look_around(screen: &mut Screen) {
    for pane in ["1", "2", "3", "4"] {
        for keys in [pane, "G", "g", "s", "S", "pgdn", "enter"] {
            screen.keys(keys);
            screen.settle();
        }
        for keys in ["esc", "/", "e-1", "enter", "a", "d", "esc", "c", "esc"] {
            screen.keys(keys);
            screen.settle();
        }
        for keys in ["a", "d"] {
            screen.keys(keys);
            screen.settle();
        }
        screen.wait_for("Default is No");
        for keys in ["esc", "c"] {
            screen.keys(keys);
            screen.settle();
        }
    }
}

fn hold_peak(size: Size, most: u64) {
    let engine = Crowd::of(size);
    let mut screen = open(&engine);
    let listed = screen.memory();
    look_around(&mut screen);
    let used = screen.memory();
    eprintln!(
        "{} images: {} KiB once all is known, {} KiB at the peak of it, {} KiB at the peak of use, of {} KiB",
        size.images,
        listed.now / 1024,
        listed.peak / 1024,
        used.peak / 1024,
        most / 1024
    );
    assert!(used.peak <= most, "{} of {most} bytes", used.peak);
    screen.keys("q");
    screen.end();
}

fn memory_is_bounded_at_any_size() {
    if is_release_build() {
        hold_peak(THOUSAND, 16 * MEBIBYTE);
        hold_peak(LARGE, 96 * MEBIBYTE);
        hold_peak(MEDIUM, 16 * MEBIBYTE);
    } else {
        hold_peak(MEDIUM, 40 * MEBIBYTE);
    }
}

fn many_words_take_little_more_than_themselves() {
    let many = |size| Size {
        words: Words::Many,
        ..size
    };
    if is_release_build() {
        hold_peak(many(LARGE), 124 * MEBIBYTE);
    } else {
        hold_peak(many(MEDIUM), 42 * MEBIBYTE);
    }
}

/// The median of what was measured in a part of a day.
fn middle(figures: &[u64]) -> u64 {
    let mut figures = figures.to_vec();
    figures.sort_unstable();
    figures[figures.len() / 2]
}

/// A day of a build server, in bursts with pauses in which everything is listed again: things come and go, ever
/// new ones under ever new names, and what was there in the beginning is gone many times over.
fn a_day_of_events_leaves_nothing_behind() {
    let (bursts, events) = (200, 500);
    let engine = Crowd::of(SMALL);
    let mut screen = open(&engine);
    let (drawn, listed) = (screen.raw_len(), engine.asked("images"));
    let mut memory = Vec::new();
    for _ in 0..bursts {
        engine.live(events);
        thread::sleep(PAUSE);
        memory.push(screen.memory().now);
    }
    screen.settle();
    let quarter = memory.len() / 4;
    // The heap of a debug build is more than twice as large, and takes half of the day to come to rest.
    let begin = if is_release_build() { 1 } else { 2 };
    let (early, late) = (
        middle(&memory[begin * quarter..][..quarter]),
        middle(&memory[3 * quarter..]),
    );
    let drawn = (screen.raw_len() - drawn) / bursts;
    let listed = engine.asked("images") - listed;
    eprintln!(
        "a day of {} events: {} KiB in its quarter {}, {} KiB in its last, {drawn} bytes drawn a burst, and {listed} lists \
         in {bursts} bursts",
        bursts * events,
        early / 1024,
        begin + 1,
        late / 1024,
    );
    assert!(
        late <= early + GROWTH,
        "it grows: {early} to {late} bytes, {memory:?}"
    );
    // Ten rows and the titles, and again where figures have come.
    assert!(drawn <= MOST_DRAWN, "{drawn} bytes a burst");
    assert!(listed <= 2 * bursts, "{listed} lists for {bursts} bursts");
    screen.keys("q");
    screen.end();
}
