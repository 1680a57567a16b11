//! One term of a filter, and whether it holds.

use jiff::SignedDuration;
use regex_lite::Regex;

use super::super::bytes::Bytes;
use super::{Flags, Subject};
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
    Size(Order, Bytes),
    Frees(Order, Bytes),
    Age(Order, SignedDuration),
    Idle(Order, SignedDuration),
    Created(Order, Timestamp),
    Project(String),
    /// An image's place in its repository, the newest first.
    Nth(Order, u32),
    Label(String, Option<String>),
    Is(Is),
}

/// `< <= > >=`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Order {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// The words after `is:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    Used,
    Unused,
    Dangling,
    Local,
    Registry,
    Shared,
    Running,
    Paused,
    Stopped,
    Anonymous,
    Bounded,
    Unbounded,
    Protected,
    Marked,
}

impl Is {
    fn holds(self, flags: &Flags) -> Option<bool> {
        match self {
            Self::Used => flags.used,
            Self::Unused => flags.used.map(|used| !used),
            Self::Dangling => flags.dangling,
            Self::Local => flags.local,
            Self::Registry => flags.registry,
            Self::Shared => flags.shared,
            Self::Running => flags.running,
            Self::Paused => flags.paused,
            Self::Stopped => flags.stopped,
            Self::Anonymous => flags.anonymous,
            Self::Bounded => flags.bounded,
            Self::Unbounded => flags.bounded.map(|bounded| !bounded),
            Self::Protected => Some(flags.protected),
            Self::Marked => Some(flags.marked),
        }
    }
}

impl Test {
    /// Whether it holds; `None` where the figure that it asks about is not known.
    pub fn holds(&self, subject: &Subject<'_>, now: Timestamp) -> Option<bool> {
        match self {
            Self::Word(_) | Self::Whole(_) | Self::Pattern(_) => Some(
                subject
                    .names
                    .iter()
                    .any(|name| self.matches_name(name) == Some(true)),
            ),
            Self::Id(start) => {
                let id = subject.id.strip_prefix("sha256:").unwrap_or(subject.id);
                Some(id.starts_with(start.as_str()))
            }
            Self::Size(order, size) => Some(order.holds(&subject.size.known()?, size)),
            Self::Frees(order, size) => Some(order.holds(&subject.frees.known()?, size)),
            Self::Age(order, age) => Some(order.holds(&now.duration_since(subject.created?), age)),
            Self::Idle(order, idle) => {
                Some(order.holds(&now.duration_since(subject.last_used?), idle))
            }
            Self::Created(order, time) => Some(order.holds(&subject.created?, time)),
            Self::Project(project) => Some(subject.project.is_some_and(|it| is_like(it, project))),
            Self::Nth(order, place) => Some(order.holds(&subject.nth?, place)),
            Self::Label(key, wanted) => {
                let value = subject.labels.and_then(|labels| labels.value(key));
                Some(match wanted {
                    Some(wanted) => value == Some(wanted),
                    None => value.is_some(),
                })
            }
            Self::Is(is) => is.holds(&subject.is),
        }
    }

    /// Whether a name matches; `None` if the test is not about names.
    pub fn matches_name(&self, name: &str) -> Option<bool> {
        match self {
            Self::Word(word) => Some(contains_ignoring_case(name, word)),
            Self::Whole(pattern) => {
                let latest = || name.strip_suffix(":latest").unwrap_or(name);
                Some(is_like(name, pattern) || is_like(latest(), pattern))
            }
            Self::Pattern(pattern) => Some(pattern.is_match(name)),
            _ => None,
        }
    }
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

/// Whether a text is like a pattern in which `*` stands for anything. Each part is taken where it first
/// fits, which is enough: only the first and the last have a fixed place.
fn is_like(text: &str, pattern: &str) -> bool {
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
