//! Looks at the engine again: all of it before the first step, one object where something is in doubt.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Inventory, Part};
use crate::domain::item::{ContainerDetails, ContainerId, ItemId, Volume};
use crate::domain::outcome::Done;
use crate::domain::plan::{Plan, Recheck, Step};
use crate::domain::survey::Survey;

use super::Order;
use crate::engine::{Engine, EngineError, watch};

/// How many containers are inspected at a time.
const AT_ONCE: usize = 8;

/// Lists the engine again and plans anew what was confirmed.
pub(super) async fn recheck(
    engine: &dyn Engine,
    order: Order,
) -> Result<(Survey, Recheck), EngineError> {
    let Order { plan, mut base, .. } = order;
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
            ItemId::Container(id) => Some(id.clone()),
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

/// Lists what matters to one step and tells if its object is gone or not what was confirmed any more.
pub(super) async fn look(
    engine: &dyn Engine,
    plan: &Plan,
    step: &Step,
) -> Result<Option<Done>, EngineError> {
    let mut now = Inventory::default();
    match &step.id {
        ItemId::Image(_) => {
            now.images = engine.images().await?;
            now.containers = engine.containers().await?;
        }
        ItemId::Container(_) => now.containers = engine.containers().await?,
        ItemId::Volume(_) => {
            now.volumes = engine.volumes().await?;
            now.containers = engine.containers().await?;
        }
        ItemId::Record(_) => now.cache = engine.build_cache().await?,
    }
    let mut step = step.clone();
    // Parents that are steps of their own may go along: they are confirmed.
    step.follows
        .extend(plan.steps.iter().filter_map(|step| match &step.id {
            ItemId::Image(id) => Some(id.clone()),
            _ => None,
        }));
    let alone = Plan {
        steps: vec![step],
        ..Plan::default()
    };
    Ok(alone.recheck(&Survey::new(now)).dropped.pop())
}

/// Tells whether an object is on its list.
pub(super) async fn is_listed(engine: &dyn Engine, id: &ItemId) -> Result<bool, EngineError> {
    Ok(match id {
        ItemId::Image(id) => engine.images().await?.iter().any(|image| image.id == *id),
        ItemId::Container(id) => {
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
