//! The first words with an engine: is it there, what is it, which API version do both speak.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use super::{LIST, json};
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
    /// The answer to `/version`.
    pub version: Value,
    /// The answer to `/info`.
    pub info: Value,
}

/// An engine that answered a ping.
pub struct Pinged<'a> {
    wanted: Option<&'a str>,
    newest: Option<Api>,
    /// The version that both will most likely agree on: the transport speaks it already.
    likely: Option<Api>,
    podman: bool,
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
    let response = transport.open("/_ping").await?;
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let newest = text("Api-Version").and_then(Api::parse);
    let pinged = Pinged {
        wanted,
        newest,
        likely: agree(wanted, newest, None).ok(),
        podman: headers.contains_key("Libpod-API-Version"),
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

impl Pinged<'_> {
    /// Whether it can be asked before it has said what it is.
    pub fn speaks(&self) -> bool {
        self.likely.is_some()
    }

    /// Asks what the engine is and agrees on a version, which the transport speaks from here on.
    ///
    /// A ping nearly always settles the version, so that the two answers that take an engine longest (10 ms each,
    /// for which it runs other programs) are waited for at once.
    pub async fn introduce(self, transport: &Transport) -> Result<Greeting, EngineError> {
        let (version, early) = tokio::join!(json(transport, "/version", LIST), async {
            self.likely?;
            Some(json(transport, "/info", LIST).await)
        });
        let version = version?;
        let of = |key: &str| {
            version
                .get(key)
                .and_then(Value::as_str)
                .and_then(Api::parse)
        };
        let newest = self.newest.or(of("ApiVersion"));
        let api = agree(self.wanted, newest, of("MinAPIVersion"))?;
        transport.speak(api);
        let info = match early {
            Some(info) if self.likely == Some(api) => info?,
            _ => json(transport, "/info", LIST).await?,
        };
        Ok(Greeting {
            api,
            podman: self.podman || wire::is_podman(&version),
            version,
            info,
        })
    }
}

/// The version that is asked for; else the newest that both know, unless the engine has left it behind.
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
mod tests {
    use super::*;

    #[test]
    fn the_time_by_the_engines_clock() {
        let second = |date| clock(date).map(Timestamp::as_second);
        assert_eq!(second("Sat, 21 Nov 2026 21:26:07 GMT"), Some(1_795_296_367));
        assert_eq!(second("today"), None);
    }

    #[test]
    fn the_newest_that_both_know() {
        let agree = |wanted, newest, oldest| {
            let (newest, oldest) = (Api::parse(newest), Api::parse(oldest));
            agree(wanted, newest, oldest)
                .map(|api| api.to_string())
                .ok()
        };
        assert_eq!(agree(None, "1.41", "1.12").as_deref(), Some("1.41"));
        assert_eq!(agree(None, "1.99", "1.40").as_deref(), Some("1.55"));
        assert_eq!(agree(None, "1.99", "1.60").as_deref(), Some("1.60"));
        assert_eq!(agree(Some("1.44"), "1.55", "1.40").as_deref(), Some("1.44"));
        assert_eq!(agree(Some(""), "1.41", "").as_deref(), Some("1.41"));
        assert_eq!(agree(Some("new"), "1.41", ""), None);
        assert_eq!(agree(None, "", ""), None);
    }
}
