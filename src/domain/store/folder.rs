//! What lies in an engine's own folder, as one walk through it found it: whose each part is, by the engine's own
//! notes, and what it takes.
//!
//! The walk knows places and notes, not lists; [`crate::domain::unexplained`] lays it beside what the engine lists.

use std::collections::HashMap;
use std::ops::AddAssign;

use crate::domain::bytes::Bytes;
use crate::domain::item::{ChainId, ContainerId, RecordId, VolumeName};
use crate::domain::store::layerdb::StoredLayer;
use crate::domain::text::Text;
use crate::domain::unexplained::Cause;

/// What files and folders take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The lengths of the files, a hard link once, folders not counted: the unit of a graph driver's store and of
    /// volumes (ENGINE.md §2.1).
    pub length: Bytes,
    /// The blocks of files and folders, as `du` counts them.
    pub blocks: Bytes,
}

impl AddAssign for Taken {
    fn add_assign(&mut self, other: Self) {
        self.length += other.length;
        self.blocks += other.blocks;
    }
}

/// Whose a part of the folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A layer's files.
    Layer(ChainId),
    /// What a container has written.
    Writable(ContainerId),
    /// What the engine has put over a container's layers before it started, or over an image that it mounts.
    Init(ContainerId),
    /// A folder of the build cache that is no layer.
    Record(RecordId),
    /// A container's own folder, with its log files in it.
    Container(ContainerId),
    /// What the engine notes of a container's own layers.
    Notes(ContainerId),
    /// A volume of this name.
    Volume(VolumeName),
    /// Kept by leases of these names and by no image: a container's and a record's have its own.
    Leased(Vec<Text>),
    /// What the store keeps of images, containers and the build cache, where it cannot be told apart.
    Store,
    /// The folder of a container of this name that the engine's other store has made.
    OtherStores(Text),
    /// Nobody's: its place says what it is.
    Nobody(Cause),
}

/// A part of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Whose it is.
    pub owner: Owner,
    /// Where it lies.
    pub path: Text,
    /// What it takes on the disk, folders included.
    pub blocks: Bytes,
    /// So much of it the engine counts when it tells how large its owner is; `None` where only the engine
    /// knows.
    pub counted: Option<Bytes>,
}

/// Everything in an engine's folder, each byte in one portion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The folder.
    pub root: Text,
    /// All that was found, by owner.
    pub portions: Vec<Portion>,
    /// Folders that could not be read to their end: what is in them besides is in no portion.
    pub unread: Vec<Text>,
    /// Every layer that the engine keeps, and which it keeps for a container or a record.
    pub layers: Vec<StoredLayer>,
    /// The layers that containers stand on, or mount.
    pub mounts: Vec<(ContainerId, ChainId)>,
    /// The layers that build cache records became; `None` of those that are none.
    pub records: HashMap<RecordId, Option<ChainId>>,
    /// The storage driver keeps each layer as a whole copy of all below it (vfs).
    pub copies: bool,
}
