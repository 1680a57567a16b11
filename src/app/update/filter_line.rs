//! The filter line: typed text is a filter as soon as it can be read; until then the list stays as it was.

use super::super::keys::Key;
use super::super::model::{FilterLine, LONGEST_LINE, Model, Screen};

/// Opens the line with the filter that the pane has.
pub fn open(model: &mut Model) {
    let text = model.pane().filter_text.clone();
    model.screen = Screen::Filter(FilterLine {
        at: text.len(),
        before: text.clone(),
        text,
        ..FilterLine::default()
    });
}

#[expect(clippy::wildcard_enum_match_arm, reason = "any other key is typed")]
pub fn press(model: &mut Model, key: Key) {
    let Screen::Filter(line) = &mut model.screen else {
        return;
    };
    match key {
        Key::Enter => {
            if line.error.is_none() {
                model.screen = Screen::Browse;
            }
            return;
        }
        Key::Esc | Key::Ctrl('c') => {
            let before = std::mem::take(&mut line.before);
            model.screen = Screen::Browse;
            let (pane, around) = model.pane_mut();
            // It was a filter before, so it can be read.
            let _ = pane.set_filter(&before, around);
            return;
        }
        key => {
            if !line.edit(key) {
                return;
            }
        }
    }
    apply(model);
}

/// Pasted text is text in the filter, and nothing anywhere else. No more of it is looked at than a line takes.
pub fn paste(model: &mut Model, text: &str) {
    let is_blank = |letter: char| letter.is_control() || letter.is_whitespace();
    let text = text.trim_matches(is_blank);
    typed(model, text);
}

/// Takes in letters that were typed or pasted at once: the filter is applied once, however many they are.
pub fn typed(model: &mut Model, text: &str) {
    if let Screen::Filter(line) = &mut model.screen
        && line.insert(text)
    {
        apply(model);
    }
}

fn apply(model: &mut Model) {
    let Screen::Filter(line) = &model.screen else {
        return;
    };
    let text = line.text.clone();
    let (pane, around) = model.pane_mut();
    let answer = pane.set_filter(&text, around);
    if let Screen::Filter(line) = &mut model.screen {
        line.error = answer.err();
    }
}

impl FilterLine {
    /// Does what a key does in a line of text; false where it does nothing there.
    pub(super) fn edit(&mut self, key: Key) -> bool {
        let before = self.text.len();
        match key {
            Key::Char(letter) => return self.insert(letter.encode_utf8(&mut [0; 4])),
            Key::Backspace => self.delete_before(),
            Key::Delete => self.delete_after(),
            Key::Left => self.at = self.previous(),
            Key::Right => self.at = self.next(),
            Key::Home | Key::Ctrl('a') => self.at = 0,
            Key::End | Key::Ctrl('e') => self.at = self.text.len(),
            Key::Ctrl('u') => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            Key::Ctrl('w') => self.delete_word(),
            Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Tab
            | Key::BackTab
            | Key::Enter
            | Key::Esc
            | Key::Ctrl(_)
            | Key::F(_) => return false,
        }
        self.is_full &= self.text.len() == before;
        true
    }

    /// Puts as much of a text before the cursor as the line takes; what controls a terminal becomes a space.
    /// Returns false where the line stays as it was.
    fn insert(&mut self, text: &str) -> bool {
        let room = LONGEST_LINE.saturating_sub(self.text.len());
        let mut end = room.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let fits = &text[..end];
        self.is_full = end < text.len();
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        let plain: String = fits.chars().map(plain).collect();
        self.text.insert_str(self.at, &plain);
        self.at += plain.len();
        !plain.is_empty()
    }

    fn previous(&self) -> usize {
        self.text[..self.at]
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        self.text[self.at..]
            .chars()
            .next()
            .map_or(self.at, |letter| self.at + letter.len_utf8())
    }

    fn delete_before(&mut self) {
        let from = self.previous();
        self.text.drain(from..self.at);
        self.at = from;
    }

    fn delete_after(&mut self) {
        let to = self.next();
        self.text.drain(self.at..to);
    }

    fn delete_word(&mut self) {
        let kept = self.text[..self.at].trim_end();
        let from = kept.rfind(' ').map_or(0, |at| at + 1);
        self.text.drain(from..self.at);
        self.at = from;
    }
}
