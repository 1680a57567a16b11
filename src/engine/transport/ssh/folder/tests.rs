use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn it_is_private_and_goes_with_its_owner() {
    let place = tempfile::tempdir().unwrap();
    let (one, two) = (
        SocketFolder::below(place.path()).unwrap(),
        SocketFolder::below(place.path()).unwrap(),
    );
    let mode = fs::metadata(&one.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    fs::write(one.control(), "").unwrap();
    let path = one.0.clone();
    drop(one);
    assert!(!path.exists() && two.0.exists());
}

#[test]
fn what_a_killed_program_left_goes_and_nothing_else_does() {
    let place = tempfile::tempdir().unwrap();
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let names = [
        (format!("dtop-{}-1a", ended.id()), false),
        (format!("dtop-{}-1a", std::process::id()), true),
        ("dtop-notes-1a".to_owned(), true),
        (format!("other-{}-1a", ended.id()), true),
    ];
    for (name, _) in &names {
        let path = place.path().join(name);
        DirBuilder::new().mode(MODE).create(&path).unwrap();
        std::os::unix::net::UnixListener::bind(path.join("m")).unwrap();
        let pipe = path.join("l");
        rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RUSR).unwrap();
    }
    let notes = place.path().join(format!("dtop-{}-11-21", ended.id()));
    DirBuilder::new().mode(MODE).create(&notes).unwrap();
    std::os::unix::net::UnixListener::bind(notes.join("m")).unwrap();
    fs::write(notes.join("postgres.tar"), "a copy").unwrap();
    let link = place.path().join(format!("dtop-{}-2b", ended.id()));
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    sweep(place.path());
    for (name, stays) in names {
        assert_eq!(place.path().join(&name).exists(), stays, "{name}");
    }
    assert!(fs::symlink_metadata(link).is_ok());
    assert!(notes.join("postgres.tar").exists() && notes.join("m").exists());
}

#[test]
fn a_long_an_odd_and_a_missing_place_are_no_places() {
    let place = tempfile::tempdir().unwrap();
    let long = place.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    assert!(SocketFolder::below(&long).is_err());
    assert!(SocketFolder::below(&place.path().join("none")).is_err());
    for odd in ["a%h", "a$HOME", "a:b", "a b"] {
        let odd = place.path().join(odd);
        fs::create_dir(&odd).unwrap();
        assert!(SocketFolder::below(&odd).is_err(), "{}", odd.display());
    }
}
