use super::*;
use crate::domain::item::Image;
use crate::domain::plan::scene::{at, image, inventory};

#[test]
fn the_newest_of_a_repository_is_the_first() {
    let made = |id: &str, names: &[&str], second| Image {
        created: Some(at(second)),
        ..image(id, names)
    };
    let images = vec![
        made("old", &["host:5000/app:1"], 1),
        made("new", &["host:5000/app:3", "host:5000/app:latest"], 3),
        made("both", &["host:5000/app:2", "other:1"], 2),
        made("none", &[], 4),
        Image {
            created: None,
            ..image("undated", &["other:0"])
        },
    ];
    let survey = Survey::new(inventory(images, vec![]));
    let nth = |at| survey.facts(Kind::Image, at).nth;
    assert_eq!(
        (0..5).map(nth).collect::<Vec<_>>(),
        [Some(3), Some(1), Some(1), None, None]
    );
}
