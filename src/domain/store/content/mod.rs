//! The blobs of the containerd store: compressed layers, manifests, configs, and what leads to what.
//!
//! On this store a layer is kept twice, as a blob and unpacked, and each has holders of its own
//! (ENGINE-CONTAINERD.md §1). The unpacked sizes are in the image's history; blobs are in this list, which is
//! one picture of one moment: all that it names by position was there when it was taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::origin::Origin;
use crate::domain::bytes::Bytes;
use crate::domain::item::{ChainId, ImageId};
use crate::domain::store::metadata::MetadataDb;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// The collector follows labels with this key, alone or with anything behind a dot or slash
/// (ENGINE-CONTAINERD.md §2).
const CONTENT: &str = "containerd.io/gc.ref.content";
const SNAPSHOT: &str = "containerd.io/gc.ref.snapshot";
/// Diff IDs of layer blobs, as containerd writes them and as BuildKit does where it made the blob.
const UNCOMPRESSED: [&str; 2] = [
    "containerd.io/uncompressed",
    "buildkit.io/blob/annotation.containerd.io/uncompressed",
];

/// All blobs of a store, what images reach, and the manifests that join blobs to unpacked layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobList {
    /// Sorted by digest, each once. Positions in it are what everything else names blobs by.
    blobs: Vec<Blob>,
    /// By digest.
    manifests: BTreeMap<Text, Manifest>,
    images: HashMap<ImageId, ImageBlobs>,
    /// What further digests led to.
    further: HashMap<Text, Vec<Text>>,
    origins: Origins,
    /// What the list was read from, where that is the store's own notes and not the API.
    notes: Option<Arc<MetadataDb>>,
}

/// A blob: content that its digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Text,
    /// The file's length, to the byte.
    pub size: Bytes,
    /// A layer's diff ID: what it is once it is unpacked. `None` for everything that is no layer.
    pub uncompressed: Option<Text>,
    /// A config's highest layer, where it is unpacked: the collector keeps that snapshot for it.
    pub unpacked: Option<ChainId>,
    /// Blobs that the collector keeps for this one, by position; itself left out.
    pub refers: Vec<u32>,
}

/// A blob as the engine lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its digest.
    pub digest: Text,
    /// Its size as it lies there.
    pub size: Bytes,
    /// What is noted of it, which keeps other blobs.
    pub labels: Vec<(Text, Text)>,
}

/// What the store keeps for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageBlobs {
    /// All blobs that the collector reaches from the image's ID, the ID's own included, sorted: those of all
    /// platforms, indexes, configs and attestations. They are held by the image, and go when no image, cache
    /// record or build history holds them any more.
    pub content: Vec<u32>,
    /// Digests of its image manifests, one a platform, in the index's order. Attestations are not among them.
    pub manifests: Vec<Text>,
    /// Some manifest or config that is in the list could not be read, so `manifests` may lack one;
    /// `content` does not.
    pub unread: bool,
    /// Where it came from.
    pub origin: Origin,
}

/// A manifest of kind image, read together with its config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The manifest's own digest.
    pub digest: Text,
    /// The platform that it is for.
    pub platform: Platform,
    /// The lowest first, exactly as many as the config has diff IDs. Their chain IDs are those of `diff_id`s.
    pub layers: Vec<ManifestLayer>,
    /// The highest layer's chain if this manifest is unpacked. `None` also where the engine does not say.
    pub unpacked: Option<ChainId>,
}

impl Manifest {
    /// Returns true if every layer's blob is in the store, as for platforms that were pulled.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.layers.iter().all(|layer| layer.blob.is_some())
    }
}

/// What a manifest's programs run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system.
    pub os: Text,
    /// The processor.
    pub architecture: Text,
    /// Empty where there is none.
    pub variant: Text,
}

/// A layer of a manifest: a blob, and what it unpacks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestLayer {
    /// Its position in the list; `None` if the store does not have it (a platform that was not pulled).
    pub blob: Option<u32>,
    /// The digest of what it unpacks to.
    pub diff_id: Text,
    /// When it was made, to the nanosecond: the cache record that it was made from has the same time
    /// (ENGINE-CONTAINERD.md §3, JOIN 1). `None` where history and layers do not fit each other.
    pub created: Option<Timestamp>,
}

impl BlobList {
    /// Orders what an engine listed, and finds what keeps what by the labels.
    #[must_use]
    pub fn new(listed: Vec<Listed>) -> Self {
        let mut listed = listed;
        listed.sort_by(|a, b| a.digest.cmp(&b.digest));
        // The build history keeps blobs of its own, which may be an image's too: one file, all labels.
        listed.dedup_by(|again, first| {
            let same = again.digest == first.digest;
            if same {
                first.labels.append(&mut again.labels);
            }
            same
        });
        let digests: Vec<Text> = listed
            .iter()
            .map(|blob| Text::clone(&blob.digest))
            .collect();
        let origins = Origins::of(&listed);
        let blobs = listed.into_iter().map(|blob| Blob::new(blob, &digests));
        Self {
            blobs: blobs.collect(),
            origins,
            ..Self::default()
        }
    }

    /// Returns the list, where it stands in the store's own notes and is told by no API.
    #[must_use]
    pub fn with_notes(self, notes: Arc<MetadataDb>) -> Self {
        Self {
            notes: Some(notes),
            ..self
        }
    }

    /// Who keeps what, where that was read with the list.
    #[must_use]
    pub fn notes(&self) -> Option<&Arc<MetadataDb>> {
        self.notes.as_ref()
    }

    /// Returns all blobs, by digest.
    #[must_use]
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// Returns the blob at a position that this list gave out.
    #[must_use]
    pub fn blob(&self, position: u32) -> Option<&Blob> {
        self.blobs.get(usize::try_from(position).ok()?)
    }

    /// Returns where a digest is in the list.
    #[must_use]
    pub fn position(&self, digest: &str) -> Option<u32> {
        let found = self
            .blobs
            .binary_search_by(|blob| (*blob.digest).cmp(digest));
        found.ok().and_then(|position| u32::try_from(position).ok())
    }

    /// Returns what the store keeps for an image; `None` if its ID is not in the list, as when it came later.
    #[must_use]
    pub fn image(&self, id: &ImageId) -> Option<&ImageBlobs> {
        self.images.get(id)
    }

    /// Returns a manifest by its own digest; `None` where it was not asked for or could not be read.
    #[must_use]
    pub fn manifest(&self, digest: &str) -> Option<&Manifest> {
        self.manifests.get(digest)
    }

    /// Returns the manifests behind a digest of any kind that was asked for: an image's ID, or the manifest or index
    /// that a container runs though no image has it any more (ENGINE-CONTAINERD.md §3, C). None where the
    /// store and the build history have lost it.
    pub fn manifests_of(&self, digest: &str) -> impl Iterator<Item = &Manifest> {
        let image = self.images.get(&ImageId::new(digest));
        let found = image.map(|image| &image.manifests);
        let found = found.or_else(|| self.further.get(digest));
        found
            .into_iter()
            .flatten()
            .filter_map(|digest| self.manifests.get(digest))
    }

    /// Returns all manifests that were read, by digest.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }

    /// Layer blobs that no image reaches: cache records hold them, or work that is under way or was cut off.
    pub fn orphans(&self) -> impl Iterator<Item = u32> {
        self.unreached()
            .filter(|(_, blob)| blob.uncompressed.is_some())
            .map(|(at, _)| at)
    }

    /// Blobs up to a size that no image reaches and that are no layers: manifests, configs, attestations and
    /// logs that the build history keeps, on engines that list those (28 does, 26 does not).
    pub fn unreached_documents(&self, longest: Bytes) -> impl Iterator<Item = &Text> {
        self.unreached()
            .filter(move |(_, blob)| blob.uncompressed.is_none() && blob.size <= longest)
            .map(|(_, blob)| &blob.digest)
    }

    fn unreached(&self) -> impl Iterator<Item = (u32, &Blob)> {
        let images = self.images.values();
        let reached: HashSet<u32> = images
            .flat_map(|image| image.content.iter().copied())
            .collect();
        (0_u32..)
            .zip(&self.blobs)
            .filter(move |(at, _)| !reached.contains(at))
    }

    /// Returns all that the collector keeps for a blob, that blob first of all, sorted. References may go in circles:
    /// BuildKit's layer blobs refer to themselves and to their other compressions.
    #[must_use]
    pub fn reached_from(&self, root: u32) -> Vec<u32> {
        let mut seen = HashSet::from([root]);
        let mut open = vec![root];
        while let Some(blob) = open.pop().and_then(|at| self.blob(at)) {
            open.extend(blob.refers.iter().filter(|at| seen.insert(**at)));
        }
        let mut reached: Vec<u32> = seen.into_iter().collect();
        reached.sort_unstable();
        reached
    }

    /// Takes in an image. One whose ID is not in the list has no content here, and is left out.
    pub fn add_image(&mut self, id: ImageId, manifests: Vec<Manifest>, unread: bool) {
        let Some(root) = self.position(id.as_str()) else {
            return;
        };
        let content = self.reached_from(root);
        let origin = self.origin(root, &content, &manifests);
        let image = ImageBlobs {
            content,
            manifests: self.add_manifests(manifests),
            unread,
            origin,
        };
        self.images.insert(id, image);
    }

    /// Returns where an image is from: its manifests and its layers on all platforms that are here, or all that there
    /// is of what has no platform.
    fn origin(&self, root: u32, content: &[u32], manifests: &[Manifest]) -> Origin {
        let here = manifests.iter().filter(|manifest| manifest.is_available());
        let layers = here.clone().flat_map(|manifest| &manifest.layers);
        let mut blobs: Vec<u32> = layers.filter_map(|layer| layer.blob).collect();
        if manifests.is_empty() {
            blobs.extend(content);
        } else if blobs.is_empty() {
            // What is only labelled by its documents may have been a build's base.
            return match self.origins.of_blob(root) {
                Origin::Here => Origin::Here,
                Origin::Unknown | Origin::Repositories(_) => Origin::Unknown,
            };
        }
        blobs.push(root);
        blobs.extend(here.filter_map(|manifest| self.position(&manifest.digest)));
        let origin = Origin::in_common(blobs.iter().map(|at| self.origins.of_blob(*at)));
        match origin {
            // It may have been pushed since; or it has no layers but those of what it was built on.
            Origin::Repositories(_) if blobs.iter().any(|at| self.origins.is_built(*at)) => {
                Origin::Unknown
            }
            origin => origin,
        }
    }

    /// Takes in what a digest that is no image's ID led to.
    pub fn add_further(&mut self, digest: Text, manifests: Vec<Manifest>) {
        let manifests = self.add_manifests(manifests);
        self.further.insert(digest, manifests);
    }

    fn add_manifests(&mut self, manifests: Vec<Manifest>) -> Vec<Text> {
        let mut digests = Vec::with_capacity(manifests.len());
        for manifest in manifests {
            digests.push(Text::clone(&manifest.digest));
            self.manifests
                .insert(Text::clone(&manifest.digest), manifest);
        }
        digests
    }
}

/// Where each blob is from. Most are from the same few places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Origins {
    /// Of each blob, which of `places` it is.
    blobs: Vec<u32>,
    places: Vec<Origin>,
    /// Blobs that a build made, sorted.
    built: Vec<u32>,
}

impl Origins {
    fn of(listed: &[Listed]) -> Self {
        let mut origins = Self::default();
        let mut known: HashMap<Vec<&(Text, Text)>, u32> = HashMap::new();
        for (at, blob) in (0..).zip(listed) {
            let labels = blob.labels.iter();
            let key: Vec<_> = labels.filter(|(key, _)| Origin::is_key(key)).collect();
            let place = *known.entry(key).or_insert_with(|| {
                origins.places.push(Origin::of_labels(&blob.labels));
                u32::try_from(origins.places.len() - 1).unwrap_or_default()
            });
            origins.blobs.push(place);
            if Origin::is_of_build(&blob.labels) {
                origins.built.push(at);
            }
        }
        origins
    }

    fn of_blob(&self, blob: u32) -> &Origin {
        let place = self.blobs.get(blob as usize);
        let origin = place.and_then(|place| self.places.get(*place as usize));
        origin.unwrap_or(&Origin::Unknown)
    }

    fn is_built(&self, blob: u32) -> bool {
        self.built.binary_search(&blob).is_ok()
    }
}

impl Blob {
    fn new(listed: Listed, digests: &[Text]) -> Self {
        let position = |digest: &Text| {
            let found = digests.binary_search(digest).ok()?;
            u32::try_from(found).ok()
        };
        let labels = || listed.labels.iter();
        let value = |key: &str| labels().find(|(name, _)| **name == *key);
        let mut refers: Vec<u32> = labels()
            .filter(|(key, value)| leads_to_blob(key) && *value != listed.digest)
            .filter_map(|(_, value)| position(value))
            .collect();
        refers.sort_unstable();
        refers.dedup();
        Self {
            size: listed.size,
            uncompressed: UNCOMPRESSED
                .into_iter()
                .find_map(value)
                .map(|(_, diff_id)| Text::clone(diff_id)),
            unpacked: labels()
                .find(|(key, _)| is_key_of(SNAPSHOT, key))
                .map(|(_, chain)| ChainId::new(Text::clone(chain))),
            refers,
            digest: listed.digest,
        }
    }
}

/// Returns true for a label's key that leads to another blob.
#[must_use]
pub fn leads_to_blob(key: &str) -> bool {
    is_key_of(CONTENT, key)
}

/// Returns true for the collector's key itself and for what stands behind a dot or a slash.
fn is_key_of(prefix: &str, key: &str) -> bool {
    key.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

#[cfg(test)]
mod tests;
