//! What is to be sent: most at once, the many small answers of a pool together.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::inventory::{Inspected, Part, Progress, Stage};
use crate::domain::item::Text;

/// Each message makes the whole picture be understood anew, so a burst of answers goes as one.
const TOGETHER: Duration = Duration::from_millis(50);
const AT_MOST: usize = 64;

/// Parts on their way out.
#[derive(Default)]
pub(super) struct Outbox {
    urgent: Vec<Part>,
    layers: Vec<Inspected>,
    details: Vec<Part>,
    since: Option<Instant>,
}

impl Outbox {
    pub(super) fn push(&mut self, part: Part) {
        self.urgent.push(part);
    }

    pub(super) fn stage(&mut self, stage: Stage, progress: Progress) {
        self.push(Part::Stage(stage, progress));
    }

    pub(super) fn running(&mut self, stage: Stage) {
        self.stage(stage, Progress::Running(Timestamp::now()));
    }

    /// Ends a stage: done, or failed with these words.
    pub(super) fn ended(&mut self, stage: Stage, failure: Option<Text>) {
        let done = || Progress::Done(Timestamp::now());
        self.stage(stage, failure.map_or_else(done, Progress::Failed));
    }

    pub(super) fn push_layers(&mut self, layers: Inspected) {
        self.layers.push(layers);
        self.collected();
    }

    /// Takes one of many small answers.
    pub(super) fn push_detail(&mut self, part: Part) {
        self.details.push(part);
        self.collected();
    }

    fn collected(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        if self.layers.len() + self.details.len() >= AT_MOST {
            self.flush();
        }
    }

    /// Lets go what was held back for company. To be called before a stage is said to have ended.
    pub(super) fn flush(&mut self) {
        self.since = None;
        if !self.layers.is_empty() {
            let layers = std::mem::take(&mut self.layers);
            self.urgent.push(Part::Layers(layers));
        }
        self.urgent.append(&mut self.details);
    }

    /// When what is held back must go.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + TOGETHER)
    }

    /// What is to be sent now.
    pub(super) fn take(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.urgent)
    }
}
