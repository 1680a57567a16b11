use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::engine::Gate;

const ID: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

fn open(dir: &TempDir) -> Root {
    Root::open(dir.path().to_str().unwrap().into()).unwrap()
}

fn empty(order: &LogOrder) -> io::Result<(Bytes, Option<io::Error>)> {
    let permit = Gate::new(false).pass(String::new).unwrap();
    truncate(order, permit)
}

fn own(dir: &TempDir) -> std::path::PathBuf {
    let own = dir.path().join("containers").join(ID);
    std::fs::create_dir_all(&own).unwrap();
    own
}

fn order(dir: &TempDir, path: &Path) -> LogOrder {
    std::fs::write(dir.path().join("engine-id"), "that very engine").unwrap();
    LogOrder {
        container: ContainerId::new(ID),
        path: Some(path.to_str().unwrap().into()),
        bounded: false,
        engine: Arc::new(EngineInfo {
            host: "unix:///somewhere".into(),
            root: dir.path().to_str().unwrap().into(),
            engine_id: "that very engine".into(),
            ..EngineInfo::default()
        }),
        known: ListedIds::default(),
    }
}

#[test]
fn logs_are_all_files_of_the_drivers_that_keep_some_here() {
    let dir = TempDir::new().unwrap();
    let own = own(&dir);
    std::fs::create_dir_all(own.join("local-logs")).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log")), [0; 100]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log.1")), [0; 20]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log.2.gz")), [0; 3]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log-20261101")), [0; 9000]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log-20261031.gz")), [0; 5]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.logger")), [0; 70]).unwrap();
    std::fs::write(own.join("container-cached.log"), [0; 1000]).unwrap();
    std::fs::write(own.join("local-logs/container.log.1"), [0; 5000]).unwrap();
    std::fs::write(own.join("config.v2.json"), [0; 7_000]).unwrap();
    symlink("/etc/passwd", own.join("container-cached.log.1")).unwrap();
    let linked = own.join("container-cached.log.2");
    std::fs::write(&linked, [0; 9_000]).unwrap();
    std::fs::hard_link(&linked, own.join("other")).unwrap();
    let found = logs(&open(&dir), "overlay2", &ContainerId::new(ID)).unwrap();
    let taken = |names: &[&str]| -> Bytes {
        let blocks = |name: &&str| {
            let of = std::fs::metadata(own.join(name.replace("ID", ID))).unwrap();
            Bytes(std::os::unix::fs::MetadataExt::blocks(&of) * 512)
        };
        names.iter().map(blocks).sum()
    };
    let written = taken(&["ID-json.log"]);
    let aside = taken(&["ID-json.log.1", "ID-json.log-20261101"]);
    let packed = taken(&["ID-json.log.2.gz", "ID-json.log-20261031.gz"]);
    let others = taken(&["container-cached.log", "local-logs/container.log.1"]);
    let expected = LogFiles {
        size: Bytes(6123 + 9005),
        blocks: written + aside + packed + others,
        written,
        aside,
        packed,
        rotated: 5,
    };
    assert_eq!(found, expected);
    for id in ["..", "../containers", "", "none"] {
        logs(&open(&dir), "overlay2", &ContainerId::new(id)).unwrap_err();
    }
}

#[test]
fn podman_keeps_logs_elsewhere() {
    let dir = TempDir::new().unwrap();
    let own = dir
        .path()
        .join("overlay-containers")
        .join(ID)
        .join("userdata");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("ctr.log"), [0; 42]).unwrap();
    let found = logs(&open(&dir), "overlay", &ContainerId::new(ID)).unwrap();
    assert_eq!((found.size, found.written), (Bytes(42), Bytes::ZERO));
}

#[test]
fn a_container_that_never_ran_has_no_log_to_empty() {
    let dir = TempDir::new().unwrap();
    let own = own(&dir);
    let never = LogOrder {
        path: None,
        ..order(&dir, &own)
    };
    assert_eq!(empty(&never).unwrap().0, Bytes::ZERO);
    // What lies there all the same is not known to be its log.
    let log = own.join(format!("{ID}-json.log"));
    std::fs::write(&log, [0; 100]).unwrap();
    empty(&never).unwrap_err();
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 100);
}

#[test]
fn a_log_is_emptied_in_place_and_what_is_compressed_stays() {
    let dir = TempDir::new().unwrap();
    let own = own(&dir);
    let log = own.join(format!("{ID}-json.log"));
    std::fs::write(&log, [0; 100]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log.1")), [0; 20]).unwrap();
    std::fs::write(own.join(format!("{ID}-json.log.2.gz")), [0; 3]).unwrap();
    std::fs::write(own.join("config.v2.json"), [0; 7]).unwrap();
    let length = |name: &str| std::fs::metadata(own.join(name)).unwrap().len();
    let bounded = LogOrder {
        bounded: true,
        ..order(&dir, &log)
    };
    let dated = format!("{ID}-json.log-20261101");
    std::fs::write(own.join(&dated), [0; 9000]).unwrap();
    let blocks = |name: &str| {
        let of = std::fs::metadata(own.join(name)).unwrap();
        Bytes(std::os::unix::fs::MetadataExt::blocks(&of) * 512)
    };
    let (first, second) = (format!("{ID}-json.log"), format!("{ID}-json.log.1"));
    let aside = blocks(&second) + blocks(&dated);
    assert_eq!(empty(&bounded).unwrap().0, aside);
    assert_eq!(length(&dated), 0);
    assert_eq!(length(&format!("{ID}-json.log")), 100);
    std::fs::write(own.join(format!("{ID}-json.log.1")), [0; 20]).unwrap();
    let all = blocks(&first) + blocks(&second);
    let (freed, failure) = empty(&order(&dir, &log)).unwrap();
    assert!(failure.is_none());
    assert_eq!(freed, all);
    assert_eq!(length(&format!("{ID}-json.log")), 0);
    assert_eq!(length(&format!("{ID}-json.log.1")), 0);
    assert_eq!(length(&format!("{ID}-json.log.2.gz")), 3);
    assert_eq!(length("config.v2.json"), 7);
}

#[test]
fn nothing_but_the_containers_own_log_is_emptied() {
    let dir = TempDir::new().unwrap();
    let own = own(&dir);
    let log = own.join(format!("{ID}-json.log"));
    let elsewhere = dir.path().join("precious");
    std::fs::write(&elsewhere, "precious").unwrap();
    let refused = |order: &LogOrder| {
        empty(order).unwrap_err();
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"precious");
    };
    symlink(&elsewhere, &log).unwrap();
    refused(&order(&dir, &log));
    std::fs::remove_file(&log).unwrap();
    std::fs::hard_link(&elsewhere, &log).unwrap();
    refused(&order(&dir, &log));
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&log, "a line").unwrap();
    refused(&order(&dir, &elsewhere));
    refused(&order(&dir, &own.join("../precious")));
    refused(&LogOrder {
        path: None,
        ..order(&dir, &log)
    });
    let mut another = order(&dir, &log);
    Arc::make_mut(&mut another.engine).engine_id = "another engine".into();
    refused(&another);
    let mut another = order(&dir, &log);
    Arc::make_mut(&mut another.engine).host = "tcp://web-3:2375".into();
    refused(&another);
    std::fs::remove_dir_all(&own).unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(format!("{ID}-json.log")), "a line").unwrap();
    symlink(folder.path(), &own).unwrap();
    refused(&order(&dir, &log));
    assert_eq!(std::fs::read(log).unwrap(), b"a line");
}
