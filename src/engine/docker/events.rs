//! The stream of `/events`.

use futures_util::stream::{self, Stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::domain::time::Timestamp;
use crate::engine::transport::Transport;
use crate::engine::wire::{self, Dialect};
use crate::engine::{Change, EngineError};

/// `{"type":["container","image","volume","builder","service","node"]}`: the other types are never of interest.
const FILTERS: &str = "filters=%7B%22type%22%3A%5B%22container%22%2C%22image%22%2C%22volume%22%2C\
                       %22builder%22%2C%22service%22%2C%22node%22%5D%7D";
/// An event is a line of some hundred bytes, and of some more with many labels.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// Changes as they happen, and before them those `since` then: lists may be asked for before an engine has begun
/// to listen, and it repeats the last few hundred events. The connection is made when the first change is waited
/// for.
pub fn follow(
    transport: Transport,
    dialect: Dialect,
    since: Option<Timestamp>,
) -> impl Stream<Item = Result<Change, EngineError>> + Send {
    let lines = EventLines {
        transport,
        path: path(dialect, since),
        body: None,
        buffer: Vec::new(),
    };
    stream::try_unfold(lines, |mut lines| async {
        let change = lines.next_change().await?;
        Ok(change.map(|change| (change, lines)))
    })
}

/// Returns whether [`follow`] tells what has happened since then.
pub fn tells_since(dialect: Dialect, since: Option<Timestamp>) -> bool {
    !dialect.podman && since.is_some()
}

/// Podman has no builder and other rules for filters, and looks through a journal for what was: its few other
/// events are passed over here, and it is asked for none of before.
fn path(dialect: Dialect, since: Option<Timestamp>) -> String {
    match since {
        _ if dialect.podman => "/events".to_owned(),
        Some(since) => format!("/events?since={}&{FILTERS}", since.as_second()),
        None => format!("/events?{FILTERS}"),
    }
}

struct EventLines {
    transport: Transport,
    path: String,
    body: Option<Incoming>,
    buffer: Vec<u8>,
}

impl EventLines {
    async fn next_change(&mut self) -> Result<Option<Change>, EngineError> {
        loop {
            while let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if let Some(change) = wire::change(&String::from_utf8_lossy(&line)) {
                    return Ok(Some(change));
                }
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(wire::garbled("GET /events", "a line without end"));
            }
            if !self.read().await? {
                let rest = std::mem::take(&mut self.buffer);
                return Ok(wire::change(&String::from_utf8_lossy(&rest)));
            }
        }
    }

    /// Waits for more; false at the stream's end.
    async fn read(&mut self) -> Result<bool, EngineError> {
        let body = match &mut self.body {
            Some(body) => body,
            None => self
                .body
                .insert(self.transport.open(&self.path).await?.into_body()),
        };
        match body.frame().await {
            None => Ok(false),
            Some(Ok(frame)) => {
                self.buffer
                    .extend(frame.into_data().iter().flat_map(|data| data.iter()));
                Ok(true)
            }
            Some(Err(error)) => Err(self.transport.unreachable(&error)),
        }
    }
}
