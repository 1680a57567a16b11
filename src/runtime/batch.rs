//! `report`, `plan` and `clean`: an engine scanned once, and text or JSON instead of a screen.

mod opened;
mod unlisted;

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cli::{self, Select, one_line};
use crate::domain::history::NOT_WRITTEN;
use crate::domain::inventory::EngineInfo;
use crate::domain::outcome::{Done, Event, Outcome};
use crate::domain::plan::{Plan, Step};
use crate::domain::protect::Protection;
use crate::domain::survey::Survey;
use crate::engine::journal::Journal;
use crate::engine::removal::{Order, remove};
use crate::engine::save::is_on_disk_of;
use crate::engine::watch::Wanted;
use crate::engine::{Engine, EngineError};
use crate::report::json;
use crate::report::select::{Choice, How, Target};
use crate::report::text::{self, Page};

use self::opened::{Opened, needed};
use self::unlisted::Unlisted;
use super::console::Console;
use super::ending::{self, Ending, GRACE};
use super::past;
use super::waiting::{Waits, showing};

/// How long clearing up after a dtop that was killed may take.
const SWEEP: Duration = Duration::from_secs(10);

/// An engine and what is never removed there, or a line that says why there is none.
pub type Found = Result<(Arc<dyn Engine>, Protection), String>;

/// What is asked of `clean`.
#[derive(Clone, Copy, Debug)]
pub struct Clean<'a> {
    pub select: &'a Select,
    /// Nobody is asked.
    pub yes: bool,
    pub read_only: bool,
    pub json: bool,
    pub journal: &'a Journal,
    /// The folder for copies of what goes.
    pub save: Option<&'a Path>,
}

/// Why nothing could be tried, and the exit code that says so.
#[derive(Debug)]
pub(super) struct Stop {
    pub why: String,
    pub code: u8,
}

impl Stop {
    fn nothing_tried(why: String) -> Self {
        let code = cli::NOTHING_TRIED;
        Self { why, code }
    }

    fn usage(why: String) -> Self {
        let code = cli::USAGE;
        Self { why, code }
    }

    /// What the engine at a host said that leaves nothing to try, and what may help.
    pub(super) fn engine(host: &str, error: &EngineError) -> Self {
        let advice = match error {
            EngineError::Barred { .. } if error.is_forbidden() => {
                "have the proxy let it through, or name the engine's own socket with -H"
            }
            EngineError::Barred { .. } => "is the engine behind it running?",
            EngineError::Refused { .. } if error.is_forbidden() => {
                "ask who may do that here: an authorization plugin or a proxy forbids it"
            }
            EngineError::Unreachable { .. } => "is the engine still running?",
            EngineError::TimedOut { .. } | EngineError::Stalled { .. } => {
                "is the engine hanging? its log tells more (journalctl -u docker)"
            }
            EngineError::Garbled { .. } => "is that an engine? check the address",
            EngineError::ReadOnly { .. } => "leave out --read-only",
            EngineError::NotFound(_)
            | EngineError::Conflict(_)
            | EngineError::NotSupported(_)
            | EngineError::NoPlace(_)
            | EngineError::Unreadable(_)
            | EngineError::Refused { .. } => "the engine's log tells more (journalctl -u docker)",
        };
        Self::nothing_tried(match error {
            EngineError::NoPlace(_) => error.to_string(),
            EngineError::Unreachable { .. } => format!("{error}; {advice}"),
            _ => format!("{host}: {error}; {advice}"),
        })
    }
}

/// Prints what is there, and returns the exit code. `fast` leaves out what takes a walk over the disk.
pub async fn report(
    engine: impl Future<Output = Found>,
    fast: bool,
    json: bool,
    console: &mut Console<'_>,
) -> u8 {
    let survey = async {
        let opened = Opened::new(engine).await?;
        let wanted = if fast {
            Wanted::without_walks(&opened.about)
        } else {
            Wanted::ALL
        };
        opened.scan(wanted, console).await
    };
    let survey = match survey.await {
        Ok(survey) => survey,
        Err(stop) => return stopped(&stop, false, console),
    };
    let text = if json {
        json::report(&survey)
    } else {
        text::report(&survey, console.page)
    };
    let written = console.print(&text);
    console.end(written)
}

/// Prints what would go, and returns the exit code.
pub async fn plan(
    engine: impl Future<Output = Found>,
    select: &Select,
    json: bool,
    console: &mut Console<'_>,
) -> u8 {
    let mut planned = match planned(engine, select, false, console).await {
        Ok(planned) => planned,
        Err(stop) => return stopped(&stop, false, console),
    };
    past::ask_registries(&mut planned).await;
    let Planned { survey, plan, .. } = &planned;
    let text = if json {
        json::plan(survey, plan)
    } else if planned.is_idle() {
        String::new()
    } else {
        text::plan(survey, plan, console.page)
    };
    let written = console.print(&text);
    match console.end(written) {
        0 => planned.code(0),
        code => code,
    }
}

/// Plans what `clean` was asked for, or returns the exit code of why it cannot be.
///
/// # Errors
/// The exit code; why was said.
pub async fn prepared(
    engine: impl Future<Output = Found>,
    wish: Clean<'_>,
    console: &mut Console<'_>,
) -> Result<Planned, u8> {
    let planned = match refusal(wish, console) {
        Some(stop) => Err(stop),
        None => planned(engine, wish.select, wish.yes, console).await,
    };
    let mut planned = planned.map_err(|stop| stopped(&stop, wish.json, console))?;
    // With `--yes` nobody reads it before it is done, and a registry that is down would hold up a cron job.
    if !wish.yes {
        past::ask_registries(&mut planned).await;
    }
    past::say_what_was_in_hand(&planned, wish.journal, console).await;
    // What a dtop that was killed has left; what is in the way of that is tried again at the next start.
    let _ = tokio::time::timeout(SWEEP, planned.engine.sweep()).await;
    Ok(planned)
}

/// Removes what was planned after asking, or with `yes` without, and returns the exit code. Once `interrupt` is
/// done the object in hand is given a moment to end, and what is left is skipped.
pub async fn clean(
    planned: Planned,
    wish: Clean<'_>,
    console: &mut Console<'_>,
    interrupt: impl Future<Output = Ending>,
) -> u8 {
    let Planned { survey, plan, .. } = &planned;
    let asks = !wish.yes && !plan.steps.is_empty();
    if !asks && !wish.json {
        let refusals = text::refusals(plan, console.page);
        console.say(&refusals);
    }
    if plan.steps.is_empty() || asks && !is_confirmed(survey, plan, console) {
        let written = if wish.json {
            let error = planned.unlisted.error();
            console.print(&json::clean(survey, plan, &[], error.as_deref()))
        } else {
            Ok(())
        };
        return clean_ended(planned.code(0), written, console);
    }
    carry_out(planned, wish, console, interrupt).await
}

/// Why `clean` does not even begin.
fn refusal(wish: Clean<'_>, console: &Console<'_>) -> Option<Stop> {
    if wish.read_only {
        let why = "read-only: nothing is removed; see dtop plan, or leave out --read-only";
        Some(Stop::nothing_tried(why.to_owned()))
    } else if !wish.yes && !console.asks {
        let why = "clean asks before it removes, and there is no terminal to ask on; say --yes to not be asked";
        Some(Stop::usage(why.to_owned()))
    } else {
        None
    }
}

/// Says why nothing could be tried; with `--json` `clean` prints its one object even so.
fn stopped(stop: &Stop, clean_json: bool, console: &mut Console<'_>) -> u8 {
    console.complain(&stop.why);
    if clean_json && stop.code == cli::NOTHING_TRIED {
        let (survey, plan) = (Survey::default(), Plan::default());
        let object = json::clean(&survey, &plan, &[], Some(&one_line(&stop.why)));
        // The exit code says already that nothing was done.
        let _ = console.print(&object);
    }
    stop.code
}

/// How `clean` ends: what became of the objects says more than a reader who has gone.
fn clean_ended(code: u8, written: io::Result<()>, console: &mut Console<'_>) -> u8 {
    match (code, console.end(written)) {
        (code, 0) => code,
        (0, cli::BROKEN_PIPE) => cli::BROKEN_PIPE,
        _ => cli::NOT_ALL_DONE,
    }
}

/// Warns of copies that would take room on the very disk that is to be freed.
fn warn_of_copies(folder: &Path, engine: &EngineInfo, console: &mut Console<'_>) {
    if engine.local && is_on_disk_of(folder, &engine.root) {
        console.complain(&text::copies_on_disk(folder));
    }
}

async fn carry_out(
    planned: Planned,
    wish: Clean<'_>,
    console: &mut Console<'_>,
    interrupt: impl Future<Output = Ending>,
) -> u8 {
    let code = planned.code(0);
    let Planned {
        engine,
        survey,
        plan,
        ..
    } = planned;
    let Clean {
        json,
        journal,
        save,
        ..
    } = wish;
    // Only steps are checked again: what was refused before is still chosen, and still stays.
    let refused = plan.refused.clone();
    let base = plan.clone();
    let cancel = Arc::new(AtomicBool::new(false));
    let order = Order {
        plan,
        base: survey.inventory().clone(),
        journal: journal.clone(),
        save: save.map(Path::to_owned),
    };
    if let Some(folder) = &order.save {
        warn_of_copies(folder, &survey.inventory().engine, console);
    }
    let mut steps = Vec::new();
    let mut written = Ok(());
    let interrupted = Cell::new(None);
    let mut ended = Vec::new();
    let page = console.page;
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
                written = print_lines(&event, &mut shown);
            }
        };
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
    let removal = match removal {
        Ok(Ok(removal)) => removal,
        Err(ending) => return left_in_hand(ending, (&survey, &base, &ended), json, console),
        Ok(Err(error)) => {
            let stop = Stop::engine(&survey.inventory().engine.host, &error);
            return stopped(&stop, json, console);
        }
    };
    if json {
        let plan = Plan {
            refused,
            ..removal.plan.clone()
        };
        let object = json::cleaned(&survey, &plan, &removal.done, &removal.account);
        written = console.print(&object);
    }
    if removal.account.is_remarkable() {
        // Standard output has a line an object, or the one object; what went as promised needs no word more.
        let engine = &survey.inventory().engine;
        console.say(&text::account(
            engine,
            &removal.plan,
            &removal.account,
            page,
        ));
    }
    if let Some(trouble) = journal.trouble() {
        console.complain(&format!("{NOT_WRITTEN}: {trouble}"));
    }
    let is_skipped = |done: &Done| done.outcome == Outcome::Skipped;
    let ending = interrupted.get();
    let ending = ending.filter(|_| removal.done.iter().any(is_skipped));
    if ending.is_some() {
        console.complain("interrupted; what was skipped is still there");
    }
    let code = clean_ended(cli::exit_code(&removal.done).max(code), written, console);
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
    (survey, plan, ended): (&Survey, &Plan, &[Done]),
    json: bool,
    console: &mut Console<'_>,
) -> u8 {
    let why =
        "interrupted while something was being removed; dtop history finds out what became of it";
    console.complain(why);
    if json {
        // The exit code says already that not all was done.
        let _ = console.print(&json::clean(survey, plan, ended, Some(why)));
    }
    ending.code()
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
    waits.clear();
    console.show_waits(waits);
    if save.is_some() {
        let saving = saving(event, steps, console.page);
        console.show_note(&saving.unwrap_or_default());
    }
    if let Some(what) = awaited(event, steps) {
        waits.begin(&what);
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

/// What a removal prints, a line an object.
fn lines(event: &Event, page: Page) -> String {
    dones(event)
        .iter()
        .map(|done| text::done(done, page))
        .collect()
}

/// What has ended with an event.
fn dones(event: &Event) -> &[Done] {
    match event {
        Event::Checked { dropped, .. } => dropped.as_slice(),
        Event::Ended { done, .. } => std::slice::from_ref(done),
        Event::Checking
        | Event::Saving { .. }
        | Event::Started { .. }
        | Event::Aborted { .. }
        | Event::Counting
        | Event::Accounted(_)
        | Event::Finished => &[],
    }
}

/// Shows the plan and asks, on standard error: standard output may be a file. Anything but the answer that
/// was asked for is a No, and so is the end of the input.
fn is_confirmed(survey: &Survey, plan: &Plan, console: &mut Console<'_>) -> bool {
    let shown = text::plan(survey, plan, console.page);
    let question = text::question(survey, plan, console.page);
    console.say(&shown);
    console.forget_typed();
    console.say(&question);
    let mut answer = String::new();
    let read = ending::at_a_prompt(|| console.input.read_line(&mut answer));
    if !answer.ends_with('\n') {
        console.say("\n");
    }
    let yes = read.is_ok() && text::confirms(plan, &answer);
    if !yes {
        console.complain("nothing was removed");
    }
    yes
}

/// A plan, what it was made from, and the engine that it is for.
pub struct Planned {
    pub engine: Arc<dyn Engine>,
    pub survey: Survey,
    pub plan: Plan,
    /// How much was to be freed, where that was said.
    target: Option<Target>,
    /// What could not be chosen from.
    unlisted: Unlisted,
}

impl Planned {
    /// Nothing is missing, and nothing was chosen otherwise: there is nothing to say.
    fn is_idle(&self) -> bool {
        let Plan { steps, refused, .. } = &self.plan;
        let enough = self.target.is_some_and(|target| target.wanted.is_zero());
        enough && steps.is_empty() && refused.is_empty()
    }

    /// The exit code of what went well otherwise.
    fn code(&self, code: u8) -> u8 {
        let code = if self.target.is_none_or(|target| target.is_met) {
            code
        } else {
            cli::NOT_ALL_DONE
        };
        self.unlisted.code(code)
    }
}

async fn planned(
    engine: impl Future<Output = Found>,
    select: &Select,
    yes: bool,
    console: &mut Console<'_>,
) -> Result<Planned, Stop> {
    let filters = select.filters(yes).map_err(Stop::usage)?;
    let how = How {
        unlock: select.unlock,
        stop: select.stop,
        all_names: select.all_names,
        yes,
    };
    let goal = select.target.goal();
    let opened = Opened::new(engine).await?;
    let survey = if let Some(goal) = goal {
        opened.scan_for(goal, &filters, console).await?
    } else {
        let wanted = needed(&filters, how, &opened.base.protection);
        opened.scan(wanted, console).await?
    };
    let takes_disk = goal.is_some_and(|goal| goal.bytes().is_none());
    if takes_disk && !survey.inventory().engine.closed_disks.is_empty() {
        return Err(unknown_disk(&survey));
    }
    let engine = opened.engine;
    let now = console.page.now;
    let mut choice = Choice::new(&survey, &filters, how, now);
    if let Some(goal) = goal {
        let even_volumes = select.target.even_volumes;
        choice.keep_volumes(&survey, how, even_volumes);
        if !choice.free(&survey, (goal, even_volumes), now) {
            return Err(unknown_disk(&survey));
        }
    }
    if let Some(line) = choice.missed() {
        console.complain(&line);
    }
    if let Some(line) = choice.left_out() {
        console.complain(&line);
    }
    let mut plan = choice.plan(&survey, how);
    // Where a target is met, nobody misses what else might have been.
    let is_met = filters.is_empty() && choice.target.is_some_and(|target| target.is_met);
    let unlisted = if is_met {
        Unlisted::default()
    } else {
        Unlisted::new(&survey, &filters)
    };
    for line in unlisted.lines() {
        console.complain(line);
    }
    unlisted.doubt(&mut plan);
    Ok(Planned {
        engine,
        survey,
        plan,
        target: choice.target,
        unlisted,
    })
}

/// That nobody knows how much is to be freed.
fn unknown_disk(survey: &Survey) -> Stop {
    let engine = &survey.inventory().engine;
    if let Some(path) = engine.closed_disks.first() {
        return Stop::nothing_tried(format!(
            "{}: nobody here may ask how full the disk of {} is; say --free SIZE instead, or run it as root",
            engine.host,
            crate::ui::text::sanitise(path)
        ));
    }
    let why = engine.untold.as_deref().or(engine.why_not_local.as_deref());
    let why = why.unwrap_or("its folder cannot be read from here");
    Stop::nothing_tried(format!(
        "{}: nobody can tell how full the engine's disk is ({why}); say --free SIZE instead",
        engine.host
    ))
}

#[cfg(test)]
mod tests;
