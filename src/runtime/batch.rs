//! `report`, `plan` and `clean`: an engine scanned once, and text or JSON instead of a screen.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{self, Chosen, Global, Select, one_line};
use crate::domain::inventory::{Inventory, Progress, Stage};
use crate::domain::item::Kind;
use crate::domain::outcome::{Done, Event};
use crate::domain::plan::Plan;
use crate::domain::survey::Survey;
use crate::engine::removal::{Order, remove};
use crate::engine::watch::{Wanted, scan_once};
use crate::engine::{Engine, EngineError};
use crate::report::json;
use crate::report::select::{Choice, How};
use crate::report::text::{self, Page};

use super::open;

/// How text commands print.
#[derive(Clone, Copy, Debug)]
pub struct Print {
    pub json: bool,
    pub ascii: bool,
}

/// Why nothing could be tried, and the exit code that says so.
struct Stop {
    why: String,
    code: u8,
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::nothing_tried(error.to_string())
    }
}

impl Stop {
    fn nothing_tried(why: String) -> Self {
        let code = cli::NOTHING_TRIED;
        Self { why, code }
    }

    fn say(self) -> u8 {
        complain(&self.why);
        self.code
    }
}

/// Prints what is there, and returns the exit code. `fast` leaves out what takes a walk over the disk.
pub async fn report(global: &Global, fast: bool, print: Print) -> u8 {
    let scanned = async {
        let engine = opened(global).await?;
        let wanted = if fast {
            Wanted::without_walks(&engine.about().await?)
        } else {
            Wanted::ALL
        };
        Ok::<_, Stop>(scan(&*engine, wanted).await?)
    };
    match scanned.await {
        Ok(survey) if print.json => say(&json::report(&survey)),
        Ok(survey) => say(&text::report(&survey, page(print))),
        Err(stop) => return stop.say(),
    }
    0
}

/// Prints what would go, and returns the exit code.
pub async fn plan(global: &Global, select: &Select, print: Print) -> u8 {
    let how = how(select, false);
    match planned(global, select, how).await {
        Ok((_, survey, plan)) if print.json => say(&json::plan(&survey, &plan)),
        Ok((_, survey, plan)) => say(&text::plan(&survey, &plan, page(print))),
        Err(stop) => return stop.say(),
    }
    0
}

/// Removes what was chosen after asking, or with `yes` without, and returns the exit code.
pub async fn clean(global: &Global, select: &Select, yes: bool, print: Print) -> u8 {
    let ended = if !yes && !io::stdin().is_terminal() {
        Err(Stop {
            why: "clean asks before it removes, and there is no terminal to ask on; say --yes"
                .to_owned(),
            code: cli::USAGE,
        })
    } else {
        planned(global, select, how(select, yes)).await
    };
    let (engine, survey, plan) = match ended {
        Ok(planned) => planned,
        Err(stop) => return stopped(stop, print),
    };
    if plan.steps.is_empty() {
        return nothing_to_do(&survey, &plan, print);
    }
    if global.engine.read_only {
        let why = "read-only: nothing is removed; leave out --read-only".to_owned();
        complain(&why);
        if print.json {
            say(&json::clean(&survey, &plan, &[], Some(&why)));
        }
        return cli::NOTHING_TRIED;
    }
    if !yes && !is_confirmed(&survey, &plan, print) {
        complain("nothing was removed");
        if print.json {
            say(&json::clean(&survey, &plan, &[], None));
        }
        return 0;
    }
    carry_out(engine, survey, plan, print).await
}

fn stopped(stop: Stop, print: Print) -> u8 {
    if print.json && stop.code == cli::NOTHING_TRIED {
        let (survey, plan) = (Survey::default(), Plan::default());
        say(&json::clean(
            &survey,
            &plan,
            &[],
            Some(&one_line(&stop.why)),
        ));
    }
    stop.say()
}

fn nothing_to_do(survey: &Survey, plan: &Plan, print: Print) -> u8 {
    if print.json {
        say(&json::clean(survey, plan, &[], None));
    } else {
        for refusal in &plan.refused {
            complain(&format!(
                "refused {} {}: {}",
                refusal.id.kind().word(),
                refusal.name,
                refusal.why
            ));
        }
    }
    0
}

async fn carry_out(engine: Arc<dyn Engine>, survey: Survey, plan: Plan, print: Print) -> u8 {
    let cancel = Arc::new(AtomicBool::new(false));
    let interrupted = tokio::task::spawn_local(cancel_on_signal(cancel.clone()));
    let order = Order {
        plan: plan.clone(),
        base: survey.inventory().clone(),
    };
    let line = |done: &Done| {
        if !print.json {
            say(&text::done(done, page(print)));
        }
    };
    let removal = remove(engine, order, cancel, |event| match event {
        Event::Checked { dropped, .. } => dropped.iter().for_each(line),
        Event::Ended { done, .. } => line(&done),
        Event::Checking | Event::Started { .. } | Event::Aborted { .. } | Event::Finished => {}
    })
    .await;
    interrupted.abort();
    match removal {
        Ok(removal) => {
            if print.json {
                say(&json::clean(&survey, &plan, &removal.done, None));
            }
            cli::exit_code(&removal.done)
        }
        Err(error) => {
            if print.json {
                let why = one_line(&error.to_string());
                say(&json::clean(&survey, &plan, &[], Some(&why)));
            }
            Stop::from(error).say()
        }
    }
}

/// ^C, SIGTERM and a lost line end a removal after the object in hand.
async fn cancel_on_signal(cancel: Arc<AtomicBool>) {
    let signals = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let waits = signals.into_iter().filter_map(|kind| {
        let mut signal = signal(kind).ok()?;
        Some(Box::pin(async move { signal.recv().await }))
    });
    futures_util::future::select_all(waits).await;
    cancel.store(true, Ordering::SeqCst);
}

/// Shows the plan and asks. With `--json` the one object has stdout to itself.
fn is_confirmed(survey: &Survey, plan: &Plan, print: Print) -> bool {
    let page = page(print);
    let shown = text::plan(survey, plan, page);
    let question = text::question(survey, plan, page);
    if print.json {
        let mut out = io::stderr().lock();
        let _ = write!(out, "{shown}{question}").and_then(|()| out.flush());
    } else {
        say(&shown);
        say(&question);
    }
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok_and(|length| length > 0) && text::confirms(plan, &answer)
}

async fn opened(global: &Global) -> Result<Arc<dyn Engine>, Stop> {
    open::engine(global).await.map_err(Stop::nothing_tried)
}

async fn planned(
    global: &Global,
    select: &Select,
    how: How,
) -> Result<(Arc<dyn Engine>, Survey, Plan), Stop> {
    let filters = select.filters(how.yes).map_err(|why| Stop {
        why,
        code: cli::USAGE,
    })?;
    let engine = opened(global).await?;
    let survey = scan(&*engine, needed(&filters, how)).await?;
    let mut choice = Choice::new(&survey, &filters, how, Timestamp::now());
    if let Some(line) = choice.left_out() {
        complain(&line);
    }
    let plan = choice.plan(&survey, how);
    Ok((engine, survey, plan))
}

fn how(select: &Select, yes: bool) -> How {
    How {
        unlock: select.unlock,
        stop: select.stop,
        all_names: select.all_names,
        yes,
    }
}

/// The figures that a plan of these filters needs: containers leave volumes behind, and unlock takes
/// containers along.
fn needed(filters: &[Chosen], how: How) -> Wanted {
    let has = |kind| filters.iter().any(|chosen| chosen.kind == kind);
    let container_sizes = has(Kind::Container) || how.unlock && has(Kind::Image);
    Wanted {
        container_sizes,
        volume_sizes: container_sizes || has(Kind::Volume),
        ..Wanted::ALL
    }
}

/// Scans everything that is wanted, with progress on stderr if that is a terminal.
async fn scan(engine: &dyn Engine, wanted: Wanted) -> Result<Survey, EngineError> {
    let shown = io::stderr().is_terminal();
    let progress = |stage: Stage, progress: &Progress| {
        if shown && matches!(progress, Progress::Running(_)) {
            let _ = write!(io::stderr(), "\r\u{1b}[Kmeasuring {} …", stage.word());
        }
    };
    let scanned = scan_once(engine, wanted, &Inventory::default(), progress).await;
    if shown {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
    Ok(Survey::new(scanned?))
}

fn page(print: Print) -> Page {
    let width = io::stdout()
        .is_terminal()
        .then(|| crossterm::terminal::size().ok())
        .flatten()
        .map_or(100, |(width, _)| usize::from(width));
    Page {
        now: Timestamp::now(),
        width,
        ascii: print.ascii,
    }
}

/// Prints to stdout. A reader that has gone away (`| head`) wants nothing more, which is no error.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let end = if text.ends_with(['\n', ' ']) {
        ""
    } else {
        "\n"
    };
    let _ = write!(out, "{text}{end}").and_then(|()| out.flush());
}

/// One line on stderr.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "dtop: {}", one_line(text));
}
