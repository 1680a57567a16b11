//! All of a local engine's folder, walked through once nothing else is to be done.

use std::io;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::question::Question;
use super::response::Response;
use crate::domain::inventory::{EngineInfo, Part, Stage};
use crate::domain::store::folder::Contents;
use crate::engine::host::on_disk::Before;
use crate::engine::host::{self, ListedIds, RootProof, Walker};
use crate::engine::port::blocking::{Priority, run_with_priority};
use crate::engine::scan::state::Scan;
use crate::engine::{Engine, EngineError};

impl Scan<'_> {
    /// Comes last of all: nothing else waits for it, and it is laid beside everything else.
    pub(super) fn look_into_folder(&mut self) {
        let knows_host = self.picture.asked_last(Question::Surroundings).is_some();
        if knows_host && !self.is_busy_before(Question::Contents) {
            self.ask_if_due(Question::Contents);
        }
    }
}

impl<'e> Scan<'e> {
    pub(super) fn contents(&self) -> BoxFuture<'e, Response> {
        let info = self.picture.engine.clone().unwrap_or_default();
        let (root, volumes) = (self.picture.root.clone(), self.picture.taken.clone());
        let known = self.picture.known.clone();
        let how = (self.leash.walker(), Priority::Leisurely);
        let before = Before {
            stored: self.picture.stored.as_ref().known().cloned(),
            on_disk: Arc::clone(&self.picture.on_disk),
        };
        let measured = (volumes, before);
        found_in_folder(self.engine(), info, root, known, how, measured)
            .map(Response::Contents)
            .boxed()
    }
}

impl Scan<'_> {
    pub(super) fn take_contents(&mut self, answer: Result<Option<Contents>, EngineError>) {
        // A walk that failed leaves what the last one found.
        if let Some(contents) = self.picture.accept(Question::Contents, answer) {
            let contents = contents.map(Arc::new);
            self.outbox.push(Part::Contents(contents.into()));
        }
        let failure = self.picture.failures.get(&Question::Contents).cloned();
        self.outbox.ended(Stage::Unexplained, failure);
        self.landed(Question::Contents);
    }
}

/// Returns what the engine itself knows, else what a walk finds; nothing where its folder cannot be read.
pub(super) async fn found_in_folder(
    engine: &dyn Engine,
    info: Arc<EngineInfo>,
    root: Option<RootProof>,
    known: ListedIds,
    (walker, pace): (Walker, Priority),
    measured: (host::MeasuredVolumes, Before),
) -> Result<Option<Contents>, EngineError> {
    if let Some(contents) = engine.contents().await? {
        return Ok(Some(contents));
    }
    // Podman's folder has another form.
    let Some(root) = root.filter(|_| &*info.product == "Docker") else {
        return Ok(None);
    };
    let walk = move || {
        let (volumes, before) = &measured;
        host::contents(&root.open()?, &info, &known, (volumes, before), &walker)
    };
    let failed = |error: io::Error| EngineError::Unreadable(error.to_string());
    match run_with_priority(pace, walk).await {
        Some(found) => found.map(Some).map_err(failed),
        None => Err(failed(io::ErrorKind::Interrupted.into())),
    }
}
