//! The first words with an engine: is it there, what is it, which API version do both speak.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use super::{LIST, json};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::transport::{Api, LONGEST_REFUSAL, Transport, within};
use crate::engine::{EngineError, wire};

/// An engine that is up answers `_ping` at once.
const PING: Option<Duration> = Some(Duration::from_secs(10));
/// The newest version whose answers are known (Docker 29.7, ENGINE.md §1).
const NEWEST: Api = Api::new(1, 55);

/// What the greeting told.
pub struct Greeting {
    pub api: Api,
    pub podman: bool,
    /// The version of Podman's other API, where it has said that.
    pub libpod: Option<Text>,
    /// The answer to `/version`; nothing where it is refused.
    pub version: Value,
    /// The answer to `/info`; nothing where it is refused.
    pub info: Value,
    /// The engine's version as it stands in its answers' heads: `28.5.2` of `Docker/28.5.2 (linux)`.
    pub server: Option<String>,
    /// Why the engine does not say what it is, where it does not.
    pub untold: Option<EngineError>,
}

/// An engine that answered a ping.
pub struct Pinged<'a> {
    wanted: Option<&'a str>,
    newest: Option<Api>,
    /// The version that both will most likely agree on: the transport speaks it already.
    likely: Option<Api>,
    libpod: Option<Text>,
    server: Option<String>,
    /// When it answered, by its own clock and to a second below; where its answers say the time.
    pub at: Option<Timestamp>,
}

/// Pings the engine. `wanted` is the version to speak, if it must be a certain one.
pub async fn ping<'a>(
    transport: &Transport,
    wanted: Option<&'a str>,
) -> Result<Pinged<'a>, EngineError> {
    let pinged = within("/_ping", PING, answer(transport, wanted)).await?;
    if let Some(likely) = pinged.likely {
        transport.speak(likely);
    }
    Ok(pinged)
}

async fn answer<'a>(
    transport: &Transport,
    wanted: Option<&'a str>,
) -> Result<Pinged<'a>, EngineError> {
    let response = match transport.open("/_ping").await {
        Ok(response) => response,
        // A proxy that does not let this through: what the engine is, its version says.
        Err(error) if error.is_forbidden() || matches!(error, EngineError::NotFound(_)) => {
            return Ok(Pinged::silent(wanted));
        }
        Err(error) => return Err(error),
    };
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let newest = text("Api-Version").and_then(Api::parse);
    let pinged = Pinged {
        wanted,
        newest,
        likely: agree(wanted, newest, None).ok(),
        libpod: text("Libpod-API-Version").map(Text::from),
        server: text("Server").and_then(server_version),
        at: text("Date").and_then(clock),
    };
    // Read to its end the connection serves the next request, too.
    let body = Limited::new(response.into_body(), LONGEST_REFUSAL);
    body.collect().await.ok();
    Ok(pinged)
}

/// `Sat, 21 Nov 2026 21:26:07 GMT`.
fn clock(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date)
        .ok()
        .map(|zoned| zoned.timestamp().into())
}

/// Reads the version in `Docker/28.5.2 (linux)` or `Libpod/4.3.1 (linux)`; what a proxy calls itself is none.
fn server_version(server: &str) -> Option<String> {
    let (product, version) = server.split_once('/')?;
    let version = version.split(' ').next().filter(|it| !it.is_empty())?;
    matches!(product, "Docker" | "Libpod").then(|| version.to_owned())
}

impl<'a> Pinged<'a> {
    /// One whose ping did not reach it: nothing is known of it yet.
    fn silent(wanted: Option<&'a str>) -> Self {
        Self {
            wanted,
            newest: None,
            likely: agree(wanted, None, None).ok(),
            libpod: None,
            server: None,
            at: None,
        }
    }

    /// Returns whether it can be asked before it has said what it is.
    pub fn speaks(&self) -> bool {
        self.likely.is_some()
    }

    /// Asks what the engine is and agrees on a version, which the transport speaks from here on.
    ///
    /// A ping nearly always settles the version, so that the two answers that take an engine longest (10 ms each,
    /// for which it runs other programs) are waited for at once. An engine that lists things and does not say what it
    /// is, as most proxies have it, is one all the same.
    ///
    /// # Errors
    /// No version can be agreed on, or nobody answers in time.
    pub async fn introduce(self, transport: &Transport) -> Result<Greeting, EngineError> {
        let (version, early) = tokio::join!(json(transport, "/version", LIST), async {
            self.likely?;
            Some(json(transport, "/info", LIST).await)
        });
        let (version, no_version) = told(version)?;
        let of = |key: &str| {
            version
                .get(key)
                .and_then(Value::as_str)
                .and_then(Api::parse)
        };
        let newest = self.newest.or(of("ApiVersion"));
        let api = match agree(self.wanted, newest, of("MinAPIVersion")) {
            Ok(api) => api,
            Err(error) => return Err(no_version.unwrap_or(error)),
        };
        transport.speak(api);
        let info = match early {
            Some(info) if self.likely == Some(api) => info,
            _ => json(transport, "/info", LIST).await,
        };
        let (info, no_info) = told(info)?;
        Ok(Greeting {
            api,
            podman: self.libpod.is_some() || wire::is_podman(&version),
            libpod: self.libpod,
            version,
            info,
            server: self.server,
            untold: no_info,
        })
    }
}

/// Takes what was answered, or nothing and why. Silence is an error: who waited for it once does not wait for more.
fn told(answer: Result<Value, EngineError>) -> Result<(Value, Option<EngineError>), EngineError> {
    match answer {
        Ok(answer) => Ok((answer, None)),
        Err(error @ EngineError::TimedOut { .. }) => Err(error),
        Err(error) => Ok((Value::Null, Some(error))),
    }
}

/// Returns the version that is asked for; else the newest that both know, unless the engine has left it behind.
fn agree(
    wanted: Option<&str>,
    newest: Option<Api>,
    oldest: Option<Api>,
) -> Result<Api, EngineError> {
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
        return Api::parse(wanted).ok_or_else(|| {
            EngineError::NotSupported(format!("`{wanted}` is no API version; try `1.41`"))
        });
    }
    let newest = newest.ok_or_else(|| wire::garbled("GET /_ping", "it names no API version"))?;
    let api = newest.min(NEWEST);
    Ok(oldest.map_or(api, |oldest| api.max(oldest)))
}

#[cfg(test)]
mod tests;
