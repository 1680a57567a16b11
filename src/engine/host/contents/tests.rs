use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{Inventory, Part, Progress, Stage};
use crate::domain::item::{ContainerDetails, Content, ImageId, State};
use crate::domain::store::layerdb::OnDisk;
use crate::domain::text::Text;
use crate::domain::unexplained::{Unexplained, sum};
use crate::engine::host::on_disk::{ToCount, count};
use crate::engine::host::walk::scene::DeadMount;
use crate::engine::scan::fake;

const CONTAINER: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";
const GONE: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000002";

/// The folder of an engine, made by hand as the engines that were looked at make it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        place.write("engine-id", 4);
        place
    }

    fn write(&self, path: &str, bytes: usize) {
        self.note(path, &"x".repeat(bytes));
    }

    fn note(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A layer of the image store, in a folder of the driver.
    fn layer(&self, driver: &str, chain: char, folder: &str, parent: Option<char>, bytes: usize) {
        let digest = |digit: char| digit.to_string().repeat(64);
        let notes = format!("image/{driver}/layerdb/sha256/{}", digest(chain));
        self.note(&format!("{notes}/cache-id"), folder);
        self.note(&format!("{notes}/diff"), &format!("sha256:diff-{chain}"));
        self.note(&format!("{notes}/size"), &bytes.to_string());
        if let Some(parent) = parent {
            self.note(
                &format!("{notes}/parent"),
                &format!("sha256:{}", digest(parent)),
            );
        }
        if driver == "overlay2" {
            self.write(&format!("overlay2/{folder}/diff/file"), bytes);
            self.write(&format!("overlay2/{folder}/link"), 26);
        } else {
            self.write(&format!("vfs/dir/{folder}/file"), bytes);
        }
    }

    fn mount(&self, driver: &str, container: &str, folder: &str, chain: char) {
        let notes = format!("image/{driver}/layerdb/mounts/{container}");
        self.note(&format!("{notes}/mount-id"), folder);
        self.note(&format!("{notes}/init-id"), &format!("{folder}-init"));
        let parent = chain.to_string().repeat(64);
        self.note(&format!("{notes}/parent"), &format!("sha256:{parent}"));
    }

    /// Returns what the container's log takes.
    fn log(&self) -> u64 {
        let log = format!("containers/{CONTAINER}/{CONTAINER}-json.log");
        du(Path::new(&self.path(&log)))
    }

    fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.0.path().display())
    }

    fn contents(&self, store: Store, driver: &str) -> Contents {
        let root = Root::open(self.0.path().to_str().unwrap().into()).unwrap();
        let engine = EngineInfo {
            store,
            driver: driver.into(),
            ..EngineInfo::default()
        };
        of_root(&root, &engine, &HashMap::new(), &Walker::default()).unwrap()
    }
}

/// Without a containerd beside the engine, which this machine may have.
fn of_root(
    root: &Root,
    engine: &EngineInfo,
    volumes: &MeasuredVolumes,
    walker: &Walker,
) -> io::Result<Contents> {
    let measured = (volumes, &Before::default());
    of_root_and(
        None,
        (root, walker),
        engine,
        &ListedIds::default(),
        measured,
    )
}

/// Returns what `du` says, but by another way than the walk's.
fn du(path: &Path) -> u64 {
    let stat = fs::symlink_metadata(path).unwrap();
    let mut sum = stat.blocks() * 512;
    if stat.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sum += du(&entry.unwrap().path());
        }
    }
    sum
}

/// One image of the layers `a` and `b`, and one container; no build cache.
fn inventory() -> Inventory {
    let mut image = fake::image("one");
    image.id = ImageId::new("one");
    image.content = Figure::Known(Arc::new(Content {
        diff_ids: ["sha256:diff-a", "sha256:diff-b"].iter().collect(),
        ..Content::default()
    }));
    let mut container = fake::container(CONTAINER, State::Running);
    container.details = Figure::Known(Arc::new(ContainerDetails {
        size_rw: Some(Bytes(5000)),
        ..ContainerDetails::default()
    }));
    let mut inventory = Inventory::default();
    inventory.apply(Part::Images(vec![image]));
    inventory.apply(Part::Containers(vec![container]));
    inventory.apply(Part::Volumes(vec![fake::volume("shop")]));
    inventory
}

fn explained(contents: &Contents) -> Vec<Unexplained> {
    let mut inventory = inventory();
    inventory.apply(Part::Contents(Figure::Known(Arc::new(contents.clone()))));
    inventory.unexplained.known().unwrap().to_vec()
}

fn of(rows: &[Unexplained], cause: Cause) -> Vec<(Text, u64)> {
    let mut of: Vec<(Text, u64)> = rows
        .iter()
        .filter(|row| row.cause == cause)
        .map(|row| (row.path.clone(), row.bytes.map_or(0, |bytes| bytes.0)))
        .collect();
    of.sort();
    of
}

fn overlay() -> Place {
    let place = Place::new();
    place.layer("overlay2", 'a', "folder-a", None, 70_000);
    place.layer("overlay2", 'b', "folder-b", Some('a'), 10);
    place.mount("overlay2", CONTAINER, "folder-rw", 'b');
    for (name, bytes) in [("diff/file", 5000), ("work/inside", 0)] {
        place.write(&format!("overlay2/folder-rw/{name}"), bytes);
    }
    place.write("overlay2/folder-rw-init/diff/dev", 0);
    fs::create_dir(place.path("overlay2/l").as_str()).unwrap();
    symlink("../folder-a/diff", place.path("overlay2/l/ABCDEF")).unwrap();
    place.write(&format!("containers/{CONTAINER}/config.v2.json"), 3000);
    place.write(
        &format!("containers/{CONTAINER}/{CONTAINER}-json.log"),
        50_000,
    );
    place.write("volumes/shop/_data/file", 9000);
    place.write("volumes/metadata.db", 32_768);
    place
}

#[test]
fn what_is_counted_and_what_is_not_are_together_what_du_says() {
    let place = overlay();
    let contents = place.contents(Store::GraphDriver, "overlay2");
    let portions: Bytes = contents.portions.iter().map(|it| it.blocks).sum();
    assert_eq!(portions, Bytes(du(place.0.path())));
    let rows = explained(&contents);
    // Two layers, a writable one and a volume as the engine counts them, and a log as the disk does.
    let totals = 70_000 + 10 + 5000 + 9000 + place.log();
    assert_eq!(totals + sum(&rows).0, du(place.0.path()));
    for cause in [
        Cause::Unreferenced,
        Cause::GoneContainers,
        Cause::OtherStore,
        Cause::Other,
    ] {
        assert_eq!(of(&rows, cause), []);
    }
}

#[test]
fn each_leftover_stands_under_its_cause_with_all_its_blocks() {
    let place = overlay();
    place.write("overlay2/nobodys/diff/file", 40_000);
    // Kept by the engine, and nothing stands on it.
    place.layer("overlay2", 'c', "folder-c", Some('a'), 20_000);
    place.mount("overlay2", GONE, "folder-gone", 'a');
    place.write("overlay2/folder-gone/diff/file", 8000);
    place.write(&format!("containers/{GONE}/config.v2.json"), 3000);
    place.write(&format!("containers/{GONE}/{GONE}-json.log"), 90_000);
    place.write("volumes/lost/_data/file", 12_000);
    place.write("vfs/dir/old/file", 60_000);
    place.note(
        "containers/older/config.v2.json",
        r#"{"ID": "older", "Driver": "vfs"}"#,
    );
    place.write("image/vfs/layerdb/sha256/x/size", 5);
    let blobs = "containerd/daemon/io.containerd.content.v1.content";
    place.write(&format!("{blobs}/blobs/sha256/abc"), 70_000);
    let snapshots = "containerd/daemon/io.containerd.snapshotter.v1.overlayfs";
    place.write(&format!("{snapshots}/snapshots/1/fs/file"), 30_000);
    place.write("swarm/state.json", 100);
    place.write("plugins/storage/blob", 6000);
    place.write("tmp/upload", 7000);
    place.write("network/files/local-kv.db", 65_536);
    place.write("buildkit/metadata_v2.db", 65_536);
    place.write("notes-to-self", 11);
    let contents = place.contents(Store::GraphDriver, "overlay2");
    let portions: Bytes = contents.portions.iter().map(|it| it.blocks).sum();
    assert_eq!(portions, Bytes(du(place.0.path())));
    let rows = explained(&contents);
    for (cause, paths) in [
        (
            Cause::Unreferenced,
            &["overlay2/nobodys", "overlay2/folder-c"][..],
        ),
        (
            Cause::GoneContainers,
            &["overlay2/folder-gone", &format!("containers/{GONE}")],
        ),
        (Cause::GoneVolumes, &["volumes/lost"]),
        (
            Cause::OtherStore,
            &["vfs", "image/vfs", blobs, snapshots, "containers/older"],
        ),
        (Cause::Swarm, &["swarm"]),
        (Cause::Plugins, &["plugins"]),
        (Cause::Temporary, &["tmp"]),
        (
            Cause::Databases,
            &[
                "volumes/metadata.db",
                "network/files/local-kv.db",
                "buildkit/metadata_v2.db",
            ],
        ),
        (Cause::Other, &["notes-to-self"]),
    ] {
        let expected = paths.iter().map(|path| {
            let path = place.path(path);
            let bytes = du(Path::new(&path));
            (Text::from(path), bytes)
        });
        let mut expected: Vec<(Text, u64)> = expected.collect();
        expected.sort();
        assert_eq!(of(&rows, cause), expected, "{cause:?}");
    }
    // Beside their databases these keep notes.
    for (cause, folder, database) in [
        (Cause::Network, "network", "network/files/local-kv.db"),
        (Cause::BuildKit, "buildkit", "buildkit/metadata_v2.db"),
    ] {
        let path = place.path(folder);
        let notes = du(Path::new(&path)) - du(Path::new(&place.path(database)));
        assert_eq!(of(&rows, cause), [(Text::from(path), notes)], "{cause:?}");
    }
    let folders = of(&rows, Cause::ContainerFolders);
    let own = du(&place.0.path().join("containers").join(CONTAINER)) - place.log();
    let above = fs::metadata(place.path("containers")).unwrap().blocks() * 512;
    assert_eq!(folders, [(place.path("containers").into(), own + above)]);
}

/// Whoever cannot say what holds the layers does not call them nobody's.
#[test]
fn nothing_is_a_leftover_while_a_list_is_not_known() {
    let place = overlay();
    place.layer("overlay2", 'c', "folder-c", None, 20_000);
    let contents = place.contents(Store::GraphDriver, "overlay2");
    let contents = Arc::new(contents);
    let mut later = inventory();
    let mut unknown = inventory();
    unknown.images[0].content = Figure::Unknown;
    let mut cacheless = inventory();
    cacheless.engine = Arc::new(EngineInfo {
        has_build_cache: true,
        ..EngineInfo::default()
    });
    for inventory in [&mut unknown, &mut cacheless] {
        inventory.apply(Part::Contents(Figure::Known(Arc::clone(&contents))));
        let rows = inventory.unexplained.as_ref().known().unwrap();
        assert_eq!(of(rows, Cause::Unreferenced), []);
    }
    later.apply(Part::Stage(
        Stage::BuildCache,
        Progress::Done(crate::domain::time::Timestamp::UNIX_EPOCH),
    ));
    later.apply(Part::Contents(Figure::Known(contents)));
    let rows = later.unexplained.as_ref().known().unwrap();
    assert_eq!(of(rows, Cause::Unreferenced).len(), 1);
}

#[test]
fn copies_of_layers_are_a_cause_of_their_own() {
    let place = Place::new();
    place.layer("vfs", 'a', "folder-a", None, 70_000);
    place.layer("vfs", 'b', "folder-b", Some('a'), 10);
    place.write("vfs/dir/folder-b/copied", 70_000);
    place.mount("vfs", CONTAINER, "folder-rw", 'b');
    place.write("vfs/dir/folder-rw/copied", 70_010);
    place.write("vfs/dir/folder-rw/written", 5000);
    let contents = place.contents(Store::GraphDriver, "vfs");
    let rows = explained(&contents);
    assert_eq!(70_000 + 10 + 5000 + sum(&rows).0, du(place.0.path()));
    assert_eq!(of(&rows, Cause::Unreferenced), []);
    let [(_, copies)] = of(&rows, Cause::Copies)[..] else {
        panic!("{rows:?}");
    };
    assert!(copies > 140_000 && copies < 190_000, "{copies}");
}

/// What was counted of layers and images before is not walked through again, and no byte counts twice.
#[test]
fn what_was_counted_before_counts_as_it_was_counted() {
    for driver in ["overlay2", "vfs"] {
        let place = Place::new();
        place.layer(driver, 'a', "folder-a", None, 70_000);
        place.layer(driver, 'b', "folder-b", Some('a'), 10);
        let image = 'e'.to_string().repeat(64);
        let notes = format!("image/{driver}/imagedb/content/sha256/{image}");
        place.write(&notes, 300);
        place.write(&format!("image/{driver}/repositories.json"), 200);
        let root = Root::open(place.0.path().to_str().unwrap().into()).unwrap();
        let engine = EngineInfo {
            store: Store::GraphDriver,
            driver: driver.into(),
            engine_id: "xxxx".into(),
            root: root.path().clone(),
            host: "unix://".into(),
            ..EngineInfo::default()
        };
        let stored =
            crate::engine::metadata::layerdb::stored(&engine, &ListedIds::default(), None).unwrap();
        let images = [ImageId::new(format!("sha256:{image}"))];
        let wanted = ToCount::all(&stored, &images, &OnDisk::default(), &HashMap::new());
        let counted = count(&root, &engine, wanted, &Walker::default(), None).unwrap();
        assert_eq!(counted.on_disk.folders.len(), 2);
        let whole: Bytes = counted.on_disk.folders.values().map(|it| it.most).sum();
        let whole = whole + counted.on_disk.images.values().copied().sum();
        let before = Before {
            stored: Some(Arc::new(stored)),
            on_disk: Arc::new(counted.on_disk),
        };
        let known = ListedIds::default();
        let measured = (&HashMap::new(), &before);
        let walker = Walker::default();
        let contents = of_root_and(None, (&root, &walker), &engine, &known, measured).unwrap();
        let rows = explained(&contents);
        assert_eq!(whole.0 + sum(&rows).0, du(place.0.path()), "{driver}");
        // No more than the driver's own folders.
        let beyond = [Cause::Copies, Cause::Rounding].map(|cause| of(&rows, cause));
        let beyond: u64 = beyond.iter().flatten().map(|it| it.1).sum();
        assert!(beyond <= 8_192, "{beyond}");
        assert!(!contents.layers.is_empty());
    }
}

#[test]
fn a_graph_drivers_folders_are_left_over_where_the_containerd_store_runs() {
    let place = overlay();
    let blobs = "containerd/daemon/io.containerd.content.v1.content";
    place.write(&format!("{blobs}/blobs/sha256/abc"), 70_000);
    place.write(&format!("{blobs}/ingest/def/data"), 30_000);
    let snapshots = "containerd/daemon/io.containerd.snapshotter.v1.overlayfs";
    place.write(&format!("{snapshots}/snapshots/1/fs/file"), 30_000);
    place.write(&format!("{snapshots}/metadata.db"), 16_384);
    let contents = place.contents(Store::Containerd, "overlayfs");
    let rows = explained(&contents);
    let whole = |path: &str| (place.path(path).into(), du(Path::new(&place.path(path))));
    let left = [whole("image/overlay2"), whole("overlay2")];
    assert_eq!(of(&rows, Cause::OtherStore), left);
    let ingest = format!("{blobs}/ingest");
    assert_eq!(of(&rows, Cause::Leased), [whole(&ingest)]);
    let fs = du(Path::new(
        &place.path(&format!("{snapshots}/snapshots/1/fs")),
    ));
    let totals = 70_000 + fs + 9000 + place.log();
    assert_eq!(totals + sum(&rows).0, du(place.0.path()));
}

/// A file with several names takes its blocks once, and one with holes is longer than what it takes.
#[test]
fn links_and_holes_do_not_make_bytes() {
    let place = overlay();
    place.write("tmp/upload", 50_000);
    fs::hard_link(place.path("tmp/upload"), place.path("tmp/again")).unwrap();
    fs::hard_link(place.path("tmp/upload"), place.path("swarm")).unwrap();
    let hole = fs::File::create(place.path("volumes/shop/_data/hole")).unwrap();
    hole.set_len(1 << 40).unwrap();
    symlink("/etc", place.path("network")).unwrap();
    let contents = place.contents(Store::GraphDriver, "overlay2");
    let rows = explained(&contents);
    let [(_, tmp)] = of(&rows, Cause::Temporary)[..] else {
        panic!("{rows:?}");
    };
    let swarm: u64 = of(&rows, Cause::Swarm).iter().map(|(_, bytes)| bytes).sum();
    assert!(tmp + swarm < 70_000, "{tmp} {swarm}");
    assert_eq!(of(&rows, Cause::Rounding), []);
    assert!(sum(&rows) < Bytes(du(place.0.path())));
}

/// Where volumes are counted by blocks, nothing of them is told a second time, holes or not.
#[test]
fn totals_of_measured_volumes_and_causes_are_what_du_says() {
    let place = overlay();
    let hole = fs::File::create(place.path("volumes/shop/_data/hole")).unwrap();
    hole.set_len(1 << 40).unwrap();
    fs::write(place.path("volumes/shop/_data/small"), [1; 3]).unwrap();
    let root = Root::open(place.0.path().to_str().unwrap().into()).unwrap();
    let shop = crate::domain::item::Volume {
        mountpoint: place.path("volumes/shop/_data").into(),
        ..fake::volume("shop")
    };
    let usage = Walker::default().volume(&root, &shop).unwrap();
    let volumes = HashMap::from([(shop.name.clone(), usage.clone())]);
    let engine = EngineInfo {
        driver: "overlay2".into(),
        ..EngineInfo::default()
    };
    let told = [MeasuredVolumes::new(), volumes].map(|volumes| {
        let contents = of_root(&root, &engine, &volumes, &Walker::default()).unwrap();
        let mut inventory = inventory();
        let id = crate::domain::item::ItemId::Volume(shop.name.clone());
        inventory.apply(Part::DiskUsage(vec![(id, Arc::clone(&usage.disk))]));
        inventory.apply(Part::Contents(Figure::Known(Arc::new(contents))));
        let rows = inventory.unexplained.known().unwrap();
        sum(&rows)
    });
    // Two layers and a writable one as the engine counts them, the log and the volume as the disk does.
    let totals = 70_000 + 10 + 5000 + place.log() + usage.disk.own.0;
    for told in told {
        assert_eq!(totals + told.0, du(place.0.path()));
    }
}

#[test]
fn a_walk_for_nobody_ends() {
    let place = overlay();
    let leash = crate::engine::host::CancelGuard::default();
    let walker = leash.walker();
    drop(leash);
    let root = Root::open(place.0.path().to_str().unwrap().into()).unwrap();
    let ended = of_root(&root, &EngineInfo::default(), &HashMap::new(), &walker);
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::Interrupted);
}

/// What was measured a moment ago is not walked through again.
#[test]
fn measured_volumes_are_taken_as_measured() {
    let place = overlay();
    let root = Root::open(place.0.path().to_str().unwrap().into()).unwrap();
    let taken = VolumeUsage {
        length: Bytes(1 << 30),
        disk: Arc::new(DiskUsage::of(Bytes(3 << 30))),
    };
    let volumes = HashMap::from([(VolumeName::new("shop"), taken)]);
    let engine = EngineInfo::default();
    let contents = of_root(&root, &engine, &volumes, &Walker::default()).unwrap();
    let shop = Owner::Volume(VolumeName::new("shop"));
    let portion = contents.portions.iter().find(|it| it.owner == shop);
    let portion = portion.unwrap();
    assert_eq!(portion.counted, Some(Bytes(1 << 30)));
    assert_eq!(portion.blocks, Bytes(3 << 30));
}

/// What a record or a container leases is counted with it, and what else is leased is not.
#[test]
fn leases_of_what_is_listed_are_no_leftover() {
    let leased = |names: &[&str]| Portion {
        owner: Owner::Leased(names.iter().map(|name| Text::from(*name)).collect()),
        path: "/content".into(),
        blocks: Bytes(4096),
        counted: Some(Bytes(4096)),
    };
    let contents = |names: &[&str]| Contents {
        portions: vec![leased(names)],
        ..Contents::default()
    };
    let left = |names: &[&str]| of(&explained(&contents(names)), Cause::Leased).len();
    assert_eq!(left(&[CONTAINER]), 0);
    assert_eq!(left(&["pull-1", CONTAINER]), 0);
    assert_eq!(left(&["pull-1"]), 1);
    assert_eq!(left(&[&format!("{CONTAINER}-view")]), 0);
    assert_eq!(left(&[&format!("{CONTAINER}-other")]), 1);
}

#[test]
fn a_builders_volume_has_the_builders_name() {
    for (name, builder) in [
        ("buildx_buildkit_multiarch0_state", Some("multiarch")),
        ("buildx_buildkit_ci-11_state", Some("ci-1")),
        ("buildx_buildkit_0_state", None),
        ("buildx_buildkit_x_state", None),
        ("buildx_buildkit_x0", None),
        ("my_buildx_buildkit_x0_state", None),
    ] {
        assert_eq!(fake::volume(name).builder(), builder, "{name}");
    }
}

/// Three places for one: on a volume, below the storage driver's folder, and where no engine would have one.
#[test]
fn filesystems_that_do_not_answer_are_not_asked() {
    let place = Place::new();
    place.layer("overlay2", 'a', "f0", None, 1000);
    place.write("volumes/shop/_data/file", 500);
    place.write("tmp/other/file", 300);
    let at = |path: &str| {
        let path = place.0.path().join(path);
        fs::create_dir_all(&path).unwrap();
        DeadMount::on(&path)
    };
    let mounts = [
        "volumes/shop/_data/nfs",
        "overlay2/f0/merged",
        "tmp/other/in",
    ]
    .map(at);
    if mounts.iter().any(Option::is_none) {
        return;
    }
    let contents = place.contents(Store::GraphDriver, "overlay2");
    assert_eq!(contents.unread, Vec::<Text>::new());
    let of_volume = |portion: &&Portion| matches!(portion.owner, Owner::Volume(_));
    let volume = contents.portions.iter().find(of_volume).unwrap();
    assert_eq!(volume.counted, Some(Bytes(500)));
    assert_eq!(
        explained(&contents)
            .iter()
            .filter(|row| row.bytes.is_none())
            .count(),
        0
    );
}

/// What it is, how large is not known, and all the rest as it is.
#[test]
fn a_folder_that_cannot_be_read_is_told_with_its_path() {
    let contents = Contents {
        root: "/var/lib/docker".into(),
        unread: vec!["/var/lib/docker/tmp/ill".into()],
        ..Contents::default()
    };
    let rows = explained(&contents);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].cause, rows[0].bytes), (Cause::Unread, None));
    assert_eq!(sum(&rows), Bytes::ZERO);
}

fn bytes_of(contents: &Contents, cause: Cause) -> Option<Bytes> {
    let rows = crate::domain::unexplained::explain(contents, &Inventory::default());
    let of_cause = rows.iter().find(|row| row.cause == cause);
    of_cause.and_then(|row| row.bytes)
}

#[test]
fn a_root_of_other_users_is_named_and_not_in_the_sum() {
    let place = Place::new();
    place.write("volumes/data/_data/file", 9_000);
    place.write("image/overlay2/repositories.json", 200);
    place.write("containers/x/config", 200);
    let without = crate::domain::unexplained::explain(
        &place.contents(Store::GraphDriver, "overlay2"),
        &Inventory::default(),
    );
    let mapped = "165536.165536";
    for folder in ["volumes/old/_data", "image/overlay2", "containers/y"] {
        place.write(&format!("{mapped}/{folder}/file"), 5_000);
    }
    // A folder of such a name that engines did not make is somebody's.
    place.write("1000.1000/file", 5_000);
    let contents = place.contents(Store::GraphDriver, "overlay2");
    let own = du(Path::new(&place.path(mapped)));
    assert_eq!(bytes_of(&contents, Cause::OtherRoot), Some(Bytes(own)));
    let foreign = du(Path::new(&place.path("1000.1000")));
    assert_eq!(bytes_of(&contents, Cause::Other), Some(Bytes(foreign)));
    let rows = crate::domain::unexplained::explain(&contents, &Inventory::default());
    let beside = sum(&rows) - sum(&without);
    assert!(beside < Bytes(foreign + 8_192), "{beside}");
    // From within the mapped one, the root above is the other.
    let root = Root::open(place.path(mapped).as_str().into()).unwrap();
    let engine = EngineInfo {
        root: root.path().clone(),
        driver: "overlay2".into(),
        ..EngineInfo::default()
    };
    let contents = of_root(&root, &engine, &HashMap::new(), &Walker::default()).unwrap();
    let all = du(place.0.path());
    let other = bytes_of(&contents, Cause::OtherRoot).expect("the root above");
    assert_eq!(other, Bytes(all - own - foreign));
    let rows = crate::domain::unexplained::explain(&contents, &Inventory::default());
    assert!(sum(&rows) <= Bytes(own), "{rows:?}");
}

#[test]
fn what_a_link_of_the_root_leads_to_is_walked_through() {
    let (place, other) = (Place::new(), TempDir::new().unwrap());
    for folder in ["volumes", "overlay2", "containers"] {
        let target = other.path().join(folder);
        fs::create_dir_all(&target).unwrap();
        symlink(&target, place.path(folder)).unwrap();
    }
    place.layer("overlay2", 'a', "folder-a", None, 100);
    place.write("volumes/data/_data/file", 9_000);
    place.write("overlay2/gone/diff/file", 7_000);
    let contents = place.contents(Store::GraphDriver, "overlay2");
    let is_volume =
        |it: &&Portion| matches!(&it.owner, Owner::Volume(name) if name.as_str() == "data");
    let volume = contents
        .portions
        .iter()
        .find(is_volume)
        .expect("the volume");
    assert_eq!(volume.counted, Some(Bytes(9_000)));
    let unreferenced = bytes_of(&contents, Cause::Unreferenced);
    assert!(unreferenced >= Some(Bytes(7_000)), "{unreferenced:?}");
    // Any other link stays one.
    let beyond = du(other.path());
    let all: Bytes = contents.portions.iter().map(|it| it.blocks).sum();
    assert!(all <= Bytes(beyond + du(place.0.path())), "{all}");
}

#[test]
fn archives_that_were_imported_are_those_of_the_roots_user() {
    let (place, temporary) = (Place::new(), TempDir::new().unwrap());
    let root = Root::open(place.0.path().to_str().unwrap().into()).unwrap();
    let write = |name: &str| fs::write(temporary.path().join(name), "x".repeat(5_000)).unwrap();
    for name in [
        "api_load.tar123",
        "api_load.tar",
        "api_load.tar12x",
        "other.tar1",
    ] {
        write(name);
    }
    fs::create_dir(temporary.path().join("api_load.tar7")).unwrap();
    let found = beyond::archives(temporary.path(), &root).expect("a folder");
    let one = du(&temporary.path().join("api_load.tar123"));
    assert_eq!(
        (found.blocks, found.owner),
        (Bytes(one), Owner::Nobody(Cause::Archives))
    );
    assert_eq!(beyond::archives(Path::new("/nowhere/at/all"), &root), None);
}
