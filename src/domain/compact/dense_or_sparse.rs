//! Something for each number, of which most have nothing.

use std::collections::HashMap;

/// A value for each number; the default until another is written.
#[derive(Clone, Debug)]
pub(in crate::domain) enum DenseOrSparse<T> {
    /// A place for every number: quick to use, and costs as much as there are numbers.
    Whole(Vec<T>),
    /// Only what was written: for a handful.
    Few(HashMap<u32, T>),
}

impl<T: Copy + Default> DenseOrSparse<T> {
    pub(in crate::domain) fn new(length: usize, few: bool) -> Self {
        if few {
            Self::Few(HashMap::new())
        } else {
            Self::Whole(vec![T::default(); length])
        }
    }

    pub(in crate::domain) fn at(&self, number: u32) -> T {
        match self {
            Self::Whole(values) => values[number as usize],
            Self::Few(values) => values.get(&number).copied().unwrap_or_default(),
        }
    }

    pub(in crate::domain) fn at_mut(&mut self, number: u32) -> &mut T {
        match self {
            Self::Whole(values) => &mut values[number as usize],
            Self::Few(values) => values.entry(number).or_default(),
        }
    }

    /// Writes a value and returns what stood there.
    pub(in crate::domain) fn replace(&mut self, number: u32, value: T) -> T {
        std::mem::replace(self.at_mut(number), value)
    }
}
