//! Why an engine is not reached over ssh, and what to try.

use std::io;

use super::{SESSIONS, Target};

/// What a login is without a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// What runs there ends at once, or is none that can be asked.
    Ended,
    /// Nothing runs there at all.
    NoSession,
}

/// Why an engine is not reached over ssh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    #[error("there is no ssh program on PATH")]
    NoProgram,
    #[error("no folder for ssh's socket: {0}")]
    Folder(String),
    #[error("the host's key is not the one that ssh knows")]
    KeyChanged,
    #[error("ssh does not know the host's key")]
    KeyUnknown,
    #[error("ssh is not let in: {0}")]
    NotLetIn(String),
    /// What ssh said last.
    #[error("ssh: {0}")]
    Ssh(String),
    #[error("ssh does not come through within {0} s")]
    TimedOut(u64),
    #[error("no socket {0} on the host")]
    NoSocket(String),
    #[error("{0} on the host: permission denied")]
    Closed(String),
    #[error("sshd forwards no socket, and the host has no docker command")]
    NoWay,
    #[error("on the host: {0}")]
    Remote(String),
    /// What a jump host or a proxy command said.
    #[error("ssh, on the way to the host: {0}")]
    OnTheWay(String),
    /// What ran instead has said this, if anything.
    #[error("{}", no_shell(*.0, .1.as_deref()))]
    NoShell(Bare, Option<String>),
    #[error("the login's shell prints before the engine's words: {0}")]
    Greeting(String),
    #[error("sshd forwards no socket, and lets a login have only one session at a time, or few")]
    TooFewSessions,
}

fn no_shell(bare: Bare, words: Option<&str>) -> String {
    match (bare, words) {
        (Bare::NoSession, _) => {
            "sshd lets this login have no session (MaxSessions 0), and forwards no engine's socket"
        }
        (Bare::Ended, None) => {
            "the login's shell on the host ends at once (false or nologin?), and sshd forwards no engine's socket"
        }
        (Bare::Ended, Some(words)) => {
            return format!("on the host runs what is no engine: {words}");
        }
    }
    .to_owned()
}

impl SshError {
    /// Returns what to try.
    #[must_use]
    pub fn advice(&self, target: &Target) -> String {
        let login = target.command_line();
        match self {
            Self::NoProgram => "install OpenSSH's client".to_owned(),
            Self::Folder(_) => "set TMPDIR to a folder with a short name and room".to_owned(),
            Self::KeyChanged => format!(
                "if the host was set up anew, ssh-keygen -R {}; if not, somebody may be in between",
                target.known_as()
            ),
            Self::KeyUnknown => format!("log in once to confirm it: {login}"),
            Self::NotLetIn(_) => format!("does {login} log in? an agent or a key must let you in"),
            Self::Ssh(_) | Self::OnTheWay(_) | Self::TimedOut(_) => {
                format!("does {login} log in?")
            }
            Self::NoSocket(path) if path.contains("podman") => {
                "start it there: systemctl --user enable --now podman.socket".to_owned()
            }
            Self::NoSocket(_) => "is the engine running there? sudo systemctl start docker".to_owned(),
            Self::Closed(_) => {
                "log in as a user of the docker group there, or as the socket's owner".to_owned()
            }
            Self::NoWay => {
                "set AllowStreamLocalForwarding yes in its sshd_config, or install the docker command"
                    .to_owned()
            }
            Self::Remote(_) => format!("does {login} docker version work?"),
            Self::NoShell(..) => "log in as a user with a shell there, or set \
                AllowStreamLocalForwarding yes in its sshd_config and name the socket: \
                ssh://host/var/run/docker.sock"
                .to_owned(),
            Self::Greeting(_) => {
                "let its start files print only where [ -t 1 ] holds".to_owned()
            }
            Self::TooFewSessions => format!(
                "set AllowStreamLocalForwarding yes in its sshd_config, or MaxSessions {}",
                SESSIONS + 1
            ),
        }
    }

    /// Returns what ssh's last words mean, and those of others if ssh only tells of a way that broke off.
    pub(super) fn of(own: &str, others: &str) -> Self {
        let said = |part: &str| own.contains(part);
        if said("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            return Self::KeyChanged;
        }
        if said("Host key verification failed") {
            return Self::KeyUnknown;
        }
        let last = reason(own).or_else(|| others.lines().rfind(|line| is_before_logging(line)));
        let last = last.unwrap_or("it ended without a word").trim();
        if said("Permission denied") || said("Too many authentication failures") {
            return Self::NotLetIn(without_name(last));
        }
        if is_broken_off(last)
            && let Some(line) = others.lines().map(str::trim).rfind(|line| is_failure(line))
        {
            return Self::OnTheWay(without_name(line));
        }
        Self::Ssh(without_name(last))
    }

    /// Returns the trouble that an error holds, or that it is.
    pub(super) fn from_io(error: &io::Error) -> Self {
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref());
        match inside {
            Some(trouble) => Self::clone(trouble),
            // Nothing was said.
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::NoShell(Bare::Ended, None)
            }
            None => Self::Ssh(error.to_string()),
        }
    }
}

/// Returns the last of ssh's own words that may be a reason.
pub(super) fn reason(own: &str) -> Option<&str> {
    let is_aside = |line: &str| line.starts_with("Warning: ") || line.starts_with("debug");
    let mut lines = own.lines().map(str::trim);
    lines.rfind(|line| !line.is_empty() && !is_aside(line))
}

/// Returns true for what ssh says of its command line, which it reads before it knows where it logs.
pub(super) fn is_before_logging(line: &str) -> bool {
    ["command-line", "usage: ssh", "unknown option"]
        .iter()
        .any(|begin| line.starts_with(begin))
}

/// Returns true where ssh has lost a connection that others made for it.
fn is_broken_off(line: &str) -> bool {
    [
        "UNKNOWN port",
        "kex_exchange_identification",
        "banner exchange",
    ]
    .iter()
    .any(|part| line.contains(part))
}

/// Returns true for words in which programs tell that a connection failed. A banner is made of others.
fn is_failure(line: &str) -> bool {
    let begins = [
        "ssh: ",
        "channel ",
        "stdio forwarding failed",
        "Host key verification failed",
    ];
    let ends = [
        "Connection refused",
        "timed out",
        "No route to host",
        "Network is unreachable",
        "not known",
        "not found",
    ];
    begins.iter().any(|begin| line.starts_with(begin))
        || ends.iter().any(|end| line.ends_with(end))
        || (line.contains('@') && line.contains(": Permission denied ("))
}

fn without_name(line: &str) -> String {
    line.strip_prefix("ssh: ").unwrap_or(line).to_owned()
}

impl From<SshError> for io::Error {
    fn from(trouble: SshError) -> Self {
        Self::other(trouble)
    }
}

#[cfg(test)]
mod tests;
