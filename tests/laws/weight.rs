//! What keys and answers cost, as multiples of a plain loop over all images in the same run: no machine is too
//! slow for it.
//!
//! The times themselves are the benchmark's: `cargo bench --bench marks`.

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

use dtop::app::keys::Key;
use dtop::app::model::Model;
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::inventory::Part;
use dtop::domain::item::Kind;

use crate::large::{LARGE, Size, model};

/// A fifth of the benchmark's fleet: enough to tell a loop from a loop in a loop.
const SIZE: Size = Size {
    images: 2_000,
    records: 10_000,
    containers: 400,
    volumes: 400,
    ..LARGE
};

/// So often both are tried, in turns. What else the machine does can only make a try longer, so the shortest
/// of some is what the thing itself costs.
const TIMES: usize = 7;

/// What this thread has had of a processor: time that others have of the machine is none of it.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time since the thread began")
}

/// The shortest that some keys took, made ready by others, in plain loops over all images.
fn loops(model: &mut Model, ready: &[Key], keys: &[Key]) -> f64 {
    let (mut shortest, mut plain) = (Duration::MAX, Duration::MAX);
    for _ in 0..TIMES {
        let start = processor();
        let images = &model.survey.inventory().images;
        let seen: HashSet<_> = images.iter().map(|image| image.id.clone()).collect();
        black_box(seen);
        plain = plain.min(processor().saturating_sub(start));
        press(model, ready);
        let start = processor();
        press(model, keys);
        shortest = shortest.min(processor().saturating_sub(start));
    }
    shortest.as_secs_f64() / plain.as_secs_f64()
}

fn press(model: &mut Model, keys: &[Key]) {
    for key in keys {
        black_box(update(model, Msg::Key(*key)));
    }
}

#[test]
fn no_key_costs_a_loop_in_a_loop() {
    let mut model = model(SIZE, 120, 35);
    let key = Key::Char;
    let clear = [Key::Esc, key('1'), key('c'), key('g')];
    let all = [&clear[..], &[key('a'), key(' '), key('g')]].concat();
    let filter = [&clear[..], &[key('/'), key('3')]].concat();
    let large = [&clear[..], &"f90gb".chars().map(key).collect::<Vec<_>>()].concat();
    let cases: [(&str, &[Key], &[Key], f64); 7] = [
        ("free 90 GB", &large, &[Key::Enter], 300.0),
        ("mark one", &clear, &[key(' ')], 1.0),
        ("mark one beside all others", &all, &[key(' ')], 1.0),
        ("mark all", &clear, &[key('a')], 100.0),
        ("open the plan, all marked", &all, &[key('d')], 300.0),
        ("sort", &clear, &[key('s')], 40.0),
        ("filter", &filter, &[key('7')], 10.0),
    ];
    for (what, ready, keys, bound) in cases {
        let loops = loops(&mut model, ready, keys);
        assert!(
            loops < bound,
            "{what}: {loops:.1} plain loops, at most {bound}"
        );
        if std::env::var_os("DTOP_TEST_WEIGHTS").is_some() {
            eprintln!("{what}: {loops:.2} plain loops, at most {bound}");
        }
        press(&mut model, &[key('n'), Key::Esc]);
    }
    assert!(model.survey.count(Kind::Image) == SIZE.images);
    // The keys did what is weighed here.
    press(&mut model, &all);
    assert!(!model.marked.at_least.is_zero());
}

/// Each of these records may hold any layer: every image is in doubt because of all of them.
#[test]
fn doubts_are_named_and_not_listed() {
    let mut model = model(SIZE, 120, 35);
    let mut records = model.survey.inventory().cache.clone();
    for (at, record) in records.iter_mut().enumerate() {
        record.parents.clear();
        record.shared = true;
        record.created = None;
        record.description = "of nobody knows what".into();
        record.size = Figure::Known(Bytes(50_000_000_000 + at as u64));
    }
    update(&mut model, Msg::Scan(vec![Part::BuildCache(records)]));
    let survey = &model.survey;
    let images = survey.rows(Kind::Image);
    let doubts = images.map(|at| survey.facts(Kind::Image, at).frees.doubts().len());
    let most = doubts.max().unwrap_or_default();
    assert!((1..=10).contains(&most), "{most} doubts of one image");
}
