use super::*;

#[test]
fn only_what_a_dead_process_of_this_machine_made_is_left_over() {
    let labels = |value: &str| Labels::new(vec![(LABEL.into(), value.into())]);
    let now = clock::now();
    let old = now - SignedDuration::from_hours(25);
    let own = std::process::id();
    for (value, created, left) in [
        (format!("m:{own}"), now, false),
        ("m:2147480000".to_owned(), now, true),
        ("m:none".to_owned(), now, true),
        ("other:2147480000".to_owned(), now, false),
        ("other:2147480000".to_owned(), old, true),
        (String::new(), now, false),
    ] {
        assert_eq!(
            is_left(&labels(&value), Some(created), "m"),
            left,
            "{value}"
        );
    }
}
