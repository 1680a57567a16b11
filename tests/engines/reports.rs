//! What the report says, and that it is what the engine's own client says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::STATE;
use crate::support::archive;
use crate::support::census::Census;
use crate::support::engine::{PrivateEngine, Store, run};
use crate::support::program::{CALLERS_ENGINE, on_path};
use crate::support::proxy::Proxy;
use crate::support::scene::{Builder, Scene};

pub fn report_is_json_on_an_empty_engine(engine: &PrivateEngine) {
    let report = json_report(engine);
    for list in ["images", "containers", "volumes", "build_cache"] {
        assert_eq!(report[list], Value::Array(Vec::new()), "{list}");
    }
    assert_eq!(report["schema"], 1);
    assert_eq!(report["engine"]["root"].as_str(), engine.root().to_str());
    assert_eq!(report["totals"]["images"], 0);
}

pub fn report_is_json_with_everything_in_use(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let built = scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # mine\n",
    );
    let running = scene.running("busy", &["--volume", "named:/data"], "built:1");
    scene.running("also-busy", &["--volume", "/data"], "base:1");
    scene.fill("named", 5_000);
    let report = json_report(engine);
    let find = |list: &str, key: &str, value: &str| {
        let rows = report[list].as_array().expect("a list");
        let found = rows.iter().find(|row| row[key] == value);
        found
            .unwrap_or_else(|| panic!("no {key} {value} in {list}: {report}"))
            .clone()
    };
    let image = find("images", "id", &built);
    assert_eq!(
        (&image["state"], &image["names"][0]),
        (&"used".into(), &scene.name("built:1").into())
    );
    assert_eq!(image["frees"], 0, "a used image frees nothing");
    assert_eq!(find("containers", "id", &running)["state"], "running");
    let volume = find("volumes", "name", "named");
    assert_eq!(
        (&volume["size"], &volume["frees"]),
        (&5_000.into(), &0.into())
    );
    if engine.has_build_cache() {
        find("build_cache", "id", &Census::of(engine).record("# mine"));
    }
}

/// Objects by ID, each with what a list says beside it.
type Listed = BTreeMap<String, BTreeSet<String>>;

/// One scene with an object of every sort, listed by dtop and by the engine's own client.
pub fn the_report_lists_what_the_client_lists(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for builder in [Builder::Classic, Builder::BuildKit] {
        let name = format!("{builder:?}:1").to_lowercase();
        scene.build(builder, &name, "FROM base:1\nCOPY note /note\nRUN true\n");
        scene.dangling(builder, &format!("moved-{name}"));
    }
    for tag in ["base:2", "localhost:5000/team/base:x", "classic:again"] {
        scene.tag("base:1", tag);
    }
    scene.stopped("exited", 1_000, &["--volume", "/anonymous"], "classic:1");
    scene.running("runs", &["--volume", "named:/data"], "buildkit:1");
    engine.docker(&[
        "create",
        "--network",
        "none",
        "--name",
        "new",
        "base:1",
        "sh",
    ]);
    scene.volume("spare", 3_000);
    engine.docker(&["volume", "create", "--label", "a=b", "labelled"]);

    let report = json_report(engine);
    for list in ["images", "containers", "volumes", "build_cache"] {
        let rows = report[list].as_array().expect("a list").len();
        let key = if list == "volumes" { "name" } else { "id" };
        assert_eq!(
            listed(&report[list], key, &[]).len(),
            rows,
            "{list}: each once"
        );
    }
    let failed = report["failed"].as_array().map_or(0, Vec::len);
    assert_eq!(failed, 0, "{}", report["failed"]);
    assert_eq!(
        listed(&report["images"], "id", &["names"]),
        if engine.is_podman() {
            podmans(engine, &["images", "--no-trunc"], "Id", &["Names"])
        } else {
            images_of_client(engine)
        }
    );
    assert_eq!(
        listed(&report["containers"], "id", &["name", "state"]),
        if engine.is_podman() {
            podmans(
                engine,
                &["ps", "--all", "--no-trunc"],
                "Id",
                &["Names", "State"],
            )
        } else {
            rows(
                engine,
                &["ps", "--all", "--no-trunc"],
                "{{.ID}}\t{{.Names}}\t{{.State}}",
            )
        }
    );
    assert_eq!(
        listed(&report["volumes"], "name", &["driver"]),
        if engine.is_podman() {
            podmans(engine, &["volume", "ls"], "Name", &["Driver"])
        } else {
            rows(engine, &["volume", "ls"], "{{.Name}}\t{{.Driver}}")
        }
    );
    let records = listed(&report["build_cache"], "id", &["type"]);
    if engine.is_podman() {
        assert_eq!(records, Listed::new(), "Podman has none");
        podman_says_what_it_lacks(engine, &report);
        return;
    }
    assert_eq!(records, records_of_client(engine));
    assert!(records.len() > 3, "{records:?}");
    if engine.has_buildx() {
        let said = engine.docker(&["buildx", "du", "--verbose"]);
        let ids = said.lines().filter_map(|line| line.strip_prefix("ID:"));
        let ids: BTreeSet<&str> = ids.map(str::trim).collect();
        assert_eq!(ids, records.keys().map(String::as_str).collect());
    }
}

/// No build cache is no empty list, and shared sizes, which Podman never computes, come from the layers.
fn podman_says_what_it_lacks(engine: &PrivateEngine, report: &Value) {
    let text = dtop(engine, &["report"]);
    assert!(text.contains("Podman keeps no build cache"), "{text}");
    let images = report["images"].as_array().expect("a list");
    let base = "docker.io/library/base:1";
    for image in images {
        let (shared, size) = (image["shared"].as_u64(), image["size"].as_u64());
        assert!(shared > Some(1_000_000) && shared <= size, "{image}");
        let names = image["names"].as_array().expect("names");
        if names.iter().any(|name| name == base) {
            assert_eq!(image["frees"], 0, "{image}");
        }
    }
}

/// The lists are the same in every version of the API that the engine speaks, those included whose `/system/df`
/// panics when it is asked for one thing (ENGINE.md §0.8).
pub fn every_api_version_tells_the_same(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # mine\n",
    );
    scene.stopped("exited", 1_000, &["--volume", "named:/data"], "built:1");
    scene.fill("named", 5_000);
    let about = engine.get("/version");
    let minor = |key: &str| {
        let (_, minor) = about[key].as_str()?.split_once('.')?;
        minor.parse::<u16>().ok()
    };
    let newest = minor("ApiVersion").expect("a version");
    let oldest = minor("MinAPIVersion").unwrap_or(newest);
    let lists = |report: &Value| {
        ["images", "containers", "volumes", "build_cache", "failed"].map(|list| {
            let rows = report[list].as_array().cloned().unwrap_or_default();
            let size = if list == "containers" { "log" } else { "size" };
            let of_row =
                |row: &Value| ["id", "name", "names", size].map(|key| row[key].to_string());
            // The engine writes records in any order.
            rows.iter().map(of_row).collect::<BTreeSet<_>>()
        })
    };
    let expected = lists(&json_report(engine));
    for minor in [40, 41, 42, 43, 44, 45, 48, 51, 52] {
        if (oldest..=newest).contains(&minor) {
            let version = format!("1.{minor}");
            let text = run(command(engine)
                .env("DOCKER_API_VERSION", &version)
                .args(["report", "--json"]));
            let report: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(report["engine"]["api"], version.as_str());
            assert_eq!(lists(&report), expected, "{version}");
        }
    }
}

/// Rows of a JSON list, by one of their fields, with the texts of others.
fn listed(rows: &Value, key: &str, fields: &[&str]) -> Listed {
    let rows = rows.as_array().unwrap_or_else(|| panic!("no list: {rows}"));
    let of_row = |row: &Value| {
        let id = row[key].as_str().expect("an ID").to_owned();
        let texts = fields.iter().flat_map(|field| match &row[*field] {
            Value::Array(texts) => texts.clone(),
            Value::Null => Vec::new(),
            text => vec![text.clone()],
        });
        let texts = texts.map(|text| text.as_str().expect("a text").to_owned());
        (id, texts.collect())
    };
    rows.iter().map(of_row).collect()
}

/// What a list of Podman's own client says. Its image IDs have no algorithm in front.
fn podmans(engine: &PrivateEngine, list: &[&str], key: &str, fields: &[&str]) -> Listed {
    let said = engine.podman(&[list, &["--format", "json"]].concat());
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    let mut listed = listed(&said, key, fields);
    if list[0] == "images" {
        let whole = |(id, names)| (format!("sha256:{id}"), names);
        listed = listed.into_iter().map(whole).collect();
    }
    listed
}

/// What a list of the client says, a line an object: its ID, then words.
fn rows(engine: &PrivateEngine, list: &[&str], format: &str) -> Listed {
    let said = engine.docker(&[list, &["--format", format]].concat());
    let of_line = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        (words.next().expect("an ID"), words.collect())
    };
    said.lines().map(of_line).collect()
}

/// `docker images`, a line a name. Those that only `--all` shows are what the classic builder left below others.
fn images_of_client(engine: &PrivateEngine) -> Listed {
    let list = |all: &[&str]| {
        let format = [
            "--no-trunc",
            "--format",
            "{{.ID}}\t{{.Repository}}:{{.Tag}}",
        ];
        let said = engine.docker(&[&["images"], all, &format[..]].concat());
        let mut images = Listed::new();
        for line in said.lines() {
            let (id, name) = line.split_once('\t').expect("an ID and a name");
            let names = images.entry(id.to_owned()).or_default();
            if name != "<none>:<none>" {
                names.insert(name.to_owned());
            }
        }
        images
    };
    let (shown, mut all) = (list(&[]), list(&["--all"]));
    all.retain(|id, _| !shown.contains_key(id));
    let parents = engine.get("/images/json?all=1");
    for (id, names) in all {
        let mut children = parents.as_array().into_iter().flatten();
        let is_parent = children.any(|child| child["ParentId"] == id.as_str());
        assert!(names.is_empty() && is_parent, "{id} is no intermediate");
    }
    shown
}

/// The build cache of `docker system df --verbose`.
fn records_of_client(engine: &PrivateEngine) -> Listed {
    let said = engine.docker(&[
        "system",
        "df",
        "--verbose",
        "--format",
        "{{json .BuildCache}}",
    ]);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    listed(&said, "ID", &["CacheType"])
}

/// `dtop report --json`, read by serde and, where there is one, by Python.
pub fn json_report(engine: &PrivateEngine) -> Value {
    let text = dtop(engine, &["report", "--json"]);
    if let Some(python) = on_path("python3") {
        let file = engine.folder().join("report.json");
        std::fs::write(&file, &text).expect("the report is written");
        run(Command::new(python).args(["-m", "json.tool"]).arg(file));
    }
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// What a dtop command prints; it must succeed.
pub fn dtop(engine: &PrivateEngine, args: &[&str]) -> String {
    run(command(engine).args(args))
}

/// dtop on this engine.
pub fn command(engine: &PrivateEngine) -> Command {
    at(&engine.host())
}

/// What the store's own files tell of images is what the engine tells of them, and it is not asked.
pub fn images_are_told_by_the_store_as_by_the_engine(engine: &PrivateEngine) {
    // Before Docker 23 an engine has no ID in its folder by which it can be made a stranger here.
    if engine.is_podman() || !engine.root().join("engine-id").exists() {
        return;
    }
    let is_containerd = engine.store() == Store::Containerd;
    // Its files are found below the engine's own.
    let engine = &engine.another_as_one().expect("another engine");
    let scene = Scene::on(engine);
    let step = "RUN dd if=/dev/zero of=/own bs=70000 count=1\n";
    for (builder, name) in [
        (Builder::Classic, "classic:1"),
        (Builder::BuildKit, "kit:1"),
    ] {
        let metadata = "ENV A=b\nLABEL c=d\nWORKDIR /some\nCMD [\"sh\"]\n";
        scene.build(builder, name, &format!("FROM base:1\n{step}{metadata}"));
        scene.dangling(builder, name);
    }
    scene.import("imported:1", |root| {
        fs::write(root.join("file"), "some").expect("a file");
    });
    scene.tag("kit:1", "other/name:2");
    scene.stopped("job", 1_000, &[], "classic:1");
    if is_containerd {
        let platforms = engine.folder().join("platforms.tar");
        let archive = archive::of_platforms("docker.io/library/platforms:1").expect("an archive");
        fs::write(&platforms, archive).expect("a file");
        engine.docker(&["load", "--input", &platforms.to_string_lossy()]);
    }
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let images = || {
        let text = run(at(&proxy.host()).args(["report", "--json"]));
        let told: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        told["images"].clone()
    };
    let near = images();
    let asked = proxy.requests();
    let asked: Vec<&str> = asked.iter().map(|it| it.path.as_str()).collect();
    // A graph driver's list and shared sizes are quick.
    let slow: &[&str] = if is_containerd {
        &["/history", "type=image", "/images/json"]
    } else {
        &["/history", "/images/sha256"]
    };
    for path in &asked {
        assert!(!slow.iter().any(|it| path.contains(it)), "{asked:?}");
    }
    // An engine whose folder has another's ID in it is none of this machine.
    let id = engine.root().join("engine-id");
    let own = fs::read(&id).expect("the engine's ID");
    fs::write(&id, "another").expect("a file");
    let far = images();
    let said = run(at(&proxy.host()).arg("report"));
    let why = "images: asked of the engine, which is slow: ";
    let said = said.lines().find(|line| line.starts_with(why));
    let is_said = said.is_some_and(|line| line.contains("another engine"));
    assert_eq!(is_said, is_containerd, "{said:?}");
    fs::write(&id, own).expect("a file");
    let asked = proxy.requests();
    assert!(asked.iter().any(|it| it.path.contains("/history")));
    let all = |told: &Value| told.as_array().expect("images").len();
    assert!(all(&near) >= 5, "{near:#}");
    assert_eq!(all(&near), all(&far));
    for image in near.as_array().expect("images") {
        let mut same = far.as_array().expect("images").iter();
        let other = same
            .find(|it| it["id"] == image["id"])
            .expect("the same images");
        for key in [
            "names",
            "digests",
            "created",
            "size",
            "shared",
            "source",
            "last_used",
            "labels",
            "state",
        ] {
            assert_eq!(image[key], other[key], "{key} of {image:#} and {other:#}");
        }
    }
}

/// dtop on the engine at this address.
pub fn at(host: &str) -> Command {
    let mut command = Command::new(crate::support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    command.args(["-H", host]);
    command
}
