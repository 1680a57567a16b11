//! What the engine does not count, against `du`: each leftover under its own cause, and next to nothing without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::reports::{command, json_report};
use crate::support::engine::{PrivateEngine, run};
use crate::support::scene::{Builder, Scene};

/// Fifty thousand lines of a thousand letters.
const TALKS: &str =
    "l=$(printf %01000d 0); i=0; while [ $i -lt 50000 ]; do i=$((i+1)); echo $l; done";

/// Blocks, folders included, of one filesystem.
fn du(path: &Path) -> u64 {
    let said = run(Command::new("du").args(["-sx", "--block-size=1"]).arg(path));
    let first = said.split_whitespace().next().expect("a number");
    first.parse().expect("a number")
}

fn write(path: &Path, bytes: usize) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, vec![7; bytes]).expect("a file");
}

fn bytes_of(report: &Value, cause: &str, at: &Path) -> u64 {
    let rows = report["unexplained"].as_array().expect("a list").iter();
    rows.filter(|row| row["cause"] == cause)
        .filter(|row| Path::new(row["path"].as_str().expect("a path")).starts_with(at))
        .map(|row| row["bytes"].as_u64().expect("bytes"))
        .sum()
}

fn assert_close(found: u64, truth: u64, what: &str) {
    let off = found.abs_diff(truth);
    assert!(off * 100 <= truth, "{what}: {found}, but it is {truth}");
}

pub fn each_leftover_has_its_cause(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let steps = "FROM base:1\nRUN dd if=/dev/urandom of=/a bs=1M count=3\nCOPY note /note\n";
    for builder in [Builder::Classic, Builder::BuildKit] {
        let name = format!("{builder:?}:1").to_lowercase();
        scene.build(builder, &name, steps);
    }
    scene.build(
        Builder::BuildKit,
        "cached:1",
        &format!("{steps}RUN echo x > /b\n"),
    );
    engine.docker(&["rmi", "cached:1"]);
    scene.stopped("wrote", 2_000_000, &["--volume", "/anonymous"], "classic:1");
    scene.volume("named", 4_000_000);
    let root = engine.root().clone();
    if engine.is_podman() {
        assert_eq!(json_report(engine)["unexplained"], Value::Null);
        return;
    }
    engine.docker(&[
        "run",
        "--network",
        "none",
        "--name",
        "talks",
        "base:1",
        "sh",
        "-c",
        TALKS,
    ]);
    // Of the store that runs, and of the one that does not.
    let orphan = "0123456789abcdef".repeat(4);
    let containerd = root.join("containerd/daemon");
    let blobs = containerd.join("io.containerd.content.v1.content");
    let by_driver = engine.docker(&["info", "--format", "{{.Driver}}"]).trim() == "overlay2";
    let (nobodys, left): (Option<PathBuf>, Vec<PathBuf>) = if by_driver {
        let orphan = root.join("overlay2").join(orphan);
        write(&orphan.join("diff/file"), 30_000_000);
        write(&orphan.join("link"), 26);
        write(
            &blobs.join("blobs/sha256").join("ab".repeat(32)),
            20_000_000,
        );
        let snapshots = containerd.join("io.containerd.snapshotter.v1.overlayfs");
        write(&snapshots.join("snapshots/7/fs/file"), 10_000_000);
        (Some(orphan), vec![blobs, snapshots])
    } else {
        write(
            &root.join("overlay2").join(orphan).join("diff/file"),
            30_000_000,
        );
        write(&root.join("image/overlay2/repositories.json"), 900_000);
        (
            None,
            vec![root.join("overlay2"), root.join("image/overlay2")],
        )
    };
    write(&root.join("swarm/raft/wal"), 3_000_000);
    let report = json_report(engine);
    let all = du(&root);
    let logs = report["totals"]["logs"].as_u64().expect("bytes");
    let log = engine.get("/containers/talks/json")["LogPath"].clone();
    let length = fs::metadata(log.as_str().expect("a path"))
        .expect("a log")
        .len();
    assert!(length > 50_000_000, "{length}");
    assert_close(logs, length, "logs");
    if let Some(orphan) = nobodys {
        let found = bytes_of(&report, "unreferenced_layers", &root);
        assert_close(found, du(&orphan), "layers that nothing refers to");
    }
    for left in left {
        let found = bytes_of(&report, "other_store", &left);
        assert_close(found, du(&left), &left.display().to_string());
    }
    let swarm = bytes_of(&report, "swarm", &root);
    assert_close(swarm, du(&root.join("swarm")), "swarm");
    let other = bytes_of(&report, "other", &root);
    assert!(other * 100 < all, "{other} of {all} without a cause");
    let total = report["totals"]["unexplained"].as_u64().expect("bytes");
    assert_eq!(total, sum(&report));
    if by_driver {
        // Images lie in the folder, too: then all totals together are all of it.
        let totals = report["totals"].as_object().expect("totals").values();
        let totals: u64 = totals.filter_map(Value::as_u64).sum();
        assert_close(totals, all, "totals");
    } else {
        let of_volumes = report["totals"]["volumes"].as_u64().expect("bytes");
        assert_close(total + logs + of_volumes, all, "totals without images");
    }
}

fn sum(report: &Value) -> u64 {
    let rows = report["unexplained"].as_array().expect("a list").iter();
    rows.map(|row| row["bytes"].as_u64().expect("bytes")).sum()
}

/// dtop's own look at `/var/lib`, in which only a containerd's folder lies.
const ELSEWHERE: &str = "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/containerd && \
    mount --bind \"$0\" /var/lib/containerd && exec \"$@\"";

/// The report of a dtop that finds this folder where containerd usually has its own.
fn report_with(engine: &PrivateEngine, containerd: &Path) -> Value {
    let dtop = command(engine);
    let mut shell = Command::new("unshare");
    shell
        .args(["--mount", "sh", "-c", ELSEWHERE])
        .arg(containerd);
    shell.arg(dtop.get_program()).args(dtop.get_args());
    shell.args(["report", "--json"]);
    for (name, value) in dtop.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let text = run(&mut shell);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The containerd store of an engine that uses a containerd beside it lies there; of another engine's containerd
/// nothing is told.
pub fn a_containerd_beside_the_engine_is_told_with_it(engine: &PrivateEngine) {
    if engine.is_podman() {
        return;
    }
    let scene = Scene::on(engine);
    let steps = "FROM base:1\nRUN dd if=/dev/urandom of=/a bs=1M count=9\nCOPY note /note\n";
    for builder in [Builder::Classic, Builder::BuildKit] {
        let name = format!("{builder:?}:1").to_lowercase();
        scene.build(builder, &name, steps);
    }
    scene.stopped("wrote", 2_000_000, &[], "classic:1");
    let containerd = engine.folder().join("containerd/root");
    let beside = |report: &Value| -> usize {
        let rows = report["unexplained"].as_array().expect("a list").iter();
        let paths = rows.map(|row| row["path"].as_str().expect("a path"));
        paths.filter(|path| path.starts_with("/var/lib/")).count()
    };
    let report = report_with(engine, &containerd);
    let keeps_layers = engine.docker(&["info", "--format", "{{.Driver}}"]).trim() == "overlayfs";
    assert_eq!(beside(&report) > 0, keeps_layers, "{report}");
    if keeps_layers {
        let totals = report["totals"].as_object().expect("totals").values();
        let totals: u64 = totals.filter_map(Value::as_u64).sum();
        // Its databases are its own.
        let notes = du(&containerd.join("io.containerd.metadata.v1.bolt"));
        let all = du(engine.root().as_path()) + du(&containerd) - notes;
        assert_close(totals, all, "totals");
    }
    let empty = engine.folder().join("another");
    fs::create_dir(&empty).expect("a folder");
    assert_eq!(beside(&report_with(engine, &empty)), 0);
}
