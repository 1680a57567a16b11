//! A removal as it goes on: what has ended, what it freed, what stays marked.

use crate::domain::disk::Disk;
use crate::domain::inventory::Part;
use crate::domain::item::ItemId;
use crate::domain::removal::event::Event;

use super::super::model::{Model, Screen};
use super::super::msg::Effect;
use super::browse::marks_changed;

pub fn follow(model: &mut Model, event: Event) -> Vec<Effect> {
    let Screen::Removing(removing) = &mut model.screen else {
        return Vec::new();
    };
    match event {
        Event::Checking => removing.checked = false,
        Event::Checked { plan, dropped } => {
            removing.plan = *plan;
            removing.checked = true;
            removing.done.extend(dropped);
        }
        Event::Saving { index, done } => removing.saving = Some((index, done)),
        Event::Waiting { gained, promised } => removing.waiting = Some((gained, promised)),
        Event::Started { index } => {
            removing.saving = None;
            removing.waiting = None;
            removing.current = Some(index);
        }
        // Steps that met a full disk are tried again at the end, so they end out of their order.
        Event::Ended { index: _, done } => {
            removing.saving = None;
            removing.waiting = None;
            removing.current = None;
            removing.ended += 1;
            removing.freed += done.freed.known().unwrap_or_default();
            // What failed stays marked, so that the reason can be mended and the rest tried again.
            if done.outcome.is_away() {
                model.marks.remove(&done.id);
            }
            removing.done.push(done);
        }
        Event::Counting => {
            removing.waiting = None;
            removing.current = None;
            removing.counting = Some(model.now);
            // What is ending does not wait for a figure.
            if model.terminating {
                return vec![Effect::CancelRemoval];
            }
        }
        Event::Accounted(account) => {
            account.correct(&mut removing.done);
            // What is lacking still is lacking by what the filesystems say now.
            let disks = account.disks.iter().map(|(_, after)| after.clone());
            let disks: Vec<Disk> = disks.collect();
            removing.account = Some(*account);
            if !disks.is_empty() {
                model.survey.apply([Part::Disks(disks)]);
            }
        }
        Event::Aborted { error } => {
            removing.aborted = Some(error);
            return finish(model);
        }
        Event::Finished => return finish(model),
    }
    Vec::new()
}

fn finish(model: &mut Model) -> Vec<Effect> {
    let mut ended: Vec<ItemId> = Vec::new();
    if let Screen::Removing(removing) = std::mem::replace(&mut model.screen, Screen::Browse) {
        ended.extend(removing.done.iter().map(|done| done.id.clone()));
        model.screen = Screen::Outcome(removing);
    }
    marks_changed(model, &ended);
    if model.terminating {
        vec![Effect::Quit]
    } else {
        vec![Effect::Rescan]
    }
}

pub fn cancel(model: &mut Model) -> Vec<Effect> {
    let Screen::Removing(removing) = &mut model.screen else {
        return Vec::new();
    };
    // All steps have ended: only the wait for what they freed does.
    removing.cancelling |= removing.counting.is_none();
    vec![Effect::CancelRemoval]
}
