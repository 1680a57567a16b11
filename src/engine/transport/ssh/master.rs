//! A login on a host, and how connections go through it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::facts::{Facts, Socket};
use super::folder::SocketFolder;
use super::options::{KnownOptions, Use};
use super::process::{Ask, LoginProcess, ProcessEnd};
use super::session::{Opening, Session};
use super::shell::Shell;
use super::words::Words;
use super::{Bare, SshError, Target, is_plain};
use crate::engine::transport::stream::Stream;

/// How long logging in may take where nobody is asked anything.
const LOGIN: Duration = Duration::from_secs(18);
/// What ssh says is held back this long: what fails at once is said in one line, and who is asked to touch a
/// key must read it.
const QUIET: Duration = Duration::from_secs(1);
/// How long a socket that is forwarded, or a command there, may take to say its first word before it counts as
/// an engine that is silent.
const TRIAL: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
const HTTP: &[u8] = b"HTTP/1.";
/// A greeting is a page or two.
const MOST_WORDS: u64 = 64 * 1024;
/// Where an engine listens on a host that cannot be asked.
const USUAL: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// A login.
#[derive(Debug)]
pub(super) struct Master {
    host: String,
    // Before the folder with its sockets.
    process: LoginProcess,
    /// None where the host lets nothing run but what it says itself.
    shell: Option<Mutex<Shell>>,
    way: SshRoute,
    folder: SocketFolder,
}

/// How a connection reaches the engine.
#[derive(Debug)]
enum SshRoute {
    /// Its socket, forwarded to this path.
    Forwarded(PathBuf),
    /// A command on the host, and what comes before the engine's words.
    Stdio(String, Opening),
}

/// What a login is made for.
#[derive(Debug)]
struct LoginPurpose<'a> {
    target: &'a Target,
    ask: Ask,
    /// When it has taken too long, where nobody is asked.
    until: Instant,
}

impl Master {
    /// Logs in and finds the way to the engine.
    pub(super) async fn start(
        target: &Target,
        ask: Ask,
        sessions: &Arc<Semaphore>,
    ) -> io::Result<Self> {
        let until = Instant::now() + LOGIN;
        let order = LoginPurpose { target, ask, until };
        let mut known = KnownOptions::default();
        loop {
            let folder =
                SocketFolder::new().map_err(|error| SshError::Folder(error.to_string()))?;
            let mut process = LoginProcess::start(target, ask, Use::Shell, &folder, known)?;
            let mut shell = process.shell()?;
            if let Some(facts) = login(&mut shell, &order, &process.words).await? {
                return Self::with_shell(&order, facts, (process, shell), folder, sessions).await;
            }
            let bare = match process.end().await {
                ProcessEnd::Unknown(fewer) => {
                    known = fewer;
                    continue;
                }
                ProcessEnd::LetIn => Bare::Ended,
                ProcessEnd::NoSession => Bare::NoSession,
                ProcessEnd::Trouble(trouble) => return Err(trouble.into()),
            };
            // Its pipe is there, and its socket is not.
            drop((process, folder));
            let folder =
                SocketFolder::new().map_err(|error| SshError::Folder(error.to_string()))?;
            let process = LoginProcess::start(target, ask, Use::Sessions, &folder, known)?;
            let master = Self::up(&order, process, folder, bare).await?;
            return master.without_shell(target, bare, sessions).await;
        }
    }

    /// Takes the way that the host's shell tells of.
    async fn with_shell(
        order: &LoginPurpose<'_>,
        facts: Facts,
        (process, shell): (LoginProcess, Shell),
        folder: SocketFolder,
        sessions: &Arc<Semaphore>,
    ) -> io::Result<Self> {
        let target = order.target;
        let opening = if shell.was_greeted() {
            Opening::Marked
        } else {
            Opening::Plain
        };
        let stdio = || {
            let command = facts.dial_stdio(target.path()).ok_or(SshError::NoWay)?;
            Ok::<SshRoute, SshError>(SshRoute::Stdio(opening.before(&command), opening))
        };
        let forwarded = match (facts.socket, facts.path()) {
            (Socket::Closed, Some(path)) => return Err(SshError::Closed(path.to_owned()).into()),
            (Socket::Absent, Some(path)) => return Err(SshError::NoSocket(path.to_owned()).into()),
            (Socket::Open, Some(path)) if is_plain(path) => {
                let here = folder.socket(0);
                let taken = forward(target.host(), path, &here, &folder).await;
                taken.then_some(here)
            }
            _ => None,
        };
        let master = Self {
            host: target.host().to_owned(),
            process,
            shell: Some(Mutex::new(shell)),
            way: forwarded.map_or_else(&stdio, |here| Ok(SshRoute::Forwarded(here)))?,
            folder,
        };
        if matches!(master.way, SshRoute::Forwarded(_)) && !master.is_heard(sessions).await {
            let way = stdio()?;
            return Ok(Self { way, ..master });
        }
        Ok(master)
    }

    /// Waits until a login that has no session of its own is there for others.
    async fn up(
        order: &LoginPurpose<'_>,
        mut process: LoginProcess,
        folder: SocketFolder,
        bare: Bare,
    ) -> io::Result<Self> {
        let up = async {
            while !folder.control().exists() && process.is_alive() {
                sleep(POLL).await;
            }
        };
        tokio::select! {
            () = up => {}
            () = limit(&process.words, order) => return Err(too_late()),
        }
        if !process.is_alive() {
            return Err(match process.end().await {
                ProcessEnd::Trouble(trouble) => trouble,
                ProcessEnd::LetIn | ProcessEnd::NoSession | ProcessEnd::Unknown(_) => {
                    SshError::NoShell(bare, None)
                }
            }
            .into());
        }
        Ok(Self {
            host: order.target.host().to_owned(),
            process,
            shell: None,
            way: SshRoute::Forwarded(folder.socket(0)),
            folder,
        })
    }

    /// Finds the way on a host that has no `sh` for this login, or that answers whatever is asked with a command of
    /// its own, as with `command="docker system dial-stdio"` in `authorized_keys`.
    async fn without_shell(
        mut self,
        target: &Target,
        bare: Bare,
        sessions: &Arc<Semaphore>,
    ) -> io::Result<Self> {
        let mut trouble = SshError::NoShell(bare, None);
        if bare == Bare::Ended {
            let command = Facts::unknown().dial_stdio(target.path());
            self.way = SshRoute::Stdio(command.unwrap_or_default(), Opening::Plain);
            trouble = match self.first_words(sessions).await {
                Ok(()) => return Ok(self),
                Err(trouble) => trouble,
            };
        }
        // Where the host's own command leads to an engine, another one behind a socket is not taken for it.
        let paths = match target.path() {
            Some(path) if is_plain(path) => vec![path],
            None if matches!(trouble, SshError::NoShell(..)) => USUAL.to_vec(),
            Some(_) | None => Vec::new(),
        };
        for (index, path) in paths.into_iter().enumerate() {
            // One that is forwarded in vain keeps its place.
            let here = self.folder.socket(index);
            if forward(&self.host, path, &here, &self.folder).await {
                self.way = SshRoute::Forwarded(here);
                if self.is_heard(sessions).await {
                    return Ok(self);
                }
            }
        }
        Err(trouble.into())
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    pub(super) async fn dial(&self, sessions: &Arc<Semaphore>) -> io::Result<Box<dyn Stream>> {
        match &self.way {
            SshRoute::Forwarded(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            SshRoute::Stdio(command, opening) => {
                let permit = Arc::clone(sessions).acquire_owned().await;
                let permit = permit.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
                let mut ssh = through(&self.folder);
                ssh.args(["-T", "--", &self.host, command]);
                Ok(Box::new(Session::start(ssh, permit, *opening)?))
            }
        }
    }

    /// Returns what a script prints; nothing where there is no shell.
    pub(super) async fn ask(&self, script: &str) -> io::Result<Vec<String>> {
        match &self.shell {
            Some(shell) => shell.lock().await.ask(script).await,
            None => Ok(Vec::new()),
        }
    }

    /// Returns true if the engine says a word, or nothing for so long that it is not sshd's doing: where sshd
    /// forbids forwarding, a connection is taken here and closed at once.
    async fn is_heard(&self, sessions: &Arc<Semaphore>) -> bool {
        let trial = async {
            let mut stream = self.dial(sessions).await.ok()?;
            stream.write_all(PING).await.ok()?;
            stream.read_u8().await.ok()
        };
        timeout(TRIAL, trial)
            .await
            .map_or(true, |accept| accept.is_some())
    }

    /// Tells what answers a command there as no engine does. An engine may be silent.
    async fn first_words(&self, sessions: &Arc<Semaphore>) -> Result<(), SshError> {
        let mut words = Vec::new();
        let trial = async {
            let mut stream = self.dial(sessions).await?;
            // What ends at once has said something all the same.
            let _ = stream.write_all(PING).await;
            let mut stream = stream.take(MOST_WORDS);
            while !has_http(&words) && stream.read_buf(&mut words).await? > 0 {}
            Ok(())
        };
        match timeout(TRIAL, trial).await {
            Ok(Err(error)) => return Err(SshError::from_io(&error)),
            Err(_) if words.is_empty() => return Ok(()),
            Ok(Ok(())) | Err(_) => {}
        }
        if words.starts_with(HTTP) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&words);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_greeting = has_http(&words);
        let line = if is_greeting {
            lines.next()
        } else {
            lines.next_back()
        };
        let line = line.map(str::to_owned);
        Err(match line {
            Some(line) if is_greeting => SshError::Greeting(line),
            line => SshError::NoShell(Bare::Ended, line),
        })
    }
}

fn has_http(words: &[u8]) -> bool {
    words.windows(HTTP.len()).any(|part| part == HTTP)
}

/// Asks the host for facts as soon as ssh is let in. Nothing where ssh ended instead.
async fn login(
    shell: &mut Shell,
    order: &LoginPurpose<'_>,
    words: &Words,
) -> io::Result<Option<Facts>> {
    let script = Facts::script(order.target.path());
    let answer = async {
        let no_shell = |what: &str| io::Error::from(SshError::Remote(format!("its shell {what}")));
        match shell.ask(&script).await {
            Ok(lines) => Facts::read(&lines)
                .map(Some)
                .ok_or_else(|| no_shell("does not answer as sh does")),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(no_shell("prints without end"))
            }
            Err(_) => Ok(None),
        }
    };
    tokio::select! {
        answer = answer => answer,
        () = limit(words, order) => Err(too_late()),
    }
}

/// Ends when logging in takes too long. Where somebody is asked it never does, and they read what ssh says.
async fn limit(words: &Words, order: &LoginPurpose<'_>) {
    if order.ask.somebody() {
        words.show_after(QUIET).await;
    } else {
        sleep_until(order.until).await;
    }
}

fn too_late() -> io::Error {
    SshError::TimedOut(LOGIN.as_secs()).into()
}

/// Forwards a socket of the host to a path here. True if ssh takes that on: whether sshd lets it be is told by the
/// first connection.
async fn forward(host: &str, path: &str, here: &Path, folder: &SocketFolder) -> bool {
    let mut forwarding = OsString::from(here);
    forwarding.push(":");
    forwarding.push(path);
    let mut ssh = through(folder);
    ssh.args(["-O", "forward", "-L"])
        .arg(forwarding)
        .args(["--", host]);
    ssh.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let status = timeout(TRIAL, ssh.status()).await;
    status.is_ok_and(|status| status.is_ok_and(|it| it.success()))
}

/// Returns a command of ssh that goes through the login and by no other way: its own settings are the login's, and
/// where that has ended it must not make another.
fn through(folder: &SocketFolder) -> Command {
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
