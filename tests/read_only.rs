//! `--read-only`: whatever is asked for, on the command line and with keys, the engine hears nothing but reads,
//! and no file is written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::path::Path;
use std::process::{Command, ExitCode};

use support::engine::PrivateEngine;
use support::journey::PLAN;
use support::length::Length;
use support::program::CALLERS_ENGINE;
use support::proxy::Proxy;
use support::pty::Screen;
use support::scene::Scene;
use support::trial::{self, OnEngine};

const TESTS: &[OnEngine] = &[
    ("no_command_writes", commands),
    ("no_key_writes", keys),
    ("the_config_is_enough", config),
];

fn main() -> ExitCode {
    trial::run_waiting(trial::on_engines(TESTS, Length::Short), 2)
}

/// Something of every kind that could go.
fn fill(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.import("spare:1", |root| {
        std::fs::write(root.join("a"), vec![7; 70_000]).unwrap();
    });
    scene.stopped("old", 1_000, &[], "base:1");
    scene.running("web", &[], "base:1");
    scene.volume("data", 50_000);
}

/// The exit code of dtop with these words.
fn run(proxy: &Proxy, home: &Path, words: &[&str]) -> i32 {
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", home.join("config"));
    command.env("XDG_STATE_HOME", home.join("state"));
    let output = command.args(["-H", &proxy.host()]).args(words).output();
    output.expect("dtop runs").status.code().expect("an exit")
}

fn assert_untouched(proxy: &Proxy, home: &Path) {
    let writes: Vec<String> = (proxy.writes().iter())
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(writes, Vec::<String>::new());
    for folder in ["state", "copies"] {
        assert!(!home.join(folder).exists(), "{folder} was written");
    }
}

fn commands(engine: &PrivateEngine) {
    fill(engine);
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let home = tempfile::tempdir().unwrap();
    let copies = home.path().join("copies");
    let copies = copies.to_str().unwrap();
    let all = [
        "--images",
        "",
        "--containers",
        "",
        "--volumes",
        "",
        "--stop",
    ];
    let line = |words: &[&'static str]| [&["--read-only"], words].concat();
    let cases: [(Vec<&str>, i32); 8] = [
        (line(&["report", "--json"]), 0),
        ([line(&["plan"]), all.to_vec()].concat(), 0),
        ([line(&["clean", "--yes"]), all.to_vec()].concat(), 1),
        (
            [
                line(&["clean", "--yes"]),
                all.to_vec(),
                vec!["--save", copies],
            ]
            .concat(),
            1,
        ),
        (line(&["clean", "--yes", "--logs", ""]), 1),
        (line(&["clean", "--yes", "--free", "1kb"]), 1),
        (line(&["history"]), 0),
        (line(&["restore", "spare:1"]), 1),
    ];
    for (words, code) in cases {
        assert_eq!(run(&proxy, home.path(), &words), code, "{words:?}");
    }
    assert!(!proxy.requests().is_empty());
    assert_untouched(&proxy, home.path());
}

fn keys(engine: &PrivateEngine) {
    fill(engine);
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let env = [("XDG_STATE_HOME", state.to_str().unwrap())];
    let host = proxy.host();
    let mut screen = Screen::start(&["--read-only", "-H", &host], &env, (35, 120));
    screen.wait_for("spare:1");
    for pane in ["1", "2", "3", "5"] {
        screen.keys(&format!("{pane} a"));
    }
    screen.settle();
    screen.keys("d");
    screen.wait_for(PLAN);
    screen.keys("s");
    screen.settle();
    // Where copies would go, and a yes to all of it.
    screen.keys("w");
    screen.settle();
    screen.keys("enter");
    screen.settle();
    screen.keys("delete");
    screen.settle();
    screen.keys("y");
    screen.wait_for("read-only");
    screen.keys("esc esc");
    screen.settle();
    screen.keys("H");
    screen.settle();
    screen.keys("r y esc");
    screen.settle();
    screen.keys("f enter");
    screen.settle();
    screen.keys("d");
    screen.settle();
    screen.keys("y");
    screen.settle();
    assert!(!proxy.requests().is_empty());
    assert_untouched(&proxy, home.path());
}

fn config(engine: &PrivateEngine) {
    fill(engine);
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("config/dtop");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "read_only = true\n").unwrap();
    let words = ["clean", "--yes", "--images", "=spare:1"];
    assert_eq!(run(&proxy, home.path(), &words), 1);
    assert_untouched(&proxy, home.path());
    std::fs::write(folder.join("config.toml"), "").unwrap();
    assert_eq!(run(&proxy, home.path(), &words), 0);
    assert!(!proxy.writes().is_empty());
}
