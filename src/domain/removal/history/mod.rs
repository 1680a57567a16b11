//! What was removed, as the journal tells it, and how it comes back.

use super::outcome::Outcome;
use crate::domain::bytes::Bytes;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ItemId, Kind, Labels, short_id};
use crate::domain::plan::ComesBack;
use crate::domain::reference::{self, shown};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// One removal that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was begun.
    pub time: Timestamp,
    /// The engine's address as it was then; another machine's may be the same.
    pub host: Text,
    /// What the engine calls itself, where it says so.
    pub engine: Text,
    /// What sort of thing it was.
    pub kind: Kind,
    /// Its ID, or the name that was its identity.
    pub id: Text,
    /// What it was called on the screen.
    pub name: Text,
    /// All names of an image.
    pub names: Vec<Text>,
    /// An image's `repository@sha256:…`, by which a registry has it.
    pub digests: Vec<Text>,
    /// IDs of untagged parents that the engine removes along with an image.
    pub parents: Vec<Text>,
    /// The engine's own size of it.
    pub size: Option<Bytes>,
    /// Its labels.
    pub labels: Labels,
    /// When the object was made: a volume's name may be given to another.
    pub created: Option<Timestamp>,
    /// Whether it could be had again when it went.
    pub comes_back: ComesBack,
    /// The file with a copy that was saved before.
    pub saved: Option<Text>,
    /// `None` where nobody could write down how it ended.
    pub outcome: Option<Outcome>,
    /// What it freed, where that was written down.
    pub freed: Option<Bytes>,
    /// Why it did not go.
    pub error: Option<Text>,
}

/// What a dtop had in hand when it was ended, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What it had in hand.
    pub entries: Vec<Entry>,
    /// Something may have been removed that could not be written down: the disk was full until that dtop ended.
    pub gap: bool,
}

impl Resolved {
    /// Returns what to say of it, a sentence each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |went: bool, end: &str| {
            let mut names: Vec<String> = Vec::new();
            let found = self.entries.iter().filter(|entry| entry.went() == went);
            let number = found.clone().count();
            names.extend(
                found
                    .take(3)
                    .map(|it| format!("{} {}", it.kind.word(), it.name)),
            );
            if number > names.len() {
                names.push(format!("{} more", number - names.len()));
            }
            if !names.is_empty() {
                let names = names.join(", ");
                words.push(format!("dtop was ended while it removed {names}: {end}"));
            }
        };
        say(true, "gone");
        say(false, "still there");
        if self.gap {
            words.push(GAP.to_owned());
        }
        words
    }
}

/// What came of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// What was to be brought back.
    pub entry: Entry,
    /// What could not be put back of its names, or why it is not back at all.
    pub end: Result<Vec<String>, String>,
}

impl Returned {
    /// Returns true where all of it is back.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(&self.end, Ok(missing) if missing.is_empty())
    }

    /// Returns what came of it, in a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let title = self.entry.title();
        match &self.end {
            Ok(missing) if missing.is_empty() => format!("restored {title}"),
            Ok(missing) => format!("restored {title}, but {}", missing.join("; ")),
            Err(why) => format!("{title} is not back: {why}"),
        }
    }
}

/// What is said, with the reason, where removals are not written down.
pub const NOT_WRITTEN: &str = "the journal is not written";

/// What a journal says that lacks lines.
pub const GAP: &str = "the history has a gap: dtop was ended while the disk was too full to write down what it removed";

/// Returns true if what was on this host, whose engine called itself so, was on this engine.
#[must_use]
pub fn is_on(host: &str, engine: &str, about: &EngineInfo) -> bool {
    if engine.is_empty() || about.engine_id.is_empty() {
        host == about.host
    } else {
        engine == about.engine_id
    }
}

impl Entry {
    /// Returns the identity that it had.
    #[must_use]
    pub fn item(&self) -> ItemId {
        ItemId::new(self.kind, Text::clone(&self.id))
    }

    /// Returns true where the object went, as far as is known.
    #[must_use]
    pub fn went(&self) -> bool {
        self.outcome.is_some_and(Outcome::is_away)
    }

    /// Returns true where [`Entry::how`] is a way that dtop itself can go.
    #[must_use]
    pub fn can_be_restored(&self) -> bool {
        self.kind == Kind::Image && self.went() && (self.saved.is_some() || self.is_pulled())
    }

    fn is_pulled(&self) -> bool {
        !self.digests.is_empty() && self.comes_back != ComesBack::No
    }

    /// Returns how it comes back, in a few words; `None` where nothing brings it back.
    #[must_use]
    pub fn how(&self) -> Option<String> {
        if let Some(saved) = &self.saved {
            return Some(match self.kind {
                Kind::Image => format!("docker load -i {saved}"),
                Kind::Container | Kind::Volume | Kind::BuildCache | Kind::Log => {
                    format!("unpack {saved}")
                }
            });
        }
        match self.kind {
            Kind::Image if self.is_pulled() => {
                let digests = reference::sources(&self.id, &self.names, &self.digests);
                Some(format!("docker pull {}", digests.first()?))
            }
            Kind::BuildCache => Some("the next build makes it anew".to_owned()),
            Kind::Image | Kind::Container | Kind::Volume | Kind::Log => None,
        }
    }

    /// Returns why it cannot be had again, in a sentence.
    #[must_use]
    pub fn why_not(&self) -> &'static str {
        match self.kind {
            Kind::Image if self.digests.is_empty() => {
                "it was made here and no registry has it: build it anew"
            }
            Kind::Image => "no registry has it: build it anew",
            Kind::Container => {
                "a container's own files are gone with it: create it anew from its image"
            }
            Kind::Volume => "no copy of its data was saved",
            Kind::BuildCache => "the next build makes it anew",
            Kind::Log => "what was written is gone",
        }
    }

    /// Returns whether it comes back, and how, in a few words.
    #[must_use]
    pub fn way_back(&self) -> String {
        let lost = || format!("does not come back: {}", self.why_not());
        self.how().unwrap_or_else(lost)
    }

    /// Returns true if it was on this engine: engines tell their own names, and an address may be another machine's.
    #[must_use]
    pub fn is_on(&self, about: &EngineInfo) -> bool {
        is_on(&self.host, &self.engine, about)
    }

    /// Returns true if a word means this: its ID or a beginning of it, with or without its algorithm, or a name.
    #[must_use]
    pub fn is_meant_by(&self, word: &str) -> bool {
        let digits = word.strip_prefix("sha256:").unwrap_or(word);
        let id = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        // Volumes are only known by their whole names, so that `db` does not mean `db-old`.
        let by_id = match self.kind {
            Kind::Volume => id == word,
            Kind::Image | Kind::Container | Kind::BuildCache | Kind::Log => {
                digits.len() >= 2 && id.starts_with(digits)
            }
        };
        let named = |name: &Text| {
            **name == *word
                || *shown(name) == *word
                || name.strip_suffix(":latest") == Some(word)
                || name.strip_prefix("docker.io/library/") == Some(word)
        };
        by_id
            || self.names.iter().any(named)
            || self.digests.iter().any(|digest| **digest == *word)
            || self.kind != Kind::BuildCache && *self.name == *word
    }

    /// Returns an image by its names, or what it is called.
    #[must_use]
    pub fn title(&self) -> String {
        if self.names.is_empty() {
            self.name.to_string()
        } else {
            reference::listed(&self.names)
        }
    }

    /// Returns the beginning of its ID, as docker shows it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        short_id(&self.id)
    }
}

#[cfg(test)]
pub(crate) mod tests;
