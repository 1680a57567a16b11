//! Archives of images and volumes, by the engine's API alone: also from afar.
//!
//! A volume is read through a container of our own that mounts it read-only and is never started. Its image is
//! an empty one, made for it: any other could bring volumes along, or be what is about to go. Both have the
//! label [`LABEL`] with who made them, are no rows anywhere, and go right after; what a dtop that was killed left
//! goes when the next one meets it.

use std::fs;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Bytes as Piece;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use jiff::SignedDuration;
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};

use super::writes::encoded;
use super::{DockerEngine, LIST, images};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::Store;
use crate::domain::item::{Container, ContainerId, Image, ImageId, Labels, State, VolumeName};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::copies::exported::{Exported, Pieces};
use crate::engine::copies::save::Proof;
use crate::engine::port::clock;
use crate::engine::transport::{Body, within};
use crate::engine::{EngineError, wire};

const LABEL: &str = "dtop.helper";
const NAME: &str = "dtop-helper-";
/// Where a helper has the volume.
const PLACE: &str = "/volume";
/// Two blocks of zeros: an archive of no files.
const NO_FILES: [u8; 1024] = [0; 1024];
/// No image of files is as small, and none of no files as large.
const EMPTY: Bytes = Bytes(64 * 1024);
/// A helper of another machine counts as left behind when it is this old.
const OLD: SignedDuration = SignedDuration::from_hours(24);

/// What was made to read a volume.
#[derive(Debug, Default)]
pub struct Helper {
    container: Option<ContainerId>,
    image: Option<ImageId>,
}

/// Returns true for a container that dtop made to read a volume, and for nothing that could be somebody's own.
pub fn is_helper(container: &Container) -> bool {
    is_ours(&container.labels)
        && container.name.starts_with(NAME)
        && container.state == State::Created
}

/// Returns true for the empty image of such a container.
pub fn is_helpers_image(image: &Image) -> bool {
    // It holds no files; somebody's image with such a label does.
    let is_empty = image.size.known().is_some_and(|size| size < EMPTY);
    is_ours(&image.labels) && is_empty && image.names.is_empty() && image.parent.is_none()
}

/// Returns true for a label as [`maker`] writes it.
fn is_ours(labels: &Labels) -> bool {
    let maker = labels.value(LABEL).and_then(|value| value.split_once(':'));
    maker.is_some_and(|(machine, process)| {
        machine.len() <= 32
            && machine.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && process.parse::<u32>().is_ok()
    })
}

impl DockerEngine {
    /// Leaves out what dtop itself made, and remembers that some of it is there.
    pub(super) fn without_helpers<T>(&self, mut list: Vec<T>, is_ours: fn(&T) -> bool) -> Vec<T> {
        let before = list.len();
        list.retain(|it| !is_ours(it));
        if list.len() < before {
            self.saw_helpers.store(true, Ordering::Relaxed);
        }
        list
    }

    /// One image with all its names: several images at once leak layers on 25 and later. Without a name it is
    /// asked for by its ID.
    pub(super) async fn archive_of_image(
        &self,
        id: &ImageId,
        names: &[Text],
    ) -> Result<Exported, EngineError> {
        let id = [id.text().clone()];
        let asked = if names.is_empty() { &id } else { names };
        let mut path = "/images/get?".to_owned();
        for name in asked {
            path.push_str("names=");
            path.push_str(&encoded(name)?);
            path.push('&');
        }
        let [id] = id;
        let hex = id.strip_prefix("sha256:").unwrap_or(&id).to_owned();
        Ok(Exported {
            proof: match self.terms().dialect.store {
                Store::GraphDriver => Proof::Config(hex),
                Store::Containerd => Proof::Index(id.to_string()),
                Store::Unknown => {
                    let why = "what a copy must hold is not known: the engine's store is not";
                    return Err(EngineError::NotSupported(why.to_owned()));
                }
            },
            content: self.stream(path.trim_end_matches('&')).await?,
        })
    }

    /// Returns what a volume holds, with its owners, modes and links.
    pub(super) async fn archive_of_volume(&self, name: &VolumeName) -> Result<Pieces, EngineError> {
        if self.terms().dialect.podman {
            // Its archives of what is in a container say root of everything [RUN 4.3.1].
            return Err(EngineError::NotSupported(
                "Podman's archives lose the owners of files; podman volume export keeps them"
                    .to_owned(),
            ));
        }
        let image = self.make_image().await?;
        self.note(|helper| helper.image = Some(image.clone()));
        let container = self.make_container(&image, name).await?;
        self.note(|helper| helper.container = Some(container.clone()));
        // The dot asks for what is in the folder, not for the folder.
        self.stream(&format!("/containers/{container}/archive?path={PLACE}/."))
            .await
    }

    /// Takes away what was made to read a volume.
    pub(super) async fn end_helper(&self) -> Result<(), EngineError> {
        let helper = {
            let mut ours = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *ours)
        };
        if let Some(container) = helper.container {
            self.delete_container(&container).await?;
        }
        if let Some(image) = helper.image {
            self.delete_image(image.as_str(), true).await?;
        }
        Ok(())
    }

    /// Takes away what a dtop that was killed has left, if a list has shown any.
    pub(super) async fn sweep_helpers(&self) -> Result<(), EngineError> {
        if !self.saw_helpers.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let machine = machine();
        let dialect = self.terms().dialect;
        let list = self.list("/containers/json?all=1").await?;
        for container in wire::containers(&list).iter().filter(|it| is_helper(it)) {
            if is_left(&container.labels, container.created, &machine) {
                self.delete_container(&container.id).await?;
            }
        }
        let list = images(&self.transport).await?;
        for image in wire::images(list, dialect)
            .iter()
            .filter(|it| is_helpers_image(it))
        {
            if is_left(&image.labels, image.created, &machine) {
                self.delete_image(image.id.as_str(), true).await?;
            }
        }
        Ok(())
    }

    fn note(&self, change: impl FnOnce(&mut Helper)) {
        change(&mut self.helper.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn make_image(&self) -> Result<ImageId, EngineError> {
        let label = encoded(&format!("LABEL {LABEL}=\"{}\"", maker()))?;
        let path = format!("/images/create?fromSrc=-&changes={label}");
        let answer = self.post(&path, "application/x-tar", &NO_FILES).await?;
        // Progress comes as one object after another; the last says what was made.
        let lines = serde_json::Deserializer::from_slice(&answer).into_iter::<Value>();
        let last = lines.filter_map(Result::ok).last().unwrap_or_default();
        let id = last["status"].as_str().and_then(wire::image_id);
        id.ok_or_else(|| wire::garbled("POST /images/create", "it names no image"))
    }

    async fn make_container(
        &self,
        image: &ImageId,
        volume: &VolumeName,
    ) -> Result<ContainerId, EngineError> {
        let random = clock::now().as_nanosecond();
        let path = format!(
            "/containers/create?name={NAME}{}-{random:x}",
            std::process::id()
        );
        let body = json!({
            "Image": image.as_str(),
            "Cmd": ["-"],
            "Labels": {LABEL: maker()},
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [{
                    "Type": "volume",
                    "Source": volume.as_str(),
                    "Target": PLACE,
                    "ReadOnly": true,
                    "VolumeOptions": {"NoCopy": true},
                }],
            },
        });
        let answer = self
            .post(&path, "application/json", body.to_string().as_bytes())
            .await?;
        let answer: Value = wire::parse("POST /containers/create", &answer)?;
        let id = answer["Id"].as_str().unwrap_or_default();
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Err(wire::garbled(
                "POST /containers/create",
                "it names no container",
            ));
        }
        Ok(ContainerId::new(id))
    }

    async fn post(&self, path: &str, sort: &str, body: &[u8]) -> Result<Vec<u8>, EngineError> {
        let what = || format!("POST {path}");
        let body: Body = http_body_util::Full::new(Piece::copy_from_slice(body))
            .map_err(|never| match never {})
            .boxed_unsync();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, sort)
            .body(body)
            .map_err(|error| wire::garbled(&what(), &error.to_string()))?;
        let send = async {
            self.transport
                .whole(self.transport.succeed(request).await?)
                .await
        };
        within(path, LIST, send).await
    }

    async fn stream(&self, path: &str) -> Result<Pieces, EngineError> {
        let transport = self.transport.clone();
        let body = self.transport.open(path).await?.into_body();
        let pieces = body.into_data_stream();
        let pieces = pieces.map(move |piece| piece.map_err(|error| transport.unreachable(&error)));
        Ok(pieces.boxed())
    }
}

/// Who makes a helper: this process of this machine.
fn maker() -> String {
    format!("{}:{}", machine(), std::process::id())
}

fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = id.trim().chars().filter(char::is_ascii_alphanumeric);
    id.take(32).collect()
}

/// Returns true for what a process made that does not run any more.
fn is_left(labels: &Labels, created: Option<Timestamp>, machine: &str) -> bool {
    let maker = labels.value(LABEL).and_then(|value| value.split_once(':'));
    // Where a machine has no name, another one could have none either.
    let is_here = |of: &str| !of.is_empty() && of == machine;
    let Some((_, process)) = maker.filter(|(of, _)| is_here(of)) else {
        return created.is_some_and(|then| clock::now().duration_since(then) > OLD);
    };
    let process = process.parse().ok().and_then(Pid::from_raw);
    process.is_none_or(|process| test_kill_process(process) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests;
