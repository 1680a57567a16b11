use super::*;

#[test]
fn what_is_remembered_has_a_place_without_a_home_too() {
    let of = |state: &'static str, home: &'static str| {
        state_of(move |name| match name {
            "XDG_STATE_HOME" => Some(state.into()),
            _ => Some(home.into()),
        })
    };
    let folder = |text: &str| Some(PathBuf::from(text));
    assert_eq!(of("/s", "/h"), folder("/s/dtop"));
    assert_eq!(of("", "/h"), folder("/h/.local/state/dtop"));
    assert_eq!(of("s", "/h"), folder("/h/.local/state/dtop"));
    let listed = listed_home(Path::new("/etc/passwd")).expect("a home");
    let own = listed.join(".local/state/dtop");
    assert_eq!(of("", ""), Some(own.clone()));
    assert_eq!(of("", "h"), Some(own.clone()));
    assert_eq!(state_of(|_| None), Some(own));
}

#[test]
fn lines_of_a_list_that_are_no_text_are_no_hindrance() {
    let users = tempfile::NamedTempFile::new().unwrap();
    let uid = rustix::process::getuid().as_raw();
    let lines = [
        &b"caf\xe9:x:77777:1::/nowhere:/bin/sh\n"[..],
        b"short:line\n",
        format!("me:x:{uid}:1:Me:/home/m\u{e9}:/bin/sh\n").as_bytes(),
    ]
    .concat();
    std::fs::write(users.path(), lines).unwrap();
    let home = listed_home(users.path());
    assert_eq!(home, Some(PathBuf::from("/home/m\u{e9}")));
}
