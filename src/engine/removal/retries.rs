//! Steps for which there was no room, tried again once others may have made some.

use crate::domain::item::ItemId;
use crate::domain::removal::event::Event;
use crate::domain::removal::outcome::Done;

use super::ends::StepEnd;
use super::{RECORDS_AT_ONCE, RemovalRun};

/// A step that failed for want of room: where it stands in the plan, and how it ended.
type PutOff = (usize, StepEnd);

impl RemovalRun<'_> {
    /// Tries steps again that failed for want of room, and then those that still do, as long as anything goes: each
    /// thing that goes may make room for the next.
    pub(super) async fn retry(
        &mut self,
        mut put_off: Vec<PutOff>,
        done: &mut [Option<Done>],
        report: &mut dyn FnMut(Event),
    ) {
        let mut goes_on = true;
        while !put_off.is_empty() {
            let mut left = Vec::new();
            let mut any_went = false;
            for group in self.groups(put_off) {
                let ends = if goes_on && self.halted().is_none() {
                    self.again(group, report).await
                } else {
                    group
                };
                for (index, end) in ends {
                    let id = self.plan.steps[index].id.clone();
                    if end.no_room && goes_on && self.halted().is_none() {
                        self.put_off.insert(id);
                        left.push((index, end));
                    } else {
                        self.put_off.remove(&id);
                        any_went |= end.outcome.is_away();
                        done[index] = Some(self.ended(index, end, report).await);
                    }
                }
            }
            put_off = left;
            goes_on = any_went;
        }
    }

    async fn again(&mut self, group: Vec<PutOff>, report: &mut dyn FnMut(Event)) -> Vec<PutOff> {
        let (Some((first, _)), Some((last, _))) = (group.first(), group.last()) else {
            return group;
        };
        let batch = *first..*last + 1;
        for step in &self.plan.steps[batch.clone()] {
            self.put_off.remove(&step.id);
        }
        let ends = self.batch(batch.clone(), report).await;
        batch.zip(ends).collect()
    }

    /// Puts records together that stand together: they go in one request.
    fn groups(&self, put_off: Vec<PutOff>) -> Vec<Vec<PutOff>> {
        let is_record = |index: usize| matches!(self.plan.steps[index].id, ItemId::Record(_));
        let mut groups: Vec<Vec<PutOff>> = Vec::new();
        for (index, end) in put_off {
            let joins = |group: &&mut Vec<PutOff>| {
                let last = group.last().map(|(last, _)| *last);
                let is_next = last.is_some_and(|last| last + 1 == index && is_record(last));
                is_next && is_record(index) && group.len() < RECORDS_AT_ONCE
            };
            match groups.last_mut().filter(joins) {
                Some(group) => group.push((index, end)),
                None => groups.push(vec![(index, end)]),
            }
        }
        groups
    }
}
