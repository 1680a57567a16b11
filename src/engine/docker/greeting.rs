//! The first words with an engine: is it there, what is it, which API version do both speak.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use super::{LIST, json};
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
}

struct Ping {
    api: Option<Api>,
    podman: bool,
}

/// Pings the engine and agrees on a version; from here on the transport speaks it.
pub async fn exchange(
    transport: &Transport,
    wanted: Option<&str>,
) -> Result<Greeting, EngineError> {
    let ping = within("/_ping", PING, ping(transport)).await?;
    // Neither has a version in its path, so that no engine can find it too new or too old.
    let version = json(transport, "/version", LIST).await?;
    let of = |key: &str| {
        version
            .get(key)
            .and_then(Value::as_str)
            .and_then(Api::parse)
    };
    let newest = ping.api.or(of("ApiVersion"));
    let api = agree(wanted, newest, of("MinAPIVersion"))?;
    transport.speak(api);
    Ok(Greeting {
        api,
        podman: ping.podman || wire::is_podman(&version),
        version,
    })
}

async fn ping(transport: &Transport) -> Result<Ping, EngineError> {
    let response = transport.open("/_ping").await?;
    let headers = response.headers();
    let api = headers
        .get("Api-Version")
        .and_then(|version| Api::parse(version.to_str().ok()?));
    let podman = headers.contains_key("Libpod-API-Version");
    // Read to its end the connection serves the next request, too.
    let body = Limited::new(response.into_body(), LONGEST_REFUSAL);
    body.collect().await.ok();
    Ok(Ping { api, podman })
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
