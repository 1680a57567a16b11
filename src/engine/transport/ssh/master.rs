//! The one ssh process that is logged in on a host, and how connections go through it.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{sleep, timeout};

use super::facts::{Facts, Socket};
use super::folder::Folder;
use super::session::Session;
use super::shell::Shell;
use super::{Target, Trouble};
use crate::engine::transport::address::Stream;

/// As docker sets it.
const CONNECT_TIMEOUT: &str = "ConnectTimeout=30";
/// How long logging in may take where nobody is asked anything.
const LOGIN: Duration = Duration::from_secs(60);
/// What ssh says is held back this long: what fails at once is said in one line, and who is asked to touch a
/// key must read it.
const QUIET: Duration = Duration::from_secs(1);
/// How long a forwarded socket may take to say its first word before it counts as forwarded.
const TRIAL: Duration = Duration::from_secs(5);
/// How long ssh may take to end.
const END: Duration = Duration::from_secs(1);
/// As much of ssh's words as is kept.
const WORDS: usize = 16 * 1024;
const POLL: Duration = Duration::from_millis(20);
/// How ssh exits when it fails itself; otherwise it exits as what ran there did.
const FAILED: i32 = 255;
const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";

/// Whom ssh may ask for a passphrase or about a host's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Terminal,
    Nobody,
}

/// A login.
#[derive(Debug)]
pub(super) struct Master {
    host: String,
    // Before the folder with its sockets.
    process: Process,
    /// None where the host lets nothing run but what it says itself.
    shell: Option<Mutex<Shell>>,
    way: Way,
    folder: Folder,
}

/// How a connection reaches the engine.
#[derive(Debug)]
enum Way {
    /// Its socket, forwarded to this path.
    Forwarded(PathBuf),
    /// A command on the host.
    Stdio(String),
}

impl Master {
    /// Logs in and finds the way to the engine.
    pub(super) async fn start(
        target: &Target,
        ask: Ask,
        sessions: &Arc<Semaphore>,
    ) -> io::Result<Self> {
        let folder = Folder::new().map_err(|error| Trouble::Folder(error.to_string()))?;
        let words = Arc::new(Words::default());
        let mut process = Process::start(target, ask, Use::Shell, &folder, &words)?;
        let mut shell = process.shell()?;
        let asking = login(&mut shell, target, &words, ask);
        let Some(facts) = asking.await? else {
            if process.let_in().await {
                drop(process);
                return Self::without_shell(target, ask, folder).await;
            }
            return Err(process.last_words(&words).await.into());
        };
        let host = target.host().to_owned();
        let way = way(&facts, target, &host, &folder).await?;
        let master = Self {
            host,
            process,
            shell: Some(Mutex::new(shell)),
            way,
            folder,
        };
        if let Way::Forwarded(_) = &master.way
            && !master.is_forwarded(sessions).await
        {
            let command = facts.dial_stdio(target.path()).ok_or(Trouble::NoWay)?;
            let way = Way::Stdio(command);
            return Ok(Self { way, ..master });
        }
        Ok(master)
    }

    /// Logs in on a host that has no `sh`, or that answers whatever is asked with a command of its own, as with
    /// `command="docker system dial-stdio"` in `authorized_keys`.
    async fn without_shell(target: &Target, ask: Ask, folder: Folder) -> io::Result<Self> {
        let words = Arc::new(Words::default());
        let mut process = Process::start(target, ask, Use::Sessions, &folder, &words)?;
        let up = async {
            while !folder.control().exists() && process.is_alive() {
                sleep(POLL).await;
            }
        };
        tokio::select! {
            () = up => {}
            () = limit(&words, ask) => return Err(Trouble::TimedOut(LOGIN.as_secs()).into()),
        }
        if !process.is_alive() {
            return Err(process.last_words(&words).await.into());
        }
        Ok(Self {
            host: target.host().to_owned(),
            process,
            shell: None,
            way: Way::Stdio(
                Facts::unknown()
                    .dial_stdio(target.path())
                    .unwrap_or_default(),
            ),
            folder,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    pub(super) async fn dial(&self, sessions: &Arc<Semaphore>) -> io::Result<Box<dyn Stream>> {
        match &self.way {
            Way::Forwarded(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Way::Stdio(command) => {
                let permit = Arc::clone(sessions).acquire_owned().await;
                let permit = permit.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
                let mut ssh = through(&self.folder);
                ssh.args(["-T", "--", &self.host, command]);
                Ok(Box::new(Session::start(ssh, permit)?))
            }
        }
    }

    /// What a script prints; nothing where there is no shell.
    pub(super) async fn ask(&self, script: &str) -> io::Result<Vec<String>> {
        match &self.shell {
            Some(shell) => shell.lock().await.ask(script).await,
            None => Ok(Vec::new()),
        }
    }

    /// Where sshd forbids forwarding, a connection is taken here and closed at once.
    async fn is_forwarded(&self, sessions: &Arc<Semaphore>) -> bool {
        let trial = async {
            let mut stream = self.dial(sessions).await.ok()?;
            stream.write_all(PING).await.ok()?;
            stream.read_u8().await.ok()
        };
        // An engine that is silent is not sshd's doing.
        timeout(TRIAL, trial)
            .await
            .map_or(true, |heard| heard.is_some())
    }
}

/// Asks the host for facts as soon as ssh is let in. Nothing where ssh ended instead.
async fn login(
    shell: &mut Shell,
    target: &Target,
    words: &Words,
    ask: Ask,
) -> io::Result<Option<Facts>> {
    let script = Facts::script(target.path());
    let answer = async {
        match shell.ask(&script).await {
            Ok(lines) => {
                let none = || Trouble::Remote("its shell does not answer as sh does".to_owned());
                Facts::read(&lines).map(Some).ok_or_else(|| none().into())
            }
            Err(_) => Ok(None),
        }
    };
    tokio::select! {
        answer = answer => answer,
        () = limit(words, ask) => Err(Trouble::TimedOut(LOGIN.as_secs()).into()),
    }
}

/// Ends when logging in takes too long. Where somebody is asked it never does, and they read what ssh says.
async fn limit(words: &Words, ask: Ask) {
    match ask {
        Ask::Nobody => sleep(LOGIN).await,
        Ask::Terminal => words.show_after(QUIET).await,
    }
}

/// Forwards the engine's socket, or names the command that reaches it.
async fn way(facts: &Facts, target: &Target, host: &str, folder: &Folder) -> Result<Way, Trouble> {
    let stdio = || {
        let command = facts.dial_stdio(target.path());
        command.map(Way::Stdio).ok_or(Trouble::NoWay)
    };
    let Some(path) = facts.path() else {
        return stdio();
    };
    match facts.socket {
        Socket::Open => {}
        Socket::Elsewhere => return stdio(),
        Socket::Closed => return Err(Trouble::Closed(path.to_owned())),
        Socket::Absent => return Err(Trouble::NoSocket(path.to_owned())),
    }
    if !facts.can_be_forwarded() {
        return stdio();
    }
    let here = folder.socket();
    let mut forwarding = OsString::from(&here);
    forwarding.push(":");
    forwarding.push(path);
    let mut ssh = through(folder);
    ssh.args(["-O", "forward", "-L"])
        .arg(forwarding)
        .args(["--", host]);
    ssh.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match ssh.status().await {
        Ok(status) if status.success() => Ok(Way::Forwarded(here)),
        _ => stdio(),
    }
}

/// A command of ssh that goes through the login and by no other way: its own settings are the login's, and
/// where that has ended it must not make another.
fn through(folder: &Folder) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "/dev/null", "-S"]).arg(folder.control());
    ssh.args([
        "-o",
        "ControlMaster=no",
        "-o",
        "ProxyCommand=false",
        "-o",
        "BatchMode=yes",
    ]);
    ssh
}

/// What the login's own session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Shell,
    /// None: it is there for others.
    Sessions,
}

/// The process that is logged in.
#[derive(Debug)]
struct Process(Lock<Child>);

impl Process {
    fn start(
        target: &Target,
        ask: Ask,
        own: Use,
        folder: &Folder,
        words: &Arc<Words>,
    ) -> Result<Self, Trouble> {
        let mut ssh = Command::new("ssh");
        ssh.args(["-M", "-S"]).arg(folder.control()).arg("-T");
        for option in [
            "ControlPersist=no",
            // What the user's settings forward is for the user's own sessions.
            "ClearAllForwardings=yes",
            CONNECT_TIMEOUT,
            // A host that is gone is noticed within a minute.
            "ServerAliveInterval=15",
            "ServerAliveCountMax=3",
        ] {
            ssh.args(["-o", option]);
        }
        if ask == Ask::Nobody {
            ssh.args(["-o", "BatchMode=yes"]);
        }
        ssh.args(target.options());
        match own {
            Use::Shell => ssh.args(["--", target.host(), "sh"]),
            Use::Sessions => ssh.args(["-N", "--", target.host()]),
        };
        let mut child = ssh
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Trouble::NoProgram,
                _ => Trouble::Ssh(error.to_string()),
            })?;
        if let Some(errors) = child.stderr.take() {
            tokio::spawn(listen(errors, Arc::clone(words)));
        }
        Ok(Self(Lock::new(child)))
    }

    fn shell(&mut self) -> io::Result<Shell> {
        let child = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let pipes = input.zip(output).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Shell::new(pipes.0, pipes.1))
    }

    fn is_alive(&self) -> bool {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }

    /// Whether it was let in and ended all the same: by the word of what ran there, not by its own.
    async fn let_in(&mut self) -> bool {
        let child = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = timeout(END, child.wait()).await;
        ended.is_ok_and(|status| status.is_ok_and(|it| it.code().is_some_and(|it| it != FAILED)))
    }

    /// Why it ended.
    async fn last_words(&mut self, words: &Words) -> Trouble {
        let child = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Its shell ended first; that it is over itself follows.
        let _ = timeout(END, child.wait()).await;
        let _ = timeout(END, words.complete()).await;
        Trouble::of(&words.all())
    }
}

impl Drop for Process {
    /// Asks ssh to end, so that it ends what it started too, and waits until it has.
    fn drop(&mut self) {
        let child = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let start = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if start.elapsed() > END {
                let _ = child.start_kill();
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// What ssh says on its standard error.
#[derive(Debug, Default)]
struct Words(Lock<Said>);

#[derive(Debug, Default)]
struct Said {
    text: Vec<u8>,
    /// How much of it stands on the terminal.
    shown: usize,
    complete: bool,
}

impl Words {
    fn all(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said.text).into_owned()
    }

    /// Shows what is said from then on, and what was said by then, to whoever sits there.
    async fn show_after(&self, quiet: Duration) {
        sleep(quiet).await;
        loop {
            self.show();
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn show(&self) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut errors = io::stderr();
        if said.shown < said.text.len() && errors.is_terminal() {
            let _ = errors.write_all(&said.text[said.shown..]);
            let _ = errors.flush();
            said.shown = said.text.len();
        }
    }

    async fn complete(&self) {
        let is_complete = || {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .complete
        };
        while !is_complete() {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Listens as long as ssh speaks: a pipe that nobody reads would hold it up.
async fn listen(mut errors: ChildStderr, words: Arc<Words>) {
    let mut piece = [0; 1024];
    loop {
        let read = errors.read(&mut piece).await.unwrap_or(0);
        let mut said = words.0.lock().unwrap_or_else(PoisonError::into_inner);
        if read == 0 {
            said.complete = true;
            return;
        }
        if said.text.len() < WORDS {
            said.text.extend_from_slice(&piece[..read]);
        }
    }
}
