//! The two calls of the engine's content service, over gRPC as buildx speaks it.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes as Chunk, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::header::{CONTENT_TYPE, HeaderMap, TE};
use hyper::{Method, Request, StatusCode};

use super::proto::{FieldValue, Fields, Garbled, text_message};
use crate::domain::bytes::Bytes;
use crate::domain::store::content::Listed;
use crate::engine::EngineError;
use crate::engine::transport::{Body, Http2Route, Transport, refused};
use crate::engine::wire;

/// More than the list of any store: about a million blobs.
const LONGEST_LIST: usize = 512 * 1024 * 1024;
/// Manifests and configs are a few KB; registries take no manifest beyond 4 MiB.
pub const LONGEST_DOCUMENT: usize = 4 * 1024 * 1024;
/// What the pieces of a short answer have beside what they carry.
const PIECES: usize = 1_024;
/// Each message has a flag for compression and its length in front.
const PREFIX: usize = 5;

/// A connection to the content service.
pub struct Grpc {
    transport: Transport,
    sender: SendRequest<Body>,
}

/// What can be asked: it only reads.
#[derive(Clone, Copy, Debug)]
enum Call<'a> {
    List,
    /// A blob that is no longer than so many bytes.
    Read(&'a str, usize),
}

impl Call<'_> {
    fn path(self) -> &'static str {
        match self {
            Self::List => "/containerd.services.content.v1.Content/List",
            Self::Read(..) => "/containerd.services.content.v1.Content/Read",
        }
    }

    fn message(self) -> Vec<u8> {
        match self {
            Self::List => Vec::new(),
            Self::Read(digest, _) => text_message(1, digest),
        }
    }

    fn longest_answer(self) -> usize {
        match self {
            Self::List => LONGEST_LIST,
            // Each piece has its own prefix and offset.
            Self::Read(_, length) => length + length / 8 + PIECES,
        }
    }
}

impl Grpc {
    /// # Errors
    /// As [`Transport::http2`].
    pub async fn connect(transport: &Transport, way: Http2Route) -> Result<Self, EngineError> {
        Ok(Self {
            sender: transport.http2(way).await?,
            transport: transport.clone(),
        })
    }

    /// Returns all blobs, with their labels.
    ///
    /// # Errors
    /// The service's refusal, or why its answer cannot be had or read.
    pub async fn list(&self) -> Result<Vec<Listed>, EngineError> {
        let mut blobs = Vec::new();
        self.ask(Call::List, |message| read_infos(message, &mut blobs))
            .await?;
        Ok(blobs)
    }

    /// Returns a blob's content.
    ///
    /// # Errors
    /// As [`Grpc::list`]; [`EngineError::NotFound`] when there is no such blob (any more).
    pub async fn read(&self, digest: &str) -> Result<Vec<u8>, EngineError> {
        let mut content = Vec::new();
        self.ask(Call::Read(digest, LONGEST_DOCUMENT), |message| {
            content.extend_from_slice(read_piece(message, content.len())?);
            Ok(())
        })
        .await?;
        Ok(content)
    }

    /// Returns a blob of this length, piece by piece. Once `take` returns false, no more is read.
    ///
    /// # Errors
    /// As [`Grpc::read`]; also where `take` wants no more.
    pub async fn pass(
        &self,
        digest: &str,
        length: usize,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), EngineError> {
        let mut passed = 0;
        self.ask(Call::Read(digest, length), |message| {
            let piece = read_piece(message, passed)?;
            passed += piece.len();
            take(piece).then_some(()).ok_or(Garbled)
        })
        .await
    }

    async fn ask(
        &self,
        call: Call<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), Garbled>,
    ) -> Result<(), EngineError> {
        let garbled = |cause: &str| wire::garbled(call.path(), cause);
        let mut body = self.send(call).await?;
        let mut messages = Messages::default();
        let mut received = 0_usize;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.transport.unreachable(&error))?;
            if let Some(trailers) = frame.trailers_ref() {
                return status(trailers).unwrap_or_else(|| Err(garbled("it has no status")));
            }
            let data = frame.into_data().unwrap_or_default();
            received = received.saturating_add(data.len());
            if received > call.longest_answer() {
                return Err(garbled("it is too long"));
            }
            messages.0.extend_from_slice(&data);
            while let Some(message) = messages.next().map_err(garbled)? {
                take(&message).map_err(|error| garbled(&error.to_string()))?;
            }
        }
        Err(garbled("it ends too early"))
    }

    /// Returns the answer's body, unless the head refuses already.
    async fn send(&self, call: Call<'_>) -> Result<Incoming, EngineError> {
        let body = Full::new(Chunk::from(framed(&call.message())));
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.transport.service(call.path())?)
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
            .body(body.map_err(|never| match never {}).boxed_unsync())
            .map_err(|error| wire::garbled(call.path(), &error.to_string()))?;
        let answer = self.sender.clone().send_request(request).await;
        let answer = answer.map_err(|error| self.transport.unreachable(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer.status().as_u16(), ""));
        }
        // A refusal without a body has its status in the head.
        if let Some(Err(refusal)) = status(answer.headers()) {
            return Err(refusal);
        }
        Ok(answer.into_body())
    }
}

/// gRPC's own status, in the words of HTTP; nothing where it is not told.
fn status(headers: &HeaderMap) -> Option<Result<(), EngineError>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status")?;
    let message = text("grpc-message").unwrap_or_default();
    Some(match code {
        "0" => return Some(Ok(())),
        "5" => Err(refused(404, message)),
        "7" => Err(refused(403, message)),
        "12" => Err(EngineError::NotSupported(message.to_owned())),
        "14" => Err(refused(503, message)),
        "16" => Err(refused(401, message)),
        _ => Err(refused(500, message)),
    })
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = vec![0];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Bytes that came, of which complete messages are taken.
#[derive(Default)]
struct Messages(Vec<u8>);

impl Messages {
    fn next(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        let Some(([compressed, a, b, c, d], rest)) = self.0.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        // It was not asked for.
        if *compressed != 0 {
            return Err("it is compressed");
        }
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d]));
        let length = length.map_err(|_| "it is too long")?;
        if rest.len() < length {
            return Ok(None);
        }
        let message = rest[..length].to_vec();
        self.0.drain(..PREFIX + length);
        Ok(Some(message))
    }
}

/// `ListContentResponse`: its first field is a blob, again and again.
fn read_infos(message: &[u8], blobs: &mut Vec<Listed>) -> Result<(), Garbled> {
    for field in Fields(message) {
        if let (1, FieldValue::Bytes(info)) = field? {
            blobs.push(read_info(info)?);
        }
    }
    Ok(())
}

/// `Info`: digest, size, two times, labels.
fn read_info(message: &[u8]) -> Result<Listed, Garbled> {
    let mut blob = Listed::default();
    for field in Fields(message) {
        match field? {
            (1, digest) => blob.digest = digest.text().into(),
            // A signed number: what would be below zero is no size.
            (2, FieldValue::Number(size)) => {
                blob.size = Bytes(i64::try_from(size).map_or(0, i64::unsigned_abs));
            }
            (5, label) => {
                let mut pair = [FieldValue::Other; 2];
                for field in Fields(label.bytes()) {
                    match field? {
                        (1, key) => pair[0] = key,
                        (2, value) => pair[1] = value,
                        _ => {}
                    }
                }
                blob.labels
                    .push((pair[0].text().into(), pair[1].text().into()));
            }
            _ => {}
        }
    }
    Ok(blob)
}

/// `ReadContentResponse`: an offset, which must be where the content so far ends, and bytes.
fn read_piece(message: &[u8], length: usize) -> Result<&[u8], Garbled> {
    let (mut offset, mut data) = (0, &[][..]);
    for field in Fields(message) {
        match field? {
            (1, FieldValue::Number(number)) => offset = number,
            (2, FieldValue::Bytes(bytes)) => data = bytes,
            _ => {}
        }
    }
    if usize::try_from(offset) != Ok(length) {
        return Err(Garbled);
    }
    Ok(data)
}

#[cfg(test)]
mod tests;
