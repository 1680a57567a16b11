//! Lists of small things, one list for each number.

/// Lists that lie one behind the other in one piece of memory.
#[derive(Clone, Debug, Default)]
pub(in crate::domain) struct Csr<T> {
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Default> Csr<T> {
    /// Keeps each key's values in the order of the pairs. Keys behind the last that has any take no memory.
    pub(in crate::domain) fn new(pairs: impl Iterator<Item = (u32, T)> + Clone) -> Self {
        let Some(last) = pairs.clone().map(|(key, _)| key as usize).max() else {
            return Self::default();
        };
        let keys = last + 1;
        let mut starts = vec![0_u32; keys + 1];
        for (key, _) in pairs.clone() {
            starts[key as usize + 1] += 1;
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let mut values = vec![T::default(); starts[keys] as usize];
        let mut next = starts.clone();
        for (key, value) in pairs {
            let place = &mut next[key as usize];
            values[*place as usize] = value;
            *place += 1;
        }
        Self { starts, values }
    }

    pub(in crate::domain) fn of(&self, key: u32) -> &[T] {
        let key = key as usize;
        match (self.starts.get(key), self.starts.get(key + 1)) {
            (Some(start), Some(end)) => &self.values[*start as usize..*end as usize],
            _ => &[],
        }
    }
}
