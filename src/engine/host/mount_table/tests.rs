use super::*;

fn table(list: &str) -> MountTable {
    MountTable::read(list.as_bytes().split(|byte| *byte == b'\n'))
}

const MOUNTS: &str = "\
22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
30 22 8:17 / /data rw - ext4 /dev/sdb1 rw
31 22 8:17 /engine /var/lib/docker rw - ext4 /dev/sdb1 rw
32 31 8:33 / /var/lib/docker/volumes rw - xfs /dev/sdc1 rw
33 32 0:40 / /var/lib/docker/volumes/x/_data rw - nfs 10.0.0.1:/x rw
34 31 8:17 /engine/overlay2 /var/lib/docker/overlay2 rw - ext4 /dev/sdb1 rw
35 22 0:41 / /mnt/a\\040b rw - tmpfs tmpfs rw
not a line
";

#[test]
fn a_path_lies_on_the_longest_and_last_mount() {
    let table = table(MOUNTS);
    let point = |path: &str| table.holding(Path::new(path)).unwrap().point().to_owned();
    assert_eq!(point("/var/lib/docker"), Path::new("/var/lib/docker"));
    assert_eq!(
        point("/var/lib/docker/volumes/y"),
        Path::new("/var/lib/docker/volumes")
    );
    assert_eq!(point("/var/lib/docker-old"), Path::new("/"));
    assert_eq!(point("/mnt/a b/c"), Path::new("/mnt/a b"));
    let source = |path: &str| table.holding(Path::new(path)).unwrap().source().to_owned();
    assert_eq!(source("/"), Path::new("/dev/sda1"));
    assert_eq!(source("/mnt/a b/c"), Path::new("tmpfs"));
    assert_eq!(table.0.len(), 7);
    let root = Path::new("/var/lib/docker");
    let below: Vec<&Path> = table.right_below(root).map(Mount::point).collect();
    assert_eq!(below, [root.join("volumes"), root.join("overlay2")]);
}

#[test]
fn a_filesystem_can_be_found_at_other_points() {
    let table = table(MOUNTS);
    let own = table
        .holding(Path::new("/var/lib/docker/overlay2/x"))
        .unwrap();
    let points: Vec<&Path> = table.points(own).collect();
    assert_eq!(points[..2], [own.point(), Path::new("/data")]);
    assert!(own.shares_disk(table.holding(Path::new("/var/lib/docker")).unwrap()));
}

#[test]
fn another_view_of_a_folder_is_known() {
    let (ours, root) = (table(MOUNTS), Path::new("/var/lib/docker"));
    // IDs are a namespace's own.
    assert!(ours.agrees_on(&table(&MOUNTS.replace("31 22", "631 622")), root));
    // A container's own volume on the same disk, and another disk.
    assert!(!ours.agrees_on(
        &table(&MOUNTS.replace("/engine ", "/volumes/y/_data ")),
        root
    ));
    assert!(!ours.agrees_on(&table(&MOUNTS.replace("31 22 8:17", "31 22 8:49")), root));
}
