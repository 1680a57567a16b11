//! What an engine's own data directory holds, counted as the engine counts.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::support::engine::{PrivateEngine, Store};

/// Bytes by the folder or file that goes as a whole.
pub struct Disk {
    parts: BTreeMap<PathBuf, u64>,
    /// Files of several names that are counted, by device and inode.
    seen: HashSet<(u64, u64)>,
}

/// How files are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Lengths of files, without folders.
    Apparent,
    /// Blocks, folders included.
    Blocks,
}

impl Disk {
    /// Log files count where the promise counts them, and volumes, containers and a graph driver's layers as it counts
    /// them: by blocks, with all that is the engine's of them, where it is made on this machine, else by length.
    pub fn of(engine: &PrivateEngine, store: Store, (logs, by_blocks): (bool, bool)) -> Self {
        let mut disk = Self {
            parts: BTreeMap::new(),
            seen: HashSet::new(),
        };
        for volume in entries(&engine.root().join("volumes")) {
            if by_blocks {
                disk.take(volume, Unit::Blocks);
            } else {
                disk.take(volume.join("_data"), Unit::Apparent);
            }
        }
        for container in entries(&engine.root().join("containers")) {
            if by_blocks {
                disk.take(container, Unit::Blocks);
                continue;
            }
            let files = entries(&container).into_iter().filter(|_| logs);
            for log in files.filter(|file| file.to_string_lossy().contains("-json.log")) {
                disk.take(log, Unit::Apparent);
            }
        }
        match store {
            Store::GraphDriver if by_blocks => disk.take_layers(&engine.root()),
            Store::GraphDriver => {
                for layer in entries(&engine.root().join("overlay2")) {
                    disk.take(layer.join("diff"), Unit::Apparent);
                }
            }
            Store::Containerd => {
                let root = engine.containerd();
                let blobs = root.join("io.containerd.content.v1.content/blobs/sha256");
                for blob in entries(&blobs) {
                    disk.take(blob, Unit::Apparent);
                }
                let snapshots = root.join("io.containerd.snapshotter.v1.overlayfs/snapshots");
                for snapshot in entries(&snapshots) {
                    disk.take(snapshot.join("fs"), Unit::Blocks);
                }
            }
        }
        disk
    }

    /// Layers, containers, records and images by blocks, with the engine's notes on them.
    fn take_layers(&mut self, root: &Path) {
        let notes = root.join("image/overlay2");
        let folders = entries(&root.join("overlay2"));
        let folders = folders.into_iter().filter(|folder| !folder.ends_with("l"));
        let links = entries(&root.join("overlay2/l"));
        let lists = [
            "layerdb/sha256",
            "layerdb/mounts",
            "imagedb/content/sha256",
            "imagedb/metadata/sha256",
        ];
        let notes = lists.iter().flat_map(|list| entries(&notes.join(list)));
        for path in folders.chain(links).chain(notes) {
            self.take(path, Unit::Blocks);
        }
    }

    fn take(&mut self, path: PathBuf, unit: Unit) {
        // A snapshot may have links to files of another; elsewhere each counts for itself, as the engine does.
        let shared = unit == Unit::Blocks;
        let mut own = HashSet::new();
        let seen = if shared { &mut self.seen } else { &mut own };
        let bytes = size(&path, unit, seen);
        self.parts.insert(path, bytes);
    }

    /// What is not there any more, with what is left where a part grew or shrank.
    pub fn lost(&self, now: &Self) -> u64 {
        let sum = |disk: &Self| disk.parts.values().sum::<u64>();
        sum(self).saturating_sub(sum(now))
    }

    /// Parts that went and parts that came, the largest first, for a test's report.
    pub fn changes(&self, now: &Self) -> Vec<String> {
        let only_in = |this: &Self, that: &Self, word: &str| {
            let mut parts: Vec<(u64, String)> = this
                .parts
                .iter()
                .filter(|(path, _)| !that.parts.contains_key(*path))
                .map(|(path, bytes)| (*bytes, format!("{word} {bytes:>10} {}", path.display())))
                .collect();
            parts.sort();
            parts.reverse();
            parts.into_iter().map(|(_, line)| line)
        };
        let grew = self.parts.iter().filter_map(|(path, before)| {
            let after = now.parts.get(path)?;
            (before != after).then(|| format!("was {before:>10}, is {after} {}", path.display()))
        });
        only_in(self, now, "went")
            .chain(only_in(now, self, "came"))
            .chain(grew)
            .collect()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder);
    entries.map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

/// A file or a tree; a hard link counts once.
fn size(path: &Path, unit: Unit, seen: &mut HashSet<(u64, u64)>) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    let own = match unit {
        Unit::Apparent if meta.is_dir() => 0,
        _ if !meta.is_dir() && meta.nlink() > 1 && !seen.insert((meta.dev(), meta.ino())) => 0,
        Unit::Apparent => meta.len(),
        Unit::Blocks => meta.blocks() * 512,
    };
    let below = if meta.is_dir() {
        entries(path)
    } else {
        Vec::new()
    };
    own + below.iter().map(|path| size(path, unit, seen)).sum::<u64>()
}
