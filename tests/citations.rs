//! A clone is whole: what comments refer to stands in it, at the place that they name.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where documents stand.
const DOCUMENTS: [&str; 4] = [
    "README.md",
    ".github/CONTRIBUTING.md",
    "src/engine/ENGINE.md",
    "src/engine/ENGINE-CONTAINERD.md",
];
/// Before the number of a part.
const SECTION: char = '§';

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the source and of the tests.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root().join("src"), root().join("tests")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The comments of a file as one text, so that a reference may go over the end of a line.
fn comments(code: &str) -> String {
    let lines = code.lines().filter_map(|line| {
        let (_, comment) = line.split_once("//")?;
        Some(comment.trim_start_matches(['/', '!']).trim())
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// What a document calls its parts: headings, the numbers that these begin with, and those of the points of a list below
/// one.
fn parts(text: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    let mut above = String::new();
    for line in text.lines() {
        let number: String = line
            .trim_start_matches(['#', ' '])
            .chars()
            .take_while(|it| it.is_ascii_digit() || *it == '.')
            .collect();
        let number = number.trim_end_matches('.').to_owned();
        if let Some(heading) = line.strip_prefix('#') {
            parts.insert(heading.trim_start_matches('#').trim().to_owned());
            above.clone_from(&number);
            parts.insert(number);
        } else if !number.is_empty() && line.starts_with(|it: char| it.is_ascii_digit()) {
            parts.insert(format!("{above}.{number}"));
        }
    }
    parts
}

#[test]
fn what_comments_refer_to_is_there() {
    let documents: BTreeMap<&str, BTreeSet<String>> = DOCUMENTS
        .iter()
        .map(|path| {
            let name = path.rsplit('/').next().expect("a name");
            let text = fs::read_to_string(root().join(path)).expect("a document");
            (name, parts(&text))
        })
        .collect();
    let mut found = 0;
    let mut lost = Vec::new();
    for file in sources() {
        let code = fs::read_to_string(&file).expect("a file");
        let comments = comments(&code);
        let mut rest = comments.as_str();
        while let Some(at) = rest.find(".md") {
            let begin = rest[..at]
                .rfind(|it: char| !(it.is_ascii_alphanumeric() || "-_/.".contains(it)))
                .map_or(0, |it| {
                    it + rest[it..].chars().next().map_or(1, char::len_utf8)
                });
            let name = &rest[begin..at + 3];
            rest = &rest[at + 3..];
            let name = name.rsplit('/').next().unwrap_or(name);
            found += 1;
            let Some(parts) = documents.get(name) else {
                lost.push(format!("{}: {name}", file.display()));
                continue;
            };
            let part = match rest.trim_start().strip_prefix(SECTION) {
                Some(numbers) => numbers
                    .chars()
                    .take_while(|it| it.is_ascii_digit() || *it == '.')
                    .collect::<String>()
                    .trim_end_matches('.')
                    .to_owned(),
                None => match rest.strip_prefix(", ") {
                    // A heading goes up to where the reference ends.
                    Some(words) => words
                        .split([')', ':', ';', '`'])
                        .next()
                        .unwrap_or_default()
                        .trim()
                        .to_owned(),
                    None => continue,
                },
            };
            let is_there = parts.contains(&part);
            if !is_there {
                lost.push(format!("{}: {name} {part}", file.display()));
            }
        }
    }
    assert!(found > 60, "{found}: references are not seen any more");
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn the_paths_that_documents_name_are_there() {
    let mut found = 0;
    let mut lost = Vec::new();
    // What engines are made of has paths of its own.
    for document in ["README.md", ".github/CONTRIBUTING.md", "src/lib.rs"] {
        let text = fs::read_to_string(root().join(document)).expect("a document");
        // Every second piece between backticks is code.
        for code in text.split('`').skip(1).step_by(2) {
            let is_path = code.starts_with("src/") || code.starts_with("tests/");
            if !is_path || code.contains([' ', '*', '{', '\n']) {
                continue;
            }
            found += 1;
            if !root().join(code).exists() {
                lost.push(format!("{document}: {code}"));
            }
        }
    }
    assert!(found > 20, "{found}: paths are not seen any more");
    assert!(lost.is_empty(), "{lost:#?}");
}
