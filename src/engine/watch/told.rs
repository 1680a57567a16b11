//! What each list said when it was sent last, so that one which says the same makes no new picture.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::question::Question;

/// A number of each list that was sent: the lists themselves are large, and kept where they are shown.
#[derive(Default)]
pub(super) struct Told(HashMap<Question, (usize, u64)>);

impl Told {
    /// Takes note of a list that came. True if it says anything else than the last one, in whatever order: engines
    /// tell the same build cache in another order each time.
    pub(super) fn takes<T: Hash>(&mut self, question: Question, rows: &[T]) -> bool {
        let sum = rows
            .iter()
            .fold(0_u64, |sum, row| sum.wrapping_add(number_of(row)));
        let number = (rows.len(), sum);
        self.0.insert(question, number) != Some(number)
    }

    /// The next list is news whatever it says.
    pub(super) fn forget(&mut self, question: Question) {
        self.0.remove(&question);
    }
}

/// A number that another value has not, but for one time in a life: enough to tell whether to ask again.
pub(super) fn number_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_in_another_order_are_no_news() {
        let mut told = Told::default();
        let mut takes = |rows: &[u32]| told.takes(Question::BuildCache, rows);
        assert!(takes(&[]));
        assert!(!takes(&[]));
        assert!(takes(&[1, 2, 2]));
        assert!(!takes(&[2, 1, 2]));
        assert!(takes(&[2, 1]));
        assert!(takes(&[1, 3]));
        told.forget(Question::BuildCache);
        assert!(told.takes(Question::BuildCache, &[1, 3]));
    }
}
