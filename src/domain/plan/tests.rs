use super::scene::*;
use super::*;
use crate::domain::inventory::{EngineInfo, Inventory, Store};
use crate::domain::item::{Image, RecordId, Service, Source, State};
use crate::domain::outcome::{Done, Outcome};
use crate::domain::survey::Item;
use proptest::prelude::*;

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
    assert_eq!(plan.refused[0].unlock, [], "a running one is in the way");
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
            ("web", "is running; stop it with --stop"),
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
    mounts.image_mounts = texts(&["tools:1"]);
    let mut inventory = inventory(
        vec![image("tools", &["tools:1"]), image("web", &["web:2"])],
        vec![mounts],
    );
    inventory.services = vec![Service {
        name: "shop".into(),
        image: "web:2".into(),
    }];
    let survey = Survey::new(inventory);
    let plan = Plan::new(&survey, &select(&[an_image("tools"), an_image("web")]));
    assert_eq!(
        whys(&plan),
        [
            ("tools", "used by stopped container job"),
            ("web", "used by swarm service shop"),
        ]
    );
    assert_eq!(plan.refused[0].unlock, [a_container("job")]);
    assert_eq!(plan.refused[1].unlock, []);
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
            ("job", "protected"),
            ("a", "used by stopped container job"),
            ("top", "would take along its protected parent <none> hidden"),
        ]
    );
    assert_eq!(unlock(&survey, &selection), []);
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
    assert!(plan.steps[0].follows.is_empty(), "y holds m");
    assert_eq!(whys(&plan), [("base", "has child image <none> m")]);

    let plan = Plan::new(
        &survey,
        &select(&[an_image("base"), an_image("x"), an_image("y")]),
    );
    assert_eq!(ids(&plan), ["x", "y", "base"]);
    assert_eq!(plan.steps[1].follows, [ImageId::new("m")]);

    // A follower that was chosen itself is its own step, which vanishes with its child.
    let plan = Plan::new(
        &survey,
        &select(&[an_image("m"), an_image("x"), an_image("y")]),
    );
    assert_eq!(ids(&plan), ["x", "y", "m"]);
    assert!(plan.steps[1].follows.is_empty());
    assert!(plan.steps[2].vanishes && !plan.steps[1].vanishes);
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
            ("busy", "in use"),
            ("low", "other record build on it: busy"),
            ("mid", "other record build on it: top"),
        ]
    );
    assert_eq!(plan.refused[2].unlock, [a_record("top")]);
    assert_eq!(plan.refused[1].unlock, []);
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

    let mut selection = select(&[a_container("db"), a_volume("full")]);
    selection.dropped.insert(a_volume("empty"));
    let plan = Plan::new(&survey, &selection);
    assert_eq!(ids(&plan), ["db", "full"]);
    assert_eq!(&*plan.stays[0].name, "empty");
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
    assert_eq!(plan.refused[0].unlock, []);
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
    inventory.engine = std::sync::Arc::new(EngineInfo {
        store: Store::Containerd,
        ..EngineInfo::default()
    });
    let plan = Plan::new(&Survey::new(inventory), &all);
    assert!(
        plan.steps
            .iter()
            .all(|s| s.comes_back == ComesBack::Unknown)
    );
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
    let references = |names: &[&str], digests: &[&str]| {
        let seen = Seen::Image {
            names: texts(names),
            digests: texts(digests),
        };
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
    assert_eq!(references(&[], &[]), (Vec::new(), None));
}

fn outcomes(dropped: &[Done]) -> Vec<(&str, Outcome, Option<&str>)> {
    dropped
        .iter()
        .map(|done| (done.id.as_str(), done.outcome, done.error.as_deref()))
        .collect()
}

#[test]
fn a_recheck_of_what_is_the_same_is_the_same() {
    let mut inventory = inventory(
        vec![image("a", &["a:1"]), image("m", &[]), child("t", "m", &[])],
        vec![
            mounting(fleeting("tmp", "a"), &["anon"]),
            stopped("job", "a"),
        ],
    );
    inventory.volumes = vec![anonymous("anon", 12)];
    inventory.cache = vec![record("r", &[])];
    let survey = Survey::new(inventory);
    let all = [
        an_image("a"),
        an_image("t"),
        a_container("tmp"),
        a_container("job"),
        a_record("r"),
    ];
    let plan = Plan::new(&survey, &stopping(&all));
    assert_eq!(plan.steps.len(), 6);
    let recheck = plan.recheck(&survey);
    assert_eq!(recheck.dropped, []);
    assert_eq!(recheck.plan, plan);
}

#[test]
fn a_recheck_drops_what_vanished_and_what_changed() {
    let mut before = inventory(
        vec![
            image("gone", &["gone:1"]),
            image("moved", &["moved:1", "x:1"]),
            image("named", &["named:1"]),
            image("used", &["used:1"]),
            image("fine", &["fine:1"]),
        ],
        vec![
            stopped("idle", "fine"),
            stopped("again", "z"),
            running("busy", "z"),
        ],
    );
    before.volumes = vec![volume("anew", 1), volume("taken", 1)];
    let mut now = before.clone();
    let all: Vec<ItemId> = before
        .images
        .iter()
        .map(|image| an_image(image.id.as_str()))
        .chain([
            a_container("idle"),
            a_container("again"),
            a_container("busy"),
            a_volume("anew"),
            a_volume("taken"),
        ])
        .collect();
    let plan = Plan::new(&Survey::new(before), &stopping(&all));
    assert_eq!(plan.steps.len(), 10);

    now.images.remove(0);
    now.images[0].names = texts(&["x:1"]);
    now.images.push(image("new", &["moved:1"]));
    now.images[1].names = texts(&["named:1", "prod:1"]);
    now.containers
        .push(mounting(stopped("fresh", "used"), &["taken"]));
    now.containers[1] = running("again", "z");
    now.containers[2] = stopped("busy", "z");
    now.volumes[0].created = Some(at(99));
    let recheck = plan.recheck(&Survey::new(now));
    assert_eq!(ids(&recheck.plan), ["idle", "busy", "fine"]);
    assert!(!recheck.plan.steps[1].stop, "it has ended by itself");
    let mut dropped = outcomes(&recheck.dropped);
    dropped.sort_by_key(|(id, ..)| *id);
    assert_eq!(
        dropped,
        [
            ("again", Outcome::Changed, Some("was started since")),
            ("anew", Outcome::Changed, Some("was made anew since")),
            ("gone", Outcome::Gone, None),
            (
                "moved",
                Outcome::Changed,
                Some("moved:1 names another image now")
            ),
            ("named", Outcome::Changed, Some("is also named prod:1 now")),
            (
                "taken",
                Outcome::Changed,
                Some("used by stopped container fresh")
            ),
            (
                "used",
                Outcome::Changed,
                Some("used by stopped container fresh")
            ),
        ]
    );
}

#[test]
fn a_recheck_never_takes_what_was_not_confirmed() {
    // y held m when the plan was made; now x would take m along.
    let mut now = inventory(
        vec![
            image("m", &[]),
            child("x", "m", &["x:1"]),
            child("y", "m", &["y:1"]),
        ],
        vec![mounting(stopped("db", "z"), &["v"])],
    );
    now.volumes = vec![anonymous("v", 3)];
    let plan = Plan::new(
        &Survey::new(now.clone()),
        &select(&[an_image("x"), a_container("db")]),
    );
    now.images.pop();
    now.volumes[0].size = Figure::Known(Bytes::ZERO);
    let recheck = plan.recheck(&Survey::new(now));
    assert_eq!(ids(&recheck.plan), ["db"], "not even an empty volume");
    assert_eq!(
        outcomes(&recheck.dropped),
        [(
            "x",
            Outcome::Changed,
            Some("would take along its parent m now")
        )]
    );
}

type Shape = (
    Vec<(Option<usize>, usize)>,
    Vec<(usize, usize, Vec<usize>)>,
    Vec<(bool, u64)>,
    Vec<(Option<usize>, bool)>,
);

/// Small worlds: up to six images, containers, volumes and records that refer to each other at random.
fn world() -> impl Strategy<Value = Inventory> {
    let volumes = || prop::collection::vec(0_usize..6, 0..3);
    (
        prop::collection::vec((prop::option::of(0_usize..6), 0_usize..3), 0..6),
        prop::collection::vec((0_usize..6, 0_usize..6, volumes()), 0..6),
        prop::collection::vec((any::<bool>(), 0_u64..3), 0..6),
        prop::collection::vec((prop::option::of(0_usize..6), any::<bool>()), 0..6),
    )
        .prop_map(|shape| build(&shape))
}

fn build((images, containers, volumes, records): &Shape) -> Inventory {
    let mut world = Inventory::default();
    for (n, (parent, tags)) in images.iter().enumerate() {
        let tags: Vec<Text> = (0..*tags).map(|tag| format!("i{n}:{tag}").into()).collect();
        let mut made = image(&format!("i{n}"), &[]);
        made.names = tags;
        made.parent = parent
            .filter(|parent| *parent < n)
            .map(|parent| ImageId::new(format!("i{parent}")));
        world.images.push(made);
    }
    for (n, (image, state, volumes)) in containers.iter().enumerate() {
        let (id, image) = (format!("c{n}"), format!("i{image}"));
        let made = match state {
            0 => running(&id, &image),
            1 => fleeting(&id, &image),
            2 => container(&id, &image, State::Paused),
            3 => container(&id, &image, State::Restarting),
            _ => stopped(&id, &image),
        };
        let volumes: Vec<String> = volumes.iter().map(|v| format!("v{v}")).collect();
        let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        world.containers.push(mounting(made, &volumes));
    }
    for (n, (is_anonymous, size)) in volumes.iter().enumerate() {
        let mut made = volume(&format!("v{n}"), *size);
        made.anonymous = *is_anonymous;
        world.volumes.push(made);
    }
    for (n, (parent, in_use)) in records.iter().enumerate() {
        let mut made = record(&format!("r{n}"), &[]);
        made.parents = parent
            .filter(|parent| *parent < n)
            .map(|parent| RecordId::new(format!("r{parent}")))
            .into_iter()
            .collect();
        made.in_use = *in_use;
        world.cache.push(made);
    }
    world
}

fn everything(inventory: &Inventory) -> Vec<ItemId> {
    let images = inventory.images.iter().map(|i| ItemId::Image(i.id.clone()));
    let containers = inventory.containers.iter();
    let volumes = inventory.volumes.iter();
    let records = inventory.cache.iter();
    images
        .chain(containers.map(|c| ItemId::Container(c.id.clone())))
        .chain(volumes.map(|v| ItemId::Volume(v.name.clone())))
        .chain(records.map(|r| ItemId::Record(r.id.clone())))
        .collect()
}

/// Whether an engine would let an object go when it still has all that is in `left`.
fn engine_allows(survey: &Survey, id: &ItemId, left: &BTreeSet<ItemId>, stop: bool) -> bool {
    let has = |id: ItemId| left.contains(&id);
    match id {
        ItemId::Container(_) => match survey.find(id) {
            Some(Item::Container(c)) => {
                c.state.is_stopped() || stop && matches!(c.state, State::Running | State::Paused)
            }
            _ => false,
        },
        ItemId::Image(image) => {
            !survey
                .users_of_image(image)
                .any(|c| has(ItemId::Container(c.id.clone())))
                && !survey
                    .children_of_image(image)
                    .any(|i| has(ItemId::Image(i.id.clone())))
        }
        ItemId::Volume(name) => !survey
            .users_of_volume(name)
            .any(|c| has(ItemId::Container(c.id.clone()))),
        ItemId::Record(record) => {
            let idle = matches!(survey.find(id), Some(Item::Record(r)) if !r.in_use);
            idle && !survey
                .children_of_record(record)
                .any(|r| has(ItemId::Record(r.id.clone())))
        }
    }
}

proptest! {
    #[test]
    fn an_engine_carries_out_every_plan_in_its_order(
        world in world(),
        picks in prop::collection::vec(any::<bool>(), 24),
        stop in any::<bool>(),
    ) {
        let all = everything(&world);
        let chosen: Vec<ItemId> = all.iter().zip(&picks).filter(|(_, p)| **p).map(|(id, _)| id.clone()).collect();
        let survey = Survey::new(world);
        let selection = Selection { stop, ..select(&chosen) };
        let plan = Plan::new(&survey, &selection);
        let mut left: BTreeSet<ItemId> = all.into_iter().collect();
        let mut sum = Freed::default();
        for step in &plan.steps {
            prop_assert!(engine_allows(&survey, &step.id, &left, stop), "{:?}", step.id);
            prop_assert_eq!(step.follows.iter().filter(|id| selection.items.contains_key(&ItemId::Image((*id).clone()))).count(), 0);
            left.remove(&step.id);
            for parent in &step.follows {
                left.remove(&ItemId::Image(parent.clone()));
            }
            sum.add(&step.frees);
        }
        prop_assert_eq!(&sum, &plan.frees);
        // Every chosen thing is a step or is refused, and a refusal is real: the engine would refuse too.
        for id in &chosen {
            let is_step = plan.steps.iter().any(|step| step.id == *id);
            let refusal = plan.refused.iter().find(|refusal| refusal.id == *id);
            prop_assert_eq!(is_step, refusal.is_none());
            if let Some(refusal) = refusal {
                prop_assert!(!refusal.why.is_empty());
                prop_assert!(!engine_allows(&survey, id, &left, stop), "{:?}: {}", id, refusal.why);
            }
        }
        prop_assert_eq!(&plan.recheck(&survey).plan.steps, &plan.steps);
        // What unlock says it does, it does.
        for refusal in plan.refused.iter().filter(|refusal| !refusal.unlock.is_empty()) {
            let mut widened = selection.clone();
            widened.items.extend(refusal.unlock.iter().map(|id| (id.clone(), AddedBy::Unlock)));
            prop_assert!(Plan::new(&survey, &widened).steps.iter().any(|step| step.id == refusal.id));
        }
    }
}
