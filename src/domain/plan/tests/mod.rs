mod holds;
mod laws;
mod logs;
mod recheck;
mod usage;

use std::sync::Arc;

use super::scene::*;
use super::*;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{Inventory, Part, Progress, Stage};
use crate::domain::item::{
    ContainerDetails, ContainerId, Image, ImageId, Kind, Source, State, VolumeName,
};
use crate::domain::outsider::{Outsider, OutsiderKind, Perhaps};
use crate::domain::protect::{Protection, Rule};
use crate::domain::reference::names;
use crate::domain::store::mounted::{MountedImage, MountedImages};

fn select(items: &[ItemId]) -> Selection {
    Selection {
        items: items
            .iter()
            .map(|id| (id.clone(), AddedBy::Selection))
            .collect(),
        ..Selection::default()
    }
}

fn stopping(items: &[ItemId]) -> Selection {
    Selection {
        stop: true,
        ..select(items)
    }
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

fn whys(plan: &Plan) -> Vec<(&str, &str)> {
    plan.refused
        .iter()
        .map(|refusal| (refusal.id.as_str(), refusal.why.as_str()))
        .collect()
}

fn kept(mut image: Image) -> Image {
    image.labels = labels(&[("dtop.keep", "true")]);
    image
}

#[test]
fn steps_run_from_containers_to_volumes_and_children_before_parents() {
    let mut inventory = inventory(
        vec![image("p", &["base:1"]), child("c", "p", &["app:1"])],
        vec![mounting(stopped("job", "c"), &["data"])],
    );
    inventory.volumes = vec![volume("data", 9)];
    inventory.cache = vec![record("low", &[]), record("high", &["low"])];
    let survey = Survey::new(inventory);
    let all = [
        an_image("p"),
        an_image("c"),
        a_volume("data"),
        a_record("low"),
        a_record("high"),
        a_container("job"),
    ];
    let plan = Plan::new(&survey, &select(&all));
    assert_eq!(ids(&plan), ["job", "high", "low", "c", "p", "data"]);
    assert_eq!(plan.refused, []);
    assert!(plan.needs_word(), "a volume with data goes");
}

#[test]
fn a_refusal_names_every_container_in_the_way() {
    let mut containers: Vec<_> = (1..=6)
        .map(|n| stopped(&format!("job-{n}"), "app"))
        .collect();
    containers.push(running("web", "app"));
    let survey = Survey::new(inventory(vec![image("app", &["app:1"])], containers));
    let plan = Plan::new(&survey, &select(&[an_image("app")]));
    assert_eq!(
        whys(&plan),
        [(
            "app",
            "used by running container web and stopped containers job-1, job-2, job-3 and 3 more"
        )]
    );
    assert_eq!(plan.steps, []);
    assert_eq!(plan.refused[0].unlock(), [], "a running one is in the way");
}

#[test]
fn a_container_that_stays_keeps_its_image_the_parent_and_its_volumes() {
    let mut inventory = inventory(
        vec![image("p", &["base:1"]), child("c", "p", &["app:1"])],
        vec![mounting(running("web", "c"), &["data"])],
    );
    inventory.volumes = vec![volume("data", 9)];
    let survey = Survey::new(inventory);
    let all = [
        an_image("p"),
        an_image("c"),
        a_container("web"),
        a_volume("data"),
    ];
    let plan = Plan::new(&survey, &select(&all));
    assert_eq!(
        whys(&plan),
        [
            ("web", "is running"),
            ("c", "used by running container web"),
            ("p", "has child image app:1"),
            ("data", "used by running container web"),
        ]
    );
    let plan = Plan::new(&survey, &stopping(&all));
    assert_eq!(ids(&plan), ["web", "c", "p", "data"]);
    assert!(plan.steps[0].stop && !plan.steps[0].unpause);
    assert!(plan.needs_word());
}

#[test]
fn an_image_that_a_container_mounts_or_a_service_runs_is_in_use() {
    let mut mounts = stopped("job", "other");
    mounts.image_mounts = vec![mount("tools:1")];
    mounts.created = Some(at(20));
    let mut tools = image("tools", &["tools:1"]);
    tools.last_tagged = Some(at(20));
    let mut inventory = inventory(vec![tools, image("web", &["web:2"])], vec![mounts]);
    inventory.apply(service("shop", &["web:2"], &[]));
    let survey = Survey::new(inventory);
    let plan = Plan::new(&survey, &select(&[an_image("tools"), an_image("web")]));
    assert_eq!(
        whys(&plan),
        [
            ("tools", "used by stopped container job"),
            ("web", "used by swarm service shop"),
        ]
    );
    assert_eq!(plan.refused[0].unlock(), [a_container("job")]);
    assert_eq!(plan.refused[1].unlock(), []);
}

/// A mount goes on showing the image that its name meant when the container was made.
#[test]
fn a_mount_whose_name_may_have_been_given_to_another_image_since_may_be_of_any_older_one() {
    let mut mounts = stopped("job", "other");
    mounts.created = Some(at(20));
    let with = |name: &str, told: MountedImages| {
        let mut images = ["old", "new", "later"].map(|id| image(id, &[]));
        images[1].names = texts(&["tools:1"]);
        images[1].last_tagged = Some(at(21));
        images[2].created = Some(at(22));
        let mut mounts = mounts.clone();
        mounts.image_mounts = vec![mount(name)];
        let mut inventory = inventory(images.to_vec(), vec![mounts]);
        inventory.apply(Part::Stage(Stage::Containers, Progress::Done(at(0))));
        inventory.apply(Part::Mounted(told));
        Survey::new(inventory)
    };
    let used = |survey: &Survey| [0, 1, 2].map(|at| survey.facts(Kind::Image, at).flags.used);
    let all = [an_image("old"), an_image("new"), an_image("later")];
    let survey = with("tools:1", MountedImages::default());
    assert_eq!(used(&survey), [None, Some(true), Some(false)]);
    let plan = Plan::new(&survey, &select(&all));
    assert_eq!(ids(&plan), ["later"]);
    assert!(
        plan.refused[0]
            .why
            .starts_with("may be mounted by container job:")
    );
    assert_eq!(plan.refused[1].why, "used by stopped container job");
    let with_job = [&all[..], &[a_container("job")]].concat();
    let plan = Plan::new(&survey, &select(&with_job));
    assert_eq!(
        plan.refused,
        [],
        "nothing mounts it when the container is gone"
    );
    // What the engine's folder tells is what counts, whatever the name means.
    let told = MountedImages {
        images: vec![MountedImage {
            container: ContainerId::new("job"),
            destination: "/m".into(),
            image: ImageId::new("old"),
        }],
        layers: Vec::new(),
    };
    let survey = with("tools:1", told);
    assert_eq!(used(&survey), [Some(true), Some(false), Some(false)]);
    // An ID means the same for ever: what has none of that beginning is not meant.
    for (name, expected) in [
        ("0123", [Some(false); 3]),
        ("sha256:0123456789ab", [Some(false); 3]),
        ("tools:2", [None, None, Some(false)]),
        ("tools@sha256:0123", [None, None, Some(false)]),
    ] {
        assert_eq!(
            used(&with(name, MountedImages::default())),
            expected,
            "{name}"
        );
    }
}

/// What a damaged container has is not known, and is not called unused.
#[test]
fn a_volume_that_may_be_of_a_damaged_container_is_neither_used_nor_unused() {
    let mut anonymous = volume("a", 1);
    anonymous.anonymous = true;
    for (perhaps, refused) in [
        (Perhaps::Nothing, &[][..]),
        (Perhaps::AnonymousVolumes, &["a"]),
        (Perhaps::AnyVolume, &["a", "named"]),
    ] {
        let mut inventory = Inventory::default();
        inventory.volumes = vec![anonymous.clone(), volume("named", 1)];
        inventory.apply(Part::Stage(Stage::Containers, Progress::Done(at(0))));
        let damaged = Outsider {
            perhaps,
            ..Outsider::new(OutsiderKind::Unlisted, "5ca1ab1e")
        };
        inventory.apply(Part::Outsiders(
            OutsiderKind::Unlisted,
            Figure::Known(vec![damaged]),
        ));
        let survey = Survey::new(inventory);
        let plan = Plan::new(&survey, &select(&[a_volume("a"), a_volume("named")]));
        let whys = whys(&plan);
        assert_eq!(whys.iter().map(|(id, _)| *id).collect::<Vec<_>>(), refused);
        for (at, id) in ["a", "named"].into_iter().enumerate() {
            let used = survey.facts(Kind::Volume, at).flags.used;
            assert_eq!(used.is_none(), refused.contains(&id), "{perhaps:?}");
        }
        let why = "may be of container 5ca1ab1e, whose settings cannot be read";
        assert!(whys.iter().all(|(_, it)| *it == why));
    }
}

#[test]
fn states_that_are_no_rest_and_swarm_tasks_are_refused_even_with_stop() {
    let mut task = stopped("task", "a");
    task.labels = labels(&[
        ("com.docker.swarm.task", ""),
        ("com.docker.swarm.service.name", "shop"),
    ]);
    let containers = vec![
        container("again", "a", State::Restarting),
        container("going", "a", State::Removing),
        container("odd", "a", State::Other("stopping".into())),
        container("iced", "a", State::Paused),
        task,
    ];
    let all: Vec<ItemId> = containers
        .iter()
        .map(|c| a_container(c.id.as_str()))
        .collect();
    let survey = Survey::new(inventory(Vec::new(), containers));
    let plan = Plan::new(&survey, &stopping(&all));
    assert_eq!(
        whys(&plan),
        [
            ("again", "is restarting"),
            ("going", "is being removed"),
            ("odd", "its state is not known: stopping"),
            ("task", "a task of swarm service shop"),
        ]
    );
    assert_eq!(ids(&plan), ["iced"]);
    assert!(plan.steps[0].stop && plan.steps[0].unpause);
}

#[test]
fn a_name_that_nobody_asked_for_refuses_the_image() {
    let survey = Survey::new(inventory(
        vec![image("a", &["app:1", "prod:stable"])],
        Vec::new(),
    ));
    let mut selection = select(&[an_image("a")]);
    selection
        .unasked_names
        .insert(ImageId::new("a"), texts(&["prod:stable"]));
    let plan = Plan::new(&survey, &selection);
    assert_eq!(whys(&plan), [("a", "also named prod:stable")]);
    assert_eq!(unlock(&survey, &selection), []);
}

#[test]
fn protected_things_stay_whatever_is_asked() {
    let mut keep = stopped("job", "a");
    keep.labels = labels(&[("dtop.keep", "")]);
    let survey = Survey::new(inventory(
        vec![
            image("a", &["a:1"]),
            kept(image("hidden", &[])),
            child("top", "hidden", &["top:1"]),
        ],
        vec![keep],
    ));
    let selection = stopping(&[an_image("a"), a_container("job"), an_image("top")]);
    let plan = Plan::new(&survey, &selection);
    assert_eq!(
        whys(&plan),
        [
            ("job", "protected by dtop.keep"),
            ("a", "used by stopped container job"),
            ("top", "would take along its protected parent <none> hidden"),
        ]
    );
    assert_eq!(unlock(&survey, &selection), []);
}

#[test]
fn what_a_rule_protects_stays_whatever_is_asked() {
    let mut inventory = inventory(
        vec![image("a", &["prod:1"]), image("b", &["b:1"])],
        vec![mounting(fleeting("keep-job", "b"), &["data"])],
    );
    inventory.volumes = vec![anonymous("data", 9), volume("big", 50), volume("new", 1)];
    inventory.volumes[2].size = Figure::Pending;
    inventory.cache = vec![record("low", &[]), record("keep-high", &["low"])];
    let rules = ["=prod:*", "keep", "size>40 -is:anonymous"];
    let rules = rules.map(|text| Rule::parse(text).expect(text));
    inventory.protection = Protection::new(rules.into(), at(9));
    let survey = Survey::new(inventory);
    let selection = stopping(&[
        an_image("a"),
        an_image("b"),
        a_container("keep-job"),
        a_volume("big"),
        a_volume("new"),
        a_record("low"),
    ]);
    let plan = Plan::new(&survey, &selection);
    assert_eq!(plan.steps, []);
    assert_eq!(
        whys(&plan),
        [
            ("keep-job", "protected by config: `keep`"),
            ("low", "another record builds on it: keep-high"),
            ("b", "used by running container keep-job"),
            ("a", "protected by config: `=prod:*`"),
            ("big", "protected by config: `size>40 -is:anonymous`"),
            (
                "new",
                "protected by config: `size>40 -is:anonymous`, of which a figure is not known"
            ),
        ]
    );
    assert_eq!(unlock(&survey, &selection), []);
    assert!(
        plan.refused
            .iter()
            .all(|refusal| refusal.unlock().is_empty())
    );
}

#[test]
fn untagged_parents_follow_their_last_child() {
    let survey = Survey::new(inventory(
        vec![
            image("base", &["base:1"]),
            child("m", "base", &[]),
            child("x", "m", &["x:1"]),
            child("y", "m", &["y:1"]),
        ],
        Vec::new(),
    ));
    let plan = Plan::new(&survey, &select(&[an_image("x"), an_image("base")]));
    assert_eq!(ids(&plan), ["x"]);
    assert!(plan.steps[0].follows().is_empty(), "y holds m");
    assert_eq!(whys(&plan), [("base", "has child image <none> m")]);

    let plan = Plan::new(
        &survey,
        &select(&[an_image("base"), an_image("x"), an_image("y")]),
    );
    assert_eq!(ids(&plan), ["x", "y", "base"]);
    assert_eq!(plan.steps[1].follows(), [ImageId::new("m")]);

    // A follower that was chosen itself is its own step, which vanishes with its child.
    let plan = Plan::new(
        &survey,
        &select(&[an_image("m"), an_image("x"), an_image("y")]),
    );
    assert_eq!(ids(&plan), ["x", "y", "m"]);
    assert!(plan.steps[1].follows().is_empty());
    assert!(plan.steps[2].vanishes && !plan.steps[1].vanishes);
}

#[test]
fn a_parent_does_not_follow_when_its_child_or_a_service_stays() {
    let mut inventory = inventory(
        vec![
            image("base", &["base:1"]),
            child("m", "base", &[]),
            child("x", "m", &["x:1"]),
        ],
        vec![running("web", "x")],
    );
    let selection = select(&[an_image("x"), an_image("base")]);
    let plan = Plan::new(&Survey::new(inventory.clone()), &selection);
    assert_eq!(
        whys(&plan),
        [
            ("x", "used by running container web"),
            ("base", "has child image <none> m"),
        ]
    );
    inventory.containers.clear();
    inventory.apply(service("shop", &["m"], &[]));
    let plan = Plan::new(&Survey::new(inventory), &selection);
    assert_eq!(ids(&plan), ["x"]);
    assert!(plan.steps[0].follows().is_empty());
}

/// What is on no list holds all the same: neither a mark nor unlock nor the space proposal takes it.
#[test]
fn an_image_or_a_volume_that_an_outsider_of_any_kind_holds_is_in_use() {
    for (kind, words) in [
        (OutsiderKind::Service, "used by swarm service x"),
        (
            OutsiderKind::OtherStore,
            "used by a container of the other store: x",
        ),
        (
            OutsiderKind::External,
            "used by external container x (podman rm --force x removes it, once no build needs it)",
        ),
    ] {
        let mut inventory = inventory(vec![image("i", &["i:1"])], vec![stopped("job", "i")]);
        inventory.volumes = vec![volume("data", 7)];
        inventory.apply(Part::Stage(Stage::Containers, Progress::Done(at(0))));
        let free = Survey::new(inventory.clone());
        inventory.apply(outsider(kind, "x", &["i"], &["data"]));
        let survey = Survey::new(inventory.clone());
        let both = [an_image("i"), a_volume("data"), a_container("job")];
        let plan = Plan::new(&survey, &select(&both));
        assert_eq!(ids(&plan), ["job"]);
        assert_eq!(whys(&plan), [("i", words), ("data", words)]);
        assert!(plan.refused.iter().all(|it| it.unlock().is_empty()));
        for id in &both[..2] {
            let facts = survey.facts(id.kind(), 0);
            assert_eq!((facts.flags.used, facts.blocked), (Some(true), true));
        }
        let planned = Plan::new(&free, &select(&both));
        assert_eq!(ids(&planned), ["job", "i", "data"]);
        let recheck = planned.recheck(&survey);
        assert_eq!(ids(&recheck.plan), ["job"], "it came into use meanwhile");
        // While it is asked for, nothing is certain of what it may hold; where nobody can tell, nothing is claimed.
        for (answer, used) in [(Figure::Pending, None), (Figure::Unknown, Some(false))] {
            let mut inventory = free.inventory().clone();
            inventory.apply(Part::Outsiders(kind, answer));
            let survey = Survey::new(inventory);
            let used = if kind.may_hold(Kind::Volume) {
                used
            } else {
                Some(false)
            };
            assert_eq!(survey.facts(Kind::Volume, 0).flags.used, used, "{kind:?}");
        }
    }
}

#[test]
fn a_record_goes_only_with_all_that_builds_on_it() {
    let mut busy = record("busy", &["low"]);
    busy.in_use = true;
    let mut inventory = Inventory::default();
    inventory.cache = vec![
        record("low", &[]),
        busy,
        record("mid", &[]),
        record("top", &["mid"]),
    ];
    let survey = Survey::new(inventory);
    let selection = select(&[a_record("low"), a_record("busy"), a_record("mid")]);
    let plan = Plan::new(&survey, &selection);
    assert_eq!(
        whys(&plan),
        [
            ("busy", IN_USE),
            ("low", "another record builds on it: busy"),
            ("mid", "another record builds on it: top"),
        ]
    );
    assert_eq!(plan.refused[2].unlock(), [a_record("top")]);
    assert_eq!(plan.refused[1].unlock(), []);
    assert_eq!(unlock(&survey, &selection), [a_record("top")]);
}

#[test]
fn empty_anonymous_volumes_go_along_and_others_stay_until_marked() {
    let mut inventory = inventory(
        Vec::new(),
        vec![
            mounting(stopped("db", "a"), &["empty", "full", "named", "both"]),
            mounting(stopped("other", "a"), &["both"]),
        ],
    );
    inventory.volumes = vec![
        anonymous("empty", 0),
        anonymous("full", 12),
        volume("named", 0),
        anonymous("both", 0),
    ];
    let survey = Survey::new(inventory);
    let plan = Plan::new(&survey, &select(&[a_container("db")]));
    assert_eq!(ids(&plan), ["db", "empty"]);
    assert!(!plan.needs_word());
    let stays: Vec<_> = plan
        .stays
        .iter()
        .map(|s| (s.id.as_str(), s.size, &*s.left_by))
        .collect();
    assert_eq!(stays, [("full", Figure::Known(Bytes(12)), "db")]);

    let plan = Plan::new(&survey, &select(&[a_container("db"), a_container("other")]));
    assert_eq!(ids(&plan), ["db", "other", "both", "empty"]);

    let mut selection = select(&[a_container("db"), a_volume("full")]);
    selection.dropped.insert(a_volume("empty"));
    let plan = Plan::new(&survey, &selection);
    assert_eq!(ids(&plan), ["db", "full"]);
    assert_eq!(&*plan.stays[0].name, "empty");
}

#[test]
fn what_a_container_may_have_written_to_does_not_pass_for_empty() {
    let mut inventory = inventory(Vec::new(), vec![mounting(running("db", "a"), &["data"])]);
    inventory.volumes = vec![anonymous("data", 0)];
    // It runs on until it is stopped.
    let plan = Plan::new(
        &Survey::new(inventory.clone()),
        &stopping(&[a_container("db")]),
    );
    assert_eq!((ids(&plan), plan.stays.len()), (vec!["db"], 1));
    // It has ended since its volume was measured.
    let ended = mounting(stopped("db", "a"), &["data"]);
    inventory.apply(Part::Containers(vec![ended.clone()]));
    assert_eq!(inventory.volumes[0].size, Figure::Unknown);
    let plan = Plan::new(
        &Survey::new(inventory.clone()),
        &select(&[a_container("db")]),
    );
    assert_eq!(ids(&plan), ["db"]);
    let plan = Plan::new(
        &Survey::new(inventory.clone()),
        &select(&[a_volume("data"), a_container("db")]),
    );
    assert!(plan.needs_word());
    // Measured again it is empty, for as long as nothing has run.
    let sizes = vec![(VolumeName::new("data"), Some(Bytes::ZERO))];
    inventory.apply(Part::VolumeSizes {
        sizes,
        complete: true,
    });
    inventory.apply(Part::Containers(vec![ended.clone()]));
    inventory.apply(Part::ContainerDetails(
        ended.id.clone(),
        ended.details.clone(),
    ));
    assert_eq!(inventory.volumes[0].size, Figure::Known(Bytes::ZERO));
    let ran = ContainerDetails {
        started: Some(at(30)),
        ..ContainerDetails::default()
    };
    inventory.apply(Part::ContainerDetails(
        ended.id,
        Figure::Known(Arc::new(ran)),
    ));
    assert_eq!(inventory.volumes[0].size, Figure::Unknown);
}

#[test]
fn a_container_of_rm_takes_its_anonymous_volumes_as_steps_from_the_start() {
    let mut inventory = inventory(
        Vec::new(),
        vec![mounting(fleeting("tmp", "a"), &["anon", "named"])],
    );
    inventory.volumes = vec![anonymous("anon", 12), volume("named", 5)];
    let survey = Survey::new(inventory.clone());
    let mut selection = stopping(&[a_container("tmp")]);
    let plan = Plan::new(&survey, &selection);
    assert_eq!(ids(&plan), ["tmp", "anon"]);
    assert!(plan.steps[1].vanishes && plan.stays.is_empty());

    selection.dropped.insert(a_volume("anon"));
    let plan = Plan::new(&survey, &selection);
    assert_eq!(
        whys(&plan),
        [(
            "tmp",
            "would take along its volume anon, which is to stay (--rm)"
        )]
    );

    selection.dropped.clear();
    inventory.volumes[0].labels = labels(&[("dtop.keep", "1")]);
    let plan = Plan::new(&Survey::new(inventory), &selection);
    assert_eq!(plan.steps, [], "a protected volume must not vanish");
}

#[test]
fn a_volume_vanishes_only_with_its_last_user() {
    let mut inventory = inventory(
        Vec::new(),
        vec![
            mounting(fleeting("b-rm", "a"), &["shared"]),
            mounting(stopped("c-plain", "a"), &["shared"]),
        ],
    );
    inventory.volumes = vec![anonymous("shared", 12)];
    let both = |inventory: &Inventory, other| {
        let selection = stopping(&[a_container("b-rm"), a_container(other)]);
        Plan::new(&Survey::new(inventory.clone()), &selection)
    };
    let plan = both(&inventory, "c-plain");
    assert_eq!(ids(&plan), ["b-rm", "c-plain"]);
    assert_eq!(plan.stays.len(), 1, "c-plain still has it when b-rm goes");
    let recheck = plan.recheck(&Survey::new(inventory.clone()));
    assert_eq!(recheck.plan, plan);

    inventory.containers[1] = mounting(stopped("a-plain", "a"), &["shared"]);
    let plan = both(&inventory, "a-plain");
    assert_eq!(ids(&plan), ["a-plain", "b-rm", "shared"]);
    assert!(plan.steps[2].vanishes);
}

#[test]
fn unlock_adds_stopped_containers_and_untagged_children_with_theirs() {
    let survey = Survey::new(inventory(
        vec![
            image("a", &["a:1"]),
            child("b", "a", &[]),
            image("t", &["t:1"]),
            child("u", "t", &["u:1"]),
        ],
        vec![stopped("one", "a"), stopped("two", "b"), stopped("x", "t")],
    ));
    let selection = select(&[an_image("a"), an_image("t")]);
    let added = unlock(&survey, &selection);
    assert_eq!(
        added,
        [an_image("b"), a_container("one"), a_container("two")],
        "t has a tagged child, so its container would die for nothing"
    );
    let mut widened = selection.clone();
    for id in added {
        widened.items.insert(id, AddedBy::Unlock);
    }
    let plan = Plan::new(&survey, &widened);
    assert_eq!(ids(&plan), ["one", "two", "b", "a"]);
    assert_eq!(plan.steps[0].added_by, AddedBy::Unlock);
    assert_eq!(unlock(&survey, &widened), []);
}

#[test]
fn what_was_dropped_is_neither_planned_nor_unlocked() {
    let survey = Survey::new(inventory(
        vec![image("a", &["a:1"])],
        vec![stopped("job", "a")],
    ));
    let mut selection = select(&[an_image("a"), a_container("job")]);
    selection.dropped.insert(a_container("job"));
    let plan = Plan::new(&survey, &selection);
    assert_eq!(whys(&plan), [("a", "used by stopped container job")]);
    assert_eq!(plan.refused[0].unlock(), []);
    assert_eq!(unlock(&survey, &selection), []);
}

#[test]
fn an_image_comes_back_as_far_as_the_store_can_tell() {
    let mut pulled = image("p", &["p:1"]);
    pulled.source = Source::Registry;
    let mut inventory = inventory(vec![image("l", &["l:1"]), pulled], Vec::new());
    let all = select(&[an_image("l"), an_image("p")]);
    let plan = Plan::new(&Survey::new(inventory.clone()), &all);
    assert_eq!(ids(&plan), ["p", "l"], "what cannot come back goes last");
    assert_eq!(plan.steps[0].comes_back, ComesBack::Pulled);
    assert_eq!(plan.steps[1].comes_back, ComesBack::No);
    for image in &mut inventory.images {
        image.source = Source::Unknown;
    }
    let plan = Plan::new(&Survey::new(inventory), &all);
    let unknown = |step: &Step| step.comes_back == ComesBack::Unknown;
    assert!(plan.steps.iter().all(unknown));
}

#[test]
fn parents_in_a_circle_do_not_hang() {
    let mut inventory = inventory(
        vec![
            child("a", "b", &[]),
            child("b", "a", &[]),
            child("c", "c", &[]),
        ],
        Vec::new(),
    );
    inventory.cache = vec![record("r", &["s"]), record("s", &["r"])];
    let survey = Survey::new(inventory);
    let selection = select(&[an_image("a"), an_image("c"), a_record("r")]);
    let plan = Plan::new(&survey, &selection);
    let added = unlock(&survey, &selection);
    assert!(plan.steps.len() <= 3 && added.len() <= 3);
}

#[test]
fn references_leave_one_name_for_the_removal_by_id() {
    let references = |tags: &[&str], digests: &[&str]| {
        let digests = texts(digests);
        let seen = Seen::Image(Box::new(SeenImage {
            names: names(texts(tags), &digests),
            digests,
            ..SeenImage::default()
        }));
        let (others, last) = seen.references();
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        (others, last.map(ToString::to_string))
    };
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        references(&["a:1", "h:5000/b:1"], &["a@sha256:1", "h:5000/b@sha256:1"]),
        (owned(&["h:5000/b:1"]), Some("a:1".to_owned()))
    );
    assert_eq!(
        references(&["a:1"], &["b@sha256:1"]),
        (owned(&["b@sha256:1"]), Some("a:1".to_owned()))
    );
    assert_eq!(
        references(&[], &["a@sha256:1", "a@sha256:2", "b@sha256:1"]),
        (owned(&["b@sha256:1"]), Some("a@sha256:1".to_owned()))
    );
    assert_eq!(references(&[], &[]), (Vec::new(), None));
}
