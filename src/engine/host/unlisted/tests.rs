use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::domain::item::{ChainId, ImageMount};

const LISTED: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const THIRD: &str = "3333333333333333333333333333333333333333333333333333333333333333";

struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn container(&self, id: &str, file: &str, settings: &Value) {
        self.write(&format!("containers/{id}/{file}"), &settings.to_string());
    }

    fn read(&self, known: &ListedIds) -> Unlisted {
        let root = Root::open(self.0.path().to_str().unwrap().into()).unwrap();
        unlisted(&root, "overlay2", known).unwrap()
    }
}

fn known() -> ListedIds {
    ListedIds {
        containers: vec![ContainerId::new(LISTED)],
        ..ListedIds::default()
    }
}

/// Returns what an engine writes for a container with a named volume, one without a name, and two binds.
fn settings(driver: &str) -> Value {
    json!({"Name": "/db", "Driver": driver, "MountPoints": {
        "/a": {"Type": "volume", "Name": "data", "Driver": "local", "Source": "/d/volumes/data/_data"},
        "/b": {"Type": "volume", "Name": "f00d", "Driver": "local", "Source": ""},
        "/c": {"Type": "bind", "Name": "", "Source": "/d/volumes/archive/_data/sub"},
        "/d": {"Type": "bind", "Name": "", "Source": "/srv"},
    }})
}

fn volumes(found: &Outsider) -> Vec<&str> {
    found.volumes.iter().map(VolumeName::as_str).collect()
}

#[test]
fn a_container_of_another_driver_holds_its_volumes_by_name_and_by_path() {
    let scene = Scene::new();
    scene.container(LISTED, "config.v2.json", &settings("overlay2"));
    assert_eq!(scene.read(&known()), Unlisted::default(), "it is listed");
    for (driver, kind) in [
        ("overlayfs", OutsiderKind::OtherStore),
        ("vfs", OutsiderKind::OtherStore),
        ("btrfs", OutsiderKind::OtherStore),
        // The engine could not load it, or it came after the list.
        ("overlay2", OutsiderKind::Unlisted),
        ("", OutsiderKind::Unlisted),
    ] {
        scene.container(OTHER, "config.v2.json", &settings(driver));
        let found = scene.read(&known()).containers;
        let [found] = &found[..] else {
            panic!("{driver}: {found:?}");
        };
        assert_eq!((found.kind, &*found.name), (kind, "db"), "{driver}");
        assert_eq!(volumes(found), ["data", "f00d"]);
        let archive = "/d/volumes/archive/_data/sub";
        assert!(found.binds.iter().any(|it| it == archive));
        assert_eq!(found.perhaps, Perhaps::Nothing);
    }
}

#[test]
fn a_container_whose_settings_cannot_be_read_may_have_more_than_it_asked_for() {
    let scene = Scene::new();
    let read = |scene: &Scene| scene.read(&known()).containers;
    let asked = json!({"Binds": ["data:/a:ro", "/d/volumes/x/_data:/x"], "VolumesFrom": null,
        "Mounts": [{"Type": "volume", "Source": "logs"}, {"Type": "tmpfs"}]});
    let at = |file: &str| scene.0.path().join("containers").join(OTHER).join(file);
    for broken in ["", "{", "[]", "7", "\0"] {
        scene.write(&format!("containers/{OTHER}/config.v2.json"), broken);
        let _ = fs::remove_file(at("hostconfig.json"));
        assert_eq!(read(&scene)[0].perhaps, Perhaps::AnyVolume, "{broken}");
        scene.container(OTHER, "hostconfig.json", &asked);
        let found = read(&scene);
        assert_eq!(volumes(&found[0]), ["data", "logs"]);
        assert_eq!(found[0].binds, Paths::new(["/d/volumes/x/_data"]));
        assert_eq!(found[0].perhaps, Perhaps::AnonymousVolumes);
        assert_eq!(&*found[0].name, &OTHER[..12]);
    }
    let takes = json!({"VolumesFrom": ["web"]});
    scene.container(OTHER, "hostconfig.json", &takes);
    assert_eq!(read(&scene)[0].perhaps, Perhaps::AnyVolume);
    // A link is followed nowhere.
    fs::remove_file(at("config.v2.json")).unwrap();
    symlink("/etc/hostname", at("config.v2.json")).unwrap();
    assert_eq!(read(&scene)[0].perhaps, Perhaps::AnyVolume);
    // What is left of a container without its settings is none.
    fs::remove_file(at("config.v2.json")).unwrap();
    assert_eq!(read(&scene), []);
}

#[test]
fn what_is_no_containers_folder_is_passed_over() {
    let scene = Scene::new();
    assert_eq!(scene.read(&known()), Unlisted::default(), "no folder yet");
    scene.write("containers/README", "");
    let vfs = settings("vfs").to_string();
    scene.write("containers/short/config.v2.json", &vfs);
    fs::create_dir_all(scene.0.path().join("containers").join(THIRD)).unwrap();
    assert_eq!(scene.read(&known()), Unlisted::default());
}

#[test]
fn image_mounts_are_of_the_image_in_the_containers_settings() {
    let scene = Scene::new();
    let mount = |image: &str, destination: &str| {
        json!({"Type": "image", "Name": "app:1", "Destination": destination,
            "Spec": {"Type": "image", "Source": image}})
    };
    let config = json!({"Driver": "overlay2", "MountPoints": {
        "/m": mount("sha256:aa", "/m"), "/odd": mount("app:1", "/odd"),
        "/v": {"Type": "volume", "Name": "v"},
    }});
    scene.container(LISTED, "config.v2.json", &config);
    let told = scene.read(&known()).mounted.images;
    assert_eq!(told, [], "only where the list tells of a mount");
    let mount = ImageMount {
        image: "app:1".into(),
        destination: "/m".into(),
        folder: "/d/overlay2/f1/merged".into(),
    };
    let known = ListedIds {
        mounting: vec![(ContainerId::new(LISTED), vec![mount])],
        ..known()
    };
    let told = MountedImage {
        container: ContainerId::new(LISTED),
        destination: "/m".into(),
        image: ImageId::new("sha256:aa"),
    };
    assert_eq!(scene.read(&known).mounted.images, [told]);
}

#[test]
fn layers_of_mounts_are_found_however_their_names_are_made() {
    let scene = Scene::new();
    let hash = "4".repeat(64);
    for (name, folder, parent) in [
        (LISTED, "own", "sha256:base"),
        (&*format!("{LISTED}-app:1"), "f1", "sha256:one"),
        (&format!("{LISTED}-team"), "f2", ""),
        (&format!("{LISTED}-team/sub/app:1"), "f3", "sha256:three"),
        // Docker 29's, and one of a container that could not be made.
        (&hash, "f4", "sha256:four"),
        (&format!("{OTHER}-app:1"), "f5", "sha256:five"),
        // BuildKit's.
        ("k0v5qpl5wp8ikmkd6xqsmcbgl", "f6", "sha256:six"),
    ] {
        let at = format!("image/overlay2/layerdb/mounts/{name}");
        scene.write(&format!("{at}/mount-id"), folder);
        scene.write(&format!("{at}/parent"), parent);
    }
    let mut layers = scene.read(&known()).mounted.layers;
    layers.sort_by(|one, other| one.folder.cmp(&other.folder));
    let told: Vec<(&str, Option<&str>)> = layers
        .iter()
        .map(|it| (&*it.folder, it.parent.as_ref().map(ChainId::as_str)))
        .collect();
    assert_eq!(
        told,
        [
            ("f1", Some("sha256:one")),
            ("f2", None),
            ("f3", Some("sha256:three")),
            ("f4", Some("sha256:four")),
            ("f5", Some("sha256:five")),
        ]
    );
}
