//! Copies before a removal: what was saved and removed is had again as it was, and what could not be saved stays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use support::STATE;
use support::engine::{PrivateEngine, Store, run};
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::proxy::{Manner, Proxy};
use support::scene::Scene;
use support::trial::{self, OnEngine};

const ON_EVERY_STORE: &[OnEngine] = &[
    ("an_image_that_was_saved_is_loaded_again", image),
    ("a_volume_that_was_saved_has_the_same_bytes", volume),
];
const ON_ONE: &[OnEngine] = &[
    ("without_room_for_copies_nothing_goes", no_room),
    ("a_copy_that_is_cut_keeps_its_object_alone", cut),
    ("what_would_go_along_is_saved_or_all_of_it_stays", along),
    ("a_helper_is_never_seen_and_does_not_outlive_a_kill", killed),
];

fn main() -> ExitCode {
    let mut trials = trial::on_matrix(ON_EVERY_STORE, Length::Short);
    trials.extend(trial::on_store(ON_ONE, Store::GraphDriver, Length::Short));
    trial::run_waiting(trials, 2)
}

fn dtop(host: &str, args: &[&str]) -> Command {
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    command.args(["-H", host]).args(args);
    command
}

/// `clean --yes --json` with copies: the exit code, the object, and standard error.
fn clean(host: &str, to: &Path, chosen: &[&str]) -> (i32, Value, String) {
    let mut command = dtop(host, &["clean", "--yes", "--json", "--save"]);
    let output = command.arg(to).args(chosen).output().expect("dtop runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    (output.status.code().expect("an exit"), object, said)
}

fn saved(object: &Value, kind: &str) -> Vec<PathBuf> {
    let done = object["done"].as_array().expect("a list");
    let of_kind = done.iter().filter(|it| it["kind"] == kind);
    let paths = of_kind.filter_map(|it| it["saved"].as_str());
    paths.map(PathBuf::from).collect()
}

fn outcome<'a>(object: &'a Value, name: &str) -> &'a str {
    let done = object["done"].as_array().expect("a list");
    let it = done
        .iter()
        .find(|it| it["name"].as_str().is_some_and(|it| it.contains(name)));
    it.and_then(|it| it["outcome"].as_str()).unwrap_or("none")
}

/// Nothing that dtop made is on the engine.
fn assert_clean(engine: &PrivateEngine) {
    assert_eq!(helpers(engine), 0);
    let images = engine.get("/images/json?all=1");
    let images = images.as_array().expect("a list");
    let ours = images
        .iter()
        .filter(|it| !it["Labels"]["dtop.helper"].is_null());
    assert_eq!(ours.count(), 0, "{images:?}");
}

fn helpers(engine: &PrivateEngine) -> usize {
    let all = engine.get("/containers/json?all=1");
    let all = all.as_array().expect("a list").clone();
    let ours = |it: &&Value| !it["Labels"]["dtop.helper"].is_null();
    all.iter().filter(ours).count()
}

fn image(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.tag("base:1", "reg.example/base:2");
    let lone = scene.import("lone:1", |root| {
        fs::write(root.join("a"), vec![7; 70_000]).unwrap();
    });
    let id = scene.image_id("base:1");
    // Without a name.
    scene.import("lone:1", |root| {
        fs::write(root.join("b"), [8; 9000]).unwrap();
    });
    let has_lone = engine.request("GET", &format!("/images/{lone}/json")).0 == 200;
    let place = tempfile::tempdir().unwrap();
    let chosen = [
        "--images",
        "=*base*",
        "--images",
        "is:dangling",
        "--all-names",
    ];
    let (code, object, said) = clean(&engine.host(), place.path(), &chosen);
    assert_eq!(code, 0, "{object} {said}");
    let copies = saved(&object, "image");
    // Docker 26 forgets an image on the containerd store that lost its only name.
    let ids = if has_lone {
        vec![&id, &lone]
    } else {
        vec![&id]
    };
    assert_eq!(copies.len(), ids.len(), "{object}");
    for gone in ids {
        assert_eq!(
            engine.request("GET", &format!("/images/{gone}/json")).0,
            404
        );
    }
    for copy in copies {
        assert_eq!(
            fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
            0o600
        );
        engine.docker(&["load".as_ref(), "--input".as_ref(), copy.as_os_str()]);
    }
    assert_eq!(scene.image_id(&scene.name("base:1")), id);
    assert_eq!(scene.image_id("reg.example/base:2"), id);
    if has_lone {
        let (status, _) = engine.request("GET", &format!("/images/{lone}/json"));
        assert_eq!(status, 200);
    }
    assert_clean(engine);
}

/// Everything about a file that an archive keeps.
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let about = fs::symlink_metadata(&path).unwrap();
            let what = if about.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else if about.is_file() {
                let bytes = fs::read(&path).unwrap();
                let mut hash = std::hash::DefaultHasher::new();
                bytes.hash(&mut hash);
                format!("{:x} {} links", hash.finish(), about.nlink())
            } else {
                String::new()
            };
            let said = format!(
                "{:o} {}:{} {} {what}",
                about.mode(),
                about.uid(),
                about.gid(),
                about.mtime()
            );
            found.insert(path.strip_prefix(root).unwrap().to_owned(), said);
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

fn fill(at: &Path) {
    fs::create_dir_all(at.join("deep/er")).unwrap();
    fs::write(
        at.join("deep/er/data"),
        (0..200_000_u32)
            .map(|it| it.to_le_bytes()[0])
            .collect::<Vec<_>>(),
    )
    .unwrap();
    fs::write(at.join("odd \n \u{1b}[31m ü name"), "x").unwrap();
    fs::write(at.join("x".repeat(200)), "long").unwrap();
    fs::write(at.join("empty"), "").unwrap();
    symlink("/etc/passwd", at.join("link")).unwrap();
    fs::hard_link(at.join("empty"), at.join("hard")).unwrap();
    fs::set_permissions(at.join("deep"), fs::Permissions::from_mode(0o1770)).unwrap();
    chown(at.join("empty"), Some(1234), Some(4321)).unwrap();
    fs::set_permissions(at.join("empty"), fs::Permissions::from_mode(0o4711)).unwrap();
}

fn mount_of(engine: &PrivateEngine, volume: &str) -> PathBuf {
    let format = "{{.Mountpoint}}";
    let at = engine.docker(&["volume", "inspect", "--format", format, volume]);
    assert!(Path::new(&at).starts_with(engine.folder()), "{at}");
    PathBuf::from(at)
}

fn volume(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("data", 0);
    fill(&mount_of(engine, "data"));
    let before = files(&mount_of(engine, "data"));
    let place = tempfile::tempdir().unwrap();
    let (code, object, said) = clean(&engine.host(), place.path(), &["--volumes", "=data"]);
    if engine.is_podman() {
        assert_eq!(code, 3, "{object} {said}");
        assert_eq!(files(&mount_of(engine, "data")), before);
        assert!(object.to_string().contains("lose the owners"), "{object}");
        return;
    }
    assert_eq!(code, 0, "{object} {said}");
    let volumes = engine.get("/volumes");
    assert!(!volumes.to_string().contains("\"data\""), "{volumes}");
    let copies = saved(&object, "volume");
    let [copy] = copies.as_slice() else {
        panic!("{object}");
    };
    let back = tempfile::tempdir().unwrap();
    run(Command::new("tar")
        .arg("-xpf")
        .arg(copy)
        .arg("-C")
        .arg(back.path()));
    let after = files(back.path());
    for (path, said) in &before {
        assert_eq!(after.get(path), Some(said), "{}", path.display());
    }
    assert_eq!(after.len(), before.len());
    assert_clean(engine);
}

/// A filesystem of its own, in memory.
struct Small(PathBuf);

impl Small {
    fn of(at: PathBuf, size: &str) -> Self {
        fs::create_dir(&at).unwrap();
        let options = format!("size={size}");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(&at));
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn no_room(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("data", 5_000_000);
    let small = Small::of(engine.folder().join("small"), "4m");
    let chosen = ["--images", "=base:1", "--volumes", "=data"];
    let (code, object, said) = clean(&engine.host(), &small.0, &chosen);
    assert_eq!(code, 1, "{object}");
    assert!(said.contains("name another folder"), "{said}");
    assert_eq!(object["done"], Value::Array(Vec::new()));
    // Where nothing can be made at all, neither.
    let file = small.0.join("file");
    fs::write(&file, "").unwrap();
    let (code, _, said) = clean(&engine.host(), &file.join("copies"), &chosen);
    assert_eq!(code, 1, "{said}");
    scene.image_id("base:1");
    assert!(mount_of(engine, "data").join("data").exists());
    assert_eq!(fs::read_dir(&small.0).unwrap().count(), 1);
    assert_clean(engine);
}

fn cut(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("data", 50_000);
    scene.volume("other", 0);
    let place = tempfile::tempdir().unwrap();
    for (part, stays, goes) in [
        ("/archive", "data", "other"),
        ("/images/get", "base:1", "data"),
    ] {
        let manner = Manner {
            cuts: Some(part),
            ..Manner::default()
        };
        let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
        let volumes = format!("={}", if part == "/archive" { "*" } else { "data" });
        let mut chosen = vec!["--volumes", &volumes];
        if part == "/images/get" {
            chosen.extend(["--images", "=base:1"]);
        }
        let (code, object, said) = clean(&proxy.host(), place.path(), &chosen);
        assert_eq!(code, 3, "{object} {said}");
        assert_eq!(outcome(&object, stays), "skipped", "{object}");
        assert_eq!(outcome(&object, goes), "removed", "{object}");
    }
    scene.image_id("base:1");
    assert_clean(engine);
    let parts = fs::read_dir(place.path()).unwrap().flatten();
    let parts = parts.filter(|it| it.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(parts.count(), 0);
}

/// A running `--rm` container would take its volume along.
fn along(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let data = scene.vanishing("job", "base:1");
    let place = tempfile::tempdir().unwrap();
    let chosen = [
        "--containers",
        "=job",
        "--volumes",
        "is:anonymous",
        "--stop",
    ];
    let manner = Manner {
        cuts: Some("/archive"),
        ..Manner::default()
    };
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let (code, object, _) = clean(&proxy.host(), place.path(), &chosen);
    assert_eq!(code, 3, "{object}");
    assert_eq!(outcome(&object, "job"), "skipped", "{object}");
    assert!(mount_of(engine, &data).exists());
    let (code, object, said) = clean(&engine.host(), place.path(), &chosen);
    assert_eq!(code, 0, "{object} {said}");
    assert_eq!(saved(&object, "volume").len(), 1, "{object}");
    assert_clean(engine);
}

fn killed(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("data", 50_000);
    let manner = Manner {
        hides: Some("/archive"),
        ..Manner::default()
    };
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let place = tempfile::tempdir().unwrap();
    let to = place.path().to_string_lossy();
    let chosen = ["clean", "--volumes", "=data", "--yes", "--save", &to];
    let mut command = dtop(&proxy.host(), &chosen);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !proxy
        .requests()
        .iter()
        .any(|it| it.path.contains("/archive"))
    {
        assert!(start.elapsed() < Duration::from_secs(30), "no copy");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(helpers(engine), 1);
    let report = || {
        dtop(&engine.host(), &["report", "--json"])
            .output()
            .unwrap()
    };
    let sees = |output: std::process::Output| {
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        (
            report["containers"].as_array().unwrap().len(),
            report["images"].as_array().unwrap().len(),
        )
    };
    assert_eq!(sees(report()), (0, 1));
    // While it lives nobody takes it away.
    let nothing = ["clean", "--volumes", "=none", "--yes"];
    run(&mut dtop(&engine.host(), &nothing));
    assert_eq!(helpers(engine), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    run(&mut dtop(&engine.host(), &nothing));
    assert_clean(engine);
    assert!(mount_of(engine, "data").join("data").exists());
}
