use super::*;

#[test]
fn an_option_that_is_not_known_goes_with_all_that_came_later() {
    let words = |known: KnownOptions| known.words(&Target::default(), Use::Shell).join(" ");
    let newest = KnownOptions::default();
    assert!(words(newest).contains("StdinNull=no"));
    let said = "command-line: line 0: Bad configuration option: ForkAfterAuthentication";
    let older = newest.after(said).unwrap();
    assert!(words(older).contains("RemoteCommand=none"));
    for option in ["SessionType", "StdinNull", "ForkAfter"] {
        assert!(!words(older).contains(option), "{option}");
    }
    // An option of the user's is the user's to correct, and no option is left out twice.
    assert_eq!(
        newest.after("/etc/x: line 2: Bad configuration option: usekeychain"),
        None
    );
    assert_eq!(older.after(said), None);
    let said = "command-line: line 0: Bad configuration option: remotecommand\r\n";
    let oldest = words(older.after(said).unwrap());
    assert!(oldest.contains("UpdateHostKeys=no") && !oldest.contains("RemoteCommand"));
    assert_eq!(newest.after("Permission denied (publickey)."), None);
}

#[test]
fn a_login_without_a_session_says_so_once() {
    let words = KnownOptions::default().words(&Target::default(), Use::Sessions);
    assert!(words.iter().any(|word| word == "-N"));
    assert!(!words.iter().any(|word| word.starts_with("SessionType")));
}

#[test]
fn the_newest_stand_first() {
    assert!(LATER.is_sorted_by(|(one, _), (next, _)| one >= next));
}
