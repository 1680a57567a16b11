//! A connection that a program on the host carries over its input and output.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::SshError;

/// As much as a sentence or two.
const WORDS: u64 = 8 * 1024;
/// What ssh says where the host gives a login no further session.
const REFUSED: &str = "Session open refused by peer";
/// How long a killed process may take to end.
const END: Duration = Duration::from_millis(500);

/// What comes before the engine's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nothing.
    Plain,
    /// What a login there greets with, and a line of our own.
    Marked,
}

/// The line of our own. A greeting may end without a line's end.
const MARK: &[u8] = b"dtop: from here on\n";
/// No greeting is longer.
const GREETING: usize = 256 * 1024;

impl Opening {
    /// Returns a command with what it takes before.
    pub(super) fn before(self, command: &str) -> String {
        match self {
            Self::Plain => command.to_owned(),
            Self::Marked => format!("echo 'dtop: from here on'; {command}"),
        }
    }
}

/// A session of a login.
pub(super) struct Session {
    input: Option<ChildStdin>,
    output: ChildStdout,
    words: Option<JoinHandle<String>>,
    /// What has come of a greeting, while it lasts.
    greeting: Option<Vec<u8>>,
    /// Whether the engine has said anything.
    accept: bool,
    process: Option<SessionProcess>,
}

/// The ssh process of a session, and its place among the sessions.
struct SessionProcess {
    child: Child,
    _place: OwnedSemaphorePermit,
}

impl Drop for SessionProcess {
    /// It has been killed. Where nothing waits for that any more, as at the program's end, it is waited for here.
    fn drop(&mut self) {
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < END {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Session {
    /// Starts a command of ssh. The permit is given back when it has really ended.
    pub(super) fn start(
        mut command: Command,
        permit: OwnedSemaphorePermit,
        opening: Opening,
    ) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let errors = child.stderr.take().ok_or_else(missing)?;
        Ok(Self {
            input: child.stdin.take(),
            output: child.stdout.take().ok_or_else(missing)?,
            words: Some(tokio::spawn(async move {
                let mut words = Vec::new();
                let _ = errors.take(WORDS).read_to_end(&mut words).await;
                String::from_utf8_lossy(&words).into_owned()
            })),
            greeting: (opening == Opening::Marked).then(Vec::new),
            accept: false,
            process: Some(SessionProcess {
                child,
                _place: permit,
            }),
        })
    }

    /// Returns why it ended before anything was heard.
    fn poll_why(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(words) = &mut self.words else {
            return Poll::Ready(io::ErrorKind::UnexpectedEof.into());
        };
        let said = ready!(Pin::new(words).poll(cx)).unwrap_or_default();
        self.words = None;
        if said.contains(REFUSED) {
            return Poll::Ready(SshError::TooFewSessions.into());
        }
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        Poll::Ready(match last {
            Some(last) => SshError::Remote(last.to_owned()).into(),
            None => io::ErrorKind::UnexpectedEof.into(),
        })
    }

    /// Reads up to the engine's words, which are put into the buffer as far as they have come.
    fn poll_greeting(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(greeting) = &mut self.greeting {
            let mut piece = [0; 512];
            let mut read = ReadBuf::new(&mut piece[..buf.remaining().min(512)]);
            ready!(Pin::new(&mut self.output).poll_read(cx, &mut read))?;
            greeting.extend_from_slice(read.filled());
            let mark = greeting.windows(MARK.len()).position(|it| it == MARK);
            if let Some(at) = mark {
                // No more of it than fits in the buffer was read behind the mark.
                buf.put_slice(&greeting[at + MARK.len()..]);
                self.greeting = None;
            } else if greeting.len() > GREETING {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            } else if read.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.input = None;
        if let Some(words) = &self.words {
            words.abort();
        }
        let Some(mut process) = self.process.take() else {
            return;
        };
        let _ = process.child.start_kill();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = process.child.wait().await;
            });
        }
    }
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.greeting.is_some() && buf.remaining() > 0 {
            ready!(self.poll_greeting(cx, buf))?;
        }
        if buf.filled().len() == before {
            ready!(Pin::new(&mut self.output).poll_read(cx, buf))?;
        }
        if buf.filled().len() > before {
            self.accept = true;
        } else if !self.accept && buf.remaining() > 0 {
            return self.poll_why(cx).map(Err);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Session {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}
