//! What a row of the table of terms is: a number that is compared, or a state that holds.

use super::{Flags, Subject};
use crate::domain::item::Kind;
use crate::domain::time::Timestamp;

/// One row of the language's description.
#[derive(Clone, Copy, Debug)]
pub struct TermHelp {
    /// Such a term.
    pub example: &'static str,
    /// What it means, in a few words; empty where another row says it.
    pub short: &'static str,
    /// What it means, in full, as Markdown.
    pub full: &'static str,
}

/// A term that compares a number, as `size>500mb`.
#[derive(Debug)]
pub struct NumberTerm {
    pub key: &'static str,
    /// What its value is, with an article.
    pub what: &'static str,
    pub about: TermHelp,
    pub kinds: &'static [Kind],
    /// Why no others have it; `{kind}` stands for the word of one.
    pub why: &'static str,
    /// Reads a value. The comparison may become another: no later than a day is before the next one begins.
    pub read: fn(Order, &str) -> Option<(Order, i128)>,
    /// Returns the number of an item; `None` where it is not known.
    pub value: fn(&Subject<'_>, Timestamp) -> Option<i128>,
}

/// A word behind `is:`.
#[derive(Debug)]
pub struct StateTerm {
    pub word: &'static str,
    pub kinds: &'static [Kind],
    /// What it means of the first kind where its word does not say it.
    pub note: &'static str,
    /// Whether it holds; `None` where it is not known.
    pub holds: fn(&Flags) -> Option<bool>,
}

impl StateTerm {
    pub(super) const fn noted(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
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
    pub(super) fn holds(self, left: i128, right: i128) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}
