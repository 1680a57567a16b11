//! Which image a reference means, wherever one is met: in a container, a mount, a service, a filter; and what an
//! image is called.

use std::borrow::Cow;
use std::collections::HashSet;

use super::item::short_id;
use crate::domain::text::Text;

/// Where names without a registry come from; Docker leaves it out of the names that it lists.
const DEFAULT: [&str; 2] = ["docker.io/library/", "docker.io/"];

/// Looks a reference up among exact names (IDs, tags, digests): an ID with or without its algorithm, a tag, a bare
/// name, a digest, or `name:tag@digest`, with or without Docker's own registry in front.
pub fn find<T>(reference: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let as_it_is = |name: &str| {
        known(name)
            .or_else(|| known(&format!("sha256:{name}")))
            .or_else(|| known(&format!("{name}:latest")))
            .or_else(|| {
                let (name, digest) = name.split_once('@')?;
                known(&format!("{}@{digest}", repository(name)))
            })
    };
    as_it_is(reference).or_else(|| {
        let mut short = DEFAULT.iter().filter_map(|it| reference.strip_prefix(it));
        short.find_map(as_it_is)
    })
}

/// Returns the part of a reference before its tag or digest.
#[must_use]
pub fn repository(reference: &str) -> &str {
    if let Some((name, _)) = reference.split_once('@') {
        return repository(name);
    }
    reference
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .map_or(reference, |(name, _)| name)
}

/// Returns a name as Docker lists it, without its own registry in front; `None` of one that is not whole
/// (`docker.io/library/nginx:1`), as Docker writes every name that it keeps.
#[must_use]
pub fn familiar(whole: &str) -> Option<&str> {
    let (registry, path) = whole.split_once('/')?;
    let is_registry = registry == "localhost" || registry.contains(['.', ':']);
    let repository = repository(path);
    let parts = &whole[registry.len() + 1 + repository.len()..];
    let has_part = parts.starts_with([':', '@']);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_.-:@+".contains(letter);
    let is_path = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_path = |part: &str| {
        part.starts_with(is_path)
            && part.ends_with(is_path)
            && part.chars().all(|it| is_path(it) || "_.-".contains(it))
    };
    if !is_registry
        || !has_part
        || !repository.split('/').all(is_path)
        || !parts.chars().all(is_part)
    {
        return None;
    }
    if registry != "docker.io" {
        return Some(whole).filter(|_| registry != "index.docker.io");
    }
    match path.strip_prefix("library/") {
        Some(own) if !own.contains('/') => Some(own),
        _ if repository.contains('/') => Some(path),
        _ => None,
    }
}

/// Returns true for a reference by digest: `repository@sha256:…`, with or without a tag before the `@`.
#[must_use]
pub fn is_digest(reference: &str) -> bool {
    reference.contains('@')
}

/// Returns an image's names: its tags, and its digests in repositories in which it has no tag. Where it has one,
/// the digest says nothing more of what it is called: engines write it there by themselves, and take it along with
/// the last tag. So does one in the same words but for a tag (`repository:tag@sha256:…`).
#[must_use]
pub fn names(tags: Vec<Text>, digests: &[Text]) -> Vec<Text> {
    if digests.is_empty() {
        return tags;
    }
    // An engine may write very many of both.
    let tagged: HashSet<&str> = tags.iter().map(|tag| repository(tag)).collect();
    let mut seen = HashSet::new();
    let mut more = Vec::new();
    for digest in digests {
        let of = repository(digest);
        let hash = digest.split_once('@').map(|(_, hash)| hash);
        if hash.is_some_and(|hash| !tagged.contains(of) && seen.insert((of, hash))) {
            more.push(digest.clone());
        }
    }
    let mut names = tags;
    names.extend(more);
    names.shrink_to_fit();
    names
}

/// How many digits of a digest stand in a name on the screen.
const DIGITS: usize = 8;

/// Returns a name in three parts as lists show it: whole, or as `repository`, `@`, `6db55d7b` for a digest.
#[must_use]
pub fn shown_parts(name: &str) -> [&str; 3] {
    match name.split_once('@') {
        Some((_, digest)) => {
            let digits = short_id(digest);
            let digits = digits.get(..DIGITS).unwrap_or(digits);
            [repository(name), "@", digits]
        }
        None => ["", name, ""],
    }
}

/// Returns a name as lists show it: `repository@6db55d7b` for one by digest.
#[must_use]
pub fn shown(name: &str) -> Cow<'_, str> {
    if is_digest(name) {
        Cow::Owned(shown_parts(name).concat())
    } else {
        Cow::Borrowed(name)
    }
}

/// Returns names as lists show them, one behind the other.
#[must_use]
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<Cow<'_, str>> = names.iter().map(|name| shown(name.as_ref())).collect();
    names.join(", ")
}

/// Returns the `repository@sha256:…` by which registries may have an image. On the containerd store its ID is its
/// digest, for each repository that names it, and the engine lists but one of them (28.5.2).
#[must_use]
pub fn sources(id: &str, names: &[Text], digests: &[Text]) -> Vec<Text> {
    let is_digest = |digest: &Text| digest.split_once('@').is_some_and(|(_, it)| it == id);
    let mut sources: Vec<Text> = Vec::new();
    if digests.iter().any(is_digest) {
        for name in names {
            let source = Text::from(format!("{}@{id}", repository(name)));
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    for digest in digests {
        if !sources.contains(digest) {
            sources.push(Text::clone(digest));
        }
    }
    sources
}

#[cfg(test)]
mod tests;
