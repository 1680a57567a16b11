use super::*;

#[test]
fn the_same_rows_in_another_order_are_no_news() {
    let mut told = LastPublished::default();
    let mut takes = |rows: &[u32]| told.takes(Question::BuildCache, rows);
    assert!(takes(&[]));
    assert!(!takes(&[]));
    assert!(takes(&[1, 2, 2]));
    assert!(!takes(&[2, 1, 2]));
    assert!(takes(&[2, 1]));
    assert!(takes(&[1, 3]));
    told.forget(Question::BuildCache);
    assert!(told.takes(Question::BuildCache, &[1, 3]));
}
