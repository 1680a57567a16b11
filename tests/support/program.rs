//! Where an engine's programs are: installed, or unpacked side by side for tests against several versions.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there is no engine to test against, in words for the test's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The programs of one engine.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Tells engines apart in test names; empty where only the installed one is used.
    pub label: String,
    pub dockerd: PathBuf,
    pub containerd: PathBuf,
    pub docker: PathBuf,
    /// The client's builder, where it is a program of its own.
    pub buildx: Option<PathBuf>,
    /// What containers run: one program without libraries, for images from scratch.
    pub busybox: PathBuf,
    /// PATH for all of them: their own folders before the system's.
    pub path: std::ffi::OsString,
}

impl Programs {
    /// The engines to test: those unpacked below `DTOP_TEST_ENGINES`, else the installed one.
    pub fn all() -> Vec<Result<Self, Missing>> {
        let Some(folder) = env::var_os("DTOP_TEST_ENGINES") else {
            return vec![Self::installed()];
        };
        let mut roots: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        roots.retain(|root| root.join("usr/sbin/dockerd").exists());
        roots.sort();
        if roots.is_empty() {
            let folder = Path::new(&folder).display();
            return vec![Err(Missing(format!(
                "no usr/sbin/dockerd below {folder}/*"
            )))];
        }
        roots.iter().map(|root| Self::unpacked(root)).collect()
    }

    /// The engine on PATH, with the client of the same installation before any other.
    pub fn installed() -> Result<Self, Missing> {
        let dockerd = on_path("dockerd").ok_or_else(|| Missing("no dockerd on PATH".into()))?;
        Self::beside(String::new(), &dockerd)
    }

    fn unpacked(root: &Path) -> Result<Self, Missing> {
        let label = root.file_name().unwrap_or_default().to_string_lossy();
        Self::beside(label.into_owned(), &root.join("usr/sbin/dockerd"))
    }

    fn beside(label: String, dockerd: &Path) -> Result<Self, Missing> {
        // /sbin is a link to /usr/sbin: the real path tells the installation.
        let dockerd = dockerd
            .canonicalize()
            .map_err(|e| Missing(format!("{}: {e}", dockerd.display())))?;
        let own = dockerd.parent().unwrap_or(Path::new("/")).to_path_buf();
        let prefix = own.parent().unwrap_or(Path::new("/")).to_path_buf();
        let folders = [own, prefix.join("sbin"), prefix.join("bin")];
        let find = |name: &str| {
            folders
                .iter()
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
                .or_else(|| on_path(name))
                .ok_or_else(|| Missing(format!("no {name} beside {}", dockerd.display())))
        };
        let (containerd, docker) = (find("containerd")?, find("docker")?);
        let system = search_path();
        let path = env::join_paths(folders.iter().cloned().chain(system))
            .map_err(|e| Missing(e.to_string()))?;
        Ok(Self {
            label,
            dockerd,
            containerd,
            docker,
            buildx: Some(prefix.join("libexec/docker/cli-plugins/docker-buildx"))
                .filter(|path| path.is_file()),
            busybox: static_busybox()?,
            path,
        })
    }

    /// `20.10.24`, as dockerd says it.
    pub fn version(&self) -> String {
        let said = Command::new(&self.dockerd).arg("--version").output();
        let said = said.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
        let words = said.unwrap_or_default();
        let version = words.split_whitespace().nth(2).unwrap_or("unknown");
        let end = version.find(['+', ',', '-', '~']).unwrap_or(version.len());
        version[..end].to_owned()
    }

    /// A command of this installation that knows nothing of the caller's own engine.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path);
        for name in CALLERS_ENGINE {
            command.env_remove(name);
        }
        command
    }
}

/// Podman, and the client that speaks to it as to Docker.
#[derive(Clone, Debug)]
pub struct Podman {
    pub program: PathBuf,
    pub docker: PathBuf,
    pub busybox: PathBuf,
}

impl Podman {
    pub fn installed() -> Result<Self, Missing> {
        let find = |name: &str| on_path(name).ok_or_else(|| Missing(format!("no {name} on PATH")));
        Ok(Self {
            program: find("podman")?,
            docker: find("docker")?,
            busybox: static_busybox()?,
        })
    }

    /// `4.3.1`, as it says itself.
    pub fn version(&self) -> String {
        let said = Command::new(&self.program).arg("--version").output();
        let said = said.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
        let words = said.unwrap_or_default();
        words
            .split_whitespace()
            .last()
            .unwrap_or("unknown")
            .to_owned()
    }
}

/// What would lead a client, dtop included, to an engine that the tests did not start.
pub const CALLERS_ENGINE: [&str; 8] = [
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_TLS",
    "DOCKER_API_VERSION",
    "CONTAINER_HOST",
];

/// PATH, and the folders of root's programs, which a user's PATH may lack.
fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for more in ["/usr/local/sbin", "/usr/sbin"] {
        if !folders.iter().any(|folder| folder == Path::new(more)) {
            folders.push(more.into());
        }
    }
    folders
}

/// The program of Debian's busybox-static. A dynamic one (Debian's busybox) would not run in an image from
/// scratch; only such a one has a section that names its loader.
fn static_busybox() -> Result<PathBuf, Missing> {
    let none = || Missing("no static busybox on PATH (Debian: busybox-static)".into());
    let path = on_path("busybox").ok_or_else(none)?;
    let program = std::fs::read(&path).map_err(|e| Missing(format!("{}: {e}", path.display())))?;
    let dynamic = program.windows(8).any(|bytes| bytes == b".interp\0");
    if dynamic { Err(none()) } else { Ok(path) }
}

/// The first file of that name on [`search_path`].
pub fn on_path(name: &str) -> Option<PathBuf> {
    search_path()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
