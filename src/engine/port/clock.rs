//! The clock, which nothing reads that works out what follows from a time.

use crate::domain::time::Timestamp;

#[must_use]
pub fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
