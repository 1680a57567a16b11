//! The JSON of the text commands: schema 1 (README.md, On the command line). Bytes are integers, what is not
//! known is null, times are RFC 3339 in UTC.
//!
//! - `history`: what was removed, as schema 1 has it.
//! - `plan`: what would go and what went, as schema 1 has it.
//! - `report`: what is there, as schema 1 has it.

mod history;
mod plan;
mod report;

use std::fmt::Write;

use serde::Serialize;

use crate::domain::bytes::Bytes;
use crate::domain::plan::Plan;
use crate::domain::removal::account::{Account, FreedBy};
use crate::domain::removal::history::{Entry, Returned};
use crate::domain::removal::outcome::Done;
use crate::domain::survey::Survey;
use crate::domain::text::Text;
use crate::ui::text::sanitise;

use history::{EntryJson, History, ReturnedJson, WayBack};
use plan::{DoneJson, PlanJson};
use report::Report;

const SCHEMA: u8 = 1;

/// Returns everything that is there.
#[must_use]
pub fn report(survey: &Survey) -> String {
    written(&Report::new(survey))
}

/// What would go.
#[must_use]
pub fn plan(survey: &Survey, plan: &Plan) -> String {
    written(&PlanAnswer {
        schema: SCHEMA,
        plan: PlanJson::new(survey, plan),
    })
}

/// Returns what went, once the account of it has been drawn up.
#[must_use]
pub fn cleaned(survey: &Survey, plan: &Plan, done: &[Done], account: &Account) -> String {
    written(&Clean {
        freed: account.freed,
        freed_by: account.by,
        ..Clean::new(survey, plan, done, None)
    })
}

/// Returns what went. `error` is why nothing could be tried.
#[must_use]
pub fn clean(survey: &Survey, plan: &Plan, done: &[Done], error: Option<&str>) -> String {
    written(&Clean::new(survey, plan, done, error))
}

/// Returns what was removed, the newest first.
#[must_use]
pub fn history(entries: &[Entry]) -> String {
    written(&History {
        schema: SCHEMA,
        entries: entries.iter().map(EntryJson::new).collect(),
    })
}

/// Returns what came of a restore; `error` is what was asked for and is not in the history, or why nothing was tried.
#[must_use]
pub fn restored(returned: &[Returned], error: Option<&str>) -> String {
    written(&WayBack {
        schema: SCHEMA,
        restored: returned.iter().map(ReturnedJson::new).collect(),
        error,
    })
}

/// JSON that a terminal can show: what JSON leaves as it is and a terminal would obey is escaped too.
fn written(value: &impl Serialize) -> String {
    // Only a map with keys that are no strings can fail, and there is none.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut safe = String::with_capacity(text.len());
    let mut letter_bytes = [0; 4];
    let mut units = [0; 2];
    for letter in text.chars() {
        let is_plain = letter == '\n'
            || (' '..='~').contains(&letter)
            || matches!(sanitise(letter.encode_utf8(&mut letter_bytes)).chars().next(),
                Some(shown) if shown == letter);
        if is_plain {
            safe.push(letter);
        } else {
            // Outside of strings JSON has only ASCII, so this stands in a string.
            for unit in letter.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}

fn strs(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

#[derive(Serialize)]
struct PlanAnswer<'a> {
    schema: u8,
    #[serde(flatten)]
    plan: PlanJson<'a>,
}

#[derive(Serialize)]
struct Clean<'a> {
    schema: u8,
    #[serde(flatten)]
    plan: PlanJson<'a>,
    done: Vec<DoneJson<'a>>,
    freed: Bytes,
    freed_by: FreedBy,
    error: Option<&'a str>,
}

impl<'a> Clean<'a> {
    fn new(survey: &'a Survey, plan: &'a Plan, done: &'a [Done], error: Option<&'a str>) -> Self {
        Self {
            schema: SCHEMA,
            plan: PlanJson::new(survey, plan),
            done: done.iter().map(DoneJson::new).collect(),
            freed: done.iter().filter_map(|done| done.freed.known()).sum(),
            freed_by: FreedBy::default(),
            error,
        }
    }
}

#[cfg(test)]
mod tests;
