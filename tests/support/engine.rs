//! A private engine: containerd and dockerd of its own, in a folder of its own, gone when the test is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, Keeper, unmount_below};
use super::http;
use super::program::{Missing, Programs};

/// A Unix socket's path holds at most 107 bytes; the longest below an engine's folder needs this many.
const ROOM_BELOW: usize = 60;

/// Where the engine keeps images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    GraphDriver,
    /// Docker 26 and newer.
    Containerd,
}

/// A running engine that only this test knows.
pub struct PrivateEngine {
    programs: Programs,
    // Stopped in this order, then the folder goes.
    dockerd: Daemon,
    containerd: Daemon,
    keeper: Keeper,
    folder: TempDir,
}

impl PrivateEngine {
    /// Starts an engine with an empty disk and waits until it answers.
    pub fn start(programs: &Programs, store: Store) -> Result<Self, Missing> {
        Self::start_with(programs, store, &[])
    }

    /// The same with further options of dockerd.
    pub fn start_with(
        programs: &Programs,
        store: Store,
        options: &[String],
    ) -> Result<Self, Missing> {
        if !rustix::process::geteuid().is_root() {
            return Err(Missing("a private dockerd needs root".into()));
        }
        let folder = short_folder()?;
        let dir = folder.path();
        write_settings(dir, store)
            .and_then(|()| link_plugin(dir, programs.buildx.as_deref()))
            .map_err(|e| Missing(format!("{}: {e}", dir.display())))?;
        let mut command = programs.command(&programs.containerd);
        command.arg("--config").arg(dir.join("containerd.toml"));
        let containerd = Daemon::start(command, dir, || dir.join("containerd.sock").exists())?;
        let socket = dir.join("docker.sock");
        let mut command = dockerd(programs, dir);
        command.args(options);
        let dockerd = Daemon::start(command, dir, || {
            matches!(http::request(&socket, "GET", "/_ping"), Ok((200, _)))
        })?;
        let keeper = Keeper::watch(dockerd.id(), containerd.id(), dir)
            .map_err(|e| Missing(format!("cannot watch over the engine: {e}")))?;
        let engine = Self {
            programs: programs.clone(),
            dockerd,
            containerd,
            keeper,
            folder,
        };
        engine.assert_private();
        Ok(engine)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder().join("docker.sock")
    }

    /// A program that runs in an image without libraries.
    pub fn busybox(&self) -> &Path {
        &self.programs.busybox
    }

    /// What `dtop -H` takes.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where the engine keeps its data.
    pub fn root(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// A GET's answer; any other status than 200 fails the test.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path);
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("GET {path}: {e}: {body}"))
    }

    pub fn request(&self, method: &str, path: &str) -> (u16, String) {
        http::request(&self.socket(), method, path)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Runs the engine's own client and returns what it prints; a failure fails the test.
    pub fn docker<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> String {
        let mut command = self.client();
        run(command.args(args))
    }

    /// The engine's own client, bound to this engine and to nothing of the caller's.
    pub fn client(&self) -> Command {
        self.client_at(&self.host())
    }

    /// The same client at another address, such as a proxy's.
    pub fn client_at(&self, host: &str) -> Command {
        let mut command = self.programs.command(&self.programs.docker);
        command
            .env("DOCKER_CONFIG", self.folder().join("client"))
            .arg("--host")
            .arg(host);
        command
    }

    /// Before the first write: this engine's data lies below this test's folder, and so does its containerd.
    fn assert_private(&self) {
        let info = self.get("/info");
        let root = Path::new(info["DockerRootDir"].as_str().unwrap_or_default());
        assert!(
            root.starts_with(self.folder()),
            "not private: {}",
            root.display()
        );
        // Not every version says it.
        if let Some(address) = info["Containerd"]["Address"].as_str() {
            assert!(
                Path::new(address).starts_with(self.folder()),
                "not private: {address}"
            );
        }
    }

    /// An engine that does not know the feature takes the graph driver without a word.
    pub fn store(&self) -> Store {
        let status = self.get("/info")["DriverStatus"].to_string();
        if status.contains("io.containerd.snapshotter.v1") {
            Store::Containerd
        } else {
            Store::GraphDriver
        }
    }

    /// Kills what still runs, so that the engine has nothing to wait for when it ends.
    fn kill_containers(&self) {
        let ask = |method, path: &str| http::request(&self.socket(), method, path);
        let Ok((200, body)) = ask("GET", "/containers/json") else {
            return;
        };
        let list: Value = serde_json::from_str(&body).unwrap_or_default();
        for container in list.as_array().into_iter().flatten() {
            let id = container["Id"].as_str().unwrap_or_default();
            let _ = ask("DELETE", &format!("/containers/{id}?force=1"));
        }
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.kill_containers();
        self.dockerd.stop();
        self.containerd.stop();
        unmount_below(self.folder.path());
        self.keeper.dismiss();
    }
}

/// Runs a command and returns what it prints; a failure fails the test, with all that it said.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

fn short_folder() -> Result<TempDir, Missing> {
    let tmp = std::env::temp_dir();
    let short = tmp.as_os_str().len() + ROOM_BELOW < 107;
    let parent = if short { tmp } else { PathBuf::from("/tmp") };
    // The real path: the engine says its own without links.
    let parent = parent.canonicalize().unwrap_or(parent);
    tempfile::Builder::new()
        .prefix("dtop-")
        .tempdir_in(&parent)
        .map_err(|e| Missing(format!("{}: {e}", parent.display())))
}

/// dockerd with all that it keeps and listens on below `dir`.
///
/// Both `--config-file` and `--containerd` matter: without them dockerd reads the host's settings and takes the
/// host's containerd.
fn dockerd(programs: &Programs, dir: &Path) -> Command {
    let mut command = programs.command(&programs.dockerd);
    for (option, name) in [
        ("--config-file", "daemon.json"),
        ("--containerd", "containerd.sock"),
        ("--data-root", "data"),
        ("--exec-root", "exec"),
        ("--pidfile", "pid"),
    ] {
        command.arg(option).arg(dir.join(name));
    }
    let host = format!("unix://{}", dir.join("docker.sock").display());
    command.args(["--host", &host]);
    command.args(["--iptables=false", "--ip6tables=false", "--bridge=none"]);
    command
}

/// The client looks for its builder beside its settings, which are the test's own.
fn link_plugin(dir: &Path, buildx: Option<&Path>) -> std::io::Result<()> {
    let Some(buildx) = buildx else { return Ok(()) };
    let plugins = dir.join("client/cli-plugins");
    fs::create_dir_all(&plugins)?;
    std::os::unix::fs::symlink(buildx, plugins.join("docker-buildx"))
}

fn write_settings(dir: &Path, store: Store) -> std::io::Result<()> {
    let at = dir.display();
    let containerd = format!(
        "version = 2\nroot = \"{at}/containerd/root\"\nstate = \"{at}/containerd/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{at}/containerd.sock\"\n"
    );
    fs::write(dir.join("containerd.toml"), containerd)?;
    let daemon = match store {
        Store::GraphDriver => "{}",
        Store::Containerd => r#"{"features":{"containerd-snapshotter":true}}"#,
    };
    fs::write(dir.join("daemon.json"), daemon)?;
    fs::create_dir(dir.join("client"))
}
