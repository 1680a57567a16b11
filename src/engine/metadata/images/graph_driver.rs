//! What the folder of a graph driver's store tells of images, as inspect and history would: these are two requests an
//! image, and the engine has read the same small files for them (`imagedb` and `layerdb`, ENGINE.md §2.1).

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::InStore;
use super::history::history;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ChainId, Content, ImageId};
use crate::domain::layers::chain_id;
use crate::domain::text::Text;
use crate::domain::time::from_engine;
use crate::engine::hex::hex;
use crate::engine::host::proof::{ListedIds, prove};
use crate::engine::host::root::base_flags;
use crate::engine::metadata::layerdb::{inner, read};
use crate::engine::metadata::store::LONGEST_DOCUMENT;
use crate::engine::{ImageDetails, wire};

/// Drivers of which inspect tells a folder for each layer (`GraphDriver.Data`); of others it tells something else.
const OF_FOLDERS: [&str; 2] = ["overlay2", "fuse-overlayfs"];

impl InStore {
    /// Reads the details of images that the engine has listed. What cannot be read, or does not fit, is left out, so that
    /// the engine is asked for it. `None` where the engine is not proven to be local, or its store is another. It opens
    /// files: call it where blocking is allowed.
    #[must_use]
    pub fn of_graph_driver(
        engine: &EngineInfo,
        known: &ListedIds,
        listed: &[ImageId],
    ) -> Option<Self> {
        if engine.is_podman() || !OF_FOLDERS.contains(&&*engine.driver) {
            return None;
        }
        let root = prove(engine, known).ok()?;
        let image = Path::new("image").join(&*engine.driver);
        let open = |folder: &str| root.open_folder(&image.join(folder)).ok();
        let mut reader = ImageFolders {
            configs: open("imagedb/content/sha256")?,
            // There is none before something is noted.
            notes: open("imagedb/metadata/sha256"),
            layers: open("layerdb/sha256")?,
            known: HashMap::new(),
        };
        let details = listed.iter();
        let details = details.filter_map(|id| Some((id.clone(), reader.details(id)?)));
        Some(Self {
            details: details.collect(),
            ..Self::nothing()
        })
    }
}

/// A layer's size and its folder in the driver's.
type LayerFiles = (Bytes, Text);

struct ImageFolders {
    configs: OwnedFd,
    notes: Option<OwnedFd>,
    layers: OwnedFd,
    /// Layers that were read for an image before.
    known: HashMap<ChainId, LayerFiles>,
}

impl ImageFolders {
    fn details(&mut self, id: &ImageId) -> Option<ImageDetails> {
        let digits = id.as_str().strip_prefix("sha256:")?;
        let content = self.content(digits)?;
        let tagged = self.notes.as_ref().and_then(|notes| {
            let notes = inner(notes, digits).ok()??;
            from_engine(&read(notes, "lastUpdated").ok()??)
        });
        Some(ImageDetails {
            content: Figure::Known(Arc::new(content)),
            last_tagged: tagged,
            // Graph drivers keep no record of it.
            source: None,
        })
    }

    /// Returns what inspect and history tell; `None` where the config is not the one that the image is named by, a layer
    /// is not there, or the history does not fit the layers.
    fn content(&mut self, digits: &str) -> Option<Content> {
        let config = self.config(digits)?;
        let diff_ids = config.pointer("/rootfs/diff_ids")?.as_array()?;
        let mut layers = Vec::with_capacity(diff_ids.len());
        let mut below = None;
        for diff_id in diff_ids {
            let chain = chain_id(below.as_ref(), diff_id.as_str()?);
            layers.push(self.layer(&chain)?);
            below = Some(chain);
        }
        let sizes = layers.iter().map(|(size, _)| *size);
        let history = history(&config, sizes)?;
        let mut folders = layers.iter().rev();
        let folder = |(_, name): &LayerFiles| format!("/{name}/diff");
        let top = folders.next().map(folder);
        let lower: Vec<String> = folders.map(folder).collect();
        let inspect = json!({
            "Created": config.get("created"),
            "RootFS": {"Layers": diff_ids},
            "GraphDriver": {"Data": {"UpperDir": top, "LowerDir": lower.join(":")}},
        });
        Some(wire::image_content(&inspect, &history))
    }

    fn config(&self, digits: &str) -> Option<Value> {
        let flags = OFlags::NOFOLLOW | base_flags();
        let file = openat(&self.configs, digits, flags, Mode::empty()).ok()?;
        let mut text = Vec::new();
        let mut file = File::from(file).take(LONGEST_DOCUMENT);
        file.read_to_end(&mut text).ok()?;
        // As the engine does before it believes a word of it.
        (hex(&Sha256::digest(&text)) == digits).then_some(())?;
        serde_json::from_slice(&text).ok()
    }

    fn layer(&mut self, chain: &ChainId) -> Option<LayerFiles> {
        if let Some(known) = self.known.get(chain) {
            return Some(known.clone());
        }
        let digits = chain.as_str().strip_prefix("sha256:")?;
        let folder = inner(&self.layers, digits).ok()??;
        let size = read(&folder, "size").ok()??.parse().ok()?;
        let files = (Bytes(size), read(&folder, "cache-id").ok()??.into());
        self.known.insert(chain.clone(), files.clone());
        Some(files)
    }
}
