use super::*;

fn target(user: &str, host: &str, port: u16, path: &str) -> Target {
    Target {
        user: Some(user.to_owned()).filter(|user| !user.is_empty()),
        host: host.to_owned(),
        port: Some(port).filter(|port| *port != 0),
        path: Some(path.to_owned()).filter(|path| !path.is_empty()),
    }
}

#[test]
fn all_that_docker_reads() {
    for (text, expected) in [
        ("web-3", target("", "web-3", 0, "")),
        ("me@web-3", target("me", "web-3", 0, "")),
        ("me@web-3:2222", target("me", "web-3", 2222, "")),
        ("web-3/", target("", "web-3", 0, "")),
        ("web-3:/run/x.sock", target("", "web-3", 0, "/run/x.sock")),
        ("a%40b@web-3", target("a@b", "web-3", 0, "")),
        ("[::1]:22/a%20b", target("", "::1", 22, "/a b")),
        ("web_3.lan", target("", "web_3.lan", 0, "")),
    ] {
        assert_eq!(Target::parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_ssh_would_take_for_something_else_is_refused() {
    for text in [
        "",
        "me@",
        "-oProxyCommand=touch x",
        "-oProxyCommand=x",
        "-l@web-3",
        "%2dl@web-3",
        "me:secret@web-3",
        "web-3:-p",
        "web-3:0",
        "web-3:22:22",
        "::1",
        "[::1",
        "[::1]22",
        "web 3",
        "web-3;id",
        "$(id)@web-3",
        "`id`",
        "web-3?x=y",
        "web-3#x",
        "web-3/a%0ab",
        "web-3/%zz",
        "me%00@web-3",
    ] {
        assert!(Target::parse(text).is_err(), "{text}");
    }
}

#[test]
fn it_is_shown_as_it_was_given() {
    for text in [
        "ssh://me@web-3:22/run/x.sock",
        "ssh://[::1]:22",
        "ssh://web-3",
    ] {
        let target = Target::parse(text.strip_prefix("ssh://").unwrap()).unwrap();
        assert_eq!(target.to_string(), text);
    }
    let target = Target::parse("me@web-3:2222/x").unwrap();
    assert_eq!(target.command_line(), "ssh -p 2222 me@web-3");
    assert_eq!(target.known_as(), "'[web-3]:2222'");
    assert_eq!(target.options(), ["-l", "me", "-p", "2222"]);
}
