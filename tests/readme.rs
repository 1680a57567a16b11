//! The README says what is so: its keys, its commands, its filters and its pictures are the program's own.
//!
//! `DTOP_WRITE_README=1 cargo test --test readme` writes them anew.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

#[path = "support/script.rs"]
mod script;
#[path = "support/svg.rs"]
mod svg;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::CommandFactory;
use dtop::app::keys::{BINDINGS, Place};
use dtop::app::model::{Model, Options};
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::cli::Cli;
use dtop::domain::filter::{self, Filter};
use dtop::domain::inventory::{Inventory, Part};
use dtop::domain::item::Kind;
use dtop::domain::time::Timestamp;
use dtop::engine::demo::{DemoEngine, Pace};
use dtop::engine::scan::{ScanScope, scan_once};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn readme() -> String {
    fs::read_to_string(path("README.md")).expect("the README")
}

/// What stands between `<!-- name -->` and `<!-- /name -->`.
fn part(text: &str, name: &str) -> String {
    let begin = format!("<!-- {name} -->\n");
    let end = format!("<!-- /{name} -->");
    let from = text.find(&begin).expect(name) + begin.len();
    let to = from + text[from..].find(&end).expect(name);
    text[from..to].to_owned()
}

/// The terms of the filter language, as `src/domain/filter/terms.rs` describes them.
fn filter_table() -> String {
    let mut table = "| term | holds for |\n|---|---|\n".to_owned();
    for term in filter::entries() {
        writeln!(table, "| `{}` | {} |", term.example, term.full).expect("a string");
    }
    let is_all = |of: &[Kind]| of.len() == Kind::COUNT;
    let words_of = |kind: Kind| {
        let own = filter::states().filter(|(_, of, _)| of.contains(&kind) && !is_all(of));
        let words = own.map(|(word, of, note)| {
            if note.is_empty() || of[0] != kind {
                format!("`{word}`")
            } else {
                format!("`{word}` ({note})")
            }
        });
        let words: Vec<String> = words.collect();
        format!("{}s: {}", kind.word(), words.join(" "))
    };
    let all = filter::states().filter(|(_, of, _)| is_all(of));
    let all: Vec<String> = all.map(|(word, ..)| format!("`{word}`")).collect();
    let mut kinds = Kind::ALL.map(words_of).to_vec();
    kinds.push(format!("all: {}", all.join(" ")));
    writeln!(table, "| `is:unused` | {} |", kinds.join(" · ")).expect("a string");
    table
}

/// Compares a file with what the program makes of it, or writes it.
fn is_or_write(name: &str, made: &str) {
    let file = path(name);
    if std::env::var_os("DTOP_WRITE_README").is_some() {
        fs::write(&file, made).expect("a file that can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == made,
        "{name} is not what the program makes; DTOP_WRITE_README=1 cargo test --test readme writes it"
    );
}

/// The README with a part made anew.
fn check_part(name: &str, made: &str) {
    let text = readme();
    let old = part(&text, name);
    let begin = format!("<!-- {name} -->\n");
    is_or_write(
        "README.md",
        &text.replace(&format!("{begin}{old}"), &format!("{begin}{made}")),
    );
}

#[test]
fn everything_that_is_generated_is_up_to_date() {
    check_part("keys", &key_table());
    check_part("filter", &filter_table());
    check_part("usage", &usage());
    let mut model = demo();
    is_or_write("assets/browse.svg", &svg::frame(&mut model, (110, 30)));
    script::press(&mut model, "space space 4 space space 1 d");
    is_or_write("assets/plan.svg", &svg::frame(&mut model, (110, 30)));
}

/// The keys of each place together, the lists first.
fn key_table() -> String {
    const PLACES: [(Place, &str); 11] = [
        (Place::Browse, "lists"),
        (Place::Detail, "details"),
        (Place::Plan, "plan"),
        (Place::Presets, "presets"),
        (Place::Projects, "projects"),
        (Place::Removing, "while removing"),
        (Place::Outcome, "after removing"),
        (Place::History, "history"),
        (Place::Unexplained, "what Docker does not count"),
        (Place::NoEngine, "no engine"),
        (Place::Help, "help"),
    ];
    let mut rows: Vec<(usize, String)> = BINDINGS
        .iter()
        .map(|binding| {
            let here = PLACES
                .iter()
                .enumerate()
                .filter(|(_, (place, _))| binding.places.contains(place));
            let (order, words): (Vec<usize>, Vec<&str>) =
                here.map(|(at, (_, word))| (at, *word)).unzip();
            let elsewhere = PLACES.iter().filter(|(_, word)| !words.contains(word));
            let elsewhere: Vec<&str> = elsewhere.map(|(_, word)| *word).collect();
            let places = match elsewhere.as_slice() {
                [] => "everywhere".to_owned(),
                rest if rest.len() < 5 => format!("everywhere but: {}", rest.join(", ")),
                _ => words.join(", "),
            };
            let row = format!("| {} | {} | {places} |\n", binding.shown, binding.does);
            (order[0], row)
        })
        .collect();
    rows.sort_by_key(|(order, _)| *order);
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    format!("| key | does | where |\n|---|---|---|\n{rows}")
}

fn usage() -> String {
    let mut dtop = Cli::command().term_width(100);
    dtop.build();
    let mut clean = dtop.find_subcommand("clean").expect("clean").clone();
    let mut text = "```text\n".to_owned();
    for help in [dtop.render_help(), clean.render_help()] {
        for line in help.to_string().trim_end().lines() {
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
    }
    format!("{}\n```\n", text.trim_end())
}

/// The demo as it looks once everything is measured.
fn demo() -> Model {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let engine = DemoEngine::new(now).with_pace(Pace::Instant);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let nothing = Inventory::default();
    let scan = scan_once(&engine, ScanScope::ALL, &nothing, |_, _| {});
    let inventory = tokio.block_on(scan).expect("a scan");
    let mut model = Model::new(Options::default(), 110, 30, now);
    update(&mut model, Msg::Connected);
    model.survey = dtop::domain::survey::Survey::new(inventory);
    update(&mut model, Msg::Scan(Vec::<Part>::new()));
    model.unsorted = false;
    model
}

#[test]
fn its_commands_can_be_read() {
    let text = readme();
    let mut dtop = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let words = split(line);
        match words[0].as_str() {
            "dtop" => {
                Cli::read(&words).unwrap_or_else(|ended| panic!("{line}: {}", ended.text));
                dtop += 1;
            }
            "cargo" => assert!(
                ["cargo run --release -- --demo", "cargo test"].contains(&line),
                "a third command: {line}"
            ),
            // A build for other hosts, which no test makes: it takes minutes.
            "RUSTFLAGS=-C target-feature=+crt-static" | "scp" => {}
            other => panic!("{other}: {line}"),
        }
    }
    assert!(dtop >= 5, "{dtop}");
    assert!(!text.contains("cargo install dtop"));
}

/// Splits a line as a shell does, as far as the README goes: blanks, and single quotes.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn its_filters_can_be_read() {
    let table = part(&readme(), "filter");
    let terms: Vec<&str> = table
        .lines()
        .skip(2)
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(terms.len() >= 12, "{terms:?}");
    for term in terms {
        // Images have most of them, volumes the rest.
        let filters = [Kind::Image, Kind::Volume].map(|kind| Filter::parse(term, kind));
        assert!(filters.iter().any(Result::is_ok), "{term}: {filters:?}");
    }
}

#[test]
fn its_exit_codes_are_the_programs() {
    let text = readme();
    for code in [
        0,
        dtop::cli::NOTHING_TRIED,
        dtop::cli::USAGE,
        dtop::cli::NOT_ALL_DONE,
    ] {
        assert!(text.contains(&format!("\n| {code} | ")), "{code}");
    }
}

#[test]
fn its_pictures_are_there() {
    let text = readme();
    for picture in ["assets/browse.svg", "assets/plan.svg"] {
        assert!(text.contains(&format!("({picture})")), "{picture}");
    }
}
