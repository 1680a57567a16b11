//! What images hold: their layers, and what the disk keeps of them besides.

use crate::domain::bytes::Figure;
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::item::{Image, ItemId};

use super::Doubt;
use super::containerd::add_image_of_store;
use super::draft::GraphDraft;
use super::solve::ChainSum;
use super::units::{Holder, HolderNo, Sort, Unit};
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::sizes::sizes_are_sums;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;
use crate::domain::matching::loaded::ImageKeeps;

pub(super) fn add_image(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    index: usize,
    image: &Image,
    keeps: ImageKeeps,
) {
    let known = Holder {
        pending: image.content.is_pending(),
        ..Holder::of(ItemId::Image(image.id.clone()))
    };
    let holder = draft.add_item(index, known);
    draft.unsettled |= image.content.is_pending();
    if let Some(store) = &facts.store {
        add_image_of_store(facts, draft, holder, image, facts.tops[index], store);
        return;
    }
    let doubt = Doubt::UnalignedHistory(image.id.clone());
    add_beside_layers(facts, draft, holder, image);
    match (&image.content, facts.tops[index]) {
        (Figure::Known(_), Some(top)) => {
            draft.hold(holder, top, keeps == ImageKeeps::Sure);
            if keeps == ImageKeeps::Either {
                add_perhaps_unpacked(facts, draft, holder, image, top);
            }
            add_sum(facts, draft, image, top, doubt);
        }
        // Not known yet, or an image of no layers at all.
        (Figure::Pending, _) | (Figure::Known(_), None) => {}
        (Figure::Unknown, _) => {
            let whole = draft.add_unit(Unit {
                below: OptIndex::NONE,
                size: Span::at_most(image.size.known().unwrap_or_default()),
                doubt: Some(doubt.clone().into()),
                pending: image.size.is_pending(),
                by_length: facts.by_length(),
                sort: Sort::Image,
            });
            draft.hold(holder, whole, true);
            draft.wildcard(holder, doubt);
        }
    }
}

/// Adds that all that is unpacked of an image may go with it.
fn add_perhaps_unpacked(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    image: &Image,
    top: LayerNo,
) {
    let layers = facts.tree.down(top);
    let most = layers.map(|layer| facts.with_beside(layer).most).sum();
    let unit = draft.add_unit(Unit {
        below: OptIndex::NONE,
        size: Span::at_most(most),
        doubt: Some(Doubt::LoadedLayers(image.id.clone()).into()),
        pending: false,
        by_length: false,
        sort: Sort::Image,
    });
    draft.hold(holder, unit, true);
}

/// Adds what the disk keeps of an image besides its layers, where that was measured.
fn add_beside_layers(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    image: &Image,
) {
    let Some(bytes) = facts.inventory.on_disk.images.get(&image.id) else {
        return;
    };
    let unit = draft.add_unit(Unit {
        below: OptIndex::NONE,
        size: Span::exactly(*bytes),
        doubt: None,
        pending: false,
        by_length: false,
        sort: Sort::Image,
    });
    draft.hold(holder, unit, true);
}

fn add_sum(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    image: &Image,
    top: LayerNo,
    doubt: Doubt,
) {
    let open = |layer| facts.sizes.exact(layer).is_none();
    if facts.tree.down(top).any(open) {
        draft.sums.push(ChainSum {
            top,
            total: image.size.known(),
            exact: sizes_are_sums(&facts.inventory.engine),
            pending: image.size.is_pending(),
            doubt,
        });
    }
}
