//! One `_ping` over a connection of its own, to tell an engine from anything else that listens; `/version` where a
//! proxy in between refuses that.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ConnectFailure;
use crate::engine::content::gzip::{self, Gunzip};
use crate::engine::transport::{Address, Dial, ssh, tls};

/// An answer to `_ping` is a few hundred bytes; whoever sends more is not an engine.
const ENOUGH: u64 = 16 * 1024;

/// Asks for `_ping`, and for `/version` where that is refused. It never waits on its own account: the caller sets the
/// time.
///
/// # Errors
/// Nobody answers, or not as an engine does.
pub(super) async fn ping(line: &Dial) -> Result<(), ConnectFailure> {
    match ask(line, "/_ping", is_whole, judge).await {
        Err(ConnectFailure::Forbidden(status)) => {
            let version = ask(line, "/version", names_version, judge_version).await;
            // Behind a page that is not there, nothing speaks for an engine.
            let reason = match status {
                401 | 403 => ConnectFailure::Forbidden(status),
                _ => ConnectFailure::NotDocker,
            };
            version.map_err(|_| reason)
        }
        verdict => verdict,
    }
}

/// Asks for one path, reads until an answer is enough, and judges it.
async fn ask(
    line: &Dial,
    path: &str,
    is_enough: fn(&[u8]) -> bool,
    judge: fn(&[u8]) -> Result<(), ConnectFailure>,
) -> Result<(), ConnectFailure> {
    let answer = match line.dial().await {
        Ok(stream) => {
            let request = request(line.address(), path);
            exchange(stream, request.as_bytes(), is_enough).await
        }
        Err(error) => return Err(why_not(line.address(), &error)),
    };
    let verdict = match answer {
        Ok(answer) => judge(&answer),
        Err(error) => Err(why_not(line.address(), &error)),
    };
    let Err(reason) = verdict else { return Ok(()) };
    Err(match line.why_hung_up().await {
        Some(error) => why_not(line.address(), &error),
        None => reason,
    })
}

/// The question. A proxy may serve several names, and several engines behind one.
fn request(address: &Address, path: &str) -> String {
    let (prefix, host) = (address.prefix(), address.authority());
    format!("GET {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Sends the request and reads until the answer is enough, or the other side has ended.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    is_enough: fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    // A server that hangs up without reading the request may still have said why.
    let sent = stream.write_all(request).await;
    let mut answer = Vec::with_capacity(4 * 1024);
    let mut limited = stream.take(ENOUGH);
    loop {
        match limited.read_buf(&mut answer).await {
            Ok(0) => break,
            Ok(_) if is_enough(&answer) || !begins_as_http(&answer) => break,
            Ok(_) => {}
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(sent.err().unwrap_or(error)),
        }
    }
    Ok(answer)
}

/// Head and body of the answer. What only says that there will be one (`100 Continue`) is passed over.
fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    if head.starts_with(b"HTTP/1.1 1") || head.starts_with(b"HTTP/1.0 1") {
        return split(body);
    }
    Some((head, body))
}

/// Returns false for what speaks first, or another language, and may then wait for ever.
fn begins_as_http(answer: &[u8]) -> bool {
    const BEGIN: &[u8] = b"HTTP/1.";
    let length = answer.len().min(BEGIN.len());
    answer[..length] == BEGIN[..length]
}

/// Returns true once the head and two bytes of body are there.
fn is_whole(answer: &[u8]) -> bool {
    let is_packed = |head: &[u8]| content_is_packed(&String::from_utf8_lossy(head));
    // Where it is packed it is read to its end, which closes the connection.
    split(answer).is_some_and(|(head, body)| body.len() >= 2 && !is_packed(head))
}

fn content_is_packed(head: &str) -> bool {
    head.to_ascii_lowercase()
        .contains("\r\ncontent-encoding: gzip")
}

/// An engine says `Api-Version` in every answer, refusals included; a proxy before it may drop that but
/// not the `OK`.
fn judge(answer: &[u8]) -> Result<(), ConnectFailure> {
    let (head, body) = split(answer).ok_or(ConnectFailure::NotDocker)?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("http/1.") {
        return Err(ConnectFailure::NotDocker);
    }
    let status = status.split(' ').nth(1).and_then(|it| it.parse().ok());
    let ok = status == Some(200);
    let unpacked = content_is_packed(&head).then(|| unpacked(body));
    let body = unpacked.as_deref().unwrap_or(body);
    if lines.any(|line| line.starts_with("api-version:")) || (ok && body_says_ok(body)) {
        return Ok(());
    }
    // What a Go server says on a TLS port to somebody who does not speak TLS.
    if String::from_utf8_lossy(body).contains("HTTPS server") {
        return Err(ConnectFailure::WantsTls);
    }
    Err(match status {
        Some(status @ (401 | 403..=405)) => ConnectFailure::Forbidden(status),
        Some(_) | None => ConnectFailure::NotDocker,
    })
}

/// Judges an answer to `/version`: no other server names an API version in it.
fn judge_version(answer: &[u8]) -> Result<(), ConnectFailure> {
    let (head, body) = split(answer).ok_or(ConnectFailure::NotDocker)?;
    let head = String::from_utf8_lossy(head);
    let is_packed = content_is_packed(&head);
    let is_named = is_packed && names_version(&unpacked(body)) || names_version(body);
    is_named.then_some(()).ok_or(ConnectFailure::NotDocker)
}

fn names_version(answer: &[u8]) -> bool {
    const KEY: &[u8] = b"\"ApiVersion\"";
    answer.windows(KEY.len()).any(|it| it == KEY)
}

/// Returns the first bytes of a body that a proxy has packed, be it in chunks: a chunk's length stands before it.
fn unpacked(body: &[u8]) -> Vec<u8> {
    let begin = body
        .windows(gzip::MAGIC.len())
        .position(|it| it == gzip::MAGIC);
    let mut packed = &body[begin.unwrap_or(body.len())..];
    let mut gunzip = Gunzip::default();
    gunzip
        .next(&mut packed)
        .map(<[u8]>::to_vec)
        .unwrap_or_default()
}

/// `OK`, or the same as the first chunk of a chunked body.
fn body_says_ok(body: &[u8]) -> bool {
    body.starts_with(b"OK") || body.starts_with(b"2\r\nOK")
}

/// Returns what an error of a connection means.
pub(super) fn why_not(address: &Address, error: &io::Error) -> ConnectFailure {
    if let Some(trouble) = inside::<tls::TlsError>(error) {
        return ConnectFailure::Tls(trouble.clone());
    }
    if let Some(trouble) = inside::<ssh::SshError>(error) {
        return ConnectFailure::Ssh(trouble.clone());
    }
    let is_file = matches!(address, Address::Unix(_));
    match error.kind() {
        // Only a missing socket *file* is one; a name that does not resolve is not.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if is_file => {
            ConnectFailure::NoSocket
        }
        io::ErrorKind::PermissionDenied => ConnectFailure::PermissionDenied,
        io::ErrorKind::ConnectionRefused => ConnectFailure::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => ConnectFailure::NotDocker,
        _ => ConnectFailure::Connection(error.to_string()),
    }
}

fn inside<T: std::error::Error + 'static>(error: &io::Error) -> Option<&T> {
    error.get_ref()?.downcast_ref()
}
