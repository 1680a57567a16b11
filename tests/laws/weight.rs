//! What a key costs, as multiples of a plain loop over all images in the same run: no machine is too slow for it.
//!
//! The times themselves are the benchmark's: `cargo bench --bench marks`.

use std::collections::HashSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dtop::app::keys::Key;
use dtop::app::model::Model;
use dtop::app::msg::Msg;
use dtop::app::update::update;

use crate::large::{LARGE, Size, model};

/// A fifth of the benchmark's fleet: enough to tell a loop from a loop in a loop.
const SIZE: Size = Size {
    images: 2_000,
    records: 10_000,
    containers: 400,
    volumes: 400,
    ..LARGE
};

/// The best of some tries, each after it was made ready.
fn best(mut ready: impl FnMut(), mut act: impl FnMut()) -> Duration {
    let times = (0..5).map(|_| {
        ready();
        let start = Instant::now();
        act();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn press(model: &mut Model, key: char) {
    black_box(update(model, Msg::Key(Key::Char(key))));
}

#[test]
fn a_mark_costs_no_look_at_everything_and_all_marks_no_loop_in_a_loop() {
    let mut model = model(SIZE, 120, 35);
    let reference = best(
        || {},
        || {
            let images = &model.survey.inventory().images;
            let seen: HashSet<_> = images.iter().map(|image| image.id.clone()).collect();
            black_box(seen);
        },
    );
    let model = std::cell::RefCell::new(&mut model);
    let clear = || press(&mut model.borrow_mut(), 'c');
    let one = best(clear, || press(&mut model.borrow_mut(), ' '));
    let all = best(clear, || press(&mut model.borrow_mut(), 'a'));
    assert!(one < reference * 2, "{one:?}, a plain loop {reference:?}");
    assert!(
        all < reference * 1_000,
        "{all:?}, a plain loop {reference:?}"
    );
    assert!(!model.borrow().marked.at_least.is_zero());
}
