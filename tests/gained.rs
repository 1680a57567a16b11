//! What the disk says has the last word: on filesystems of their own, whatever an engine's figures are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use libtest_mimic::Completion;
use serde_json::Value;

use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing, Podman, Programs};
use support::random::Random;
use support::scene::{Builder, Scene};
use support::small_disk::{Format, SmallDisk};
use support::{STATE, dtop, trial};

/// Bytes of the disks: sparse files, of which little is ever written.
const DISK: u64 = 3_000_000_000;

type Test = fn(&PrivateEngine, &SmallDisk);

/// Each with the filesystems that it is about.
const TESTS: &[(&str, &[Format], Test)] = &[
    (
        "images_of_small_files_go_until_the_disk_has_enough",
        &[Format::Ext4 { reserve: 0 }, Format::Xfs],
        images_of_small_files,
    ),
    (
        "three_runs_in_a_row_take_one_image",
        &[Format::Btrfs, Format::Xfs],
        three_runs_in_a_row,
    ),
    (
        "what_a_save_still_reads_goes_when_that_ends",
        &[Format::Ext4 { reserve: 0 }],
        an_image_that_is_being_saved,
    ),
    (
        "a_sparse_file_frees_nothing_and_meets_no_target",
        &[Format::Ext4 { reserve: 0 }, Format::Xfs, Format::Btrfs],
        a_sparse_file,
    ),
    (
        "what_the_disk_lacks_still_is_made_up_for",
        &[Format::Ext4 { reserve: 0 }],
        what_is_lacking_still,
    ),
];

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for (name, formats, test) in TESTS {
        for format in *formats {
            let run = move || match docker_on(*format) {
                Ok((engine, disk)) => {
                    test(&engine, &disk);
                    drop(engine);
                    drop(disk);
                    Ok(Completion::Completed)
                }
                Err(missing) => trial::without_engine(&missing),
            };
            let name = format!("{name}::{}", format.name());
            trials.push(trial::of(name, Length::Long, run));
        }
    }
    let podman = || {
        let disk = SmallDisk::of(Format::Ext4 { reserve: 0 }, 160 << 20);
        let started = disk.and_then(|disk| {
            let setup = Setup::Podman(Podman::installed()?);
            let engine = PrivateEngine::start_in(&setup, &[], disk.path())?;
            Ok((engine, disk))
        });
        match started {
            Ok((engine, disk)) => {
                podman_on_a_full_disk(&engine, &disk);
                drop(engine);
                drop(disk);
                Ok(Completion::Completed)
            }
            Err(missing) => trial::without_engine(&missing),
        }
    };
    let name = "what_podman_takes_off_its_list_on_a_full_disk_has_not_gone";
    trials.push(trial::of(name, Length::Long, podman));
    trial::run_waiting(trials, 2)
}

fn docker_on(format: Format) -> Result<(PrivateEngine, SmallDisk), Missing> {
    let disk = SmallDisk::of(format, DISK)?;
    let setup = Setup::Docker(newest()?, Store::GraphDriver);
    let driver = ["--storage-driver".to_owned(), "overlay2".to_owned()];
    let engine = PrivateEngine::start_in(&setup, &driver, disk.path())?;
    Ok((engine, disk))
}

/// The newest engine that there is.
fn newest() -> Result<Programs, Missing> {
    Programs::all().pop().unwrap_or_else(Programs::installed)
}

/// Runs dtop against an engine: its exit code, and what it says.
fn run(engine: &PrivateEngine, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", STATE);
    command.args(["-H", &engine.host()]).args(args);
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), said.0, said.1)
}

fn images(engine: &PrivateEngine) -> usize {
    let listed = engine.docker(&["images", "--format", "{{.Repository}}"]);
    listed
        .lines()
        .filter(|name| name.starts_with("app"))
        .count()
}

/// Somebody's `docker save` that is not read to its end holds the layers of an image that is not listed any more.
fn an_image_that_is_being_saved(engine: &PrivateEngine, disk: &SmallDisk) {
    let scene = Scene::on(engine);
    scene.import("app:1", |root| {
        fs::write(root.join("data"), Random::new(11).bytes(100_000_000)).expect("a file");
    });
    let mut saved = UnixStream::connect(engine.socket()).expect("the engine");
    let request = "GET /images/app:1/get HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
    saved.write_all(request.as_bytes()).expect("a request");
    let mut begun = [0; 4096];
    saved.read_exact(&mut begun).expect("the archive begins");
    sleep(Duration::from_secs(2));
    let before = disk.written().available();
    let (code, said, why) = run(engine, &["clean", "--images", "=app:1", "--yes", "--json"]);
    let object: Value = serde_json::from_str(&said).expect("one object");
    let gained = disk.written().available().saturating_sub(before);
    assert_eq!((code, images(engine)), (Some(0), 0), "{object}{why}");
    assert!(gained < 1_000_000, "{gained}: it does not hold it");
    assert!(object["freed"].as_u64() < Some(1_000_000), "{object}{why}");
    assert!(
        why.contains("a save, which gives it back when it ends"),
        "{why}"
    );
    assert!(!why.contains("something else"), "{why}");
    std::io::copy(&mut saved, &mut std::io::sink()).expect("the rest of it");
    drop(saved);
    sleep(Duration::from_secs(2));
    let gained = disk.written().available().saturating_sub(before);
    assert!(gained > 90_000_000, "{gained}: it came back");
}

/// A size that is so much more than what is free.
fn more(disk: &SmallDisk, bytes: u64) -> (u64, String) {
    let wanted = disk.settled().available() + bytes;
    (wanted, wanted.to_string())
}

/// Files of a hundred bytes take a block each: forty times what the engine says.
fn images_of_small_files(engine: &PrivateEngine, disk: &SmallDisk) {
    let scene = Scene::on(engine);
    for number in 0..5 {
        scene.import(&format!("app:{number}"), |root| {
            for file in 0..30_000_u32 {
                let folder = root.join((file / 1000).to_string());
                fs::create_dir_all(&folder).expect("a folder");
                let words = format!("{number} {file:090}");
                fs::write(folder.join(file.to_string()), words).expect("a file");
            }
        });
    }
    let (wanted, until) = more(disk, 100_000_000);
    let (code, said, why) = run(engine, &["clean", "--until-free", &until, "--yes"]);
    assert!(disk.written().available() >= wanted, "{said}{why}");
    assert_eq!((code, images(engine)), (Some(0), 4), "{said}{why}");
    assert!(!why.contains("something else"), "{why}");
}

/// Both give back later what was removed, or at once when they are synchronised.
fn three_runs_in_a_row(engine: &PrivateEngine, disk: &SmallDisk) {
    let scene = Scene::on(engine);
    for number in 0..4_u32 {
        scene.import(&format!("app:{number}"), |root| {
            fs::write(
                root.join("data"),
                Random::new(number.into()).bytes(100_000_000),
            )
            .expect("a file");
        });
    }
    let (wanted, until) = more(disk, 60_000_000);
    for round in 0..3 {
        let (code, said, why) = run(engine, &["clean", "--until-free", &until, "--yes"]);
        assert_eq!((code, images(engine)), (Some(0), 3), "{round}: {said}{why}");
        assert!(!why.contains("something else"), "{why}");
        assert_eq!(said.lines().count(), usize::from(round == 0), "{said}");
    }
    assert!(disk.written().available() >= wanted);
}

/// moby#5419: a container that wrote a `lastlog`, sixty gigabytes long and empty.
fn a_sparse_file(engine: &PrivateEngine, disk: &SmallDisk) {
    Scene::on(engine);
    let long = "busybox truncate -s 60G /lastlog";
    for name in ["lastlog", "another"] {
        let words = ["--network", "none", "--name", name, "base:1", "sh", "-c"];
        engine.docker(&[&["run"], &words[..], &[long]].concat());
    }
    let before = disk.written().available();
    disk.take(before - disk.total() * 3 / 10);
    sleep(Duration::from_secs(2));
    let line = ["clean", "--containers", "=lastlog", "--yes"];
    let until = [&line[..], &["--until-free", "45%"]].concat();
    let (code, said, why) = run(engine, &until);
    assert_eq!(code, Some(3), "{said}{why}");
    assert!(disk.written().available() * 100 < disk.total() * 45);
    for words in [&said, &why] {
        assert!(!words.contains("freed 64"), "{said}{why}");
        assert!(!words.contains("something else"), "{said}{why}");
    }
    sleep(Duration::from_secs(2));
    let line = ["clean", "--containers", "=another", "--yes", "--json"];
    let (code, said, why) = run(engine, &line);
    assert_eq!(code, Some(0), "{said}{why}");
    let object: Value = serde_json::from_str(&said).expect("one object");
    let freed = object["freed"].as_u64().expect("bytes");
    assert!(freed < 1_000_000, "{object}{why}");
    assert!(!why.contains("something else"), "{why}");
}

/// A layer of a long and empty file is promised first, as it has no name; the disk gains nothing of it.
fn what_is_lacking_still(engine: &PrivateEngine, disk: &SmallDisk) {
    let scene = Scene::on(engine);
    scene.import("app:1", |root| {
        fs::write(root.join("data"), Random::new(7).bytes(100_000_000)).expect("a file");
    });
    let sparse = |seek: u32| {
        let file = format!("RUN dd if=/dev/zero of=/{seek} bs=4096 count=1 seek={seek}");
        scene.build(
            Builder::BuildKit,
            "hole:1",
            &format!("FROM base:1\n{file}\n"),
        )
    };
    // The first loses its name to the second.
    sparse(262_143);
    sparse(262_144);
    engine.docker(&["tag", "hole:1", "kept:1"]);
    let (wanted, until) = more(disk, 60_000_000);
    let (code, said, why) = run(engine, &["clean", "--until-free", &until, "--yes"]);
    assert!(disk.written().available() >= wanted, "{said}{why}");
    assert_eq!((code, images(engine)), (Some(0), 0), "{said}{why}");
    assert!(!why.contains("something else"), "{why}");
}

/// Podman 4.3.1 answers 500, as it cannot write its list; the image is off the list all the same, its bytes stay, and
/// it is back when the service is started anew.
fn podman_on_a_full_disk(engine: &PrivateEngine, disk: &SmallDisk) {
    let scene = Scene::on(engine);
    scene.import("app:1", |root| {
        fs::write(root.join("data"), Random::new(3).bytes(8_000_000)).expect("a file");
    });
    fill(disk);
    let line = ["clean", "--images", "/app/", "--yes", "--json"];
    let (code, said, why) = run(engine, &line);
    let object: Value = serde_json::from_str(&said).expect("one object");
    let gained = disk.available();
    engine.kill();
    engine.start_again();
    let is_back = images_of_podman(engine) == 1;
    let done = &object["done"][0];
    if is_back {
        assert_eq!(
            (code, &done["outcome"]),
            (Some(3), &"failed".into()),
            "{object}{why}"
        );
        let words = done["error"].as_str().unwrap_or_default();
        assert!(words.contains("no space left on device"), "{object}");
        assert!(object["freed"].as_u64() < Some(1_000_000), "{object}");
        assert!(gained < 4_000_000, "{gained}");
    } else {
        assert_eq!(done["outcome"], "removed", "{object}{why}");
        assert!(gained > 4_000_000, "{gained}: {object}{why}");
    }
    // What this is about is what 4.3.1 does.
    assert!(
        is_back || !engine.podman(&["--version"]).contains("4.3.1"),
        "{object}"
    );
}

fn images_of_podman(engine: &PrivateEngine) -> usize {
    let list = engine.get("/images/json");
    let images = list.as_array().expect("a list").iter();
    let is_app = |image: &&Value| image["RepoTags"].to_string().contains("app:1");
    images.filter(is_app).count()
}

/// Takes the last byte.
fn fill(disk: &SmallDisk) {
    let mut piece = 1 << 20;
    let mut number = 0;
    while piece > 0 {
        let at: &Path = &disk.path().join(format!("filler-{number}"));
        number += 1;
        let Ok(mut file) = fs::File::create(at) else {
            break;
        };
        let zeros = vec![0; piece];
        while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
        piece /= 16;
    }
    assert_eq!(disk.available(), 0, "a full disk");
}
