//! The README's table of what people run and the dtop line for it: each pair of lines is run on the same scene
//! of a real engine and leaves the same behind, but for what the table says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use dtop::domain::time::Timestamp;
use jiff::SignedDuration;

use support::STATE;
use support::archive::{self, Dated};
use support::census::Census;
use support::engine::{PrivateEngine, Store};
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::registry::{PASSWORD, Registry, USER};
use support::scene::{Builder, Scene};
use support::trial::{self, OnEngine};

const TESTS: &[OnEngine] = &[(
    "every_line_leaves_what_the_script_leaves",
    every_line_leaves_what_the_script_leaves,
)];

fn main() -> ExitCode {
    trial::run(trial::on_store(TESTS, Store::GraphDriver, Length::Long))
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    script: String,
    dtop: String,
    /// Empty where both leave the same.
    difference: String,
}

/// The table between `<!-- scripts -->` and `<!-- /scripts -->`.
fn table() -> Vec<Row> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(readme).unwrap();
    let from = text.find("<!-- scripts -->").unwrap();
    let to = text.find("<!-- /scripts -->").unwrap();
    let rows = text[from..to].lines().filter(|line| line.starts_with('|'));
    // A bar within a cell is written `\|`.
    let rows = rows.skip(2).map(|line| line.replace("\\|", "\u{1}"));
    rows.map(|line| {
        let cell = |at: usize| {
            let cell = line.split('|').nth(at).unwrap().trim();
            cell.replace('\u{1}', "|")
        };
        let code = |cell: String| {
            let inner = cell.trim_matches('`').trim();
            inner.to_owned()
        };
        Row {
            script: code(cell(1)),
            dtop: code(cell(2)),
            difference: cell(3).trim_matches('–').to_owned(),
        }
    })
    .collect()
}

/// What is left, by the names that people use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Left {
    /// Images by all their names, and how many have these.
    images: BTreeMap<String, usize>,
    containers: Vec<String>,
    named: Vec<String>,
    anonymous: usize,
    records: usize,
}

impl Left {
    fn on(engine: &PrivateEngine) -> Self {
        let census = Census::of(engine);
        let mut left = Self {
            containers: census.containers.into_values().collect(),
            records: census.records.len(),
            ..Self::default()
        };
        left.containers.sort();
        for mut names in census.images.into_values() {
            names.sort();
            *left.images.entry(names.join(" ")).or_default() += 1;
        }
        for name in census.volumes.into_keys() {
            if name.len() == 64 {
                left.anonymous += 1;
            } else {
                left.named.push(name);
            }
        }
        left
    }

    fn drop_image(&mut self, names: &str) {
        assert!(self.images.remove(names).is_some(), "{names}: {self:?}");
    }
}

/// What the docker command leaves made into what dtop leaves, for the differences that the table states: by the
/// beginning of the script. `None` where both leave the same.
fn stated(script: &str, docker: &Left) -> Option<Left> {
    let mut left = docker.clone();
    if script.starts_with("docker images -q | sort -u") {
        // By its ID docker refuses an image that two repositories name.
        left.drop_image("keep:1 postgres:13-beta2");
    } else if script.starts_with("docker image ls --format") {
        // Docker took one of two names off, which frees nothing.
        left.drop_image("keep:1");
        *left
            .images
            .entry("keep:1 postgres:13-beta2".to_owned())
            .or_default() += 1;
    } else if script.starts_with("docker volume prune") {
        // In use by its path, of which docker knows nothing.
        left.named.push("by-path".to_owned());
        // Only a name: docker leaves it, though nothing is lost with it.
        left.named.retain(|name| name != "bound");
        left.named.sort();
    } else if script.starts_with("docker container prune")
        || script.starts_with("docker system prune -a -f")
    {
        // The container's anonymous volume, which is empty, goes along.
        left.anonymous -= 1;
    } else {
        return None;
    }
    Some(left)
}

/// One of everything that the scripts look for; build cache, which takes long to make, where a script does.
fn lay(engine: &PrivateEngine, script: &str) {
    let scene = Scene::on(engine);
    load(engine);
    engine.docker(&["tag", "postgres:13-beta2", "keep:1"]);
    // The name goes to another image and away: what had it has none.
    engine.docker(&["tag", "new:1", "lost:1"]);
    engine.docker(&["rmi", "lost:1"]);
    scene.import("site:1", |root| {
        fs::create_dir(root.join("bin")).unwrap();
        fs::copy(engine.busybox(), root.join("bin/sleep")).unwrap();
    });
    let run = [
        "run",
        "--detach",
        "--network",
        "none",
        "--name",
        "web",
        "site:1",
    ];
    engine.docker(&[&run[..], &["/bin/sleep", "1000"]].concat());
    engine.docker(&[
        "create", "--name", "old", "--volume", "/data", "job:1", "/app",
    ]);
    engine.docker(&[
        "create", "--name", "gone", "--volume", "/data", "job:1", "/app",
    ]);
    engine.docker(&["rm", "gone"]);
    engine.docker(&["volume", "create", "named"]);
    if script.starts_with("docker volume prune") {
        lay_volumes(engine);
    }
    if script.contains("image prune") || script.contains("system prune") {
        pull_by_digest(engine, &scene);
    }
    if !script.contains(" builder ") && !script.contains(" system ") {
        return;
    }
    let steps = "FROM base:1\nRUN : one > /one\nRUN : two > /two\n";
    scene.build(Builder::BuildKit, "built:1", steps);
    // A build whose image is gone leaves cache that nothing shares.
    let steps = "FROM base:1\nRUN : one > /one\nRUN : three > /three\n";
    scene.build(Builder::BuildKit, "tried:1", steps);
    engine.docker(&["rmi", "tried:1"]);
}

/// A volume of a stack, one that is only a name, and one that a container mounts by its path.
fn lay_volumes(engine: &PrivateEngine) {
    let stack = "com.docker.stack.namespace=shop";
    engine.docker(&["volume", "create", "--label", stack, "shop_db"]);
    let device = format!("device={}", engine.folder().display());
    let options = ["--opt", "type=none", "--opt", "o=bind", "--opt", &device];
    engine.docker(&[&["volume", "create"], &options[..], &["bound"]].concat());
    engine.docker(&["volume", "create", "by-path"]);
    let at = engine.get("/volumes/by-path")["Mountpoint"].clone();
    let bind = format!("{}:/data", at.as_str().unwrap());
    let run = ["run", "--detach", "--network", "none", "--name", "by-path"];
    let rest = ["--volume", &bind, "site:1", "/bin/sleep", "1000"];
    engine.docker(&[&run[..], &rest].concat());
}

/// An image that has no name but a digest, as every stack deploys; where there is a registry to have it from.
fn pull_by_digest(engine: &PrivateEngine, scene: &Scene<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let Ok(registry) = Registry::start(folder.path()) else {
        return;
    };
    let name = format!("{}/team/svc", registry.address);
    let login = ["login", "--username", USER, "--password", PASSWORD];
    engine.docker(&[&login[..], &[&registry.address]].concat());
    scene.import(&format!("{name}:1"), |root| {
        fs::write(root.join("svc"), "svc").unwrap();
    });
    engine.docker(&["push", &format!("{name}:1")]);
    let inspect = engine.get(&format!("/images/{name}:1/json"));
    let digest = inspect["RepoDigests"][0].as_str().unwrap().to_owned();
    engine.docker(&["rmi", &format!("{name}:1")]);
    engine.docker(&["pull", &digest]);
}

/// Images of known ages: all but one are older than a week.
fn load(engine: &PrivateEngine) {
    let now = Timestamp::from(jiff::Timestamp::now());
    let image = |name: &str, days: i64| Dated {
        name: name.to_owned(),
        created: now - SignedDuration::from_hours(24 * days),
    };
    let images = [
        image("new:1", 1),
        image("job:1", 30),
        image("lost:1", 40),
        image("postgres:13-beta1", 90),
        image("postgres:13-beta2", 80),
        image("postgres:14", 70),
        image("app:1", 50),
        image("app:2", 40),
        image("app:3", 30),
        image("app:4", 20),
        image("app:5", 10),
    ];
    let file = engine.folder().join("images.tar");
    archive::write_dated(&file, &images).unwrap();
    engine.docker(&["load".as_ref(), "-i".as_ref(), file.as_os_str()]);
}

fn wipe(engine: &PrivateEngine) {
    let script = "docker ps -aq | xargs -r docker rm -f -v; docker images -aq | sort -u | xargs -r docker rmi -f; \
        docker volume ls -q | xargs -r docker volume rm; docker builder prune -af; docker images -aq | sort -u | xargs -r docker rmi -f; true";
    shell(engine, script);
    assert_eq!(Left::on(engine), Left::default());
}

/// Runs a line of a shell in which `docker` and `dtop` mean this engine and no other.
fn shell(engine: &PrivateEngine, line: &str) -> Output {
    let folder = engine.folder().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let host = engine.host();
    let client = engine.client();
    let docker = client.get_program().to_string_lossy().into_owned();
    let dtop = support::dtop();
    for (name, start) in [
        ("docker", format!("'{docker}' --host '{host}'")),
        ("dtop", format!("'{}' -H '{host}'", dtop.display())),
    ] {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\nexec {start} \"$@\"\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("sh");
    for (name, value) in client.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("LC_ALL", "C.UTF-8")
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("XDG_STATE_HOME", STATE)
        .current_dir(engine.folder())
        .stdin(Stdio::null());
    command.args(["-c", line]).output().expect("a shell")
}

fn every_line_leaves_what_the_script_leaves(engine: &PrivateEngine) {
    let rows = table();
    assert!(rows.len() >= 12, "{}", rows.len());
    for row in &rows {
        // For cron it says when; it is the command that is compared.
        let script = row.script.trim_start_matches("0 3 * * * ");
        let dtop = row.dtop.trim_start_matches("0 3 * * * ");
        lay(engine, script);
        let before = Left::on(engine);
        let ran = shell(engine, script);
        let docker = Left::on(engine);
        wipe(engine);
        lay(engine, script);
        assert_eq!(Left::on(engine), before, "the same scene");
        let line = shell(engine, dtop);
        let left = Left::on(engine);
        let said = format!("{row:?}\ndocker: {ran:?}\ndtop: {line:?}\nbefore: {before:?}");
        if dtop.contains("--until-free") {
            // How full this disk is nobody knows here: whatever goes, it is nothing in use or with data.
            assert!(matches!(line.status.code(), Some(0 | 3)), "{said}");
            assert_eq!(
                (&left.named, &left.containers.contains(&"/web".to_owned())),
                (&before.named, &true),
                "{said}"
            );
            assert!(!row.difference.is_empty(), "{said}");
        } else {
            assert_eq!(line.status.code(), Some(0), "{said}");
            let expected = stated(script, &docker);
            assert_eq!(expected.is_none(), row.difference.is_empty(), "{said}");
            assert_eq!(left, expected.unwrap_or(docker), "{said}");
            let looks = !dtop.contains("clean");
            assert_eq!(left == before, looks, "something happened: {said}");
        }
        wipe(engine);
    }
}
