//! Changes as they happen, over a stream that may be lost and comes back.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::{Change, Engine, EngineError};
use crate::domain::inventory::EngineInfo;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long a dead engine is left alone at most: within five seconds of its return it should be seen, listed
/// and measured.
const LONGEST_OUTAGE: Duration = Duration::from_secs(2);
/// How long an engine is left alone that answers and whose stream always breaks: after each break everything
/// is listed again.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How long one is left alone at most that answers, and refuses the stream: it has nothing that would be missed.
const LONGEST_REFUSAL: Duration = Duration::from_secs(600);
/// A stream that lived this long was a good one: its loss starts with a short pause again.
const GOOD_LIFE: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_secs(10);

/// What the feed tells.
#[derive(Debug)]
pub(super) enum FeedEvent {
    Change(Change),
    /// The stream was lost, and the engine does not answer; it is asked again after this pause. Told after
    /// each attempt.
    Down(EngineError, Duration),
    /// The engine answers after a loss: what happened meanwhile is not known.
    Back,
}

enum FeedState<'e> {
    Live {
        stream: BoxStream<'e, Result<Change, EngineError>>,
        since: Instant,
    },
    Waiting(Instant),
    Probing(BoxFuture<'e, Result<EngineInfo, EngineError>>),
    /// The engine has no events to give: only scans show what is new.
    Off,
}

/// The engine's events, kept alive.
pub(super) struct Feed<'e> {
    engine: &'e dyn Engine,
    state: FeedState<'e>,
    /// Before the next attempt, as long as the engine does not answer.
    pause: Duration,
    /// Before the stream is taken up again that was lost.
    rest: Duration,
    down: bool,
}

impl<'e> Feed<'e> {
    pub(super) fn new(engine: &'e dyn Engine) -> Self {
        Self {
            engine,
            state: live(engine),
            pause: FIRST_PAUSE,
            rest: FIRST_PAUSE,
            down: false,
        }
    }

    /// Returns the next news. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> FeedEvent {
        loop {
            match &mut self.state {
                FeedState::Live { stream, since } => match stream.next().await {
                    Some(Ok(change)) => return FeedEvent::Change(change),
                    Some(Err(error)) if is_final(&error) => self.state = FeedState::Off,
                    end @ (Some(Err(_)) | None) => {
                        if since.elapsed() >= GOOD_LIFE {
                            self.rest = FIRST_PAUSE;
                        }
                        let is_refused = matches!(
                            end,
                            Some(Err(EngineError::Refused { .. } | EngineError::Barred { .. }))
                        );
                        let longest = if is_refused {
                            LONGEST_REFUSAL
                        } else {
                            LONGEST_REST
                        };
                        self.state = FeedState::Waiting(Instant::now() + self.rest);
                        self.rest = (self.rest * 2).min(longest);
                    }
                },
                FeedState::Waiting(until) => {
                    sleep_until(*until).await;
                    self.state = FeedState::Probing(probe(self.engine));
                }
                FeedState::Probing(answer) => match answer.await {
                    Ok(_) => {
                        self.state = live(self.engine);
                        self.pause = FIRST_PAUSE;
                        // An outage is why the stream broke; that says nothing against the next one.
                        if std::mem::take(&mut self.down) {
                            self.rest = FIRST_PAUSE;
                        }
                        return FeedEvent::Back;
                    }
                    Err(error) => {
                        self.down = true;
                        let pause = self.pause;
                        self.state = FeedState::Waiting(Instant::now() + pause);
                        self.pause = (pause * 2).min(LONGEST_OUTAGE);
                        return FeedEvent::Down(error, pause);
                    }
                },
                FeedState::Off => std::future::pending().await,
            }
        }
    }

    /// Returns true while the engine does not answer.
    pub(super) fn is_down(&self) -> bool {
        self.down
    }

    /// Somebody does not want to wait for the next attempt.
    pub(super) fn retry_now(&mut self) {
        if let FeedState::Waiting(until) = &mut self.state {
            *until = Instant::now();
        }
    }
}

/// Returns true where asking again would be refused again: what an engine, or a proxy before it, does not let one do.
/// That it cannot now (500 and above) passes.
fn is_final(error: &EngineError) -> bool {
    match error {
        EngineError::NotSupported(_) | EngineError::NotFound(_) => true,
        EngineError::Refused { status, .. } => (400..500).contains(status),
        error => error.is_forbidden(),
    }
}

fn live(engine: &dyn Engine) -> FeedState<'_> {
    FeedState::Live {
        stream: engine.changes(),
        since: Instant::now(),
    }
}

/// One cheap request, so that a dead engine is not asked for everything every few seconds.
fn probe(engine: &dyn Engine) -> BoxFuture<'_, Result<EngineInfo, EngineError>> {
    Box::pin(async move {
        timeout(PROBE, engine.about()).await.unwrap_or_else(|_| {
            Err(EngineError::TimedOut {
                request: "info".to_owned(),
                seconds: PROBE.as_secs(),
            })
        })
    })
}
