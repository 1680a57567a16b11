//! What the filesystem says while things are removed and after it: against an engine's words, and up to a target.

use proptest::prelude::*;

use super::super::model::Filesystem;
use super::*;
use crate::domain::removal::account::{Change, FreedBy};
use crate::domain::triage::Goal;

const MB: u64 = 1_000_000;

fn failure() -> EngineError {
    EngineError::Refused {
        status: 500,
        message: "saving the list: no space left on device".to_owned(),
    }
}

/// Volumes of so many megabytes by the engine, and an engine that has them.
fn volumes(megabytes: &[u64]) -> (Inventory, Vec<ItemId>) {
    let mut scene = inventory(vec![], vec![]);
    let name = |at: usize| format!("v{at:02}");
    scene.volumes = (megabytes.iter().enumerate())
        .map(|(at, size)| volume(&name(at), size * MB))
        .collect();
    let items = (0..megabytes.len()).map(|at| a_volume(&name(at)));
    let items = items.collect();
    (scene, items)
}

/// Returns a filesystem on which volumes really take so many megabytes, with 100 MB free.
fn filesystem(megabytes: &[u64]) -> Filesystem {
    let takes = megabytes.iter().enumerate();
    Filesystem {
        total: Bytes(100_000 * MB),
        free: Bytes(100 * MB),
        takes: takes
            .map(|(at, size)| (format!("v{at:02}"), Bytes(size * MB)))
            .collect(),
        ..Filesystem::default()
    }
}

/// Removes volumes of which the engine says one thing and the filesystem another.
async fn removed(said: &[u64], filesystem: Filesystem) -> Removal {
    let (scene, items) = volumes(said);
    let model = Arc::new(Model::new(scene.clone()));
    model.put_on(filesystem);
    carry_out(&model, order(&scene, &items)).await
}

#[tokio::test]
async fn what_failed_and_is_off_the_list_has_not_gone_where_the_disk_gained_nothing() {
    let (scene, items) = volumes(&[8, 8]);
    let model = Arc::new(Model::new(scene.clone()));
    model.put_on(filesystem(&[8, 8]));
    model.fault("volume rm v00", Fault::Unlist(failure()));
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("v00", Failed), ("v01", Removed)]);
    let why = error(&removal, "v00");
    assert!(
        why.contains("no space left on device (status 500)"),
        "{why}"
    );
    assert_eq!(
        removal.account.freed,
        Bytes(8 * MB),
        "{:?}",
        removal.account
    );
    assert_eq!(removal.done[0].freed, Figure::Known(Bytes::ZERO));
}

#[tokio::test]
async fn what_failed_and_is_off_the_list_has_gone_where_the_disk_gained_it() {
    let (scene, items) = volumes(&[8]);
    let model = Arc::new(Model::new(scene.clone()));
    model.put_on(Filesystem {
        late: 2,
        is_unsynced: true,
        ..filesystem(&[8])
    });
    model.fault("volume rm v00", Fault::FailAfter(failure()));
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("v00", Removed)]);
    assert_eq!(removal.account.freed, Bytes(8 * MB));
}

/// Where no disk can be asked the list is all there is: no bytes are claimed.
#[tokio::test]
async fn without_a_disk_what_failed_and_is_off_the_list_claims_no_bytes() {
    let (scene, items) = volumes(&[8, 8]);
    let model = Arc::new(Model::new(scene.clone()));
    model.fault("volume rm v00", Fault::Unlist(failure()));
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("v00", Removed), ("v01", Removed)]);
    assert_eq!(removal.done[0].freed, Figure::Unknown);
    assert!(error(&removal, "v00").contains("whether its bytes went is not known"));
    assert_eq!(removal.account.freed, Bytes(8 * MB));
    assert!(removal.account.about);
}

#[tokio::test]
async fn on_a_quiet_engine_what_the_disk_does_not_show_is_dtops_own_miss() {
    for (said, real) in [(60_000, 0), (8, 400), (100, 98)] {
        let removal = removed(&[said], filesystem(&[real])).await;
        let account = &removal.account;
        assert_eq!(account.freed, Bytes(real * MB), "{account:?}");
        assert_eq!(account.by, FreedBy::Disk);
        let why = account.explanation().unwrap();
        assert!(why.contains("the miss is dtop's own"), "{why}");
        assert!(!why.contains("something else"), "{why}");
    }
    let removal = removed(&[500], filesystem(&[501])).await;
    let account = &removal.account;
    assert_eq!(
        (account.freed, account.by),
        (Bytes(500 * MB), FreedBy::Engine)
    );
    assert_eq!(account.explanation(), None);
    assert_eq!(
        account.disk.unwrap().available,
        Change::More(Bytes(501 * MB))
    );
}

#[tokio::test]
async fn while_others_write_a_difference_is_theirs() {
    for others in [vec![0, -3_000_000], vec![0, 0, 0, -3_000_000]] {
        let filesystem = Filesystem {
            others,
            ..filesystem(&[10])
        };
        let account = removed(&[40], filesystem).await.account;
        assert_eq!(
            (account.freed, account.by),
            (Bytes(40 * MB), FreedBy::Engine)
        );
        let why = account.explanation().unwrap();
        assert!(why.contains("something else wrote to it"), "{why}");
    }
    // A burst between two quiet seconds: only the device's counter tells.
    let burst = |written| Filesystem {
        others: vec![0, 0, -30_000_000],
        written,
        ..filesystem(&[40])
    };
    let account = removed(&[40], burst(Some(Bytes(9_000_000)))).await.account;
    assert_eq!((account.freed, account.miss), (Bytes(40 * MB), None));
    let why = account.explanation().unwrap();
    assert!(why.contains("something else wrote to it"), "{why}");
    let account = removed(&[40], burst(None)).await.account;
    assert_eq!(account.miss, Some(Bytes(40 * MB)));
    // Little was written: it explains nothing.
    let little = Filesystem {
        others: vec![0, 0, -5_000_000],
        written: Some(Bytes::ZERO),
        ..filesystem(&[10])
    };
    let account = removed(&[40], little).await.account;
    assert_eq!(account.miss, Some(Bytes(40 * MB)));
    let filesystem = Filesystem {
        is_unsynced: true,
        ..filesystem(&[10])
    };
    let account = removed(&[40], filesystem).await.account;
    assert_eq!(account.miss, None);
    let why = account.explanation().unwrap();
    assert!(why.contains("could not be synchronised"), "{why}");
}

/// What is removed until so much is free, by who added each volume.
async fn until(
    said: &[u64],
    filesystem: Filesystem,
    wanted: u64,
    added: &[AddedBy],
) -> (Removal, Arc<Model>) {
    let (scene, items) = volumes(said);
    let model = Arc::new(Model::new(scene.clone()));
    model.put_on(filesystem);
    let mut order = order(&scene, &items);
    for (step, added_by) in order.plan.steps.iter_mut().zip(added) {
        step.added_by = *added_by;
    }
    order.until = Some(Goal::Until(Bytes(wanted * MB)));
    (carry_out(&model, order).await, model)
}

use AddedBy::{Free, Selection as Chosen};

#[tokio::test]
async fn what_is_not_needed_any_more_stays_and_nothing_is_sent() {
    // Each gives ten times what the engine says.
    let (removal, model) =
        until(&[10, 10, 10], filesystem(&[100, 100, 100]), 150, &[Free; 3]).await;
    let expected = [("v00", Removed), ("v01", NotNeeded), ("v02", NotNeeded)];
    assert_eq!(ends(&removal), expected);
    assert_eq!(removal.is_met, Some(true));
    assert_eq!(model.writes(), ["volume rm v00"]);
    // What was chosen otherwise goes anyway.
    let (removal, _) = until(&[10, 10], filesystem(&[100, 100]), 150, &[Free, Chosen]).await;
    assert_eq!(ends(&removal), [("v00", Removed), ("v01", Removed)]);
    // What is free already when it begins needs nothing.
    let (removal, model) = until(&[10], filesystem(&[10]), 90, &[Free]).await;
    assert_eq!(ends(&removal), [("v00", NotNeeded)]);
    assert!(model.writes().is_empty());
}

#[tokio::test]
async fn bytes_that_come_later_are_waited_for_and_take_nothing_more() {
    let late = Filesystem {
        late: 5,
        is_unsynced: true,
        ..filesystem(&[100, 100, 100])
    };
    let (removal, _) = until(&[100, 100, 100], late, 190, &[Free; 3]).await;
    let expected = [("v00", Removed), ("v01", NotNeeded), ("v02", NotNeeded)];
    assert_eq!(ends(&removal), expected);
    assert_eq!(removal.is_met, Some(true));
}

#[tokio::test]
async fn a_promise_that_the_disk_does_not_keep_meets_no_target() {
    let (removal, _) = until(&[60_000, 5], filesystem(&[0, 5]), 200, &[Free; 2]).await;
    assert_eq!(ends(&removal), [("v00", Removed), ("v01", Removed)]);
    assert_eq!(removal.is_met, Some(false));
    assert_eq!(
        removal.account.freed,
        Bytes(5 * MB),
        "{:?}",
        removal.account
    );
    // Without a disk to ask nobody knows.
    let (scene, items) = volumes(&[5]);
    let model = Arc::new(Model::new(scene.clone()));
    let mut order = order(&scene, &items);
    order.until = Some(Goal::Until(Bytes(1)));
    assert_eq!(carry_out(&model, order).await.is_met, None);
}

#[tokio::test]
async fn what_a_chosen_thing_needs_goes_with_it() {
    let mut scene = inventory(
        vec![image("app", &["app:1"])],
        vec![stopped("job", "app"), stopped("other", "keep")],
    );
    scene.images.push(image("keep", &["keep:1"]));
    let items = [a_container("job"), a_container("other"), an_image("app")];
    let model = Arc::new(Model::new(scene.clone()));
    model.put_on(filesystem(&[]));
    let mut order = order(&scene, &items);
    for step in &mut order.plan.steps {
        let is_image = matches!(step.id, ItemId::Image(_));
        step.added_by = if is_image { Chosen } else { Free };
    }
    order.until = Some(Goal::Until(Bytes(1)));
    let removal = carry_out(&model, order).await;
    let mut ends = ends(&removal);
    ends.sort_unstable_by_key(|end| end.0);
    let expected = [("app", Removed), ("job", Removed), ("other", NotNeeded)];
    assert_eq!(ends, expected, "{:?}", removal.done);
}

#[tokio::test]
async fn what_was_not_needed_stands_in_the_journal() {
    let (scene, items) = volumes(&[10, 10]);
    let model = Arc::new(Model::new(scene.clone()));
    model.put_on(filesystem(&[100, 100]));
    let mut order = order(&scene, &items);
    for step in &mut order.plan.steps {
        step.added_by = Free;
    }
    order.until = Some(Goal::Until(Bytes(150 * MB)));
    order.journal = Journal::in_memory();
    let journal = order.journal.clone();
    carry_out(&model, order).await;
    let entries = journal.history().await.unwrap().into_entries();
    let ends: Vec<_> = (entries.iter())
        .map(|entry| (&*entry.id, entry.outcome))
        .collect();
    assert_eq!(ends, [("v01", Some(NotNeeded)), ("v00", Some(Removed))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However far the engine's figures are from the disk's: the target counts as met if and only if the disk has so
    /// much, nothing is sent for what was not needed, and what was chosen goes.
    #[test]
    fn a_target_is_met_by_the_disks_word_alone(
        things in prop::collection::vec((2..40_u64, 0..80_u64, any::<bool>()), 1..9),
        wanted in 50..400_u64,
        late in 0..4_usize,
        is_unsynced: bool,
    ) {
        let said: Vec<u64> = things.iter().map(|thing| thing.0).collect();
        let real: Vec<u64> = things.iter().map(|thing| thing.1).collect();
        let added: Vec<AddedBy> = things.iter().map(|it| if it.2 { Chosen } else { Free }).collect();
        let disk = Filesystem { late, is_unsynced, ..filesystem(&real) };
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let (removal, model) = tokio.block_on(until(&said, disk, wanted, &added));
        let free = model.free();
        let is_met = removal.is_met.unwrap();
        prop_assert!(!is_met || free >= Bytes(wanted * MB), "{:?}", removal.done);
        // What comes late and was not promised is not waited for.
        let is_waited_for = late == 0 || said == real;
        prop_assert!(is_met || !is_waited_for || free < Bytes(wanted * MB), "{:?}", removal.done);
        prop_assert_eq!(removal.done.len(), things.len());
        let mut before = Bytes(100 * MB);
        for (done, (_, real, chosen)) in removal.done.iter().zip(&things) {
            let write = format!("volume rm {}", done.id.as_str());
            let is_sent = model.writes().contains(&write);
            prop_assert_eq!(is_sent, done.outcome == Removed);
            prop_assert!(is_sent || done.outcome == NotNeeded && !chosen, "{:?}", done);
            let is_enough = before >= Bytes(wanted * MB);
            if late == 0 {
                prop_assert_eq!(is_sent, *chosen || !is_enough, "{:?}", removal.done);
            }
            if is_sent {
                before += Bytes(real * MB);
            }
        }
    }
}
