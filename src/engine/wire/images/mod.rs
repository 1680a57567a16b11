//! The list of images, which is by far the longest of those that a scan begins with.

use std::collections::{HashMap, HashSet};
use std::io;

use serde_json::Value;

use super::rows::each_row;
use super::{Dialect, Row, image_id};
use crate::domain::bytes::Figure;
use crate::domain::inventory::Store;
use crate::domain::item::{Image, ImageId, Source};
use crate::domain::reference;
use crate::domain::text::Text;
use crate::engine::EngineError;

/// An answer of `/images/json`, read while it comes. What it says of an image is the engine's dialect, which need
/// not be known yet.
#[derive(Clone, Debug, Default)]
pub struct ImageList {
    images: Vec<Image>,
    places: HashMap<ImageId, usize>,
    /// How many containers use an image, of those that any does, by their places.
    uses: Vec<(usize, u32)>,
}

impl ImageList {
    /// Reads an answer. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`EngineError::Garbled`] when it is no JSON list.
    pub fn parse(request: &str, answer: impl io::Read) -> Result<Self, EngineError> {
        let mut list = Self::default();
        each_row(request, answer, &mut |row| list.take(row))?;
        Ok(list)
    }

    /// Takes a row in, one image an ID: an engine that lists one a name has its names put together.
    fn take(&mut self, row: Row<'_>) {
        let Some(image) = image(row) else { return };
        let containers = row.number("Containers");
        let containers = containers.and_then(|it| u32::try_from(it).ok());
        let uses = containers.filter(|it| *it > 0);
        if let Some(&place) = self.places.get(&image.id) {
            let first = &mut self.images[place];
            first.names.extend(image.names);
            first.digests.extend(image.digests);
        } else {
            self.uses.extend(uses.map(|uses| (self.images.len(), uses)));
            self.places.insert(image.id.clone(), self.images.len());
            self.images.push(image);
        }
    }
}

impl ImageList {
    /// Returns how many containers the engine says that use each image, of those that any does.
    #[must_use]
    pub fn uses(&self) -> HashMap<ImageId, u32> {
        let uses = self.uses.iter();
        uses.map(|(place, uses)| (self.images[*place].id.clone(), *uses))
            .collect()
    }
}

impl From<&Value> for ImageList {
    fn from(answer: &Value) -> Self {
        let mut list = Self::default();
        Row(answer).rows().for_each(|row| list.take(row));
        list
    }
}

/// Images of a list, in an engine's dialect.
#[must_use]
pub fn images(list: impl Into<ImageList>, dialect: Dialect) -> Vec<Image> {
    let ImageList { mut images, .. } = list.into();
    images.shrink_to_fit();
    for image in &mut images {
        keep_once(&mut image.names);
        keep_once(&mut image.digests);
        image.names = reference::names(std::mem::take(&mut image.names), &image.digests);
        image.source = source(&image.names, &image.digests, dialect);
        // Podman never computes it (ENGINE.md §8).
        if dialect.podman {
            image.shared = Figure::Unknown;
        }
    }
    images
}

/// In the order in which they come first. There may be as many as an engine likes to write.
fn keep_once(texts: &mut Vec<Text>) {
    if texts.len() > 1 {
        let mut seen = HashSet::with_capacity(texts.len());
        texts.retain(|text| seen.insert(Text::clone(text)));
    }
    texts.shrink_to_fit();
}

fn image(row: Row<'_>) -> Option<Image> {
    let (names, digests) = names(row);
    Some(Image {
        id: image_id(row.text("Id"))?,
        parent: image_id(row.text("ParentId")),
        created: row.time("Created"),
        size: row.bytes("Size").into(),
        shared: Figure::Pending,
        labels: row.labels("Labels"),
        source: Source::Unknown,
        names,
        digests,
        last_tagged: None,
        content: Figure::Pending,
    })
}

/// Returns tags and digest references. API below 1.43 writes `<none>:<none>` for none; Podman and the containerd
/// store put the digests that something was pulled by among the tags (ENGINE.md §1.1, §8).
fn names(row: Row<'_>) -> (Vec<Text>, Vec<Text>) {
    let (mut names, mut digests): (Vec<Text>, Vec<Text>) = (Vec::new(), Vec::new());
    let id = row.text("Id");
    for name in row.texts("RepoTags") {
        if reference::is_digest(name) {
            digests.push(name.into());
        } else if !name.contains("<none>") && name != id {
            names.push(name.into());
        }
    }
    for digest in row.texts("RepoDigests") {
        if reference::is_digest(digest) {
            if !digest.contains("<none>") {
                digests.push(digest.into());
            }
        } else if digest == id {
            // Of what has no platform, such as an artifact, the containerd store says its own digest and no
            // repository (imageSummary in daemon/containerd/image_list.go of 28 and 29).
            let by_digest = |tag: &Text| format!("{}@{id}", reference::repository(tag)).into();
            digests.extend(names.iter().map(by_digest));
        }
    }
    (names, digests)
}

/// On a graph driver of Docker's a digest is written by a pull or a push. The containerd store and
/// Podman write one for whatever was built or loaded, too (ENGINE.md §3, §10), and a store that is not known may be one
/// of these.
fn source(names: &[Text], digests: &[Text], dialect: Dialect) -> Source {
    let built = |name: &Text| name.starts_with("localhost/");
    let makes_them_up = dialect.podman || dialect.store != Store::GraphDriver;
    match (dialect.podman, makes_them_up) {
        (true, _) if !names.is_empty() && names.iter().all(built) => Source::Local,
        (_, true) => Source::Unknown,
        _ if digests.is_empty() => Source::Local,
        _ => Source::Registry,
    }
}

#[cfg(test)]
mod tests;
