//! Work that may wait for a disk, on a thread of its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// As many threads as the program has at the same time on a quiet host.
const AT_ONCE: usize = 4;

/// Checks that the system gives this user the threads that the program needs: a limit on processes (`ulimit -u`)
/// counts those of all programs of the user.
///
/// # Errors
/// Why it gives none.
pub fn check_threads() -> io::Result<()> {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let started: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let gate = Arc::clone(&gate);
            let waits = move || drop(gate.lock());
            thread::Builder::new().spawn(waits)
        })
        .collect();
    drop(held);
    let mut all = Ok(());
    for thread in started {
        match thread {
            Ok(thread) => drop(thread.join()),
            Err(error) => all = Err(error),
        }
    }
    all
}

/// Tokio keeps a thread that has nothing to do for ten seconds: so long after the last work it has one.
const KEPT: Duration = Duration::from_secs(5);

/// Returns false where no thread is to be had. Tokio panics where it has none and gets none.
fn has_thread() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_known = last.is_some_and(|last| last.elapsed() < KEPT);
    let probed = || {
        thread::Builder::new()
            .spawn(|| ())
            .map(thread::JoinHandle::join)
    };
    let has = is_known || probed().is_ok();
    if has {
        *last = Some(Instant::now());
    }
    has
}

/// Does something where nobody waits for it. Dropping the future does not end what was begun. `None` where it
/// panicked, or there was no thread to be had.
///
/// All of it is one kind of task, in a box, which is compiled once.
pub(in crate::engine) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, done) = oneshot::channel();
    let work: Box<dyn FnOnce() + Send> = Box::new(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    });
    if !has_thread() {
        return None;
    }
    spawn_blocking(work);
    done.await.ok()
}

/// How urgent some work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Priority {
    /// Somebody waits for it.
    Normal,
    /// It gives way to all others.
    Leisurely,
}

/// As [`run_blocking`] or [`run_low_priority`].
pub(in crate::engine) async fn run_with_priority<T: Send + 'static>(
    pace: Priority,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match pace {
        Priority::Normal => run_blocking(work).await,
        Priority::Leisurely => run_low_priority(work).await,
    }
}

/// As [`run_blocking`], on a thread that gives way to all others, on the processor and at the disk.
pub(in crate::engine) async fn run_low_priority<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let at_leisure = move || {
        // Linux takes this for the thread alone, and what it reads for as little urgent. No thread can take it
        // back, so it is no other's that does something else later.
        let _ = setpriority_process(None, 19);
        work()
    };
    let wait = || thread::Builder::new().spawn(at_leisure).ok()?.join().ok();
    run_blocking(wait).await.flatten()
}
