//! Settings and environments as nobody writes them on purpose, put together at random: a clear line or a working
//! program, never one that hangs, and nothing left behind. `DTOP_LONG=2` tries a thousand of each; `DTOP_SEED` others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Completion;
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;

use support::engine::{PrivateEngine, Store};
use support::length::Length;
use support::program::{Missing, Programs};
use support::random::Random;
use support::sshd::{self, Manner, Sshd};
use support::trial;

/// No answer takes longer, be it that there is none.
const LONGEST: Duration = Duration::from_secs(20);

type Hostile = (&'static str, fn(&PrivateEngine) -> Result<(), Missing>);

const TESTS: &[Hostile] = &[
    ("ssh_settings", ssh_settings),
    ("environments", environments),
];

fn main() -> ExitCode {
    let trials = TESTS.iter().map(|&(name, test)| {
        trial::of(name, Length::Short, move || {
            let programs = Programs::all().into_iter().next_back().expect("a reason");
            let engine = programs.and_then(|it| PrivateEngine::start(&it, Store::GraphDriver));
            match engine.and_then(|engine| test(&engine)) {
                Ok(()) => Ok(Completion::Completed),
                Err(missing) => trial::without_engine(&missing),
            }
        })
    });
    trial::run_waiting(trials.collect(), 2)
}

fn cases() -> usize {
    if Length::Search.is_asked_for() {
        1000
    } else {
        6
    }
}

fn seed() -> u64 {
    let seed = std::env::var("DTOP_SEED").ok();
    seed.and_then(|seed| seed.parse().ok()).unwrap_or(16)
}

/// Options of `ssh_config(5)` in OpenSSH 9.2, each with values that it takes. `@` is the host's folder.
const OPTIONS: &[(&str, &[&str])] = &[
    ("AddKeysToAgent", &["yes", "no", "ask", "confirm"]),
    ("AddressFamily", &["any", "inet", "inet6"]),
    ("BatchMode", &["yes", "no"]),
    ("BindAddress", &["127.0.0.1", "127.0.0.2", "192.0.2.1"]),
    ("CanonicalizeHostname", &["yes", "no", "always"]),
    ("CheckHostIP", &["yes", "no"]),
    (
        "Ciphers",
        &["aes128-ctr", "chacha20-poly1305@openssh.com", "3des-cbc"],
    ),
    ("ClearAllForwardings", &["yes", "no"]),
    ("Compression", &["yes", "no"]),
    ("ConnectionAttempts", &["1", "5", "1000"]),
    ("ConnectTimeout", &["1", "600", "none"]),
    ("ControlMaster", &["yes", "no", "ask", "auto", "autoask"]),
    ("ControlPath", &["none", "@/cm-%C", "@/cm"]),
    ("ControlPersist", &["yes", "no", "1", "10m"]),
    ("DynamicForward", &["0", "127.0.0.1:1"]),
    ("EscapeChar", &["~", "^B", "none"]),
    ("ExitOnForwardFailure", &["yes", "no"]),
    ("FingerprintHash", &["md5", "sha256"]),
    ("ForkAfterAuthentication", &["yes", "no"]),
    ("ForwardAgent", &["yes", "no", "@/agent", "$NOTHING"]),
    ("ForwardX11", &["yes", "no"]),
    ("ForwardX11Timeout", &["0", "1s"]),
    ("ForwardX11Trusted", &["yes", "no"]),
    ("GatewayPorts", &["yes", "no"]),
    ("GSSAPIAuthentication", &["yes", "no"]),
    ("HashKnownHosts", &["yes", "no"]),
    (
        "HostKeyAlgorithms",
        &["ssh-ed25519", "rsa-sha2-512", "+ssh-rsa"],
    ),
    ("HostKeyAlias", &["box", "another"]),
    (
        "HostName",
        &["127.0.0.1", "localhost", "nowhere.invalid", "%h.invalid"],
    ),
    ("IdentitiesOnly", &["yes", "no"]),
    (
        "IdentityAgent",
        &["none", "SSH_AUTH_SOCK", "@/agent", "@/none"],
    ),
    (
        "IdentityFile",
        &["@/key", "@/none", "@/locked_key", "none", "/dev/null"],
    ),
    ("IgnoreUnknown", &["UseKeychain", "*"]),
    ("IPQoS", &["lowdelay", "none", "af21 cs1"]),
    ("KbdInteractiveAuthentication", &["yes", "no"]),
    (
        "KexAlgorithms",
        &["curve25519-sha256", "diffie-hellman-group14-sha1"],
    ),
    (
        "KnownHostsCommand",
        &["none", "/bin/true", "/bin/false", "/bin/sleep 600"],
    ),
    (
        "LocalCommand",
        &["true", "sleep 600", "printf hello", "cat"],
    ),
    ("LocalForward", &["0 127.0.0.1:1", "@/taken 127.0.0.1:1"]),
    (
        "LogLevel",
        &[
            "QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG3",
        ],
    ),
    ("LogVerbose", &["none", "*:*:*"]),
    ("MACs", &["hmac-sha2-256", "umac-64@openssh.com"]),
    ("NoHostAuthenticationForLocalhost", &["yes", "no"]),
    ("NumberOfPasswordPrompts", &["1", "100"]),
    ("PasswordAuthentication", &["yes", "no"]),
    ("PermitLocalCommand", &["yes", "no"]),
    ("PermitRemoteOpen", &["any", "none"]),
    ("Port", &["1", "65535"]),
    (
        "PreferredAuthentications",
        &["publickey", "password,publickey", "keyboard-interactive"],
    ),
    (
        "ProxyCommand",
        &[
            "none",
            "false",
            "true",
            "sleep 600",
            "cat",
            "yes",
            "echo SSH-2.0-x",
        ],
    ),
    ("ProxyUseFdpass", &["yes", "no"]),
    (
        "PubkeyAuthentication",
        &["yes", "no", "unbound", "host-bound"],
    ),
    ("RekeyLimit", &["default none", "1M 1s", "64K"]),
    (
        "RemoteCommand",
        &["none", "sudo -i", "true", "exec cat", "sleep 600"],
    ),
    ("RemoteForward", &["0 127.0.0.1:1", "1"]),
    ("RequestTTY", &["yes", "no", "force", "auto"]),
    ("RequiredRSASize", &["1024", "16384"]),
    ("RevokedHostKeys", &["none", "/dev/null", "@/none"]),
    ("SendEnv", &["*", "LANG LC_*", "-*"]),
    ("ServerAliveCountMax", &["0", "1", "3"]),
    ("ServerAliveInterval", &["0", "1", "600"]),
    ("SessionType", &["none", "subsystem", "default"]),
    (
        "SetEnv",
        &["A=b", "DOCKER_HOST=tcp://127.0.0.1:1", "TERM=dumb"],
    ),
    ("StdinNull", &["yes", "no"]),
    ("StreamLocalBindMask", &["0000", "0177", "0777"]),
    ("StreamLocalBindUnlink", &["yes", "no"]),
    ("StrictHostKeyChecking", &["yes", "ask", "accept-new"]),
    ("SyslogFacility", &["USER", "AUTH", "LOCAL7"]),
    ("TCPKeepAlive", &["yes", "no"]),
    ("Tunnel", &["no", "point-to-point", "ethernet"]),
    ("UpdateHostKeys", &["yes", "no", "ask"]),
    ("User", &["root", "nobody", "no-such-user"]),
    (
        "UserKnownHostsFile",
        &["@/known_hosts", "/dev/null", "none", "@/fifo"],
    ),
    ("VerifyHostKeyDNS", &["yes", "no", "ask"]),
    ("VisualHostKey", &["yes", "no"]),
    ("XAuthLocation", &["/bin/false", "/bin/sleep", "@/none"]),
];

fn ssh_settings(engine: &PrivateEngine) -> Result<(), Missing> {
    let sshd = Sshd::start(&Manner::default())?;
    // An agent that never answers, and a file that is never there.
    let _agent = UnixListener::bind(sshd.path("agent")).unwrap();
    mkfifoat(CWD, sshd.path("fifo"), Mode::RUSR).unwrap();
    let url = sshd::url(&engine.socket());
    let (mut random, mut tally) = (Random::new(seed()), Tally::default());
    for case in 0..cases() {
        let mut lines = String::new();
        for _ in 0..=random.below(5) {
            let (name, values) = OPTIONS[random.below(OPTIONS.len())];
            let value = values[random.below(values.len())];
            let value = value.replace('@', &sshd.folder().display().to_string());
            // What names an algorithm has such a sign of its own.
            let value = if values.iter().any(|it| it.contains("@openssh")) {
                values[0].to_owned()
            } else {
                value
            };
            writeln!(lines, "  {name} {value}").unwrap();
        }
        sshd.prefer(&lines);
        let command = sshd.dtop(&["-H", &url, "report", "--json", "--fast"]);
        tally.take(&command, &sshd, &format!("case {case}:\n{lines}"));
    }
    tally.print("ssh settings");
    Ok(())
}

/// What stands in a variable; `@` is a folder of the test's own, in which there is something of each sort.
const VALUES: &[&str] = &[
    "",
    "/",
    ".",
    "..",
    "~",
    "@",
    "@/none",
    "@/file",
    "@/fifo",
    "@/agent",
    "@/loop",
    "@/a b%c:d",
    "/dev/null",
    "/proc/self/fd/0",
    "0",
    "-1",
    "99999999999999999999",
    "yes",
    "no",
    "C",
    "POSIX",
    "en_US.ISO-8859-1",
    "dumb",
    "xterm-256color",
    "unknown-terminal",
    "default",
    "../../x",
    "\u{1b}[31m",
    "\u{202e}x",
    "a\nb",
    "true",
    "false",
    "sleep",
    "1.41",
    "1.99",
    "v0",
    "*",
];
/// The same for what names an engine.
const HOSTS: &[&str] = &[
    "unix://",
    "unix:///",
    "unix://@/none",
    "unix://@/file",
    "unix://@/fifo",
    "unix://@/agent",
    "unix:///dev/null",
    "tcp://",
    "tcp://127.0.0.1:1",
    "tcp://127.0.0.1:1/x",
    "tcp://nowhere.invalid",
    "tcp://[::1]:1",
    "http://a b",
    "https://127.0.0.1:1",
    "ssh://",
    "ssh://box",
    "ssh://-x",
    "ssh://nowhere.invalid",
    "ssh://root@box@/none",
    "npipe:////./pipe/x",
    "fd://",
    "gopher://x",
    "://",
    "/run/docker.sock",
    "@/agent",
    "x",
    ":",
    ":0",
    "\u{1b}[31m",
];
const NAMES: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTEXT",
    "DOCKER_API_VERSION",
    "DOCKER_TLS_VERIFY",
    "DOCKER_TLS",
    "TERM",
    "COLUMNS",
    "LINES",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "NO_COLOR",
    "TZ",
    "PATH",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "DISPLAY",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "PWD",
    "SHELL",
    "USER",
    "LOGNAME",
];

fn environments(engine: &PrivateEngine) -> Result<(), Missing> {
    let sshd = Sshd::start(&Manner::default())?;
    let _agent = UnixListener::bind(sshd.path("agent")).unwrap();
    mkfifoat(CWD, sshd.path("fifo"), Mode::RUSR).unwrap();
    fs::write(sshd.path("file"), "{\"currentContext\": \"x\"").unwrap();
    std::os::unix::fs::symlink(sshd.path("loop"), sshd.path("loop")).unwrap();
    fs::create_dir(sshd.path("a b%c:d")).unwrap();
    let at = |value: &str| value.replace('@', &sshd.folder().display().to_string());
    let host = engine.host();
    let (mut random, mut tally) = (Random::new(seed() + 1), Tally::default());
    for case in 0..cases() {
        let hosts = ["", &host, HOSTS[random.below(HOSTS.len())]];
        let host = hosts[random.below(hosts.len())];
        let host = if host.starts_with("ssh://root@") {
            host.to_owned()
        } else {
            at(host)
        };
        let mut command = sshd.dtop(&["report", "--json", "--fast"]);
        command.env("DOCKER_HOST", &host);
        let mut said = format!("case {case}:\nDOCKER_HOST={host:?}\n");
        for _ in 0..=random.below(5) {
            let name = NAMES[random.below(NAMES.len())];
            if random.percent(20) {
                command.env_remove(name);
                writeln!(said, "no {name}").unwrap();
            } else {
                let value = at(VALUES[random.below(VALUES.len())]);
                command.env(name, &value);
                writeln!(said, "{name}={value:?}").unwrap();
            }
        }
        tally.take(&command, &sshd, &said);
    }
    tally.print("environments");
    Ok(())
}

/// How the cases ended.
#[derive(Default)]
struct Tally {
    worked: usize,
    told: usize,
    longest: Duration,
}

impl Tally {
    /// Runs a case to its end, which is one of two.
    fn take(&mut self, command: &Command, sshd: &Sshd, case: &str) {
        let (out, err) = (sshd.path("out"), sshd.path("err"));
        let mut child = alone(command, &out, &err);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let running = || sshd.running().join("\n");
            assert!(start.elapsed() < LONGEST, "{case}hangs:\n{}", running());
            thread::sleep(Duration::from_millis(5));
        };
        self.longest = self.longest.max(start.elapsed());
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let (out, err) = (read(&out), read(&err));
        match status.code() {
            Some(0) => {
                let report: Result<Value, _> = serde_json::from_str(&out);
                assert!(report.is_ok(), "{case}{out}{err}");
                self.worked += 1;
            }
            Some(1 | 2) => {
                let is_line = err.lines().count() == 1 && err.starts_with("dtop: ");
                let is_clean = !err.trim_end().chars().any(char::is_control);
                assert!(is_line && is_clean && out.is_empty(), "{case}{out}{err:?}");
                self.told += 1;
            }
            code => panic!("{case}{code:?}: {out}{err}"),
        }
        let end = Instant::now();
        while !sshd.running().is_empty() {
            let running = sshd.running().join("\n");
            assert!(
                end.elapsed() < Duration::from_secs(3),
                "{case}leaves:\n{running}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn print(&self, what: &str) {
        let Self {
            worked,
            told,
            longest,
        } = self;
        println!("{what}: {worked} worked, {told} told why not, {longest:?} at most");
    }
}

/// Starts a program without the terminal that the tests may run at.
fn alone(command: &Command, out: &Path, err: &Path) -> Child {
    let setsid = support::program::on_path("setsid").expect("util-linux");
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
    alone.stdout(fs::File::create(out).unwrap());
    alone.stderr(fs::File::create(err).unwrap());
    alone.spawn().unwrap()
}
