//! Images by their names.

use std::collections::HashMap;

use crate::domain::item::Image;
use crate::domain::reference;

/// Images by every name that they go by.
pub(in crate::domain) struct Names<'a>(HashMap<&'a str, usize>);

impl<'a> Names<'a> {
    pub(in crate::domain) fn new(images: &'a [Image]) -> Self {
        let mut names = HashMap::new();
        for (index, image) in images.iter().enumerate() {
            names.insert(image.id.as_str(), index);
            for name in image.names.iter().chain(&image.digests) {
                names.insert(&**name, index);
            }
        }
        Self(names)
    }

    pub(in crate::domain) fn image(&self, reference: &str) -> Option<usize> {
        reference::find(reference, |name| self.0.get(name).copied())
    }
}
