//! The list that everybody waits for, asked for while the engine still says what it is.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, MaybeDone, maybe_done};

use super::images;
use crate::engine::EngineError;
use crate::engine::transport::Transport;
use crate::engine::wire::ImageList;

/// Older than this it is asked for anew.
const FRESH: Duration = Duration::from_secs(2);

/// `/images/json`, under way.
pub struct Ahead {
    asked: Instant,
    list: MaybeDone<BoxFuture<'static, Result<ImageList, EngineError>>>,
}

impl Ahead {
    /// Asks in the version that the transport speaks. It is on its way as soon as something is awaited beside it.
    pub fn ask(transport: &Transport) -> Self {
        let transport = transport.clone();
        let list = async move { images(&transport).await };
        Self {
            asked: Instant::now(),
            list: maybe_done(list.boxed()),
        }
    }

    /// Goes on asking until the other has come.
    pub async fn beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        poll_fn(|context| {
            let _ = Pin::new(&mut self.list).poll(context);
            other.as_mut().poll(context)
        })
        .await
    }

    /// Returns the list, unless it failed or is old: then it is to be asked for like any other.
    pub async fn list(mut self) -> Option<ImageList> {
        if self.asked.elapsed() > FRESH {
            return None;
        }
        Pin::new(&mut self.list).await;
        Pin::new(&mut self.list).take_output()?.ok()
    }
}

impl std::fmt::Debug for Ahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead")
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}
