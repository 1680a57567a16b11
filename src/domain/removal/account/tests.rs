use super::*;

const MB: u64 = 1_000_000;

fn account(freed: u64, gained: u64) -> Account {
    Account {
        freed: Bytes(freed * MB),
        at_most: Bytes(freed * MB),
        by: FreedBy::Rescan,
        disk: Some(DiskChange {
            available: Change::More(Bytes(gained * MB)),
            refilled: Bytes::ZERO,
            inodes: None,
        }),
        synced: true,
        ..Account::default()
    }
}

#[test]
fn what_comes_back_within_the_promise_is_no_miss() {
    for (promised, gained, is_miss) in [
        ((31, 67), 63, false),
        ((31, 67), 31, false),
        ((31, 67), 20, true),
        ((31, 67), 90, true),
        ((67, 67), 63, true),
    ] {
        let mut account = account(67, gained);
        let (least, most) = promised;
        account.correct_by_disk(
            (Bytes(least * MB), Bytes(most * MB)),
            Bytes::ZERO,
            Bytes::ZERO,
        );
        assert_eq!(account.freed, Bytes(gained * MB), "{promised:?}");
        assert_eq!(account.miss.is_some(), is_miss, "{promised:?}, {gained}");
        assert_eq!(account.explanation().is_some(), is_miss, "{promised:?}");
    }
}

#[test]
fn a_step_of_which_more_was_counted_is_a_miss_within_any_promise() {
    let mut account = account(50, 50);
    account.correct_by_disk((Bytes(0), Bytes(90 * MB)), Bytes(20 * MB), Bytes::ZERO);
    assert_eq!(account.miss, Some(Bytes(70 * MB)));
}
