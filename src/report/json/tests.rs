use serde_json::{Value, json};

use super::*;
use crate::domain::bytes::Figure;
use crate::domain::disk::{Disk, Places};
use crate::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Store};
use crate::domain::item::State;
use crate::domain::plan::scene::{
    a_container, a_volume, an_image, at, container, image, inventory, labels, mounting, record,
    stopped, volume,
};
use crate::domain::plan::{AddedBy, Selection};
use crate::domain::removal::outcome::Outcome;

fn fleet() -> Inventory {
    let mut all = inventory(
        vec![
            image("sha256:a1", &["app:1", "app:2"]),
            image("sha256:b2", &[]),
        ],
        vec![
            mounting(stopped("job", "sha256:a1"), &["data"]),
            container("web", "sha256:a1", State::Running),
        ],
    );
    all.images[0].labels = labels(&[("dtop.keep", ""), ("tier", "front")]);
    all.images[1].size = Figure::Unknown;
    all.volumes = vec![volume("data", 7), volume("idle", 9)];
    all.cache = vec![record("r1", &[]), record("r2", &["r1"])];
    all.engine = EngineInfo {
        host: "unix:///run/x.sock".into(),
        why: "default".into(),
        product: "Docker".into(),
        version: "28.5.2".into(),
        api: "1.51".into(),
        store: Store::GraphDriver,
        driver: "overlay2".into(),
        root: "/var/lib/docker".into(),
        ..EngineInfo::default()
    }
    .into();
    all.disks = vec![Disk {
        path: "/var/lib/docker".into(),
        total: Bytes(100),
        free: Bytes(8),
        inodes_total: 10,
        inodes_free: 5,
        holds: Places::ALL,
        ..Disk::default()
    }];
    for stage in [Stage::Images, Stage::Containers, Stage::Volumes] {
        all.apply(Part::Stage(stage, Progress::Done(at(0))));
    }
    all
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Returns the keys of an object, in the order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

fn assert_keys(value: &Value, words: &str) {
    let mut wanted: Vec<&str> = words.split_whitespace().collect();
    wanted.sort_unstable();
    assert_eq!(keys(value), wanted);
}

#[test]
fn a_report_has_the_fields_of_the_schema_and_no_others() {
    let report = read(&report(&Survey::new(fleet())));
    assert_keys(
        &report,
        "schema engine disks totals images containers volumes build_cache logs unexplained failed warnings",
    );
    assert_eq!(report["schema"], 1);
    assert_keys(
        &report["engine"],
        "host why product version api store driver root local",
    );
    assert_keys(
        &report["disks"][0],
        "path total free inodes_total inodes_free",
    );
    assert_keys(
        &report["totals"],
        "images containers volumes build_cache logs unexplained",
    );
    assert_keys(
        &report["images"][0],
        "id names digests created size shared frees exact by state source containers held_by last_used last_used_by \
         labels protected",
    );
    assert_keys(
        &report["containers"][0],
        "id name image_id image state size log log_bounded frees exact by created finished project protected",
    );
    assert_keys(
        &report["volumes"][0],
        "name driver size scope frees exact by anonymous containers held_by project builder created protected",
    );
    assert_keys(
        &report["build_cache"][0],
        "id parents type description size frees exact by in_use shared created last_used",
    );
    assert_eq!(report["logs"], Value::Null);
    assert_eq!(report["unexplained"], Value::Null);
}

#[test]
fn a_report_says_what_is_and_null_where_nothing_is_known() {
    let report = read(&report(&Survey::new(fleet())));
    assert_eq!(report["engine"]["store"], "overlay2");
    assert_eq!(
        report["disks"][0],
        json!({"path": "/var/lib/docker", "total": 100, "free": 8, "inodes_total": 10, "inodes_free": 5})
    );
    let image = &report["images"][0];
    assert_eq!(image["names"], json!(["app:1", "app:2"]));
    assert_eq!(image["created"], "2023-11-14T22:13:20Z");
    assert_eq!(image["state"], "used");
    assert_eq!(image["containers"], json!(["job", "web"]));
    assert_eq!(image["last_used_by"], "job");
    assert_eq!(image["labels"], json!({"dtop.keep": "", "tier": "front"}));
    assert_eq!(image["protected"], true);
    assert_eq!(image["shared"], Value::Null);
    assert_eq!(report["images"][1]["state"], "dangling");
    assert_eq!(report["images"][1]["size"], Value::Null);
    assert_eq!(report["containers"][1]["state"], "running");
    assert_eq!(report["containers"][1]["finished"], Value::Null);
    assert_eq!(report["volumes"][0]["containers"], json!(["job"]));
    assert_eq!(report["build_cache"][1]["parents"], json!(["r1"]));
    assert_eq!(report["build_cache"][1]["type"], "regular");
}

#[test]
fn an_empty_engine_gives_empty_lists() {
    let report = read(&report(&Survey::default()));
    for list in ["disks", "images", "containers", "volumes", "build_cache"] {
        assert_eq!(report[list], json!([]), "{list}");
    }
}

fn selected() -> Selection {
    let mut selection = Selection::default();
    for id in [
        an_image("sha256:a1"),
        a_container("job"),
        a_volume("data"),
        a_volume("idle"),
    ] {
        selection.items.insert(id, AddedBy::Selection);
    }
    selection
}

#[test]
fn a_plan_has_its_steps_refusals_and_sums() {
    let survey = Survey::new(fleet());
    let planned = Plan::new(&survey, &selected());
    let plan = read(&plan(&survey, &planned));
    assert_keys(
        &plan,
        "schema frees at_most exact why steps refused held_back stays",
    );
    assert_keys(
        &plan["steps"][0],
        "kind id name names frees comes_back added_by parents",
    );
    let steps: Vec<(&str, &str)> = plan["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| {
            let text = |key: &str| step[key].as_str().expect("a text");
            (text("kind"), text("id"))
        })
        .collect();
    assert_eq!(
        steps,
        [("container", "job"), ("volume", "data"), ("volume", "idle")]
    );
    let sum: u64 = plan["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| step["frees"].as_u64().expect("bytes"))
        .sum();
    assert_eq!(plan["frees"], sum);
    assert_keys(&plan["refused"][0], "kind id name why unlock");
    assert_eq!(plan["refused"][0]["name"], "app:1");
    assert_eq!(plan["steps"][0]["added_by"], "selection");
    assert_eq!(plan["steps"][0]["comes_back"], "no");
}

#[test]
fn a_removal_is_the_plan_and_what_became_of_it() {
    let survey = Survey::new(fleet());
    let plan = Plan::new(&survey, &selected());
    let ended = |id, outcome, error: Option<&str>, freed| Done {
        id,
        name: "n".into(),
        outcome,
        error: error.map(str::to_owned),
        freed,
        saved: None,
    };
    let done = [
        ended(
            a_container("job"),
            Outcome::Removed,
            None,
            Figure::Known(Bytes(5)),
        ),
        ended(a_volume("nfs"), Outcome::Removed, None, Figure::Unknown),
        ended(
            a_volume("data"),
            Outcome::Failed,
            Some("in use"),
            Figure::Known(Bytes::ZERO),
        ),
    ];
    let cleaned = read(&clean(&survey, &plan, &done, None));
    assert_keys(
        &cleaned,
        "schema frees at_most exact why steps refused held_back stays done freed freed_by error",
    );
    assert_eq!(
        cleaned["done"],
        json!([
            {"kind": "container", "id": "job", "name": "n", "outcome": "removed", "error": null, "freed": 5},
            {"kind": "volume", "id": "nfs", "name": "n", "outcome": "removed", "error": null, "freed": null},
            {"kind": "volume", "id": "data", "name": "n", "outcome": "failed", "error": "in use", "freed": 0},
        ])
    );
    assert_eq!(cleaned["freed"], 5);
    assert_eq!(cleaned["freed_by"], "engine");
    let account = Account {
        freed: Bytes(9),
        by: FreedBy::Rescan,
        ..Account::default()
    };
    let scanned = read(&super::cleaned(&survey, &plan, &done, &account));
    assert_eq!(
        (&scanned["freed"], &scanned["freed_by"]),
        (&json!(9), &json!("rescan"))
    );
    assert_eq!(scanned["done"], cleaned["done"]);
    assert_eq!(cleaned["error"], Value::Null);
    let failed = clean(&Survey::default(), &Plan::default(), &[], Some("no engine"));
    assert_eq!(read(&failed)["error"], "no engine");
}

#[test]
fn hostile_strings_keep_their_value_and_reach_no_terminal() {
    let hostile = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{200b}\n\u{2028}\u{e0041}日本 é";
    let mut fleet = fleet();
    fleet.containers[0].name = hostile.into();
    let text = report(&Survey::new(fleet));
    assert_eq!(read(&text)["containers"][0]["name"], hostile);
    assert!(text.contains(r"\u009b31m\u007f\u202e\u200b\n\u2028\udb40\udc41日本 é"));
    assert!(text.lines().all(|line| sanitise(line) == line));
}

#[test]
fn a_stage_that_failed_says_why_figures_are_missing() {
    let mut fleet = fleet();
    fleet.apply(Part::Stage(
        Stage::VolumeSizes,
        Progress::Failed("a disk operation is already running".into()),
    ));
    let report = read(&report(&Survey::new(fleet)));
    assert_eq!(
        report["failed"],
        json!([{"stage": "volume sizes", "error": "a disk operation is already running"}])
    );
}

#[test]
fn a_volume_that_is_left_behind_stays() {
    let mut fleet = fleet();
    fleet.volumes[0].anonymous = true;
    let survey = Survey::new(fleet);
    let mut selection = Selection::default();
    selection
        .items
        .insert(a_container("job"), AddedBy::Selection);
    let plan = read(&plan(&survey, &Plan::new(&survey, &selection)));
    assert_eq!(
        plan["stays"],
        json!([{"kind": "volume", "id": "data", "name": "data", "size": 7, "left_by": "job"}])
    );
}

#[test]
fn a_volume_of_a_stack_is_held_by_it_where_services_are_not_listed() {
    let held = |labelled: bool, services: Progress| {
        let mut fleet = fleet();
        if labelled {
            fleet.volumes[1].labels = labels(&[("com.docker.stack.namespace", "shop")]);
        }
        fleet.apply(Part::Stage(Stage::Services, services));
        read(&report(&Survey::new(fleet)))["volumes"][1]["held_by"].clone()
    };
    let refused = || Progress::Failed("this node is not a swarm manager".into());
    assert_eq!(
        held(true, refused()),
        json!([{"kind": "stack", "name": "shop"}])
    );
    assert_eq!(held(false, refused()), json!([]));
    assert_eq!(held(true, Progress::Done(at(0))), json!([]));
}
