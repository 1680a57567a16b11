//! Reads the text of a filter. Every mistake points at its term and says what to write instead.

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regex_lite::Regex;

use super::super::bytes::Bytes;
use super::super::item::Kind;
use super::super::time::parse_duration;
use super::term::{Is, Order, Term, Test};
use super::{Filter, FilterError};
use crate::domain::time::Timestamp;

type Answer<T> = Result<T, FilterError>;

/// A term as it is written.
struct Word {
    at: Range<usize>,
    negated: bool,
    form: Form,
}

enum Form {
    /// Words and quoted parts, the quotes taken off.
    Plain(String),
    /// It began with a quote: a word, whatever it holds.
    Quoted(String),
    /// What stands between slashes, or why that is no regular expression.
    Slashed(Result<Regex, String>),
}

/// The words of a filter, which mean something of their own for each kind.
pub struct Words {
    words: Vec<Word>,
    /// What comes behind them and is no word.
    mistake: Option<FilterError>,
}

impl Words {
    pub fn read(text: &str) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        let mistake = loop {
            match next_word(text, at) {
                Ok(Some(word)) => {
                    at = word.at.end;
                    words.push(word);
                }
                Ok(None) => break None,
                Err(mistake) => break Some(mistake),
            }
        };
        Self { words, mistake }
    }

    /// Returns the filter for a kind, or the first mistake in it.
    pub fn filter(&self, kind: Kind) -> Answer<Filter> {
        let terms = self.words.iter().map(|word| term(word, kind));
        let terms = terms.collect::<Answer<Vec<Term>>>()?;
        match &self.mistake {
            Some(mistake) => Err(mistake.clone()),
            None => Ok(Filter { terms }),
        }
    }
}

fn next_word(text: &str, from: usize) -> Answer<Option<Word>> {
    let skipped = text[from..].len() - text[from..].trim_start().len();
    let start = from + skipped;
    let rest = &text[start..];
    if rest.is_empty() {
        return Ok(None);
    }
    let negated = rest.starts_with('-');
    let body = start + usize::from(negated);
    let (form, length) = if let Some(slashed) = text[body..].strip_prefix('/') {
        read_slashed(slashed, start..text.len())?
    } else {
        read_plain(&text[body..], start..text.len())?
    };
    let at = start..body + length;
    Ok(Some(Word { at, negated, form }))
}

/// Reads up to the closing slash; `\/` is a slash, every other backslash is the expression's own.
fn read_slashed(text: &str, at: Range<usize>) -> Answer<(Form, usize)> {
    let mut pattern = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '/' => {
                let length = 1 + place + 1;
                let ends = text[place + 1..]
                    .chars()
                    .next()
                    .is_none_or(char::is_whitespace);
                if !ends {
                    let message = "nothing may follow the closing slash; write \\/ for a slash";
                    return Err(error(at, message));
                }
                let pattern = Regex::new(&pattern).map_err(|cause| cause.to_string());
                return Ok((Form::Slashed(pattern), length));
            }
            '\\' => match letters.next() {
                Some((_, '/')) => pattern.push('/'),
                Some((_, other)) => pattern.extend(['\\', other]),
                None => pattern.push('\\'),
            },
            other => pattern.push(other),
        }
    }
    Err(error(at, "the regular expression has no closing /"))
}

fn read_plain(text: &str, at: Range<usize>) -> Answer<(Form, usize)> {
    let mut plain = String::new();
    let mut quoted = false;
    let mut end = text.len();
    for (place, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            letter if letter.is_whitespace() && !quoted => {
                end = place;
                break;
            }
            letter => plain.push(letter),
        }
    }
    if quoted {
        return Err(error(at, "the quote has no end"));
    }
    let form = if text.starts_with('"') {
        Form::Quoted(plain)
    } else {
        Form::Plain(plain)
    };
    Ok((form, end))
}

fn term(word: &Word, kind: Kind) -> Answer<Term> {
    let at = word.at.clone();
    let test = match &word.form {
        Form::Slashed(Ok(pattern)) => Test::Pattern(pattern.clone()),
        Form::Slashed(Err(cause)) => {
            let message = format!("the regular expression cannot be read: {cause}");
            return Err(error(at, message));
        }
        Form::Quoted(text) => Test::Word(text.to_lowercase()),
        Form::Plain(text) => plain(text, at, kind)?,
    };
    Ok(Term {
        negated: word.negated,
        test,
    })
}

const MEASURES: [&str; 6] = ["size", "frees", "age", "idle", "created", "nth"];

fn plain(text: &str, at: Range<usize>, kind: Kind) -> Answer<Test> {
    if text.is_empty() {
        return Err(error(
            at,
            "nothing stands here; quote a word that begins with -",
        ));
    }
    if let Some(name) = text.strip_prefix('=') {
        if name.is_empty() {
            return Err(error(at, "write the whole name after ="));
        }
        return Ok(Test::Whole(name.to_owned()));
    }
    if let Some(sign) = text.find(['<', '>']) {
        return comparison(&text[..sign], &text[sign..], at, kind);
    }
    match text.split_once(':') {
        Some(("id", id)) => {
            let digits = id.strip_prefix("sha256:").unwrap_or(id);
            named(digits, at, "the beginning of an ID")
                .map(|digits| Test::Id(digits.to_ascii_lowercase()))
        }
        Some(("project", _)) if kind == Kind::BuildCache => {
            Err(error(at, "build cache records have no project"))
        }
        Some(("label", _)) if kind == Kind::BuildCache => {
            Err(error(at, "build cache records have no labels"))
        }
        Some(("driver", _)) if !matches!(kind, Kind::Volume | Kind::Log) => {
            Err(error(at, "only volumes and logs have a driver"))
        }
        Some(("driver", driver)) => named(driver, at, "a driver").map(Test::Driver),
        Some(("project", project)) => named(project, at, "a project").map(Test::Project),
        Some(("label", label)) => {
            named(label, at, "key or key=value").map(|label| match label.split_once('=') {
                Some((key, value)) => Test::Label(key.to_owned(), Some(value.to_owned())),
                None => Test::Label(label, None),
            })
        }
        Some(("is", word)) => is(word, at, kind),
        _ => measure_without_sign(text, at),
    }
}

/// The keys of terms that are long enough to be meant by what is one letter off.
const LONG_KEYS: [&str; 7] = [
    "size", "frees", "idle", "created", "project", "label", "driver",
];

/// Finds a term that is a word only because of its spelling: one that is one letter off a key of four letters and
/// more. What is quoted, or written with `=`, is what it says.
///
/// # Errors
/// Where there is one, with what to write instead.
pub fn check_spelling(text: &str) -> Answer<()> {
    let mut at = 0;
    while let Some(word) = next_word(text, at)? {
        at = word.at.end;
        let Form::Plain(term) = &word.form else {
            continue;
        };
        let Some((key, rest)) = term.split_once(':').filter(|(key, _)| !key.contains('=')) else {
            continue;
        };
        if let Some(meant) = LONG_KEYS.into_iter().find(|meant| is_one_off(key, meant)) {
            let right = if MEASURES.contains(&meant) {
                example(meant).to_owned()
            } else {
                format!("{meant}:{rest}")
            };
            let message = format!("{key} is no key; write {right}, or ={term} for a name");
            return Err(error(word.at, message));
        }
    }
    Ok(())
}

/// Returns true for a word that is another but for its case, or for one letter: wrong, missing, too many, or in the
/// other order with the next.
fn is_one_off(word: &str, meant: &str) -> bool {
    if word == meant || !word.is_ascii() {
        return false;
    }
    let word = word.to_ascii_lowercase();
    let (word, meant) = (word.as_bytes(), meant.as_bytes());
    let pairs = || word.iter().zip(meant);
    let start = pairs().take_while(|(one, other)| one == other).count();
    let (one, other) = (&word[start..], &meant[start..]);
    match (one, other) {
        ([], []) => true,
        ([a, b, one @ ..], [c, d, other @ ..]) if (a, b) == (d, c) && one == other => true,
        _ => {
            let after = |part: &[u8], number: usize| part.get(number..).map(<[u8]>::to_vec);
            [(1, 1), (1, 0), (0, 1)]
                .into_iter()
                .any(|(skipped, passed)| {
                    let rest = after(one, skipped);
                    rest.is_some() && rest == after(other, passed)
                })
        }
    }
}

fn named(text: &str, at: Range<usize>, what: &str) -> Answer<String> {
    if text.is_empty() {
        return Err(error(at, format!("write {what} after the colon")));
    }
    Ok(text.to_owned())
}

/// A word, unless it looks like a comparison with the wrong sign.
fn measure_without_sign(text: &str, at: Range<usize>) -> Answer<Test> {
    let key = text.split([':', '=']).next().unwrap_or_default();
    if key.len() < text.len() && MEASURES.contains(&key) {
        let message = format!(
            "compare {key} with one of < <= > >=, as in {}",
            example(key)
        );
        return Err(error(at, message));
    }
    Ok(Test::Word(text.to_lowercase()))
}

fn example(key: &str) -> &'static str {
    match key {
        "frees" => "frees>=1gb",
        "age" => "age>30d",
        "idle" => "idle>30d",
        "created" => "created<2026-07-07",
        "nth" => "nth>3",
        _ => "size>500mb",
    }
}

fn comparison(key: &str, rest: &str, at: Range<usize>, kind: Kind) -> Answer<Test> {
    let (order, value) = if let Some(value) = rest.strip_prefix("<=") {
        (Order::AtMost, value)
    } else if let Some(value) = rest.strip_prefix(">=") {
        (Order::AtLeast, value)
    } else if let Some(value) = rest.strip_prefix('<') {
        (Order::Less, value)
    } else {
        (Order::More, &rest[1..])
    };
    let mistake = || {
        let what = match key {
            "size" | "frees" => "a size",
            "created" => "a date",
            "nth" => "a number",
            _ => "a duration",
        };
        error(
            at.clone(),
            format!("{value:?} is not {what}; write {}", example(key)),
        )
    };
    match key {
        "size" => parse_size(value)
            .map(|size| Test::Size(order, size))
            .ok_or_else(mistake),
        "frees" => parse_size(value)
            .map(|size| Test::Frees(order, size))
            .ok_or_else(mistake),
        "age" => parse_duration(value)
            .map(|age| Test::Age(order, age))
            .ok_or_else(mistake),
        "idle" => parse_duration(value)
            .map(|idle| Test::Idle(order, idle))
            .ok_or_else(mistake),
        "created" => created(order, value).ok_or_else(mistake),
        "nth" if kind != Kind::Image => {
            let message = format!(
                "only images have repositories, {}s have no nth",
                kind.word()
            );
            Err(error(at, message))
        }
        "nth" => value
            .parse()
            .map(|place| Test::Nth(order, place))
            .map_err(|_| mistake()),
        _ => {
            let message = format!(
                "only {} can be compared; quote a word with < or >",
                MEASURES.join(", ")
            );
            Err(error(at, message))
        }
    }
}

/// A day is 24 hours long: at most a day is before the next one begins.
fn created(order: Order, value: &str) -> Option<Test> {
    if let Ok(time) = value.parse::<Timestamp>() {
        return Some(Test::Created(order, time));
    }
    let day: Date = value.parse().ok()?;
    let begin = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().into());
    let next = || begin(day.checked_add(1.day()).ok()?);
    Some(match order {
        Order::Less | Order::AtLeast => Test::Created(order, begin(day)?),
        Order::AtMost => Test::Created(Order::Less, next()?),
        Order::More => Test::Created(Order::AtLeast, next()?),
    })
}

/// A size as people write it: `500mb`, `1.5GB`, `10MiB`, `0`; a bare number is bytes.
#[must_use]
pub fn parse_size(text: &str) -> Option<Bytes> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "p" | "pb" => 1_000_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "pib" => 1 << 50,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || part.len() > 15 || part.contains('.') {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let value =
        u128::from(whole.parse::<u64>().ok()?) * scale + u128::from(part.parse::<u64>().ok()?);
    u64::try_from(value * u128::from(factor) / scale)
        .ok()
        .map(Bytes)
}

/// The words that a kind has after `is:`.
fn words(kind: Kind) -> &'static [(&'static str, Is)] {
    match kind {
        Kind::Image => &[
            ("used", Is::Used),
            ("unused", Is::Unused),
            ("dangling", Is::Dangling),
            ("local", Is::Local),
            ("registry", Is::Registry),
            ("shared", Is::Shared),
            ("stopped", Is::Stopped),
            ("protected", Is::Protected),
            ("marked", Is::Marked),
        ],
        Kind::Container => &[
            ("running", Is::Running),
            ("paused", Is::Paused),
            ("stopped", Is::Stopped),
            ("protected", Is::Protected),
            ("marked", Is::Marked),
        ],
        Kind::Volume => &[
            ("used", Is::Used),
            ("unused", Is::Unused),
            ("anonymous", Is::Anonymous),
            ("protected", Is::Protected),
            ("marked", Is::Marked),
        ],
        Kind::Log => &[
            ("bounded", Is::Bounded),
            ("unbounded", Is::Unbounded),
            ("running", Is::Running),
            ("stopped", Is::Stopped),
            ("protected", Is::Protected),
            ("marked", Is::Marked),
        ],
        Kind::BuildCache => &[
            ("used", Is::Used),
            ("unused", Is::Unused),
            ("shared", Is::Shared),
            ("protected", Is::Protected),
            ("marked", Is::Marked),
        ],
    }
}

fn is(word: &str, at: Range<usize>, kind: Kind) -> Answer<Test> {
    let known = words(kind);
    if let Some((_, is)) = known.iter().find(|(name, _)| *name == word) {
        return Ok(Test::Is(*is));
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let message = format!(
        "{}s have no is:{word}; try {}",
        kind.word(),
        names.join(", ")
    );
    Err(error(at, message))
}

fn error(at: Range<usize>, message: impl Into<String>) -> FilterError {
    FilterError {
        at,
        message: message.into(),
    }
}
