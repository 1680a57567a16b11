//! Whatever comes in: arbitrary bytes, spoilt answers of real engines, and a saved corpus go through everything
//! that reads what others write. Nothing panics, nothing hangs, and nothing that is printed moves a cursor.
//!
//! How many cases there are is fixed; `DTOP_LONG=2` runs fifty times as many, with other numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause; how many cases there were is said"
)]

#[allow(dead_code, reason = "a part of it is another test's")]
#[path = "support/length.rs"]
mod length;
#[allow(dead_code, reason = "a part of it is another test's")]
#[path = "support/random.rs"]
mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtop::domain::bytes::Figure;
use dtop::domain::filter::{Filter, Flags, Naming, Subject};
use dtop::domain::inventory::{Inspected, Inventory, Part};
use dtop::domain::item::{ItemId, Kind};
use dtop::domain::plan::{AddedBy, Plan, Selection};
use dtop::domain::survey::Survey;
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use dtop::engine::config::Config;
use dtop::engine::journal::Journal;
use dtop::engine::wire::{self, Dialect};
use dtop::report::json;
use dtop::report::page::Page;
use dtop::report::text;
use dtop::ui::text::{fit, pad, sanitise, width};
use length::Length;
use random::Random;
use serde_json::Value;

/// What a case may take at most, on a busy machine. Inputs are small, so that what takes longer grows with more
/// than their length.
const LONGEST: Duration = Duration::from_secs(20);
const LARGEST: usize = 64 * 1024;

/// Words that have broken readers before.
const WORDS: [&str; 38] = [
    "null",
    "true",
    "-1",
    "0",
    "-0",
    "1e999",
    "-9223372036854775808",
    "9223372036854775807",
    "18446744073709551616",
    "1.5",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "]]]]",
    "\\u0000",
    "\\ud800",
    "\u{1b}[2J",
    "\u{1b}]0;x\u{7}",
    "\u{9b}31m",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{e0041}",
    "\r\n",
    "--force",
    "../../x",
    "a/b?c",
    "%2e%2e",
    "<none>:<none>",
    "sha256:",
    "@",
    ":",
    "9999-12-31T23:59:59.999999999Z",
    "-0001-01-01T00:00:00Z",
    "(((((((((((((((a{1,1000}){1,1000}",
];

fn cases(count: usize) -> usize {
    count * if Length::Search.is_asked_for() { 50 } else { 1 }
}

fn seed() -> u64 {
    if Length::Search.is_asked_for() {
        60_000
    } else {
        6
    }
}

/// What was saved for a reader, and has to go on being read well.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/corpus")
            .join(name),
    )
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Spoils bytes in up to eight ways.
fn spoil(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    if random.percent(10) {
        let length = random.below(300);
        bytes = (0..length)
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
    }
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => {
                bytes.drain(at..end);
            }
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let word = WORDS[random.below(WORDS.len())].bytes();
                bytes.splice(at..at, word);
            }
            4 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            _ => {
                let junk: Vec<u8> = (0..4).map(|_| random.next().to_le_bytes()[0]).collect();
                bytes.splice(at..at, junk);
            }
        }
    }
    bytes.truncate(LARGEST);
    bytes
}

/// Spoils an answer that stays JSON: some of its fields are something else.
fn bend(random: &mut Random, value: &mut Value) {
    let odd = |random: &mut Random| {
        let word = WORDS[random.below(WORDS.len())];
        serde_json::from_str(word).unwrap_or_else(|_| Value::from(word))
    };
    match value {
        Value::Array(list) if !list.is_empty() => {
            if random.percent(5) {
                let again = list[random.below(list.len())].clone();
                list.push(again);
            }
            for inner in list {
                bend(random, inner);
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (_, inner) in fields.iter_mut() {
                bend(random, inner);
            }
        }
        _ => {}
    }
    if random.percent(4) {
        *value = odd(random);
    }
}

/// Runs cases and says which one took too long.
fn run(name: &str, count: usize, mut case: impl FnMut(&mut Random)) {
    let count = cases(count);
    for number in 0..count as u64 {
        let seed = seed() + number;
        let start = Instant::now();
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            case(&mut Random::new(seed));
        }));
        assert!(held.is_ok(), "{name}: the case of seed {seed}");
        let took = start.elapsed();
        assert!(
            took < LONGEST,
            "{name}: {took:?} for the case of seed {seed}"
        );
    }
    println!("{name}: {count} cases");
}

/// What no text may have in it that goes to a terminal.
fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}')
}

fn page() -> Page {
    Page {
        now: Timestamp::from_second(1_795_258_845).unwrap(),
        width: 80,
        ascii: false,
    }
}

/// The answers of one engine, in the order in which they are read.
struct Answers(Vec<(String, Value)>);

impl Answers {
    fn of(engine: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/recorded")
            .join(engine);
        let read = |name: &str| {
            let file = fs::read(folder.join(name).with_extension("json")).ok()?;
            let value: Value = serde_json::from_slice(&file).ok()?;
            let body = value.get("body").cloned();
            Some((name.to_owned(), body.unwrap_or(value)))
        };
        let names = [
            "version",
            "info",
            "images",
            "containers",
            "volumes",
            "df",
            "container-inspect-size",
            "image-inspect",
            "image-history",
        ];
        Self(names.into_iter().filter_map(read).collect())
    }

    fn part(&self, name: &str) -> &Value {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or(&Value::Null, |(_, value)| value)
    }

    /// All that the answers say, as a scan takes it in.
    fn inventory(&self) -> Inventory {
        let version = self.part("version");
        let podman = wire::is_podman(version);
        let about = wire::about(self.part("info"), version, podman);
        let dialect = Dialect {
            podman,
            store: about.store,
        };
        let images = wire::images(self.part("images"), dialect);
        let containers = wire::containers(self.part("containers"));
        let _ = wire::with_hidden_mounts(self.part("containers"));
        let inspected: Vec<Inspected> = images
            .iter()
            .map(|image| {
                let of = |name: &str| {
                    self.part(name)
                        .get(image.id.as_str())
                        .unwrap_or(&Value::Null)
                };
                let content = wire::image_content(of("image-inspect"), of("image-history"));
                let _ = wire::image_source(of("image-inspect"));
                Inspected {
                    content: Figure::Known(Arc::new(content)),
                    last_tagged: wire::last_tagged(of("image-inspect")),
                    ..Inspected::unavailable(image.id.clone())
                }
            })
            .collect();
        let mut inventory = Inventory::default();
        inventory.apply(Part::Engine(Arc::new(about)));
        inventory.apply(Part::Images(images));
        let ids: Vec<_> = containers.iter().map(|it| it.id.clone()).collect();
        inventory.apply(Part::Containers(containers));
        for id in ids {
            let of = self.part("container-inspect-size").get(id.as_str());
            let of = of.unwrap_or(&Value::Null);
            let _ = wire::mounts(of);
            let details = Arc::new(wire::container_details(of, true));
            inventory.apply(Part::ContainerDetails(id, Figure::Known(details)));
        }
        inventory.apply(Part::Layers(inspected));
        inventory.apply(Part::Volumes(
            wire::volumes(self.part("volumes")).unwrap_or_default(),
        ));
        let df = self.part("df").to_string();
        if let Ok(df) = wire::Df::parse("GET /system/df", df.as_bytes(), wire::Reading::All) {
            let df = Arc::new(df);
            let records = wire::records(Arc::clone(&df)).unwrap_or_default();
            inventory.apply(Part::BuildCache(records));
            let _ = wire::shared_sizes(Arc::clone(&df));
            let sizes = wire::volume_sizes(df).unwrap_or_default();
            inventory.apply(Part::VolumeSizes {
                sizes,
                complete: true,
            });
        }
        inventory
    }
}

#[test]
fn spoilt_answers_are_shown_and_planned_all_the_same() {
    let engines = files_of_recorded();
    run(
        "answers, from the wire to the report and the plan",
        400,
        |random| {
            let mut answers = Answers::of(&engines[random.below(engines.len())]);
            for (_, answer) in &mut answers.0 {
                if random.percent(50) {
                    bend(random, answer);
                }
            }
            let inventory = answers.inventory();
            let images = inventory
                .images
                .iter()
                .map(|it| ItemId::Image(it.id.clone()));
            let containers = inventory
                .containers
                .iter()
                .map(|it| ItemId::Container(it.id.clone()));
            let volumes = inventory
                .volumes
                .iter()
                .map(|it| ItemId::Volume(it.name.clone()));
            let records = inventory
                .cache
                .iter()
                .map(|it| ItemId::Record(it.id.clone()));
            let all = images.chain(containers).chain(volumes).chain(records);
            let selection = Selection {
                items: all.map(|id| (id, AddedBy::Selection)).collect(),
                stop: true,
                ..Selection::default()
            };
            let survey = Survey::new(inventory.clone());
            let plan = Plan::new(&survey, &selection);
            for printed in [
                text::report(&survey, page()),
                text::plan(&survey, &plan, page()),
            ] {
                let found = printed.chars().find(|it| *it != '\n' && is_hostile(*it));
                assert_eq!(found, None, "{printed:?}");
            }
            for object in [json::report(&survey), json::plan(&survey, &plan)] {
                serde_json::from_str::<Value>(&object).expect("JSON");
            }
            let again = plan.recheck(&survey).plan;
            let is_planned = |id: &ItemId| plan.steps.iter().any(|step| step.id == *id);
            assert!(
                again.steps.iter().all(|step| is_planned(&step.id)),
                "it grew"
            );
        },
    );
}

fn files_of_recorded() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn spoilt_bytes_are_no_answer_or_one_that_can_be_read() {
    let mut corpus = corpus("wire");
    for engine in files_of_recorded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/recorded")
            .join(engine);
        corpus.extend(files(&folder).into_iter().filter(|it| it.len() < 5_000));
    }
    let read = |bytes: &[u8]| {
        if let Ok(value) = wire::parse("GET /x", bytes) {
            let mut answers = Answers(Vec::new());
            for name in ["version", "info", "images", "containers", "volumes", "df"] {
                answers.0.push((name.to_owned(), value.clone()));
            }
            let _ = answers.inventory();
            let _ = wire::services(&value);
            let _ = wire::image_content(&value, &value);
            let _ = wire::container_details(&value, true);
        }
        let _ = wire::parse_list("GET /x", bytes);
        if let Ok(df) = wire::Df::parse("GET /x", bytes, wire::Reading::All) {
            let _ = (
                wire::records(df.clone()),
                wire::volume_sizes(df.clone()),
                wire::shared_sizes(df),
            );
        }
        let _ = wire::change(&String::from_utf8_lossy(bytes));
    };
    for bytes in &corpus {
        read(bytes);
    }
    run("bytes on the wire", 3_000, |random| {
        read(&spoil(random, &corpus));
    });
}

/// Something of which nothing but its names is known.
fn called(kind: Kind, names: &[Text], naming: Naming) -> Subject<'_> {
    Subject {
        kind,
        names,
        naming,
        digests: names,
        id: "sha256:9c872a6119cc",
        size: Figure::Unknown,
        frees: Figure::Unknown,
        created: None,
        last_used: None,
        project: None,
        driver: None,
        nth: None,
        labels: None,
        is: Flags::default(),
    }
}

#[test]
fn any_text_is_a_filter_or_an_error_that_points_into_it() {
    let corpus = corpus("filter");
    let read = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for kind in Kind::ALL {
            if let Ok(filter) = Filter::parse(&text, kind) {
                let digest = format!("{text}@sha256:{text}");
                let names = ["postgres:13".into(), text.as_ref().into(), digest.into()];
                for naming in [Naming::Plain, Naming::Docker, Naming::Podman] {
                    let _ = filter.matched_names(&called(kind, &names, naming));
                }
                let _ = (filter.asks_last_use(), filter.asks_marks());
            }
        }
    };
    for bytes in &corpus {
        read(bytes);
    }
    run("filters", 4_000, |random| {
        read(&spoil(random, &corpus));
    });
}

#[test]
fn any_text_is_safe_once_it_is_sanitised() {
    let corpus = corpus("text");
    let read = |bytes: &[u8]| {
        let raw = String::from_utf8_lossy(bytes);
        let safe = sanitise(&raw);
        assert_eq!(safe.chars().find(|it| is_hostile(*it)), None, "{raw:?}");
        assert_eq!(sanitise(&safe), safe);
        for room in [0, 1, 7, 80] {
            assert!(width(&fit(&safe, room)) <= room);
            assert_eq!(width(&pad(&safe, room)), room);
        }
    };
    for bytes in &corpus {
        read(bytes);
    }
    run("texts", 10_000, |random| {
        read(&spoil(random, &corpus));
    });
}

#[test]
fn any_journal_is_read_as_far_as_it_can_be() {
    let corpus = corpus("journal");
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let read = |bytes: &[u8]| {
        fs::write(folder.path().join("journal.jsonl"), bytes).unwrap();
        let journal = Journal::below(folder.path().to_owned());
        let history = runtime.block_on(journal.history());
        history.map_or(0, |history| history.into_entries().len())
    };
    let whole: usize = corpus.iter().map(|bytes| read(bytes)).sum();
    assert!(whole > 0, "the corpus has entries");
    run("journals", 1_000, |random| {
        read(&spoil(random, &corpus));
    });
}

#[test]
fn any_config_is_read_or_an_error_in_one_line() {
    let corpus = corpus("config");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        Config::at(&file).map(|config| config.protect.len())
    };
    assert!(
        corpus
            .iter()
            .any(|bytes| read(bytes).is_ok_and(|rules| rules > 0))
    );
    run("configs", 2_000, |random| {
        let _ = read(&spoil(random, &corpus));
    });
}

/// Nothing that is made of it may be much larger than it is, nor take much longer than reading it.
#[test]
fn answers_as_long_as_an_engine_likes_are_read_or_refused() {
    let length = if Length::Search.is_asked_for() {
        100_000_000
    } else {
        1_000_000
    };
    let filled = |piece: &str| {
        let inner = vec![piece; length / (piece.len() + 1)].join(",");
        format!("[{inner}]")
    };
    let name = "x".repeat(length);
    let numbered = |row: fn(usize) -> String| {
        let rows: Vec<String> = (0..length / 50).map(row).collect();
        format!("[{}]", rows.join(","))
    };
    let tags = numbered(|at| format!(r#""a:{at}","b@{at}""#));
    let shapes = [
        filled("[]"),
        filled("{}"),
        filled("0"),
        filled(r#"{"Id":"sha256:1","RepoTags":["a:1"]}"#),
        numbered(|at| format!(r#"{{"Id":"sha256:1","RepoTags":["a:{at}"]}}"#)),
        format!(r#"[{{"Id":"sha256:1","RepoTags":{tags}}}]"#),
        filled(r#"{"Id":"sha256:1","Labels":{"a":"b","c":"d","e":"f"},"Mounts":[{},{}]}"#),
        format!(r#"[{{"Id":"{name}","Names":["/{name}"]}}]"#),
        format!(
            r#"{{"Volumes":{},"BuildCache":{}}}"#,
            filled("1"),
            filled("{}")
        ),
        "[".repeat(length),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        "9".repeat(length),
    ];
    for shape in &shapes {
        let start = Instant::now();
        if let Ok(value) = wire::parse("GET /x", shape.as_bytes()) {
            let images = wire::images(&value, Dialect::default());
            let names: usize = images.iter().map(|it| it.names.len()).sum();
            assert!(names <= shape.len());
            let _ = (
                wire::containers(&value),
                wire::volumes(&value),
                wire::services(&value),
            );
        }
        if let Ok(df) = wire::Df::parse("GET /x", shape.as_bytes(), wire::Reading::All) {
            let _ = (
                wire::records(df.clone()),
                wire::volume_sizes(df.clone()),
                wire::shared_sizes(df),
            );
        }
        let took = start.elapsed();
        let begin: String = shape.chars().take(30).collect();
        println!("{} bytes of {begin}: {took:?}", shape.len());
        let bound = LONGEST * if Length::Search.is_asked_for() { 30 } else { 1 };
        assert!(took < bound, "{begin}: {took:?}");
    }
}
