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
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        Config::parse(text).map_err(|mistake| mistake.shown(Path::new("c.toml"), text))
    }

    #[test]
    fn the_sample_is_read_as_it_stands_and_with_every_line_of_it_in_force() {
        let sample = include_str!("../../assets/config.toml");
        assert!(read(sample).is_ok_and(|config| config.protect.is_empty()));
        let in_force: Vec<&str> = sample
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .collect();
        let config = read(&in_force.join("\n")).expect("a config");
        assert!(config.protect.len() > 2);
        assert!(config.read_only && config.ascii && config.mouse);
    }

    #[test]
    fn nothing_is_said_by_a_file_that_is_not_there_or_empty() {
        for text in ["", "# nothing\n", "protect = []\nread_only = false\n"] {
            let config = read(text).expect(text);
            assert!(config.protect.is_empty() && !config.read_only);
        }
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("dtop/config.toml");
        assert!(Config::at(&missing).is_ok());
    }

    #[test]
    fn what_cannot_be_used_names_its_line_and_what_to_try() {
        for (text, says) in [
            (
                "read_only = true\nprotct = []",
                "c.toml:2: there is no key protct; try protect",
            ),
            (
                "\n\nprotect = \"a\"",
                "c.toml:3: protect is a list of filters",
            ),
            (
                "protect = [\n  \"a\",\n  7,\n]",
                "c.toml:3: protect is a list of filters",
            ),
            (
                "protect = [\n\n\"=a\",\n\"size>big\"]",
                "c.toml:4: protect: at `size>big`: \"big\" is not a size",
            ),
            (
                "mouse = \"yes\"",
                "c.toml:1: mouse is true or false; write mouse = true",
            ),
            ("ascii = true\nascii = true", "c.toml:2: "),
            ("protect = [", "c.toml:1: "),
            (
                "[protect]\nimages = []",
                "c.toml:1: protect is a list of filters",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn what_is_there_and_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let as_folder = folder.path().join("config.toml");
        fs::create_dir(&as_folder).unwrap();
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let bytes = folder.path().join("bytes.toml");
        fs::write(&bytes, b"ascii = true # \xff").unwrap();
        let pipe = folder.path().join("pipe.toml");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let linked = |name: &str, to: &Path| {
            let link = folder.path().join(name);
            std::os::unix::fs::symlink(to, &link).unwrap();
            link
        };
        let long = folder.path().join("long.toml");
        fs::write(&long, "#".repeat(1_000_001)).unwrap();
        for (path, says) in [
            (as_folder, "it is a folder"),
            (link, "No such file"),
            (bytes, "UTF-8"),
            (
                linked("zero.toml", Path::new("/dev/zero")),
                "it is a device",
            ),
            (linked("to_pipe.toml", &pipe), "it is a pipe"),
            (pipe, "it is a pipe"),
            (long.clone(), "it is larger than 1 MB"),
        ] {
            let error = Config::at(&path).expect_err("an error");
            assert!(error.contains("may protect things"), "{error}");
            assert!(error.contains(says), "{error}");
        }
        fs::write(&long, "#".repeat(1_000_000)).unwrap();
        assert!(Config::at(&linked("to_long.toml", &long)).is_ok());
    }

    #[test]
    fn the_place_is_the_users_own() {
        let of = |config: &str, home: &str| {
            path(|name| match name {
                "XDG_CONFIG_HOME" => Some(config.into()),
                _ => Some(home.into()),
            })
        };
        let file = |text: &str| Ok(Some(PathBuf::from(text)));
        assert_eq!(of("/c", "/h"), file("/c/dtop/config.toml"));
        assert_eq!(of("", "/h"), file("/h/.config/dtop/config.toml"));
        assert!(of("c", "/h").is_err());
        let without_home = path(|_| None).unwrap().expect("a home");
        assert!(without_home.is_absolute(), "{without_home:?}");
    }
}
