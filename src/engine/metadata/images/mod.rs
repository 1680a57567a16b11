//! What a store's own files tell of images, as the engine would that reads the same files to answer.
//!
//! On the containerd store that is the list, inspect, history and df, which take it 5 to 15 ms an image: `found` reads an
//! image's documents, `rows` makes the list of them. With a `graph_driver` lists are quick, and inspect and history are
//! read. Taken is only what can mean but one thing: the engine is asked for the rest.
//!
//! - `history`: the history in an image's config, as the engine tells it.

mod found;
mod graph_driver;
mod history;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use self::found::{FoundImage, StoreDocuments};
use self::history::history;
use self::rows::NamesByDigest;
use super::store::StoreReading;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{ChainId, Content, Image, ImageId, Source};
use crate::domain::text::Text;
use crate::engine::fingerprint::number_of;
use crate::engine::{ImageDetails, wire};

/// From this version on shared sizes have packed layers in them, too (ENGINE.md §0.6).
const SHARES_BLOBS: (u32, u32) = (29, 5);
/// What BuildKit notes of what it has made here, with the build behind it: inspect tells it as `Identity.Build` from API
/// 1.53 on (moby's `daemon/containerd/image_identity.go`).
const MADE_HERE: &str = "moby/build.ref.";

/// What is told of images, each to be taken once.
#[derive(Debug)]
pub struct InStore {
    /// An image that could not be read, or that this engine lists in another way, where there is one.
    pub images: Result<Vec<Image>, ImageId>,
    pub details: HashMap<ImageId, ImageDetails>,
    /// `None` where an image could not be read.
    pub shared: Option<SharedSizes>,
}

/// Images whose details are known, by a number of their names: a new name changes when an image was last tagged, and
/// nothing else of it can change.
pub type Detailed = HashMap<ImageId, u64>;

/// Returns those of a list whose details are known.
#[must_use]
pub fn detailed(images: &[Image]) -> Detailed {
    let known = images.iter().filter(|image| !image.content.is_pending());
    known
        .map(|image| (image.id.clone(), number_of(&image.names)))
        .collect()
}

impl InStore {
    /// Tells nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            images: Ok(Vec::new()),
            details: HashMap::new(),
            shared: None,
        }
    }

    /// Reads all images, and the details of those that are not `detailed` yet. It opens files: call it where blocking is
    /// allowed.
    #[must_use]
    pub fn of(engine: &EngineInfo, noted: &StoreReading, detailed: &Detailed) -> Self {
        let (documents, rows) = (StoreDocuments::of(noted), NamesByDigest::of(&noted.named));
        let version = numbers(&engine.version);
        let made_here = made_here(noted);
        let mut own = Self::nothing();
        let mut sharing = Sharing::default();
        let mut is_whole = true;
        for id in rows.ids() {
            let Some(found) = documents.image(&id) else {
                (own.images, is_whole) = (Err(id), false);
                continue;
            };
            sharing.take(&id, &found, rows.is_step(&id));
            let image = rows.image(&id, &found, noted, version.0);
            let names = image.as_ref().map(|image| number_of(&image.names));
            let is_told = names.is_some() && names.as_ref() == detailed.get(&id);
            if !is_told && let Some(content) = found.content(noted) {
                let details = ImageDetails {
                    content: Figure::Known(Arc::new(content)),
                    last_tagged: rows.tagged(&id),
                    source: made_here.contains(id.text()).then_some(Source::Local),
                };
                own.details.insert(id.clone(), details);
            }
            match (&mut own.images, image) {
                (Ok(images), Some(image)) => images.push(image),
                (Ok(_), None) => own.images = Err(id),
                (Err(_), _) => {}
            }
        }
        // As the engine does.
        if let Ok(images) = &mut own.images {
            images.sort_unstable_by(|a, b| (b.created, &a.id).cmp(&(a.created, &b.id)));
        }
        let packs = version >= SHARES_BLOBS;
        own.shared = is_whole.then(|| sharing.sizes(noted, packs));
        own
    }
}

/// Returns the first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut numbers = version
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|number| number.parse().unwrap_or_default());
    (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    )
}

/// Digests of what BuildKit has made here.
fn made_here(noted: &StoreReading) -> HashSet<&Text> {
    let is_made = |label: &(Text, Text)| label.0.starts_with(MADE_HERE);
    let made = noted.listed.iter();
    let made = made.filter(|blob| blob.labels.iter().any(is_made));
    made.map(|blob| &blob.digest).collect()
}

/// The layers and the blobs of an image.
type Parts = (Vec<ChainId>, Vec<(Text, Bytes)>);

/// How many images have each of these.
type Users = HashMap<Text, u32>;

/// Who has which layers and which blobs: an archive that is not packed has the name of the layer that it is.
#[derive(Default)]
struct Sharing {
    unpacked: Users,
    packed: Users,
    images: Vec<(ImageId, Parts)>,
}

impl Sharing {
    fn take(&mut self, id: &ImageId, found: &FoundImage, is_step: bool) {
        let mut packed = found.packed.clone();
        let mut seen = HashSet::with_capacity(packed.len());
        packed.retain(|(digest, _)| seen.insert(digest.clone()));
        let chains: Vec<ChainId> = found.chains().cloned().collect();
        if !is_step {
            let add = |users: &mut Users, name: &Text| {
                *users.entry(name.clone()).or_default() += 1;
            };
            for chain in &chains {
                add(&mut self.unpacked, chain.text());
            }
            for (digest, _) in &packed {
                add(&mut self.packed, digest);
            }
        }
        self.images.push((id.clone(), (chains, packed)));
    }

    /// Adds up, for each image, what is unpacked of it and of another, and where the engine does, what is packed.
    fn sizes(&self, noted: &StoreReading, packs: bool) -> SharedSizes {
        let is_shared = |users: &Users, name: &Text| users.get(name) > Some(&1);
        let unpacked = |chain: &ChainId| noted.notes.snapshots.get(chain.text())?.size;
        let sizes = self.images.iter().map(|(id, (chains, packed))| {
            let chains = chains.iter();
            let chains = chains.filter(|chain| is_shared(&self.unpacked, chain.text()));
            let packed = packed.iter();
            let packed = packed.filter(|(name, _)| packs && is_shared(&self.packed, name));
            let all = chains.filter_map(unpacked);
            let all: Bytes = all.chain(packed.map(|(_, size)| *size)).sum();
            (id.clone(), Some(all))
        });
        SharedSizes::from(sizes.collect::<Vec<_>>())
    }
}

impl FoundImage {
    /// Returns what inspect and history tell; `None` where its history does not fit its layers.
    fn content(&self, noted: &StoreReading) -> Option<Content> {
        let shown = self.shown()?;
        let sizes = shown.chains.iter().map(|chain| {
            let snapshot = noted.notes.snapshots.get(chain.text());
            snapshot.and_then(|it| it.size).unwrap_or_default()
        });
        let history = history(&shown.config, sizes)?;
        let inspect = json!({
            "Created": shown.config.get("created"),
            "RootFS": {"Layers": shown.config.pointer("/rootfs/diff_ids")},
        });
        let mut content = wire::image_content(&inspect, &history);
        content.packed = Some(shown.packed);
        Some(content)
    }
}

#[cfg(test)]
mod tests;
