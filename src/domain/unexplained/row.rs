//! One row of what is not counted.

use super::cause::Cause;
use crate::domain::bytes::Bytes;
use crate::domain::text::Text;

/// Bytes that are not counted, at one place, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// Why it is not counted.
    pub cause: Cause,
    /// Where it lies.
    pub path: Text,
    /// The container whose folder it is, of one that the engine's other store has.
    pub container: Option<Text>,
    /// `None` where they cannot be counted.
    pub bytes: Option<Bytes>,
}

impl Unexplained {
    /// Returns what it is, in a few words, with the name of the container that it is of.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.container {
            Some(name) => format!("{}: {name}", self.cause.title()),
            None => self.cause.title().to_owned(),
        }
    }
}
