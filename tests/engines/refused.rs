//! What is refused on the way to an engine: it costs only itself, and what may hold a thing decides.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::census::Census;
use crate::support::engine::{PrivateEngine, Store};
use crate::support::length::Length;
use crate::support::proxy::{Manner, Proxy, Refusal, Rule};
use crate::support::scene::{Builder, Scene};

use super::reports::at;

/// What docker-socket-proxy answers (haproxy 3).
const PAGE: &str = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n";
const SICK: &str = r#"{"message":"the disk is on fire"}"#;

const FORBIDDEN: Refusal = Refusal::Status("403 Forbidden", PAGE);

/// Each way to be refused, with the words that say so.
const WAYS: [(Refusal, &str); 8] = [
    (FORBIDDEN, "a proxy in between refuses GET"),
    (
        Refusal::Status("404 Not Found", r#"{"message":"page not found"}"#),
        "page not found (status 404)",
    ),
    (
        Refusal::Status("404 Not Found", ""),
        "page not found (status 404)",
    ),
    (
        Refusal::Status("500 Internal Server Error", SICK),
        "the disk is on fire (status 500)",
    ),
    (
        Refusal::Status("501 Not Implemented", r#"{"message":"not here"}"#),
        "not here (status 501)",
    ),
    (
        Refusal::Status("503 Service Unavailable", PAGE),
        "a proxy in between gets no answer to GET",
    ),
    (Refusal::Half, "end of file before message length reached"),
    (
        Refusal::Closed,
        "connection closed before message completed",
    ),
];

/// The ways that are tried of what is refused at the place `at` of `of` places: all in a long run, else each in one of
/// the places, so that each is tried.
fn ways(at: usize, of: usize) -> impl Iterator<Item = (Refusal, &'static str)> {
    let all = WAYS.into_iter().enumerate();
    let tried = all.filter(move |(way, _)| Length::Long.is_asked_for() || way % of == at);
    tried.map(|(_, way)| way)
}

/// A proxy before an engine that follows some rules until it is dropped.
fn proxy(engine: &PrivateEngine, rules: &[Rule]) -> Proxy {
    let manner = Manner {
        rules: rules.to_vec().leak(),
        ..Manner::default()
    };
    Proxy::with_manner(&engine.socket(), engine.folder(), manner)
}

fn get(path: &'static str, refusal: Refusal) -> Rule {
    Rule {
        method: "GET",
        path,
        passes: 0,
        refusal,
    }
}

/// What a command said and how it ended, its output one JSON object where there is any.
struct Said {
    code: Option<i32>,
    out: Value,
    err: String,
}

fn dtop(proxy: &Proxy, state: &Path, args: &[&str]) -> Said {
    let output = text(proxy, state, args);
    let out = String::from_utf8_lossy(&output.stdout);
    Said {
        code: output.status.code(),
        out: serde_json::from_str(&out).unwrap_or_default(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn text(proxy: &Proxy, state: &Path, args: &[&str]) -> Output {
    let mut command = at(&proxy.host());
    command.env("XDG_STATE_HOME", state);
    command.args(args).output().expect("dtop runs")
}

/// An object of every sort, used and unused.
fn scene(engine: &PrivateEngine) -> Scene<'_> {
    let scene = Scene::on(engine);
    scene.import("spare:1", |root| {
        std::fs::write(root.join("file"), vec![7; 30_000]).expect("a file");
    });
    if engine.has_build_cache() {
        scene.build(
            Builder::BuildKit,
            "built:1",
            "FROM base:1\nRUN true # mine\n",
        );
    }
    scene.volume("free", 3_000);
    scene.volume("held", 4_000);
    scene.stopped("job", 1_000, &["--volume", "held:/data"], "base:1");
    scene
}

const KINDS: [(&str, &str, &str); 4] = [
    ("images", "/images/json", "--images"),
    ("containers", "/containers/json", "--containers"),
    ("volumes", "/volumes", "--volumes"),
    ("build_cache", "/system/df", "--cache"),
];

fn ids(report: &Value, kind: &str) -> Option<Vec<String>> {
    let key = if kind == "volumes" { "name" } else { "id" };
    let id = |row: &Value| row[key].as_str().unwrap_or_default().to_owned();
    let mut ids: Vec<String> = report[kind].as_array()?.iter().map(id).collect();
    ids.sort();
    Some(ids)
}

fn why(report: &Value, stage: &str) -> Option<String> {
    let rows = report["failed"].as_array()?.iter();
    let mut rows = rows.filter(|row| row["stage"] == stage);
    Some(rows.next()?["error"].as_str()?.to_owned())
}

/// Each list, refused in each way: `null` and not nothing, in its own words, and all else as it is; what is to be
/// chosen from it is said and ends with 1, and nothing goes.
pub fn a_refused_list_costs_only_itself(engine: &PrivateEngine) {
    let _scene = scene(engine);
    let state = engine.folder().join("state");
    let whole = dtop(&proxy(engine, &[]), &state, &["report", "--json"]).out;
    let before = Census::of(engine);
    let kinds = KINDS.len() - usize::from(!engine.has_build_cache());
    for (place, (kind, path, option)) in KINDS.into_iter().take(kinds).enumerate() {
        for (refusal, words) in ways(place, kinds) {
            let proxy = proxy(engine, &[get(path, refusal)]);
            let said = dtop(&proxy, &state, &["report", "--json"]);
            let context = format!("{kind} {refusal:?}: {}", said.err);
            assert_eq!(said.code, Some(0), "{context}");
            assert_eq!(said.out[kind], Value::Null, "{context}");
            assert_eq!(said.out["totals"][kind], Value::Null, "{context}");
            let word = kind.replace('_', " ");
            let error = why(&said.out, &word).unwrap_or_else(|| panic!("{context}"));
            assert!(error.contains(words), "{context}: {error}");
            assert!(!error.contains('<'), "{context}: {error}");
            for (other, ..) in KINDS.iter().filter(|(other, ..)| *other != kind) {
                assert_eq!(
                    ids(&said.out, other),
                    ids(&whole, other),
                    "{context}: {other}"
                );
            }
            for args in [
                &["plan", option, "", "--json"][..],
                &["clean", option, "", "--yes", "--json"],
            ] {
                let said = dtop(&proxy, &state, args);
                let context = format!("{args:?} {refusal:?}: {}", said.err);
                assert_eq!(said.code, Some(1), "{context}");
                assert!(said.err.contains(words), "{context}");
                assert!(!said.err.contains('<'), "{context}");
                assert_eq!(
                    said.out["steps"].as_array().map(Vec::len),
                    Some(0),
                    "{context}"
                );
                assert_eq!(said.out["exact"], false, "{context}");
                assert_eq!(said.out["at_most"], Value::Null, "{context}");
                let why = said.out["why"].to_string();
                assert!(why.contains("could not be listed: "), "{context}: {why}");
            }
            // With something else that goes, that goes, and 3 says that it was not all.
            let other = if kind == "volumes" {
                "--images"
            } else {
                "--volumes"
            };
            let said = dtop(
                &proxy,
                &state,
                &["plan", option, "", other, "=none:1", "--json"],
            );
            let expected = if kind == "containers" { 1 } else { 3 };
            assert_eq!(said.code, Some(expected), "{context}");
        }
        let proxy = proxy(engine, &[get(path, FORBIDDEN)]);
        let page = text(&proxy, &state, &["report"]);
        let page = String::from_utf8_lossy(&page.stdout).into_owned();
        assert!(page.contains("–: cannot be listed: a proxy"), "{page}");
        assert!(!page.contains("html"), "{page}");
    }
    assert_eq!(Census::of(engine), before);
}

/// Who holds an image or a volume only containers tell: without their list neither `is:used` nor `is:unused` nor what
/// is neither holds for anything, and no image and no volume goes, in whichever way it was asked for.
pub fn without_containers_nothing_that_they_may_hold_goes(engine: &PrivateEngine) {
    let scene = scene(engine);
    let spare = format!("={}", scene.name("spare:1"));
    let state = engine.folder().join("state");
    let before = Census::of(engine);
    let proxy = proxy(engine, &[get("/containers/json", FORBIDDEN)]);
    for filter in ["is:used", "is:unused", "-is:used", "-is:unused"] {
        for option in ["--images", "--volumes"] {
            let said = dtop(&proxy, &state, &["plan", option, filter, "--json"]);
            let count = |list: &str| said.out[list].as_array().map(Vec::len);
            assert_eq!(
                (count("steps"), count("refused")),
                (Some(0), Some(0)),
                "{filter}"
            );
            assert_eq!(said.code, Some(1), "{option} {filter}: {}", said.err);
            assert!(said.err.contains("left out: "), "{}", said.err);
        }
    }
    for args in [
        &["clean", "--images", &spare, "--yes", "--json"][..],
        &["clean", "--volumes", "=free", "--yes", "--json"],
        &[
            "clean",
            "--images",
            "",
            "--volumes",
            "",
            "--unlock",
            "--all-names",
            "--yes",
            "--json",
        ],
    ] {
        let said = dtop(&proxy, &state, args);
        assert_eq!(said.code, Some(1), "{args:?} {}", said.err);
        let refused = said.out["refused"].as_array().expect("a list");
        assert!(!refused.is_empty(), "{args:?}");
        for refusal in refused {
            let why = refusal["why"].as_str().unwrap_or_default();
            let words = "containers could not be listed: a proxy in between refuses GET /containers/json (403)";
            assert!(why.contains(words), "{why}");
        }
    }
    let said = dtop(
        &proxy,
        &state,
        &[
            "clean",
            "--free",
            "1gb",
            "--even-volumes",
            "--yes",
            "--json",
        ],
    );
    assert_eq!(said.code, Some(3), "{}", said.err);
    let kinds = |done: &Value| done["kind"] == "image" || done["kind"] == "volume";
    assert!(
        !said.out["done"]
            .as_array()
            .expect("a list")
            .iter()
            .any(kinds),
        "{}",
        said.out
    );
    let left = Census::of(engine);
    assert_eq!((left.images, left.volumes), (before.images, before.volumes));
    drop(proxy);

    // Listed for the plan, and not right before: what they may hold stays, and the rest goes.
    let rule = Rule {
        passes: 1,
        ..get("/containers/json", FORBIDDEN)
    };
    let late = self::proxy(engine, &[rule]);
    let said = dtop(
        &late,
        &state,
        &["clean", "--images", &spare, "--yes", "--json"],
    );
    assert_eq!(said.code, Some(1), "{} {}", said.err, said.out);
    assert!(
        said.err.contains("refuses GET /containers/json (403)"),
        "{}",
        said.err
    );
    assert_eq!(late.writes(), []);
    drop(late);
    assert!(!scene.image_id("spare:1").is_empty());
}

/// `PING=0` may be what a proxy is told: the engine behind it is found by its version.
pub fn an_engine_that_may_not_be_pinged_is_found(engine: &PrivateEngine) {
    let _scene = scene(engine);
    let state = engine.folder().join("state");
    let whole = dtop(&proxy(engine, &[]), &state, &["report", "--json"]).out;
    for status in [
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
    ] {
        let deaf = proxy(engine, &[get("/_ping", Refusal::Status(status, PAGE))]);
        let said = dtop(&deaf, &state, &["report", "--json"]);
        assert_eq!(said.code, Some(0), "{status}: {}", said.err);
        for (kind, ..) in KINDS {
            assert_eq!(ids(&said.out, kind), ids(&whole, kind), "{status} {kind}");
        }
        for key in ["product", "version", "api", "store"] {
            assert_eq!(
                said.out["engine"][key], whole["engine"][key],
                "{status} {key}"
            );
        }
    }
    let rules = ["/_ping", "/version"].map(|path| get(path, FORBIDDEN));
    let said = text(&proxy(engine, &rules), &state, &["report"]);
    let line = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1), "{line}");
    assert!(
        line.contains("refuses GET /_ping and GET /version (403)"),
        "{line}"
    );
    assert!(!line.contains('<') && line.lines().count() == 1, "{line}");
}

/// `INFO=0` is what docker-socket-proxy does unless it is told otherwise; `VERSION=0` may be.
pub fn an_engine_that_may_not_say_what_it_is_is_listed(engine: &PrivateEngine) {
    let scene = scene(engine);
    let spare = format!("={}", scene.name("spare:1"));
    let state = engine.folder().join("state");
    let whole = dtop(&proxy(engine, &[]), &state, &["report", "--json"]).out;
    for (place, rules) in [&["/info"][..], &["/info", "/version"]].iter().enumerate() {
        for (refusal, words) in ways(place, 2) {
            let rules: Vec<Rule> = rules.iter().map(|path| get(path, refusal)).collect();
            let proxy = proxy(engine, &rules);
            let said = dtop(&proxy, &state, &["report", "--json"]);
            let context = format!("{rules:?}: {}", said.err);
            assert_eq!(said.code, Some(0), "{context}");
            for (kind, ..) in KINDS {
                assert_eq!(ids(&said.out, kind), ids(&whole, kind), "{context} {kind}");
            }
            let told = &said.out["engine"];
            for key in ["store", "driver", "root"] {
                assert_eq!(told[key], Value::Null, "{context} {key}");
            }
            assert_eq!(told["local"], false, "{context}");
            assert_eq!(told["product"], whole["engine"]["product"], "{context}");
            assert_eq!(told["version"], whole["engine"]["version"], "{context}");
            assert_eq!(said.out["disks"], Value::Array(Vec::new()), "{context}");
            assert_eq!(said.out["unexplained"], Value::Null, "{context}");
            let error = why(&said.out, "engine").unwrap_or_else(|| panic!("{context}"));
            assert!(
                error.contains(words) && !error.contains('<'),
                "{context} {error}"
            );
            let said = dtop(&proxy, &state, &["plan", "--images", &spare, "--json"]);
            assert_eq!(said.code, Some(0), "{context}");
            assert_eq!(
                said.out["steps"].as_array().map(Vec::len),
                Some(1),
                "{context}"
            );
            assert_eq!(said.out["exact"], false, "{context}");
            assert_eq!(said.out["at_most"], Value::Null, "{context}");
            assert!(
                said.out["why"].to_string().contains(words),
                "{context}: {}",
                said.out
            );
        }
    }
    let forbidden = proxy(engine, &[get("/info", FORBIDDEN)]);
    let page = text(&forbidden, &state, &["report"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    let line = "not known: engine: a proxy in between refuses GET /info (403)";
    assert!(page.contains(line), "{page}");
    let said = dtop(
        &forbidden,
        &state,
        &["clean", "--until-free", "1gb", "--yes"],
    );
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("refuses GET /info (403)"), "{}", said.err);
}

/// What only measures is refused: lists stay whole, and what it would have told is `null`.
pub fn a_refused_measure_is_unknown_and_not_zero(engine: &PrivateEngine) {
    let _scene = scene(engine);
    let state = engine.folder().join("state");
    let whole = dtop(&proxy(engine, &[]), &state, &["report", "--json"]).out;
    // Where dtop reads the folder itself nobody is asked for sizes: as from afar.
    let afar = get("/info", FORBIDDEN);
    for (refusal, words) in ways(0, 2) {
        let proxy = proxy(engine, &[afar, get("/system/df", refusal)]);
        let said = dtop(&proxy, &state, &["report", "--json"]);
        let context = format!("{refusal:?}: {}", said.err);
        assert_eq!(said.code, Some(0), "{context}");
        assert_eq!(
            ids(&said.out, "volumes"),
            ids(&whole, "volumes"),
            "{context}"
        );
        for volume in said.out["volumes"].as_array().expect("volumes") {
            assert_eq!(volume["size"], Value::Null, "{context}");
        }
        assert_eq!(said.out["totals"]["volumes"], Value::Null, "{context}");
        let error = why(&said.out, "volume sizes").unwrap_or_default();
        assert!(error.contains(words), "{context} {error}");
        let said = dtop(&proxy, &state, &["plan", "--volumes", "=free", "--json"]);
        assert_eq!(said.code, Some(0), "{context}");
        assert_eq!(
            said.out["steps"].as_array().map(Vec::len),
            Some(1),
            "{context}"
        );
        assert_eq!(
            (&said.out["frees"], &said.out["at_most"]),
            (&0.into(), &Value::Null)
        );
        assert_eq!(said.out["exact"], false, "{context}");
        let page = text(&proxy, &state, &["plan", "--volumes", "=free"]);
        let page = String::from_utf8_lossy(&page.stdout).into_owned();
        assert!(page.contains("frees at least 0 B"), "{context} {page}");
    }
    for (place, path) in ["/images/", "/history"].into_iter().enumerate() {
        for (refusal, _) in ways(place, 2) {
            let rules = [afar, get("/images/json", Refusal::Pass), get(path, refusal)];
            let proxy = proxy(engine, &rules);
            let said = dtop(&proxy, &state, &["report", "--json"]);
            let context = format!("{path} {refusal:?}: {}", said.err);
            assert_eq!(said.code, Some(0), "{context}");
            assert_eq!(ids(&said.out, "images"), ids(&whole, "images"), "{context}");
            // A history that the engine cannot read is that image's own.
            let is_own = path == "/history"
                && matches!(refusal, Refusal::Status(status, _) if status.starts_with("500"));
            assert!(
                is_own || why(&said.out, "layers").is_some(),
                "{context}: {}",
                said.out["failed"]
            );
            // The size of an image of one layer is that layer's, whatever its history.
            if path == "/images/" {
                for image in said.out["images"].as_array().expect("images") {
                    let is_open = image["exact"] == false || image["frees"] == 0;
                    assert!(is_open, "{context}: {image}");
                }
            }
        }
    }
    // What is read out of the engine's own files nobody can refuse.
    if !engine.is_podman() && engine.store() == Store::GraphDriver {
        let rules = [
            get("/images/json", Refusal::Pass),
            get("/images/", FORBIDDEN),
        ];
        let said = dtop(&proxy(engine, &rules), &state, &["report", "--json"]);
        assert_eq!(why(&said.out, "layers"), None, "{}", said.out["failed"]);
        let frees = |told: &Value| {
            let images = told["images"].as_array().expect("images").iter();
            let mut all: Vec<String> = images
                .map(|it| format!("{} {} {}", it["id"], it["frees"], it["exact"]))
                .collect();
            all.sort();
            all
        };
        assert_eq!(frees(&said.out), frees(&whole));
    }
    for (refusal, words) in ways(1, 2) {
        let rules = [
            get("/containers/json", Refusal::Pass),
            get("/containers/", refusal),
        ];
        let proxy = proxy(engine, &rules);
        let said = dtop(&proxy, &state, &["report", "--json"]);
        let context = format!("containers/ID {refusal:?}: {}", said.err);
        assert_eq!(said.code, Some(0), "{context}");
        let job = &said.out["containers"][0];
        assert_eq!(
            (&job["name"], &job["size"]),
            (&"job".into(), &Value::Null),
            "{context}"
        );
        assert_eq!(job["frees"], Value::Null, "{context}");
        assert_eq!(said.out["totals"]["containers"], Value::Null, "{context}");
        let error = why(&said.out, "container sizes").unwrap_or_default();
        assert!(error.contains(words), "{context}: {error}");
        let said = dtop(&proxy, &state, &["plan", "--containers", "=job", "--json"]);
        assert_eq!(said.out["at_most"], Value::Null, "{context}: {}", said.out);
    }
}

/// Nobody probes whether a proxy lets writes through: the first that it refuses says so and ends the batch.
pub fn the_first_refused_write_ends_the_batch(engine: &PrivateEngine) {
    let scene = scene(engine);
    let spare = format!("={}", scene.name("spare:1"));
    let before = Census::of(engine);
    let word = "a proxy in between refuses DELETE /";
    for method in ["DELETE", "POST"] {
        let state = engine.folder().join(format!("state-{method}"));
        let rules = ["DELETE", method].map(|method| Rule {
            method,
            ..get("/", FORBIDDEN)
        });
        let proxy = proxy(engine, &rules);
        let said = dtop(
            &proxy,
            &state,
            &[
                "clean",
                "--containers",
                "=job",
                "--volumes",
                "=free",
                "--images",
                &spare,
                "--yes",
                "--json",
            ],
        );
        assert_eq!(said.code, Some(3), "{}", said.err);
        let done = said.out["done"].as_array().expect("a list");
        assert_eq!(done.len(), 3, "{}", said.out);
        assert_eq!(done[0]["outcome"], "failed", "{}", said.out);
        for row in done {
            let error = row["error"].as_str().unwrap_or_default();
            assert!(error.contains(word) && !error.contains('<'), "{error}");
        }
        assert!(
            done[1..].iter().all(|row| row["outcome"] == "skipped"),
            "{}",
            said.out
        );
        assert_eq!(said.out["freed"], 0);
        let writes = proxy.writes();
        assert_eq!(writes.len(), 1, "nothing more was sent: {writes:?}");
        // What was written down is what was tried, and it has ended.
        let history = dtop(&proxy, &state, &["history", "--json"]).out;
        let entries = history["entries"].as_array().expect("entries");
        assert_eq!(entries.len(), 1, "{history}");
        assert_eq!(entries[0]["outcome"], "failed", "{history}");
    }
    assert_eq!(Census::of(engine), before);
}

/// A swarm that nobody tells of (`SERVICES=0`, `INFO=0`; a worker): what its stacks and tasks name is neither used
/// nor unused, and stays. What has nothing to do with a swarm goes as ever.
pub fn without_services_what_stacks_name_stays(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let scene = scene(engine);
    let state = engine.folder().join("state");
    engine.docker(&[
        "volume",
        "create",
        "--label",
        "com.docker.stack.namespace=shop",
        "shop_db",
    ]);
    // A task of a service: the service starts another of the same image when this one is gone.
    scene.tag("spare:1", "svc:1");
    let labels = [
        "--label",
        "com.docker.swarm.service.name=web",
        "--label",
        "com.docker.swarm.task.id=t1",
    ];
    let task = [
        &["create", "--network", "none", "--name", "web.1"][..],
        &labels,
        &["svc:1", "sh"],
    ]
    .concat();
    engine.docker(&task);
    let before = Census::of(engine);
    let unknown = [get("/info", FORBIDDEN), get("/services", FORBIDDEN)];
    let through = proxy(engine, &unknown);
    let report = dtop(&through, &state, &["report", "--json"]).out;
    let error = why(&report, "services").unwrap_or_default();
    assert!(error.contains("refuses GET /services (403)"), "{report}");
    for args in [
        &["clean", "--volumes", "=shop_db", "--yes", "--json"][..],
        &[
            "clean",
            "--images",
            "=svc:1",
            "--all-names",
            "--yes",
            "--json",
        ],
    ] {
        let said = dtop(&through, &state, args);
        let why = said.out["refused"][0]["why"].as_str().unwrap_or_default();
        assert!(
            why.contains("services could not be listed: a proxy"),
            "{args:?} {}",
            said.out
        );
    }
    for args in [
        &["plan", "--volumes", "is:unused", "--json"][..],
        &["plan", "--volumes", "-is:used", "--json"],
        &["plan", "--free", "1gb", "--even-volumes", "--json"],
    ] {
        let steps = dtop(&through, &state, args).out["steps"].to_string();
        assert!(
            !steps.contains("shop_db") && !steps.contains("svc:1"),
            "{args:?} {steps}"
        );
        assert!(steps.contains("free"), "{args:?} {steps}");
    }
    assert_eq!(Census::of(engine), before);
    drop(through);
    // In no swarm there are no services, whoever asks.
    let said = dtop(
        &proxy(engine, &[get("/services", FORBIDDEN)]),
        &state,
        &["plan", "--volumes", "=shop_db", "--json"],
    );
    assert_eq!(
        said.out["steps"].as_array().map(Vec::len),
        Some(1),
        "{}",
        said.out
    );
}

/// Podman says that a container has no layers where nobody asked it for sizes (seen on 4.3.1): that is no size.
pub fn a_containers_bytes_are_those_that_were_asked_for(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.stopped("job", 1_500_000, &[], "base:1");
    let state = engine.folder().join("state");
    let proxy = proxy(engine, &[]);
    let planned = dtop(&proxy, &state, &["plan", "--containers", "=job", "--json"]);
    let promise = planned.out["frees"].as_u64().expect("a figure");
    assert!(promise >= 1_500_000, "{}", planned.out);
    let cleaned = dtop(
        &proxy,
        &state,
        &["clean", "--containers", "=job", "--yes", "--json"],
    );
    assert_eq!(cleaned.code, Some(0), "{}", cleaned.err);
    assert_eq!(
        cleaned.out["frees"].as_u64(),
        Some(promise),
        "{}",
        cleaned.out
    );
    let freed = cleaned.out["freed"].as_u64().expect("a figure");
    assert!(freed.abs_diff(promise) < 200_000, "{freed} of {promise}");
}
