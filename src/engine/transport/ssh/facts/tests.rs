use std::process::Command;

use super::*;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_answer_is_read_and_anything_else_is_none() {
    let facts = Facts::read(&lines(
        "program docker\nhost unix:///run/x.sock\nsocket open",
    ));
    let facts = facts.unwrap();
    assert_eq!(
        (facts.path(), facts.socket),
        (Some("/run/x.sock"), Socket::Open)
    );
    assert_eq!(facts.dial_stdio(None).unwrap(), "docker system dial-stdio");
    assert_eq!(
        facts.dial_stdio(Some("/a b")).unwrap(),
        "docker '--host=unix:///a b' system dial-stdio"
    );
    let bare = Facts::read(&lines("program \nhost unix:///a:b\nsocket absent")).unwrap();
    assert_eq!(bare.dial_stdio(None), None);
    for text in [
        "",
        "HTTP/1.1 400 Bad Request",
        "host x\nsocket nowhere",
        "socket open",
    ] {
        assert_eq!(Facts::read(&lines(text)), None, "{text}");
    }
}

#[test]
fn a_quoted_text_is_one_word_whatever_it_holds() {
    for text in ["a b", "$(touch x)`id`;'\"\\", "'", "--", "a\nb", ""] {
        let script = format!("printf %s {}", quoted(text));
        let said = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), text);
    }
}

/// The script in a shell without docker and Podman, at a socket that is there and one that is not.
#[test]
fn the_shell_answers_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("it's.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let ask = |path: &str| {
        let said = Command::new("/bin/sh")
            .args(["-c", &Facts::script(Some(path))])
            .env("PATH", "/nowhere")
            .output()
            .unwrap();
        assert!(said.stderr.is_empty(), "{said:?}");
        Facts::read(&lines(&String::from_utf8_lossy(&said.stdout))).unwrap()
    };
    let there = ask(socket.to_str().unwrap());
    assert_eq!(
        (there.path(), there.socket),
        (socket.to_str(), Socket::Open)
    );
    assert_eq!(there.program, None);
    assert_eq!(ask("/none; echo socket open").socket, Socket::Absent);
}

/// Returns a host whose programs are these scripts, asked without a path.
fn told_by(programs: &[(&str, &str)], docker_host: &str) -> Facts {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in programs {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let said = Command::new("/bin/sh")
        .args(["-c", &Facts::script(None)])
        .env("PATH", folder.path())
        .env("DOCKER_HOST", docker_host)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    Facts::read(&lines(&String::from_utf8_lossy(&said.stdout))).unwrap()
}

#[test]
fn the_hosts_own_docker_command_says_where_its_engine_is() {
    let context = "[ \"$1 $2\" = 'context inspect' ] && echo unix:///of/the/context.sock";
    let facts = told_by(&[("docker", context)], "");
    assert_eq!(facts.path(), Some("/of/the/context.sock"));
    assert_eq!(facts.socket, Socket::Absent);
    // One from before there were contexts, and Podman's stand-in.
    let old = "echo \"docker: 'context' is not a command\" >&2; exit 1";
    let facts = told_by(&[("docker", old)], "unix:///of/the/environment.sock");
    assert_eq!(facts.path(), Some("/of/the/environment.sock"));
    let facts = told_by(&[("docker", "echo tcp://build-1:2376")], "");
    assert_eq!((facts.path(), facts.socket), (None, Socket::Elsewhere));
    assert_eq!(facts.dial_stdio(None).unwrap(), "docker system dial-stdio");
}

#[test]
fn without_docker_podman_says_where_it_listens() {
    if std::path::Path::new("/var/run/docker.sock").exists() {
        // The system's own goes first there.
        return;
    }
    for said in [
        "/run/user/1000/podman/podman.sock",
        "unix:///run/user/1000/podman/podman.sock",
    ] {
        let info = format!("[ \"$1\" = info ] && echo {said}");
        let facts = told_by(&[("podman", &info)], "");
        assert_eq!(facts.path(), Some("/run/user/1000/podman/podman.sock"));
        assert_eq!(
            facts.dial_stdio(None).unwrap(),
            "podman --url 'unix:///run/user/1000/podman/podman.sock' system dial-stdio"
        );
    }
    let facts = told_by(&[], "");
    assert_eq!(facts.path(), Some("/var/run/docker.sock"));
    assert_eq!(facts.dial_stdio(None), None);
}
