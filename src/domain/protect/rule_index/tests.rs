use super::*;

#[test]
fn of_thousands_of_texts_only_those_that_stand_in_another_are_found() {
    let texts: Vec<String> = (0..5_000).map(|at| format!("team-{at}/")).collect();
    let texts: Vec<(u32, &str)> = (0..).zip(texts.iter().map(String::as_str)).collect();
    let index = TextSearch::new(&texts);
    let longest = index.slots.iter().map(Vec::len).max();
    assert!(longest < Some(100), "{longest:?}");
    for at in [0, 7, 4_999, 5_000] {
        let mut found = Vec::new();
        index.find(&format!("registry/team-{at}/api-team-12/"), &mut found);
        let mut expected = vec![at, 12];
        expected.retain(|at| *at < 5_000);
        assert_eq!(found, expected);
    }
}
