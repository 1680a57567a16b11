use super::*;

fn disk(free: u64) -> Disk {
    Disk {
        path: "/".into(),
        total: Bytes(1_000_000),
        free: Bytes(free),
        inodes_total: 0,
        inodes_free: 0,
        ..Disk::default()
    }
}

#[test]
fn small_changes_of_a_disk_are_news_only_when_something_happened() {
    let mut picture = Picture::default();
    let mut takes = |free: u64, idly: bool| {
        picture.idly.extend(idly.then_some(Question::Surroundings));
        picture.takes(&[disk(free)])
    };
    assert!(takes(500_000, true));
    assert!(!takes(500_900, true));
    assert!(takes(500_900, false));
    assert!(!takes(500_900, false));
    // What creeps is told once it has come far enough, and a disk that is nearly full sooner.
    assert!(takes(502_000, true));
    assert!(takes(1_000, false));
    assert!(!takes(960, true));
    assert!(takes(940, true));
}
