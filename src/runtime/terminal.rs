//! The terminal: taken for a full-screen program, and always given back as it was.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use rustix::process::{Signal, kill_current_process_group};

use super::screen::Lean;

/// True while the terminal is ours: a panic hook and a drop must give it back once, not twice.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What ratatui draws to: a frame is one write.
pub type Screen = ratatui::Terminal<Lean<BufWriter<Stdout>>>;

/// The terminal while it is ours; dropping it gives it back.
#[derive(Debug)]
pub struct Terminal {
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, and the mouse only if asked.
    ///
    /// # Errors
    /// When the terminal does not let itself be taken; it is then as it was.
    pub fn take(mouse: bool) -> io::Result<Self> {
        restore_before_panic_message();
        let terminal = Self { mouse };
        terminal.enter()?;
        Ok(terminal)
    }

    /// A terminal that was never taken, and so is not given back.
    #[cfg(test)]
    pub fn of_nobody() -> Self {
        Self { mouse: false }
    }

    fn enter(&self) -> io::Result<()> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let mut out = io::stdout();
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

    /// A screen to draw on, of the terminal's size.
    ///
    /// # Errors
    /// When the terminal does not tell its size.
    pub fn screen() -> io::Result<Screen> {
        ratatui::Terminal::new(Lean::new(BufWriter::with_capacity(1 << 16, io::stdout())))
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

/// Gives the terminal back. A terminal that is gone (a lost SSH line) cannot be told, which is no error.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(
        out,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
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
