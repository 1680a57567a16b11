//! A user who may use the engine's socket and not its folder, as a user of the docker group: how full the disk is may
//! be known, and no other disk is taken for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Completion;
use serde_json::Value;
use tempfile::TempDir;

use support::daemon::Daemon;
use support::engine::{PrivateEngine, Setup, Store, run};
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing, Podman, Programs};
use support::scene::Scene;
use support::small_disk::SmallDisk;
use support::sshd::{Manner, Sshd};
use support::{dtop, trial};

/// nobody, who is no member of any group but the socket's.
const NOBODY: u32 = 65534;
const MB: u64 = 1_000_000;

type Test = (&'static str, fn(&Setup) -> Result<(), Missing>);

const TESTS: &[Test] = &[
    ("report_plan_clean_and_a_target", report_plan_clean),
    ("a_disk_of_the_volumes_own", a_disk_of_the_volumes_own),
    ("a_socket_of_another_machine", a_socket_of_another_machine),
    (
        "an_engine_that_sees_other_folders",
        an_engine_that_sees_other_folders,
    ),
];

fn main() -> ExitCode {
    let mut setups = vec![Programs::installed()];
    setups.extend(Programs::all().into_iter().next_back());
    let docker = setups
        .into_iter()
        .map(|programs| programs.map(|programs| Setup::Docker(programs, Store::GraphDriver)));
    let podman = Podman::installed().map(Setup::Podman);
    let mut trials = Vec::new();
    for setup in docker.chain([podman]) {
        let label = setup.as_ref().map_or("none".to_owned(), Setup::label);
        for &(name, test) in TESTS {
            let setup = setup.clone();
            trials.push(trial::of(
                format!("{label}::{name}"),
                Length::Long,
                move || match setup.and_then(|setup| test(&setup)) {
                    Ok(()) => Ok(Completion::Completed),
                    Err(missing) => trial::without_engine(&missing),
                },
            ));
        }
    }
    trial::run_waiting(trials, 2)
}

/// An engine on a filesystem of its own, behind a socket that a group may use.
struct Shared {
    // Before the disk that it is on.
    engine: PrivateEngine,
    group: u32,
    disk: SmallDisk,
}

impl Shared {
    fn start(setup: &Setup) -> Result<Self, Missing> {
        let disk = SmallDisk::new(600 * MB, 0)?;
        open_way(disk.path().parent().unwrap());
        let engine = PrivateEngine::start_in(setup, &[], disk.path())?;
        let group = share(&engine);
        Ok(Self {
            engine,
            group,
            disk,
        })
    }

    fn nobody(&self, args: &[&str]) -> Output {
        nobody(&self.engine.host(), self.group, args)
    }

    fn report(&self) -> Value {
        json(&self.nobody(&["report", "--json"]))
    }
}

/// Lets a group use the socket, and everybody go to it, but not into the engine's data.
fn share(engine: &PrivateEngine) -> u32 {
    open_way(engine.folder());
    let socket = engine.socket();
    let group = fs::metadata(&socket).unwrap().gid();
    let group = if group == 0 { 4242 } else { group };
    chown(&socket, None, Some(group)).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o660)).unwrap();
    fs::set_permissions(engine.root(), Permissions::from_mode(0o710)).unwrap();
    group
}

fn open_way(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
}

/// Runs dtop as nobody, with the group of a socket.
fn nobody(host: &str, group: u32, args: &[&str]) -> Output {
    let home = home();
    let mut command = Command::new("setpriv");
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    let (user, group) = (NOBODY.to_string(), group.to_string());
    command.args(["--reuid", &user, "--regid", &group, "--clear-groups"]);
    command.arg(dtop()).args(["-H", host]).args(args);
    command.env("HOME", home.path()).stdin(Stdio::null());
    command
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME");
    command.output().unwrap()
}

fn home() -> TempDir {
    let home = tempfile::Builder::new()
        .prefix("dtop-nobody-")
        .tempdir_in("/tmp")
        .unwrap();
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    home
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn report_plan_clean(setup: &Setup) -> Result<(), Missing> {
    let shared = Shared::start(setup)?;
    let scene = Scene::on(&shared.engine);
    scene.import("old:1", |root| {
        fs::write(root.join("data"), noise(40 * MB)).unwrap();
    });
    scene.volume("spare", 7_000);
    let report = shared.report();
    assert_eq!(report["engine"]["local"], false);
    let root = shared.engine.root();
    let disks = report["disks"].as_array().unwrap();
    assert_eq!(disks.len(), 1, "{disks:?}");
    assert_eq!(disks[0]["path"], root.to_str().unwrap());
    assert_eq!(disks[0]["total"], shared.disk.total());
    assert!(
        disks[0]["free"]
            .as_u64()
            .unwrap()
            .abs_diff(shared.disk.available())
            < MB
    );
    assert_eq!(report["failed"], Value::Array(Vec::new()));
    for unknown in [
        &report["logs"],
        &report["unexplained"],
        &report["totals"]["unexplained"],
    ] {
        assert_eq!(*unknown, Value::Null);
    }
    let old = scene.name("old:1");
    let filter = format!("={old}");
    let plan = json(&shared.nobody(&["plan", "--images", &filter, "--json"]));
    assert!(
        plan["steps"]
            .as_array()
            .is_some_and(|steps| steps.len() == 1),
        "{plan}"
    );
    let target = shared.disk.available() + 5 * MB;
    let until = [
        "clean",
        "--until-free",
        &target.to_string(),
        "--images",
        "is:unused",
        "--yes",
    ];
    let until: Vec<String> = until.map(str::to_owned).to_vec();
    let until: Vec<&str> = until.iter().map(String::as_str).collect();
    let cleaned = shared.nobody(&until);
    assert_eq!(cleaned.status.code(), Some(0), "{}", words(&cleaned));
    wait_until("room", || shared.disk.available() >= target);
    let idle = shared.nobody(&["clean", "--until-free", &(target - MB).to_string(), "--yes"]);
    assert_eq!((idle.status.code(), words(&idle)), (Some(0), String::new()));
    // Whoever may not use the socket may know nothing.
    let refused = nobody(&shared.engine.host(), NOBODY, &["report"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        words(&refused).contains("permission denied"),
        "{}",
        words(&refused)
    );
    Ok(())
}

/// Volumes on a filesystem that is mounted below the root, and found at another place, too, or at none.
fn a_disk_of_the_volumes_own(setup: &Setup) -> Result<(), Missing> {
    let shared = Shared::start(setup)?;
    let beside = SmallDisk::new(200 * MB, 0)?;
    shared.engine.kill();
    let volumes = shared.engine.root().join("volumes");
    fs::create_dir_all(&volumes).unwrap();
    run(Command::new("mount")
        .arg("--bind")
        .arg(beside.path())
        .arg(&volumes));
    shared.engine.start_again();
    share(&shared.engine);
    Scene::on(&shared.engine).volume("data", 7_000);
    open_way(beside.path().parent().unwrap());
    let report = shared.report();
    let totals = |report: &Value| -> Vec<u64> {
        let disks = report["disks"].as_array().unwrap().iter();
        disks.map(|disk| disk["total"].as_u64().unwrap()).collect()
    };
    assert_eq!(
        totals(&report),
        [shared.disk.total(), beside.total()],
        "{}",
        report["disks"]
    );
    assert_eq!(report["disks"][1]["path"], volumes.to_str().unwrap());

    fs::set_permissions(
        beside.path().parent().unwrap(),
        Permissions::from_mode(0o700),
    )
    .unwrap();
    let report = shared.report();
    assert_eq!(
        totals(&report),
        [shared.disk.total()],
        "{}",
        report["disks"]
    );
    assert_eq!(
        report["failed"].as_array().map(Vec::len),
        Some(1),
        "{}",
        report["failed"]
    );
    assert_eq!(report["failed"][0]["stage"], "disks");
    let text = words(&shared.nobody(&["report"]));
    let line = text
        .lines()
        .find(|line| line.starts_with(volumes.to_str().unwrap()));
    assert!(
        line.is_some_and(|line| line.contains("may not ask")),
        "{text}"
    );
    for target in ["1mb", "590mb", "50%"] {
        let cleaned = shared.nobody(&["clean", "--until-free", target, "--yes"]);
        assert_eq!(cleaned.status.code(), Some(1), "{}", words(&cleaned));
        assert!(
            words(&cleaned).contains(volumes.to_str().unwrap()),
            "{}",
            words(&cleaned)
        );
    }
    Ok(())
}

/// An engine in namespaces of its own, as on another machine, behind sockets that lead there.
fn a_socket_of_another_machine(setup: &Setup) -> Result<(), Missing> {
    let setup = within(setup, "--uts --net", "hostname elsewhere")?;
    let shared = Shared::start(&setup.setup)?;
    let none = |host: &str, group: u32, reason: &str| {
        let output = nobody(host, group, &["report", "--json"]);
        let report = json(&output);
        assert_eq!(
            report["disks"],
            Value::Array(Vec::new()),
            "{host}: {report}"
        );
        assert_eq!(report["failed"], Value::Array(Vec::new()));
        let output = nobody(host, group, &["clean", "--until-free", "1mb", "--yes"]);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(
            words(&output).contains(reason),
            "{reason}: {}",
            words(&output)
        );
    };
    // A mount of the other machine's socket.
    none(&shared.engine.host(), shared.group, "another machine");
    // Forwarded by the user, and by root.
    let sshd = Sshd::start(&Manner::default())?;
    open_way(sshd.folder());
    let place = home();
    let (_ours, socket) = forward(&sshd, place.path(), &shared.engine, true)?;
    none(
        &format!("unix://{}", socket.display()),
        NOBODY,
        "user 65534 listens",
    );
    let (_roots, socket) = forward(&sshd, place.path(), &shared.engine, false)?;
    none(
        &format!("unix://{}", socket.display()),
        NOBODY,
        "ssh carries",
    );
    Ok(())
}

/// `ssh -L` of an engine's socket, by nobody or by root, to a socket that everybody may use.
fn forward(
    sshd: &Sshd,
    place: &Path,
    engine: &PrivateEngine,
    by_nobody: bool,
) -> Result<(Daemon, PathBuf), Missing> {
    let (socket, key) = (place.join(format!("{by_nobody}.sock")), place.join("key"));
    let _ = fs::remove_file(&key);
    fs::copy(sshd.path("key"), &key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let mut ssh = if by_nobody {
        chown(&key, Some(NOBODY), Some(NOBODY)).unwrap();
        let mut ssh = Command::new("setpriv");
        ssh.args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "ssh",
        ]);
        ssh
    } else {
        Command::new("ssh")
    };
    ssh.arg("-F")
        .arg(sshd.path("ssh_config"))
        .arg("-i")
        .arg(&key);
    ssh.args(["-N", "-o", "StreamLocalBindMask=0111", "-L"]);
    ssh.arg(format!(
        "{}:{}",
        socket.display(),
        engine.socket().display()
    ))
    .arg("box");
    let daemon = Daemon::start(ssh, place, || socket.exists())?;
    Ok((daemon, socket))
}

/// As an engine in a container that has the host's name: it means another folder than the one here.
fn an_engine_that_sees_other_folders(setup: &Setup) -> Result<(), Missing> {
    let hidden = r#"for word; do case $word in */data) mkdir -p "$word"; mount -t tmpfs none "$word";; esac; done"#;
    let setup = within(setup, "--mount", hidden)?;
    let shared = Shared::start(&setup.setup)?;
    let output = shared.nobody(&["report", "--json"]);
    assert_eq!(json(&output)["disks"], Value::Array(Vec::new()));
    let output = shared.nobody(&["clean", "--until-free", "1mb", "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(
        words(&output).contains("sees another folder"),
        "{}",
        words(&output)
    );
    Ok(())
}

/// A setup whose server runs in namespaces of its own, after a script there.
struct Within {
    setup: Setup,
    _folder: TempDir,
}

fn within(setup: &Setup, namespaces: &str, script: &str) -> Result<Within, Missing> {
    let folder = tempfile::tempdir_in("/tmp").map_err(|e| Missing(e.to_string()))?;
    let wrapped = |program: &Path| {
        let wrapper = folder.path().join(program.file_name().unwrap());
        let text = format!(
            "#!/bin/sh\nexec unshare {namespaces} sh -c '{script}\nexec {} \"$@\"' sh \"$@\"\n",
            program.display()
        );
        fs::write(&wrapper, text).unwrap();
        fs::set_permissions(&wrapper, Permissions::from_mode(0o755)).unwrap();
        wrapper
    };
    let setup = match setup {
        Setup::Docker(programs, store) => {
            let dockerd = wrapped(&programs.dockerd);
            let programs = Programs {
                dockerd,
                ..programs.clone()
            };
            Setup::Docker(programs, *store)
        }
        Setup::Podman(podman) => Setup::Podman(Podman {
            program: wrapped(&podman.program),
            ..podman.clone()
        }),
    };
    Ok(Within {
        setup,
        _folder: folder,
    })
}

/// Bytes that no filesystem makes less of.
fn noise(bytes: u64) -> Vec<u8> {
    let mut random = support::random::Random::new(bytes);
    (0..bytes / 8)
        .flat_map(|_| random.next().to_le_bytes())
        .collect()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "waited for {what}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}
