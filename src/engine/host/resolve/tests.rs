use std::os::unix::fs::symlink;

use super::*;

const TABLE: &str = "\
1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
2 1 0:5 / /proc rw - proc proc rw
3 1 8:17 / /var/lib/docker rw - xfs /dev/sdb1 rw
4 1 8:1 /srv/app /mnt/my\\040app rw - ext4 /dev/sda1 rw
5 1 8:17 /volumes /backup rw - xfs /dev/sdb1 rw
6 1 0:44 / /net rw - nfs4 server:/x rw
7 3 8:1 /srv/data /var/lib/docker/volumes/named/_data rw - ext4 /dev/sda1 rw
";

#[test]
fn a_folder_that_is_mounted_twice_has_one_name() {
    let resolver = Resolver::new(TABLE);
    for (path, name) in [
        ("/srv/app/x", "/srv/app/x"),
        ("/mnt/my app/x", "/srv/app/x"),
        ("/mnt/my app", "/srv/app"),
        ("/mnt/my apps", "/mnt/my apps"),
        ("/backup/db/_data", "/var/lib/docker/volumes/db/_data"),
        ("/var/lib/docker", "/var/lib/docker"),
        ("/var/lib/docker/volumes/named/_data/x", "/srv/data/x"),
        ("/", "/"),
    ] {
        assert_eq!(resolver.canonical(path.to_owned()), name, "{path}");
    }
    assert!(resolver.mount_of("/net/x").is_some_and(|it| it.is_far));
    assert!(resolver.mount_of("/netz").is_some_and(|it| !it.is_far));
}

#[test]
fn links_are_followed_to_where_they_lead() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = fs::canonicalize(folder.path()).expect("a path");
    let at = at.to_str().expect("text").to_owned();
    fs::create_dir_all(format!("{at}/root/volumes/db/_data/deep")).expect("folders");
    symlink(format!("{at}/root"), format!("{at}/link")).expect("a link");
    symlink("link/volumes/db/_data/deep", format!("{at}/relative")).expect("a link");
    symlink("two", format!("{at}/one")).expect("a link");
    symlink("one", format!("{at}/two")).expect("a link");
    let db = format!("{at}/root/volumes/db/_data");
    let mountpoint = Text::from(format!("{at}/link/volumes/db/_data"));
    let asked = [
        "link/volumes/db/_data/",
        "relative",
        "relative/../x",
        "one",
        "not/there",
        "root",
    ];
    let asked: Vec<String> = asked.iter().map(|it| format!("{at}/{it}")).collect();
    let resolved = resolve(&Asked {
        binds: vec![Paths::new(asked.iter().map(String::as_str))],
        devices: Vec::new(),
        mountpoints: vec![mountpoint.clone()],
    });
    let to = |path: &str| resolved.get(path).map(|it| &**it);
    assert_eq!(to(&asked[0]), Some(&*db));
    assert_eq!(to(&asked[1]), Some(&*format!("{db}/deep")));
    assert_eq!(to(&asked[2]), Some(&*format!("{db}/x")));
    for same in &asked[3..] {
        assert_eq!(to(same), None, "{same}");
    }
    assert_eq!(to(&mountpoint), Some(&*db));
}
