//! What is used is never taken, by whatever way it is used: by its path, by a service, by another volume.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::STATE;
use crate::support::engine::PrivateEngine;
use crate::support::program::CALLERS_ENGINE;
use crate::support::scene::Scene;

/// A command of dtop's against this engine.
fn dtop(engine: &PrivateEngine, args: &[&str]) -> Output {
    let mut command = Command::new(crate::support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command
        .env("LC_ALL", "C.UTF-8")
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("XDG_STATE_HOME", STATE)
        .args(["-H", &engine.host()])
        .args(args);
    command.output().expect("dtop runs")
}

fn json(engine: &PrivateEngine, args: &[&str]) -> Value {
    let output = dtop(engine, args);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn volume<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut volumes = report["volumes"].as_array().expect("volumes").iter();
    let found = volumes.find(|volume| volume["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report}"))
}

fn held_by(report: &Value, name: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let holders = volume(report, name)["held_by"].as_array().expect("a list");
    let pairs = holders
        .iter()
        .map(|it| (text(&it["kind"]), text(&it["name"])));
    pairs.collect()
}

/// Why a plan leaves a volume; nothing where it goes.
fn refused(engine: &PrivateEngine, name: &str) -> Option<String> {
    let plan = json(
        engine,
        &["plan", "--json", "--volumes", &format!("={name}")],
    );
    let steps = plan["steps"].as_array().expect("steps").len();
    let why = plan["refused"][0]["why"].as_str().map(str::to_owned);
    assert_eq!(steps == 0, why.is_some(), "{plan}");
    why
}

fn volumes(engine: &PrivateEngine) -> Vec<String> {
    let list = engine.get("/volumes");
    let names = list["Volumes"].as_array().into_iter().flatten();
    let mut names: Vec<String> = names
        .filter_map(|volume| volume["Name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn mountpoint(engine: &PrivateEngine, name: &str) -> PathBuf {
    let volume = engine.get(&format!("/volumes/{name}"));
    let at = PathBuf::from(volume["Mountpoint"].as_str().expect("a mountpoint"));
    assert!(
        at.starts_with(engine.folder()),
        "not private: {}",
        at.display()
    );
    at
}

fn bind(source: &Path, target: &str) -> String {
    format!("type=bind,source={},target={target}", source.display())
}

pub fn a_volume_mounted_by_its_path_is_in_use(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for name in ["db", "sub", "linked", "free", "named"] {
        scene.volume(name, 5_000);
    }
    let at = mountpoint(engine, "db");
    scene.running(
        "web",
        &["--volume", &format!("{}:/data", at.display())],
        "base:1",
    );
    let below = mountpoint(engine, "sub").join("deep");
    fs::create_dir(&below).expect("a folder");
    scene.stopped("job", 1_000, &["--mount", &bind(&below, "/data")], "base:1");
    // By a link to the engine's folder, as /var/lib/docker often is one.
    let link = engine.folder().join("link");
    let linked = mountpoint(engine, "linked");
    symlink(linked.parent().expect("a folder"), &link).expect("a link");
    engine.docker(&[
        "create",
        "--name",
        "new",
        "--network",
        "none",
        "--mount",
        &bind(&link.join("_data"), "/data"),
        "base:1",
        "sh",
    ]);
    // What sees all of it, and uses nothing.
    let above = at.parent().and_then(Path::parent).expect("a folder");
    scene.running("monitor", &["--mount", &bind(above, "/data")], "base:1");
    scene.stopped("by-name", 1_000, &["--volume", "named:/data"], "base:1");

    let report = json(engine, &["report", "--json"]);
    let path = |name: &str| vec![("path".to_owned(), name.to_owned())];
    assert_eq!(held_by(&report, "db"), path("web"));
    assert_eq!(held_by(&report, "sub"), path("job"));
    assert_eq!(held_by(&report, "linked"), path("new"));
    assert_eq!(
        held_by(&report, "named"),
        [("container".to_owned(), "by-name".to_owned())]
    );
    assert_eq!(held_by(&report, "free"), []);
    let why =
        |state: &str, name: &str| Some(format!("used by {state} container {name}, by its path"));
    assert_eq!(refused(engine, "db"), why("running", "web"));
    assert_eq!(refused(engine, "sub"), why("stopped", "job"));
    assert_eq!(refused(engine, "linked"), why("stopped", "new"));
    let plan = json(engine, &["plan", "--json", "--volumes", "=free"]);
    let note = plan["steps"][0]["notes"][0]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(note.contains("monitor mounts a folder above it"), "{plan}");

    let before = volumes(engine);
    let free = [
        "clean",
        "--json",
        "--yes",
        "--free",
        "1gb",
        "--even-volumes",
    ];
    for args in [
        &[
            "clean",
            "--volumes",
            "=db",
            "--volumes",
            "is:unused",
            "--yes",
        ][..],
        &free,
    ] {
        let output = dtop(engine, args);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    }
    let left: Vec<String> = before.into_iter().filter(|name| name != "free").collect();
    assert_eq!(volumes(engine), left);
    assert!(at.join("data").exists(), "its data is still there");
}

pub fn a_volume_that_is_a_name_goes_without_its_data(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let data = engine.folder().join("outside");
    fs::create_dir(&data).expect("a folder");
    fs::write(data.join("precious"), "data").expect("data");
    scene.volume("inner", 5_000);
    let inside = mountpoint(engine, "inner");
    let create = |name: &str, sort: &str, device: &str, o: &str| {
        let options = [("type", sort), ("device", device), ("o", o)];
        let options = options.map(|(key, value)| format!("{key}={value}"));
        let mut args = vec!["volume", "create"];
        for option in &options {
            args.extend(["--opt", option]);
        }
        args.push(name);
        engine.docker(&args);
    };
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    create("bound", "none", &text(&data), "bind");
    create("nas", "nfs", ":/photos", "addr=127.0.0.1,soft");
    // Podman takes a size for a quota, which few filesystems have.
    create("memory", "tmpfs", "tmpfs", "mode=700");
    create("alias", "none", &text(&inside), "bind");
    let why = Some("used by volume alias, by its path".to_owned());
    assert_eq!(refused(engine, "inner"), why);

    let names = ["bound", "nas", "memory", "alias"];
    let select: Vec<String> = names.iter().map(|name| format!("={name}")).collect();
    let select: Vec<&str> = select.iter().flat_map(|it| ["--volumes", it]).collect();
    let plan = json(engine, &[&["plan", "--json"], &select[..]].concat());
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(4), "{plan}");
    assert_eq!(
        (&plan["frees"], &plan["exact"]),
        (&0.into(), &true.into()),
        "{plan}"
    );
    assert_eq!(plan["at_most"], 0);
    let shown = dtop(engine, &[&["plan"], &select[..]].concat());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let stays = format!("a name for {}: the data stays", data.display());
    assert!(
        shown.contains(&stays) && !shown.contains("its data is lost"),
        "{shown}"
    );
    let done = json(
        engine,
        &[&["clean", "--json", "--yes"], &select[..]].concat(),
    );
    assert_eq!(done["done"].as_array().map(Vec::len), Some(4), "{done}");
    assert_eq!(volumes(engine), ["inner"]);
    if engine.is_podman() {
        // An owner mounts nothing: it is a volume as any other, though Podman writes options for it.
        engine.docker(&["volume", "create", "--opt", "o=uid=1000,gid=1000", "owned"]);
        let options = engine.get("/volumes/owned")["Options"].clone();
        assert!(options["UID"].is_string(), "{options}");
        scene.fill("owned", 5_000);
        let report = json(engine, &["report", "--json"]);
        assert_eq!(volume(&report, "owned")["size"], 5_000);
        let plan = dtop(engine, &["plan", "--volumes", "=owned"]);
        let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
        assert!(plan.contains("its data is lost"), "{plan}");
    }
    assert!(data.join("precious").exists() && inside.join("data").exists());
}

/// A stack as `docker stack deploy` labels it, a service that is scaled to nothing, and a task that is left behind.
pub fn what_a_swarm_uses_is_in_use(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let scene = Scene::on(engine);
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let port = port.expect("a free port").port();
    engine.docker(&[
        "swarm",
        "init",
        "--advertise-addr",
        "127.0.0.1",
        "--listen-addr",
        &format!("127.0.0.1:{port}"),
    ]);
    scene.volume("idle_data", 5_000);
    scene.volume("idle_path", 5_000);
    scene.volume("free", 5_000);
    let label = "com.docker.stack.namespace=shop";
    engine.docker(&["volume", "create", "--label", label, "shop_db"]);
    scene.fill("shop_db", 5_000);
    let by_name = "type=volume,source=idle_data,target=/data";
    let by_path = bind(&mountpoint(engine, "idle_path"), "/path");
    let service = |name: &str, replicas: &str, mounts: &[&str]| {
        let mut args = vec![
            "service",
            "create",
            "--detach",
            "--name",
            name,
            "--replicas",
            replicas,
            "--network",
            "host",
            "--no-resolve-image",
            "--restart-condition",
            "none",
        ];
        for mount in mounts {
            args.extend(["--mount", mount]);
        }
        args.extend(["base:1", "sleep", "1000"]);
        engine.docker(&args);
    };
    service("idle", "0", &[by_name, &by_path]);
    service("busy", "1", &[]);
    let report = json(engine, &["report", "--json"]);
    for name in ["idle_data", "idle_path"] {
        assert_eq!(
            held_by(&report, name),
            [("service".to_owned(), "idle".to_owned())]
        );
        assert_eq!(
            refused(engine, name).as_deref(),
            Some("used by swarm service idle")
        );
    }
    assert_eq!(volume(&report, "shop_db")["project"], "shop");
    let goal = ["clean", "--yes", "--free", "1gb", "--even-volumes"];
    let cleaned = dtop(engine, &goal);
    assert_eq!(
        volumes(engine),
        ["idle_data", "idle_path", "shop_db"],
        "{cleaned:?}"
    );

    a_task_goes_once_its_swarm_is_gone(engine);
    assert_eq!(
        refused(engine, "idle_data"),
        None,
        "no service uses it any more"
    );
}

fn a_task_goes_once_its_swarm_is_gone(engine: &PrivateEngine) {
    let task = waited_for(|| {
        let list = engine.get("/containers/json?all=1");
        let mut names = list.as_array().into_iter().flatten();
        names.find_map(|it| Some(it["Names"][0].as_str()?.trim_start_matches('/').to_owned()))
    });
    let plan = |args: &[&str]| {
        let containers = format!("={task}");
        json(
            engine,
            &[
                &["plan", "--json", "--stop", "--containers", &containers],
                args,
            ]
            .concat(),
        )
    };
    let why = plan(&[])["refused"][0]["why"].to_string();
    assert!(why.contains("a task of swarm service busy"), "{why}");
    // Killed, it leaves its task behind, which no swarm owns any more.
    engine.kill();
    fs::remove_dir_all(engine.root().join("swarm")).expect("the swarm is forgotten");
    engine.start_again();
    assert_eq!(engine.get("/info")["Swarm"]["LocalNodeState"], "inactive");
    assert_eq!(plan(&[])["refused"].as_array().map(Vec::len), Some(0));
    let done = dtop(
        engine,
        &[
            "clean",
            "--yes",
            "--stop",
            "--containers",
            &format!("={task}"),
        ],
    );
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let left = engine.get("/containers/json?all=1");
    assert_eq!(left.as_array().map(Vec::len), Some(0), "{left}");
}

/// What an engine does in its own time.
fn waited_for<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..300 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("it never came");
}
