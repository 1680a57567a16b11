//! The model engine behind a real socket, in the words of the API: client and transport are under test with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::model::Model;
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Image, ImageId, Record, RecordId, Volume, VolumeName,
};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::docker::{ClientOptions, DockerEngine};
use crate::engine::fake::{Answer, Fake};
use crate::engine::{Engine, EngineError, Pruned, Removed};

/// What goes wrong at one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is answered with this status, and nothing is done.
    Refuse(u16),
    /// The answer takes its time.
    Delay,
    CutBefore,
    CutAfter,
    /// The connection is cut, and the engine does what was asked while nobody waits for it.
    CutMeanwhile,
    /// The answer comes a second time, unasked.
    Twice,
}

pub(super) const FAULTS: [Fault; 8] = [
    Fault::Refuse(404),
    Fault::Refuse(409),
    Fault::Refuse(500),
    Fault::Delay,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::CutMeanwhile,
    Fault::Twice,
];

#[derive(Default)]
struct Desk {
    requests: usize,
    /// Requests that could change something.
    writes: Vec<String>,
    fault: Option<(usize, Fault)>,
}

/// A model that listens.
pub(super) struct Served {
    pub model: Arc<Model>,
    desk: Arc<Mutex<Desk>>,
    fake: Fake,
}

impl Served {
    pub fn start(model: Arc<Model>) -> Self {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let (engine, at) = (Arc::clone(&model), Arc::clone(&desk));
        let fake = Fake::start(move |request| at.lock().unwrap().answer(&engine, request));
        Self { model, desk, fake }
    }

    pub async fn engine(&self) -> DockerEngine {
        let engine = DockerEngine::open(self.fake.address(), ClientOptions::default()).await;
        engine.unwrap()
    }

    /// From here on requests are counted, and the one of this number meets a fault.
    pub fn arm(&self, fault: Option<(usize, Fault)>) {
        *self.desk.lock().unwrap() = Desk {
            fault,
            ..Desk::default()
        };
    }

    pub fn requests(&self) -> usize {
        self.desk.lock().unwrap().requests
    }

    pub fn writes(&self) -> Vec<String> {
        self.desk.lock().unwrap().writes.clone()
    }
}

impl Desk {
    fn answer(&mut self, model: &Arc<Model>, request: &str) -> Answer {
        self.requests += 1;
        let request = unversioned(request);
        if !request.starts_with("GET ") {
            self.writes.push(request.clone());
        }
        let fault = self.fault.filter(|(number, _)| *number == self.requests);
        match fault.map(|(_, fault)| fault) {
            Some(Fault::Refuse(status)) => {
                Answer::status(status, json!({"message": "not now"}).to_string())
            }
            Some(Fault::CutBefore) => Answer::cut(),
            Some(Fault::CutAfter) => {
                route(model, &request);
                Answer::cut()
            }
            Some(Fault::CutMeanwhile) => {
                let model = Arc::clone(model);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(4)).await;
                    route(&model, &request);
                });
                Answer::cut()
            }
            Some(Fault::Twice) => route(model, &request).twice(),
            Some(Fault::Delay) => route(model, &request).after(Duration::from_millis(5)),
            None => route(model, &request),
        }
    }
}

fn unversioned(request: &str) -> String {
    request.replacen("/v1.47/", "/", 1)
}

/// Returns what the model says to a request.
fn route(model: &Model, request: &str) -> Answer {
    let (method, target) = request.split_once(' ').unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let words: Vec<&str> = path.trim_start_matches('/').splitn(2, '/').collect();
    match (method, words[..].as_ref()) {
        ("GET", ["_ping"]) => Answer::json("OK").header("Api-Version", "1.47"),
        ("GET", ["version"]) => {
            said(json!({"Version": "27.5.1", "ApiVersion": "1.47", "MinAPIVersion": "1.24"}))
        }
        ("GET", ["info"]) => {
            said(json!({"ID": "MO:DEL", "Driver": "overlay2", "DockerRootDir": "/nowhere"}))
        }
        ("GET", ["images", "json"]) => listed(now(model.images()), image),
        ("GET", ["containers", "json"]) => listed(now(model.containers()), container),
        ("GET", ["volumes"]) => {
            let answer = now(model.volumes()).map(|list| {
                let list: Vec<Value> = list.iter().map(volume).collect();
                json!({"Volumes": list, "Warnings": null})
            });
            answered(answer)
        }
        ("GET", ["system", "df"]) if query.contains("build-cache") => {
            let list = now(model.build_cache());
            let list = list.map(|list| list.iter().map(record).collect::<Vec<_>>());
            answered(list.map(|list| json!({"BuildCache": list})))
        }
        ("GET", ["system", "df"]) => said(json!({})),
        ("GET", ["images", rest]) => match rest.strip_suffix("/json") {
            Some(name) => {
                let found = now(model.resolve(name)).and_then(|found| {
                    found.ok_or_else(|| EngineError::NotFound("No such image".to_owned()))
                });
                answered(found.map(|id| json!({"Id": id.as_str()})))
            }
            None => said(json!([])),
        },
        ("GET", ["containers", rest]) => {
            let id = ContainerId::new(rest.trim_end_matches("/json"));
            let found = now(model.container_details(&id, false));
            answered(found.map(|details| inspected(&details)))
        }
        ("POST", ["containers", rest]) => match rest.rsplit_once('/') {
            Some((id, "stop")) => empty(now(model.stop(&ContainerId::new(id)))),
            Some((id, "unpause")) => empty(now(model.unpause(&ContainerId::new(id)))),
            _ => Answer::status(404, "page not found"),
        },
        ("POST", ["build", "prune"]) => {
            let ids: Vec<RecordId> = pattern_of(query).map(RecordId::new).collect();
            answered(now(model.prune_records(&ids)).map(|pruned| told(&pruned)))
        }
        ("DELETE", ["containers", id]) => {
            empty(now(model.remove_container(&ContainerId::new(*id))))
        }
        ("DELETE", ["volumes", name]) => empty(now(model.remove_volume(&VolumeName::new(*name)))),
        ("DELETE", ["images", name]) => {
            let removed = if name.starts_with("sha256:") {
                now(model.remove_image(&ImageId::new(*name)))
            } else {
                now(model.untag(name))
            };
            answered(removed.map(|removed| lines(&removed)))
        }
        _ => Answer::status(404, "page not found"),
    }
}

/// Returns the model answers at once.
fn now<T>(answer: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
    answer.now_or_never().unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "it is made where it is said")]
fn said(answer: Value) -> Answer {
    Answer::json(answer.to_string())
}

fn answered(answer: Result<Value, EngineError>) -> Answer {
    let refused =
        |status, words: &str| Answer::status(status, json!({"message": words}).to_string());
    match answer {
        Ok(answer) => said(answer),
        Err(EngineError::NotFound(words)) => refused(404, &words),
        Err(EngineError::Conflict(words)) => refused(409, &words),
        Err(error) => refused(500, &error.to_string()),
    }
}

fn empty(answer: Result<(), EngineError>) -> Answer {
    match answer {
        Ok(()) => Answer::status(204, ""),
        Err(error) => answered(Err(error)),
    }
}

fn listed<T>(list: Result<Vec<T>, EngineError>, row: fn(&T) -> Value) -> Answer {
    answered(list.map(|list| list.iter().map(row).collect()))
}

fn texts(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

fn image(image: &Image) -> Value {
    json!({
        "Id": image.id.as_str(),
        "ParentId": image.parent.as_ref().map_or("", ImageId::as_str),
        "RepoTags": texts(&image.names),
        "RepoDigests": texts(&image.digests),
        "Created": image.created.map(Timestamp::as_second),
        "Size": 100,
        "Labels": null,
    })
}

fn container(container: &Container) -> Value {
    let mounts: Vec<Value> = container
        .volumes
        .iter()
        .map(|name| json!({"Type": "volume", "Name": name.as_str()}))
        .collect();
    json!({
        "Id": container.id.as_str(),
        "Names": [format!("/{}", container.name)],
        "ImageID": container.image_id.as_ref().map_or("", ImageId::as_str),
        "Image": &*container.image,
        "State": container.state.word(),
        "Created": container.created.map(Timestamp::as_second),
        "Mounts": mounts,
    })
}

fn inspected(details: &ContainerDetails) -> Value {
    let never = || "0001-01-01T00:00:00Z".to_owned();
    let time = |time: Option<Timestamp>| time.map_or_else(never, |time| time.to_string());
    json!({
        "HostConfig": {"AutoRemove": details.auto_remove},
        "State": {"StartedAt": time(details.started), "FinishedAt": time(details.finished)},
    })
}

fn volume(volume: &Volume) -> Value {
    json!({
        "Name": volume.name.as_str(),
        "Driver": &*volume.driver,
        "CreatedAt": volume.created.map(|time| time.to_string()),
        "Mountpoint": format!("/nowhere/volumes/{}/_data", volume.name),
        "Options": null,
        "Labels": if volume.anonymous { json!({"com.docker.volume.anonymous": ""}) } else { json!(null) },
    })
}

fn record(record: &Record) -> Value {
    let parents: Vec<&str> = record.parents.iter().map(RecordId::as_str).collect();
    json!({
        "ID": record.id.as_str(),
        " Parents": parents,
        "Type": &*record.kind,
        "Description": &*record.description,
        "InUse": record.in_use,
        "Shared": record.shared,
        "Size": 7,
    })
}

fn lines(removed: &Removed) -> Value {
    let untagged = removed
        .untagged
        .iter()
        .map(|name| json!({"Untagged": &**name}));
    let deleted = removed.deleted.iter().map(|id| json!({"Deleted": &**id}));
    untagged.chain(deleted).collect()
}

fn told(pruned: &Pruned) -> Value {
    let ids: Vec<&str> = pruned.deleted.iter().map(RecordId::as_str).collect();
    json!({"CachesDeleted": ids, "SpaceReclaimed": 7 * ids.len()})
}

/// Returns the IDs in `filters={"id":["^(a|b)$"]}`.
fn pattern_of(query: &str) -> impl Iterator<Item = &str> {
    let inside = query.split_once("%5E%28").map_or("", |(_, rest)| rest);
    let inside = inside.split_once("%29%24").map_or("", |(ids, _)| ids);
    inside.split("%7C").filter(|id| !id.is_empty())
}
