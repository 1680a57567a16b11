//! Removes an image with all its names: each is checked to still mean it right before it is taken.

use crate::domain::item::ImageId;
use crate::domain::plan::Step;
use crate::domain::removal::outcome::Outcome;
use crate::domain::text::Text;

use super::RemovalRun;
use super::ends::{StepEnd, unresolved};
use crate::engine::EngineError;

impl RemovalRun<'_> {
    pub(super) async fn image(&mut self, step: &Step, id: &ImageId) -> StepEnd {
        if let Some(end) = self.went_along(step) {
            return end;
        }
        let (others, last) = step.seen.references();
        if let Err(end) = self.take_names(step, id, &others, last).await {
            return end;
        }
        let removal = self.engine.remove_image(id);
        match self.unless_stalled(removal).await {
            Ok(removed) => {
                self.note(step, &removed);
                self.take_parents(step).await;
                self.confirmed(step).await
            }
            Err(EngineError::NotFound(words)) => self.missing(step, words).await,
            Err(EngineError::Conflict(words)) => self.after_conflict(step, words).await,
            Err(error) => self.after(step, error).await,
        }
    }

    /// Removes the untagged parents that were to follow and did not. On the containerd store the engine would
    /// take those that have other children, too, and none at all where one further up is gone, so there it is
    /// told to take none. A parent that does not go is no failure of this step: what it holds is still there.
    async fn take_parents(&mut self, step: &Step) {
        let deleted = &self.deleted;
        let left = |id: &&ImageId| !deleted.contains(id.as_str());
        let left: Vec<ImageId> = step.follows().iter().filter(left).cloned().collect();
        if left.is_empty() {
            return;
        }
        let Ok(images) = self.engine.images().await else {
            return;
        };
        for parent in left {
            // It may have got a name or a child since, and has gone already on other stores.
            let is_bare = images
                .iter()
                .any(|image| image.id == parent && image.names.is_empty());
            let is_below = images.iter().any(|image| {
                image.parent.as_ref() == Some(&parent) && !self.deleted.contains(image.id.as_str())
            });
            if !is_bare || is_below {
                return;
            }
            let removal = self.engine.remove_image(&parent);
            match self.unless_stalled(removal).await {
                Ok(removed) => self.note(step, &removed),
                Err(_) => return,
            }
        }
    }

    /// Takes all names but the last, so that the engine removes the image by its ID without force.
    async fn take_names(
        &mut self,
        step: &Step,
        id: &ImageId,
        others: &[&Text],
        last: Option<&Text>,
    ) -> Result<(), StepEnd> {
        let mut is_named = false;
        for name in others.iter().copied().chain(last) {
            is_named |= self.means(step, name, id).await?;
        }
        // One name that still means the image: the engine itself refuses the ID if it has got another, or
        // if it is in use. Where names go first, that refusal would come too late; without a name, the
        // engine would take a new one along.
        if !others.is_empty() || !is_named {
            match self.look(step).await {
                Ok(None) => {}
                Ok(Some(done)) if done.outcome == Outcome::Gone => return Err(self.away(step)),
                Ok(Some(done)) => return Err(StepEnd::new(done.outcome, done.error)),
                Err(error) => return Err(self.after_asking(step, error).await),
            }
        }
        for name in others {
            if self.means(step, name, id).await? {
                self.untag(step, name, id).await?;
            }
        }
        if let Some(last) = last.filter(|_| !others.is_empty()) {
            self.means(step, last, id).await?;
        }
        Ok(())
    }

    /// Returns true if a name means an image, false if it means none (any more).
    async fn means(&mut self, step: &Step, name: &str, id: &ImageId) -> Result<bool, StepEnd> {
        match self.engine.resolve(name).await {
            Ok(Some(found)) if found == *id => Ok(true),
            Ok(Some(_)) => Err(StepEnd::new(
                Outcome::Changed,
                format!("{name} names another image now"),
            )),
            Ok(None) => Ok(false),
            Err(error) => Err(self.after_asking(step, error).await),
        }
    }

    async fn untag(&mut self, step: &Step, name: &str, id: &ImageId) -> Result<(), StepEnd> {
        let change = self.engine.untag(name);
        match self.unless_stalled(change).await {
            Ok(removed) => {
                self.note(step, &removed);
                Ok(())
            }
            Err(EngineError::NotFound(_)) => Ok(()),
            Err(EngineError::Conflict(words)) => Err(self.after_conflict(step, words).await),
            Err(error) if error.is_forbidden() => Err(self.after(step, error).await),
            // The connection was cut, or there was no room: the name itself tells whether it was taken. Docker 28 on a
            // full ext4 refuses, and has lost the name all the same until it is started again.
            Err(error) => match self.means(step, name, id).await {
                Ok(false) => Ok(()),
                Ok(true) => Err(StepEnd::refused(&error)),
                Err(end) => Err(end),
            },
        }
    }

    /// An answer of success may mean that only a name went (ENGINE.md §1.7).
    async fn confirmed(&mut self, step: &Step) -> StepEnd {
        if let Some(end) = self.went_along(step) {
            return end;
        }
        match self.is_there(&step.id).await {
            // What the engine does not name among what it deleted somebody else has removed meanwhile.
            Ok(false) => self.away(step),
            Ok(true) => StepEnd::failed("the engine took its name, but the image is still there"),
            Err(error) => unresolved(&error),
        }
    }
}
