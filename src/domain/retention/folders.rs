//! Layers by where the storage driver keeps them (ENGINE.md §2.5).

use std::collections::{HashMap, HashSet};

use crate::domain::text::Text;

use super::draft::GraphDraft;
use super::units::{Sort, Unit};
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;

/// Layers by the folder that the storage driver keeps them in, of those that are asked for: most engines have no
/// container without an image, and each layer of each image has a folder.
#[derive(Default)]
pub(super) struct LayerFolders(Option<HashMap<Text, UnitNo>>);

impl LayerFolders {
    /// Returns the folders that containers without an image name, of layers that are known.
    fn known(facts: &LayerFacts<'_>) -> HashMap<Text, UnitNo> {
        let containers = facts.inventory.containers.iter();
        let apart = containers.filter(|container| {
            let image = container.image_id.as_ref();
            image.is_none_or(|image| facts.index.image(image).is_none())
        });
        let wanted: HashSet<Text> = apart
            .filter_map(|container| container.details.as_ref().known())
            .flat_map(|details| details.folders.iter())
            .collect();
        let stored = facts.stored_folders().iter();
        let stored = stored.filter(|(folder, _)| wanted.contains(*folder));
        let mut folders: HashMap<Text, UnitNo> = stored
            .map(|(folder, layer)| (folder.clone(), *layer))
            .collect();
        for (image, top) in facts.inventory.images.iter().zip(&facts.tops) {
            let (Some(content), Some(top)) = (image.known_content(), top) else {
                continue;
            };
            let chain = facts.tree.up_to(*top);
            if content.folders.len() == chain.len() {
                let pairs = content.folders.iter().zip(chain);
                folders.extend(pairs.filter(|(folder, _)| wanted.contains(folder)));
            }
        }
        folders
    }

    /// Returns the layer in a folder: an image's, or one that only containers without an image have.
    pub(super) fn unit(
        &mut self,
        (facts, draft): (&LayerFacts<'_>, &mut GraphDraft),
        folder: &Text,
        below: Option<UnitNo>,
    ) -> UnitNo {
        let folders = self.0.get_or_insert_with(|| Self::known(facts));
        *folders.entry(folder.clone()).or_insert_with(|| {
            draft.add_unit(Unit {
                below: below.into(),
                size: Span::UNKNOWN,
                doubt: None,
                pending: false,
                by_length: facts.by_length(),
                sort: Sort::Layer,
            })
        })
    }
}
