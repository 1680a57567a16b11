//! The containerd store's notes with its blobs, where its folder is on this machine and shown to be the engine's.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collector::Collector;
use super::{CONTAINERD, Known, Root, has_images, is_random, prove};
use crate::domain::blobs::Listed;
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::notes::Notes;
use crate::engine::clock;

/// Where an engine keeps the containerd that it runs itself.
pub(super) const DAEMON: &str = "containerd/daemon";
/// Manifests and configs are a few KB; registries take no manifest beyond 4 MiB.
const LONGEST_DOCUMENT: u64 = 4 << 20;

/// All that the store notes, and the way to its blobs.
#[derive(Clone, Debug)]
pub struct Noted {
    pub listed: Vec<Listed>,
    pub notes: Arc<Notes>,
    pub documents: Documents,
}

/// The folder of the store's blobs.
#[derive(Clone, Debug)]
pub struct Documents {
    root: Arc<Root>,
    blobs: PathBuf,
}

impl Noted {
    /// `None` where the engine is not proven to be local, or keeps no such store; where no folder of one is found
    /// that has all that the engine lists; and where its notes cannot be read, are written to all the time, or have
    /// another form. It opens files: call it where blocking is allowed.
    #[must_use]
    pub fn of(engine: &EngineInfo, known: &Known) -> Option<Self> {
        if engine.store != Store::Containerd {
            return None;
        }
        let root = prove(engine, known).ok()?;
        let above = above_remapped(root.path());
        let above = above.and_then(|above| Root::open(above.into()).ok());
        let beside = || Root::open(CONTAINERD.into()).ok();
        let own = Self::at(root, Path::new(DAEMON), engine, known);
        own.or_else(|| Self::at(above?, Path::new(DAEMON), engine, known))
            .or_else(|| Self::at(beside()?, Path::new(""), engine, known))
    }

    fn at(root: Root, containerd: &Path, engine: &EngineInfo, known: &Known) -> Option<Self> {
        if !has_images(&root, containerd, &known.images) {
            return None;
        }
        let collector = Collector::read(&root, containerd, &engine.driver)?;
        let (listed, notes) = collector.notes(clock::now())?;
        let mut staying = known.containers.clone();
        staying.retain(|id| !known.leaving.contains(id));
        if !notes.are_of(&known.images, &staying, &known.records) {
            return None;
        }
        Some(Self {
            listed,
            notes: Arc::new(notes),
            documents: Documents {
                blobs: containerd.join("io.containerd.content.v1.content/blobs/sha256"),
                root: Arc::new(root),
            },
        })
    }
}

/// The folder above an engine's root that is named after the user and the group to whom it maps root
/// (`userns-remap`): a containerd of its own keeps its data there.
pub(super) fn above_remapped(root: &str) -> Option<&str> {
    let (above, name) = root.trim_end_matches('/').rsplit_once('/')?;
    let (user, group) = name.split_once('.')?;
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    (is_number(user) && is_number(group) && !above.is_empty()).then_some(above)
}

impl Documents {
    /// A short blob's content; `None` of one that is not there or cannot be read. It opens files, too.
    #[must_use]
    pub fn read(&self, digest: &str) -> Option<Vec<u8>> {
        let name = digest.strip_prefix("sha256:").filter(|it| is_random(it))?;
        let file = self.root.open_file(&self.blobs.join(name)).ok()?;
        let mut content = Vec::new();
        file.take(LONGEST_DOCUMENT).read_to_end(&mut content).ok()?;
        Some(content)
    }
}

#[cfg(test)]
pub(in crate::engine) mod tests;
