//! The JSON of `report`, `plan` and `clean`: schema 1 (DESIGN.md, JSON). Bytes are integers, what is not
//! known is null, times are RFC 3339 in UTC.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Disk, EngineInfo, Store};
use crate::domain::item::{Container, Image, ItemId, Kind, Labels, Record, Source, Text, Volume};
use crate::domain::layers::Freed;
use crate::domain::outcome::Done;
use crate::domain::plan::{AddedBy, ComesBack, Plan, Refusal, Step};
use crate::domain::survey::{Facts, Survey};
use crate::ui::text::sanitise;
use crate::ui::words;

const SCHEMA: u8 = 1;

/// Everything that is there.
#[must_use]
pub fn report(survey: &Survey) -> String {
    written(&Report::new(survey))
}

/// What would go.
#[must_use]
pub fn plan(survey: &Survey, plan: &Plan) -> String {
    written(&PlanAnswer {
        schema: SCHEMA,
        plan: PlanJson::new(survey, plan),
    })
}

/// How it was found out what has been freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreedBy {
    /// From what the engine said that it deleted.
    #[default]
    Engine,
    /// From a scan afterwards.
    Rescan,
    /// From the filesystem.
    Disk,
}

/// What went. `error` is why nothing could be tried.
#[must_use]
pub fn clean(survey: &Survey, plan: &Plan, done: &[Done], error: Option<&str>) -> String {
    written(&Clean {
        schema: SCHEMA,
        plan: PlanJson::new(survey, plan),
        done: done.iter().map(DoneJson::new).collect(),
        freed: done.iter().map(|done| done.freed).sum(),
        freed_by: FreedBy::default(),
        error,
    })
}

/// JSON that a terminal can show: what JSON leaves as it is and a terminal would obey is escaped too.
fn written(value: &impl Serialize) -> String {
    // Only a map with keys that are no strings can fail, and there is none.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut safe = String::with_capacity(text.len());
    let mut letter_bytes = [0; 4];
    let mut units = [0; 2];
    for letter in text.chars() {
        let is_plain = letter == '\n'
            || (' '..='~').contains(&letter)
            || matches!(sanitise(letter.encode_utf8(&mut letter_bytes)).chars().next(),
                Some(shown) if shown == letter);
        if is_plain {
            safe.push(letter);
        } else {
            // Outside of strings JSON has only ASCII, so this stands in a string.
            for unit in letter.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    safe
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u8,
    engine: EngineJson<'a>,
    disks: Vec<DiskJson<'a>>,
    totals: TotalsJson,
    images: Vec<ImageJson<'a>>,
    containers: Vec<ContainerJson<'a>>,
    volumes: Vec<VolumeJson<'a>>,
    build_cache: Vec<RecordJson<'a>>,
    /// Log files cannot be read by this version.
    logs: Option<()>,
    unexplained: Option<()>,
}

impl<'a> Report<'a> {
    fn new(survey: &'a Survey) -> Self {
        let inventory = survey.inventory();
        let totals = survey.ledger.totals();
        Self {
            schema: SCHEMA,
            engine: EngineJson::new(&inventory.engine),
            disks: inventory.disks.iter().map(DiskJson::new).collect(),
            totals: TotalsJson {
                images: totals.images,
                containers: totals.containers,
                volumes: totals.volumes,
                build_cache: totals.build_cache,
                logs: None,
                unexplained: None,
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
            logs: None,
            unexplained: None,
        }
    }
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
    logs: Option<Bytes>,
    unexplained: Option<Bytes>,
}

#[derive(Serialize)]
struct ImageJson<'a> {
    id: &'a str,
    names: &'a [Text],
    digests: &'a [Text],
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
            names: &image.names,
            digests: &image.digests,
            created: image.created,
            size: image.size,
            shared: image.shared,
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
            image_id: container.image_id.as_ref().map(|id| id.as_str()),
            image: &container.image,
            state: container.state.word(),
            size: survey.item(Kind::Container, at).size(),
            log: details.and_then(|details| details.log),
            frees: facts.frees.figure(),
            created: container.created,
            finished: details.and_then(|details| details.finished),
            project: container.labels.project(),
            protected: facts.flags.protected,
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
            parents: record.parents.iter().map(|id| id.as_str()).collect(),
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

#[derive(Serialize)]
struct PlanAnswer<'a> {
    schema: u8,
    #[serde(flatten)]
    plan: PlanJson<'a>,
}

#[derive(Serialize)]
struct Clean<'a> {
    schema: u8,
    #[serde(flatten)]
    plan: PlanJson<'a>,
    done: Vec<DoneJson<'a>>,
    freed: Bytes,
    freed_by: FreedBy,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct PlanJson<'a> {
    frees: Bytes,
    at_most: Bytes,
    exact: bool,
    why: Vec<String>,
    steps: Vec<StepJson<'a>>,
    refused: Vec<RefusalJson<'a>>,
    held_back: Vec<HeldBackJson<'a>>,
}

impl<'a> PlanJson<'a> {
    fn new(survey: &'a Survey, plan: &'a Plan) -> Self {
        Self {
            frees: plan.frees.at_least,
            at_most: plan.frees.at_most,
            exact: plan.frees.is_exact(),
            why: reasons(&plan.frees, survey),
            steps: plan.steps.iter().map(StepJson::new).collect(),
            refused: plan
                .refused
                .iter()
                .map(|refusal| RefusalJson::new(survey, refusal))
                .collect(),
            held_back: plan
                .held_back
                .iter()
                .map(|(id, held)| HeldBackJson {
                    thing: Thing::of(survey, id),
                    bytes: held.bytes,
                    by: held
                        .by
                        .iter()
                        .map(|(id, bytes)| HolderJson {
                            thing: Thing::of(survey, id),
                            bytes: *bytes,
                        })
                        .collect(),
                })
                .collect(),
        }
    }
}

/// Why a promise is not exact, each reason once.
fn reasons(frees: &Freed, survey: &Survey) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    if frees.pending {
        reasons.push("not everything could be measured".to_owned());
    }
    for doubt in &frees.doubts {
        let reason = words::doubt_of(doubt, survey);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// What is meant: its kind, its ID and what to call it.
#[derive(Serialize)]
struct Thing<'a> {
    kind: Kind,
    id: &'a str,
    name: String,
}

impl<'a> Thing<'a> {
    fn of(survey: &Survey, id: &'a ItemId) -> Self {
        Self::named(id, words::name(id, survey))
    }

    fn named(id: &'a ItemId, name: String) -> Self {
        Self {
            kind: id.kind(),
            id: id.as_str(),
            name,
        }
    }
}

#[derive(Serialize)]
struct StepJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    names: &'a [Text],
    frees: Bytes,
    comes_back: ComesBack,
    added_by: AddedBy,
}

impl<'a> StepJson<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            thing: Thing::named(&step.id, step.name.to_string()),
            names: &step.names,
            frees: step.frees.at_least,
            comes_back: step.comes_back,
            added_by: step.added_by,
        }
    }
}

#[derive(Serialize)]
struct RefusalJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    why: &'a str,
    unlock: Vec<Thing<'a>>,
}

impl<'a> RefusalJson<'a> {
    fn new(survey: &Survey, refusal: &'a Refusal) -> Self {
        Self {
            thing: Thing::named(&refusal.id, refusal.name.to_string()),
            why: &refusal.why,
            unlock: refusal
                .unlock
                .iter()
                .map(|id| Thing::of(survey, id))
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct HeldBackJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    bytes: Bytes,
    by: Vec<HolderJson<'a>>,
}

#[derive(Serialize)]
struct HolderJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    bytes: Bytes,
}

#[derive(Serialize)]
struct DoneJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    outcome: &'static str,
    error: Option<&'a str>,
    freed: Bytes,
}

impl<'a> DoneJson<'a> {
    fn new(done: &'a Done) -> Self {
        Self {
            thing: Thing::named(&done.id, done.name.to_string()),
            outcome: done.outcome.word(),
            error: done.error.as_deref(),
            freed: done.freed,
        }
    }
}

#[cfg(test)]
mod tests;
