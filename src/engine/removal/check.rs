//! Looks at the engine again: all of it before the first step, one object where something is in doubt.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::domain::bytes::Figure;
use crate::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Swarm};
use crate::domain::item::{ContainerDetails, ContainerId, ItemId, Volume, VolumeName};
use crate::domain::outsider::OutsiderKind;
use crate::domain::plan::{Plan, Recheck, Seen, Step};
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::survey::Survey;

use super::{ANOTHER, Confirmed, RemovalRun};
use crate::engine::host::{Asked, Unlisted};
use crate::engine::port::clock;
use crate::engine::{Engine, EngineError, scan};

/// How many containers are inspected at a time.
const AT_ONCE: usize = 8;

/// Lists the engine again and plans anew what was confirmed. What cannot be listed, and what such a list would tell of
/// others, is left.
///
/// # Errors
/// The engine does not answer, is another one, or refuses every list that a step needs.
pub(super) async fn recheck(
    engine: &dyn Engine,
    order: Confirmed,
) -> Result<(Survey, Recheck), EngineError> {
    let Confirmed { plan, mut base, .. } = order;
    let now = is_same(engine, &base.engine).await??;
    base.engine = Arc::new(with_swarm(&base.engine, now.swarm));
    let (images, containers, volumes, services) = tokio::join!(
        engine.images(),
        engine.containers(),
        engine.volumes(),
        engine.services(),
    );
    let mut refusals = Vec::new();
    for (stage, answer) in [
        (Stage::Images, images.map(Part::Images)),
        (Stage::Containers, containers.map(Part::Containers)),
        (Stage::Volumes, volumes.map(Part::Volumes)),
        (Stage::Services, services.map(Part::services)),
    ] {
        refusals.extend(take(&mut base, stage, answer));
    }
    let is_image = |id: &ItemId| matches!(id, ItemId::Image(_));
    if has(&plan, is_image) {
        let external = Figure::Known(engine.external().await?);
        base.apply(Part::Outsiders(OutsiderKind::External, external));
    }
    if has(&plan, |id| is_image(id) || matches!(id, ItemId::Volume(_))) {
        let found = scan::unlisted_now(engine, &base, &base).await;
        take_folder(found, &mut base);
    }
    resolve(&mut base).await;
    // On old engines this list is a walk over everything, so it is asked for only where it decides.
    if has(&plan, |id| matches!(id, ItemId::Record(_))) {
        let records = engine.build_cache().await;
        let records = records.map(Part::BuildCache);
        refusals.extend(take(&mut base, Stage::BuildCache, records));
    }
    for (id, details) in inspect(engine, &plan).await {
        let details = Arc::new(with_sizes(details, &base, &id));
        base.apply(Part::ContainerDetails(id, Figure::Known(details)));
    }
    for part in scan::sizes_of(engine, &base, emptied(&plan, &base)).await {
        base.apply(part);
    }
    let survey = Survey::new(base);
    let recheck = plan.recheck(&survey);
    let is_skipped = |done: &Done| done.outcome == Outcome::Skipped;
    match refusals.into_iter().next() {
        Some(error) if recheck.plan.steps.is_empty() && recheck.dropped.iter().any(is_skipped) => {
            Err(error)
        }
        _ => Ok((survey, recheck)),
    }
}

/// Takes a list in, or why it cannot be had: then what was listed before is too old to decide by.
fn take(
    base: &mut Inventory,
    stage: Stage,
    answer: Result<Part, EngineError>,
) -> Option<EngineError> {
    match answer {
        Ok(part) => {
            base.apply(part);
            base.apply(Part::Stage(stage, Progress::Done(clock::now())));
            None
        }
        Err(error) => {
            base.distrust(stage, error.to_string().into());
            Some(error)
        }
    }
}

/// Looks where paths really are by now, where the engine is on this machine.
async fn resolve(base: &mut Inventory) {
    if base.engine.local
        && let Some(paths) = scan::resolved(Asked::of(base)).await
    {
        base.apply(Part::Resolved(paths));
    }
}

/// Returns an engine as it is known, which may have joined or left a swarm since.
fn with_swarm(engine: &EngineInfo, swarm: Swarm) -> EngineInfo {
    EngineInfo {
        swarm,
        ..engine.clone()
    }
}

/// Takes in what the folder of an engine on this machine tells of containers that no list does. Where it cannot be
/// read any more, what it told before stands.
fn take_folder(found: Option<Unlisted>, now: &mut Inventory) {
    let parts = found.into_iter().map(|it| scan::unlisted_parts(Some(it)));
    for part in parts.flatten() {
        now.apply(part);
    }
}

/// Returns whether the engine that answers is the one that was asked before: the outer error says that it cannot be
/// asked, the inner one that it is another. Podman makes its ID up anew each time.
pub(super) async fn is_same(
    engine: &dyn Engine,
    before: &EngineInfo,
) -> Result<Result<EngineInfo, EngineError>, EngineError> {
    let now = engine.about().await?;
    let told = [&before.engine_id, &now.engine_id];
    let is_told = told.iter().all(|id| !id.is_empty()) && !before.is_podman();
    if !is_told || before.engine_id == now.engine_id {
        return Ok(Ok(now));
    }
    Ok(Err(EngineError::Unreachable {
        host: before.host.to_string(),
        cause: ANOTHER.to_owned(),
    }))
}

/// Volumes of the plan that held nothing when they were measured: something may have been written since.
fn emptied(plan: &Plan, base: &Inventory) -> Vec<Volume> {
    let in_plan = |volume: &&Volume| {
        let id = ItemId::Volume(volume.name.clone());
        volume.emptiness(base.engine.measure).is_empty() && has(plan, |step| *step == id)
    };
    base.volumes.iter().filter(in_plan).cloned().collect()
}

fn has(plan: &Plan, what: impl Fn(&ItemId) -> bool) -> bool {
    plan.steps.iter().any(|step| what(&step.id))
}

/// Asks of each container in the plan when it last ran. Of one that cannot be inspected stands what was measured with
/// it before; at its turn it is inspected again.
async fn inspect(engine: &dyn Engine, plan: &Plan) -> Vec<(ContainerId, ContainerDetails)> {
    let ids: Vec<ContainerId> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.id {
            ItemId::Container(id) | ItemId::Log(id) => Some(id.clone()),
            _ => None,
        })
        .collect();
    stream::iter(ids)
        .map(|id| async move {
            let details = engine.container_details(&id, false).await;
            Some((id, details.ok()?))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Keeps what was measured of a container, which a quick look does not measure again.
fn with_sizes(fresh: ContainerDetails, base: &Inventory, id: &ContainerId) -> ContainerDetails {
    let known = base.containers.iter().find(|container| container.id == *id);
    let Some(known) = known.and_then(|container| container.details.as_ref().known()) else {
        return fresh;
    };
    ContainerDetails {
        size_rw: fresh.size_rw.or(known.size_rw),
        size_root: fresh.size_root.or(known.size_root),
        log: fresh.log.or(known.log),
        usage: fresh.usage.or_else(|| known.usage.clone()),
        ..fresh
    }
}

impl RemovalRun<'_> {
    /// Lists what matters to one step and tells if its object is gone or not what was confirmed any more.
    pub(super) async fn look(&self, step: &Step) -> Result<Option<Done>, EngineError> {
        let engine = self.engine;
        let before = self.survey.inventory();
        let mut now = self.held(step).await?;
        // What the engine itself will not see comes last: it lets nothing go that a container holds, but it knows
        // nothing of a name that is new, or of a volume that was made anew.
        match &step.id {
            ItemId::Image(_) => {
                now.containers = engine.containers().await?;
                let images = engine.images().await?;
                if now.containers.iter().any(|it| !it.image_mounts.is_empty()) {
                    // When each got its names, lists do not tell.
                    now.images.clone_from(&before.images);
                }
                now.apply(Part::Images(images));
                let external = Figure::Known(engine.external().await?);
                now.apply(Part::Outsiders(OutsiderKind::External, external));
                take_folder(scan::unlisted_now(engine, before, &now).await, &mut now);
            }
            ItemId::Container(id) => {
                now.containers = engine.containers().await?;
                // What a swarm left behind may go only while it is in none.
                let own = now.containers.iter().find(|it| it.id == *id);
                if own.is_some_and(|it| it.labels.is_swarm_task()) {
                    let swarm = engine.about().await?.swarm;
                    now.engine = Arc::new(with_swarm(&now.engine, swarm));
                }
            }
            ItemId::Log(_) => now.containers = engine.containers().await?,
            ItemId::Volume(name) => {
                now.containers = engine.containers().await?;
                now.volumes = engine.volumes().await?;
                take_folder(scan::unlisted_now(engine, before, &now).await, &mut now);
                if self.has_new_binds(&now) {
                    resolve(&mut now).await;
                }
                for part in self.sizes_if_empty(step, name, &now).await {
                    now.apply(part);
                }
            }
            ItemId::Record(_) => now.cache = engine.build_cache().await?,
        }
        let mut step = step.clone();
        if let (ItemId::Volume(name), Seen::Volume(volume)) = (&step.id, &mut step.seen)
            && let Some(made) = self.made.get(name)
        {
            volume.created = *made;
        }
        if let Seen::Image(image) = &mut step.seen {
            // Parents that are steps of their own may go along: they are confirmed.
            let steps = self.plan.steps.iter();
            image
                .follows
                .extend(steps.filter_map(|step| match &step.id {
                    ItemId::Image(id) => Some(id.clone()),
                    _ => None,
                }));
        }
        let alone = Plan {
            steps: vec![step],
            ..Plan::default()
        };
        Ok(alone.recheck(&Survey::new(now)).dropped.pop())
    }

    /// Returns a picture with nothing but what holds things and is on no list. Services come and go while a plan is
    /// carried out; where paths of containers lead that were there before is known.
    async fn held(&self, step: &Step) -> Result<Inventory, EngineError> {
        let before = self.survey.inventory();
        let mut now = Inventory::default();
        now.engine = Arc::clone(&before.engine);
        now.outsiders = before.outsiders.clone();
        now.mounted = Arc::clone(&before.mounted);
        now.resolved = Arc::clone(&before.resolved);
        let may_be_held = matches!(step.id, ItemId::Image(_) | ItemId::Volume(_));
        if may_be_held && before.engine.swarm == Swarm::Manager {
            let services = Figure::Known(self.engine.services().await?);
            now.apply(Part::Outsiders(OutsiderKind::Service, services));
        }
        Ok(now)
    }

    /// Returns true where a container that came since mounts folders.
    fn has_new_binds(&self, now: &Inventory) -> bool {
        let mut mounting = now.containers.iter().filter(|it| !it.binds.is_empty());
        mounting.any(|it| {
            let id = ItemId::Container(it.id.clone());
            self.survey.index(&id).is_none()
        })
    }

    /// Measures a volume once more that was confirmed as an empty one, where that can be done from here.
    async fn sizes_if_empty(&self, step: &Step, name: &VolumeName, now: &Inventory) -> Vec<Part> {
        if !matches!(&step.seen, Seen::Volume(volume) if volume.empty) {
            return Vec::new();
        }
        let own = now.volumes.iter().filter(|volume| volume.name == *name);
        let own = own.cloned().collect();
        scan::sizes_of(self.engine, self.survey.inventory(), own).await
    }
}

/// Tells whether an object is on its list.
pub(super) async fn is_listed(engine: &dyn Engine, id: &ItemId) -> Result<bool, EngineError> {
    Ok(match id {
        ItemId::Image(id) => engine.images().await?.iter().any(|image| image.id == *id),
        ItemId::Container(id) | ItemId::Log(id) => {
            let containers = engine.containers().await?;
            containers.iter().any(|container| container.id == *id)
        }
        ItemId::Volume(name) => {
            let volumes = engine.volumes().await?;
            volumes.iter().any(|volume| volume.name == *name)
        }
        ItemId::Record(id) => {
            let records = engine.build_cache().await?;
            records.iter().any(|record| record.id == *id)
        }
    })
}
