//! The things an engine keeps on a disk: their kinds, their identities, and what an engine says of them.
//!
//! - `container`: containers, and what only inspecting one tells.
//! - `image`: images, and what they are made of.
//! - `record`: records of the build cache.
//! - `volume`: volumes.

mod container;
mod image;
mod record;
mod volume;

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::text::Text;

pub use container::{Container, ContainerDetails, ImageMount, LogFiles, State};
pub use image::{Content, HistoryRow, Image, PackedSize, Source};
pub use record::Record;
pub use volume::{Backing, Emptiness, Volume};

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            /// Takes an ID as an engine writes it.
            pub fn new(id: impl Into<Text>) -> Self {
                Self(id.into())
            }

            /// Returns it as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the text that it is, to be shared.
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
    /// An image, however many names it has.
    Image,
    /// A container.
    Container,
    /// A volume.
    Volume,
    /// A record of the build cache.
    BuildCache,
    /// A container's log files, which are emptied and never removed.
    Log,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = 5;
    /// All kinds, in the order of the panes.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Image,
        Self::Container,
        Self::Volume,
        Self::BuildCache,
        Self::Log,
    ];

    /// Returns the pane's title.
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

    /// Returns the kind as JSON has it.
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
    /// An image.
    Image(ImageId),
    /// A container.
    Container(ContainerId),
    /// A volume.
    Volume(VolumeName),
    /// A record of the build cache.
    Record(RecordId),
    /// The log of this container.
    Log(ContainerId),
}

impl ItemId {
    /// Returns the identity of an item of a kind.
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

    /// Returns what sort of thing it is.
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

    /// Returns its ID, or the name that is its identity.
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
    /// Returns true for labels of a task of a swarm service.
    #[must_use]
    pub fn is_swarm_task(&self) -> bool {
        const TASK: &str = "com.docker.swarm.task";
        const SERVICE: &str = "com.docker.swarm.service";
        self.iter()
            .any(|(key, _)| key.starts_with(TASK) || key.starts_with(SERVICE))
    }

    /// Takes pairs of key and value in any order.
    #[must_use]
    pub fn new(mut pairs: Vec<(Text, Text)>) -> Self {
        pairs.sort();
        Self((!pairs.is_empty()).then(|| pairs.into()))
    }

    /// Returns all pairs, by key.
    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Text)> {
        self.0.as_deref().unwrap_or_default().iter()
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(name, _)| &**name == key)
            .map(|(_, value)| &**value)
    }

    /// Returns the compose project that made the object, or the stack that it was deployed with.
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
