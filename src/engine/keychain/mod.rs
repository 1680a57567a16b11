//! Credentials for registries, found where the docker command finds them: `auths`, `credsStore` and
//! `credHelpers` of its `config.json`.
//!
//! A helper is a program of its own, `docker-credential-NAME`. It is run as it is, without a shell, and only
//! under a name of plain letters; what it says goes to the engine in one header and nowhere else.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::user_file::text_of;
use super::wire::Row;

/// Docker Hub's key, in settings and helpers.
const HUB: &str = "https://index.docker.io/v1/";
/// A helper may ask an agent, but not wait for a person.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any credentials.
const LONGEST: u64 = 64 * 1024;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Where credentials are looked for; the default one has none.
#[derive(Clone, Debug, Default)]
pub struct Keychain {
    folder: Option<PathBuf>,
}

/// The `X-Registry-Auth` header of a registry.
#[derive(Default)]
pub struct Key {
    /// `None` where none are kept.
    pub header: Option<String>,
    /// Why there are none although there should be.
    pub trouble: Option<String>,
}

#[derive(Default, Serialize)]
struct Auth {
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    password: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    identitytoken: String,
    serveraddress: String,
}

impl Keychain {
    /// Returns the docker command's own folder of settings.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Returns the key to the registry that a name leads to.
    pub async fn key(&self, name: &str) -> Key {
        let registry = registry_of(name);
        match self.find(registry).await {
            Ok(auth) => Key {
                header: auth.and_then(|auth| {
                    let text = serde_json::to_string(&auth).ok()?;
                    Some(url_safe(&encode(text.as_bytes())))
                }),
                trouble: None,
            },
            Err(trouble) => Key {
                header: None,
                trouble: Some(trouble),
            },
        }
    }

    async fn find(&self, registry: &str) -> Result<Option<Auth>, String> {
        let Some(path) = self.folder.as_ref().map(|it| it.join("config.json")) else {
            return Ok(None);
        };
        let text = match text_of(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        // What is wrong with it is not repeated: it holds passwords.
        let config: Value = serde_json::from_str(&text)
            .map_err(|_| format!("{}: it cannot be read", path.display()))?;
        let config = Row(&config);
        let helper = config.at("credHelpers").filled(registry);
        if let Some(helper) = helper.or(config.filled("credsStore")) {
            return ask(helper, registry).await;
        }
        Ok(of_file(config.at("auths").0, registry))
    }
}

/// The registry in a name as the docker command reads it: `localhost:5000/a/b` has one, `a/b` is Docker Hub's.
fn registry_of(name: &str) -> &str {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => match first {
            "docker.io" | "index.docker.io" => HUB,
            other => other,
        },
        _ => HUB,
    }
}

/// Settings may write a registry as an address.
fn host_of(key: &str) -> &str {
    let key = key.strip_prefix("https://").unwrap_or(key);
    let key = key.strip_prefix("http://").unwrap_or(key);
    key.split('/').next().unwrap_or_default()
}

fn of_file(auths: &Value, registry: &str) -> Option<Auth> {
    let auths = auths.as_object()?;
    let same = |(key, _): &(&String, &Value)| host_of(key) == host_of(registry);
    let entry = auths
        .get(registry)
        .or_else(|| auths.iter().find(same).map(|(_, entry)| entry))?;
    let entry = Row(entry);
    let decoded = String::from_utf8(decode(entry.text("auth"))?).ok()?;
    let (username, password) = decoded.split_once(':').unwrap_or(("", ""));
    let auth = Auth {
        username: username.to_owned(),
        password: password.trim_end_matches('\0').to_owned(),
        identitytoken: entry.text("identitytoken").to_owned(),
        serveraddress: registry.to_owned(),
    };
    (!auth.username.is_empty() || !auth.identitytoken.is_empty()).then_some(auth)
}

/// Asks a helper; one that knows no such registry is no trouble.
async fn ask(helper: &str, registry: &str) -> Result<Option<Auth>, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if helper.is_empty() || !helper.bytes().all(is_plain) {
        return Err("the credential helper's name is none".to_owned());
    }
    let program = format!("docker-credential-{helper}");
    let told = |error: &dyn std::fmt::Display| format!("{program}: {error}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // It has no business with the terminal that a full screen is on.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| told(&error))?;
    let answer = async {
        if let Some(mut input) = child.stdin.take() {
            // One that reads nothing says what is wrong by how it ends.
            let _ = input.write_all(format!("{registry}\n").as_bytes()).await;
        }
        let mut answer = Vec::new();
        if let Some(output) = child.stdout.take() {
            output.take(LONGEST).read_to_end(&mut answer).await?;
        }
        let status = child.wait().await?;
        Ok::<_, std::io::Error>((status, answer))
    };
    let answer = timeout(PATIENCE, answer).await;
    let (status, answer) = answer
        .map_err(|_| told(&"no answer within 10 s"))?
        .map_err(|error| told(&error))?;
    let words = String::from_utf8_lossy(&answer);
    if !status.success() {
        if words.contains("not found") {
            return Ok(None);
        }
        // Of what it says nothing is repeated: nobody knows what that is.
        return Err(told(&"it refused"));
    }
    let value: Value = serde_json::from_str(&words).map_err(|_| told(&"no answer"))?;
    let row = Row(&value);
    let (username, secret) = (row.text("Username"), row.text("Secret").to_owned());
    let mut auth = Auth {
        serveraddress: registry.to_owned(),
        ..Auth::default()
    };
    if username == "<token>" {
        auth.identitytoken = secret;
    } else {
        (auth.username, auth.password) = (username.to_owned(), secret);
    }
    Ok(Some(auth))
}

/// Base64 (RFC 4648), with padding.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

fn url_safe(text: &str) -> String {
    text.replace('+', "-").replace('/', "_")
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|it| *it == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held).to_le_bytes()[0]);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}
