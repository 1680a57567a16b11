//! What a login's ssh says: its own words by a pipe of their own, apart from what anybody else says.
//!
//! On its standard error stand the host's banner, and what programs on the way say. Neither is a reason.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::ChildStderr;
use tokio::time::sleep;

/// As much of it as is kept: the end, where the reason stands.
const KEPT: usize = 16 * 1024;
const PIECE: usize = 4 * 1024;

/// What is said, as far as it has been heard.
#[derive(Debug)]
pub(super) struct Words {
    /// What ssh logs (`-E`).
    log: Receiver,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    own: Vec<u8>,
    others: Vec<u8>,
    /// What nobody who sits at the terminal has seen, in its order.
    unseen: Vec<u8>,
    others_ended: bool,
}

impl Words {
    /// Makes the pipe for ssh's own words.
    ///
    /// # Errors
    /// It cannot be made there.
    pub(super) fn new(log: &Path) -> io::Result<Arc<Self>> {
        mkfifoat(CWD, log, Mode::RUSR | Mode::WUSR)?;
        Ok(Arc::new(Self {
            log: Receiver::from_file(opened(log)?)?,
            said: Mutex::default(),
        }))
    }

    /// Listens as long as ssh speaks: a pipe that nobody reads would hold it up.
    pub(super) async fn listen(self: Arc<Self>, mut others: ChildStderr) {
        let mut piece = [0; PIECE];
        let mut open = true;
        while open {
            tokio::select! {
                readable = self.log.readable() => {
                    if readable.is_err() {
                        return;
                    }
                    self.hear();
                }
                read = others.read(&mut piece) => {
                    let read = read.unwrap_or(0);
                    let mut said = self.said();
                    keep(&mut said.others, &piece[..read]);
                    keep(&mut said.unseen, &piece[..read]);
                    open = read > 0;
                    said.others_ended = !open;
                }
            }
        }
    }

    /// Returns ssh's own words so far.
    pub(super) fn own(&self) -> String {
        self.hear();
        String::from_utf8_lossy(&self.said().own).into_owned()
    }

    /// Returns what stands on its standard error so far: what it says before it logs, and what others say.
    pub(super) fn others(&self) -> String {
        String::from_utf8_lossy(&self.said().others).into_owned()
    }

    /// Waits until nobody speaks on its standard error any more.
    pub(super) async fn others_ended(&self) {
        while !self.said().others_ended {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Shows what is said from then on, and what was said by then, to whoever sits there.
    pub(super) async fn show_after(&self, quiet: Duration) {
        sleep(quiet).await;
        loop {
            self.show();
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn show(&self) {
        let unseen = std::mem::take(&mut self.said().unseen);
        let mut errors = io::stderr();
        if !unseen.is_empty() && errors.is_terminal() {
            let _ = errors.write_all(&unseen);
            let _ = errors.flush();
        }
    }

    /// Takes in what has been logged.
    fn hear(&self) {
        let mut piece = [0; PIECE];
        while let Ok(read @ 1..) = self.log.try_read(&mut piece) {
            let mut said = self.said();
            keep(&mut said.own, &piece[..read]);
            keep(&mut said.unseen, &piece[..read]);
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opened for writing too, so that it has no end while nobody writes.
fn opened(log: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(log)
}

fn keep(words: &mut Vec<u8>, more: &[u8]) {
    words.extend_from_slice(more);
    let surplus = words.len().saturating_sub(KEPT);
    words.drain(..surplus);
}

#[cfg(test)]
mod tests;
