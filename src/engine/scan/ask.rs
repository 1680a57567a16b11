//! What is asked of an engine or read on its machine, each with the time that it may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::item::{ContainerDetails, ContainerId, Image, ImageId};
use crate::domain::paths::ResolvedPaths;
use crate::domain::store::layerdb::LayerDb;
use crate::engine::host::{self, Asked, HostInfo, ListedIds, LookOrder};
use crate::engine::metadata::images::{Detailed, InStore};
use crate::engine::metadata::layerdb;
use crate::engine::metadata::store::{Shown, StoreReading, StoreUnread};
use crate::engine::port::blocking::run_blocking;
use crate::engine::{Answer, Engine, EngineError};

/// How long a list may take (README.md, On the command line). Nothing that walks a disk has a limit.
pub(super) const LIST: Duration = Duration::from_secs(60);

/// How long reading the containerd store's files may take: what it holds beyond that the engine needs longer for.
const READING: Duration = Duration::from_secs(15);

/// How long a look at the host may take; a dead network filesystem never answers.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// Waits for a list, but not for ever: a request that hangs would block its stage until the end.
pub(super) async fn within<T>(request: &str, answer: Answer<'_, T>) -> Result<T, EngineError> {
    timeout(LIST, answer).await.unwrap_or_else(|_| {
        Err(EngineError::TimedOut {
            request: request.to_owned(),
            seconds: LIST.as_secs(),
        })
    })
}

/// What inspecting a container has told.
pub(super) struct InspectedContainer {
    pub(super) details: Result<ContainerDetails, EngineError>,
    /// Why its size is missing, where the rest is told.
    pub(super) unsized_by: Option<EngineError>,
}

/// Inspects a container, with its size if that is wanted. Where only the walk for it takes too long, the rest is told.
pub(super) async fn inspect(
    engine: &dyn Engine,
    id: &ContainerId,
    size: bool,
) -> InspectedContainer {
    let quick = || within("container", engine.container_details(id, false));
    let walked = if size {
        engine.container_details(id, true).await
    } else {
        quick().await
    };
    match walked {
        Err(error @ EngineError::TimedOut { .. }) if size => InspectedContainer {
            details: quick().await,
            unsized_by: Some(error),
        },
        details => InspectedContainer {
            details,
            unsized_by: None,
        },
    }
}

/// Looks at the engine's host on a thread of its own, and asks an engine that knows its disks itself. `None`
/// where that hangs.
pub(super) async fn look(
    engine: &dyn Engine,
    info: Arc<EngineInfo>,
    known: ListedIds,
) -> Option<HostInfo> {
    let look = run_blocking(move || host::look(&info, &known));
    let mut found = timeout(LOOK, look).await.ok()??;
    if found.local.is_err() {
        // A host that does not answer now keeps its disks.
        let asked = timeout(LOOK, engine.disks(LookOrder::AsTheyAre))
            .await
            .ok()?
            .ok()?;
        found.disks = asked;
    }
    Some(found)
}

/// Returns where paths of this machine really are, found on a thread of its own. `None` where looking hangs.
pub(in crate::engine) async fn resolved(asked: Asked) -> Option<ResolvedPaths> {
    timeout(LOOK, run_blocking(move || host::resolve(&asked)))
        .await
        .ok()?
}

/// Returns the layers in the folder of an engine on this machine, read on a thread of its own. `None` where they cannot
/// be read, or reading hangs.
pub(super) async fn stored(
    info: Arc<EngineInfo>,
    known: ListedIds,
    earlier: Option<Arc<LayerDb>>,
) -> Option<Arc<LayerDb>> {
    let read = run_blocking(move || layerdb::stored(&info, &known, earlier.as_deref()));
    let layers = timeout(LIST, read).await.ok()???;
    Some(Arc::new(layers))
}

/// Returns the containerd store's own notes, where the engine is on this machine, read on a thread of its own. `None`
/// where they cannot be read, or reading hangs.
pub(super) async fn noted(info: Arc<EngineInfo>, known: ListedIds) -> Option<StoreReading> {
    if !has_notes(&info) {
        return None;
    }
    let read = run_blocking(move || StoreReading::of(&info, &known));
    timeout(LIST, read).await.ok()??
}

/// Reads the store's own files, and has the engine tell of images what they say: whoever asks it next is answered from
/// them. Returns the containerd store's own notes; `None` where they cannot be read, and on a graph driver, where those
/// that are `listed` and not `detailed` are read.
pub(super) async fn tell_in_store(
    engine: &dyn Engine,
    info: Arc<EngineInfo>,
    known: ListedIds,
    (detailed, listed): (Detailed, Vec<ImageId>),
) -> Option<StoreReading> {
    if has_stored_layers(&info) {
        let read = move || InStore::of_graph_driver(&info, &known, &listed);
        let told = timeout(READING, run_blocking(read)).await;
        let told = told.ok().flatten().flatten();
        engine.take_in_store(told.unwrap_or_else(InStore::nothing));
        return None;
    }
    if !has_notes(&info) {
        return None;
    }
    let read = run_blocking(move || {
        let noted = StoreReading::of(&info, &known)?;
        let told = InStore::of(&info, &noted, &detailed);
        Some((noted, told))
    });
    let found = timeout(READING, read).await.ok().flatten().flatten();
    let (noted, told) = found.unzip();
    // What was read before is not so any more.
    engine.take_in_store(told.unwrap_or_else(InStore::nothing));
    noted
}

/// Lists images as the containerd store's own files have them, and has the engine tell their details and what they share
/// as these say.
///
/// # Errors
/// Why the engine must be asked for its list: the files cannot be read, nothing but its list would show that they are its
/// own, or an image of them may mean more than one thing.
pub(super) async fn images_in_store(
    engine: &dyn Engine,
    info: Arc<EngineInfo>,
    known: ListedIds,
    detailed: Detailed,
) -> Result<(StoreReading, Vec<Image>), StoreUnread> {
    let read = run_blocking(move || {
        let (noted, shown) = StoreReading::before_images(&info, &known)?;
        let mut told = InStore::of(&info, &noted, &detailed);
        let images = std::mem::replace(&mut told.images, Ok(Vec::new()));
        Ok::<_, StoreUnread>((noted, shown, told, images.map_err(StoreUnread::Image)?))
    });
    let read = timeout(READING, read).await.ok().flatten();
    let (noted, shown, told, images) = read.ok_or(StoreUnread::Silent(READING.as_secs()))??;
    if let Shown::ByImage(id) = shown {
        let found = within("image", engine.resolve(id.as_str())).await;
        let is_known = found.is_ok_and(|found| found == Some(id));
        is_known.then_some(()).ok_or(StoreUnread::Stranger)?;
    }
    engine.take_in_store(told);
    Ok((noted, images))
}

/// Returns true where the engine's own folder may tell who keeps what of the containerd store.
pub(super) fn has_notes(engine: &EngineInfo) -> bool {
    engine.local && engine.store == Store::Containerd
}

/// Returns true where the engine's own folder tells of layers that the API does not.
pub(super) fn has_stored_layers(engine: &EngineInfo) -> bool {
    engine.local && engine.store == Store::GraphDriver
}

/// Returns what was found out about the host, written into what the engine says of itself.
pub(super) fn with_surroundings(engine: &EngineInfo, found: &HostInfo) -> EngineInfo {
    EngineInfo {
        local: found.local.is_ok(),
        why_not_local: found.why_not_local(),
        closed_disks: found.disks.closed.clone(),
        ..engine.clone()
    }
}

/// Below API 1.42 `/system/df` is all or nothing: shared sizes, build cache and volume sizes are one long
/// walk, and a second one at the same time is refused (ENGINE.md §1.4).
pub(super) fn has_only_whole_df(engine: &EngineInfo) -> bool {
    let version = engine.api.split_once('.');
    version
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
        .is_some_and(|version: (u32, u32)| version < (1, 42))
}
