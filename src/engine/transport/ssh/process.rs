//! The ssh process that is logged in, and that it ends when dtop does.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::folder::SocketFolder;
use super::options::{KnownOptions, Use};
use super::shell::Shell;
use super::trouble::{is_before_logging, reason};
use super::words::Words;
use super::{SshError, Target};

/// How long ssh may take to end.
const END: Duration = Duration::from_secs(1);
/// How ssh exits when it fails itself; otherwise it exits as what ran there did.
const FAILED: i32 = 255;
const POLL: Duration = Duration::from_millis(5);

/// Whom ssh may ask for a passphrase or about a host's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Terminal,
    Nobody,
}

impl Ask {
    /// Returns true where somebody can be asked.
    pub(super) fn somebody(self) -> bool {
        self == Self::Terminal && has_terminal()
    }
}

/// Returns whether ssh has a terminal to ask somebody at. Under cron it has none.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Why a process of ssh has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProcessEnd {
    /// It was let in: what ran there ended.
    LetIn,
    /// It was let in, and nothing may run there.
    NoSession,
    /// An option was given that it does not know.
    Unknown(KnownOptions),
    Trouble(SshError),
}

/// The process that is logged in.
#[derive(Debug)]
pub(super) struct LoginProcess {
    child: Lock<Child>,
    pid: Option<Pid>,
    /// It is alone with what it starts, which can be ended with it.
    has_group: bool,
    guard: Guard,
    pub(super) words: Arc<Words>,
    known: KnownOptions,
}

impl LoginProcess {
    pub(super) fn start(
        target: &Target,
        ask: Ask,
        own: Use,
        folder: &SocketFolder,
        known: KnownOptions,
    ) -> Result<Self, SshError> {
        let no_folder = |error: io::Error| SshError::Folder(error.to_string());
        let log = folder.log();
        let words = Words::new(&log).map_err(no_folder)?;
        let mut ssh = Command::new("ssh");
        ssh.args(["-M", "-S"]).arg(folder.control());
        ssh.arg("-E").arg(log).args(known.words(target, own));
        if ask == Ask::Nobody {
            ssh.args(["-o", "BatchMode=yes"]);
        }
        match own {
            Use::Shell => ssh.args(["--", target.host(), "sh"]),
            Use::Sessions => ssh.args(["--", target.host()]),
        };
        // Whoever is asked at a terminal must be in the group that it listens to.
        let has_group = !ask.somebody();
        if has_group {
            ssh.process_group(0);
        }
        let mut child = ssh
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SshError::NoProgram,
                _ => SshError::Ssh(error.to_string()),
            })?;
        if let Some(errors) = child.stderr.take() {
            tokio::spawn(Arc::clone(&words).listen(errors));
        }
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self {
            child: Lock::new(child),
            pid,
            has_group,
            guard: Guard::over(pid, has_group),
            words,
            known,
        })
    }

    pub(super) fn shell(&mut self) -> io::Result<Shell> {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let pipes = input.zip(output).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Shell::new(pipes.0, pipes.1))
    }

    pub(super) fn is_alive(&self) -> bool {
        self.pid.is_some_and(runs)
    }

    /// Returns why it has ended, which it is about to.
    pub(super) async fn end(&mut self) -> ProcessEnd {
        let ended = async {
            while self.pid.is_some_and(runs) {
                sleep(POLL).await;
            }
        };
        let _ = timeout(END, ended).await;
        self.end_group();
        self.guard.dismiss();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let status = timeout(END, child.wait()).await;
        let _ = timeout(END, self.words.others_ended()).await;
        let (own, others) = (self.words.own(), self.words.others());
        if let Some(known) = self.known.after(&own).or_else(|| self.known.after(&others)) {
            return ProcessEnd::Unknown(known);
        }
        match status.map(|status| status.ok().and_then(|it| it.code())) {
            Ok(Some(code)) if code != FAILED => ProcessEnd::LetIn,
            _ if reason(&own).is_some_and(is_no_session) => ProcessEnd::NoSession,
            // It never fails itself without a word.
            _ if reason(&own).is_none() && !others.lines().any(is_before_logging) => {
                ProcessEnd::LetIn
            }
            _ => ProcessEnd::Trouble(SshError::of(&own, &others)),
        }
    }

    /// Ends what ssh started and left behind, such as a program on the way that does not mind its input's end.
    fn end_group(&self) {
        if let Some(pid) = self.pid.filter(|_| self.has_group) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Returns true until a process has ended. It is not waited for by that: its number stays its own.
fn runs(pid: Pid) -> bool {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(pid), peek), Ok(None))
}

/// Returns true for what ssh says last where the host has no session for it: `channel 1: open failed: connect failed:
/// open failed`.
fn is_no_session(line: &str) -> bool {
    line.starts_with("channel ") && line.contains(": open failed: ")
}

impl Drop for LoginProcess {
    /// Asks ssh to end, so that it ends what it started too, and waits until it has.
    fn drop(&mut self) {
        self.guard.dismiss();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        // Once it has been waited for, its number may be somebody else's.
        let Some(pid) = child.id().and(self.pid) else {
            return;
        };
        let _ = kill_process(pid, Signal::TERM);
        let start = Instant::now();
        while runs(pid) && start.elapsed() < END {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.end_group();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.start_kill();
        while matches!(child.try_wait(), Ok(None)) && start.elapsed() < 2 * END {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Ends ssh if dtop is killed: a shell that waits for the end of a pipe. ssh itself would notice only where it has a
/// session of its own, and is logged in.
#[derive(Debug)]
struct Guard(Option<std::process::Child>);

impl Guard {
    const SCRIPT: &str = "read -r word; kill -- \"$0\"";

    fn over(pid: Option<Pid>, has_group: bool) -> Self {
        let name = pid.map(|pid| {
            let sign = if has_group { "-" } else { "" };
            format!("{sign}{}", pid.as_raw_nonzero())
        });
        Self(name.and_then(|name| {
            std::process::Command::new("sh")
                .args(["-c", Self::SCRIPT])
                .arg(name)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                // ^C at the terminal is not for it.
                .process_group(0)
                .spawn()
                .ok()
        }))
    }

    /// Must come before ssh is waited for: then its number may be somebody else's.
    fn dismiss(&mut self) {
        if let Some(mut shell) = self.0.take() {
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}
