//! A plan carried out, and the next ones where the disk does not have so much free then as was to be: each is made,
//! asked about, checked again and written down like the first.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::LocalBoxFuture;

use crate::cli;
use crate::commands::console::Console;
use crate::commands::waiting::{Waits, showing};
use crate::domain::inventory::EngineInfo;
use crate::domain::item::ItemId;
use crate::domain::plan::{Plan, Step};
use crate::domain::removal::account::Account;
use crate::domain::removal::event::Event;
use crate::domain::removal::history::NOT_WRITTEN;
use crate::domain::removal::outcome::{Done, Outcome};
use crate::engine::copies::save::is_on_disk_of;
use crate::engine::removal::{Confirmed, Removal, remove};
use crate::report::json;
use crate::report::page::Page;
use crate::report::select::How;
use crate::report::text;
use crate::tui::ending::{Ending, GRACE};
use crate::ui::words;

use super::opened::Opened;
use super::{Clean, Planned, Stop, chosen, clean_ended, is_confirmed, stopped};

/// How often more is planned where the disk still lacks some.
const MORE: usize = 2;

/// What has come of all plans so far.
#[derive(Default)]
struct Sum {
    plan: Plan,
    done: Vec<Done>,
    account: Account,
    /// Whether so much is free as was to be, by the disk's word.
    is_met: Option<bool>,
}

impl Sum {
    fn add(&mut self, removal: Removal, confirmed: &Plan) {
        let Removal {
            plan,
            done,
            account,
            is_met,
        } = removal;
        if self.done.is_empty() && self.plan.steps.is_empty() {
            // Only steps are checked again: what was refused before is still chosen, and still stays.
            self.plan = Plan {
                refused: confirmed.refused.clone(),
                ..plan
            };
            self.account = account;
        } else {
            self.plan.frees.add(&plan.frees);
            self.plan.steps.extend(plan.steps);
            self.plan.stays.extend(plan.stays);
            self.account.add(account);
        }
        self.done.extend(done);
        self.is_met = is_met;
    }

    /// Returns everything that was tried and is still there: it is not tried again.
    fn left(&self) -> BTreeSet<ItemId> {
        let left = self.done.iter().filter(|done| !done.outcome.is_away());
        let mut ids = BTreeSet::new();
        ids.extend(left.map(|done| done.id.clone()));
        ids
    }
}

/// Why a plan was not carried out to its end.
enum Broken {
    /// What was in hand did not end in time; these have ended before it.
    Interrupted(Ending, Vec<Done>),
    Stopped(Stop),
}

/// Removes what was planned and, where the disk still lacks some, at most twice the next safest things. Returns the
/// exit code.
pub(super) async fn carry_out(
    planned: Planned,
    wish: Clean<'_>,
    console: &mut Console<'_>,
    mut interrupt: LocalBoxFuture<'_, Ending>,
) -> u8 {
    let (mut plans, mut sum) = (vec![planned], Sum::default());
    let mut written = Ok(());
    let mut ending = None;
    while let Some(current) = plans.last() {
        let removed = removal(current, (wish, &mut written), console, &mut interrupt);
        let removed = Box::pin(removed).await;
        match removed {
            Ok((removal, ended_by)) => {
                sum.add(removal, &current.plan);
                ending = ended_by;
            }
            Err(Broken::Interrupted(ending, ended)) => {
                sum.done.extend(ended);
                return left_in_hand(ending, (&plans, &sum), wish.json, console);
            }
            Err(Broken::Stopped(stop)) if plans.len() == 1 => {
                return stopped(&stop, wish.json, console);
            }
            Err(Broken::Stopped(stop)) => {
                console.complain(&stop.why);
                break;
            }
        }
        if sum.is_met != Some(false) || ending.is_some() || plans.len() > MORE {
            break;
        }
        let next = tokio::select! {
            biased;
            ended = &mut interrupt => {
                ending = Some(ended);
                break;
            }
            next = Box::pin(next(current, &sum, wish, console)) => next,
        };
        let Some(next) = next else { break };
        let Planned { survey, plan, .. } = &next;
        if plan.steps.is_empty() {
            // More may have been given back meanwhile.
            sum.is_met = next.target.map(|target| target.is_met);
            plans.push(next);
            break;
        }
        if !wish.yes && !is_confirmed((survey, plan), "nothing more was removed", console) {
            break;
        }
        plans.push(next);
    }
    told(&plans, &sum, (wish, ending), written, console)
}

/// Says what has come of it, and returns the exit code.
fn told(
    plans: &[Planned],
    sum: &Sum,
    (wish, ending): (Clean<'_>, Option<Ending>),
    mut written: io::Result<()>,
    console: &mut Console<'_>,
) -> u8 {
    let (Some(first), Some(last)) = (plans.first(), plans.last()) else {
        return cli::NOT_ALL_DONE;
    };
    if wish.json {
        let object = json::cleaned(&first.survey, &sum.plan, &sum.done, &sum.account);
        written = console.print(&object);
    }
    if sum.account.is_remarkable() {
        // Standard output has a line an object, or the one object; what went as promised needs no word more.
        let engine = &first.survey.inventory().engine;
        let text = text::account(engine, &sum.plan, &sum.account, console.page);
        console.say(&text);
    }
    // Where the last plan could not promise it, that was said then.
    let was_promised = last.target.is_some_and(|target| target.is_met);
    if sum.is_met == Some(false) && was_promised {
        console.complain(&words::lacking(sum.account.lacks));
    }
    if let Some(trouble) = wish.journal.trouble() {
        console.complain(&format!("{NOT_WRITTEN}: {trouble}"));
    }
    let is_skipped = |done: &Done| done.outcome == Outcome::Skipped;
    let ending = ending.filter(|_| sum.done.iter().any(is_skipped));
    if ending.is_some() {
        console.complain("interrupted; what was skipped is still there");
    }
    let code = first.code_where(sum.is_met);
    let code = clean_ended(cli::exit_code(&sum.done).max(code), written, console);
    match ending {
        // Who stops a service wants to see that it was stopped; who pressed ^C, what became of it.
        Some(Ending::Terminate | Ending::HangUp) => ending.map_or(code, Ending::code),
        Some(Ending::Interrupt) | None => code,
    }
}

/// Ends without waiting any longer for the object in hand, and returns the exit code. The journal has what is in
/// hand: the next start finds out what became of it.
fn left_in_hand(
    ending: Ending,
    (plans, sum): (&[Planned], &Sum),
    json: bool,
    console: &mut Console<'_>,
) -> u8 {
    let why =
        "interrupted while something was being removed; dtop history finds out what became of it";
    console.complain(why);
    if let (true, Some(first), Some(last)) = (json, plans.first(), plans.last()) {
        let mut plan = sum.plan.clone();
        plan.frees.add(&last.plan.frees);
        plan.steps.extend(last.plan.steps.iter().cloned());
        if plans.len() == 1 {
            plan = last.plan.clone();
        }
        // The exit code says already that not all was done.
        let _ = console.print(&json::clean(&first.survey, &plan, &sum.done, Some(why)));
    }
    ending.code()
}

/// Plans the next safest things; `None` where the engine cannot be asked any more.
async fn next(
    before: &Planned,
    sum: &Sum,
    wish: Clean<'_>,
    console: &mut Console<'_>,
) -> Option<Planned> {
    let inventory = before.survey.inventory();
    let opened = Opened::of(
        Arc::clone(&before.engine),
        (*inventory.engine).clone(),
        inventory.protection.clone(),
    );
    let how = How {
        yes: wish.yes,
        ..How::default()
    };
    let planned = chosen(&opened, (&[], how, sum.left()), wish.select, console).await;
    planned
        .map_err(|stop: Stop| console.complain(&stop.why))
        .ok()
}

/// Carries one plan out, and tells what ended it early.
async fn removal(
    planned: &Planned,
    (wish, written): (Clean<'_>, &mut io::Result<()>),
    console: &mut Console<'_>,
    interrupt: &mut LocalBoxFuture<'_, Ending>,
) -> Result<(Removal, Option<Ending>), Broken> {
    let Planned {
        engine,
        survey,
        plan,
        ..
    } = planned;
    let Clean { json, save, .. } = wish;
    let cancel = Arc::new(AtomicBool::new(false));
    let order = Confirmed {
        plan: plan.clone(),
        base: survey.inventory().clone(),
        journal: wish.journal.clone(),
        save: save.map(Path::to_owned),
        until: planned.goal,
    };
    if let Some(folder) = &order.save {
        warn_of_copies(folder, &survey.inventory().engine, console);
    }
    let mut steps = Vec::new();
    let interrupted = Cell::new(None);
    let mut ended = Vec::new();
    let waits = RefCell::new(Waits::new("waiting for"));
    let shown = RefCell::new(&mut *console);
    let removal = {
        let tell = |event: Event| {
            // Who has interrupted it does not wait for a figure either, which may take a scan.
            if matches!(event, Event::Counting) && interrupted.get().is_some() {
                cancel.store(true, Ordering::SeqCst);
            }
            if let Event::Checked { plan, .. } = &event {
                steps.clone_from(&plan.steps);
            }
            let mut shown = shown.borrow_mut();
            show_after(&event, (&steps, save), &mut waits.borrow_mut(), &mut shown);
            ended.extend_from_slice(dones(&event));
            // A reader who has gone does not end what was confirmed.
            if !json && written.is_ok() {
                *written = print_lines(&event, &mut shown);
            }
        };
        let engine = Arc::clone(engine);
        let removal = remove(engine, order, Arc::clone(&cancel), tell);
        let mut removal = pin!(showing(&waits, &shown, removal));
        tokio::select! {
            biased;
            ending = interrupt => {
                interrupted.set(Some(ending));
                cancel.store(true, Ordering::SeqCst);
                tokio::time::timeout(GRACE, removal).await.map_err(|_| ending)
            }
            removal = &mut removal => Ok(removal),
        }
    };
    console.show_note("");
    match removal {
        Ok(Ok(removal)) => Ok((removal, interrupted.get())),
        Err(ending) => Err(Broken::Interrupted(ending, ended)),
        Ok(Err(error)) => {
            let host = &survey.inventory().engine.host;
            Err(Broken::Stopped(Stop::engine(host, &error)))
        }
    }
}

/// How far a copy has come, if one is being written.
fn saving(event: &Event, steps: &[Step], page: Page) -> Option<String> {
    match event {
        Event::Saving { index, done } => Some(text::saving(steps.get(*index)?, *done, page)),
        _ => None,
    }
}

/// Shows what a removal does after an event. A line of what has ended stands where the wait for it stood.
fn show_after(
    event: &Event,
    (steps, save): (&[Step], Option<&Path>),
    waits: &mut Waits,
    console: &mut Console<'_>,
) {
    // What is waited for in the same words is waited for since it was first.
    if !matches!(event, Event::Waiting { .. }) {
        waits.clear();
        console.show_waits(waits);
    }
    if save.is_some() {
        let saving = saving(event, steps, console.page);
        console.show_note(&saving.unwrap_or_default());
    }
    if let Some(what) = awaited(event, steps) {
        waits.replace(&what);
    }
}

/// Returns what a removal waits for after an event.
fn awaited(event: &Event, steps: &[Step]) -> Option<String> {
    match event {
        Event::Checking => Some("the engine's lists".to_owned()),
        Event::Started { index } => {
            let step = steps.get(*index)?;
            Some(format!(
                "the end of {} {}",
                step.id.kind().word(),
                step.name
            ))
        }
        Event::Waiting { .. } => Some("the disk to give back what was removed".to_owned()),
        Event::Counting => Some("what was freed".to_owned()),
        Event::Checked { .. }
        | Event::Saving { .. }
        | Event::Ended { .. }
        | Event::Aborted { .. }
        | Event::Accounted(_)
        | Event::Finished => None,
    }
}

/// Prints what has ended with an event.
fn print_lines(event: &Event, console: &mut Console<'_>) -> io::Result<()> {
    let lines = lines(event, console.page);
    if lines.is_empty() {
        return Ok(());
    }
    console.print(&lines)
}

/// Warns of copies that would take room on the very disk that is to be freed.
fn warn_of_copies(folder: &Path, engine: &EngineInfo, console: &mut Console<'_>) {
    if engine.local && is_on_disk_of(folder, &engine.root) {
        console.complain(&text::copies_on_disk(folder));
    }
}

/// Returns what a removal prints, a line an object.
fn lines(event: &Event, page: Page) -> String {
    dones(event)
        .iter()
        .map(|done| text::done(done, page))
        .collect()
}

/// Returns what has ended with an event.
fn dones(event: &Event) -> &[Done] {
    match event {
        Event::Checked { dropped, .. } => dropped.as_slice(),
        Event::Ended { done, .. } => std::slice::from_ref(done),
        Event::Checking
        | Event::Saving { .. }
        | Event::Started { .. }
        | Event::Waiting { .. }
        | Event::Aborted { .. }
        | Event::Counting
        | Event::Accounted(_)
        | Event::Finished => &[],
    }
}
