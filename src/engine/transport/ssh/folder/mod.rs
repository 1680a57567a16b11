//! A folder for sockets that nobody else may use, with a path that a socket's address can hold.

use std::fs::{self, DirBuilder, DirEntry};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::io::Errno;
use rustix::process::{Pid, getuid, test_kill_process};

use super::is_plain;

/// A socket's address holds 103 bytes where it holds least (macOS). ssh binds to a name with seventeen
/// more letters first.
const LONGEST: usize = 103 - 17 - "/s0".len();
const TRIES: u32 = 16;
const PREFIX: &str = "dtop-";
/// Nobody else's to look into.
const MODE: u32 = 0o700;

/// The folder; it goes with its owner.
#[derive(Debug)]
pub(super) struct SocketFolder(PathBuf);

impl SocketFolder {
    /// Makes a folder in the first place that takes one: the user's own for such things, or a common one,
    /// if need be one without a disk that could be full.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places =
            runtime
                .into_iter()
                .chain([std::env::temp_dir(), "/tmp".into(), "/dev/shm".into()]);
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for place in places.filter(|place| place.is_absolute()) {
            sweep(&place);
            match Self::below(&place) {
                Ok(folder) => return Ok(folder),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn below(place: &Path) -> io::Result<Self> {
        for again in 0..TRIES {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let nanos = now.unwrap_or_default().subsec_nanos().wrapping_add(again);
            let name = format!("{PREFIX}{}-{nanos:x}", std::process::id());
            let path = place.join(name);
            if path.as_os_str().len() > LONGEST || !path.to_str().is_some_and(is_plain) {
                return Err(io::ErrorKind::InvalidFilename.into());
            }
            // It fails where something is there already, be it a link that somebody has put there.
            match DirBuilder::new().mode(MODE).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Returns where ssh takes further sessions.
    pub(super) fn control(&self) -> PathBuf {
        self.0.join("m")
    }

    /// Returns where a socket of the host is on this side.
    pub(super) fn socket(&self, index: usize) -> PathBuf {
        self.0.join(format!("s{index}"))
    }

    /// Returns where ssh logs.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("l")
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what a dtop of this user left here that was killed before it could. Nothing but sockets, pipes
/// and the folder that held them goes: somebody may have a `dtop-2026-11-21` of their own.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        if is_orphan(&entry).is_some_and(|orphan| orphan) {
            let _ = remove_sockets(&entry.path());
        }
    }
}

fn is_orphan(entry: &DirEntry) -> Option<bool> {
    let name = entry.file_name();
    let (pid, _) = name.to_str()?.strip_prefix(PREFIX)?.split_once('-')?;
    let pid = Pid::from_raw(pid.parse().ok()?)?;
    // Of a link that stands there, not of what it leads to.
    let found = entry.metadata().ok()?;
    let is_ours =
        found.is_dir() && found.uid() == getuid().as_raw() && found.mode() & 0o777 == MODE;
    Some(is_ours && test_kill_process(pid) == Err(Errno::SRCH))
}

/// Removes a folder that holds nothing but sockets and pipes.
fn remove_sockets(folder: &Path) -> io::Result<()> {
    let entries: Vec<DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    for entry in &entries {
        let kind = entry.file_type()?;
        if !kind.is_socket() && !kind.is_fifo() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
    }
    for entry in &entries {
        fs::remove_file(entry.path())?;
    }
    fs::remove_dir(folder)
}

#[cfg(test)]
mod tests;
