//! The one gate that everything which writes passes (README.md, What is never removed): requests other than GET and
//! HEAD, files that keep copies, logs that are emptied.
//!
//! What writes takes a [`Permit`], and only an open gate hands one out: with `--read-only` there is none.

use crate::engine::EngineError;

/// Whether anything may be written on behalf of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    is_shut: bool,
}

impl Gate {
    /// Opens the gate, or shuts it where nothing may be written.
    #[must_use]
    pub const fn new(read_only: bool) -> Self {
        Self { is_shut: read_only }
    }

    /// Lets something through that writes, which is named only where it is refused.
    ///
    /// # Errors
    /// [`EngineError::ReadOnly`] where nothing may be written.
    pub fn pass(self, what: impl FnOnce() -> String) -> Result<Permit, EngineError> {
        if self.is_shut {
            return Err(EngineError::ReadOnly { request: what() });
        }
        Ok(Permit(()))
    }
}

/// The leave to write, which has passed the [`Gate`].
#[derive(Clone, Copy, Debug)]
pub struct Permit(());

#[cfg(test)]
mod tests;
