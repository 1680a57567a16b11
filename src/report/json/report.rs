//! What is there, as schema 1 has it.

use std::borrow::Cow;

use serde::Serialize;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::index::ItemNo;
use crate::domain::inventory::{EngineInfo, Inventory, Stage};
use crate::domain::item::{
    Container, Image, ImageId, Kind, Labels, Record, RecordId, STACK, Source, Volume,
};
use crate::domain::retention::Freed;
use crate::domain::store::disk_usage::Measure;
use crate::domain::survey::{Facts, Item, Survey};
use crate::domain::time::Timestamp;
use crate::domain::unexplained::{self, Unexplained};
use crate::ui::words::closed_disk;

use super::{SCHEMA, strs};

#[derive(Serialize)]
pub(super) struct Report<'a> {
    schema: u8,
    engine: EngineJson<'a>,
    disks: Vec<DiskJson<'a>>,
    totals: TotalsJson,
    /// A kind that could not be listed is null.
    images: Option<Vec<ImageJson<'a>>>,
    containers: Option<Vec<ContainerJson<'a>>>,
    volumes: Option<Vec<VolumeJson<'a>>>,
    build_cache: Option<Vec<RecordJson<'a>>>,
    logs: Option<Vec<LogJson<'a>>>,
    unexplained: Option<Vec<UnexplainedJson<'a>>>,
    /// Why figures are missing.
    failed: Vec<FailedJson<'a>>,
    /// What the engine warned of when it listed its volumes.
    warnings: Vec<&'a str>,
}

impl<'a> Report<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        let inventory = survey.inventory();
        let totals = survey.retention.totals();
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
            images: listed(survey, Kind::Image, ImageJson::new),
            containers: listed(survey, Kind::Container, ContainerJson::new),
            volumes: listed(survey, Kind::Volume, VolumeJson::new),
            build_cache: listed(survey, Kind::BuildCache, RecordJson::new),
            logs: listed(survey, Kind::Log, LogJson::new).filter(|_| survey.has_logs()),
            unexplained: unexplained.map(|rows| rows.iter().map(UnexplainedJson::new).collect()),
            failed: failed(inventory).collect(),
            warnings: strs(&inventory.volume_warnings),
        }
    }
}

/// Returns the rows of a kind; nothing where its list is refused.
fn listed<'a, T>(
    survey: &'a Survey,
    kind: Kind,
    row: impl Fn(&'a Survey, usize) -> T,
) -> Option<Vec<T>> {
    let is_refused = survey.inventory().lacks(Stage::list_of(kind)).is_some();
    (!is_refused).then(|| survey.rows(kind).map(|at| row(survey, at)).collect())
}

/// Bytes that nothing else in the report counts.
#[derive(Serialize)]
struct UnexplainedJson<'a> {
    cause: &'static str,
    path: &'a str,
    /// Of the engine's other store.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    bytes: Option<Bytes>,
    advice: &'static str,
}

impl<'a> UnexplainedJson<'a> {
    fn new(row: &'a Unexplained) -> Self {
        Self {
            cause: row.cause.word(),
            path: &row.path,
            container: row.container.as_deref(),
            bytes: row.bytes,
            advice: row.cause.advice(),
        }
    }
}

/// A stage of the scan that the engine did not answer: what it tells is null, or as old as the last answer.
#[derive(Serialize)]
struct FailedJson<'a> {
    stage: &'static str,
    error: Cow<'a, str>,
}

/// Returns what is not known, and why: stages of the scan, and disks.
fn failed(inventory: &Inventory) -> impl Iterator<Item = FailedJson<'_>> {
    let closed = inventory.engine.closed_disks.iter();
    let closed = closed.map(|path| FailedJson {
        stage: "disks",
        error: closed_disk(path).into(),
    });
    let stages = inventory.failures().map(|(stage, error)| FailedJson {
        stage,
        error: error.into(),
    });
    stages.chain(closed)
}

#[derive(Serialize)]
struct EngineJson<'a> {
    host: &'a str,
    why: &'a str,
    product: &'a str,
    version: Option<&'a str>,
    api: &'a str,
    store: Option<&'a str>,
    driver: Option<&'a str>,
    root: Option<&'a str>,
    local: bool,
}

/// Returns what an engine says of itself, if it says anything.
fn told(words: &str) -> Option<&str> {
    Some(words).filter(|words| !words.is_empty())
}

impl<'a> EngineJson<'a> {
    fn new(engine: &'a EngineInfo) -> Self {
        Self {
            host: &engine.host,
            why: &engine.why,
            product: &engine.product,
            version: told(&engine.version),
            api: &engine.api,
            store: engine.store_name(),
            driver: told(&engine.driver),
            root: told(&engine.root),
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

/// What goes if one thing alone goes now.
#[derive(Serialize)]
struct FreesJson {
    frees: Figure<Bytes>,
    exact: bool,
    /// What it was measured by, where it is known.
    by: Option<Measure>,
}

impl FreesJson {
    fn new(frees: &Freed) -> Self {
        Self {
            frees: frees.figure(),
            exact: frees.is_exact(),
            by: frees.measure(),
        }
    }
}

#[derive(Serialize)]
struct ImageJson<'a> {
    id: &'a str,
    names: Vec<&'a str>,
    digests: Vec<&'a str>,
    created: Option<Timestamp>,
    size: Figure<Bytes>,
    shared: Figure<Bytes>,
    #[serde(flatten)]
    frees: FreesJson,
    state: Option<&'static str>,
    source: Source,
    containers: Vec<&'a str>,
    held_by: Vec<HeldByJson<'a>>,
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
            frees: FreesJson::new(&facts.frees),
            state: image_state(facts),
            source: image.source,
            containers: survey
                .users_of_image(&image.id)
                .map(|user| &*user.name)
                .collect(),
            held_by: HeldByJson::all(survey, Kind::Image, at),
            last_used: facts.last_used,
            last_used_by: facts.last_used_by.as_deref(),
            labels: &image.labels,
            protected: facts.flags.protected,
        }
    }
}

/// What keeps an image or a volume from going, by whatever way.
#[derive(Serialize)]
struct HeldByJson<'a> {
    kind: &'static str,
    name: &'a str,
}

impl<'a> HeldByJson<'a> {
    fn all(survey: &'a Survey, kind: Kind, at: usize) -> Vec<Self> {
        let number = survey.numbers().number(kind, at);
        let by_path = survey.users_by_path(number);
        let inside = match kind {
            // Volumes whose data lies in it.
            Kind::Volume => survey.children(number),
            Kind::Image | Kind::Container | Kind::BuildCache | Kind::Log => &[],
        };
        let users = survey.users(number).iter().chain(inside);
        let users = users.filter_map(|user| {
            let (name, is_path) = match survey.numbered(*user) {
                Item::Container(container) => (&*container.name, by_path.contains(user)),
                Item::Volume(volume) => (volume.name.as_str(), true),
                Item::Image(_) | Item::Record(_) | Item::Log(_) => return None,
            };
            let kind = if is_path { "path" } else { "container" };
            Some(Self { kind, name })
        });
        let outsiders = survey.outsiders(number).map(|outsider| Self {
            kind: outsider.kind.key(),
            name: &outsider.name,
        });
        let stack = stack_that_may_hold(survey, number);
        let stack = stack.map(|name| Self {
            kind: "stack",
            name,
        });
        users.chain(outsiders).chain(stack).collect()
    }
}

/// Returns the stack that a volume was deployed with, where its services cannot be listed (a worker, a proxy): any of
/// them may hold it.
fn stack_that_may_hold(survey: &Survey, number: ItemNo) -> Option<&str> {
    let Item::Volume(volume) = survey.numbered(number) else {
        return None;
    };
    let is_in_doubt = survey.unlisted_holders(number) == Some(Stage::Services);
    let stack = volume.labels.value(STACK);
    stack.filter(|_| is_in_doubt)
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
    #[serde(flatten)]
    frees: FreesJson,
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
            frees: FreesJson::new(&facts.frees),
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
    #[serde(flatten)]
    frees: FreesJson,
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
            frees: FreesJson::new(&survey.facts(Kind::Log, at).frees),
        }
    }
}

#[derive(Serialize)]
struct VolumeJson<'a> {
    name: &'a str,
    driver: &'a str,
    size: Figure<Bytes>,
    scope: &'a str,
    #[serde(flatten)]
    frees: FreesJson,
    anonymous: bool,
    containers: Vec<&'a str>,
    held_by: Vec<HeldByJson<'a>>,
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
            scope: &volume.scope,
            frees: FreesJson::new(&facts.frees),
            anonymous: volume.anonymous,
            containers: survey
                .users_of_volume(&volume.name)
                .map(|user| &*user.name)
                .collect(),
            held_by: HeldByJson::all(survey, Kind::Volume, at),
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
    #[serde(flatten)]
    frees: FreesJson,
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
            frees: FreesJson::new(&survey.facts(Kind::BuildCache, at).frees),
            in_use: record.in_use,
            shared: record.shared,
            created: record.created,
            last_used: record.last_used,
        }
    }
}
