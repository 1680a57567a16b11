//! Times as engines write them, durations as people write them, and ages as the screen shows them.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Serialize, Serializer};

/// A point in time to the nanosecond, in eight bytes, and none more where there may be none: there are hundreds of
/// thousands of them. What lies before 1678 or after 2261 counts as the bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// What makes the order of signed numbers that of unsigned ones.
const SIGN: u64 = 1 << 63;
const NANOSECONDS: i64 = 1_000_000_000;

impl Timestamp {
    /// The beginning of 1970, UTC.
    pub const UNIX_EPOCH: Self = Self::from_nanosecond(0);

    /// Returns the time so many seconds after the year 1970 began; `None` beyond the bounds.
    #[must_use]
    pub fn from_second(second: i64) -> Option<Self> {
        second.checked_mul(NANOSECONDS).map(Self::from_nanosecond)
    }

    /// Returns the time so many nanoseconds after the year 1970 began.
    #[must_use]
    pub const fn from_nanosecond(nanosecond: i64) -> Self {
        match NonZeroU64::new(nanosecond.cast_unsigned() ^ SIGN) {
            Some(kept) => Self(kept),
            // The very first nanosecond is taken for the second one.
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.as_nanosecond().div_euclid(NANOSECONDS)
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn as_nanosecond(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// Nanoseconds since the last whole second.
    #[must_use]
    pub fn subsec_nanosecond(self) -> i64 {
        self.as_nanosecond().rem_euclid(NANOSECONDS)
    }

    /// Returns how long ago another time was.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> SignedDuration {
        SignedDuration::from_nanos(self.as_nanosecond())
            - SignedDuration::from_nanos(earlier.as_nanosecond())
    }

    /// Day and minute in UTC: `2026-11-21 11:05`.
    #[must_use]
    pub fn minute(self) -> impl fmt::Display {
        self.spelled().strftime("%Y-%m-%d %H:%M")
    }

    fn spelled(self) -> jiff::Timestamp {
        let spelled = jiff::Timestamp::from_nanosecond(self.as_nanosecond().into());
        spelled.unwrap_or_default()
    }

    fn bounded(nanosecond: i128) -> Self {
        let bound = if nanosecond < 0 { i64::MIN } else { i64::MAX };
        Self::from_nanosecond(nanosecond.try_into().unwrap_or(bound))
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::UNIX_EPOCH
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self::bounded(time.as_nanosecond())
    }
}

/// As RFC 3339 has it.
impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(Self::from)
    }
}

/// As RFC 3339 has it, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.spelled(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Add<SignedDuration> for Timestamp {
    type Output = Self;

    fn add(self, duration: SignedDuration) -> Self {
        Self::bounded(i128::from(self.as_nanosecond()) + duration.as_nanos())
    }
}

impl Sub<SignedDuration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: SignedDuration) -> Self {
        Self::bounded(i128::from(self.as_nanosecond()) - duration.as_nanos())
    }
}

/// Creation dates before 2000 are made up (reproducible builds) and count as not known.
const EARLIEST: i64 = 946_684_800;

/// Returns a creation time in seconds since 1970, or `None` where it is not a real one.
#[must_use]
pub fn created_from_seconds(seconds: i64) -> Option<Timestamp> {
    (seconds >= EARLIEST)
        .then(|| Timestamp::from_second(seconds))
        .flatten()
}

/// Returns a time as Docker writes it; the zero time `0001-01-01T00:00:00Z`, an empty text and dates before 2000 or
/// after 2261 are `None`.
#[must_use]
pub fn from_engine(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    let nanosecond = i64::try_from(time.as_nanosecond()).ok()?;
    Some(Timestamp::from_nanosecond(nanosecond)).filter(|time| time.as_second() >= EARLIEST)
}

/// Returns how long ago, in one unit of at most six columns: `now`, `5 min`, `2 h`, `1 d`, `3 wk`, `2 mo`, `4 y`.
#[must_use]
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    match seconds {
        ..60 => "now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        86_400..1_209_600 => format!("{} d", seconds / 86_400),
        1_209_600..5_184_000 => format!("{} wk", seconds / 604_800),
        5_184_000..63_072_000 => format!("{} mo", seconds / 2_592_000),
        _ => format!("{} y", seconds / 31_536_000),
    }
}

/// Returns how long ago, in a sentence: `just now`, `5 minutes ago`, `1 day ago`, `3 weeks ago`.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let age = age(then, now);
    let Some((number, unit)) = age.split_once(' ') else {
        return "just now".to_owned();
    };
    let unit = match unit {
        "min" => "minute",
        "h" => "hour",
        "d" => "day",
        "wk" => "week",
        "mo" => "month",
        _ => "year",
    };
    let many = if number == "1" { "" } else { "s" };
    format!("{number} {unit}{many} ago")
}

/// Returns a duration such as `30d`, `90m`, `2w`: a number and one of `s m h d w`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = number.parse::<i64>().ok()?.checked_mul(unit)?;
    Some(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
