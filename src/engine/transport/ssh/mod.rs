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
