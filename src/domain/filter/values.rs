//! Values as people write them in a term: sizes and dates. Durations are of [`crate::domain::time`].

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::bytes::Bytes;
use crate::domain::time::Timestamp;

/// Returns a size as people write it: `500mb`, `1.5GB`, `10MiB`, `0`; a bare number is bytes.
#[must_use]
pub fn parse_size(text: &str) -> Option<Bytes> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "p" | "pb" => 1_000_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "pib" => 1 << 50,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || part.len() > 15 || part.contains('.') {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let value =
        u128::from(whole.parse::<u64>().ok()?) * scale + u128::from(part.parse::<u64>().ok()?);
    u64::try_from(value * u128::from(factor) / scale)
        .ok()
        .map(Bytes)
}

/// Reads a moment, or a day in UTC: when it begins, and of a day when the next one does.
pub fn day_or_time(text: &str) -> Option<(Timestamp, Option<Timestamp>)> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some((time, None));
    }
    let day: Date = text.parse().ok()?;
    let begin = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().into());
    Some((begin(day)?, begin(day.checked_add(1.day()).ok()?)))
}
