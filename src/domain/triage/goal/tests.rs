use super::*;

fn disk(total: u64, free: u64) -> Disk {
    Disk {
        total: gb(total),
        free: gb(free),
        holds: Places::ALL,
        ..Disk::default()
    }
}

fn gb(number: u64) -> Bytes {
    Bytes(number * 1_000_000_000)
}

#[test]
fn a_goal_is_a_size_or_a_share() {
    assert_eq!(Goal::free("20 GB"), Some(Goal::Free(Bytes(20_000_000_000))));
    assert_eq!(Goal::free("20%"), None);
    assert_eq!(Goal::until("20%"), Some(Goal::UntilPercent(20)));
    assert_eq!(
        Goal::until("1.5gb"),
        Some(Goal::Until(Bytes(1_500_000_000)))
    );
    for bad in ["", "%", "0%", "101%", "-1%", "much", "2.5%"] {
        assert_eq!(Goal::until(bad), None, "{bad}");
    }
}

#[test]
fn what_is_missing_is_asked_of_every_disk() {
    let volumes = Places {
        volumes: true,
        ..Places::default()
    };
    let second = Disk {
        holds: volumes,
        ..disk(10, 1)
    };
    let missing = |goal: Goal, disks: &[Disk]| {
        let lacks = goal.missing(disks)?;
        Some(
            lacks
                .iter()
                .map(|lack| (lack.bytes, lack.at))
                .collect::<Vec<_>>(),
        )
    };
    let disks = [disk(100, 8), second];
    let both = vec![(gb(12), Places::ALL), (gb(1), volumes)];
    assert_eq!(missing(Goal::UntilPercent(20), &disks), Some(both));
    let one = vec![(gb(1), volumes)];
    assert_eq!(missing(Goal::Until(gb(2)), &disks), Some(one));
    assert_eq!(missing(Goal::Until(Bytes(3)), &disks), Some(vec![]));
    assert_eq!(missing(Goal::Until(Bytes(3)), &[]), None);
    let seven = Some(vec![(Bytes(7), Places::ALL)]);
    assert_eq!(missing(Goal::Free(Bytes(7)), &[]), seven);
}

#[test]
fn what_root_has_eaten_is_missing_too() {
    let eaten = [Disk {
        owed: gb(3),
        ..disk(100, 0)
    }];
    let missing = |goal: Goal| goal.missing(&eaten).unwrap()[0].bytes;
    assert_eq!(missing(Goal::UntilPercent(20)), gb(23));
    assert_eq!(missing(Goal::Until(gb(1))), gb(4));
    assert_eq!(proposal(&eaten), Proposal::Free(gb(23)));
}

#[test]
fn the_proposal_brings_a_fifth_and_at_least_5_gb() {
    let free = |disks: &[Disk]| match proposal(disks) {
        Proposal::Free(bytes) => bytes,
        Proposal::UntilPercent(_) => panic!("{disks:?}"),
    };
    assert_eq!(free(&[disk(100, 8)]), gb(12));
    assert_eq!(free(&[disk(100, 40)]), PROPOSED);
    assert_eq!(free(&[]), PROPOSED);
    let odd = Disk {
        free: Bytes(8_765_432_100),
        ..disk(100, 0)
    };
    assert_eq!(free(&[odd]).to_string(), "11.3 GB");
    // A small disk never has so much.
    assert_eq!(free(&[disk(5, 0)]), gb(1));
    assert_eq!(free(&[disk(5, 5)]), Bytes(500_000_000));
    // Which of several has too little only a share tells.
    let several = [disk(100, 40), disk(100, 8)];
    assert_eq!(proposal(&several), Proposal::UntilPercent(20));
    assert_eq!(free(&[disk(100, 40), disk(100, 40)]), PROPOSED);
}
