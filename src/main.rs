//! The door: the command line is read, and either the screen or a text command runs.

use std::process::ExitCode;

use dtop::app::model::Options;
use dtop::cli::{self, Cli, Color, Command, Global};
use dtop::runtime::batch::{self, Print, complain, say};
use dtop::runtime::{self, open};
use dtop::ui::Theme;
use tokio::task::LocalSet;

fn main() -> color_eyre::Result<ExitCode> {
    color_eyre::install()?;
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(ended) if ended.is_error => {
            complain(&ended.text);
            return Ok(ExitCode::from(cli::USAGE));
        }
        Err(ended) => {
            say(&ended.text);
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let Err(mistake) = open::check(&cli.global) {
        complain(&mistake);
        return Ok(ExitCode::from(cli::USAGE));
    }
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = tokio.block_on(LocalSet::new().run_until(run(cli)));
    // A look at a dead network filesystem may never come back: nobody waits for it.
    tokio.shutdown_background();
    Ok(ExitCode::from(code?))
}

async fn run(cli: Cli) -> color_eyre::Result<u8> {
    let global = &cli.global;
    let ascii = global.screen.ascii || !speaks_utf8();
    let print = |json| Print { json, ascii };
    Ok(match &cli.command {
        Some(Command::Report { fast, output }) => {
            batch::report(global, *fast, print(output.json)).await
        }
        Some(Command::Plan { select, output }) => {
            batch::plan(global, select, print(output.json)).await
        }
        Some(Command::Clean {
            select,
            yes,
            output,
        }) => batch::clean(global, select, *yes, print(output.json)).await,
        Some(Command::Completions { shell }) => {
            say(&String::from_utf8_lossy(&cli::completions(*shell)));
            0
        }
        Some(Command::Man) => {
            say(&String::from_utf8_lossy(&cli::man()?));
            0
        }
        // Without a terminal there is no screen to open.
        None if !std::io::IsTerminal::is_terminal(&std::io::stdout()) => {
            batch::report(global, false, print(false)).await
        }
        None => {
            let options = Options {
                ascii,
                mouse: global.screen.mouse,
                read_only: global.engine.read_only,
            };
            let theme = Theme::new(has_color(global), ascii);
            runtime::run(open::opener(global), options, theme).await?;
            0
        }
    })
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

fn has_color(global: &Global) -> bool {
    match global.screen.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            !is_set("NO_COLOR") && !is_dumb
        }
    }
}
