//! An engine on another machine, behind a login there: the user's own `ssh` with the user's own settings.
//!
//! ```text
//! dtop ─┬─ ssh -M ──────────── one login a host ──────────── sh          asked for facts and disks
//!       ├─ private folder/s ── the engine's socket, forwarded ── engine  where sshd lets it be
//!       └─ ssh -S ──────────── docker system dial-stdio ──────── engine  else; at most eight
//! ```
//!
//! The login's own session is a shell that reads from dtop: when dtop is gone, however that happens, the
//! shell ends, and ssh with it.

mod facts;
mod folder;
mod login;
mod master;
mod session;
mod shell;
mod target;

use std::io;

pub(in crate::engine) use self::facts::quoted;
pub use self::login::Login;
pub use self::target::Target;

/// How many connections to an engine there may be at once. sshd gives a login ten sessions by default; one
/// is the login's own.
pub const SESSIONS: usize = 8;

/// Why an engine is not reached over ssh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
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
}

impl Trouble {
    /// What to try.
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
            Self::Ssh(_) | Self::TimedOut(_) => format!("does {login} log in?"),
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
        }
    }

    /// What ssh's last words mean.
    fn of(words: &str) -> Self {
        let said = |part: &str| words.contains(part);
        if said("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            return Self::KeyChanged;
        }
        if said("Host key verification failed") {
            return Self::KeyUnknown;
        }
        let last = words.lines().map(str::trim).rfind(|line| !line.is_empty());
        let last = last.unwrap_or("it ended without a word");
        let last = last.strip_prefix("ssh: ").unwrap_or(last).to_owned();
        if said("Permission denied") || said("Too many authentication failures") {
            return Self::NotLetIn(last);
        }
        Self::Ssh(last)
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::other(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_told_apart() {
        let changed = "@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\n\
            Host key for [127.0.0.1]:22 has changed and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
        assert_eq!(Trouble::of(changed), Trouble::KeyChanged);
        let unknown = "No ED25519 host key is known for web-3 and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
        assert_eq!(Trouble::of(unknown), Trouble::KeyUnknown);
        let denied = "me@web-3: Permission denied (publickey).\r\n";
        assert_eq!(
            Trouble::of(denied),
            Trouble::NotLetIn("me@web-3: Permission denied (publickey).".into())
        );
        let name = "ssh: Could not resolve hostname web-3: Name or service not known\r\n\r\n";
        assert_eq!(
            Trouble::of(name).to_string(),
            "ssh: Could not resolve hostname web-3: Name or service not known"
        );
        assert_eq!(Trouble::of("").to_string(), "ssh: it ended without a word");
    }
}
