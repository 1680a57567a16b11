//! How large each layer is, from the histories of all images that have it (ENGINE.md §2.4).

use std::collections::HashMap;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::{EngineInfo, Inventory};
use crate::domain::item::{Content, HistoryRow, Image};

use super::align::{Anchor, Slot, align};
use super::span::Span;
use super::tree::{LayerNo, Tree};

/// Sizes of layers, by their number.
#[derive(Debug, Default)]
pub(in crate::domain) struct Sizes {
    spans: Vec<Span>,
    /// What an image says of all its layers together, by its top layer.
    sums: HashMap<LayerNo, Bytes>,
}

/// A layer of an image and the row of its history that made it.
pub(in crate::domain) struct HistoryStep<'a> {
    pub(in crate::domain) layer: LayerNo,
    pub(in crate::domain) row: Option<&'a HistoryRow>,
}

/// Returns whether an image's size is the sum of its layers: Podman adds its own files, the containerd store blobs.
pub(in crate::domain) fn sizes_are_sums(engine: &EngineInfo) -> bool {
    engine.is_docker_on_graph_driver()
}

impl Sizes {
    /// `tops` has the top layer of each image, `stored` what the engine's own folder says.
    pub(super) fn new(
        inventory: &Inventory,
        tree: &Tree,
        tops: &[Option<LayerNo>],
        stored: &[(LayerNo, Bytes)],
    ) -> Self {
        let mut sizes = Self {
            spans: vec![Span::UNKNOWN; tree.len()],
            sums: HashMap::new(),
        };
        for (layer, size) in stored {
            sizes.spans[*layer as usize] = Span::exactly(*size);
        }
        let images: Vec<(&Image, LayerNo)> = inventory
            .images
            .iter()
            .zip(tops)
            .filter_map(|(image, top)| top.map(|top| (image, top)))
            .collect();
        if sizes_are_sums(&inventory.engine) {
            for (image, top) in &images {
                match image.size.known() {
                    Some(size) => sizes.sums.insert(*top, size),
                    None => sizes.sums.remove(top),
                };
            }
        }
        let mut open = images;
        // Each round may give anchors to the next; chains of images that need one another are short.
        for _ in 0..4 {
            let before = open.len();
            open.retain(|(image, top)| !sizes.learn(tree, image, *top));
            if open.is_empty() || open.len() == before {
                break;
            }
        }
        sizes
    }

    /// Sizes that are known from elsewhere, by layer.
    pub(super) fn of_spans(spans: Vec<Span>) -> Self {
        Self {
            spans,
            sums: HashMap::new(),
        }
    }

    /// Takes in what an image's history says. True when all its layers are exactly known.
    fn learn(&mut self, tree: &Tree, image: &Image, top: LayerNo) -> bool {
        let chain = tree.up_to(top);
        let Some(slots) = image
            .known_content()
            .and_then(|content| self.slots(content, &chain))
        else {
            return false;
        };
        let mut exact = true;
        for (layer, slot) in chain.iter().zip(slots) {
            let known = &mut self.spans[*layer as usize];
            // Every reading holds the truth, so does what two of them have in common.
            *known = Span {
                least: known.least.max(slot.least),
                most: known.most.min(slot.most),
            };
            exact &= slot.size().is_some();
        }
        exact
    }

    fn slots(&self, content: &Content, chain: &[LayerNo]) -> Option<Vec<Slot>> {
        let anchors: Vec<Anchor> = chain
            .iter()
            .map(|layer| Anchor {
                size: self.exact(*layer),
                sum: self.sums.get(layer).copied(),
            })
            .collect();
        align(&content.history, &anchors)
    }

    /// Returns a layer's size, where it is known to the byte.
    pub(in crate::domain) fn exact(&self, layer: LayerNo) -> Option<Bytes> {
        self.span(layer).size()
    }

    pub(in crate::domain) fn span(&self, layer: LayerNo) -> Span {
        self.spans[layer as usize]
    }

    /// Takes a size from elsewhere for a layer whose history does not tell it.
    pub(in crate::domain) fn settle(&mut self, layer: LayerNo, size: Bytes) {
        let known = &mut self.spans[layer as usize];
        if known.size().is_none() && known.holds(size) {
            *known = Span::exactly(size);
        }
    }

    /// Returns an image's layers, the lowest first, each with the row that made it where that is certain.
    pub(in crate::domain) fn steps<'a>(
        &self,
        tree: &Tree,
        content: &'a Content,
        top: LayerNo,
    ) -> Vec<HistoryStep<'a>> {
        let chain = tree.up_to(top);
        let slots = self.slots(content, &chain);
        chain
            .into_iter()
            .enumerate()
            .map(|(index, layer)| HistoryStep {
                layer,
                row: slots
                    .as_ref()
                    .and_then(|slots| slots[index].row)
                    .and_then(|row| content.history.get(row)),
            })
            .collect()
    }
}
