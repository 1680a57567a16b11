//! The containerd that runs beside the engine: it keeps what the engine's containerd store holds in a folder of
//! its own, and may serve others, of whose things nothing is told here.

use std::io;
use std::path::Path;

use super::{BLOBS, FolderWalk, SNAPSHOTTER};
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::store::folder::Owner;
use crate::domain::unexplained::Cause;
use crate::engine::host::proof::{CONTAINERD, ListedIds, has_images};
use crate::engine::host::root::Root;
use crate::engine::metadata::leases::{Keeper, Owners};
use crate::engine::metadata::store::{DAEMON, above_remapped};

/// The snapshotter that the engine uses unless it is told otherwise.
const USUAL: &str = "overlayfs";

/// A containerd beside the engine, proven to be the one that it uses.
pub(super) struct Beside {
    pub(super) root: Root,
    keepers: Owners,
    snapshotter: String,
    /// A graph driver runs: all that lies there of the engine's is from another time.
    left: bool,
}

impl Beside {
    /// `None` where there is none in its usual place, or it is not shown to be this engine's: it has the images
    /// of the containerd store, or runs containers of this engine.
    pub(super) fn of(engine: &EngineInfo, known: &ListedIds) -> Option<Self> {
        let above = above_remapped(&engine.root).filter(|_| engine.store == Store::Containerd);
        let own = above.and_then(|above| Self::at(&format!("{above}/{DAEMON}"), engine, known));
        own.or_else(|| Self::at(CONTAINERD, engine, known))
    }

    pub(super) fn at(path: &str, engine: &EngineInfo, known: &ListedIds) -> Option<Self> {
        let root = Root::open(path.into()).ok()?;
        let left = engine.store == Store::GraphDriver;
        let snapshotter = if left { USUAL } else { &engine.driver };
        let keepers = || Owners::read(&root, Path::new(""), snapshotter);
        let keepers = if left {
            let keepers = keepers()?;
            let runs = known.containers.iter().any(|id| keepers.runs(id));
            runs.then_some(keepers)?
        } else {
            let has = has_images(&root, Path::new(""), &known.images);
            (has && !known.images.is_empty()).then(keepers)??
        };
        Some(Self {
            snapshotter: snapshotter.to_owned(),
            root,
            keepers,
            left,
        })
    }

    /// Returns what lies there of this engine's.
    pub(super) fn tour(&self, tour: &mut FolderWalk<'_>) -> io::Result<()> {
        let store = Path::new(BLOBS);
        for algorithm in tour.entries(&store.join("blobs"))? {
            for blob in tour.entries(&algorithm.path)? {
                let digest = format!("{}:{}", algorithm.name(), blob.name());
                if let Some(owner) = self.owner(self.keepers.of_blob(&digest)) {
                    let taken = tour.take(&blob)?;
                    tour.portion(owner, store, taken.blocks, Some(taken.length));
                }
            }
        }
        let store = format!("{SNAPSHOTTER}{}", self.snapshotter);
        let store = Path::new(&store);
        for snapshot in tour.entries(&store.join("snapshots"))? {
            if let Some(owner) = self.owner(self.keepers.of_snapshot(&snapshot.name())) {
                let (taken, files) = tour.take_with(&snapshot, "fs")?;
                tour.portion(owner, store, taken.blocks, Some(files.blocks));
            }
        }
        Ok(())
    }

    fn owner(&self, keeper: Keeper) -> Option<Owner> {
        match keeper {
            // About to go.
            Keeper::Nobody => None,
            Keeper::OtherNamespace => Some(Owner::Nobody(Cause::OtherNamespace)),
            _ if self.left => Some(Owner::Nobody(Cause::OtherStore)),
            Keeper::Image => Some(Owner::Store),
            Keeper::Leases(names) => Some(Owner::Leased(names)),
            Keeper::History => Some(Owner::Nobody(Cause::BuildKit)),
        }
    }
}
