use super::*;

const MOUNTS: &[u8] = b"\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /var/lib/docker rw - xfs /dev/sdb rw
31 30 0:27 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw
32 30 0:28 / /var/lib/docker/volumes/of\\040mine/_data rw - nfs 10.0.0.1:/x rw
33 30 0:29 / /var/lib/docker-old/volumes/x rw - nfs 10.0.0.1:/x rw
";

#[test]
fn mount_points_below_a_folder_are_known_by_their_way_to_it() {
    let tree = MountTree::of(MOUNTS, Path::new("/var/lib/docker"));
    assert!(!tree.is_mount());
    let merged = tree.at(Path::new("overlay2/abc/merged")).unwrap();
    assert!(merged.is_mount());
    assert!(!tree.at(Path::new("overlay2/abc")).unwrap().is_mount());
    assert!(tree.at(Path::new("overlay2/other")).is_none());
    let crossed = |path: &str| tree.is_crossed_by(Path::new(path));
    assert!(crossed("volumes/of mine/_data") && crossed("volumes/of mine/_data/below"));
    assert!(!crossed("volumes/of mine") && !crossed("volumes/x") && !crossed(""));
    assert!(MountTree::of(b"", Path::new("/")).inner.is_empty());
}

#[test]
fn what_is_no_octal_number_stands_for_itself() {
    for (escaped, path) in [
        ("/a\\040b\\134c", "/a b\\c"),
        ("/a\\0", "/a\\0"),
        ("/\\999x", "/\\999x"),
        ("", ""),
    ] {
        assert_eq!(unescaped(escaped.as_bytes()), Path::new(path));
    }
}
