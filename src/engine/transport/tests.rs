//! The door against a socket that answers, breaks off, or never answers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::engine::fake::{Answer, Fake};

fn door(fake: &Fake, read_only: bool) -> Transport {
    Transport::new(fake.address(), "here".into(), Gate::new(read_only))
}

#[tokio::test]
async fn every_path_gets_the_version_and_a_host() {
    let fake = Fake::start(|_| Answer::json("[]"));
    let transport = door(&fake, false);
    transport.get("/a?b=c", None).await.unwrap();
    transport.speak(Api::new(1, 41));
    transport.get("/a?b=c", None).await.unwrap();
    assert_eq!(fake.requests(), ["GET /a?b=c", "GET /v1.41/a?b=c"]);
    assert_eq!(fake.heads()[1].matches("host: docker").count(), 1);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let fake = Fake::start(|_| Answer::json("[]"));
    let transport = door(&fake, false);
    for _ in 0..5 {
        transport.get("/a", None).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.requests().len(), 5);
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_read_is_asked_again_where_an_idle_connection_was_closed() {
    let fake = Fake::start(|request| match request {
        "GET /b" => Answer::json("[]"),
        _ => Answer::json("[]").then_close_silently(),
    });
    let transport = door(&fake, false);
    transport.get("/a", None).await.unwrap();
    tokio::task::yield_now().await;
    transport.get("/b", None).await.unwrap();
    assert_eq!(fake.connections(), 2);
}

#[tokio::test]
async fn read_only_sends_nothing_but_reads() {
    let fake = Fake::start(|_| Answer::json("[]"));
    let transport = door(&fake, true);
    transport.get("/a", None).await.unwrap();
    for method in [Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
        let mut request = Request::new(empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = "/x".parse().unwrap();
        assert_eq!(
            transport.send(request).await.unwrap_err(),
            EngineError::ReadOnly {
                request: format!("{method} /x")
            }
        );
    }
    assert_eq!(fake.requests(), ["GET /a"]);
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let fake = Fake::start(|_| Answer::never());
    let transport = door(&fake, false);
    let limit = Some(Duration::from_millis(50));
    let error = transport.get("/slow", limit).await.unwrap_err();
    assert!(matches!(error, EngineError::TimedOut { .. }), "{error}");
    fake.wait_for_closed(1).await;
}

#[tokio::test]
async fn a_read_is_asked_twice_at_most() {
    let fake = Fake::start(|request| match request {
        "GET /a" => Answer::json("[]").after(Duration::from_millis(20)),
        _ => Answer::cut(),
    });
    let transport = door(&fake, false);
    let idle = || transport.get("/a", None);
    let (first, second, third) = tokio::join!(idle(), idle(), idle());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    tokio::task::yield_now().await;
    let error = transport.get("/b", None).await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
    let asked = fake.requests().iter().filter(|r| r.contains("/b")).count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn over_tcp_the_host_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::Tcp {
        host: "127.0.0.1".into(),
        port,
        prefix: "/engines/one".into(),
    };
    let shown = format!("tcp://127.0.0.1:{port}/engines/one");
    assert_eq!(address.to_string(), shown);
    let transport = Transport::new(address, "there".into(), Gate::default());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let length = stream.read(&mut head).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    };
    let (answer, head) = tokio::join!(transport.get("/a", None), server);
    assert_eq!(answer.unwrap(), b"[]");
    assert!(head.starts_with("GET /engines/one/a HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("host: 127.0.0.1:{port}\r\n")),
        "{head}"
    );
}

#[test]
fn a_literal_address_of_version_6_is_bracketed() {
    let address = Address::Tcp {
        host: "::1".into(),
        port: 2375,
        prefix: String::new(),
    };
    assert_eq!(address.to_string(), "tcp://[::1]:2375");
}

/// Returns what a proxy makes of `text`, in chunks or with a length, and after a word that there will be an answer.
fn packed(text: &[u8], in_chunks: bool, packing: &str) -> Vec<u8> {
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    body.extend(miniz_oxide::deflate::compress_to_vec(text, 6));
    body.extend([0; 8]);
    let mut answer =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n".to_vec();
    answer.extend(format!("Content-Encoding: {packing}\r\n").as_bytes());
    if in_chunks {
        answer.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        for part in body.chunks(7) {
            answer.extend(format!("{:x}\r\n", part.len()).as_bytes());
            answer.extend(part);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\n\r\n");
    } else {
        answer.extend(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        answer.extend(body);
    }
    answer
}

/// Returns a transport to somebody who answers every request with these bytes, on one connection after another.
async fn answering(answer: Vec<u8>) -> Transport {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1024];
            while stream.read(&mut head).await.is_ok_and(|length| length > 0) {
                if stream.write_all(&answer).await.is_err() {
                    break;
                }
            }
        }
    });
    let address = Address::Tcp {
        host: "127.0.0.1".into(),
        port,
        prefix: String::new(),
    };
    Transport::new(address, "there".into(), Gate::default())
}

#[tokio::test]
async fn answers_that_somebody_has_packed_are_unpacked() {
    let text = "[\"a\"] ".repeat(20_000);
    for (in_chunks, packing) in [(true, "gzip"), (false, "gzip"), (false, "x-gzip")] {
        let transport = answering(packed(text.as_bytes(), in_chunks, packing)).await;
        for _ in 0..3 {
            let answer = transport.get("/a", None).await.unwrap();
            assert!(answer == text.as_bytes(), "{in_chunks}");
            tokio::task::yield_now().await;
        }
        let read = |mut frames: Frames| {
            let mut all = String::new();
            std::io::Read::read_to_string(&mut frames, &mut all).map(|_| all.len())
        };
        let length = transport.read("/a", None, read).await.unwrap();
        assert_eq!(length.unwrap(), text.len());
        // What bollard reads, too; and the engine's own headers stay.
        let mut request = Request::new(empty());
        *request.method_mut() = Method::DELETE;
        *request.uri_mut() = "/x".parse().unwrap();
        let answer = transport.send(request).await.unwrap();
        assert_eq!(answer.headers()["Api-Version"], "1.41");
        assert!(!answer.headers().contains_key("content-encoding"));
        assert_eq!(transport.whole(answer).await.unwrap().len(), text.len());
    }
}

#[tokio::test]
async fn what_is_packed_in_vain_or_without_measure_is_an_error() {
    let transport = answering(packed(b"[]", true, "br")).await;
    let error = transport.get("/a", None).await.unwrap_err().to_string();
    assert!(error.contains("packed as br"), "{error}");
    let mut cut = packed(b"[]", false, "gzip");
    let length = cut.len();
    // A checksum's last byte is one of the next answer's: the body itself is damaged.
    cut[length - 12] ^= 0xff;
    let transport = answering(cut).await;
    assert!(transport.get("/a", None).await.is_err());
    let bomb = packed(&vec![b' '; LONGEST_ANSWER + 1], false, "gzip");
    assert!(bomb.len() < 1 << 20);
    let transport = answering(bomb).await;
    let error = transport.get("/a", None).await.unwrap_err().to_string();
    assert!(error.contains("too long"), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("none.sock"));
    let transport = Transport::new(address, "unix://none".into(), Gate::default());
    let error = transport.get("/a", None).await.unwrap_err();
    let EngineError::Unreachable { host, cause } = error else {
        panic!("{error}");
    };
    assert_eq!(host, "unix://none");
    assert!(cause.contains("No such file"), "{cause}");
}

#[test]
fn refusals_in_the_engines_words() {
    let refusal = |status, body: &[u8]| refusal("GET /info", status, body);
    assert_eq!(
        refusal(404, br#"{"message":"No such image: x"}"#),
        EngineError::NotFound("No such image: x".into())
    );
    assert_eq!(
        refusal(500, br#"{"message":"unrecognized image ID sha256:1f"}"#),
        EngineError::NotFound("unrecognized image ID sha256:1f".into())
    );
    assert_eq!(
        refusal(409, br#"{"message":"in use"}"#),
        EngineError::Conflict("in use".into())
    );
    for (status, body, words) in [
        (403, r#"{"message":"no"}"#, "no (status 403)"),
        (501, r#"{"message":""}"#, "Not Implemented (status 501)"),
        (500, "boom", "boom (status 500)"),
    ] {
        assert_eq!(refusal(status, body.as_bytes()).to_string(), words);
    }
}

/// That a route is not there says of no object that it is gone.
#[test]
fn a_route_that_is_not_there_is_no_object_that_is_gone() {
    for body in [
        "Not Found\n",
        "404 page not found",
        "",
        r#"{"message":"page not found"}"#,
    ] {
        let error = refusal("GET /volumes", 404, body.as_bytes());
        let words = "GET /volumes: page not found (status 404)";
        assert_eq!(error.to_string(), words, "{body}");
        assert!(!matches!(error, EngineError::NotFound(_)), "{error:?}");
    }
}

/// What docker-socket-proxy, nginx, caddy and others answer in an engine's place; their pages are shown nowhere.
#[test]
fn a_proxys_page_is_not_the_engines_words() {
    const PAGE: &str = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>";
    for (status, body, is_forbidden) in [
        (403, PAGE, true),
        (403, "Forbidden\n", true),
        (401, "", true),
        (405, "Method Not Allowed", true),
        (404, "<!DOCTYPE html>", true),
        (500, "<html>", true),
        (502, "Bad Gateway", false),
        (503, PAGE, false),
        (504, "", false),
    ] {
        let error = refusal("GET /info", status, body.as_bytes());
        let words = if is_forbidden {
            format!("a proxy in between refuses GET /info ({status})")
        } else {
            format!("a proxy in between gets no answer to GET /info ({status})")
        };
        assert_eq!(error.to_string(), words, "{body}");
        assert_eq!(error.is_forbidden(), is_forbidden, "{status} {body}");
    }
}

#[test]
fn versions_compare_by_number() {
    assert_eq!(Api::parse("1.41"), Some(Api::new(1, 41)));
    assert_eq!(Api::parse("v1.9"), Some(Api::new(1, 9)));
    assert!(Api::new(1, 9) < Api::new(1, 41));
    for bad in ["", "1", "1.x", "1.41.2", "auto"] {
        assert_eq!(Api::parse(bad), None, "{bad}");
    }
}
