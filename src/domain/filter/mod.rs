//! The one filter language: the `/` line and the command line (README.md, Filter).
//!
//! - `literal`: what must stand in a text for a regular expression to match it.
//! - `measure`: what a row of the table of terms is: a number that is compared, or a state that holds.
//! - `naming`: whether a name is what a term means: an image's names are references, and people write them in several
//!   ways.
//! - `parse`: reads the text of a filter.
//! - `term`: one term of a filter, and whether it holds.
//! - `terms`: the table of terms.
//! - `values`: values as people write them in a term: sizes and dates.

mod literal;
mod measure;
mod naming;
mod parse;
mod term;
mod terms;
mod values;

use std::ops::Range;

use super::bytes::{Bytes, Figure};
use super::item::{Kind, Labels};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use term::{Term, Test};
use terms::{FREES, IDLE, MARKED, PROTECTED};

pub use measure::TermHelp;
pub use naming::Naming;
pub use parse::check_spelling;
pub use terms::{NEGATION, entries, states};
pub use values::parse_size;

/// What a filter asks of an item.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What sort of thing it is.
    pub kind: Kind,
    /// An image's names, a container's, volume's or record's one name (a record's is its description).
    pub names: &'a [Text],
    /// How names are compared.
    pub naming: Naming,
    /// All digests of an image, those in repositories in which it has a tag, too.
    pub digests: &'a [Text],
    /// Its full ID, or its name where that is its identity.
    pub id: &'a str,
    /// The engine's own figure of it.
    pub size: Figure<Bytes>,
    /// What goes with it alone.
    pub frees: Figure<Bytes>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Last use as far as the engine keeps a record.
    pub last_used: Option<Timestamp>,
    /// Its compose project or stack.
    pub project: Option<&'a str>,
    /// What keeps a volume or a log; `None` where it is not known.
    pub driver: Option<&'a str>,
    /// An image's place in its repository by creation, the newest first; in several the first that it has.
    /// `None` without a name or a date.
    pub nth: Option<u32>,
    /// `None` for kinds that have none.
    pub labels: Option<&'a Labels>,
    /// What the words behind `is:` ask.
    pub is: Flags,
}

impl<'a> Subject<'a> {
    /// Returns every text of it in which a term may look for one of its own; labels aside.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> {
        let names = self.names.iter().chain(self.digests);
        let names = names.map(|name| &**name);
        names.chain([self.id]).chain(self.project)
    }
}

/// What an item must have before a filter can hold for it, or be in doubt about it. It may have more: that is for
/// the filter to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clue {
    /// This stands in the small letters of one of its [`Subject::texts`].
    Text(String),
    /// It has this label, with this value where there is one.
    Label(String, Option<String>),
}

/// The answers to `is:`; `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// An image, volume or record that something uses.
    pub used: Option<bool>,
    /// No name stands for it.
    pub dangling: Option<bool>,
    /// It was made here.
    pub local: Option<bool>,
    /// A registry has, or had it.
    pub registry: Option<bool>,
    /// Something else has some of its bytes.
    pub shared: Option<bool>,
    /// It runs.
    pub running: Option<bool>,
    /// It is paused.
    pub paused: Option<bool>,
    /// It is not running, or only such containers use it.
    pub stopped: Option<bool>,
    /// Nobody named it.
    pub anonymous: Option<bool>,
    /// A log that cannot grow for ever.
    pub bounded: Option<bool>,
    /// Something says that it must not go.
    pub protected: bool,
    /// It is marked.
    pub marked: bool,
}

/// What a filter says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The item is shown.
    Shown,
    /// It is not.
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
    /// What is wrong, in a sentence.
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
        parse::Words::read(text).filter(kind)
    }

    /// Reads a filter for each kind, as [`Filter::parse`] does for one; a regular expression is built once.
    pub fn of_each_kind(text: &str) -> [Result<Self, FilterError>; Kind::COUNT] {
        let words = parse::Words::read(text);
        Kind::ALL.map(|kind| words.filter(kind))
    }

    /// Returns the longest text that one of its terms looks for, or else a label; `None` where it may hold for
    /// anything.
    #[must_use]
    pub fn clue(&self) -> Option<Clue> {
        let terms = self.terms.iter().filter(|term| !term.negated);
        let clues = terms.filter_map(|term| term.test.clue());
        clues.max_by_key(|clue| match clue {
            Clue::Label(_, Some(_)) => usize::MAX,
            Clue::Text(text) => text.len(),
            Clue::Label(_, None) => 0,
        })
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

    /// Returns the names of an image that were asked for: those that every name term matches, or all of them where
    /// the filter has no such term or selects by ID.
    #[must_use]
    pub fn matched_names<'a>(&self, subject: &Subject<'a>) -> Vec<&'a Text> {
        let asked = self.terms.iter().filter(|term| !term.negated);
        let asked: Vec<&Test> = asked.map(|term| &term.test).collect();
        let by_id = asked.iter().any(|test| test.is_by_id(subject));
        let is_asked = |name: &&Text| {
            let mut tests = asked.iter();
            by_id || tests.all(|test| test.asks_for(name, subject) != Some(false))
        };
        subject.names.iter().filter(is_asked).collect()
    }

    /// Returns whether a term asks when something was last used. Of images and volumes only their containers tell.
    #[must_use]
    pub fn asks_last_use(&self) -> bool {
        let asks =
            |term: &Term| matches!(&term.test, Test::Compared(measure, ..) if measure.key == IDLE);
        self.terms.iter().any(asks)
    }

    /// Returns true if a term asks what goes with a thing.
    #[must_use]
    pub fn asks_frees(&self) -> bool {
        let asks =
            |term: &Term| matches!(&term.test, Test::Compared(measure, ..) if measure.key == FREES);
        self.terms.iter().any(asks)
    }

    /// Returns whether a term asks for what only dtop itself knows: marks, and protection.
    #[must_use]
    pub fn asks_marks(&self) -> bool {
        let own = [MARKED, PROTECTED];
        let asks = |term: &Term| matches!(&term.test, Test::Is(state) if own.contains(&state.word));
        self.terms.iter().any(asks)
    }

    /// Returns the first bare word: `--yes` refuses it, and proposes what [`instead_of`] says.
    #[must_use]
    pub fn bare_word(&self) -> Option<&str> {
        self.terms.iter().find_map(|term| match &term.test {
            Test::Word(word) => Some(word.as_str()),
            _ => None,
        })
    }
}

/// Returns what to write instead of a bare word where nobody is asked: a whole name, a part of one, or an ID.
#[must_use]
pub fn instead_of(word: &str) -> String {
    if term::is_id(word.strip_prefix("sha256:").unwrap_or(word)) {
        return format!("id:{word}");
    }
    let slashed = word.replace('/', "\\/");
    format!("={word} or /{slashed}/")
}

#[cfg(test)]
mod tests;
