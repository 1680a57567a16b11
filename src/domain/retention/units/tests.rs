use super::*;

#[test]
fn what_there_is_a_hundred_thousand_of_is_small() {
    assert_eq!(size_of::<Unit>(), 32);
    assert!(size_of::<Holder>() <= 40);
}
