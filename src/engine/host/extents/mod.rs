//! Blocks of files that other files may have, too: overlay2 copies up by reference where the filesystem can, and so
//! does `cp`. What a file's inode counts is then no measure of what goes with it.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use fiemap::{Fiemap, FiemapExtentFlags};
use rustix::fs::{FileType, FsWord, Mode, OFlags, Stat, fstat, fstatfs, openat};

use super::root::base_flags;
use super::taken::blocks;
use crate::domain::bytes::Bytes;

/// What xfs, btrfs, bcachefs and zfs call themselves (statfs(2), and their sources).
const XFS: FsWord = 0x5846_5342;
const BTRFS: FsWord = 0x9123_683E;
const BCACHEFS: FsWord = 0xCA45_1A4E;
const ZFS: FsWord = 0x2FC1_2FC1;
/// Files that take less are not worth being opened.
const SMALL: Bytes = Bytes(64 << 10);
/// Less than this beside the blocks is nothing certain, and little: xfs gives inodes back by chunks of 64.
const LITTLE: Bytes = Bytes(32 << 10);
/// Bytes of an inode on xfs, unless it was made with others.
const INODE: Bytes = Bytes(512);
/// The same on btrfs, with all that is noted of a file and of its blocks, twice: files of 20 kB took 1.8 kB each (Linux
/// 6.1, and `mkfs.btrfs` as it makes them).
const INODE_OF_BTRFS: Bytes = Bytes(2048);
/// btrfs keeps a checksum of 4 bytes for each 4 KiB, twice: of so many bytes one byte.
const CHECKED: u64 = 512;

/// Returns true on a filesystem whose files may have blocks in common.
pub(in crate::engine) fn may_share(at: impl AsFd) -> bool {
    inode(at).is_some()
}

/// Returns the bytes that may come back with so many inodes, besides the blocks of their files.
pub(in crate::engine) fn beside_blocks(at: impl AsFd, inodes: u64, blocks: Bytes) -> Bytes {
    let bytes = match kind(at) {
        Some(XFS) => inodes * INODE.0,
        Some(BTRFS) => inodes * INODE_OF_BTRFS.0 + blocks.0 / CHECKED,
        _ => 0,
    };
    let bytes = Some(Bytes(bytes));
    bytes.filter(|bytes| *bytes >= LITTLE).unwrap_or_default()
}

/// Returns the bytes that may come back with one inode, on a filesystem whose files may have blocks in common.
pub(in crate::engine) fn inode(at: impl AsFd) -> Option<Bytes> {
    match kind(at)? {
        XFS | BCACHEFS | ZFS => Some(INODE),
        BTRFS => Some(INODE_OF_BTRFS),
        _ => None,
    }
}

/// Returns true on a filesystem that may keep a file in less than the blocks that its inode tells of.
pub(in crate::engine) fn packs(at: impl AsFd) -> bool {
    matches!(kind(at), Some(BTRFS | BCACHEFS | ZFS))
}

fn kind(at: impl AsFd) -> Option<FsWord> {
    fstatfs(at).ok().map(|stat| stat.f_type)
}

/// Returns the bytes of a file's blocks that may not be its alone: those of extents that are shared, or packed, so that
/// they take less than they seem to; all of them where that is not asked, or not told.
///
/// The file is opened for reading, and not read.
pub(in crate::engine) fn shareable(folder: &OwnedFd, name: &CStr, stat: &Stat) -> Bytes {
    let all = blocks(stat);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || all.is_zero() {
        return Bytes::ZERO;
    }
    if all < SMALL {
        return all;
    }
    let flags = OFlags::NOFOLLOW | base_flags();
    let Ok(file) = openat(folder, name, flags, Mode::empty()) else {
        return all;
    };
    // Another file by now.
    if !fstat(&file).is_ok_and(|it| (it.st_dev, it.st_ino) == (stat.st_dev, stat.st_ino)) {
        return all;
    }
    let doubtful = FiemapExtentFlags::SHARED
        | FiemapExtentFlags::ENCODED
        | FiemapExtentFlags::UNKNOWN
        | FiemapExtentFlags::DATA_INLINE
        | FiemapExtentFlags::DATA_TAIL;
    // What waits to be written has no place yet, and nobody else can have it.
    let pending = FiemapExtentFlags::DELALLOC;
    let (mut found, mut told) = (Bytes::ZERO, Bytes::ZERO);
    for extent in Fiemap::new(&file) {
        let Ok(extent) = extent else {
            return all;
        };
        let bytes = Bytes(extent.fe_length);
        told += bytes;
        let flags = extent.fe_flags;
        if flags.intersects(doubtful) && !flags.contains(pending) {
            found += bytes;
        }
    }
    // More blocks than are told: what these are is not known.
    (found + (all - told)).min(all)
}

#[cfg(test)]
mod tests;
