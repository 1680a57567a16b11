use std::os::unix::fs::symlink;

use rustix::fs::{FileType, Mode};
use tempfile::TempDir;

use super::*;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{Inventory, Part};
use crate::domain::item::{ContainerId, ItemId, Labels, VolumeName};
use crate::domain::survey::Survey;
use crate::engine::host::leash::CancelGuard;
use crate::engine::host::walk::scene::{DeadMount, deep};

fn volume(root: &Path, name: &str) -> Volume {
    Volume {
        name: VolumeName::new(name),
        driver: "local".into(),
        size: Figure::Pending,
        anonymous: false,
        created: None,
        labels: Labels::default(),
        mountpoint: format!("{}/volumes/{name}/_data", root.display()).into(),
        scope: "local".into(),
        backing: Backing::Folder,
        usage: None,
    }
}

fn root_with(volume: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("volumes").join(volume).join("_data");
    std::fs::create_dir_all(&data).unwrap();
    (dir, data)
}

fn open(dir: &TempDir) -> Root {
    Root::open(dir.path().to_str().unwrap().into()).unwrap()
}

fn measure(dir: &TempDir, volume: &Volume) -> io::Result<Bytes> {
    let usage = Walker::default().volume(&open(dir), volume)?;
    Ok(usage.length)
}

#[test]
fn a_volume_is_its_files_with_a_hard_link_once_and_a_symlink_by_its_own_length() {
    let (dir, data) = root_with("shop");
    std::fs::write(data.join("a"), [0; 1000]).unwrap();
    std::fs::hard_link(data.join("a"), data.join("b")).unwrap();
    std::fs::create_dir_all(data.join("deep/er")).unwrap();
    std::fs::hard_link(data.join("a"), data.join("deep/er/c")).unwrap();
    std::fs::write(data.join("deep/er/d"), [0; 30]).unwrap();
    symlink("a-long-way", data.join("e")).unwrap();
    let sparse = std::fs::File::create(data.join("sparse")).unwrap();
    sparse.set_len(5_000_000).unwrap();
    let found = measure(&dir, &volume(dir.path(), "shop")).unwrap();
    assert_eq!(found, Bytes(1000 + 30 + 10 + 5_000_000));
}

#[test]
fn nothing_outside_of_the_engines_folder_is_opened() {
    let (dir, data) = root_with("shop");
    let outside = TempDir::new().unwrap();
    std::fs::write(outside.path().join("secret"), [0; 77]).unwrap();
    symlink(outside.path(), data.join("out")).unwrap();
    let length = outside.path().as_os_str().len() as u64;
    assert_eq!(
        measure(&dir, &volume(dir.path(), "shop")).unwrap(),
        Bytes(length)
    );
    std::fs::create_dir_all(dir.path().join("volumes/led")).unwrap();
    symlink(outside.path(), dir.path().join("volumes/led/_data")).unwrap();
    for name in ["led", "..", "../volumes/shop", "shop/", "a/b", "", "/"] {
        measure(&dir, &volume(dir.path(), name)).unwrap_err();
    }
    let mut elsewhere = volume(dir.path(), "shop");
    elsewhere.mountpoint = outside.path().to_str().unwrap().into();
    measure(&dir, &elsewhere).unwrap_err();
}

/// Returns what `du` says of a folder, without files of several names.
fn du(path: &Path) -> Bytes {
    use std::os::unix::fs::MetadataExt as _;
    let of = std::fs::symlink_metadata(path).unwrap();
    if !of.is_dir() {
        let alone = u64::from(of.nlink() == 1);
        return Bytes(of.blocks() * 512 * alone);
    }
    let entries = std::fs::read_dir(path).unwrap();
    let below: Bytes = entries.map(|it| du(&it.unwrap().path())).sum();
    Bytes(of.blocks() * 512) + below
}

fn usage(dir: &TempDir, name: &str) -> DiskUsage {
    let found = Walker::default().volume(&open(dir), &volume(dir.path(), name));
    (*found.unwrap().disk).clone()
}

#[test]
fn what_goes_with_a_volume_is_its_blocks_and_all_of_its_folder() {
    let (dir, data) = root_with("shop");
    let empty = usage(&dir, "shop");
    assert!(empty.is_empty);
    std::fs::write(data.join("small"), [1; 10]).unwrap();
    let sparse = std::fs::File::create(data.join("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let kept = std::fs::File::create(data.join("kept")).unwrap();
    let flags = rustix::fs::FallocateFlags::KEEP_SIZE;
    let _ = rustix::fs::fallocate(&kept, flags, 0, 3 << 20);
    std::fs::write(data.join("../opts.json"), [1; 5000]).unwrap();
    std::fs::create_dir_all(data.join("../more/in")).unwrap();
    let found = usage(&dir, "shop");
    assert_eq!(
        found,
        DiskUsage {
            own: du(&dir.path().join("volumes/shop")),
            ..DiskUsage::default()
        }
    );
    assert!(found.own < Bytes(1 << 30));
}

#[test]
fn a_volume_with_an_empty_file_in_it_is_not_empty() {
    for name in ["file", "folder/"] {
        let (dir, data) = root_with("shop");
        if name.ends_with('/') {
            std::fs::create_dir(data.join(name)).unwrap();
        } else {
            std::fs::write(data.join(name), "").unwrap();
        }
        let found = Walker::default().volume(&open(&dir), &volume(dir.path(), "shop"));
        let found = found.unwrap();
        assert_eq!(found.length, Bytes::ZERO);
        assert!(!found.disk.is_empty);
    }
}

/// Two volumes that a copy of links made of one another, and a file that somebody outside keeps.
#[test]
fn a_file_goes_with_the_last_of_its_names() {
    let (dir, one) = root_with("one");
    let other = dir.path().join("volumes/other/_data");
    std::fs::create_dir_all(&other).unwrap();
    let outside = TempDir::new_in(dir.path()).unwrap();
    std::fs::write(one.join("both"), vec![1; 1 << 20]).unwrap();
    std::fs::hard_link(one.join("both"), other.join("both")).unwrap();
    std::fs::hard_link(one.join("both"), other.join("again")).unwrap();
    std::fs::write(one.join("kept"), vec![1; 1 << 18]).unwrap();
    std::fs::hard_link(one.join("kept"), outside.path().join("kept")).unwrap();
    std::fs::write(one.join("twice"), vec![1; 1 << 16]).unwrap();
    std::fs::hard_link(one.join("twice"), one.join("two")).unwrap();
    let blocks = |path: PathBuf| {
        use std::os::unix::fs::MetadataExt as _;
        Bytes(std::fs::metadata(path).unwrap().blocks() * 512)
    };
    let (both, twice) = (blocks(one.join("both")), blocks(one.join("two")));
    let kept = blocks(one.join("kept"));
    let mut inventory = Inventory::default();
    let volumes = ["one", "other"].map(|name| volume(dir.path(), name));
    inventory.apply(Part::Volumes(volumes.into()));
    let id = |name: &str| ItemId::Volume(VolumeName::new(name));
    let usages = ["one", "other"].map(|it| (id(it), Arc::new(usage(&dir, it))));
    inventory.apply(Part::DiskUsage(usages.into()));
    let own = ["one", "other"].map(|it| du(&dir.path().join("volumes").join(it)));
    let survey = Survey::new(inventory);
    let frees = |ids: &[ItemId]| {
        let freed = survey.retention.frees(ids);
        assert!(freed.is_exact(), "{freed:?}");
        freed.at_least
    };
    assert_eq!(frees(&[id("one")]), own[0] + twice);
    assert_eq!(frees(&[id("other")]), own[1]);
    let all = own[0] + own[1] + twice + both;
    assert_eq!(frees(&[id("one"), id("other")]), all);
    let total = survey.retention.totals().volumes;
    assert_eq!(total, Figure::Known(all + kept));
    let release = survey.retention.release();
    let held = release.held_back(&id("other"));
    assert_eq!((held.bytes, held.by), (both, vec![(id("one"), both)]));
}

#[test]
fn a_volume_with_options_is_not_walked() {
    let (dir, _) = root_with("nfs");
    let with_options = Volume {
        backing: Backing::Mount {
            sort: "nfs".into(),
            device: ":/x".into(),
        },
        ..volume(dir.path(), "nfs")
    };
    measure(&dir, &with_options).unwrap_err();
    let other_driver = Volume {
        driver: "ceph".into(),
        backing: Backing::Unknown,
        ..volume(dir.path(), "nfs")
    };
    measure(&dir, &other_driver).unwrap_err();
}

#[test]
fn folders_may_be_as_deep_as_they_are() {
    let (dir, data) = root_with("deep");
    deep(&data, 3000, 9);
    let deep = volume(dir.path(), "deep");
    assert_eq!(measure(&dir, &deep).unwrap(), Bytes(9));
}

#[test]
fn a_volume_with_a_filesystem_that_does_not_answer_is_told_from_one_that_cannot_be_read() {
    let (dir, data) = root_with("shop");
    for at in [data.clone(), data.join("in")] {
        std::fs::create_dir_all(&at).unwrap();
        let Some(_dead) = DeadMount::on(&at) else {
            return;
        };
        let error = measure(&dir, &volume(dir.path(), "shop")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::CrossesDevices);
    }
    measure(&dir, &volume(dir.path(), "shop")).unwrap();
}

#[test]
fn a_walk_ends_when_nobody_waits_for_it() {
    let (dir, _) = root_with("shop");
    let leash = CancelGuard::default();
    let walker = leash.walker();
    drop(leash);
    let found = walker.volume(&open(&dir), &volume(dir.path(), "shop"));
    assert_eq!(found.unwrap_err().kind(), io::ErrorKind::Interrupted);
}

const ID: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

/// Opening one would wait for somebody to write into it, or do whatever a device does when it is opened.
#[test]
fn pipes_and_devices_are_not_opened() {
    let (dir, data) = root_with("shop");
    let own = dir.path().join("containers").join(ID);
    std::fs::create_dir_all(&own).unwrap();
    let log = own.join(format!("{ID}-json.log"));
    let id = dir.path().join("engine-id");
    let pipe = |path: &Path| {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, mode, 0).unwrap();
    };
    pipe(&log);
    pipe(&id);
    pipe(&data.join("pipe"));
    // Only root makes devices; without the right there is one thing less to stumble over.
    let (tty, mode) = (rustix::fs::makedev(5, 0), Mode::RUSR);
    let device = data.join("tty");
    let _ = rustix::fs::mknodat(
        rustix::fs::CWD,
        &device,
        FileType::CharacterDevice,
        mode,
        tty,
    );
    let root = open(&dir);
    let logs = super::super::logs(&root, "overlay2", &ContainerId::new(ID));
    assert_eq!(logs.unwrap().size, Bytes::ZERO);
    let found = measure(&dir, &volume(dir.path(), "shop")).unwrap();
    assert_eq!(found, Bytes::ZERO);
    assert!(root.open_file(Path::new("engine-id")).is_err());
    assert_eq!(root.engine_id(), None);
}
