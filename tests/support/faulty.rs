//! An engine that answers as a real one once did (tests/recorded), but for one request, where something is wrong.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is none, and the connection stays open.
    Silence,
    /// It is no HTTP.
    Noise,
    /// It is HTTP, and its body no JSON.
    Garbage,
    /// Half of the body comes, then the connection ends.
    Half,
    /// Half of the body comes, and then nothing more.
    Stuck,
    /// The connection ends without a word.
    Closed,
    /// 500, in words.
    Refused,
    /// 403, and a page for a browser, as a proxy has it.
    Forbidden,
}

/// What the refusal says.
pub const WORDS: &str = "the disk is on fire";

/// A listening engine, which ends with its owner.
pub struct Faulty {
    folder: TempDir,
    ended: Arc<AtomicBool>,
}

impl Faulty {
    /// Listens; every request whose path begins with one of these, its version left aside, has the fault.
    pub fn at(paths: &'static [&'static str], fault: Fault) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("engine.sock")).expect("a socket");
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let end = Arc::clone(&end);
                thread::spawn(move || {
                    let _ = serve(&client, paths, fault, &end);
                });
            }
        });
        Self { folder, ended }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, which sees that it has ended.
        let _ = UnixStream::connect(self.socket());
    }
}

fn serve(
    mut client: &UnixStream,
    paths: &[&str],
    fault: Fault,
    ended: &AtomicBool,
) -> io::Result<()> {
    let mut requests = BufReader::new(client);
    while let Some(path) = next_path(&mut requests)? {
        let plain = without_version(&path);
        let fault = Some(fault).filter(|_| paths.iter().any(|part| plain.starts_with(part)));
        let body = body(plain).unwrap_or_default();
        let status = match (fault, body.is_empty()) {
            (Some(Fault::Refused), _) => "500 Internal Server Error",
            (Some(Fault::Forbidden), _) => "403 Forbidden",
            (None, true) => "404 Not Found",
            _ => "200 OK",
        };
        let body = match fault {
            Some(Fault::Refused) => format!("{{\"message\":\"{WORDS}\"}}"),
            Some(Fault::Forbidden) => "<html><h1>403 Forbidden</h1></html>".to_owned(),
            Some(Fault::Garbage) => "<html>not what you think</html>".to_owned(),
            None if body.is_empty() => "{\"message\":\"page not found\"}".to_owned(),
            _ => body,
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let half = &body.as_bytes()[..body.len() / 2];
        match fault {
            Some(Fault::Silence) => {
                wait(ended);
                return Ok(());
            }
            Some(Fault::Closed) => return Ok(()),
            Some(Fault::Noise) => {
                client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?;
                wait(ended);
                return Ok(());
            }
            Some(Fault::Half) => {
                client.write_all(head.as_bytes())?;
                return client.write_all(half);
            }
            Some(Fault::Stuck) => {
                client.write_all(head.as_bytes())?;
                client.write_all(half)?;
                wait(ended);
                return Ok(());
            }
            Some(Fault::Garbage | Fault::Refused | Fault::Forbidden) | None => {
                client.write_all(head.as_bytes())?;
                // Events come when something happens, which it never does here.
                if plain.starts_with("/events") && fault.is_none() {
                    wait(ended);
                    return Ok(());
                }
                client.write_all(body.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// Keeps the connection open until the test ends.
fn wait(ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
    }
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

/// What Docker 28.5.2 answered; nothing to what was not recorded.
fn body(path: &str) -> Option<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let recorded = |name: &str| Some(read(name)?["body"].to_string());
    let of_object = |name: &str, id: &str| Some(read(name)?.get(id)?.to_string());
    match words[..] {
        ["_ping"] => Some("OK".to_owned()),
        ["info" | "version" | "volumes"] => recorded(words[0]),
        ["images", "json"] => recorded("images"),
        ["containers", "json"] => recorded("containers"),
        ["system", "df"] if query.contains("build-cache") => recorded("df-type-build-cache"),
        ["system", "df"] if query.contains("volume") => recorded("df-type-volume"),
        ["system", "df"] => recorded("df"),
        ["images", id, "json"] => of_object("image-inspect", id),
        ["images", id, "history"] => of_object("image-history", id),
        ["containers", id, "json"] => of_object("container-inspect-size", id),
        ["events"] => Some("{}\n".to_owned()),
        _ => None,
    }
}

fn read(name: &str) -> Option<Value> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/docker-28.5.2-overlay2");
    let file = fs::read(folder.join(name).with_extension("json")).ok()?;
    serde_json::from_slice(&file).ok()
}
