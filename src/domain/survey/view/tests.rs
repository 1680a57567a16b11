use super::*;
use crate::domain::plan::scene::{anonymous, image, record, stopped};

/// A list of fifty thousand names must not be a copy of them.
#[test]
fn an_excerpt_is_the_name_and_a_copy_only_where_nothing_was_said() {
    let described = |text: &str| Record {
        description: text.into(),
        ..record("r", &[])
    };
    let records = [
        described("mount / from exec /bin/sh -c make"),
        described("pulled from docker.io/library/a"),
        described(""),
    ];
    for record in &records {
        let excerpt = Item::Record(record).excerpt();
        assert_eq!(*excerpt, *Item::Record(record).name());
        let said = [&record.description, record.id.text()];
        let is_part = |text: &&Text| text.try_substr_from(&excerpt).is_some();
        assert!(said.iter().any(is_part), "{excerpt}");
    }
    let (tagged, untagged) = (image("a", &["a:1"]), image("b", &[]));
    let (job, files) = (stopped("job", "a"), anonymous("v", 1));
    for item in [
        Item::Image(&tagged),
        Item::Image(&untagged),
        Item::Container(&job),
        Item::Log(&job),
        Item::Volume(&files),
    ] {
        assert_eq!(*item.excerpt(), *item.name());
    }
    let excerpt = Item::Image(&tagged).excerpt();
    assert!(tagged.names[0].try_substr_from(&excerpt).is_some());
}
