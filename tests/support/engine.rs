//! A private engine: dockerd with a containerd of its own, or Podman, in a folder of its own, gone when the test is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, Keeper, unmount_below};
use super::http;
use super::program::{CALLERS_ENGINE, Missing, Podman, Programs};

/// A Unix socket's path holds at most 107 bytes; the longest below an engine's folder needs this many.
const ROOM_BELOW: usize = 60;

/// Where the data of an engine's containerd lies: beside its own, or where it would lie if the engine ran it itself.
const BESIDE: &str = "containerd/root";
const WITHIN: &str = "data/containerd/daemon";

/// Where the engine keeps images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    GraphDriver,
    /// Docker 26 and newer.
    Containerd,
}

/// An engine that can be started.
#[derive(Clone, Debug)]
pub enum Setup {
    Docker(Programs, Store),
    Podman(Podman),
}

impl Setup {
    /// Every engine of the matrix that is here: the installed one, those unpacked below `DTOP_TEST_ENGINES`, each
    /// with the stores that it has, and Podman.
    pub fn matrix() -> Vec<Result<Self, Missing>> {
        let mut programs = vec![Programs::installed()];
        if std::env::var_os("DTOP_TEST_ENGINES").is_some() {
            programs.extend(Programs::all());
        }
        let mut setups = Vec::new();
        for programs in programs {
            match programs {
                Ok(programs) => {
                    let setup = |store| Ok(Self::Docker(programs.clone(), store));
                    setups.push(setup(Store::GraphDriver));
                    // Docker 23 had a first form of it, of which nobody says that it works.
                    let version = programs.version();
                    let major = version.split('.').next().unwrap_or_default();
                    if major.parse::<u32>().is_ok_and(|major| major >= 24) {
                        setups.push(setup(Store::Containerd));
                    }
                }
                Err(missing) => setups.push(Err(missing)),
            }
        }
        setups.push(Podman::installed().map(Self::Podman));
        setups
    }

    /// `docker-28.5.2-containerd`, `podman-4.3.1`: the names of the recorded ones.
    pub fn label(&self) -> String {
        match self {
            Self::Docker(programs, Store::GraphDriver) => {
                format!("docker-{}-overlay2", programs.version())
            }
            Self::Docker(programs, Store::Containerd) => {
                format!("docker-{}-containerd", programs.version())
            }
            Self::Podman(podman) => format!("podman-{}", podman.version()),
        }
    }
}

/// A running engine that only this test knows.
pub struct PrivateEngine {
    setup: Setup,
    /// Further options of dockerd or Podman.
    options: Vec<String>,
    /// Where its containerd keeps its data, below its folder.
    containerd: &'static str,
    // Stopped in this order, then the folder goes.
    servers: Mutex<Vec<Daemon>>,
    keeper: Mutex<Keeper>,
    folder: TempDir,
}

impl PrivateEngine {
    /// Starts an engine with an empty disk and waits until it answers.
    pub fn start(programs: &Programs, store: Store) -> Result<Self, Missing> {
        Self::set_up(&Setup::Docker(programs.clone(), store))
    }

    /// The same for any engine.
    pub fn set_up(setup: &Setup) -> Result<Self, Missing> {
        Self::start_with(setup, &[])
    }

    /// The same with further options of dockerd or Podman.
    pub fn start_with(setup: &Setup, options: &[String]) -> Result<Self, Missing> {
        Self::start_in(setup, options, &temporary())
    }

    /// The same with all that it has in a folder below this one.
    pub fn start_in(setup: &Setup, options: &[String], parent: &Path) -> Result<Self, Missing> {
        Self::start_at(setup, options, parent, BESIDE)
    }

    /// The same with its containerd's data in the engine's own folder, where an engine keeps that of a containerd
    /// which it runs itself.
    pub fn start_as_one(setup: &Setup) -> Result<Self, Missing> {
        Self::start_at(setup, &[], &temporary(), WITHIN)
    }

    /// Starts another of its kind, with its containerd's data in the engine's own folder.
    pub fn another_as_one(&self) -> Result<Self, Missing> {
        Self::start_as_one(&self.setup)
    }

    /// The same with all that it has in a folder below this one.
    pub fn start_as_one_in(setup: &Setup, parent: &Path) -> Result<Self, Missing> {
        Self::start_at(setup, &[], parent, WITHIN)
    }

    /// The same with further options.
    pub fn start_as_one_with(
        setup: &Setup,
        options: &[String],
        parent: &Path,
    ) -> Result<Self, Missing> {
        Self::start_at(setup, options, parent, WITHIN)
    }

    fn start_at(
        setup: &Setup,
        options: &[String],
        parent: &Path,
        containerd: &'static str,
    ) -> Result<Self, Missing> {
        if !rustix::process::geteuid().is_root() {
            return Err(Missing("a private engine needs root".into()));
        }
        let folder = short_folder(parent)?;
        let dir = folder.path();
        let servers = match setup {
            Setup::Docker(programs, store) => {
                write_settings(dir, *store, containerd)
                    .map_err(|e| Missing(format!("{}: {e}", dir.display())))?;
                start_docker(programs, dir, options)?
            }
            Setup::Podman(podman) => vec![start_podman(podman, dir, options)?],
        };
        let keeper = Keeper::watch(&servers, dir)
            .map_err(|e| Missing(format!("cannot watch over the engine: {e}")))?;
        let engine = Self {
            setup: setup.clone(),
            options: options.to_vec(),
            containerd,
            servers: Mutex::new(servers),
            keeper: Mutex::new(keeper),
            folder,
        };
        engine.assert_private();
        Ok(engine)
    }

    pub fn is_podman(&self) -> bool {
        matches!(self.setup, Setup::Podman(_))
    }

    pub fn has_build_cache(&self) -> bool {
        !self.is_podman()
    }

    /// Ends the engine's server at once, as a crash does, while its containers run on.
    pub fn kill(&self) {
        self.servers.lock().expect("the servers")[0].kill();
    }

    /// Makes the next start of dockerd take this store.
    pub fn change_store(&self, store: Store) {
        write_store(self.folder(), store).expect("the settings are written");
    }

    /// Starts the server again that was killed, on the same data and socket.
    pub fn start_again(&self) {
        let dir = self.folder.path();
        let mut servers = self.servers.lock().expect("the servers");
        let server = match &self.setup {
            Setup::Docker(programs, _) => serve(dockerd(programs, dir, &self.options), dir),
            Setup::Podman(podman) => start_podman(podman, dir, &self.options),
        };
        servers[0] = server.unwrap_or_else(|missing| panic!("{missing}"));
        let mut keeper = self.keeper.lock().expect("the keeper");
        keeper.dismiss();
        *keeper = Keeper::watch(&servers, dir).expect("a keeper");
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder().join("docker.sock")
    }

    /// A program that runs in an image without libraries.
    pub fn busybox(&self) -> &Path {
        match &self.setup {
            Setup::Docker(programs, _) => &programs.busybox,
            Setup::Podman(podman) => &podman.busybox,
        }
    }

    /// What `dtop -H` takes.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where the engine keeps its data.
    pub fn root(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Where its containerd keeps its data.
    pub fn containerd(&self) -> PathBuf {
        self.folder().join(self.containerd)
    }

    /// A GET's answer; any other status than 200 fails the test.
    pub fn get(&self, path: &str) -> Value {
        let (mut status, mut body) = self.request("GET", path);
        // The containerd store's df stumbles over what goes while it walks (seen on 28.5.2): it is asked again.
        for _ in 0..5 {
            if status != 404 || !path.starts_with("/system/df") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
            (status, body) = self.request("GET", path);
        }
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

    /// Runs Podman's own client against its service, as it runs on another machine.
    pub fn podman(&self, args: &[&str]) -> String {
        let Setup::Podman(podman) = &self.setup else {
            panic!("this is Docker");
        };
        let mut command = Command::new(&podman.program);
        command.env("CONTAINERS_CONF", self.folder().join("containers.conf"));
        run(command.arg("--url").arg(self.host()).args(args))
    }

    /// True where the client has its builder, a program of its own.
    pub fn has_buildx(&self) -> bool {
        matches!(&self.setup, Setup::Docker(programs, _) if programs.buildx.is_some())
    }

    /// The engine's own client, bound to this engine and to nothing of the caller's.
    pub fn client(&self) -> Command {
        self.client_at(&self.host())
    }

    /// The same client at another address, such as a proxy's.
    pub fn client_at(&self, host: &str) -> Command {
        let mut command = match &self.setup {
            Setup::Docker(programs, _) => programs.command(&programs.docker),
            Setup::Podman(podman) => Command::new(&podman.docker),
        };
        for name in CALLERS_ENGINE {
            command.env_remove(name);
        }
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
        let Ok((200, body)) = ask("GET", "/containers/json?all=1") else {
            return;
        };
        let list: Value = serde_json::from_str(&body).unwrap_or_default();
        for container in list.as_array().into_iter().flatten() {
            let id = container["Id"].as_str().unwrap_or_default();
            // What is frozen does not die, and Podman does not thaw it.
            if container["State"] == "paused" {
                let _ = ask("POST", &format!("/containers/{id}/unpause"));
            }
            let _ = ask("DELETE", &format!("/containers/{id}?force=1"));
        }
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.kill_containers();
        // A test that failed while it held them must not leave them behind.
        let servers = self
            .servers
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        servers.iter_mut().for_each(Daemon::stop);
        unmount_below(self.folder.path());
        let keeper = self
            .keeper
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        keeper.dismiss();
    }
}

/// A place for engines, with a name that is short enough.
fn temporary() -> PathBuf {
    let tmp = std::env::temp_dir();
    let short = tmp.as_os_str().len() + ROOM_BELOW < 107;
    if short { tmp } else { PathBuf::from("/tmp") }
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

fn short_folder(parent: &Path) -> Result<TempDir, Missing> {
    // The real path: the engine says its own without links.
    let parent = parent.canonicalize().unwrap_or(parent.to_owned());
    tempfile::Builder::new()
        .prefix("dtop-")
        .tempdir_in(&parent)
        .map_err(|e| Missing(format!("{}: {e}", parent.display())))
}

/// dockerd and its containerd, in the order in which they end.
fn start_docker(
    programs: &Programs,
    dir: &Path,
    options: &[String],
) -> Result<Vec<Daemon>, Missing> {
    link_plugin(dir, programs.buildx.as_deref())
        .map_err(|e| Missing(format!("{}: {e}", dir.display())))?;
    let mut command = programs.command(&programs.containerd);
    command.arg("--config").arg(dir.join("containerd.toml"));
    let containerd = Daemon::start(command, dir, || dir.join("containerd.sock").exists())?;
    Ok(vec![
        serve(dockerd(programs, dir, options), dir)?,
        containerd,
    ])
}

/// Starts a server and waits until it answers.
fn serve(command: Command, dir: &Path) -> Result<Daemon, Missing> {
    let socket = dir.join("docker.sock");
    Daemon::start(command, dir, || {
        matches!(http::request(&socket, "GET", "/_ping"), Ok((200, _)))
    })
}

/// Podman's service with all that it keeps below `dir`. Its settings are its own, too: the system's limits
/// may be more than this machine lets a container have.
fn start_podman(podman: &Podman, dir: &Path, options: &[String]) -> Result<Daemon, Missing> {
    const SETTINGS: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
        [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n";
    let settings = dir.join("containers.conf");
    fs::create_dir_all(dir.join("client"))
        .and_then(|()| fs::write(&settings, SETTINGS))
        .map_err(|e| Missing(format!("{}: {e}", dir.display())))?;
    // A killed one leaves its socket.
    let _ = fs::remove_file(dir.join("docker.sock"));
    let mut command = Command::new(&podman.program);
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("CONTAINERS_CONF", settings);
    for (option, name) in [
        ("--root", "data"),
        ("--runroot", "run"),
        ("--tmpdir", "tmp"),
    ] {
        command.arg(option).arg(dir.join(name));
    }
    // Of an option that is given twice the last counts.
    command.args(["--storage-driver", "overlay"]).args(options);
    command.args(["system", "service", "--time", "0"]);
    command.arg(format!("unix://{}", dir.join("docker.sock").display()));
    serve(command, dir)
}

/// dockerd with all that it keeps and listens on below `dir`.
///
/// Both `--config-file` and `--containerd` matter: without them dockerd reads the host's settings and takes the
/// host's containerd.
fn dockerd(programs: &Programs, dir: &Path, options: &[String]) -> Command {
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
    command.args(options);
    command
}

/// The client looks for its builder beside its settings, which are the test's own.
fn link_plugin(dir: &Path, buildx: Option<&Path>) -> std::io::Result<()> {
    let Some(buildx) = buildx else { return Ok(()) };
    let plugins = dir.join("client/cli-plugins");
    fs::create_dir_all(&plugins)?;
    std::os::unix::fs::symlink(buildx, plugins.join("docker-buildx"))
}

fn write_settings(dir: &Path, store: Store, root: &str) -> std::io::Result<()> {
    let at = dir.display();
    let containerd = format!(
        "version = 2\nroot = \"{at}/{root}\"\nstate = \"{at}/containerd/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{at}/containerd.sock\"\n"
    );
    fs::write(dir.join("containerd.toml"), containerd)?;
    write_store(dir, store)?;
    fs::create_dir(dir.join("client"))
}

fn write_store(dir: &Path, store: Store) -> std::io::Result<()> {
    let daemon = match store {
        Store::GraphDriver => "{}",
        Store::Containerd => r#"{"features":{"containerd-snapshotter":true}}"#,
    };
    fs::write(dir.join("daemon.json"), daemon)
}
