//! A number or none, in the room of the number alone.

/// A number of something that there may be none of: the greatest of all is no thing's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct OptIndex(u32);

impl OptIndex {
    pub(in crate::domain) const NONE: Self = Self(u32::MAX);

    pub(in crate::domain) fn get(self) -> Option<u32> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl Default for OptIndex {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<u32> for OptIndex {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<Option<u32>> for OptIndex {
    fn from(number: Option<u32>) -> Self {
        number.map_or(Self::NONE, Self)
    }
}
