//! Where text commands read and write, and how they end when what they write is not taken.

use std::io::{self, BufRead, ErrorKind, Write};

use rustix::termios::{QueueSelector, tcflush};

use crate::cli::{BROKEN_PIPE, NOTHING_TRIED, one_line};
use crate::report::page::Page;
use crate::ui::text::{fit, sanitise};

/// Where a text command reads and writes.
pub struct Console<'a> {
    pub input: &'a mut dyn BufRead,
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    /// The input is a terminal: somebody can be asked.
    pub asks: bool,
    /// Standard error is a terminal: progress is shown there.
    pub progress: bool,
    pub page: Page,
}

impl Console<'_> {
    /// Writes to standard output, with a line end where there is none.
    ///
    /// # Errors
    /// When it is not taken; [`Console::end`] says what follows.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        let is_whole = text.is_empty() || text.ends_with('\n');
        let end = if is_whole { "" } else { "\n" };
        write!(self.out, "{text}{end}")?;
        self.out.flush()
    }

    /// Says something, as it is, to whoever sits there. That nobody listens changes nothing.
    pub fn say(&mut self, text: &str) {
        let _ = write!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    /// Forgets what was typed before a question stood there: it cannot have been an answer.
    pub fn forget_typed(&self) {
        if self.asks {
            // What is no terminal (any more) has nothing to forget.
            let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        }
    }

    /// One line on standard error.
    pub fn complain(&mut self, text: &str) {
        let line = format!("dtop: {}\n", one_line(text));
        self.say(&self.page.theme().printed(line));
    }

    /// Shows a line in place of the one before; an empty one clears it. Only a terminal shows it.
    pub fn show_note(&mut self, text: &str) {
        if !self.progress {
            return;
        }
        let line = if text.is_empty() {
            String::new()
        } else {
            // A longer line would wrap, and could not be cleared.
            fit(&sanitise(text), self.page.width.clamp(1, 80) - 1)
        };
        let line = self.page.theme().printed(line);
        self.say(&format!("\r\u{1b}[K{line}"));
    }

    /// Returns how a command ends that only prints. A reader who has gone (`| head`) wants nothing more: that is
    /// quiet, and the exit code is what the shell shows of a program that SIGPIPE ended.
    pub fn end(&mut self, written: io::Result<()>) -> u8 {
        match written {
            Ok(()) => 0,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => BROKEN_PIPE,
            Err(error) => {
                self.complain(&format!(
                    "standard output: {error}; is there room, and may it be written?"
                ));
                NOTHING_TRIED
            }
        }
    }
}
