use super::*;

#[test]
fn three_significant_digits_in_decimal_units() {
    for (bytes, text) in [
        (0, "0 B"),
        (61, "61 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (154_321_000, "154 MB"),
        (31_000_000_000, "31.0 GB"),
        (999_499, "999 kB"),
        (999_600, "1.00 MB"),
        (u64::MAX, "18.4 EB"),
    ] {
        assert_eq!(Bytes(bytes).to_string(), text, "{bytes}");
    }
}

#[test]
fn what_an_engine_writes_never_panics() {
    assert_eq!(Bytes::from_engine(-1), None);
    assert_eq!(Bytes::from_engine(i64::MIN), None);
    assert_eq!(Bytes::from_engine(i64::MAX), Some(Bytes(i64::MAX as u64)));
    assert_eq!(Bytes(u64::MAX) + Bytes(1), Bytes(u64::MAX));
    assert_eq!(Bytes(1) - Bytes(2), Bytes::ZERO);
}
