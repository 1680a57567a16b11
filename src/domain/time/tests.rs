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
fn a_time_is_what_was_written_and_takes_eight_bytes() {
    assert_eq!(size_of::<Option<Timestamp>>(), 8);
    for text in [
        "2026-11-21T11:00:45.178083148Z",
        "1969-12-31T23:59:59.5Z",
        "1970-01-01T00:00:00Z",
        "2261-12-31T23:59:59.999999999Z",
    ] {
        let time: Timestamp = text.parse().expect("a time");
        assert_eq!(time.to_string(), text);
        assert_eq!(
            format!("\"{text}\""),
            serde_json::to_string(&time).expect("text")
        );
    }
    let before: Timestamp = "1969-12-31T23:59:59.5Z".parse().expect("a time");
    assert_eq!(
        (before.as_second(), before.subsec_nanosecond()),
        (-1, 500_000_000)
    );
    let (first, last): (Timestamp, Timestamp) = (
        "-009999-01-02T01:59:59Z".parse().expect("a time"),
        "9999-12-30T22:00:00Z".parse().expect("a time"),
    );
    assert!(first < before && before < Timestamp::UNIX_EPOCH && Timestamp::UNIX_EPOCH < last);
    assert_eq!(last + SignedDuration::MAX, last);
    assert_eq!(first - SignedDuration::MAX, first);
    assert_eq!(
        before.duration_since(Timestamp::UNIX_EPOCH).as_millis(),
        -500
    );
}

#[test]
fn dates_nobody_meant_are_not_known() {
    assert_eq!(from_engine("0001-01-01T00:00:00Z"), None);
    assert_eq!(from_engine("1980-01-01T00:00:00Z"), None);
    assert_eq!(from_engine("9999-12-30T22:00:00Z"), None);
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
