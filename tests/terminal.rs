//! dtop in a real terminal: however it ends, the terminal is as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::Signal;

use support::broken;
use support::journey::{Journey, PLAN, Pane, REMOVING};
use support::length::Length;
use support::program::on_path;
use support::pty::{SOON, Screen, traces};
use support::trial;

const TESTS: &[(&str, fn())] = &[
    (
        "the_harness_finds_what_a_program_leaves_behind",
        the_harness_finds_what_is_left,
    ),
    ("quitting_leaves_the_terminal_as_it_was", quitting_restores),
    (
        "control_c_leaves_the_terminal_as_it_was",
        control_c_restores,
    ),
    ("sigterm_leaves_the_terminal_as_it_was", || {
        a_signal_restores(Signal::TERM);
    }),
    ("sighup_leaves_the_terminal_as_it_was", || {
        a_signal_restores(Signal::HUP);
    }),
    ("sigint_leaves_the_terminal_as_it_was", || {
        a_signal_restores(Signal::INT);
    }),
    (
        "suspending_and_coming_back_leaves_the_terminal_as_it_was",
        suspending_restores,
    ),
    ("a_panic_in_a_task_leaves_the_terminal_as_it_was", || {
        a_panic_restores(broken::IN_A_TASK);
    }),
    ("a_panic_in_the_loop_leaves_the_terminal_as_it_was", || {
        a_panic_restores(broken::IN_THE_LOOP);
    }),
    ("every_size_is_drawn", every_size_is_drawn),
    (
        "a_long_paste_costs_what_reading_it_does",
        a_long_paste_costs_what_reading_it_does,
    ),
    (
        "keys_without_end_take_no_memory_and_stop_no_signal",
        keys_without_end_take_no_memory_and_stop_no_signal,
    ),
    (
        "a_terminal_that_nobody_reads_stops_neither_keys_nor_requests",
        a_stuck_terminal_stops_nothing,
    ),
    (
        "a_terminal_that_is_read_again_shows_the_newest",
        a_terminal_read_again_is_right,
    ),
    ("sigterm_ends_it_on_a_terminal_that_nobody_reads", || {
        a_signal_ends_it_unread(Signal::TERM);
    }),
    ("sighup_ends_it_on_a_terminal_that_nobody_reads", || {
        a_signal_ends_it_unread(Signal::HUP);
    }),
    (
        "a_removal_goes_on_while_the_terminal_changes_its_size",
        a_removal_survives_resizing,
    ),
    (
        "a_removal_is_cancelled_between_two_objects",
        a_removal_is_cancelled,
    ),
    (
        "a_signal_ends_a_removal",
        a_signal_during_a_removal_restores,
    ),
    ("the_whole_job_works_on_a_small_terminal", small_terminal),
    (
        "keys_from_before_the_plan_do_not_confirm_it",
        early_keys_do_not_confirm,
    ),
    ("pasted_text_confirms_nothing", pasted_text_confirms_nothing),
    (
        "what_is_typed_before_clean_asks_is_no_answer",
        early_text_is_no_answer,
    ),
    (
        "without_an_engine_the_screen_says_what_was_tried",
        no_engine_says_what_was_tried,
    ),
    (
        "without_a_terminal_the_report_is_printed",
        no_terminal_prints_the_report,
    ),
];

const NOTHING: [&str; 0] = [];

fn main() -> ExitCode {
    broken::run_if_asked();
    let tests = TESTS
        .iter()
        .map(|&(name, test)| trial::plain(name, Length::Short, test));
    trial::run_waiting(tests.collect(), 4)
}

/// The demo on a usual terminal, drawn, and in the full-screen modes that its end must undo.
fn demo() -> Screen {
    let screen = Journey::demo((24, 80)).screen;
    assert!(screen.look(vt100::Screen::alternate_screen), "full screen");
    assert!(
        screen.look(vt100::Screen::bracketed_paste),
        "pasted text can be told from keys"
    );
    screen
}

fn the_harness_finds_what_is_left() {
    let run = |script: &str| {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", script]);
        let mut screen = Screen::start_program(command, &[], (24, 80));
        assert_eq!(screen.end().exit_code(), 7);
        screen.left_behind()
    };
    assert_eq!(run("printf 'plain\\n'; exit 7"), NOTHING);
    let full = "printf '\\033[?1049h\\033[?25l\\033[?2004h\\033[31m'; stty raw; exit 7";
    let left = [
        "alternate screen",
        "hidden cursor",
        "bracketed paste",
        "colour",
        "modes",
    ];
    assert_eq!(run(full), left);
}

fn quitting_restores() {
    let mut screen = demo();
    screen.keys("q");
    assert_eq!(screen.end().exit_code(), 0);
    assert_eq!(screen.left_behind(), NOTHING);
    assert_eq!(
        screen.contents().trim(),
        "",
        "nothing is left on the main screen"
    );
}

fn control_c_restores() {
    let mut screen = demo();
    screen.keys("^c");
    screen.end();
    assert_eq!(screen.left_behind(), NOTHING);
}

fn a_signal_restores(signal: Signal) {
    let mut screen = demo();
    // With marks, `q` would ask; a signal does not.
    screen.keys("space space d");
    screen.settle();
    ends_within_a_second(&mut screen, signal);
    assert_eq!(screen.left_behind(), NOTHING);
}

/// Sends a signal that ends the program, and returns once it has: in time, with the code that a shell shows.
fn ends_within_a_second(screen: &mut Screen, signal: Signal) {
    let start = Instant::now();
    screen.signal(signal);
    while screen.runs() {
        assert!(start.elapsed() < Duration::from_secs(1), "it still runs");
        thread::sleep(Duration::from_millis(5));
    }
    let code = 128 + signal.as_raw().unsigned_abs();
    assert_eq!(screen.end().exit_code(), code);
}

/// Pastes a megabyte, and returns how long it takes until a key that comes behind it shows what it does.
fn pasted(screen: &mut Screen, then: &str, shows: &str) -> Duration {
    let start = Instant::now();
    screen.paste(&"0123456789".repeat(100_000));
    screen.keys(then);
    screen.wait_for(shows);
    start.elapsed()
}

fn a_long_paste_costs_what_reading_it_does() {
    let mut screen = demo();
    let read = pasted(&mut screen, "?", "In the lists");
    screen.keys("esc /");
    let into_filter = pasted(&mut screen, "end", "4 kB is the most");
    let most = 3 * read + Duration::from_millis(200);
    assert!(into_filter < most, "{into_filter:?}, reading {read:?}");
    screen.keys("^u");
    screen.wait_while("4 kB is the most");
    // One that never ends, and a signal in the midst of it.
    screen.send(b"\x1b[200~");
    screen.send(&vec![b'x'; 1 << 20]);
    ends_within_a_second(&mut screen, Signal::TERM);
    assert_eq!(screen.left_behind(), NOTHING);
}

fn keys_without_end_take_no_memory_and_stop_no_signal() {
    let mut screen = demo();
    hang(&mut screen);
    let before = screen.memory();
    screen.send(&vec![b'j'; 1 << 15]);
    let after = screen.memory();
    let taken = after.peak.saturating_sub(before.peak) >> 20;
    assert!(taken < 2, "{taken} MB for 32 kB of keys");
    screen.read_on();
    ends_within_a_second(&mut screen, Signal::TERM);
}

fn suspending_restores() {
    // The simplest shell with job control: it restores no modes by itself, which would hide a fault.
    let shell = on_path("dash").unwrap_or_else(|| PathBuf::from("sh"));
    let mut command = CommandBuilder::new(shell);
    command.arg("-i");
    let dtop = support::dtop();
    let dtop = dtop.to_str().expect("a path of text");
    let env = [("PS1", "ready> "), ("ENV", ""), ("DTOP", dtop)];
    let mut screen = Screen::start_program(command, &env, (24, 80));
    screen.wait_for("ready>");
    let before = stty(&mut screen);

    screen.send(b"\"$DTOP\" --demo\r");
    for _ in 0..2 {
        screen.wait_until("the full screen", vt100::Screen::alternate_screen);
        screen.wait_for("Images");
        screen.settle();
        screen.keys("j ^z");
        screen.wait_until("the shell's screen", |screen| !screen.alternate_screen());
        screen.wait_for("Stopped");
        assert_eq!(stty(&mut screen), before, "while it is suspended");
        assert_eq!(screen.look(traces), NOTHING);
        screen.send(b"clear; fg\r");
    }
    screen.wait_until("the full screen", vt100::Screen::alternate_screen);
    screen.wait_for("Images");
    screen.settle();
    screen.keys("?");
    screen.settle();
    screen.keys("esc q");
    screen.wait_until("the shell's screen", |screen| !screen.alternate_screen());
    assert_eq!(stty(&mut screen), before, "after its end");
    assert_eq!(screen.look(traces), NOTHING);
    screen.send(b"exit\r");
    screen.end();
}

/// The modes that a shell's command sees, as `stty` writes them.
fn stty(screen: &mut Screen) -> String {
    screen.settle();
    let mark = screen.raw_len();
    screen.send(b"stty -g\r");
    screen.settle();
    let said = String::from_utf8_lossy(&screen.raw_since(mark)).into_owned();
    let modes = said
        .lines()
        .map(str::trim)
        .find(|line| line.matches(':').count() > 10);
    modes
        .unwrap_or_else(|| panic!("no modes in {said:?}"))
        .to_owned()
}

/// This program itself, as one with a fault, in its own terminal: the message is on the screen of the shell.
fn a_panic_restores(fault: &str) {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this program"));
    command.arg(fault);
    let mut screen = Screen::start_program(command, &[("RUST_BACKTRACE", "0")], (24, 80));
    assert_ne!(screen.end().exit_code(), 0, "{}", screen.contents());
    assert_eq!(screen.left_behind(), NOTHING);
    let shown = screen.contents();
    assert!(shown.contains(broken::WORDS), "{shown}");
    let raw = String::from_utf8_lossy(&screen.raw_since(0)).into_owned();
    assert!(raw.contains("\u{1b}[?1049h"), "it was on the full screen");
}

fn every_size_is_drawn() {
    let mut screen = demo();
    for (rows, columns) in [(35, 120), (10, 40), (1, 1), (2, 200), (60, 3), (24, 80)] {
        screen.resize(rows, columns);
        screen.settle();
        assert!(screen.runs(), "{rows} rows of {columns} ended it");
    }
    screen.wait_for("Images");
    screen.keys("q");
    assert_eq!(screen.end().exit_code(), 0);
    assert_eq!(screen.left_behind(), NOTHING);
}

/// Nobody reads, and yet much is to be drawn.
fn hang(screen: &mut Screen) {
    screen.hang();
    for _ in 0..20 {
        screen.keys("?");
        thread::sleep(Duration::from_millis(10));
    }
}

fn a_stuck_terminal_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("silent.sock");
    let engine = UnixListener::bind(&socket).expect("a socket");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Hangs up on everybody.
    thread::spawn(move || {
        for client in engine.incoming() {
            drop(client);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let host = format!("unix://{}", socket.display());
    let mut screen = Screen::start(&["-H", &host], &[], (35, 120));
    screen.wait_for("silent.sock");
    screen.wait_for("retry");
    screen.settle();
    hang(&mut screen);
    for _ in 0..2 {
        let (before, start) = (asked.load(Ordering::SeqCst), Instant::now());
        screen.keys("r");
        while asked.load(Ordering::SeqCst) == before {
            assert!(start.elapsed() < SOON, "the key asks the engine");
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(500));
    }
    screen.keys("q");
    assert_eq!(screen.end().exit_code(), 0);
}

fn a_terminal_read_again_is_right() {
    let mut screen = Journey::demo((35, 120)).screen;
    // A new order is taken 2 s after the scan.
    thread::sleep(Duration::from_secs(3));
    let (before, picture) = (screen.raw_len(), screen.contents());
    hang(&mut screen);
    // Of all that follows, only the end is drawn.
    for _ in 0..10 {
        screen.keys("2 j 3 j j 4 1 j");
        thread::sleep(Duration::from_millis(20));
    }
    screen.keys("2 g space");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(screen.contents(), picture, "nobody reads");
    screen.read_on();
    screen.wait_for("1 marked");
    screen.settle();
    let came = screen
        .raw_since(before)
        .iter()
        .filter(|byte| **byte != 0)
        .count();
    assert!(
        came < 40_000,
        "a slow terminal is not flooded: {came} bytes"
    );
    let shown = screen.look(cells);
    // Another size and this one again: all is drawn anew.
    screen.resize(34, 119);
    screen.settle();
    screen.resize(35, 120);
    screen.settle();
    let (picture, anew) = (screen.contents(), screen.look(cells));
    assert_eq!(shown.len(), anew.len());
    for (was, is) in shown.iter().zip(&anew) {
        assert_eq!(was, is, "in\n{picture}");
    }
    screen.keys("q y");
    assert_eq!(screen.end().exit_code(), 0);
    assert_eq!(screen.left_behind(), NOTHING);
}

/// Where something stands, what, and how it looks.
fn cells(screen: &vt100::Screen) -> Vec<impl std::fmt::Debug + PartialEq + use<>> {
    let (rows, columns) = screen.size();
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let seen = places.filter_map(|(row, column)| {
        let cell = screen.cell(row, column)?;
        let colours = (cell.fgcolor(), cell.bgcolor());
        let style = (cell.bold(), cell.dim(), cell.underline(), cell.inverse());
        let text = cell.contents().trim().to_owned();
        Some(((row, column), text, colours, style))
    });
    seen.collect()
}

fn a_signal_ends_it_unread(signal: Signal) {
    let mut screen = Journey::demo((35, 120)).screen;
    hang(&mut screen);
    ends_within_a_second(&mut screen, signal);
    let left = screen.left_behind();
    assert!(!left.contains(&"modes"), "they need nobody who reads");
}

/// The demo with every container that can go in a plan, which is on the screen.
fn plan_of_containers(size: (u16, u16)) -> Journey {
    let mut journey = Journey::demo(size);
    journey.open(Pane::Containers);
    journey.filter("is:stopped");
    journey.screen.keys("a");
    journey.screen.settle();
    journey.plan();
    journey
}

fn a_removal_survives_resizing() {
    let mut journey = plan_of_containers((24, 80));
    journey.say_yes();
    journey.screen.wait_for(REMOVING);
    for (rows, columns) in [(10, 40), (35, 120), (1, 1), (3, 200), (24, 80)] {
        journey.screen.resize(rows, columns);
        thread::sleep(Duration::from_millis(60));
        assert!(journey.screen.runs(), "{rows} rows of {columns} ended it");
    }
    let end = journey.wait_for_the_end();
    assert!(
        end.contains(" removed") && !end.contains("skipped"),
        "{end}"
    );
    journey.quit();
    assert_eq!(journey.screen.left_behind(), NOTHING);
}

fn a_removal_is_cancelled() {
    let mut journey = plan_of_containers((35, 120));
    journey.say_yes();
    journey.screen.wait_for("removed ");
    journey.screen.keys("esc");
    let end = journey.wait_for_the_end();
    assert!(end.contains("Cancelled"), "{end}");
    assert!(end.contains("skipped"), "{end}");
    journey.screen.keys("enter");
    journey.screen.wait_for("marked");
    journey.quit();
}

fn a_signal_during_a_removal_restores() {
    let mut journey = plan_of_containers((24, 80));
    journey.say_yes();
    journey.screen.wait_for(REMOVING);
    ends_within_a_second(&mut journey.screen, Signal::TERM);
    assert_eq!(journey.screen.left_behind(), NOTHING);
}

fn small_terminal() {
    let mut journey = Journey::demo((10, 40));
    journey.open(Pane::Containers);
    journey.filter("is:stopped");
    journey.screen.keys("space");
    journey.screen.wait_for("1 marked");
    journey.plan();
    journey.confirm();
    let end = journey.screen.contents();
    assert!(end.contains("1 removed"), "{end}");
    journey.quit();
    assert_eq!(journey.screen.left_behind(), NOTHING);
}

fn early_keys_do_not_confirm() {
    let mut journey = Journey::demo((35, 120));
    journey.screen.keys("a");
    journey.screen.settle();
    for _ in 0..20 {
        // One burst: the `y` is there before the plan can have been drawn.
        journey.screen.send(b"dy");
        journey.screen.wait_for(PLAN);
        journey.screen.settle();
        assert!(
            journey.screen.contents().contains(PLAN),
            "{}",
            journey.screen.contents()
        );
        journey.screen.keys("n");
        journey.screen.settle();
    }
    journey.quit();
}

fn pasted_text_confirms_nothing() {
    let mut journey = Journey::demo((35, 120));
    journey.open(Pane::Images);
    journey.screen.keys("a");
    journey.screen.settle();
    journey.screen.paste("d");
    journey.screen.settle();
    assert!(
        !journey.screen.contents().contains(PLAN),
        "a paste opened the plan"
    );
    journey.plan();
    journey.screen.paste("y\r");
    journey.screen.settle();
    assert!(
        journey.screen.contents().contains(PLAN),
        "{}",
        journey.screen.contents()
    );
    journey.quit();
}

fn early_text_is_no_answer() {
    let clean = ["--demo", "clean", "--images", "is:dangling"];
    let mut screen = Screen::start(&clean, &[], (35, 120));
    screen.send(b"y\nyes\n");
    screen.wait_for("[y/N]");
    screen.settle();
    let shown = screen.contents();
    assert!(screen.runs(), "it waits for an answer:\n{shown}");
    screen.send(b"n\n");
    assert_eq!(screen.end().exit_code(), 0);
    let shown = screen.contents();
    assert!(shown.contains("nothing was removed"), "{shown}");
    // An answer to the question is one.
    let mut screen = Screen::start(&clean, &[], (35, 120));
    screen.wait_for("[y/N]");
    screen.send(b"y\n");
    assert_eq!(screen.end().exit_code(), 0);
    let shown = screen.contents();
    assert!(!shown.contains("nothing was removed"), "{shown}");
}

fn no_engine_says_what_was_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("none.sock");
    let host = format!("unix://{}", socket.display());
    let mut screen = Screen::start(&["-H", &host], &[], (24, 80));
    screen.wait_for("none.sock");
    let shown = screen.contents();
    for part in ["no such socket", "r ", "retry", "D ", "demo"] {
        assert!(shown.contains(part), "{part:?}:\n{shown}");
    }
    screen.keys("r");
    screen.settle();
    screen.wait_for("none.sock");
    screen.keys("D");
    screen.wait_for("Images");
    screen.keys("q");
    assert_eq!(screen.end().exit_code(), 0);
    assert_eq!(screen.left_behind(), NOTHING);
}

fn no_terminal_prints_the_report() {
    let output = std::process::Command::new(support::dtop())
        .arg("--demo")
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("dtop runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        !text.contains('\u{1b}'),
        "a report to a pipe is plain: {text:?}"
    );
    assert!(text.to_lowercase().contains("images"), "{text}");
}
