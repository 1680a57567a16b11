//! What Podman notes of its layers and containers, in the lists that its library for storage keeps below the root.
//!
//! For each storage driver there are three folders of notes, `DRIVER-layers`, `DRIVER-images` and `DRIVER-containers`,
//! each with a list; what goes with the last container that uses it stands in a list of its own (containers/storage,
//! `layers.go`, `images.go`, `containers.go`).

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::PathBuf;

use serde::Deserialize;

use super::root::Root;
use crate::domain::bytes::Bytes;
use crate::domain::item::ChainId;
use crate::domain::layers::chain_id;
use crate::domain::store::layerdb::StoredLayer;
use crate::domain::text::Text;

/// A list of ten thousand things is some megabytes.
const LONGEST_LIST: u64 = 64 << 20;

/// A row of any of the lists: what a list does not tell is empty.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct PodmanRow {
    id: String,
    /// The layer below a layer.
    parent: String,
    diff_digest: String,
    /// Bytes of the layer as an archive, as the history of images has it, too.
    diff_size: i64,
    /// The layer that a container writes to.
    layer: String,
}

/// Returns the folder in which Podman keeps notes of a kind: `layers`, `images` or `containers`.
pub(super) fn notes(driver: &str, kind: &str) -> PathBuf {
    format!("{driver}-{kind}").into()
}

/// Returns the layers that containers write to, by the containers' IDs, as far as the lists can be read.
pub(in crate::engine) fn layers_of_containers(root: &Root, driver: &str) -> HashMap<Text, Text> {
    let listed = ["containers.json", "volatile-containers.json"];
    let listed = listed.into_iter();
    let listed = listed.filter_map(|list| read(root, driver, "containers", list));
    let rows = listed.flatten();
    rows.map(|it| (it.id.into(), it.layer.into())).collect()
}

/// Returns the layers that images have or had, with those below them; `None` where they cannot be read.
///
/// A layer is left out, with all above it, where the list does not say what it unpacks to, as of one that was pulled in
/// part. Where several folders hold the same layer, as copies for other users' IDs do, none is named.
pub(in crate::engine) fn layers(root: &Root, driver: &str) -> Option<Vec<StoredLayer>> {
    // Newer than the containers: a layer that is listed and written to belongs to one of these.
    let written = layers_of_containers(root, driver);
    let written: HashSet<&str> = written.values().map(|it| &**it).collect();
    let rows = read(root, driver, "layers", "layers.json")?;
    let by_id: HashMap<&str, &PodmanRow> = rows.iter().map(|row| (&*row.id, row)).collect();
    let mut chains: HashMap<&str, ChainId> = HashMap::new();
    let mut layers: HashMap<ChainId, StoredLayer> = HashMap::new();
    for row in &rows {
        let mut above = Vec::new();
        let mut next = Some(row);
        while let Some(at) = next.filter(|at| !chains.contains_key(&*at.id)) {
            let is_layer = !at.diff_digest.is_empty() && !written.contains(&*at.id);
            // A chain that ends in itself ends nowhere.
            if !is_layer || above.len() > rows.len() {
                above.clear();
                break;
            }
            above.push(at);
            next = by_id.get(&*at.parent).copied();
        }
        while let Some(at) = above.pop() {
            let parent = chains.get(&*at.parent).cloned();
            if parent.is_none() && !at.parent.is_empty() {
                break;
            }
            let chain = chain_id(parent.as_ref(), &at.diff_digest);
            chains.insert(&at.id, chain.clone());
            let size = u64::try_from(at.diff_size).ok();
            let layer = StoredLayer {
                chain: chain.clone(),
                parent,
                diff_id: (&*at.diff_digest).into(),
                folder: (&*at.id).into(),
                size: size.filter(|size| *size > 0).map(Bytes),
            };
            let twin = layers.insert(chain.clone(), layer);
            if let Some(layer) = layers.get_mut(&chain).filter(|_| twin.is_some()) {
                layer.folder = Text::default();
            }
        }
    }
    Some(layers.into_values().collect())
}

fn read(root: &Root, driver: &str, kind: &str, list: &str) -> Option<Vec<PodmanRow>> {
    let file: File = root.open_file(&notes(driver, kind).join(list)).ok()?;
    serde_json::from_reader(BufReader::new(file.take(LONGEST_LIST))).ok()
}

#[cfg(test)]
mod tests;
