//! The config file (README.md, What is never removed). It protects things, so one that cannot be used is an error,
//! never passed over; only one that is not there is none.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::user_file::text_of;
use super::user_folder::{Variable, home};
use crate::domain::protect::Rule;

/// What the config says; what it does not say is off.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub protect: Vec<Rule>,
    pub read_only: bool,
    pub ascii: bool,
    pub mouse: bool,
}

impl Config {
    /// Reads the config of whoever runs this process.
    ///
    /// # Errors
    /// A line that names the file, the line in it, and what to try.
    pub fn of_process() -> Result<Self, String> {
        match path(|name| std::env::var_os(name))? {
            Some(path) => Self::at(&path),
            None => Ok(Self::default()),
        }
    }

    /// Reads a file; one that is not there says nothing.
    ///
    /// # Errors
    /// As [`Config::of_process`].
    pub fn at(path: &Path) -> Result<Self, String> {
        let file = path.display();
        match text_of(path) {
            Ok(text) => Self::parse(&text).map_err(|mistake| mistake.shown(path, &text)),
            // A link that leads nowhere was put there by somebody.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                    && fs::symlink_metadata(path).is_err() =>
            {
                Ok(Self::default())
            }
            Err(error) => Err(format!(
                "{file}: {error}; it may protect things: make it a file that can be read, or move it away"
            )),
        }
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        let table = DeTable::parse(text).map_err(|error| Mistake {
            at: error.span().unwrap_or_default(),
            why: error.message().to_owned(),
        })?;
        let mut config = Self::default();
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                "protect" => config.protect = rules(value)?,
                "read_only" => config.read_only = switch(key.get_ref(), value)?,
                "ascii" => config.ascii = switch(key.get_ref(), value)?,
                "mouse" => config.mouse = switch(key.get_ref(), value)?,
                other => {
                    let why =
                        format!("there is no key {other}; try protect, read_only, ascii or mouse");
                    return Err(Mistake {
                        at: key.span(),
                        why,
                    });
                }
            }
        }
        Ok(config)
    }
}

/// What cannot be used, and where in the text.
struct Mistake {
    at: Range<usize>,
    why: String,
}

impl Mistake {
    fn shown(&self, path: &Path, text: &str) -> String {
        let before = text.as_bytes().get(..self.at.start).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        format!("{}:{line}: {}", path.display(), self.why)
    }
}

/// Returns where the config is. A service may have no HOME: its things are protected all the same.
fn path(var: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>, String> {
    let config = match Variable::of("XDG_CONFIG_HOME", &var) {
        Variable::Folder(folder) => Some(folder),
        Variable::NoPath(folder) => {
            let folder = folder.display();
            return Err(format!(
                "XDG_CONFIG_HOME: {folder} is no absolute path; the config there may protect things: give it in full"
            ));
        }
        Variable::Absent => home(&var).map(|home| home.join(".config")),
    };
    Ok(config.map(|folder| folder.join("dtop/config.toml")))
}

fn switch(key: &str, value: &Spanned<DeValue<'_>>) -> Result<bool, Mistake> {
    value.get_ref().as_bool().ok_or_else(|| Mistake {
        at: value.span(),
        why: format!("{key} is true or false; write {key} = true"),
    })
}

fn rules(value: &Spanned<DeValue<'_>>) -> Result<Vec<Rule>, Mistake> {
    let no_list = |at: &Spanned<DeValue<'_>>| Mistake {
        at: at.span(),
        why: "protect is a list of filters; write protect = [\"=prod:*\", \"project:shop\"]"
            .to_owned(),
    };
    let filters = value.get_ref().as_array().ok_or_else(|| no_list(value))?;
    let read = |filter: &Spanned<DeValue<'_>>| {
        let text = filter.get_ref().as_str().ok_or_else(|| no_list(filter))?;
        Rule::parse(text).map_err(|error| Mistake {
            at: filter.span(),
            why: format!("protect: at `{}`: {error}", &text[error.at.clone()]),
        })
    };
    filters.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
