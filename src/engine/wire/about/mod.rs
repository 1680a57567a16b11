//! `/info` and `/version`: which engine this is.

use serde_json::Value;

use super::Row;
use crate::domain::inventory::{EngineInfo, Store, Swarm};
use crate::domain::store::disk_usage::Measure;

/// What makes one engine's answers mean something else than another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    pub podman: bool,
    pub store: Store,
}

/// Returns true for Podman, by its first component (ENGINE.md §8).
#[must_use]
pub fn is_podman(version: &Value) -> bool {
    Row(version)
        .at("Components")
        .rows()
        .next()
        .is_some_and(|component| component.text("Name").starts_with("Podman"))
}

/// Returns the engine by its own words, as far as it says any: `info` and `version` may be nothing. Host, reason and
/// API version are those of the connection.
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
        namespace: info
            .at("Containerd")
            .at("Namespaces")
            .filled("Containers")
            .map(Into::into),
        vm: virtual_machine(info).map(Into::into),
        measure: Measure::Length,
        has_build_cache: !podman,
        swarm: swarm(info, podman),
        ..EngineInfo::default()
    }
}

/// `LocalNodeState` is also `pending`, `error` or `locked`: then its services are not known, and not gone.
fn swarm(info: Row<'_>, podman: bool) -> Swarm {
    let swarm = info.at("Swarm");
    match swarm.text("LocalNodeState") {
        "active" if swarm.flag("ControlAvailable") => Swarm::Manager,
        "active" => Swarm::Worker,
        "inactive" => Swarm::Inactive,
        // Podman knows no swarms.
        _ if podman && info.0.is_object() => Swarm::Inactive,
        _ => Swarm::Unknown,
    }
}

/// Returns the virtual machines whose disk is a file that grows and does not shrink by itself.
fn virtual_machine(info: Row<'_>) -> Option<&'static str> {
    let name = info.text("Name");
    if info.text("OperatingSystem").contains("Docker Desktop") {
        Some("Docker Desktop")
    } else if info
        .text("KernelVersion")
        .to_ascii_lowercase()
        .contains("microsoft")
    {
        Some("WSL")
    } else if name == "colima" || name.starts_with("colima-") {
        Some("Colima")
    } else if name.starts_with("lima-") {
        Some("Lima")
    } else {
        None
    }
}

/// The containerd image store names its snapshotter in the driver's status (ENGINE.md §3).
fn store(info: Row<'_>) -> Store {
    if info.0.is_null() {
        return Store::Unknown;
    }
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

#[cfg(test)]
mod tests;
