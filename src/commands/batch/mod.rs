//! `report`, `plan` and `clean`: an engine scanned once, and text or JSON instead of a screen.
//!
//! - `beforehand`: what is said and asked before a plan is printed.
//! - `opened`: an engine that a command has opened.
//! - `rounds`: a plan carried out, and the next ones where the disk still lacks some.
//! - `unlisted`: what a command was to choose from, and could not be listed.

mod beforehand;
mod opened;
mod rounds;
mod unlisted;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::cli::{self, Chosen, Select, one_line};
use crate::domain::inventory::Part;
use crate::domain::item::ItemId;
use crate::domain::plan::Plan;
use crate::domain::protect::Protection;
use crate::domain::survey::Survey;
use crate::domain::triage::Goal;
use crate::engine::journal::Journal;
use crate::engine::scan::{ScanScope, blocks_of};
use crate::engine::{Engine, EngineError};
use crate::report::json;
use crate::report::select::{Choice, How, Target};
use crate::report::text;

use self::opened::{Opened, needed};
use self::unlisted::Unlisted;
use super::console::Console;
use crate::tui::ending::{self, Ending};

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
pub(in crate::commands) struct Stop {
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

    /// Returns what the engine at a host said that leaves nothing to try, and what may help.
    pub(in crate::commands) fn engine(host: &str, error: &EngineError) -> Self {
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
            ScanScope::without_walks(&opened.about)
        } else {
            ScanScope::ALL
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
    beforehand::ask_registries(&mut planned).await;
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
        beforehand::ask_registries(&mut planned).await;
    }
    beforehand::say_what_was_in_hand(&planned, wish.journal, console).await;
    // What a dtop that was killed has left; what is in the way of that is tried again at the next start.
    let _ = tokio::time::timeout(SWEEP, planned.engine.sweep()).await;
    Ok(planned)
}

/// Removes what was planned after asking, or with `yes` without, and returns the exit code. Once `interrupt` is
/// done the object in hand is given a moment to end, and what is left is skipped. Where so much is not free then as
/// was to be, the next safest things are planned and removed in the same way.
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
    if plan.steps.is_empty()
        || asks && !is_confirmed((survey, plan), "nothing was removed", console)
    {
        let written = if wish.json {
            let error = planned.unlisted.error();
            console.print(&json::clean(survey, plan, &[], error.as_deref()))
        } else {
            Ok(())
        };
        return clean_ended(planned.code(0), written, console);
    }
    let interrupt: LocalBoxFuture<'_, Ending> = Box::pin(interrupt);
    Box::pin(rounds::carry_out(planned, wish, console, interrupt)).await
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

/// Returns how `clean` ends: what became of the objects says more than a reader who has gone.
fn clean_ended(code: u8, written: io::Result<()>, console: &mut Console<'_>) -> u8 {
    match (code, console.end(written)) {
        (code, 0) => code,
        (0, cli::BROKEN_PIPE) => cli::BROKEN_PIPE,
        _ => cli::NOT_ALL_DONE,
    }
}

/// Shows the plan and asks, on standard error: standard output may be a file. Anything but the answer that
/// was asked for is a No, which is said in these words, and so is the end of the input.
fn is_confirmed((survey, plan): (&Survey, &Plan), no: &str, console: &mut Console<'_>) -> bool {
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
        console.complain(no);
    }
    yes
}

/// A plan, what it was made from, and the engine that it is for.
pub struct Planned {
    pub engine: Arc<dyn Engine>,
    pub survey: Survey,
    pub plan: Plan,
    /// How much was to be freed or to be free, where that was said.
    goal: Option<Goal>,
    /// How much that is, and how far the plan goes.
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

    /// Returns the exit code of what went well otherwise.
    fn code(&self, code: u8) -> u8 {
        let code = if self.target.is_none_or(|target| target.is_met) {
            code
        } else {
            cli::NOT_ALL_DONE
        };
        self.unlisted.code(code)
    }

    /// Returns the exit code of what went well otherwise, where the disk has said whether so much is free as was to be.
    fn code_where(&self, is_met: Option<bool>) -> u8 {
        match is_met {
            None => self.code(0),
            Some(true) => self.unlisted.code(0),
            Some(false) => cli::NOT_ALL_DONE,
        }
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
    let opened = Opened::new(engine).await?;
    chosen(&opened, (&filters, how, BTreeSet::new()), select, console).await
}

/// Chooses what filters match, and what a target takes beside it; nothing of what is left out.
async fn chosen(
    opened: &Opened,
    (filters, how, left_out): (&[Chosen], How, BTreeSet<ItemId>),
    select: &Select,
    console: &mut Console<'_>,
) -> Result<Planned, Stop> {
    let goal = select.target.goal();
    let now = console.page.now;
    let survey = if let Some(goal) = goal {
        opened.scan_for(goal, filters, console).await?
    } else {
        let wanted = needed(filters, how, &opened.base.protection);
        let mut survey = opened.scan(wanted, console).await?;
        let plan = Choice::new(&survey, filters, how, now).plan(&survey, how);
        let items = plan.items();
        if !wanted.blocks && !items.is_empty() {
            let wanted = survey.retention.chains_of(&items);
            let found = blocks_of(&*opened.engine, survey.inventory(), &items, &wanted);
            survey.apply([Part::OnDisk(found.await)]);
        }
        survey
    };
    let takes_disk = goal.is_some_and(|goal| goal.bytes().is_none());
    if takes_disk && !survey.inventory().engine.closed_disks.is_empty() {
        return Err(unknown_disk(&survey));
    }
    let engine = Arc::clone(&opened.engine);
    let mut choice = Choice::new(&survey, filters, how, now);
    choice.selection.dropped.extend(left_out);
    if let Some(goal) = goal {
        let even_volumes = select.target.even_volumes;
        choice.keep_volumes(&survey, how, even_volumes);
        if !choice.free(&survey, (goal, even_volumes), now) {
            return Err(unknown_disk(&survey));
        }
    }
    let mut plan = choice.plan(&survey, how);
    if let Some(line) = choice.missed(&plan) {
        console.complain(&line);
    }
    if let Some(line) = choice.left_out() {
        console.complain(&line);
    }
    // Where a target is met, nobody misses what else might have been.
    let is_met = filters.is_empty() && choice.target.is_some_and(|target| target.is_met);
    let unlisted = if is_met {
        Unlisted::default()
    } else {
        Unlisted::new(&survey, filters)
    };
    for line in unlisted.lines() {
        console.complain(line);
    }
    unlisted.doubt(&mut plan);
    Ok(Planned {
        engine,
        survey,
        plan,
        goal,
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
