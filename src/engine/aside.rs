//! Work that may wait for a disk, on a thread of its own.

use std::thread;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Does something where nobody waits for it. Dropping the future does not end what was begun. `None` where it
/// panicked.
///
/// All of it is one kind of task, in a box, which is compiled once.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, done) = oneshot::channel();
    let work: Box<dyn FnOnce() + Send> = Box::new(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    });
    spawn_blocking(work);
    done.await.ok()
}

/// As [`aside`], on a thread that gives way to all others, on the processor and at the disk.
pub(super) async fn aside_at_leisure<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let at_leisure = move || {
        // Linux takes this for the thread alone, and what it reads for as little urgent. No thread can take it
        // back, so it is no other's that does something else later.
        let _ = setpriority_process(None, 19);
        work()
    };
    let wait = || thread::Builder::new().spawn(at_leisure).ok()?.join().ok();
    aside(wait).await.flatten()
}
