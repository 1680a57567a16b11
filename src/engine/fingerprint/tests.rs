use super::*;

#[test]
fn the_same_rows_say_the_same_in_any_order() {
    let fingerprint = |rows: &[u32]| Fingerprint::of(rows);
    assert_eq!(fingerprint(&[]), Fingerprint::default());
    assert_eq!(fingerprint(&[1, 2, 2]), fingerprint(&[2, 1, 2]));
    for other in [&[1, 2][..], &[1, 2, 3], &[2, 2, 2], &[1, 1, 2], &[]] {
        assert_ne!(fingerprint(&[1, 2, 2]), fingerprint(other), "{other:?}");
    }
}
