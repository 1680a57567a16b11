//! Containers, and what only inspecting one tells.

use std::sync::Arc;

use super::{ContainerId, ImageId, Labels, VolumeName};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::texts::DigestList;
use crate::domain::paths::Paths;
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It was made and never started.
    Created,
    /// It runs.
    Running,
    /// It is paused: it runs again with its memory as it was.
    Paused,
    /// It ended and is being started again.
    Restarting,
    /// It is being removed.
    Removing,
    /// It ran and ended.
    Exited,
    /// It could not be removed to its end.
    Dead,
    /// A state that this program does not know: never treated as stopped.
    Other(Text),
}

impl State {
    /// Returns the engine's word for it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Other(word) => word,
        }
    }

    /// Returns true for created, exited and dead: it can be removed without being stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Created | Self::Exited | Self::Dead)
    }

    /// Returns true where a stop ends it, so that the container can go.
    #[must_use]
    pub fn can_be_stopped(&self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A container, whatever its state.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Container {
    /// Its full ID.
    pub id: ContainerId,
    /// Its name without the leading slash.
    pub name: Text,
    /// The image it was made of, which may have been removed by force.
    pub image_id: Option<ImageId>,
    /// The image's name as it was asked for.
    pub image: Text,
    /// The command that it runs.
    pub command: Text,
    /// What it does.
    pub state: State,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: Labels,
    /// Volumes it mounts.
    pub volumes: Vec<VolumeName>,
    /// Images it mounts as volumes.
    pub image_mounts: Vec<ImageMount>,
    /// Folders and files of the engine's machine that it mounts.
    pub binds: Paths,
    /// What only inspect tells.
    pub details: Figure<Arc<ContainerDetails>>,
}

/// An image that a container mounts as a volume (`--mount type=image`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageMount {
    /// The image as it was asked for: by name, by digest, or by an ID that may be cut short. A name may have been
    /// given to another image since.
    pub image: Text,
    /// Where the container finds it.
    pub destination: Text,
    /// Where it is mounted on the engine's host; empty where the engine does not say it (Podman).
    pub folder: Text,
}

impl Container {
    /// Returns what it was measured to take on the disk, but for its log files.
    #[must_use]
    pub fn usage(&self) -> Option<&Arc<DiskUsage>> {
        self.details.as_ref().known()?.usage.as_ref()
    }

    /// Returns why nothing of its log can be emptied; nothing where something can, or there is nothing in it.
    #[must_use]
    pub fn log_obstacle(&self) -> Option<&'static str> {
        let details = self.details.as_ref().known();
        let Some((details, log)) = details.and_then(|it| Some((it, it.log?))) else {
            return Some("its log files cannot be read here");
        };
        if log.size.is_zero() || !details.truncatable().is_zero() {
            return None;
        }
        Some(match &*details.log_driver {
            "local" => {
                "what the local driver writes cannot be read once emptied; the driver bounds it"
            }
            "json-file" => {
                "it is bounded, and once rotated the engine does not append to the file that it writes: emptied, it could not be read"
            }
            _ => "it is the engine's own copy for `docker logs`, which it bounds",
        })
    }
}

/// What inspecting a container tells. A newer list makes it stale, not wrong: it is kept until replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContainerDetails {
    /// The writable layer.
    pub size_rw: Option<Bytes>,
    /// All layers and the writable one.
    pub size_root: Option<Bytes>,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
    /// `--rm`: it vanishes when it is stopped, with its anonymous volumes.
    pub auto_remove: bool,
    /// Its stop timeout in seconds; negative means "for ever".
    pub stop_timeout: Option<i64>,
    /// The log file or folder on the engine's host.
    pub log_path: Option<Text>,
    /// What its log is written by.
    pub log_driver: Text,
    /// Its log cannot grow for ever: a size is set, or the driver has one of its own, or keeps it elsewhere.
    /// `None` where the engine does not say it.
    pub log_bounded: Option<bool>,
    /// Its log files, where they can be read.
    pub log: Option<LogFiles>,
    /// What it takes on the disk besides them, once a walk here has been through it.
    pub usage: Option<Arc<DiskUsage>>,
    /// Overlay folders of the layers below it, the lowest first.
    pub folders: DigestList,
    /// The manifest it runs on the containerd store (`ImageManifestDescriptor.digest`).
    pub manifest: Option<Text>,
}

impl ContainerDetails {
    /// Returns the blocks of the log that can be emptied while the container goes on writing.
    ///
    /// The engine opens a log for appending when the container starts, but not when it puts one aside at its
    /// bound: emptied, such a file would go on behind a hole that no reader gets over. So the file that is
    /// written is emptied only where there is no bound.
    #[must_use]
    pub fn truncatable(&self) -> Bytes {
        let Some(log) = self.log else {
            return Bytes::ZERO;
        };
        match self.log_bounded {
            Some(false) => log.written + log.aside,
            Some(true) | None => log.aside,
        }
    }
}

/// A container's log files on the engine's host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogFiles {
    /// Their length, all of them together.
    pub size: Bytes,
    /// What they take on the disk. It goes with the container.
    pub blocks: Bytes,
    /// Blocks of the file that is written, where it is of the `json-file` driver.
    pub written: Bytes,
    /// Blocks of that driver's files that were put aside and not compressed.
    pub aside: Bytes,
    /// Blocks of those that were compressed: they stay where a log is emptied, and go with the container.
    pub packed: Bytes,
    /// How many there are besides the one that is written.
    pub rotated: usize,
}
