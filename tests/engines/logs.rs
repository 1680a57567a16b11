//! Logs are emptied while their containers go on writing, and nothing else is touched.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::reports::{command, json_report};
use crate::support::census::Census;
use crate::support::du::du;
use crate::support::engine::PrivateEngine;
use crate::support::scene::Scene;

/// Two thousand lines of a thousand letters, then one every tenth of a second.
const TALKS: &str = "trap 'exit 0' TERM; l=$(printf %01000d 0); i=0; \
    while [ $i -lt 2000 ]; do i=$((i+1)); echo $l $i; done; \
    while true; do i=$((i+1)); echo later $i; sleep 0.1; done";

fn talker(engine: &PrivateEngine, name: &str, options: &[&str]) {
    let start = ["run", "--detach", "--network", "none", "--name", name];
    let args = [&start[..], options, &["base:1", "sh", "-c", TALKS]].concat();
    engine.docker(&args);
    let begun = Instant::now();
    while !engine.docker(&["logs", name]).contains("later") {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{name} is silent"
        );
        sleep(Duration::from_millis(100));
    }
}

fn log_file(engine: &PrivateEngine, name: &str) -> PathBuf {
    let path = engine.get(&format!("/containers/{name}/json"))["LogPath"].clone();
    PathBuf::from(path.as_str().expect("a path"))
}

fn of<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let mut rows = list.as_array().expect("a list").iter();
    rows.find(|row| row[key] == name)
        .unwrap_or_else(|| panic!("no {name}: {list}"))
}

fn clean(engine: &PrivateEngine, args: &[&str], code: i32) -> Value {
    let mut clean: Command = command(engine);
    let output = clean.args(["clean", "--yes", "--json"]).args(args).output();
    let output = output.expect("dtop runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{text}{output:?}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

pub fn a_log_is_emptied_while_its_container_writes(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let _scene = Scene::on(engine);
    talker(engine, "talker", &[]);
    talker(
        engine,
        "bounded",
        &["--log-opt", "max-size=1m", "--log-opt", "max-file=3"],
    );
    talker(engine, "other", &["--log-driver", "local"]);
    let report = json_report(engine);
    let log = |name: &str| of(&report["logs"], "name", name).clone();
    assert_eq!(
        (&log("talker")["bounded"], &log("talker")["driver"]),
        (&false.into(), &"json-file".into())
    );
    assert_eq!(log("bounded")["bounded"], true);
    assert_eq!(
        (&log("other")["bounded"], &log("other")["driver"]),
        (&true.into(), &"local".into())
    );
    let size = log("talker")["size"].as_u64().expect("bytes");
    assert!(size > 2_000_000, "{size}");
    let before = Census::of(engine);
    let file = log_file(engine, "talker");
    let inode = file.metadata().expect("a log").ino();

    let refused = clean(engine, &["--logs", "=talker", "--read-only"], 1);
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|why| why.contains("read-only")),
        "{refused}"
    );
    assert!(file.metadata().expect("a log").len() >= size);

    let cleaned = clean(engine, &["--logs", "=talker"], 0);
    let done = &cleaned["done"][0];
    assert_eq!(
        (&done["kind"], &done["outcome"]),
        (&"log".into(), &"truncated".into()),
        "{cleaned}"
    );
    let freed = done["freed"].as_u64().expect("bytes");
    assert!(freed >= size && freed < size + 100_000, "{freed} of {size}");
    assert_eq!(cleaned["freed"], freed);
    assert_eq!(cleaned["steps"][0]["kind"], "log");

    // It goes on, from the beginning of the same file and with no hole before it.
    let found = file.metadata().expect("a log");
    assert_eq!(found.ino(), inode);
    let begun = Instant::now();
    while file.metadata().expect("a log").len() < 2_000 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it writes no more"
        );
        sleep(Duration::from_millis(100));
    }
    let now = file.metadata().expect("a log");
    assert!(
        now.len() < 100_000 && now.blocks() * 512 >= now.len(),
        "{now:?}"
    );
    let said = engine.docker(&["logs", "talker"]);
    assert!(
        said.lines().all(|line| line.starts_with("later ")),
        "{said:.300}"
    );
    assert!(said.lines().count() > 5, "{said}");
    let states = engine.docker(&["ps", "--format", "{{.Names}}"]);
    assert!(states.contains("talker"), "{states}");
    assert_eq!(before, Census::of(engine), "nothing else went");
}

pub fn a_log_goes_with_what_is_safe_of_it_and_the_rest_is_refused(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let _scene = Scene::on(engine);
    let rotates = ["--log-opt", "max-size=500k", "--log-opt", "max-file=4"];
    talker(engine, "aside", &rotates);
    let zips = [&rotates[..], &["--log-opt", "compress=true"]].concat();
    talker(engine, "zipped", &zips);
    talker(engine, "other", &["--log-driver", "local"]);
    let report = json_report(engine);
    let size = |name: &str| {
        of(&report["logs"], "name", name)["size"]
            .as_u64()
            .expect("bytes")
    };
    let cleaned = clean(engine, &["--logs", ""], 0);
    let refused = of(&cleaned["refused"], "name", "other");
    assert!(
        refused["why"]
            .as_str()
            .is_some_and(|why| why.contains("local driver")),
        "{refused}"
    );
    let freed = |name: &str| {
        of(&cleaned["done"], "name", name)["freed"]
            .as_u64()
            .expect("bytes")
    };
    assert!(
        freed("aside") > 900_000 && size("aside") > 1_000_000,
        "{cleaned}"
    );
    assert_eq!(of(&cleaned["refused"], "name", "zipped")["kind"], "log");
    // What was put aside is empty; what is written within its bound, and what is compressed, is whole.
    let (aside, zipped) = (log_file(engine, "aside"), log_file(engine, "zipped"));
    let beside = |file: &PathBuf, end: &str| PathBuf::from(format!("{}{end}", file.display()));
    assert_eq!(
        beside(&aside, ".1")
            .metadata()
            .expect("a rotated log")
            .len(),
        0
    );
    assert!(
        beside(&zipped, ".2.gz")
            .metadata()
            .expect("a rotated log")
            .len()
            > 0
    );
    sleep(Duration::from_secs(1));
    for name in ["aside", "zipped", "other"] {
        let said = engine.docker(&["logs", name]);
        assert!(said.contains("later "), "{name}: {said:.300}");
    }
    // A log and its container: each byte once, and both are carried out.
    talker(engine, "brief", &[]);
    engine.docker(&["stop", "brief"]);
    let log = log_file(engine, "brief");
    let bytes = du(&log);
    let gone = clean(engine, &["--logs", "=brief", "--containers", "=brief"], 0);
    let done = |kind: &str| of(&gone["done"], "kind", kind).clone();
    assert_eq!(done("log")["outcome"], "truncated");
    assert_eq!(done("log")["freed"], bytes);
    assert_eq!(done("container")["outcome"], "removed");
    assert!(
        gone["freed"]
            .as_u64()
            // The container's folders and notes take some 135 kB on ext4.
            .is_some_and(|freed| freed >= bytes && freed < bytes + 200_000),
        "{gone}"
    );
    assert!(!log.exists());
}
