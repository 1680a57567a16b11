//! The fleet as its file has it: builds and what stands on them, in ages instead of dates.
//!
//! A build is a list of steps on top of another build, as in a Dockerfile. Identities are hashes of the
//! keys, so that nobody has to write sixty-four digits by hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::SignedDuration;

use super::entries::{Age, Build, By, ContainerEntry, Fleet, RecordEntry, VolumeEntry};
use super::ids::{hex, image_id, record_id, sha256};
use super::store::{Holding, KeptImage, KeptRecord, Store};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::{Disk, Places};
use crate::domain::item::{
    ChainId, Container, ContainerDetails, ContainerId, Content, HistoryRow, Image, ImageId, Labels,
    LogFiles, Record, RecordId, Source, State, Volume, VolumeName,
};
use crate::domain::paths::Paths;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::domain::unexplained::Cause;
use crate::engine::wire;

/// Why a fleet cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{what} stands on {key:?}, which is not there (above it in the file)")]
    Missing { what: String, key: String },
    #[error("{0:?} is not a state of a container")]
    State(String),
    #[error("{0:?} is not a cause")]
    Cause(String),
}

/// What a build left for those that stand on it.
#[derive(Clone, Default)]
struct Made {
    content: Content,
    layers: Vec<MadeLayer>,
    image: Option<ImageId>,
}

#[derive(Clone)]
struct MadeLayer {
    chain: ChainId,
    size: Bytes,
    /// What the build cache calls it, and when it would say that it was made.
    description: Text,
    created: Timestamp,
}

/// Reads a fleet; all its times are ages before `now`.
pub(super) fn read(json: &str, now: Timestamp) -> Result<(Store, Disk), FleetError> {
    let fleet: Fleet = serde_json::from_str(json)?;
    let mut reader = Reader {
        now,
        store: Store::default(),
        made: HashMap::new(),
        volumes: HashMap::new(),
    };
    for build in &fleet.builds {
        reader.build(build)?;
    }
    for volume in fleet.volumes {
        reader.volume(volume);
    }
    for container in fleet.containers {
        reader.container(&container)?;
    }
    for record in fleet.records {
        reader.record(record)?;
    }
    for left in fleet.left {
        let cause = Cause::of_word(&left.cause).ok_or(FleetError::Cause(left.cause))?;
        let path = format!("{}/{}", super::ROOT, left.path).into();
        reader.store.left.push((cause, path, Bytes(left.size)));
    }
    let disk = Disk {
        path: super::ROOT.into(),
        total: Bytes(fleet.disk.total),
        free: Bytes(fleet.disk.free),
        inodes_total: fleet.disk.inodes_total,
        inodes_free: fleet.disk.inodes_free,
        holds: Places::ALL,
        ..Disk::default()
    };
    reader.store.settle();
    reader.store.publish();
    Ok((reader.store, disk))
}

struct Reader {
    now: Timestamp,
    store: Store,
    made: HashMap<String, Made>,
    /// Volumes by the names that the file calls them.
    volumes: HashMap<String, VolumeName>,
}

impl Reader {
    fn ago(&self, age: Age) -> Timestamp {
        self.now - age.0
    }

    fn made(&self, what: &str, key: &str) -> Result<&Made, FleetError> {
        self.made.get(key).ok_or_else(|| FleetError::Missing {
            what: what.to_owned(),
            key: key.to_owned(),
        })
    }

    fn build(&mut self, build: &Build) -> Result<(), FleetError> {
        let mut made = match &build.from {
            Some(from) => self.made(&build.key, from)?.clone(),
            None => Made::default(),
        };
        let mut parent = made.image.take();
        let end = self.ago(build.age);
        let last = build.steps.len().saturating_sub(1);
        let layers = build.steps.iter().filter(|step| step.1.is_some()).count();
        let mut layer = 1;
        for (index, (command, size)) in build.steps.iter().enumerate() {
            let before = i64::try_from(7 * (last - index)).unwrap_or(0);
            let created = end - SignedDuration::from_secs(before);
            made.content.history.push(HistoryRow {
                created: Some(created),
                created_by: created_by(build.by, command).into(),
                comment: comment(build.by).into(),
                size: Bytes(size.unwrap_or(0)),
            });
            if let Some(size) = size {
                layer += 1;
                let chain = self.layer(&mut made.content, &build.key, index, Bytes(*size));
                let description = if build.pulled {
                    let name = build.names.first().unwrap_or(&build.key);
                    format!("pulled from docker.io/library/{name}")
                } else {
                    format!("[{layer}/{}] {command}", layers + 1)
                };
                made.layers.push(MadeLayer {
                    chain,
                    size: Bytes(*size),
                    description: description.into(),
                    created: if build.pulled {
                        self.ago(build.here.unwrap_or(build.age))
                    } else {
                        created
                    },
                });
            }
            if build.by == By::Classic && index < last {
                let id = image_id(&format!("{} {index}", build.key));
                self.keep_image(&made, bare_image(id.clone(), parent, created));
                parent = Some(id);
            }
        }
        if let Some(used) = build.cached {
            self.cache(&made, self.ago(used));
        }
        if build.image {
            let parent = parent.filter(|_| build.by == By::Classic);
            let image = self.image(build, parent);
            made.image = Some(image.id.clone());
            self.keep_image(&made, image);
        }
        self.made.insert(build.key.clone(), made);
        Ok(())
    }

    /// Adds a layer on top of those that a content has.
    fn layer(&mut self, content: &mut Content, key: &str, index: usize, size: Bytes) -> ChainId {
        let diff: Text = sha256(&format!("layer {key} {index}")).into();
        let below = Store::chain(content);
        content.diff_ids.push(&diff);
        let folder = sha256(&format!("folder {key} {index}"));
        let folder = folder.trim_start_matches("sha256:");
        content
            .folders
            .push(&format!("{}/overlay2/{folder}", super::ROOT));
        let chain = Store::chain(content).unwrap_or_else(|| ChainId::new(diff));
        self.store.add_layer(&chain, below, size);
        chain
    }

    fn image(&self, build: &Build, parent: Option<ImageId>) -> Image {
        let mut image = bare_image(image_id(&build.key), parent, self.ago(build.age));
        image.names = build
            .names
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        if build.pulled {
            let mut repositories: Vec<&str> =
                build.names.iter().map(|name| repository(name)).collect();
            repositories.dedup();
            let digest = sha256(&format!("manifest {}", build.key));
            image.digests = repositories
                .into_iter()
                .map(|repository| format!("{repository}@{digest}").into())
                .collect();
            image.source = Source::Registry;
        }
        image.labels = labels(&build.labels, None);
        image.last_tagged = build.here.map(|age| self.ago(age)).or(image.created);
        image
    }

    fn keep_image(&mut self, made: &Made, image: Image) {
        self.store.add_image(KeptImage {
            top: made.layers.last().map(|layer| layer.chain.clone()),
            content: Arc::new(made.content.clone()),
            image,
        });
    }

    /// A record for each layer of a build, each on top of the one below.
    fn cache(&mut self, made: &Made, used: Timestamp) {
        let mut below: Option<RecordId> = None;
        for layer in &made.layers {
            let id = record_id(layer.chain.as_str());
            self.store.add_record(KeptRecord {
                holding: Holding::Layer(layer.chain.clone()),
                record: Record {
                    id: id.clone(),
                    parents: below.into_iter().collect(),
                    kind: "regular".into(),
                    description: layer.description.clone(),
                    in_use: false,
                    shared: false,
                    size: Figure::Known(layer.size),
                    created: Some(layer.created),
                    last_used: Some(used.max(layer.created)),
                },
            });
            below = Some(id);
        }
    }

    fn volume(&mut self, entry: VolumeEntry) {
        let name = if entry.anonymous {
            hex(&format!("volume {}", entry.name))
        } else {
            entry.name.clone()
        };
        let mut pairs = entry.labels;
        if entry.anonymous {
            pairs.insert("com.docker.volume.anonymous".to_owned(), String::new());
        }
        self.volumes
            .insert(entry.name, VolumeName::new(name.as_str()));
        let volume = Volume {
            mountpoint: format!("{}/volumes/{name}/_data", super::ROOT).into(),
            name: VolumeName::new(name),
            size: match entry.size {
                Some(_) => Figure::Pending,
                None => Figure::Unknown,
            },
            anonymous: entry.anonymous,
            created: Some(self.ago(entry.age)),
            labels: labels(&pairs, entry.project.as_deref()),
            scope: "local".into(),
            backing: wire::backing(&entry.driver, &entry.options),
            usage: None,
            driver: entry.driver.into(),
        };
        self.store.add_volume(volume, entry.size.map(Bytes));
    }

    fn container(&mut self, entry: &ContainerEntry) -> Result<(), FleetError> {
        let made = self.made(&entry.name, &entry.build)?;
        let id = hex(&format!("container {}", entry.name));
        let below: Bytes = made.layers.iter().map(|layer| layer.size).sum();
        let top = made.layers.last().map(|layer| layer.chain.clone());
        let asked = entry.image.clone().unwrap_or_else(|| {
            made.image
                .as_ref()
                .map_or(String::new(), ToString::to_string)
        });
        let details = ContainerDetails {
            size_rw: Some(Bytes(entry.written)),
            size_root: Some(below + Bytes(entry.written)),
            started: entry.started.map(|age| self.ago(age)),
            finished: entry.finished.map(|age| self.ago(age)),
            auto_remove: entry.rm,
            stop_timeout: entry.stop_timeout,
            log_path: Some(format!("{}/containers/{id}/{id}-json.log", super::ROOT).into()),
            log_driver: "json-file".into(),
            log_bounded: Some(entry.rotated > 0),
            log: entry.log.map(|bytes| LogFiles {
                size: Bytes(bytes),
                blocks: Bytes(bytes),
                packed: Bytes::ZERO,
                written: Bytes(bytes / (entry.rotated as u64 + 1)),
                aside: Bytes(bytes - bytes / (entry.rotated as u64 + 1)),
                rotated: entry.rotated,
            }),
            usage: None,
            folders: made.content.folders.clone(),
            manifest: None,
        };
        let volumes = entry.volumes.iter().map(|key| {
            let missing = || FleetError::Missing {
                what: entry.name.clone(),
                key: key.clone(),
            };
            self.volumes.get(key).cloned().ok_or_else(missing)
        });
        let container = Container {
            id: ContainerId::new(id),
            name: entry.name.as_str().into(),
            image_id: made.image.clone(),
            image: asked.into(),
            command: entry.command.as_str().into(),
            state: state(&entry.state)?,
            created: Some(self.ago(entry.age)),
            labels: labels(&entry.labels, entry.project.as_deref()),
            volumes: volumes.collect::<Result<_, _>>()?,
            image_mounts: Vec::new(),
            binds: Paths::default(),
            details: Figure::Pending,
        };
        self.store.add_container(container, details, top);
        Ok(())
    }

    fn record(&mut self, entry: RecordEntry) -> Result<(), FleetError> {
        let parents = match &entry.on {
            Some(key) => self.made(&entry.description, key)?.layers.last().cloned(),
            None => None,
        };
        let record = Record {
            id: record_id(&format!("{} {}", entry.kind, entry.description)),
            parents: parents
                .iter()
                .map(|layer| record_id(layer.chain.as_str()))
                .collect(),
            kind: entry.kind.into(),
            description: entry.description.into(),
            in_use: entry.in_use,
            shared: false,
            size: Figure::Known(Bytes(entry.size)),
            created: Some(self.ago(entry.age)),
            last_used: entry.used.map(|age| self.ago(age)),
        };
        self.store.add_record(KeptRecord {
            holding: Holding::Own(Bytes(entry.size)),
            record,
        });
        Ok(())
    }
}

fn bare_image(id: ImageId, parent: Option<ImageId>, created: Timestamp) -> Image {
    Image {
        id,
        parent,
        names: Vec::new(),
        digests: Vec::new(),
        created: Some(created),
        size: Figure::Pending,
        shared: Figure::Pending,
        labels: Labels::default(),
        source: Source::Local,
        last_tagged: None,
        content: Figure::Pending,
    }
}

fn created_by(by: By, command: &str) -> String {
    let run = command.strip_prefix("RUN ");
    let copies = command.starts_with("COPY ") || command.starts_with("ADD ");
    match (by, run) {
        (By::Buildkit, Some(run)) => format!("RUN /bin/sh -c {run} # buildkit"),
        (By::Buildkit, None) if copies => format!("{command} # buildkit"),
        (By::Classic, Some(run)) => format!("/bin/sh -c {run}"),
        (By::Classic, None) => format!("/bin/sh -c #(nop) {command}"),
        (By::Buildkit, None) => command.to_owned(),
        (By::Import, _) => String::new(),
    }
}

fn comment(by: By) -> &'static str {
    match by {
        By::Buildkit => "buildkit.dockerfile.v0",
        By::Classic => "",
        By::Import => "Imported from -",
    }
}

fn state(word: &str) -> Result<State, FleetError> {
    Ok(match word {
        "created" => State::Created,
        "running" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "exited" => State::Exited,
        "dead" => State::Dead,
        _ => return Err(FleetError::State(word.to_owned())),
    })
}

fn labels(pairs: &BTreeMap<String, String>, project: Option<&str>) -> Labels {
    let project = project.map(|project| ("com.docker.compose.project", project));
    Labels::new(
        pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .chain(project)
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
    )
}

/// A name without its tag.
pub(super) fn repository(name: &str) -> &str {
    name.rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .map_or(name, |(repository, _)| repository)
}
