//! Folders for tests.

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

/// Makes a chain of so many folders, each in the one above it, and a file of some bytes in the last.
pub(in crate::engine::host) fn deep(top: &Path, folders: usize, bytes: usize) {
    let mut at: OwnedFd = openat(CWD, top, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..folders {
        mkdirat(&at, "a-folder-in-a-folder", Mode::RWXU).unwrap();
        at = openat(
            &at,
            "a-folder-in-a-folder",
            OFlags::DIRECTORY,
            Mode::empty(),
        )
        .unwrap();
    }
    let file = openat(&at, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    rustix::io::write(&file, &vec![0; bytes]).unwrap();
}

/// A filesystem that does not answer, as a network's whose server is gone: a FUSE connection that nobody serves.
pub(in crate::engine::host) struct DeadMount {
    at: PathBuf,
    holder: Child,
}

impl DeadMount {
    /// Mounts one on a folder; none where that is not possible here.
    pub(in crate::engine::host) fn on(at: &Path) -> Option<Self> {
        let script = "exec 3<>/dev/fuse && mount -i -t fuse \
            -o fd=3,rootmode=40000,user_id=0,group_id=0 dead \"$0\" && echo mounted && read -r _";
        let mut holder = Command::new("bash")
            .args(["-c", script])
            .arg(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?)
            .read_line(&mut line)
            .ok()?;
        if line.trim() != "mounted" {
            holder.wait().ok()?;
            return None;
        }
        let at = at.to_owned();
        Some(Self { at, holder })
    }
}

impl Drop for DeadMount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
        // The connection ends with who holds it.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
