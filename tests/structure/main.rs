//! The house: imports point one way and make no loops, what waits, draws or reads a clock stands where it belongs, a name means one
//! thing, and the map is the house.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::{Module, is_for_tests};
use syn::Item;

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

/// Rooms of the domain that stand one below the other: what each may not import.
const BELOW: [(&str, &[&str]); 3] = [
    ("domain/layers", &["domain::matching", "domain::retention"]),
    ("domain/matching", &["domain::retention"]),
    (
        "domain/store",
        &["domain::layers", "domain::matching", "domain::retention"],
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

/// The files of the program that are no tests, by their path below `src`, and their text.
fn files() -> Vec<(PathBuf, String)> {
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
            let text = fs::read_to_string(&path).expect("a file");
            (path.strip_prefix(&root).unwrap().to_owned(), text)
        })
        .collect()
}

/// The files of the program with the part that they belong to, and their code without comments.
fn code() -> Vec<(String, PathBuf, String)> {
    let files = files().into_iter();
    files
        .map(|(inside, text)| {
            let part = inside.components().next().unwrap().as_os_str();
            let part = part.to_str().unwrap().trim_end_matches(".rs").to_owned();
            (part, inside, without_comments(&text))
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
        "walk/scene.rs",
        "removal/faults.rs",
        "removal/model.rs",
        "removal/races.rs",
        "removal/served.rs",
        "recorded/full.rs",
        "recorded/mod.rs",
    ];
    path.components()
        .any(|part| part.as_os_str().to_str().is_some_and(is_named))
        || is_support.iter().any(|end| path.ends_with(end))
}

fn without_comments(text: &str) -> String {
    text.lines()
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
        for (room, above) in BELOW {
            let found = above
                .iter()
                .find(|it| code.contains(&format!("crate::{it}")));
            let is_below = file.starts_with(room) && found.is_some();
            assert!(
                !is_below,
                "{}: {room} may not know {found:?}",
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

#[test]
fn no_files_import_each_other_in_a_loop() {
    let mut imports = source::imports(&source::read());
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(count > 1000, "the imports were not found: {count}");
    for (from, to) in &mut imports {
        // A folder's `mod.rs` and what lies in the folder are one.
        to.retain(|to| {
            let is_close = from.len().abs_diff(to.len()) == 1;
            !is_close || !from.starts_with(to) && !to.starts_with(from)
        });
    }
    // What imports nothing that is left is in no loop.
    loop {
        let before = imports.len();
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        imports.retain(|_, to| to.iter().any(|to| left.contains(to)));
        if imports.len() == before {
            break;
        }
    }
    let left: BTreeSet<Module> = imports.keys().cloned().collect();
    let mut way: Vec<&Module> = left.first().into_iter().collect();
    while let Some(last) = way.last() {
        let next = imports[*last].iter().find(|to| left.contains(*to));
        let next = next.expect("each that is left imports another");
        if let Some(at) = way.iter().position(|it| *it == next) {
            let names: Vec<String> = way[at..].iter().map(|it| it.join("::")).collect();
            panic!("these import each other: {}", names.join(" → "));
        }
        way.push(next);
    }
}

#[test]
fn a_name_of_a_type_means_one_thing_in_a_part() {
    let mut named: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for source in source::read() {
        let Some(part) = source.module.first() else {
            continue;
        };
        for item in &source.syntax.items {
            let (name, attributes) = match item {
                Item::Struct(it) => (&it.ident, &it.attrs),
                Item::Enum(it) => (&it.ident, &it.attrs),
                Item::Union(it) => (&it.ident, &it.attrs),
                Item::Trait(it) => (&it.ident, &it.attrs),
                Item::Type(it) => (&it.ident, &it.attrs),
                _ => continue,
            };
            if !is_for_tests(attributes) {
                let places = named.entry((part.clone(), name.to_string())).or_default();
                places.push(source.file.display().to_string());
            }
        }
    }
    assert!(
        named.len() > 500,
        "the types were not found: {}",
        named.len()
    );
    named.retain(|_, places| places.len() > 1);
    let lines = named
        .iter()
        .map(|((part, name), places)| format!("{part}: {name} in {}", places.join(", ")));
    assert!(named.is_empty(), "{}", lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn each_folder_has_a_map_of_itself() {
    for (file, text) in files().iter().filter(|(file, _)| file.ends_with("mod.rs")) {
        let syntax = syn::parse_file(text).expect("Rust");
        let names = syntax.items.iter().filter_map(|item| match item {
            Item::Mod(it) if it.content.is_none() && !is_for_tests(&it.attrs) => {
                Some(it.ident.to_string())
            }
            _ => None,
        });
        let names: Vec<String> = names.collect();
        let map = text.lines().take_while(|line| line.starts_with("//!"));
        let map: String = map.collect();
        let is_there = |name: &String| {
            map.contains(&format!("`{name}`")) || map.contains(&format!("::{name}`"))
        };
        let missing: Vec<&String> = names.iter().filter(|name| !is_there(name)).collect();
        let has_one = names.len() < 2;
        assert!(
            has_one || missing.is_empty(),
            "{}: {missing:?}",
            file.display()
        );
    }
}

#[test]
fn tests_stand_in_files_of_their_own() {
    for (file, text) in files() {
        let is_within = text.contains("#[test]\n") || text.contains("\nmod tests {");
        assert!(!is_within, "{}: tests belong in tests.rs", file.display());
    }
}

#[test]
fn the_map_has_exactly_the_rooms_that_there_are() {
    let root = source::read();
    let root = root.iter().find(|it| it.module.is_empty()).expect("lib.rs");
    let rooms = root.syntax.items.iter().filter_map(|item| match item {
        Item::Mod(it) if !is_for_tests(&it.attrs) => Some(it.ident.to_string()),
        _ => None,
    });
    let rooms: BTreeSet<String> = rooms.collect();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let text = text.expect("lib.rs");
    let (_, map) = text.split_once("# The rooms").expect("a map");
    let (map, _) = map.split_once("\n//! # ").expect("an end of the map");
    let lines = map.lines().filter_map(|line| line.strip_prefix("//! - [`"));
    let mapped: Vec<&str> = lines
        .filter_map(|line| Some(line.split_once("`]: ")?.0))
        .collect();
    let once: BTreeSet<String> = mapped.iter().map(|&room| room.to_owned()).collect();
    assert_eq!(once.len(), mapped.len(), "a room is there twice");
    assert_eq!(once, rooms);
}
