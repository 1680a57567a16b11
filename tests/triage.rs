//! A disk that is full: from starting dtop to enough free space in a handful of keys, and what was promised is
//! what the disk has more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::Completion;

use support::engine::{PrivateEngine, Setup, Store};
use support::journey::Journey;
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing, Programs};
use support::proxy::Proxy;
use support::scene::Scene;
use support::small_disk::SmallDisk;
use support::{STATE, dtop, trial};

/// Bytes of the engine's disk, and of an image's own layer.
const DISK: u64 = 400_000_000;
const LAYER: u64 = 30_000_000;
/// Bytes of an image that is less than root has eaten.
const SMALL: usize = 8_000_000;

type OnDisk = (&'static str, bool, fn(&PrivateEngine, &SmallDisk));

/// Each with whether it takes ext4, which keeps a share of itself for root.
const TESTS: &[OnDisk] = &[
    (
        "a_full_disk_has_enough_free_after_four_keys",
        false,
        a_full_disk_has_enough_free_after_four_keys,
    ),
    (
        "what_root_has_eaten_is_refilled_first_and_that_is_counted",
        true,
        what_root_has_eaten_is_refilled_first,
    ),
    (
        "a_log_without_a_bound_goes_before_images_are_touched",
        false,
        a_log_without_a_bound_goes_first,
    ),
];
/// Prints this much, without an end to its log, and lives on.
const TALKS: &str =
    "head -c 105000000 /dev/zero | tr '\\0' x; echo; echo end; while true; do sleep 1; done";
/// What ext4 keeps, in percent, where nobody says otherwise.
const RESERVE: u8 = 5;

fn main() -> ExitCode {
    let trials = TESTS.iter().map(|(name, is_for_ext4, test)| {
        trial::of(*name, Length::Long, move || {
            let start = |disk: SmallDisk| {
                let setup = Setup::Docker(Programs::installed()?, Store::GraphDriver);
                let engine = PrivateEngine::start_in(&setup, &[], disk.path())?;
                Ok((engine, disk))
            };
            let disk = SmallDisk::new(DISK, RESERVE).and_then(|disk| {
                if disk.is_ext4 || !is_for_ext4 {
                    Ok(disk)
                } else {
                    Err(Missing(
                        "no ext4, which keeps a share for root, can be mounted".into(),
                    ))
                }
            });
            match disk.and_then(start) {
                Ok((engine, disk)) => {
                    test(&engine, &disk);
                    drop(engine);
                    Ok(Completion::Completed)
                }
                Err(missing) => trial::without_engine(&missing),
            }
        })
    });
    trial::run_waiting(trials.collect(), 2)
}

/// Images, a container that runs, and somebody else's file: so large of what is unused, and of what users have.
fn fill(engine: &PrivateEngine, disk: &SmallDisk, size: impl Fn(u64, u64) -> u64) {
    let scene = Scene::on(engine);
    scene.import("small:1", |root| {
        std::fs::write(root.join("data"), vec![7; SMALL]).expect("a file");
    });
    for number in 0..6 {
        scene.import(&format!("app:{number}"), |root| {
            let noise: Vec<u8> = (0..LAYER)
                .map(|at| (at * (number + 7) % 251) as u8)
                .collect();
            std::fs::write(root.join("data"), noise).expect("a file");
        });
    }
    scene.running("web", &[], "base:1");
    let stat = disk.stat();
    disk.take(size(stat.f_bfree * stat.f_frsize, disk.available()));
}

fn a_full_disk_has_enough_free_after_four_keys(engine: &PrivateEngine, disk: &SmallDisk) {
    fill(engine, disk, |_, available| available - 1_000_000);
    let (before, total) = (disk.available(), disk.total());
    assert!(before < total / 50, "{before} of {total} are free");
    let mut journey = Journey::on(engine);
    journey.screen.keys("f");
    journey.screen.wait_for("Enter mark the safest");
    journey.screen.keys("enter");
    journey.screen.wait_for("marked to free ");
    let marked = journey.screen.contents();
    journey.plan();
    let plan = journey.screen.contents();
    journey.screen.keys("y");
    let end = journey.wait_for_the_end();
    let after = disk.available();
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
    // The gauge has said how full it would be, and what came of it stands beside the engine's figure.
    let percent = |free: u64| ((total - free) * 200 + total) / (2 * total);
    let full = format!("{} % full", percent(after));
    let then = percent(before + promised);
    let mut near = [then - 1, then, then + 1].into_iter();
    assert!(
        near.any(|it| marked.contains(&format!("→ {it} %"))),
        "{then}:\n{marked}"
    );
    assert!(
        end.contains("more free, ") && end.contains(&full),
        "{full}:\n{end}"
    );
    journey.quit();
}

/// All is eaten, root's share too: what is freed is nobody else's until that is full again.
fn what_root_has_eaten_is_refilled_first(engine: &PrivateEngine, disk: &SmallDisk) {
    // Of the rest the kernel keeps most ready for itself: not even root gets that.
    fill(engine, disk, |unused, _| unused - 14_000_000);
    assert_eq!(disk.available(), 0);
    let run = |args: &[&str]| run(engine, args);
    let (code, plan, _) = run(&["plan", "--images", "=small:1"]);
    assert_eq!(code, Some(0));
    assert!(
        plan.contains("first refill what it keeps for root"),
        "{plan}"
    );
    let (code, said, why) = run(&["clean", "--images", "=small:1", "--yes"]);
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}{why}");
    assert_eq!(disk.available(), 0, "{why}");
    assert!(
        why.contains("the disk has 0 B more free, 100 % full: "),
        "{why}"
    );
    assert!(why.contains(" went to what it keeps for root"), "{why}");

    // One image has more than users lack, and not enough for what root has eaten as well.
    let wanted = LAYER - 1_000_000;
    let until = ["clean", "--until-free", "29mb", "--yes"];
    let (code, said, why) = run(&until);
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{said}{why}");
    let after = disk.available();
    assert!(after >= wanted, "{after} of {wanted}\n{said}{why}");
    assert!(
        after - LAYER < wanted,
        "{after} of {wanted}: too much\n{said}"
    );
    // And for cron there is nothing to do any more, nothing to say, and nothing to measure.
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let nothing = (Some(0), String::new(), String::new());
    assert_eq!(run_at(&proxy.host(), &until), nothing);
    let requests = proxy.requests();
    let lists = |path: &str| path.contains("/images/json");
    assert!(requests.iter().any(|it| lists(&it.path)), "{requests:?}");
    let measures = |path: &str| path.contains("/system/df") || path.contains("/history");
    assert!(
        !requests.iter().any(|it| measures(&it.path)),
        "{requests:?}"
    );
}

fn a_log_without_a_bound_goes_first(engine: &PrivateEngine, _: &SmallDisk) {
    let scene = Scene::on(engine);
    scene.import("app:1", |root| {
        std::fs::write(root.join("data"), vec![7; 50_000_000]).expect("a file");
    });
    let start = ["run", "--detach", "--network", "none"];
    let bounded = ["--log-opt", "max-size=110m", "--log-opt", "max-file=1"];
    for (name, options) in [("talker", &[][..]), ("bounded", &bounded)] {
        let words = ["--name", name, "base:1", "sh", "-c", TALKS];
        engine.docker(&[&start[..], options, &words].concat());
        let begun = Instant::now();
        while !engine
            .docker(&["logs", "--tail", "1", name])
            .contains("end")
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{name} is silent"
            );
            sleep(Duration::from_millis(200));
        }
    }
    let (code, plan, why) = run(engine, &["plan", "--free", "40mb"]);
    assert_eq!(code, Some(0), "{plan}{why}");
    let steps: Vec<&str> = plan
        .lines()
        .filter(|line| line.contains("  log  "))
        .collect();
    assert!(
        matches!(steps.as_slice(), [one] if one.contains("talker")),
        "{plan}"
    );
    assert!(
        plan.contains("more than 100 MB, nothing bounds it"),
        "{plan}"
    );
    assert!(
        !plan.contains("app:1") && !plan.contains("bounded ·"),
        "{plan}"
    );
    let (code, said, why) = run(engine, &["clean", "--free", "40mb", "--yes"]);
    assert_eq!((code, why.as_str()), (Some(0), ""), "{said}");
    assert!(said.starts_with("truncated log talker, freed 10"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let left = engine.docker(&["ps", "--format", "{{.Names}}"]);
    assert!(
        left.contains("talker") && left.contains("bounded"),
        "{left}"
    );
    // The other one is its owner's to bound: now an image goes.
    let (_, said, _) = run(engine, &["clean", "--free", "40mb", "--yes"]);
    assert!(said.starts_with("removed image app:1"), "{said}");
}

/// dtop on an engine: how it ended and what it said.
fn run(engine: &PrivateEngine, args: &[&str]) -> (Option<i32>, String, String) {
    run_at(&engine.host(), args)
}

fn run_at(host: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    let command = command.env("XDG_STATE_HOME", STATE).args(["-H", host]);
    let output = command.args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
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
