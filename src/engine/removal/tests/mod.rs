mod disk;
mod journal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::model::{Fault, Model, all};
use super::{Confirmed, Removal, remove};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Inventory;
use crate::domain::item::{ItemId, State};
use crate::domain::plan::scene::*;
use crate::domain::plan::{AddedBy, IN_USE, Plan, Selection};
use crate::domain::removal::event::Event;
use crate::domain::removal::outcome::Outcome;
use crate::domain::survey::Survey;
use crate::engine::EngineError;
use crate::engine::journal::Journal;

use Outcome::{Changed, Failed, Gone, NotNeeded, Removed, Skipped};

fn plan(inventory: &Inventory, items: &[ItemId]) -> Plan {
    let selection = Selection {
        items: items
            .iter()
            .map(|id| (id.clone(), AddedBy::Selection))
            .collect(),
        stop: true,
        ..Selection::default()
    };
    let plan = Plan::new(&Survey::new(inventory.clone()), &selection);
    assert_eq!(plan.refused, []);
    plan
}

fn order(inventory: &Inventory, items: &[ItemId]) -> Confirmed {
    Confirmed {
        plan: plan(inventory, items),
        base: inventory.clone(),
        journal: Journal::default(),
        save: None,
        until: None,
    }
}

async fn carry_out(model: &Arc<Model>, order: Confirmed) -> Removal {
    let cancel = Arc::new(AtomicBool::new(false));
    remove(model.clone(), order, cancel, |_| {}).await.unwrap()
}

fn ends(removal: &Removal) -> Vec<(&str, Outcome)> {
    removal
        .done
        .iter()
        .map(|done| (done.id.as_str(), done.outcome))
        .collect()
}

fn error<'a>(removal: &'a Removal, id: &str) -> &'a str {
    let done = removal.done.iter().find(|done| done.id.as_str() == id);
    done.and_then(|done| done.error.as_deref()).unwrap_or("")
}

fn refused(message: &str) -> Fault {
    Fault::Refuse(EngineError::Refused {
        status: 500,
        message: message.to_owned(),
    })
}

/// Returns a bit of everything, and `keep…` things that no plan here names.
fn scene() -> Inventory {
    let mut scene = inventory(
        vec![
            image("app", &["app:1", "app:2", "reg/app:1"]),
            image("base", &["base:1"]),
            child("step", "base", &[]),
            child("top", "step", &["top:1"]),
            image("none", &[]),
            image("keep-image", &["keep:1"]),
        ],
        vec![
            mounting(stopped("job", "app"), &["data"]),
            mounting(fleeting("tmp", "top"), &["anon"]),
            container("zen", "app", State::Paused),
            running("keep-web", "keep-image"),
        ],
    );
    scene.volumes = vec![volume("data", 9), anonymous("anon", 3), volume("keep", 1)];
    scene.cache = vec![
        record("low", &[]),
        record("high", &["low"]),
        record("keep-record", &[]),
    ];
    scene
}

fn chosen() -> Vec<ItemId> {
    vec![
        an_image("app"),
        an_image("base"),
        an_image("top"),
        an_image("none"),
        a_container("job"),
        a_container("tmp"),
        a_container("zen"),
        a_volume("data"),
        a_record("low"),
        a_record("high"),
    ]
}

#[tokio::test]
async fn a_plan_is_carried_out_object_by_object_and_nothing_else_is_touched() {
    let model = Arc::new(Model::new(scene()));
    let removal = carry_out(&model, order(&scene(), &chosen())).await;
    assert!(
        removal.done.iter().all(|done| done.outcome == Removed),
        "{:?}",
        removal.done
    );
    assert_eq!(removal.done.len(), 11, "the volume of --rm is a step");
    assert_eq!(
        model.writes(),
        [
            "rm job",
            "stop tmp",
            "unpause zen",
            "stop zen",
            "rm zen",
            "prune high low",
            "rmi none",
            "untag app:2",
            "untag reg/app:1",
            "rmi app",
            "rmi top",
            "rmi base",
            "volume rm data",
        ]
    );
    let mut left: Vec<_> = all(&model.inventory()).into_iter().collect();
    left.sort();
    assert_eq!(
        left,
        texts(&["keep", "keep-image", "keep-record", "keep-web", "keep:1"])
    );
}

#[tokio::test]
async fn nothing_is_written_when_everything_has_vanished() {
    let model = Arc::new(Model::new(Inventory::default()));
    let removal = carry_out(&model, order(&scene(), &chosen())).await;
    assert!(removal.done.iter().all(|done| done.outcome == Gone));
    assert_eq!(removal.done.len(), 11);
    assert_eq!(removal.plan, Plan::default());
    assert_eq!(model.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_changed_before_the_removal_began_is_not_written_to() {
    let order = order(
        &scene(),
        &[
            a_container("job"),
            an_image("none"),
            a_record("low"),
            a_record("high"),
        ],
    );
    let model = Arc::new(Model::new(scene()));
    model.change(|world| {
        world.containers[0] = running("job", "app");
        world.images[4].names = texts(&["precious:1"]);
        world.cache[1].in_use = true;
    });
    let removal = carry_out(&model, order).await;
    assert!(removal.done.iter().all(|done| done.outcome == Changed));
    assert_eq!(model.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_tag_that_moves_between_two_steps_is_not_taken() {
    let model = Arc::new(Model::new(scene()));
    model.before("rm job", |world| {
        world.images[0].names = texts(&["app:1", "reg/app:1"]);
        world.images.push(image("new", &["app:2"]));
    });
    let items = [a_container("job"), a_container("zen"), an_image("app")];
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(
        ends(&removal),
        [("job", Removed), ("zen", Removed), ("app", Changed)]
    );
    assert_eq!(error(&removal, "app"), "app:2 names another image now");
    assert!(
        !model.writes().iter().any(|write| write.contains("app")),
        "not one of its names was taken"
    );

    // The last moment: one name is gone when the next one moves.
    let model = Arc::new(Model::new(scene()));
    model.before("untag app:2", |world| {
        world.images[0].names = texts(&["app:1", "app:2"]);
        world.images.push(image("new", &["reg/app:1"]));
    });
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(ends(&removal)[2], ("app", Changed));
    let left = all(&model.inventory());
    assert!(left.contains("new") && left.contains("reg/app:1") && left.contains("app:1"));
}

#[tokio::test]
async fn an_image_that_comes_into_use_between_two_steps_keeps_its_names() {
    let model = Arc::new(Model::new(scene()));
    model.before("rm job", |world| {
        world.containers.push(stopped("fresh", "app"));
        world.images[4].names = texts(&["precious:1"]);
    });
    let items = [
        a_container("job"),
        a_container("zen"),
        an_image("app"),
        an_image("none"),
    ];
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(ends(&removal)[2..], [("none", Changed), ("app", Changed)]);
    assert_eq!(error(&removal, "app"), "used by stopped container fresh");
    assert_eq!(error(&removal, "none"), "is also named precious:1 now");
    let left = all(&model.inventory());
    for name in ["app:1", "app:2", "reg/app:1", "precious:1", "none"] {
        assert!(left.contains(name), "{name}");
    }
}

#[tokio::test]
async fn an_image_with_one_name_that_comes_into_use_is_changed_in_the_words_of_the_plan() {
    let scene = inventory(
        vec![image("one", &["one:1"]), image("two", &["two:1"])],
        Vec::new(),
    );
    let model = Arc::new(Model::new(scene.clone()));
    model.before("rmi one", |world| {
        world.containers.push(running("fresh", "one"));
    });
    let items = [an_image("one"), an_image("two")];
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("one", Changed), ("two", Removed)]);
    assert_eq!(error(&removal, "one"), "used by running container fresh");
}

#[tokio::test]
async fn a_container_that_ran_between_two_steps_is_not_removed() {
    let mut scene = scene();
    scene.containers.truncate(1);
    scene.containers.push(stopped("kicked", "none"));
    scene.containers.push(stopped("ran", "none"));
    let model = Arc::new(Model::new(scene.clone()));
    model.before("rm job", |world| {
        world.containers[1] = running("kicked", "none");
        let mut ran = stopped("ran", "none");
        let details = crate::domain::item::ContainerDetails {
            started: Some(at(400)),
            finished: Some(at(401)),
            ..Default::default()
        };
        ran.details = Figure::Known(Arc::new(details));
        world.containers[2] = ran;
    });
    let items = [
        a_container("job"),
        a_container("kicked"),
        a_container("ran"),
        an_image("none"),
    ];
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(
        ends(&removal),
        [
            ("job", Removed),
            ("kicked", Changed),
            ("ran", Changed),
            ("none", Skipped),
        ]
    );
    assert_eq!(error(&removal, "none"), "container kicked was not removed");
    assert_eq!(model.writes(), ["rm job"]);
}

#[tokio::test]
async fn a_container_started_after_the_last_look_is_changed() {
    let model = Arc::new(Model::new(scene()));
    model.before("rm job", |world| {
        world.containers[0] = running("job", "app");
    });
    let removal = carry_out(&model, order(&scene(), &[a_container("job")])).await;
    assert_eq!(ends(&removal), [("job", Changed)]);
    assert_eq!(model.inventory().containers.len(), 4);
}

#[tokio::test]
async fn what_needed_a_failed_step_is_skipped_and_the_rest_goes_on() {
    let model = Arc::new(Model::new(scene()));
    model.fault("rm job", refused("driver failed to remove root filesystem"));
    model.fault("rmi top", refused("disk on fire"));
    let removal = carry_out(&model, order(&scene(), &chosen())).await;
    let ends: Vec<_> = ends(&removal)
        .into_iter()
        .filter(|(_, outcome)| *outcome != Removed)
        .collect();
    assert_eq!(
        ends,
        [
            ("job", Failed),
            ("app", Skipped),
            ("top", Failed),
            ("base", Skipped),
            ("data", Skipped),
        ]
    );
    assert_eq!(
        error(&removal, "job"),
        "driver failed to remove root filesystem (status 500)"
    );
    assert_eq!(error(&removal, "base"), "image top:1 was not removed");
    assert_eq!(error(&removal, "data"), "container job was not removed");
}

#[tokio::test]
async fn a_cancel_ends_it_after_the_object_in_hand() {
    let model = Arc::new(Model::new(scene()));
    let cancel = Arc::new(AtomicBool::new(false));
    let mut news = Vec::new();
    let flag = cancel.clone();
    let removal = remove(model.clone(), order(&scene(), &chosen()), cancel, |event| {
        if let Event::Ended { done, .. } = &event {
            flag.fetch_or(done.id.as_str() == "tmp", Ordering::Relaxed);
        }
        news.push(event);
    })
    .await
    .unwrap();
    let went: Vec<_> = ends(&removal)
        .into_iter()
        .filter(|(_, outcome)| *outcome != Skipped)
        .collect();
    assert_eq!(
        went,
        [("job", Removed), ("tmp", Removed), ("anon", Removed)],
        "the volume went with its container, and is not called skipped"
    );
    assert_eq!(error(&removal, "data"), "cancelled");
    assert_eq!(model.writes(), ["rm job", "stop tmp"]);
    assert!(matches!(news[0], Event::Checking));
    assert!(matches!(news[1], Event::Checked { .. }));
    assert!(matches!(news[2], Event::Started { index: 0 }));
    assert!(matches!(news.last(), Some(Event::Finished)));
}

#[tokio::test]
async fn a_connection_cut_is_resolved_by_listing() {
    let items = [a_container("job"), a_container("zen"), an_image("app")];
    let model = Arc::new(Model::new(scene()));
    model.fault("rm job", Fault::CutAfter);
    model.fault("untag app:2", Fault::CutAfter);
    model.fault("rmi app", Fault::CutAfter);
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert!(removal.done.iter().all(|done| done.outcome == Removed));

    let model = Arc::new(Model::new(scene()));
    model.fault("rm job", Fault::CutBefore);
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(
        ends(&removal),
        [("job", Failed), ("zen", Removed), ("app", Skipped)]
    );

    let model = Arc::new(Model::new(scene()));
    model.fault("rm job", Fault::Down);
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(
        ends(&removal),
        [("job", Failed), ("zen", Skipped), ("app", Skipped)]
    );
    assert!(error(&removal, "job").ends_with("whether it went is not known"));
    assert_eq!(error(&removal, "app"), "the engine does not answer");
}

#[tokio::test]
async fn without_room_an_image_is_tried_again_at_the_end() {
    let items = [an_image("zzz"), an_image("top"), an_image("base")];
    let mut scene = scene();
    scene.containers.clear();
    scene.images.push(image("zzz", &["zzz:1"]));
    let full = || refused("write .tmp-repositories.json: no space left on device");
    let model = Arc::new(Model::new(scene.clone()));
    model.fault("rmi top", full());
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(
        ends(&removal),
        [("top", Removed), ("base", Removed), ("zzz", Removed)]
    );
    assert_eq!(
        model.writes(),
        ["rmi top", "rmi zzz", "rmi top", "rmi base"],
        "its parent waits for it"
    );

    let model = Arc::new(Model::new(scene.clone()));
    model.fault("rmi top", full());
    model.fault("rmi top", full());
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(
        ends(&removal),
        [("top", Failed), ("base", Skipped), ("zzz", Removed)]
    );
}

/// A full btrfs lets go of nothing but volumes (seen on 28.5.2): then there is room for the rest, a step at a time.
#[tokio::test]
async fn whatever_lacked_room_is_tried_again_as_long_as_anything_goes() {
    let items = [
        a_container("job"),
        a_container("zen"),
        a_record("low"),
        a_record("high"),
        an_image("app"),
        a_volume("data"),
    ];
    let full = || refused("write meta.db: no space left on device");
    let model = Arc::new(Model::new(scene()));
    for request in [
        "rm job", "rm zen", "rm zen", "prune", "prune", "prune", "rmi app",
    ] {
        model.fault(request, full());
    }
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert!(
        removal.done.iter().all(|done| done.outcome == Removed),
        "{:?}",
        ends(&removal)
    );
    // Records go together whenever they are tried.
    let writes = model.writes();
    let prunes = writes.iter().filter(|it| it.starts_with("prune"));
    assert_eq!(prunes.count(), 4, "{writes:?}");

    // Where nothing goes any more it ends, in the engine's words.
    let model = Arc::new(Model::new(scene()));
    for _ in 0..9 {
        model.fault("prune", full());
    }
    let records = [a_record("low"), a_record("high")];
    let removal = carry_out(&model, order(&scene(), &records)).await;
    assert_eq!(ends(&removal), [("high", Failed), ("low", Failed)]);
    assert!(error(&removal, "low").contains("no space left on device"));
    assert_eq!(model.writes().len(), 2);
}

/// Docker 28 on a full ext4 refuses to take a name, and has lost it all the same (seen on 28.5.2): by its ID the image
/// goes.
#[tokio::test]
async fn an_image_that_lost_its_name_without_room_goes_by_its_id() {
    let lose = |name: &'static str| {
        move |world: &mut Inventory| {
            for image in &mut world.images {
                image.names.retain(|it| *it != name);
            }
        }
    };
    let full = || refused("write repositories.json: no space left on device");
    let mut scene = scene();
    scene.containers.clear();
    scene.images.push(image("two", &["two:1", "two:2"]));
    let model = Arc::new(Model::new(scene.clone()));
    model.before("untag two:2", lose("two:2"));
    model.fault("untag two:2", full());
    model.before("rmi two", lose("two:1"));
    model.fault("rmi two", full());
    let removal = carry_out(&model, order(&scene, &[an_image("two")])).await;
    assert_eq!(ends(&removal), [("two", Removed)]);
    assert_eq!(model.writes(), ["untag two:2", "rmi two", "rmi two"]);
}

fn stalled() -> EngineError {
    EngineError::Stalled {
        container: "held".to_owned(),
        seconds: 15,
    }
}

/// Docker removes no image while it waits for a container of which an archive is read (seen on 20.10.24, 26.1.5 and
/// 28.5.2): nobody waits for that without end, and no other image is tried.
#[tokio::test(start_paused = true)]
async fn an_image_that_waits_for_a_stalled_container_is_given_up() {
    let mut scene = scene();
    scene.containers.clear();
    scene
        .containers
        .push(container("held", "keep-image", State::Running));
    for name in ["one", "two"] {
        scene.images.push(image(name, &[&format!("{name}:1")]));
    }
    let items = [an_image("one"), an_image("two"), a_volume("keep")];
    let model = Arc::new(Model::new(scene.clone()));
    model.fault("rmi", Fault::Hang);
    model.fault("GET container held", Fault::Refuse(stalled()));
    let removal = carry_out(&model, order(&scene, &items)).await;
    let went = ends(&removal);
    assert_eq!(went, [("one", Failed), ("two", Skipped), ("keep", Removed)]);
    for (id, words) in [("one", "may still go"), ("two", "removes no image before")] {
        let why = error(&removal, id);
        assert!(
            why.starts_with("container held: ") && why.contains(words),
            "{why}"
        );
    }
    assert_eq!(model.writes().len(), 2, "{:?}", model.writes());

    // Where that was known before, nothing is sent.
    scene.containers[0].details = Figure::Unknown;
    let model = Arc::new(Model::new(scene.clone()));
    model.fault("GET container held", Fault::Refuse(stalled()));
    let removal = carry_out(&model, order(&scene, &items)).await;
    let went = ends(&removal);
    assert_eq!(
        went,
        [("one", Skipped), ("two", Skipped), ("keep", Removed)]
    );
    assert_eq!(model.writes(), ["volume rm keep"]);
}

/// A removal may take as long as it takes while the engine waits for nobody.
#[tokio::test(start_paused = true)]
async fn a_long_removal_of_an_image_is_waited_for() {
    let mut scene = scene();
    scene.images.push(image("one", &["one:1"]));
    let model = Arc::new(Model::new(scene.clone()));
    model.fault("rmi one", Fault::Late(std::time::Duration::from_secs(900)));
    let removal = carry_out(&model, order(&scene, &[an_image("one")])).await;
    assert_eq!(ends(&removal), [("one", Removed)]);
}

#[tokio::test]
async fn records_that_the_engine_leaves_are_told_apart() {
    let model = Arc::new(Model::new(scene()));
    model.before("prune", |world| {
        world.cache[1].in_use = true;
        world.cache.remove(2);
    });
    let items = [a_record("low"), a_record("high"), a_record("keep-record")];
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(
        ends(&removal),
        [("high", Changed), ("keep-record", Gone), ("low", Changed)]
    );
    assert_eq!(error(&removal, "high"), IN_USE);
    assert_eq!(error(&removal, "low"), "another record builds on it: high");

    let model = Arc::new(Model::new(scene()));
    model.fault("prune", Fault::CutAfter);
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert!(removal.done.iter().all(|done| done.outcome == Removed));
}

#[tokio::test]
async fn a_volume_made_anew_or_taken_between_two_steps_stays() {
    let items = [a_container("job"), a_volume("data"), a_volume("keep")];
    let model = Arc::new(Model::new(scene()));
    model.before("rm job", |world| {
        world.volumes[0].created = Some(at(300));
    });
    model.before("volume rm keep", |world| {
        world
            .containers
            .push(mounting(running("fresh", "x"), &["keep"]));
    });
    let removal = carry_out(&model, order(&scene(), &items)).await;
    assert_eq!(
        ends(&removal),
        [("job", Removed), ("data", Changed), ("keep", Changed)]
    );
    assert_eq!(error(&removal, "data"), "was made anew or written to since");
    assert_eq!(error(&removal, "keep"), "used by running container fresh");
    assert_eq!(model.inventory().volumes.len(), 3);
}

#[tokio::test]
async fn a_removal_under_way_is_waited_for() {
    let model = Arc::new(Model::new(scene()));
    model.fault(
        "rm job",
        Fault::Refuse(EngineError::Conflict(
            "removal of container job is already in progress".to_owned(),
        )),
    );
    let engine = model.clone();
    model.before("rm job", |world| {
        world.containers[0].state = State::Removing;
    });
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(8)).await;
        engine.change(|world| {
            world.containers.remove(0);
        });
    });
    // It was somebody else's: another dtop, say, which counts what it freed.
    let removal = carry_out(&model, order(&scene(), &[a_container("job")])).await;
    assert_eq!(ends(&removal), [("job", Gone)]);
    assert_eq!(removal.done[0].freed, Figure::Known(Bytes::ZERO));
    assert_eq!(model.writes(), ["rm job"]);
}

/// Nobody probes whether a proxy lets writes through. The first that it refuses says so, and is the last.
#[tokio::test]
async fn a_write_that_is_forbidden_ends_the_batch() {
    let errors = [
        EngineError::Barred {
            status: 403,
            request: "DELETE /x".to_owned(),
        },
        EngineError::Refused {
            status: 403,
            message: "authorization denied by plugin".to_owned(),
        },
    ];
    let items = [
        a_container("job"),
        a_container("tmp"),
        a_container("zen"),
        a_record("high"),
        an_image("app"),
        a_volume("data"),
    ];
    let writes = [
        "rm job",
        "stop tmp",
        "unpause zen",
        "prune high",
        "untag app:2",
        "volume rm data",
    ];
    for error in &errors {
        for (at, write) in writes.iter().enumerate() {
            let model = Arc::new(Model::new(scene()));
            model.fault(write, Fault::Refuse(error.clone()));
            let removal = carry_out(&model, order(&scene(), &items)).await;
            let words = error.to_string();
            let failed = removal.done.iter().position(|it| it.outcome == Failed);
            let failed = failed.unwrap_or_else(|| panic!("{write}: {:?}", ends(&removal)));
            // What has vanished with `tmp` is gone, and no write.
            let rest = removal.done[failed..].iter();
            for done in rest.filter(|it| it.id != a_volume("anon")) {
                assert!(
                    matches!(done.outcome, Failed | Skipped),
                    "{write}: {done:?}"
                );
                assert_eq!(done.error.as_deref(), Some(&*words), "{write}: {done:?}");
            }
            for done in &removal.done[..failed] {
                assert!(done.outcome.is_away(), "{write} ({at}): {done:?}");
            }
            let last = model.writes().pop().unwrap_or_default();
            assert!(last.starts_with(write), "{write} was the last: {last}");
        }
    }
}

#[tokio::test]
async fn an_untagged_parent_that_is_a_step_goes_with_its_child() {
    let scene = inventory(
        vec![image("mid", &[]), child("leaf", "mid", &["leaf:1"])],
        Vec::new(),
    );
    let model = Arc::new(Model::new(scene.clone()));
    let items = [an_image("mid"), an_image("leaf")];
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("leaf", Removed), ("mid", Removed)]);
    assert_eq!(model.writes(), ["rmi leaf"]);
}

#[tokio::test]
async fn an_engine_that_cannot_be_listed_is_an_error_and_nothing_is_tried() {
    let model = Arc::new(Model::new(scene()));
    model.fault("GET images", Fault::Down);
    let mut news = Vec::new();
    let result = remove(
        model.clone(),
        order(&scene(), &chosen()),
        Arc::default(),
        |event| news.push(event),
    )
    .await;
    assert!(matches!(result, Err(EngineError::Unreachable { .. })));
    assert!(matches!(news[..], [Event::Checking, Event::Aborted { .. }]));
    assert_eq!(model.writes(), Vec::<String>::new());
}

/// What may hold a thing decides: without its list nothing goes that it may hold, and all else does.
#[tokio::test]
async fn a_list_that_is_refused_right_before_costs_what_needs_it() {
    let forbidden = || {
        Fault::Refuse(EngineError::Barred {
            status: 403,
            request: "GET /x".to_owned(),
        })
    };
    let items = [
        a_container("job"),
        an_image("none"),
        a_volume("data"),
        a_record("high"),
    ];
    for (list, left) in [
        ("GET containers", &["none", "job", "data"][..]),
        ("GET images", &["none"]),
        ("GET volumes", &["data"]),
        ("GET build_cache", &["high"]),
    ] {
        let model = Arc::new(Model::new(scene()));
        model.fault(list, forbidden());
        let removal = carry_out(&model, order(&scene(), &items)).await;
        for (id, outcome) in ends(&removal) {
            let expected = if left.contains(&id) { Skipped } else { Removed };
            assert_eq!(outcome, expected, "{list}: {id}");
        }
        assert_eq!(removal.done.len(), items.len(), "{list}");
        for id in left {
            let words = error(&removal, id);
            assert!(words.contains("could not be listed: a proxy"), "{words}");
        }
    }
    // With nothing left to do, nothing could be tried.
    let model = Arc::new(Model::new(scene()));
    model.fault("GET containers", forbidden());
    let plan = order(&scene(), &[an_image("none"), a_volume("keep")]);
    let result = remove(model.clone(), plan, Arc::default(), |_| {}).await;
    assert!(matches!(result, Err(EngineError::Barred { .. })));
    assert_eq!(model.writes(), Vec::<String>::new());
}

/// Every fault at every request: outcomes are true, nothing else is touched, a second run finishes the job.
#[tokio::test]
async fn a_fault_at_any_request_is_told_truly() {
    let clean = Arc::new(Model::new(scene()));
    carry_out(&clean, order(&scene(), &chosen())).await;
    let faults = [
        refused("server error"),
        refused("no space left on device"),
        Fault::Refuse(EngineError::NotFound("No such object".to_owned())),
        Fault::Refuse(EngineError::Conflict("in the way".to_owned())),
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Down,
    ];
    let before = all(&scene());
    let mut cases = 0;
    for number in 1..=clean.requests() {
        for fault in &faults {
            let model = Arc::new(Model::new(scene()));
            model.fault_at(number, fault.clone());
            let result = remove(
                model.clone(),
                order(&scene(), &chosen()),
                Arc::default(),
                |_| {},
            )
            .await;
            cases += 1;
            let after = all(&model.inventory());
            for name in before.iter().filter(|name| name.starts_with("keep")) {
                assert!(after.contains(name), "{number} {fault:?}: {name}");
            }
            let Ok(removal) = result else {
                assert_eq!(after, before, "{number} {fault:?}");
                continue;
            };
            assert_eq!(removal.done.len(), 11, "{number} {fault:?}");
            for done in &removal.done {
                let is_away = !after.contains(done.id.as_str());
                let may_not_know = *fault == Fault::Down;
                assert!(
                    done.outcome.is_away() == is_away || may_not_know && !done.outcome.is_away(),
                    "{number} {fault:?}: {done:?}"
                );
                assert_eq!(done.error.is_none(), done.outcome.is_away(), "{done:?}");
            }
            if *fault != Fault::Down {
                let now = model.inventory();
                let items: Vec<ItemId> = chosen()
                    .into_iter()
                    .filter(|id| after.contains(id.as_str()))
                    .collect();
                let second = carry_out(&model, order(&now, &items)).await;
                assert!(
                    second.done.iter().all(|done| done.outcome.is_away()),
                    "{number} {fault:?}: {second:?}"
                );
            }
        }
    }
    println!("{cases} cases");
    assert!(cases > 200);
}

/// Docker 20.10 tells of a volume when its topmost folder changed last.
#[tokio::test]
async fn a_volume_that_its_container_writes_to_as_it_ends_is_still_the_same() {
    let mut scene = scene();
    scene.containers = vec![mounting(running("db", "app"), &["data"])];
    let items = [a_container("db"), a_volume("data")];
    let model = Arc::new(Model::new(scene.clone()));
    let write = |second| move |world: &mut Inventory| world.volumes[0].created = Some(at(second));
    model.before("GET images", write(50));
    model.before("stop db", write(60));
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("db", Removed), ("data", Removed)]);

    // Once nobody holds it any more, it may be another one.
    let model = Arc::new(Model::new(scene.clone()));
    model.before("stop db", write(60));
    model.before("rm db", write(70));
    let removal = carry_out(&model, order(&scene, &items)).await;
    assert_eq!(ends(&removal), [("db", Removed), ("data", Changed)]);
}

#[tokio::test]
async fn another_engine_in_its_place_is_sent_nothing() {
    let engine = |id: &str| {
        Arc::new(crate::domain::inventory::EngineInfo {
            engine_id: id.into(),
            ..Default::default()
        })
    };
    let mut scene = scene();
    scene.engine = engine("ours");

    let model = Arc::new(Model::new(scene.clone()));
    model.change(|world| world.engine = engine("other"));
    let order_of = || order(&scene, &chosen());
    let result = remove(model.clone(), order_of(), Arc::default(), |_| {}).await;
    assert!(result.unwrap_err().to_string().contains("another engine"));
    assert_eq!(model.writes(), Vec::<String>::new());

    // In the middle, with a volume of the same name on it.
    let model = Arc::new(Model::new(scene.clone()));
    model.before("stop zen", move |world| {
        *world = inventory(Vec::new(), Vec::new());
        world.volumes = vec![volume("data", 9)];
        world.engine = engine("other");
    });
    let removal = carry_out(&model, order_of()).await;
    assert_eq!(model.inventory().volumes.len(), 1);
    assert_eq!(model.writes().last().unwrap(), "stop zen");
    for done in &removal.done[3..] {
        assert!(matches!(done.outcome, Failed | Skipped), "{done:?}");
    }
    assert_eq!(
        error(&removal, "data"),
        "another engine answers in its place"
    );
}
