//! Paths as engines say them: kept in little memory, and compared as text.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::domain::text::Text;

/// Absolute paths of one thing, all in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Paths(Text);

/// Stands between two paths: no path has it.
const BETWEEN: char = '\0';

impl Paths {
    /// Keeps each absolute path once. What is none, such as a Windows drive, lies in no folder of an engine on Linux.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let is_path = |path: &&str| path.starts_with('/') && !path.contains(BETWEEN);
        let mut paths: Vec<&str> = paths.into_iter().filter(is_path).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut text = String::new();
        for path in paths {
            if !text.is_empty() {
                text.push(BETWEEN);
            }
            text.push_str(path);
        }
        Self(text.into())
    }

    /// Returns all paths, in the order of their letters.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(BETWEEN).filter(|path| !path.is_empty())
    }

    /// Returns true where there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where paths really are on the engine's machine, of those that are elsewhere than they read. Known only of an
/// engine on this one.
pub type ResolvedPaths = HashMap<Text, Text>;

/// Returns an absolute path without `//`, `/./` and a slash at its end. `None` where it goes up (`..`): behind a
/// link that leads elsewhere than it reads, and only the engine's machine knows its links.
#[must_use]
pub fn plain(path: &str) -> Option<Cow<'_, str>> {
    let parts = || path.split('/').filter(|part| !matches!(*part, "" | "."));
    if !path.starts_with('/') || parts().any(|part| part == "..") {
        return None;
    }
    // Nearly all are as they should be.
    let length: usize = parts().map(|part| part.len() + 1).sum();
    if length == path.len() {
        return Some(Cow::Borrowed(path));
    }
    let mut plain = String::with_capacity(length.max(1));
    for part in parts() {
        plain.push('/');
        plain.push_str(part);
    }
    if plain.is_empty() {
        plain.push('/');
    }
    Some(Cow::Owned(plain))
}

/// Returns the folder that a plain path lies in; `None` of the root.
#[must_use]
pub fn parent(path: &str) -> Option<&str> {
    let (above, name) = path.rsplit_once('/')?;
    match (above, name) {
        (_, "") => None,
        ("", _) => Some("/"),
        (above, _) => Some(above),
    }
}

/// Returns true if a path is a folder or lies below it. A path that goes up may.
#[must_use]
pub fn lies_in(path: &str, folder: &str) -> bool {
    let (Some(path), Some(folder)) = (plain(path), plain(folder)) else {
        return true;
    };
    upwards(&path).any(|above| above == folder)
}

/// Returns a plain path and all folders above it, the nearest first.
pub fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| parent(path))
}

#[cfg(test)]
mod tests;
