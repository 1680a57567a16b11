//! What an inode tells of the bytes that it takes.

use rustix::fs::{FileType, Stat};

use crate::domain::bytes::Bytes;

/// Bytes of the blocks that are allocated, which the system counts by 512 whatever the filesystem's are.
pub(super) fn blocks(stat: &Stat) -> Bytes {
    let blocks = u64::try_from(stat.st_blocks).unwrap_or_default();
    Bytes(blocks.saturating_mul(512))
}

pub(super) fn length(stat: &Stat) -> Bytes {
    Bytes(u64::try_from(stat.st_size).unwrap_or_default())
}

/// Returns true for the inode of a folder.
pub(super) fn is_folder(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
