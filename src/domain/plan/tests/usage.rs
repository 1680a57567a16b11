//! Bytes by blocks, where a walk has counted them, and by length, where only the engine has told them.

use super::*;
use crate::domain::inventory::EngineInfo;
use crate::domain::retention::Precision;
use crate::domain::store::disk_usage::{DiskUsage, Measure};

/// Returns a real engine from afar: a volume, and a container that ended beside an anonymous one.
fn afar(anonymous_size: u64) -> Inventory {
    let job = mounting(stopped("job", "a"), &["anon"]);
    let mut inventory = inventory(Vec::new(), vec![job]);
    inventory.engine = Arc::new(EngineInfo {
        measure: Measure::Length,
        ..(*inventory.engine).clone()
    });
    inventory.volumes = vec![volume("data", 5000), anonymous("anon", anonymous_size)];
    inventory
}

fn measured(mut inventory: Inventory, name: &str, usage: DiskUsage) -> Inventory {
    let usage = (a_volume(name), Arc::new(usage));
    inventory.apply(Part::DiskUsage(vec![usage]));
    inventory
}

#[test]
fn a_length_is_an_estimate_without_an_upper_end_until_blocks_are_known() {
    let inventory = afar(1);
    let plan = Plan::new(
        &Survey::new(inventory.clone()),
        &select(&[a_volume("data")]),
    );
    for frees in [&plan.frees, &plan.steps[0].frees] {
        assert_eq!((frees.at_least, frees.upper()), (Bytes(5000), None));
        assert_eq!(frees.precision(), Precision::Estimate);
        assert_eq!(frees.measure(), Some(Measure::Length));
        assert_eq!(*frees.doubts(), BTreeSet::from([Doubt::ByLength]));
    }
    let inventory = measured(inventory, "data", DiskUsage::of(Bytes(12_288)));
    let plan = Plan::new(&Survey::new(inventory), &select(&[a_volume("data")]));
    assert_eq!(plan.frees.at_least, Bytes(12_288));
    assert!(plan.frees.is_exact());
    assert_eq!(plan.frees.measure(), Some(Measure::Blocks));
    assert_eq!(
        plan.steps[0].size,
        Figure::Known(Bytes(5000)),
        "SIZE is the engine's"
    );
}

/// One figure by length makes an estimate of the sum, and a mark taken back takes that back.
#[test]
fn one_length_makes_an_estimate_of_all() {
    let inventory = measured(afar(7), "data", DiskUsage::of(Bytes(4096)));
    let survey = Survey::new(inventory);
    let number = |id: &ItemId| survey.numbers().number_of(id).unwrap();
    let (data, anon) = (number(&a_volume("data")), number(&a_volume("anon")));
    let job = number(&a_container("job"));
    let mut tally = Tally::default();
    assert!(tally.change(&survey, [(data, true)]).is_exact());
    let both = tally.change(&survey, [(anon, true), (job, true)]);
    assert!(both.is_by_length() && both.upper().is_none());
    assert!(
        tally
            .change(&survey, [(anon, false), (job, false)])
            .is_exact()
    );
}

#[test]
fn files_of_too_many_names_may_go_or_stay() {
    let usage = DiskUsage {
        own: Bytes(8192),
        uncertain: Bytes(4096),
        ..DiskUsage::default()
    };
    let inventory = measured(afar(7), "data", usage);
    let plan = Plan::new(&Survey::new(inventory), &select(&[a_volume("data")]));
    assert_eq!(plan.frees.at_least, Bytes(8192));
    assert_eq!(plan.frees.upper(), Some(Bytes(12_288)));
    let many = Doubt::ManyNames(a_volume("data"));
    assert_eq!(*plan.frees.doubts(), BTreeSet::from([many]));
}

#[test]
fn a_volume_that_is_empty_by_length_goes_along_only_where_somebody_confirms() {
    let unattended = |unattended| Selection {
        unattended,
        ..select(&[a_container("job")])
    };
    let goes = |inventory: &Inventory, alone| {
        let plan = Plan::new(&Survey::new(inventory.clone()), &unattended(alone));
        let goes = ids(&plan).contains(&"anon");
        assert_eq!(goes, plan.stays.is_empty());
        goes
    };
    let by_length = afar(0);
    assert_eq!([false, true].map(|it| goes(&by_length, it)), [true, false]);
    let empty = DiskUsage {
        own: Bytes(8192),
        is_empty: true,
        ..DiskUsage::default()
    };
    let empty = measured(by_length.clone(), "anon", empty);
    assert_eq!([false, true].map(|it| goes(&empty, it)), [true, true]);
    // Files of no length lie in it.
    let files = measured(by_length, "anon", DiskUsage::of(Bytes(8192)));
    assert_eq!([false, true].map(|it| goes(&files, it)), [false, false]);
    let plan = Plan::new(
        &Survey::new(files),
        &select(&[a_volume("anon"), a_container("job")]),
    );
    assert!(plan.needs_word());
}
