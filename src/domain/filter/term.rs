//! One term of a filter, and whether it holds.

use regex_lite::Regex;

use super::literal::required;
use super::measure::{NumberTerm, Order, StateTerm};
use super::{Clue, Subject};
use crate::domain::reference::{is_digest, repository};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A test that must hold, or must not.
#[derive(Clone, Debug)]
pub struct Term {
    pub negated: bool,
    pub test: Test,
}

/// What a term asks.
#[derive(Clone, Debug)]
pub enum Test {
    /// A part of a name, in small letters; case is ignored.
    Word(String),
    /// A whole name, where `*` stands for anything; case counts, as it does for Docker.
    Whole(String),
    /// A regular expression somewhere in a name; case counts unless it says `(?i)`.
    Pattern(Regex),
    /// The beginning of an ID, without `sha256:`.
    Id(String),
    /// A number of it stands to another as it should.
    Compared(&'static NumberTerm, Order, i128),
    Project(String),
    /// The whole name of a driver, where `*` stands for anything.
    Driver(String),
    Label(String, Option<String>),
    Is(&'static StateTerm),
}

impl Test {
    /// Returns whether it holds; `None` where the figure that it asks about is not known.
    pub fn holds(&self, subject: &Subject<'_>, now: Timestamp) -> Option<bool> {
        match self {
            Self::Word(_) | Self::Whole(_) | Self::Pattern(_) => {
                let mut names = subject.names.iter();
                let by_name = names.any(|name| self.asks_for(name, subject) == Some(true));
                Some(by_name || self.is_by_id(subject))
            }
            Self::Id(start) => Some(digits(subject.id).starts_with(start.as_str())),
            Self::Compared(measure, order, wanted) => {
                Some(order.holds((measure.value)(subject, now)?, *wanted))
            }
            Self::Project(project) => Some(subject.project.is_some_and(|it| is_like(it, project))),
            Self::Driver(driver) => Some(is_like(subject.driver?, driver)),
            Self::Label(key, wanted) => {
                let value = subject.labels.and_then(|labels| labels.value(key));
                Some(match wanted {
                    Some(wanted) => value == Some(wanted),
                    None => value.is_some(),
                })
            }
            Self::Is(state) => (state.holds)(&subject.is),
        }
    }

    /// Returns what an item must have for the test to hold; `None` if it may hold for any. It must know of each
    /// place in which [`Test::holds`] looks.
    pub fn clue(&self) -> Option<Clue> {
        let longest = |pieces: &mut dyn Iterator<Item = &str>| {
            let longest = pieces.max_by_key(|piece| piece.len());
            longest.map(|piece| Clue::Text(piece.to_owned()))
        };
        // Of letters beyond ASCII a small form may depend on what stands beside them.
        let plain = |pattern: &str| {
            let small = pattern.to_ascii_lowercase();
            let is_end = |letter: char| matches!(letter, '*' | '@' | ':') || !letter.is_ascii();
            longest(&mut small.split(is_end))
        };
        match self {
            // A name by digest is met in other forms than its own, which differ around `@` and `:` (see `naming`).
            Self::Word(word) => longest(&mut word.split(['@', ':'])),
            Self::Whole(pattern) => match pattern.split_once('@') {
                // The tag before a digest is passed over.
                Some((before, digest)) => plain(&format!("{}@{digest}", repository(before))),
                None => plain(pattern),
            },
            Self::Project(pattern) => plain(pattern),
            Self::Pattern(pattern) => longest(&mut required(pattern.as_str())?.split('@')),
            Self::Id(start) => plain(start),
            Self::Label(key, value) => Some(Clue::Label(key.clone(), value.clone())),
            Self::Compared(..) | Self::Driver(_) | Self::Is(_) => None,
        }
    }

    /// Returns whether a name of a thing is asked for; `None` if the test is not about names.
    pub fn asks_for(&self, name: &str, subject: &Subject<'_>) -> Option<bool> {
        let naming = subject.naming;
        match self {
            Self::Word(word) => Some(naming.has_word(name, word, contains_ignoring_case)),
            Self::Whole(pattern) => {
                // A digest means its repository's names here, whatever tags there are.
                let is_its_digest = |digest: &Text| {
                    repository(digest) == repository(name) && naming.is_whole(digest, pattern)
                };
                let by_digest = || subject.digests.iter().any(is_its_digest);
                let is_meant = naming.is_whole(name, pattern);
                Some(is_meant || is_digest(pattern) && by_digest())
            }
            Self::Pattern(pattern) => Some(naming.has_pattern(name, pattern)),
            _ => None,
        }
    }

    /// Returns true where a thing is selected by its ID: as `id:` does, and a word that can hardly be anything else.
    pub fn is_by_id(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Id(_) => true,
            Self::Word(word) => {
                let start = digits(word);
                is_id(start) && digits(subject.id).starts_with(start)
            }
            _ => false,
        }
    }
}

/// Returns an ID without its algorithm.
fn digits(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// Returns true for 12 to 64 hexadecimal digits in small letters: an ID as docker shows it, or more of it.
pub fn is_id(word: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (12..=64).contains(&word.len()) && word.bytes().all(is_digit)
}

fn contains_ignoring_case(text: &str, small: &str) -> bool {
    if text.is_ascii() && small.is_ascii() {
        let Some((first, rest)) = small.as_bytes().split_first() else {
            return true;
        };
        let either = [*first, first.to_ascii_uppercase()];
        // The first letter alone rules most places out, in all of a hundred thousand names.
        let mut text = text.as_bytes();
        while let Some(at) = text.iter().position(|letter| either.contains(letter)) {
            text = &text[at + 1..];
            if text.len() >= rest.len() && text[..rest.len()].eq_ignore_ascii_case(rest) {
                return true;
            }
        }
        return false;
    }
    text.to_lowercase().contains(small)
}

/// Returns whether a text is like a pattern in which `*` stands for anything. Each part is taken where it first
/// fits, which is enough: only the first and the last have a fixed place.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}
