use super::*;
use crate::domain::inventory::Part;
use crate::domain::item::Source;
use crate::domain::plan::scene::{an_image, at, image, inventory};
use crate::domain::retention::More;

fn disk(free: u64) -> Disk {
    Disk {
        path: "/var/lib/docker".into(),
        total: Bytes(1000),
        free: Bytes(free),
        holds: Places::ALL,
        ..Disk::default()
    }
}

fn frees(bytes: u64) -> Freed {
    Freed {
        at_least: Bytes(bytes),
        at_most: Bytes(5_000),
        ..Freed::default()
    }
}

fn says(disks: &[Disk], freed: &Freed) -> String {
    disks_after(disks, freed).join("\n")
}

#[test]
fn what_no_registry_has_is_not_said_to_be_pulled_again() {
    let mut pulled = image("sha256:1", &["app:1"]);
    pulled.source = Source::Registry;
    let mut all = inventory(vec![pulled], Vec::new());
    all.apply(Part::Stage(Stage::Containers, Progress::Done(at(0))));
    let survey = Survey::new(all);
    let why = |said| why_it_may_go(&an_image("sha256:1"), said, &survey, at(9)).unwrap();
    for said in [None, Some(ComesBack::Yes), Some(ComesBack::Pulled)] {
        assert!(
            why(said).starts_with("unused, can be pulled again"),
            "{said:?}"
        );
    }
    assert!(why(Some(ComesBack::No)).starts_with("unused · "));
}

#[test]
fn a_plan_says_how_full_the_disk_is_after_it() {
    let text = says(&[disk(90)], &frees(70));
    assert_eq!(text, "/var/lib/docker 91 % → 84 % full");
    // More than there is cannot become free.
    let text = says(&[disk(90)], &frees(u64::MAX));
    assert_eq!(text, "/var/lib/docker 91 % → 0 % full");
    assert_eq!(says(&[], &frees(70)), "");
    let none = Disk {
        total: Bytes::ZERO,
        ..disk(0)
    };
    assert_eq!(says(&[none], &frees(70)), "");
}

#[test]
fn of_several_disks_each_has_what_lies_on_it() {
    let layers = Places {
        layers: true,
        ..Places::default()
    };
    let rest = Places {
        layers: false,
        ..Places::ALL
    };
    let mut disks = [disk(90), disk(500)];
    disks[0].holds = rest;
    disks[1].holds = layers;
    disks[1].path = "/layers".into();
    let freed = frees(170).with(More {
        volumes: Bytes(30),
        logs: Bytes(40),
        ..More::default()
    });
    let both = "/var/lib/docker 91 % → 84 % full\n/layers 50 % → 40 % full";
    assert_eq!(says(&disks, &freed), both);
    assert_eq!(says(&disks, &frees(100)), "/layers 50 % → 40 % full");
    // Where layers lie is not known: nothing is said of them.
    assert_eq!(says(&disks[..1], &frees(100)), "");
}

#[test]
fn what_users_do_not_get_and_what_nobody_knows_is_said() {
    let full = Disk {
        owed: Bytes(26),
        ..disk(0)
    };
    let text = says(&[full], &frees(126));
    assert!(
        text.contains("100 % → 90 % full, about 26 B of it first refill"),
        "{text}"
    );
    let many = Disk {
        inodes_total: 100,
        inodes_free: 3,
        ..disk(90)
    };
    let text = says(&[many], &frees(70));
    assert!(
        text.contains("; 97 % of its inodes are used, not known"),
        "{text}"
    );
}

#[test]
fn after_a_removal_the_disks_say_what_they_have_more_and_why_not() {
    let pair = |before: Disk, after: Disk| Account {
        freed: Bytes(19_000_000),
        disks: vec![(before.clone(), after.clone())],
        disk: DiskChange::over(&[(before, after)]),
        ..Account::default()
    };
    let large = |free: u64, kept: u64| Disk {
        total: Bytes(400_000_000),
        free: Bytes(free),
        kept: Bytes(kept),
        ..disk(0)
    };
    let said = |account: &Account| on_disks(account).unwrap();
    let (lines, odd) = said(&pair(large(0, 1_000_000), large(0, 20_000_000)));
    let why = "the disk has 0 B more free, 100 % full: 19.0 MB went to what it keeps for root";
    assert_eq!((lines.as_slice(), odd), ([why.to_owned()].as_slice(), true));
    let (lines, odd) = said(&pair(large(0, 0), large(19_000_000, 0)));
    assert_eq!(
        (lines[0].as_str(), odd),
        ("the disk has 19.0 MB more free, 95 % full", false)
    );
    let mut few = large(10_000_000, 0);
    (few.inodes_total, few.inodes_free) = (100, 1);
    let more = Disk {
        free: Bytes(29_000_000),
        inodes_free: 61,
        ..few.clone()
    };
    let (lines, _) = said(&pair(few, more));
    assert_eq!(
        lines,
        ["the disk has 19.0 MB more free, 60 more inodes, 93 % full"]
    );
}
