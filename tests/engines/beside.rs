//! What holds things and is on no list: containers of the root's other store, image mounts whose name means another
//! image by now, Podman's external containers.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dtop::domain::bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::reports::{command, dtop, json_report};
use crate::support::census::Census;
use crate::support::du::du;
use crate::support::engine::{PrivateEngine, Store, run};
use crate::support::scene::Scene;

/// dtop's words, whatever it ends with.
fn said(engine: &PrivateEngine, args: &[&str]) -> String {
    let output = command(engine).args(args).output().expect("dtop runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn plan(engine: &PrivateEngine, args: &[&str]) -> Value {
    let text = dtop(engine, &[&["plan", "--json", "--all-names"], args].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Why each thing is refused, by its ID.
fn refused<'a>(plan: &'a Value, id: &str) -> &'a str {
    let rows = plan["refused"].as_array().expect("a list").iter();
    let mut rows = rows.filter(|row| row["id"] == id);
    let why = rows.next().and_then(|row| row["why"].as_str());
    why.unwrap_or_else(|| panic!("{id} is not refused: {plan}"))
}

fn steps(plan: &Value) -> Vec<&str> {
    let rows = plan["steps"].as_array().expect("a list").iter();
    rows.filter_map(|row| row["id"].as_str()).collect()
}

fn write(root: &Path, name: &str, bytes: usize, with: u8) {
    fs::write(root.join(name), vec![with; bytes]).expect("a file");
}

/// A daemon that is restarted with the other setting does not load the containers of before; their volumes are theirs.
pub fn containers_of_the_other_store_hold_their_volumes(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let scene = Scene::on(engine);
    let bound = engine.root().join("volumes/bound/_data");
    scene.volume("spare", 7_000);
    scene.volume("bound", 8_000);
    let bind = format!("{}:/bound", bound.display());
    let options = [
        "--volume",
        "data:/data",
        "--volume",
        "/anonymous",
        "--volume",
        &bind,
    ];
    scene.stopped("db", 1_000, &options, "base:1");
    scene.fill("data", 9_000);
    let anonymous = engine.get("/containers/db/json")["Mounts"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|mount| mount["Name"].as_str())
        .find(|name| name.len() == 64)
        .expect("an anonymous volume")
        .to_owned();
    let old = engine.store();
    let new = match old {
        Store::GraphDriver => Store::Containerd,
        Store::Containerd => Store::GraphDriver,
    };
    engine.kill();
    engine.change_store(new);
    engine.start_again();
    if engine.store() == old {
        // Old versions have but one.
        return;
    }
    assert_eq!(
        engine.get("/containers/json?all=1"),
        Value::Array(Vec::new())
    );
    let chosen = plan(engine, &["--volumes", ""]);
    assert_eq!(steps(&chosen), ["spare"], "{chosen}");
    for held in ["data", "bound", &anonymous] {
        let why = refused(&chosen, held);
        assert_eq!(why, "used by a container of the other store: db", "{held}");
    }
    let unused = plan(engine, &["--volumes", "is:unused"]);
    assert_eq!(steps(&unused), ["spare"], "{unused}");
    let free = said(engine, &["plan", "--free", "1mb", "--even-volumes"]);
    let report = json_report(engine);
    // Blocks of its only file and of two folders.
    let spare = du(&engine.root().join("volumes/spare"));
    let most = format!("no more than {} can go", Bytes(spare));
    assert!(spare > 7_000 && free.contains(&most), "{spare} {free}");
    let rows = report["unexplained"].as_array().expect("a list").iter();
    let left: Vec<&Value> = rows.filter(|row| row["container"] == "db").collect();
    assert_eq!(left.len(), 1, "{}", report["unexplained"]);
    assert_eq!(left[0]["cause"], "other_store");
    // What is confirmed goes and nothing else, and back on its own store the container finds its data.
    said(engine, &["clean", "--volumes", "", "--yes"]);
    let census = Census::of(engine);
    let volumes: Vec<&String> = census.volumes.keys().collect();
    assert_eq!(volumes.len(), 3, "{volumes:?}");
    assert!(!census.volumes.contains_key("spare"));
    engine.kill();
    engine.change_store(old);
    engine.start_again();
    engine.docker(&["start", "--attach", "db"]);
    assert_eq!(
        refused(&plan(engine, &["--volumes", "=data"]), "data"),
        "used by stopped container db"
    );
}

/// A container that the engine cannot load, as its settings were lost with the power, may have any volume without a name.
pub fn a_damaged_container_keeps_what_may_be_its(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let scene = Scene::on(engine);
    scene.volume("spare", 7_000);
    let id = scene.stopped(
        "db",
        1_000,
        &["--volume", "data:/data", "--volume", "/x"],
        "base:1",
    );
    let anonymous = scene.volume_of("db");
    engine.kill();
    let config = engine
        .root()
        .join("containers")
        .join(&id)
        .join("config.v2.json");
    fs::write(config, "").expect("the settings are lost");
    engine.start_again();
    assert_eq!(
        engine.get("/containers/json?all=1"),
        Value::Array(Vec::new())
    );
    let chosen = plan(engine, &["--volumes", ""]);
    assert_eq!(steps(&chosen), ["spare"], "{chosen}");
    let short = &id[..12];
    let why = format!("used by a container that the engine does not list: {short}");
    assert_eq!(refused(&chosen, "data"), why);
    let why = format!("may be of container {short}, whose settings cannot be read");
    let others: Vec<&str> = chosen["refused"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["why"].as_str())
        .collect();
    assert!(others.contains(&&*why), "{others:?} {anonymous}");
    assert_eq!(steps(&plan(engine, &["--volumes", "is:unused"])), ["spare"]);
}

/// Bytes of all layers, as the engine counts them.
fn layers(engine: &PrivateEngine) -> u64 {
    let folders = fs::read_dir(engine.root().join("overlay2")).expect("a folder");
    let folders = folders.map(|entry| entry.expect("an entry").path().join("diff"));
    folders.filter(|it| it.is_dir()).map(|it| length(&it)).sum()
}

fn length(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder");
    let length_of = |path: &Path| {
        let stat = fs::symlink_metadata(path).expect("an entry");
        if stat.is_dir() {
            length(path)
        } else if stat.is_file() {
            stat.len()
        } else {
            0
        }
    };
    entries
        .map(|entry| length_of(&entry.expect("an entry").path()))
        .sum()
}

/// A container with a mount of an image; false where the engine has no such mounts.
fn mounts(engine: &PrivateEngine, name: &str, image: &str) -> bool {
    let mount = format!("type=image,source={image},destination=/m");
    let mut client = engine.client();
    client.args([
        "create",
        "--network",
        "none",
        "--name",
        name,
        "--mount",
        &mount,
    ]);
    let output = client
        .args(["base:1", "sh"])
        .output()
        .expect("the client runs");
    output.status.success()
}

/// A mount goes on showing the image that its name meant, and the engine lets that go by its ID.
pub fn an_image_mount_holds_what_it_shows(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let import = |with| scene.import("app:1", |root| write(root, "big", 3_000_000, with));
    let old = import(7);
    if engine.is_podman() || !mounts(engine, "k1", "app:1") {
        return;
    }
    let new = import(8);
    assert_ne!(old, new);
    let by_driver = engine.store() == Store::GraphDriver;
    let all = plan(engine, &["--images", ""]);
    assert!(steps(&all).contains(&&*new), "nobody mounts it: {all}");
    assert_eq!(refused(&all, &old), "used by stopped container k1");
    let row = |report: &Value, id: &str| {
        let rows = report["images"].as_array().expect("a list").iter();
        let mut rows = rows.filter(|row| row["id"] == id);
        rows.next().map(|row| row["state"].clone())
    };
    let report = json_report(engine);
    assert_eq!(row(&report, &new), Some("unused".into()));
    assert_eq!(row(&report, &old), Some("used".into()));
    let causes = report["unexplained"].as_array().expect("a list").iter();
    let mut causes = causes.filter_map(|row| row["cause"].as_str());
    assert!(
        !causes.any(|it| it == "unreferenced_layers"),
        "{}",
        report["unexplained"]
    );
    if !by_driver {
        return;
    }
    // The new one frees all of it, the old one only with its container, and then all of it.
    for (chosen, gone) in [
        (vec!["--images", "=app:1"], 3_000_000),
        (
            vec!["--containers", "=k1", "--images", "is:dangling"],
            3_000_000,
        ),
    ] {
        let before = layers(engine);
        let planned = plan(engine, &chosen);
        assert_eq!(planned["exact"], true, "{planned}");
        said(engine, &[&["clean", "--yes"], &chosen[..]].concat());
        let lost = before - layers(engine);
        assert!(lost.abs_diff(gone) < 100, "{chosen:?}: {lost}");
        let frees = planned["frees"].as_u64().expect("bytes");
        assert!(frees >= gone, "{chosen:?}: {planned}");
    }
}

/// However the image was called, and though the engine forgot the mount.
pub fn an_image_mount_is_found_by_any_name(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let id = scene.import("team/sub/app:1", |root| write(root, "big", 3_000_000, 7));
    if engine.is_podman() || !mounts(engine, "probe", "team/sub/app:1") {
        return;
    }
    engine.docker(&["rm", "probe"]);
    let digits = id.strip_prefix("sha256:").expect("a digest");
    let mut names = vec!["team/sub/app:1", &digits[..12], &digits[..5], digits, &id];
    let digest = format!("team/sub/app@{id}");
    if engine.store() == Store::Containerd {
        names.push(&digest);
    }
    for name in names {
        assert!(mounts(engine, "k1", name), "{name}");
        let all = plan(engine, &["--images", &format!("id:{digits}")]);
        assert_eq!(refused(&all, &id), "used by stopped container k1", "{name}");
        let both = plan(
            engine,
            &["--containers", "=k1", "--images", &format!("id:{digits}")],
        );
        assert_eq!(steps(&both).len(), 2, "{name}: {both}");
        engine.docker(&["rm", "k1"]);
    }
    if engine.store() == Store::Containerd {
        return;
    }
    // Two mounts of one image are refused, and the first one's layer stays behind: the image frees nothing any more.
    let mount = |at| format!("type=image,source=team/sub/app:1,destination={at}");
    let mut client = engine.client();
    client.args([
        "create",
        "--network",
        "none",
        "--mount",
        &mount("/m"),
        "--mount",
        &mount("/n"),
    ]);
    if client
        .args(["base:1", "sh"])
        .output()
        .expect("the client runs")
        .status
        .success()
    {
        return;
    }
    let chosen = ["--images", "=team/sub/app:1"];
    let planned = plan(engine, &chosen);
    // Only what the engine notes of the image goes.
    assert!(planned["frees"].as_u64() < Some(50_000), "{planned}");
    assert_eq!(planned["exact"], true, "{planned}");
    let before = layers(engine);
    said(engine, &[&["clean", "--yes"], &chosen[..]].concat());
    assert_eq!(before - layers(engine), 0);
}

/// Podman's own program on this engine's store, which another process serves.
fn podman(engine: &PrivateEngine, args: &[&str]) -> Command {
    let root = engine.folder();
    let mut podman = Command::new("podman");
    podman.env("CONTAINERS_CONF", root.join("containers.conf"));
    for (option, name) in [
        ("--root", "data"),
        ("--runroot", "run"),
        ("--tmpdir", "tmp"),
    ] {
        podman.arg(option).arg(root.join(name));
    }
    podman.args(["--storage-driver", "overlay"]).args(args);
    podman
}

/// Names of the containers in its store that Podman has not made.
fn external(engine: &PrivateEngine) -> Vec<String> {
    let list = engine.get("/v4.0.0/libpod/containers/json?all=true&external=true");
    let rows = list.as_array().expect("a list").iter();
    let rows = rows.filter(|row| row["State"] == "storage");
    rows.filter_map(|row| row["Names"][0].as_str().map(str::to_owned))
        .collect()
}

/// Begins a build, kills it in its middle, and returns the name of the container that stays.
fn kill_a_build(engine: &PrivateEngine, context: &Path) -> String {
    fs::write(context.join("Dockerfile"), "FROM base:1\nRUN sleep 1000\n").expect("a file");
    let args = ["build", "--isolation", "chroot", "--tag", "built:1"];
    let mut build = podman(engine, &args)
        .arg(context)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("podman runs");
    let start = Instant::now();
    while external(engine).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "no build");
        std::thread::sleep(Duration::from_millis(100));
    }
    let group = Pid::from_raw(i32::try_from(build.id()).expect("a number")).expect("an ID");
    kill_process_group(group, Signal::KILL).expect("it ends");
    build.wait().expect("it ended");
    external(engine).remove(0)
}

/// A build of Podman's that was killed in its middle leaves a container that no list has, and so does a volume of its
/// driver `image`.
pub fn an_external_container_holds_its_image(engine: &PrivateEngine) {
    if !engine.is_podman() {
        return;
    }
    let scene = Scene::on(engine);
    scene.import("free:1", |root| write(root, "data", 20_000, 7));
    scene.import("shown:1", |root| write(root, "data", 30_000, 7));
    let left = kill_a_build(engine, &scene.folder());
    let make = [
        "volume",
        "create",
        "--driver",
        "image",
        "--opt",
        "image=shown:1",
    ];
    run(podman(engine, &make).arg("iv"));

    let all = plan(engine, &["--images", ""]);
    let why = refused(&all, &scene.image_id("base:1"));
    assert!(why.contains(&format!("external container {left}")), "{why}");
    assert!(why.contains(&format!("podman rm --force {left}")), "{why}");
    let why = refused(&all, &scene.image_id("shown:1"));
    assert!(why.contains("external container iv+volume"), "{why}");
    assert!(why.contains("podman volume rm iv"), "{why}");
    let free = scene.image_id("free:1");
    assert_eq!(steps(&all), [&*free]);
    assert_eq!(steps(&plan(engine, &["--images", "is:unused"])), [&*free]);
    dtop(engine, &["clean", "--images", "", "--yes"]);
    assert_eq!(Census::of(engine).images.len(), 2);
    // The commands that it names are the right ones.
    run(&mut podman(engine, &["rm", "--force", &left]));
    run(&mut podman(engine, &["volume", "rm", "iv"]));
    let unused = plan(engine, &["--images", "is:unused"]);
    assert_eq!(steps(&unused).len(), 2);
}
