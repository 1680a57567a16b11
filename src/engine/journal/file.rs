//! The journal's file: only its user's, appended to a line a write, and never needed in order to remove.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags, fallocate, flock};
use rustix::io::Errno;

use super::lines::{self, Begun, History};
use crate::domain::inventory::EngineInfo;

const FILE: &str = "journal.jsonl";
/// Older lines than these are not read; they stay where they are.
const LONGEST: u64 = 32 * 1024 * 1024;
/// Room for so many bytes is kept behind the file's end, so that a full disk still takes some lines.
const RESERVE: u64 = 64 * 1024;

/// Where lines are kept.
#[derive(Debug)]
pub struct JournalFile {
    /// `None` keeps them in memory.
    folder: Option<PathBuf>,
    /// What is to be written, or all there is where there is no file.
    waiting: Mutex<String>,
    /// Open while something is removed, so that others can tell.
    file: Mutex<Option<File>>,
    trouble: Mutex<Option<String>>,
    /// A write has not come back in time.
    stuck: AtomicBool,
    trying: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another thread leaves nothing half done here that a reader could trip over.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JournalFile {
    pub fn below(folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
            ..Self::in_memory()
        }
    }

    /// One whose user has no folder: what stands in it is lost with the program.
    pub fn of_nobody() -> Self {
        let why =
            "no folder is known for it, so it ends with this program: set HOME or XDG_STATE_HOME";
        Self {
            trouble: Mutex::new(Some(why.to_owned())),
            ..Self::in_memory()
        }
    }

    pub fn in_memory() -> Self {
        Self {
            folder: None,
            waiting: Mutex::default(),
            file: Mutex::default(),
            trouble: Mutex::default(),
            stuck: AtomicBool::new(false),
            trying: AtomicBool::new(false),
        }
    }

    pub fn trouble(&self) -> Option<String> {
        locked(&self.trouble).clone()
    }

    pub fn push(&self, lines: String) {
        let mut waiting = locked(&self.waiting);
        if waiting.is_empty() {
            *waiting = lines;
        } else {
            waiting.push_str(&lines);
        }
    }

    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    pub fn is_stuck_now(&self) {
        self.stuck.store(true, Ordering::Relaxed);
    }

    /// Returns true for the first who asks, until [`JournalFile::tries_no_more`].
    pub fn tries_again(&self) -> bool {
        !self.trying.swap(true, Ordering::Relaxed)
    }

    pub fn tries_no_more(&self) {
        self.trying.store(false, Ordering::Relaxed);
    }

    /// Writes all that waits, unless it cannot be: then it goes on waiting.
    pub fn flush(&self, sync: bool) {
        if self.folder.is_none() {
            return;
        }
        let mut file = locked(&self.file);
        loop {
            let lines = std::mem::take(&mut *locked(&self.waiting));
            if lines.is_empty() {
                break;
            }
            let mut left = lines.as_str();
            let written = self.write(&mut file, &mut left);
            if !left.is_empty() {
                locked(&self.waiting).insert_str(0, left);
            }
            *locked(&self.trouble) = written.as_ref().err().map(|error| self.said(error));
            if written.is_err() {
                if let Some(file) = &*file {
                    // What needs no room: that lines are missing shows in the file's time.
                    let _ = file.set_modified(missing());
                }
                break;
            }
        }
        if let (true, Some(file)) = (sync, &*file) {
            let _ = file.sync_data();
        }
        self.stuck.store(false, Ordering::Relaxed);
    }

    /// Takes what was written off the front of the lines, whole lines only.
    fn write(&self, slot: &mut Option<File>, lines: &mut &str) -> io::Result<()> {
        let file = match slot {
            Some(file) if has_one_name(file) => file,
            _ => slot.insert(self.open()?),
        };
        // Each time, because somebody may have been alone with it at the last. Where there are no locks, the worst
        // is that another dtop looks at what is in hand here.
        let _ = flock(&*file, FlockOperation::NonBlockingLockShared);
        let end = file.metadata()?.len();
        let mut last = [b'\n'];
        if end > 0 {
            file.read_exact_at(&mut last, end - 1)?;
        }
        // Somebody's line is torn: what follows it stands on its own.
        let torn = last != *b"\n";
        // A batch is one write, and so is every other line.
        let text = format!("{}{lines}", if torn { "\n" } else { "" });
        let written = file
            .write(text.as_bytes())?
            .saturating_sub(usize::from(torn));
        let whole = lines.as_bytes()[..written.min(lines.len())]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        *lines = &lines[whole..];
        if !lines.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // A filesystem that keeps no room in reserve is no trouble.
        let _ = fallocate(&*file, FallocateFlags::KEEP_SIZE, end, RESERVE);
        Ok(())
    }

    /// Returns true when nothing waits; others may then look at what was in hand here.
    pub fn is_done(&self) -> bool {
        let done = self.folder.is_none() || locked(&self.waiting).is_empty();
        if done && let Ok(mut file) = self.file.try_lock() {
            *file = None;
        }
        done
    }

    /// Returns the file, only its user's, and no link to another.
    fn open(&self) -> io::Result<File> {
        let folder = self.folder.clone().unwrap_or_default();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let opened = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(safely())
            .open(folder.join(FILE));
        let file = opened.map_err(in_words)?;
        let about = file.metadata()?;
        check(&about)?;
        if about.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// Returns everything that can be read of it.
    pub fn read(&self) -> Result<History, String> {
        let (text, gap) = self.text()?;
        let entries = lines::read(&text);
        Ok(History { entries, gap })
    }

    /// Returns where something was begun of which nobody wrote down how it ended. A small part of each line tells.
    pub fn begun(&self) -> Result<Begun, String> {
        let (text, gap) = self.text()?;
        let engines = lines::begun(&text);
        Ok(Begun { engines, gap })
    }

    /// Returns what was begun on an engine, where nobody wrote down how it ended.
    pub fn open_on(&self, about: &EngineInfo) -> Result<History, String> {
        let (text, gap) = self.text()?;
        let entries = lines::open_on(&text, about);
        Ok(History { entries, gap })
    }

    /// Returns the lines as far as they can be read, with those that are still to be written, and whether some are
    /// missing.
    fn text(&self) -> Result<(String, bool), String> {
        let Some(folder) = &self.folder else {
            return Ok((locked(&self.waiting).clone(), false));
        };
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(safely())
            .open(folder.join(FILE));
        let opened = opened.map_err(in_words);
        let (mut text, gap) = match opened.and_then(|mut file| tail(&mut file)) {
            Ok(read) => read,
            Err(error) if is_absent(&error) => (String::new(), false),
            Err(error) => return Err(self.said(&error)),
        };
        // What is still to be written is known here.
        text.push('\n');
        text.push_str(&locked(&self.waiting));
        Ok((text, gap))
    }

    /// Keeps all others from removing unseen, until it is dropped; `None` while one does.
    pub fn alone(&self) -> Option<File> {
        let file = self.open().ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(file)
    }

    fn said(&self, error: &io::Error) -> String {
        let path = self.folder.clone().unwrap_or_default().join(FILE);
        format!("{}: {error}", path.display())
    }
}

/// Neither a link that somebody has put there is followed, nor waited for who may read a pipe.
fn safely() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

/// Returns false for a file that somebody has removed, in which lines would be lost, or given another name.
fn has_one_name(file: &File) -> bool {
    file.metadata().is_ok_and(|about| about.nlink() == 1)
}

/// Lets no file count as the journal that is more, or less, than one file of one name: what somebody has linked
/// there would be written to, or read.
fn check(about: &Metadata) -> io::Result<()> {
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file; move it away"));
    }
    if about.nlink() > 1 {
        let why = "it has another name too (a hard link), and what is written here would stand there; move it away";
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// Says of a link that it is one.
fn in_words(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        return io::Error::other("it is a link, and none is followed; move it away");
    }
    error
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Returns the time of a file that lacks lines: no clock tells it.
fn missing() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1)
}

/// The end of the file, and whether lines are missing there.
fn tail(file: &mut File) -> io::Result<(String, bool)> {
    let about = file.metadata()?;
    check(&about)?;
    let start = about.len().saturating_sub(LONGEST);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((text, about.modified()? == missing()))
}
