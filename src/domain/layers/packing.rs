//! How large a layer can be packed, unpacked, and both together.

use crate::domain::bytes::Bytes;

/// No file unpacks to more than this many times its own size: deflate's limit.
pub(in crate::domain) const MOST_UNPACKED: u64 = 1_032;
/// Packing makes nothing larger than this, but for what it needs at least.
const PACKED: Bytes = Bytes(8_192);
/// Snapshots are counted in blocks, which blobs seldom fill.
pub(in crate::domain) const BLOCK: u64 = 512;

/// Returns the most that an unpacked layer can be packed.
pub(in crate::domain) fn most_packed(unpacked: Bytes) -> Bytes {
    unpacked + Bytes(unpacked.0 / 20) + PACKED
}

/// Returns true if a record of this size can be a snapshot and this blob together.
pub(in crate::domain) fn may_hold(size: Bytes, blob: Bytes) -> bool {
    size > blob && (size - blob).0.is_multiple_of(BLOCK)
}

/// Returns what a record says that it keeps besides the blob: its own snapshot. A size that was taken before there was
/// a blob lacks it.
pub(in crate::domain) fn snapshot(size: Bytes, blob: Bytes) -> Bytes {
    if may_hold(size, blob) || !size.0.is_multiple_of(BLOCK) {
        size - blob
    } else {
        size
    }
}
