//! An item of any kind as its list has it, and what all kinds have in common.

use std::cmp::Ordering;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{Container, Image, ItemId, Record, Volume, short_id};
use crate::domain::reference;
use crate::domain::text::{SubStr, Text};
use crate::domain::time::Timestamp;

/// An item as its list has it.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// An image.
    Image(&'a Image),
    /// A container.
    Container(&'a Container),
    /// A volume.
    Volume(&'a Volume),
    /// A record of the build cache.
    Record(&'a Record),
    /// The log of a container.
    Log(&'a Container),
}

impl<'a> Item<'a> {
    /// Returns its identity.
    #[must_use]
    pub fn id(&self) -> ItemId {
        match self {
            Self::Image(image) => ItemId::Image(image.id.clone()),
            Self::Container(container) => ItemId::Container(container.id.clone()),
            Self::Volume(volume) => ItemId::Volume(volume.name.clone()),
            Self::Record(record) => ItemId::Record(record.id.clone()),
            Self::Log(container) => ItemId::Log(container.id.clone()),
        }
    }

    /// Returns what to call it: a name where it has one, else a short ID.
    #[must_use]
    pub fn name(&self) -> Text {
        match self.name_parts() {
            ["", name, ""] => name.into(),
            parts => parts.concat().into(),
        }
    }

    /// [`Item::name`], as a part of what the engine said wherever it is one: for lists of very many.
    #[must_use]
    pub fn excerpt(&self) -> SubStr {
        match (self, self.name_parts()) {
            (Self::Image(image), ["", _, ""]) => image.names.first().map(SubStr::from),
            (Self::Container(it) | Self::Log(it), [_, name, _]) => it.name.try_substr_from(name),
            (Self::Volume(volume), [_, name, _]) => volume.name.text().try_substr_from(name),
            (Self::Record(record), [_, name, _]) => {
                let described = record.description.try_substr_from(name);
                described.or_else(|| record.id.text().try_substr_from(name))
            }
            _ => None,
        }
        .unwrap_or_else(|| self.name().into())
    }

    /// Compares names as [`Item::name`] gives them, without making them.
    #[must_use]
    pub fn compare_names(&self, other: &Self) -> Ordering {
        compare_parts(&self.name_parts(), &other.name_parts())
    }

    /// Returns true for an image that no reference names.
    #[must_use]
    pub fn is_untagged_image(&self) -> bool {
        matches!(self, Self::Image(image) if image.names.is_empty())
    }

    /// Returns the parts of [`Item::name`], all of them of what the engine said or the same for all. A name that is
    /// one part is the middle one.
    pub(super) fn name_parts(&self) -> [&'a str; 3] {
        let name = match self {
            Self::Image(image) => match image.names.first() {
                Some(name) => return reference::shown_parts(name),
                None => return ["<none> ", short_id(image.id.as_str()), ""],
            },
            Self::Container(container) | Self::Log(container) if container.name.is_empty() => {
                short_id(container.id.as_str())
            }
            Self::Container(container) | Self::Log(container) => &container.name,
            Self::Volume(volume) if volume.anonymous => short_id(volume.name.as_str()),
            Self::Volume(volume) => volume.name.as_str(),
            Self::Record(record) if record.description.is_empty() => record.id.as_str(),
            Self::Record(record) => {
                let said = &record.description;
                command_of(said).unwrap_or(said)
            }
        };
        ["", name, ""]
    }

    /// Returns the engine's own size of it.
    #[must_use]
    pub fn size(&self) -> Figure<Bytes> {
        match self {
            Self::Image(image) => image.size,
            Self::Container(container) => match &container.details {
                Figure::Known(details) => details.size_rw.into(),
                Figure::Pending => Figure::Pending,
                Figure::Unknown => Figure::Unknown,
            },
            Self::Volume(volume) => volume.size,
            Self::Record(record) => record.size,
            Self::Log(container) => match &container.details {
                Figure::Known(details) => details.log.map(|log| log.size).into(),
                Figure::Pending => Figure::Pending,
                Figure::Unknown => Figure::Unknown,
            },
        }
    }

    /// Returns the driver of a volume or a log; `None` where it is not known, and of what has none.
    #[must_use]
    pub fn driver(&self) -> Option<&'a str> {
        match self {
            Self::Volume(volume) => Some(&volume.driver),
            Self::Log(container) => {
                let details = container.details.as_ref().known()?;
                let driver = &*details.log_driver;
                (!driver.is_empty()).then_some(driver)
            }
            Self::Image(_) | Self::Container(_) | Self::Record(_) => None,
        }
    }

    /// Returns when it was made.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        match self {
            Self::Image(image) => image.created,
            Self::Container(container) | Self::Log(container) => container.created,
            Self::Volume(volume) => volume.created,
            Self::Record(record) => record.created,
        }
    }
}

/// Compares names that stand in parts.
pub(super) fn compare_parts(one: &[&str; 3], two: &[&str; 3]) -> Ordering {
    if one[0] == two[0] && one[2].is_empty() && two[2].is_empty() {
        return one[1].cmp(two[1]);
    }
    let one = one.iter().flat_map(|part| part.as_bytes());
    one.cmp(two.iter().flat_map(|part| part.as_bytes()))
}

/// Returns what a `RUN` record ran. BuildKit writes the same words before every command, which says nothing and, on a
/// narrow screen, leaves no room for what differs.
fn command_of(description: &str) -> Option<&str> {
    let command = description.strip_prefix("mount / from exec ")?;
    let command = command.strip_prefix("/bin/sh -c ").unwrap_or(command);
    (!command.trim().is_empty()).then_some(command)
}

#[cfg(test)]
mod tests;
