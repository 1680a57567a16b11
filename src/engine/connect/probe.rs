//! One `_ping` over a connection of its own, to tell an engine from anything else that listens.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::WhyNot;
use crate::engine::transport::{Address, Line, ssh, tls};

/// An answer to `_ping` is a few hundred bytes; whoever sends more is not an engine.
const ENOUGH: u64 = 16 * 1024;
const REQUEST: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";

/// Asks for `_ping`. It never waits on its own account: the caller sets the time.
pub(super) async fn ping(line: &Line) -> Result<(), WhyNot> {
    let answer = match line.dial().await {
        Ok(stream) => exchange(stream).await,
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

/// Sends the request and reads until the head and two bytes of body are there, or the other side has ended.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Vec<u8>> {
    // A server that hangs up without reading the request may still have said why.
    let sent = stream.write_all(REQUEST).await;
    let mut answer = Vec::with_capacity(4 * 1024);
    let mut limited = stream.take(ENOUGH);
    loop {
        match limited.read_buf(&mut answer).await {
            Ok(0) => break,
            Ok(_) if is_whole(&answer) || !begins_as_http(&answer) => break,
            Ok(_) => {}
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(sent.err().unwrap_or(error)),
        }
    }
    Ok(answer)
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

/// False for what speaks first, or another language, and may then wait for ever.
fn begins_as_http(answer: &[u8]) -> bool {
    const BEGIN: &[u8] = b"HTTP/1.";
    let length = answer.len().min(BEGIN.len());
    answer[..length] == BEGIN[..length]
}

fn is_whole(answer: &[u8]) -> bool {
    split(answer).is_some_and(|(_, body)| body.len() >= 2)
}

/// An engine says `Api-Version` in every answer, refusals included; a proxy before it may drop that but
/// not the `OK`.
fn judge(answer: &[u8]) -> Result<(), WhyNot> {
    let (head, body) = split(answer).ok_or(WhyNot::NotDocker)?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("http/1.") {
        return Err(WhyNot::NotDocker);
    }
    let ok = status.split(' ').nth(1) == Some("200");
    if lines.any(|line| line.starts_with("api-version:")) || (ok && body_says_ok(body)) {
        return Ok(());
    }
    // What a Go server says on a TLS port to somebody who does not speak TLS.
    if String::from_utf8_lossy(body).contains("HTTPS server") {
        return Err(WhyNot::WantsTls);
    }
    Err(WhyNot::NotDocker)
}

/// `OK`, or the same as the first chunk of a chunked body.
fn body_says_ok(body: &[u8]) -> bool {
    body.starts_with(b"OK") || body.starts_with(b"2\r\nOK")
}

/// What an error of a connection means.
pub(super) fn why_not(address: &Address, error: &io::Error) -> WhyNot {
    if let Some(trouble) = inside::<tls::Trouble>(error) {
        return WhyNot::Tls(trouble.clone());
    }
    if let Some(trouble) = inside::<ssh::Trouble>(error) {
        return WhyNot::Ssh(trouble.clone());
    }
    let is_file = matches!(address, Address::Unix(_));
    match error.kind() {
        // Only a missing socket *file* is one; a name that does not resolve is not.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if is_file => WhyNot::NoSocket,
        io::ErrorKind::PermissionDenied => WhyNot::PermissionDenied,
        io::ErrorKind::ConnectionRefused => WhyNot::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => WhyNot::NotDocker,
        _ => WhyNot::Connection(error.to_string()),
    }
}

fn inside<T: std::error::Error + 'static>(error: &io::Error) -> Option<&T> {
    error.get_ref()?.downcast_ref()
}
