use super::*;

#[test]
fn paths_are_kept_once_and_only_such() {
    let paths = Paths::new(["/b", "/a", "/b", "c:/x", "", "rel", "/"]);
    assert_eq!(paths.iter().collect::<Vec<_>>(), ["/", "/a", "/b"]);
    assert!(!paths.is_empty());
    assert!(Paths::new(["x"]).is_empty());
    assert_eq!(Paths::new([]).iter().count(), 0);
    assert_eq!(Paths::default(), Paths::new([""]));
}

#[test]
fn a_path_is_compared_as_it_should_have_been_written() {
    for (path, written) in [
        ("/v/db/_data", Some("/v/db/_data")),
        ("//v/./db//_data/", Some("/v/db/_data")),
        ("/v/db/_data/.", Some("/v/db/_data")),
        ("/", Some("/")),
        ("//", Some("/")),
        ("/.", Some("/")),
        ("/v/..hidden/.x/...", Some("/v/..hidden/.x/...")),
        ("/v/x/../db", None),
        ("/..", None),
        ("v/db", None),
        ("", None),
    ] {
        assert_eq!(plain(path).as_deref(), written, "{path}");
    }
    assert!(matches!(plain("/v/db"), Some(Cow::Borrowed(_))));
}

#[test]
fn the_folders_above_a_path_end_with_the_root() {
    let above: Vec<&str> = upwards("/v/db/_data").collect();
    assert_eq!(above, ["/v/db/_data", "/v/db", "/v", "/"]);
    assert_eq!(upwards("/").collect::<Vec<_>>(), ["/"]);
}
