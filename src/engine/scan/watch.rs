//! The watch: a scan, and then only what has changed.

use std::sync::Arc;

use futures_util::StreamExt;
use jiff::SignedDuration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

use super::feed::{Feed, FeedEvent};
use super::pass::First;
use super::state::{Scan, Why};
use crate::domain::inventory::Part;
use crate::domain::item::ImageId;
use crate::domain::time::Timestamp;
use crate::engine::port::clock;
use crate::engine::{Engine, EngineError};

/// What somebody who looks at an engine wants of the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Lists everything and measures everything again.
    Rescan,
    /// These images are on the screen: their layers are asked before others'.
    LookFirst(Vec<ImageId>),
    /// These are on the screen or marked: what they take on the disk is measured before others.
    MeasureFirst(First),
    /// The build cache is on the screen, or no longer. It grows without events (ENGINE.md §7).
    BuildCacheVisible(bool),
}

/// What the watch tells of an engine.
#[derive(Debug)]
pub enum Update {
    /// Answers, and where the stages stand.
    Parts(Vec<Part>),
    /// The engine does not answer, in these words. What was told of it stays; it is asked again at that time.
    Lost { why: String, again: Timestamp },
    /// It answers again, and what may have been missed is being listed.
    Back,
}

/// Watches an engine until nobody listens to `out` any more.
///
/// Answers come as soon as they are there, each stage with its progress around it. A stage that fails
/// stops no other, and leaves what was sent before in force.
pub async fn watch(
    engine: Arc<dyn Engine>,
    mut requests: UnboundedReceiver<Request>,
    out: UnboundedSender<Update>,
) {
    // Subscribed before the first list, so that nothing happens unseen between the two.
    let mut feed = Feed::new(&*engine);
    let mut scan = Scan::new(&*engine);
    let mut asking = true;
    scan.start(Why::First);
    loop {
        scan.proceed();
        let parts = scan.outbox.take();
        if !parts.is_empty() && out.send(Update::Parts(parts)).is_err() {
            return;
        }
        let deadline = scan.deadline();
        tokio::select! {
            biased;
            () = out.closed() => return,
            request = requests.recv(), if asking => match request {
                // There is nothing to scan before it answers again.
                Some(Request::Rescan) if feed.is_down() => feed.retry_now(),
                Some(request) => scan.request(request),
                None => asking = false,
            },
            news = feed.next() => match news {
                FeedEvent::Change(change) => scan.note(change),
                FeedEvent::Down(error, pause) => {
                    scan.down(&error);
                    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                    let lost = Update::Lost {
                        why: cause(&error),
                        again: clock::now() + pause,
                    };
                    if out.send(lost).is_err() {
                        return;
                    }
                }
                FeedEvent::Back => {
                    scan.start(Why::Reconnected);
                    if out.send(Update::Back).is_err() {
                        return;
                    }
                }
            },
            Some(answer) = scan.jobs.next() => scan.take(answer),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                scan.on_time();
            }
        }
    }
}

/// Returns why an engine does not answer. Its name stands beside these words anyway, and the number of the system's
/// error tells nobody more than its words.
fn cause(error: &EngineError) -> String {
    match error {
        EngineError::Unreachable { cause, .. } => {
            let words = cause.split_once(" (os error").map(|(words, _)| words);
            words.unwrap_or(cause).to_owned()
        }
        error => error.to_string(),
    }
}
