//! What each list said when it was sent last, so that one which says the same makes no new picture.

use std::collections::HashMap;
use std::hash::Hash;

use super::question::Question;
use crate::engine::fingerprint::Fingerprint;

/// The fingerprint of each list that was sent: the lists themselves are large, and kept where they are shown.
#[derive(Default)]
pub(super) struct LastPublished(HashMap<Question, Fingerprint>);

impl LastPublished {
    /// Takes note of a list that came. True if it says anything else than the last one, in whatever order.
    pub(super) fn takes<T: Hash>(&mut self, question: Question, rows: &[T]) -> bool {
        let fingerprint = Fingerprint::of(rows);
        self.0.insert(question, fingerprint) != Some(fingerprint)
    }

    /// Returns what the last list said.
    pub(super) fn last(&self, question: Question) -> Option<Fingerprint> {
        self.0.get(&question).copied()
    }

    /// The next list is news whatever it says.
    pub(super) fn forget(&mut self, question: Question) {
        self.0.remove(&question);
    }
}

#[cfg(test)]
mod tests;
