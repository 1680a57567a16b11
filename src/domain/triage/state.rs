//! What goes at the moment, and what it frees: things are let go and taken back by the hundred thousand.

use crate::domain::bytes::Bytes;
use crate::domain::disk::Places;
use crate::domain::index::ItemNo;
use crate::domain::retention::RemovalSet;
use crate::domain::survey::Survey;

use super::needs::{Needs, needs};

/// What goes. Steps of the classic builder follow by themselves.
pub(super) struct TriageState<'a> {
    survey: &'a Survey,
    needs: &'a Needs,
    set: RemovalSet,
    /// Only what goes there counts.
    at: Places,
    gone: Vec<bool>,
}

impl<'a> TriageState<'a> {
    /// Returns where this much goes already.
    pub fn new(survey: &'a Survey, needs: &'a Needs, gone: &[bool], at: Places) -> Self {
        let mut set = RemovalSet::of(&survey.retention);
        for (number, gone) in (0..).zip(gone) {
            if *gone {
                set.drop(&survey.retention, number);
            }
        }
        Self {
            survey,
            needs,
            set,
            at,
            gone: gone.to_vec(),
        }
    }

    pub fn goes(&self, number: ItemNo) -> bool {
        self.gone[number as usize]
    }

    /// Returns what goes for certain.
    pub fn bytes(&self) -> Bytes {
        self.set.at(self.at)
    }

    pub fn go(&mut self, number: ItemNo) {
        let mut next = Some(number);
        let mut open = Vec::new();
        while let Some(at) = next.or_else(|| open.pop()) {
            next = None;
            if std::mem::replace(&mut self.gone[at as usize], true) {
                continue;
            }
            self.set.drop(&self.survey.retention, at);
            let is_free = |step: &ItemNo| needs(self.survey, *step).all(|need| self.goes(need));
            open.extend(self.steps_after(at).filter(is_free));
        }
    }

    pub fn stay(&mut self, number: ItemNo) {
        let mut next = Some(number);
        let mut open = Vec::new();
        while let Some(at) = next.or_else(|| open.pop()) {
            next = None;
            if std::mem::replace(&mut self.gone[at as usize], false) {
                self.set.restore(&self.survey.retention, at);
                open.extend(self.steps_after(at));
            }
        }
    }

    /// What would not go if an item stayed.
    pub fn loss(&mut self, number: ItemNo) -> Bytes {
        let with = self.bytes();
        self.stay(number);
        let without = self.bytes();
        self.go(number);
        with - without
    }

    /// Returns the classic builder's steps that may follow once an item is gone.
    fn steps_after(&self, number: ItemNo) -> impl Iterator<Item = ItemNo> + use<'a> {
        let needs = self.needs;
        let after = needs.before.of(number).iter().copied();
        after.filter(|after| needs.follows[*after as usize])
    }
}
