use super::*;

#[test]
fn no_key_means_two_things_in_one_place() {
    for place in [
        Browse,
        Detail,
        Plan,
        Presets,
        Projects,
        Removing,
        Outcome,
        History,
        Unexplained,
        Help,
        NoEngine,
    ] {
        let mut seen = Vec::new();
        for binding in BINDINGS.iter().filter(|b| b.places.contains(&place)) {
            for key in binding.keys {
                assert!(!seen.contains(key), "{key:?} twice in {place:?}");
                seen.push(*key);
            }
        }
    }
}

#[test]
fn enter_never_confirms_and_one_key_never_removes() {
    assert_eq!(action(Plan, Key::Enter), None);
    assert_eq!(action(Browse, Char('y')), None);
    assert_eq!(action(Browse, Char('d')), Some(Action::Plan));
}
