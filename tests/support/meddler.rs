//! A proxy that meddles: it counts requests, does something to one of them, or lets others act between two.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

use super::proxy::Request;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status, and never gets to the engine.
    Refuse(u16),
    Delay,
    CutBefore,
    CutAfter,
    /// The connection is cut at once, while the engine goes on with it.
    CutMeanwhile,
    /// The answer comes twice.
    Twice,
}

pub const FAULTS: [Fault; 8] = [
    Fault::Refuse(404),
    Fault::Refuse(409),
    Fault::Refuse(500),
    Fault::Delay,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::CutMeanwhile,
    Fault::Twice,
];

/// Decides on each request, by its number (from 1) and itself, before it is passed on. It may do something of its
/// own first: no other request of this proxy is passed on meanwhile.
pub type Meddle = Box<dyn FnMut(usize, &Request) -> Option<Fault> + Send>;

struct State {
    seen: Vec<Request>,
    meddle: Meddle,
}

/// Listens before an engine until it is dropped.
pub struct Meddler {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
    /// Read while the engine answers.
    answering: Arc<RwLock<()>>,
    ended: Arc<AtomicBool>,
}

impl Meddler {
    pub fn before(engine: &Path, folder: &Path) -> Self {
        let socket = folder.join("meddler.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("the proxy's socket");
        let state = Arc::new(Mutex::new(State {
            seen: Vec::new(),
            meddle: Box::new(|_, _| None),
        }));
        let ended = Arc::new(AtomicBool::new(false));
        let answering = Arc::new(RwLock::new(()));
        let (shared, end, engine) = (Arc::clone(&state), Arc::clone(&ended), engine.to_owned());
        let answers = Arc::clone(&answering);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (state, engine) = (Arc::clone(&shared), engine.clone());
                let answers = Arc::clone(&answers);
                thread::spawn(move || {
                    let _ = serve(&client, &engine, &state, &answers);
                });
            }
        });
        Self {
            socket,
            state,
            answering,
            ended,
        }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Begins to count anew.
    pub fn arm(&self, meddle: impl FnMut(usize, &Request) -> Option<Fault> + Send + 'static) {
        let mut state = self.state.lock().expect("the state");
        state.seen.clear();
        state.meddle = Box::new(meddle);
    }

    /// What is held for writing while nothing that was passed on before is under way: a list that is read in the
    /// middle of a deed shows neither what was nor what is.
    pub fn answering(&self) -> Arc<RwLock<()>> {
        Arc::clone(&self.answering)
    }

    /// All requests since it was armed.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().expect("the state").seen.clone()
    }

    /// Those that could change something.
    pub fn writes(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|it| !matches!(it.method.as_str(), "GET" | "HEAD"));
        requests
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, which sees that it has ended.
        let _ = UnixStream::connect(&self.socket);
    }
}

/// One client's connection; the engine gets one of its own for each request.
fn serve(
    mut client: &UnixStream,
    engine: &Path,
    state: &Mutex<State>,
    answering: &RwLock<()>,
) -> io::Result<()> {
    let mut requests = BufReader::new(client);
    while let Some((request, head, body)) = next(&mut requests)? {
        let (fault, _answering) = {
            let mut state = state.lock().expect("the state");
            state.seen.push(request.clone());
            let number = state.seen.len();
            let fault = (state.meddle)(number, &request);
            // Events never end.
            let ends = !request.path.contains("/events");
            (
                fault,
                ends.then(|| answering.read().expect("nobody fails in it")),
            )
        };
        match fault {
            Some(Fault::Refuse(status)) => {
                let body = r#"{"message":"not now"}"#;
                let length = body.len();
                let head = format!("HTTP/1.1 {status} Not Now\r\nContent-Length: {length}\r\n\r\n");
                client.write_all((head + body).as_bytes())?;
            }
            Some(Fault::CutBefore) => return client.shutdown(std::net::Shutdown::Both),
            Some(Fault::CutAfter) => {
                ask(engine, &head, &body)?;
                return client.shutdown(std::net::Shutdown::Both);
            }
            Some(Fault::CutMeanwhile) => {
                let engine = engine.to_owned();
                thread::spawn(move || ask(&engine, &head, &body));
                return client.shutdown(std::net::Shutdown::Both);
            }
            Some(Fault::Twice) => {
                let answer = ask(engine, &head, &body)?;
                client.write_all(&[&answer[..], &answer].concat())?;
            }
            Some(Fault::Delay) => {
                thread::sleep(Duration::from_millis(300));
                client.write_all(&ask(engine, &head, &body)?)?;
            }
            None => client.write_all(&ask(engine, &head, &body)?)?,
        }
    }
    Ok(())
}

/// The next request: what it is, its head as it will be sent, and its body.
fn next(client: &mut impl BufRead) -> io::Result<Option<(Request, String, Vec<u8>)>> {
    let mut first = String::new();
    if client.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    let request = Request {
        method: word(),
        path: word(),
    };
    let (mut head, mut length) = (first.clone(), 0);
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok(Some((request, head, body)))
}

/// The engine's whole answer, as if the connection stayed open.
fn ask(engine: &Path, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut engine = UnixStream::connect(engine)?;
    engine.write_all(head.as_bytes())?;
    engine.write_all(body)?;
    let mut answer = Vec::new();
    engine.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("an answer without a head"))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let kept = head
        .split("\r\n")
        .filter(|line| !line.eq_ignore_ascii_case("connection: close"));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    Ok([head.as_bytes(), &answer[end..]].concat())
}
