//! The program as everybody's host runs it: a terminal that only prints, no HOME, no thread to be had, pipes in place of
//! settings, volumes behind a link, and more rules and open intents than anybody has.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause; what was measured is said"
)]

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Trial};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use tempfile::TempDir;

use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing, Programs, on_path};
use support::pty::Screen;
use support::scene::{Builder, Scene};
use support::trial::{self, OnEngine};
use support::{dtop, is_release_build};

const NOBODY: u32 = 65_534;

type Plain = (&'static str, Length, fn());

/// A pipe below a folder of the test's own, what is run with which environment, and what must be said of it.
type Pipe<'a> = (
    &'static str,
    &'a [&'a str],
    &'a [(&'static str, &'static str)],
    &'static str,
);

const PLAIN: &[Plain] = &[
    (
        "a_terminal_that_only_prints_gets_the_report",
        Length::Short,
        a_terminal_that_only_prints_gets_the_report,
    ),
    (
        "pipes_in_place_of_files_are_told_at_once",
        Length::Short,
        pipes_in_place_of_files_are_told_at_once,
    ),
    (
        "five_thousand_rules_cost_little",
        Length::Long,
        five_thousand_rules_cost_little,
    ),
];

const ON_ENGINES: &[OnEngine] = &[
    (
        "without_a_home_the_journal_is_where_the_list_of_users_says",
        without_a_home_the_journal_is_where_the_list_of_users_says,
    ),
    (
        "volumes_behind_a_link_are_refused_and_their_disk_is_shown",
        volumes_behind_a_link_are_refused_and_their_disk_is_shown,
    ),
];

/// Those that are about how long something takes.
const COSTS_ON_ENGINES: &[OnEngine] = &[(
    "hundreds_of_thousands_of_open_intents_cost_little",
    hundreds_of_thousands_of_open_intents_cost_little,
)];

const ON_CONTAINERD: &[OnEngine] = &[
    (
        "images_of_another_namespace_are_a_cause_of_their_own",
        images_of_another_namespace_are_a_cause_of_their_own,
    ),
    (
        "what_stays_after_all_was_pruned_is_said_to_stay",
        what_stays_after_all_was_pruned_is_said_to_stay,
    ),
];

fn main() -> ExitCode {
    let mut trials: Vec<Trial> = Vec::new();
    for &(name, length, test) in PLAIN {
        trials.push(trial::plain(name, length, test));
    }
    let no_thread = || match no_thread_to_be_had_is_a_line() {
        Ok(()) => Ok(Completion::Completed),
        Err(missing) => trial::without_engine(&missing),
    };
    trials.push(trial::of(
        "no_thread_to_be_had_is_a_line",
        Length::Short,
        no_thread,
    ));
    let mut programs = vec![Programs::installed()];
    programs.extend(Programs::all().into_iter().next_back());
    for programs in programs {
        let label = programs.as_ref().map_or("none".to_owned(), |it| {
            Setup::Docker(it.clone(), Store::GraphDriver).label()
        });
        let short = ON_ENGINES.iter().map(|test| (Length::Short, test));
        let long = COSTS_ON_ENGINES.iter().map(|test| (Length::Long, test));
        for (length, &(name, test)) in short.chain(long) {
            let programs = programs.clone();
            let run = move || {
                let engine = programs.and_then(|it| PrivateEngine::start(&it, Store::GraphDriver));
                match engine {
                    Ok(engine) => {
                        test(&engine);
                        Ok(Completion::Completed)
                    }
                    Err(missing) => trial::without_engine(&missing),
                }
            };
            trials.push(trial::of(format!("{label}::{name}"), length, run));
        }
    }
    let newest = Programs::all().into_iter().next_back().expect("a reason");
    for &(name, test) in ON_CONTAINERD {
        let newest = newest.clone();
        let run = move || {
            let setup = newest.map(|it| Setup::Docker(it, Store::Containerd));
            match setup.and_then(|setup| PrivateEngine::start_as_one(&setup)) {
                Ok(engine) if engine.store() == Store::Containerd => {
                    test(&engine);
                    Ok(Completion::Completed)
                }
                Ok(_) => Ok(Completion::ignored_with("this version has no such store")),
                Err(missing) => trial::without_engine(&missing),
            }
        };
        trials.push(trial::of(format!("containerd::{name}"), Length::Short, run));
    }
    trial::run_waiting(trials, 2)
}

/// dtop with folders of its own below a folder.
fn command(folder: &Path) -> Command {
    with_program(dtop().as_ref(), folder)
}

fn with_program(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("HOME", folder);
    command.env("XDG_CONFIG_HOME", folder.join("config"));
    command.env("XDG_STATE_HOME", folder.join("state"));
    command.stdin(Stdio::null());
    command
}

/// Runs a command that must end within a time.
fn ended(command: &mut Command, within: Duration) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    command.stdout(File::create(&out).unwrap());
    command.stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > within {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} does not end within {within:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    Output {
        status,
        stdout: fs::read(&out).unwrap(),
        stderr: fs::read(&err).unwrap(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn a_terminal_that_only_prints_gets_the_report() {
    for term in ["dumb", "unknown", ""] {
        let mut screen = Screen::start(&["--demo"], &[("TERM", term)], (60, 120));
        let status = screen.end();
        assert!(status.success(), "TERM={term:?}");
        let raw = text(&screen.raw_since(0));
        assert!(raw.contains("dtop report"), "TERM={term:?}: {raw}");
        assert!(!raw.contains('\u{1b}'), "TERM={term:?}: {raw:?}");
    }
}

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

/// What stands in place of a file that dtop reads, and the words that name it.
fn pipes_in_place_of_files_are_told_at_once() {
    const SOON: Duration = Duration::from_secs(8);
    // Whoever listens there is never spoken to: the files are read first.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp://{}", listener.local_addr().unwrap());
    let https = tcp.replace("tcp:", "https:");
    let good = |folder: &Path| {
        let meta = folder.join("docker/contexts/meta/0f");
        fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"there","Endpoints":{"docker":{"Host":"unix:///none"}}}"#;
        fs::write(meta.join("meta.json"), text).unwrap();
    };
    let cases: [Pipe<'_>; 7] = [
        ("docker/config.json", &["report"], &[], "config.json"),
        // Another context's broken file is not this one's trouble.
        (
            "docker/contexts/meta/0a/meta.json",
            &["-c", "there", "report"],
            &[],
            "unix:///none",
        ),
        (
            "docker/contexts/meta/0a/meta.json",
            &["-c", "other", "report"],
            &[],
            "context \"other\" is not in",
        ),
        (
            "certificates/ca.pem",
            &["-H", &tcp, "report"],
            &[
                ("DOCKER_TLS_VERIFY", "1"),
                ("DOCKER_CERT_PATH", "certificates"),
            ],
            "ca.pem: it is a pipe, no file",
        ),
        (
            "authorities.pem",
            &["-H", &https, "report"],
            &[("SSL_CERT_FILE", "authorities.pem")],
            "authorities.pem: it is a pipe, no file",
        ),
        (
            "config/dtop/config.toml",
            &["--demo", "report"],
            &[],
            "config.toml: it is a pipe, no file",
        ),
        (
            "state/dtop/journal.jsonl",
            &["history"],
            &[],
            "journal.jsonl",
        ),
    ];
    for (at, args, env, says) in cases {
        let folder = TempDir::new().unwrap();
        good(folder.path());
        pipe(&folder.path().join(at));
        let mut command = command(folder.path());
        command.env("DOCKER_CONFIG", folder.path().join("docker"));
        for (name, value) in env {
            let value = match *name {
                "DOCKER_CERT_PATH" | "SSL_CERT_FILE" => folder.path().join(value).into_os_string(),
                _ => value.into(),
            };
            command.env(name, value);
        }
        let output = ended(command.args(args), SOON);
        let err = text(&output.stderr);
        assert_eq!(err.lines().count(), 1, "{at}: {err}");
        assert!(err.contains(says), "{at}: {err}");
        assert!(matches!(output.status.code(), Some(1 | 2)), "{at}: {err}");
    }
}

/// A folder that everybody may use, with the program in it.
fn open_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::Builder::new()
        .prefix("dtop-everyone-")
        .tempdir_in("/tmp")
        .unwrap();
    let program = folder.path().join("dtop");
    fs::copy(dtop(), &program).unwrap();
    for path in [folder.path(), &program] {
        fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    (folder, program)
}

/// `ulimit -u` counts all processes of a user; root has no such limit.
fn no_thread_to_be_had_is_a_line() -> Result<(), Missing> {
    if !rustix::process::geteuid().is_root() {
        return Err(Missing("another user's processes need root".into()));
    }
    let setpriv = on_path("setpriv").ok_or(Missing("setpriv is not here".into()))?;
    let prlimit = on_path("prlimit").ok_or(Missing("prlimit is not here".into()))?;
    let (folder, program) = open_folder();
    let user = NOBODY.to_string();
    let commands: [&[&str]; 5] = [
        &["--demo", "report"],
        &["--demo", "plan", "--images", ""],
        &["--demo", "clean", "--yes", "--volumes", "=none"],
        &["history"],
        &["--demo"],
    ];
    for args in commands {
        for limit in [1, 2, 3] {
            let mut command = with_program(&setpriv, folder.path());
            command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
            command.arg(&prlimit).arg(format!("--nproc={limit}"));
            command.arg(&program).args(args);
            let output = ended(&mut command, Duration::from_secs(20));
            let err = text(&output.stderr);
            assert!(!err.contains("panicked"), "{args:?} {limit}: {err}");
            let code = output.status.code();
            let is_end = matches!(code, Some(0 | 1));
            assert!(is_end, "{args:?} {limit}: {code:?} {err}");
            if limit == 1 {
                assert!(err.starts_with("dtop: no thread can be started: "), "{err}");
                assert_eq!((err.lines().count(), code), (1, Some(1)), "{args:?}: {err}");
            }
        }
    }
    Ok(())
}

/// How much time of a processor a command takes at best: other programs may hold it up.
fn best(mut command: impl FnMut() -> Command) -> Duration {
    let once = |_| {
        let command = command();
        let mut shell = Command::new("sh");
        // The last line is what its children took, in user mode and in the system.
        shell.args(["-c", "\"$0\" \"$@\" > /dev/null && times"]);
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let times = said.lines().last().unwrap_or_default();
        times.split_whitespace().map(seconds).sum()
    };
    (0..3).map(once).min().unwrap()
}

/// Reads `0m0.250000s`.
fn seconds(time: &str) -> Duration {
    let (minutes, seconds) = time.trim_end_matches('s').split_once('m').expect(time);
    let number = |text: &str| text.parse::<f64>().expect("a number");
    Duration::from_secs_f64(number(minutes) * 60.0 + number(seconds))
}

fn five_thousand_rules_cost_little() {
    let measure = |rules: usize| {
        let folder = TempDir::new().unwrap();
        let mut config = "protect = [\n".to_owned();
        for at in 0..rules {
            let rule = match at % 6 {
                0 => format!("=prod-{at}:*"),
                1 => format!("project:shop-{at}"),
                2 => format!("label:keep=team-{at}"),
                3 => format!("registry.example/team-{at}/"),
                4 => format!("/^svc-{at}(-x)?$/"),
                _ => format!("-is:unused web-{at}"),
            };
            writeln!(config, "\"{rule}\",").unwrap();
        }
        config.push_str("]\n");
        let at = folder.path().join("config/dtop");
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("config.toml"), config).unwrap();
        best(|| {
            let mut command = command(folder.path());
            command.args(["--demo", "report", "--json"]);
            command
        })
    };
    let (without, with) = (measure(0), measure(5_000));
    let cost = with.saturating_sub(without);
    println!("5,000 rules: {cost:?} ({without:?} without)");
    // A build for tests is not held to what the program takes.
    let bound = if is_release_build() { 100 } else { 4_000 };
    assert!(cost <= Duration::from_millis(bound), "{cost:?}");
}

/// Under cron and systemd there may be no HOME: the list of users says where it is, here one of the test's own.
fn without_a_home_the_journal_is_where_the_list_of_users_says(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("go", 1_000);
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let users = folder.path().join("passwd");
    fs::write(&users, format!("root:x:0:0::{}:/bin/sh\n", home.display())).unwrap();
    let run = |args: &str| {
        let script = format!(
            "mount --bind {} /etc/passwd && exec {} {args}",
            users.display(),
            Path::new(&dtop()).display()
        );
        let mut command = Command::new("unshare");
        command.env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["--mount", "sh", "-c", &script]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{args}: {}", text(&output.stderr));
        output
    };
    let host = engine.host();
    let clean = run(&format!("-H {host} clean --yes --volumes =go"));
    assert_eq!(text(&clean.stderr), "", "it is written down");
    assert!(home.join(".local/state/dtop/journal.jsonl").exists());
    let history = run("history --json");
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    let names: Vec<_> = history["entries"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 1, "{history}");
    assert_eq!(names[0]["id"], "go", "{history}");
    assert_eq!(names[0]["outcome"], "removed", "{history}");
}

/// The engine compares the real path of a volume with where it keeps them, and refuses each (moby#39446).
fn volumes_behind_a_link_are_refused_and_their_disk_is_shown(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    scene.volume("data", 9_000);
    engine.kill();
    let elsewhere = TempDir::new().unwrap();
    let (volumes, moved) = (
        engine.root().join("volumes"),
        elsewhere.path().join("moved"),
    );
    let output = Command::new("cp")
        .arg("-a")
        .args([&volumes, &moved])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    fs::remove_dir_all(&volumes).unwrap();
    symlink(&moved, &volumes).unwrap();
    engine.start_again();

    let folder = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let mut command = command(folder.path());
        let output = command.args(["-H", &engine.host()]).args(args).output();
        let output = output.unwrap();
        let out: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), out, text(&output.stderr))
    };
    let (code, report, err) = run(&["report", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let size = &report["volumes"][0]["size"];
    assert!(size.as_u64().is_some_and(|size| size >= 9_000), "{report}");
    let (code, plan, err) = run(&["plan", "--json", "--volumes", "=data"]);
    assert_eq!((code, &plan["frees"]), (Some(0), &0.into()), "{err}");
    assert_eq!(plan["steps"], Value::Array(Vec::new()), "{plan}");
    let why = plan["refused"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("through a link (volumes)"), "{plan}");
    assert!(why.contains("mount --bind"), "what helps: {plan}");
    let (code, clean, err) = run(&["clean", "--yes", "--json", "--volumes", "=data"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(clean["done"], Value::Array(Vec::new()), "{clean}");
    assert!(moved.join("data").exists());
    // True it is: the engine refuses.
    let (status, words) = engine.request("DELETE", "/volumes/data");
    assert_eq!(status, 500, "{words}");
}

/// Each start looks for what is in hand; what belongs to other engines stays open for ever.
fn hundreds_of_thousands_of_open_intents_cost_little(engine: &PrivateEngine) {
    let number = if is_release_build() { 300_000 } else { 30_000 };
    let measure = |number: usize| {
        let folder = TempDir::new().unwrap();
        let at = folder.path().join("state/dtop");
        fs::create_dir_all(&at).unwrap();
        let mut lines = String::new();
        for at in 0..number {
            writeln!(
                lines,
                "{{\"line\":\"intent\",\"run\":\"1-{:x}-0\",\"number\":{at},\"time\":\"2026-11-30T10:00:00Z\",\
                 \"host\":\"ssh://web-3\",\"engine\":\"OTHER:ONE\",\"kind\":\"image\",\"id\":\"sha256:{at:064x}\",\
                 \"name\":\"app:{at}\",\"names\":[\"app:{at}\"],\"digests\":[],\"parents\":[],\"size\":1000,\
                 \"labels\":{{}},\"created\":null,\"comes_back\":\"no\",\"saved\":null}}",
                at % 7
            )
            .unwrap();
        }
        let journal = at.join("journal.jsonl");
        fs::write(&journal, lines).unwrap();
        fs::set_permissions(&journal, PermissionsExt::from_mode(0o600)).unwrap();
        best(|| {
            let mut command = command(folder.path());
            command.args(["-H", &engine.host(), "clean", "--yes", "--volumes", "=none"]);
            command
        })
    };
    let (without, with) = (measure(0), measure(number));
    let cost = with.saturating_sub(without);
    println!("{number} open intents: {cost:?} ({without:?} without)");
    let bound = if is_release_build() { 500 } else { 4_000 };
    assert!(cost <= Duration::from_millis(bound), "{cost:?}");
}

/// What a report finds that Docker does not count: cause, bytes and advice.
fn unexplained(engine: &PrivateEngine) -> Vec<(String, u64, String)> {
    let folder = TempDir::new().unwrap();
    let mut command = command(folder.path());
    let output = command.args(["-H", &engine.host(), "report", "--json"]);
    let output = output.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["build_cache"], Value::Array(Vec::new()), "{report}");
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = report["unexplained"].as_array().expect("a list").iter();
    let rows = rows.map(|row| {
        let bytes = row["bytes"].as_u64().unwrap_or_default();
        (word(row, "cause"), bytes, word(row, "advice"))
    });
    rows.collect()
}

fn bytes_of(rows: &[(String, u64, String)], cause: &str) -> u64 {
    let own = rows.iter().filter(|(it, ..)| it == cause);
    own.map(|(_, bytes, _)| bytes).sum()
}

/// Kubelet keeps its images in the same containerd. Nothing that dtop says of them may lose one.
fn images_of_another_namespace_are_a_cause_of_their_own(engine: &PrivateEngine) {
    const BYTES: u64 = 3_000_000;
    let scene = Scene::on(engine);
    scene.import("kube:1", |root| {
        let noise: Vec<u8> = (0..BYTES)
            .map(|at| at.wrapping_mul(at) / 7 % 251)
            .map(|it| u8::try_from(it).unwrap_or(0))
            .collect();
        fs::write(root.join("file"), noise).expect("a file");
    });
    let archive = engine.folder().join("kube.tar");
    engine.docker(&["save", "--output", archive.to_str().unwrap(), "kube:1"]);
    let ctr = on_path("ctr").expect("containerd's client");
    let output = Command::new(ctr)
        .arg("--address")
        .arg(engine.folder().join("containerd.sock"))
        .args(["--namespace", "k8s.io", "images", "import"])
        .arg(&archive)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    engine.docker(&["rmi", "kube:1"]);
    let rows = unexplained(engine);
    let found = bytes_of(&rows, "other_namespace");
    assert!(found >= BYTES, "{rows:?}");
    for cause in ["unreferenced_layers", "leases", "other_store", "other"] {
        assert!(bytes_of(&rows, cause) < 1_000_000, "{cause}: {rows:?}");
    }
    for (_, _, advice) in rows.iter().filter(|(it, ..)| it == "other_namespace") {
        for word in ["prune", "data-root", "docker"] {
            assert!(!advice.contains(word), "{advice}");
        }
    }
}

/// The builder's history and the databases stay: nobody is sent to prune once more for them.
fn what_stays_after_all_was_pruned_is_said_to_stay(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    if engine.has_buildx() {
        let steps = "FROM base:1\nRUN true # something\n";
        scene.build(Builder::BuildKit, "built:1", steps);
        engine.docker(&["rmi", "built:1"]);
        engine.docker(&["builder", "prune", "--all", "--force"]);
    } else {
        println!("no buildx here: only the databases are looked at");
    }
    let rows = unexplained(engine);
    let advice = |cause: &str| -> Vec<&str> {
        let own = rows.iter().filter(|(it, ..)| it == cause);
        own.map(|(_, _, advice)| &**advice).collect()
    };
    assert!(bytes_of(&rows, "databases") > 0, "{rows:?}");
    for advice in advice("databases") {
        assert!(advice.contains("never shrink"), "{advice}");
    }
    if engine.has_buildx() {
        assert!(bytes_of(&rows, "buildkit") > 0, "{rows:?}");
    }
    for advice in advice("buildkit") {
        assert!(
            advice.contains("stays when docker builder prune"),
            "{advice}"
        );
    }
}
