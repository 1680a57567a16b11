use super::*;
use crate::domain::item::RecordId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn left(pass: Pass, blocks: usize, containers: usize) -> Pass {
    Pass {
        blocks,
        containers,
        ..pass
    }
}

#[test]
fn progress_is_of_all_that_was_ever_wanted() {
    let mut pass = Pass::default();
    let mut goes_on = |blocks, containers, second| {
        let now = left(pass, blocks, containers);
        pass.goes_on(now, at(second)).then(|| pass.measuring())
    };
    let measuring = |done, all| {
        let since = at(1);
        Some(Some(Measuring { since, done, all }))
    };
    assert_eq!(goes_on(0, 0, 0), None, "nothing begins");
    assert_eq!(goes_on(8, 0, 1), measuring(0, 8));
    assert_eq!(goes_on(6, 0, 2), measuring(2, 8));
    assert_eq!(goes_on(6, 2, 3), measuring(2, 10));
    assert_eq!(goes_on(6, 2, 4), None, "no news");
    assert_eq!(goes_on(0, 1, 5), measuring(9, 10));
    assert_eq!(goes_on(0, 0, 6), Some(None));
    assert_eq!(pass, Pass::default());
}

#[test]
fn what_is_looked_at_is_taken_first() {
    let folder = |name: &str, chain: Option<&str>| ToCount::Folder {
        name: name.into(),
        chain: chain.map(ChainId::new),
        inode: None,
    };
    let image = |id: &str| ToCount::Image(ImageId::new(id));
    let mut wanted = vec![
        image("seen"),
        folder("own", None),
        folder("low", Some("sha256:low")),
        folder("other", Some("sha256:other")),
        image("unseen"),
    ];
    let first = First {
        items: vec![
            ItemId::Image(ImageId::new("seen")),
            ItemId::Record(RecordId::new("own")),
        ],
        chains: vec![ChainId::new("sha256:low")],
    };
    first.sort(&mut wanted, &LayerDb::default());
    let last: Vec<ToCount> = wanted.split_off(2);
    assert_eq!(
        wanted,
        [folder("other", Some("sha256:other")), image("unseen")]
    );
    let seen = [
        image("seen"),
        folder("own", None),
        folder("low", Some("sha256:low")),
    ];
    assert_eq!(last, seen);
}
