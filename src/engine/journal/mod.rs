//! The journal: what dtop was about to remove, and what became of it, a line each.
//!
//! An `intent` is on the disk before anything is sent, where the disk takes it; an `outcome` follows. A removal
//! never waits long for the journal, and never fails because of it: what cannot be written now is kept and
//! written as soon as there is room. What a dtop that was killed had in hand, the next one finds out by listing.
//!
//! - `file`: the journal's file: only its user's, appended to a line a write, and never needed in order to remove.
//! - `lines`: how the journal is written: JSON lines that many programs may append to, each read on its own.

mod file;
mod lines;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::file::JournalFile;
use super::Engine;
use super::user_folder;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ItemId, Kind, Labels};
use crate::domain::plan::{Plan, Seen, Step};
use crate::domain::removal::history::{Entry, Resolved};
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::survey::{Item, Survey};
use crate::engine::port::blocking::run_blocking;
use crate::engine::port::clock;

pub use self::lines::History;

/// A disk that is busy or gone holds a removal up for this long at the most.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two tries to write what could not be written.
const AGAIN: Duration = Duration::from_secs(5);

/// Where removals are written down. Its clones write to the same place; the default one keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct Journal(Option<Arc<JournalFile>>);

impl Journal {
    /// Returns the user's own: `journal.jsonl` in `user_folder::state`. Where there is no such folder it is kept in
    /// memory, and [`Journal::trouble`] says so.
    #[must_use]
    pub fn of_user() -> Self {
        user_folder::state().map_or_else(
            || Self(Some(Arc::new(JournalFile::of_nobody()))),
            Self::below,
        )
    }

    /// One in a folder, which need not be there yet.
    #[must_use]
    pub fn below(folder: PathBuf) -> Self {
        Self(Some(Arc::new(JournalFile::below(folder))))
    }

    /// One that ends with the program.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Some(Arc::new(JournalFile::in_memory())))
    }

    /// Begins to write down what one plan removes.
    #[must_use]
    pub fn begin(&self, engine: &EngineInfo) -> JournalRun {
        JournalRun {
            journal: self.clone(),
            engine: engine.clone(),
            token: lines::new_run(),
            intended: HashMap::new(),
        }
    }

    /// Returns everything in it, the newest first.
    ///
    /// # Errors
    /// When it is there and cannot be read: a line with its path.
    pub async fn history(&self) -> Result<History, String> {
        let Some(book) = self.0.clone() else {
            return Ok(History::default());
        };
        let read = run_blocking(move || book.read()).await;
        read.unwrap_or_else(|| Err("it cannot be read".to_owned()))
    }

    /// Returns why what should stand in it does not (yet).
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.as_ref()?.trouble()
    }

    /// Finds out what became of what another dtop had in hand on this engine when it was ended, and writes it
    /// down. While another one removes, nothing is: what is in its hand is its own.
    pub async fn resolve(&self, engine: &dyn Engine) -> Option<Resolved> {
        let book = self.0.clone()?;
        let held = Arc::clone(&book);
        let begun = run_blocking(move || held.begun()).await?.ok()?;
        if begun.is_empty() {
            return None;
        }
        // What was in hand is told, but with --read-only nothing is written of it.
        engine
            .gate()
            .pass(|| "a line in the journal".to_owned())
            .ok()?;
        let about = engine.about().await.ok()?;
        if !begun.concerns(&about) {
            return None;
        }
        let held = Arc::clone(&book);
        let alone = run_blocking(move || held.alone()).await??;
        // What is read now nobody is writing to.
        let (held, here) = (Arc::clone(&book), about.clone());
        let History { entries: left, gap } =
            run_blocking(move || held.open_on(&here)).await?.ok()?;
        if left.is_empty() && !gap {
            return None;
        }
        let mut entries = Vec::with_capacity(left.len());
        let mut text = String::new();
        let listed = Listed::of(engine, &left).await?;
        for written in left {
            let mut entry = written.entry.clone();
            let is_there = listed.has(&entry);
            entry.outcome = Some(if is_there {
                Outcome::Failed
            } else {
                Outcome::Removed
            });
            entry.error = is_there.then(|| "dtop was ended before it went".into());
            text.push_str(&lines::resolved(&written, &entry));
            entries.push(entry);
        }
        if gap {
            text.push_str(&lines::gap());
        }
        book.push(text);
        self.flush(true).await;
        drop(alone);
        Some(Resolved { entries, gap })
    }

    /// Writes what is to be written. Waits for it only so long; then it goes on by itself.
    async fn flush(&self, sync: bool) {
        let Some(book) = self.0.clone() else { return };
        if !book.is_stuck() {
            let task = run_blocking({
                let book = Arc::clone(&book);
                move || book.flush(sync)
            });
            if tokio::time::timeout(PATIENCE, task).await.is_err() {
                book.is_stuck_now();
            }
        }
    }

    /// Lets go of the file or, where it still has not taken everything, tries again until it has.
    async fn close(&self) {
        self.flush(true).await;
        let Some(book) = self.0.clone() else { return };
        if book.is_done() || !book.tries_again() {
            return;
        }
        let journal = self.clone();
        tokio::spawn(async move {
            while !book.is_done() {
                tokio::time::sleep(AGAIN).await;
                journal.flush(true).await;
            }
            book.tries_no_more();
        });
    }
}

/// What one plan removes, as it is written down.
#[derive(Debug)]
pub struct JournalRun {
    journal: Journal,
    engine: EngineInfo,
    /// What its lines are told by.
    token: String,
    /// By its place in the plan, what a step freed by the journal; nothing before it has ended.
    intended: HashMap<usize, Option<Figure<Bytes>>>,
}

impl JournalRun {
    /// Writes down what is removed next: on the disk when this returns, where the disk takes it in time. `first`
    /// is the place of the first step in its plan; `saved` tells where a copy of a step's object lies.
    pub async fn intend(
        &mut self,
        first: usize,
        steps: &[Step],
        survey: &Survey,
        saved: impl Fn(&ItemId) -> Option<PathBuf>,
    ) {
        let Some(book) = self.journal.0.clone() else {
            return;
        };
        let mut text = String::new();
        for (at, step) in steps.iter().enumerate() {
            // What is tried again at the end has its line.
            if self.intended.insert(first + at, None).is_none() {
                let saved = saved(&step.id);
                let entry = entry_of(step, survey, &self.engine, saved);
                text.push_str(&lines::intent(&self.token, first + at, &entry));
            }
        }
        book.push(text);
        self.journal.flush(true).await;
    }

    /// Writes down what became of a step that was intended.
    pub async fn ended(&mut self, at: usize, done: &Done) {
        if self.push(at, done) {
            self.journal.flush(false).await;
        }
    }

    /// Ends it, with what steps freed in the end where that was not known before.
    pub async fn finish(mut self, plan: &Plan, done: &[Done]) {
        let places = plan.steps.iter().enumerate();
        let places: HashMap<&ItemId, usize> = places.map(|(at, step)| (&step.id, at)).collect();
        for done in done {
            if let Some(at) = places.get(&done.id) {
                self.push(*at, done);
            }
        }
        self.journal.close().await;
    }

    /// Returns false where it stands there already, or was not even begun.
    fn push(&mut self, at: usize, done: &Done) -> bool {
        let (Some(book), Some(before)) = (&self.journal.0, self.intended.get_mut(&at)) else {
            return false;
        };
        let is_new = *before != Some(done.freed);
        if is_new {
            *before = Some(done.freed);
            book.push(lines::outcome(&self.token, at, done));
        }
        is_new
    }
}

fn entry_of(step: &Step, survey: &Survey, engine: &EngineInfo, saved: Option<PathBuf>) -> Entry {
    let (digests, created) = match &step.seen {
        Seen::Image(image) => (image.digests.clone(), None),
        Seen::Container(container) => (Vec::new(), container.created),
        Seen::Volume(volume) => (Vec::new(), volume.created),
        Seen::Log(log) => (Vec::new(), log.created),
        Seen::Record => (Vec::new(), None),
    };
    Entry {
        time: clock::now(),
        host: engine.host.clone(),
        engine: engine.engine_id.clone(),
        kind: step.id.kind(),
        id: step.id.as_str().into(),
        name: (&*step.name).into(),
        names: step.names().to_vec(),
        digests,
        parents: step.follows().iter().map(|id| id.text().clone()).collect(),
        size: step.size.known(),
        labels: match survey.find(&step.id) {
            Some(Item::Image(image)) => image.labels.clone(),
            Some(Item::Container(container) | Item::Log(container)) => container.labels.clone(),
            Some(Item::Volume(volume)) => volume.labels.clone(),
            Some(Item::Record(_)) | None => Labels::default(),
        },
        created,
        comes_back: step.comes_back,
        saved: saved.map(|path| path.to_string_lossy().into()),
        outcome: None,
        freed: None,
        error: None,
    }
}

/// What of each kind is there.
#[derive(Default)]
struct Listed(HashSet<(Kind, String)>);

impl Listed {
    /// Asks only for the lists that matter.
    async fn of(engine: &dyn Engine, left: &[lines::Written]) -> Option<Self> {
        let mut listed = Self::default();
        for kind in Kind::ALL {
            if !left.iter().any(|written| written.entry.kind == kind) {
                continue;
            }
            let there = &mut listed.0;
            match kind {
                Kind::Image => there.extend(
                    (engine.images().await.ok()?.iter()).map(|image| (kind, image.id.to_string())),
                ),
                Kind::Container | Kind::Log => there.extend(
                    (engine.containers().await.ok()?.iter())
                        .map(|container| (kind, container.id.to_string())),
                ),
                Kind::Volume => there.extend(
                    (engine.volumes().await.ok()?.iter())
                        .map(|volume| (kind, volume.name.to_string())),
                ),
                Kind::BuildCache => there.extend(
                    (engine.build_cache().await.ok()?.iter())
                        .map(|record| (kind, record.id.to_string())),
                ),
            }
        }
        Some(listed)
    }

    /// A volume of that name is taken for the one that was in hand: 20.10 tells another time of it after each
    /// write, and what is there must not be called gone.
    fn has(&self, entry: &Entry) -> bool {
        self.0.contains(&(entry.kind, entry.id.to_string()))
    }
}
