//! Questions that an engine fails for a moment's reason, asked again.

use std::time::{Duration, Instant};

use crate::engine::EngineError;

/// An answer that a removal crossed is asked for this many times in all.
const CROSSINGS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks again while the engine is busy with the same for somebody else: `a disk usage operation is already
/// running` (500), `a prune operation is already running` (409).
pub async fn retry_while_busy<T, F>(
    patience: Duration,
    ask: impl FnMut() -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let began = Instant::now();
    while_refused(|error, _| is_busy(error) && began.elapsed() < patience, ask).await
}

/// Asks again when something went while the engine walked over it, which fails its whole answer: a list
/// and a df exist on every engine, so that a 404 of theirs can only speak of a part of them (seen on 28.5.2
/// with the containerd store: `NotFound: snapshot …-view does not exist: not found`).
pub async fn retry_on_race<T, F>(ask: impl FnMut() -> F) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    while_refused(
        |error, asked| matches!(error, EngineError::NotFound(_)) && asked < CROSSINGS,
        ask,
    )
    .await
}

async fn while_refused<T, F>(
    worth: impl Fn(&EngineError, u32) -> bool,
    mut ask: impl FnMut() -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut pause = FIRST_PAUSE;
    let mut asked = 0;
    loop {
        let answer = ask().await;
        asked += 1;
        match answer {
            Err(error) if worth(&error, asked) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            answer => return answer,
        }
    }
}

fn is_busy(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Conflict(message) | EngineError::Refused { message, .. }
            if message.contains("operation is already running")
    )
}
