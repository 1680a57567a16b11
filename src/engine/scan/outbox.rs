//! What is to be sent: most at once, the many small answers of a pool together.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::inventory::{Inspected, Part, Progress, Stage};
use crate::domain::item::ImageId;
use crate::domain::text::Text;
use crate::engine::port::clock;

/// Each message makes the whole picture be understood anew, so a burst of answers goes as one …
const TOGETHER: Duration = Duration::from_millis(50);
const AT_MOST: usize = 64;
/// … and the larger the picture has grown, the more of them: after so many answers they wait twice as long.
const MANY: u32 = 500;

/// Parts on their way out.
#[derive(Default)]
pub(super) struct Outbox {
    urgent: Vec<Part>,
    layers: Vec<Inspected>,
    details: Vec<Part>,
    since: Option<Instant>,
    /// How many small answers have gone.
    sent: usize,
    /// Images that somebody looks at: their answers wait for one another, and for no others.
    looked_at: HashSet<ImageId>,
}

impl Outbox {
    pub(super) fn push(&mut self, part: Part) {
        self.urgent.push(part);
    }

    pub(super) fn stage(&mut self, stage: Stage, progress: Progress) {
        self.push(Part::Stage(stage, progress));
    }

    pub(super) fn running(&mut self, stage: Stage) {
        self.stage(stage, Progress::Running(clock::now()));
    }

    /// Ends a stage: done, or failed with these words.
    pub(super) fn ended(&mut self, stage: Stage, failure: Option<Text>) {
        let done = || Progress::Done(clock::now());
        self.stage(stage, failure.map_or_else(done, Progress::Failed));
    }

    pub(super) fn push_layers(&mut self, layers: Inspected) {
        let is_last = self.looked_at.remove(&layers.id) && self.looked_at.is_empty();
        self.layers.push(layers);
        self.collected();
        if is_last {
            self.flush();
        }
    }

    /// Takes note of the images that are on the screen.
    pub(super) fn look_first(&mut self, images: &[ImageId]) {
        self.looked_at = images.iter().cloned().collect();
    }

    /// Takes one of many small answers.
    pub(super) fn push_detail(&mut self, part: Part) {
        self.details.push(part);
        self.collected();
    }

    fn collected(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        if self.collected_now() >= AT_MOST.max(self.sent / 2) {
            self.flush();
        }
    }

    fn collected_now(&self) -> usize {
        self.layers.len() + self.details.len()
    }

    /// Lets go what was held back for company. To be called before a stage is said to have ended.
    pub(super) fn flush(&mut self) {
        self.since = None;
        self.sent += self.collected_now();
        if !self.layers.is_empty() {
            let layers = std::mem::take(&mut self.layers);
            self.urgent.push(Part::Layers(layers));
        }
        self.urgent.append(&mut self.details);
    }

    /// When what is held back must go.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let times = u32::try_from(self.sent).unwrap_or(u32::MAX) / MANY;
        self.since
            .map(|since| since + TOGETHER * (times + 1).min(40))
    }

    /// Returns what is to be sent now.
    pub(super) fn take(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.urgent)
    }
}
