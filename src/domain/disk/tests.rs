use super::*;

fn disk(free: u64, owed: u64) -> Disk {
    Disk {
        total: Bytes(1000),
        free: Bytes(free),
        owed: Bytes(owed),
        inodes_total: 100,
        inodes_free: 50,
        ..Disk::default()
    }
}

#[test]
fn what_root_has_eaten_is_refilled_first() {
    let full = disk(0, 40);
    assert_eq!(full.available_after(Bytes(19)), Bytes::ZERO);
    assert_eq!(full.available_after(Bytes(41)), Bytes(1));
    assert_eq!(full.percent_used(Bytes(40)), Some(100));
    assert_eq!(full.percent_used(Bytes(140)), Some(90));
    assert_eq!(full.missing(Bytes(200)), Bytes(240));
    assert_eq!(full.missing(Bytes::ZERO), Bytes::ZERO);
    let some = disk(100, 0);
    assert_eq!(some.missing(Bytes(200)), Bytes(100));
    assert_eq!(some.missing(Bytes(100)), Bytes::ZERO);
    // More than there is cannot become free.
    assert_eq!(some.available_after(Bytes(u64::MAX)), Bytes(1000));
}

#[test]
fn the_scarcer_of_bytes_and_inodes_is_what_counts() {
    assert!(disk(600, 0).lacks_inodes());
    assert_eq!(disk(600, 0).tightness(), Some(50));
    assert!(!disk(400, 0).lacks_inodes());
    assert_eq!(disk(400, 0).tightness(), Some(60));
    let btrfs = Disk {
        inodes_total: 0,
        inodes_free: 0,
        ..disk(600, 0)
    };
    assert!(!btrfs.lacks_inodes());
    assert_eq!(Disk::default().tightness(), None);
}

#[test]
fn the_usual_reserve_is_what_is_owed_and_no_more() {
    let gb = |number: u64| Bytes(number * 1_000_000_000);
    assert_eq!(owed_by_ext(gb(19), Bytes::ZERO), gb(1) + READY);
    assert_eq!(owed_by_ext(gb(19), gb(1)), READY);
    assert_eq!(owed_by_ext(gb(19), gb(2)), Bytes::ZERO);
}
