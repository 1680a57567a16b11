//! From marks to ordered steps: what goes, in which order, with which bytes, and what is refused and why.
//!
//! - `draft`: settles what of a selection can go: what is refused takes along what needs it gone.
//! - `obstacle`: what keeps an item from going.
//! - `recheck`: the plan against what is there now.
//! - `refuse`: why something cannot go, in sentences that name what is in the way.
//! - `seen`: what an object was when it was planned, to tell later whether it is still the same.
//! - `steps`: turns what goes into steps: their order, their bytes, and what stays behind.
//! - `tally`: what the marked things free together, kept up to date mark by mark.
//! - `unlock`: what could be marked too, so that more of what is marked goes: only what is good for nothing else.

mod draft;
mod obstacle;
mod recheck;
mod refuse;
#[cfg(test)]
pub(crate) mod scene;
mod seen;
mod steps;
mod tally;
#[cfg(test)]
mod tests;
mod unlock;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::bytes::{Bytes, Figure};
use super::index::ItemNo;
use super::item::{ImageId, ItemId, Kind};
use super::reference;
use super::retention::{Doubt, Freed, HeldBack, Simulation};
use super::survey::Survey;
use super::text::SubStr;
use crate::domain::text::Text;

pub use recheck::Recheck;
pub use refuse::IN_USE;
pub use seen::{Run, Seen, SeenImage};
pub use steps::comes_back;
pub use tally::Tally;
pub use unlock::unlock;

use draft::Draft;

/// Returns what [`Plan::new`] of a selection frees, without the steps: for a total that follows every mark.
#[must_use]
pub fn frees(survey: &Survey, selection: &Selection) -> Freed {
    Draft::settled(survey, selection).frees()
}

/// Returns all that is gone after [`Plan::new`] of a selection, what follows by itself included.
#[must_use]
pub fn gone(survey: &Survey, selection: &Selection) -> Vec<ItemNo> {
    Draft::settled(survey, selection).gone().collect()
}

/// So many images of a plan are asked about at most: a registry may count each as a pull (Docker Hub does).
pub const MOST_ASKED: usize = 32;

/// What somebody wants gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The chosen items and who chose them.
    pub items: BTreeMap<ItemId, AddedBy>,
    /// Names of a chosen image that nobody asked for (`plan` and `clean` without `--all-names`).
    pub unasked_names: BTreeMap<ImageId, Vec<Text>>,
    /// Items dropped in the plan dialog: planned as if they had not been chosen, but still listed.
    pub dropped: BTreeSet<ItemId>,
    /// Running containers may be stopped.
    pub stop: bool,
    /// Nobody confirms the plan: a volume that is empty only by length is not taken along.
    pub unattended: bool,
}

impl Selection {
    /// Selects things for one reason, and nothing else.
    pub fn of(ids: impl IntoIterator<Item = ItemId>, added_by: AddedBy) -> Self {
        let mut selection = Self::default();
        let items = ids.into_iter().map(|id| (id, added_by));
        selection.items.extend(items);
        selection
    }
}

/// How a step came into the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddedBy {
    /// Somebody marked it, or a filter selects it.
    Selection,
    /// Unlock added it, so that something else can go.
    Unlock,
    /// It was chosen so that enough is free.
    Free,
}

/// Whether an image can be had again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComesBack {
    /// A registry said that it has it, or the next build makes it anew.
    Yes,
    /// It was pulled, and no registry was asked since.
    Pulled,
    /// Nothing brings it back.
    No,
    /// Nobody knows.
    Unknown,
}

impl ComesBack {
    /// All answers.
    pub const ALL: [Self; 4] = [Self::Yes, Self::Pulled, Self::No, Self::Unknown];

    /// Returns the word that JSON has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Pulled => "pulled",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// One object to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own; any set of them may be true"
)]
pub struct Step {
    /// What goes.
    pub id: ItemId,
    /// What to call it.
    pub name: SubStr,
    /// The engine's own size of it.
    pub size: Figure<Bytes>,
    /// The bytes that go at this step: those which no later step's object and nothing that stays holds.
    pub frees: Freed,
    /// Whether it can be had again.
    pub comes_back: ComesBack,
    /// Who chose it.
    pub added_by: AddedBy,
    /// A container that runs, and is stopped first.
    pub stop: bool,
    /// A paused container, which is unpaused before it is stopped.
    pub unpause: bool,
    /// The log of a container that runs on an engine that goes on counting from where the file ended: it does not
    /// find the last lines until the container is restarted (seen on 26.1 and 28.5; 20.10 looks at the file).
    pub tail_waits: bool,
    /// It vanishes with an earlier step (`--rm` containers' anonymous volumes, untagged parents of an image).
    pub vanishes: bool,
    /// What it was when it was planned: only that may be removed.
    pub seen: Seen,
}

impl Step {
    /// All names of an image; they go with it.
    #[must_use]
    pub fn names(&self) -> &[Text] {
        self.seen.names()
    }

    /// Untagged parents that the engine removes along with this image and that are no steps of their own.
    #[must_use]
    pub fn follows(&self) -> &[ImageId] {
        self.seen.follows()
    }

    /// Where registries may have an image that came from one, or may have: what can be asked about it.
    #[must_use]
    pub fn sources(&self) -> Vec<Text> {
        match (&self.seen, self.comes_back) {
            (Seen::Image(image), ComesBack::Pulled | ComesBack::Unknown) => {
                reference::sources(self.id.as_str(), &image.names, &image.digests)
            }
            _ => Vec::new(),
        }
    }

    /// Returns whether an image can be had again, in a few words.
    #[must_use]
    pub fn way_back(&self) -> Option<&'static str> {
        let made_here = self.seen.image()?.made_here;
        Some(match self.comes_back {
            ComesBack::Yes => "its registry has it",
            ComesBack::Pulled => "was pulled, not checked",
            ComesBack::No if made_here => "made here, does not come back",
            ComesBack::No => "no registry has it, does not come back",
            ComesBack::Unknown => "not known whether it comes back",
        })
    }

    /// What a volume is a name for, whose data stays.
    #[must_use]
    pub fn device(&self) -> Option<&Text> {
        self.seen.volume()?.device.as_ref()
    }

    /// Returns what a log's compressed files take, which stay when it is emptied.
    #[must_use]
    pub fn stays_packed(&self) -> Option<Bytes> {
        match &self.seen {
            Seen::Log(log) => Some(log.packed).filter(|packed| !packed.is_zero()),
            _ => None,
        }
    }

    /// Names of containers that mount a folder above a volume, and see it go.
    #[must_use]
    pub fn seen_by(&self) -> &[Text] {
        self.seen.volume().map_or(&[], |volume| &volume.above)
    }

    /// Returns true for a volume that holds data, or may: it takes the word `delete`.
    #[must_use]
    pub fn loses_data(&self) -> bool {
        let is_empty = self.seen.volume().is_some_and(|volume| volume.empty);
        matches!(self.id, ItemId::Volume(_)) && self.device().is_none() && !is_empty
    }

    /// Returns what holds the rest of the step's size, where it is larger than what it frees. `release` is what is left
    /// after the plan ([`Plan::carried_out`]).
    #[must_use]
    pub fn held_back(&self, release: &Simulation<'_>) -> Option<HeldBack> {
        self.size
            .known()
            .filter(|size| *size > self.frees.at_least)
            .map(|_| release.held_back(&self.id))
            .filter(|held| !held.bytes.is_zero())
    }
}

/// Something chosen that stays, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was chosen and stays.
    pub id: ItemId,
    /// What to call it.
    pub name: Text,
    /// A sentence with the names of what is in the way.
    pub why: String,
    /// What would let it go, where that is all that is in the way.
    pub cure: Option<Cure>,
}

/// What lets something go that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cure {
    /// That these go as well: unlock adds them.
    Unlock(Vec<ItemId>),
    /// That it is stopped first: it is a container that runs or is paused.
    Stop,
}

impl Refusal {
    /// Returns what unlock would add to let it go; nothing where it cannot.
    #[must_use]
    pub fn unlock(&self) -> &[ItemId] {
        match &self.cure {
            Some(Cure::Unlock(more)) => more,
            Some(Cure::Stop) | None => &[],
        }
    }

    /// Returns why it stays, with the option that stops it first.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.cure {
            Some(Cure::Stop) => format!("{}; stop it with --stop", self.why),
            Some(Cure::Unlock(_)) | None => self.why.clone(),
        }
    }
}

/// A volume that a removed container leaves behind, because it holds data and was not marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stays {
    /// The volume.
    pub id: ItemId,
    /// What to call it.
    pub name: Text,
    /// The engine's own figure of it.
    pub size: Figure<Bytes>,
    /// The container that leaves it.
    pub left_by: Text,
}

/// What will be removed, exactly and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What goes, in the order in which it does.
    pub steps: Vec<Step>,
    /// What the steps free together: their bytes added up, and the doubts that are left in the end.
    pub frees: Freed,
    /// What was chosen and cannot go.
    pub refused: Vec<Refusal>,
    /// Volumes with data that the removed containers leave behind.
    pub stays: Vec<Stays>,
    /// Idle build cache records are all that still holds some of the steps' bytes.
    pub held_by_records: bool,
}

impl Plan {
    /// Returns all that goes by the plan: its steps, and the untagged parents that follow.
    #[must_use]
    pub fn items(&self) -> Vec<ItemId> {
        let followers = self.steps.iter().flat_map(Step::follows);
        let followers = followers.cloned().map(ItemId::Image);
        let steps = self.steps.iter().map(|step| step.id.clone());
        steps.chain(followers).collect()
    }

    /// Plans a selection. What is not there (any more) is left out without a word.
    #[must_use]
    pub fn new(survey: &Survey, selection: &Selection) -> Self {
        Draft::new(survey, selection).into_plan()
    }

    /// Leaves open what else it might have freed: these kinds were asked for, and could not be listed.
    pub fn leave_open(&mut self, unlisted: impl Iterator<Item = Kind>) {
        let mut unlisted = unlisted.map(Doubt::NotListed).peekable();
        if unlisted.peek().is_none() {
            return;
        }
        let frees = std::mem::take(&mut self.frees);
        let mut all = frees.doubts().clone();
        all.extend(unlisted);
        self.frees = Freed {
            at_most: Bytes(u64::MAX),
            ..frees.doubted(all)
        };
    }

    /// What is left once the whole plan is carried out on the picture that it was made of.
    #[must_use]
    pub fn carried_out<'a>(&self, survey: &'a Survey) -> Simulation<'a> {
        let numbers = survey.numbers();
        let mut release = survey.retention.release_for(self.steps.len());
        for step in &self.steps {
            let parents = step.follows().iter().cloned().map(ItemId::Image);
            for id in parents.chain([step.id.clone()]) {
                if let Some(number) = numbers.number_of(&id) {
                    release.forget(number);
                }
            }
        }
        release
    }

    /// For each step whose size is larger than what it frees: what holds the rest. It costs more than the plan,
    /// so it is asked only for what is read.
    #[must_use]
    pub fn held_back(&self, survey: &Survey) -> Vec<(ItemId, HeldBack)> {
        let release = self.carried_out(survey);
        let steps = self.steps.iter();
        steps
            .filter_map(|step| Some((step.id.clone(), step.held_back(&release)?)))
            .collect()
    }

    /// Returns true when the word `delete` must be typed: a running container, or a volume with data, goes.
    /// A volume whose size is not known may hold data.
    #[must_use]
    pub fn needs_word(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.stop || step.loses_data())
    }
}
