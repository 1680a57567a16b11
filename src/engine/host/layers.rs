//! The layers in the folder of a graph driver's store.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags, openat};

use super::bolt::{Bolt, Value};
use super::{Known, Root, base_flags, prove};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::EngineInfo;
use crate::domain::item::{ChainId, RecordId};
use crate::domain::stored::{Stored, StoredLayer};

/// No file of a layer's entry that is read here is longer than a digest.
const LONGEST: u64 = 256;
/// Ten thousand records need some megabytes.
const LARGEST: u64 = 256 << 20;
/// How often a database is read that changes meanwhile.
const TRIES: usize = 3;

/// Every layer that the engine keeps (ENGINE.md §2.1), and which the build cache keeps, as its own folder lists
/// them. `None` where the engine is not proven to be local, its folder cannot be read, or has another form. It
/// opens files: call it where blocking is allowed.
#[must_use]
pub fn stored(engine: &EngineInfo, known: &Known) -> Option<Stored> {
    let root = prove(engine, known).ok()?;
    // Records first: their layers are then among those that are listed.
    let records = records(&root).unwrap_or_default();
    Some(Stored {
        layers: layers(&root, &engine.driver)?,
        records,
    })
}

fn layers(root: &Root, driver: &str) -> Option<Vec<StoredLayer>> {
    let list = Path::new("image").join(driver).join("layerdb/sha256");
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

/// What BuildKit's snapshots are: the engine notes the layer of each that became one (its `snapshots.db`, a
/// bucket for each record with the key `chainid`).
fn records(root: &Root) -> Option<HashMap<RecordId, Option<ChainId>>> {
    for _ in 0..TRIES {
        let bytes = read_database(root)?;
        let bolt = Bolt::open(&bytes)?;
        // Pages are used again only by a later change, and there was none meanwhile.
        let now = read_database(root)?;
        if Bolt::open(&now)?.transaction == bolt.transaction {
            return records_in(&bolt);
        }
    }
    None
}

fn read_database(root: &Root) -> Option<Vec<u8>> {
    let file = root.open_file(Path::new("buildkit/snapshots.db")).ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn records_in(bolt: &Bolt<'_>) -> Option<HashMap<RecordId, Option<ChainId>>> {
    let mut records = HashMap::new();
    for (id, value) in bolt.entries(&bolt.root())? {
        let Value::Bucket(bucket) = value else {
            continue;
        };
        let entries = bolt.entries(&bucket)?;
        let chain = entries.iter().find_map(|(key, value)| match value {
            Value::Bytes(bytes) if *key == b"chainid" => std::str::from_utf8(bytes).ok(),
            _ => None,
        });
        if let Ok(id) = std::str::from_utf8(id) {
            records.insert(RecordId::new(id), chain.map(ChainId::new));
        }
    }
    Some(records)
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
