//! Volumes that are so young that the time when they were made tells nothing yet.

use std::collections::HashSet;
use std::time::Duration;

use crate::domain::item::{Container, Volume, VolumeName};
use crate::domain::time::Timestamp;
use crate::engine::port::clock;
use crate::engine::{Engine, EngineError};

/// Lists volumes once more if one of them was made in the very second in which it was listed. Engines tell that
/// time by the second, and Docker 20.10 tells that of the last change to the topmost folder: what somebody puts
/// into its place a moment later could not be told from it. What a container holds is not replaced.
pub(super) async fn relist_same_second(
    engine: &dyn Engine,
    volumes: Vec<Volume>,
    containers: &[Container],
    since: Timestamp,
) -> Result<Vec<Volume>, EngineError> {
    let now = clock::now();
    let is_young = |volume: &Volume| {
        let made = volume.created.map(Timestamp::as_second);
        made.is_some_and(|made| (since.as_second()..=now.as_second()).contains(&made))
    };
    let held = containers.iter().flat_map(|user| &user.volumes);
    let held: HashSet<&VolumeName> = held.collect();
    if !volumes
        .iter()
        .any(|it| is_young(it) && !held.contains(&it.name))
    {
        return Ok(volumes);
    }
    let spent = now.subsec_nanosecond().unsigned_abs();
    let left = Duration::from_secs(1).saturating_sub(Duration::from_nanos(spent));
    tokio::time::sleep(left + Duration::from_millis(1)).await;
    engine.volumes().await
}

#[cfg(test)]
mod tests;
