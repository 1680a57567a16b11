//! The least HTTP that asks an engine a question, independent of the client that is under test.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Sends one request without a body and returns the status and the body.
///
/// HTTP/1.0, so that the answer ends with the connection and never comes in chunks.
pub fn request(socket: &Path, method: &str, path: &str) -> io::Result<(u16, String)> {
    send(socket, method, path, "text/plain", &[])
}

/// The same with a body of a type.
pub fn send(
    socket: &Path,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> io::Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("an answer without a head"))?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::other("an answer without a status"))?;
    Ok((status, body.to_owned()))
}
