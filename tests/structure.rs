//! The house: imports point one way, and what waits, draws or reads a clock stands where it belongs.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What a part of the program may import of the others, besides itself.
const MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("app", &["domain"]),
    ("engine", &["domain"]),
    ("ui", &["app", "domain"]),
    ("cli", &["domain", "ui"]),
    ("report", &["app", "cli", "domain", "ui"]),
    ("tui", &["app", "cli", "domain", "engine", "ui"]),
    (
        "commands",
        &["app", "cli", "domain", "engine", "report", "tui", "ui"],
    ),
];

/// Words that only these parts may have in their code.
const ONLY_IN: [(&str, &[&str]); 14] = [
    ("bollard::", &["engine"]),
    ("hyper::", &["engine"]),
    ("hyper_util::", &["engine"]),
    ("h2::", &["engine"]),
    ("tokio::", &["engine", "tui", "commands"]),
    ("ratatui::widgets", &["ui"]),
    ("ratatui::", &["ui", "tui"]),
    ("crossterm::", &["commands", "tui"]),
    ("Timestamp::now", &["engine", "tui", "commands"]),
    ("Instant::now", &["engine", "tui", "commands"]),
    ("SystemTime", &["engine"]),
    ("std::fs", &["engine"]),
    ("std::net", &["engine"]),
    ("std::process", &["engine", "commands", "main"]),
];

/// The files of the program with the part that they belong to, and their code without tests and comments.
fn code() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "rs") && !is_test(path))
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap().to_owned();
            let part = inside.components().next().unwrap().as_os_str();
            let part = part.to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("a file");
            (part, inside, without_tests(&text))
        })
        .collect()
}

/// Files that only tests have: they may know more than the program.
fn is_test(path: &Path) -> bool {
    let is_named = |name: &str| {
        let stem = name.trim_end_matches(".rs");
        stem == "tests" || stem.ends_with("_tests")
    };
    let is_support = [
        "plan/scene.rs",
        "engine/fake.rs",
        "scan/fake.rs",
        "removal/model.rs",
    ];
    path.components()
        .any(|part| part.as_os_str().to_str().is_some_and(is_named))
        || is_support.iter().any(|end| path.ends_with(end))
        || path.ends_with("wire/recorded.rs")
}

fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The parts that a text names as `crate::part`.
fn imports(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn imports_point_one_way() {
    let mut seen = 0;
    for (part, file, code) in code() {
        let Some((_, may)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
            assert!(
                ["lib", "main"].contains(&part.as_str()),
                "{}: whose?",
                file.display()
            );
            continue;
        };
        for import in imports(&code) {
            seen += 1;
            assert!(
                import == part || may.contains(&import),
                "{}: {part} may not know {import}",
                file.display()
            );
        }
        assert!(
            !code.contains("use crate::{"),
            "{}: name one part a line",
            file.display()
        );
    }
    assert!(seen > 300, "the imports were not found: {seen}");
}

#[test]
fn what_waits_draws_or_reads_the_clock_stands_where_it_belongs() {
    for (part, file, code) in code() {
        for (word, parts) in ONLY_IN {
            assert!(
                !code.contains(word) || parts.contains(&part.as_str()),
                "{}: {word} belongs in {parts:?}",
                file.display()
            );
        }
    }
}
