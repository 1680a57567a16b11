//! `/system/df`, with as few walks of the disk as the engine's version allows (ENGINE.md §1.4, §6).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::again::{retry_on_race, retry_while_busy};
use crate::engine::EngineError;
use crate::engine::fingerprint::Fingerprint;
use crate::engine::transport::{Api, Frames, Transport, within};
use crate::engine::wire::{self, Df, Reading};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// An answer of everything serves the other parts of the same scan this long.
const FRESH: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DfPart {
    Images,
    Volumes,
    BuildCache,
}

const PARTS: [DfPart; 3] = [DfPart::Images, DfPart::Volumes, DfPart::BuildCache];

impl DfPart {
    fn word(self) -> &'static str {
        match self {
            Self::Images => "image",
            Self::Volumes => "volume",
            Self::BuildCache => "build-cache",
        }
    }

    fn reading(self) -> Reading {
        match self {
            Self::Images => Reading::Images,
            Self::Volumes => Reading::Volumes,
            Self::BuildCache => Reading::BuildCache,
        }
    }

    /// Returns the path that asks for just this, where the engine can be asked so (API 1.42). On 1.42 and 1.43
    /// some engines panic unless images are among the types (ENGINE.md §0.8).
    fn path(self, api: Api) -> Option<String> {
        let word = self.word();
        match api {
            api if api < Api::new(1, 42) => None,
            api if api < Api::new(1, 44) && self != Self::Images => {
                Some(format!("/system/df?type=image&type={word}"))
            }
            api if api < Api::new(1, 52) => Some(format!("/system/df?type={word}")),
            _ => Some(format!("/system/df?type={word}&verbose=1")),
        }
    }
}

type Outcome = Result<Arc<Df>, EngineError>;
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// The answers of an engine that can only be asked for everything at once: they are shared.
#[derive(Debug, Default)]
pub struct Usage(Mutex<DfState>);

#[derive(Debug, Default)]
struct DfState {
    /// Under way as long as somebody waits for it.
    flight: Option<WeakShared<BoxFuture<'static, Outcome>>>,
    last: Option<Last>,
    /// Counts what made earlier answers old.
    age: u64,
}

#[derive(Debug)]
struct Last {
    answer: Arc<Df>,
    at: Instant,
    /// Parts that were read from it already: asked for again they must be new.
    taken: Vec<DfPart>,
}

impl Usage {
    /// Asks for a part, which may walk over a disk for as long as `limit`.
    pub async fn ask(
        &self,
        transport: &Transport,
        api: Api,
        part: DfPart,
        limit: Duration,
    ) -> Outcome {
        if let Some(path) = part.path(api) {
            let answer = df(transport, &path, part.reading(), limit).await;
            return answer.map(Arc::new);
        }
        let (flight, age) = {
            let mut state = self.state();
            if let Some(answer) = state.left_over(part) {
                return Ok(answer);
            }
            (state.join(transport, limit), state.age)
        };
        let answer = flight.await?;
        self.state().remember(&answer, age, part);
        Ok(answer)
    }

    /// Something was changed: what was asked before does not count any more.
    pub fn forget(&self) {
        let mut state = self.state();
        state.age += 1;
        state.flight = None;
        state.last = None;
    }

    fn state(&self) -> MutexGuard<'_, DfState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DfState {
    /// Returns what a part has not read yet of the last answer. The build cache is listed anew each time, as the
    /// other lists are: plans are made from it.
    fn left_over(&mut self, part: DfPart) -> Option<Arc<Df>> {
        let last = self.last.as_mut()?;
        let fresh = last.at.elapsed() < FRESH && part != DfPart::BuildCache;
        if !fresh || last.taken.contains(&part) {
            return None;
        }
        last.taken.push(part);
        let answer = Arc::clone(&last.answer);
        // What all have read is not kept: it can be as long as a fleet is large.
        if PARTS.iter().all(|part| last.taken.contains(part)) {
            self.last = None;
        }
        Some(answer)
    }

    fn join(&mut self, transport: &Transport, limit: Duration) -> Flight {
        if let Some(flight) = self.flight.as_ref().and_then(WeakShared::upgrade) {
            return flight;
        }
        let transport = transport.clone();
        let walk = async move {
            let path = "/system/df";
            let ask = || df(&transport, path, Reading::All, limit);
            // Another client's walk and this one together take no longer than one may.
            let answer = within(path, Some(limit), retry_while_busy(limit, ask)).await;
            answer.map(Arc::new)
        };
        let flight = walk.boxed().shared();
        self.flight = flight.downgrade();
        flight
    }

    fn remember(&mut self, answer: &Arc<Df>, age: u64, part: DfPart) {
        if age != self.age {
            return;
        }
        self.flight = None;
        match &mut self.last {
            Some(last) if Arc::ptr_eq(&last.answer, answer) => last.taken.push(part),
            last => {
                *last = Some(Last {
                    answer: Arc::clone(answer),
                    at: Instant::now(),
                    taken: vec![part],
                });
            }
        }
    }
}

/// Returns the fingerprint of the build cache; `None` where the engine cannot be asked for it alone.
pub async fn fingerprint(
    transport: &Transport,
    api: Api,
    limit: Duration,
) -> Option<Result<Fingerprint, EngineError>> {
    let path = DfPart::BuildCache.path(api)?;
    let answer = df(transport, &path, Reading::BuildCacheGist, limit).await;
    Some(answer.and_then(wire::gist_of_records))
}

async fn df(
    transport: &Transport,
    path: &str,
    wanted: Reading,
    limit: Duration,
) -> Result<Df, EngineError> {
    retry_on_race(|| async {
        let request = format!("GET {path}");
        let read = move |answer: Frames| Df::parse(&request, answer, wanted);
        transport.read(path, Some(limit), read).await?
    })
    .await
}

#[cfg(test)]
mod tests;
