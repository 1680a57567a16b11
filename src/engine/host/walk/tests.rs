use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::CWD;
use rustix::process::{Uid, geteuid};
use tempfile::TempDir;

use super::*;
use crate::domain::store::disk_usage::{FileId, HardLink};
use crate::engine::host::leash::CancelGuard;

fn open(path: &Path) -> OwnedFd {
    openat(CWD, path, OFlags::DIRECTORY | base_flags(), Mode::empty()).unwrap()
}

fn walk_with(path: &Path, mounts: Option<&MountTree>) -> WalkResult {
    let (walker, linked) = (Walker::default(), Mutex::default());
    let walk = Walk {
        walker: &walker,
        mounts,
        linked: &linked,
        look: LookAt::All,
    };
    walk.below(open(path)).unwrap()
}

fn walk(path: &Path) -> WalkResult {
    walk_with(path, None)
}

/// Returns what `du` says: blocks of files and folders, and lengths without folders.
fn du(path: &Path) -> Taken {
    let mut taken = Taken::default();
    let mut seen = HashSet::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let of = fs::symlink_metadata(&path).unwrap();
        if of.nlink() > 1 && !of.is_dir() && !seen.insert(of.ino()) {
            continue;
        }
        taken.blocks += Bytes(of.blocks() * 512);
        if of.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
        } else {
            taken.length += Bytes(of.len());
        }
    }
    taken
}

#[test]
fn all_files_and_folders_count_once_as_du_counts_them() {
    let dir = TempDir::new().unwrap();
    let top = dir.path();
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::create_dir_all(top.join("c")).unwrap();
    fs::write(top.join("a/file"), [1; 10_000]).unwrap();
    fs::write(top.join("a/b/small"), [1; 10]).unwrap();
    fs::hard_link(top.join("a/file"), top.join("c/file")).unwrap();
    symlink("/etc", top.join("c/link")).unwrap();
    symlink("x".repeat(200), top.join("c/long-link")).unwrap();
    let sparse = fs::File::create(top.join("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let found = walk(top);
    assert_eq!(found.taken, du(top));
    assert_eq!(found.entries, 9);
    assert!(!found.is_crossed && found.unread.is_empty());
}

/// More entries than are read at once, in folders enough for a few threads.
#[test]
fn threads_count_what_one_counts() {
    let dir = TempDir::new().unwrap();
    let mut entries = 0;
    for folder in 0..60 {
        let path = dir.path().join(folder.to_string());
        fs::create_dir(&path).unwrap();
        let files = if folder == 7 { BATCH + 500 } else { 40 };
        for file in 0..files {
            fs::write(path.join(file.to_string()), vec![1; file % 50]).unwrap();
        }
        fs::hard_link(path.join("39"), dir.path().join(format!("link-{folder}"))).unwrap();
        entries += 2 + files as u64;
    }
    let expected = du(dir.path());
    for _ in 0..5 {
        let found = walk(dir.path());
        assert_eq!((found.taken, found.entries), (expected, entries));
    }
    // From the first folder on.
    let (walker, linked) = (Walker::default(), Mutex::default());
    let walk = Walk {
        walker: &walker,
        mounts: None,
        linked: &linked,
        look: LookAt::All,
    };
    let (crew, top) = (Crew::default(), open(dir.path()));
    let mut first = Descent::new(&walk, &crew, fstat(&top).unwrap().st_dev);
    crew.join();
    let (path, mounts) = (OsString::new(), None);
    first
        .enter(Job {
            folder: top,
            path,
            mounts,
        })
        .unwrap();
    let mut found = WalkResult::default();
    walk.share(&crew, &mut first, &mut found).unwrap();
    found.add(first.found);
    assert_eq!(found.entries, entries);
}

/// The way back up leads over folders that were closed, each with entries before and behind the way down.
#[test]
fn a_way_down_is_as_long_as_it_is_and_keeps_few_folders_open() {
    let dir = TempDir::new().unwrap();
    let mut path = dir.path().to_owned();
    for _ in 0..150 {
        for name in ["a", "z"] {
            fs::create_dir(path.join(name)).unwrap();
            fs::write(path.join(name).join("file"), [1; 100]).unwrap();
        }
        path.push("m");
        fs::create_dir(&path).unwrap();
    }
    assert_eq!(walk(dir.path()).taken, du(dir.path()));
    scene::deep(&path, 2000, 77);
    // Other tests open and close files of theirs in this process meanwhile.
    let opened = || {
        let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let links = all.filter_map(|it| fs::read_link(it.path()).ok());
        links.filter(|it| it.starts_with(dir.path())).count()
    };
    let found = walk(dir.path());
    assert_eq!(found.entries, 150 * 5 + 2001);
    assert_eq!(found.taken.length, Bytes(150 * 200 + 77));
    assert_eq!(opened(), 0);
    assert!(found.unread.is_empty(), "{:?}", found.unread);
}

#[test]
fn a_folder_that_was_moved_away_costs_what_is_above_it_and_is_told() {
    let dir = TempDir::new().unwrap();
    let mut path = dir.path().join("top");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("kept"), [1; 5]).unwrap();
    for depth in 0..OPEN + 10 {
        path.push("m");
        fs::create_dir(&path).unwrap();
        fs::create_dir(path.join(format!("z{depth}"))).unwrap();
    }
    let (walker, linked, crew) = (Walker::default(), Mutex::default(), Crew::default());
    let walk = Walk {
        walker: &walker,
        mounts: None,
        linked: &linked,
        look: LookAt::All,
    };
    let top = open(&dir.path().join("top"));
    let mut descent = Descent::new(&walk, &crew, fstat(&top).unwrap().st_dev);
    let (path, mounts) = (OsString::new(), None);
    descent
        .enter(Job {
            folder: top,
            path,
            mounts,
        })
        .unwrap();
    while descent.closed < 5 {
        descent.go_on(Some(Instant::now())).unwrap();
    }
    let below = dir.path().join("top/m/m/m/m");
    fs::rename(below, dir.path().join("elsewhere")).unwrap();
    assert!(descent.go_on(None).unwrap());
    assert_eq!(descent.found.taken.length, Bytes(5));
    let unread: Vec<_> = descent.found.unread.iter().map(|it| &it.path).collect();
    assert!(unread.iter().all(|it| it.starts_with("m")), "{unread:?}");
    assert!(unread.len() <= 1);
}

#[test]
fn a_folder_that_may_not_be_read_costs_only_itself() {
    let dir = TempDir::new().unwrap();
    let top = dir.path().join("top");
    for name in ["a", "closed/in/it", "z"] {
        fs::create_dir_all(top.join(name)).unwrap();
        fs::write(top.join(name).join("file"), [1; 100]).unwrap();
    }
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(dir.path(), 0o755).unwrap();
    mode(&top.join("closed/in"), 0o000).unwrap();
    let found = std::thread::scope(|scope| {
        let nobody = || {
            if geteuid().is_root() {
                // Of this thread alone.
                rustix::thread::set_thread_uid(Uid::from_raw(65_534)).unwrap();
            }
            walk(&top)
        };
        scope.spawn(nobody).join().unwrap()
    });
    mode(&top.join("closed/in"), 0o755).unwrap();
    assert_eq!(found.taken.length, Bytes(200));
    let unread: Vec<_> = found.unread.iter().map(|it| &*it.path).collect();
    assert_eq!(unread, [Path::new("closed/in")]);
    let inside = du(&top.join("closed/in/it"));
    assert_eq!(found.taken.blocks, du(&top).blocks - inside.blocks);
}

/// A mount point that is known beforehand is not asked for anything: here it would tell that it is there.
#[test]
fn what_is_mounted_is_left_out_and_not_touched() {
    let dir = TempDir::new().unwrap();
    for name in ["mounted", "same/name/mounted"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("file"), [1; 1000]).unwrap();
    }
    let list = format!("1 1 0:1 / {}/mounted rw - nfs x rw", dir.path().display());
    let tree = MountTree::of(list.as_bytes(), dir.path());
    let found = walk_with(dir.path(), Some(&tree));
    assert!(found.is_crossed);
    assert_eq!((found.taken.length, found.entries), (Bytes(1000), 4));
    let without = du(dir.path()).blocks - du(&dir.path().join("mounted")).blocks;
    assert_eq!(found.taken.blocks, without);
}

/// A real one, where they can be made: it is told by its device even where nobody knew of it.
#[test]
fn another_filesystem_is_left_out() {
    let dir = TempDir::new().unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let run = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(words)
            .arg(&inner)
            .output()
            .is_ok_and(|it| it.status.success())
    };
    if !run("mount", &["-t", "tmpfs", "tmpfs"]) {
        return;
    }
    fs::write(inner.join("file"), [1; 1000]).unwrap();
    let found = walk(dir.path());
    let known = MountTree::below(&dir.path().canonicalize().unwrap());
    let avoided = walk_with(dir.path(), Some(&known));
    run("umount", &[]);
    for found in [found, avoided] {
        assert!(found.is_crossed);
        assert_eq!(found.taken.length, Bytes::ZERO);
    }
    assert!(
        known
            .at(Path::new("inner"))
            .is_some_and(MountTree::is_mount)
    );
}

#[test]
fn a_walk_ends_in_the_middle_of_it() {
    let dir = TempDir::new().unwrap();
    scene::deep(dir.path(), 1000, 1);
    let (leash, linked) = (CancelGuard::default(), Mutex::default());
    let (walker, crew) = (leash.walker(), Crew::default());
    let walk = Walk {
        walker: &walker,
        mounts: None,
        linked: &linked,
        look: LookAt::All,
    };
    let top = open(dir.path());
    let mut descent = Descent::new(&walk, &crew, fstat(&top).unwrap().st_dev);
    let (path, mounts) = (OsString::new(), None);
    descent
        .enter(Job {
            folder: top,
            path,
            mounts,
        })
        .unwrap();
    while descent.frames.len() < 100 {
        descent.go_on(Some(Instant::now())).unwrap();
    }
    drop(leash);
    descent.go_on(None).unwrap_err();
    assert!(!descent.frames.is_empty());
}

#[test]
fn of_a_file_with_more_names_than_were_met_something_is_left() {
    let dir = TempDir::new().unwrap();
    let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&inside).unwrap();
    fs::write(&outside, [1; 5000]).unwrap();
    fs::hard_link(&outside, inside.join("one")).unwrap();
    fs::hard_link(&outside, inside.join("two")).unwrap();
    let (walker, linked) = (Walker::default(), Mutex::default());
    let walk = Walk {
        walker: &walker,
        mounts: None,
        linked: &linked,
        look: LookAt::All,
    };
    let found = walk.below(open(&inside)).unwrap();
    assert_eq!(found.taken.length, Bytes(5000));
    let (links, beyond) = linked.into_inner().unwrap().rest(7);
    let of = fs::metadata(&outside).unwrap();
    let expected = HardLink {
        file: FileId {
            device: 7,
            inode: of.ino(),
        },
        names: 3,
        found: 2,
        blocks: Bytes(of.blocks() * 512),
        shareable: Bytes::ZERO,
    };
    assert_eq!((&*links, beyond), (&[expected][..], Bytes::ZERO));
}
