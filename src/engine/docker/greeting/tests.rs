use super::*;

#[test]
fn the_time_by_the_engines_clock() {
    let second = |date| clock(date).map(Timestamp::as_second);
    assert_eq!(second("Sat, 21 Nov 2026 21:26:07 GMT"), Some(1_795_296_367));
    assert_eq!(second("today"), None);
}

#[test]
fn the_version_in_an_answers_head() {
    let version = |server| server_version(server);
    assert_eq!(version("Docker/28.5.2 (linux)").as_deref(), Some("28.5.2"));
    assert_eq!(version("Libpod/4.3.1 (linux)").as_deref(), Some("4.3.1"));
    for other in ["nginx/1.27.0", "Docker", "Docker/", ""] {
        assert_eq!(version(other), None, "{other}");
    }
}

#[test]
fn the_newest_that_both_know() {
    let agree = |wanted, newest, oldest| {
        let (newest, oldest) = (Api::parse(newest), Api::parse(oldest));
        agree(wanted, newest, oldest)
            .map(|api| api.to_string())
            .ok()
    };
    assert_eq!(agree(None, "1.41", "1.12").as_deref(), Some("1.41"));
    assert_eq!(agree(None, "1.99", "1.40").as_deref(), Some("1.55"));
    assert_eq!(agree(None, "1.99", "1.60").as_deref(), Some("1.60"));
    assert_eq!(agree(Some("1.44"), "1.55", "1.40").as_deref(), Some("1.44"));
    assert_eq!(agree(Some(""), "1.41", "").as_deref(), Some("1.41"));
    assert_eq!(agree(Some("new"), "1.41", ""), None);
    assert_eq!(agree(None, "", ""), None);
}
