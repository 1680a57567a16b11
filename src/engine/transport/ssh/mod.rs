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
//!
//! - `facts`: what a host tells of its engine, asked in a shell there.
//! - `folder`: a folder for sockets that nobody else may use, with a path that a socket's address can hold.
//! - `login`: a login that is made when it is needed, and made again when it has broken off.
//! - `master`: a login on a host, and how connections go through it.
//! - `options`: what the login's own ssh is told beside the user's settings.
//! - `process`: the ssh process that is logged in, and that it ends when dtop does.
//! - `session`: a connection that a program on the host carries over its input and output.
//! - `shell`: a shell on the host, asked one thing after another.
//! - `target`: `ssh://[user@]host[:port][/path]`, read as docker reads it.
//! - `trouble`: why an engine is not reached over ssh, and what to try.
//! - `words`: what a login's ssh says.

mod facts;
mod folder;
mod login;
mod master;
mod options;
mod process;
mod session;
mod shell;
mod target;
mod trouble;
mod words;

pub(in crate::engine) use self::facts::quoted;
pub use self::login::Login;
pub use self::target::Target;
pub use self::trouble::{Bare, SshError};

/// How many connections to an engine there may be at once. sshd gives a login ten sessions by default; one
/// is the login's own.
pub const SESSIONS: usize = 8;

/// Returns true for a path that ssh takes as it is: in some places it knows `%` and `$`, and splits at colons.
fn is_plain(path: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+@,".contains(letter);
    path.starts_with('/') && path.chars().all(plain)
}
