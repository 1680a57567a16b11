//! What holds listed things and is on no list itself: swarm services, containers of the root's other store,
//! containers of other tools. A further kind is a further row of [`OutsiderKind`].

use super::bytes::Figure;
use super::item::{Kind, Volume, VolumeName};
use super::paths::Paths;
use crate::domain::text::Text;

/// What an external container is called that nothing names.
pub const UNNAMED: &str = "(not named by the engine)";
/// Podman's driver `image` keeps a container for each volume, with this behind the volume's name (podman's
/// `libpod/runtime_volume_common.go`).
const OF_VOLUME: &str = "+volume";

/// A sort of outsiders. All of a sort come in one answer ([`Part::Outsiders`](super::inventory::Part::Outsiders)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutsiderKind {
    /// A service of the swarm that this engine manages, scaled to 0 or not.
    Service,
    /// A container that the engine's other store keeps in the same folder (overlay2 or containerd's).
    OtherStore,
    /// A container in the engine's folder that it has not loaded, or that came after its list.
    Unlisted,
    /// A container that Podman's list names only when asked for those of others (`external`).
    External,
}

impl OutsiderKind {
    /// How many kinds there are.
    pub const COUNT: usize = 4;
    /// All kinds.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Service,
        Self::OtherStore,
        Self::Unlisted,
        Self::External,
    ];
    /// Those that the engine's own folder tells of, all in one answer.
    pub const IN_FOLDER: [Self; 2] = [Self::OtherStore, Self::Unlisted];

    /// Returns the kind as JSON has it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::OtherStore => "other_store",
            Self::Unlisted => "container",
            Self::External => "external",
        }
    }

    /// What stands before the name of one of them in a list of details.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::OtherStore => "other store",
            Self::Unlisted => "not listed",
            Self::External => "external",
        }
    }

    /// What stands before their names in a sentence: `used by swarm services a, b`.
    #[must_use]
    pub fn words(self, count: usize) -> &'static str {
        let (one, many) = match self {
            Self::Service => ("swarm service", "swarm services"),
            Self::OtherStore => (
                "a container of the other store:",
                "containers of the other store:",
            ),
            Self::Unlisted => (
                "a container that the engine does not list:",
                "containers that the engine does not list:",
            ),
            Self::External => ("external container", "external containers"),
        };
        if count == 1 { one } else { many }
    }

    /// Which command takes outsiders of these names away, where dtop does not.
    #[must_use]
    pub fn cure(self, names: &[Text]) -> Option<String> {
        if self != Self::External {
            return None;
        }
        Some(match names {
            [name] if **name == *UNNAMED => "podman ps --all --external names it".to_owned(),
            [name] => match name.strip_suffix(OF_VOLUME) {
                Some(volume) => format!("podman volume rm {volume} removes it"),
                None => format!("podman rm --force {name} removes it, once no build needs it"),
            },
            _ => "podman rm --force removes them, once no build needs them".to_owned(),
        })
    }

    /// Returns true if outsiders of this kind hold things of that kind. Until they are known, nothing of it
    /// counts as used or as unused.
    #[must_use]
    pub fn may_hold(self, kind: Kind) -> bool {
        match self {
            Self::Service => matches!(kind, Kind::Image | Kind::Volume),
            Self::OtherStore | Self::Unlisted => kind == Kind::Volume,
            Self::External => kind == Kind::Image,
        }
    }
}

/// Something outside the lists that holds listed things.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outsider {
    /// What sort of thing it is.
    pub kind: OutsiderKind,
    /// Its name.
    pub name: Text,
    /// The images that it holds: by name, by digest or by ID.
    pub images: Vec<Text>,
    /// The volumes that it holds.
    pub volumes: Vec<VolumeName>,
    /// Folders of the engine's machine that it mounts.
    pub binds: Paths,
    /// The stack that a service belongs to.
    pub project: Option<Text>,
    /// What it may hold besides.
    pub perhaps: Perhaps,
}

/// What an outsider may hold of which nothing is known for certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Perhaps {
    /// Nothing that the engine lists.
    #[default]
    Nothing,
    /// Volumes that were made for it without a name.
    AnonymousVolumes,
    /// Perhaps any volume.
    AnyVolume,
}

impl Outsider {
    /// One that holds nothing yet.
    #[must_use]
    pub fn new(kind: OutsiderKind, name: impl Into<Text>) -> Self {
        Self {
            kind,
            name: name.into(),
            images: Vec::new(),
            volumes: Vec::new(),
            binds: Paths::default(),
            project: None,
            perhaps: Perhaps::Nothing,
        }
    }

    /// Returns true if it is not known whether it holds a volume.
    #[must_use]
    pub fn may_hold(&self, volume: &Volume) -> bool {
        match self.perhaps {
            Perhaps::Nothing => false,
            Perhaps::AnonymousVolumes => volume.anonymous,
            Perhaps::AnyVolume => true,
        }
    }
}

/// All outsiders that are known, kind by kind.
#[derive(Clone, Debug)]
pub struct Outsiders {
    all: Vec<Outsider>,
    /// Of each kind, whether its answer has come. One that nobody asks for has none.
    answers: [Figure<()>; OutsiderKind::COUNT],
}

impl Default for Outsiders {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            answers: [Figure::Known(()); OutsiderKind::COUNT],
        }
    }
}

impl Outsiders {
    /// Puts a newer answer in the place of the last one of its kind. Of what cannot be known, nothing is claimed;
    /// while it is asked for, the last answer stands.
    pub(super) fn replace(&mut self, kind: OutsiderKind, answer: Figure<Vec<Outsider>>) {
        self.answers[kind as usize] = answer.as_ref().map(|_| ());
        if answer.is_pending() {
            return;
        }
        self.all.retain(|it| it.kind != kind);
        self.all.extend(answer.known().unwrap_or_default());
    }

    /// Returns all of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Outsider> {
        self.all.iter()
    }

    /// Returns the outsider at a place of [`Outsiders::iter`].
    #[must_use]
    pub fn at(&self, place: u32) -> &Outsider {
        &self.all[place as usize]
    }

    /// Returns whether the answer of a kind has come, or will never come.
    #[must_use]
    pub fn answer(&self, kind: OutsiderKind) -> Figure<()> {
        self.answers[kind as usize]
    }

    /// Returns true while an answer is to come that may name holders of things of this kind.
    #[must_use]
    pub fn are_pending(&self, kind: Kind) -> bool {
        OutsiderKind::ALL
            .into_iter()
            .any(|it| it.may_hold(kind) && self.answer(it).is_pending())
    }
}

impl<'a> IntoIterator for &'a Outsiders {
    type Item = &'a Outsider;
    type IntoIter = std::slice::Iter<'a, Outsider>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
