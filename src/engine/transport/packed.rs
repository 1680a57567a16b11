//! Answers that somebody in between has packed, though nobody asked for that: proxies do.
//!
//! What reads answers knows hyper's own bodies only, bollard too. So an unpacked answer is one more: it is written to
//! a connection within this process, and read from there as if the engine had sent it like that.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{Body, empty};
use crate::engine::content::gzip::Gunzip;
use crate::engine::{EngineError, wire};

/// What waits between the two ends of a connection.
const BETWEEN: usize = 64 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Returns an answer as the engine gave it, of at most so many bytes. One that is not packed is returned as it is.
///
/// # Errors
/// It is packed in a way that is not known here.
pub(super) async fn unpacked(
    response: Response<Incoming>,
    longest: usize,
) -> Result<Response<Incoming>, EngineError> {
    let packing = response.headers().get(CONTENT_ENCODING);
    let packing = packing.map(|it| String::from_utf8_lossy(it.as_bytes()).to_ascii_lowercase());
    match packing.as_deref().map(str::trim) {
        None | Some("" | "identity") => return Ok(response),
        Some("gzip" | "x-gzip") => {}
        Some(other) => {
            let cause = format!("it is packed as {other}, which nobody asked for");
            return Err(wire::garbled("the answer", &cause));
        }
    }
    let broken = |error: hyper::Error| wire::garbled("the answer", &error.to_string());
    let (here, there) = duplex(BETWEEN);
    let hands = http1::handshake::<_, Body>(TokioIo::new(here)).await;
    let (mut sender, connection) = hands.map_err(broken)?;
    tokio::spawn(async { connection.await.ok() });
    // It ends with the answer, or with who reads it. One that breaks off is one that breaks off there, too.
    tokio::spawn(async move { serve(response, there, longest).await });
    let mut request = Request::new(empty());
    let host = HeaderValue::from_static("unpacked");
    request.headers_mut().insert(HOST, host);
    sender.send_request(request).await.map_err(broken)
}

/// Writes an answer as it is without its packing. Nothing where that fails: the connection ends early then.
async fn serve(
    response: Response<Incoming>,
    mut there: DuplexStream,
    longest: usize,
) -> Option<()> {
    let (head, mut body) = response.into_parts();
    read_request(&mut there).await?;
    let mut text = format!("HTTP/1.1 {}\r\n", head.status.as_u16()).into_bytes();
    let is_of_connection = [
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        CONNECTION,
    ];
    for (name, value) in &head.headers {
        if !is_of_connection.contains(name) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    there.write_all(&text).await.ok()?;
    let (mut gunzip, mut left) = (Gunzip::default(), longest);
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.ok()?.into_data() else {
            continue;
        };
        let mut bytes = &bytes[..];
        loop {
            let piece = gunzip.next(&mut bytes).ok()?;
            if piece.is_empty() && bytes.is_empty() {
                break;
            }
            left = left.checked_sub(piece.len())?;
            if !piece.is_empty() {
                let size = format!("{:x}\r\n", piece.len());
                there.write_all(size.as_bytes()).await.ok()?;
                there.write_all(piece).await.ok()?;
                there.write_all(b"\r\n").await.ok()?;
            }
        }
    }
    if !gunzip.is_whole() {
        return None;
    }
    there.write_all(b"0\r\n\r\n").await.ok()?;
    there.shutdown().await.ok()
}

async fn read_request(there: &mut DuplexStream) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(END_OF_HEAD) {
        if there.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}
