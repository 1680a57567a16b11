//! A proxy that stands before an engine and writes down every request, to prove what was never sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request's first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
}

/// How the proxy stands in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Requests whose path has this in it never get to the engine, and never get an answer. Without events,
    /// say, what changes is noticed only when it is listed again.
    pub hides: Option<&'static str>,
    /// How long a request that removes something waits before it is passed on.
    pub slows_removals: Duration,
    /// Requests whose path has this in it are answered 404, as if the engine did not know them.
    pub refuses: Option<&'static str>,
    /// Requests to remove what has this in its path are answered 500 with these words.
    pub fails: Option<(&'static str, &'static str)>,
    /// Of the answer to what has this in its path only so much comes; then the connection breaks.
    pub cuts: Option<&'static str>,
    /// What is answered in the engine's place: the first that fits decides.
    pub rules: &'static [Rule],
}

/// What is not passed on to the engine, as a proxy with rules has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `GET`, or any where it is empty.
    pub method: &'static str,
    /// Some part of the path.
    pub path: &'static str,
    /// So many requests that fit are passed on before.
    pub passes: usize,
    pub refusal: Refusal,
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not: for what a later rule would refuse.
    Pass,
    /// With this status and this body.
    Status(&'static str, &'static str),
    /// The answer begins, and ends too early.
    Half,
    /// The connection ends without a word.
    Closed,
}

impl Rule {
    fn fits(&self, request: &Request) -> bool {
        (self.method.is_empty() || self.method == request.method)
            && request.path.contains(self.path)
    }
}

/// How much of an answer comes that is cut.
const PIECE: usize = 3000;

/// Listens beside an engine's socket until it is dropped.
pub struct Proxy {
    socket: PathBuf,
    seen: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// Stands before the engine that listens at `engine`; its own socket is made in `folder`.
    pub fn before(engine: &Path, folder: &Path) -> Self {
        Self::with_manner(engine, folder, Manner::default())
    }

    pub fn with_manner(engine: &Path, folder: &Path, manner: Manner) -> Self {
        let socket = folder.join("proxy.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("the proxy's socket");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (log, end, engine) = (Arc::clone(&seen), Arc::clone(&ended), engine.to_path_buf());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (log, engine) = (Arc::clone(&log), engine.clone());
                thread::spawn(move || serve(&client, &engine, manner, &log));
            }
        });
        Self {
            socket,
            seen,
            ended,
        }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What `dtop -H` takes.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("the log").clone()
    }

    /// Those that could change something: neither GET nor HEAD, nor the list of the containerd store's blobs.
    pub fn writes(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
        requests.retain(|request| request.path != "/grpc");
        requests
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, which sees that it has ended.
        let _ = UnixStream::connect(&self.socket);
    }
}

/// One client's connection: answers are passed through, requests are read.
fn serve(client: &UnixStream, engine: &Path, manner: Manner, log: &Mutex<Vec<Request>>) {
    let Ok(engine) = UnixStream::connect(engine) else {
        return;
    };
    let back = (engine.try_clone(), client.try_clone());
    let is_cut = Arc::new(AtomicBool::new(false));
    if let (Ok(mut from), Ok(mut to)) = back {
        let is_cut = Arc::clone(&is_cut);
        thread::spawn(move || {
            let _ = pass_back(&mut from, &mut to, &is_cut);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    let mut requests = BufReader::new(client);
    while let Ok(passed) = pass_request(&mut requests, &engine, manner, log) {
        let last = log.lock().expect("the log").last().cloned();
        let is_it = |part: &&str| last.is_some_and(|last| last.path.contains(part));
        is_cut.fetch_or(manner.cuts.as_ref().is_some_and(is_it), Ordering::Relaxed);
        match passed {
            Passed::On => continue,
            Passed::Answered(answer) => {
                let _ = (&mut &*client).write_all(answer.as_bytes());
                let _ = client.shutdown(Shutdown::Both);
            }
            Passed::Refused(status, words) => {
                let body = if words.is_empty() {
                    String::new()
                } else {
                    format!("{{\"message\":\"{words}\"}}")
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = (&mut &*client).write_all(answer.as_bytes());
                let _ = client.shutdown(Shutdown::Both);
            }
            Passed::End => {}
        }
        break;
    }
    let _ = engine.shutdown(Shutdown::Write);
}

/// Passes answers back, or a piece of one that is cut.
fn pass_back(from: &mut UnixStream, to: &mut UnixStream, is_cut: &AtomicBool) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let mut left = PIECE;
    loop {
        let length = from.read(&mut buffer)?;
        if is_cut.load(Ordering::Relaxed) {
            left = left.saturating_sub(length);
        }
        if length == 0 || left == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
    }
}

/// What became of a request.
enum Passed {
    On,
    /// In the engine's place, with this.
    Answered(String),
    /// With this status, in these words.
    Refused(&'static str, &'static str),
    /// The client sends no more.
    End,
}

/// Passes one request on.
fn pass_request(
    client: &mut impl BufRead,
    mut engine: &UnixStream,
    manner: Manner,
    log: &Mutex<Vec<Request>>,
) -> io::Result<Passed> {
    let (mut refusal, mut ruled) = (None, None);
    let mut head = Vec::new();
    let mut body = Body::Sized(0);
    loop {
        let start = head.len();
        if client.read_until(b'\n', &mut head)? == 0 {
            return Ok(Passed::End);
        }
        let line = String::from_utf8_lossy(&head[start..])
            .trim_end()
            .to_owned();
        if start == 0 {
            let mut words = line.split(' ').map(str::to_owned);
            let (method, path) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let unknown = manner.refuses.filter(|part| path.contains(part));
            let fails = manner.fails.filter(|(part, _)| path.contains(part));
            refusal = unknown.map(|_| ("404 Not Found", ""));
            if let Some((_, words)) = fails.filter(|_| method == "DELETE") {
                refusal = Some(("500 Internal Server Error", words));
            }
            let request = Request { method, path };
            let mut log = log.lock().expect("the log");
            ruled = by_rule(manner.rules, &request, &log);
            log.push(request);
        } else if line.is_empty() {
            break;
        } else if let Some(told) = Body::told_by(&line) {
            body = told;
        }
    }
    if let Some(answer) = ruled {
        return Ok(Passed::Answered(answer));
    }
    if let Some((status, words)) = refusal {
        return Ok(Passed::Refused(status, words));
    }
    if manner
        .hides
        .is_some_and(|hidden| line_of(&head).contains(hidden))
    {
        return Ok(Passed::On);
    }
    if line_of(&head).starts_with("DELETE ") {
        thread::sleep(manner.slows_removals);
    }
    engine.write_all(&head)?;
    match body {
        Body::Sized(length) => {
            io::copy(&mut client.take(length), &mut engine)?;
        }
        Body::Chunked => while pass_chunk(client, engine)? {},
        // What follows is no HTTP/1 any more.
        Body::Upgrade => {
            io::copy(client, &mut engine)?;
        }
    }
    Ok(Passed::On)
}

/// What the first rule that fits has answered in the engine's place.
fn by_rule(rules: &[Rule], request: &Request, before: &[Request]) -> Option<String> {
    let rule = rules.iter().find(|rule| rule.fits(request))?;
    let passed = before.iter().filter(|request| rule.fits(request)).count();
    if passed < rule.passes {
        return None;
    }
    match rule.refusal {
        Refusal::Pass => None,
        Refusal::Status(status, body) => {
            let kind = if body.starts_with('<') {
                "text/html"
            } else {
                "application/json"
            };
            Some(format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ))
        }
        Refusal::Half => Some("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n[{".to_owned()),
        Refusal::Closed => Some(String::new()),
    }
}

fn line_of(head: &[u8]) -> String {
    let line = head.split(|&byte| byte == b'\n').next();
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}

enum Body {
    Sized(u64),
    Chunked,
    Upgrade,
}

impl Body {
    /// What a header line says of the body.
    fn told_by(line: &str) -> Option<Self> {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => value.parse().ok().map(Self::Sized),
            "transfer-encoding" => Some(Self::Chunked),
            "upgrade" => Some(Self::Upgrade),
            _ => None,
        }
    }
}

/// Passes one chunk on; false after the last one.
fn pass_chunk(client: &mut impl BufRead, mut engine: &UnixStream) -> io::Result<bool> {
    let mut size = String::new();
    client.read_line(&mut size)?;
    engine.write_all(size.as_bytes())?;
    let digits = size.trim().split(';').next().unwrap_or_default();
    let length = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
    if length > 0 {
        // The line's end after a chunk belongs to it.
        io::copy(&mut client.take(length + 2), &mut engine)?;
        return Ok(true);
    }
    // Trailers, up to the empty line.
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        engine.write_all(line.as_bytes())?;
        if line.trim().is_empty() {
            return Ok(false);
        }
    }
}
