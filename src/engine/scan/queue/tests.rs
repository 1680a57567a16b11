use super::*;

fn work(limit: usize) -> Queue<u32, char> {
    Queue::new(limit)
}

fn all(work: &mut Queue<u32, char>) -> Vec<u32> {
    std::iter::from_fn(|| {
        let key = work.next()?;
        work.landed(&key, Landing::Known, None);
        Some(key)
    })
    .collect()
}

#[test]
fn nothing_is_asked_twice_unless_it_changed() {
    let mut work = work(2);
    assert!(work.list(vec![(1, 'a'), (2, 'a'), (3, 'a')]));
    assert_eq!(all(&mut work), [1, 2, 3]);
    assert!(!work.list(vec![(1, 'a'), (2, 'b'), (3, 'a')]));
    assert_eq!(all(&mut work), [2]);
    work.invalidate(&3);
    assert!(!work.list(vec![(1, 'a'), (2, 'b'), (3, 'a')]));
    assert_eq!(all(&mut work), [3]);
    // What was gone and comes back is another one.
    assert!(work.list(vec![(1, 'a')]));
    assert!(work.list(vec![(1, 'a'), (2, 'b')]));
    assert_eq!(all(&mut work), [2]);
}

#[test]
fn no_more_than_the_limit_are_under_way() {
    let mut work = work(2);
    work.list(vec![(1, 'a'), (2, 'a'), (3, 'a')]);
    assert_eq!(
        (work.next(), work.next(), work.next()),
        (Some(1), Some(2), None)
    );
    work.landed(&1, Landing::Known, None);
    assert_eq!(work.next(), Some(3));
}

#[test]
fn what_is_looked_at_goes_first() {
    let mut work = work(9);
    work.list((1..=5).map(|key| (key, 'a')).collect());
    work.look_first(&[4, 7, 2]);
    assert_eq!(all(&mut work), [4, 2, 1, 3, 5]);
}

#[test]
fn a_change_while_it_is_asked_asks_once_more_afterwards() {
    let mut work = work(2);
    work.list(vec![(1, 'a')]);
    assert_eq!(work.next(), Some(1));
    work.invalidate(&1);
    work.list(vec![(1, 'a')]);
    work.list(vec![(1, 'a')]);
    assert_eq!(work.next(), None);
    work.landed(&1, Landing::Known, None);
    assert_eq!(all(&mut work), [1]);
}

#[test]
fn what_is_lost_is_asked_again_and_told_once() {
    let mut work = work(2);
    let list = || vec![(1, 'a'), (2, 'a')];
    work.list(list());
    assert!(work.begins());
    assert_eq!((work.next(), work.next()), (Some(1), Some(2)));
    assert!(work.landed(&1, Landing::Lost, Some("cut".into())));
    work.landed(&2, Landing::Known, None);
    assert!(work.ends() && work.has_lost());
    assert_eq!(work.failure().as_deref(), Some("cut"));
    work.ask_lost();
    assert!(!work.begins(), "it is not announced");
    assert_eq!(work.next(), Some(1));
    assert!(!work.landed(&1, Landing::Lost, Some("cut".into())));
    assert!(!work.ends(), "nothing came of it");
    work.ask_lost();
    assert_eq!(work.next(), Some(1));
    assert!(work.landed(&1, Landing::Known, None));
    assert!(work.ends() && !work.has_lost());
    assert_eq!(work.failure(), None);
    work.list(list());
    assert_eq!(work.next(), None, "it is not asked twice");
}

#[test]
fn what_is_lost_is_asked_by_the_next_list_and_what_is_refused_is_not() {
    let mut work = work(2);
    let list = || vec![(1, 'a'), (2, 'a')];
    work.list(list());
    assert!(work.begins() && !work.begins());
    assert_eq!((work.next(), work.next()), (Some(1), Some(2)));
    assert!(work.landed(&1, Landing::Lost, Some("cut".into())));
    assert!(!work.ends());
    work.landed(&2, Landing::Unanswerable, None);
    assert!(work.ends() && !work.ends());
    assert_eq!(work.failure().as_deref(), Some("cut"));
    assert_eq!(work.failure(), None);
    work.list(list());
    assert_eq!(all(&mut work), [1]);
    work.invalidate_unanswered();
    work.list(list());
    assert_eq!(all(&mut work), [2]);
}
