//! What an object was when it was planned, to tell later whether it is still the same.

use crate::domain::bytes::Bytes;
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Emptiness, Image, ImageId, Source, State,
};
use crate::domain::reference::{is_digest, repository, shown};
use crate::domain::survey::{Item, Survey};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// What an object was when it was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An image, as it was.
    Image(Box<SeenImage>),
    /// A container, as it was.
    Container(Box<SeenContainer>),
    /// A volume, as it was.
    Volume(Box<SeenVolume>),
    /// A record's ID is never given to another.
    Record,
    /// A log, as it was.
    Log(Box<SeenLog>),
}

/// An image, as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenImage {
    /// Its names.
    pub names: Vec<Text>,
    /// Its names by digest.
    pub digests: Vec<Text>,
    /// It was built, loaded or imported here.
    pub made_here: bool,
    /// Untagged parents that the engine removes along with it and that are no steps of their own.
    pub follows: Vec<ImageId>,
}

/// A container, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenContainer {
    pub state: State,
    pub created: Option<Timestamp>,
    /// When it last ran; `None` until it was inspected.
    pub run: Option<Run>,
}

/// A volume, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenVolume {
    pub created: Option<Timestamp>,
    /// The containers that held it.
    pub users: Vec<ContainerId>,
    /// It was taken to hold nothing, and was confirmed as that.
    pub empty: bool,
    /// What it is a name for: that stays.
    pub device: Option<Text>,
    /// Names of containers that mount a folder above it.
    pub above: Vec<Text>,
}

/// A log, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLog {
    /// Its container's.
    pub created: Option<Timestamp>,
    /// Where the engine says that it is written, once it was inspected.
    pub path: Option<Text>,
    /// What its compressed files take, which stay.
    pub packed: Bytes,
}

/// The last time a container ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
}

impl From<&ContainerDetails> for Run {
    fn from(details: &ContainerDetails) -> Self {
        Self {
            started: details.started,
            finished: details.finished,
        }
    }
}

impl Seen {
    pub(super) fn new(item: Item<'_>, survey: &Survey) -> Self {
        match item {
            Item::Image(image) => Self::Image(Box::new(SeenImage {
                names: image.names.clone(),
                digests: image.digests.clone(),
                made_here: image.source == Source::Local,
                follows: Vec::new(),
            })),
            Item::Container(container) => Self::Container(Box::new(SeenContainer {
                state: container.state.clone(),
                created: container.created,
                run: container
                    .details
                    .as_ref()
                    .known()
                    .map(|details| Run::from(&**details)),
            })),
            Item::Volume(volume) => Self::Volume(Box::new(SeenVolume {
                created: volume.created,
                users: survey
                    .users_of_volume(&volume.name)
                    .map(|user| user.id.clone())
                    .collect(),
                empty: volume
                    .emptiness(survey.inventory().engine.measure)
                    .is_empty(),
                device: volume.device().cloned(),
                above: survey
                    .containers_above(volume)
                    .into_iter()
                    .map(|it| Item::Container(it).name())
                    .collect(),
            })),
            Item::Record(_) => Self::Record,
            Item::Log(container) => Self::Log(Box::new(SeenLog {
                created: container.created,
                path: log_path(container),
                packed: packed(container).unwrap_or_default(),
            })),
        }
    }

    /// Returns what has happened to an object since, if it is not the same any more.
    pub(super) fn change(&self, now: Item<'_>, survey: &Survey) -> Option<String> {
        match (self, now) {
            (Self::Image(_), Item::Image(image)) => self.renamed(image).or_else(|| {
                let other = |name: &&Text| {
                    survey
                        .image_named(name)
                        .is_some_and(|found| found.id != image.id)
                };
                self.names()
                    .iter()
                    .find(other)
                    .map(|name| format!("{} names another image now", shown(name)))
            }),
            (Self::Container(seen), Item::Container(container)) => {
                let details = container.details.as_ref().known();
                if seen.created != container.created {
                    Some("was made anew since".to_owned())
                } else if has_started(&seen.state, &container.state) {
                    Some("was started since".to_owned())
                } else {
                    details.and_then(|details| self.restarted(details))
                }
            }
            (Self::Volume(seen), Item::Volume(volume)) => {
                let measure = survey.inventory().engine.measure;
                let holds_data = volume.emptiness(measure) == Emptiness::HoldsData;
                // An engine lets no volume go that a container holds. Docker 20.10 takes for the time when it
                // was made that of the last change to its topmost folder.
                let is_held = || {
                    survey
                        .users_of_volume(&volume.name)
                        .any(|user| seen.users.contains(&user.id))
                };
                if seen.device.as_ref() != volume.device() {
                    Some("was made anew since".to_owned())
                } else if seen.created == volume.created || is_held() {
                    (seen.empty && holds_data).then(|| "was empty and holds data now".to_owned())
                } else {
                    Some("was made anew or written to since".to_owned())
                }
            }
            (Self::Record, Item::Record(_)) => None,
            (Self::Log(seen), Item::Log(container)) => {
                if seen.created == container.created {
                    log_path(container).and_then(|now| self.moved(Some(&now)))
                } else {
                    Some("was made anew since".to_owned())
                }
            }
            _ => Some("is something else now".to_owned()),
        }
    }

    /// Returns an image as it was; nothing of all other kinds.
    #[must_use]
    pub fn image(&self) -> Option<&SeenImage> {
        match self {
            Self::Image(image) => Some(image),
            _ => None,
        }
    }

    /// Returns a volume as it was; nothing of all other kinds.
    #[must_use]
    pub fn volume(&self) -> Option<&SeenVolume> {
        match self {
            Self::Volume(volume) => Some(volume),
            _ => None,
        }
    }

    /// The names of an image when it was planned.
    #[must_use]
    pub fn names(&self) -> &[Text] {
        self.image().map_or(&[], |image| &image.names)
    }

    /// Untagged parents that the engine removes along with an image and that are no steps of their own.
    #[must_use]
    pub fn follows(&self) -> &[ImageId] {
        self.image().map_or(&[], |image| &image.follows)
    }

    /// A name that an image has been given since it was planned.
    #[must_use]
    pub fn renamed(&self, now: &Image) -> Option<String> {
        let SeenImage { names, digests, .. } = self.image()?;
        // A push writes a digest for a repository that is known already: that is no new name.
        let is_known = |name: &Text| {
            let same = |known: &Text| repository(known) == repository(name);
            names.contains(name) || is_digest(name) && names.iter().chain(digests).any(same)
        };
        let new = now.names.iter().find(|name| !is_known(name))?;
        Some(format!("is also named {} now", shown(new)))
    }

    /// Tells whether a container has run since it was planned. One that was to be stopped may have ended.
    #[must_use]
    pub fn restarted(&self, details: &ContainerDetails) -> Option<String> {
        let Self::Container(seen) = self else {
            return None;
        };
        let run = seen.run?;
        let same = run.started == details.started
            && (!seen.state.is_stopped() || run.finished == details.finished);
        (!same).then(|| "was started since".to_owned())
    }

    /// Tells whether a log is written elsewhere than when it was planned.
    #[must_use]
    pub fn moved(&self, now: Option<&Text>) -> Option<String> {
        let Self::Log(seen) = self else {
            return None;
        };
        (seen.path.as_ref() != now).then(|| "is written elsewhere now".to_owned())
    }

    /// Returns the references that are untagged before an image is removed by ID, and the one that is left for
    /// that: the engine refuses an ID with names in several repositories, or with two tags (ENGINE.md §1.7).
    #[must_use]
    pub fn references(&self) -> (Vec<&Text>, Option<&Text>) {
        let mut names = self.names().iter();
        let last = names.next();
        // A repository's digests go with its last name, and on the containerd store all at once.
        let goes_along = |name: &Text| {
            let same = |last: &Text| repository(last) == repository(name);
            is_digest(name) && last.is_some_and(same)
        };
        (names.filter(|name| !goes_along(name)).collect(), last)
    }
}

fn packed(container: &Container) -> Option<Bytes> {
    Some(container.details.as_ref().known()?.log?.packed)
}

fn log_path(container: &Container) -> Option<Text> {
    container.details.as_ref().known()?.log_path.clone()
}

/// Returns true when a container that was in one state must have been started to be in the other.
fn has_started(before: &State, now: &State) -> bool {
    match before {
        State::Created => !matches!(now, State::Created | State::Dead | State::Removing),
        State::Exited | State::Dead => !(now.is_stopped() || *now == State::Removing),
        _ => false,
    }
}
