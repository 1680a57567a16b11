//! The table of terms: what each is called, which kinds have it, how its value is read, and what it is held against.
//!
//! Everything else takes it from here: the parser and its corrections, the help screen, the README.

use jiff::SignedDuration;

use super::super::item::Kind;
use super::super::time::parse_duration;
use super::Flags;
use super::measure::{NumberTerm, Order, StateTerm, TermHelp};
use super::term::Test;
use super::values::{day_or_time, parse_size};

/// A term with a text behind a colon, as `project:shop`.
#[derive(Debug)]
pub struct TextTerm {
    pub key: &'static str,
    /// What stands behind the colon.
    pub what: &'static str,
    pub about: TermHelp,
    pub kinds: &'static [Kind],
    /// Why no others have it; `{kind}` stands for the word of one.
    pub why: &'static str,
    /// Reads it; `None` where nothing stands there.
    pub test: fn(&str) -> Option<Test>,
}

/// When something was last used: of images and volumes only their containers tell.
pub const IDLE: &str = "idle";
/// What goes with a thing.
pub const FREES: &str = "frees";

const fn entry(example: &'static str, short: &'static str, full: &'static str) -> TermHelp {
    TermHelp {
        example,
        short,
        full,
    }
}

/// Terms about names, which have no key.
const NAMES: [TermHelp; 3] = [
    entry(
        "word",
        "part of the name; 12 hex digits: an ID",
        "a part of the name (build cache: of the description), case ignored; 12 or more hexadecimal digits also the \
         beginning of an ID",
    ),
    entry(
        "=NAME",
        "the whole name, * allowed",
        "the whole name; `=postgres` also means `postgres:latest`; `*` stands for anything; on Podman `=app:1` also \
         means `localhost/app:1` and `docker.io/library/app:1`",
    ),
    entry(
        "/re/",
        "a regular expression",
        "a regular expression in the name; `\\/` for a slash",
    ),
];

/// What stands before any term.
pub const NEGATION: TermHelp = entry("-term", "not this; all terms must hold", "");

pub static MEASURES: [NumberTerm; 6] = [
    NumberTerm {
        key: "size",
        what: "a size",
        about: entry(
            "size>500mb",
            "also frees; < <= > >=",
            "`<` `<=` `>` `>=`; decimal units, `MiB` too",
        ),
        kinds: &Kind::ALL,
        why: "",
        read: size,
        value: |of, _| Some(of.size.known()?.0.into()),
    },
    NumberTerm {
        key: FREES,
        what: "a size",
        about: entry(
            "frees>=1gb",
            "",
            "what goes with it alone, by the same units",
        ),
        kinds: &Kind::ALL,
        why: "",
        read: size,
        value: |of, _| Some(of.frees.known()?.0.into()),
    },
    NumberTerm {
        key: "age",
        what: "a duration",
        about: entry(
            "age>30d",
            "since created",
            "since it was created: `s` `m` `h` `d` `w`",
        ),
        kinds: &Kind::ALL,
        why: "",
        read: duration,
        value: |of, now| Some(now.duration_since(of.created?).as_nanos()),
    },
    NumberTerm {
        key: IDLE,
        what: "a duration",
        about: entry(
            "idle>30d",
            "since last used; s m h d w",
            "since it was last used, in the same units",
        ),
        kinds: &Kind::ALL,
        why: "",
        read: duration,
        value: |of, now| Some(now.duration_since(of.last_used?).as_nanos()),
    },
    NumberTerm {
        key: "created",
        what: "a date",
        about: entry("created<2026-07-07", "by date", "a day, UTC"),
        kinds: &Kind::ALL,
        why: "",
        read: date,
        value: |of, _| Some(of.created?.as_nanosecond().into()),
    },
    NumberTerm {
        key: "nth",
        what: "a number",
        about: entry(
            "nth>3",
            "but the newest 3 of a repository",
            "images: all but the newest three of their repository, by creation",
        ),
        kinds: &[Kind::Image],
        why: "only images have repositories, {kind}s have no nth",
        read: |order, text| Some((order, text.parse::<u32>().ok()?.into())),
        value: |of, _| Some(of.nth?.into()),
    },
];

pub static PROPERTIES: [TextTerm; 4] = [
    TextTerm {
        key: "id",
        what: "the beginning of an ID",
        about: entry(
            "id:9c872a",
            "the ID's beginning",
            "the beginning of the ID, with or without `sha256:`",
        ),
        kinds: &Kind::ALL,
        why: "",
        test: |text| {
            let digits = text.strip_prefix("sha256:").unwrap_or(text);
            (!digits.is_empty()).then(|| Test::Id(digits.to_ascii_lowercase()))
        },
    },
    TextTerm {
        key: "project",
        what: "a project",
        about: entry(
            "project:shop",
            "its compose project or stack",
            "its compose project, or the stack that it was deployed with; `-project:*` has none",
        ),
        kinds: LABELLED,
        why: "build cache records have no project",
        test: |text| written(text).map(Test::Project),
    },
    TextTerm {
        key: "driver",
        what: "a driver",
        about: entry(
            "driver:local",
            "of volumes and logs, * allowed",
            "volumes and logs: the driver's whole name, as `driver:vieux/sshfs:latest`; `*` stands for anything",
        ),
        kinds: &[Kind::Volume, Kind::Log],
        why: "only volumes and logs have a driver",
        test: |text| written(text).map(Test::Driver),
    },
    TextTerm {
        key: "label",
        what: "key or key=value",
        about: entry(
            "label:tier=web",
            "or only label:key",
            "a label with that value; `label:tier` with any",
        ),
        kinds: LABELLED,
        why: "build cache records have no labels",
        test: |text| {
            written(text).map(|text| match text.split_once('=') {
                Some((key, value)) => Test::Label(key.to_owned(), Some(value.to_owned())),
                None => Test::Label(text, None),
            })
        },
    },
];

pub static STATES: [StateTerm; 14] = [
    state("used", USED, |is| is.used),
    state("unused", USED, |is| is.used.map(|used| !used)),
    state("dangling", &[Kind::Image], |is| is.dangling).noted("as the engine itself means it"),
    state("local", &[Kind::Image], |is| is.local),
    state("registry", &[Kind::Image], |is| is.registry),
    state("shared", &[Kind::Image, Kind::BuildCache], |is| is.shared),
    state("running", RUNNING, |is| is.running),
    state("paused", &[Kind::Container], |is| is.paused),
    state("stopped", STOPPED, |is| is.stopped).noted("only stopped containers use it"),
    state("anonymous", &[Kind::Volume], |is| is.anonymous),
    state("bounded", &[Kind::Log], |is| is.bounded),
    state("unbounded", &[Kind::Log], |is| {
        is.bounded.map(|bounded| !bounded)
    }),
    state(PROTECTED, &Kind::ALL, |is| Some(is.protected)),
    state(MARKED, &Kind::ALL, |is| Some(is.marked)),
];

/// What only dtop itself knows.
pub const PROTECTED: &str = "protected";
pub const MARKED: &str = "marked";

const LABELLED: &[Kind] = &[Kind::Image, Kind::Container, Kind::Volume, Kind::Log];
const USED: &[Kind] = &[Kind::Image, Kind::Volume, Kind::BuildCache];
const RUNNING: &[Kind] = &[Kind::Container, Kind::Log];
const STOPPED: &[Kind] = &[Kind::Image, Kind::Container, Kind::Log];

const fn state(
    word: &'static str,
    kinds: &'static [Kind],
    holds: fn(&Flags) -> Option<bool>,
) -> StateTerm {
    StateTerm {
        word,
        kinds,
        note: "",
        holds,
    }
}

impl StateTerm {
    /// Returns the words that a kind has.
    pub fn of(kind: Kind) -> impl Iterator<Item = &'static Self> {
        STATES
            .iter()
            .filter(move |state| state.kinds.contains(&kind))
    }
}

/// Returns the description of the language, a row a term; of the words behind `is:` see [`states`], and [`NEGATION`].
pub fn entries() -> impl Iterator<Item = TermHelp> {
    let measures = MEASURES.iter().map(|it| it.about);
    let properties = PROPERTIES.iter().map(|it| it.about);
    NAMES.into_iter().chain(measures).chain(properties)
}

/// Returns the words behind `is:`, with the kinds that have each, and a note on the first of them where the word does
/// not say all.
pub fn states() -> impl Iterator<Item = (&'static str, &'static [Kind], &'static str)> {
    STATES.iter().map(|it| (it.word, it.kinds, it.note))
}

fn written(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn size(order: Order, text: &str) -> Option<(Order, i128)> {
    Some((order, parse_size(text)?.0.into()))
}

fn duration(order: Order, text: &str) -> Option<(Order, i128)> {
    Some((
        order,
        parse_duration(text)
            .as_ref()
            .map(SignedDuration::as_nanos)?,
    ))
}

/// A day is 24 hours long: at most a day is before the next one begins.
fn date(order: Order, text: &str) -> Option<(Order, i128)> {
    let (begin, next) = day_or_time(text)?;
    let (order, time) = match (order, next) {
        (Order::AtMost, Some(next)) => (Order::Less, next),
        (Order::More, Some(next)) => (Order::AtLeast, next),
        (order, _) => (order, begin),
    };
    Some((order, time.as_nanosecond().into()))
}
