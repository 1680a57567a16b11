//! A server process of a test: started, awaited, ended by its own ID, and never left behind.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::program::Missing;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(30);

/// A running server, which ends with its owner.
pub struct Daemon(Child);

impl Daemon {
    /// Starts a server that writes its log to `NAME.log` in `dir`, and waits until it is ready.
    pub fn start(
        mut command: Command,
        dir: &Path,
        ready: impl Fn() -> bool,
    ) -> Result<Self, Missing> {
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let log = dir.join(format!("{name}.log"));
        let failed = |e: std::io::Error| Missing(format!("{name}: {e}"));
        let file = File::create(&log).map_err(failed)?;
        let child = command
            // A ^C at the tests ends them; the servers are then the keeper's.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(failed)?)
            .stderr(file)
            .spawn()
            .map_err(failed)?;
        let mut daemon = Self(child);
        let start = Instant::now();
        while !ready() {
            let why = if let Ok(Some(status)) = daemon.0.try_wait() {
                format!("{name} ended ({status})")
            } else if start.elapsed() > START {
                format!("{name} did not answer within {} s", START.as_secs())
            } else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            return Err(Missing(format!("{why}: {}", last_line(&log))));
        }
        Ok(daemon)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL: what it was doing stays as it is.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// SIGTERM, ten seconds, SIGKILL.
    pub fn stop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let start = Instant::now();
        if let (Ok(None), Some(pid)) = (self.0.try_wait(), pid) {
            let _ = kill_process(pid, Signal::TERM);
        }
        while matches!(self.0.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(10) {
                let _ = self.0.kill();
                let _ = self.0.wait();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").to_owned()
}

/// Unmounts what a killed engine left mounted, deepest first.
pub fn unmount_below(dir: &Path) {
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
pub struct Keeper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Keeper {
    /// `$1` the folder, then the servers' ids in the order in which they end. Containers' own processes go with
    /// containerd's shims when dockerd ends; Podman's outlive it, and say their ids in files.
    const SCRIPT: &str = r#"
        read -r word && exit
        dir=$1; shift
        for id; do
            kill "$id"; i=0
            while kill -0 "$id" && [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done
            kill -9 "$id"
        done
        cat "$dir"/run/overlay-containers/*/userdata/conmon.pid "$dir"/run/overlay-containers/*/userdata/pidfile |
            xargs -r -n 1 kill -9
        cut -d ' ' -f 2 /proc/self/mounts | grep "^$dir/" | sort -r | xargs -r -n 1 umount -l
        rm -rf "$dir"
    "#;

    pub fn watch(servers: &[Daemon], dir: &Path) -> std::io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", Self::SCRIPT, "keeper"])
            .arg(dir)
            .args(servers.iter().map(|server| server.id().to_string()))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// The engine has ended in order: nothing is left to do.
    pub fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}
