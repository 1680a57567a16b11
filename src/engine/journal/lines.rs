//! How the journal is written: JSON lines that many programs may append to, each read on its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::domain::bytes::Bytes;
use crate::domain::engine_words::shortened;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{Kind, Labels};
use crate::domain::plan::ComesBack;
use crate::domain::removal::history::{Entry, is_on};
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::text::Text;
use crate::engine::port::clock;

/// How every line begins: within a line nothing else can, since a text's quotes are escaped.
const START: &str = "{\"line\":";

/// What the journal holds.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The newest first.
    pub entries: Vec<Written>,
    /// Lines were lost: a dtop that had some to write was ended while the disk took none.
    pub gap: bool,
}

impl History {
    /// Returns true where a look at the engine could tell more.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.gap || self.entries.iter().any(|it| it.entry.outcome.is_none())
    }

    /// Returns the entries as they are shown.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        let entries = self.entries.into_iter();
        entries.map(|written| written.entry).collect()
    }
}

/// An entry, and which removal it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub entry: Entry,
    run: String,
    number: usize,
}

/// A name for one removal that no other has.
pub fn new_run() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = clock::now().as_nanosecond();
    format!("{now:x}-{:x}-{count:x}", std::process::id())
}

#[derive(Serialize)]
struct Intent<'a> {
    line: &'static str,
    run: &'a str,
    number: usize,
    time: String,
    host: &'a str,
    engine: &'a str,
    kind: &'static str,
    id: &'a str,
    name: &'a str,
    names: Vec<&'a str>,
    digests: Vec<&'a str>,
    parents: Vec<&'a str>,
    size: Option<Bytes>,
    labels: &'a Labels,
    created: Option<String>,
    comes_back: &'static str,
    saved: Option<&'a str>,
}

pub fn intent(run: &str, number: usize, entry: &Entry) -> String {
    line(&Intent {
        line: "intent",
        run,
        number,
        time: entry.time.to_string(),
        host: &entry.host,
        engine: &entry.engine,
        kind: entry.kind.key(),
        id: &entry.id,
        name: &entry.name,
        names: entry.names.iter().map(|name| &**name).collect(),
        digests: entry.digests.iter().map(|digest| &**digest).collect(),
        parents: entry.parents.iter().map(|parent| &**parent).collect(),
        size: entry.size,
        labels: &entry.labels,
        created: entry.created.map(|time| time.to_string()),
        comes_back: entry.comes_back.word(),
        saved: entry.saved.as_deref(),
    })
}

#[derive(Serialize)]
struct EndLine<'a> {
    line: &'static str,
    run: &'a str,
    number: usize,
    time: String,
    outcome: &'static str,
    freed: Option<Bytes>,
    error: Option<String>,
}

pub fn outcome(run: &str, number: usize, done: &Done) -> String {
    line(&EndLine {
        line: "outcome",
        run,
        number,
        time: clock::now().to_string(),
        outcome: done.outcome.word(),
        freed: done.freed.known(),
        error: done.error.as_deref().map(shortened),
    })
}

/// Returns how something ended that another dtop had in hand, as a list tells.
pub fn resolved(written: &Written, entry: &Entry) -> String {
    line(&EndLine {
        line: "resolved",
        run: &written.run,
        number: written.number,
        time: clock::now().to_string(),
        outcome: entry.outcome.map_or("", Outcome::word),
        freed: None,
        error: entry.error.as_deref().map(shortened),
    })
}

/// That lines are missing before this one.
pub fn gap() -> String {
    let time = clock::now();
    format!("{START}\"gap\",\"time\":\"{time}\"}}\n")
}

fn line(value: &impl Serialize) -> String {
    // Only a map with keys that are no strings can fail, and there is none.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A line as it is read. Other programs' lines have other fields, or other things in them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct JournalLine<'a> {
    /// What sort of line it is.
    #[serde(borrow, rename = "line")]
    form: Cow<'a, str>,
    #[serde(borrow)]
    run: Cow<'a, str>,
    number: Option<usize>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    host: Cow<'a, str>,
    #[serde(borrow)]
    engine: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    names: Vec<Text>,
    digests: Vec<Text>,
    parents: Vec<Text>,
    size: Option<u64>,
    labels: BTreeMap<Text, Text>,
    created: Option<Cow<'a, str>>,
    #[serde(borrow)]
    comes_back: Cow<'a, str>,
    saved: Option<Text>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    freed: Option<u64>,
    error: Option<Text>,
}

/// As much of a line as tells which removal it belongs to, and how far that is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'a> {
    #[serde(borrow)]
    line: Cow<'a, str>,
    #[serde(borrow)]
    run: Cow<'a, str>,
    number: Option<usize>,
    #[serde(borrow)]
    host: Cow<'a, str>,
    #[serde(borrow)]
    engine: Cow<'a, str>,
}

/// Reads all lines. What is torn, or was written by another program, is passed over.
pub fn read(text: &str) -> Vec<Written> {
    let mut entries: Vec<Written> = Vec::new();
    let mut places: HashMap<(Cow<'_, str>, usize), usize> = HashMap::new();
    for line in text.lines().filter_map(parse::<JournalLine<'_>>) {
        let Some(number) = line.number else { continue };
        let key = (line.run.clone(), number);
        match &*line.form {
            "intent" if !places.contains_key(&key) => {
                if let Some(written) = written(line, number) {
                    places.insert(key, entries.len());
                    entries.push(written);
                }
            }
            kind @ ("outcome" | "resolved") => {
                let entry = places.get(&key).map(|at| &mut entries[*at].entry);
                // Who removed it knows better than who looked later.
                let Some(entry) =
                    entry.filter(|entry| kind == "outcome" || entry.outcome.is_none())
                else {
                    continue;
                };
                let word = &*line.outcome;
                entry.outcome = Outcome::ALL.into_iter().find(|it| it.word() == word);
                entry.freed = line.freed.map(Bytes);
                entry.error = line.error.filter(|error| !error.is_empty());
            }
            _ => {}
        }
    }
    entries.reverse();
    entries
}

/// Where something was begun of which no line says how it ended.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// Hosts, and what their engines call themselves.
    pub engines: HashSet<(Text, Text)>,
    /// As in [`History`].
    pub gap: bool,
}

impl Begun {
    pub fn is_empty(&self) -> bool {
        self.engines.is_empty() && !self.gap
    }

    /// Returns true where a look at this engine could tell more.
    pub fn concerns(&self, about: &EngineInfo) -> bool {
        let mut engines = self.engines.iter();
        self.gap || engines.any(|(host, engine)| is_on(host, engine, about))
    }
}

/// Finds the engines on which something was begun and, for all that is written, not ended.
pub fn begun(text: &str) -> HashSet<(Text, Text)> {
    let open = open(text).into_iter();
    let engines: HashSet<_> = open.map(|it| (it.head.host, it.head.engine)).collect();
    let texts = engines.into_iter();
    texts
        .map(|(host, engine)| (Text::from(&*host), Text::from(&*engine)))
        .collect()
}

/// Reads what was begun on an engine and, for all that is written, not ended; the newest first.
pub fn open_on(text: &str, about: &EngineInfo) -> Vec<Written> {
    let open = open(text).into_iter().rev();
    open.filter(|it| is_on(&it.head.host, &it.head.engine, about))
        .filter_map(|it| written(parse(it.line)?, it.head.number?))
        .collect()
}

struct Open<'a> {
    head: Head<'a>,
    line: &'a str,
}

/// Returns the lines of what was begun and not ended, in their order.
fn open(text: &str) -> Vec<Open<'_>> {
    let mut begun: Vec<Option<Open<'_>>> = Vec::new();
    let mut places: HashMap<(Cow<'_, str>, usize), usize> = HashMap::new();
    for line in text.lines() {
        let Some(head) = parse::<Head<'_>>(line) else {
            continue;
        };
        let Some(number) = head.number else { continue };
        let key = (head.run.clone(), number);
        match &*head.line {
            "intent" => {
                places.entry(key).or_insert_with(|| {
                    begun.push(Some(Open { head, line }));
                    begun.len() - 1
                });
            }
            "outcome" | "resolved" => {
                if let Some(at) = places.get(&key) {
                    begun[*at] = None;
                }
            }
            _ => {}
        }
    }
    begun.into_iter().flatten().collect()
}

/// Returns a line, or the whole one at the end of what somebody's torn line has spoilt.
fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
    let whole = serde_json::from_str(line);
    whole.ok().or_else(|| {
        let at = line.rfind(START)?;
        serde_json::from_str(&line[at..]).ok()
    })
}

fn written(line: JournalLine<'_>, number: usize) -> Option<Written> {
    let kind = Kind::ALL.into_iter().find(|it| it.key() == line.kind)?;
    let entry = Entry {
        time: line.time.parse().ok()?,
        host: (&*line.host).into(),
        engine: (&*line.engine).into(),
        kind,
        id: Some(&*line.id).filter(|id| !id.is_empty())?.into(),
        name: (&*line.name).into(),
        names: line.names,
        digests: line.digests,
        parents: line.parents,
        size: line.size.map(Bytes),
        labels: Labels::new(line.labels.into_iter().collect()),
        created: line.created.and_then(|time| time.parse().ok()),
        comes_back: match kind {
            // It was written down otherwise once.
            Kind::BuildCache => ComesBack::Yes,
            Kind::Image | Kind::Container | Kind::Volume | Kind::Log => ComesBack::ALL
                .into_iter()
                .find(|it| it.word() == line.comes_back)
                .unwrap_or(ComesBack::Unknown),
        },
        saved: line.saved.filter(|saved| !saved.is_empty()),
        outcome: None,
        freed: None,
        error: None,
    };
    let run = line.run.into_owned();
    Some(Written { entry, run, number })
}
