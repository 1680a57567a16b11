//! A disk that is full: from starting dtop to enough free space in a handful of keys, and what was promised is
//! what the disk has more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Completion, Trial};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use support::engine::{PrivateEngine, Setup, Store};
use support::journey::Journey;
use support::program::Programs;
use support::scene::Scene;
use support::trial;

/// Bytes of the engine's disk, and of an image's own layer.
const DISK: u64 = 400_000_000;
const LAYER: u64 = 30_000_000;

fn main() -> ExitCode {
    let name = "a_full_disk_has_enough_free_after_four_keys";
    trial::run(vec![Trial::ignorable_test(
        name,
        || match Programs::installed().and_then(|it| {
            PrivateEngine::start_on_disk(&Setup::Docker(it, Store::GraphDriver), DISK)
        }) {
            Ok(engine) => {
                a_full_disk_has_enough_free_after_four_keys(&engine);
                Ok(Completion::Completed)
            }
            Err(missing) => trial::without_engine(&missing),
        },
    )])
}

/// Bytes that users have of the disk, and of how many.
fn available(at: &Path) -> (u64, u64) {
    let disk = statvfs(at).expect("a filesystem");
    (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)
}

fn fill(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for number in 0..6 {
        scene.import(&format!("app:{number}"), |root| {
            let noise: Vec<u8> = (0..LAYER)
                .map(|at| (at * (number + 7) % 251) as u8)
                .collect();
            std::fs::write(root.join("data"), noise).expect("a file");
        });
    }
    scene.running("web", &[], "base:1");
    // The rest is taken by somebody else, but for what root keeps for itself.
    let rest = File::create(engine.root().join("somebody-elses")).expect("a file");
    let (free, _) = available(&engine.root());
    fallocate(&rest, FallocateFlags::empty(), 0, free - 1_000_000).expect("room");
}

fn a_full_disk_has_enough_free_after_four_keys(engine: &PrivateEngine) {
    fill(engine);
    let (before, total) = available(&engine.root());
    assert!(before < total / 50, "{before} of {total} are free");
    let mut journey = Journey::on(engine);
    journey.screen.keys("f");
    journey.screen.wait_for("Enter mark the safest");
    journey.screen.keys("enter");
    journey.screen.wait_for("marked to free ");
    journey.plan();
    let plan = journey.screen.contents();
    journey.screen.keys("y");
    let end = journey.wait_for_the_end();
    let (after, _) = available(&engine.root());
    assert!(after >= total / 5, "{after} of {total}:\n{plan}\n{end}");
    // No more than needed: one image less would not have been enough.
    assert!(after - LAYER < total / 5, "{after} of {total}:\n{plan}");
    let promised = promised(&plan);
    let gained = after - before;
    let apart = promised.abs_diff(gained);
    assert!(
        apart < promised / 20 + 500_000,
        "{promised} {gained}:\n{plan}\n{end}"
    );
    journey.quit();
}

/// ` Frees 90.0 MB · removes …`
fn promised(plan: &str) -> u64 {
    let line = plan
        .lines()
        .find_map(|line| line.trim().strip_prefix("Frees "));
    let figure = line.expect("a promise").split(" · ").next().unwrap();
    let figure: String = figure.split_whitespace().collect();
    dtop::domain::filter::parse_size(&figure).expect("a size").0
}
