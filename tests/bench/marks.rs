//! What a key costs at ten thousand images: `cargo bench --bench marks`.
//!
//! The bounds are those of DESIGN.md's promise "fast at any size". Times are medians; a bound that is missed is
//! named, and ends the program with a failure.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its table"
)]

#[path = "../support/large.rs"]
mod large;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dtop::app::keys::Key;
use dtop::app::model::Model;
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::domain::bytes::Bytes;
use dtop::domain::inventory::{Part, Progress, Stage};
use dtop::domain::item::VolumeName;
use dtop::ui::{Theme, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use large::{LARGE, model, now};

/// How often each thing is measured: so many times, or fewer where that takes long.
const TIMES: usize = 15;
const LEAST: usize = 3;
const LONG: Duration = Duration::from_secs(2);

/// A row of the table.
struct Row {
    what: &'static str,
    median: Duration,
    worst: Duration,
    bound: Duration,
}

/// Measures a thing, each time after it was made ready again.
fn row(
    model: &mut Model,
    what: &'static str,
    bound: u64,
    mut ready: impl FnMut(&mut Model),
    mut act: impl FnMut(&mut Model),
) -> Row {
    let begin = Instant::now();
    let mut times: Vec<Duration> = Vec::new();
    while times.len() < LEAST || times.len() < TIMES && begin.elapsed() < LONG {
        ready(model);
        let start = Instant::now();
        act(model);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Row {
        what,
        median: times[times.len() / 2],
        worst: times[times.len() - 1],
        bound: Duration::from_millis(bound),
    }
}

fn press(model: &mut Model, keys: &str) {
    for letter in keys.chars() {
        black_box(update(model, Msg::Key(Key::Char(letter))));
    }
}

fn clear(model: &mut Model) {
    update(model, Msg::Key(Key::Esc));
    press(model, "1cg");
}

fn all_marked(model: &mut Model) {
    clear(model);
    press(model, "a");
}

fn draw(model: &Model, screen: &mut Terminal<TestBackend>) {
    let theme = Theme::new(true, false);
    screen
        .draw(|frame| {
            black_box(view(model, frame, &theme));
        })
        .expect("a frame");
}

fn volume_measured() -> Vec<Part> {
    vec![Part::VolumeSizes {
        sizes: vec![(VolumeName::new("volume-7"), Some(Bytes(1_000)))],
        complete: false,
    }]
}

fn main() -> ExitCode {
    // `cargo test --benches` runs this too: then it only has to work.
    let model = &mut model(LARGE, 120, 35);
    let screen = &mut Terminal::new(TestBackend::new(120, 35)).expect("a screen");
    let rows = [
        row(model, "mark one (space)", 5, clear, |m| press(m, " ")),
        row(
            model,
            "mark one more beside 8,000",
            50,
            |m| {
                all_marked(m);
                press(m, " ");
            },
            |m| press(m, " "),
        ),
        row(model, "mark all (a)", 50, clear, |m| press(m, "a")),
        row(model, "unmark all (c)", 8, all_marked, |m| press(m, "c")),
        row(
            model,
            "unlock (u), one marked",
            50,
            |m| {
                clear(m);
                press(m, " ");
            },
            |m| press(m, "u"),
        ),
        row(model, "unlock (u), all marked", 500, all_marked, |m| {
            press(m, "u");
        }),
        row(
            model,
            "open the plan (d), one marked",
            8,
            |m| {
                clear(m);
                press(m, " ");
            },
            |m| press(m, "d"),
        ),
        row(
            model,
            "open the plan (d), all marked",
            500,
            all_marked,
            |m| {
                press(m, "d");
            },
        ),
        row(model, "sort by the next column (s)", 16, clear, |m| {
            press(m, "s");
        }),
        row(
            model,
            "filter, a letter typed",
            16,
            |m| {
                clear(m);
                press(m, "/service-3");
            },
            |m| press(m, "7"),
        ),
        row(model, "cursor down (j)", 8, clear, |m| press(m, "j")),
        row(model, "a frame of 120x35", 8, clear, |m| draw(m, screen)),
        row(model, "a frame, all marked", 8, all_marked, |m| {
            draw(m, screen);
        }),
        row(model, "cursor down, and its frame", 8, clear, |m| {
            press(m, "j");
            draw(m, screen);
        }),
        row(model, "a scan's part: a volume's size", 100, clear, |m| {
            update(m, Msg::Scan(volume_measured()));
        }),
        row(model, "a scan's part: a stage goes on", 100, clear, |m| {
            let running = Part::Stage(Stage::VolumeSizes, Progress::Done(now()));
            update(m, Msg::Scan(vec![running]));
        }),
    ];
    table(&rows)
}

/// Prints the table; fails where a bound is missed.
fn table(rows: &[Row]) -> ExitCode {
    println!(
        "10,000 images, 100,500 layers, 50,000 cache records, 2,000 containers, 2,000 volumes"
    );
    println!("{:<34}{:>10}{:>10}{:>10}", "", "median", "worst", "bound");
    let mut missed = 0;
    for row in rows {
        let late = row.median > row.bound;
        missed += usize::from(late);
        let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
        println!(
            "{:<34}{:>10}{:>10}{:>10}{}",
            row.what,
            ms(row.median),
            ms(row.worst),
            format!("{} ms", row.bound.as_millis()),
            if late { "  MISSED" } else { "" }
        );
    }
    if missed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
