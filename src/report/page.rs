//! What a text is written on.

use crate::domain::time::Timestamp;
use crate::ui::Theme;

/// The width and the letters of a text, and the time at which it is written.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub now: Timestamp,
    /// Columns of the terminal. Names of what would be removed are never cut, whatever it is.
    pub width: usize,
    /// Every glyph has a plain form.
    pub ascii: bool,
}

impl Page {
    pub(crate) fn theme(self) -> Theme {
        Theme::new(false, self.ascii)
    }

    /// Lines as they are printed, each with its line end.
    pub(crate) fn printed(self, lines: &[String]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        self.theme().printed(text)
    }
}
