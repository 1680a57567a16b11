//! How long answers about one object, and answers that take a walk over a disk, are waited for.

use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{DockerEngine, writes};
use crate::domain::item::{ContainerId, short_id};
use crate::engine::EngineError;

/// How long an engine is given for an answer, where that is not the same for all lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For what it tells of one object without walking over anything.
    pub inspect: Duration,
    /// For what walks over a disk: a container's size, and `/system/df`.
    pub walk: Duration,
    /// How long a walk over a container's files may take before it is asked whether the engine tells anything of that
    /// container. Shorter than `inspect`, which includes it.
    pub doubt: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inspect: Duration::from_secs(15),
            walk: Duration::from_secs(600),
            doubt: Duration::from_secs(5),
        }
    }
}

impl DockerEngine {
    /// Inspects a container; `size` asks for a walk over its writable layer too.
    ///
    /// A container of which an archive is written out (`docker cp`) is locked in the engine until that archive is read
    /// to its end, and so is every answer about it (seen on 20.10.24, 26.1.5 and 28.5.2). A walk that takes long may be
    /// that or a large container: an inspection without a walk tells them apart.
    ///
    /// # Errors
    /// [`EngineError::Stalled`] where nothing is told of it in time, [`EngineError::TimedOut`] where only the walk
    /// takes too long, or whatever else the engine answers.
    pub(super) async fn inspect_container(
        &self,
        id: &ContainerId,
        size: bool,
    ) -> Result<Value, EngineError> {
        let limits = self.options.limits;
        let path = format!("/containers/{}/json", writes::encoded(id.as_str())?);
        let stalled = || EngineError::Stalled {
            container: short_id(id.as_str()).to_owned(),
            seconds: limits.inspect.as_secs(),
        };
        if !size {
            let answer = self.json(&path, Some(limits.inspect)).await;
            return answer.map_err(|error| match error {
                EngineError::TimedOut { .. } => stalled(),
                error => error,
            });
        }
        let walk_path = format!("{path}?size=1");
        let mut walk = pin!(self.json(&walk_path, Some(limits.walk)));
        tokio::select! {
            biased;
            answer = &mut walk => return answer,
            () = sleep(limits.doubt) => {}
        }
        // On a line that carries a few requests at a time it would wait for room, which says nothing of the container.
        if !self.transport.has_room() {
            return walk.await;
        }
        let left = limits.inspect.saturating_sub(limits.doubt);
        let mut plain = pin!(self.json(&path, Some(left)));
        tokio::select! {
            biased;
            answer = &mut walk => return answer,
            answer = &mut plain => if let Err(EngineError::TimedOut { .. }) = answer {
                return Err(stalled());
            },
        }
        walk.await
    }
}
