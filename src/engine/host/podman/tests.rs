use tempfile::TempDir;

use super::*;

/// Returns a root with these lists, as Podman 4.3.1 writes them.
fn root(layers: &str, containers: &str) -> (TempDir, Root) {
    let dir = TempDir::new().unwrap();
    for (kind, list) in [("layers", layers), ("containers", containers)] {
        let folder = dir.path().join(notes("overlay", kind));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(format!("{kind}.json")), list).unwrap();
    }
    let root = Root::open(dir.path().to_str().unwrap().into()).unwrap();
    (dir, root)
}

fn listed(layers: &str, containers: &str) -> Option<Vec<StoredLayer>> {
    let (_dir, root) = root(layers, containers);
    let mut found = super::layers(&root, "overlay")?;
    found.sort_by(|a, b| a.folder.cmp(&b.folder));
    Some(found)
}

const D1: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const D2: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

fn layer(id: &str, parent: &str, diff: &str, size: i64) -> String {
    format!(r#"{{"id":"{id}","parent":"{parent}","diff-digest":"{diff}","diff-size":{size}}}"#)
}

#[test]
fn layers_have_the_chain_ids_that_images_tell_of() {
    let (low, high) = (layer("a", "", D1, 7), layer("b", "a", D2, 0));
    // The one that a container writes to has no digest, or is named by the container.
    let written = r#"{"id":"w","parent":"b"}"#;
    let also = layer("x", "b", D1, 5);
    let containers = r#"[{"id":"c","layer":"w"},{"id":"d","layer":"x"}]"#;
    let found = listed(&format!("[{high},{written},{also},{low}]"), containers);
    let base = ChainId::new(D1);
    let expected = [
        StoredLayer {
            chain: base.clone(),
            parent: None,
            diff_id: D1.into(),
            folder: "a".into(),
            size: Some(Bytes(7)),
        },
        StoredLayer {
            chain: chain_id(Some(&base), D2),
            parent: Some(base),
            diff_id: D2.into(),
            folder: "b".into(),
            size: None,
        },
    ];
    assert_eq!(found.unwrap(), expected);
}

/// Copies for other users' IDs have the same chain: what goes with the image is not one folder.
#[test]
fn a_layer_that_is_there_twice_has_no_folder() {
    let rows = [
        layer("a", "", D1, 7),
        layer("b", "a", D2, 7),
        layer("c", "a", D2, 7),
        layer("e", "c", D1, 7),
    ];
    let found = listed(&format!("[{}]", rows.join(",")), "[]").unwrap();
    let folders: Vec<&str> = found.iter().map(|it| &*it.folder).collect();
    assert_eq!(folders, ["", "a", "e"]);
}

#[test]
fn what_hangs_in_the_air_or_in_itself_is_left_out() {
    let rows = [
        layer("a", "b", D1, 7),
        layer("b", "a", D2, 7),
        layer("c", "gone", D2, 7),
        layer("d", "c", D1, 7),
        layer("e", "", "", 7),
        layer("f", "e", D1, 7),
        layer("g", "", D2, 7),
    ];
    let found = listed(&format!("[{}]", rows.join(",")), "[]").unwrap();
    let folders: Vec<&str> = found.iter().map(|it| &*it.folder).collect();
    assert_eq!(folders, ["g"]);
    assert_eq!(listed("no list", "[]"), None);
}
