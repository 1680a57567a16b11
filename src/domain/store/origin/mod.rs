//! Where an image of the containerd store is from, as the labels of its blobs tell.
//!
//! A pull or a push writes of every blob which repository has it. BuildKit writes the same of the manifest and config
//! of whatever a build was based on, pulled or not, so that only what the layers carry too says anything; and the
//! layers of a pulled base carry it in everything that was built on it, so that only what all of an image's blobs
//! have in common does.

use std::collections::BTreeSet;

use crate::domain::item::{Image, Source};
use crate::domain::reference::repository;
use crate::domain::text::Text;

/// What stands before a registry's host in a label's key. The port is left out there (tried on 28.5).
const SOURCE: &str = "containerd.io/distribution.source.";
/// A build's mark on what it made (Docker 29; `BuildRefLabel` in daemon/internal/builder-next/exporter).
const BUILD: &str = "moby/build.ref.";

/// Where a blob, or all of an image, is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It cannot be told.
    #[default]
    Unknown,
    /// It was made or loaded here.
    Here,
    /// It was pulled from, or pushed to, all of these: `host/path`, sorted.
    Repositories(Box<[Text]>),
}

impl Origin {
    /// Reads the labels of one blob.
    #[must_use]
    pub fn of_labels(labels: &[(Text, Text)]) -> Self {
        let sources = labels
            .iter()
            .filter_map(|(key, paths)| Some((key.strip_prefix(SOURCE)?, paths)))
            .flat_map(|(host, paths)| paths.split(',').map(move |path| (host, path)))
            .map(|(host, path)| Text::from(format!("{host}/{path}")));
        let mut repositories: BTreeSet<Text> = BTreeSet::new();
        repositories.extend(sources);
        if repositories.is_empty() {
            Self::Here
        } else {
            Self::Repositories(repositories.into_iter().collect())
        }
    }

    /// Returns true for the key of a label that tells a repository.
    #[must_use]
    pub fn is_key(key: &str) -> bool {
        key.starts_with(SOURCE)
    }

    /// Returns true for labels that a build wrote.
    #[must_use]
    pub fn is_of_build(labels: &[(Text, Text)]) -> bool {
        labels.iter().any(|(key, _)| key.starts_with(BUILD))
    }

    /// Returns what all blobs of an image have in common. One that is of no registry is enough for the image to be of
    /// none, and so is that no repository has all of them: a pull and a push write their own on each.
    #[must_use]
    pub fn in_common<'a>(blobs: impl Iterator<Item = &'a Self>) -> Self {
        let mut common: Option<Vec<Text>> = None;
        let mut is_known = true;
        for origin in blobs {
            match (origin, &mut common) {
                (Self::Here, _) => return Self::Here,
                (Self::Unknown, _) => is_known = false,
                (Self::Repositories(first), None) => common = Some(first.to_vec()),
                (Self::Repositories(next), Some(common)) => common.retain(|it| next.contains(it)),
            }
        }
        match common {
            Some(common) if common.is_empty() => Self::Here,
            Some(common) if is_known => Self::Repositories(common.into()),
            _ => Self::Unknown,
        }
    }

    /// Returns where an image of this origin is from. A registry has it under a name only if it is of that name's
    /// repository: of another it could be had, but nothing here says so any more.
    #[must_use]
    pub fn source(&self, image: &Image) -> Source {
        match self {
            Self::Unknown => Source::Unknown,
            Self::Here => Source::Local,
            Self::Repositories(known) => {
                let mut names = image.names.iter().map(|name| in_full(repository(name)));
                if names.any(|name| known.iter().any(|it| **it == *name)) {
                    Source::Registry
                } else {
                    Source::Unknown
                }
            }
        }
    }
}

/// Returns a repository as labels have it: with the registry that is the usual one, and without a port.
fn in_full(repository: &str) -> String {
    let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
    match repository.split_once('/') {
        Some((host, path)) if is_host(host) => {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            format!("{}/{path}", name.trim_matches(['[', ']']))
        }
        Some(_) => format!("docker.io/{repository}"),
        None => format!("docker.io/library/{repository}"),
    }
}

#[cfg(test)]
mod tests;
