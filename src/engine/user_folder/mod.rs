//! Where the user's own folders are. Under cron or systemd there may be no HOME: the system's list of users has it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A variable of the environment that names a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    Folder(PathBuf),
    /// What it says is no absolute path.
    NoPath(PathBuf),
    /// It is not set, or empty.
    Absent,
}

impl Variable {
    /// Reads a variable.
    pub fn of(name: &str, var: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = var(name).filter(|value| !value.is_empty());
        match value.map(PathBuf::from) {
            Some(folder) if folder.is_absolute() => Self::Folder(folder),
            Some(folder) => Self::NoPath(folder),
            None => Self::Absent,
        }
    }
}

/// Returns the folder where dtop keeps what it remembers, `$XDG_STATE_HOME/dtop` or `~/.local/state/dtop`; `None`
/// where nobody says where that is. A path that is not absolute counts as none, as the XDG specification has it.
#[must_use]
pub fn state() -> Option<PathBuf> {
    state_of(|name| std::env::var_os(name))
}

fn state_of(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let state = match Variable::of("XDG_STATE_HOME", &var) {
        Variable::Folder(folder) => Some(folder),
        Variable::NoPath(_) | Variable::Absent => home(var).map(|home| home.join(".local/state")),
    };
    state.map(|folder| folder.join("dtop"))
}

/// Returns the user's home: HOME or, without an absolute one, that of the system's list of users.
pub fn home(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match Variable::of("HOME", var) {
        Variable::Folder(home) => Some(home),
        Variable::NoPath(_) | Variable::Absent => listed_home(Path::new("/etc/passwd")),
    }
}

/// Reads a home in a list of users. Its lines need not be text.
fn listed_home(users: &Path) -> Option<PathBuf> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let lines = BufReader::new(File::open(users).ok()?).split(b'\n');
    let home = lines.map_while(Result::ok).find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let is_mine = fields.nth(2) == Some(uid.as_bytes());
        is_mine.then(|| fields.nth(2).map(<[u8]>::to_vec))?
    });
    let home = PathBuf::from(OsString::from_vec(home?));
    home.is_absolute().then_some(home)
}

#[cfg(test)]
mod tests;
