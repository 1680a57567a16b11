//! The line to the terminal, with a thread of its own that writes to it: a terminal that nobody reads (an SSH line
//! that hangs, a tmux client that was stopped) takes no more, and whoever writes to it sleeps until it does.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::Notify;
use tokio::time::Duration;

/// The thread's stack, in bytes: it calls nothing but `write`.
const STACK: usize = 1 << 16;

/// What goes out as one write, in bytes: as much as Linux passes on at once. Between two of them is seen that a slow
/// terminal still takes something.
const PIECE: usize = 2048;

/// Writes to a terminal without waiting for it. What is sent first goes out first.
#[derive(Clone, Debug)]
pub struct Line {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something waits to go out, or the terminal has taken what went out before.
    changed: Condvar,
    /// The terminal has taken something, or is gone.
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What goes out next. Who draws only while the line is free never has more than a frame here.
    waiting: Vec<u8>,
    is_writing: bool,
    /// Pieces that went out so far.
    pieces: u64,
    is_cut: bool,
}

impl State {
    fn is_free(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing
    }
}

impl Line {
    /// Returns a line to this terminal. Its thread ends with the program: nothing wakes it while it writes.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn over(terminal: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let line = Self {
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name("terminal".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.write_on(terminal))?;
        Ok(line)
    }

    /// Sends this behind what waits already.
    pub fn send(&self, bytes: &[u8]) {
        self.shared.state().waiting.extend_from_slice(bytes);
        self.shared.changed.notify_all();
    }

    /// Returns true if the terminal has taken all that was sent.
    pub fn is_free(&self) -> bool {
        self.shared.state().is_free()
    }

    /// Returns true if the terminal is gone. What is sent goes nowhere then.
    pub fn is_cut(&self) -> bool {
        self.shared.state().is_cut
    }

    /// Waits until the terminal has taken something since this was asked last, or is gone.
    pub async fn taken(&self) {
        self.shared.taken.notified().await;
    }

    /// Sleeps until the terminal has taken all that was sent; gives up when it took nothing for so long.
    pub fn finish(&self, patience: Duration) {
        let mut state = self.shared.state();
        while !state.is_free() {
            let before = state.pieces;
            let waits = |state: &mut State| !state.is_free() && state.pieces == before;
            let waited = self
                .shared
                .changed
                .wait_timeout_while(state, patience, waits);
            let (now, ended) = waited.unwrap_or_else(PoisonError::into_inner);
            if ended.timed_out() {
                return;
            }
            state = now;
        }
    }
}

impl Shared {
    /// Nobody panics while holding it, and a terminal must be given back after any panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_on(&self, mut terminal: impl Write) {
        let mut bytes = Vec::new();
        let mut state = self.state();
        loop {
            if state.waiting.is_empty() {
                let woken = self.changed.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            bytes.clear();
            std::mem::swap(&mut bytes, &mut state.waiting);
            state.is_writing = true;
            for piece in bytes.chunks(PIECE) {
                if state.is_cut {
                    break;
                }
                drop(state);
                let written = terminal.write_all(piece).and_then(|()| terminal.flush());
                state = self.state();
                state.pieces += 1;
                state.is_cut = written.is_err();
                self.changed.notify_all();
            }
            state.is_writing = false;
            self.changed.notify_all();
            self.taken.notify_one();
        }
    }
}

/// Collects what is drawn and sends it as one piece when it is flushed.
#[derive(Debug)]
pub struct Pen {
    line: Line,
    drawn: Vec<u8>,
}

impl Pen {
    pub fn new(line: Line) -> Self {
        Self {
            line,
            drawn: Vec::new(),
        }
    }
}

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.drawn.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.drawn.is_empty() {
            self.line.send(&self.drawn);
            self.drawn.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
