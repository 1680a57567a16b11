use super::*;
use crate::domain::filter::Filter;
use crate::domain::item::Kind;

#[test]
fn every_state_that_a_filter_knows_is_named() {
    let lines = rest(400).into_iter().flatten();
    let text: String = lines.map(|(piece, _)| piece + " ").collect();
    let named: Vec<&str> = text.split([' ', ':']).collect();
    for kind in Kind::ALL {
        let all = Filter::parse("is:nothing", kind).unwrap_err().message;
        let (_, all) = all.split_once("try ").unwrap();
        for state in all.split(", ") {
            assert!(named.contains(&state), "{state} of {kind:?}: {named:?}");
        }
    }
}
