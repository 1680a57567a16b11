//! A real pseudo-terminal with a program in it, driven by keys and read as a person reads it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::program::CALLERS_ENGINE;
use super::{STATE, dtop};

/// How long a program may take until it shows what is waited for.
pub const SOON: Duration = Duration::from_secs(20);
/// How long a screen must stand still to count as settled.
const STILL: Duration = Duration::from_millis(300);

/// A program on a terminal.
pub struct Screen {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    shown: Arc<Shown>,
    // Held open, so that what the program wrote last can still be read, and its modes after it ended.
    terminal: File,
    modes_before: String,
}

/// The resident set of a program, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The largest that it has been.
    pub peak: u64,
    pub now: u64,
}

/// What has come out of the program.
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
    /// Nobody reads the terminal.
    is_stuck: Mutex<bool>,
    unstuck: Condvar,
}

struct State {
    parser: vt100::Parser,
    raw: Vec<u8>,
    last: Instant,
}

impl Screen {
    /// Starts dtop on a terminal of `(rows, columns)`.
    pub fn start(args: &[&str], env: &[(&str, &str)], size: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new(dtop());
        command.args(args);
        Self::start_program(command, env, size)
    }

    /// Starts any program, with a terminal's usual environment and none of the caller's engine.
    pub fn start_program(
        mut command: CommandBuilder,
        env: &[(&str, &str)],
        (rows, cols): (u16, u16),
    ) -> Self {
        for name in CALLERS_ENGINE
            .into_iter()
            .chain(["NO_COLOR", "LC_ALL", "COLUMNS", "LINES"])
        {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
        command.env("XDG_STATE_HOME", STATE);
        for (name, value) in env {
            command.env(name, value);
        }
        let pair = native_pty_system()
            .openpty(pty_size(rows, cols))
            .expect("a pty");
        let terminal = open_terminal(pair.master.as_ref());
        let modes_before = modes(&terminal);
        let shown = Arc::new(Shown {
            state: Mutex::new(State {
                parser: vt100::Parser::new(rows, cols, 0),
                raw: Vec::new(),
                last: Instant::now(),
            }),
            changed: Condvar::new(),
            is_stuck: Mutex::new(false),
            unstuck: Condvar::new(),
        });
        let reader = pair.master.try_clone_reader().expect("a reader");
        let show = Arc::clone(&shown);
        thread::spawn(move || show.read_all(reader));
        Self {
            child: pair
                .slave
                .spawn_command(command)
                .expect("the program starts"),
            keyboard: pair.master.take_writer().expect("a writer"),
            master: pair.master,
            shown,
            terminal,
            modes_before,
        }
    }

    /// Presses the keys of a script: words apart by spaces, each the name of a key (`enter`, `s-tab`, `^c`),
    /// or text to type.
    pub fn keys(&mut self, script: &str) {
        for word in script.split_whitespace() {
            self.send(&bytes_of(word));
            if word == "esc" {
                // What follows an escape at once would be read as one key with it.
                thread::sleep(Duration::from_millis(80));
            }
        }
    }

    /// Sends bytes as one burst.
    pub fn send(&mut self, bytes: &[u8]) {
        self.keyboard.write_all(bytes).expect("the keyboard works");
        self.keyboard.flush().expect("the keyboard works");
    }

    /// Pastes text, bracketed as a terminal does.
    pub fn paste(&mut self, text: &str) {
        self.send(format!("\u{1b}[200~{text}\u{1b}[201~").as_bytes());
    }

    /// Waits until this text stands on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until this text is gone from the screen.
    pub fn wait_while(&self, text: &str) {
        self.wait_until(&format!("no more {text:?}"), |screen| {
            !screen.contents().contains(text)
        });
    }

    /// Waits until something holds for the screen; fails the test with the last picture if it never does.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        let mut state = self.shown.state.lock().expect("the screen");
        while !holds(state.parser.screen()) {
            let left = SOON.saturating_sub(start.elapsed());
            let picture = state.parser.screen().contents();
            assert!(!left.is_zero(), "waited for {what:?} and saw:\n{picture}");
            state = self
                .shown
                .changed
                .wait_timeout(state, left)
                .expect("the screen")
                .0;
        }
    }

    /// Reads no more of what the program writes, as a line that hangs, and fills the terminal until it takes no
    /// more either. What it is filled with is drawn as nothing.
    pub fn hang(&self) {
        *self.shown.is_stuck.lock().expect("the line") = true;
        let mut filler = open_terminal(self.master.as_ref());
        let flags = rustix::fs::fcntl_getfl(&filler).expect("its flags");
        rustix::fs::fcntl_setfl(&filler, flags | rustix::fs::OFlags::NONBLOCK).expect("a flag");
        let mut refused = 0;
        // The reader may have taken one piece more; then there is room again.
        while refused < 3 {
            if filler.write(&[0; 64]).is_err() {
                refused += 1;
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Reads on, first what was written meanwhile.
    pub fn read_on(&self) {
        *self.shown.is_stuck.lock().expect("the line") = false;
        self.shown.unstuck.notify_all();
    }

    /// Waits until more bytes have come than so many.
    pub fn wait_for_bytes(&self, before: usize) {
        let start = Instant::now();
        while self.raw_len() == before {
            assert!(start.elapsed() < SOON, "no byte came");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until nothing has been drawn for a while.
    pub fn settle(&self) {
        let start = Instant::now();
        while start.elapsed() < SOON {
            let idle = self.shown.state.lock().expect("the screen").last.elapsed();
            if idle > STILL && start.elapsed() > STILL {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// All rows, as text.
    pub fn contents(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// One row, from 0, padded with spaces to the full width.
    pub fn row(&self, index: u16) -> String {
        self.look(|screen| {
            let cells = (0..screen.size().1).filter_map(|column| screen.cell(index, column));
            cells
                .filter(|cell| !cell.is_wide_continuation())
                .map(|cell| {
                    if cell.has_contents() {
                        cell.contents()
                    } else {
                        " "
                    }
                })
                .collect()
        })
    }

    /// The text of the cell in a row and column, from 0.
    pub fn cell(&self, row: u16, column: u16) -> String {
        self.look(|screen| {
            screen
                .cell(row, column)
                .map_or_else(String::new, |it| it.contents().into())
        })
    }

    /// The first row that holds this text.
    pub fn row_with(&self, text: &str) -> Option<String> {
        let rows = self.look(|screen| screen.size().0);
        (0..rows)
            .map(|index| self.row(index))
            .find(|row| row.contains(text))
    }

    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.shown.state.lock().expect("the screen").parser.screen())
    }

    /// How many bytes have come so far; a mark for [`Screen::raw_since`].
    pub fn raw_len(&self) -> usize {
        self.shown.state.lock().expect("the screen").raw.len()
    }

    /// The bytes that came after a mark.
    pub fn raw_since(&self, mark: usize) -> Vec<u8> {
        self.shown.state.lock().expect("the screen").raw[mark..].to_vec()
    }

    pub fn resize(&mut self, rows: u16, cols: u16) {
        let mut state = self.shown.state.lock().expect("the screen");
        // vt100 panics where a wide sign, drawn for the size before, comes to one column.
        state.parser.screen_mut().set_size(rows, cols.max(2));
        drop(state);
        self.master
            .resize(pty_size(rows, cols))
            .expect("the terminal takes its size");
    }

    /// Sends a signal to the program (not to its group).
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program runs");
    }

    /// The program's process ID.
    pub fn process(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// What the program has of the machine's memory.
    pub fn memory(&self) -> Memory {
        let path = format!("/proc/{}/status", self.process());
        let status = fs::read_to_string(path).expect("its status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes =
                line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kibibytes.expect("a number") * 1024
        };
        Memory {
            peak: field("VmHWM:"),
            now: field("VmRSS:"),
        }
    }

    /// Waits for the program's end.
    pub fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("the program can be waited for")
            {
                self.settle();
                return status;
            }
            assert!(
                start.elapsed() < SOON,
                "still running, and shows:\n{}",
                self.contents()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// True while the program runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What the program left behind on its terminal: changed modes, and see [`traces`].
    pub fn left_behind(&self) -> Vec<&'static str> {
        let mut left = self.look(traces);
        if modes(&self.terminal) != self.modes_before {
            left.push("modes");
        }
        left
    }

    fn pid(&self) -> Pid {
        let id = self.child.process_id().expect("the program runs");
        Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.runs() {
            let _ = kill_process(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// The traces of a full-screen program on a terminal; none on one that is as a shell likes it.
pub fn traces(screen: &vt100::Screen) -> Vec<&'static str> {
    let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
    let coloured = [screen.fgcolor(), screen.bgcolor()] != [vt100::Color::Default; 2];
    let styled = screen.bold() || screen.dim() || screen.inverse() || screen.underline();
    let all = [
        ("alternate screen", screen.alternate_screen()),
        ("hidden cursor", screen.hide_cursor()),
        ("bracketed paste", screen.bracketed_paste()),
        ("mouse", mouse),
        ("application cursor keys", screen.application_cursor()),
        ("colour", coloured),
        ("style", styled),
    ];
    all.into_iter()
        .filter(|(_, left)| *left)
        .map(|(name, _)| name)
        .collect()
}

impl Shown {
    fn read_all(&self, mut from: Box<dyn Read + Send>) {
        let mut bytes = [0; 8192];
        let mut rest = Vec::new();
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let stuck = self.is_stuck.lock().expect("the line");
            drop(self.unstuck.wait_while(stuck, |stuck| *stuck));
            let mut state = self.state.lock().expect("the screen");
            state.raw.extend_from_slice(&bytes[..length]);
            rest.extend_from_slice(&bytes[..length]);
            state.parser.process(&with_boxes(&mut rest));
            state.last = Instant::now();
            self.changed.notify_all();
        }
    }
}

/// Takes what came and gives it with `□` for each `�`: terminals draw that in one column, and vt100 in none. The
/// beginning of a `�` stays for the next time.
fn with_boxes(bytes: &mut Vec<u8>) -> Vec<u8> {
    let replacement = '\u{fffd}'.to_string().into_bytes();
    let begun = (1..replacement.len())
        .rev()
        .find(|&length| bytes.ends_with(&replacement[..length]));
    let rest = bytes.split_off(bytes.len() - begun.unwrap_or(0));
    let mut shown = std::mem::replace(bytes, rest);
    for at in 0..shown.len().saturating_sub(2) {
        if shown[at..].starts_with(&replacement) {
            shown[at..at + 3].copy_from_slice("□".as_bytes());
        }
    }
    shown
}

fn pty_size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// The program's end of the terminal, without making it the test's own.
fn open_terminal(master: &dyn MasterPty) -> File {
    let path = master.tty_name().expect("a terminal has a name");
    let no_control = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).expect("a flag");
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(no_control)
        .open(path)
        .expect("the terminal opens")
}

/// The terminal's modes in words that can be compared: echo, line editing, signals, translation.
fn modes(terminal: &File) -> String {
    let modes = rustix::termios::tcgetattr(terminal).expect("a terminal has modes");
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        modes.input_modes,
        modes.output_modes,
        modes.control_modes,
        modes.local_modes,
        modes.special_codes,
    )
}

/// What a terminal sends for a word of a key script.
fn bytes_of(word: &str) -> Vec<u8> {
    let sequence = match word {
        "space" => " ",
        "enter" => "\r",
        "esc" => "\u{1b}",
        "tab" => "\t",
        "s-tab" => "\u{1b}[Z",
        "up" => "\u{1b}[A",
        "down" => "\u{1b}[B",
        "right" => "\u{1b}[C",
        "left" => "\u{1b}[D",
        "home" => "\u{1b}[H",
        "end" => "\u{1b}[F",
        "pgup" => "\u{1b}[5~",
        "pgdn" => "\u{1b}[6~",
        "del" => "\u{1b}[3~",
        "f5" => "\u{1b}[15~",
        "backspace" => "\u{7f}",
        _ => {
            return match word.as_bytes() {
                [b'^', letter @ b'a'..=b'z'] => vec![letter - b'a' + 1],
                text => text.to_vec(),
            };
        }
    };
    sequence.as_bytes().to_vec()
}
