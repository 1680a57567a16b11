//! How the journal is written: JSON lines that many programs may append to, each read on its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde_json::Value;

use crate::domain::bytes::Bytes;
use crate::domain::history::Entry;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{Kind, Labels, Text};
use crate::domain::outcome::{Done, Outcome};
use crate::domain::plan::ComesBack;
use crate::engine::clock;
use crate::engine::wire::Row;

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
    /// True where a look at the engine could tell more.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.gap || self.entries.iter().any(|it| it.entry.outcome.is_none())
    }

    /// The entries as they are shown.
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

impl Written {
    /// True where nobody wrote down how it ended, and it was on this engine.
    pub(super) fn is_open_on(&self, about: &EngineInfo) -> bool {
        self.entry.outcome.is_none() && self.entry.is_on(about)
    }
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
        size: entry.size,
        labels: &entry.labels,
        created: entry.created.map(|time| time.to_string()),
        comes_back: entry.comes_back.word(),
        saved: entry.saved.as_deref(),
    })
}

#[derive(Serialize)]
struct End<'a> {
    line: &'static str,
    run: &'a str,
    number: usize,
    time: String,
    outcome: &'static str,
    freed: Option<Bytes>,
    error: Option<&'a str>,
}

pub fn outcome(run: &str, number: usize, done: &Done) -> String {
    line(&End {
        line: "outcome",
        run,
        number,
        time: clock::now().to_string(),
        outcome: done.outcome.word(),
        freed: done.freed.known(),
        error: done.error.as_deref(),
    })
}

/// How something ended that another dtop had in hand, as a list tells.
pub fn resolved(written: &Written, entry: &Entry) -> String {
    line(&End {
        line: "resolved",
        run: &written.run,
        number: written.number,
        time: clock::now().to_string(),
        outcome: entry.outcome.map_or("", Outcome::word),
        freed: None,
        error: entry.error.as_deref(),
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

/// Reads all lines. What is torn, or was written by another program, is passed over.
pub fn read(text: &str) -> Vec<Written> {
    let mut entries: Vec<Written> = Vec::new();
    let mut places: HashMap<(String, usize), usize> = HashMap::new();
    for line in text.lines() {
        let Some(value) = parse(line) else { continue };
        let row = Row(&value);
        let number = row.number("number").and_then(|it| usize::try_from(it).ok());
        let Some(number) = number else { continue };
        let key = (row.text("run").to_owned(), number);
        match row.text("line") {
            "intent" if !places.contains_key(&key) => {
                if let Some(entry) = entry(row) {
                    places.insert(key.clone(), entries.len());
                    let (run, number) = key;
                    entries.push(Written { entry, run, number });
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
                let word = row.text("outcome");
                entry.outcome = Outcome::ALL.into_iter().find(|it| it.word() == word);
                entry.freed = row.bytes("freed");
                entry.error = row.filled("error").map(Text::from);
            }
            _ => {}
        }
    }
    entries.reverse();
    entries
}

/// A line, or the whole one at the end of what somebody's torn line has spoilt.
fn parse(line: &str) -> Option<Value> {
    let whole = serde_json::from_str(line);
    whole.ok().or_else(|| {
        let at = line.rfind(START)?;
        serde_json::from_str(&line[at..]).ok()
    })
}

fn entry(row: Row<'_>) -> Option<Entry> {
    let kind = row.text("kind");
    let kind = Kind::ALL.into_iter().find(|it| it.key() == kind)?;
    let comes_back = row.text("comes_back");
    let texts = |key| row.texts(key).map(Text::from).collect();
    Some(Entry {
        time: row.text("time").parse().ok()?,
        host: row.text("host").into(),
        engine: row.text("engine").into(),
        kind,
        id: row.filled("id")?.into(),
        name: row.text("name").into(),
        names: texts("names"),
        digests: texts("digests"),
        size: row.bytes("size"),
        labels: row.labels("labels"),
        created: row.text("created").parse().ok(),
        comes_back: match kind {
            // It was written down otherwise once.
            Kind::BuildCache => ComesBack::Yes,
            Kind::Image | Kind::Container | Kind::Volume | Kind::Log => ComesBack::ALL
                .into_iter()
                .find(|it| it.word() == comes_back)
                .unwrap_or(ComesBack::Unknown),
        },
        saved: row.filled("saved").map(Text::from),
        outcome: None,
        freed: None,
        error: None,
    })
}
