//! What an engine says of itself.

use crate::domain::store::disk_usage::Measure;
use crate::domain::text::Text;

/// The engine, and how it was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// `unix:///var/run/docker.sock`, `ssh://web-3`, `demo`.
    pub host: Text,
    /// Why this host: `DOCKER_HOST`, `context "prod"`, `default`, …
    pub why: Text,
    /// `Docker`, `Podman`, `demo`.
    pub product: Text,
    /// The version of the engine itself.
    pub version: Text,
    /// The version of the API that is spoken.
    pub api: Text,
    /// How it keeps layers.
    pub store: Store,
    /// The storage driver: `overlay2`, `overlayfs`, …
    pub driver: Text,
    /// Where it keeps its data, on its own host.
    pub root: Text,
    /// What the engine calls itself (`ID` of `/info`); it tells a local engine from a forwarded one.
    pub engine_id: Text,
    /// The namespace of containerd that it keeps its things in, where it says so (API 1.46 and newer).
    pub namespace: Option<Text>,
    /// Proven to be on this machine, with a root that can be read (README.md, What is never removed).
    pub local: bool,
    /// Why it does not count as local, once that has been tried.
    pub why_not_local: Option<Text>,
    /// Why it is asked for its images, which takes it long, though the files of its store may be here.
    pub unread: Option<Text>,
    /// Places that hold its data on a filesystem of which nobody here may ask how full it is.
    pub closed_disks: Vec<Text>,
    /// The virtual machine that it runs in, by the name of what brings it along (`Docker Desktop`): its disk
    /// is a file on the host.
    pub vm: Option<Text>,
    /// What its own figures are measured by: lengths, but for the demo's. What the containerd store says of layers is
    /// blocks all the same.
    pub measure: Measure,
    /// It has a build cache of its own to list and prune (Podman has not).
    pub has_build_cache: bool,
    /// Whether it is a node of a swarm.
    pub swarm: Swarm,
    /// Why it does not say what it is (`/info` is refused): then its store, its folder and its disks are not known.
    pub untold: Option<Text>,
}

impl EngineInfo {
    /// Returns true for Docker on a graph driver, the store that every Docker had before the containerd store.
    #[must_use]
    pub fn is_docker_on_graph_driver(&self) -> bool {
        self.store == Store::GraphDriver && !self.is_podman()
    }

    /// Returns true for Podman's service.
    #[must_use]
    pub fn is_podman(&self) -> bool {
        self.product.contains("Podman")
    }

    /// Returns what its store is called: `overlay2`, `containerd`; nothing where it does not say.
    #[must_use]
    pub fn store_name(&self) -> Option<&str> {
        let name = match self.store {
            Store::Containerd => "containerd",
            Store::GraphDriver => &self.driver,
            Store::Unknown => "",
        };
        Some(name).filter(|name| !name.is_empty())
    }

    /// Returns true for an engine that remembers how long a running container's log is (Docker 23; Podman's numbers are
    /// smaller): one that was emptied behind its back is shorter than it thinks, and it seeks the last lines where
    /// there are none.
    #[must_use]
    pub fn counts_logs(&self) -> bool {
        let major = self.version.split('.').next().unwrap_or_default();
        major.parse().is_ok_and(|major: u32| major >= 23)
    }
}

/// What an engine is to a swarm, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Swarm {
    /// It did not say, or is on its way in or out.
    #[default]
    Unknown,
    /// It is in none: what a swarm left here belongs to nobody.
    Inactive,
    /// It runs tasks for others, who alone know the services.
    Worker,
    /// It knows all services.
    Manager,
}

/// How an engine keeps image layers (ENGINE.md §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// Each layer once, unpacked.
    #[default]
    GraphDriver,
    /// Each layer as a compressed blob and as an unpacked snapshot.
    Containerd,
    /// The engine does not say (`/info` is refused).
    Unknown,
}
