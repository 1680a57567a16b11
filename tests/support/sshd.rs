//! An sshd of a test's own on loopback, and an `ssh` that knows it and nothing of the caller's.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::STATE;
use super::daemon::Daemon;
use super::engine::run;
use super::program::{CALLERS_ENGINE, Missing, on_path};

/// The passphrase of the user's second key.
pub const PASSPHRASE: &str = "open sesame";

/// Marks what a test starts at this side, however it is called.
const MARK: &str = "DTOP_TEST_SSHD";

/// What is particular about a host.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Whether sshd forwards sockets.
    pub forwards: bool,
    /// How many sessions a login may have.
    pub sessions: u32,
    /// What is said of the engine in the environment of the host's shells.
    pub env: Vec<(&'static str, String)>,
    /// The host's shells find nothing but what a shell needs.
    pub bare: bool,
    /// What runs on the host whatever is asked.
    pub command: Option<String>,
    /// What the host says to everybody before it lets anybody in.
    pub banner: Option<&'static str>,
    /// Programs that the host's shells find beside the usual ones.
    pub programs: Vec<PathBuf>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            forwards: true,
            sessions: 10,
            env: Vec::new(),
            bare: false,
            command: None,
            banner: None,
            programs: Vec::new(),
        }
    }
}

/// The address of an engine's socket on the host, which the settings of ssh call `box`.
pub fn url(socket: &Path) -> String {
    format!("ssh://box{}", socket.display())
}

/// A running sshd that lets one key in.
pub struct Sshd {
    daemon: Daemon,
    port: u16,
    folder: TempDir,
}

impl Sshd {
    pub fn start(manner: &Manner) -> Result<Self, Missing> {
        let missing = |name: &str| Missing(format!("no {name} on PATH (Debian: openssh-server)"));
        let sshd = on_path("sshd").ok_or_else(|| missing("sshd"))?;
        let ssh = on_path("ssh").ok_or_else(|| missing("ssh"))?;
        on_path("ssh-keygen").ok_or_else(|| missing("ssh-keygen"))?;
        let folder = tempfile::Builder::new()
            .prefix("dtop-ssh-")
            .tempdir_in("/tmp")
            .map_err(|e| Missing(e.to_string()))?;
        let dir = folder.path();
        // Where sshd leaves its rights behind; Debian's service makes it.
        let _ = fs::create_dir_all("/run/sshd");
        for name in ["bin", "host", "run", "home"] {
            fs::create_dir(dir.join(name)).expect("a folder");
        }
        for (name, passphrase) in [("host_key", ""), ("key", ""), ("locked_key", PASSPHRASE)] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]);
            run(keygen.arg(dir.join(name)));
        }
        let public = |name: &str| fs::read_to_string(dir.join(name)).expect("a key");
        fs::write(
            dir.join("authorized_keys"),
            public("key.pub") + &public("locked_key.pub"),
        )
        .expect("keys");
        let port = free_port();
        fs::write(
            dir.join("known_hosts"),
            format!("[127.0.0.1]:{port} {}", public("host_key.pub")),
        )
        .expect("known hosts");
        write_settings(dir, port, manner);
        let wrapper = format!(
            "#!/bin/sh\nexec {} -F {}/ssh_config \"$@\"\n",
            ssh.display(),
            dir.display()
        );
        let path = dir.join("bin/ssh");
        fs::write(&path, wrapper).expect("ssh");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("ssh");
        let mut command = Command::new(sshd);
        command
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"));
        let daemon = Daemon::start(command, dir, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Self {
            daemon,
            port,
            folder,
        })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces a line of the user's settings.
    pub fn set(&self, key: &str, value: &str) {
        let path = self.folder().join("ssh_config");
        let text = fs::read_to_string(&path).expect("settings");
        let lines = text.lines().map(|line| {
            let is_it = line.trim().starts_with(key);
            if is_it {
                format!("  {key} {value}\n")
            } else {
                format!("{line}\n")
            }
        });
        fs::write(&path, lines.collect::<String>()).expect("settings");
    }

    /// Puts lines before the user's settings for this host, which hold then, and takes away those of before.
    pub fn prefer(&self, lines: &str) {
        const END: &str = "# the test's own\n";
        let path = self.folder().join("ssh_config");
        let text = fs::read_to_string(&path).expect("settings");
        let own = text.split_once(END).map_or(&*text, |(_, own)| own);
        fs::write(&path, format!("Host box\n{lines}\n{END}{own}")).expect("settings");
    }

    /// Everything that runs with this user's environment, whoever started it and whatever it is called.
    pub fn running(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.folder().display());
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        entries
            .filter_map(|entry| {
                let environ = fs::read(entry.path().join("environ")).ok()?;
                let is_ours = environ
                    .split(|byte| *byte == 0)
                    .any(|it| it == mark.as_bytes());
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                is_ours.then(|| format!("{} {line}", entry.file_name().to_string_lossy()))
            })
            .collect()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// What a program needs to reach this host and no other.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let own = self.folder().join("bin");
        let text = |name: &str| self.path(name).to_string_lossy().into_owned();
        vec![
            ("PATH", format!("{}:{path}", own.display())),
            ("XDG_RUNTIME_DIR", text("run")),
            ("HOME", text("home")),
            ("SSH_AUTH_SOCK", String::new()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            (MARK, self.folder().to_string_lossy().into_owned()),
        ]
    }

    pub fn dtop(&self, args: &[&str]) -> Command {
        let mut command = Command::new(super::dtop());
        for name in CALLERS_ENGINE {
            command.env_remove(name);
        }
        command.env("XDG_STATE_HOME", STATE);
        command.envs(self.env()).args(args).stdin(Stdio::null());
        command
    }

    /// The command lines of what runs in the name of this test, sshd's aside.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let own = self.folder().to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        entries
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                let is_ssh = line.contains(&own) && !line.contains("sshd");
                (is_ssh && line.contains("ssh")).then_some((pid, line))
            })
            .collect()
    }

    /// Folders that a login has left behind.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("run")).expect("run").flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Ends every login, as a lost network does, and sshd goes on.
    pub fn cut(&self) {
        let parent = self.daemon.id().to_string();
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        for entry in entries {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after = stat.rsplit(')').next().unwrap_or_default();
            if after.split_whitespace().nth(1) == Some(&parent)
                && let Some(pid) = entry.file_name().to_str().and_then(|pid| pid.parse().ok())
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("a port").port()
}

fn write_settings(dir: &Path, port: u16, manner: &Manner) {
    let at = dir.display();
    let needed = ["sh", "id", "uname", "df", "tail", "stat"];
    let needed = needed
        .into_iter()
        .filter_map(on_path)
        .filter(|_| manner.bare);
    for program in manner.programs.iter().cloned().chain(needed) {
        let name = program.file_name().expect("a program");
        std::os::unix::fs::symlink(&program, dir.join("host").join(name)).expect("a link");
    }
    // The host's shells know no engine but the test's, whatever the machine has.
    let usual = if manner.bare { "" } else { ":/usr/bin:/bin" };
    let own = manner.env.iter();
    let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
    let own = own.join(" ");
    let env = format!("PATH={at}/host{usual} DOCKER_CONFIG={at}/home {own}");
    let (forwards, sessions) = (if manner.forwards { "yes" } else { "no" }, manner.sessions);
    let forced = manner.command.as_ref();
    let forced = forced.map_or(String::new(), |it| format!("ForceCommand {it}\n"));
    let banner = manner.banner.map_or(String::new(), |banner| {
        fs::write(dir.join("banner"), banner).expect("a banner");
        format!("Banner {at}/banner\n")
    });
    let server = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host_key\nPidFile none\n\
         AuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
         AllowStreamLocalForwarding {forwards}\nMaxSessions {sessions}\nSetEnv {env}\n{banner}{forced}"
    );
    fs::write(dir.join("sshd_config"), server).expect("settings");
    let client = format!(
        "Host box\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {at}/key\n\
         Host *\n  IdentitiesOnly yes\n  UserKnownHostsFile {at}/known_hosts\n\
         \x20 GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  User root\n"
    );
    fs::write(dir.join("ssh_config"), client).expect("settings");
}
