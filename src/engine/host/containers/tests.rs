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
