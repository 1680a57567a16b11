//! The terminal: taken for a full-screen program, and always given back as it was.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use rustix::process::{Signal, kill_current_process_group};
use tokio::time::Duration;

use super::line::{Line, Pen};
use super::screen::Lean;

/// The line to the terminal while that is ours: a panic hook and a drop must give it back once, not twice.
static TAKEN: Mutex<Option<Line>> = Mutex::new(None);

/// How long a terminal that is given back may take nothing before it is left as it is: one that nobody reads is
/// never told, and a slow one is.
const PATIENCE: Duration = Duration::from_millis(800);

/// What ratatui draws to: a frame is one write.
pub type Screen = ratatui::Terminal<Lean<Pen>>;

/// The terminal while it is ours; dropping it gives it back.
#[derive(Debug)]
pub struct Terminal {
    mouse: bool,
    line: Line,
}

impl Terminal {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, and the mouse only if asked.
    ///
    /// # Errors
    /// When the terminal does not let itself be taken; it is then as it was.
    pub fn take(mouse: bool) -> io::Result<Self> {
        restore_before_panic_message();
        let line = Line::over(io::stdout())?;
        let terminal = Self { mouse, line };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Returns a terminal that was never taken, and so is not given back.
    #[cfg(test)]
    pub fn of_nobody(line: Line) -> Self {
        let mouse = false;
        Self { mouse, line }
    }

    /// All that goes to the terminal goes this way, in its order.
    pub fn line(&self) -> &Line {
        &self.line
    }

    fn enter(&self) -> io::Result<()> {
        enable_raw_mode()?;
        *taken() = Some(self.line.clone());
        let mut out = Pen::new(self.line.clone());
        execute!(
            out,
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        if self.mouse {
            execute!(out, EnableMouseCapture)?;
        }
        Ok(())
    }

    /// Returns a screen to draw on, of the terminal's size.
    ///
    /// # Errors
    /// When the terminal does not tell its size.
    pub fn screen(&self) -> io::Result<Screen> {
        ratatui::Terminal::new(Lean::new(Pen::new(self.line.clone())))
    }

    /// Gives the terminal back and stops the whole job, as ^Z does for any program.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn suspend() -> io::Result<()> {
        give_back();
        // The whole group: under `cargo run` or `sudo` the shell waits for the parent too.
        kill_current_process_group(Signal::TSTP)?;
        Ok(())
    }

    /// Takes the terminal again after `fg`.
    ///
    /// # Errors
    /// As [`Terminal::take`].
    pub fn resume(&self) -> io::Result<()> {
        self.enter()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, after what was drawn before. A terminal that is gone (a lost SSH line) or that nobody
/// reads cannot be told, which is no error; its modes are those of before all the same.
fn give_back() {
    give_back_within(PATIENCE);
}

/// As the end of the terminal, where no time is left for one that takes nothing.
pub fn give_back_at_once() {
    give_back_within(Duration::from_millis(50));
}

/// Holds the lock while it does, so that nobody ends the program in between.
fn give_back_within(patience: Duration) {
    let mut taken = taken();
    let Some(line) = taken.take() else {
        return;
    };
    let mut out = Pen::new(line.clone());
    let _ = execute!(
        out,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    line.finish(patience);
    let _ = disable_raw_mode();
}

fn taken() -> MutexGuard<'static, Option<Line>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic's message belongs on the screen that the user came from.
fn restore_before_panic_message() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}
