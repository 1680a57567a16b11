//! The one filter language: the `/` line and the command line (DESIGN.md).

mod parse;
mod term;

use std::ops::Range;

use super::bytes::{Bytes, Figure};
use super::item::{Kind, Labels, Text};
use crate::domain::time::Timestamp;
use term::{Is, Term, Test};

pub use parse::parse_size;

/// What a filter asks of an item.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub kind: Kind,
    /// An image's tags, a container's, volume's or record's one name (a record's is its description).
    pub names: &'a [Text],
    pub id: &'a str,
    pub size: Figure<Bytes>,
    pub frees: Figure<Bytes>,
    pub created: Option<Timestamp>,
    /// Last use as far as the engine keeps a record.
    pub last_used: Option<Timestamp>,
    pub project: Option<&'a str>,
    /// An image's place in its repository by creation, the newest first; in several the first that it has.
    /// `None` without a name or a date.
    pub nth: Option<u32>,
    /// `None` for kinds that have none.
    pub labels: Option<&'a Labels>,
    pub is: Flags,
}

/// The answers to `is:`; `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// An image, volume or record that something uses.
    pub used: Option<bool>,
    pub dangling: Option<bool>,
    pub local: Option<bool>,
    pub registry: Option<bool>,
    pub shared: Option<bool>,
    pub running: Option<bool>,
    pub paused: Option<bool>,
    pub stopped: Option<bool>,
    pub anonymous: Option<bool>,
    /// A log that cannot grow for ever.
    pub bounded: Option<bool>,
    pub protected: bool,
    pub marked: bool,
}

/// What a filter says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Shown,
    Hidden,
    /// A term asks about a figure that is not known, and no other term hides the item.
    NotKnown,
}

/// Why a filter cannot be used, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// The bytes of the text at fault.
    pub at: Range<usize>,
    pub message: String,
}

/// A filter for items of one kind: all its terms must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

impl Filter {
    /// Reads a filter. An empty text shows everything.
    ///
    /// # Errors
    /// When a term cannot be read, or the kind does not have it.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, FilterError> {
        let terms = parse::terms(text, kind)?;
        Ok(Self { terms })
    }

    /// A term about a figure that is not known holds for nothing, and neither does its negation.
    #[must_use]
    pub fn verdict(&self, subject: &Subject<'_>, now: Timestamp) -> Verdict {
        let mut verdict = Verdict::Shown;
        for term in &self.terms {
            match term.test.holds(subject, now) {
                Some(holds) if holds == term.negated => return Verdict::Hidden,
                Some(_) => {}
                None => verdict = Verdict::NotKnown,
            }
        }
        verdict
    }

    /// The names of an image that were asked for: those that every name term matches, or all of them where
    /// the filter has no such term or selects by ID.
    #[must_use]
    pub fn matched_names<'a>(&self, names: &'a [Text]) -> Vec<&'a Text> {
        let asked: Vec<&Test> = self
            .terms
            .iter()
            .filter(|term| !term.negated)
            .map(|term| &term.test)
            .collect();
        let by_id = asked.iter().any(|test| matches!(test, Test::Id(_)));
        names
            .iter()
            .filter(|name| {
                by_id
                    || asked
                        .iter()
                        .all(|test| test.matches_name(name) != Some(false))
            })
            .collect()
    }

    /// Whether a term asks when something was last used. Of images and volumes only their containers tell.
    #[must_use]
    pub fn asks_last_use(&self) -> bool {
        let asks = |term: &Term| matches!(term.test, Test::Idle(..));
        self.terms.iter().any(asks)
    }

    /// Whether a term asks for what only dtop itself knows: marks, and protection.
    #[must_use]
    pub fn asks_marks(&self) -> bool {
        let asks = |term: &Term| matches!(term.test, Test::Is(Is::Marked | Is::Protected));
        self.terms.iter().any(asks)
    }

    /// The first bare word: `--yes` refuses it and proposes `=word` and `/word/`.
    #[must_use]
    pub fn bare_word(&self) -> Option<&str> {
        self.terms.iter().find_map(|term| match &term.test {
            Test::Word(word) => Some(word.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
