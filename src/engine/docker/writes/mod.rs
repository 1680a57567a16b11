//! What changes an engine, through bollard over our own transport. Nothing here is ever forced.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    PruneBuildOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};
use bollard::{BollardRequest, Docker};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;

use super::again::retry_while_busy;
use super::{DockerEngine, LIST};
use crate::domain::bytes::Bytes;
use crate::domain::item::{ContainerId, ImageId, RecordId, VolumeName};
use crate::domain::reference::{is_digest, repository};
use crate::engine::host::{self, LogOrder};
use crate::engine::port::blocking::run_blocking;
use crate::engine::transport::{Transport, name_of, refusal_of, refused};
use crate::engine::wire::Row;
use crate::engine::{EngineError, LogTruncated, Pruned, Removed, wire};

/// Record IDs in one request: they stand in its URL (ENGINE.md §1.5).
const CHUNK: usize = 300;
/// Another client's prune is waited for this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// bollard's client over our transport. It sets no time limit: a stop takes as long as the container's own
/// timeout, and a removal as long as its layers are big.
pub fn client(transport: Transport) -> Result<Docker, EngineError> {
    let send = move |request: BollardRequest| {
        let transport = transport.clone();
        async move {
            let answer = written(&transport, request).await;
            answer.map_err(|error| Error::IOError {
                err: io::Error::other(error),
            })
        }
    };
    // Address and version are written by the transport.
    Docker::connect_with_custom_transport(
        send,
        Some("http://docker"),
        u64::MAX,
        bollard::API_DEFAULT_VERSION,
    )
    .map_err(|error| EngineError::NotSupported(error.to_string()))
}

/// Sends a request of bollard's. What an error means is found out here, where it is known what was asked; that
/// nothing has changed (304) is no error.
async fn written(
    transport: &Transport,
    request: BollardRequest,
) -> Result<Response<Incoming>, EngineError> {
    let asked = name_of(request.method(), request.uri().path());
    let answer = transport.send(request.map(BodyExt::boxed_unsync)).await?;
    if answer.status().is_client_error() || answer.status().is_server_error() {
        return Err(refusal_of(&asked, answer).await);
    }
    Ok(answer)
}

/// A name as a part of a path. Names keep `/`, `:` and `@`, which the engine's routes expect.
///
/// # Errors
/// [`EngineError::NotFound`] for what no object is called and what would name another path: `..`.
pub fn encoded(name: &str) -> Result<String, EngineError> {
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(EngineError::NotFound(format!(
            "no object is called `{name}`"
        )));
    }
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/:@".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
    Ok(path)
}

fn hex_digit(half: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(half)])
}

impl DockerEngine {
    pub(super) async fn unpause_container(&self, id: &ContainerId) -> Result<(), EngineError> {
        let id = encoded(id.as_str())?;
        self.done(self.writes.unpause_container(&id).await)
    }

    /// Without a time of ours the container's own timeout holds; 304 (it has stopped already) is well.
    pub(super) async fn stop_container(&self, id: &ContainerId) -> Result<(), EngineError> {
        let id = encoded(id.as_str())?;
        self.done(self.writes.stop_container(&id, None).await)
    }

    pub(super) async fn delete_container(&self, id: &ContainerId) -> Result<(), EngineError> {
        let id = encoded(id.as_str())?;
        let options = RemoveContainerOptionsBuilder::new()
            .force(false)
            .v(false)
            .link(false)
            .build();
        self.done(self.writes.remove_container(&id, Some(options)).await)
    }

    pub(super) async fn delete_volume(&self, name: &VolumeName) -> Result<(), EngineError> {
        let name = encoded(name.as_str())?;
        let options = RemoveVolumeOptionsBuilder::new().force(false).build();
        self.done(self.writes.remove_volume(&name, Some(options)).await)
    }

    /// Empties a log's files on this machine, on a thread of its own.
    pub(super) async fn empty_log(&self, order: LogOrder) -> Result<LogTruncated, EngineError> {
        let gate = self.transport.gate();
        let permit = gate.pass(|| format!("the emptying of the log of {}", order.container))?;
        let truncate = run_blocking(move || host::truncate(&order, permit)).await;
        let answer = truncate.unwrap_or_else(|| Err(io::Error::other("that has failed midway")));
        match answer {
            Ok((freed, failure)) => Ok(LogTruncated {
                freed,
                failure: failure.map(|error| error.to_string()),
            }),
            Err(error) => Err(EngineError::NotSupported(format!(
                "the log cannot be emptied: {error}"
            ))),
        }
    }

    /// Removes an image by ID. Podman refuses one that has a digest beside its tag, as something pulled by both has, for
    /// having two names; both are the one repository's, so the digests are untagged and it is tried again.
    pub(super) async fn delete_image_by_id(
        &self,
        id: &ImageId,
        keep_parents: bool,
    ) -> Result<Removed, EngineError> {
        let removed = self.delete_image(id.as_str(), keep_parents).await;
        match &removed {
            Err(EngineError::Refused { message, .. } | EngineError::Conflict(message))
                if self.terms().dialect.podman && message.contains("more than one tag") => {}
            _ => return removed,
        }
        let Some(digests) = self.digests_beside_a_tag(id).await? else {
            return removed;
        };
        for digest in digests {
            self.delete_image(&digest, true).await?;
        }
        self.delete_image(id.as_str(), keep_parents).await
    }

    /// Returns the digests among an image's names, where all of these are of one repository and one of them is a tag.
    /// Only the list has them: inspect leaves them out.
    async fn digests_beside_a_tag(&self, id: &ImageId) -> Result<Option<Vec<String>>, EngineError> {
        let list = self.json("/images/json", LIST).await?;
        let is_it = |row: &Row<'_>| wire::image_id(row.text("Id")).as_ref() == Some(id);
        let row = Row(&list).rows().find(is_it);
        let names = row.into_iter().flat_map(|row| row.texts("RepoTags"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        let (digests, tags): (Vec<String>, _) = names.into_iter().partition(|it| is_digest(it));
        let [tag] = &tags[..] else {
            return Ok(None);
        };
        let is_its = |digest: &String| repository(digest) == repository(tag);
        Ok(digests.iter().all(is_its).then_some(digests))
    }

    /// `keep_parents` says that untagged parents stay, should the name have been the last after all.
    pub(super) async fn delete_image(
        &self,
        name: &str,
        keep_parents: bool,
    ) -> Result<Removed, EngineError> {
        let name = encoded(name)?;
        let options = RemoveImageOptionsBuilder::new()
            .force(false)
            .noprune(keep_parents)
            .build();
        let answer = self.writes.remove_image(&name, Some(options), None).await;
        let lines = self.done(or_default(answer))?;
        let mut removed = Removed::default();
        for line in lines {
            removed.untagged.extend(line.untagged.map(Into::into));
            // Podman's stand without their algorithm here, too.
            let deleted = line.deleted.and_then(|id| wire::image_id(&id));
            removed.deleted.extend(deleted.map(|id| id.as_str().into()));
        }
        Ok(removed)
    }

    /// Prunes by ID, in as many requests as the IDs need. A record whose child stands in a later request is
    /// passed over by the engine (ENGINE.md §1.5), so what is left is asked for again while any goes.
    pub(super) async fn prune(&self, ids: &[RecordId]) -> Result<Pruned, EngineError> {
        if self.terms().dialect.podman {
            return Err(EngineError::NotSupported(
                "Podman keeps no build cache".to_owned(),
            ));
        }
        let mut left: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        // Anything else would be a pattern of its own.
        left.retain(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let mut pruned = Pruned::default();
        loop {
            let before = pruned.deleted.len();
            for chunk in left.chunks(CHUNK) {
                self.prune_chunk(chunk, &mut pruned).await?;
            }
            let gone: HashSet<&str> = pruned.deleted.iter().map(RecordId::as_str).collect();
            let whole = left.len() <= CHUNK;
            left.retain(|id| !gone.contains(id));
            if whole || left.is_empty() || pruned.deleted.len() == before {
                return Ok(pruned);
            }
        }
    }

    async fn prune_chunk(&self, ids: &[&str], pruned: &mut Pruned) -> Result<(), EngineError> {
        // The engine takes one unanchored regular expression for the ID.
        let pattern = format!("^({})$", ids.join("|"));
        let filters = [("id", vec![pattern.as_str()])].into();
        let options = PruneBuildOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let ask = || async {
            let answer = self.writes.prune_build(Some(options.clone())).await;
            self.done(or_default(answer))
        };
        let answer = retry_while_busy(PATIENCE, ask).await?;
        let deleted = answer.caches_deleted.unwrap_or_default();
        pruned
            .deleted
            .extend(deleted.into_iter().map(RecordId::new));
        let claimed = answer.space_reclaimed.and_then(Bytes::from_engine);
        pruned.claimed += claimed.unwrap_or_default();
        Ok(())
    }

    /// The end of a write: whatever came of it, sizes that were asked before are old.
    fn done<T>(&self, answer: Result<T, Error>) -> Result<T, EngineError> {
        self.usage.forget();
        answer.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: Error) -> EngineError {
        match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => refused(status_code, message.trim()),
            // Our own transport's error, as it was before it went through bollard.
            Error::IOError { err } => match err.downcast::<EngineError>() {
                Ok(error) => error,
                Err(error) => self.transport.unreachable(&error),
            },
            Error::HyperResponseError { err } => self.transport.unreachable(&err),
            error => wire::garbled(&self.options.host, &error.to_string()),
        }
    }
}

/// Returns an answer of success whose words cannot be read is still a success: `null` for an empty list.
fn or_default<T: Default>(answer: Result<T, Error>) -> Result<T, Error> {
    match answer {
        Err(Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => Ok(T::default()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests;
