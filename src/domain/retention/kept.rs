//! What build cache records hold on the containerd store, where the engine lists its blobs.

use crate::domain::bytes::Bytes;
use crate::domain::item::{ItemId, Record};

use super::Doubt;
use super::draft::GraphDraft;
use super::open_sizes::OpenSizes;
use super::units::{Holder, HolderNo, Sort, Unit};
use crate::domain::layers::content_store::ContentStore;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::packing::MOST_UNPACKED;
use crate::domain::layers::packing::snapshot;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;
use crate::domain::layers::tree::UnitNo;
use crate::domain::matching::join::RecordTree;
use crate::domain::matching::match_records::{RecordKeeps, counts_both, match_records};

/// A step's record has a snapshot of its own, which stands on those of its parents, and shares only the blob
/// with the image that was made from it; a base's record shares both (ENGINE-CONTAINERD.md §1).
pub(super) fn add_kept_records(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    record_tree: &RecordTree,
    store: &ContentStore,
) {
    let records = &facts.inventory.cache;
    let keeps = match_records(records, record_tree, store, &facts.tree, &facts.sizes);
    let mut stands: Vec<Option<UnitNo>> = vec![None; records.len()];
    for at in record_tree.order() {
        let record = &records[at];
        let below = record_tree.parent(at).and_then(|parent| stands[parent]);
        let holder = draft.add_item(
            at,
            Holder {
                idle_record: !record.in_use,
                ..Holder::of(ItemId::Record(record.id.clone()))
            },
        );
        stands[at] = add_kept(draft, untold, holder, record, &keeps[at], below, store);
        for parent in record_tree.other_parents(at) {
            if let Some(unit) = stands[parent] {
                draft.hold(holder, unit, true);
            }
        }
    }
}

fn add_kept(
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
    keeps: &RecordKeeps,
    below: Option<UnitNo>,
    store: &ContentStore,
) -> Option<UnitNo> {
    let size = record.size.known().unwrap_or_default();
    match keeps {
        RecordKeeps::Own => Some(add_snapshot(
            draft,
            holder,
            record,
            below,
            Span::exactly(size),
        )),
        RecordKeeps::Step(blobs) => Some(add_step(draft, holder, record, blobs, below, store)),
        RecordKeeps::Base(places) => {
            add_base(draft, untold, holder, record, places, store);
            match places[..] {
                [(layer, _)] => Some(layer),
                _ => None,
            }
        }
        RecordKeeps::GoneBase(blobs) => {
            if record.shared {
                draft.wildcard(holder, Doubt::SharedRecord(record.id.clone()));
            }
            Some(add_kept_base(
                draft, untold, holder, record, blobs, below, store,
            ))
        }
        RecordKeeps::Some => {
            draft.wildcard(holder, Doubt::SharedRecord(record.id.clone()));
            let unit = add_snapshot(draft, holder, record, below, Span::at_most(size));
            draft.units[unit as usize].doubt = Some(Doubt::SharedRecord(record.id.clone()).into());
            Some(unit)
        }
    }
}

/// Returns a base of which nothing but its blob tells how large it is unpacked.
fn add_kept_base(
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
    blobs: &[u32],
    below: Option<UnitNo>,
    store: &ContentStore,
) -> UnitNo {
    let size = record.size.known().unwrap_or_default();
    if let [blob] = blobs
        && let Some(unpacked) = store.extents.unpacked(*blob)
    {
        hold_blobs(draft, holder, blobs, store);
        return add_snapshot(draft, holder, record, below, Span::exactly(unpacked));
    }
    let most = if blobs.is_empty() && counts_both(record, store) {
        size
    } else {
        Bytes(size.0.saturating_mul(MOST_UNPACKED))
    };
    let unit = add_snapshot(draft, holder, record, below, Span { least: size, most });
    untold.open.push((unit, record.id.clone()));
    unit
}

fn add_step(
    draft: &mut GraphDraft,
    holder: HolderNo,
    record: &Record,
    blobs: &[u32],
    below: Option<UnitNo>,
    store: &ContentStore,
) -> UnitNo {
    let size = record.size.known().unwrap_or_default();
    let snapshots = blobs.iter().map(|blob| snapshot(size, store.size(*blob)));
    let span = Span {
        least: snapshots.clone().min().unwrap_or(size),
        // Where it is not certain, its blob may be one that is in no list.
        most: if blobs.len() == 1 {
            snapshots.max().unwrap_or(size)
        } else {
            size
        },
    };
    let unit = add_snapshot(draft, holder, record, below, span);
    if span.size().is_none() {
        draft.units[unit as usize].doubt = Some(Doubt::SharedRecord(record.id.clone()).into());
    }
    hold_blobs(draft, holder, blobs, store);
    unit
}

fn add_base(
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
    places: &[(LayerNo, u32)],
    store: &ContentStore,
) {
    let mut layers: Vec<LayerNo> = places.iter().map(|(layer, _)| *layer).collect();
    layers.dedup();
    for layer in &layers {
        draft.hold(holder, *layer, layers.len() == 1);
        untold.open.push((*layer, record.id.clone()));
    }
    if let [layer] = layers[..] {
        draft.joined.push((holder, layer));
    }
    let mut blobs: Vec<u32> = places.iter().map(|(_, blob)| *blob).collect();
    blobs.sort_unstable();
    blobs.dedup();
    hold_blobs(draft, holder, &blobs, store);
}

/// Holds the blob with all that the collector keeps for it, or one of several.
fn hold_blobs(draft: &mut GraphDraft, holder: HolderNo, blobs: &[u32], store: &ContentStore) {
    if let [blob] = blobs {
        for reached in store.list.reached_from(*blob) {
            draft.hold(holder, store.unit(reached), true);
        }
        draft.joined.push((holder, store.unit(*blob)));
        return;
    }
    for blob in blobs {
        draft.hold(holder, store.unit(*blob), false);
    }
}

fn add_snapshot(
    draft: &mut GraphDraft,
    holder: HolderNo,
    record: &Record,
    below: Option<UnitNo>,
    size: Span,
) -> UnitNo {
    let unknown = record.size.known().is_none() && !record.size.is_pending();
    let unit = draft.add_unit(Unit {
        below: below.into(),
        size,
        doubt: unknown.then(|| Doubt::NoSize(ItemId::Record(record.id.clone())).into()),
        pending: record.size.is_pending(),
        by_length: false,
        sort: Sort::Record,
    });
    draft.hold(holder, unit, true);
    unit
}
