//! What a list says, as a number: enough to tell whether it says anything new, without the list.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The number of a list's rows and what they say, in whatever order: engines tell the same build cache in another
/// order each time. Another list has another one, but for one time in a life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    rows: usize,
    sum: u64,
}

impl Fingerprint {
    #[must_use]
    pub fn of<T: Hash>(rows: &[T]) -> Self {
        let mut fingerprint = Self::default();
        for row in rows {
            fingerprint.add(row);
        }
        fingerprint
    }

    pub fn add(&mut self, row: &impl Hash) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(number_of(row));
    }
}

/// Returns what a value says, as a number.
pub(super) fn number_of(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
