//! What lies in the folder of the demo engine: what it keeps, with what an engine needs to keep it.

use super::ROOT;
use super::store::Store;
use crate::domain::bytes::Bytes;
use crate::domain::store::folder::{Contents, Owner, Portion};
use crate::domain::unexplained::Cause;

/// A folder and a block that is not full, for each file or two.
const BLOCKS: u64 = 8192;
/// Settings, hosts and mounts of a container.
const SETTINGS: u64 = 36_864;
/// A layer's list of files, and notes on it.
const NOTES: u64 = 61_440;
/// What the builder notes of a record, and of nothing.
const RECORD: u64 = 6_144;
const DATABASES: u64 = 262_144;

pub(super) fn contents(store: &Store) -> Contents {
    let mut portions: Vec<Portion> = store
        .left
        .iter()
        .map(|(cause, path, bytes)| Portion {
            owner: Owner::Nobody(*cause),
            path: path.clone(),
            blocks: *bytes,
            counted: None,
        })
        .collect();
    let mut add = |owner: Owner, place: &str, blocks: u64, counted: Bytes| {
        portions.push(Portion {
            owner,
            path: format!("{ROOT}/{place}").into(),
            blocks: Bytes(blocks),
            counted: Some(counted),
        });
    };
    for kept in &store.containers {
        let log = kept.details.log.map_or(Bytes::ZERO, |log| log.size);
        let own = Owner::Container(kept.container.id.clone());
        add(own, "containers", SETTINGS + log.0, log);
        let written = kept.details.size_rw.unwrap_or_default();
        add(Owner::Store, "overlay2", written.0 + 2 * BLOCKS, written);
    }
    for layer in store.layers.values() {
        // A layer of many bytes has many files.
        let beyond = 2 * BLOCKS + layer.size.0 / 64;
        add(Owner::Store, "overlay2", layer.size.0 + beyond, layer.size);
    }
    let mut nobodys = |cause, place: &str, blocks: u64| {
        add(Owner::Nobody(cause), place, blocks, Bytes::ZERO);
    };
    let count = |things: usize| u64::try_from(things).unwrap_or(u64::MAX);
    let notes = count(store.layers.len()) * NOTES;
    nobodys(Cause::ImageMetadata, "image/overlay2", notes);
    let builder = DATABASES + count(store.records.len()) * RECORD;
    nobodys(Cause::BuildKit, "buildkit", builder);
    nobodys(Cause::Network, "network", 53_248);
    nobodys(Cause::EngineFiles, "volumes/metadata.db", 65_536);
    Contents {
        root: ROOT.into(),
        portions,
        ..Contents::default()
    }
}
