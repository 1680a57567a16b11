//! What a host tells of its engine, asked in a shell there.

/// Returns a word of the shell that means exactly this text.
pub(in crate::engine) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Asks which socket the docker command there would use: its own settings decide, as they do for
/// `docker system dial-stdio`. Without that command it is the system's socket, the user's, or Podman's.
/// Nothing in here writes.
const SCRIPT: &str = r#"
d=; command -v docker >/dev/null 2>&1 && d=docker
p=; command -v podman >/dev/null 2>&1 && p=podman
if [ -n "$h" ]; then h="unix://$h"
elif [ -n "$d" ]; then
  h=$(docker context inspect --format '{{.Endpoints.docker.Host}}' </dev/null 2>/dev/null)
  case $h in *://*) ;; *) h= ;; esac
  [ -n "$h" ] || case $DOCKER_HOST in *://*) h=$DOCKER_HOST ;; esac
fi
if [ -z "$h" ]; then
  for s in /var/run/docker.sock "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock"; do
    [ -z "$h" ] && [ -S "$s" ] && h="unix://$s"
  done
fi
if [ -z "$h" ] && [ -n "$p" ]; then
  h=$(podman info --format '{{.Host.RemoteSocket.Path}}' </dev/null 2>/dev/null)
  case $h in unix://*) ;; /*) h="unix://$h" ;; *) h= ;; esac
fi
[ -n "$h" ] || h=unix:///var/run/docker.sock
s=${h#unix://}
if [ "$s" = "$h" ]; then a=elsewhere
elif [ ! -S "$s" ]; then a=absent
elif [ -r "$s" ] && [ -w "$s" ]; then a=open
else a=closed
fi
printf '%s\n' "program ${d:-$p}" "host $h" "socket $a"
"#;

/// How the engine's socket looks from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Open,
    Closed,
    Absent,
    /// The docker command there leads on to somewhere else.
    Elsewhere,
}

/// What a host tells of its engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The program there that can carry a connection: `docker` or `podman`.
    pub(super) program: Option<String>,
    /// Where the engine listens, as an address on that host.
    pub(super) host: String,
    pub(super) socket: Socket,
}

impl Facts {
    /// Of a host that cannot be asked: docker is what is behind such a door.
    pub(super) fn unknown() -> Self {
        Self {
            program: Some("docker".to_owned()),
            host: String::new(),
            socket: Socket::Elsewhere,
        }
    }

    /// Returns the question, for a socket if one is named.
    pub(super) fn script(path: Option<&str>) -> String {
        format!("h={}{SCRIPT}", quoted(path.unwrap_or_default()))
    }

    /// Reads the answer; nothing where it is none.
    pub(super) fn read(lines: &[String]) -> Option<Self> {
        let find = |key: &str| {
            let of = |line: &'_ String| Some(line.strip_prefix(key)?.trim().to_owned());
            lines.iter().find_map(of)
        };
        let socket = match find("socket ")?.as_str() {
            "open" => Socket::Open,
            "closed" => Socket::Closed,
            "absent" => Socket::Absent,
            "elsewhere" => Socket::Elsewhere,
            _ => return None,
        };
        Some(Self {
            program: find("program").filter(|program| !program.is_empty()),
            host: find("host ")?,
            socket,
        })
    }

    /// Returns the socket's path on the host.
    pub(super) fn path(&self) -> Option<&str> {
        self.host.strip_prefix("unix://")
    }

    /// Returns the command there that carries a connection over its input and output.
    pub(super) fn dial_stdio(&self, named: Option<&str>) -> Option<String> {
        let program = self.program.as_deref()?;
        Some(match (program, named) {
            ("docker", Some(path)) => {
                format!(
                    "docker {} system dial-stdio",
                    quoted(&format!("--host=unix://{path}"))
                )
            }
            ("docker", None) => "docker system dial-stdio".to_owned(),
            // Podman's own says where it goes.
            _ => format!("podman --url {} system dial-stdio", quoted(&self.host)),
        })
    }
}

#[cfg(test)]
mod tests {
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
}
