//! Which engine: the places where one may be, and what answers there.
//!
//! - `contexts`: contexts of the docker command: `config.json` and `contexts/meta/*/meta.json`.
//! - `places`: from options and environment to the places where an engine may be, as the docker command resolves them.
//! - `probe`: one `_ping` over a connection of its own.

mod contexts;
mod places;
mod probe;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::docker::{self, DockerEngine};
use super::keychain::Keychain;
use super::transport::{Address, Dial, ssh, tls};
use super::{Engine, EngineError};

pub use super::transport::Dials;
pub use contexts::ContextError;
pub use places::{ConnectError, EngineOptions, Env, Place, Unsupported, places};

/// How long an engine may take to answer `_ping` (README.md, On the command line).
pub const PING: Duration = Duration::from_secs(10);
/// How long an engine that answered `_ping` may take to say what it is.
const INTRODUCTION: Duration = Duration::from_secs(60);

/// Why a place gave no engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// No socket file is there.
    #[error("no such socket")]
    NoSocket,
    /// The socket file does not let this user in.
    #[error("permission denied")]
    PermissionDenied,
    /// Nobody listens.
    #[error("connection refused")]
    Refused,
    /// Something answers, but not as Docker does.
    #[error("what answers there is not Docker")]
    NotDocker,
    /// What answers refuses to be asked whether it is an engine, with this status.
    #[error("what answers there refuses GET /_ping and GET /version ({0})")]
    Forbidden(u16),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// What answers speaks TLS, and was spoken to plainly.
    #[error("what answers there speaks TLS")]
    WantsTls,
    /// No TLS connection.
    #[error("{0}")]
    Tls(tls::TlsError),
    /// No way to it over ssh.
    #[error("{0}")]
    Ssh(ssh::SshError),
    /// A way to connect that is not for this side, or not for this system.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The connection failed in another way, in the system's words.
    #[error("{0}")]
    Connection(String),
    /// It answers as Docker, and then something went wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A place that was tried in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub place: Place,
    pub reason: ConnectFailure,
}

impl Attempt {
    /// Returns what to try, in a sentence, where there is something to try.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match &self.reason {
            ConnectFailure::NoSocket | ConnectFailure::Refused => Some(match self.place.start {
                Some(start) => format!("is the engine running? {start}"),
                None => "is the engine running, and is the address right?".to_owned(),
            }),
            ConnectFailure::PermissionDenied if self.place.is_system_socket() => Some(
                "run with sudo, or add yourself to the docker group \
                 (sudo usermod -aG docker $USER) and log in again"
                    .to_owned(),
            ),
            ConnectFailure::PermissionDenied => {
                Some("run as the owner of the socket, or with sudo".to_owned())
            }
            ConnectFailure::NotDocker => {
                Some("something else listens there; check the address".to_owned())
            }
            ConnectFailure::Forbidden(_) => Some(
                "is it a proxy before the engine? it has to let one of the two through (PING=1)"
                    .to_owned(),
            ),
            ConnectFailure::TimedOut(_) => {
                Some("is the engine hanging? its log tells more (journalctl -u docker)".to_owned())
            }
            ConnectFailure::WantsTls => Some(
                "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context with certificates"
                    .to_owned(),
            ),
            ConnectFailure::Tls(trouble) => Some(trouble.advice().to_owned()),
            ConnectFailure::Ssh(trouble) => match &self.place.address {
                Ok(Address::Ssh(target)) => Some(trouble.advice(target)),
                Ok(_) | Err(_) => None,
            },
            ConnectFailure::Unsupported(_) => Some("name another address with -H".to_owned()),
            ConnectFailure::Connection(_) => Some("check the address and the network".to_owned()),
            ConnectFailure::Engine(_) => None,
        }
    }
}

/// `unix:///var/run/docker.sock (default): permission denied; run with sudo, …`.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { url, why, .. } = &self.place;
        write!(f, "{url} ({why}): {}", self.reason)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// No place gave an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoEngine {
    /// In the order in which they were tried.
    pub attempts: Vec<Attempt>,
}

impl NoEngine {
    /// Returns the attempt worth telling where there is room for one: the first at which something was there.
    #[must_use]
    pub fn foremost(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.reason != ConnectFailure::NoSocket)
            .or(self.attempts.first())
    }
}

impl fmt::Display for NoEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.foremost() {
            Some(attempt) => write!(f, "no engine: {attempt}"),
            None => write!(f, "no engine: there is no place to look for one"),
        }
    }
}

impl std::error::Error for NoEngine {}

/// Opens the engine that options and environment lead to; see [`places`] for which these are.
///
/// # Errors
/// No place gave an engine.
pub async fn open(
    places: Vec<Place>,
    lines: &Dials,
    options: &EngineOptions,
    env: &Env,
) -> Result<Arc<dyn Engine>, NoEngine> {
    first(places, lines, async |place, line| {
        let options = docker::ClientOptions {
            host: place.url.as_str().into(),
            why: place.why.as_str().into(),
            read_only: options.read_only,
            api: env.api.clone(),
            // What nobody looks at need not be asked for before it is known how the engine keeps images, but far away,
            // where the way is what takes long.
            asks_ahead: options.look_further || !place.url.starts_with("unix://"),
            keychain: Keychain::new(env.config_folder()),
            limits: docker::Limits::default(),
        };
        let engine = DockerEngine::open(line.clone(), options).await?;
        Ok(Arc::new(engine) as Arc<dyn Engine>)
    })
    .await
}

/// Tries places in their order; the first that answers `_ping` as Docker does is introduced by `dial`.
///
/// A place that answers and then cannot be introduced does not end the search: with one place
/// there is nothing more to try, and with several a broken engine must not hide a sound one.
async fn first<D>(places: Vec<Place>, lines: &Dials, dial: D) -> Result<Arc<dyn Engine>, NoEngine>
where
    D: AsyncFn(&Place, &Dial) -> Result<Arc<dyn Engine>, EngineError>,
{
    let mut attempts = Vec::new();
    for place in places {
        match reach(&place, lines, &dial).await {
            Ok(engine) => return Ok(engine),
            Err(reason) => attempts.push(Attempt { place, reason }),
        }
    }
    Err(NoEngine { attempts })
}

async fn reach<D>(place: &Place, lines: &Dials, dial: &D) -> Result<Arc<dyn Engine>, ConnectFailure>
where
    D: AsyncFn(&Place, &Dial) -> Result<Arc<dyn Engine>, EngineError>,
{
    let line = lines.to(place.address.as_ref().map_err(Clone::clone)?);
    // A login may ask for a passphrase: nobody types that against the clock.
    let opened = line.open().await;
    opened.map_err(|error| probe::why_not(line.address(), &error))?;
    tokio::time::timeout(PING, probe::ping(&line))
        .await
        .unwrap_or(Err(ConnectFailure::TimedOut(PING)))?;
    tokio::time::timeout(INTRODUCTION, dial(place, &line))
        .await
        .map_err(|_| ConnectFailure::TimedOut(INTRODUCTION))?
        .map_err(ConnectFailure::from)
}

#[cfg(test)]
mod tests;
