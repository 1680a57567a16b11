//! The filter line: typed text is a filter as soon as it can be read; until then the list stays as it was.

use super::super::keys::Key;
use super::super::model::{FilterLine, Model, Screen};

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
        key if !line.edit(key) => return,
        _ => {}
    }
    apply(model);
}

/// Pasted text is text in the filter, and nothing anywhere else.
pub fn paste(model: &mut Model, text: &str) {
    if let Screen::Filter(line) = &mut model.screen {
        let plain: String = text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        line.insert(plain.trim());
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
        match key {
            Key::Char(letter) => self.insert(&letter.to_string()),
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
        true
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.at, text);
        self.at += text.len();
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
