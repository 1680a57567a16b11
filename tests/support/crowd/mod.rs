//! An engine of any size that is only its answers, on which things come and go as on a build server.
//!
//! Its answers are made while they are asked for, in the test's own process: nothing of them is dtop's memory.

mod life;
pub mod things;

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use tempfile::TempDir;

use life::Life;
use things::Size;

const INFO: &str = r#"{"ID":"c0ffee00-0000-4000-8000-000000000000","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"]],"DockerRootDir":"/nowhere/docker","OperatingSystem":"Linux","ServerVersion":"28.5.2","Swarm":{"LocalNodeState":"inactive","ControlAvailable":false}}"#;
const VERSION: &str = r#"{"Version":"28.5.2","ApiVersion":"1.51","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64","Components":[{"Name":"Engine","Version":"28.5.2"}]}"#;

/// A listening engine, which ends with its owner.
pub struct Crowd {
    folder: TempDir,
    inside: Arc<Inside>,
}

struct Inside {
    life: Mutex<Life>,
    /// Where those listen who have asked for events.
    listeners: Mutex<Vec<Sender<String>>>,
    /// How often each list, and how many things, were asked for.
    asked: Mutex<HashMap<String, usize>>,
    ended: AtomicBool,
}

impl Crowd {
    /// Listens; it is as large as this, and stays so.
    pub fn of(size: Size) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("engine.sock")).expect("a socket");
        let inside = Arc::new(Inside {
            life: Mutex::new(Life::begin(size)),
            listeners: Mutex::default(),
            asked: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let served = Arc::clone(&inside);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if served.ended.load(Ordering::Relaxed) {
                    return;
                }
                let served = Arc::clone(&served);
                thread::spawn(move || {
                    let _ = served.serve(&client);
                });
            }
        });
        Self { folder, inside }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Lets so many things happen, at once, and tells those who listen.
    pub fn live(&self, events: usize) {
        let lines = self.inside.life().go_on(events);
        let mut listeners = self.inside.listeners.lock().expect("the listeners");
        listeners.retain(|listener| listener.send(lines.clone()).is_ok());
    }

    /// How often something was asked for: `images`, `image`, `df`, …
    pub fn asked(&self, what: &str) -> usize {
        let asked = self.inside.asked.lock().expect("the requests");
        asked.get(what).copied().unwrap_or_default()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.inside.ended.store(true, Ordering::Relaxed);
        self.inside.listeners.lock().expect("the listeners").clear();
        // Wakes the listener, which sees that it has ended.
        let _ = UnixStream::connect(self.socket());
    }
}

impl Inside {
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().expect("its life")
    }

    fn serve(&self, mut client: &UnixStream) -> io::Result<()> {
        let mut requests = BufReader::new(client);
        while let Some(path) = next_path(&mut requests)? {
            let path = without_version(&path);
            if path.starts_with("/events") {
                let (listener, lines) = mpsc::channel();
                self.listeners.lock().expect("the listeners").push(listener);
                return tell(client, &lines);
            }
            let (status, body) = match self.answer(path) {
                Some(body) => ("200 OK", body),
                None => (
                    "404 Not Found",
                    "{\"message\":\"no such thing\"}".to_owned(),
                ),
            };
            write!(
                client,
                "HTTP/1.1 {status}\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )?;
            client.write_all(body.as_bytes())?;
        }
        Ok(())
    }

    fn answer(&self, path: &str) -> Option<String> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let what = match words[..] {
            [kind, "json"] | [kind] => kind,
            ["system", "df"] => "df",
            ["images", ..] => "image",
            ["containers", ..] => "container",
            _ => "other",
        };
        let mut asked = self.asked.lock().expect("the requests");
        *asked.entry(what.to_owned()).or_default() += 1;
        drop(asked);
        let life = self.life();
        match words[..] {
            ["_ping"] => Some("OK".to_owned()),
            ["info"] => Some(INFO.to_owned()),
            ["version"] => Some(VERSION.to_owned()),
            ["images", "json"] => Some(life.images()),
            ["containers", "json"] => Some(life.containers()),
            ["volumes"] => Some(life.volumes()),
            ["system", "df"] => Some(life.usage(query)),
            ["images", id, "json"] => life.image_inspect(id),
            ["images", id, "history"] => life.image_history(id),
            ["containers", id, "json"] => life.container_inspect(id),
            _ => None,
        }
    }
}

/// Passes on what happens, as it happens.
fn tell(mut client: &UnixStream, lines: &Receiver<String>) -> io::Result<()> {
    client
        .write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for lines in lines {
        write!(client, "{:x}\r\n{lines}\r\n", lines.len())?;
    }
    client.write_all(b"0\r\n\r\n")
}

/// The path of the next request, none of which has a body; `None` when the client sends no more.
fn next_path(client: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut first = String::new();
    if client.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    while client.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(first.split(' ').nth(1).map(str::to_owned))
}

fn without_version(path: &str) -> &str {
    let rest = path.strip_prefix("/v1.");
    rest.map_or(path, |rest| {
        rest.trim_start_matches(|digit: char| digit.is_ascii_digit())
    })
}
