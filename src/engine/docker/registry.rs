//! What brings images back: a registry's word, a pull, a load and names. Credentials go along as the docker
//! command sends them.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes as Chunk, Frame};
use hyper::{Method, Request};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::DockerEngine;
use super::writes::encoded;
use crate::domain::bytes::Bytes;
use crate::domain::engine_words::shortened;
use crate::domain::inventory::Store;
use crate::domain::item::ImageId;
use crate::domain::reference::repository;
use crate::domain::text::Text;
use crate::engine::transport::{Body, empty, within};
use crate::engine::wire::{self, Dialect, Row};
use crate::engine::{EngineError, Tell, user_file};

/// How long a registry may take to say whether it has something.
const LOOK: Duration = Duration::from_secs(10);
const AUTH: &str = "X-Registry-Auth";
/// A line of progress is some hundred bytes.
const LONGEST_LINE: usize = 1024 * 1024;
/// A file is sent in pieces of this size.
const PIECE: usize = 64 * 1024;

impl DockerEngine {
    pub(super) async fn has_registry(&self, digest: &str) -> Result<bool, EngineError> {
        if self.terms().dialect.podman {
            let why = "Podman asks no registry without a pull";
            return Err(EngineError::NotSupported(why.to_owned()));
        }
        let path = format!("/distribution/{}/json", encoded(digest)?);
        within(&path, Some(LOOK), async {
            let (request, _) = self.to_registry(Method::GET, &path, digest).await?;
            match self.transport.succeed(request).await {
                Ok(_) => Ok(true),
                Err(EngineError::NotFound(_)) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    pub(super) async fn pull_image(&self, digest: &str, tell: Tell<'_>) -> Result<(), EngineError> {
        let path = format!("/images/create?fromImage={}", queried(digest));
        let (request, trouble) = self.to_registry(Method::POST, &path, digest).await?;
        let pulled = self.follow(request, "pulled", tell).await;
        pulled.map_err(|error| match (error, trouble) {
            // Perhaps that is why.
            (EngineError::Refused { status, message }, Some(trouble)) => EngineError::Refused {
                status,
                message: format!("{message}; {trouble}"),
            },
            (error, _) => error,
        })
    }

    /// Returns a request that a registry's credentials go along with, and why those could not be had.
    async fn to_registry(
        &self,
        method: Method,
        path: &str,
        name: &str,
    ) -> Result<(Request<Body>, Option<String>), EngineError> {
        let key = self.options.keychain.key(name).await;
        let mut request = request(method, path, empty())?;
        if let Some(Ok(header)) = key.header.map(|header| header.parse()) {
            request.headers_mut().insert(AUTH, header);
        }
        Ok((request, key.trouble))
    }

    pub(super) async fn load_images(&self, path: &Path, tell: Tell<'_>) -> Result<(), EngineError> {
        let unread =
            |error: io::Error| EngineError::NotFound(format!("{}: {error}", path.display()));
        let file = tokio::fs::File::from_std(user_file::open(path).map_err(unread)?);
        let pieces = stream::try_unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            Ok::<_, io::Error>((read > 0).then(|| (Frame::data(Chunk::from(piece)), file)))
        });
        let body = StreamBody::new(pieces).map_err(Into::into).boxed_unsync();
        let mut request = request(Method::POST, "/images/load?quiet=1", body)?;
        let tar = hyper::header::HeaderValue::from_static("application/x-tar");
        request.headers_mut().insert("Content-Type", tar);
        tell(format!("loading {}", path.display()));
        self.follow(request, "loaded", tell).await
    }

    pub(super) async fn tag_image(&self, id: &ImageId, name: &str) -> Result<(), EngineError> {
        let (repository, tag) = name
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .unwrap_or((name, "latest"));
        let path = format!(
            "/images/{}/tag?repo={}&tag={}",
            encoded(id.as_str())?,
            queried(repository),
            queried(tag)
        );
        let tagged = request(Method::POST, &path, empty());
        self.transport.succeed(tagged?).await.map(drop)
    }

    /// Reads the lines of an answer to its end: a refusal comes after the head, inside them.
    async fn follow(
        &self,
        request: Request<Body>,
        verb: &str,
        tell: Tell<'_>,
    ) -> Result<(), EngineError> {
        let mut body = self.transport.succeed(request).await?.into_body();
        let mut far = Far::default();
        let mut buffer: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.transport.unreachable(&error))?;
            if let Some(data) = frame.data_ref() {
                buffer.extend_from_slice(data);
            }
            while let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                far.take(&line)?;
            }
            if buffer.len() > LONGEST_LINE {
                return Err(wire::garbled("the answer", "a line without end"));
            }
            if let Some(words) = far.words(verb) {
                tell(words);
            }
        }
        far.take(&buffer)
    }
}

/// The tag of references that are only there while something is restored.
const PASSING: &str = "dtop-restore";

/// Returns the reference that a digest is pulled by for a while. Docker's graph drivers keep a digest as long as its
/// repository's tags. Podman untags it alone. The containerd store takes all tags of the repository along where one
/// untags `repository@sha256:…`, but of `repository:tag@sha256:…` only that tag's own (`getSameReferences` in
/// `daemon/containerd/image_delete.go`; tried on 26.1 and 28.5).
pub(super) fn passing_reference(dialect: Dialect, digest: &str) -> Option<Text> {
    if dialect.podman {
        return Some(digest.into());
    }
    let (_, hash) = digest.split_once('@')?;
    let by_tag = || format!("{}:{PASSING}@{hash}", repository(digest)).into();
    (dialect.store == Store::Containerd).then(by_tag)
}

/// How far the layers are that come.
#[derive(Default)]
struct Far {
    layers: HashMap<String, (Bytes, Bytes)>,
    told: Bytes,
}

impl Far {
    fn take(&mut self, line: &[u8]) -> Result<(), EngineError> {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            return Ok(());
        };
        let row = Row(&value);
        let words = row.at("errorDetail").filled("message");
        if let Some(words) = words.or(row.filled("error")) {
            return Err(EngineError::Refused {
                status: 500,
                message: shortened(words),
            });
        }
        let progress = row.at("progressDetail");
        // Unpacking counts anew; it is not what is waited for.
        let come = progress.bytes("current").zip(progress.bytes("total"));
        if let (Some(come), "Downloading") = (come, row.text("status")) {
            self.layers.insert(row.text("id").to_owned(), come);
        }
        Ok(())
    }

    /// Returns what to say, if it is something new.
    fn words(&mut self, verb: &str) -> Option<String> {
        let come: Bytes = self.layers.values().map(|(come, _)| *come).sum();
        let all: Bytes = self.layers.values().map(|(_, all)| *all).sum();
        let step = Bytes(all.0 / 100);
        if come.is_zero() || come < self.told + step {
            return None;
        }
        self.told = come;
        Some(format!("{verb} {come} of {all}"))
    }
}

fn request(method: Method, path: &str, body: Body) -> Result<Request<Body>, EngineError> {
    let uri = path.parse();
    let uri = uri.map_err(|_| wire::garbled(&format!("{method} {path}"), "it is no path"))?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    Ok(request)
}

/// Returns a text as a value in a query.
fn queried(text: &str) -> String {
    let mut query = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            query.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(query, "%{byte:02X}");
        }
    }
    query
}
