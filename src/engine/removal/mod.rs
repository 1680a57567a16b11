//! Carries out a plan: the engine is listed again, then one object goes at a time, by its ID.
//!
//! The plan may shrink on the way, it never grows (README.md, What it promises, and what not). A failure does not stop
//! the rest, but what needed the failed object stays.
//!
//! - `account`: what a removal has freed.
//! - `check`: looks at the engine again: all of it before the first step, one object where something is in doubt.
//! - `containers`: removes a container: unpause, stop, remove, each only where the plan says so.
//! - `ends`: how steps end: what the engine's answers mean, and what a list says where an answer does not.
//! - `images`: removes an image with all its names: each is checked to still mean it right before it is taken.
//! - `logs`: empties a container's log, right after the engine has said once more where it writes it.
//! - `looks`: looks at the filesystems that hold the engine's data: what they gain is what a removal has really freed.
//! - `records`: removes build cache records by ID in one prune, and sees what the engine left.
//! - `rescan`: the same, where only a scan afterwards tells.
//! - `retries`: steps for which there was no room, tried again once others may have made some.
//! - `save`: copies before anything goes.
//! - `stalled`: containers behind which the engine removes no image.
//! - `target`: the filesystems' word while things are removed.
//! - `volumes`: removes a volume.

mod account;
mod check;
mod containers;
mod ends;
#[cfg(test)]
mod faults;
mod images;
mod logs;
mod looks;
#[cfg(test)]
mod model;
#[cfg(test)]
mod races;
mod records;
mod rescan;
mod retries;
mod save;
#[cfg(test)]
mod served;
mod stalled;
mod target;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::inventory::Inventory;
use crate::domain::item::{ItemId, VolumeName};
use crate::domain::plan::{ComesBack, Plan, Recheck};
use crate::domain::removal::account::Account;
use crate::domain::removal::event::Event;
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::retention::Freed;
use crate::domain::survey::Survey;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::domain::triage::Goal;

use super::journal::{self, Journal};
use super::{Engine, EngineError};
use account::Tally;
use ends::StepEnd;
use looks::{Listening, Looker};
use target::DiskTarget;

/// How many records go in one prune request: their IDs stand in its address (ENGINE.md §1.5).
const RECORDS_AT_ONCE: usize = 300;
/// How long an engine may take to finish a removal that is under way.
const PATIENCE: u32 = 50;
/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 200 });
/// How often it is looked for what a removal was to take whose answer was cut off.
const AFTERMATH: u32 = 10;
/// Why nothing more is tried.
const SILENT: &str = "the engine does not answer";
const ANOTHER: &str = "another engine answers in its place";
/// How often a list is asked for when it decides whether something went.
const TRIES: u32 = 4;

/// What was confirmed.
#[derive(Clone, Debug)]
pub struct Confirmed {
    pub plan: Plan,
    /// The picture that it was made from: what was measured there is not measured again.
    pub base: Inventory,
    /// Where it is written down.
    pub journal: Journal,
    /// The folder for copies of what goes, where some are wanted.
    pub save: Option<PathBuf>,
    /// How much is to be free: what was added for that alone stays where less of it is enough.
    pub until: Option<Goal>,
}

/// A plan that has been carried out.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The plan as it was when the engine was listed again.
    pub plan: Plan,
    /// What fell out of the plan then, and after it every step in order.
    pub done: Vec<Done>,
    /// What all of it has freed.
    pub account: Account,
    /// Whether so much is free as was to be; `None` where nobody said how much, or nobody can tell.
    pub is_met: Option<bool>,
}

/// Removes what was confirmed, object by object, and tells each step as it happens. Setting `cancel` ends
/// it after the object in hand; setting it once more, after all have ended, ends the wait for what they freed.
///
/// # Errors
/// When the engine cannot be listed: then nothing was tried.
pub async fn remove(
    engine: Arc<dyn Engine>,
    order: Confirmed,
    cancel: Arc<AtomicBool>,
    mut report: impl FnMut(Event),
) -> Result<Removal, EngineError> {
    carry_out(engine, order, cancel, &mut report).await
}

/// Returns the same, once for all who listen: it is a great deal of code.
async fn carry_out(
    engine: Arc<dyn Engine>,
    order: Confirmed,
    cancel: Arc<AtomicBool>,
    report: &mut dyn FnMut(Event),
) -> Result<Removal, EngineError> {
    report(Event::Checking);
    let journal = order.journal.clone();
    let known: HashMap<ItemId, ComesBack> = comes_back_of(&order.plan);
    let to = order.save.clone();
    let until = order.until;
    let mut looker = Looker::new(&*engine, &order.base);
    let matters = order.plan.frees.at_most > looks::SMALL || until.is_some();
    let check = async {
        match engine.gate().pass(|| "the removal".to_owned()) {
            Ok(_) => Box::pin(check::recheck(&*engine, order)).await,
            Err(refusal) => Err(refusal),
        }
    };
    let begun = Instant::now();
    let (earlier, checked) = tokio::join!(looker.first(), check);
    let checked = checked.and_then(|(survey, recheck)| {
        let folder = to.map(|to| save::folder(&to, engine.gate(), &recheck.plan));
        Ok((survey, recheck, folder.transpose()?))
    });
    let (survey, rechecked, folder) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            report(Event::Aborted {
                error: error.to_string(),
            });
            return Err(error);
        }
    };
    let Recheck {
        mut plan,
        mut dropped,
    } = rechecked;
    for step in &mut plan.steps {
        step.comes_back = known.get(&step.id).copied().unwrap_or(step.comes_back);
    }
    report(Event::Checked {
        plan: Box::new(plan.clone()),
        dropped: dropped.clone(),
    });
    let listening = Listening::begin(Arc::clone(&engine), &plan);
    let written = journal.begin(&survey.inventory().engine);
    let mut run = RemovalRun::new(&*engine, &survey, &plan, &cancel, (written, looker));
    // Copies may lie on the same disk, and what is small may come and go.
    let is_still = folder.is_none() && matters;
    if let Some(folder) = folder {
        run.save(&folder, report).await;
    }
    run.begin_at(until, begun, &earlier, is_still).await;
    dropped.extend(run.all(report).await);
    let is_met = run.ended_at(report).await;
    // All steps have ended; from here on it is the wait for the account that is cancelled.
    cancel.store(false, Ordering::Relaxed);
    report(Event::Counting);
    let mut account = run.account(&dropped, &listening).await;
    account.lacks = run.target.missing();
    drop(listening);
    account.correct(&mut dropped);
    run.written.finish(&plan, &dropped).await;
    report(Event::Accounted(Box::new(account.clone())));
    report(Event::Finished);
    Ok(Removal {
        plan,
        done: dropped,
        account,
        is_met,
    })
}

/// What a registry said of images is not asked again.
fn comes_back_of(plan: &Plan) -> HashMap<ItemId, ComesBack> {
    let steps = plan.steps.iter();
    steps
        .map(|step| (step.id.clone(), step.comes_back))
        .collect()
}

/// A removal under way.
struct RemovalRun<'a> {
    engine: &'a dyn Engine,
    /// Everything as it was when the engine was listed again.
    survey: &'a Survey,
    plan: &'a Plan,
    cancel: &'a AtomicBool,
    removed: HashSet<ItemId>,
    /// Steps that ended and whose objects are still there.
    kept: HashSet<ItemId>,
    /// Steps that are tried again at the end, when there is room.
    put_off: HashSet<ItemId>,
    /// What the engine said that it deleted along with images.
    deleted: HashSet<Text>,
    tally: Tally<'a>,
    /// What the filesystems have gained so far, and how much they are to.
    target: DiskTarget<'a>,
    /// What is removed, as it is written down.
    written: journal::JournalRun,
    /// Why nothing more can be asked of the engine.
    lost: Option<&'static str>,
    /// The words of the first write that nobody may do here: no other is tried.
    forbidden: Option<String>,
    /// When volumes were made, by the engine's last word while a container of the plan still held them.
    made: HashMap<VolumeName, Option<Timestamp>>,
    /// The files with copies of what goes.
    copies: HashMap<ItemId, Text>,
    /// What was to be copied and could not be, and why.
    unsaved: HashMap<ItemId, String>,
    /// Containers that were stopped before their turn.
    stopped: HashSet<ItemId>,
    /// Why the engine removes no image.
    stalled: Option<String>,
    looked_for_stalled: bool,
}

impl<'a> RemovalRun<'a> {
    fn new(
        engine: &'a dyn Engine,
        survey: &'a Survey,
        plan: &'a Plan,
        cancel: &'a AtomicBool,
        (written, looker): (journal::JournalRun, Looker<'a>),
    ) -> Self {
        Self {
            engine,
            survey,
            plan,
            cancel,
            removed: HashSet::new(),
            kept: HashSet::new(),
            put_off: HashSet::new(),
            deleted: HashSet::new(),
            tally: Tally::new(survey),
            target: DiskTarget::new(looker),
            written,
            lost: None,
            forbidden: None,
            made: HashMap::new(),
            copies: HashMap::new(),
            unsaved: HashMap::new(),
            stopped: HashSet::new(),
            stalled: None,
            looked_for_stalled: false,
        }
    }

    async fn all(&mut self, report: &mut dyn FnMut(Event)) -> Vec<Done> {
        let steps = &self.plan.steps;
        let mut done: Vec<Option<Done>> = vec![None; steps.len()];
        let mut put_off = Vec::new();
        let mut next = 0;
        while next < steps.len() {
            if self.is_spare(next) {
                done[next] = Some(self.spare(next, report).await);
                next += 1;
                continue;
            }
            let batch = next..self.batch_end(next);
            next = batch.end;
            let ends = self.batch(batch.clone(), report).await;
            for (index, end) in batch.zip(ends) {
                if end.no_room {
                    self.put_off.insert(steps[index].id.clone());
                    put_off.push((index, end));
                } else {
                    done[index] = Some(self.ended(index, end, report).await);
                }
            }
            self.take_stock(report).await;
        }
        self.retry(put_off, &mut done, report).await;
        done.into_iter().flatten().collect()
    }

    /// Build cache records go together; everything else goes alone.
    fn batch_end(&self, start: usize) -> usize {
        let mut promised = Freed::default();
        let records = self.plan.steps[start..]
            .iter()
            .take(RECORDS_AT_ONCE)
            .take_while(|step| {
                let is_enough = self.target.is_promised_by(&promised);
                promised.add(&step.frees);
                matches!(step.id, ItemId::Record(_)) && !is_enough
            })
            .count();
        start + records.max(1)
    }

    async fn batch(&mut self, batch: Range<usize>, report: &mut dyn FnMut(Event)) -> Vec<StepEnd> {
        let steps = &self.plan.steps[batch.clone()];
        if let Some(why) = self.halted().map(str::to_owned) {
            let mut ends = Vec::with_capacity(steps.len());
            for step in steps {
                ends.push(self.leave(step, &why).await);
            }
            return ends;
        }
        if let Some(why) = steps.first().and_then(|step| self.has_no_copy(step)) {
            return vec![StepEnd::skipped(why)];
        }
        if let Some(end) = steps.first().and_then(|step| self.needs(step)) {
            return vec![end];
        }
        if let Some(step) = steps.first()
            && let Some(end) = self.waits_for_container(step).await
        {
            return vec![end];
        }
        let copies = &self.copies;
        let copy = |id: &ItemId| copies.get(id).map(|path| PathBuf::from(&**path));
        self.written
            .intend(batch.start, steps, self.survey, copy)
            .await;
        for index in batch {
            report(Event::Started { index });
        }
        self.target.before(steps).await;
        match steps {
            [step] => match &step.id {
                ItemId::Container(id) => vec![self.container(step, id).await],
                ItemId::Image(id) => vec![self.image(step, id).await],
                ItemId::Volume(id) => vec![self.volume(step, id).await],
                ItemId::Record(_) => self.records(steps).await,
                ItemId::Log(id) => vec![Box::pin(self.log(step, id)).await],
            },
            _ => self.records(steps).await,
        }
    }

    async fn ended(&mut self, index: usize, end: StepEnd, report: &mut dyn FnMut(Event)) -> Done {
        let step = &self.plan.steps[index];
        if end.outcome == Outcome::Removed {
            self.removed.insert(step.id.clone());
        } else if !end.outcome.is_away() {
            self.kept.insert(step.id.clone());
        }
        let mut freed = self.tally.ended(step, end.outcome);
        if end.is_unproven {
            freed = self.tally.doubt(step);
        } else if end.outcome.is_away() {
            self.target.promised(&step.frees);
            if let Some(gained) = self.target.gained_instead(freed).await {
                freed = self.tally.correct(step, gained);
            }
        }
        let done = Done {
            id: step.id.clone(),
            name: (&*step.name).into(),
            outcome: end.outcome,
            error: end.error,
            freed,
            saved: self.copies.get(&step.id).cloned(),
        };
        self.written.ended(index, &done).await;
        report(Event::Ended {
            index,
            done: done.clone(),
        });
        done
    }

    /// Returns why nothing more is tried.
    fn halted(&self) -> Option<&str> {
        let is_cancelled = self.cancel.load(Ordering::Relaxed);
        let lost = self.lost.or(self.forbidden.as_deref());
        lost.or(is_cancelled.then_some("cancelled"))
    }
}
