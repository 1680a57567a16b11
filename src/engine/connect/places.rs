//! From options and environment to the places where an engine may be, as the docker command resolves them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::contexts::{self, ContextError, Endpoint};
use crate::engine::transport::Address;
use crate::engine::transport::ssh::Target;
use crate::engine::transport::tls::TlsFiles;
use crate::engine::user_folder;

const SYSTEM_SOCKET: &str = "/var/run/docker.sock";
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// What the command line says about the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// `-H`.
    pub host: Option<String>,
    /// `-c`.
    pub context: Option<String>,
    /// Where nothing names an engine, also the places of other engines than the system's own.
    pub look_further: bool,
    pub read_only: bool,
}

/// What the environment says about the engine. An empty variable counts as none, as for docker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_CONFIG`: a folder.
    pub config: Option<PathBuf>,
    /// `HOME` or, without one, that of the system's list of users, as the docker command has it.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    pub uid: u32,
    /// `DOCKER_API_VERSION`: the version to speak instead of the newest that both know.
    pub api: Option<String>,
    /// `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set.
    pub tls: bool,
    /// `DOCKER_TLS_VERIFY` is set.
    pub tls_verify: bool,
    /// `DOCKER_CERT_PATH`: a folder.
    pub certificates: Option<PathBuf>,
}

impl Env {
    /// Reads this process's environment.
    #[must_use]
    pub fn of_process() -> Self {
        let path = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let text = |name| path(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            host: text("DOCKER_HOST"),
            context: text("DOCKER_CONTEXT"),
            config: path("DOCKER_CONFIG"),
            home: path("HOME").or_else(|| user_folder::home(|name| std::env::var_os(name))),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            uid: rustix::process::getuid().as_raw(),
            api: text("DOCKER_API_VERSION"),
            tls: path("DOCKER_TLS_VERIFY").is_some() || path("DOCKER_TLS").is_some(),
            tls_verify: path("DOCKER_TLS_VERIFY").is_some(),
            certificates: path("DOCKER_CERT_PATH"),
        }
    }

    /// Returns the docker command's configuration folder.
    pub(super) fn config_folder(&self) -> Option<PathBuf> {
        self.config
            .clone()
            .or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }

    /// Returns the certificates of the environment, where it asks for TLS. Contexts have their own.
    fn papers(&self) -> Option<TlsFiles> {
        let folder = self.certificates.clone().or_else(|| self.config_folder());
        let folder = folder.filter(|_| self.tls)?;
        Some(TlsFiles {
            ca: Some(folder.join("ca.pem")),
            pair: contexts::pair_in(&folder),
            verify: self.tls_verify,
        })
    }

    fn runtime_folder(&self) -> PathBuf {
        self.runtime_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", self.uid)))
    }
}

/// A place where an engine may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `unix:///var/run/docker.sock`, with defaults filled in.
    pub url: String,
    /// `-H`, `DOCKER_HOST`, `context "prod"`, `default`, `Podman`, …
    pub why: String,
    pub address: Result<Address, Unsupported>,
    /// How an engine is started that should be here, in words.
    pub start: Option<&'static str>,
}

impl Place {
    /// Returns true for the socket that the docker group may use.
    #[must_use]
    pub fn is_system_socket(&self) -> bool {
        matches!(&self.address, Ok(Address::Unix(path))
            if path == Path::new(SYSTEM_SOCKET) || path == Path::new("/run/docker.sock"))
    }
}

/// A way to connect that docker knows and that leads nowhere from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    #[error("named pipes are Windows' own")]
    NamedPipe,
    #[error("fd:// is for the engine's own side")]
    FileDescriptor,
}

/// What was asked for cannot be resolved to a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A usage error.
    #[error("-H and -c both name an engine; give one of them")]
    HostAndContext,
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("{why}: \"{url}\" is no address of an engine: {cause}; try {proposal}")]
    BadUrl {
        url: String,
        why: String,
        cause: &'static str,
        proposal: String,
    },
    #[error("context \"{0}\": there is no configuration folder; set HOME or DOCKER_CONFIG")]
    NoConfigFolder(String),
}

/// Returns the places to try, in order: `-H` or `-c`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context, the
/// default. What is named is the only place; only where nothing is named there may be further ones.
///
/// # Errors
/// What is named leads to no place at all.
pub fn places(options: &EngineOptions, env: &Env) -> Result<Vec<Place>, ConnectError> {
    match (&options.host, &options.context) {
        (Some(_), Some(_)) => return Err(ConnectError::HostAndContext),
        (Some(host), None) => return Ok(vec![place(host, "-H", env.papers())?]),
        (None, Some(name)) if name != "default" => return Ok(vec![in_context(name, env)?]),
        // For docker `-c default` means "no context": the environment's host counts.
        (None, Some(_)) => return Ok(vec![named_by_host(env)?.unwrap_or_else(|| default(env))]),
        (None, None) => {}
    }
    if let Some(place) = named_by_host(env)? {
        return Ok(vec![place]);
    }
    let context = match (&env.context, env.config_folder()) {
        (Some(name), _) => Some(name.clone()).filter(|name| name != "default"),
        (None, Some(config)) => contexts::current(&config)?,
        (None, None) => None,
    };
    if let Some(name) = context {
        return Ok(vec![in_context(&name, env)?]);
    }
    let mut places = vec![default(env)];
    if options.look_further && env.context.is_none() && !env.tls {
        places.extend(further(env));
    }
    Ok(places)
}

fn named_by_host(env: &Env) -> Result<Option<Place>, ConnectError> {
    env.host
        .as_ref()
        .map(|host| place(host, "DOCKER_HOST", env.papers()))
        .transpose()
}

fn in_context(name: &str, env: &Env) -> Result<Place, ConnectError> {
    let config = env
        .config_folder()
        .ok_or_else(|| ConnectError::NoConfigFolder(name.to_owned()))?;
    let Endpoint { host, papers } = contexts::endpoint(&config, name)?;
    place(&host, &format!("context \"{name}\""), papers)
}

/// Returns where nothing is named: the system's socket, or as docker has it, this machine's TLS port where the
/// environment asks for TLS.
fn default(env: &Env) -> Place {
    match env.papers() {
        Some(papers) => {
            let listener = NetworkListener {
                host: "localhost".to_owned(),
                port: TLS_PORT,
                prefix: String::new(),
            };
            over_tcp(listener, "default", Some(papers))
        }
        None => system(),
    }
}

fn system() -> Place {
    unix(
        PathBuf::from(SYSTEM_SOCKET),
        "default",
        Some("sudo systemctl start docker"),
    )
}

/// Engines of a user, and of programs that bring one along.
fn further(env: &Env) -> Vec<Place> {
    let runtime = env.runtime_folder();
    let mut places = vec![unix(
        runtime.join("docker.sock"),
        "rootless Docker",
        Some("systemctl --user start docker"),
    )];
    if let Some(home) = &env.home {
        for (path, why, start) in [
            (
                ".docker/run/docker.sock",
                "rootless Docker",
                "systemctl --user start docker",
            ),
            (
                ".docker/desktop/docker.sock",
                "Docker Desktop",
                "start Docker Desktop",
            ),
            (".colima/default/docker.sock", "Colima", "colima start"),
            (".orbstack/run/docker.sock", "OrbStack", "start OrbStack"),
        ] {
            places.push(unix(home.join(path), why, Some(start)));
        }
    }
    places.push(unix(
        runtime.join("podman/podman.sock"),
        "Podman",
        Some("systemctl --user start podman.socket"),
    ));
    places.push(unix(
        PathBuf::from("/run/podman/podman.sock"),
        "Podman",
        Some("sudo systemctl start podman.socket"),
    ));
    places
}

fn unix(path: PathBuf, why: &str, start: Option<&'static str>) -> Place {
    Place {
        url: format!("unix://{}", path.display()),
        why: why.to_owned(),
        address: Ok(Address::Unix(path)),
        start,
    }
}

/// Reads an address as docker does: without a scheme it is TCP, and what is left out has a default.
fn place(url: &str, why: &str, papers: Option<TlsFiles>) -> Result<Place, ConnectError> {
    let url = url.trim();
    if let Some(path) = socket_path(url) {
        return Err(ConnectError::BadUrl {
            url: url.to_owned(),
            why: why.to_owned(),
            cause: "a socket's path takes unix:// before it",
            proposal: format!("unix://{}", path.display()),
        });
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("tcp", url));
    let elsewhere = |unsupported| {
        Ok(Place {
            url: url.to_owned(),
            why: why.to_owned(),
            address: Err(unsupported),
            start: None,
        })
    };
    match scheme {
        "unix" if rest.is_empty() => Ok(Place {
            why: why.to_owned(),
            ..system()
        }),
        "unix" => {
            let place = unix(PathBuf::from(rest), why, None);
            let start = place.is_system_socket().then(|| system().start).flatten();
            Ok(Place { start, ..place })
        }
        // Behind `https://` there is nothing but TLS, with the system's authorities where none is named.
        "https" => tcp(rest)
            .map(|listener| over_tcp(listener, why, Some(papers.unwrap_or(SYSTEMS))))
            .map_err(|cause| bad(url, why, cause)),
        "tcp" | "http" => tcp(rest)
            .map(|listener| over_tcp(listener, why, papers))
            .map_err(|cause| bad(url, why, cause)),
        "ssh" => match Target::parse(rest) {
            Ok(target) => Ok(Place {
                url: target.to_string(),
                why: why.to_owned(),
                address: Ok(Address::Ssh(target)),
                start: None,
            }),
            Err(cause) => Err(bad(url, why, cause)),
        },
        "npipe" => elsewhere(Unsupported::NamedPipe),
        "fd" => elsewhere(Unsupported::FileDescriptor),
        _ => Err(bad(url, why, "its scheme is not known")),
    }
}

/// Nothing but the authorities that this system knows.
const SYSTEMS: TlsFiles = TlsFiles {
    ca: None,
    pair: None,
    verify: true,
};

/// Where an engine listens on a network.
struct NetworkListener {
    host: String,
    port: u16,
    prefix: String,
}

fn over_tcp(listener: NetworkListener, why: &str, papers: Option<TlsFiles>) -> Place {
    let NetworkListener { host, port, prefix } = listener;
    let address = match papers {
        Some(papers) => Address::Tls {
            host,
            port,
            prefix,
            papers,
        },
        None => Address::Tcp { host, port, prefix },
    };
    Place {
        url: address.to_string(),
        why: why.to_owned(),
        address: Ok(address),
        start: None,
    }
}

fn bad(url: &str, why: &str, cause: &'static str) -> ConnectError {
    ConnectError::BadUrl {
        url: without_password(url),
        why: why.to_owned(),
        cause,
        proposal: "unix:///path, tcp://host:port or ssh://user@host".to_owned(),
    }
}

/// Returns the path of a socket that is given as it is. Docker takes it for a host and what stands before each path
/// there.
fn socket_path(url: &str) -> Option<PathBuf> {
    let is_path = ["/", "./", "../"]
        .iter()
        .any(|begin| url.starts_with(begin));
    let is_socket = !url.contains("://") && Path::new(url).extension() == Some(OsStr::new("sock"));
    (is_path || is_socket).then(|| std::path::absolute(url).unwrap_or_else(|_| url.into()))
}

/// Returns an address as it may be repeated on a screen or in a log.
fn without_password(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(start);
    match rest.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{scheme}{user}:…@{host}"),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

/// `host:port`, `host`, `:port`, `[::1]:port`, or nothing at all; behind it what stands before every path, as in
/// docker: `host:port/engines/one`.
fn tcp(rest: &str) -> Result<NetworkListener, &'static str> {
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    if rest.contains(['?', '#']) || rest.contains(char::is_whitespace) || authority.contains('@') {
        return Err("only a host, a port and a path can follow tcp://");
    }
    let prefix = prefix(path)?;
    if authority.is_empty() && !prefix.is_empty() {
        return Err("it names no host before the path");
    }
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']').ok_or("a bracket is not closed")?;
        match port {
            "" => (host, None),
            _ => (
                host,
                Some(port.strip_prefix(':').ok_or("its port cannot be read")?),
            ),
        }
    } else if authority.matches(':').count() > 1 {
        (authority, None)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port {
        None | Some("") => PLAIN_PORT,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("its port is not a number from 1 to 65535")?,
    };
    let host = if host.is_empty() { "localhost" } else { host };
    Ok(NetworkListener {
        host: host.to_owned(),
        port,
        prefix,
    })
}

/// Returns a path as it stands before others.
fn prefix(path: &str) -> Result<String, &'static str> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%:@!$&'()*+,;=/".contains(&byte);
    if !path.bytes().all(is_plain) {
        return Err("its path has a character that no path has");
    }
    let names = path.split('/').filter(|name| !name.is_empty());
    let mut prefix = String::new();
    for name in names {
        if matches!(name, "." | "..") {
            return Err("its path leads up");
        }
        prefix.extend(["/", name]);
    }
    Ok(prefix)
}
