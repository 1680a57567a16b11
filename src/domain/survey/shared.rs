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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::bytes::Bytes;
    use crate::domain::compact::texts::DigestList;
    use crate::domain::inventory::{Inspected, Inventory, Part};
    use crate::domain::item::{Content, HistoryRow, Image, ImageId, Labels, Source};

    fn image(id: &str, parent: Option<&str>, shared: Figure<Bytes>) -> Image {
        Image {
            id: ImageId::new(id),
            parent: parent.map(ImageId::new),
            names: if id == "step" {
                Vec::new()
            } else {
                vec![id.into()]
            },
            digests: Vec::new(),
            source: Source::Unknown,
            created: None,
            size: Figure::Unknown,
            shared,
            labels: Labels::default(),
            last_tagged: None,
            content: Figure::Pending,
        }
    }

    fn layers(id: &str, sizes: &[u64]) -> Inspected {
        let row = |size: &u64| HistoryRow {
            created: None,
            created_by: "COPY".into(),
            comment: "".into(),
            size: Bytes(*size),
        };
        let content = Content {
            created: None,
            diff_ids: sizes.iter().map(u64::to_string).collect(),
            history: sizes.iter().map(row).collect(),
            folders: DigestList::default(),
            packed: None,
        };
        Inspected {
            content: Figure::Known(Arc::new(content)),
            ..Inspected::unavailable(ImageId::new(id))
        }
    }

    fn shared(survey: &Survey) -> Vec<Figure<Bytes>> {
        let rows = 0..survey.inventory().images.len();
        rows.map(|at| survey.shared(at)).collect()
    }

    #[test]
    fn what_no_engine_computes_the_layers_tell() {
        let mut survey = Survey::new(Inventory::default());
        let silent = Figure::Unknown;
        survey.apply([Part::Images(vec![
            image("base", None, silent),
            image("step", Some("base"), silent),
            image("app", Some("step"), silent),
            image("told", None, Figure::Known(Bytes(7))),
        ])]);
        assert_eq!(shared(&survey)[..3], [Figure::Pending; 3]);
        survey.apply([Part::Layers(vec![
            layers("base", &[100]),
            layers("step", &[100, 20]),
            layers("app", &[100, 20, 3]),
            layers("told", &[100]),
        ])]);
        // The step below the app is no image of its own: the app's 23 bytes are nobody else's.
        let known = |bytes| Figure::Known(Bytes(bytes));
        assert_eq!(shared(&survey), [known(100), silent, known(100), known(7)]);
        let flags = &survey.facts(Kind::Image, 2).flags;
        assert_eq!(flags.shared, Some(true));
    }

    #[test]
    fn no_image_shares_more_than_its_size() {
        let known = |bytes| Figure::Known(Bytes(bytes));
        let sized = |id: &str, size, shared| Image {
            size,
            ..image(id, None, shared)
        };
        let mut survey = Survey::new(Inventory::default());
        survey.apply([Part::Images(vec![
            sized("more", known(7), known(9)),
            sized("less", known(9), known(7)),
            sized("untold", Figure::Unknown, known(9)),
        ])]);
        assert_eq!(shared(&survey), [7, 7, 9].map(known));
    }
}
