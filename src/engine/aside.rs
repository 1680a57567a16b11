//! Work that may wait for a disk, on a thread of its own.

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
