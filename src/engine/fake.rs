//! An engine's socket for tests: answers by a function, and remembers what came in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{UnixListener, UnixStream};

use super::transport::Address;

/// What the fake engine sends back.
pub struct Answer {
    status: u16,
    headers: String,
    body: Option<String>,
    cut: bool,
    delay: Duration,
    close: bool,
    twice: bool,
}

impl Answer {
    pub fn json(body: impl Into<String>) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: String::new(),
            body: Some(body.into()),
            cut: false,
            delay: Duration::ZERO,
            close: false,
            twice: false,
        }
    }

    /// No answer at all, until the client goes.
    pub fn never() -> Self {
        Self {
            body: None,
            ..Self::json("")
        }
    }

    /// Returns the connection breaks instead.
    pub fn cut() -> Self {
        Self {
            cut: true,
            ..Self::never()
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers = format!("{}{name}: {value}\r\n", self.headers);
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Returns the same answer once more, which nobody has asked for.
    pub fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// Closes the connection at the next request, as an engine that restarts does.
    pub fn then_close_silently(mut self) -> Self {
        self.close = true;
        self
    }
}

#[derive(Default)]
struct Seen {
    heads: Vec<String>,
    connections: usize,
    closed: usize,
}

/// A listening fake; it goes with its test's runtime.
pub struct Fake {
    folder: TempDir,
    seen: Arc<Mutex<Seen>>,
}

impl Fake {
    /// Listens, answering `GET /path` and the like.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (answer, memory) = (Arc::new(answer), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                memory.lock().unwrap().connections += 1;
                let (answer, memory) = (Arc::clone(&answer), Arc::clone(&memory));
                tokio::spawn(async move {
                    serve(stream, answer.as_ref(), &memory).await;
                    memory.lock().unwrap().closed += 1;
                });
            }
        });
        Self { folder, seen }
    }

    pub fn address(&self) -> Address {
        Address::Unix(self.folder.path().join("engine.sock"))
    }

    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().heads.clone()
    }

    /// Method and path of each request so far.
    pub fn requests(&self) -> Vec<String> {
        self.heads().iter().map(|head| request_of(head)).collect()
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub async fn wait_for_closed(&self, count: usize) {
        let closed = async {
            while self.seen.lock().unwrap().closed < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(5), closed).await;
        assert!(waited.is_ok(), "the client did not close its connection");
    }
}

fn request_of(head: &str) -> String {
    let line = head.lines().next().unwrap_or_default();
    line.trim_end_matches(" HTTP/1.1").to_owned()
}

async fn serve(stream: UnixStream, answer: &(dyn Fn(&str) -> Answer + Sync), seen: &Mutex<Seen>) {
    let mut stream = BufStream::new(stream);
    let mut close = false;
    while let Some(head) = read_head(&mut stream).await {
        if close {
            return;
        }
        let request = request_of(&head);
        seen.lock().unwrap().heads.push(head);
        let answer = answer(&request);
        close = answer.close;
        let Some(body) = answer.body else {
            if !answer.cut {
                // Only the client's going ends this.
                stream.read_u8().await.ok();
            }
            return;
        };
        if !answer.delay.is_zero() {
            tokio::time::sleep(answer.delay).await;
        }
        // An answer without content has no length, either.
        let length = match answer.status {
            204 | 304 => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!(
            "HTTP/1.1 {} X\r\n{}{length}\r\n",
            answer.status, answer.headers
        );
        let whole = (head + &body).repeat(if answer.twice { 2 } else { 1 });
        let written = stream.write_all(whole.as_bytes()).await;
        if written.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Returns a request's head; none of those sent here has a body.
async fn read_head(stream: &mut BufStream<UnixStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}
