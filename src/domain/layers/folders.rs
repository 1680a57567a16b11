//! Layers by where the storage driver keeps them (ENGINE.md §2.5).

use std::collections::HashMap;

use crate::domain::item::Text;

use super::build::Builder;
use super::ledger::content;
use super::sizes::Span;
use super::units::{Sort, Unit, UnitNo};

/// Layers by the folder that the storage driver keeps them in.
pub(super) struct Folders(HashMap<Text, UnitNo>);

impl Folders {
    /// The folders of all images' layers.
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        let mut folders = builder.stored_folders().clone();
        for (image, top) in builder.inventory.images.iter().zip(&builder.tops) {
            let (Some(content), Some(top)) = (content(image), top) else {
                continue;
            };
            let chain = builder.tree.up_to(*top);
            if content.folders.len() == chain.len() {
                folders.extend(content.folders.iter().zip(chain));
            }
        }
        Self(folders)
    }

    /// The layer in a folder: an image's, or one that only containers without an image have.
    pub(super) fn unit(
        &mut self,
        builder: &mut Builder<'_>,
        folder: &Text,
        below: Option<UnitNo>,
    ) -> UnitNo {
        *self.0.entry(folder.clone()).or_insert_with(|| {
            builder.add_unit(Unit {
                below: below.into(),
                size: Span::UNKNOWN,
                doubt: None,
                pending: false,
                sort: Sort::Layer,
            })
        })
    }
}
