//! The things an engine keeps on a disk: their kinds, their identities, and what an engine says of them.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use super::bytes::{Bytes, Figure};
use super::paths::Paths;
use super::time::Timestamp;
use crate::domain::compact::texts::Texts;
use crate::domain::store::disk_usage::{DiskUsage, Measure};

/// A text that many places hold at once: a name, an ID, a label. It is one word where it is held, as its length
/// stands with its letters.
pub type Text = arcstr::ArcStr;
/// A part of a text, which is no copy of it.
pub type Excerpt = arcstr::Substr;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            pub fn new(id: impl Into<Text>) -> Self {
                Self(id.into())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            #[must_use]
            pub fn text(&self) -> &Text {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// An image's ID, always with its `sha256:` in front.
    ImageId,
    /// A container's full ID: 64 hexadecimal digits.
    ContainerId,
    /// A volume's name, which is its identity.
    VolumeName,
    /// A build cache record's ID: 25 letters and digits.
    RecordId,
    /// The identity of a layer together with all layers below it (ENGINE.md §2.1).
    ChainId,
}

/// What sort of thing an item is. The order is that of the panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Image,
    Container,
    Volume,
    BuildCache,
    /// A container's log files, which are emptied and never removed.
    Log,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = 5;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Image,
        Self::Container,
        Self::Volume,
        Self::BuildCache,
        Self::Log,
    ];

    /// The pane's title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Image => "Images",
            Self::Container => "Containers",
            Self::Volume => "Volumes",
            Self::BuildCache => "Build cache",
            Self::Log => "Logs",
        }
    }

    /// The kind as JSON has it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Container => "container",
            Self::Volume => "volume",
            Self::BuildCache => "build_cache",
            Self::Log => "log",
        }
    }

    /// One of them, in a sentence.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Container => "container",
            Self::Volume => "volume",
            Self::BuildCache => "build cache record",
            Self::Log => "log",
        }
    }
}

/// The identity of any item: what a mark, a step and an outcome refer to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemId {
    Image(ImageId),
    Container(ContainerId),
    Volume(VolumeName),
    Record(RecordId),
    /// The log of this container.
    Log(ContainerId),
}

impl ItemId {
    /// The identity of an item of a kind.
    #[must_use]
    pub fn new(kind: Kind, id: Text) -> Self {
        match kind {
            Kind::Image => Self::Image(ImageId::new(id)),
            Kind::Container => Self::Container(ContainerId::new(id)),
            Kind::Volume => Self::Volume(VolumeName::new(id)),
            Kind::BuildCache => Self::Record(RecordId::new(id)),
            Kind::Log => Self::Log(ContainerId::new(id)),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Image(_) => Kind::Image,
            Self::Container(_) => Kind::Container,
            Self::Volume(_) => Kind::Volume,
            Self::Record(_) => Kind::BuildCache,
            Self::Log(_) => Kind::Log,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Image(id) => id.as_str(),
            Self::Container(id) | Self::Log(id) => id.as_str(),
            Self::Volume(id) => id.as_str(),
            Self::Record(id) => id.as_str(),
        }
    }
}

/// Twelve digits of an ID, without its algorithm: what `docker` shows.
#[must_use]
pub fn short_id(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits
        .char_indices()
        .nth(12)
        .map_or(digits, |(end, _)| &digits[..end])
}

/// What `docker stack deploy` labels all that it makes with.
pub const STACK: &str = "com.docker.stack.namespace";

/// Labels of an object, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Option<Arc<[(Text, Text)]>>);

impl Labels {
    #[must_use]
    pub fn new(mut pairs: Vec<(Text, Text)>) -> Self {
        pairs.sort();
        Self((!pairs.is_empty()).then(|| pairs.into()))
    }

    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Text)> {
        self.0.as_deref().unwrap_or_default().iter()
    }

    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(name, _)| &**name == key)
            .map(|(_, value)| &**value)
    }

    /// The compose project that made the object, or the stack that it was deployed with.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        let compose = self.value("com.docker.compose.project");
        compose.or_else(|| self.value(STACK))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = &'a (Text, Text);
    type IntoIter = std::slice::Iter<'a, (Text, Text)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter().map(|(key, value)| (&**key, &**value)))
    }
}

/// An image, however many names it has.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Image {
    pub id: ImageId,
    /// The image it was made from by the classic builder or a commit.
    pub parent: Option<ImageId>,
    /// All its tags, as `repository:tag`.
    pub names: Vec<Text>,
    /// All its digest references, as `repository@sha256:…`.
    pub digests: Vec<Text>,
    pub created: Option<Timestamp>,
    /// The engine's own figure: all layers; on the containerd store blobs and snapshots.
    pub size: Figure<Bytes>,
    /// The engine's own figure of what other images hold too.
    pub shared: Figure<Bytes>,
    pub labels: Labels,
    pub source: Source,
    /// When a name was last given to it here (inspect `Metadata.LastTagTime`).
    pub last_tagged: Option<Timestamp>,
    /// What it is made of; immutable for an ID.
    pub content: Figure<Arc<Content>>,
}

impl Image {
    /// Returns what the image is made of, once that is known.
    #[must_use]
    pub fn known_content(&self) -> Option<&Arc<Content>> {
        self.content.as_ref().known()
    }

    /// Returns the sizes in the history that are not zero, the oldest first. On the containerd store they are those of
    /// the layers: an unpacked layer has folders at least, so its row is never zero (ENGINE-CONTAINERD.md §3).
    #[must_use]
    pub fn layer_sizes(&self) -> Vec<Bytes> {
        let history = self.known_content().map(|content| &content.history);
        let sizes = history.into_iter().flatten().map(|row| row.size);
        sizes.filter(|size| !size.is_zero()).collect()
    }
}

/// Where an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Pulled from, or pushed to, a registry.
    Registry,
    /// Built, loaded or imported here.
    Local,
    /// The engine does not say (the containerd store writes digests for local builds too, ENGINE.md §3).
    Unknown,
}

/// What an image is made of, from inspect and history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content {
    /// When it was made, as precise as the engine has it. Of an image that BuildKit built here this is when
    /// its top layer was made, to the nanosecond, which its history tells only to the second.
    pub created: Option<Timestamp>,
    /// `RootFS.Layers`, the lowest first.
    pub diff_ids: Texts,
    /// The image's history, the oldest first.
    pub history: Vec<HistoryRow>,
    /// Overlay folders of the layers, the lowest first; empty where the engine does not say
    /// (`GraphDriver.Data`, ENGINE.md §2.5).
    pub folders: Texts,
    /// On the containerd store: what it keeps packed. `None` where inspect does not say.
    pub packed: Option<PackedSize>,
}

/// What the containerd store keeps packed of the platform of an image that inspect shows: the size that it
/// says, which has nothing unpacked in it (ENGINE-CONTAINERD.md §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackedSize {
    pub total: Bytes,
    /// About how much of it is no layer: manifest and config by what they hold, and an index.
    pub documents: Bytes,
}

/// A line of an image's history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HistoryRow {
    pub created: Option<Timestamp>,
    pub created_by: Text,
    pub comment: Text,
    /// The layer's bytes; zero for metadata, and for a layer of no bytes.
    pub size: Bytes,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
    /// A state that this program does not know: never treated as stopped.
    Other(Text),
}

impl State {
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

    /// True for created, exited and dead: it can be removed without being stopped.
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
    pub id: ContainerId,
    /// Its name without the leading slash.
    pub name: Text,
    /// The image it was made of, which may have been removed by force.
    pub image_id: Option<ImageId>,
    /// The image's name as it was asked for.
    pub image: Text,
    pub command: Text,
    pub state: State,
    pub created: Option<Timestamp>,
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

    /// Why nothing of its log can be emptied; nothing where something can, or there is nothing in it.
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
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    /// `--rm`: it vanishes when it is stopped, with its anonymous volumes.
    pub auto_remove: bool,
    /// Its stop timeout in seconds; negative means "for ever".
    pub stop_timeout: Option<i64>,
    /// The log file or folder on the engine's host.
    pub log_path: Option<Text>,
    pub log_driver: Text,
    /// Its log cannot grow for ever: a size is set, or the driver has one of its own, or keeps it elsewhere.
    /// `None` where the engine does not say it.
    pub log_bounded: Option<bool>,
    /// Its log files, where they can be read.
    pub log: Option<LogFiles>,
    /// What it takes on the disk besides them, once a walk here has been through it.
    pub usage: Option<Arc<DiskUsage>>,
    /// Overlay folders of the layers below it, the lowest first.
    pub folders: Texts,
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

/// A volume.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Volume {
    pub name: VolumeName,
    pub driver: Text,
    /// Bytes of its files. Never known for drivers other than `local`, nor for volumes with options.
    pub size: Figure<Bytes>,
    pub anonymous: bool,
    pub created: Option<Timestamp>,
    pub labels: Labels,
    pub mountpoint: Text,
    /// `local`, or `global` where other machines have it, too.
    pub scope: Text,
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
    HoldsData,
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
    Mount { sort: Text, device: Text },
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

    /// The buildx builder whose cache it is, which no build cache of the engine's counts (ENGINE.md §4): buildx
    /// names the volume of a builder's node after it, and nodes after their builder, with a number.
    #[must_use]
    pub fn builder(&self) -> Option<&str> {
        let name = self.name.as_str().strip_prefix("buildx_buildkit_")?;
        let node = name.strip_suffix("_state")?;
        let builder = node.strip_suffix(|last: char| last.is_ascii_digit());
        builder.filter(|builder| !builder.is_empty())
    }
}

/// A record of the build cache.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Record {
    pub id: RecordId,
    /// Most have one, which needs no memory of its own.
    pub parents: SmallVec<[RecordId; 1]>,
    /// `regular`, `source.local`, `exec.cachemount`, …
    pub kind: Text,
    pub description: Text,
    pub in_use: bool,
    /// The engine says that an image holds the same layer.
    pub shared: bool,
    pub size: Figure<Bytes>,
    pub created: Option<Timestamp>,
    pub last_used: Option<Timestamp>,
}

impl Record {
    /// Returns true of a record that a base image became: it was not made by a step of a build here.
    #[must_use]
    pub fn is_base(&self) -> bool {
        let text = &self.description;
        text.is_empty()
            || text.starts_with("from local")
            || text.starts_with("pulled from")
            || (text.starts_with('[') && text.contains("] FROM "))
    }
}
