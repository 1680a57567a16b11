//! Where things stand on the screen, for drawing them and for finding what was clicked.
//!
//! ```text
//! roomy (from 100x28)                     compact (from 40x10)
//! header                                  header
//! totals                                  totals (from 20 lines)
//! ╭ title ─────────╮                      tabs
//! │ headings       │                      headings
//! │ rows           │                      rows
//! │ why            │                      why
//! ╰────────────────╯                      footer
//! other panes
//! footer
//! ```

/// Lines and columns of the browse screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Boxes are drawn around the open pane and the other panes have a line of titles below it.
    pub roomy: bool,
    /// Columns of the screen.
    pub width: u16,
    /// Lines of the screen.
    pub height: u16,
    /// The line of totals, where there is room for one.
    pub totals: Option<u16>,
    /// The tab line, or the line of other panes.
    pub tabs: u16,
    /// The open pane with its border, if it has one: its first line and its height.
    pub pane: (u16, u16),
    /// The line of the columns' titles.
    pub headings: u16,
    /// The first row's line.
    pub rows: u16,
    /// How many rows are visible; at least one.
    pub page: u16,
    /// The line that says why a row frees what it frees.
    pub why: u16,
    /// The line of keys.
    pub footer: u16,
    /// Columns left of the rows, and right of them.
    pub inset: u16,
}

/// The least size that is drawn; below it the screen says so.
pub const SMALLEST: (u16, u16) = (40, 10);

/// Columns of a row before the name: the cursor, the mark, and two spaces.
pub const GUTTER: u16 = 4;

impl Layout {
    /// Columns of the screen.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Self {
        if width >= 100 && height >= 28 {
            Self::roomy(width, height)
        } else {
            Self::compact(width, height)
        }
    }

    /// Columns between the borders.
    #[must_use]
    pub fn inner_width(&self) -> u16 {
        self.width.saturating_sub(2 * self.inset)
    }

    /// Columns of a row after its gutter; one is left free before the border.
    #[must_use]
    pub fn row_width(&self) -> u16 {
        self.inner_width()
            .saturating_sub(GUTTER + u16::from(self.roomy))
    }

    fn roomy(width: u16, height: u16) -> Self {
        let footer = height - 1;
        let tabs = height - 2;
        Self {
            roomy: true,
            width,
            height,
            totals: Some(1),
            tabs,
            pane: (2, tabs - 2),
            headings: 3,
            rows: 4,
            page: tabs - 2 - 4,
            why: tabs - 2,
            footer,
            inset: 1,
        }
    }

    fn compact(width: u16, height: u16) -> Self {
        let totals = (height >= 20).then_some(1);
        let tabs = 1 + u16::from(totals.is_some());
        let footer = height.saturating_sub(1);
        let why = height.saturating_sub(2);
        Self {
            roomy: false,
            width,
            height,
            totals,
            tabs,
            pane: (tabs + 1, height.saturating_sub(tabs + 2)),
            headings: tabs + 1,
            rows: tabs + 2,
            page: why.saturating_sub(tabs + 2).max(1),
            why,
            footer,
            inset: 0,
        }
    }
}

#[cfg(test)]
mod tests;
