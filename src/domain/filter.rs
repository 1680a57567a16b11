//! The one filter language: the `/` line and the command line (DESIGN.md).

use std::ops::Range;

use jiff::Timestamp;

use super::bytes::{Bytes, Figure};
use super::item::{Kind, Labels, Text};

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

/// A filter for items of one kind.
#[derive(Clone, Debug, Default)]
pub struct Filter {}

impl Filter {
    /// Reads a filter. An empty text shows everything.
    ///
    /// # Errors
    /// When a term cannot be read, or the kind does not have it.
    pub fn parse(_text: &str, _kind: Kind) -> Result<Self, FilterError> {
        Ok(Self {})
    }

    #[must_use]
    pub fn verdict(&self, _subject: &Subject<'_>, _now: Timestamp) -> Verdict {
        Verdict::Shown
    }

    /// The names of an image that the filter's name terms match; all of them where it has none.
    #[must_use]
    pub fn matched_names<'a>(&self, names: &'a [Text]) -> Vec<&'a Text> {
        names.iter().collect()
    }

    /// The first bare word: `--yes` refuses it and proposes `=word` and `/word/`.
    #[must_use]
    pub fn bare_word(&self) -> Option<&str> {
        None
    }
}
