//! Whether a database is the one that somebody works with: a store that was left behind looks like one that is used.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{Stat, fstat, stat};

/// Returns true where a process of this machine has locked a file for itself, as bbolt does with a database from when it
/// opens it until it closes it. Nothing is locked for that, as whoever starts just then would find it taken.
pub(in crate::engine) fn is_locked(file: &File) -> bool {
    let Ok(own) = fstat(file) else {
        return false;
    };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks
        .lines()
        .filter_map(|line| holder(line, own.st_ino))
        .any(|process| has_open(process, &own))
}

/// Returns the process that has locked a file of this inode's number: `2: FLOCK  ADVISORY  WRITE 612 fe:00:5324805 0
/// EOF`. On which filesystem that is, is not told in words of `stat` (btrfs has another number for each subvolume).
fn holder(line: &str, inode: u64) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let kind = [words.next()?, words.next()?, words.next()?];
    let process = words.next()?.parse().ok()?;
    let (_, number) = words.next()?.rsplit_once(':')?;
    let is_it = kind == ["FLOCK", "ADVISORY", "WRITE"] && number.parse() == Ok(inode);
    is_it.then_some(process)
}

fn has_open(process: u32, own: &Stat) -> bool {
    let folder = Path::new("/proc").join(process.to_string()).join("fd");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| stat(file.path()).ok()).any(|it| {
        // The same file, whatever its name.
        (it.st_dev, it.st_ino) == (own.st_dev, own.st_ino)
    })
}

#[cfg(test)]
mod tests;
