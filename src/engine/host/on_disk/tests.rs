use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};

use tempfile::TempDir;

use super::*;
use crate::domain::store::layerdb::StoredLayer;

const CHAIN: &str = "c1ab1e0000000000000000000000000000000000000000000000000000000001";
const IMAGE: &str = "c1ab1e0000000000000000000000000000000000000000000000000000000002";
/// Longer than an inode has room for in its target.
const FOLDER: &str = "c1ab1e0000000000000000000000000000000000000000000000000000000003";
const RECORD: &str = "abcdefghijklmnopqrstuvwxy";
const SHORT: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// An engine's folder with a layer, a record that is none, and an image, as overlay2 keeps them.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        place.write(&format!("overlay2/{FOLDER}/link"), SHORT);
        place.write(&format!("overlay2/{FOLDER}/diff/data"), "some");
        let holes = File::create(place.path(&format!("overlay2/{FOLDER}/diff/holes")));
        holes.unwrap().set_len(1 << 30).unwrap();
        fs::create_dir(place.path("overlay2/l")).unwrap();
        let target = format!("../{FOLDER}/diff");
        symlink(target, place.path(&format!("overlay2/l/{SHORT}"))).unwrap();
        let notes = format!("image/overlay2/layerdb/sha256/{CHAIN}");
        place.write(&format!("{notes}/cache-id"), FOLDER);
        place.write(&format!("{notes}/tar-split.json.gz"), "packed");
        for file in 0..40 {
            place.write(&format!("overlay2/{RECORD}/diff/{file}"), "x");
        }
        place.write(
            &format!("image/overlay2/imagedb/content/sha256/{IMAGE}"),
            "{}",
        );
        let beside = format!("image/overlay2/imagedb/metadata/sha256/{IMAGE}");
        place.write(&format!("{beside}/lastUpdated"), "now");
        place
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn root(&self) -> Root {
        Root::open(self.0.path().to_str().unwrap().into()).unwrap()
    }

    fn count(&self, driver: &str, wanted: Vec<ToCount>) -> Counted {
        let engine = engine("Docker", driver);
        count(&self.root(), &engine, wanted, &Walker::default(), None).unwrap()
    }

    /// Returns what `du` says of these, but by another way than the walk's.
    fn du(&self, paths: &[String]) -> Kept {
        let blocks = paths.iter().map(|path| du(&self.path(path))).sum();
        let (least, most) = (Bytes(blocks), Bytes(blocks));
        Kept { least, most }
    }
}

fn engine(product: &str, driver: &str) -> EngineInfo {
    EngineInfo {
        product: product.into(),
        driver: driver.into(),
        ..EngineInfo::default()
    }
}

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

fn stored() -> LayerDb {
    LayerDb {
        layers: vec![StoredLayer {
            chain: ChainId::new(format!("sha256:{CHAIN}")),
            parent: None,
            diff_id: "sha256:d".into(),
            folder: FOLDER.into(),
            size: Some(Bytes(5)),
        }],
        records: HashMap::from([(RecordId::new("committed"), None)]),
        folders: HashMap::from([(RecordId::new("committed"), RECORD.into())]),
        ..LayerDb::default()
    }
}

fn all(known: &OnDisk, inodes: &HashMap<Text, u64>) -> Vec<ToCount> {
    let images = [ImageId::new(format!("sha256:{IMAGE}"))];
    ToCount::all(&stored(), &images, known, inodes)
}

#[test]
fn a_layer_is_its_folder_with_its_short_name_and_the_notes_on_it() {
    let place = Place::new();
    let found = place.count("overlay2", all(&OnDisk::default(), &HashMap::new()));
    let layer = place.du(&[
        format!("overlay2/{FOLDER}"),
        format!("overlay2/l/{SHORT}"),
        format!("image/overlay2/layerdb/sha256/{CHAIN}"),
    ]);
    assert_eq!(found.on_disk.folders[&Text::from(FOLDER)], layer);
    assert!(layer.most < Bytes(1 << 20), "no hole counts");
    let record = place.du(&[format!("overlay2/{RECORD}")]);
    assert_eq!(found.on_disk.folders[&Text::from(RECORD)], record);
    let image = place.du(&[
        format!("image/overlay2/imagedb/content/sha256/{IMAGE}"),
        format!("image/overlay2/imagedb/metadata/sha256/{IMAGE}"),
    ]);
    let id = ImageId::new(format!("sha256:{IMAGE}"));
    assert_eq!(found.on_disk.images, HashMap::from([(id, image.most)]));
    assert_eq!(found.left, []);
}

#[test]
fn a_folder_is_counted_once_as_long_as_it_is_the_same() {
    let place = Place::new();
    let first = place.count("overlay2", all(&OnDisk::default(), &HashMap::new()));
    let inodes: HashMap<Text, u64> = first.inodes.into_iter().collect();
    place.write(&format!("overlay2/{FOLDER}/diff/more"), "more");
    let again = place.count("overlay2", all(&first.on_disk, &inodes));
    assert!(again.on_disk.is_empty(), "{again:?}");
    // Another one of the same name is another one.
    let folder = place.path(&format!("overlay2/{FOLDER}"));
    fs::rename(&folder, folder.with_extension("old")).unwrap();
    place.write(&format!("overlay2/{FOLDER}/diff/new"), "new");
    let again = place.count("overlay2", all(&first.on_disk, &inodes));
    let notes = format!("image/overlay2/layerdb/sha256/{CHAIN}");
    let now = place.du(&[format!("overlay2/{FOLDER}"), notes]);
    assert_eq!(again.on_disk.folders, HashMap::from([(FOLDER.into(), now)]));
}

#[test]
fn what_cannot_be_counted_is_left_out_and_nothing_outside_is_looked_at() {
    let place = Place::new();
    place.write("secret", "secret");
    let folder = |name: &str, chain: Option<&str>| ToCount::Folder {
        name: name.into(),
        chain: chain.map(ChainId::new),
        inode: None,
    };
    let wanted = vec![
        folder("..", None),
        folder("../secret", None),
        folder("gone", None),
        folder(FOLDER, Some("sha256:../../../../secret")),
        ToCount::Image(ImageId::new("sha256:../../../../secret")),
    ];
    assert!(place.count("overlay2", wanted).on_disk.is_empty());
    place.write(&format!("overlay2/{RECORD}/link"), "../../secret");
    let led = place.count("overlay2", vec![folder(RECORD, None)]);
    assert!(led.on_disk.is_empty());
    // Of a driver whose folders are something else nothing is claimed.
    let all = all(&OnDisk::default(), &HashMap::new());
    assert!(place.count("btrfs", all).on_disk.is_empty());
}

#[test]
fn what_there_was_no_time_for_is_told() {
    let place = Place::new();
    let wanted = all(&OnDisk::default(), &HashMap::new());
    let walker = Walker::default();
    let over = Some(Instant::now());
    let found = count(
        &place.root(),
        &engine("Docker", "overlay2"),
        wanted,
        &walker,
        over,
    )
    .unwrap();
    assert_eq!(found.on_disk.folders.len() + found.on_disk.images.len(), 1);
    assert_eq!(found.left.len(), 2);
}

/// As Podman 4.3.1 keeps them, and as newer ones note what they pulled in part.
#[test]
fn podman_keeps_layers_and_images_elsewhere() {
    let place = Place::new();
    fs::rename(place.path("overlay2"), place.path("overlay")).unwrap();
    place.write(&format!("overlay-layers/{FOLDER}.tar-split.gz"), "packed");
    place.write(&format!("overlay-layers/{FOLDER}/=bGlzdA=="), "more");
    place.write("overlay-layers/another.tar-split.gz", "packed");
    place.write(&format!("overlay-images/{IMAGE}/manifest"), "{}");
    let mut wanted = all(&OnDisk::default(), &HashMap::new());
    wanted.retain(|it| !matches!(it, ToCount::Folder { chain: None, .. }));
    let engine = engine("Podman", "overlay");
    let walker = Walker::default();
    let found = count(&place.root(), &engine, wanted, &walker, None).unwrap();
    let layer = place.du(&[
        format!("overlay/{FOLDER}"),
        format!("overlay/l/{SHORT}"),
        format!("overlay-layers/{FOLDER}.tar-split.gz"),
        format!("overlay-layers/{FOLDER}"),
    ]);
    assert_eq!(
        found.on_disk.folders,
        HashMap::from([(FOLDER.into(), layer)])
    );
    let image = place.du(&[format!("overlay-images/{IMAGE}")]);
    let id = ImageId::new(format!("sha256:{IMAGE}"));
    assert_eq!(found.on_disk.images, HashMap::from([(id, image.most)]));
}
