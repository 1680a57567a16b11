//! Layers of the containerd store of which nothing told the size, bounded by what the engine says of all together.

use std::collections::HashSet;

use crate::domain::bytes::Bytes;
use crate::domain::item::{ItemId, RecordId};

use super::Doubt;
use super::draft::GraphDraft;
use super::units::Sort;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::tree::UnitNo;

/// Snapshots fill whole pages on the filesystems that engines use.
const PAGE: u64 = 4_096;
/// Snapshots for containers' mounts and blobs that are no layers may be off by so much together.
const ABOUT: Bytes = Bytes(32_768);
/// What manifests and configs are estimated at may be off by less for each sum of blobs.
const DOCUMENTS: Bytes = Bytes(4_096);
/// From here to 28's end the engine's sum of snapshots has the blobs of images in it, each once
/// (`ImageDiskUsage` in moby's `daemon/containerd/service.go`, read in 28.3).
const WITH_BLOBS: (u32, u32) = (28, 3);

/// Bounds what nothing told the size of by what the engine says of all snapshots together. Up to 28 that has
/// every snapshot in it, whoever holds it (ENGINE.md §3, measured on 26 and 28).
pub(super) fn bound_open_layers(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    open: &[(UnitNo, RecordId)],
) {
    let engine = &facts.inventory.engine;
    let mut numbers = engine.version.split('.').map_while(|it| it.parse().ok());
    let version: Option<(u32, u32)> = numbers.next().zip(numbers.next());
    let Some(all) = facts.inventory.layers_size else {
        return;
    };
    if open.is_empty() || !facts.inventory.keeps_blobs() || version.is_none_or(|it| it.0 > 28) {
        return;
    }
    let open: Vec<(UnitNo, RecordId)> = open
        .iter()
        .filter(|(unit, _)| draft.units[*unit as usize].size.size().is_none())
        .cloned()
        .collect();
    let mut rest = all + ABOUT - known_snapshots(draft, &open);
    if version >= Some(WITH_BLOBS) {
        rest = rest - blobs_of_images(facts, draft);
    }
    for (unit, record) in &open {
        let found = facts.inventory.cache.iter().find(|it| it.id == *record);
        let size = found.and_then(|record| record.size.known());
        let unit = &mut draft.units[*unit as usize];
        // A record may have its blob in it, too.
        let most = match unit.sort {
            Sort::Layer => rest,
            _ => size.unwrap_or_default() + rest,
        };
        unit.size.most = unit.size.most.min(most).max(unit.size.least);
    }
}

/// Returns the blobs of all images, each once; at least so much where they are not listed.
fn blobs_of_images(facts: &LayerFacts<'_>, draft: &GraphDraft) -> Bytes {
    let Some(store) = &facts.store else {
        let blobs = draft.units.iter().filter(|unit| unit.sort == Sort::Blob);
        return blobs.map(|unit| unit.size.least - DOCUMENTS).sum();
    };
    let images = facts.inventory.images.iter();
    let listed = images.filter_map(|image| store.list.image(&image.id));
    let blobs: HashSet<u32> = listed.flat_map(|image| image.content.clone()).collect();
    blobs.into_iter().map(|blob| store.size(blob)).sum()
}

/// Snapshots that something holds and whose size is known, all together.
fn known_snapshots(draft: &GraphDraft, open: &[(UnitNo, RecordId)]) -> Bytes {
    let mut held = vec![false; draft.units.len()];
    for hold in draft.holds.iter().filter(|hold| hold.sure) {
        held[hold.unit as usize] = true;
    }
    let mut known = Bytes::ZERO;
    for at in (0..draft.units.len()).rev() {
        let unit = &draft.units[at];
        if let (true, Some(below)) = (held[at], unit.below.get()) {
            held[below as usize] = true;
        }
        let is_snapshot = match unit.sort {
            Sort::Layer | Sort::Writable => true,
            // Else there may be a blob in it.
            Sort::Record => unit.size.least.0.is_multiple_of(PAGE),
            Sort::Log | Sort::Volume | Sort::Image | Sort::Blob => false,
        };
        let is_open = open.iter().any(|(open, _)| *open as usize == at);
        if held[at] && is_snapshot && !is_open {
            known += unit.size.least;
        }
    }
    known
}

/// Says of layers whose size nothing told why that is.
pub(super) fn name_open_layers(draft: &mut GraphDraft, open: Vec<(UnitNo, RecordId)>) {
    for (unit, record) in open {
        let unit = &mut draft.units[unit as usize];
        if unit.size.size().is_none() {
            unit.doubt
                .get_or_insert(Doubt::NoSize(ItemId::Record(record)).into());
        }
    }
}
