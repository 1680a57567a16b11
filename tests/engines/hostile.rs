//! Strings from an engine that would take the terminal over.

use crate::reports::{dtop, json_report};
use crate::support::engine::{PrivateEngine, Store};
use crate::support::journey::{Journey, Pane};
use crate::support::scene::{Builder, EVIL, Scene, WIDE};

pub fn hostile_strings_break_nothing(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let project = format!("com.docker.compose.project={EVIL}");
    let wide = format!("com.docker.compose.project={WIDE}");
    let labels = ["--label", &project, "--label", &format!("evil={EVIL}")];
    scene.stopped("evil-labels", 1_000, &labels, "base:1");
    scene.stopped("wide-labels", 1_000, &["--label", &wide], "base:1");
    let create = [
        "create",
        "--network",
        "none",
        "--name",
        "evil-command",
        "base:1",
        "sh",
        "-c",
        EVIL,
    ];
    engine.docker(&create);
    engine.docker(&[&["volume", "create"], &labels[..], &["evil-volume"]].concat());
    let run = format!("FROM base:1\nRUN [\"sh\", \"-c\", \"true {WIDE} \\u001b[31m \\u202e\"]\n");
    scene.build(Builder::BuildKit, "evil-image:1", &run);

    let mut journey = Journey::on(engine);
    let cache = engine
        .has_build_cache()
        .then_some((Pane::BuildCache, "漢字", "regular"));
    // Where digests prove nothing, the source is not known.
    let is_certain = !engine.is_podman() && engine.store() == Store::GraphDriver;
    let source = if is_certain { "local" } else { "" };
    let panes = [
        // What stands in the column right of the hostile one, or in it.
        (Pane::Containers, "evil-labels", "base:1"),
        (Pane::Containers, "wide-labels", "base:1"),
        (Pane::Containers, "evil-command", "base:1"),
        (Pane::Volumes, "evil-volume", ""),
        (Pane::Images, "evil-image", source),
    ];
    for (pane, name, beside) in panes.into_iter().chain(cache) {
        journey.open(pane);
        assert_unbroken(&journey);
        assert_aligned(&journey, beside);
        journey.go_to(name);
        journey.screen.keys("enter");
        journey.screen.wait_while(" 1 Images");
        journey.screen.settle();
        assert_harmless(&journey);
        journey.screen.keys("esc");
        journey.screen.settle();
    }
    let text = dtop(engine, &["report"]);
    let hostile = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c));
    assert!(!text.contains(hostile), "{text:?}");
    assert!(text.contains("evil-labels"), "{text}");
    json_report(engine);

    journey.mark(Pane::Containers, "evil-labels");
    if engine.has_build_cache() {
        journey.mark(Pane::BuildCache, "漢字");
    }
    journey.plan();
    assert_harmless(&journey);
    journey.confirm();
    assert_harmless(&journey);
    let raw = String::from_utf8_lossy(&journey.screen.raw_since(0)).into_owned();
    assert!(!raw.contains("\u{1b}]"), "the terminal's title was set");
    assert!(!raw.contains("\u{1b}[5;5H\u{202e}"), "the cursor was moved");
    assert!(!raw.contains('\u{7}'), "the bell rang");
    journey.quit();
}

/// Borders stand in one column each, and nothing that turns text around is on the screen.
fn assert_unbroken(journey: &Journey) {
    assert_harmless(journey);
    let picture = journey.screen.contents();
    let (rows, columns) = journey.screen.look(vt100::Screen::size);
    let framed: Vec<u16> = (0..rows)
        .filter(|&row| "│┃|".contains(first(&journey.screen.cell(row, 0))))
        .collect();
    assert!(!framed.is_empty(), "no frame:\n{picture}");
    for row in framed {
        let right = journey.screen.cell(row, columns - 1);
        assert!(
            "│┃|".contains(first(&right)),
            "row {row} ends with {right:?}:\n{picture}"
        );
    }
}

/// A text that several rows of a pane hold stands in the same column in all of them.
fn assert_aligned(journey: &Journey, text: &str) {
    let (rows, columns) = journey.screen.look(vt100::Screen::size);
    let at = |row, column| {
        let mut here = (column..columns).map(|column| journey.screen.cell(row, column));
        text.chars()
            .all(|sign| here.next().is_some_and(|cell| first(&cell) == sign))
    };
    let found: Vec<u16> = (0..rows)
        .filter_map(|row| (20..columns).rev().find(|&column| at(row, column)))
        .collect();
    let picture = journey.screen.contents();
    assert!(!found.is_empty(), "no {text:?}:\n{picture}");
    assert!(
        found.iter().all(|column| *column == found[0]),
        "{text:?} in columns {found:?}:\n{picture}"
    );
}

/// Nothing that turns text around is on the screen, and its first row has not been wiped away.
fn assert_harmless(journey: &Journey) {
    let picture = journey.screen.contents();
    let turns = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let turned = picture.contains(|sign| turns.iter().any(|range| range.contains(&sign)));
    assert!(!turned, "{picture}");
    assert!(
        journey.screen.row(0).starts_with(' ') && !journey.screen.row(0).trim().is_empty(),
        "the title is gone:\n{picture}"
    );
}

/// A cell's sign; a space for an empty one.
fn first(cell: &str) -> char {
    cell.chars().next().unwrap_or(' ')
}
