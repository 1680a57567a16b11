//! The filesystems' word while things are removed: whether so much is free as was to be, and whether what an engine
//! says of a step is true.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::item::ItemId;
use crate::domain::plan::{AddedBy, Step};
use crate::domain::removal::event::Event;
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::retention::Freed;
use crate::domain::triage::{Goal, Lack};

use super::RemovalRun;
use super::ends::StepEnd;
use super::looks::{DiskLook, Looker, SMALL};

/// Looks that take longer are not made after every step, but only where they decide.
const QUICK: Duration = Duration::from_millis(500);

/// How far the filesystems are.
pub(super) struct DiskTarget<'a> {
    looker: Looker<'a>,
    goal: Option<Goal>,
    /// Right before the first step.
    first: DiskLook,
    /// What the filesystems said last.
    last: DiskLook,
    /// What the steps promised that have removed something since.
    since: Freed,
    /// What was promised before that and has not come yet.
    owed: Bytes,
    /// What goes for another reason than the target, and what that needs.
    wanted: Option<HashSet<ItemId>>,
    /// Right before the step in hand, without synchronising, where that costs nothing.
    at_step: Option<DiskLook>,
    /// Nothing moved before the first step.
    was_still: bool,
    is_met: bool,
}

impl<'a> DiskTarget<'a> {
    pub fn new(looker: Looker<'a>) -> Self {
        Self {
            looker,
            goal: None,
            first: DiskLook::default(),
            last: DiskLook::default(),
            since: Freed::default(),
            owed: Bytes::ZERO,
            wanted: None,
            at_step: None,
            was_still: false,
            is_met: false,
        }
    }

    /// A step has removed its object.
    pub fn promised(&mut self, frees: &Freed) {
        self.since.add(frees);
    }

    /// Returns what is missing still, by the last look; nothing where nothing is, or nobody knows.
    fn lacks(&self) -> Vec<Lack> {
        let missing = self.goal.and_then(|goal| goal.missing(&self.last.disks));
        missing.unwrap_or_default()
    }

    /// Returns true where these bytes, and those of the steps since the last look, are what is missing.
    pub fn is_promised_by(&self, more: &Freed) -> bool {
        let lacks = self.lacks();
        let is_enough =
            |lack: &Lack| self.owed + self.since.at(lack.at) + more.at(lack.at) >= lack.bytes;
        !lacks.is_empty() && lacks.iter().all(is_enough)
    }

    fn took(&mut self, look: DiskLook) {
        if look.disks.is_empty() {
            return;
        }
        self.owed = self.owed + self.since.at_least - (look.unused() - self.last.unused());
        self.last = look;
        self.since = Freed::default();
        let missing = self.goal.and_then(|goal| goal.missing(&self.last.disks));
        self.is_met = missing.is_some_and(|missing| missing.is_empty());
    }

    /// Notes what is free before a step that promises much.
    pub async fn before(&mut self, steps: &[Step]) {
        let is_large = steps.iter().any(|step| step.frees.at_least > SMALL);
        self.at_step = if is_large {
            self.looker.glance(&self.last.disks).await
        } else {
            None
        };
    }

    /// Tells whether the filesystems have gained at least half of what a step promises; `None` where they cannot be
    /// asked. What promises little is believed.
    pub async fn has_gained(&mut self, step: &Step) -> Option<bool> {
        if self.last.disks.is_empty() {
            return None;
        }
        let promise = step.frees.at_least;
        if promise <= SMALL {
            return Some(true);
        }
        let (before, others) = match self.at_step.take() {
            Some(look) => (look, Bytes::ZERO),
            None => (self.last.clone(), self.since.at_least),
        };
        let own = |look: &DiskLook| look.unused() - before.unused() - others;
        let is_enough = |look: &DiskLook| own(look).0 >= promise.0 / 2;
        let look = self.looker.again(&self.last.disks).await;
        let look = self.looker.settled(look, is_enough, |_| true).await;
        let has_gained = is_enough(&look);
        self.took(look);
        Some(has_gained)
    }

    /// Returns what the filesystems gained by the step in hand where that is less than half of what was counted of it,
    /// and they tell at once: a file with holes, or a length that no block stands for.
    pub async fn gained_instead(&mut self, counted: Figure<Bytes>) -> Option<Bytes> {
        let before = self.at_step.take()?;
        let counted = counted.known().filter(|counted| *counted > SMALL)?;
        if !self.was_still {
            return None;
        }
        let gained = |look: &DiskLook| look.unused() - before.unused();
        let is_shown = |look: &DiskLook| gained(look).0 >= counted.0 / 2;
        if is_shown(&self.looker.glance(&before.disks).await?) {
            return None;
        }
        let look = self.looker.again(&before.disks).await;
        let tells = look.synced && self.looker.gives_at_once(&look);
        // What somebody wrote meanwhile may have taken it.
        let is_taken = gained(&look) + look.written_since(&before) >= Bytes(counted.0 / 2);
        (tells && !is_taken).then(|| gained(&look))
    }

    /// Returns what must be free more, by the last look.
    pub fn missing(&self) -> Bytes {
        self.lacks().iter().map(|lack| lack.bytes).sum()
    }

    /// Returns what the filesystems said right before the first step, and what they say now.
    pub async fn last_look(&mut self) -> (DiskLook, DiskLook) {
        let after = self.looker.again(&self.first.disks).await;
        (self.first.clone(), after)
    }

    /// Returns true where nobody else writes or deletes anything: what is free stood still before the first step and
    /// does after the last, on filesystems that give back at once what they have.
    pub async fn stays_still(&mut self, since: Instant, after: &DiskLook) -> bool {
        self.was_still
            && self.looker.gives_at_once(after)
            && self.looker.after_a_while(since, after).await.is_as(after)
    }
}

impl RemovalRun<'_> {
    /// Takes the filesystems in as they are right before the first step.
    pub(super) async fn begin_at(
        &mut self,
        goal: Option<Goal>,
        begun: Instant,
        earlier: &DiskLook,
        is_still: bool,
    ) {
        let target = &mut self.target;
        let look = if is_still {
            target.looker.after_a_while(begun, earlier).await
        } else {
            target.looker.again(&earlier.disks).await
        };
        target.was_still = is_still && look.synced && look.is_as(earlier);
        target.goal = goal.filter(|goal| goal.bytes().is_none());
        target.first = look.clone();
        target.took(look);
    }

    /// Returns true for a step that was added for the target alone, once that is met. What was chosen otherwise goes
    /// anyway, and so does what it needs.
    pub(super) fn is_spare(&mut self, at: usize) -> bool {
        if !self.target.is_met || self.halted().is_some() {
            return false;
        }
        if self.target.wanted.is_none() {
            self.target.wanted = Some(self.wanted());
        }
        let step = &self.plan.steps[at];
        let is_wanted = |wanted: &HashSet<ItemId>| wanted.contains(&step.id);
        !self.target.wanted.as_ref().is_some_and(is_wanted) && !self.went_before(step)
    }

    /// Returns the steps that go for another reason than the target, and what must be gone before they can.
    fn wanted(&self) -> HashSet<ItemId> {
        let mut wanted = HashSet::new();
        // What a step needs stands before it.
        for step in self.plan.steps.iter().rev() {
            if step.added_by != AddedBy::Free || wanted.contains(&step.id) {
                wanted.insert(step.id.clone());
                wanted.extend(self.holders(step));
            }
        }
        wanted
    }

    /// Returns true for what has gone with an earlier step already.
    fn went_before(&self, step: &Step) -> bool {
        step.vanishes || self.deleted.contains(step.id.as_str())
    }

    /// Ends a step that is not needed any more. Nothing is sent.
    pub(super) async fn spare(&mut self, at: usize, report: &mut dyn FnMut(Event)) -> Done {
        let step = std::slice::from_ref(&self.plan.steps[at]);
        self.written.intend(at, step, self.survey, |_| None).await;
        self.ended(at, StepEnd::new(Outcome::NotNeeded, None), report)
            .await
    }

    /// Looks at the filesystems where the steps since the last look promise what is missing, and where a quick look
    /// may spare steps.
    pub(super) async fn take_stock(&mut self, report: &mut dyn FnMut(Event)) {
        let target = &self.target;
        if target.goal.is_none() || target.is_met || target.last.disks.is_empty() {
            return;
        }
        let is_promised = target.is_promised_by(&Freed::default());
        let is_quick = target.looker.took < QUICK && target.since.at_most > SMALL;
        if is_promised || is_quick {
            self.ask_disks_again(is_promised, report).await;
        }
    }

    /// Looks at the filesystems, and waits for what was promised and has not come yet.
    async fn ask_disks_again(&mut self, waits: bool, report: &mut dyn FnMut(Event)) {
        let target = &mut self.target;
        let before = target.last.unused();
        let promised = target.owed + target.since.at_least;
        let goal = target.goal;
        let mut look = target.looker.again(&target.last.disks).await;
        if waits {
            let gained = |look: &DiskLook| look.unused() - before;
            let is_met = |disks: &[Disk]| {
                let missing = goal.and_then(|goal| goal.missing(disks));
                missing.is_some_and(|missing| missing.is_empty())
            };
            let is_enough =
                |look: &DiskLook| is_met(&look.disks) || gained(look) + SMALL >= promised;
            let cancel = self.cancel;
            look = target
                .looker
                .settled(look, is_enough, |look| {
                    report(Event::Waiting {
                        gained: gained(look),
                        promised,
                    });
                    !cancel.load(Ordering::Relaxed)
                })
                .await;
        }
        // A look that found nothing leaves open what is missing.
        target.took(look);
        if waits {
            target.owed = Bytes::ZERO;
        }
    }

    /// Looks after the last step, and tells whether so much is free as was to be.
    pub(super) async fn ended_at(&mut self, report: &mut dyn FnMut(Event)) -> Option<bool> {
        self.target.goal?;
        let is_open = self.target.since.at_most > Bytes::ZERO || self.target.owed > SMALL;
        if !self.target.is_met && is_open {
            self.ask_disks_again(true, report).await;
        }
        (!self.target.last.disks.is_empty()).then_some(self.target.is_met)
    }
}
