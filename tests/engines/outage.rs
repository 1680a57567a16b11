//! An engine that dies and comes back while dtop looks at it.

use std::time::{Duration, Instant};

use crate::support::census::Census;
use crate::support::engine::{PrivateEngine, Store};
use crate::support::journey::{Journey, Pane};
use crate::support::scene::Scene;

/// Until this long after an engine is back, what is on the screen is so again.
const CURRENT: Duration = Duration::from_secs(5);
const LOST: &str = "connection lost";

pub fn a_killed_engine_is_taken_up_again(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.import("spare:1", |root| fill(root, 20_000));
    scene.stopped("idle", 1_000, &[], "base:1");
    scene.volume("spare-volume", 7_000);

    let mut journey = Journey::on(engine);
    journey.mark(Pane::Containers, "idle");
    journey.mark(Pane::Volumes, "spare-volume");
    journey.mark(Pane::Images, "spare:1");
    let before = Census::of(engine);
    engine.kill();
    journey.screen.wait_for(LOST);
    journey.screen.wait_for("next try in");
    let picture = journey.screen.contents();
    for part in ["spare:1", "3 marked", "refused", "picture of"] {
        assert!(picture.contains(part), "no {part:?}:\n{picture}");
    }
    // Longer than the shortest pauses between attempts.
    std::thread::sleep(Duration::from_secs(4));
    journey.open(Pane::Volumes);
    assert!(journey.screen.row_with("spare-volume").is_some());
    journey.open(Pane::Images);

    engine.start_again();
    let back = Instant::now();
    scene.import("after:1", |root| fill(root, 30_000));
    journey
        .screen
        .wait_until("the new image with its figures", |screen| {
            let picture = screen.contents();
            let row = picture.lines().find(|line| line.contains("after:1"));
            row.is_some_and(|row| row.contains("kB") && !row.contains('…'))
                && !picture.contains(LOST)
        });
    let took = back.elapsed();
    assert!(took < CURRENT, "{took:?}");
    journey.screen.wait_for("3 marked");
    // What was marked before is what goes now.
    journey.plan();
    journey.confirm();
    let gone = before.without(&Census::of(engine));
    assert_eq!(
        (gone.images.len(), gone.containers.len(), gone.volumes.len()),
        (1, 1, 1),
        "{gone:?}"
    );
    journey.quit();
}

/// What shows that a folder is the engine's is what the engine has, before it writes its ID there (Docker 23); all of
/// that may go while somebody looks.
pub fn a_screen_stays_on_its_folder_when_all_has_gone(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.import("only:1", |root| fill(root, 20_000));
    let mut journey = Journey::on(engine);
    let is_by_blocks = |journey: &Journey, name: &str| {
        let what = format!("{name} by blocks");
        journey.screen.wait_until(&what, |screen| {
            let picture = screen.contents();
            let row = picture.lines().find(|line| line.contains(name));
            row.is_some_and(|row| row.contains("kB") && !row.contains(['…', '≈']))
        });
    };
    is_by_blocks(&journey, "only:1");
    for name in ["only:1", "base:1"] {
        engine.docker(&["rmi", &scene.name(name)]);
    }
    journey.screen.wait_while("only:1");
    scene.import("after:1", |root| fill(root, 30_000));
    is_by_blocks(&journey, "after:1");
    journey.quit();
}

/// What was agreed with the engine when it was first greeted does not hold for its other store.
pub fn an_engine_may_come_back_with_its_other_store(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let (old, new, word) = match engine.store() {
        Store::GraphDriver => ("overlay2", Store::Containerd, "containerd"),
        Store::Containerd => ("containerd", Store::GraphDriver, "overlay2"),
    };
    let scene = Scene::on(engine);
    let mut journey = Journey::on(engine);
    journey.screen.wait_for(&format!(" · {old}"));
    engine.kill();
    journey.screen.wait_for(LOST);
    engine.change_store(new);
    engine.start_again();
    if engine.store() != new {
        // Old versions have but one.
        journey.screen.wait_while(LOST);
        return journey.quit();
    }
    scene.import("other:1", |root| fill(root, 30_000));
    journey.screen.wait_for(&format!(" · {word}"));
    journey.screen.wait_for("other:1");
    journey.screen.wait_while("base:1");
    journey.screen.wait_while("…");
    // Exact on either store: the layers are understood, and on containerd so are its blobs.
    let row = journey.screen.row_with("other:1").expect("the image");
    assert!(!row.contains('≥') && !row.contains('†'), "{row}");
    journey.mark(Pane::Images, "other:1");
    journey.plan();
    journey.confirm();
    assert_eq!(Census::of(engine).images.len(), 0);
    journey.quit();
}

fn fill(root: &std::path::Path, bytes: usize) {
    std::fs::write(root.join("data"), vec![7; bytes]).expect("data");
}
