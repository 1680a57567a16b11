//! What is not known of uses because a list that names the users cannot be had.

use super::{Item, Survey};
use crate::domain::index::ItemNo;
use crate::domain::inventory::Stage;
use crate::domain::item::{Container, STACK};

impl Survey {
    /// Returns the list that would say what holds an item and is refused: without it nothing of that kind may go.
    ///
    /// Containers hold images and volumes; services hold what their stacks and tasks name. A container that is removed
    /// as soon as it stops takes its anonymous volumes along, and which of its volumes those are only their own list
    /// tells.
    #[must_use]
    pub fn unlisted_holders(&self, number: ItemNo) -> Option<Stage> {
        let lacks = |stage: &Stage| self.inventory.lacks(*stage).is_some();
        let may_hold: &[Stage] = match self.numbered(number) {
            Item::Image(_) if self.users(number).iter().any(|user| self.is_task(*user)) => {
                &[Stage::Containers, Stage::Services]
            }
            Item::Volume(volume) if volume.labels.value(STACK).is_some() => {
                &[Stage::Containers, Stage::Services]
            }
            Item::Image(_) | Item::Volume(_) => &[Stage::Containers],
            Item::Container(container) if may_take_volumes(container) => &[Stage::Volumes],
            Item::Container(_) | Item::Record(_) | Item::Log(_) => &[],
        };
        may_hold.iter().copied().find(lacks)
    }

    /// Returns true for the container of a swarm service's task: the service starts another of the same image.
    fn is_task(&self, number: ItemNo) -> bool {
        matches!(self.numbered(number), Item::Container(container) if self.is_held_by_swarm(container))
    }

    /// Returns why a list is not there, in a sentence: `the containers could not be listed: busy (status 503)`.
    #[must_use]
    pub fn unlisted_in_words(&self, stage: Stage) -> Option<String> {
        let why = self.inventory.lacks(stage)?;
        Some(format!("the {} could not be listed: {why}", stage.word()))
    }
}

/// Returns true for a container that runs with volumes and vanishes when it stops (`--rm`), or may.
fn may_take_volumes(container: &Container) -> bool {
    let details = container.details.as_ref().known();
    let vanishes = details.is_none_or(|details| details.auto_remove);
    vanishes && !container.state.is_stopped() && !container.volumes.is_empty()
}
