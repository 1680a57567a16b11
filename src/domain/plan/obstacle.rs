//! What keeps an item from going.

use crate::domain::index::ItemNo;
use crate::domain::inventory::Stage;
use crate::domain::outsider::OutsiderKind;

/// Something that keeps an item from going. What it is called is found out only where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Protected,
    /// A container of a swarm service.
    Task,
    /// What a container is doing.
    State,
    /// A volume that would go with its `--rm` container and must not, and why not.
    Volume(ItemNo, &'static str),
    /// Containers that stay.
    Users,
    /// Outsiders of a kind.
    Outsiders(OutsiderKind),
    /// Containers that stay, of which it cannot be told what they mount.
    Mounts,
    /// Containers whose settings cannot be read.
    Damaged,
    /// What was made on it and stays.
    Children,
    /// Names that nobody asked for.
    Names,
    /// A protected parent that the engine would remove along, knowing nothing of dtop's label.
    Parent(ItemNo),
    /// A record that a build uses.
    InUse,
    /// A volume of whose uses nothing is certain.
    Unresolved,
    /// What may hold it is not listed, so that nobody knows what does.
    Unlisted(Stage),
    /// A log of which no file can be emptied, and why not.
    Log(&'static str),
    /// A folder of the engine's that is a link, and what helps.
    Link(&'static str),
}
