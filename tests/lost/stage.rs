//! A batch of thirty objects on a real engine, set up by its API in a second, and what must not be touched.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::archive;
use crate::support::census::Census;
use crate::support::engine::PrivateEngine;
use crate::support::http;
use crate::support::program::CALLERS_ENGINE;
use crate::support::scene::Scene;
use crate::support::{STATE, dtop};

/// What the batch is made of: images and all their names.
const IMAGES: [&[&str]; 12] = [
    &["go-app:1", "go-app:2", "reg/go-app:1"],
    &["go-pair:1", "go-pair:2"],
    &["go-two:1", "other/go-two:1"],
    &["go-three:1"],
    &["go-four:1"],
    &["go-five:1"],
    &["go-six:1"],
    &["go-seven:1"],
    &["go-eight:1"],
    &["go-nine:1"],
    &["go-ten:1"],
    &["go-last:1"],
];
const VOLUMES: [&str; 7] = [
    "go-data",
    "go-shared",
    "go-logs",
    "go-spare",
    "go-more",
    "go-empty",
    "go-tail",
];
/// Containers that do not run, with their image and volume.
const IDLE: [(&str, &str, Option<&str>); 7] = [
    ("go-c1", "go-app:1", Some("go-data")),
    ("go-c2", "go-app:2", Some("go-shared")),
    ("go-c3", "go-pair:1", Some("go-shared")),
    ("go-c4", "go-two:1", None),
    ("go-c5", "go-three:1", None),
    ("go-c6", "go-four:1", None),
    ("go-c7", "base:1", None),
];
/// Ends at once when it is stopped.
const WAIT: &str = "sleep 100000";
pub const OBJECTS: usize = 30;

/// An engine with what must stay.
pub struct Stage<'a> {
    pub engine: &'a PrivateEngine,
    kept: Census,
}

impl<'a> Stage<'a> {
    pub fn on(engine: &'a PrivateEngine) -> Self {
        let scene = Scene::on(engine);
        scene.tag("base:1", "keep-base:1");
        let stage = Self {
            engine,
            kept: Census::default(),
        };
        stage.volume("keep-data");
        stage.container("keep-one", "base:1", &[Some("keep-data")], false);
        Self {
            kept: Census::of(engine),
            ..stage
        }
    }

    /// Sets up all that is to go; what is there already stays.
    pub fn set(&self) {
        let images: Vec<(String, &[&str])> = IMAGES
            .iter()
            .map(|names| (names[0].to_owned(), *names))
            .collect();
        let tar = archive::of(&images).expect("an archive");
        self.send("POST", "/images/load?quiet=1", "application/x-tar", &tar);
        for volume in VOLUMES {
            self.volume(volume);
        }
        for (name, image, volume) in IDLE {
            self.container(name, image, &[volume], false);
        }
        self.container("go-run", "base:1", &[Some("go-logs")], false);
        self.container("go-ice", "base:1", &[], false);
        self.container("go-rm", "base:1", &[None, Some("")], true);
        for name in ["go-run", "go-ice", "go-rm"] {
            self.act("POST", &format!("/containers/{name}/start"));
        }
        self.act("POST", "/containers/go-ice/pause");
    }

    /// A few of them, of each kind: what others do something to.
    pub fn set_some(&self) {
        let images: Vec<(String, &[&str])> = IMAGES[..4]
            .iter()
            .map(|names| (names[0].to_owned(), *names))
            .collect();
        let tar = archive::of(&images).expect("an archive");
        self.send("POST", "/images/load?quiet=1", "application/x-tar", &tar);
        for volume in VOLUMES {
            self.volume(volume);
        }
        for (name, image, volume) in [IDLE[0], IDLE[1], IDLE[6]] {
            self.container(name, image, &[volume], false);
        }
        self.container("go-run", "base:1", &[Some("go-logs")], false);
        self.act("POST", "/containers/go-run/start");
    }

    pub fn volume(&self, name: &str) {
        let body = json!({"Name": name});
        self.send_json("/volumes/create", &body);
    }

    /// Creates a container; a volume without a name is an anonymous one.
    pub fn container(&self, name: &str, image: &str, volumes: &[Option<&str>], vanishes: bool) {
        let mounts = volumes.iter().flatten().enumerate();
        let mounts: Vec<Value> = mounts
            .map(
                |(at, name)| json!({"Type": "volume", "Source": name, "Target": format!("/v{at}")}),
            )
            .collect();
        let body = json!({
            "Image": image, "Cmd": ["sh", "-c", WAIT], "StopSignal": "SIGKILL", "NetworkDisabled": true,
            "HostConfig": {"NetworkMode": "none", "AutoRemove": vanishes, "Mounts": mounts},
        });
        self.send_json(&format!("/containers/create?name={name}"), &body);
    }

    /// A request with a body that must succeed, or find it done.
    pub fn send_json(&self, path: &str, body: &Value) {
        self.send(
            "POST",
            path,
            "application/json",
            body.to_string().as_bytes(),
        );
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) {
        let answer = http::send(&self.engine.socket(), method, path, kind, body);
        let (status, words) = answer.expect("an answer");
        assert!(
            status < 300 || status == 409,
            "{method} {path}: {status} {words}"
        );
    }

    /// A request without a body that must succeed.
    pub fn act(&self, method: &str, path: &str) {
        let (status, words) = self.engine.request(method, path);
        assert!(status < 400, "{method} {path}: {status} {words}");
    }

    /// What is there besides what must stay: IDs of images and containers, names of volumes.
    pub fn left(&self) -> BTreeSet<String> {
        let now = Census::of(self.engine).without(&self.kept);
        let ids = now.images.into_keys().chain(now.containers.into_keys());
        ids.chain(now.volumes.into_keys()).collect()
    }

    /// What was there before the batch is as it was, with all its names.
    pub fn assert_kept(&self, case: &str) {
        let now = Census::of(self.engine);
        assert_eq!(self.kept.without(&now), Census::default(), "{case}: lost");
        for (id, names) in &self.kept.images {
            assert_eq!(&now.images[id], names, "{case}: names");
        }
    }
}

/// Removes the batch with dtop at an address.
pub fn clean(host: &str) -> Output {
    let mut command = Command::new(dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("XDG_STATE_HOME", STATE);
    command.args([
        "-H",
        host,
        "clean",
        "--yes",
        "--json",
        "--stop",
        "--all-names",
    ]);
    for (kind, filter) in [
        ("--images", "/^([a-z]+\\/)?go-/"),
        ("--containers", "/^go-/"),
        ("--volumes", "/^go-/"),
        ("--volumes", "is:anonymous"),
    ] {
        command.args([kind, filter]);
    }
    command.output().expect("it runs")
}

/// What `clean --json` says was done: ID and outcome of each object.
pub fn done(output: &Output) -> Vec<(String, String)> {
    let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {output:?}");
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = object["done"].as_array().expect("a list");
    rows.iter()
        .map(|row| (text(&row["id"]), text(&row["outcome"])))
        .collect()
}
