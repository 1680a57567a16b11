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
mod tests;
