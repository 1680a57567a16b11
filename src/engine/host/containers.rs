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
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::domain::bytes::Bytes;
    use crate::domain::item::ImageMount;
    use crate::engine::host::leash::CancelGuard;

    const ID: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

    /// An engine's folder, made by hand as the engines that were looked at make it.
    struct Place(TempDir);

    impl Place {
        fn write(&self, path: &str, bytes: usize) {
            self.note(path, &"x".repeat(bytes));
        }

        fn note(&self, path: &str, text: &str) {
            let path = self.0.path().join(path.replace("ID", ID));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn link(&self, driver: &str, name: &str, folder: &str) {
            let links = self.0.path().join(driver).join("l");
            fs::create_dir_all(&links).unwrap();
            symlink(format!("../{folder}/diff"), links.join(name)).unwrap();
            self.note(&format!("{driver}/{folder}/link"), name);
        }

        /// Returns what `du` says of these, but by another way than the walk's.
        fn du(&self, paths: &[&str]) -> Bytes {
            fn du(path: &Path) -> u64 {
                let of = fs::symlink_metadata(path).unwrap();
                let own = std::os::unix::fs::MetadataExt::blocks(&of) * 512;
                let entries = fs::read_dir(path).into_iter().flatten();
                let below = entries
                    .filter(|_| of.is_dir())
                    .map(|it| du(&it.unwrap().path()));
                own + below.sum::<u64>()
            }
            let paths = paths
                .iter()
                .map(|it| self.0.path().join(it.replace("ID", ID)));
            Bytes(paths.map(|path| du(&path)).sum())
        }

        fn measure(&self, engine: &EngineInfo, known: &ListedIds) -> Containers {
            let root = Root::open(self.0.path().to_str().unwrap().into()).unwrap();
            let wanted = ["gone", ID].map(ContainerId::new);
            let walker = Walker::default();
            let patience = Duration::from_secs(9);
            containers(&root, engine, known, wanted.into(), (&walker, patience)).unwrap()
        }

        fn usage(&self, engine: &EngineInfo, known: &ListedIds) -> DiskUsage {
            let mut found = self.measure(engine, known);
            assert!(found.left.is_empty());
            let (own, gone) = (found.measured.pop().unwrap(), found.measured.pop().unwrap());
            assert_eq!(gone, (ContainerId::new("gone"), None));
            own.1.unwrap()
        }
    }

    fn engine(product: &str, driver: &str) -> EngineInfo {
        EngineInfo {
            product: product.into(),
            driver: driver.into(),
            ..EngineInfo::default()
        }
    }

    fn docker(driver: &str, list: &str) -> Place {
        let place = Place(TempDir::new().unwrap());
        let notes = format!("image/{driver}/layerdb/mounts/ID");
        place.note(&format!("{notes}/mount-id"), "rw");
        place.note(&format!("{notes}/init-id"), "rw-init");
        for folder in ["rw", "rw-init", "anothers"] {
            place.write(&format!("{list}/{folder}/diff/file"), 5000);
        }
        place.write("containers/ID/config.v2.json", 3000);
        place.write("containers/ID/checkpoints/one/pages-1.img", 70_000);
        place.write("containers/ID/ID-json.log", 50_000);
        place.write("containers/ID/ID-json.log-20261101.gz", 9000);
        place.write("containers/other/config.v2.json", 3000);
        place
    }

    const LOGS: [&str; 2] = [
        "containers/ID/ID-json.log",
        "containers/ID/ID-json.log-20261101.gz",
    ];

    #[test]
    fn a_container_is_all_that_goes_with_it_but_its_logs() {
        let place = docker("overlay2", "overlay2");
        for (name, folder) in [("AAA", "rw"), ("BBB", "rw-init"), ("CCC", "anothers")] {
            place.link("overlay2", name, folder);
        }
        let usage = place.usage(&engine("Docker", "overlay2"), &ListedIds::default());
        let own = place.du(&[
            "containers/ID",
            "image/overlay2/layerdb/mounts/ID",
            "overlay2/rw",
            "overlay2/rw-init",
            "overlay2/l/AAA",
            "overlay2/l/BBB",
        ]);
        assert_eq!(
            usage,
            DiskUsage {
                own: own - place.du(&LOGS),
                ..DiskUsage::default()
            }
        );
    }

    #[test]
    fn layers_of_image_mounts_go_with_the_container_that_has_them() {
        let place = docker("overlay2", "overlay2");
        let engine = engine("Docker", "overlay2");
        let alone = place.usage(&engine, &ListedIds::default());
        let mount = ImageMount {
            image: "tools:1".into(),
            ..ImageMount::default()
        };
        let notes = "image/overlay2/layerdb/mounts/ID-tools:1";
        place.note(&format!("{notes}/mount-id"), "of-mount");
        place.write("overlay2/of-mount/diff/file", 7000);
        let known = ListedIds {
            mounting: vec![(ContainerId::new(ID), vec![mount])],
            ..ListedIds::default()
        };
        let usage = place.usage(&engine, &known);
        assert_eq!(
            usage.own,
            alone.own + place.du(&[notes, "overlay2/of-mount"])
        );
    }

    /// Each layer is a copy of all below it, and that is what goes.
    #[test]
    fn a_driver_of_whole_copies_is_counted_as_the_copies_that_it_keeps() {
        let place = docker("vfs", "vfs/dir");
        let usage = place.usage(&engine("Docker", "vfs"), &ListedIds::default());
        let notes = "image/vfs/layerdb/mounts/ID";
        let own = place.du(&["containers/ID", notes, "vfs/dir/rw", "vfs/dir/rw-init"]);
        assert_eq!(usage.own, own - place.du(&LOGS));
    }

    #[test]
    fn a_driver_with_filesystems_of_its_own_is_not_measured() {
        let place = docker("zfs", "zfs");
        let found = place.measure(&engine("Docker", "zfs"), &ListedIds::default());
        assert!(found.measured.iter().all(|(_, usage)| usage.is_none()));
    }

    #[test]
    fn podman_has_other_places() {
        let place = Place(TempDir::new().unwrap());
        let list = format!(r#"[{{"id": "{ID}", "layer": "rw", "names": ["a"]}}, {{"id": "b"}}]"#);
        place.note("overlay-containers/containers.json", &list);
        place.write("overlay-containers/ID/userdata/config.json", 4500);
        place.write("overlay-containers/ID/userdata/ctr.log", 4200);
        place.write("overlay/rw/diff/file", 5000);
        place.link("overlay", "AAA", "rw");
        let usage = place.usage(&engine("Podman Engine", "overlay"), &ListedIds::default());
        let own = place.du(&["overlay-containers/ID", "overlay/rw", "overlay/l/AAA"]);
        let logs = place.du(&["overlay-containers/ID/userdata/ctr.log"]);
        assert_eq!(usage.own, own - logs);
    }

    /// Its whole copy is the container's, wherever Podman keeps that.
    #[test]
    fn podmans_driver_of_whole_copies_has_a_folder_more() {
        let place = Place(TempDir::new().unwrap());
        let list = format!(r#"[{{"id": "{ID}", "layer": "rw"}}]"#);
        place.note("vfs-containers/containers.json", &list);
        place.write("vfs-containers/ID/userdata/config.json", 4500);
        place.write("vfs/dir/rw/file", 500_000);
        let usage = place.usage(&engine("Podman Engine", "vfs"), &ListedIds::default());
        assert_eq!(usage.own, place.du(&["vfs-containers/ID", "vfs/dir/rw"]));
    }

    /// A second name outside would keep the bytes: the log cannot be emptied, and does not go with the container.
    #[test]
    fn a_log_with_a_second_name_does_not_count() {
        let place = docker("overlay2", "overlay2");
        let engine = engine("Docker", "overlay2");
        let before = place.usage(&engine, &ListedIds::default());
        let at = |path: &str| place.0.path().join(path.replace("ID", ID));
        fs::hard_link(at(LOGS[0]), at("kept")).unwrap();
        let usage = place.usage(&engine, &ListedIds::default());
        assert_eq!(usage.own, before.own);
        assert_eq!(usage.links.len(), 1);
        assert_eq!(usage.links[0].blocks, place.du(&LOGS[..1]));
    }

    #[test]
    fn who_has_no_time_left_measures_one_and_who_is_not_waited_for_none() {
        let place = docker("overlay2", "overlay2");
        let root = Root::open(place.0.path().to_str().unwrap().into()).unwrap();
        let engine = engine("Docker", "overlay2");
        let wanted = || ["a", "b", "c"].map(ContainerId::new).to_vec();
        let leash = CancelGuard::default();
        let walker = leash.walker();
        let known = ListedIds::default();
        let measure = || containers(&root, &engine, &known, wanted(), (&walker, Duration::ZERO));
        let found = measure().unwrap();
        assert_eq!(found.measured, [(ContainerId::new("a"), None)]);
        assert_eq!(found.left, wanted()[1..]);
        drop(leash);
        assert_eq!(measure().unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
