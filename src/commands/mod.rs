//! What a command line asks for: it is read here, and either the full screen or a text command runs.
//!
//! - [`batch`]: `report`, `plan` and `clean`;
//! - [`past`]: `history` and `restore`;
//! - [`open`]: which engine is meant;
//! - [`console`], `waiting`: where text commands read and write, and what they say while they wait.

pub mod batch;
pub mod console;
pub mod open;
pub mod past;
pub(crate) mod waiting;
use std::io::{self, BufReader, IsTerminal};
use std::process::ExitCode;

use crate::app::model::Options;
use crate::cli::{self, Cli, Color, Command, Global};
use crate::commands::batch::Clean;
use crate::commands::console::Console;
use crate::domain::protect::Protection;
use crate::domain::triage::Goal;
use crate::engine::config::Config;
use crate::engine::port::blocking::check_threads;
use crate::engine::port::clock;
use crate::report::page::Page;
use crate::tui;
use crate::tui::ending::{leave_by, signalled};
use crate::ui::Theme;
use tokio::task::LocalSet;

/// Runs the program: reads the command line and does what it says.
///
/// # Errors
/// When the terminal cannot be used, or a task panicked.
pub fn enter() -> color_eyre::Result<ExitCode> {
    color_eyre::install()?;
    if cfg!(panic = "abort") {
        end_at_a_panic();
    }
    leave_by(std::process::exit);
    // None of the three is locked: the full screen uses them too.
    let mut console = Console {
        input: &mut BufReader::new(io::stdin()),
        out: &mut io::stdout(),
        err: &mut io::stderr(),
        asks: io::stdin().is_terminal(),
        progress: io::stderr().is_terminal() && !is_dumb(),
        page: Page {
            now: clock::now(),
            width: columns(),
            ascii: !speaks_utf8(),
        },
    };
    let mut cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(ended) if ended.is_error => {
            console.complain(&ended.text);
            return Ok(ExitCode::from(cli::USAGE));
        }
        Err(ended) => return Ok(ExitCode::from(printed(&ended.text, &mut console))),
    };
    let protection = match settle(&mut cli) {
        Ok(protection) => protection,
        Err(mistake) => {
            console.complain(&mistake);
            return Ok(ExitCode::from(cli::USAGE));
        }
    };
    if let Err(error) = check_threads() {
        let advice = "is the limit on processes reached (ulimit -u)?";
        console.complain(&format!("no thread can be started: {error}; {advice}"));
        return Ok(ExitCode::from(cli::NOTHING_TRIED));
    }
    console.page.ascii |= cli.global.screen.ascii;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = tokio.block_on(LocalSet::new().run_until(run(cli, protection, &mut console)));
    // A look at a dead network filesystem may never come back: nobody waits for it.
    tokio.shutdown_background();
    Ok(ExitCode::from(code?))
}

/// Ends as a program that unwinds does, once the message is printed and the terminal is given back: an abort would
/// leave a core dump, on a disk that is full.
fn end_at_a_panic() {
    const PANICKED: i32 = 101;
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        std::process::exit(PANICKED);
    }));
}

/// Sees that the command line leads somewhere, and adds what the config says, which never takes anything
/// back. Returns what is never to be removed.
fn settle(cli: &mut Cli) -> Result<Protection, String> {
    let asks_nobody = matches!(
        cli.command,
        Some(Command::Completions { .. } | Command::Man)
    );
    if asks_nobody {
        return Ok(Protection::default());
    }
    let config = Config::of_process()?;
    let Global { engine, screen, .. } = &mut cli.global;
    engine.read_only |= config.read_only;
    screen.ascii |= config.ascii;
    screen.mouse |= config.mouse;
    open::check(&cli.global)?;
    Ok(Protection::new(config.protect, clock::now()))
}

async fn run(
    cli: Cli,
    protection: Protection,
    console: &mut Console<'_>,
) -> color_eyre::Result<u8> {
    let global = &cli.global;
    let engine = |protection| open::engine(global, protection);
    let journal = open::journal(global);
    Ok(match &cli.command {
        Some(Command::Report { fast, output }) => {
            Box::pin(ended(batch::report(
                engine(protection),
                *fast,
                output.json,
                console,
            )))
            .await
        }
        Some(Command::Plan { select, output }) => {
            Box::pin(ended(batch::plan(
                engine(protection),
                select,
                output.json,
                console,
            )))
            .await
        }
        Some(Command::Clean {
            select,
            yes,
            save,
            output,
        }) => {
            let wish = Clean {
                select,
                yes: *yes,
                read_only: global.engine.read_only,
                json: output.json,
                journal: &journal,
                save: save.as_deref(),
            };
            let prepared = Box::pin(batch::prepared(engine(protection), wish, console));
            let prepared = tokio::select! {
                prepared = prepared => prepared,
                ending = signalled() => return Ok(ending.code()),
            };
            match prepared {
                Ok(planned) => Box::pin(batch::clean(planned, wish, console, signalled())).await,
                Err(code) => code,
            }
        }
        Some(Command::History { output }) => {
            let history = past::history(&journal, engine(protection), output.json, console);
            Box::pin(ended(history)).await
        }
        Some(Command::Restore { ids, output }) => {
            let restore = past::restore(&journal, engine(protection), ids, output.json, console);
            Box::pin(ended(restore)).await
        }
        Some(Command::Completions { shell }) => {
            printed(&String::from_utf8_lossy(&cli::completions(*shell)), console)
        }
        Some(Command::Man) => printed(&String::from_utf8_lossy(&cli::man()?), console),
        // Without a terminal there is no screen to open, and none on one that only prints.
        None if !io::stdout().is_terminal() || is_dumb() => {
            Box::pin(ended(batch::report(
                engine(protection),
                false,
                false,
                console,
            )))
            .await
        }
        None => {
            let opener = tokio::select! {
                opener = open::opener(global) => opener,
                ending = signalled() => return Ok(ending.code()),
            };
            let ascii = console.page.ascii;
            let options = Options {
                ascii,
                mouse: global.screen.mouse,
                read_only: global.engine.read_only,
                free: cli.free.and_then(Goal::bytes),
            };
            let theme = Theme::new(has_color(global), ascii);
            match tui::run(opener, options, protection, theme).await {
                Ok(code) => code,
                Err(error) => {
                    console.complain(&format!(
                        "the terminal cannot be used: {error:#}; dtop report needs none"
                    ));
                    cli::NOTHING_TRIED
                }
            }
        }
    })
}

/// What only reads may end at any moment; what it has started, such as a login, ends with it.
async fn ended(command: impl Future<Output = u8>) -> u8 {
    tokio::select! {
        code = command => code,
        ending = signalled() => ending.code(),
    }
}

fn printed(text: &str, console: &mut Console<'_>) -> u8 {
    let written = console.print(text);
    console.end(written)
}

/// Returns the width of the terminal, or what a file may take.
fn columns() -> usize {
    io::stdout()
        .is_terminal()
        .then(|| crossterm::terminal::size().ok())
        .flatten()
        .map_or(100, |(width, _)| usize::from(width))
}

/// The locale as the C library reads it: the first of these that is set decides.
fn speaks_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

/// Returns true for a terminal that only prints, as far as is known: nobody has said that it can do more.
fn is_dumb() -> bool {
    let term = std::env::var_os("TERM").unwrap_or_default();
    term.is_empty() || term == "dumb" || term == "unknown"
}

fn has_color(global: &Global) -> bool {
    match global.screen.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            !is_set("NO_COLOR") && !is_dumb()
        }
    }
}
