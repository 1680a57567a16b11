//! Why a number is a range and not exact.

use std::fmt;

use crate::domain::inventory::Stage;
use crate::domain::item::{ContainerId, ImageId, ItemId, Kind, RecordId, short_id};
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::store::layerdb::Kept;
use crate::domain::text::Text;

/// Why a number is a range and not exact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// A history that does not fit the image's layers (ENGINE.md §2.4 e), or that could not be had.
    UnalignedHistory(ImageId),
    /// Records that share layers, but it is not known which.
    SharedRecord(RecordId),
    /// An image of the containerd store that may have been loaded when its layers were there already: then it keeps
    /// none of them unpacked; and what it has packed may be packed in another way than elsewhere.
    LoadedLayers(ImageId),
    /// A container whose image is gone: which layers it holds, and who else, is not fully known.
    HiddenLayers(ContainerId),
    /// What may hold the same layers could not be listed: build cache, containers or images.
    NotListed(Kind),
    /// The engine does not say which store it has, so that it may keep more of a thing than it tells.
    Store,
    /// The containerd store keeps compressed blobs whose sizes the engine did not tell.
    Blobs,
    /// A lease of a pull or a build keeps it still, until some time or something ends it.
    Leased,
    /// A storage driver whose accounting is not known.
    Driver(Text),
    /// Files with several names, more than are kept one by one: some may stay under a name elsewhere.
    ManyNames(ItemId),
    /// Files whose blocks other files may have, too, on a filesystem that copies by reference.
    SharedExtents(ItemId),
    /// Files of layers that have names elsewhere, too, and go with the last of these, or may have blocks elsewhere.
    NamesElsewhere,
    /// What goes is told by the lengths of files and not by what they take on the disk, so it is an estimate.
    ByLength,
    /// Something whose size cannot be known.
    NoSize(ItemId),
    /// Others, as one of those that are named: not all of them are.
    Further,
}

impl Doubt {
    /// Returns why it is not certain how much goes with a folder of the storage driver's.
    pub(super) fn of_kept(kept: Kept) -> Option<Self> {
        (kept.least != kept.most).then_some(Self::NamesElsewhere)
    }

    /// Returns why it is not certain how much goes with a thing that was walked through.
    pub(super) fn of_usage(usage: &DiskUsage, id: impl FnOnce() -> ItemId) -> Option<Self> {
        if !usage.shareable.is_zero() || !usage.inodes.is_zero() {
            Some(Self::SharedExtents(id()))
        } else {
            (!usage.uncertain.is_zero()).then(|| Self::ManyNames(id()))
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnalignedHistory(image) => write!(
                f,
                "the history of image {} does not tell how large each of its layers is",
                short_id(image.as_str())
            ),
            Self::SharedRecord(record) => write!(
                f,
                "build cache record {} shares layers with an image, but not which is known",
                short_id(record.as_str())
            ),
            Self::LoadedLayers(image) => write!(
                f,
                "image {} may not keep the layers that it shares",
                short_id(image.as_str())
            ),
            Self::HiddenLayers(container) => write!(
                f,
                "the image of container {} is gone, so not all layers that it holds are known",
                short_id(container.as_str())
            ),
            Self::NotListed(kind) => write!(
                f,
                "the {} could not be listed and may hold the same layers",
                Stage::list_of(*kind).word()
            ),
            Self::Store => f.write_str("the engine does not say how it stores layers"),
            Self::Blobs => {
                f.write_str("the engine does not say how large its compressed layers are")
            }
            Self::Leased => f.write_str(
                "a pull or build that is under way, or ended a moment ago, may keep some of it for a while",
            ),
            Self::Driver(driver) if driver.is_empty() => {
                f.write_str("the engine does not name its storage driver")
            }
            Self::Driver(driver) => write!(
                f,
                "how the storage driver {driver} shares bytes is not known"
            ),
            Self::Further => f.write_str("so it is with others that are not named here"),
            Self::ManyNames(item) => write!(
                f,
                "too many files of {} {} have several names to tell which go with it",
                item.kind().word(),
                item.as_str()
            ),
            Self::SharedExtents(item) => write!(
                f,
                "files of {} {} may share their blocks with others",
                item.kind().word(),
                item.as_str()
            ),
            Self::NamesElsewhere => f.write_str("files of layers may have names or blocks elsewhere, too, and stay"),
            Self::ByLength => f.write_str("by length"),
            Self::NoSize(item) => write!(
                f,
                "the size of {} {} cannot be known",
                item.kind().word(),
                match item {
                    ItemId::Volume(name) => name.as_str(),
                    _ => short_id(item.as_str()),
                }
            ),
        }
    }
}
