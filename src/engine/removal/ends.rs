//! How steps end: what the engine's answers mean, and what a list says where an answer does not.

use std::collections::HashSet;

use crate::domain::item::ItemId;
use crate::domain::plan::Step;
use crate::domain::removal::outcome::Outcome;
use crate::domain::survey::Item;
use crate::engine::{EngineError, Removed};

use super::{AFTERMATH, ANOTHER, PAUSE, RemovalRun, SILENT, TRIES, check};

/// How a step ended.
pub(super) struct StepEnd {
    pub outcome: Outcome,
    pub error: Option<String>,
    /// There was no room to do it; there may be at the end.
    pub no_room: bool,
    /// It is not listed any more, but nobody can tell whether its bytes went.
    pub is_unproven: bool,
}

impl StepEnd {
    pub fn new(outcome: Outcome, error: impl Into<Option<String>>) -> Self {
        Self {
            outcome,
            error: error.into(),
            no_room: false,
            is_unproven: false,
        }
    }

    pub fn removed() -> Self {
        Self::new(Outcome::Removed, None)
    }

    pub fn gone() -> Self {
        Self::new(Outcome::Gone, None)
    }

    pub fn failed(error: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, error.into())
    }

    /// The end of what the engine refused, to be tried again at the end where there was no room for it.
    pub fn refused(error: &EngineError) -> Self {
        let words = match error {
            EngineError::Stalled { .. } => format!("{error} It may still go when that ends"),
            error => error.to_string(),
        };
        Self {
            no_room: is_no_room(error),
            ..Self::failed(words)
        }
    }

    pub fn skipped(why: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, why.into())
    }
}

impl RemovalRun<'_> {
    /// Leaves a step untried, unless its object has vanished with an earlier one.
    pub(super) async fn leave(&mut self, step: &Step, why: &str) -> StepEnd {
        if let Some(end) = self.went_along(step) {
            return end;
        }
        if step.vanishes
            && self.lost.is_none()
            && matches!(self.is_there(&step.id).await, Ok(false))
        {
            return self.away(step);
        }
        if self.stopped.contains(&step.id) {
            return StepEnd::skipped(format!("{why}; it was stopped, and not started again"));
        }
        StepEnd::skipped(why)
    }

    /// The end of an image that the engine said it removed along with another.
    pub(super) fn went_along(&self, step: &Step) -> Option<StepEnd> {
        self.deleted
            .contains(step.id.as_str())
            .then(StepEnd::removed)
    }

    /// The end of an object that is not there at its turn: ours if it went with something that we removed.
    pub(super) fn away(&self, step: &Step) -> StepEnd {
        let ours = match &step.id {
            ItemId::Volume(name) if step.vanishes => self
                .survey
                .users_of_volume(name)
                .any(|user| self.removed.contains(&ItemId::Container(user.id.clone()))),
            // The engine's words of it may have been lost.
            ItemId::Image(id) if step.vanishes => self
                .survey
                .children_of_image(id)
                .any(|child| self.removed.contains(&ItemId::Image(child.id.clone()))),
            _ => self.deleted.contains(step.id.as_str()),
        };
        if ours {
            StepEnd::removed()
        } else {
            StepEnd::gone()
        }
    }

    /// Returns how a step ends untried because something that it needs gone is still there.
    pub(super) fn needs(&self, step: &Step) -> Option<StepEnd> {
        let users = self.holders(step);
        let name = |id: &ItemId| {
            let name = self.survey.find(id).map(|item| Item::name(&item));
            format!("{} {}", id.kind().word(), name.unwrap_or_default())
        };
        if let Some(id) = users.iter().find(|id| self.kept.contains(id)) {
            return Some(StepEnd::skipped(format!("{} was not removed", name(id))));
        }
        let id = users.iter().find(|id| self.put_off.contains(id))?;
        Some(StepEnd {
            no_room: true,
            ..StepEnd::skipped(format!("{} was not removed", name(id)))
        })
    }

    /// What must be gone before a step's object can go.
    pub(super) fn holders(&self, step: &Step) -> Vec<ItemId> {
        match &step.id {
            ItemId::Image(_) => self.holders_of_image(step),
            ItemId::Volume(name) => self
                .survey
                .users_of_volume(name)
                .map(|user| ItemId::Container(user.id.clone()))
                .chain(
                    self.survey
                        .volumes_in(name)
                        .map(|it| ItemId::Volume(it.name.clone())),
                )
                .collect(),
            ItemId::Container(_) | ItemId::Record(_) | ItemId::Log(_) => Vec::new(),
        }
    }

    /// Containers and children of an image, and of the untagged children that go along with those.
    pub(super) fn holders_of_image(&self, step: &Step) -> Vec<ItemId> {
        let ItemId::Image(id) = &step.id else {
            return Vec::new();
        };
        let mut holders = Vec::new();
        let mut seen = HashSet::from([id]);
        let mut queue = vec![id];
        while let Some(id) = queue.pop() {
            let users = self.survey.users_of_image(id);
            holders.extend(users.map(|user| ItemId::Container(user.id.clone())));
            for child in self.survey.children_of_image(id) {
                holders.push(ItemId::Image(child.id.clone()));
                if seen.insert(&child.id) {
                    queue.push(&child.id);
                }
            }
        }
        holders
    }

    /// Tells by listing whether an object is there, and does not give up at the first failure.
    pub(super) async fn is_there(&mut self, id: &ItemId) -> Result<bool, EngineError> {
        for _ in 1..TRIES {
            match self.is_listed(id).await {
                Err(_) if self.lost.is_none() => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
        let answer = self.is_listed(id).await;
        if answer.as_ref().is_err_and(is_silence) {
            self.lost.get_or_insert(SILENT);
        }
        answer
    }

    /// What is not on the list of another engine may well be there on ours.
    async fn is_listed(&mut self, id: &ItemId) -> Result<bool, EngineError> {
        self.is_still_itself().await?;
        check::is_listed(self.engine, id).await
    }

    /// Returns an error if another engine answers by now: a name leads to another host, or a login is made anew on one
    /// of several behind it. Nothing more is sent then.
    pub(super) async fn is_still_itself(&mut self) -> Result<(), EngineError> {
        let before = &self.survey.inventory().engine;
        let answer = check::is_same(self.engine, before).await?;
        if answer.is_err() {
            self.lost = Some(ANOTHER);
        }
        answer.map(|_| ())
    }

    /// The end of a removal that failed or was cut: whether it took effect, the list tells. An engine goes on
    /// with what it has begun when nobody waits for its answer any more.
    pub(super) async fn after(&mut self, step: &Step, error: EngineError) -> StepEnd {
        if let Some(end) = self.is_forbidden(&error) {
            return end;
        }
        let looks = match error {
            EngineError::Unreachable { .. } => AFTERMATH,
            _ => 1,
        };
        let mut found = self.is_there(&step.id).await;
        for _ in 1..looks {
            if !matches!(found, Ok(true)) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            found = self.is_there(&step.id).await;
        }
        match found {
            Ok(false) if is_failure(&error) => self.unlisted(step, &error).await,
            Ok(false) => StepEnd::removed(),
            Ok(true) => StepEnd::refused(&error),
            Err(_) => unresolved(&error),
        }
    }

    /// Returns the end of a removal that failed by the engine's own words, whose object is not listed any more all the
    /// same. Podman on a full disk has then removed nothing, and lists it again after a restart: the filesystem tells.
    async fn unlisted(&mut self, step: &Step, error: &EngineError) -> StepEnd {
        match self.target.has_gained(step).await {
            Some(true) => StepEnd::removed(),
            Some(false) => StepEnd::failed(format!(
                "{error}; it is not listed any more, but the disk gained nothing"
            )),
            None => StepEnd {
                is_unproven: true,
                ..StepEnd::new(
                    Outcome::Removed,
                    format!(
                        "{error}; it is not listed any more, and whether its bytes went is not known"
                    ),
                )
            },
        }
    }

    /// Returns the end of a write that nobody may do here, and ends the batch with it: nothing was done, and what is not
    /// allowed for one object is allowed for none. Whether writes are let through is found out in no other way.
    pub(super) fn is_forbidden(&mut self, error: &EngineError) -> Option<StepEnd> {
        if !error.is_forbidden() {
            return None;
        }
        let words = error.to_string();
        self.forbidden.get_or_insert(words.clone());
        Some(StepEnd::failed(words))
    }

    /// The end of a step about which the engine could not even be asked: nothing was sent, but the object
    /// may have vanished all the same.
    pub(super) async fn after_asking(&mut self, step: &Step, error: EngineError) -> StepEnd {
        match self.is_there(&step.id).await {
            Ok(false) => self.away(step),
            Ok(true) | Err(_) => StepEnd::failed(error.to_string()),
        }
    }

    /// The end of an object that the engine says is not there, unless its list says otherwise.
    pub(super) async fn missing(&mut self, step: &Step, words: String) -> StepEnd {
        match self.is_there(&step.id).await {
            Ok(false) => self.away(step),
            Ok(true) => StepEnd::failed(words),
            Err(error) => unresolved(&error),
        }
    }

    /// The end of an object that the engine refused to remove: changed if that shows, else its words.
    pub(super) async fn after_conflict(&mut self, step: &Step, words: String) -> StepEnd {
        match self.look(step).await {
            Ok(None) => StepEnd::failed(words),
            Ok(Some(done)) if done.outcome == Outcome::Gone => self.away(step),
            Ok(Some(done)) => StepEnd::new(done.outcome, done.error),
            Err(error) => self.after(step, error).await,
        }
    }

    pub(super) fn note(&mut self, step: &Step, removed: &Removed) {
        self.deleted.extend(removed.deleted.iter().cloned());
        self.tally.answered(self.plan, step, removed);
    }
}

/// Returns true where nobody answers, as against a refusal.
pub(super) fn is_silence(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Unreachable { .. } | EngineError::TimedOut { .. }
    )
}

/// Returns true where the engine itself says that it could not do what it was asked for.
fn is_failure(error: &EngineError) -> bool {
    matches!(error, EngineError::Refused { status: 500.., .. })
}

/// Returns true where the engine had no room to do it: Docker 20.10 writes before it removes an image, and cannot on a
/// full disk (ENGINE.md §1.7); on a full btrfs nothing but volumes goes.
pub(super) fn is_no_room(error: &EngineError) -> bool {
    let (EngineError::Refused { message, .. } | EngineError::NotSupported(message)) = error else {
        return false;
    };
    let words = message.to_ascii_lowercase();
    let mut no_room = ["no space left", "quota exceeded"].iter();
    no_room.any(|it| words.contains(it))
}

/// The end of a removal whose effect nobody could tell.
pub(super) fn unresolved(error: &EngineError) -> StepEnd {
    StepEnd::failed(format!("{error}; whether it went is not known"))
}
