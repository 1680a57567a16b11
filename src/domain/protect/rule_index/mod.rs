//! Which of thousands of rules may hold for an item: those whose [`Clue`] it has. What it leaves out cannot hold.

use std::collections::HashMap;

use super::super::filter::{Clue, Subject};

/// So few rules are tried one by one.
const FEW: usize = 16;

/// Bytes of a text by which it is found in another.
const GRAM: usize = 3;

/// The rules of one kind of thing, by what an item must have.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    texts: TextSearch,
    labels: HashMap<String, ByValue>,
    /// Those that may hold for anything.
    rest: Vec<u32>,
}

/// Rules about one label.
#[derive(Debug, Default)]
struct ByValue {
    any: Vec<u32>,
    values: HashMap<String, Vec<u32>>,
}

impl RuleIndex {
    /// Builds the index of rules, each with its place and its clue.
    pub(super) fn new(rules: &[(u32, Option<Clue>)]) -> Self {
        let mut index = Self::default();
        if rules.len() <= FEW {
            index.rest = rules.iter().map(|(at, _)| *at).collect();
            return index;
        }
        let mut texts = Vec::new();
        for (at, clue) in rules {
            match clue {
                Some(Clue::Text(text)) if text.len() >= GRAM => texts.push((*at, text.as_str())),
                Some(Clue::Label(key, value)) => {
                    let label = index.labels.entry(key.clone()).or_default();
                    let rules = match value {
                        Some(value) => label.values.entry(value.clone()).or_default(),
                        None => &mut label.any,
                    };
                    rules.push(*at);
                }
                Some(Clue::Text(_)) | None => index.rest.push(*at),
            }
        }
        index.texts = TextSearch::new(&texts);
        index
    }

    /// Returns the places of all rules that may hold for an item, or be in doubt about it, in their order.
    pub(super) fn candidates(&self, subject: &Subject<'_>) -> Vec<u32> {
        let mut found = self.rest.clone();
        if !self.texts.slots.is_empty() {
            for text in subject.texts() {
                self.texts.find(&text.to_lowercase(), &mut found);
            }
        }
        if !self.labels.is_empty() {
            for (key, value) in subject.labels.into_iter().flatten() {
                let Some(label) = self.labels.get(&**key) else {
                    continue;
                };
                found.extend(&label.any);
                found.extend(label.values.get(&**value).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Texts that are looked for in others, all at once.
#[derive(Debug, Default)]
struct TextSearch {
    /// By the number of one of its grams, which several may have. A power of two of them.
    slots: Vec<Vec<Wanted>>,
}

/// A text that is looked for.
#[derive(Debug)]
struct Wanted {
    rule: u32,
    text: Box<[u8]>,
    /// Where in it the gram stands by which it is found.
    gram: usize,
}

impl TextSearch {
    fn new(texts: &[(u32, &str)]) -> Self {
        if texts.is_empty() {
            return Self::default();
        }
        let mut slots: Vec<Vec<Wanted>> = Vec::new();
        slots.resize_with((2 * texts.len()).next_power_of_two(), Vec::new);
        let mut found = Self { slots };
        let mut uses = vec![0_u32; found.slots.len()];
        for (_, text) in texts {
            for gram in text.as_bytes().windows(GRAM) {
                uses[found.slot(gram)] += 1;
            }
        }
        for (rule, text) in texts {
            let grams = text.as_bytes().windows(GRAM).enumerate();
            // The one that the fewest texts have: names of one project begin alike.
            let rarest = grams.min_by_key(|(_, gram)| uses[found.slot(gram)]);
            let Some((at, gram)) = rarest else { continue };
            let slot = found.slot(gram);
            found.slots[slot].push(Wanted {
                rule: *rule,
                text: text.as_bytes().into(),
                gram: at,
            });
        }
        found
    }

    fn slot(&self, gram: &[u8]) -> usize {
        let number = gram.iter().fold(0_u32, |number, byte| {
            (number ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        // The lower half of a product mixes least.
        (number ^ (number >> 15)) as usize & (self.slots.len() - 1)
    }

    /// Adds the rules of all texts that stand in this one.
    fn find(&self, text: &str, rules: &mut Vec<u32>) {
        let text = text.as_bytes();
        for (at, gram) in text.windows(GRAM).enumerate() {
            for wanted in &self.slots[self.slot(gram)] {
                let start = at.checked_sub(wanted.gram);
                if start.is_some_and(|start| text[start..].starts_with(&wanted.text)) {
                    rules.push(wanted.rule);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
