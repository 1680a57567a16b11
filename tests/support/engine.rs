//! A private engine: containerd and dockerd of its own, in a folder of its own, gone when the test is.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

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
    dockerd: Child,
    containerd: Child,
    keeper: Keeper,
    folder: TempDir,
}

impl PrivateEngine {
    /// Starts an engine with an empty disk and waits until it answers.
    pub fn start(programs: &Programs, store: Store) -> Result<Self, Missing> {
        if !rustix::process::geteuid().is_root() {
            return Err(Missing("a private dockerd needs root".into()));
        }
        let folder = short_folder()?;
        let dir = folder.path();
        write_settings(dir, store).map_err(|e| Missing(format!("{}: {e}", dir.display())))?;
        let containerd = spawn(programs, &programs.containerd, dir, |command| {
            command.arg("--config").arg(dir.join("containerd.toml"));
        })?;
        let mut containerd = Unfinished(Some(containerd));
        until_there(
            &dir.join("containerd.sock"),
            containerd.child(),
            dir,
            "containerd",
        )?;
        // Both --config-file and --containerd matter: without them dockerd reads the host's settings and
        // takes the host's containerd.
        let dockerd = spawn(programs, &programs.dockerd, dir, |command| {
            command
                .arg("--config-file")
                .arg(dir.join("daemon.json"))
                .arg("--containerd")
                .arg(dir.join("containerd.sock"))
                .arg("--data-root")
                .arg(dir.join("data"))
                .arg("--exec-root")
                .arg(dir.join("exec"))
                .arg("--host")
                .arg(format!("unix://{}", dir.join("docker.sock").display()))
                .arg("--pidfile")
                .arg(dir.join("pid"))
                .args(["--iptables=false", "--ip6tables=false", "--bridge=none"]);
        })?;
        let mut dockerd = Unfinished(Some(dockerd));
        until_answering(&dir.join("docker.sock"), dockerd.child(), dir)?;
        let keeper = Keeper::watch(dockerd.child().id(), containerd.child().id(), dir)
            .map_err(|e| Missing(format!("cannot watch over the engine: {e}")))?;
        let engine = Self {
            programs: programs.clone(),
            dockerd: dockerd.finished(),
            containerd: containerd.finished(),
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
        stop(&mut self.dockerd);
        stop(&mut self.containerd);
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

/// A child that is stopped unless the start goes well.
struct Unfinished(Option<Child>);

impl Unfinished {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("not finished")
    }

    fn finished(mut self) -> Child {
        self.0.take().expect("finished once")
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            stop(child);
        }
    }
}

fn spawn(
    programs: &Programs,
    program: &Path,
    dir: &Path,
    arguments: impl FnOnce(&mut Command),
) -> Result<Child, Missing> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let failed = |e: std::io::Error| Missing(format!("{}: {e}", program.display()));
    let log = File::create(dir.join(format!("{name}.log"))).map_err(failed)?;
    let mut command = programs.command(program);
    arguments(&mut command);
    command
        // A ^C at the tests must reach the keeper's work, not cut it short.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .spawn()
        .map_err(failed)
}

fn until_there(path: &Path, child: &mut Child, dir: &Path, name: &str) -> Result<(), Missing> {
    wait_for_start(child, dir, name, || path.exists())
}

fn until_answering(socket: &Path, child: &mut Child, dir: &Path) -> Result<(), Missing> {
    wait_for_start(child, dir, "dockerd", || {
        matches!(http::request(socket, "GET", "/_ping"), Ok((200, _)))
    })
}

fn wait_for_start(
    child: &mut Child,
    dir: &Path,
    name: &str,
    ready: impl Fn() -> bool,
) -> Result<(), Missing> {
    let start = Instant::now();
    while !ready() {
        let why = if let Ok(Some(status)) = child.try_wait() {
            format!("{name} ended ({status})")
        } else if start.elapsed() > Duration::from_secs(30) {
            format!("{name} did not answer within 30 s")
        } else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        let log = fs::read_to_string(dir.join(format!("{name}.log"))).unwrap_or_default();
        let last = log
            .lines()
            .rfind(|line| !line.is_empty())
            .unwrap_or("nothing");
        return Err(Missing(format!("{why}: {last}")));
    }
    Ok(())
}

/// SIGTERM, ten seconds, SIGKILL.
fn stop(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if start.elapsed() > Duration::from_secs(10) {
            let _ = child.kill();
            let _ = child.wait();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Unmounts what a killed engine left mounted, deepest first.
fn unmount_below(dir: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|point| Path::new(point).starts_with(dir));
    for point in below.collect::<Vec<_>>().into_iter().rev() {
        let _ = Command::new("umount").arg("--lazy").arg(point).status();
    }
}

/// Ends an engine whose test was killed before it could: a shell that waits for the test's end of a pipe.
struct Keeper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Keeper {
    /// `$1` dockerd's id, `$2` containerd's, `$3` the folder. Containers' own processes go with containerd's
    /// shims when dockerd ends.
    const SCRIPT: &str = r#"
        read -r word && exit
        kill "$1"; i=0
        while kill -0 "$1" && [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done
        kill -9 "$1"; kill "$2"; sleep 1; kill -9 "$2"
        cut -d ' ' -f 2 /proc/self/mounts | grep "^$3/" | sort -r | xargs -r -n 1 umount -l
        rm -rf "$3"
    "#;

    fn watch(dockerd: u32, containerd: u32, dir: &Path) -> std::io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", Self::SCRIPT, "keeper"])
            .arg(dockerd.to_string())
            .arg(containerd.to_string())
            .arg(dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// The engine has ended in order: nothing is left to do.
    fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}
