//! Somebody's `docker cp` that is not read to its end: the engine tells nothing of that container meanwhile, and removes
//! no image. Whatever dtop was asked for ends all the same, and loses nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use support::STATE;
use support::engine::PrivateEngine;
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::scene::Scene;
use support::trial::{self, OnEngine};

/// An inspection has fifteen seconds; what else is to be done takes no longer on a machine that is busy.
const BOUND: Duration = Duration::from_secs(45);

const TESTS: &[OnEngine] = &[("everything_else_ends", everything_else_ends)];

fn main() -> ExitCode {
    trial::run_waiting(trial::on_matrix(TESTS, Length::Long), 2)
}

/// An archive of a container that is asked for and not read.
struct Stalled(UnixStream);

impl Stalled {
    fn of(engine: &PrivateEngine, container: &str) -> Self {
        let mut stream = UnixStream::connect(engine.socket()).unwrap();
        let ask = format!(
            "GET /containers/{container}/archive?path=/bin HTTP/1.1\r\nHost: docker\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        Self(stream)
    }

    /// Lets the engine go on.
    fn end(self) {
        drop(self.0);
    }
}

struct Said {
    code: Option<i32>,
    out: Value,
    err: String,
}

/// Runs dtop, which must end in time.
fn dtop(engine: &PrivateEngine, args: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", folder.path());
    command.env("XDG_STATE_HOME", STATE);
    command.args(["-H", &engine.host()]).args(args);
    command.stdin(Stdio::null());
    command.stdout(File::create(&out).unwrap());
    command.stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > BOUND {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{args:?} does not end within {BOUND:?}");
        }
        thread::sleep(Duration::from_millis(20));
    };
    println!("{args:?}: {:?}", begun.elapsed());
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    Said {
        code: status.code(),
        out: serde_json::from_str(&read(&out)).unwrap_or_default(),
        err: read(&err),
    }
}

fn named<'a>(report: &'a Value, kind: &str, name: &str) -> &'a Value {
    let rows = report[kind].as_array().expect("a list");
    let found = rows.iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report}"))
}

fn outcome(said: &Said, of: &str) -> (String, String) {
    let done = said.out["done"].as_array().expect("a list");
    // Podman writes the registry of a name that was given none.
    let is_it = |done: &&Value| done["name"].as_str().is_some_and(|name| name.ends_with(of));
    let found = done.iter().find(is_it);
    let found = found.unwrap_or_else(|| panic!("no {of}: {} {}", said.out, said.err));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("error"))
}

fn everything_else_ends(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.import("spare:1", |root| {
        std::fs::write(root.join("file"), vec![7; 30_000]).expect("a file");
    });
    let held = scene.running("held", &[], "base:1");
    scene.stopped("idle", 100_000, &[], "base:1");
    scene.volume("spare-volume", 7_000);
    let stalled = Stalled::of(engine, &held);
    // The lock is the container's; Podman has given it back by now.
    let locks = !engine.is_podman();

    let report = dtop(engine, &["report", "--json"]);
    assert_eq!(report.code, Some(0), "{}", report.err);
    let size = |name: &str| named(&report.out, "containers", name)["size"].clone();
    assert_eq!(size("held").is_null(), locks, "{}", report.out);
    assert!(size("idle").as_u64().is_some_and(|size| size >= 100_000));
    let volume = named(&report.out, "volumes", "spare-volume");
    assert!(volume["size"].as_u64().is_some_and(|size| size >= 7_000));
    let failed = report.out["failed"].to_string();
    let why = format!("container {}: the engine tells nothing of it", &held[..12]);
    assert_eq!(failed.contains(&why), locks, "{failed}");
    let waits = "dtop: still measuring container sizes after 5 s";
    assert_eq!(report.err.contains(waits), locks, "{}", report.err);

    for filter in [
        ["--volumes", "=spare-volume"],
        ["--containers", "=idle"],
        ["--images", "=spare:1"],
    ] {
        let plan = dtop(engine, &["plan", "--json", filter[0], filter[1]]);
        assert_eq!(plan.code, Some(0), "{}", plan.err);
        let steps = plan.out["steps"].as_array().map(Vec::len);
        assert_eq!(steps, Some(1), "{}", plan.out);
    }
    let clean =
        |filter: [&str; 2]| dtop(engine, &["clean", "--yes", "--json", filter[0], filter[1]]);
    for (filter, name) in [
        (["--volumes", "=spare-volume"], "spare-volume"),
        (["--containers", "=idle"], "idle"),
    ] {
        let said = clean(filter);
        assert_eq!(outcome(&said, name).0, "removed", "{}", said.err);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    if locks {
        let said = clean(["--images", "=spare:1"]);
        let (ended, error) = outcome(&said, "spare:1");
        assert_eq!(ended, "skipped", "{error}");
        assert!(
            error.contains("removes no image before that ends"),
            "{error}"
        );
        assert_eq!(said.code, Some(3), "{}", said.err);
        let images = engine.get("/images/json").to_string();
        assert!(images.contains("spare:1"), "{images}");
    }
    stalled.end();
    let said = clean(["--images", "=spare:1"]);
    assert_eq!(outcome(&said, "spare:1").0, "removed", "{}", said.err);
    assert_eq!(said.code, Some(0), "{}", said.err);
}
