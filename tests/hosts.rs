//! Engines on other hosts, as the docker command reaches them: over ssh, over TLS, by a context.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Failed};
use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use support::STATE;
use support::daemon::Daemon;
use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::papers::{Authority, Good};
use support::program::{CALLERS_ENGINE, Missing, Programs, on_path};
use support::pty::Screen;
use support::scene::Scene;
use support::sshd::{self, Manner, PASSPHRASE, Sshd, free_port};
use support::trial;

type OverSsh = (&'static str, fn() -> Manner, fn(&PrivateEngine, &Sshd));
type Alone = (&'static str, fn(&Programs) -> Result<(), Missing>);

const OVER_SSH: &[OverSsh] = &[
    (
        "ssh_shows_what_the_socket_shows_and_the_hosts_disk",
        Manner::default,
        ssh_shows_what_the_socket_shows,
    ),
    (
        "without_forwarding_at_most_eight_sessions_carry_it",
        without_forwarding,
        eight_sessions_carry_it,
    ),
    (
        "a_host_that_neither_forwards_nor_has_docker_says_so",
        bare,
        a_bare_host_says_so,
    ),
    (
        "what_ssh_does_not_like_is_one_line",
        Manner::default,
        what_ssh_does_not_like,
    ),
    (
        "however_dtop_ends_ssh_ends_with_it",
        Manner::default,
        ssh_ends_with_dtop,
    ),
    (
        "a_passphrase_is_asked_for_before_the_screen_is_taken",
        Manner::default,
        a_passphrase_is_asked_for,
    ),
    (
        "a_login_that_breaks_off_is_made_again",
        Manner::default,
        a_login_is_made_again,
    ),
];

const ALONE: &[Alone] = &[
    (
        "tls_by_the_environment_and_what_is_wrong_with_it",
        tls_by_the_environment,
    ),
    ("an_engine_whose_certificate_has_expired", an_expired_engine),
    ("contexts_of_a_real_store", contexts_of_a_real_store),
    (
        "the_hosts_own_docker_settings_decide",
        the_hosts_settings_decide,
    ),
    ("podman_on_a_host_without_docker", podman_without_docker),
    (
        "a_host_that_runs_nothing_but_dial_stdio",
        nothing_but_dial_stdio,
    ),
];

/// What ends dtop.
type Ending = fn(&mut Screen);

fn main() -> ExitCode {
    let over_ssh = OVER_SSH.iter().map(|&(name, manner, test)| {
        trial::of(name, Length::Short, move || {
            let started = programs().and_then(|programs| {
                let sshd = Sshd::start(&manner())?;
                Ok((PrivateEngine::start(&programs, Store::GraphDriver)?, sshd))
            });
            match started {
                Ok((engine, sshd)) => test(&engine, &sshd),
                Err(missing) => return trial::without_engine(&missing),
            }
            Ok(Completion::Completed)
        })
    });
    let alone = ALONE.iter().map(|&(name, test)| {
        trial::of(
            name,
            Length::Short,
            move || -> Result<Completion, Failed> {
                match programs().and_then(|programs| test(&programs)) {
                    Ok(()) => Ok(Completion::Completed),
                    Err(missing) => trial::without_engine(&missing),
                }
            },
        )
    });
    trial::run_waiting(over_ssh.chain(alone).collect(), 2)
}

/// One engine is enough here: the newest of those that are unpacked, else the installed one.
fn programs() -> Result<Programs, Missing> {
    let all = Programs::all();
    all.into_iter()
        .next_back()
        .expect("at least why there is none")
}

fn without_forwarding() -> Manner {
    Manner {
        forwards: false,
        // Eight, and the login's own: one more would be refused.
        sessions: 9,
        programs: programs().map(|it| it.docker).into_iter().collect(),
        ..Manner::default()
    }
}

fn bare() -> Manner {
    Manner {
        forwards: false,
        bare: true,
        ..Manner::default()
    }
}

fn ssh_shows_what_the_socket_shows(engine: &PrivateEngine, sshd: &Sshd) {
    let scene = Scene::on(engine);
    scene.stopped("idle", 30_000, &[], "base:1");
    scene.volume("spare", 7_000);
    let url = sshd::url(&engine.socket());
    let here = json(dtop(&["-H", &engine.host(), "report", "--json"]));
    let there = json(sshd.dtop(&["-H", &url, "report", "--json"]));
    // Blocks are counted, and logs read, only where the engine is local.
    let listed = |report: &Value, part: &str| {
        let mut rows = report[part].as_array().cloned().unwrap();
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            for measured in ["log", "frees", "exact", "by"] {
                row.remove(measured);
            }
        }
        rows
    };
    for part in ["images", "containers", "volumes", "build_cache"] {
        assert_eq!(listed(&here, part), listed(&there, part), "{part}");
    }
    assert_eq!(listed(&there, "containers").len(), 1);
    for (part, length) in [("containers", 30_000), ("volumes", 7_000)] {
        let rows = |report: &Value| report[part][0].clone();
        let (blocks, estimate) = (rows(&here), rows(&there));
        assert_eq!(
            (&blocks["by"], &blocks["exact"]),
            (&"blocks".into(), &true.into())
        );
        assert!(blocks["frees"].as_u64() > Some(length), "{blocks}");
        assert_eq!(
            (&estimate["by"], &estimate["exact"]),
            (&"length".into(), &false.into())
        );
        assert_eq!(estimate["frees"], length, "{estimate}");
    }
    assert_eq!(there["engine"]["host"], url.as_str());
    assert_eq!(there["engine"]["why"], "-H");
    assert_eq!(there["engine"]["local"], false);
    // Asked there, where the engine's folder is; free space changes while one looks.
    assert_eq!(
        there["disks"].as_array().map(Vec::len),
        Some(1),
        "{}",
        there["disks"]
    );
    for part in ["path", "total", "inodes_total"] {
        assert_eq!(here["disks"][0][part], there["disks"][0][part], "{part}");
    }
    let free = |report: &Value| report["disks"][0]["free"].as_u64().unwrap();
    assert!(free(&here).abs_diff(free(&there)) < 1 << 30);
    assert_nothing_left(sshd);
}

fn eight_sessions_carry_it(engine: &PrivateEngine, sshd: &Sshd) {
    let scene = Scene::on(engine);
    for number in 0..24 {
        let name = format!("c{number}");
        scene.stopped(&name, 1_000, &[], "base:1");
    }
    let url = sshd::url(&engine.socket());
    let mut child = sshd
        .dtop(&["-H", &url, "report", "--json"])
        .stdout(fs::File::create(sshd.path("report.json")).unwrap())
        .stderr(fs::File::create(sshd.path("report.err")).unwrap())
        .spawn()
        .unwrap();
    let (mut most, mut masters) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        let lines = sshd.processes();
        let sessions = lines.iter().filter(|(_, line)| line.contains("dial-stdio"));
        most = most.max(sessions.count());
        masters = masters.max(
            lines
                .iter()
                .filter(|(_, line)| line.contains(" -M "))
                .count(),
        );
    }
    let errors = fs::read_to_string(sshd.path("report.err")).unwrap();
    let text = fs::read_to_string(sshd.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {errors}"));
    let sizes: Vec<&Value> = report["containers"].as_array().unwrap().iter().collect();
    assert_eq!(sizes.len(), 24);
    assert!(
        sizes.iter().all(|container| container["size"] == 1_000),
        "{text}"
    );
    assert!((1..=8).contains(&most), "{most} sessions");
    assert_eq!(masters, 1);
    assert_eq!(report["disks"].as_array().map(Vec::len), Some(1));
    assert_nothing_left(sshd);
}

fn a_bare_host_says_so(engine: &PrivateEngine, sshd: &Sshd) {
    let error = refused(sshd.dtop(&["-H", &sshd::url(&engine.socket()), "report"]));
    assert!(
        error.contains("forwards no socket") && error.contains("AllowStreamLocalForwarding"),
        "{error}"
    );
    assert_nothing_left(sshd);
}

fn what_ssh_does_not_like(engine: &PrivateEngine, sshd: &Sshd) {
    let socket = engine.socket();
    let url = sshd::url(&socket);
    let report = |url: &str| refused(sshd.dtop(&["-H", url, "report"]));
    let known = fs::read_to_string(sshd.path("known_hosts")).unwrap();

    // Another key than the known one.
    let other = fs::read_to_string(sshd.path("key.pub")).unwrap();
    let port = sshd.port();
    fs::write(
        sshd.path("known_hosts"),
        format!("[127.0.0.1]:{port} {other}"),
    )
    .unwrap();
    let error = report(&url);
    assert!(
        error.contains("key is not the one") && error.contains("ssh-keygen -R"),
        "{error}"
    );

    fs::write(sshd.path("known_hosts"), "").unwrap();
    let error = report(&url);
    assert!(error.contains("does not know the host's key"), "{error}");
    fs::write(sshd.path("known_hosts"), known).unwrap();

    let key = sshd.path("key").display().to_string();
    sshd.set("IdentityFile", &sshd.path("host_key").display().to_string());
    let error = report(&url);
    assert!(
        error.contains("Permission denied") && error.contains("ssh box"),
        "{error}"
    );
    sshd.set("IdentityFile", &key);

    let error = report("ssh://box/none/docker.sock");
    assert!(error.contains("no socket /none/docker.sock"), "{error}");
    let error = report(&format!("ssh://127.0.0.1:{}", free_port()));
    assert!(error.contains("Connection refused"), "{error}");
    let error = report("ssh://no-such-host.invalid");
    assert!(error.contains("Could not resolve hostname"), "{error}");

    // What would be an option, or a command, never gets as far as ssh.
    for url in [
        "ssh://-oProxyCommand=touch%20pwned/x",
        "ssh://-oProxyCommand=touch",
        "ssh://-lroot@box",
        "ssh://box;touch",
        "ssh://box:-p",
        "ssh://me:secret@box",
    ] {
        let ended = sshd.dtop(&["-H", url, "report"]).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{url}: {ended:?}");
        assert_eq!(
            String::from_utf8_lossy(&ended.stderr).lines().count(),
            1,
            "{url}"
        );
    }
    let both = sshd
        .dtop(&["-H", &url, "-c", "x", "report"])
        .output()
        .unwrap();
    assert_eq!(both.status.code(), Some(2));
    assert!(report(&url.replace("docker.sock", "none.sock")).contains("no socket"));
    assert_nothing_left(sshd);
}

fn ssh_ends_with_dtop(engine: &PrivateEngine, sshd: &Sshd) {
    let url = sshd::url(&engine.socket());
    let endings: [(&str, Ending); 4] = [
        ("q", |screen| screen.keys("q")),
        ("SIGTERM", |screen| screen.signal(Signal::TERM)),
        ("SIGHUP", |screen| screen.signal(Signal::HUP)),
        ("SIGKILL", |screen| screen.signal(Signal::KILL)),
    ];
    for (name, end) in endings {
        let mut screen = on_screen(sshd, &url);
        screen.wait_for("Images");
        let masters = sshd.processes();
        let is_master = |(_, line): &&(i32, String)| line.contains(" -M ");
        assert_eq!(masters.iter().filter(is_master).count(), 1, "{masters:?}");
        end(&mut screen);
        screen.end();
        wait_until(name, || sshd.processes().is_empty());
        // Nobody can clean up behind a kill but the next that comes.
        assert!(name == "SIGKILL" || sshd.leftovers().is_empty(), "{name}");
    }
    assert_eq!(sshd.leftovers().len(), 1);
    // A report that is ended while it waits.
    let mut child = sshd.dtop(&["-H", &url, "report"]).spawn().unwrap();
    wait_until("a login", || !sshd.processes().is_empty());
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let _ = kill_process(pid, Signal::TERM);
    child.wait().unwrap();
    wait_until("no login", || sshd.processes().is_empty());
    assert_nothing_left(sshd);
}

fn a_passphrase_is_asked_for(engine: &PrivateEngine, sshd: &Sshd) {
    sshd.set(
        "IdentityFile",
        &sshd.path("locked_key").display().to_string(),
    );
    let mut screen = on_screen(sshd, &sshd::url(&engine.socket()));
    screen.wait_for("Enter passphrase for key");
    assert!(!screen.look(vt100::Screen::alternate_screen));
    screen.send(format!("{PASSPHRASE}\r").as_bytes());
    screen.wait_for("Images");
    assert!(screen.look(vt100::Screen::alternate_screen));
    screen.wait_for("ssh://box");
    screen.keys("q");
    screen.end();
    assert_nothing_left(sshd);
    // Without a terminal nobody is asked, and nothing hangs.
    let error = refused(sshd.dtop(&["-H", &sshd::url(&engine.socket()), "report"]));
    assert!(error.contains("Permission denied"), "{error}");
}

fn a_login_is_made_again(engine: &PrivateEngine, sshd: &Sshd) {
    let scene = Scene::on(engine);
    let mut screen = on_screen(sshd, &sshd::url(&engine.socket()));
    screen.wait_for("base:1");
    let first = sshd.processes();
    assert!(!first.is_empty());
    sshd.cut();
    wait_until("the login to end", || {
        sshd.processes()
            .iter()
            .all(|process| !first.contains(process))
    });
    scene.volume("later", 1_000);
    screen.keys("3");
    screen.wait_for("later");
    screen.keys("q");
    screen.end();
    assert_nothing_left(sshd);
}

fn the_hosts_settings_decide(programs: &Programs) -> Result<(), Missing> {
    let engine = PrivateEngine::start(programs, Store::GraphDriver)?;
    let sshd = Sshd::start(&Manner {
        env: vec![("DOCKER_HOST", engine.host())],
        programs: vec![programs.docker.clone()],
        ..Manner::default()
    })?;
    Scene::on(&engine);
    let there = json(sshd.dtop(&["-H", "ssh://root@box", "report", "--json", "--fast"]));
    assert_eq!(there["engine"]["host"], "ssh://root@box");
    assert_eq!(there["engine"]["root"], engine.root().to_str().unwrap());
    assert_eq!(there["images"].as_array().map(Vec::len), Some(1));
    assert_nothing_left(&sshd);
    Ok(())
}

/// As with `command="docker system dial-stdio"` in `authorized_keys`.
fn nothing_but_dial_stdio(programs: &Programs) -> Result<(), Missing> {
    let engine = PrivateEngine::start(programs, Store::GraphDriver)?;
    let sshd = Sshd::start(&Manner {
        command: Some(format!("docker --host={} system dial-stdio", engine.host())),
        programs: vec![programs.docker.clone()],
        ..Manner::default()
    })?;
    Scene::on(&engine);
    let there = json(sshd.dtop(&["-H", "ssh://box", "report", "--json"]));
    assert_eq!(there["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(there["engine"]["root"], engine.root().to_str().unwrap());
    // Nobody is there to ask.
    assert_eq!(there["disks"], Value::Array(Vec::new()));
    assert_nothing_left(&sshd);
    let closed = Sshd::start(&Manner {
        command: Some("echo this account is closed >&2; exit 1".to_owned()),
        ..Manner::default()
    })?;
    let error = refused(closed.dtop(&["-H", "ssh://box", "report"]));
    assert!(
        error.contains("on the host: this account is closed"),
        "{error}"
    );
    assert_nothing_left(&closed);
    Ok(())
}

/// Once through its forwarded socket, once through its own command.
fn podman_without_docker(_: &Programs) -> Result<(), Missing> {
    let podman = on_path("podman").ok_or_else(|| Missing("no podman on PATH".into()))?;
    let place = tempfile::Builder::new()
        .prefix("dtop-podman-")
        .tempdir_in("/tmp")
        .unwrap();
    let socket = place.path().join("podman.sock");
    let mut service = Command::new(&podman);
    for (option, name) in [
        ("--root", "root"),
        ("--runroot", "run"),
        ("--tmpdir", "tmp"),
    ] {
        service.arg(option).arg(place.path().join(name));
    }
    service.args([
        "--storage-driver",
        "vfs",
        "system",
        "service",
        "--time",
        "0",
    ]);
    service.arg(format!("unix://{}", socket.display()));
    let _service = Daemon::start(service, place.path(), || {
        matches!(
            support::http::request(&socket, "GET", "/_ping"),
            Ok((200, _))
        )
    })?;
    for forwards in [true, false] {
        let sshd = Sshd::start(&Manner {
            forwards,
            bare: true,
            programs: vec![podman.clone()],
            ..Manner::default()
        })?;
        let report = ["-H", &sshd::url(&socket), "report", "--json", "--fast"];
        let there = json(sshd.dtop(&report));
        assert_eq!(there["engine"]["product"], "Podman");
        let root = place.path().join("root");
        assert_eq!(there["engine"]["root"], root.to_str().unwrap());
        assert_eq!(
            there["disks"][0]["path"],
            root.to_str().unwrap(),
            "{}",
            there["disks"]
        );
        assert_nothing_left(&sshd);
    }
    Ok(())
}

fn tls_by_the_environment(programs: &Programs) -> Result<(), Missing> {
    let place = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = ours.folder(place.path(), "server", Good::Now);
    let (_engine, url) = with_tls(programs, &server)?;
    let at = |folder: &Path, url: &str| {
        let mut command = dtop(&["-H", url, "report", "--json", "--fast"]);
        command
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", folder);
        command
    };
    let client = ours.folder(place.path(), "client", Good::Now);
    let report = json(at(&client, &url));
    assert_eq!(report["engine"]["host"], url.as_str());
    assert_eq!(report["disks"], Value::Array(Vec::new()));
    let says = |command: Command, words: &[&str]| {
        let error = refused(command);
        for word in words {
            assert!(error.contains(word), "{word}: {error}");
        }
    };
    let stranger = theirs.folder(place.path(), "stranger", Good::Now);
    says(at(&stranger, &url), &["not signed by", "stranger/ca.pem"]);
    let alone = ours.folder_without_pair(place.path(), "alone");
    says(
        at(&alone, &url),
        &["asks for a client certificate", "DOCKER_CERT_PATH"],
    );
    let expired = ours.folder(place.path(), "expired", Good::Before);
    says(at(&expired, &url), &["expired/cert.pem has expired"]);
    let foreign = theirs.folder(place.path(), "foreign", Good::Now);
    ours.folder_without_pair(place.path(), "foreign");
    says(at(&foreign, &url), &["does not accept", "foreign/cert.pem"]);
    says(
        at(&place.path().join("none"), &url),
        &["none/ca.pem", "DOCKER_CERT_PATH"],
    );
    let by_another_name = url.replace("127.0.0.1", "127.0.0.2");
    says(at(&client, &by_another_name), &["is not for 127.0.0.2"]);
    // Without TLS_VERIFY whoever answers is believed.
    let mut trusting = dtop(&["-H", &url, "report", "--json", "--fast"]);
    trusting
        .env("DOCKER_TLS", "1")
        .env("DOCKER_CERT_PATH", &client);
    fs::remove_file(client.join("ca.pem")).unwrap();
    assert_eq!(json(trusting)["engine"]["product"], "Docker");
    says(
        dtop(&["-H", &url, "report"]),
        &["speaks TLS", "DOCKER_TLS_VERIFY=1"],
    );
    Ok(())
}

fn an_expired_engine(programs: &Programs) -> Result<(), Missing> {
    let place = tempfile::tempdir().unwrap();
    let ours = Authority::new("ours");
    let server = ours.folder(place.path(), "server", Good::Before);
    let (_engine, url) = with_tls(programs, &server)?;
    let client = ours.folder(place.path(), "client", Good::Now);
    let mut command = dtop(&["-H", &url, "report"]);
    command
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", &client);
    let error = refused(command);
    assert!(
        error.contains("the engine's certificate has expired"),
        "{error}"
    );
    Ok(())
}

fn contexts_of_a_real_store(programs: &Programs) -> Result<(), Missing> {
    let place = tempfile::tempdir().unwrap();
    let ours = Authority::new("ours");
    let server = ours.folder(place.path(), "server", Good::Now);
    let (engine, url) = with_tls(programs, &server)?;
    let client = ours.folder(place.path(), "client", Good::Now);
    let config = place.path().join("config");
    let docker = |args: &[&str]| {
        let mut command = programs.command(&programs.docker);
        support::engine::run(command.env("DOCKER_CONFIG", &config).args(args));
    };
    let file = |name: &str| client.join(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
    let create = |name: &str, endpoint: &str| {
        docker(&["context", "create", name, "--docker", endpoint]);
    };
    create("plain", &format!("host={}", engine.host()));
    create("safe", &format!("host={url},ca={ca},cert={cert},key={key}"));
    create(
        "blind",
        &format!("host={url},cert={cert},key={key},skip-tls-verify=true"),
    );
    create("half", &format!("host={url},ca={ca}"));
    let reach = |args: &[&str]| {
        let mut command = dtop(args);
        command
            .env("DOCKER_CONFIG", &config)
            .args(["report", "--json", "--fast"]);
        command
    };
    // The context's own files are copies: the originals may go.
    fs::remove_dir_all(&client).unwrap();
    let engine_of = |command: Command| {
        let report = json(command);
        let text = |key: &str| report["engine"][key].as_str().unwrap().to_owned();
        (text("host"), text("why"))
    };
    let pair = |host: &str, why: &str| (host.to_owned(), why.to_owned());
    assert_eq!(
        engine_of(reach(&["-c", "safe"])),
        pair(&url, "context \"safe\"")
    );
    assert_eq!(
        engine_of(reach(&["-c", "blind"])),
        pair(&url, "context \"blind\"")
    );
    assert_eq!(
        engine_of(reach(&["-c", "plain"])),
        pair(&engine.host(), "context \"plain\"")
    );
    let error = refused(reach(&["-c", "half"]));
    assert!(error.contains("asks for a client certificate"), "{error}");
    let error = refused_with(2, reach(&["-c", "gone"]));
    assert!(error.contains("context \"gone\""), "{error}");
    docker(&["context", "use", "plain"]);
    assert_eq!(
        engine_of(reach(&[])),
        pair(&engine.host(), "context \"plain\"")
    );
    let mut named = reach(&[]);
    named.env("DOCKER_CONTEXT", "safe");
    assert_eq!(engine_of(named), pair(&url, "context \"safe\""));
    let mut both = reach(&[]);
    both.env("DOCKER_CONTEXT", "safe")
        .env("DOCKER_HOST", engine.host());
    assert_eq!(engine_of(both), pair(&engine.host(), "DOCKER_HOST"));
    let mut old = reach(&["-c", "plain"]);
    old.env("DOCKER_API_VERSION", "1.41");
    assert_eq!(json(old)["engine"]["api"], "1.41");
    Ok(())
}

/// An engine that also listens behind TLS, and its address.
fn with_tls(programs: &Programs, papers: &Path) -> Result<(PrivateEngine, String), Missing> {
    let url = format!("tcp://127.0.0.1:{}", free_port());
    // All of loopback, so that it can be reached by a name that is not in its certificate.
    let listens = url.replace("127.0.0.1", "0.0.0.0");
    let file = |name: &str| papers.join(name).display().to_string();
    let options = [
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("cert.pem")),
        format!("--tlskey={}", file("key.pem")),
        format!("--host={listens}"),
    ];
    let engine = PrivateEngine::start_with(
        &Setup::Docker(programs.clone(), Store::GraphDriver),
        &options,
    )?;
    Ok((engine, url))
}

fn dtop(args: &[&str]) -> Command {
    let mut command = Command::new(support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    command.args(args);
    command
}

fn on_screen(sshd: &Sshd, url: &str) -> Screen {
    let mut command = CommandBuilder::new(support::dtop());
    command.args(["-H", url]);
    let env = sshd.env();
    let env: Vec<(&str, &str)> = env
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Screen::start_program(command, &env, (24, 100))
}

fn json(mut command: Command) -> Value {
    let text = support::engine::run(&mut command);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The only line of a command that could not try anything.
fn refused(command: Command) -> String {
    refused_with(1, command)
}

fn refused_with(code: i32, mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(std::process::Stdio::null()).output().unwrap();
    let (said, error) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert_eq!(status.code(), Some(code), "{command:?}: {said}{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(said, "");
    error.into_owned()
}

fn assert_nothing_left(sshd: &Sshd) {
    // The master ends with dtop, a moment later.
    wait_until("the end of ssh", || sshd.processes().is_empty());
    assert_eq!(sshd.leftovers(), [""; 0].map(std::path::PathBuf::from));
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "waited for {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
