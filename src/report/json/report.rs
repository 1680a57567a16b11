//! What is there, as schema 1 has it.

use serde::Serialize;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::inventory::{EngineInfo, Inventory, Progress, Stage, Store};
use crate::domain::item::{
    Container, Image, ImageId, Kind, Labels, Record, RecordId, Source, Volume,
};
use crate::domain::survey::{Facts, Survey};
use crate::domain::time::Timestamp;
use crate::domain::unexplained::{self, Unexplained};

use super::{SCHEMA, strs};

#[derive(Serialize)]
pub(super) struct Report<'a> {
    schema: u8,
    engine: EngineJson<'a>,
    disks: Vec<DiskJson<'a>>,
    totals: TotalsJson,
    images: Vec<ImageJson<'a>>,
    containers: Vec<ContainerJson<'a>>,
    volumes: Vec<VolumeJson<'a>>,
    build_cache: Vec<RecordJson<'a>>,
    logs: Option<Vec<LogJson<'a>>>,
    unexplained: Option<Vec<UnexplainedJson<'a>>>,
    /// Why figures are missing.
    failed: Vec<FailedJson<'a>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        let inventory = survey.inventory();
        let totals = survey.ledger.totals();
        let unexplained = inventory.unexplained.as_ref().known().map(|rows| &rows[..]);
        Self {
            schema: SCHEMA,
            engine: EngineJson::new(&inventory.engine),
            disks: inventory.disks.iter().map(DiskJson::new).collect(),
            totals: TotalsJson {
                images: totals.images,
                containers: totals.containers,
                volumes: totals.volumes,
                build_cache: totals.build_cache,
                logs: totals.logs,
                unexplained: unexplained.map(unexplained::sum),
            },
            images: survey
                .rows(Kind::Image)
                .map(|at| ImageJson::new(survey, at))
                .collect(),
            containers: survey
                .rows(Kind::Container)
                .map(|at| ContainerJson::new(survey, at))
                .collect(),
            volumes: survey
                .rows(Kind::Volume)
                .map(|at| VolumeJson::new(survey, at))
                .collect(),
            build_cache: survey
                .rows(Kind::BuildCache)
                .map(|at| RecordJson::new(survey, at))
                .collect(),
            logs: survey.has_logs().then(|| {
                let rows = survey.rows(Kind::Log);
                rows.map(|at| LogJson::new(survey, at)).collect()
            }),
            unexplained: unexplained.map(|rows| rows.iter().map(UnexplainedJson::new).collect()),
            failed: failed(inventory).collect(),
        }
    }
}

/// Bytes that nothing else in the report counts.
#[derive(Serialize)]
struct UnexplainedJson<'a> {
    cause: &'static str,
    path: &'a str,
    bytes: Bytes,
    advice: &'static str,
}

impl<'a> UnexplainedJson<'a> {
    fn new(row: &'a Unexplained) -> Self {
        Self {
            cause: row.cause.word(),
            path: &row.path,
            bytes: row.bytes,
            advice: row.cause.advice(),
        }
    }
}

/// A stage of the scan that the engine did not answer: what it tells is null, or as old as the last answer.
#[derive(Serialize)]
struct FailedJson<'a> {
    stage: &'static str,
    error: &'a str,
}

fn failed(inventory: &Inventory) -> impl Iterator<Item = FailedJson<'_>> {
    Stage::ALL
        .into_iter()
        .filter_map(|stage| match inventory.stage(stage) {
            Progress::Failed(error) => Some(FailedJson {
                stage: stage.word(),
                error,
            }),
            Progress::Waiting | Progress::Running(_) | Progress::Done(_) => None,
        })
}

#[derive(Serialize)]
struct EngineJson<'a> {
    host: &'a str,
    why: &'a str,
    product: &'a str,
    version: &'a str,
    api: &'a str,
    store: &'a str,
    driver: &'a str,
    root: &'a str,
    local: bool,
}

impl<'a> EngineJson<'a> {
    fn new(engine: &'a EngineInfo) -> Self {
        Self {
            host: &engine.host,
            why: &engine.why,
            product: &engine.product,
            version: &engine.version,
            api: &engine.api,
            store: match engine.store {
                Store::GraphDriver => &engine.driver,
                Store::Containerd => "containerd",
            },
            driver: &engine.driver,
            root: &engine.root,
            local: engine.local,
        }
    }
}

#[derive(Serialize)]
struct DiskJson<'a> {
    path: &'a str,
    total: Bytes,
    free: Bytes,
    inodes_total: u64,
    inodes_free: u64,
}

impl<'a> DiskJson<'a> {
    fn new(disk: &'a Disk) -> Self {
        Self {
            path: &disk.path,
            total: disk.total,
            free: disk.free,
            inodes_total: disk.inodes_total,
            inodes_free: disk.inodes_free,
        }
    }
}

#[derive(Serialize)]
struct TotalsJson {
    images: Figure<Bytes>,
    containers: Figure<Bytes>,
    volumes: Figure<Bytes>,
    build_cache: Figure<Bytes>,
    logs: Figure<Bytes>,
    unexplained: Option<Bytes>,
}

#[derive(Serialize)]
struct ImageJson<'a> {
    id: &'a str,
    names: Vec<&'a str>,
    digests: Vec<&'a str>,
    created: Option<Timestamp>,
    size: Figure<Bytes>,
    shared: Figure<Bytes>,
    frees: Figure<Bytes>,
    exact: bool,
    state: Option<&'static str>,
    source: Source,
    containers: Vec<&'a str>,
    last_used: Option<Timestamp>,
    last_used_by: Option<&'a str>,
    labels: &'a Labels,
    protected: bool,
}

impl<'a> ImageJson<'a> {
    fn new(survey: &'a Survey, at: usize) -> Self {
        let image: &Image = &survey.inventory().images[at];
        let facts = survey.facts(Kind::Image, at);
        Self {
            id: image.id.as_str(),
            names: strs(&image.names),
            digests: strs(&image.digests),
            created: image.created,
            size: image.size,
            shared: survey.shared(at),
            frees: facts.frees.figure(),
            exact: facts.frees.is_exact(),
            state: image_state(facts),
            source: image.source,
            containers: survey
                .users_of_image(&image.id)
                .map(|user| &*user.name)
                .collect(),
            last_used: facts.last_used,
            last_used_by: facts.last_used_by.as_deref(),
            labels: &image.labels,
            protected: facts.flags.protected,
        }
    }
}

/// A dangling image in use is used: that is what keeps it.
fn image_state(facts: &Facts) -> Option<&'static str> {
    Some(match (facts.flags.used?, facts.flags.dangling) {
        (true, _) => "used",
        (false, Some(true)) => "dangling",
        (false, _) => "unused",
    })
}

#[derive(Serialize)]
struct ContainerJson<'a> {
    id: &'a str,
    name: &'a str,
    image_id: Option<&'a str>,
    image: &'a str,
    state: &'a str,
    size: Figure<Bytes>,
    log: Option<Bytes>,
    log_bounded: Option<bool>,
    frees: Figure<Bytes>,
    created: Option<Timestamp>,
    finished: Option<Timestamp>,
    project: Option<&'a str>,
    protected: bool,
}

impl<'a> ContainerJson<'a> {
    fn new(survey: &'a Survey, at: usize) -> Self {
        let container: &Container = &survey.inventory().containers[at];
        let facts = survey.facts(Kind::Container, at);
        let details = container.details.as_ref().known();
        Self {
            id: container.id.as_str(),
            name: &container.name,
            image_id: container.image_id.as_ref().map(ImageId::as_str),
            image: &container.image,
            state: container.state.word(),
            size: survey.item(Kind::Container, at).size(),
            log: details.and_then(|details| details.log).map(|log| log.size),
            log_bounded: details.and_then(|details| details.log_bounded),
            frees: facts.frees.figure(),
            created: container.created,
            finished: details.and_then(|details| details.finished),
            project: container.labels.project(),
            protected: facts.flags.protected,
        }
    }
}

#[derive(Serialize)]
struct LogJson<'a> {
    container: &'a str,
    name: &'a str,
    driver: &'a str,
    bounded: Option<bool>,
    size: Figure<Bytes>,
}

impl<'a> LogJson<'a> {
    fn new(survey: &'a Survey, at: usize) -> Self {
        let container: &Container = &survey.inventory().containers[at];
        let details = container.details.as_ref().known();
        Self {
            container: container.id.as_str(),
            name: &container.name,
            driver: details.map_or("", |details| &details.log_driver),
            bounded: details.and_then(|details| details.log_bounded),
            size: survey.item(Kind::Log, at).size(),
        }
    }
}

#[derive(Serialize)]
struct VolumeJson<'a> {
    name: &'a str,
    driver: &'a str,
    size: Figure<Bytes>,
    frees: Figure<Bytes>,
    anonymous: bool,
    containers: Vec<&'a str>,
    project: Option<&'a str>,
    /// The buildx builder whose cache it is.
    builder: Option<&'a str>,
    created: Option<Timestamp>,
    protected: bool,
}

impl<'a> VolumeJson<'a> {
    fn new(survey: &'a Survey, at: usize) -> Self {
        let volume: &Volume = &survey.inventory().volumes[at];
        let facts = survey.facts(Kind::Volume, at);
        Self {
            name: volume.name.as_str(),
            driver: &volume.driver,
            size: volume.size,
            frees: facts.frees.figure(),
            anonymous: volume.anonymous,
            containers: survey
                .users_of_volume(&volume.name)
                .map(|user| &*user.name)
                .collect(),
            project: volume.labels.project(),
            builder: volume.builder(),
            created: volume.created,
            protected: facts.flags.protected,
        }
    }
}

#[derive(Serialize)]
struct RecordJson<'a> {
    id: &'a str,
    parents: Vec<&'a str>,
    r#type: &'a str,
    description: &'a str,
    size: Figure<Bytes>,
    frees: Figure<Bytes>,
    in_use: bool,
    shared: bool,
    created: Option<Timestamp>,
    last_used: Option<Timestamp>,
}

impl<'a> RecordJson<'a> {
    fn new(survey: &'a Survey, at: usize) -> Self {
        let record: &Record = &survey.inventory().cache[at];
        Self {
            id: record.id.as_str(),
            parents: record.parents.iter().map(RecordId::as_str).collect(),
            r#type: &record.kind,
            description: &record.description,
            size: record.size,
            frees: survey.facts(Kind::BuildCache, at).frees.figure(),
            in_use: record.in_use,
            shared: record.shared,
            created: record.created,
            last_used: record.last_used,
        }
    }
}
