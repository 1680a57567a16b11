//! Looks at the engine again: all of it before the first step, one object where something is in doubt.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, Inventory, Part};
use crate::domain::item::{ContainerDetails, ContainerId, ItemId, Volume, VolumeName};
use crate::domain::outcome::Done;
use crate::domain::plan::{Plan, Recheck, Seen, Step};
use crate::domain::survey::Survey;

use super::{ANOTHER, Order, Run};
use crate::engine::{Engine, EngineError, watch};

/// How many containers are inspected at a time.
const AT_ONCE: usize = 8;

/// Lists the engine again and plans anew what was confirmed.
pub(super) async fn recheck(
    engine: &dyn Engine,
    order: Order,
) -> Result<(Survey, Recheck), EngineError> {
    let Order { plan, mut base, .. } = order;
    is_same(engine, &base.engine).await??;
    let (images, containers, volumes, services) = tokio::try_join!(
        engine.images(),
        engine.containers(),
        engine.volumes(),
        engine.services(),
    )?;
    base.apply(Part::Images(images));
    base.apply(Part::Containers(containers));
    base.apply(Part::Volumes(volumes));
    base.apply(Part::Services(services));
    // On old engines this list is a walk over everything, so it is asked for only where it decides.
    if has(&plan, |id| matches!(id, ItemId::Record(_))) {
        base.apply(Part::BuildCache(engine.build_cache().await?));
    }
    for (id, details) in inspect(engine, &plan).await? {
        let details = Arc::new(with_sizes(details, &base, &id));
        base.apply(Part::ContainerDetails(id, Figure::Known(details)));
    }
    let sizes = watch::sizes_of(engine, &base, emptied(&plan, &base)).await;
    base.apply(Part::VolumeSizes {
        sizes,
        complete: false,
    });
    let survey = Survey::new(base);
    let recheck = plan.recheck(&survey);
    Ok((survey, recheck))
}

/// Whether the engine that answers is the one that was asked before: the outer error says that it cannot be
/// asked, the inner one that it is another. Podman makes its ID up anew each time.
pub(super) async fn is_same(
    engine: &dyn Engine,
    before: &EngineInfo,
) -> Result<Result<(), EngineError>, EngineError> {
    let now = engine.about().await?;
    let told = [&before.engine_id, &now.engine_id];
    let is_told = told.iter().all(|id| !id.is_empty()) && !before.product.contains("Podman");
    if !is_told || before.engine_id == now.engine_id {
        return Ok(Ok(()));
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
        volume.size == Figure::Known(Bytes::ZERO) && has(plan, |step| *step == id)
    };
    base.volumes.iter().filter(in_plan).cloned().collect()
}

fn has(plan: &Plan, what: impl Fn(&ItemId) -> bool) -> bool {
    plan.steps.iter().any(|step| what(&step.id))
}

/// Asks of each container in the plan when it last ran.
async fn inspect(
    engine: &dyn Engine,
    plan: &Plan,
) -> Result<Vec<(ContainerId, ContainerDetails)>, EngineError> {
    let ids: Vec<ContainerId> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.id {
            ItemId::Container(id) | ItemId::Log(id) => Some(id.clone()),
            _ => None,
        })
        .collect();
    let answers: Vec<_> = stream::iter(ids)
        .map(|id| async move {
            let details = engine.container_details(&id, false).await;
            (id, details)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut found = Vec::with_capacity(answers.len());
    for (id, details) in answers {
        match details {
            Ok(details) => found.push((id, details)),
            // What was measured with it before stands; at its turn it is inspected again.
            Err(EngineError::Unreachable { host, cause }) => {
                return Err(EngineError::Unreachable { host, cause });
            }
            Err(_) => {}
        }
    }
    Ok(found)
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
        ..fresh
    }
}

impl Run<'_> {
    /// Lists what matters to one step and tells if its object is gone or not what was confirmed any more.
    pub(super) async fn look(&self, step: &Step) -> Result<Option<Done>, EngineError> {
        let engine = self.engine;
        let mut now = Inventory::default();
        // What the engine itself will not see comes last: it lets nothing go that a container holds, but it knows
        // nothing of a name that is new, or of a volume that was made anew.
        match &step.id {
            ItemId::Image(_) => {
                now.containers = engine.containers().await?;
                now.images = engine.images().await?;
            }
            ItemId::Container(_) | ItemId::Log(_) => now.containers = engine.containers().await?,
            ItemId::Volume(name) => {
                now.containers = engine.containers().await?;
                now.volumes = engine.volumes().await?;
                let sizes = self.sizes_if_empty(step, name, &now).await;
                now.apply(Part::VolumeSizes {
                    sizes,
                    complete: false,
                });
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

    /// Measures a volume once more that was confirmed as an empty one, where that can be done from here.
    async fn sizes_if_empty(
        &self,
        step: &Step,
        name: &VolumeName,
        now: &Inventory,
    ) -> Vec<(VolumeName, Option<Bytes>)> {
        if !matches!(&step.seen, Seen::Volume(volume) if volume.empty) {
            return Vec::new();
        }
        let own = now.volumes.iter().filter(|volume| volume.name == *name);
        let own = own.cloned().collect();
        watch::sizes_of(self.engine, self.survey.inventory(), own).await
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
