//! What containers take in the folder of an engine that is proven to be local: what each has written, what the engine
//! has put over its image's layers before it started, the notes on both, and its own folder with everything in it but
//! the log files, which are told by themselves.
//!
//! | store | a container's places below the engine's folder |
//! |---|---|
//! | Docker's graph driver | `containers/ID`, `image/DRIVER/layerdb/mounts/ID`, and the driver's folders that `mount-id` and `init-id` name there, each with the link to it in `DRIVER/l` |
//! | containerd store | `containers/ID`, and the snapshots that the lease of its ID names and that nothing else stands on |
//! | Podman | `DRIVER-containers/ID`, and the driver's folder that `containers.json` names, with its link |

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, statat};

use super::folder::single;
use super::leash::Walker;
use super::meter::Meter;
use super::on_disk::folders_of;
use super::proof::ListedIds;
use super::root::{Root, unless_gone};
use super::{logs, podman};
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::item::ContainerId;
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::text::Text;
use crate::engine::metadata::layerdb::read;
use crate::engine::metadata::store::Snapshots;

/// What containers were measured to take, and those whose turn has not come.
#[derive(Debug, Default)]
pub struct Containers {
    /// Nothing of one whose places cannot be found or read: then only the engine can tell.
    pub measured: Vec<(ContainerId, Option<DiskUsage>)>,
    pub left: Vec<ContainerId>,
}

/// Measures containers one after another until `patience` is over, and one of them however long it takes.
///
/// # Errors
/// Nobody waits for the answer any more.
pub fn containers(
    root: &Root,
    engine: &EngineInfo,
    known: &ListedIds,
    mut wanted: Vec<ContainerId>,
    (walker, patience): (&Walker, Duration),
) -> io::Result<Containers> {
    let until = Instant::now() + patience;
    let places = ContainerPlaces::new(root, engine, known);
    let mut found = Containers::default();
    wanted.reverse();
    while let Some(id) = wanted.pop() {
        let usage = places.measure(&id, walker);
        walker.goes_on()?;
        found.measured.push((id, usage.ok()));
        if Instant::now() > until {
            break;
        }
    }
    wanted.reverse();
    found.left = wanted;
    Ok(found)
}

/// Where containers' bytes lie.
struct ContainerPlaces<'a> {
    root: &'a Root,
    engine: &'a EngineInfo,
    known: &'a ListedIds,
    store: Stored,
}

enum Stored {
    GraphDriver,
    Containerd(Option<Snapshots>),
    /// The layer of each container.
    Podman(HashMap<Text, Text>),
}

impl<'a> ContainerPlaces<'a> {
    fn new(root: &'a Root, engine: &'a EngineInfo, known: &'a ListedIds) -> Self {
        let store = if engine.is_podman() {
            Stored::Podman(podman::layers_of_containers(root, &engine.driver))
        } else if engine.store == Store::Containerd {
            Stored::Containerd(Snapshots::of(engine, known))
        } else {
            Stored::GraphDriver
        };
        Self {
            root,
            engine,
            known,
            store,
        }
    }

    fn measure(&self, id: &ContainerId, walker: &Walker) -> io::Result<DiskUsage> {
        let name = single(id.as_str())?;
        let mut thing = Thing {
            root: self.root,
            walker,
            meter: Meter::new(walker),
        };
        // A containerd that is not found lies elsewhere; what it says of snapshots is blocks.
        let mut lacks_layers = false;
        match &self.store {
            Stored::GraphDriver => {
                thing.folder(&Path::new("containers").join(&name))?;
                let list = Path::new("image")
                    .join(&*self.engine.driver)
                    .join("layerdb/mounts");
                self.driver_folders(&mut thing, &list.join(&name))?;
                let mounting = self.known.mounting.iter().filter(|(it, _)| it == id);
                let mounts = mounting.flat_map(|(_, mounts)| mounts);
                for layer in mounts.flat_map(|mount| mount.layer_names(id)) {
                    if !layer.is_empty() {
                        self.driver_folders(&mut thing, &list.join(&*layer))?;
                    }
                }
            }
            Stored::Containerd(snapshots) => {
                thing.folder(&Path::new("containers").join(&name))?;
                let own = snapshots
                    .as_ref()
                    .and_then(|it| Some((it, it.of_container(id)?)));
                lacks_layers = own.is_none();
                if let Some((snapshots, own)) = own {
                    thing.root = snapshots.root();
                    for folder in own {
                        thing.folder(&folder)?;
                    }
                }
            }
            Stored::Podman(layers) => {
                let driver = &self.engine.driver;
                thing.folder(&podman::notes(driver, "containers").join(&name))?;
                let layer = layers.get(id.as_str()).ok_or(io::ErrorKind::NotFound)?;
                thing.layer(&self.folders()?, layer)?;
            }
        }
        let logs = logs(self.root, &self.engine.driver, id)?;
        let mut usage = thing.meter.usage(false);
        usage.own = usage.own - logs.blocks;
        usage.lacks_layers = lacks_layers;
        Ok(usage)
    }

    /// Takes in the notes on layers of a container's own, and the folders that they name. There are none of a mount
    /// that the engine calls otherwise.
    fn driver_folders(&self, thing: &mut Thing<'_>, notes: &Path) -> io::Result<()> {
        let Some(folder) = unless_gone(self.root.open_folder(notes))? else {
            return Ok(());
        };
        let names = [read(&folder, "mount-id")?, read(&folder, "init-id")?];
        let list = self.folders()?;
        thing.folder(notes)?;
        for name in names.iter().flatten() {
            thing.layer(&list, name)?;
        }
        Ok(())
    }

    /// Returns where the driver keeps a folder for each layer; an error for one that keeps layers in filesystems or
    /// devices of their own.
    fn folders(&self) -> io::Result<PathBuf> {
        let folders = folders_of(self.engine);
        let (folders, _) = folders.ok_or(io::ErrorKind::Unsupported)?;
        Ok(folders)
    }
}

/// A container that is being measured.
struct Thing<'a> {
    root: &'a Root,
    walker: &'a Walker,
    meter: Meter<'a>,
}

impl Thing<'_> {
    /// Takes in a folder; what is mounted there while the container runs is not its own.
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        let mounts = self.walker.mounts(self.root);
        let folder = self.root.open_folder(path)?;
        self.meter.folder(folder, mounts.at(path)).map(drop)
    }

    /// Takes in a folder of a storage driver, and the link to it that keeps mount options short.
    fn layer(&mut self, list: &Path, name: &str) -> io::Result<()> {
        let path = list.join(single(name)?);
        let Some(folder) = unless_gone(self.root.open_folder(&path))? else {
            return Ok(());
        };
        let link = read(&folder, "link")?;
        self.folder(&path)?;
        if let Some(link) = link {
            let links = unless_gone(self.root.open_folder(&list.join("l")))?;
            let stat = |links| {
                statat(
                    links,
                    single(&link).unwrap_or_default(),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
            };
            if let Some(Ok(stat)) = links.map(stat) {
                self.meter.entry(&stat);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
