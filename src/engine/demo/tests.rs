//! The embedded fleet, and the rules of a real engine.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::domain::inventory::Inventory;
use crate::domain::item::Kind;
use crate::domain::plan::{AddedBy, Plan, Selection};
use crate::domain::survey::Survey;
use crate::domain::text::Text;
use crate::engine::removal::{Confirmed, remove};
use crate::engine::scan::{ScanScope, scan_once};

/// A base with a child of the classic builder, a build that the cache still has, and users of them.
const SMALL: &str = r#"{
  "disk": {"total": 1000, "free": 100, "inodes_total": 10, "inodes_free": 5},
  "builds": [
    {"key": "base", "steps": [["ADD rootfs /", 100]], "age": "9d", "pulled": true, "names": ["base:1"]},
    {"key": "app", "from": "base", "steps": [["COPY . .", 10], ["ENV A=1", null], ["RUN make", 20]],
     "age": "2d", "names": ["app:1", "app:latest", "reg/app:1"], "cached": "1d"},
    {"key": "old", "from": "base", "steps": [["RUN a", 1], ["RUN b", 2], ["CMD c", null]], "age": "5d", "by": "classic"},
    {"key": "gone", "from": "base", "steps": [["RUN gone", 1000]], "age": "5d", "image": false}
  ],
  "volumes": [
    {"name": "data", "size": 50, "age": "1d"}, {"name": "tmp", "anonymous": true, "size": 5, "age": "1d"},
    {"name": "nfs", "size": null, "age": "1d", "options": {"type": "nfs", "device": ":/x"}}
  ],
  "containers": [
    {"name": "ran", "build": "app", "image": "app:1", "command": "x", "state": "exited", "age": "1d", "written": 7, "volumes": ["data"]},
    {"name": "job", "build": "old", "command": "x", "state": "paused", "age": "1d", "written": 3, "volumes": ["tmp", "data"], "rm": true}
  ],
  "records": [{"kind": "exec.cachemount", "description": "m", "size": 400, "age": "1d", "in_use": true, "on": "app"},
    {"kind": "source.local", "description": "s", "size": 30, "age": "1d"}]
}"#;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn small() -> DemoEngine {
    DemoEngine::from_json(SMALL, now())
        .unwrap()
        .with_pace(Pace::Instant)
}

async fn image(engine: &DemoEngine, name: &str) -> ImageId {
    engine.resolve(name).await.unwrap().expect(name)
}

async fn container(engine: &DemoEngine, name: &str) -> ContainerId {
    let all = engine.containers().await.unwrap();
    let found = all.into_iter().find(|container| *container.name == *name);
    found.expect(name).id
}

fn conflict<T: std::fmt::Debug>(answer: Result<T, EngineError>, words: &str) {
    match answer {
        Err(EngineError::Conflict(message)) => assert!(message.contains(words), "{message}"),
        other => panic!("{other:?} instead of a conflict: {words}"),
    }
}

#[tokio::test]
async fn the_embedded_fleet_is_read_and_rich() {
    let engine = DemoEngine::new(now()).with_pace(Pace::Instant);
    let images = engine.images().await.unwrap();
    let containers = engine.containers().await.unwrap();
    let volumes = engine.volumes().await.unwrap();
    let records = engine.build_cache().await.unwrap();
    assert!(
        images.len() > 60 && containers.len() > 40,
        "{}",
        images.len()
    );
    assert!(
        volumes.len() > 35 && records.len() > 60,
        "{}",
        records.len()
    );
    let total = engine.bytes().0 / 1_000_000_000;
    assert!((60..115).contains(&total), "{total} GB");
    let ids: HashSet<&str> = images.iter().map(|image| image.id.as_str()).collect();
    assert_eq!(ids.len(), images.len(), "IDs are unique");
    let record_ids: HashSet<&RecordId> = records.iter().map(|record| &record.id).collect();
    assert_eq!(record_ids.len(), records.len(), "record IDs are unique");
    let parents = records.iter().flat_map(|record| &record.parents);
    assert!(parents.into_iter().all(|id| record_ids.contains(id)));
    assert!(records.iter().any(|record| record.shared));
    assert!(images.iter().all(|image| image.created < Some(now())));
    engine.store().check();
}

/// ENGINE.md §2.6: a shared record of a build is the layer whose history row has its time and its bytes.
#[tokio::test]
async fn a_shared_record_joins_one_layer() {
    let engine = DemoEngine::new(now()).with_pace(Pace::Instant);
    let mut rows = HashSet::new();
    for image in engine.images().await.unwrap() {
        let details = engine.image_details(&image.id).await.unwrap();
        let content = details.content.known().unwrap().clone();
        let sum: Bytes = content.history.iter().map(|row| row.size).sum();
        assert_eq!(image.size, Figure::Known(sum), "{:?}", image.names);
        rows.extend(content.history.iter().map(|row| (row.created, row.size)));
    }
    let records = engine.build_cache().await.unwrap();
    let built = records
        .iter()
        .filter(|record| record.shared && record.description.starts_with('['));
    for record in built {
        let size = *record.size.as_ref().known().unwrap();
        assert!(rows.contains(&(record.created, size)), "{record:?}");
    }
}

#[tokio::test]
async fn a_scan_equals_the_file() {
    let engine = small();
    assert_eq!(engine.bytes(), Bytes(100 + 30 + 3 + 10 + 55 + 430));
    let images = engine.images().await.unwrap();
    let app = image(&engine, "app").await;
    let listed = images.iter().find(|image| image.id == app).unwrap();
    assert_eq!(listed.size, Figure::Known(Bytes(130)));
    let names: Vec<&str> = listed.names.iter().map(|name| &**name).collect();
    assert_eq!(names, ["app:1", "app:latest", "reg/app:1"]);
    let shared = engine.shared_sizes().await.unwrap();
    assert!(shared.images.contains(&(app.clone(), Some(Bytes(100)))));
    let details = engine.image_details(&app).await.unwrap();
    let content = details.content.known().unwrap().clone();
    assert_eq!((content.diff_ids.len(), content.history.len()), (3, 4));
    assert_eq!(
        &*content.history[3].created_by,
        "RUN /bin/sh -c make # buildkit"
    );
    let volumes = engine.volumes().await.unwrap();
    assert_eq!(volumes[2].size, Figure::Unknown);
    assert_eq!(engine.volume_sizes().await.unwrap().len(), 2);
    let job = container(&engine, "job").await;
    let details = engine.container_details(&job, true).await.unwrap();
    assert_eq!(
        (details.size_rw, details.size_root),
        (Some(Bytes(3)), Some(Bytes(106)))
    );
    assert!(engine.writes().is_empty());
}

#[tokio::test]
async fn an_image_goes_only_when_nothing_needs_it() {
    let engine = small();
    let (base, app) = (
        image(&engine, "base:1").await,
        image(&engine, "app:1").await,
    );
    conflict(engine.remove_image(&base).await, "dependent child images");
    conflict(engine.remove_image(&app).await, "multiple repositories");
    engine.untag("app:latest").await.unwrap();
    assert_eq!(
        engine.untag("reg/app:1").await.unwrap().untagged,
        [Text::from("reg/app:1")]
    );
    assert!(engine.untag("reg/app:1").await.is_err());
    conflict(engine.remove_image(&app).await, "used by stopped container");
    conflict(
        engine.untag("app:1").await,
        "unable to remove repository reference",
    );
    let ran = container(&engine, "ran").await;
    engine.remove_container(&ran).await.unwrap();
    let removed = engine.remove_image(&app).await.unwrap();
    assert_eq!(removed.untagged, [Text::from("app:1")]);
    assert_eq!(
        removed.deleted,
        [Text::from(app.as_str())],
        "the cache holds its layers"
    );
    assert_eq!(engine.freed_so_far(), Bytes(7));
    let again = engine.remove_image(&app).await;
    assert!(matches!(again, Err(EngineError::NotFound(_))));
}

#[tokio::test]
async fn untagged_parents_follow_their_last_child() {
    let engine = small();
    let job = container(&engine, "job").await;
    let images = engine.images().await.unwrap();
    let parents: HashSet<_> = images
        .iter()
        .filter_map(|image| image.parent.clone())
        .collect();
    let old = images
        .iter()
        .find(|image| image.names.is_empty() && !parents.contains(&image.id))
        .unwrap();
    conflict(
        engine.remove_image(&old.id).await,
        "used by running container",
    );
    conflict(engine.remove_container(&job).await, "must be unpaused");
    assert!(engine.stop(&job).await.is_err(), "it is paused");
    engine.unpause(&job).await.unwrap();
    conflict(engine.remove_container(&job).await, "container is running");
    engine.stop(&job).await.unwrap();
    assert_eq!(
        engine.volumes().await.unwrap().len(),
        2,
        "--rm takes its anonymous volume"
    );
    assert_eq!(engine.containers().await.unwrap().len(), 1);
    let removed = engine.remove_image(&old.id).await.unwrap();
    assert_eq!(removed.deleted.len(), 5, "three images and two layers");
    assert_eq!(engine.freed_so_far(), Bytes(3 + 5 + 3));
    assert!(engine.resolve("base:1").await.unwrap().is_some());
    let disks = engine.disks(LookOrder::AsTheyAre).await.unwrap();
    assert_eq!(disks.disks[0].free, Bytes(111));
}

#[tokio::test]
async fn volumes_in_use_and_records_with_descendants_stay() {
    let engine = small();
    let data = VolumeName::new("data");
    conflict(engine.remove_volume(&data).await, "volume is in use");
    let missing = engine.remove_volume(&VolumeName::new("none")).await;
    assert!(matches!(missing, Err(EngineError::NotFound(_))));
    let ids: Vec<RecordId> = engine
        .build_cache()
        .await
        .unwrap()
        .into_iter()
        .map(|record| record.id)
        .collect();
    let pruned = engine.prune_records(&ids).await.unwrap();
    assert_eq!(
        pruned.deleted.len(),
        1,
        "one in use holds all of its parents"
    );
    assert_eq!(
        (pruned.claimed, engine.freed_so_far()),
        (Bytes(30), Bytes(30))
    );
}

#[tokio::test]
async fn writes_are_told_and_reads_are_not() {
    let engine = small();
    let mut changes = engine.changes();
    engine.images().await.unwrap();
    assert!(changes.next().now_or_never().is_none());
    let ran = container(&engine, "ran").await;
    engine.remove_container(&ran).await.unwrap();
    let told = changes.next().now_or_never().flatten();
    assert_eq!(told, Some(Ok(Change::Container(ran.clone()))));
    assert!(changes.next().now_or_never().is_none());
    assert_eq!(engine.writes(), [format!("DELETE /containers/{ran}")]);
}

#[tokio::test(start_paused = true)]
async fn a_lifelike_engine_takes_its_time() {
    let engine = DemoEngine::from_json(SMALL, now()).unwrap();
    let start = Instant::now();
    engine.volume_sizes().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(1400));
}

#[test]
fn a_fleet_that_stands_on_nothing_is_refused() {
    let broken = SMALL.replace("\"from\": \"base\"", "\"from\": \"nowhere\"");
    let error = DemoEngine::from_json(&broken, now()).err().unwrap();
    assert!(matches!(error, FleetError::Missing { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is removed in whatever order, every layer has exactly the references that there are, and
    /// what goes is never given back.
    #[test]
    fn references_stay_right(choices in prop::collection::vec((0..6_u8, 0..1000_usize), 1..150)) {
        let engine = DemoEngine::new(now()).with_pace(Pace::Instant);
        let mut held = engine.bytes();
        for (what, which) in choices {
            step(&engine, what, which).now_or_never().unwrap();
            engine.store().check();
            prop_assert!(engine.bytes() <= held);
            held = engine.bytes();
        }
    }
}

/// One write to some object; refusals are as good as removals here.
async fn step(engine: &DemoEngine, what: u8, which: usize) {
    let images = engine.images().await.unwrap();
    let containers = engine.containers().await.unwrap();
    let volumes = engine.volumes().await.unwrap();
    let records = engine.build_cache().await.unwrap();
    let image = images.get(which % images.len().max(1));
    let container = containers.get(which % containers.len().max(1));
    match what {
        0 => drop(image.map(|image| engine.remove_image(&image.id).now_or_never())),
        1 => {
            let name = image.and_then(|image| image.names.first());
            drop(name.map(|name| engine.untag(name).now_or_never()));
        }
        2 => drop(container.map(|container| engine.stop(&container.id).now_or_never())),
        3 => drop(container.map(|container| engine.remove_container(&container.id).now_or_never())),
        4 => {
            let volume = volumes.get(which % volumes.len().max(1));
            drop(volume.map(|volume| engine.remove_volume(&volume.name).now_or_never()));
        }
        _ => {
            let ids: Vec<RecordId> = records
                .iter()
                .skip(which % 60)
                .map(|r| r.id.clone())
                .collect();
            drop(engine.prune_records(&ids).now_or_never());
        }
    }
}

#[tokio::test]
async fn behind_a_shut_gate_nothing_goes_whoever_asks() {
    let demo = Arc::new(small().with_gate(Gate::new(true)));
    let wanted = ScanScope::ALL;
    let nothing = Inventory::default();
    let base = scan_once(&*demo, wanted, &nothing, |_, _| {}).await;
    let base = base.unwrap();
    let survey = Survey::new(base.clone());
    let selection = Selection {
        items: survey
            .rows(Kind::Volume)
            .map(|at| survey.item(Kind::Volume, at).id())
            .map(|id| (id, AddedBy::Selection))
            .collect(),
        ..Default::default()
    };
    let plan = Plan::new(&survey, &selection);
    assert!(!plan.steps.is_empty());
    let order = Confirmed {
        plan,
        base,
        journal: crate::engine::journal::Journal::default(),
        save: None,
        until: None,
    };
    let engine: Arc<dyn Engine> = demo.clone();
    let refused = remove(engine, order, Arc::default(), |_| {}).await;
    let shut = |error: &EngineError| matches!(error, EngineError::ReadOnly { .. });
    assert!(refused.is_err_and(|error| shut(&error)));
    let volume = demo.remove_volume(&VolumeName::new("nfs")).await;
    assert!(volume.is_err_and(|error| shut(&error)));
    assert_eq!(demo.writes(), Vec::<String>::new());
}
