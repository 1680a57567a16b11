use std::process::Command;

use super::*;

fn home() -> Home {
    Home {
        name: "web-3".into(),
        kernel: "6.1.0".into(),
        memory: 0,
        containerd: None,
    }
}

fn engine(root: &str, store: Store) -> EngineInfo {
    EngineInfo {
        root: root.into(),
        store,
        ..EngineInfo::default()
    }
}

fn answer(text: &str) -> Vec<Disk> {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let folders = home().folders(&engine("/d", Store::Containerd));
    read(&lines, &home(), &folders).disks
}

#[test]
fn each_filesystem_is_told_once() {
    let disks = answer(
        "name web-3\nkernel 6.1.0\n\
             folder 0\ndevice 64769\nblocks /dev/my disk 1000 700 200 78% /mnt/my disk\n\
             inodes /dev/my disk 50 20 30 40% /mnt/my disk\n\
             folder 1\ndevice 64769\nblocks /dev/my disk 1000 700 200 78% /mnt/my disk\ninodes \n\
             folder 4\ndevice 64770\nblocks pool/x 9000 0 9000 0% /var/lib/containerd\n\
             inodes pool/x 0 0 0 - /var/lib/containerd",
    );
    let disk = |path: &str, total, free, inodes_total, inodes_free| Disk {
        path: path.into(),
        total: Bytes(total),
        free: Bytes(free),
        inodes_total,
        inodes_free,
        holds: LAYERS,
        ..Disk::default()
    };
    assert_eq!(
        disks,
        [
            disk("/d", 1_024_000, 204_800, 50, 30),
            disk(CONTAINERD, 9_216_000, 9_216_000, 0, 0),
        ]
    );
}

#[test]
fn what_was_written_is_known_of_all_or_none() {
    let written = |own: &str, other: &str| {
        let lines = format!(
            "name web-3\nkernel 6.1.0\nfolder 0\ndevice 1\nblocks /dev/a 10 5 5 50% /\nwritten {own}\n\
                 folder 1\ndevice 1\nblocks /dev/a 10 5 5 50% /\nwritten {own}\n\
                 folder 4\ndevice 2\nblocks /dev/b 10 5 5 50% /b\nwritten {other}\nsynced yes"
        );
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        let folders = home().folders(&engine("/d", Store::Containerd));
        read(&lines, &home(), &folders).written
    };
    let statistics = |sectors: u64| format!("9 0 99 9 9 0 {sectors} 9 0 9 9");
    let (own, other) = (statistics(10), statistics(7));
    assert_eq!(written(&own, &other), Some(Bytes(17 * 512)));
    assert_eq!(written(&own, ""), None);
    assert_eq!(written("9 0 99", &other), None);
}

#[test]
fn without_numbers_of_devices_the_lines_tell_filesystems_apart() {
    let one = "device \nblocks /dev/a 10 5 5 50% /\ninodes /dev/a 10 5 5 50% /\n";
    let other = "device \nblocks /dev/b 10 5 5 50% /b\ninodes \n";
    let disks = answer(&format!(
        "name web-3\nkernel 6.1.0\nfolder 0\n{one}folder 1\n{one}folder 4\n{other}"
    ));
    let paths: Vec<&str> = disks.iter().map(|disk| &*disk.path).collect();
    assert_eq!(paths, ["/d", CONTAINERD]);
}

#[test]
fn another_machines_disks_are_not_the_engines() {
    let rest = "folder 0\ndevice 1\nblocks a 10 5 5 50% /\ninodes a 10 5 5 50% /";
    assert_eq!(answer(&format!("name mac\nkernel 6.1.0\n{rest}")), []);
    assert_eq!(answer(&format!("name web-3\nkernel 5.0\n{rest}")), []);
    assert_eq!(answer(rest), []);
    assert_eq!(
        answer(&format!("name web-3\nkernel 6.1.0\n{rest}")).len(),
        1
    );
    assert!(!Home::default().is(Some(""), Some("")));
}

#[test]
fn what_is_no_answer_is_no_disk() {
    for line in [
        "blocks df: /d: No such file or directory",
        "blocks a b c d",
        "blocks ",
        "blocks a 99999999999999999999 1 1 1% /",
        "blocks a 1 2 3 /",
    ] {
        let text = format!("name web-3\nkernel 6.1.0\nfolder 0\ndevice 1\n{line}\ninodes ");
        assert_eq!(answer(&text), [], "{line}");
    }
    assert_eq!(
        answer("name web-3\nkernel 6.1.0\nfolder 9\nblocks a 1 1 1 1% /"),
        []
    );
}

#[test]
fn only_a_path_goes_into_the_script() {
    for root in ["", "relative", "-h", "/a\nrm -rf b", "$(id)"] {
        assert_eq!(
            home().folders(&engine(root, Store::GraphDriver)),
            [],
            "{root}"
        );
    }
    let paths = |home: &Home| {
        let folders = home.folders(&engine("/a/", Store::Containerd));
        folders
            .into_iter()
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    let own = ["/a", "/a/containerd/daemon", "/a/volumes", "/a/containers"];
    assert_eq!(paths(&home()), [&own[..], &[CONTAINERD]].concat());
    let elsewhere = Home {
        containerd: Some("/tmp/x/containerd.sock".into()),
        ..home()
    };
    assert_eq!(paths(&elsewhere), own);
    let odd = EngineInfo {
        driver: "a; rm -rf b".into(),
        ..engine("/a", Store::GraphDriver)
    };
    assert_eq!(home().folders(&odd).len(), 3, "not the driver's");
}

/// Shells and tools as they are found here, at a folder with a name that is a command everywhere else.
#[test]
fn the_script_tells_what_the_system_tells() {
    let place = tempfile::tempdir().unwrap();
    let trap = place
        .path()
        .join("a'b $(touch pwned) `touch pwned`;touch pwned");
    std::fs::create_dir(&trap).unwrap();
    let folders = [trap.to_str().unwrap(), "/none"];
    let folders = folders.map(|path| (path.to_owned(), Places::ALL));
    let stat = rustix::fs::statvfs(&trap).unwrap();
    let system = Home {
        name: rustix::system::uname().nodename().to_str().unwrap().into(),
        kernel: rustix::system::uname().release().to_str().unwrap().into(),
        memory: 0,
        containerd: None,
    };
    for shell in [&["sh"][..], &["busybox", "sh"]] {
        let said = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &script(&folders, LookOrder::Synced)])
            .current_dir(place.path())
            .output();
        let Ok(said) = said else { continue };
        let text = String::from_utf8(said.stdout).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let DiskList { disks, written, .. } = read(&lines, &system, &folders);
        assert_eq!(disks.len(), 1, "{text}");
        // Both know it where the filesystem lies on a device; others write meanwhile.
        if let (Some(then), Some(now)) = (written, super::super::written(&disks)) {
            assert!(then <= now && !then.is_zero(), "{then} {now} {text}");
        }
        assert_eq!(&*disks[0].path, folders[0].0);
        // Of ext it is told what it keeps for root.
        let is_ext = rustix::fs::statfs(&trap).unwrap().f_type == crate::engine::host::disks::EXT;
        assert_eq!(
            disks[0].kept.is_zero(),
            !is_ext || stat.f_bfree == stat.f_bavail,
            "{text}"
        );
        assert_eq!(
            disks[0].total.0,
            stat.f_blocks * stat.f_frsize / 1024 * 1024,
            "{text}"
        );
        assert_eq!(disks[0].inodes_total, stat.f_files, "{text}");
        assert!(!place.path().join("pwned").exists());
    }
}
