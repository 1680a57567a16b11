//! The stages of a scan, and how far each has come.

use crate::domain::item::Kind;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A stage of a scan: what can be pending, done, or failed on its own (ENGINE.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The list of images.
    Images,
    /// The list of containers.
    Containers,
    /// The list of volumes.
    Volumes,
    /// Swarm services, which hold images and volumes; done at once where there is no swarm.
    Services,
    /// The list of build cache records.
    BuildCache,
    /// What images share.
    SharedSizes,
    /// What images are made of.
    Layers,
    /// What containers have written.
    ContainerSizes,
    /// What volumes take.
    VolumeSizes,
    /// What the engine's folder holds besides.
    Unexplained,
}

impl Stage {
    /// All stages, in the order of a scan.
    pub const ALL: [Self; 10] = [
        Self::Images,
        Self::Containers,
        Self::Volumes,
        Self::Services,
        Self::BuildCache,
        Self::SharedSizes,
        Self::Layers,
        Self::ContainerSizes,
        Self::VolumeSizes,
        Self::Unexplained,
    ];

    /// Returns the stage that lists a kind.
    #[must_use]
    pub fn list_of(kind: Kind) -> Self {
        match kind {
            Kind::Image => Self::Images,
            Kind::Container | Kind::Log => Self::Containers,
            Kind::Volume => Self::Volumes,
            Kind::BuildCache => Self::BuildCache,
        }
    }

    /// Returns what is being measured, in a sentence.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Containers => "containers",
            Self::Volumes => "volumes",
            Self::Services => "services",
            Self::BuildCache => "build cache",
            Self::SharedSizes => "shared sizes",
            Self::Layers => "layers",
            Self::ContainerSizes => "container sizes",
            Self::VolumeSizes => "volume sizes",
            Self::Unexplained => "unexplained bytes",
        }
    }
}

/// Where a stage stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Nothing has come yet.
    #[default]
    Waiting,
    /// Under way since then.
    Running(Timestamp),
    /// Complete as of then.
    Done(Timestamp),
    /// The engine's words; what was there before stays.
    Failed(Text),
}
