//! Times as engines write them, durations as people write them, and ages as the screen shows them.

use jiff::{SignedDuration, Timestamp};

/// Creation dates before 2000 are made up (reproducible builds) and count as not known.
const EARLIEST: i64 = 946_684_800;

/// A creation time in seconds since 1970, or `None` where it is not a real one.
#[must_use]
pub fn created_from_seconds(seconds: i64) -> Option<Timestamp> {
    (seconds >= EARLIEST)
        .then(|| Timestamp::from_second(seconds).ok())
        .flatten()
}

/// A time as Docker writes it; the zero time `0001-01-01T00:00:00Z`, an empty text and dates before 2000 are `None`.
#[must_use]
pub fn from_engine(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .filter(|time| time.as_second() >= EARLIEST)
}

/// How long ago, in one unit of at most six columns: `now`, `5 min`, `2 h`, `1 d`, `3 wk`, `2 mo`, `4 y`.
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

/// How long ago, in a sentence: `just now`, `5 minutes ago`, `1 day ago`, `3 weeks ago`.
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

/// A duration such as `30d`, `90m`, `2w`: a number and one of `s m h d w`.
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
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let then = Timestamp::from_second(1_700_000_000).expect("a time");
        for (seconds, text) in [
            (-5, "now"),
            (59, "now"),
            (60, "1 min"),
            (7_200, "2 h"),
            (86_400, "1 d"),
            (21 * 86_400, "3 wk"),
            (61 * 86_400, "2 mo"),
            (800 * 86_400, "2 y"),
        ] {
            let now = then + SignedDuration::from_secs(seconds);
            assert_eq!(age(then, now), text, "{seconds}");
        }
        let in_words = |hours| ago(then, then + SignedDuration::from_hours(hours));
        assert_eq!(in_words(0), "just now");
        assert_eq!(in_words(25), "1 day ago");
        assert_eq!(in_words(21 * 24), "3 weeks ago");
    }

    #[test]
    fn dates_nobody_meant_are_not_known() {
        assert_eq!(from_engine("0001-01-01T00:00:00Z"), None);
        assert_eq!(from_engine("1980-01-01T00:00:00Z"), None);
        assert_eq!(from_engine(""), None);
        assert!(from_engine("2026-11-21T11:00:45.178083148Z").is_some());
        assert_eq!(created_from_seconds(0), None);
        assert_eq!(created_from_seconds(i64::MAX), None);
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("30d"), Some(SignedDuration::from_hours(720)));
        for bad in ["", "d", "3", "3x", "-3d", "1.5d", "99999999999999999999w"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
