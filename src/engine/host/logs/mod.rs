//! A container's log files in the folder of an engine that is proven to be local: how large they are, and how
//! they are emptied.
//!
//! Only what the `json-file` driver writes is emptied, as lines are read wherever one begins: the files that it
//! put aside, and the one that it writes where it has no bound. It opens that one for appending when the
//! container starts, so that the next line goes to the beginning of the empty file; but the one that it opens
//! when it puts a full one aside goes on where it was, behind a hole that no reader gets over (seen on 20.10,
//! 26.1 and 28.5). The files of the `local` driver, and the
//! copies of the same form that it keeps for `docker logs` with any other driver, are read by the lengths
//! written in them, which a reader that was under way would take from the middle of another entry; but they are
//! bounded unless somebody asked otherwise. A compressed file cannot be read once it is empty, and then
//! `docker logs` shows nothing of the others either.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::folder::{FolderReader, single};
use super::proof::{ListedIds, prove};
use super::root::{Root, base_flags, unless_gone};
use super::taken::{blocks, length};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ContainerId, LogFiles};
use crate::domain::text::Text;
use crate::engine::Permit;

/// Returns a container's log files that go with it, rotated ones included: those of the `json-file` and the `local`
/// driver, and the cache that lets `docker logs` work with any other (ENGINE.md §5). They are looked for by
/// their names in the container's own folder, not where the engine says.
///
/// # Errors
/// The container's folder may not be read.
pub fn logs(root: &Root, driver: &str, id: &ContainerId) -> io::Result<LogFiles> {
    let own = single(id.as_str())?;
    let docker = Path::new("containers").join(&own);
    let podman = Path::new(&format!("{driver}-containers"))
        .join(&own)
        .join("userdata");
    let mut sum = LogFiles::default();
    match root.open_folder(&docker) {
        Ok(folder) => {
            let json = json_file(id);
            add(
                &mut sum,
                folder,
                &[&json, "container-cached.log"],
                Some(&json),
            )?;
            if let Some(folder) = unless_gone(root.open_folder(&docker.join("local-logs")))? {
                add(&mut sum, folder, &["container.log"], None)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            add(&mut sum, root.open_folder(&podman)?, &["ctr.log"], None)?;
        }
        Err(error) => return Err(error),
    }
    Ok(sum)
}

fn json_file(id: &ContainerId) -> String {
    format!("{}-json.log", id.as_str())
}

/// Returns what follows a log's name in that of one of its files: nothing, a dot and more as the engine does it, or a
/// dash and a date as logrotate does (`dateext`).
fn rest_of<'a>(name: &'a [u8], log: &str) -> Option<&'a [u8]> {
    let rest = name.strip_prefix(log.as_bytes())?;
    rest.first()
        .is_none_or(|byte| matches!(byte, b'.' | b'-'))
        .then_some(rest)
}

/// Returns true for a file that was put aside and not compressed (`.1`, `-20261101`, `-2026-11-01`), by what follows
/// the log's name.
fn is_aside(rest: &[u8]) -> bool {
    let number = rest.get(1..).unwrap_or_default();
    let is_date = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    number.first().is_some_and(u8::is_ascii_digit) && number.iter().all(is_date)
}

/// Adds the files of these names, and of these names with more behind them ([`rest_of`]).
fn add(sum: &mut LogFiles, folder: OwnedFd, names: &[&str], plain: Option<&str>) -> io::Result<()> {
    let mut folder = FolderReader::new(folder)?;
    while let Some((name, stat)) = folder.next()? {
        let name = name.as_bytes();
        let Some(rest) = names.iter().find_map(|log| rest_of(name, log)) else {
            continue;
        };
        // A second link would keep the bytes (README.md, What is never removed).
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
            continue;
        }
        let blocks = blocks(&stat);
        sum.size += length(&stat);
        sum.blocks += blocks;
        sum.rotated += usize::from(!rest.is_empty());
        match plain.and_then(|log| rest_of(name, log)) {
            Some([]) => sum.written += blocks,
            Some(rest) if is_aside(rest) => sum.aside += blocks,
            Some(_) => sum.packed += blocks,
            None => {}
        }
    }
    Ok(())
}

/// A log to be emptied.
#[derive(Clone, Debug)]
pub struct LogOrder {
    pub container: ContainerId,
    /// Where the engine says, asked a moment ago, that it is written.
    pub path: Option<Text>,
    /// And that it has a bound: the file that is written then stays as it is.
    pub bounded: bool,
    /// The engine whose folder it must be in, and what proves that the folder is its.
    pub engine: Arc<EngineInfo>,
    pub known: ListedIds,
}

/// Empties a container's log files where they are, and returns how many bytes went and what went wrong after
/// some had gone. It opens files, which may hang on a dead network filesystem: call it where blocking is allowed.
///
/// # Errors
/// The engine is not local, the engine writes the log elsewhere, or the file that is written cannot be opened
/// or is not the container's alone: then nothing was changed.
pub fn truncate(order: &LogOrder, _permit: Permit) -> io::Result<(Bytes, Option<io::Error>)> {
    let root = prove(&order.engine, &order.known).map_err(io::Error::other)?;
    // A container that never ran has no log yet.
    if order.path.is_none() && logs(&root, "", &order.container)?.size.is_zero() {
        return Ok((Bytes::ZERO, None));
    }
    if root.link("containers").is_some() {
        return Err(io::Error::other(
            "its folder is reached through a link, and nothing is emptied through one",
        ));
    }
    let own = Path::new("containers").join(single(order.container.as_str())?);
    let json = json_file(&order.container);
    let written = order.path.as_deref().and_then(|path| root.relative(path));
    if written != Some(&own.join(&json)) {
        return Err(io::Error::other(
            "the engine does not write it where a json-file log lies",
        ));
    }
    let folder = root.open_folder(&own)?;
    let mut freed = Bytes::ZERO;
    if !order.bounded {
        freed = empty(&folder, json.as_bytes())?;
    }
    let mut failure = None;
    let mut entries = FolderReader::new(folder.try_clone()?)?;
    while let Some((name, _)) = entries.next()? {
        let name = name.as_bytes();
        if !rest_of(name, &json).is_some_and(is_aside) {
            continue;
        }
        match unless_gone(empty(&folder, name)) {
            Ok(bytes) => freed += bytes.unwrap_or_default(),
            Err(error) => failure = Some(error),
        }
    }
    Ok((freed, failure))
}

/// Empties one file, by the handle that was looked at, and returns the blocks that went.
fn empty(folder: &OwnedFd, name: &[u8]) -> io::Result<Bytes> {
    let flags = (base_flags() - OFlags::RDONLY) | OFlags::WRONLY | OFlags::NOFOLLOW;
    let file = openat(folder, name, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
        return Err(io::Error::other("it is no regular file of its own"));
    }
    let file = File::from(file);
    file.set_len(0)?;
    Ok(blocks(&stat) - blocks(&fstat(&file)?))
}

#[cfg(test)]
mod tests;
