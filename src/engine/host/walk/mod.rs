//! One way down through folders, for all that is measured in an engine's own.
//!
//! A walk stays on one filesystem, follows no link, and goes as deep as folders lie in each other: folders are opened
//! each in the one above it, and of a long way down only the lowest are held open. What is known to be a mount point
//! is not touched. An error costs the folder that it stands in, and is told of that folder. A walk that takes longer
//! than a moment is shared by a few threads, so that a disk that must be waited for has more than one question.
//!
//! - `crew`: threads that share a walk: one that has nothing to do is handed a folder by one that has.
//! - `linked`: files with several names: each counts once, and how many of its names were met tells whether it goes
//!   with them.

mod crew;
mod linked;

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Stat, fstat, openat, seek, statat,
};
use rustix::io::Errno;

use self::crew::{Crew, Job};
pub(super) use self::linked::Linked;
use super::extents;
use super::leash::Walker;
use super::mounts::MountTree;
use super::root::base_flags;
use super::taken::{blocks, length};
use crate::domain::bytes::Bytes;
use crate::domain::store::folder::Taken;

/// So many folders of a way down are held open, besides its top: a process often has no more than 1,024 open files,
/// and a few walks go on at once.
const OPEN: usize = 24;
/// So many entries of a folder are read before they are looked at, in the order of their inodes.
const BATCH: usize = 4096;
/// What a thread reads of a folder at once.
const BUFFER: usize = 32 << 10;
/// A walk that ends sooner is not worth a thread.
const ALONE: Duration = Duration::from_millis(10);
/// More threads than these gain nothing: they wait for the same disk.
const THREADS: usize = 4;

/// What a walk looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookAt {
    All,
    /// And at which blocks of files other files may have.
    Extents,
}

/// A walk to be done, on the filesystem of the folder that it begins in.
pub(super) struct Walk<'w> {
    pub(super) walker: &'w Walker,
    /// What is mounted below the folder.
    pub(super) mounts: Option<&'w MountTree>,
    pub(super) linked: &'w Mutex<Linked>,
    pub(super) look: LookAt,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct WalkResult {
    pub(super) taken: Taken,
    /// How many of the blocks other files may have, too; only where that is looked at.
    pub(super) shareable: Bytes,
    /// Files and folders besides the one that it began in.
    pub(super) entries: u64,
    /// Another filesystem is mounted on something of it.
    pub(super) is_crossed: bool,
    pub(super) unread: Vec<UnreadFolder>,
}

/// A folder that could not be read to its end.
#[derive(Debug)]
pub(super) struct UnreadFolder {
    /// By its path below the folder in which the walk began.
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

impl WalkResult {
    fn add(&mut self, mut other: Self) {
        self.taken += other.taken;
        self.shareable += other.shareable;
        self.entries += other.entries;
        self.is_crossed |= other.is_crossed;
        self.unread.append(&mut other.unread);
    }
}

impl Walker {
    /// Walks through all that is below a folder; see [`Walk::below`].
    pub(super) fn walk(
        &self,
        top: OwnedFd,
        mounts: Option<&MountTree>,
        linked: &Mutex<Linked>,
        look: LookAt,
    ) -> io::Result<WalkResult> {
        let walk = Walk {
            walker: self,
            mounts,
            linked,
            look,
        };
        walk.below(top)
    }
}

impl<'w> Walk<'w> {
    /// Walks through all that is below a folder and returns what it takes, the folder included.
    ///
    /// # Errors
    /// Nobody waits for it any more, or its time is over. What cannot be read is told in [`WalkResult::unread`].
    pub(super) fn below(&self, top: OwnedFd) -> io::Result<WalkResult> {
        let mut found = WalkResult::default();
        let stat = fstat(&top)?;
        found.taken.blocks = blocks(&stat);
        let crew = Crew::default();
        let job = Job {
            folder: top,
            path: OsString::new(),
            mounts: self.mounts,
        };
        let mut first = Descent::new(self, &crew, stat.st_dev);
        crew.join();
        first.enter(job)?;
        if !first.go_on(Some(Instant::now() + ALONE))? {
            self.share(&crew, &mut first, &mut found)?;
        }
        found.add(first.found);
        found.unread.sort_by(|one, two| one.path.cmp(&two.path));
        Ok(found)
    }

    /// Returns what counts with a name of a file: all of the file with the first of its names, and how many of its
    /// blocks others may have.
    fn meet(&self, folder: &OwnedFd, name: &CStr, stat: &Stat) -> (Taken, Bytes) {
        let shareable = || match self.look {
            LookAt::Extents => extents::shareable(folder, name, stat),
            LookAt::All => Bytes::ZERO,
        };
        if stat.st_nlink > 1 {
            let linked = self.linked.lock();
            let mut linked = linked.unwrap_or_else(PoisonError::into_inner);
            return linked.meet_shareable(stat, shareable);
        }
        let taken = Taken {
            length: length(stat),
            blocks: blocks(stat),
        };
        (taken, shareable())
    }

    /// Ends a walk on some threads. Where there are none to be had, the one that began it ends it.
    fn share<'c>(
        &'c self,
        crew: &'c Crew<'w>,
        first: &mut Descent<'w, 'c>,
        found: &mut WalkResult,
    ) -> io::Result<()> {
        let device = first.device;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let helpers = if cores > 1 { THREADS - 1 } else { 0 };
        thread::scope(|scope| {
            let helper = || {
                let mut descent = Descent::new(self, crew, device);
                crew.join();
                descent.help().map(|()| descent.found)
            };
            let threads: Vec<_> = (0..helpers)
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, helper).ok())
                .collect();
            let mut ended = first.go_on(None).map(drop);
            ended = match ended {
                Ok(()) => first.help(),
                Err(error) => {
                    crew.leave();
                    Err(error)
                }
            };
            for thread in threads {
                match thread.join() {
                    Ok(Ok(part)) => found.add(part),
                    Ok(Err(error)) => ended = ended.and(Err(error)),
                    Err(_) => ended = ended.and(Err(io::ErrorKind::Interrupted.into())),
                }
            }
            ended
        })
    }
}

/// A thread's way down.
struct Descent<'w, 'c> {
    walk: &'c Walk<'w>,
    crew: &'c Crew<'w>,
    device: u64,
    /// From the top of what it was handed to the folder that it is in.
    frames: Vec<Frame<'w>>,
    /// So many frames after the first are not held open.
    closed: usize,
    found: WalkResult,
    buffer: Vec<u8>,
    batch: Vec<(u64, FileType, CString)>,
}

/// A folder on the way down.
struct Frame<'w> {
    /// None while it is not held open.
    folder: Option<OwnedFd>,
    inode: u64,
    /// The name that it was entered by; of the first the path to it.
    name: OsString,
    mounts: Option<&'w MountTree>,
    /// Where reading goes on, for one that was closed meanwhile.
    place: u64,
    is_read: bool,
    /// Folders in it that were read and not walked through yet.
    inner: Vec<CString>,
}

impl<'w, 'c> Descent<'w, 'c> {
    fn new(walk: &'c Walk<'w>, crew: &'c Crew<'w>, device: u64) -> Self {
        Self {
            walk,
            crew,
            device,
            frames: Vec::new(),
            closed: 0,
            found: WalkResult::default(),
            buffer: Vec::with_capacity(BUFFER),
            batch: Vec::new(),
        }
    }

    fn enter(&mut self, job: Job<'w>) -> io::Result<()> {
        let inode = fstat(&job.folder)?.st_ino;
        self.push(job.folder, inode, job.path, job.mounts);
        Ok(())
    }

    /// Walks through what others hand over, until nobody has anything.
    fn help(&mut self) -> io::Result<()> {
        while let Some(job) = self.crew.next() {
            let ended = self.enter(job).and_then(|()| self.go_on(None));
            if let Err(error) = ended {
                self.crew.leave();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Returns true at the end of the way, and false where it has taken until some moment.
    fn go_on(&mut self, until: Option<Instant>) -> io::Result<bool> {
        while let Some(last) = self.frames.last_mut() {
            self.walk.walker.goes_on()?;
            if let Some(name) = last.inner.pop() {
                self.go_down(&name);
            } else if last.is_read {
                self.go_up();
            } else {
                self.read()?;
            }
            if until.is_some_and(|until| Instant::now() > until) {
                return Ok(self.frames.is_empty());
            }
        }
        Ok(true)
    }

    /// Reads on in the folder that it is in, and looks at what is no folder.
    fn read(&mut self) -> io::Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let read = self.read_names(&mut batch);
        // Inodes lie on the disk in their order; a folder's names may stand in any other.
        batch.sort_unstable_by_key(|(inode, _, _)| *inode);
        let mut failure = read.err();
        for (count, (_, kind, name)) in batch.drain(..).enumerate() {
            if count % 64 == 63 {
                self.walk.walker.goes_on()?;
            }
            if let Err(error) = self.look_at(kind, name) {
                failure = Some(error);
            }
        }
        self.batch = batch;
        if let Some(frame) = self.frames.last_mut() {
            // They are taken from the end.
            frame.inner.reverse();
        }
        if let Some(error) = failure {
            self.note_unread(error);
        }
        Ok(())
    }

    fn read_names(&mut self, batch: &mut Vec<(u64, FileType, CString)>) -> io::Result<()> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        let Some(folder) = &frame.folder else {
            return Ok(());
        };
        let mut list = RawDir::new(folder, room(&mut self.buffer));
        loop {
            let entry = match list.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => {
                    frame.is_read = true;
                    return Err(error.into());
                }
                None => {
                    frame.is_read = true;
                    return Ok(());
                }
            };
            frame.place = entry.next_entry_cookie();
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                batch.push((entry.ino(), entry.file_type(), name.to_owned()));
            }
            if batch.len() >= BATCH && list.is_buffer_empty() {
                return Ok(());
            }
        }
    }

    /// Counts an entry that is no folder, and keeps a folder to be walked through.
    fn look_at(&mut self, kind: FileType, name: CString) -> io::Result<()> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        let mounts = frame.mounts.and_then(|it| it.child(as_os(&name)));
        if mounts.is_some_and(MountTree::is_mount) {
            self.found.is_crossed = true;
            return Ok(());
        }
        self.found.entries += 1;
        if kind == FileType::Directory {
            frame.inner.push(name);
            return Ok(());
        }
        let Some(folder) = &frame.folder else {
            return Ok(());
        };
        let Some(stat) = attributes(folder, &name)? else {
            return Ok(());
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            frame.inner.push(name);
        } else if stat.st_dev != self.device {
            self.found.is_crossed = true;
        } else {
            let (taken, shareable) = self.walk.meet(folder, &name, &stat);
            self.found.taken += taken;
            self.found.shareable += shareable;
        }
        Ok(())
    }

    /// Goes into a folder, or hands it to a thread that has nothing to do.
    fn go_down(&mut self, name: &CStr) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let Some(folder) = &frame.folder else {
            return;
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | base_flags();
        let opened = openat(folder, name, flags, Mode::empty());
        let inner = match opened.and_then(|inner| Ok((fstat(&inner)?, inner))) {
            Ok(inner) => Ok(inner),
            // Gone, or another thing by now.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return,
            Err(error) => Err((error, attributes(folder, name).ok().flatten())),
        };
        let mounts = frame.mounts.and_then(|it| it.child(as_os(name)));
        match inner {
            // Somebody has mounted something meanwhile.
            Ok((stat, _)) if stat.st_dev != self.device => self.found.is_crossed = true,
            Ok((stat, inner)) => {
                self.found.taken.blocks += blocks(&stat);
                if self.crew.has_idle() {
                    let path = self.path_of(Some(name));
                    let folder = inner;
                    self.crew.hand_over(Job {
                        folder,
                        path,
                        mounts,
                    });
                } else {
                    self.push(inner, stat.st_ino, as_os(name).to_owned(), mounts);
                }
            }
            Err((error, stat)) => {
                let own = stat.filter(|stat| stat.st_dev == self.device);
                self.found.taken.blocks += own.as_ref().map(blocks).unwrap_or_default();
                let path = self.path_of(Some(name)).into();
                let error = error.into();
                self.found.unread.push(UnreadFolder { path, error });
            }
        }
    }

    fn push(&mut self, folder: OwnedFd, inode: u64, name: OsString, mounts: Option<&'w MountTree>) {
        self.frames.push(Frame {
            folder: Some(folder),
            inode,
            name,
            mounts,
            place: 0,
            is_read: false,
            inner: Vec::new(),
        });
        if self.frames.len() > self.closed + 1 + OPEN {
            self.closed += 1;
            self.frames[self.closed].folder = None;
        }
    }

    /// Goes back to the folder above, which is opened again from below where it is not open.
    fn go_up(&mut self) {
        let left = self.frames.pop();
        let top = self.frames.len().saturating_sub(1);
        if self.closed == 0 || self.closed != top {
            return;
        }
        let below = left.and_then(|frame| frame.folder);
        match below.map(|below| self.reopened(&below, top)) {
            Some(Ok(folder)) => {
                self.frames[top].folder = Some(folder);
                self.closed -= 1;
            }
            Some(Err(error)) => self.lose_the_way(error),
            None => self.lose_the_way(io::ErrorKind::NotFound.into()),
        }
    }

    fn reopened(&self, below: &OwnedFd, at: usize) -> io::Result<OwnedFd> {
        let frame = &self.frames[at];
        let folder = openat(
            below,
            c"..",
            OFlags::DIRECTORY | base_flags(),
            Mode::empty(),
        )?;
        let stat = fstat(&folder)?;
        if (stat.st_dev, stat.st_ino) != (self.device, frame.inode) {
            return Err(io::Error::other("it was moved meanwhile"));
        }
        if !frame.is_read && frame.place > 0 {
            seek(&folder, SeekFrom::Start(frame.place))?;
        }
        Ok(folder)
    }

    /// Goes on from the top, as the folders between are not found any more.
    fn lose_the_way(&mut self, error: io::Error) {
        let lacks = |frame: &Frame<'_>| !frame.is_read || !frame.inner.is_empty();
        while self.frames.len() > 1 && !self.frames.last().is_some_and(lacks) {
            self.frames.pop();
        }
        if self.frames.len() > 1 {
            self.note_unread(error);
        }
        self.frames.truncate(1);
        self.closed = 0;
    }

    /// Notes that the folder that it is in could not be read to its end.
    fn note_unread(&mut self, error: io::Error) {
        let path = self.path_of(None).into();
        self.found.unread.push(UnreadFolder { path, error });
    }

    /// Returns the path of the folder that it is in, or of one in it, below the top of the walk.
    fn path_of(&self, inner: Option<&CStr>) -> OsString {
        let frames = self.frames.iter().map(|frame| frame.name.as_os_str());
        let names: Vec<&OsStr> = frames.chain(inner.map(as_os)).collect();
        let names = names.into_iter().filter(|name| !name.is_empty());
        names.collect::<Vec<_>>().join(OsStr::new("/"))
    }
}

fn as_os(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}

fn room(buffer: &mut Vec<u8>) -> &mut [MaybeUninit<u8>] {
    buffer.clear();
    buffer.spare_capacity_mut()
}

/// Returns what an entry is, itself and not what it may point to; none where it has gone.
fn attributes(folder: &OwnedFd, name: &CStr) -> io::Result<Option<Stat>> {
    match statat(
        folder,
        name,
        AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT,
    ) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(super) mod scene;
#[cfg(test)]
mod tests;
