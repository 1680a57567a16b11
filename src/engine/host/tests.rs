use std::os::unix::fs::symlink;

use tempfile::TempDir;

use std::path::Path;

use super::proof::containerd_with;
use super::*;
use crate::domain::bytes::Bytes;
use crate::domain::disk::DiskList;
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::item::ChainId;
use crate::domain::item::{ContainerId, ImageId, VolumeName};
use crate::domain::store::layerdb::StoredLayer;
use crate::engine::metadata::layerdb::stored;

const ID: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

fn engine(root: &Path, id: &str) -> EngineInfo {
    EngineInfo {
        host: "unix:///run/x.sock".into(),
        root: root.to_str().unwrap().into(),
        engine_id: id.into(),
        driver: "overlay".into(),
        ..EngineInfo::default()
    }
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

fn container(id: &str) -> ListedIds {
    ListedIds {
        containers: vec![ContainerId::new(id)],
        ..ListedIds::default()
    }
}

fn verdict(engine: &EngineInfo, known: &ListedIds) -> Result<(), NotLocal> {
    prove(engine, known).map(|_| ())
}

#[test]
fn an_engine_id_decides_either_way() {
    let root = folder();
    std::fs::write(root.path().join("engine-id"), "aaaa-bbbb\n").unwrap();
    std::fs::create_dir_all(root.path().join("containers").join(ID)).unwrap();
    let none = ListedIds::default();
    assert_eq!(verdict(&engine(root.path(), "aaaa-bbbb"), &none), Ok(()));
    assert!(matches!(
        verdict(&engine(root.path(), "cccc"), &container(ID)),
        Err(NotLocal::OtherEngine { .. })
    ));
}

#[test]
fn what_was_proven_stays_so_for_the_same_engine_and_folder() {
    let root = folder();
    let own = root.path().join("containers").join(ID);
    std::fs::create_dir_all(&own).unwrap();
    let named = engine(root.path(), "ABCD:EFGH");
    let proven = prove(&named, &container(ID)).unwrap().proven();
    std::fs::remove_dir(own).unwrap();
    let unproven = Err(NotLocal::Unproven {
        root: named.root.clone(),
    });
    let known = |proven: &RootProof| ListedIds {
        proven: Some(proven.clone()),
        ..ListedIds::default()
    };
    assert_eq!(verdict(&named, &ListedIds::default()), unproven);
    assert_eq!(verdict(&named, &known(&proven)), Ok(()));
    // Another may answer at the address of one that has no name.
    let nameless = engine(root.path(), "");
    assert_eq!(verdict(&nameless, &known(&proven)), unproven);
    let other = RootProof {
        inode: proven.inode + 1,
        ..proven
    };
    assert_eq!(verdict(&named, &known(&other)), unproven);
}

#[test]
fn without_an_engine_id_something_random_of_its_own_must_be_there() {
    let root = folder();
    std::fs::create_dir_all(root.path().join("containers").join(ID)).unwrap();
    std::fs::create_dir_all(root.path().join("volumes/db-data")).unwrap();
    let engine = engine(root.path(), "");
    assert_eq!(verdict(&engine, &container(ID)), Ok(()));
    let other = ID.replace('5', "6");
    let unproven = Err(NotLocal::Unproven {
        root: engine.root.clone(),
    });
    assert_eq!(verdict(&engine, &container(&other)), unproven);
    assert_eq!(verdict(&engine, &container("")), unproven);
    assert_eq!(verdict(&engine, &container("..")), unproven);
    let named = ListedIds {
        volumes: vec![VolumeName::new("db-data")],
        ..ListedIds::default()
    };
    assert_eq!(verdict(&engine, &named), unproven);
    std::fs::create_dir_all(root.path().join("volumes").join(&other)).unwrap();
    let anonymous = ListedIds {
        volumes: vec![VolumeName::new("db-data"), VolumeName::new(&*other)],
        ..ListedIds::default()
    };
    assert_eq!(verdict(&engine, &anonymous), Ok(()));
}

#[test]
fn podman_keeps_containers_by_driver() {
    let root = folder();
    std::fs::create_dir_all(root.path().join("overlay-containers").join(ID)).unwrap();
    assert_eq!(verdict(&engine(root.path(), "x"), &container(ID)), Ok(()));
}

#[test]
fn without_a_unix_socket_or_a_root_nothing_is_opened() {
    let root = folder();
    std::fs::write(root.path().join("engine-id"), "a").unwrap();
    let mut remote = engine(root.path(), "a");
    remote.host = "tcp://localhost:2375".into();
    let none = ListedIds::default();
    assert_eq!(verdict(&remote, &none), Err(NotLocal::NoUnixSocket));
    assert_eq!(look(&remote, &none).disks, DiskList::default());
    for bad in ["", "var/lib/docker", "../x"] {
        let engine = engine(Path::new(bad), "a");
        assert_eq!(verdict(&engine, &none), Err(NotLocal::NoRoot), "{bad}");
    }
    let absent = engine(&root.path().join("absent"), "a");
    assert!(matches!(
        verdict(&absent, &none),
        Err(NotLocal::Closed { .. })
    ));
}

#[test]
fn no_path_leads_out_of_the_root() {
    let outside = folder();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    let inside = folder();
    std::fs::create_dir_all(inside.path().join("a/b")).unwrap();
    std::fs::write(inside.path().join("a/b/log"), "l").unwrap();
    symlink(outside.path(), inside.path().join("a/out")).unwrap();
    symlink(
        outside.path().join("secret"),
        inside.path().join("a/b/link"),
    )
    .unwrap();
    symlink("log", inside.path().join("a/b/near")).unwrap();
    let root = Root::open(inside.path().to_str().unwrap().into()).unwrap();
    assert!(root.open_file(Path::new("a/b/log")).is_ok());
    for bad in [
        "a/out/secret",
        "a/b/link",
        "a/b/near",
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "a/b",
        "a/b/log/x",
        "",
    ] {
        assert!(root.open_file(Path::new(bad)).is_err(), "{bad}");
    }
    assert!(root.open_folder(Path::new("a/out")).is_err());
    let absolute = inside.path().join("a/b/log");
    assert_eq!(
        root.relative(absolute.to_str().unwrap()),
        Some(Path::new("a/b/log"))
    );
    assert_eq!(root.relative("/etc/passwd"), None);
}

#[test]
fn a_symlink_in_place_of_the_engine_id_proves_nothing() {
    let outside = folder();
    std::fs::write(outside.path().join("id"), "a").unwrap();
    let root = folder();
    symlink(outside.path().join("id"), root.path().join("engine-id")).unwrap();
    assert!(verdict(&engine(root.path(), "a"), &ListedIds::default()).is_err());
}

#[test]
fn a_disk_is_what_statvfs_says_and_counted_once() {
    let root = folder();
    std::fs::write(root.path().join("engine-id"), "a").unwrap();
    std::fs::create_dir_all(root.path().join("containerd/daemon")).unwrap();
    let mut engine = engine(root.path(), "a");
    engine.store = Store::Containerd;
    let surroundings = look(&engine, &ListedIds::default());
    let proven = surroundings.local.unwrap();
    assert_eq!(*proven.open().unwrap().path(), engine.root);
    let [disk] = surroundings.disks.disks.as_slice() else {
        panic!("{:?}", surroundings.disks);
    };
    let stat = rustix::fs::statvfs(root.path()).unwrap();
    assert_eq!(disk.total, Bytes(stat.f_blocks * stat.f_frsize));
    assert!(disk.free <= disk.total);
    assert_eq!(disk.path, engine.root);
}

#[test]
fn a_containerd_folder_counts_if_it_holds_all_the_images() {
    let root = folder();
    let blobs = root
        .path()
        .join("io.containerd.content.v1.content/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(ID), "manifest").unwrap();
    let here = ImageId::new(format!("sha256:{ID}"));
    let elsewhere = ImageId::new(format!("sha256:{}", ID.replace('5', "6")));
    let path = root.path().to_str().unwrap();
    assert!(containerd_with(path, std::slice::from_ref(&here)).is_some());
    assert!(containerd_with(path, &[here, elsewhere]).is_none());
    assert!(containerd_with(path, &[]).is_none());
}

#[test]
fn a_layers_folder_proves_as_well_as_a_container() {
    let root = folder();
    let mut engine = engine(root.path(), "");
    engine.driver = "overlay2".into();
    let known = |folder: &str| ListedIds {
        folders: vec![folder.into()],
        ..ListedIds::default()
    };
    for name in [ID, "qd0x4xrhx6wjveepojg50r9mc", "l"] {
        std::fs::create_dir_all(root.path().join("overlay2").join(name)).unwrap();
    }
    assert_eq!(verdict(&engine, &known(ID)), Ok(()));
    assert_eq!(
        verdict(&engine, &known("qd0x4xrhx6wjveepojg50r9mc")),
        Ok(())
    );
    for not in ["l", "../overlay2", "qd0x4xrhx6wjveepojg50r9md"] {
        assert!(verdict(&engine, &known(not)).is_err(), "{not}");
    }
}

#[test]
fn stored_layers_are_those_in_the_engines_folder() {
    let root = folder();
    std::fs::write(root.path().join("engine-id"), "a").unwrap();
    let mut engine = engine(root.path(), "a");
    engine.driver = "overlay2".into();
    assert_eq!(
        stored(&engine, &ListedIds::default(), None),
        None,
        "no such store"
    );
    let list = root.path().join("image/overlay2/layerdb/sha256");
    let (low, high) = (ID.to_owned(), ID.replace('5', "6"));
    let write = |chain: &str, files: &[(&str, &str)]| {
        let entry = list.join(chain);
        std::fs::create_dir_all(&entry).unwrap();
        for (name, text) in files {
            std::fs::write(entry.join(name), text).unwrap();
        }
    };
    write(
        &low,
        &[("diff", "sha256:d1"), ("cache-id", "one"), ("size", "7")],
    );
    let parent = format!("sha256:{low}");
    let above = [("diff", "sha256:d2"), ("cache-id", "two"), ("size", "0")];
    write(&high, &[&above[..], &[("parent", &*parent)]].concat());
    // One that is on its way out, one that is not whole, and one that leads elsewhere.
    write(&format!("{low}-abc-removing"), &above);
    write(&ID.replace('5', "7"), &above[..2]);
    symlink(list.join(&low), list.join(ID.replace('5', "8"))).unwrap();
    let mut layers = stored(&engine, &ListedIds::default(), None).unwrap().layers;
    layers.sort_by(|a, b| a.chain.cmp(&b.chain));
    let layer =
        |chain: &str, parent: Option<&str>, diff_id: &str, folder: &str, size| StoredLayer {
            chain: ChainId::new(format!("sha256:{chain}")),
            parent: parent.map(ChainId::new),
            diff_id: diff_id.into(),
            folder: folder.into(),
            size: Some(Bytes(size)),
        };
    let expected = [
        layer(&low, None, "sha256:d1", "one", 7),
        layer(&high, Some(&parent), "sha256:d2", "two", 0),
    ];
    assert_eq!(layers, expected);
    // One that is there and cannot be read makes the list no list.
    std::fs::create_dir_all(list.join(ID.replace('5', "9")).join("diff")).unwrap();
    assert_eq!(stored(&engine, &ListedIds::default(), None), None);
}

#[test]
fn links_of_the_root_are_followed_for_three_folders_and_logs_are_not_emptied_through_one() {
    let (root, other) = (folder(), folder());
    let at = |name: &str| root.path().join(name);
    for name in ["volumes", "containers", "overlay2", "image"] {
        std::fs::create_dir_all(other.path().join(name).join("x")).unwrap();
        symlink(other.path().join(name), at(name)).unwrap();
    }
    std::fs::write(at("engine-id"), "aaaa").unwrap();
    let mut engine = engine(root.path(), "aaaa");
    engine.driver = "overlay2".into();
    let opened = Root::open(engine.root.clone()).unwrap();
    for (name, follows) in [
        ("volumes", true),
        ("containers", true),
        ("overlay2", true),
        ("image", false),
    ] {
        assert_eq!(
            opened.open_folder(&Path::new(name).join("x")).is_ok(),
            follows,
            "{name}"
        );
        assert_eq!(opened.link(name).is_some(), follows, "{name}");
    }
    // A link below one is none that anybody follows.
    symlink("/etc", other.path().join("volumes/y")).unwrap();
    assert!(opened.open_folder(Path::new("volumes/y")).is_err());
    let look = look(&engine, &ListedIds::default());
    let linked = crate::domain::disk::linked(&look.disks.disks);
    assert!(linked.volumes && linked.logs && linked.layers);
    // One that stays within the root is where the engine looks for it.
    std::fs::remove_file(at("volumes")).unwrap();
    std::fs::create_dir(at("elsewhere")).unwrap();
    symlink("elsewhere", at("volumes")).unwrap();
    let look = self::look(&engine, &ListedIds::default());
    assert!(!crate::domain::disk::linked(&look.disks.disks).volumes);
}
