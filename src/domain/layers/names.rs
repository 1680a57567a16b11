//! Which image a reference means.

use std::collections::HashMap;

use crate::domain::item::Image;

/// Images by every name that they go by.
pub(super) struct Names<'a>(HashMap<&'a str, usize>);

impl<'a> Names<'a> {
    pub(super) fn new(images: &'a [Image]) -> Self {
        let mut names = HashMap::new();
        for (index, image) in images.iter().enumerate() {
            names.insert(image.id.as_str(), index);
            for name in image.names.iter().chain(&image.digests) {
                names.insert(&**name, index);
            }
        }
        Self(names)
    }

    /// An ID, a tag, a bare name, a digest, or `name:tag@digest`.
    pub(super) fn image(&self, reference: &str) -> Option<usize> {
        let direct = |name: &str| self.0.get(name).copied();
        direct(reference)
            .or_else(|| direct(&format!("sha256:{reference}")))
            .or_else(|| direct(&format!("{reference}:latest")))
            .or_else(|| {
                let (name, digest) = reference.split_once('@')?;
                let repository = name
                    .rsplit_once(':')
                    .filter(|(_, tag)| !tag.contains('/'))
                    .map_or(name, |(repository, _)| repository);
                direct(&format!("{repository}@{digest}"))
            })
    }
}
