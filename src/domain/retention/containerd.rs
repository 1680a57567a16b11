//! Who holds blobs and snapshots on the containerd store, by the engine's own list (ENGINE-CONTAINERD.md §3).

use crate::domain::bytes::Bytes;
use crate::domain::item::{Container, Image, ImageId};

use super::Doubt;
use super::draft::GraphDraft;
use super::leased::add_noted_image;
use super::solve::ChainSum;
use super::units::{HolderNo, Sort, Unit};
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::layers::content_store::ContentStore;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::names::Names;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;

/// One unit a blob, right behind the layers.
pub(super) fn add_blobs(draft: &mut GraphDraft, store: &ContentStore) {
    for blob in store.list.blobs() {
        draft.add_unit(Unit {
            below: OptIndex::NONE,
            size: Span::exactly(blob.size),
            doubt: None,
            pending: false,
            by_length: false,
            sort: Sort::Blob,
        });
    }
}

/// An image holds all that the collector reaches from it, and what is unpacked of it.
pub(super) fn add_image_of_store(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    image: &Image,
    inspected: Option<LayerNo>,
    store: &ContentStore,
) {
    if add_noted_image(draft, holder, image, store) {
        return;
    }
    let Some(kept) = store.list.image(&image.id) else {
        add_unlisted(facts, draft, holder, image, inspected);
        return;
    };
    for blob in &kept.content {
        draft.hold(holder, store.unit(*blob), true);
    }
    let tops = store.tops_of_image(image, inspected);
    let rest = image.size.known().unwrap_or_default() - store.packed_size(&image.id);
    for (top, is_kept) in &tops {
        draft.hold(holder, *top, *is_kept);
        if facts
            .tree
            .down(*top)
            .any(|layer| facts.sizes.exact(layer).is_none())
        {
            draft.sums.push(ChainSum {
                top: *top,
                total: image.size.known().map(|_| rest),
                exact: false,
                pending: image.content.is_pending(),
                doubt: Doubt::UnalignedHistory(image.id.clone()),
            });
        }
    }
    if kept.unread {
        let known: Bytes = tops
            .iter()
            .flat_map(|(top, _)| facts.tree.down(*top))
            .filter_map(|layer| facts.sizes.exact(layer))
            .sum();
        add_doubtful(draft, holder, rest - known);
    }
}

/// An image that the list does not have came after it, or is of another engine's making.
fn add_unlisted(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    image: &Image,
    inspected: Option<LayerNo>,
) {
    if facts.layers_to_come() {
        draft.holders[holder as usize].pending = true;
        draft.unsettled = true;
    }
    let unpacked = inspected.filter(|_| !image.layer_sizes().is_empty());
    let known: Bytes = unpacked
        .into_iter()
        .flat_map(|top| facts.tree.down(top))
        .filter_map(|layer| facts.sizes.exact(layer))
        .sum();
    if let Some(top) = unpacked {
        draft.hold(holder, top, true);
    }
    add_doubtful(
        draft,
        holder,
        image.size.known().unwrap_or_default() - known,
    );
}

fn add_doubtful(draft: &mut GraphDraft, holder: HolderNo, most: Bytes) {
    let unit = draft.add_unit(Unit {
        below: OptIndex::NONE,
        size: Span::at_most(most),
        doubt: Some(Doubt::Blobs.into()),
        pending: false,
        by_length: false,
        sort: Sort::Image,
    });
    draft.hold(holder, unit, true);
}

/// A container holds snapshots, never blobs: those of the manifest that it runs, which may be no image's.
/// Returns their highest layers: one if that is certain, none where neither the list nor an image tells.
pub(super) fn add_run(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    names: &Names<'_>,
    store: &ContentStore,
) -> Vec<LayerNo> {
    let details = container.details.as_ref().known();
    let image = container.image_id.as_ref();
    let inspected = image
        .and_then(|image| names.image(image.as_str()))
        .and_then(|image| facts.tops[image]);
    let manifest = details.and_then(|details| details.manifest.as_deref());
    let run = manifest.or(image.map(ImageId::as_str));
    let tops = run.map_or_else(Vec::new, |run| store.tops_of_run(run, inspected));
    let sure = tops.len() == 1;
    for top in &tops {
        draft.hold(holder, *top, sure);
    }
    if sure && inspected != Some(tops[0]) {
        draft.sums.push(ChainSum {
            top: tops[0],
            total: details
                .and_then(|details| details.size_root)
                .map(|root| root - facts.own_bytes(container, None)),
            exact: true,
            pending: container.details.is_pending(),
            doubt: Doubt::HiddenLayers(container.id.clone()),
        });
    }
    tops
}
