//! What is never removed: the label `dtop.keep`, and the filters of the config (README.md, What is never removed).
//!
//! A filter of the config names no kind. It holds for every kind that has all of its terms: `=shop-*` for all
//! five, `project:shop` for all but build cache, `is:anonymous` for volumes alone.

mod rule_index;

use std::sync::Arc;

use self::rule_index::RuleIndex;
use super::filter::{Filter, FilterError, Subject, Verdict, check_spelling};
use super::item::{Kind, Labels};
use super::time::Timestamp;

/// The label that protects, whatever its value but `false`.
const LABEL: &str = "dtop.keep";

/// A filter of the config.
#[derive(Clone, Debug)]
pub struct Rule {
    text: String,
    /// Of each kind that has all its terms.
    filters: [Option<Filter>; Kind::ALL.len()],
}

impl Rule {
    /// Reads a filter of no kind.
    ///
    /// # Errors
    /// When no kind has all its terms, or it asks what would make no sense here.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let whole = |message: &str| FilterError {
            at: 0..text.len(),
            message: message.to_owned(),
        };
        if text.trim().is_empty() {
            return Err(whole(
                "an empty filter would protect everything; for that write read_only = true",
            ));
        }
        // A word protects what is called so: one that nothing is called for its spelling would protect nothing.
        check_spelling(text)?;
        let read = Filter::of_each_kind(text);
        if read.iter().flatten().any(Filter::asks_marks) {
            return Err(whole(
                "is:marked and is:protected say nothing here; write what is to be protected",
            ));
        }
        if read.iter().any(Result::is_ok) {
            return Ok(Self {
                text: text.to_owned(),
                filters: read.map(Result::ok),
            });
        }
        let mut errors = read.into_iter().filter_map(Result::err);
        let first = errors.next().unwrap_or_else(|| whole("no kind has it"));
        if errors.all(|error| error == first) {
            return Err(first);
        }
        let message = format!("no kind of thing has all of these terms: {first}");
        Err(FilterError { message, ..first })
    }
}

/// What protects something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The label `dtop.keep`.
    Label,
    /// A rule, by its place, that holds.
    Rule(u32),
    /// A rule about a figure that is not known: it may hold.
    Doubt(u32),
}

/// All that protects, and the time that ages count from.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    rules: Arc<[Rule]>,
    /// Of each kind.
    index: Arc<[RuleIndex; Kind::COUNT]>,
    now: Timestamp,
}

impl Protection {
    /// Takes rules, which are judged as of a time.
    #[must_use]
    pub fn new(rules: Vec<Rule>, now: Timestamp) -> Self {
        let index = Kind::ALL.map(|kind| {
            let clue = |(at, rule): (u32, &Rule)| {
                let filter = rule.filters[kind as usize].as_ref()?;
                Some((at, filter.clue()))
            };
            let clues: Vec<_> = (0..).zip(&rules).filter_map(clue).collect();
            RuleIndex::new(&clues)
        });
        Self {
            rules: rules.into(),
            index: index.into(),
            now,
        }
    }

    /// Says what time it is now.
    pub fn tell_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Returns true where only the label protects.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns whether a rule asks when something was last used, which only containers' details tell.
    #[must_use]
    pub fn asks_last_use(&self) -> bool {
        let mut filters = self.rules.iter().flat_map(|rule| &rule.filters).flatten();
        filters.any(Filter::asks_last_use)
    }

    /// Returns what protects an item first. A rule whose figure is not known protects until it is: what would have
    /// been kept must not go because something could not be measured.
    #[must_use]
    pub fn guard(&self, subject: &Subject<'_>) -> Option<Guard> {
        if has_label(subject.labels) {
            return Some(Guard::Label);
        }
        let mut doubt = None;
        for at in self.index[subject.kind as usize].candidates(subject) {
            let rule = self.rules.get(at as usize)?;
            let Some(filter) = &rule.filters[subject.kind as usize] else {
                continue;
            };
            match filter.verdict(subject, self.now) {
                Verdict::Shown => return Some(Guard::Rule(at)),
                Verdict::NotKnown => doubt = doubt.or(Some(Guard::Doubt(at))),
                Verdict::Hidden => {}
            }
        }
        doubt
    }

    /// Returns a guard in words: ``protected by config: `=prod:*` ``.
    #[must_use]
    pub fn why(&self, guard: Guard) -> String {
        let rule = |at: u32| {
            self.rules
                .get(at as usize)
                .map_or("", |it| it.text.as_str())
        };
        match guard {
            Guard::Label => format!("protected by {LABEL}"),
            Guard::Rule(at) => format!("protected by config: `{}`", rule(at)),
            Guard::Doubt(at) => format!(
                "protected by config: `{}`, of which a figure is not known",
                rule(at)
            ),
        }
    }
}

fn has_label(labels: Option<&Labels>) -> bool {
    let value = labels.and_then(|labels| labels.value(LABEL));
    value.is_some_and(|value| value != "false")
}

#[cfg(test)]
mod tests;
