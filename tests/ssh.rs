//! ssh as people have it: settings for their own sessions, hosts that let a login do little, and what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Completion;
use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use support::engine::{PrivateEngine, Store};
use support::length::Length;
use support::program::{Missing, Programs, on_path};
use support::pty::Screen;
use support::scene::Scene;
use support::sshd::{self, Manner, Sshd};
use support::trial;

type OverSsh = (&'static str, fn(&PrivateEngine) -> Result<(), Missing>);

const TESTS: &[OverSsh] = &[
    (
        "settings_for_ones_own_sessions",
        settings_for_ones_own_sessions,
    ),
    ("an_older_ssh_is_told_less", an_older_ssh),
    ("a_banner_is_no_reason", a_banner_is_no_reason),
    ("a_login_without_a_shell", a_login_without_a_shell),
    ("a_shell_that_prints_at_login", a_shell_that_prints),
    ("few_sessions", few_sessions),
    (
        "a_login_that_hangs_ends_and_leaves_nothing",
        a_login_that_hangs,
    ),
    ("killed_before_and_after_it_is_in", killed_before_and_after),
];

fn main() -> ExitCode {
    let trials = TESTS.iter().map(|&(name, test)| {
        trial::of(name, Length::Short, move || {
            let engine = programs().and_then(|it| PrivateEngine::start(&it, Store::GraphDriver));
            match engine.and_then(|engine| test(&engine)) {
                Ok(()) => Ok(Completion::Completed),
                Err(missing) => trial::without_engine(&missing),
            }
        })
    });
    trial::run_waiting(trials.collect(), 4)
}

fn programs() -> Result<Programs, Missing> {
    let all = Programs::all();
    all.into_iter()
        .next_back()
        .expect("at least why there is none")
}

/// What stands in a user's settings for their own sessions at this host.
fn settings(sshd: &Sshd) -> Vec<String> {
    let taken = sshd.port();
    let mux = sshd.path("mux").display().to_string();
    [
        "RemoteCommand sudo -i\nRequestTTY force",
        "RemoteCommand tmux attach\nRequestTTY yes",
        "ForkAfterAuthentication yes",
        "ForkAfterAuthentication yes\nStdinNull yes\nSessionType none",
        "SessionType none",
        "SessionType subsystem",
        "StdinNull yes",
        "PermitLocalCommand yes\nLocalCommand sleep 60",
        "PermitLocalCommand yes\nLocalCommand printf hello",
        "ForwardX11 yes\nForwardX11Trusted no",
        "Tunnel point-to-point",
        "LogLevel QUIET",
        "LogLevel DEBUG3",
        "StreamLocalBindMask 0777",
        "VisualHostKey yes\nEscapeChar none",
        "IgnoreUnknown UseKeychain\nUseKeychain yes",
        "UpdateHostKeys ask",
        "ConnectionAttempts 100\nConnectTimeout 1000",
        "BatchMode yes",
        "Compression yes\nRekeyLimit 1M\nServerAliveInterval 1\nServerAliveCountMax 1",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        format!("ControlMaster auto\nControlPath {mux}\nControlPersist 10m"),
        format!("ControlMaster autoask\nControlPath {mux}\nControlPersist yes"),
        format!("LocalForward {taken} localhost:1\nExitOnForwardFailure yes"),
        format!("DynamicForward {taken}\nGatewayPorts yes\nExitOnForwardFailure yes"),
        format!("RemoteForward {taken} localhost:1\nExitOnForwardFailure yes"),
    ])
    .collect()
}

fn settings_for_ones_own_sessions(engine: &PrivateEngine) -> Result<(), Missing> {
    let sshd = Sshd::start(&Manner::default())?;
    let url = sshd::url(&engine.socket());
    for lines in settings(&sshd) {
        sshd.prefer(&lines);
        let report = report(&sshd, &url).map_err(|error| format!("{lines}: {error}"));
        assert_eq!(
            report.unwrap()["engine"]["root"],
            engine.root().to_str().unwrap(),
            "{lines}"
        );
        assert_nothing_left(&sshd, &lines);
    }
    // What goes wrong is told all the same, and who is believed stays the user's.
    let key = sshd.path("key.pub");
    for lines in ["LogLevel QUIET", "LogLevel DEBUG3\nVisualHostKey yes"] {
        sshd.prefer(&format!(
            "{lines}\nIdentityFile {}",
            sshd.path("host_key").display()
        ));
        sshd.set("IdentityFile", &sshd.path("none").display().to_string());
        let error = report(&sshd, &url).unwrap_err();
        assert!(
            error.contains("Permission denied (publickey)"),
            "{lines}: {error}"
        );
        sshd.set("IdentityFile", &sshd.path("key").display().to_string());
    }
    let other = fs::read_to_string(key).unwrap();
    let changed = format!("[127.0.0.1]:{} {other}", sshd.port());
    fs::write(sshd.path("known_hosts"), changed).unwrap();
    sshd.prefer("LogLevel QUIET");
    let error = report(&sshd, &url).unwrap_err();
    assert!(error.contains("key is not the one"), "{error}");
    assert_nothing_left(&sshd, "what goes wrong");
    Ok(())
}

/// An ssh of before 8.7, of before 7.6, and one that knows nothing of what came since 6.7.
fn an_older_ssh(engine: &PrivateEngine) -> Result<(), Missing> {
    let sshd = Sshd::start(&Manner::default())?;
    let url = sshd::url(&engine.socket());
    let since = [
        "SessionType|ForkAfterAuthentication|StdinNull",
        "RemoteCommand",
        "UpdateHostKeys",
        "StreamLocalBindMask",
    ];
    let wrapper = fs::read_to_string(sshd.path("bin/ssh")).unwrap();
    for count in 1..=since.len() {
        let unknown = since[..count].join("|").replace('|', "=*|");
        let older = format!(
            "#!/bin/sh\nfor word; do case $word in {unknown}=*)\n\
             echo \"command-line: line 0: Bad configuration option: ${{word%%=*}}\" >&2\n\
             exit 255;; esac; done\n{}",
            wrapper.trim_start_matches("#!/bin/sh\n")
        );
        fs::write(sshd.path("bin/ssh"), older).unwrap();
        fs::set_permissions(sshd.path("bin/ssh"), PermissionsExt::from_mode(0o755)).unwrap();
        let report = report(&sshd, &url);
        assert!(report.is_ok(), "{unknown}: {report:?}");
        assert_nothing_left(&sshd, &unknown);
    }
    Ok(())
}

/// Words that would be taken for ssh's own, and an ordinary last line.
const BANNER: &str = "Host key verification failed.\nroot@box: Permission denied (publickey).\n\
    channel 0: open failed: connect failed: open failed\n*** Authorized use only ***\n";

fn a_banner_is_no_reason(engine: &PrivateEngine) -> Result<(), Missing> {
    let url = sshd::url(&engine.socket());
    let talks = |manner: Manner| {
        Sshd::start(&Manner {
            banner: Some(BANNER),
            ..manner
        })
    };
    let sshd = talks(Manner::default())?;
    assert!(report(&sshd, &url).is_ok());
    let error = report(&sshd, "ssh://box/none.sock").unwrap_err();
    assert!(error.contains("no socket /none.sock"), "{error}");
    sshd.prefer("HostKeyAlgorithms rsa-sha2-512");
    let error = report(&sshd, &url).unwrap_err();
    assert!(error.contains("no matching host key type"), "{error}");
    for (command, reason) in [
        ("/bin/false", "ends at once"),
        (
            "/usr/sbin/nologin",
            "This account is currently not available.",
        ),
        (
            "echo closed for repairs >&2; exit 1",
            "on the host: closed for repairs",
        ),
    ] {
        let sshd = talks(Manner {
            forwards: false,
            command: Some(command.to_owned()),
            ..Manner::default()
        })?;
        let error = report(&sshd, &url).unwrap_err();
        assert!(error.contains(reason), "{command}: {error}");
        assert!(!error.contains("Authorized use"), "{error}");
        assert_nothing_left(&sshd, command);
    }
    Ok(())
}

/// Forwarded sockets are no sessions: whoever may run nothing may use them.
fn a_login_without_a_shell(engine: &PrivateEngine) -> Result<(), Missing> {
    let url = sshd::url(&engine.socket());
    for command in ["/bin/false", "/usr/sbin/nologin", "exit 255"] {
        let command = Some(command.to_owned());
        let sshd = Sshd::start(&Manner {
            command,
            ..Manner::default()
        })?;
        assert!(report(&sshd, &url).is_ok(), "{:?}", report(&sshd, &url));
        assert_nothing_left(&sshd, "a login without a shell");
    }
    Ok(())
}

fn a_shell_that_prints(engine: &PrivateEngine) -> Result<(), Missing> {
    let scene = Scene::on(engine);
    scene.volume("spare", 7_000);
    let url = sshd::url(&engine.socket());
    for greeting in ["echo Welcome to box", "printf 'no end of line'", "seq 2000"] {
        for forwards in [true, false] {
            let sshd = Sshd::start(&Manner {
                forwards,
                command: Some(format!("{greeting}; exec sh -c \"$SSH_ORIGINAL_COMMAND\"")),
                programs: programs().map(|it| it.docker).into_iter().collect(),
                ..Manner::default()
            })?;
            let report = report(&sshd, &url);
            let report = report.unwrap_or_else(|error| panic!("{greeting}, {forwards}: {error}"));
            assert_eq!(report["volumes"][0]["name"], "spare");
            assert_nothing_left(&sshd, greeting);
        }
    }
    // Where nothing can be asked that is what is told.
    let docker = programs()?.docker;
    let sshd = Sshd::start(&Manner {
        forwards: false,
        command: Some(format!(
            "echo Welcome to box; exec {} --host={} system dial-stdio",
            docker.display(),
            engine.host()
        )),
        ..Manner::default()
    })?;
    let error = report(&sshd, "ssh://box").unwrap_err();
    assert!(
        error.contains("prints before the engine's words: Welcome to box"),
        "{error}"
    );
    assert_nothing_left(&sshd, "a greeting");
    Ok(())
}

fn few_sessions(engine: &PrivateEngine) -> Result<(), Missing> {
    let url = sshd::url(&engine.socket());
    let host = |sessions: u32, forwards: bool| {
        Sshd::start(&Manner {
            sessions,
            forwards,
            programs: programs().map(|it| it.docker).into_iter().collect(),
            ..Manner::default()
        })
    };
    for sessions in [0, 1] {
        let sshd = host(sessions, true)?;
        let report = report(&sshd, &url);
        let report = report.unwrap_or_else(|error| panic!("{sessions}: {error}"));
        assert_eq!(report["engine"]["root"], engine.root().to_str().unwrap());
        assert_nothing_left(&sshd, "few sessions");
    }
    for (sessions, reason) in [(0, "MaxSessions 0"), (1, "one session at a time")] {
        let sshd = host(sessions, false)?;
        let error = report(&sshd, &url).unwrap_err();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("AllowStreamLocalForwarding yes"), "{error}");
        assert_nothing_left(&sshd, reason);
    }
    Ok(())
}

/// Programs that never answer, on the way and beside it.
fn a_login_that_hangs(engine: &PrivateEngine) -> Result<(), Missing> {
    let url = sshd::url(&engine.socket());
    let sshd = Sshd::start(&Manner::default())?;
    let agent = sshd.path("agent");
    let _silent = std::os::unix::net::UnixListener::bind(&agent).unwrap();
    for lines in [
        "ProxyCommand sleep 600".to_owned(),
        "KnownHostsCommand /bin/sleep 600".to_owned(),
        format!("IdentityAgent {}\nIdentitiesOnly no", agent.display()),
    ] {
        sshd.prefer(&lines);
        let start = Instant::now();
        let error = report(&sshd, &url).unwrap_err();
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{lines}: {:?}",
            start.elapsed()
        );
        assert!(error.contains("ssh"), "{lines}: {error}");
        assert_nothing_left(&sshd, &lines);
    }
    Ok(())
}

fn killed_before_and_after(engine: &PrivateEngine) -> Result<(), Missing> {
    let url = sshd::url(&engine.socket());
    let host = Sshd::start(&Manner::default())?;
    let none = Sshd::start(&Manner {
        sessions: 0,
        ..Manner::default()
    })?;
    none.prefer("ControlMaster auto\nControlPersist 10m");
    let slow = Sshd::start(&Manner::default())?;
    slow.prefer("ProxyCommand sleep 600");
    for signal in [Signal::KILL, Signal::TERM, Signal::HUP] {
        for sshd in [&host, &none] {
            let mut screen = on_screen(sshd, &url);
            screen.wait_for("Images");
            assert!(sshd.running().iter().any(|line| line.contains(" -M ")));
            screen.signal(signal);
            screen.end();
            let what = format!("nothing to run after {signal:?}");
            wait_until(&what, || sshd.running().is_empty());
        }
        let report = slow.dtop(&["-H", &url, "report"]);
        let mut child = alone(&report).stderr(Stdio::null()).spawn().unwrap();
        let is_dtop = |line: &&String| line.contains("dtop -H") && !line.contains("setsid");
        wait_until("a login", || {
            slow.running().iter().any(|line| line.contains("sleep 600"))
        });
        let running = slow.running();
        let dtop = running.iter().find(is_dtop).expect("dtop");
        let pid = dtop.split(' ').next().and_then(|pid| pid.parse().ok());
        kill_process(pid.and_then(Pid::from_raw).unwrap(), signal).unwrap();
        child.wait().unwrap();
        let what = format!("nothing to run after {signal:?}");
        wait_until(&what, || slow.running().is_empty());
    }
    Ok(())
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

/// What a report over ssh says, or the one line that it could not try anything.
fn report(sshd: &Sshd, url: &str) -> Result<Value, String> {
    let mut command = alone(&sshd.dtop(&["-H", url, "report", "--json", "--fast"]));
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let error = String::from_utf8_lossy(&stderr).into_owned();
    if status.success() {
        return Ok(serde_json::from_slice(&stdout).unwrap());
    }
    assert_eq!(
        (status.code(), error.lines().count()),
        (Some(1), 1),
        "{error}"
    );
    Err(error)
}

/// Without the terminal that the tests may run at: nobody is asked.
fn alone(command: &Command) -> Command {
    let setsid = on_path("setsid").expect("util-linux");
    let mut alone = Command::new(setsid);
    alone
        .arg("--wait")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => alone.env(name, value),
            None => alone.env_remove(name),
        };
    }
    alone.stdin(Stdio::null());
    alone
}

fn assert_nothing_left(sshd: &Sshd, after: &str) {
    wait_until(&format!("nothing to run after: {after}"), || {
        sshd.running().is_empty()
    });
    assert_eq!(
        sshd.leftovers(),
        [""; 0].map(std::path::PathBuf::from),
        "{after}"
    );
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
