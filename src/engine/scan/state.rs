//! A scan, under way or at rest: what is asked, what is still to be, and what of it has come.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::ask::has_only_whole_df;
use super::outbox::Outbox;
use super::picture::Picture;
use super::question::{Dirty, Question};
use super::queue::Queue;
use super::response::Response;
use crate::domain::inventory::Stage;
use crate::domain::item::{ContainerId, ImageId, State, VolumeName};
use crate::domain::time::Timestamp;
use crate::engine::host::CancelGuard;
use crate::engine::{Engine, EngineError};

/// How many things are inspected at once where that walks nothing (ENGINE.md §2.4).
pub(super) const IMAGES_AT_ONCE: usize = 8;

/// How many writable layers are walked at once (ENGINE.md §6).
pub(super) const CONTAINERS_AT_ONCE: usize = 4;

/// How many volumes are walked at once on a local engine.
pub(super) const VOLUMES_AT_ONCE: usize = 4;

/// How long an object whose answer was lost is left alone at first …
const LOST_REST: Duration = Duration::from_secs(5);

/// … and at most.
const LONGEST_LOST_REST: Duration = Duration::from_secs(300);

/// Why a scan begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    First,
    /// Somebody asked for it: what was measured is measured again.
    Asked,
    /// Events may have been missed: lists are asked again, but no walk that has been done.
    Reconnected,
}

/// A scan, under way or at rest.
pub(super) struct Scan<'e> {
    pub(super) engine: &'e dyn Engine,
    pub(super) jobs: FuturesUnordered<BoxFuture<'e, Response>>,
    pub(super) outbox: Outbox,
    /// Images by a number of their names.
    pub(super) images: Queue<ImageId, u64>,
    pub(super) containers: Queue<ContainerId, State>,
    /// Volumes that are measured here, by when they were made: a new one under an old name is another.
    pub(super) volumes: Queue<VolumeName, Option<Timestamp>>,
    pub(super) leash: CancelGuard,
    pub(super) picture: Picture,
    pub(super) in_flight: HashSet<Question>,
    /// Asked for while it was under way: the answer may be older than the reason to ask.
    pub(super) again: HashSet<Question>,
    /// Wanted, but not before its turn.
    pub(super) due: HashSet<Question>,
    pub(super) dirty: Dirty,
    pub(super) cache_visible: bool,
    /// When what was lost is asked again.
    pub(super) retry: Option<Instant>,
    pub(super) rest: Duration,
    pub(super) is_down: bool,
}

impl<'e> Scan<'e> {
    pub(super) fn new(engine: &'e dyn Engine) -> Self {
        Self {
            engine,
            jobs: FuturesUnordered::new(),
            outbox: Outbox::default(),
            images: Queue::new(IMAGES_AT_ONCE),
            containers: Queue::new(CONTAINERS_AT_ONCE),
            volumes: Queue::new(VOLUMES_AT_ONCE),
            leash: CancelGuard::default(),
            picture: Picture::default(),
            in_flight: HashSet::new(),
            again: HashSet::new(),
            due: HashSet::new(),
            dirty: Dirty::default(),
            cache_visible: false,
            retry: None,
            rest: LOST_REST,
            is_down: false,
        }
    }

    /// The engine is gone. What is known of it stays, and is said to be old.
    pub(super) fn down(&mut self, error: &EngineError) {
        self.is_down = true;
        self.retry = None;
        for stage in [Stage::Images, Stage::Containers, Stage::Volumes] {
            self.outbox.ended(stage, Some(error.to_string().into()));
        }
    }

    /// An answer about one object was lost. While the engine is gone that is no wonder.
    pub(super) fn lose(&mut self) {
        if !self.is_down {
            self.retry.get_or_insert(Instant::now() + self.rest);
        }
    }

    /// An answer about one object has come.
    pub(super) fn gain(&mut self) {
        if !self.images.has_lost() && !self.containers.has_lost() {
            self.rest = LOST_REST;
        }
    }

    pub(super) fn ask_lost(&mut self) {
        self.retry = None;
        self.rest = (self.rest * 2).min(LONGEST_LOST_REST);
        self.images.ask_lost();
        self.containers.ask_lost();
    }

    pub(super) fn engine(&self) -> &'e dyn Engine {
        self.engine
    }

    pub(super) fn has_only_whole_df(&self) -> bool {
        self.picture
            .engine
            .as_deref()
            .is_some_and(has_only_whole_df)
    }

    /// Returns true while anything is under way or has its turn before this question.
    pub(super) fn is_busy_before(&self, question: Question) -> bool {
        // The engine's list of images that are listed already comes behind all.
        let due = self.due.iter().filter(|it| **it != Question::Images);
        let mut others = self.in_flight.iter().chain(due);
        others.any(|it| *it != question)
            || !(self.images.is_idle() && self.containers.is_idle() && self.volumes.is_idle())
    }

    pub(super) fn is_in_flight(&self, question: Question) -> bool {
        self.in_flight.contains(&question)
    }

    /// Returns true for a question that waits for its turn.
    pub(super) fn is_due(&self, question: Question) -> bool {
        self.due.contains(&question)
    }

    /// Wants an answer that must wait for its turn.
    pub(super) fn want(&mut self, question: Question) {
        self.due.insert(question);
    }

    /// Wants an answer no more. True if it was still to be asked.
    pub(super) fn forget(&mut self, question: Question) -> bool {
        self.due.remove(&question)
    }

    /// Returns true when a question is under way or will be.
    pub(super) fn is_coming(&self, question: Question) -> bool {
        self.in_flight.contains(&question) || self.due.contains(&question)
    }

    /// Returns true when a question that is under way will be asked once more.
    pub(super) fn is_coming_again(&self, question: Question) -> bool {
        self.again.contains(&question) || self.due.contains(&question)
    }
}
