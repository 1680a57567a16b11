//! dtop in a terminal, used as a person uses it: open, go to, mark, review, confirm.

use std::time::{Duration, Instant};

use super::engine::PrivateEngine;
use super::pty::{SOON, Screen};

/// The sign before the row under the cursor (README.md, A minute with it).
const CURSOR: &str = "▸";
/// The sign of a mark.
const MARK: &str = "●";
/// Stands in the plan dialog, and nowhere else.
pub const PLAN: &str = " Remove from ";
/// Stands in the plan dialog while the word is asked for.
pub const WORD: &str = "Type delete to allow it";
/// Stands on the screen while a removal goes on.
pub const REMOVING: &str = " Removing from ";
/// Stands below what came of all steps until it is known what they freed.
pub const MEASURING: &str = " measuring what was freed";
/// One of these stands on the screen when a removal has ended.
const ENDED: [&str; 3] = [
    " Removed from ",
    " Cancelled: removed from ",
    " Nothing was tried on ",
];

/// One of dtop's panes, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    Images,
    Containers,
    Volumes,
    BuildCache,
}

impl Pane {
    fn key(self) -> &'static str {
        match self {
            Self::Images => "1",
            Self::Containers => "2",
            Self::Volumes => "3",
            Self::BuildCache => "4",
        }
    }
}

/// A person at dtop.
pub struct Journey {
    pub screen: Screen,
}

impl Journey {
    /// Opens dtop on an engine at this address and waits for the lists.
    pub fn at(host: &str, size: (u16, u16)) -> Self {
        Self::begin(&["-H", host], size)
    }

    pub fn on(engine: &PrivateEngine) -> Self {
        Self::at(&engine.host(), (35, 120))
    }

    pub fn demo(size: (u16, u16)) -> Self {
        Self::begin(&["--demo"], size)
    }

    fn begin(args: &[&str], size: (u16, u16)) -> Self {
        let screen = Screen::start(args, &[], size);
        screen.wait_for(CURSOR);
        screen.settle();
        Self { screen }
    }

    pub fn open(&mut self, pane: Pane) {
        self.screen.keys(pane.key());
        self.screen.settle();
    }

    /// Moves the cursor, down from the first row, to the row that holds this text.
    pub fn go_to(&mut self, text: &str) {
        self.screen.keys("g");
        self.screen.settle();
        while !self.cursor_row().1.contains(text) {
            let before = self.cursor_row();
            self.screen.keys("j");
            let start = Instant::now();
            while self.cursor_row() == before {
                let waited = start.elapsed();
                let picture = self.screen.contents();
                assert!(
                    waited < Duration::from_secs(2),
                    "no row {text:?}:\n{picture}"
                );
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Marks the row that holds this text.
    pub fn mark(&mut self, pane: Pane, text: &str) {
        self.open(pane);
        self.go_to(text);
        let (index, _) = self.cursor_row();
        self.screen.keys("space");
        self.screen.settle();
        let row = self.screen.row(index);
        assert!(
            row.contains(MARK) && row.contains(text),
            "not marked: {row:?}"
        );
    }

    /// Opens the plan and waits until it is drawn.
    pub fn plan(&mut self) {
        self.screen.keys("d");
        self.screen.wait_for(PLAN);
        self.screen.settle();
    }

    /// Types the word where it is asked for, says yes to the plan on the screen, and waits for the end.
    pub fn confirm(&mut self) {
        self.say_yes();
        self.wait_for_the_end();
    }

    /// Types the word where it is asked for, and says yes to the plan on the screen.
    pub fn say_yes(&mut self) {
        // A yes counts for a plan that is drawn to its end.
        self.screen.settle();
        if self.screen.contents().contains(WORD) {
            self.screen.keys("delete");
            self.screen.wait_for("Type delete to allow it: delete");
        }
        self.screen.keys("y");
    }

    /// Waits until a removal has ended, and returns what the screen says of it.
    pub fn wait_for_the_end(&self) -> String {
        self.screen.wait_until("the end of the removal", |screen| {
            let picture = screen.contents();
            ENDED.iter().any(|ended| picture.contains(ended)) && !picture.contains(MEASURING)
        });
        self.screen.settle();
        self.screen.contents()
    }

    /// Shows only what the filter lets through in the open pane.
    pub fn filter(&mut self, filter: &str) {
        self.screen.keys("/");
        self.screen.settle();
        self.screen.send(filter.as_bytes());
        self.screen.keys("enter");
        self.screen.settle();
    }

    /// Ends dtop, whatever is open and marked.
    pub fn quit(&mut self) {
        let start = Instant::now();
        while self.screen.runs() {
            assert!(
                start.elapsed() < SOON,
                "does not quit:\n{}",
                self.screen.contents()
            );
            self.screen.keys("esc q");
            self.screen.settle();
            if self.screen.runs() {
                self.screen.keys("y");
                self.screen.settle();
            }
        }
        self.screen.end();
    }

    /// The row under the cursor: where it is, and its text.
    fn cursor_row(&self) -> (u16, String) {
        let rows = self.screen.look(|screen| screen.size().0);
        (0..rows)
            .map(|index| (index, self.screen.row(index)))
            .find(|(_, row)| row.contains(CURSOR))
            .unwrap_or_default()
    }
}
