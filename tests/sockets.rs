//! Sockets that misbehave: dtop starts, says what is wrong where it is wrong, shows the rest, and quits at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use support::STATE;
use support::faulty::{Fault, Faulty, WORDS};
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::pty::Screen;
use support::trial;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("one_that_never_answers", one_that_never_answers),
    ("one_that_is_no_engine", one_that_is_no_engine),
    (
        "one_that_does_not_say_what_it_is",
        one_that_does_not_say_what_it_is,
    ),
    ("one_whose_list_is_wrong", one_whose_list_is_wrong),
    ("one_whose_sizes_are_wrong", one_whose_sizes_are_wrong),
    ("one_whose_events_break", one_whose_events_break),
];

fn main() -> ExitCode {
    let trials = TESTS
        .iter()
        .map(|&(name, test)| trial::plain(name, Length::Short, test));
    trial::run_waiting(trials.collect(), 4)
}

/// Quitting waits for nobody.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What the greeting asks for.
const GREETING: &[&str] = &["/_ping"];
const INTRODUCTION: &[&str] = &["/info"];

fn open(engine: &Faulty) -> Screen {
    Screen::start(&["-H", &engine.host()], &[], (35, 120))
}

fn quits_at_once(screen: &mut Screen) {
    let start = Instant::now();
    screen.keys("q");
    while screen.runs() {
        let waited = start.elapsed();
        assert!(waited < AT_ONCE, "{waited:?}:\n{}", screen.contents());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(screen.end().exit_code(), 0);
    assert_eq!(screen.left_behind(), [""; 0]);
}

fn command(engine: &Faulty, args: &[&str]) -> Output {
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    let command = command.args(["-H", &engine.host()]).args(args);
    command.output().expect("dtop runs")
}

/// A report that cannot be made: exit 1, nothing on standard output, one line that names the host and says this.
fn report_fails(engine: &Faulty, words: &str) {
    let output = command(engine, &["report"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(output.stdout, b"");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(words), "no {words:?}: {said}");
    assert!(said.contains("engine.sock"), "where? {said}");
}

/// A report that says what is missing, and why, and has all the rest.
fn report_lacks(engine: &Faulty, what: &str, words: &str) {
    let output = command(engine, &["report"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lacks =
        |line: &str| line.starts_with(&format!("not known: {what}: ")) && line.contains(words);
    assert!(text.lines().any(lacks), "{what}: {words}\n{text}");
    let parts = [
        ("images", "app:1"),
        ("containers", "web-1"),
        ("volumes", "shop_db"),
    ];
    for (kind, part) in parts.iter().filter(|(kind, _)| *kind != what) {
        assert!(text.contains(part), "no {kind}:\n{text}");
    }
}

fn one_that_never_answers() {
    let engine = Faulty::at(&[""], Fault::Silence);
    let mut screen = open(&engine);
    screen.wait_for("looking for an engine");
    quits_at_once(&mut screen);

    let mut patient = open(&engine);
    let start = Instant::now();
    report_fails(&engine, "no answer within 10 s");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(13), "{took:?}");
    patient.wait_for("no answer within 10 s");
    patient.wait_for("r ");
    quits_at_once(&mut patient);
}

fn one_that_is_no_engine() {
    for fault in [Fault::Noise, Fault::Closed] {
        let engine = Faulty::at(GREETING, fault);
        let mut screen = open(&engine);
        screen.wait_for("what answers there is not Docker");
        quits_at_once(&mut screen);
        report_fails(&engine, "what answers there is not Docker");
    }
}

fn one_that_does_not_say_what_it_is() {
    for (fault, words) in [
        (Fault::Garbage, "the answer cannot be read"),
        (Fault::Half, "end of file before message length reached"),
        (Fault::Closed, "connection closed before message completed"),
        (Fault::Refused, WORDS),
        (
            Fault::Forbidden,
            "a proxy in between refuses GET /info (403)",
        ),
    ] {
        let engine = Faulty::at(INTRODUCTION, fault);
        let mut screen = open(&engine);
        screen.wait_for("app:1");
        screen.wait_for("28.5.2");
        quits_at_once(&mut screen);
        report_lacks(&engine, "engine", words);
    }
    for fault in [Fault::Silence, Fault::Stuck] {
        let engine = Faulty::at(INTRODUCTION, fault);
        let mut screen = open(&engine);
        screen.wait_for("looking for an engine");
        quits_at_once(&mut screen);
    }
}

/// One list that goes wrong leaves the other panes as they are, and says so in its own.
fn one_whose_list_is_wrong() {
    let lists: [(&'static [&'static str], &str, &str, &str); 3] = [
        (&["/images/json"], "1", "2", "web-1"),
        (&["/containers/json"], "2", "1", "app:1"),
        (&["/volumes"], "3", "1", "app:1"),
    ];
    for (path, pane, other, row) in lists {
        for (fault, words) in [
            (Fault::Garbage, "the answer cannot be read"),
            (Fault::Half, "end of file before message length reached"),
            (Fault::Closed, "connection closed before message completed"),
            (Fault::Refused, WORDS),
            (Fault::Forbidden, "a proxy in between refuses GET /"),
        ] {
            let engine = Faulty::at(path, fault);
            let mut screen = open(&engine);
            screen.wait_for(&format!("{other} "));
            screen.keys(pane);
            screen.wait_for("cannot be listed: ");
            screen.wait_for(words);
            screen.keys(other);
            screen.wait_for(row);
            quits_at_once(&mut screen);
            let kind = path[0].trim_start_matches('/').trim_end_matches("/json");
            report_lacks(&engine, kind, words);
        }
        for fault in [Fault::Silence, Fault::Stuck] {
            let engine = Faulty::at(path, fault);
            let mut screen = open(&engine);
            screen.keys(pane);
            screen.wait_for("reading the list …");
            screen.keys(other);
            screen.wait_for(row);
            quits_at_once(&mut screen);
        }
    }
}

/// What only measures leaves all lists whole. The report says which figures are missing, and why.
fn one_whose_sizes_are_wrong() {
    let stages: [(&'static [&'static str], &str); 5] = [
        (&["/system/df"], "build cache"),
        (&["/system/df?type=build-cache"], "build cache"),
        (&["/system/df?type=image"], "shared sizes"),
        (&["/system/df?type=volume"], "volume sizes"),
        (&["/images/sha256:"], "layers"),
    ];
    for (path, stage) in stages {
        for fault in [
            Fault::Garbage,
            Fault::Half,
            Fault::Closed,
            Fault::Refused,
            Fault::Forbidden,
        ] {
            // That of one image is its own: it does not fail the others.
            if stage == "layers" && fault == Fault::Refused {
                continue;
            }
            let engine = Faulty::at(path, fault);
            let mut screen = open(&engine);
            screen.wait_for("app:1");
            screen.wait_for(&format!("{stage} failed"));
            screen.keys("2");
            screen.wait_for("web-1");
            screen.keys("3");
            screen.wait_for("shop_db");
            quits_at_once(&mut screen);

            let output = command(&engine, &["report"]);
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(text.contains(&format!("not known: {stage}: ")), "{text}");
            for part in ["app:1", "web-1", "shop_db"] {
                assert!(text.contains(part), "no {part}:\n{text}");
            }
        }
        let engine = Faulty::at(path, Fault::Silence);
        let mut screen = open(&engine);
        screen.wait_for("app:1");
        screen.wait_for("measuring ");
        quits_at_once(&mut screen);
    }
}

fn one_whose_events_break() {
    for fault in [
        Fault::Silence,
        Fault::Noise,
        Fault::Garbage,
        Fault::Half,
        Fault::Stuck,
        Fault::Closed,
        Fault::Refused,
        Fault::Forbidden,
    ] {
        let engine = Faulty::at(&["/events"], fault);
        let mut screen = open(&engine);
        screen.wait_for("app:1");
        screen.keys("space");
        screen.wait_for("1 marked");
        std::thread::sleep(Duration::from_millis(1_500));
        let picture = screen.contents();
        for part in ["app:1", "1 marked"] {
            assert!(picture.contains(part), "{fault:?}: no {part}:\n{picture}");
        }
        assert!(!picture.contains("lost"), "it answers:\n{picture}");
        screen.keys("c");
        screen.wait_while("1 marked");
        quits_at_once(&mut screen);
    }
}
