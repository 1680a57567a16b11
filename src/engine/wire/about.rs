//! `/info` and `/version`: which engine this is.

use serde_json::Value;

use super::Row;
use crate::domain::inventory::{EngineInfo, Store};

/// What makes one engine's answers mean something else than another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    pub podman: bool,
    pub store: Store,
}

/// True for Podman, by its first component (ENGINE.md §8).
#[must_use]
pub fn is_podman(version: &Value) -> bool {
    Row(version)
        .at("Components")
        .rows()
        .next()
        .is_some_and(|component| component.text("Name").starts_with("Podman"))
}

/// The engine by its own words. Host, reason and API version are those of the connection.
#[must_use]
pub fn about(info: &Value, version: &Value, podman: bool) -> EngineInfo {
    let (info, version) = (Row(info), Row(version));
    EngineInfo {
        product: if podman { "Podman" } else { "Docker" }.into(),
        version: version
            .filled("Version")
            .unwrap_or(info.text("ServerVersion"))
            .into(),
        store: store(info),
        driver: info.text("Driver").into(),
        root: info.text("DockerRootDir").into(),
        engine_id: info.text("ID").into(),
        has_build_cache: !podman,
        ..EngineInfo::default()
    }
}

/// The containerd image store names its snapshotter in the driver's status (ENGINE.md §3).
fn store(info: Row<'_>) -> Store {
    let containerd = info.at("DriverStatus").rows().any(|pair| {
        let mut words = pair.rows().filter_map(|word| word.0.as_str());
        words.next() == Some("driver-type") && words.next() == Some("io.containerd.snapshotter.v1")
    });
    if containerd {
        Store::Containerd
    } else {
        Store::GraphDriver
    }
}
