//! Volumes that are used by another way than their name.

use super::*;
use crate::domain::inventory::{EngineInfo, Swarm};
use crate::domain::item::{Backing, Container, Kind, Volume};
use crate::domain::paths::{Paths, ResolvedPaths};

/// Returns a volume where engines keep them.
fn at_home(name: &str) -> Volume {
    Volume {
        mountpoint: format!("/d/volumes/{name}/_data").into(),
        ..volume(name, 7)
    }
}

fn a_name_for(name: &str, device: &str) -> Volume {
    Volume {
        size: Figure::Unknown,
        backing: Backing::Mount {
            sort: "none".into(),
            device: device.into(),
        },
        ..at_home(name)
    }
}

fn binding(container: Container, paths: &[&str]) -> Container {
    Container {
        binds: Paths::new(paths.iter().copied()),
        ..container
    }
}

fn scene(volumes: Vec<Volume>, containers: Vec<Container>) -> Inventory {
    let mut inventory = inventory(vec![image("i", &["i:1"])], containers);
    inventory.volumes = volumes;
    inventory.apply(Part::Stage(Stage::Containers, Progress::Done(at(0))));
    inventory
}

/// Returns why a volume is refused; nothing where it goes.
fn refused(inventory: &Inventory, name: &str) -> Option<String> {
    let survey = Survey::new(inventory.clone());
    let plan = Plan::new(&survey, &select(&[a_volume(name)]));
    let facts = survey.facts(Kind::Volume, survey.index(&a_volume(name)).unwrap());
    assert_eq!(facts.blocked, !plan.refused.is_empty(), "{name}");
    let why = plan.refused.first().map(|it| it.why.clone());
    assert_eq!(plan.steps.is_empty(), why.is_some());
    why
}

#[test]
fn a_volume_is_used_by_what_mounts_its_folder_or_one_below() {
    let used = Some("used by running container web, by its path");
    for (path, why) in [
        ("/d/volumes/db/_data", used),
        ("/d//volumes/./db/_data/", used),
        ("/d/volumes/db/_data/pg/wal", used),
        // Its own folder is nobody else's.
        ("/d/volumes/db", used),
        // Above it, and beside it.
        ("/d/volumes", None),
        ("/d", None),
        ("/", None),
        ("/d/volumes/db/_database", None),
        ("/d/volumes/db2/_data", None),
        ("/srv", None),
    ] {
        let web = binding(running("web", "i"), &["/etc/hosts", path]);
        let inventory = scene(vec![at_home("db"), at_home("db3")], vec![web]);
        assert_eq!(refused(&inventory, "db").as_deref(), why, "{path}");
        assert_eq!(refused(&inventory, "db3"), None, "{path}");
        let survey = Survey::new(inventory);
        let used = survey.facts(Kind::Volume, 0).flags.used;
        assert_eq!(used, Some(why.is_some()), "{path}");
    }
}

#[test]
fn what_mounts_a_folder_above_a_volume_is_a_note() {
    let monitor = binding(running("monitor", "i"), &["/", "/var/run"]);
    let backup = binding(stopped("backup", "i"), &["/d/volumes"]);
    let web = binding(running("web", "i"), &["/d/volumes/db/_data"]);
    let containers = vec![monitor, backup, web];
    let survey = Survey::new(scene(vec![at_home("db"), at_home("x")], containers));
    for volume in &survey.inventory().volumes {
        let above = survey.containers_above(volume);
        let names: Vec<&str> = above.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["monitor", "backup"], "{}", volume.name);
    }
    let plan = Plan::new(&survey, &select(&[a_volume("x")]));
    assert_eq!(plan.steps[0].seen_by(), ["monitor", "backup"]);
}

/// By a link, or by a second mount of the engine's folder: only its machine knows.
#[test]
fn a_path_counts_as_it_reads_and_as_it_is_resolved() {
    let web = binding(stopped("web", "i"), &["/srv/db"]);
    let mut inventory = scene(vec![at_home("db")], vec![web]);
    assert_eq!(refused(&inventory, "db"), None);
    let link = |from: &str, to: &str| ResolvedPaths::from([(from.into(), to.into())]);
    let why = Some("used by stopped container web, by its path");
    inventory.apply(Part::Resolved(link("/srv/db", "/d/volumes/db/_data/x")));
    assert_eq!(refused(&inventory, "db").as_deref(), why);
    // The engine's own folder is behind a link.
    inventory.apply(Part::Resolved(link("/d/volumes/db/_data", "/srv/db")));
    assert_eq!(refused(&inventory, "db").as_deref(), why);
    inventory.apply(Part::Resolved(ResolvedPaths::new()));
    assert_eq!(refused(&inventory, "db"), None);
}

/// `..` behind a link leads elsewhere than it reads: from afar nobody knows where.
#[test]
fn a_path_that_goes_up_may_lead_into_any_volume() {
    let web = binding(running("web", "i"), &["/srv/x/../db"]);
    let mut inventory = scene(vec![at_home("db")], vec![web, stopped("job", "i")]);
    let why = "may be used by container web: where its bind mounts lead is not known here";
    assert_eq!(refused(&inventory, "db").as_deref(), Some(why));
    let survey = Survey::new(inventory.clone());
    assert_eq!(survey.facts(Kind::Volume, 0).flags.used, None);
    let both = stopping(&[a_container("web"), a_volume("db")]);
    let gone = Plan::new(&survey, &both);
    assert_eq!(ids(&gone), ["web", "db"], "gone, it uses nothing");
    let known = ResolvedPaths::from([("/srv/x/../db".into(), "/srv/other".into())]);
    inventory.apply(Part::Resolved(known));
    assert_eq!(refused(&inventory, "db"), None);
}

#[test]
fn a_container_that_mounts_by_path_goes_before_the_volume_and_leaves_it() {
    let web = binding(running("web", "i"), &["/d/volumes/db/_data"]);
    let job = mounting(stopped("job", "i"), &["db"]);
    let inventory = scene(vec![at_home("db")], vec![web, job]);
    assert_eq!(
        refused(&inventory, "db").as_deref(),
        Some("used by running container web, by its path and stopped container job")
    );
    let survey = Survey::new(inventory);
    let all = [a_container("web"), a_container("job"), a_volume("db")];
    assert_eq!(
        ids(&Plan::new(&survey, &stopping(&all))),
        ["job", "web", "db"]
    );
    // One that came by meanwhile.
    let before = Survey::new(scene(vec![at_home("db")], Vec::new()));
    let plan = Plan::new(&before, &select(&[a_volume("db")]));
    let recheck = plan.recheck(&survey);
    assert_eq!(recheck.plan.steps, []);
    assert_eq!(
        recheck.dropped[0].outcome,
        crate::domain::removal::outcome::Outcome::Changed
    );
}

/// A container of `--rm` takes its own anonymous volumes along, and none that it mounts by a path.
#[test]
fn an_anonymous_volume_that_is_mounted_by_its_path_does_not_vanish() {
    let mut files = at_home("a1");
    files.anonymous = true;
    files.size = Figure::Known(Bytes::ZERO);
    let brief = binding(fleeting("brief", "i"), &["/d/volumes/a1/_data"]);
    let survey = Survey::new(scene(vec![files], vec![brief]));
    let plan = Plan::new(&survey, &stopping(&[a_container("brief")]));
    assert_eq!(ids(&plan), ["brief"]);
    assert_eq!(plan.stays, []);
}

#[test]
fn a_volume_whose_device_lies_in_another_one_holds_that() {
    let names = vec![
        at_home("db"),
        a_name_for("alias", "/d/volumes/db/_data/pg"),
        a_name_for("apart", "/srv/data"),
        a_name_for("self", "/d/volumes/self/_data"),
    ];
    let inventory = scene(
        names.clone(),
        vec![mounting(running("web", "i"), &["alias"])],
    );
    assert_eq!(
        refused(&inventory, "db").as_deref(),
        Some("used by volume alias, by its path")
    );
    for name in ["apart", "self"] {
        assert_eq!(refused(&inventory, name), None, "{name}");
    }
    let survey = Survey::new(scene(names, Vec::new()));
    assert_eq!(survey.facts(Kind::Volume, 0).flags.used, Some(true));
    let plan = Plan::new(&survey, &select(&[a_volume("db"), a_volume("alias")]));
    assert_eq!(ids(&plan), ["alias", "db"], "what lies in it goes first");
}

#[test]
fn a_service_holds_volumes_by_name_and_by_path() {
    let mut inventory = scene(vec![at_home("db"), at_home("x")], Vec::new());
    let mut part = service("shop_db", &[], &["x"]);
    if let Part::Outsiders(_, Figure::Known(services)) = &mut part {
        services[0].binds = Paths::new(["/d/volumes/db/_data"]);
    }
    inventory.apply(part);
    for name in ["db", "x"] {
        let why = refused(&inventory, name);
        assert_eq!(why.as_deref(), Some("used by swarm service shop_db"));
    }
}

/// Ten thousand containers that mount folders and ten thousand volumes: a look at each, not at each pair.
#[test]
fn many_paths_and_many_volumes_are_a_look_at_each() {
    let many = 10_000;
    let volumes: Vec<Volume> = (0..many).map(|at| at_home(&format!("v{at}"))).collect();
    let containers = (0..many).map(|at| {
        let path = format!("/d/volumes/v{at}/_data/sub");
        binding(stopped(&format!("c{at}"), "i"), &["/", "/d/volumes", &path])
    });
    let inventory = scene(volumes, containers.collect());
    let begin = std::time::Instant::now();
    let survey = Survey::new(inventory);
    let took = begin.elapsed();
    for at in [0, many - 1] {
        let number = survey.numbers().number(Kind::Volume, at);
        assert_eq!(survey.users(number).len(), 1);
        assert_eq!(survey.users_by_path(number).len(), 1);
    }
    // A hundred million pairs take minutes here.
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn a_task_that_a_swarm_left_behind_goes_only_where_there_is_no_swarm() {
    let mut task = stopped("shop_web.1.x", "i");
    task.labels = labels(&[("com.docker.swarm.task.id", "x")]);
    for (swarm, goes) in [
        (Swarm::Unknown, false),
        (Swarm::Worker, false),
        (Swarm::Manager, false),
        (Swarm::Inactive, true),
    ] {
        let mut inventory = scene(Vec::new(), vec![task.clone()]);
        inventory.engine = Arc::new(EngineInfo {
            swarm,
            ..EngineInfo::default()
        });
        let survey = Survey::new(inventory);
        let plan = Plan::new(&survey, &select(&[a_container("shop_web.1.x")]));
        assert_eq!(!plan.steps.is_empty(), goes, "{swarm:?}");
        let image = select(&[an_image("i")]);
        assert_eq!(unlock(&survey, &image).is_empty(), !goes, "{swarm:?}");
    }
}

#[test]
fn a_stack_is_a_project_and_up_while_it_has_services() {
    let mut db = at_home("shop_db");
    db.labels = labels(&[("com.docker.stack.namespace", "shop")]);
    let mut inventory = scene(vec![db], Vec::new());
    let survey = Survey::new(inventory.clone());
    assert_eq!(survey.subject(Kind::Volume, 0, false).project, Some("shop"));
    assert!(survey.is_down("shop"));
    let mut part = service("shop_web", &[], &[]);
    if let Part::Outsiders(_, Figure::Known(services)) = &mut part {
        services[0].project = Some("shop".into());
    }
    inventory.apply(part);
    assert!(!Survey::new(inventory).is_down("shop"));
}

/// Another host may use it, and only its plugin knows.
#[test]
fn a_volume_of_a_plugin_or_of_many_hosts_is_neither_used_nor_unused() {
    let plugin = Volume {
        driver: "netapp:latest".into(),
        size: Figure::Unknown,
        backing: Backing::Unknown,
        ..at_home("plugin")
    };
    let global = Volume {
        scope: "global".into(),
        ..at_home("global")
    };
    let job = mounting(stopped("job", "i"), &["plugin"]);
    for containers in [Vec::new(), vec![job]] {
        let survey = Survey::new(scene(vec![plugin.clone(), global.clone()], containers));
        for at in [0, 1] {
            assert_eq!(survey.facts(Kind::Volume, at).flags.used, None);
        }
    }
    let survey = Survey::new(scene(vec![plugin, global], Vec::new()));
    let plan = Plan::new(&survey, &select(&[a_volume("plugin"), a_volume("global")]));
    assert_eq!(ids(&plan), ["global", "plugin"], "named, they go");
    assert!(
        plan.needs_word()
            && plan
                .frees
                .upper()
                .is_none_or(|most| most >= plan.frees.at_least)
    );
}

#[test]
fn a_name_frees_nothing_exactly_and_asks_for_no_word() {
    let names = vec![
        a_name_for("nas", ":/photos"),
        a_name_for("data", "/srv/data"),
    ];
    let survey = Survey::new(scene(names, Vec::new()));
    let plan = Plan::new(&survey, &select(&[a_volume("nas"), a_volume("data")]));
    assert_eq!(ids(&plan), ["data", "nas"]);
    assert!(plan.frees.is_exact() && plan.frees.at_least.is_zero());
    assert!(!plan.needs_word());
    assert_eq!(plan.steps[0].device().map(|it| &**it), Some("/srv/data"));
    // Made anew under its name it is something else.
    let fresh = Survey::new(scene(
        vec![at_home("data"), a_name_for("nas", ":/y")],
        Vec::new(),
    ));
    let recheck = plan.recheck(&fresh);
    assert_eq!((recheck.plan.steps.len(), recheck.dropped.len()), (0, 2));
}
