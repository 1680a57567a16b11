//! Containers behind which the engine removes no image.
//!
//! A container of which somebody reads an archive (`docker cp`) is locked in the engine until the archive is read to its
//! end. Before Docker removes an image, or one of its names, it looks at every container, and so waits for that lock,
//! whatever image it is (seen on 20.10.24, 26.1.5 and 28.5.2, on both stores). On graph drivers it removes the image when
//! the lock is gone, although nobody waits for the answer any more.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::domain::bytes::Figure;
use crate::domain::item::{ContainerId, ItemId};
use crate::domain::plan::Step;

use super::RemovalRun;
use super::ends::StepEnd;
use crate::engine::{Answer, Engine, EngineError};

/// How long a removal of an image may take before it is looked for such a container; twice as long each time after.
const DOUBT: Duration = Duration::from_secs(5);
/// Containers that are inspected at a time.
const AT_ONCE: usize = 8;

impl RemovalRun<'_> {
    /// Waits for what changes an image, unless the engine itself waits for a container.
    ///
    /// # Errors
    /// [`EngineError::Stalled`], which no other image is tried after, or the engine's own.
    pub(super) async fn unless_stalled<T>(
        &mut self,
        change: Answer<'_, T>,
    ) -> Result<T, EngineError> {
        let answer = tokio::select! {
            biased;
            answer = change => answer,
            error = stalled(self.engine) => Err(error),
        };
        if let Err(error @ EngineError::Stalled { .. }) = &answer {
            self.stalled = Some(error.to_string());
        }
        answer
    }

    /// Returns the end of an image's step that is not tried, since the engine waits for a container. Containers of which
    /// nothing was told when the plan was made are asked once more, before the first.
    pub(super) async fn waits_for_container(&mut self, step: &Step) -> Option<StepEnd> {
        if !matches!(step.id, ItemId::Image(_)) {
            return None;
        }
        if !std::mem::replace(&mut self.looked_for_stalled, true) {
            let containers = self.survey.inventory().containers.iter();
            let untold = containers.filter(|it| matches!(it.details, Figure::Unknown));
            let untold = untold.map(|it| it.id.clone()).collect();
            let found = first_stalled(self.engine, untold).await;
            self.stalled = found.map(|error| error.to_string());
        }
        let why = self.stalled.as_ref()?;
        Some(StepEnd::skipped(format!(
            "{why} The engine removes no image before that ends"
        )))
    }
}

/// Waits until a container shows for which the engine waits.
async fn stalled(engine: &dyn Engine) -> EngineError {
    let mut pause = DOUBT;
    loop {
        tokio::time::sleep(pause).await;
        let containers = engine.containers().await.unwrap_or_default();
        let ids = containers.into_iter().map(|it| it.id).collect();
        if let Some(error) = first_stalled(engine, ids).await {
            return error;
        }
        pause *= 2;
    }
}

/// Returns the error of the first of these containers of which the engine tells nothing.
async fn first_stalled(engine: &dyn Engine, ids: Vec<ContainerId>) -> Option<EngineError> {
    let looks = stream::iter(ids).map(|id| async move {
        let details = engine.container_details(&id, false).await;
        details.err()
    });
    let errors = looks.buffer_unordered(AT_ONCE).filter_map(|error| {
        std::future::ready(error.filter(|it| matches!(it, EngineError::Stalled { .. })))
    });
    pin!(errors).next().await
}
