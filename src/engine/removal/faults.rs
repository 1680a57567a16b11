//! A fault at every request of a batch of thirty objects, one at a time, over the real wire.

use std::collections::HashSet;
use std::sync::Arc;

use super::model::{Model, all};
use super::served::{FAULTS, Fault, Served};
use super::{Confirmed, Removal, remove};
use crate::domain::inventory::Inventory;
use crate::domain::item::{ItemId, State};
use crate::domain::plan::scene::*;
use crate::domain::plan::{AddedBy, Plan, Selection};
use crate::domain::removal::outcome::Outcome;
use crate::domain::survey::Survey;
use crate::engine::docker::DockerEngine;
use crate::engine::journal::Journal;
use crate::engine::scan::{ScanScope, scan_once};
use crate::engine::{Engine, EngineError};

/// Thirty objects to remove, each kind in its odd forms, and `keep…` ones beside them that look alike.
pub(super) fn scene() -> Inventory {
    let id = |name: &str| format!("sha256:{name}");
    let named = |name: &str, names: &[&str]| image(&id(name), names);
    let on = |name: &str, parent: &str, names: &[&str]| child(&id(name), &id(parent), names);
    let mut pulled = named("pulled", &["reg/pulled:1", "mirror/pulled@sha256:d1"]);
    pulled.digests = texts(&["reg/pulled@sha256:d1", "mirror/pulled@sha256:d1"]);
    let mut scene = inventory(
        vec![
            named("app", &["app:1", "app:2", "reg/app:1"]),
            pulled,
            named("base", &["base:1", "base:old"]),
            on("step", "base", &[]),
            on("top", "step", &["top:1"]),
            on("side", "base", &["side:1", "side:2"]),
            named("none", &[]),
            named("lone", &["lone:1"]),
            named("job", &["job:1", "job:2"]),
            named("tool", &["tool:1"]),
            named("keep-image", &["keep:1", "keep:2"]),
            on("keep-child", "keep-image", &["keep:3"]),
            named("keep-none", &[]),
        ],
        vec![
            mounting(stopped("done", &id("app")), &["data", "shared"]),
            mounting(stopped("gone", &id("app")), &["shared"]),
            container("fresh", &id("job"), State::Created),
            mounting(fleeting("flash", &id("top")), &["anon"]),
            container("ice", &id("app"), State::Paused),
            mounting(running("web", &id("job")), &["logs"]),
            running("loop", &id("tool")),
            stopped("old", &id("side")),
            mounting(running("keep-web", &id("keep-image")), &["keep-data"]),
            stopped("keep-old", &id("keep-child")),
        ],
    );
    scene.volumes = vec![
        volume("data", 9),
        volume("shared", 8),
        volume("logs", 7),
        volume("spare", 6),
        anonymous("anon", 3),
        volume("keep-data", 1),
        volume("keep-spare", 1),
    ];
    scene.cache = vec![
        record("low", &[]),
        record("mid", &["low"]),
        record("high", &["mid"]),
        record("other", &[]),
        record("last", &["other"]),
        record("one", &[]),
        record("two", &[]),
        record("keeprecord", &[]),
    ];
    scene
}

pub(super) fn is_kept(id: &str) -> bool {
    id.trim_start_matches("sha256:").starts_with("keep")
}

/// Returns everything that is there and is not to be kept.
pub(super) fn wish(inventory: &Inventory) -> Vec<ItemId> {
    let images = inventory
        .images
        .iter()
        .map(|it| ItemId::Image(it.id.clone()));
    let containers = inventory.containers.iter();
    let containers = containers.map(|it| ItemId::Container(it.id.clone()));
    let volumes = inventory.volumes.iter();
    let volumes = volumes.map(|it| ItemId::Volume(it.name.clone()));
    let records = inventory.cache.iter();
    let records = records.map(|it| ItemId::Record(it.id.clone()));
    let all = images.chain(containers).chain(volumes).chain(records);
    all.filter(|id| !is_kept(id.as_str())).collect()
}

async fn scan(engine: &dyn Engine) -> Inventory {
    let wanted = ScanScope {
        layers: false,
        volume_sizes: false,
        container_sizes: crate::engine::scan::WalkOf::None,
        ..ScanScope::ALL
    };
    let scanned = scan_once(engine, wanted, &Inventory::default(), |_, _| {}).await;
    scanned.unwrap()
}

pub(super) fn order_of(base: Inventory) -> Confirmed {
    let chosen = |id: ItemId| (id, AddedBy::Selection);
    let selection = Selection {
        items: wish(&base).into_iter().map(chosen).collect(),
        stop: true,
        ..Selection::default()
    };
    let plan = Plan::new(&Survey::new(base.clone()), &selection);
    assert_eq!(plan.refused, []);
    Confirmed {
        plan,
        base,
        journal: Journal::in_memory(),
        save: None,
        until: None,
    }
}

async fn carry_out(engine: &Arc<DockerEngine>, order: Confirmed) -> Result<Removal, EngineError> {
    let engine: Arc<dyn Engine> = engine.clone();
    remove(engine, order, Arc::default(), |_| {}).await
}

/// Returns the object that a write names, as the engine will read it; all of a prune's.
fn targets(write: &str) -> Vec<String> {
    let path = write.split([' ', '?']).nth(1).unwrap_or_default();
    if path == "/build/prune" {
        let ids = write.split_once("%5E%28").unwrap().1;
        let ids = ids.split_once("%29%24").unwrap().0;
        return ids.split("%7C").map(str::to_owned).collect();
    }
    let rest = path.trim_start_matches('/').split_once('/').unwrap().1;
    let name = rest.trim_end_matches("/stop").trim_end_matches("/unpause");
    vec![name.to_owned()]
}

/// Every name by which a plan may write to something.
fn named_by(plan: &Plan) -> HashSet<String> {
    let mut named = HashSet::new();
    for step in &plan.steps {
        named.insert(step.id.as_str().to_owned());
        named.extend(step.follows().iter().map(|id| id.as_str().to_owned()));
        named.extend(step.names().iter().map(|name| (**name).to_owned()));
        let (references, _) = step.seen.references();
        named.extend(references.into_iter().map(|name| (**name).to_owned()));
    }
    named
}

/// Runs one case and tells nothing but what must hold of it.
async fn hold(base: &Confirmed, number: usize, fault: Fault) {
    let case = format!("{fault:?} at request {number}");
    let served = Served::start(Arc::new(Model::new(scene())));
    let engine = Arc::new(served.engine().await);
    let before = all(&scene());
    let may_be_named = named_by(&base.plan);
    served.arm(Some((number, fault)));
    let result = carry_out(&engine, base.clone()).await;
    let after = all(&served.model.inventory());
    for write in served.writes() {
        for target in targets(&write) {
            assert!(may_be_named.contains(&target), "{case}: {write}");
        }
    }
    for name in before.iter().filter(|name| is_kept(name)) {
        assert!(after.contains(name), "{case}: {name}");
    }
    match result {
        Err(_) => {
            assert_eq!(after, before, "{case}: nothing was tried");
            assert_eq!(served.writes(), Vec::<String>::new(), "{case}");
        }
        Ok(removal) => {
            assert_eq!(removal.done.len(), base.plan.steps.len(), "{case}");
            for done in &removal.done {
                let is_gone = !after.contains(done.id.as_str());
                let removed = done.outcome == Outcome::Removed;
                assert_eq!(removed, is_gone, "{case}: {done:?}");
                assert_eq!(done.error.is_none(), removed, "{case}: {done:?}");
            }
        }
    }
    served.arm(None);
    let left = scan(&*engine).await;
    let second = carry_out(&engine, order_of(left)).await.unwrap();
    for done in &second.done {
        assert_eq!(done.outcome, Outcome::Removed, "{case}, second: {done:?}");
    }
    let left = wish(&served.model.inventory());
    assert_eq!(left, [], "{case}: the second run finishes the job");
}

async fn undisturbed() -> (Confirmed, usize) {
    let served = Served::start(Arc::new(Model::new(scene())));
    let engine = Arc::new(served.engine().await);
    let base = order_of(scan(&*engine).await);
    assert_eq!(base.plan.steps.len(), 30);
    served.arm(None);
    let clean = carry_out(&engine, base.clone()).await.unwrap();
    for done in &clean.done {
        assert_eq!(done.outcome, Outcome::Removed, "{done:?}");
    }
    (base, served.requests())
}

/// Returns true where every case is asked for: `DTOP_LONG=1` (tests/support/length.rs).
pub(super) fn is_long() -> bool {
    std::env::var_os("DTOP_LONG").is_some_and(|value| value != "0")
}

/// Returns every so many requests, from one on, each with all faults in a long run and else with one of them, in turn;
/// returns how many cases that were.
#[tokio::main(flavor = "current_thread")]
async fn hold_each(from: usize, every: usize) -> usize {
    let (base, requests) = undisturbed().await;
    assert!(requests > 100, "{requests}");
    let mut cases = 0;
    for number in (from..=requests).step_by(every) {
        for (at, fault) in FAULTS.into_iter().enumerate() {
            if is_long() || at == number % FAULTS.len() {
                hold(&base, number, fault).await;
                cases += 1;
            }
        }
    }
    cases
}

#[test]
fn a_fault_at_any_request_is_told_truly_and_a_second_run_finishes() {
    let halves = [1, 2].map(|from| std::thread::spawn(move || hold_each(from, 2)));
    let cases: usize = halves.into_iter().map(|half| half.join().unwrap()).sum();
    println!(
        "{cases} cases: of {} faults one at each request of a batch of 30 objects",
        FAULTS.len()
    );
}
