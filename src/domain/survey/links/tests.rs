use super::*;

#[test]
fn what_is_tied_in_any_way_is_one_cluster() {
    let ties = [(5, 6), (1, 2), (6, 2), (4, 4), (3, 7)];
    assert_eq!(clusters(9, ties.iter()), [0, 1, 1, 3, 4, 1, 1, 3, 8]);
}
