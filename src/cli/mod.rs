//! The command line: what may be asked of dtop, and one line for every mistake (README.md, On the command line).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::domain::filter::{Filter, instead_of};
use crate::domain::item::Kind;
use crate::domain::removal::outcome::Done;
use crate::domain::triage::Goal;
use crate::ui::text::sanitise;

/// Nothing could be tried.
pub const NOTHING_TRIED: u8 = 1;
/// The command line cannot be used.
pub const USAGE: u8 = 2;
/// A step failed, changed or was skipped, or the target could not be met.
pub const NOT_ALL_DONE: u8 = 3;
/// Nobody reads the output any more: what the shell shows of a program that SIGPIPE ended.
pub const BROKEN_PIPE: u8 = 141;

/// See what Docker keeps on a disk, mark it, and remove exactly what you confirmed.
#[derive(Clone, Debug, Parser)]
#[command(name = "dtop", version, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// Open with the safest things marked that free so much, as in 20gb
    #[arg(long, value_name = "SIZE", value_parser = free)]
    pub free: Option<Goal>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 all done, refusals included; 1 nothing could be tried; \
2 usage; 3 a step failed, changed or was skipped, or the target could not be met";

/// Options that stand before or after the subcommand.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// The engine's address: unix://, tcp:// or ssh://
    #[arg(short = 'H', long = "host", value_name = "URL", global = true)]
    pub host: Option<String>,
    /// A context of the docker command
    #[arg(short = 'c', long = "context", value_name = "CONTEXT", global = true)]
    pub context: Option<String>,
    #[command(flatten)]
    pub engine: EngineFlags,
    #[command(flatten)]
    pub screen: ScreenFlags,
}

/// Which engine, and what may be done to it.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct EngineFlags {
    /// An embedded engine with things to try everything on
    #[arg(long, global = true)]
    pub demo: bool,
    /// Send nothing that changes anything
    #[arg(long, global = true)]
    pub read_only: bool,
}

/// How it looks.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ScreenFlags {
    /// Only ASCII characters
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Take the mouse: wheel, click, click on a heading
    #[arg(long, global = true)]
    pub mouse: bool,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// What to do instead of opening the full screen.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print what is there
    Report {
        /// Leave out what takes a walk over the disk
        #[arg(long)]
        fast: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Print what would be removed, in order, and what it frees; change nothing
    Plan {
        #[command(flatten)]
        select: Select,
        #[command(flatten)]
        output: Output,
    },
    /// Remove the same after asking
    Clean {
        #[command(flatten)]
        select: Select,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Write copies of images and volumes to this folder first
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        save: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Print what was removed, and how it comes back
    History {
        #[command(flatten)]
        output: Output,
    },
    /// Bring back images that were removed, from their registry or a saved copy
    Restore {
        /// IDs, beginnings of IDs, or names, as history prints them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the man page
    Man,
}

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Output {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// What to choose. Repeated filters add up; an empty one means all.
#[derive(Args, Clone, Debug, Default)]
pub struct Select {
    #[command(flatten)]
    pub filters: FilterTexts,
    #[command(flatten)]
    pub target: Target,
    /// Also what holds the chosen things back and is good for nothing else
    #[arg(long)]
    pub unlock: bool,
    /// Stop running containers first
    #[arg(long)]
    pub stop: bool,
    /// Images also where they have names that the filter did not match
    #[arg(long)]
    pub all_names: bool,
}

/// The filters of each kind, as they were written.
#[derive(Args, Clone, Debug, Default)]
pub struct FilterTexts {
    /// Images, as in 'is:unused age>30d'
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, value_parser = filter_text)]
    pub images: Vec<String>,
    /// Containers, as in 'is:stopped idle>7d'
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, value_parser = filter_text)]
    pub containers: Vec<String>,
    /// Volumes, as in 'is:unused is:anonymous'
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, value_parser = filter_text)]
    pub volumes: Vec<String>,
    /// Build cache, as in 'idle>14d'
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, value_parser = filter_text)]
    pub cache: Vec<String>,
    /// Logs to be emptied, as in 'is:unbounded size>100mb'
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, value_parser = filter_text)]
    pub logs: Vec<String>,
}

/// How much is to be freed in all; what the filters choose counts towards it.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Target {
    /// Also the safest things that free so much in all, as in 20gb
    #[arg(long, value_name = "SIZE", value_parser = free, conflicts_with = "until_free")]
    pub free: Option<Goal>,
    /// Also the safest things that are missing until so much is available on the engine's disk: 20gb, 20%
    #[arg(long, value_name = "SIZE|PERCENT", value_parser = until_free)]
    pub until_free: Option<Goal>,
    /// Named volumes that nothing uses may be among them
    #[arg(long)]
    pub even_volumes: bool,
}

impl Target {
    #[must_use]
    pub fn goal(self) -> Option<Goal> {
        self.free.or(self.until_free)
    }
}

fn free(text: &str) -> Result<Goal, String> {
    Goal::free(text).ok_or_else(|| "write a size, as in 20gb".to_owned())
}

fn until_free(text: &str) -> Result<Goal, String> {
    Goal::until(text).ok_or_else(|| "write a size or a share, as in 20gb or 20%".to_owned())
}

/// A filter may begin with `-`, but what begins with `--` is the next option of a forgotten filter.
fn filter_text(text: &str) -> Result<String, String> {
    if text.starts_with("--") {
        return Err("a filter stands here; for all of them write ''".to_owned());
    }
    Ok(text.to_owned())
}

/// A filter that can be read.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub kind: Kind,
    pub filter: Filter,
}

impl Select {
    /// Reads all filters. `yes` is for `clean --yes`, under which nothing may be chosen by a part of its name.
    ///
    /// # Errors
    /// When none is there, or one cannot be used: what, where, and what to write instead.
    pub fn filters(&self, yes: bool) -> Result<Vec<Chosen>, String> {
        let texts = &self.filters;
        let all = [
            ("--images", Kind::Image, &texts.images),
            ("--containers", Kind::Container, &texts.containers),
            ("--volumes", Kind::Volume, &texts.volumes),
            ("--cache", Kind::BuildCache, &texts.cache),
            ("--logs", Kind::Log, &texts.logs),
        ];
        let mut chosen = Vec::new();
        for (option, kind, texts) in all {
            for text in texts {
                let filter = read_filter(option, kind, text, yes)?;
                chosen.push(Chosen { kind, filter });
            }
        }
        if chosen.is_empty() && self.target.goal().is_none() {
            return Err(
                "nothing is chosen; choose with --images, --containers, --volumes, --cache or \
                 --logs and a filter ('' means all), or with --free SIZE"
                    .to_owned(),
            );
        }
        if self.target.even_volumes && self.target.goal().is_none() {
            return Err("--even-volumes goes with --free or --until-free".to_owned());
        }
        Ok(chosen)
    }
}

fn read_filter(option: &str, kind: Kind, text: &str, yes: bool) -> Result<Filter, String> {
    let filter = Filter::parse(text, kind).map_err(|error| {
        let term = &text[error.at.clone()];
        format!("{option}: at `{term}`: {error}")
    })?;
    match filter.bare_word() {
        Some(word) if yes => Err(format!(
            "{option}: at `{word}`: with --yes a word must say what it is, a whole name, a part of one, or an ID: \
             write {}",
            instead_of(word)
        )),
        _ => Ok(filter),
    }
}

/// Returns how `clean` exits once something has been tried: 0 if everything went, was gone already, or was not needed.
#[must_use]
pub fn exit_code(done: &[Done]) -> u8 {
    if done.iter().all(|done| done.outcome.is_well()) {
        0
    } else {
        NOT_ALL_DONE
    }
}

/// What to print instead of doing anything, and how to exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub text: String,
    /// An error: one line for stderr.
    pub is_error: bool,
}

impl Ended {
    fn error(text: &str) -> Self {
        Self {
            text: one_line(text),
            is_error: true,
        }
    }
}

impl Cli {
    /// Reads the command line; the first word is the program's own name.
    ///
    /// # Errors
    /// What to print and exit with instead: help and version with 0, mistakes with [`USAGE`].
    pub fn read<T: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = T>,
    ) -> Result<Self, Ended> {
        let cli = Self::try_parse_from(words).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ended {
                text: error.render().to_string(),
                is_error: false,
            },
            _ => Ended::error(&mistake(&error)),
        })?;
        let global = &cli.global;
        let ways = [
            global.host.is_some(),
            global.context.is_some(),
            global.engine.demo,
        ];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(Ended::error(
                "-H, -c and --demo each choose an engine; use one of them",
            ));
        }
        if cli.free.is_some() && cli.command.is_some() {
            return Err(Ended::error(
                "--free goes behind plan or clean, or stands alone",
            ));
        }
        match &cli.command {
            Some(Command::Plan { select, .. }) => select.filters(false),
            Some(Command::Clean { select, yes, .. }) => select.filters(*yes),
            _ => return Ok(cli),
        }
        .map_err(|error| Ended::error(&error))?;
        Ok(cli)
    }
}

/// Returns the completions of a shell, to be printed as they are.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dtop", &mut text);
    text
}

/// Returns the man page, in roff.
///
/// # Errors
/// Never in practice: it is written to memory.
pub fn man() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    Ok(text)
}

/// Returns an error as the only line on stderr, whatever the texts in it hold.
#[must_use]
pub fn one_line(error: &str) -> String {
    let words: Vec<&str> = error.split_whitespace().collect();
    sanitise(&words.join(" ")).into_owned()
}

/// Returns what clap says of a mistake, without its usage, and with what to try.
fn mistake(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let said: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let said = said.join("; ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("{said}; try dtop --help")
}

#[cfg(test)]
mod tests;
