//! The door's other way: HTTP/2 on a connection of its own, for the engine's gRPC services.
//!
//! With `--read-only` it stays open, because who asks here can only read: [`Grpc`](crate::engine::blobs)
//! knows two calls, both of the engine's read-only content service (README.md, What is never removed).

use hyper::client::conn::{http1, http2};
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::rt::{Read, Write};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Body, Slot, Transport, empty, refusal_of};
use crate::engine::EngineError;
use crate::engine::wire;

/// How an engine's HTTP/2 is reached (ENGINE-CONTAINERD.md §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Http2Route {
    /// Spoken from the first byte, since 29.2.
    Straight,
    /// `POST /grpc` and a change of protocol, which has been deprecated since API 1.53.
    Upgrade,
}

impl Transport {
    /// Opens an HTTP/2 connection. It ends when the sender and its clones are dropped.
    ///
    /// # Errors
    /// The engine's refusal, or [`EngineError::Unreachable`].
    pub(in crate::engine) async fn http2(
        &self,
        way: Http2Route,
    ) -> Result<http2::SendRequest<Body>, EngineError> {
        let room = self.0.room().await;
        // One that is idle has room of its own, where connections are counted.
        drop(room.as_ref().and_then(|_| self.0.take_idle()));
        let stream = self.0.line.dial().await;
        let stream = TokioIo::new(stream.map_err(|error| self.unreachable(&error))?);
        match way {
            Http2Route::Straight => self.greet(stream, room).await,
            Http2Route::Upgrade => self.greet(self.upgraded(stream).await?, room).await,
        }
    }

    /// Returns the address of a service for requests over HTTP/2.
    pub(in crate::engine) fn service(&self, path: &str) -> Result<Uri, EngineError> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.0.authority.as_bytes())
            .path_and_query(format!("{}{path}", self.0.prefix))
            .build();
        uri.map_err(|error| wire::garbled(path, &error.to_string()))
    }

    async fn greet(
        &self,
        stream: impl Read + Write + Unpin + Send + 'static,
        room: Slot,
    ) -> Result<http2::SendRequest<Body>, EngineError> {
        let hands = http2::handshake(TokioExecutor::new(), stream).await;
        let (sender, connection) = hands.map_err(|error| self.unreachable(&error))?;
        tokio::spawn(async {
            connection.await.ok();
            drop(room);
        });
        Ok(sender)
    }

    async fn upgraded(
        &self,
        stream: impl Read + Write + Unpin + Send + 'static,
    ) -> Result<hyper::upgrade::Upgraded, EngineError> {
        let broken = |error: hyper::Error| self.unreachable(&error);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
        tokio::spawn(async { connection.with_upgrades().await.ok() });
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/grpc", self.0.prefix))
            .header(HOST, &self.0.authority)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "h2c")
            .body(empty())
            .map_err(|error| wire::garbled("POST /grpc", &error.to_string()))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return hyper::upgrade::on(response).await.map_err(broken);
        }
        Err(refusal_of("POST /grpc", response).await)
    }
}
