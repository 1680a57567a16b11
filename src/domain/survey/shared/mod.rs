//! Shared sizes of images: what the engine says, or what their layers tell where it computes none (Podman, ENGINE.md
//! §8). It is a part of SIZE, in SIZE's own measure, and never more than that.

use super::{Kind, Survey};
use crate::domain::bytes::Figure;
use crate::domain::inventory::Store;

impl Survey {
    /// Fills in what images share, as the engine says it or else as their layers tell. Only what a person would
    /// call another image counts: each image shares all of itself with the steps that it was built from.
    pub(super) fn share(&mut self) {
        let images = &self.inventory.images;
        let facts = &mut self.facts[Kind::Image as usize];
        self.shared = images.iter().map(|image| image.shared).collect();
        // Packed layers are shared apart from unpacked ones: there the layers do not tell.
        let is_silent = |shared: Figure<_>| shared == Figure::Unknown;
        let counts_layers = self.inventory.engine.store == Store::GraphDriver;
        if counts_layers && images.iter().any(|image| is_silent(image.shared)) {
            let shown = images.iter().zip(&*facts);
            let shown = shown.filter(|(_, facts)| !facts.intermediate);
            let by_layers = self.retention.shared(shown.map(|(image, _)| &image.id));
            let silent = images.iter().zip(&mut self.shared);
            for (image, shared) in silent.filter(|(_, shared)| is_silent(**shared)) {
                *shared = match (by_layers.get(&image.id), &image.content) {
                    (Some(bytes), _) => (*bytes).into(),
                    (None, Figure::Pending) => Figure::Pending,
                    (None, Figure::Known(_) | Figure::Unknown) => Figure::Unknown,
                };
            }
        }
        // The containerd store may count a shared layer packed and unpacked, and of the image one of the two.
        for (image, shared) in images.iter().zip(&mut self.shared) {
            if let (Some(size), Figure::Known(shared)) = (image.size.known(), shared) {
                *shared = size.min(*shared);
            }
        }
        for (facts, shared) in facts.iter_mut().zip(&self.shared) {
            facts.flags.shared = shared.known().map(|bytes| !bytes.is_zero());
        }
    }
}

#[cfg(test)]
mod tests;
