//! Layers of the containerd store that the engine tells the unpacked size of no more: bases that the build cache
//! keeps when their image is gone. Their blobs tell it ([`UnpackedSize`]), where they are read.
//!
//! How a filesystem counts folders is not told either. It is found out by layers whose size is known: one that
//! does not come out right shows that it counts in another way, and then no size is told.

use std::collections::HashMap;

use crate::domain::bytes::Bytes;
use crate::domain::item::Record;
use crate::domain::store::content::BlobList;
use crate::domain::store::unpacked::{Folders, UnpackedSize};
use crate::domain::text::Text;

use super::packing::may_hold;

/// A layer by which sizes are checked is not larger, if there is such a one.
const SMALL: Bytes = Bytes(512 * 1024);

/// Sizes of build cache records of bases, each once: what [`layers_to_read`] looks for.
#[must_use]
pub fn sizes_of_bases(records: &[Record]) -> Vec<Bytes> {
    let bases = records
        .iter()
        .filter(|record| &*record.kind == "regular" && record.is_base());
    let mut sizes: Vec<Bytes> = bases.filter_map(|record| record.size.known()).collect();
    sizes.retain(|size| !size.is_zero());
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Blobs that tell what nothing else does, with their sizes: first some by which the others are checked, then
/// those of bases of these sizes that no image has, the smallest first. None where the store's notes tell all sizes.
#[must_use]
pub fn layers_to_read(list: &BlobList, bases: &[Bytes]) -> Vec<(Text, Bytes)> {
    if list.notes().is_some() {
        return Vec::new();
    }
    let is_told = |size: Bytes| {
        let may_be = |base: &Bytes| *base == size || may_hold(*base, size);
        bases.iter().any(may_be)
    };
    let named = |at: u32| {
        let blob = list.blob(at)?;
        Some((blob.size, Text::clone(&blob.digest)))
    };
    let mut wanted: Vec<(Bytes, Text)> = list.orphans().filter_map(named).collect();
    wanted.retain(|(size, _)| is_told(*size));
    if wanted.is_empty() {
        return Vec::new();
    }
    wanted.sort();
    let layers = list.manifests().filter(|it| it.unpacked.is_some());
    let layers = layers.flat_map(|manifest| &manifest.layers);
    let mut known: Vec<(Bytes, Text)> = layers.filter_map(|layer| named(layer.blob?)).collect();
    known.sort();
    known.dedup();
    let small = known.partition_point(|(size, _)| *size <= SMALL).max(1);
    known.truncate(small);
    let places = [0, known.len() / 2, known.len().saturating_sub(1)];
    let mut checks: Vec<(Bytes, Text)> = places
        .into_iter()
        .filter_map(|place| known.get(place).cloned())
        .collect();
    checks.dedup();
    wanted.retain(|blob| !checks.contains(blob));
    let all = checks.into_iter().chain(wanted);
    all.map(|(size, digest)| (digest, size)).collect()
}

/// What blobs unpack to, as far as they were read, and how that is to be counted.
#[derive(Debug, Default)]
pub(in crate::domain) struct Extents {
    /// By the blob's position.
    known: HashMap<u32, UnpackedSize>,
    /// `None` until a layer of known size has shown it.
    folders: Option<Folders>,
}

impl Extents {
    /// `sizes` are what unpacked layers are known to take, by their blob.
    pub(super) fn new(
        list: &BlobList,
        read: &HashMap<Text, UnpackedSize>,
        sizes: impl Iterator<Item = (u32, Bytes)>,
    ) -> Self {
        let at = |(digest, extent): (&Text, &UnpackedSize)| Some((list.position(digest)?, *extent));
        let known: HashMap<u32, UnpackedSize> = read.iter().filter_map(at).collect();
        if known.is_empty() {
            return Self::default();
        }
        let mut ways = Folders::ALL.to_vec();
        let mut checked = false;
        for (blob, size) in sizes {
            if let Some(extent) = known.get(&blob) {
                checked = true;
                ways.retain(|folders| extent.fits(size, *folders));
            }
        }
        let folders = match ways[..] {
            [folders] if checked => Some(folders),
            _ => None,
        };
        Self { known, folders }
    }

    /// Returns what a blob takes unpacked; `None` where that is not known about as well as the engine knows it.
    pub(in crate::domain) fn unpacked(&self, blob: u32) -> Option<Bytes> {
        let extent = self.known.get(&blob).filter(|extent| extent.is_near())?;
        Some(extent.bytes(self.folders?))
    }

    /// Returns false where it is known that a blob takes another size.
    pub(in crate::domain) fn may_take(&self, blob: u32, size: Bytes) -> bool {
        match (self.known.get(&blob), self.folders) {
            (Some(extent), Some(folders)) => extent.fits(size, folders),
            _ => true,
        }
    }
}
