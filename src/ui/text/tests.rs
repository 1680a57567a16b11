use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_fitted_text_never_takes_more_room(raw in any::<String>(), room in 0_usize..40) {
        let safe = sanitise(&raw);
        prop_assert!(width(&fit(&safe, room)) <= room);
        prop_assert_eq!(width(&pad(&safe, room)), room);
    }
}
