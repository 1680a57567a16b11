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
    };
    assert_eq!(address.to_string(), format!("tcp://127.0.0.1:{port}"));
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
    };
    assert_eq!(address.to_string(), "tcp://[::1]:2375");
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
    assert_eq!(
        refusal(404, br#"{"message":"No such image: x"}"#),
        EngineError::NotFound("No such image: x".into())
    );
    assert_eq!(
        refusal(404, b"Not Found\n"),
        EngineError::NotFound("Not Found".into())
    );
    assert_eq!(
        refusal(409, br#"{"message":"in use"}"#),
        EngineError::Conflict("in use".into())
    );
    assert_eq!(
        refusal(503, b"").to_string(),
        "Service Unavailable (status 503)"
    );
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
