//! A pane's rows: filtered, sorted, with a cursor that stays on its object.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::domain::filter::{Filter, FilterError, Verdict};
use crate::domain::index::Index;
use crate::domain::item::{ItemId, Kind};
use crate::domain::plan::{AddedBy, Tally};
use crate::domain::survey::Survey;
use crate::domain::time::Timestamp;

use super::columns::{SortKey, columns};

/// What is marked, and what marked it.
pub type Marks = HashMap<ItemId, AddedBy>;

/// A cursor over rows of which a page is visible. Also serves lists without a pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The row that it is on.
    pub at: usize,
    /// The first visible row.
    pub offset: usize,
}

impl Cursor {
    /// Moves by some rows and stays among `len` rows, with a page of `page` rows in sight.
    pub fn step(&mut self, by: isize, len: usize, page: usize) {
        self.go(self.at.saturating_add_signed(by), len, page);
    }

    /// Goes to a row, or to the last one where there are fewer.
    pub fn go(&mut self, at: usize, len: usize, page: usize) {
        self.at = at.min(len.saturating_sub(1));
        let page = page.max(1);
        self.offset = self
            .offset
            .min(self.at)
            .max((self.at + 1).saturating_sub(page))
            .min(len.saturating_sub(page));
    }
}

/// One kind's list as it is shown.
#[derive(Clone, Debug)]
pub struct Pane {
    /// The kind whose list it is.
    pub kind: Kind,
    /// Indices into the inventory's list, in the order of the screen.
    pub rows: Vec<usize>,
    /// The cursor, and the page in sight.
    pub cursor: Cursor,
    /// The object that the cursor stays on, once somebody moved it.
    held: Option<ItemId>,
    /// The order that was last taken.
    sorted: Vec<ItemId>,
    /// The same as places in the inventory's list; objects that came later follow at the end.
    order: Vec<usize>,
    /// The lists in which those are places.
    index: Weak<Index>,
    /// The index of the column that sorts.
    pub sort: usize,
    /// The order is turned round.
    pub reversed: bool,
    /// The filter, as it was typed.
    pub filter_text: String,
    filter: Filter,
    /// Rows that the filter left out because a figure is not known.
    pub not_known: usize,
}

/// What a pane's rows depend on.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The items.
    pub survey: &'a Survey,
    /// What is marked, and what that frees.
    pub tally: &'a Tally,
    /// What time it is.
    pub now: Timestamp,
    /// How many rows are in sight.
    pub page: usize,
}

impl Pane {
    /// Returns a pane sorted by what each item frees, the largest first: the order of triage.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            rows: Vec::new(),
            cursor: Cursor::default(),
            held: None,
            sorted: Vec::new(),
            order: Vec::new(),
            index: Weak::new(),
            sort: 1,
            reversed: false,
            filter_text: String::new(),
            filter: Filter::default(),
            not_known: 0,
        }
    }

    /// Returns the index of the row under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<usize> {
        self.rows.get(self.cursor.at).copied()
    }

    /// The items.
    #[must_use]
    pub fn current_id(&self, survey: &Survey) -> Option<ItemId> {
        self.current().map(|at| survey.item(self.kind, at).id())
    }

    /// Moves the cursor and holds on to what it comes to.
    pub fn go(&mut self, at: usize, around: Around<'_>) {
        self.cursor.go(at, self.rows.len(), around.page);
        self.held = self.current_id(around.survey);
    }

    /// Moves the cursor by some rows.
    pub fn step(&mut self, by: isize, around: Around<'_>) {
        self.go(self.cursor.at.saturating_add_signed(by), around);
    }

    /// Sorts by a column; by the same one again: the other way round.
    pub fn sort_by(&mut self, column: usize, around: Around<'_>) {
        self.reversed = column == self.sort && !self.reversed;
        self.sort = column.min(columns(self.kind).len() - 1);
        self.sort_anew(around);
    }

    /// Turns the order round.
    pub fn reverse(&mut self, around: Around<'_>) {
        self.reversed = !self.reversed;
        self.sort_anew(around);
    }

    /// Shows only what a filter lets through.
    ///
    /// # Errors
    /// When the text cannot be read; the list stays as it was.
    pub fn set_filter(&mut self, text: &str, around: Around<'_>) -> Result<(), FilterError> {
        self.filter = Filter::parse(text, self.kind)?;
        text.clone_into(&mut self.filter_text);
        self.refresh(around);
        Ok(())
    }

    /// Takes a new order from what is known now.
    pub fn sort_anew(&mut self, around: Around<'_>) {
        let Around { survey, .. } = around;
        let column = &columns(self.kind)[self.sort];
        let mut rows: Vec<(SortKey<'_>, usize)> = survey
            .rows(self.kind)
            .map(|at| ((column.key)(survey, self.kind, at), at))
            .collect();
        let names = survey.name_places(self.kind);
        rows.sort_unstable_by(|(a_key, a), (b_key, b)| {
            let (a, b) = (names[*a], names[*b]);
            let order = match (a_key, b_key) {
                (SortKey::Name, SortKey::Name) => a.name.cmp(&b.name),
                (a_key, b_key) => a_key.cmp(b_key),
            };
            let order = if self.reversed {
                order.reverse()
            } else {
                order
            };
            // By name where the column says nothing: engines list volumes in a new order each time.
            order.then_with(|| a.cmp(&b))
        });
        // Not in the place of the keys, which are many times as large.
        self.order = rows.iter().map(|(_, at)| *at).collect();
        drop(rows);
        let order = self.order.iter();
        self.sorted = order.map(|at| survey.item(self.kind, *at).id()).collect();
        self.index = Arc::downgrade(survey.numbers());
        self.refresh(around);
    }

    /// Returns true while nothing has been put in order yet.
    #[must_use]
    pub fn is_unsorted(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Follows a new survey, new marks or a new filter: rows keep their order, the cursor its object.
    pub fn refresh(&mut self, around: Around<'_>) {
        if !std::ptr::eq(self.index.as_ptr(), Arc::as_ptr(around.survey.numbers())) {
            self.follow_lists(around.survey);
        }
        let mut not_known = 0;
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let shown = self.order.iter().copied();
        rows.extend(shown.filter(|at| match self.verdict(around, *at) {
            Verdict::Shown => true,
            Verdict::Hidden => false,
            Verdict::NotKnown => {
                not_known += 1;
                false
            }
        }));
        self.rows = rows;
        self.not_known = not_known;
        self.find_held(around);
    }

    /// Finds the places of what was put in order in new lists; what is new follows in the order of its list.
    fn follow_lists(&mut self, survey: &Survey) {
        let mut is_new = vec![false; survey.len(self.kind)];
        for at in survey.rows(self.kind) {
            is_new[at] = true;
        }
        self.order.clear();
        let known = self.sorted.iter().filter_map(|id| survey.index(id));
        for at in known {
            if std::mem::replace(&mut is_new[at], false) {
                self.order.push(at);
            }
        }
        self.order
            .extend(survey.rows(self.kind).filter(|at| is_new[*at]));
        self.index = Arc::downgrade(survey.numbers());
    }

    fn verdict(&self, around: Around<'_>, at: usize) -> Verdict {
        if self.filter_text.is_empty() {
            return Verdict::Shown;
        }
        let number = around.survey.numbers().number(self.kind, at);
        let marked = around.tally.is_marked(number);
        let subject = around.survey.subject(self.kind, at, marked);
        self.filter.verdict(&subject, around.now)
    }

    fn find_held(&mut self, around: Around<'_>) {
        let held = self.held.as_ref().and_then(|id| around.survey.index(id));
        let at = held
            .and_then(|index| self.rows.iter().position(|row| *row == index))
            .unwrap_or(self.cursor.at);
        self.cursor.go(at, self.rows.len(), around.page);
    }
}
