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
mod tests {
    use serde_json::json;

    use super::*;

    const DOCKER: Dialect = Dialect {
        podman: false,
        store: Store::GraphDriver,
    };

    #[test]
    fn one_bad_row_costs_at_most_itself() {
        let answer = json!([
            7, null, {"Id": ""}, {"Size": 3},
            {"Id": "sha256:a", "RepoTags": 5, "Created": "soon", "Size": "x", "Labels": []},
            {"Id": "sha256:b", "RepoTags": ["b:1"], "Size": 3},
        ]);
        let images = images(&answer, DOCKER);
        assert_eq!(images.len(), 2);
        assert_eq!(images[0].size, Figure::Unknown);
        assert_eq!(images[0].names, Vec::<Text>::new());
        assert_eq!(images[1].names, ["b:1"]);
    }

    #[test]
    fn none_is_no_name_and_a_digest_is_no_tag() {
        let answer = json!([
            {"Id": "sha256:a", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
            {"Id": "b", "RepoTags": ["x/y:1", "x/y@sha256:1"], "RepoDigests": ["x/y@sha256:1"]},
        ]);
        let images = images(&answer, DOCKER);
        assert!(images[0].names.is_empty() && images[0].digests.is_empty());
        assert_eq!(images[0].source, Source::Local);
        assert_eq!(images[1].id, ImageId::new("sha256:b"));
        assert_eq!(images[1].names, ["x/y:1"]);
        assert_eq!(images[1].digests, ["x/y@sha256:1"]);
        assert_eq!(images[1].source, Source::Registry);
    }

    #[test]
    fn a_digest_is_a_name_where_an_image_has_no_tag() {
        let digest = "r:5/svc@sha256:6db5";
        let answer = json!([
            // A graph driver's, pulled by digest; the same on the containerd store, and on both beside a tag.
            {"Id": "sha256:a", "RepoTags": null, "RepoDigests": [digest]},
            {"Id": "sha256:6db5", "RepoTags": [digest], "RepoDigests": [digest]},
            {"Id": "sha256:b", "RepoTags": ["r:5/svc:1", digest], "RepoDigests": [digest]},
            {"Id": "sha256:c", "RepoTags": ["mine:1"], "RepoDigests": ["mine@sha256:c", digest]},
            // As a service's task pulls it on the containerd store.
            {"Id": "sha256:d", "RepoTags": ["r:5/svc:2@sha256:d"], "RepoDigests": ["r:5/svc@sha256:d"]},
        ]);
        let images = images(&answer, DOCKER);
        let names: Vec<&[Text]> = images.iter().map(|image| &*image.names).collect();
        assert_eq!(names[0], [digest]);
        assert_eq!(names[1], [digest]);
        assert_eq!(names[2], ["r:5/svc:1"]);
        assert_eq!(names[3], ["mine:1", digest]);
        assert_eq!(names[4], ["r:5/svc:2@sha256:d"]);
    }

    #[test]
    fn the_digest_of_an_artifact_is_no_name_of_it() {
        let answer = json!([
            {"Id": "sha256:a", "RepoTags": ["r:5/model:1"], "RepoDigests": ["sha256:a"]},
            {"Id": "sha256:b", "RepoTags": null, "RepoDigests": ["sha256:b"]},
        ]);
        let images = images(&answer, DOCKER);
        assert_eq!(images[0].names, ["r:5/model:1"]);
        assert_eq!(
            images[0].digests,
            ["r:5/model@sha256:a"],
            "a registry has it"
        );
        assert!(images[1].names.is_empty() && images[1].digests.is_empty());
    }

    #[test]
    fn a_digest_is_no_proof_where_engines_make_them_up() {
        let answer = json!([
            {"Id": "a", "RepoTags": ["localhost/a:1"], "RepoDigests": ["localhost/a@sha256:1"]},
            {"Id": "b", "RepoTags": ["docker.io/b:1"], "RepoDigests": ["docker.io/b@sha256:1"]},
        ]);
        let sources = |podman, store| {
            let images = images(&answer, Dialect { podman, store });
            images.iter().map(|image| image.source).collect::<Vec<_>>()
        };
        assert_eq!(sources(false, Store::Containerd), [Source::Unknown; 2]);
        assert_eq!(
            sources(true, Store::GraphDriver),
            [Source::Local, Source::Unknown]
        );
    }

    #[test]
    fn rows_of_one_image_are_one_image() {
        let answer = json!([
            {"Id": "sha256:a", "RepoTags": ["a:1"]},
            {"Id": "sha256:b", "RepoTags": ["b:1"]},
            {"Id": "sha256:a", "RepoTags": ["a:2", "a:1"]},
        ]);
        let images = images(&answer, DOCKER);
        assert_eq!(images.len(), 2);
        assert_eq!(images[0].names, ["a:1", "a:2"]);
    }
}
