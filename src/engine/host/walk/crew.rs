//! Threads that share a walk: one that has nothing to do is handed a folder by one that has.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine::host::mounts::MountTree;

/// A folder to be walked through, with what is mounted below it.
pub(super) struct Job<'w> {
    pub(super) folder: OwnedFd,
    /// By its path below the top.
    pub(super) path: OsString,
    pub(super) mounts: Option<&'w MountTree>,
}

/// Folders that wait for a thread, and threads that wait for a folder.
#[derive(Default)]
pub(super) struct Crew<'w> {
    queue: Mutex<CrewQueue<'w>>,
    rings: Condvar,
    /// Threads for which no folder waits. It is looked at for each folder, so without a lock.
    idle: AtomicUsize,
}

#[derive(Default)]
struct CrewQueue<'w> {
    jobs: Vec<Job<'w>>,
    /// Threads that may still hand folders over.
    busy: usize,
    waiting: usize,
}

impl<'w> Crew<'w> {
    /// Counts a thread that has begun to walk.
    pub(super) fn join(&self) {
        self.lock().busy += 1;
    }

    /// Returns true if a thread has nothing to do.
    pub(super) fn has_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0
    }

    pub(super) fn hand_over(&self, job: Job<'w>) {
        let mut queue = self.lock();
        queue.jobs.push(job);
        self.count_idle(&queue);
        self.rings.notify_one();
    }

    /// Waits for a folder, as a thread that has none; none once all threads wait.
    pub(super) fn next(&self) -> Option<Job<'w>> {
        let mut queue = self.lock();
        queue.busy -= 1;
        queue.waiting += 1;
        loop {
            if let Some(job) = queue.jobs.pop() {
                queue.busy += 1;
                queue.waiting -= 1;
                self.count_idle(&queue);
                return Some(job);
            }
            if queue.busy == 0 {
                self.rings.notify_all();
                return None;
            }
            self.count_idle(&queue);
            queue = self
                .rings
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends a thread that goes on no more: nobody waits for its folders.
    pub(super) fn leave(&self) {
        let mut queue = self.lock();
        queue.busy -= 1;
        queue.jobs.clear();
        self.rings.notify_all();
    }

    fn count_idle(&self, queue: &CrewQueue<'w>) {
        let idle = queue.waiting.saturating_sub(queue.jobs.len());
        self.idle.store(idle, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, CrewQueue<'w>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
