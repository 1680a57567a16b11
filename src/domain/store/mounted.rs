//! Images that containers mount as volumes (`--mount type=image`): which image that is, and whose layer it is by.
//!
//! A mount goes on showing the image that its name meant when the container was made, whatever the name means now.
//! The engine writes that image into the container's own settings, and gives the mount a layer of its own above the
//! image's (moby's `daemon/volumes.go`). Both can be read in the engine's folder only.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::domain::item::{ChainId, Container, ContainerId, Image, ImageId, ImageMount};
use crate::domain::text::Text;

/// Of fewer digits many a word could be made.
const SHORTEST: usize = 4;

/// What the engine's folder tells of image mounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MountedImages {
    /// What listed containers mount.
    pub images: Vec<MountedImage>,
    /// The graph driver's layers that are no listed container's own: those of image mounts, and what a container that
    /// could not be made has left.
    pub layers: Vec<MountedLayer>,
}

/// The image behind a mount.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MountedImage {
    /// Whose mount it is.
    pub container: ContainerId,
    /// Where the container sees it.
    pub destination: Text,
    /// The image that is mounted.
    pub image: ImageId,
}

/// A mount's own layer (`image/<driver>/layerdb/mounts/<name>`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MountedLayer {
    /// What the engine calls it; see [`ImageMount::layer_names`].
    pub name: Text,
    /// The driver's folder with what is written there.
    pub folder: Text,
    /// The layer below it, which it holds with all that this stands on.
    pub parent: Option<ChainId>,
}

/// Which image a container mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounts {
    /// The one at this place of the list.
    Image(usize),
    /// One that is not listed any more.
    Unlisted,
    /// Its name may have meant another image when the container was made: this one, if it means any now, or one that
    /// was there by then.
    Unsure(Option<usize>),
}

impl ImageMount {
    /// The names that the engine may give the mount's layer, its lease and its snapshot: what stands last in the
    /// folder where it is mounted (containerd store), container and image with a dash between them (Docker 28), or a
    /// SHA-256 of container, image and destination (Docker 29.2, moby's `daemon/volumes.go`).
    #[must_use]
    pub fn layer_names(&self, container: &ContainerId) -> [Text; 3] {
        let hashed = format!("{container}-src={}-dst={}", self.image, self.destination);
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(hashed) {
            let _ = write!(hash, "{byte:02x}");
        }
        [
            self.key().into(),
            format!("{container}-{}", self.image).into(),
            hash.into(),
        ]
    }

    /// Returns the snapshot's key in a path such as `<root>/rootfs/<snapshotter>/<key>`; keys of Docker 28 may have
    /// slashes.
    fn key(&self) -> &str {
        let below = self.folder.split_once("/rootfs/").map(|(_, below)| below);
        let key = below.and_then(|below| below.split_once('/'));
        key.map_or("", |(_, key)| key)
    }

    /// Returns true if this is the mount's folder in the storage driver's own (`<root>/overlay2/<folder>/merged`).
    #[must_use]
    pub fn is_in(&self, folder: &str) -> bool {
        let is_it = |name| !folder.is_empty() && name == folder;
        self.folder.split('/').any(is_it)
    }

    /// Returns the image of a mount that was asked for by the beginning of an ID; `None` where it was not, or several
    /// begin so.
    fn by_id(&self, images: &[Image]) -> Option<Mounts> {
        let digits = |id: &'_ str| id.strip_prefix("sha256:").unwrap_or(id).to_owned();
        let wanted = digits(&self.image);
        if wanted.len() < SHORTEST || !wanted.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        let has = |image: &Image| digits(image.id.as_str()).starts_with(&wanted);
        let mut fitting = (0..).zip(images).filter(|(_, image)| has(image));
        match (fitting.next(), fitting.next()) {
            (None, _) => Some(Mounts::Unlisted),
            (Some((place, _)), None) => Some(Mounts::Image(place)),
            (Some(_), Some(_)) => None,
        }
    }
}

impl Container {
    /// Returns which image one of its mounts is of. `named` finds what a name means now.
    #[must_use]
    pub fn mounts(
        &self,
        mount: &ImageMount,
        told: &MountedImages,
        images: &[Image],
        named: impl Fn(&str) -> Option<usize>,
    ) -> Mounts {
        let is_it =
            |it: &&MountedImage| it.container == self.id && *it.destination == *mount.destination;
        if let Some(told) = told.images.iter().find(is_it) {
            let place = images.iter().position(|it| it.id == told.image);
            return place.map_or(Mounts::Unlisted, Mounts::Image);
        }
        // The engine takes a name for a name first.
        match named(&mount.image) {
            Some(place) if self.has_mounted(&images[place], mount) => Mounts::Image(place),
            None => mount.by_id(images).unwrap_or(Mounts::Unsure(None)),
            named => Mounts::Unsure(named),
        }
    }

    /// Returns true if what means this image now is known to have meant it when the container was made. An ID and a
    /// digest mean the same for ever, and each time that an image gets a name is noted with it; Podman notes nothing.
    fn has_mounted(&self, image: &Image, mount: &ImageMount) -> bool {
        let is_fixed = mount.image.contains('@') || mount.image == *image.id.text();
        let created = image.created.filter(|_| !image.content.is_pending());
        let since = image.last_tagged.or(created);
        let both = since.zip(self.created);
        is_fixed || both.is_some_and(|(since, made)| since <= made)
    }

    /// Returns true if it may mount this image, by when the two were made.
    #[must_use]
    pub fn may_mount(&self, image: &Image) -> bool {
        let both = image.created.zip(self.created);
        both.is_none_or(|(image, container)| image.as_second() <= container.as_second())
    }
}
