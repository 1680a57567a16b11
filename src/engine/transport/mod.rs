//! One door to an engine: HTTP/1.1 over a unix socket, TCP, TLS, or a login on its host.
//!
//! Everything that is ever sent goes through [`Transport::send`], bollard's requests too. It holds the
//! read-only gate and writes the API version in front of each path, which bollard 0.21.1 forgets
//! (ENGINE.md §0.4).
//!
//! - `address`: where an engine listens, and a line that is dialled there.
//! - `frames`: an answer as it comes, for readers that wait for it.
//! - `http2`: the door's other way: HTTP/2 on a connection of its own, for the engine's gRPC services.
//! - `metered`: a connection that reads no more than it is allowed to, so that an answer without an end has one.
//! - `packed`: answers that somebody in between has packed, though nobody asked for that: proxies do.
//! - `ssh`: an engine on another machine, behind a login there: the user's own `ssh` with the user's own settings.
//! - `stream`: a connection, whatever carries it.
//! - `tls`: TLS as the docker command speaks it: an authority, a client certificate, and both checked.

mod address;
mod frames;
mod http2;
mod metered;
mod packed;
pub mod ssh;
mod stream;
#[cfg(test)]
mod tests;
pub mod tls;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use self::address::{Address, Dial, Dials};
pub(super) use self::frames::Frames;
pub(super) use self::http2::Http2Route;
use self::metered::{Allowance, Metered};
use self::packed::unpacked;
use super::wire;
use super::{EngineError, Gate};
use crate::domain::engine_words::shortened;
use crate::domain::text::Text;
use crate::engine::port::blocking::run_blocking;

/// More than any list of a working engine; an answer beyond it is not read to its end.
const LONGEST_ANSWER: usize = 128 * 1024 * 1024;
/// How much is taken from a socket at once, and given to it, at most, and how long the head of an answer may be:
/// there are buffers of this size for each connection.
const READ_AT_ONCE: usize = 64 * 1024;
/// Pieces of an answer that wait to be read.
const FRAMES: usize = 1;
/// A refusal is a sentence, and so is the answer to a ping.
pub(super) const LONGEST_REFUSAL: usize = 64 * 1024;
/// Idle connections that are kept, and for how long: engines and proxies close them after a while.
const IDLE_CONNECTIONS: usize = 8;
const IDLE_TIME: Duration = Duration::from_secs(25);

/// A version of the Engine API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Api {
    pub major: u16,
    pub minor: u16,
}

impl Api {
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads `1.41` or `v1.41`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (major, minor) = text.strip_prefix('v').unwrap_or(text).split_once('.')?;
        Some(Self::new(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a request carries.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A way to one engine, shared by its clones.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    line: Dial,
    /// The engine's name in errors.
    host: Text,
    authority: HeaderValue,
    /// What stands before every path: an engine behind a proxy may be one of several.
    prefix: String,
    gate: Gate,
    api: RwLock<Option<Api>>,
    idle: Mutex<Vec<(Connection, Instant)>>,
    /// Room for another request, where there may not be any number of connections.
    room: Option<Arc<Semaphore>>,
}

/// A connection that is made.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Body>,
    allowance: Allowance,
}

/// The room that a request takes until its answer is read.
type Slot = Option<OwnedSemaphorePermit>;

impl Transport {
    /// Returns a way that has not been walked yet: nothing is sent.
    #[must_use]
    pub fn new(line: impl Into<Dial>, host: Text, gate: Gate) -> Self {
        let line = line.into();
        let authority = HeaderValue::from_str(&line.address().authority())
            .unwrap_or(HeaderValue::from_static("docker"));
        let prefix = line.address().prefix().to_owned();
        let room = line.places().map(|places| Arc::new(Semaphore::new(places)));
        Self(Arc::new(Shared {
            line,
            host,
            authority,
            prefix,
            gate,
            api: RwLock::new(None),
            idle: Mutex::default(),
            room,
        }))
    }

    /// Puts this version in front of every path from now on, but for those that tell the version: an engine
    /// that has become another one would refuse the old one there, too.
    pub fn speak(&self, api: Api) {
        let mut spoken = self.0.api.write().unwrap_or_else(PoisonError::into_inner);
        *spoken = Some(api);
    }

    #[must_use]
    pub fn address(&self) -> &Address {
        self.0.line.address()
    }

    /// Returns the login on the engine's host, if there is one.
    pub(in crate::engine) fn login(&self) -> Option<&ssh::Login> {
        self.0.line.login()
    }

    /// Returns true if a request sent now would not have to wait until another one is answered.
    pub(in crate::engine) fn has_room(&self) -> bool {
        let room = self.0.room.as_ref();
        room.is_none_or(|room| room.available_permits() > 0)
    }

    /// Returns what it lets through but GET and HEAD.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.0.gate
    }

    /// Sends a request and waits for the answer's head. Dropping the future, or the answer before its
    /// end, closes the connection, by which the engine gives the request up (ENGINE.md §6).
    ///
    /// # Errors
    /// [`EngineError::ReadOnly`] before anything is sent, or [`EngineError::Unreachable`].
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, EngineError> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if !is_read {
            let what = || format!("{} {}", request.method(), request.uri().path());
            self.0.gate.pass(what)?;
        }
        let mut request = self.0.addressed(request)?;
        let mut room = self.0.room().await;
        // Answers to reads are limited where they are read, if they ever end; bollard reads without a limit.
        let longest = if is_read { usize::MAX } else { LONGEST_ANSWER };
        if let Some(connection) = self.0.take_idle() {
            connection.allowance.grant(longest);
            let again = is_read.then(|| copy_of(&request));
            (request, room) = match self.0.ask(connection, request, room).await {
                Ok(response) => return unpacked(response, longest).await,
                // The engine had closed it meanwhile. What was not sent may be sent once more, and what
                // only reads may be asked twice.
                Err(failure) => match failure.unsent.or(again) {
                    Some(request) => (request, failure.room),
                    None => return Err(self.0.unreachable(&failure.error)),
                },
            };
        }
        let connection = self.0.connect().await?;
        connection.allowance.grant(longest);
        let answer = self.0.ask(connection, request, room).await;
        let response = answer.map_err(|failure| self.0.unreachable(&failure.error))?;
        unpacked(response, longest).await
    }

    /// Sends a GET and hands out the answer's head and body if it is a success.
    ///
    /// # Errors
    /// As [`Transport::send`], or the engine's refusal.
    pub async fn open(&self, path: &str) -> Result<Response<Incoming>, EngineError> {
        let uri: Uri = path
            .parse()
            .map_err(|_| wire::garbled(&format!("GET {path}"), "it is no path"))?;
        let mut request = Request::new(empty());
        *request.uri_mut() = uri;
        self.succeed(request).await
    }

    /// Sends any request and hands out the answer's head and body if it is a success.
    ///
    /// # Errors
    /// As [`Transport::send`], or the engine's refusal.
    pub async fn succeed(&self, request: Request<Body>) -> Result<Response<Incoming>, EngineError> {
        let asked = name_of(request.method(), request.uri().path());
        let response = self.send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal_of(&asked, response).await)
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// A broken connection, or [`EngineError::Garbled`] where it is too long.
    pub(in crate::engine) async fn whole(
        &self,
        response: Response<Incoming>,
    ) -> Result<Vec<u8>, EngineError> {
        let mut body = Limited::new(response.into_body(), LONGEST_ANSWER);
        let mut answer = Vec::new();
        while let Some(piece) = self.piece(&mut body).await? {
            answer.extend_from_slice(&piece);
        }
        Ok(answer)
    }

    /// Returns the next bytes of an answer; none at its end.
    async fn piece(&self, body: &mut Limited<Incoming>) -> Result<Option<Bytes>, EngineError> {
        while let Some(frame) = body.frame().await {
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(bytes)) => return Ok(Some(bytes)),
                // Trailers tell nothing.
                Ok(Err(_)) => {}
                Err(error) if error.is::<LengthLimitError>() => {
                    return Err(wire::garbled("the answer", "it is too long"));
                }
                Err(error) => return Err(self.0.unreachable(error.as_ref())),
            }
        }
        Ok(None)
    }

    /// Sends a GET and reads the whole answer, within a time if one is given.
    ///
    /// # Errors
    /// As [`Transport::open`], [`EngineError::TimedOut`], or [`EngineError::Garbled`] where it is too long.
    pub async fn get(&self, path: &str, limit: Option<Duration>) -> Result<Vec<u8>, EngineError> {
        within(path, limit, async {
            let whole = self.whole(self.open(path).await?).await;
            whole.map_err(|error| about(path, error))
        })
        .await
    }

    /// Sends a GET and reads the answer while it comes, on a thread of its own: no more of it than a few pieces is
    /// ever held, and nobody waits while a long one is read.
    ///
    /// # Errors
    /// As [`Transport::get`].
    pub(in crate::engine) async fn read<T: Send + 'static>(
        &self,
        path: &str,
        limit: Option<Duration>,
        read: impl FnOnce(Frames) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        within(path, limit, async {
            let mut body = Limited::new(self.open(path).await?.into_body(), LONGEST_ANSWER);
            let (sender, frames) = mpsc::channel(FRAMES);
            let reader = run_blocking(move || read(Frames::new(frames)));
            // It ends with the sender, and the reader with it.
            let forward = async move {
                while let Some(piece) = self.piece(&mut body).await? {
                    // Nobody reads on in what cannot be read.
                    if sender.send(piece).await.is_err() {
                        break;
                    }
                }
                Ok(())
            };
            let (forwarded, read) = tokio::join!(forward, reader);
            forwarded.map_err(|error| about(path, error))?;
            read.ok_or_else(|| wire::garbled(&format!("GET {path}"), "it cannot be read"))
        })
        .await
    }

    /// Returns the error for a connection that broke.
    #[must_use]
    pub fn unreachable(&self, error: &(dyn Error + 'static)) -> EngineError {
        self.0.unreachable(error)
    }
}

/// Returns an error about an answer, with what was asked.
fn about(path: &str, error: EngineError) -> EngineError {
    match error {
        EngineError::Garbled { cause, .. } => wire::garbled(&format!("GET {path}"), &cause),
        error => error,
    }
}

/// Names a request in errors: `GET /info`.
pub(in crate::engine) fn name_of(method: &Method, path: &str) -> String {
    format!("{method} {path}")
}

/// Reads the refusal that an answer is.
pub(in crate::engine) async fn refusal_of(
    request: &str,
    response: Response<Incoming>,
) -> EngineError {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LONGEST_REFUSAL).collect();
    // A refusal stays one even if its words are cut off.
    let words = body.await.map(http_body_util::Collected::to_bytes);
    refusal(request, status, &words.unwrap_or_default())
}

/// Gives up on an answer after a time, which cancels it.
pub(in crate::engine) async fn within<T>(
    path: &str,
    limit: Option<Duration>,
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let Some(limit) = limit else {
        return answer.await;
    };
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or_else(|_| {
            Err(EngineError::TimedOut {
                request: format!("GET {path}"),
                seconds: limit.as_secs(),
            })
        })
}

/// Why a connection gave no answer; the request too, if it never left.
struct ConnectionFailure {
    error: hyper::Error,
    unsent: Option<Request<Body>>,
    room: Slot,
}

impl Shared {
    /// Returns the request as it is written on the wire: path with version, host in a header.
    fn addressed(&self, request: Request<Body>) -> Result<Request<Body>, EngineError> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let spoken = *self.api.read().unwrap_or_else(PoisonError::into_inner);
        let path = match spoken {
            Some(api) if !tells_version(path) => format!("{}/v{api}{path}", self.prefix),
            _ => format!("{}{path}", self.prefix),
        };
        head.uri = path
            .parse()
            .map_err(|_| wire::garbled(&format!("{} {path}", head.method), "it is no path"))?;
        head.headers.insert(HOST, self.authority.clone());
        Ok(Request::from_parts(head, body))
    }

    async fn connect(&self) -> Result<Connection, EngineError> {
        let stream = self.line.dial().await;
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        let allowance = Allowance::default();
        let stream = Metered::new(stream, allowance.clone());
        let mut http = http1::Builder::new();
        http.max_buf_size(READ_AT_ONCE);
        let hands = http.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = hands.map_err(|error| self.unreachable(&error))?;
        // It ends with the connection; what goes wrong is told to the request that waits for an answer.
        tokio::spawn(async { connection.await.ok() });
        Ok(Connection { sender, allowance })
    }

    async fn ask(
        self: &Arc<Self>,
        mut connection: Connection,
        request: Request<Body>,
        room: Slot,
    ) -> Result<Response<Incoming>, ConnectionFailure> {
        let response = match connection.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut failure) => {
                return Err(ConnectionFailure {
                    unsent: failure.take_message(),
                    error: failure.into_error(),
                    room,
                });
            }
        };
        let door = Arc::downgrade(self);
        tokio::spawn(keep(door, connection, room));
        Ok(response)
    }

    /// Waits until another request may be under way. Connections are as many at most: one is made only
    /// where none is idle.
    async fn room(&self) -> Slot {
        let room = Arc::clone(self.room.as_ref()?);
        // It is never closed.
        room.acquire_owned().await.ok()
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(it, since)| it.sender.is_ready() && since.elapsed() < IDLE_TIME);
        idle.pop().map(|(connection, _)| connection)
    }

    fn unreachable(&self, error: &(dyn Error + 'static)) -> EngineError {
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        EngineError::Unreachable {
            host: self.host.to_string(),
            cause: shortened(&cause.to_string()),
        }
    }
}

/// Returns true for what is asked before it is known which version an engine speaks, and for what has a version of its
/// own in front, as Podman's other API has.
fn tells_version(path: &str) -> bool {
    let version = path.strip_prefix("/v").unwrap_or_default();
    matches!(path, "/_ping" | "/version") || version.starts_with(|it: char| it.is_ascii_digit())
}

/// Keeps a connection for the next request once its answer has been read to the end. Only then there is room
/// for another, which takes this one.
async fn keep(door: Weak<Shared>, mut connection: Connection, _room: Slot) {
    if connection.sender.ready().await.is_err() {
        return;
    }
    let Some(door) = door.upgrade() else { return };
    let mut idle = door.idle.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() < IDLE_CONNECTIONS {
        idle.push((connection, Instant::now()));
    }
}

/// Returns a request without a body, which is what every GET is.
fn copy_of(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Returns the engine's words in an error, by its class (ENGINE.md §1.10), or that a proxy has answered in its place.
///
/// Every engine puts its words into JSON; Podman's few routes that are not there answer `Not Found`. What else comes
/// with a status of its own is a proxy's: a page for a browser (docker-socket-proxy, nginx) or a plain word. Its words
/// are nobody's concern.
#[must_use]
pub fn refusal(request: &str, status: u16, body: &[u8]) -> EngineError {
    let words = String::from_utf8_lossy(body);
    let parsed: Option<serde_json::Value> = serde_json::from_str(&words).ok();
    let message = parsed
        .as_ref()
        .and_then(|value| value.get("message")?.as_str());
    let words = words.trim();
    let is_page = words.starts_with('<');
    let is_no_engines = matches!(status, 401 | 403 | 405 | 407 | 502..=504);
    match message {
        None if is_page || is_no_engines => EngineError::Barred {
            status,
            request: request.to_owned(),
        },
        message => refused_at(request, status, message.unwrap_or(words)),
    }
}

/// Returns [`refused`] of a request. What is said of a route that is not there is said of no object.
fn refused_at(request: &str, status: u16, message: &str) -> EngineError {
    const NO_ROUTE: [&str; 4] = ["", "not found", "page not found", "404 page not found"];
    let said = message.to_ascii_lowercase();
    if status == 404 && NO_ROUTE.contains(&said.trim_end_matches('.')) {
        return EngineError::Refused {
            status,
            message: format!("{request}: page not found"),
        };
    }
    refused(status, message)
}

/// As [`refusal`], from a message.
#[must_use]
pub fn refused(status: u16, message: &str) -> EngineError {
    let message = if message.is_empty() {
        let code = StatusCode::from_u16(status).ok();
        code.and_then(|code| code.canonical_reason())
            .unwrap_or("no reason given")
            .to_owned()
    } else {
        shortened(message)
    };
    match status {
        404 => EngineError::NotFound(message),
        // Docker's store of images has lost it to another removal, after the check for it (seen on 20.10 in 34 of 40
        // pairs of DELETEs at once).
        500 if message.contains("unrecognized image ID") => EngineError::NotFound(message),
        409 => EngineError::Conflict(message),
        _ => EngineError::Refused { status, message },
    }
}
