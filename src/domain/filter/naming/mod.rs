//! Whether a name is what a term means: an image's names are references, and people write them in several ways.

use std::borrow::Cow;

use regex_lite::Regex;

use super::term::is_like;
use crate::domain::reference::{is_digest, repository, shown};

/// How the names of a kind are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// They mean what they say: those of containers, volumes, records.
    #[default]
    Plain,
    /// References as Docker lists them: without the registry that is the usual one.
    Docker,
    /// References in full, which people write in short: Podman's.
    Podman,
}

/// What Podman puts before a short name until an image has it, with whether the name must have no folder of its own.
/// Other registries that it may search are a matter of its host's settings, and not known.
const SHORT: [(&str, bool); 3] = [
    ("localhost/", false),
    ("docker.io/library/", true),
    ("docker.io/", false),
];

/// So many digits of a digest are no accident.
const DIGITS: usize = 8;

impl Naming {
    /// Returns true where a pattern, in which `*` stands for anything, is the whole of a name in one of the ways to
    /// write it.
    pub(super) fn is_whole(self, name: &str, pattern: &str) -> bool {
        let is_meant = |name: &str| match self {
            Self::Docker | Self::Podman if is_digest(name) => is_digest_meant(name, pattern),
            _ => {
                let latest = || name.strip_suffix(":latest").unwrap_or(name);
                is_like(name, pattern) || is_like(latest(), pattern)
            }
        };
        if is_meant(name) {
            return true;
        }
        self == Self::Podman
            && SHORT.iter().any(|(start, is_alone)| {
                let short = name.strip_prefix(start);
                short.is_some_and(|name| !(*is_alone && name.contains('/')) && is_meant(name))
            })
    }

    /// Returns true where a name has a part that a word is, in small letters. Of a digest's digits a part would be an
    /// accident: they count from their beginning alone, and only if there are enough of them.
    pub(super) fn has_word(self, name: &str, word: &str, has: impl Fn(&str, &str) -> bool) -> bool {
        if self == Self::Plain || !is_digest(name) {
            return has(name, word);
        }
        let Some((before, digits)) = before_digits(name) else {
            return has(name, word);
        };
        let starts = |digits: &str| word.len() >= DIGITS && digits.starts_with(word);
        // Where a word goes on into the digits it begins before them.
        let goes_on = |start: &str| {
            let ends = start.char_indices().map(|(at, _)| &start[at..]);
            let mut rests = ends.filter_map(|end| word.strip_prefix(&*end.to_lowercase()));
            rests.any(|rest| digits.starts_with(rest))
        };
        has(before, word)
            || starts(digits)
            || goes_on(before)
            || goes_on(&format!("{}@", repository(name)))
    }

    /// Returns true where an expression is met in a name. What is met in a digest's digits alone is an accident, but
    /// for their beginning.
    pub(super) fn has_pattern(self, name: &str, pattern: &Regex) -> bool {
        if self == Self::Plain || !is_digest(name) {
            return pattern.is_match(name);
        }
        let is_met = |name: &str, start: usize| {
            pattern.find(name).is_some_and(|found| {
                found.start() < start || found.start() == start && found.len() >= DIGITS
            })
        };
        let start = before_digits(name).map_or(name.len(), |(before, _)| before.len());
        let short = shown(name);
        let short_start = short.rfind('@').map_or(short.len(), |at| at + 1);
        is_met(name, start) || is_met(&short, short_start)
    }
}

/// Returns what stands before the digits of a digest in a name, and the digits.
fn before_digits(name: &str) -> Option<(&str, &str)> {
    let digits = name.rsplit(':').next()?;
    let before = &name[..name.len() - digits.len()];
    is_digest(before).then_some((before, digits))
}

/// Returns true for a pattern that is a name by digest: its repository with or without a tag's place, or the digest in
/// full or as it is shown, with any tag before it, which engines pass over where there is a digest.
fn is_digest_meant(name: &str, pattern: &str) -> bool {
    let of = repository(name);
    if let Some((before, digest)) = pattern.split_once('@') {
        let untagged = if before.contains('*') {
            Cow::Borrowed(pattern)
        } else {
            Cow::Owned(format!("{}@{digest}", repository(before)))
        };
        let hash = name.split_once('@').map_or("", |(_, hash)| hash);
        return is_like(&format!("{of}@{hash}"), &untagged)
            || is_like(name, pattern)
            || is_like(&shown(name), &untagged);
    }
    let tagged = name.split_once('@').map_or(name, |(before, _)| before);
    is_like(of, pattern) || is_like(tagged, pattern) || is_like(&format!("{of}:"), pattern)
}

#[cfg(test)]
mod tests;
