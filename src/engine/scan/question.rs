//! The questions of a scan, and those that a change has made open again.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::inventory::Stage;

/// Events come in bursts: they are acted upon when none has come for this long …
const QUIET: Duration = Duration::from_millis(250);
/// … and at the latest after this long.
const PATIENCE: Duration = Duration::from_secs(2);
/// A request that is under way at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    About,
    Images,
    Containers,
    Services,
    Volumes,
    SharedSizes,
    BuildCache,
    VolumeSizes,
    /// The containerd store's blobs, which belong to the layers.
    Blobs,
    /// What layers unpack to that only their blobs tell of.
    Extents,
    Surroundings,
    /// Where bind mounts and volumes of a local engine really are.
    Resolved,
    /// What the containerd store's own files tell of images that the engine has listed …
    InStore,
    /// … and of all images before it has: its own list comes behind everything else then.
    ImagesInStore,
    /// The layers in the folder of an engine on this machine.
    Stored,
    /// What the disk keeps of them, of records and of images.
    Blocks,
    /// What the folder of an engine on this machine tells of containers that no list does.
    Unlisted,
    /// Podman's external containers.
    External,
    /// Log files of a local engine, which belong to its containers.
    Logs,
    /// What containers take in the folder of a local engine.
    ContainerUsage,
    /// All of a local engine's folder.
    Contents,
}

/// What df answers; on old engines one long walk for the three (ENGINE.md §1.4).
pub(super) const DF: [Question; 3] = [
    Question::SharedSizes,
    Question::BuildCache,
    Question::VolumeSizes,
];

impl Question {
    /// Returns the stage it belongs to.
    pub(super) fn stage(self) -> Option<Stage> {
        match self {
            Self::About
            | Self::Extents
            | Self::Surroundings
            | Self::Resolved
            | Self::InStore
            | Self::Stored
            | Self::Blocks
            | Self::Unlisted
            | Self::External
            | Self::Logs
            | Self::ContainerUsage => None,
            Self::Images | Self::ImagesInStore => Some(Stage::Images),
            Self::Containers => Some(Stage::Containers),
            Self::Services => Some(Stage::Services),
            Self::Volumes => Some(Stage::Volumes),
            Self::SharedSizes => Some(Stage::SharedSizes),
            Self::BuildCache => Some(Stage::BuildCache),
            Self::VolumeSizes => Some(Stage::VolumeSizes),
            Self::Blobs => Some(Stage::Layers),
            Self::Contents => Some(Stage::Unexplained),
        }
    }
}

/// Changes that wait until no more come.
#[derive(Default)]
pub(super) struct Dirty {
    pub(super) questions: HashSet<Question>,
    /// When the first and the last of them came.
    span: Option<(Instant, Instant)>,
}

impl Dirty {
    pub(super) fn add(&mut self, questions: &[Question]) {
        let now = Instant::now();
        self.questions.extend(questions);
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.span
            .map(|(first, last)| (last + QUIET).min(first + PATIENCE))
    }
}
