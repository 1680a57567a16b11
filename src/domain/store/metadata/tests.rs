use super::*;

fn notes(images: &[&str], leases: &[&str]) -> MetadataDb {
    MetadataDb {
        images: images.iter().map(|id| ImageId::new(*id)).collect(),
        leases: leases
            .iter()
            .map(|name| (Text::from(*name), Lease::default()))
            .collect(),
        ..MetadataDb::default()
    }
}

#[test]
fn notes_are_an_engines_only_if_they_have_all_that_it_lists_and_something_random() {
    let container = "c".repeat(64);
    let of = |notes: &MetadataDb, images: &[&str], containers: &[&str], records: &[&str]| {
        let images: Vec<ImageId> = images.iter().map(|id| ImageId::new(*id)).collect();
        let containers: Vec<ContainerId> =
            containers.iter().map(|id| ContainerId::new(*id)).collect();
        let records: Vec<RecordId> = records.iter().map(|id| RecordId::new(*id)).collect();
        notes.are_of(&images, &containers, &records)
    };
    let own = notes(&["a", "b"], &["r", "r-view", &container]);
    assert!(of(&own, &["a", "b"], &[&container], &["r"]));
    // An image without a place on the list is kept all the same; one that is not there is of another store.
    assert!(of(&own, &["a"], &[&container], &[]));
    assert!(!of(&own, &["a", "c"], &[&container], &["r"]));
    assert!(!of(&own, &["a"], &["other"], &["r"]));
    // A record may go between two lists, but not all of them are another store's.
    assert!(of(&own, &["a"], &[], &["gone", "r"]));
    assert!(!of(&own, &["a"], &[], &["gone"]));
    // Images alone prove nothing, unless they are all there is.
    assert!(!of(&own, &["a", "b"], &[], &[]));
    let plain = notes(&["a", "b"], &["pull"]);
    assert!(of(&plain, &["a", "b"], &[], &[]));
    assert!(!of(&plain, &["a"], &[], &[]));
    assert!(!of(&notes(&[], &[]), &[], &[], &[]));
}

#[test]
fn the_leases_of_a_record_have_its_name_in_front() {
    let notes = notes(&[], &["ra", "r", "r-view", "r-variants", "r.", "q-view"]);
    let names: Vec<&str> = notes
        .leases_of(&"r".into())
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(names, ["r", "r-variants", "r-view"]);
    assert_eq!(notes.leases_of(&"x".into()).count(), 0);
}
