//! The list against a service that answers, refuses, or breaks off.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Mutex;

use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes as Chunk, Frame, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::domain::store::unpacked::Folders;
use crate::engine::copies::tar::archive;
use crate::engine::fake::{Answer, Fake};
use crate::engine::transport::Address;

/// A blob, with what its labels lead to.
struct Kept {
    digest: &'static str,
    leads: Vec<&'static str>,
    content: Vec<u8>,
}

/// Blobs, some of which are listed but cannot be read.
#[derive(Default)]
struct Store {
    blobs: Vec<Kept>,
    unreadable: Vec<&'static str>,
    straight: bool,
    calls: Mutex<Vec<String>>,
}

impl Store {
    fn with(mut self, digest: &'static str, leads: &[&'static str], content: Value) -> Self {
        let content = match content {
            Value::Null => Vec::new(),
            content => content.to_string().into_bytes(),
        };
        self.blobs.push(Kept {
            digest,
            leads: leads.to_vec(),
            content,
        });
        self
    }

    fn with_layer(mut self, digest: &'static str, content: Vec<u8>) -> Self {
        self.blobs.push(Kept {
            digest,
            leads: Vec::new(),
            content,
        });
        self
    }

    fn answer(&self, path: &str, message: &[u8]) -> (Vec<u8>, &'static str) {
        let text = |message: &[u8]| String::from_utf8_lossy(&message[2..]).into_owned();
        if path.ends_with("/List") {
            self.calls.lock().unwrap().push("List".into());
            let infos = self.blobs.iter().map(|blob| {
                let mut info = proto::text_message(1, blob.digest);
                info.push(0x10);
                info.extend(varint(blob.content.len()));
                for lead in &blob.leads {
                    let key = proto::text_message(1, "containerd.io/gc.ref.content.x");
                    let value = proto::text_message(2, lead);
                    info.extend(field(5, &[key, value].concat()));
                }
                // A message of its own for each: they come as a stream.
                framed(&field(1, &info))
            });
            return (infos.collect::<Vec<_>>().concat(), "0");
        }
        let digest = text(message);
        self.calls.lock().unwrap().push(digest.clone());
        let blob = self.blobs.iter().find(|blob| blob.digest == digest);
        match blob.filter(|blob| !self.unreadable.contains(&blob.digest)) {
            Some(blob) => {
                // Two pieces, the second with its offset.
                let (first, second) = blob.content.split_at(blob.content.len() / 2);
                let mut rest = vec![0x08];
                rest.extend(varint(first.len()));
                rest.extend(field(2, second));
                ([framed(&field(2, first)), framed(&rest)].concat(), "0")
            }
            None => (Vec::new(), "5"),
        }
    }

    /// Listens until the test's runtime ends.
    fn start(self) -> (TempDir, Arc<Self>, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let store = Arc::new(self);
        let serving = Arc::clone(&store);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&serving), stream));
            }
        });
        (folder, store, path)
    }
}

async fn serve(store: Arc<Store>, mut stream: UnixStream) {
    if !store.straight {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        if !head.starts_with("post /grpc http/1.1\r\n") || !head.contains("upgrade: h2c\r\n") {
            return;
        }
        let change =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
        stream.write_all(change.as_bytes()).await.unwrap();
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let store = Arc::clone(&store);
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let (data, status) = store.answer(&path, &body[5..]);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            let frames = [Frame::data(Chunk::from(data)), Frame::trailers(trailers)];
            let frames = frames.map(Ok::<_, Infallible>);
            Ok::<_, Infallible>(Response::new(StreamBody::new(stream::iter(frames))))
        }
    });
    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    message.extend(varint(bytes.len()));
    message.extend_from_slice(bytes);
    message
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn blobs(path: PathBuf, version: &str) -> Blobs {
    let transport = Transport::new(
        Address::Unix(path),
        "here".into(),
        crate::engine::Gate::new(true),
    );
    Blobs::new(transport, version)
}

fn manifest(config: &str, layers: &[&str]) -> Value {
    let layers: Vec<_> = layers.iter().map(|l| json!({"digest": l})).collect();
    json!({"config": {"digest": config}, "layers": layers})
}

fn config(os: &str, diff_ids: &[&str]) -> Value {
    json!({"os": os, "rootfs": {"diff_ids": diff_ids}})
}

/// Returns an image of two platforms, of which one was pulled; and what is left of an image built anew.
fn store() -> Store {
    Store::default()
        .with(
            "index",
            &["m1", "m1", "m2"],
            json!({"manifests": [{"digest": "m2"}, {"digest": "m1"}]}),
        )
        .with("m1", &["c1", "l1"], manifest("c1", &["l1", "l2"]))
        .with("c1", &[], config("linux", &["d1", "d2"]))
        .with("l1", &[], Value::Null)
        .with("old", &[], manifest("oldc", &["l1"]))
        .with("oldc", &[], config("linux", &["d1"]))
}

fn ids(ids: &[&str]) -> Vec<ImageId> {
    ids.iter().map(|id| ImageId::new(*id)).collect()
}

#[tokio::test]
async fn an_image_is_read_through_its_index() {
    let (_folder, served, path) = store().start();
    let blobs = blobs(path, "28.5.2+dfsg4");
    let images = ids(&["index", "elsewhere"]);
    let list = blobs
        .list(&images, &["gone".into()], None)
        .await
        .unwrap()
        .unwrap();
    let image = list.image(&images[0]).unwrap();
    assert_eq!(image.manifests, ["m1"]);
    assert!(!image.unread);
    let layers = &list.manifest("m1").unwrap().layers;
    assert_eq!(layers[0].blob, list.position("l1"));
    assert_eq!(layers[1].blob, None);
    assert_eq!(layers[1].diff_id, "d2");
    assert_eq!(list.image(&images[1]), None);
    assert_eq!(list.manifests_of("gone").count(), 0);
    // The history's manifest is found though nobody named it.
    assert_eq!(list.manifests_of("old").count(), 1);

    let again = blobs.list(&images, &[], None).await.unwrap().unwrap();
    assert_eq!(again.image(&images[0]), list.image(&images[0]));
    let calls = served.calls.lock().unwrap();
    for (digest, times) in [("List", 2), ("index", 1), ("m1", 1), ("c1", 1), ("m2", 0)] {
        let count = calls.iter().filter(|call| *call == digest).count();
        assert_eq!(count, times, "{digest}: {calls:?}");
    }
}

#[tokio::test]
async fn http2_from_the_first_byte_where_the_engine_speaks_it() {
    let (_folder, _, path) = Store {
        straight: true,
        ..store()
    }
    .start();
    let list = blobs(path, "29.2.0").list(&[], &[], None).await.unwrap();
    assert_eq!(list.unwrap().blobs().len(), 6);
}

#[tokio::test]
async fn a_new_engine_behind_an_old_door_is_asked_the_old_way() {
    let (_folder, _, path) = store().start();
    // The fake ends a connection that does not begin with POST /grpc, as 28 does.
    let list = blobs(path, "29.7.2").list(&[], &[], None).await.unwrap();
    assert_eq!(list.unwrap().blobs().len(), 6);
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    for gone in ["index", "m1", "c1"] {
        let mut store = store();
        store.unreadable.push(gone);
        let (_folder, _, path) = store.start();
        let list = blobs(path, "28.0.0")
            .list(&ids(&["index"]), &[], None)
            .await;
        let list = list.unwrap().unwrap();
        let image = list.image(&ids(&["index"])[0]).unwrap();
        assert!(image.unread, "{gone}");
        assert_eq!(image.content.len(), 4, "{gone}");
    }
}

#[tokio::test]
async fn an_index_that_leads_to_itself_ends() {
    let itself = json!({"manifests": [{"digest": "a"}, {"digest": "b"}]});
    let store = Store::default()
        .with("a", &["b"], itself.clone())
        .with("b", &["a"], itself);
    let (_folder, _, path) = store.start();
    let list = blobs(path, "28.0.0").list(&ids(&["a"]), &[], None).await;
    let list = list.unwrap().unwrap();
    assert_eq!(list.image(&ids(&["a"])[0]).unwrap().content.len(), 2);
}

#[tokio::test]
async fn a_refusal_means_that_it_is_not_served() {
    for status in [400, 403, 404, 405, 501, 502] {
        for version in ["28.5.2", "29.7.2"] {
            let fake = Fake::start(move |_| Answer::status(status, "no"));
            let Address::Unix(path) = fake.address() else {
                panic!("a socket");
            };
            let list = blobs(path, version).list(&ids(&["a"]), &[], None).await;
            assert_eq!(list, Ok(None), "{status} {version}");
        }
    }
}

#[tokio::test]
async fn no_engine_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["28.5.2", "29.7.2"] {
        let blobs = blobs(folder.path().join("none"), version);
        let error = blobs.list(&[], &[], None).await.unwrap_err();
        assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn layers_are_read_once_for_what_they_unpack_to() {
    let layer = archive(&[("usr/one", &[1; 5_000]), ("two", b"2")]);
    let size = Bytes(layer.len() as u64);
    let store = Store::default()
        .with_layer("layer", layer)
        .with_layer("odd", b"no archive".to_vec());
    let (_folder, served, path) = store.start();
    let blobs = blobs(path, "28.5.2");
    let wanted = [
        ("layer".into(), size),
        ("odd".into(), Bytes(10)),
        ("gone".into(), Bytes(10)),
        ("huge".into(), Bytes(1 << 40)),
    ];
    assert!(blobs.extents(&wanted).await.is_empty(), "nothing serves it");
    blobs.list(&[], &[], None).await.unwrap().unwrap();
    served.calls.lock().unwrap().clear();
    for _ in 0..2 {
        let told = blobs.extents(&wanted).await;
        assert_eq!(told.len(), 1);
        let takes = told["layer"].bytes(Folders::InPages);
        assert_eq!(takes, Bytes((2 + 2 + 1) * 4_096));
    }
    let calls = served.calls.lock().unwrap().clone();
    for (digest, times) in [("layer", 1), ("odd", 1), ("gone", 1), ("huge", 0)] {
        let count = calls.iter().filter(|call| *call == digest).count();
        assert_eq!(count, times, "{digest}: {calls:?}");
    }
    blobs.extents(&wanted[1..]).await;
    let kept = blobs.lock_extents().contains_key("layer");
    assert!(!kept, "what nobody asks for is forgotten");
}

#[tokio::test]
async fn a_layer_that_is_longer_than_the_list_says_is_not_told() {
    let layer = archive(&[("one", &[1; 9_000])]);
    let (_folder, _, path) = Store::default().with_layer("layer", layer).start();
    let blobs = blobs(path, "28.5.2");
    blobs.list(&[], &[], None).await.unwrap().unwrap();
    let told = blobs.extents(&[("layer".into(), Bytes(5_000))]).await;
    assert!(told.is_empty());
}

#[test]
fn versions_that_speak_http2() {
    for (version, speaks) in [
        ("29.2.0", true),
        ("29.10.0", true),
        ("30.0.0-rc.1", true),
        ("29.1.5", false),
        ("28.5.2+dfsg4", false),
        ("", false),
        ("dev", false),
    ] {
        assert_eq!(speaks_http2(version), speaks, "{version}");
    }
}
