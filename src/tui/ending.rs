//! How signals end the program: within a second, whatever it is doing.
//!
//! Whoever waits for [`Signals`] ends in good order: logins are closed, the terminal is given back. What cannot wait
//! just then, since it computes or is in a call that waits for a disk, is ended from a thread of its own.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Duration;

use super::terminal;

/// How long what is in hand may take to end once a signal came: a request that is under way, a frame. What is not
/// done by then is found out by the next start, from the journal.
pub const GRACE: Duration = Duration::from_millis(600);

/// How long after a signal the program is ended from outside of what it is doing.
const LAST: Duration = Duration::from_millis(850);

/// The thread's stack, in bytes.
const STACK: usize = 1 << 16;

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `^C` outside of the full screen.
    Interrupt,
    Terminate,
    /// The line to the terminal is gone.
    HangUp,
}

impl Ending {
    /// Returns the exit code: what a shell shows of a program that this signal ended.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// The signals that end the program. They end it at once until somebody has asked for these.
pub struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals from now on.
    ///
    /// # Errors
    /// When the system gives no pipe for them.
    pub fn new() -> io::Result<Self> {
        static ONCE: Once = Once::new();
        let signals = Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        ONCE.call_once(insist);
        Ok(signals)
    }

    /// Waits for one.
    pub async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::Terminate,
            _ = self.hang_up.recv() => Ending::HangUp,
            _ = self.interrupt.recv() => Ending::Interrupt,
        }
    }
}

/// Waits for a signal; for ever where the system gives none.
pub async fn signalled() -> Ending {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// How the program is ended; nobody is where there is none, as in tests.
static EXIT: OnceLock<fn(i32) -> !> = OnceLock::new();

/// Has the program ended by this where it does not end by itself.
pub fn leave_by(exit: fn(i32) -> !) {
    EXIT.get_or_init(|| exit);
}

/// The program waits for somebody's answer: a signal ends it at once.
static AT_A_PROMPT: AtomicBool = AtomicBool::new(false);

/// Waits for an answer to a question, where nothing is in hand that would want time to end.
pub fn at_a_prompt<T>(wait: impl FnOnce() -> T) -> T {
    AT_A_PROMPT.store(true, Ordering::SeqCst);
    let answer = wait();
    AT_A_PROMPT.store(false, Ordering::SeqCst);
    answer
}

/// Ends the program some time after a signal, if it still runs. Without a thread to be had it ends in good order or
/// not at all.
fn insist() {
    let Some(exit) = EXIT.get() else {
        return;
    };
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT]) else {
        return;
    };
    let wait = move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        if !AT_A_PROMPT.load(Ordering::SeqCst) {
            thread::sleep(LAST);
        }
        terminal::give_back_at_once();
        exit(128 + signal);
    };
    let thread = thread::Builder::new().name("ending".to_owned());
    let _ = thread.stack_size(STACK).spawn(wait);
}
