//! What a text command waits for, said once it takes long.

use std::cell::RefCell;
use std::pin::pin;

use tokio::time::{Duration, Instant, sleep};

use super::console::Console;

/// How long a wait is nobody's concern.
const LONG: Duration = Duration::from_secs(5);
/// How often it is said how long a wait has taken.
const TICK: Duration = Duration::from_secs(1);

/// What is waited for, each since when.
#[derive(Debug)]
pub struct Waits {
    /// What is done meanwhile: `measuring`; empty where what is waited for says it itself.
    verb: &'static str,
    open: Vec<Wait>,
    /// A terminal shows some of it.
    is_shown: bool,
}

#[derive(Debug)]
struct Wait {
    what: String,
    since: Instant,
    /// It was said where nothing can be shown in place of it.
    is_said: bool,
}

impl Waits {
    /// Waits for nothing yet.
    pub fn new(verb: &'static str) -> Self {
        Self {
            verb,
            open: Vec::new(),
            is_shown: false,
        }
    }

    /// Waits for this from now on, unless that is waited for already.
    pub fn begin(&mut self, what: &str) {
        if self.open.iter().any(|wait| wait.what == what) {
            return;
        }
        self.open.push(Wait {
            what: what.to_owned(),
            since: Instant::now(),
            is_said: false,
        });
    }

    /// Waits for this no more.
    pub fn end(&mut self, what: &str) {
        self.open.retain(|wait| wait.what != what);
    }

    /// Waits for this alone.
    pub fn replace(&mut self, what: &str) {
        self.open.retain(|wait| wait.what == what);
        self.begin(what);
    }

    /// Waits for nothing any more.
    pub fn clear(&mut self) {
        self.open.clear();
    }
}

impl Console<'_> {
    /// Shows on a terminal what is waited for in place of what was, and for how long once that is long. Elsewhere each
    /// long wait is one line, once.
    pub fn show_waits(&mut self, waits: &mut Waits) {
        if !self.progress {
            return self.say_long_waits(waits);
        }
        let Some(oldest) = waits.open.iter().map(|wait| wait.since).min() else {
            if std::mem::take(&mut waits.is_shown) {
                self.show_note("");
            }
            return;
        };
        let dots = self.page.theme().pending();
        let words: Vec<&str> = waits.open.iter().map(|wait| &*wait.what).collect();
        let lasted = oldest.elapsed();
        let lasted = if lasted < LONG {
            String::new()
        } else {
            format!(" {} s", lasted.as_secs())
        };
        waits.is_shown = true;
        let words = words.join(", ");
        let words = format!("{} {words}{dots}{lasted}", waits.verb);
        self.show_note(words.trim_start());
    }

    fn say_long_waits(&mut self, waits: &mut Waits) {
        let verb = waits.verb;
        for wait in &mut waits.open {
            let lasted = wait.since.elapsed();
            if lasted >= LONG && !std::mem::replace(&mut wait.is_said, true) {
                let seconds = lasted.as_secs();
                let words = format!("{verb} {} after {seconds} s", wait.what);
                self.complain(&format!("still {}", words.trim_start()));
            }
        }
    }
}

/// Does something, and shows every second what it waits for.
pub async fn showing<T>(
    waits: &RefCell<Waits>,
    console: &RefCell<&mut Console<'_>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            () = sleep(TICK) => console.borrow_mut().show_waits(&mut waits.borrow_mut()),
        }
    };
    waits.borrow_mut().clear();
    console.borrow_mut().show_waits(&mut waits.borrow_mut());
    done
}
