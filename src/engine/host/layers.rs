//! The layers in the folder of a graph driver's store.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags, openat};

use super::{Known, base_flags, prove};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::ChainId;
use crate::domain::stored::StoredLayer;

/// No file of a layer's entry that is read here is longer than a digest.
const LONGEST: u64 = 256;

/// Every layer that the engine keeps (ENGINE.md §2.1), as its own folder lists them. `None` where the engine is
/// not proven to be local, its folder cannot be read, or has another form. It opens files: call it where
/// blocking is allowed.
#[must_use]
pub fn stored_layers(engine: &EngineInfo, known: &Known) -> Option<Vec<StoredLayer>> {
    let root = prove(engine, known).ok()?;
    let list = Path::new("image")
        .join(&*engine.driver)
        .join("layerdb/sha256");
    let folder = root.open_folder(&list).ok()?;
    let mut layers = Vec::new();
    for entry in Dir::read_from(&folder).ok()? {
        let entry = entry.ok()?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        // What is on its way in or out has another name.
        if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            layers.extend(layer(&folder, name));
        }
    }
    Some(layers)
}

/// One entry; `None` where it went meanwhile or is not whole.
fn layer(list: &OwnedFd, name: &str) -> Option<StoredLayer> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | base_flags();
    let folder = openat(list, name, flags, Mode::empty()).ok()?;
    let parent = read(&folder, "parent");
    Some(StoredLayer {
        chain: ChainId::new(format!("sha256:{name}")),
        parent: parent.map(ChainId::new),
        diff_id: read(&folder, "diff")?.into(),
        folder: read(&folder, "cache-id")?.into(),
        size: Bytes(read(&folder, "size")?.parse().ok()?),
    })
}

fn read(folder: impl AsFd, name: &str) -> Option<String> {
    let file = openat(folder, name, OFlags::NOFOLLOW | base_flags(), Mode::empty()).ok()?;
    let mut text = String::new();
    File::from(file)
        .take(LONGEST)
        .read_to_string(&mut text)
        .ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
