//! Volumes.

use std::sync::Arc;

use super::{Labels, VolumeName};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::store::disk_usage::{DiskUsage, Measure};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A volume.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Volume {
    /// Its name, which is its identity.
    pub name: VolumeName,
    /// The driver that keeps it.
    pub driver: Text,
    /// Bytes of its files. Never known for drivers other than `local`, nor for volumes with options.
    pub size: Figure<Bytes>,
    /// The engine made up its name.
    pub anonymous: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: Labels,
    /// Where its data lies on the engine's machine.
    pub mountpoint: Text,
    /// `local`, or `global` where other machines have it, too.
    pub scope: Text,
    /// What its data lies in.
    pub backing: Backing,
    /// What it takes on the disk, once a walk here has been through it.
    pub usage: Option<Arc<DiskUsage>>,
}

/// Whether a volume holds anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptiness {
    /// Not one file or folder lies in it.
    Empty,
    /// Its files are of no length, if there are any: from afar no more can be told.
    ByLength,
    /// There is something in it.
    HoldsData,
    /// Nobody knows yet, or ever.
    Unknown,
}

impl Emptiness {
    /// Returns true unless it holds something, or may hold it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty | Self::ByLength)
    }
}

/// Where the bytes of a volume are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Backing {
    /// In a folder of the engine's own: the driver is `local`, and no option mounts anything.
    #[default]
    Folder,
    /// Where its options mount them from when it is used; the volume is a name for that (`type` and `device`).
    Mount {
        /// What is mounted, by the option `type`.
        sort: Text,
        /// What it is mounted from.
        device: Text,
    },
    /// Only its driver knows, or nobody.
    Unknown,
}

impl Volume {
    /// Returns whether it holds anything, as far as a walk here has told, or else the engine, by what its figures are
    /// measured by.
    #[must_use]
    pub fn emptiness(&self, measure: Measure) -> Emptiness {
        match (&self.usage, self.size) {
            (Some(usage), _) if usage.is_empty => Emptiness::Empty,
            (None, Figure::Known(Bytes::ZERO)) => match measure {
                Measure::Blocks => Emptiness::Empty,
                Measure::Length => Emptiness::ByLength,
            },
            (Some(_), _) | (None, Figure::Known(_)) => Emptiness::HoldsData,
            (None, Figure::Pending | Figure::Unknown) => Emptiness::Unknown,
        }
    }

    /// Returns true for a volume that other machines may use, or of which only a plugin knows: that nothing here
    /// uses it says nothing.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        &*self.driver != "local" || &*self.scope == "global"
    }

    /// What a volume is a name for, whose data stays where it is.
    #[must_use]
    pub fn device(&self) -> Option<&Text> {
        match &self.backing {
            Backing::Mount { device, .. } => Some(device),
            Backing::Folder | Backing::Unknown => None,
        }
    }

    /// Returns true where the engine keeps it itself, or a name for what lies elsewhere.
    #[must_use]
    pub fn is_local(&self) -> bool {
        &*self.driver == "local"
    }

    /// Returns the buildx builder whose cache it is, which no build cache of the engine's counts (ENGINE.md §4): buildx
    /// names the volume of a builder's node after it, and nodes after their builder, with a number.
    #[must_use]
    pub fn builder(&self) -> Option<&str> {
        let name = self.name.as_str().strip_prefix("buildx_buildkit_")?;
        let node = name.strip_suffix("_state")?;
        let builder = node.strip_suffix(|last: char| last.is_ascii_digit());
        builder.filter(|builder| !builder.is_empty())
    }
}
