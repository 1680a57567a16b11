//! Contexts of the docker command: `config.json` and `contexts/meta/*/meta.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A context that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    #[error("{}: cannot be read: {cause}; correct it, or name an engine with -H", path.display())]
    Unreadable { path: PathBuf, cause: String },
    #[error("context \"{name}\" is not in {}; docker context ls lists them", folder.display())]
    NotFound { name: String, folder: PathBuf },
    #[error(
        "context \"{name}\" names no Docker endpoint; choose another with -c, or an engine with -H"
    )]
    NoEndpoint { name: String },
}

/// Where a context leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    /// It has certificates of its own.
    pub(super) tls: bool,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(default, rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
struct DockerEndpoint {
    #[serde(default, rename = "Host")]
    host: String,
}

/// The context that `docker context use` chose, if it is not the default one.
///
/// A configuration that cannot be read is an error here, where the docker command warns and goes on with
/// the default engine: a warning above a full screen is never seen, and the wrong engine would be.
pub(super) fn current(config: &Path) -> Result<Option<String>, ContextError> {
    let path = config.join("config.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let config: Config = serde_json::from_str(&text).map_err(|error| unreadable(path, &error))?;
    Ok(config
        .current_context
        .filter(|name| !name.is_empty() && name != "default"))
}

/// The endpoint of a context, found by the name inside its file: the folder's name is only a hash of it.
pub(super) fn endpoint(config: &Path, name: &str) -> Result<Endpoint, ContextError> {
    let folder = config.join("contexts").join("meta");
    let not_found = || ContextError::NotFound {
        name: name.to_owned(),
        folder: folder.clone(),
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Err(not_found()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    for entry in entries.filter_map(Result::ok) {
        // Another context's broken file is not this one's trouble.
        let Some(meta) = fs::read_to_string(entry.path().join("meta.json"))
            .ok()
            .and_then(|text| serde_json::from_str::<Meta>(&text).ok())
        else {
            continue;
        };
        if meta.name != name {
            continue;
        }
        let host = meta.endpoints.docker.map(|docker| docker.host);
        let host = host.filter(|host| !host.is_empty());
        return Ok(Endpoint {
            host: host.ok_or_else(|| ContextError::NoEndpoint {
                name: name.to_owned(),
            })?,
            tls: has_certificates(config, &entry.file_name()),
        });
    }
    Err(not_found())
}

fn has_certificates(config: &Path, hash: &std::ffi::OsStr) -> bool {
    let folder = config.join("contexts/tls").join(hash).join("docker");
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unreadable(path: PathBuf, cause: &impl ToString) -> ContextError {
    ContextError::Unreadable {
        path,
        cause: cause.to_string(),
    }
}
