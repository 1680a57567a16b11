use super::encoded;

#[test]
fn names_are_parts_of_a_path_and_nothing_else() {
    for (name, path) in [
        ("sha256:1f", "sha256:1f"),
        ("reg:5000/a/b:1.0_x", "reg:5000/a/b:1.0_x"),
        ("a@sha256:1", "a@sha256:1"),
        ("a?force=1", "a%3Fforce%3D1"),
        ("a b#c%", "a%20b%23c%25"),
        ("é", "%C3%A9"),
    ] {
        assert_eq!(encoded(name).unwrap(), path);
    }
    for bad in ["", "..", "a/../b", "/a", "a//b", "./a"] {
        assert!(encoded(bad).is_err(), "{bad}");
    }
}
