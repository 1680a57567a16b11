//! Whether an archive holds an image: that image, with all its layers, unharmed.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::text::Text;
use crate::engine::copies::tar::{Files, TarEntry};
use crate::engine::hex::hex;

/// What is kept of a file to be read: manifests and configs are smaller.
const LONGEST_TEXT: usize = 4 << 20;
/// Links that lead to links.
const LINKS: usize = 8;

/// What in an archive shows that it is of this image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its config has this digest (hexadecimal), which is the image's ID on graph drivers.
    Config(String),
    /// Its index names this digest, which is the image's ID on the containerd store.
    Index(String),
}

#[derive(Default)]
struct File {
    digest: String,
    link: Option<String>,
    text: Vec<u8>,
}

/// Looks at the files of an image's archive as they pass by.
#[derive(Default)]
pub struct Image {
    files: HashMap<String, File>,
    name: String,
    file: File,
    hash: Sha256,
    keeps: bool,
}

impl Files for Image {
    fn begin(&mut self, entry: &TarEntry<'_>) {
        entry
            .name
            .trim_start_matches("./")
            .clone_into(&mut self.name);
        // Layers need not be remembered.
        self.keeps = !self.name.ends_with("layer.tar");
        self.hash = Sha256::new();
        self.file = File {
            link: entry.link.map(str::to_owned),
            ..File::default()
        };
    }

    fn data(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        if self.keeps && self.file.text.len() + bytes.len() <= LONGEST_TEXT {
            self.file.text.extend_from_slice(bytes);
        } else if self.keeps {
            // It is no text.
            self.keeps = false;
            self.file.text = Vec::new();
        }
    }

    fn end(&mut self) {
        let mut file = std::mem::take(&mut self.file);
        let hash = std::mem::take(&mut self.hash).finalize();
        file.digest = hex(&hash);
        if serde_json::from_slice::<&serde_json::value::RawValue>(&file.text).is_err() {
            file.text = Vec::new();
        }
        self.files.insert(std::mem::take(&mut self.name), file);
    }
}

impl Image {
    /// Tells what is wrong with the archive, if anything is.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self, proof: &Proof, names: &[Text]) -> Result<(), String> {
        let torn = |(name, file): &(&String, &File)| {
            let digest = name.strip_prefix("blobs/sha256/");
            digest.is_some_and(|digest| !digest.is_empty() && digest != file.digest)
        };
        if let Some((name, _)) = self.files.iter().find(torn) {
            return Err(format!("{name} in it is harmed"));
        }
        let manifests = self
            .json("manifest.json")
            .ok_or("it has no manifest.json")?;
        let [manifest] = manifests.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err("it does not hold exactly one image".to_owned());
        };
        let config = manifest["Config"].as_str().unwrap_or_default();
        let config = self.file(config).ok_or("its config is missing")?;
        let is_it = match proof {
            Proof::Config(digest) => config.digest == *digest,
            Proof::Index(digest) => self.is_of_index(digest),
        };
        if !is_it {
            return Err("it holds another image".to_owned());
        }
        let tags = manifest["RepoTags"].as_array().map_or(0, Vec::len);
        if tags < names.len() {
            return Err("it does not hold all names of the image".to_owned());
        }
        let config: Value = serde_json::from_slice(&config.text).unwrap_or_default();
        self.check_layers(&manifest["Layers"], &config["rootfs"]["diff_ids"])
    }

    fn is_of_index(&self, digest: &str) -> bool {
        let index = self.json("index.json").unwrap_or_default();
        let named = index["manifests"].as_array().cloned().unwrap_or_default();
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        !named.is_empty()
            && named.iter().all(|it| it["digest"] == digest)
            && self.files.contains_key(&format!("blobs/sha256/{hex}"))
    }

    /// Every layer is there. Where files are not named by what they hold, the config tells that.
    fn check_layers(&self, layers: &Value, diffs: &Value) -> Result<(), String> {
        let layers = layers.as_array().map(Vec::as_slice).unwrap_or_default();
        let diffs = diffs.as_array().map(Vec::as_slice).unwrap_or_default();
        if layers.len() != diffs.len() {
            return Err("it does not have as many layers as its config names".to_owned());
        }
        for (layer, diff) in layers.iter().zip(diffs) {
            let name = layer.as_str().unwrap_or_default();
            let file = self
                .file(name)
                .ok_or_else(|| format!("layer {name} is missing"))?;
            let diff = diff.as_str().and_then(|diff| diff.strip_prefix("sha256:"));
            if !name.starts_with("blobs/sha256/") && Some(file.digest.as_str()) != diff {
                return Err(format!("layer {name} in it is harmed"));
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn json(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&self.file(name)?.text).ok()
    }

    /// Returns a file, or what a link leads to. Layers that are the same are links to one.
    fn file(&self, name: &str) -> Option<&File> {
        let mut name = name.to_owned();
        for _ in 0..LINKS {
            let file = self.files.get(&name)?;
            let Some(link) = &file.link else {
                return Some(file);
            };
            name = match link.strip_prefix("../") {
                Some(rest) => rest.to_owned(),
                None if self.files.contains_key(link) => link.clone(),
                None => format!("{}/{link}", name.rsplit_once('/')?.0),
            };
        }
        None
    }
}
