//! Contexts of the docker command: `config.json` and `contexts/meta/*/meta.json`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::engine::transport::tls::TlsFiles;
use crate::engine::user_file::text_of;

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
    /// The context's own certificates; none where it speaks plainly.
    pub(super) papers: Option<TlsFiles>,
}

#[derive(Deserialize)]
struct CliConfig {
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
    #[serde(default, rename = "SkipTLSVerify")]
    skip_verify: bool,
}

/// Returns the context that `docker context use` chose, if it is not the default one.
///
/// A configuration that cannot be read is an error here, where the docker command warns and goes on with
/// the default engine: a warning above a full screen is never seen, and the wrong engine would be.
pub(super) fn current(config: &Path) -> Result<Option<String>, ContextError> {
    let path = config.join("config.json");
    let text = match text_of(&path) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let config: CliConfig =
        serde_json::from_str(&text).map_err(|error| unreadable(path, &error))?;
    Ok(config
        .current_context
        .filter(|name| !name.is_empty() && name != "default"))
}

/// Returns the endpoint of a context, found by the name inside its file: the folder's name is only a hash of it.
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
        let Some(meta) = text_of(&entry.path().join("meta.json"))
            .ok()
            .and_then(|text| serde_json::from_str::<Meta>(&text).ok())
        else {
            continue;
        };
        if meta.name != name {
            continue;
        }
        let docker = meta.endpoints.docker;
        let docker = docker.filter(|docker| !docker.host.is_empty());
        let docker = docker.ok_or_else(|| ContextError::NoEndpoint {
            name: name.to_owned(),
        })?;
        return Ok(Endpoint {
            papers: papers(config, &entry.file_name(), docker.skip_verify),
            host: docker.host,
        });
    }
    Err(not_found())
}

/// Returns what `docker context create --docker ca=…,cert=…,key=…,skip-tls-verify=…` has put beside the context.
fn papers(config: &Path, hash: &OsStr, skip_verify: bool) -> Option<TlsFiles> {
    let folder = config.join("contexts/tls").join(hash).join("docker");
    let papers = TlsFiles {
        ca: Some(folder.join("ca.pem")).filter(|path| path.exists()),
        pair: pair_in(&folder),
        verify: !skip_verify,
    };
    let has_any = papers.ca.is_some() || papers.pair.is_some();
    (has_any || skip_verify).then_some(papers)
}

/// Returns a client's certificate and key; docker takes neither without the other.
pub(super) fn pair_in(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    (certificate.exists() && key.exists()).then_some((certificate, key))
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
