//! The clock, which nothing reads that works out what follows from a time.

use crate::domain::time::Timestamp;

/// Returns what time it is.
#[must_use]
pub fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
