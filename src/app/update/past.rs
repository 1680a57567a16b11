//! The history of removals on the screen, and what is restored from it.

use crate::domain::removal::history::Entry;

use super::super::keys::Key;
use super::super::model::{Model, Past, Screen};
use super::super::msg::{Effect, Restored};

pub fn open(model: &mut Model) -> Vec<Effect> {
    model.screen = Screen::History(Past::default());
    vec![Effect::ReadHistory]
}

/// Takes in what the journal holds of this engine.
pub fn take_in(model: &mut Model, read: Result<Vec<Entry>, String>) {
    let about = &model.survey.inventory().engine;
    if let Screen::History(past) = &mut model.screen {
        past.entries = Some(read.map(|mut entries| {
            entries.retain(|entry| entry.is_on(about));
            entries
        }));
        let len = past.entries().len();
        past.cursor.at = past.cursor.at.min(len.saturating_sub(1));
    }
}

/// Returns what follows from an answer to the question whether to restore, if that was asked.
pub fn answers(model: &mut Model, key: Key) -> Option<Vec<Effect>> {
    let Screen::History(past) = &mut model.screen else {
        return None;
    };
    if !std::mem::take(&mut past.asks) {
        return None;
    }
    let entry = past.current().cloned();
    Some(match (key, entry) {
        (Key::Char('y'), Some(entry)) => {
            model.restoring = Some(format!("restoring {}", entry.title()));
            vec![Effect::Restore(Box::new(entry))]
        }
        (Key::Ctrl('z'), _) => vec![Effect::Suspend],
        _ => Vec::new(),
    })
}

/// Asks whether to restore what is under the cursor, or says why it cannot be.
pub fn ask(model: &mut Model) {
    let is_busy = model.restoring.is_some();
    let Screen::History(past) = &mut model.screen else {
        return;
    };
    let Some(entry) = past.current() else {
        return;
    };
    model.notice = if model.options.read_only {
        Some("read-only: nothing is restored".to_owned())
    } else if is_busy {
        Some("one thing at a time".to_owned())
    } else if !entry.went() {
        Some("it is not gone".to_owned())
    } else if !entry.can_be_restored() {
        Some(entry.way_back())
    } else {
        past.asks = true;
        None
    };
}

/// Follows what is being restored, to its end.
pub fn follow(model: &mut Model, restored: Restored) {
    match restored {
        Restored::Still(words) => model.restoring = Some(words),
        Restored::Ended(words) => {
            model.restoring = None;
            model.notice = Some(words);
        }
    }
}
