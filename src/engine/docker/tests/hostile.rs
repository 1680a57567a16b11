//! An engine that means harm: IDs that would name something else, and answers that never end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;
use crate::engine::transport::Address;

/// What stands for an ID where the form of a request is asked for.
const PLAIN: &str = "ID0";

/// IDs and names that look like options, paths, other endpoints, or a request of their own.
const HOSTILE: [&str; 30] = [
    "--force",
    "-rf",
    "../../x",
    "x/../../containers/y",
    "a/b?c",
    "x?force=1&v=1",
    "a&v=1",
    "a#b",
    "%2e%2e",
    "%2e%2e/%2e%2e/x",
    "..%2f..",
    "a%00b",
    "a%3Fforce=1",
    "a b",
    "a\r\nX-Injected: y\r\n\r\nDELETE /images/z HTTP/1.1",
    "a\tb",
    "a\\..\\b",
    "a;b",
    "{a}",
    "\u{202e}txt",
    "é",
    "\u{0}",
    "prune",
    "json",
    "a/json",
    "/abs",
    "a//b",
    ".",
    "..",
    "",
];

/// Returns what an engine is asked about an object, and told to do with it.
async fn ask_all(engine: &DockerEngine, name: &str) -> usize {
    let (container, image) = (ContainerId::new(name), ImageId::new(name));
    let volume = VolumeName::new(name);
    let ends = [
        engine.stop(&container).await.is_ok(),
        engine.unpause(&container).await.is_ok(),
        engine.remove_container(&container).await.is_ok(),
        engine.container_details(&container, false).await.is_ok(),
        engine.container_details(&container, true).await.is_ok(),
        engine.remove_volume(&volume).await.is_ok(),
        engine.untag(name).await.is_ok(),
        engine.remove_image(&image).await.is_ok(),
        engine.resolve(name).await.is_ok(),
        engine.image_details(&image).await.is_ok(),
    ];
    ends.iter().filter(|end| **end).count()
}

async fn requests_for(name: &str) -> Vec<String> {
    let fake = engine("1.51", |_| fake::Answer::json("{}"));
    let engine = open(&fake).await;
    ask_all(&engine, name).await;
    let mut sent = sent(&fake);
    // Two of them are sent at once.
    sent.sort();
    sent
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let hex = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Returns where a path names an object of that name, which may look like the end of one.
fn place_of(name: &str, path: &str) -> Option<std::ops::Range<usize>> {
    let ends = ["/json", "/stop", "/unpause", "/history", ""];
    let starts = path.match_indices('/').map(|(at, _)| at + 1);
    starts
        .flat_map(|start| ends.map(|end| (start, path.strip_suffix(end))))
        .find_map(|(start, before)| {
            let end = before?.len();
            let text = path.get(start..end)?;
            (decoded(text) == name).then_some(start..end)
        })
}

#[tokio::test]
async fn no_id_changes_what_is_asked_for() {
    let plain = requests_for(PLAIN).await;
    assert_eq!(plain.len(), 11, "{plain:?}");
    for name in HOSTILE {
        let sent = requests_for(name).await;
        if sent.is_empty() {
            // Nothing is called so.
            let parts = name.split('/');
            let is_none = |part: &str| matches!(part, "" | "." | "..");
            assert!(parts.into_iter().any(is_none), "{name:?}");
            continue;
        }
        let mut forms = Vec::new();
        for request in &sent {
            assert!(
                !request.contains(['\r', '\n', '\t', '#', '\\', '\u{0}']),
                "{request:?}"
            );
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
            assert!(
                !path.split('/').any(|part| matches!(part, "." | "..")),
                "{request}"
            );
            let place = place_of(name, path);
            let place = place.unwrap_or_else(|| panic!("{name:?} is not in {request:?}"));
            let mut form = path.to_owned();
            form.replace_range(place, PLAIN);
            if !query.is_empty() {
                form = format!("{form}?{query}");
            }
            forms.push(form);
        }
        forms.sort();
        assert_eq!(forms, plain, "{name:?}");
    }
}

#[tokio::test]
async fn a_pattern_is_no_record() {
    let fake = engine("1.51", |_| fake::Answer::json(r#"{"CachesDeleted":null}"#));
    let engine = open(&fake).await;
    for id in [".*", "a|b", "a)|(b", "", "a b", "é", "a\n"] {
        let pruned = engine.prune_records(&[RecordId::new(id)]).await.unwrap();
        assert_eq!(pruned, Pruned::default(), "{id:?}");
    }
    assert_eq!(sent(&fake), [""; 0], "nothing was asked to go");
    let mixed = [RecordId::new("a1"), RecordId::new(".*")];
    engine.prune_records(&mixed).await.unwrap();
    assert!(
        sent(&fake)[0].contains("%5E%28a1%29%24"),
        "{:?}",
        sent(&fake)
    );
}

/// Returns an engine whose answer to one path never ends: it is as long as somebody reads.
fn endless(path: &'static str) -> (tempfile::TempDir, Address) {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\n";
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    head.push(byte);
                    if !head.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let asked = String::from_utf8(std::mem::take(&mut head)).unwrap();
                    let target = asked.split(' ').nth(1).unwrap_or_default();
                    if target.contains(path) {
                        let _ = stream.write_all(format!("{HEAD}\r\n[").as_bytes()).await;
                        let piece = format!("\"{}\",", "x".repeat(300_000)).into_bytes();
                        while stream.write_all(&piece).await.is_ok() {}
                        return;
                    }
                    let body = r#"{"ID":"AB:CD","ApiVersion":"1.51"}"#;
                    let answer = format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (folder, Address::Unix(socket))
}

#[tokio::test]
async fn a_list_that_never_ends_is_refused() {
    let (_folder, address) = endless("/images/json");
    let engine = DockerEngine::open(address, ClientOptions::default())
        .await
        .unwrap();
    let error = engine.images().await.unwrap_err();
    assert!(error.to_string().contains("it is too long"), "{error}");
}

#[tokio::test]
async fn a_ping_that_never_ends_is_heard_for_a_moment() {
    let (_folder, address) = endless("/_ping");
    DockerEngine::open(address, ClientOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_to_a_removal_that_never_ends_leaves_it_open_whether_it_went() {
    let (_folder, address) = endless("/images/sha256:1");
    let engine = DockerEngine::open(address, ClientOptions::default())
        .await
        .unwrap();
    let error = engine
        .remove_image(&ImageId::new("sha256:1"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn nesting_and_numbers_beyond_sense_are_an_error_or_not_known() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let object = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    for body in [deep, object] {
        let answer = body.clone();
        let fake = engine("1.51", move |_| fake::Answer::json(answer.clone()));
        let engine = open(&fake).await;
        assert!(engine.containers().await.is_err());
        assert!(engine.volumes().await.is_err());
        // What is read row by row has no such row.
        if let Ok(images) = engine.images().await {
            assert_eq!(images, []);
        }
        if let Ok(records) = engine.build_cache().await {
            assert_eq!(records, []);
        }
    }
    let odd = r#"[{"Id":"sha256:1","Size":-9223372036854775808,"Created":9223372036854775807},
        {"Id":"sha256:2","Size":1e999,"Created":-1e300},{"Id":"sha256:3","Size":99999999999999999999999}]"#;
    // Not even JSON to all readers: whichever it is, it does no harm.
    for body in [odd.to_owned(), odd.replace("1e999", "1e99")] {
        let fake = engine("1.51", move |_| fake::Answer::json(body.clone()));
        let images = open(&fake).await.images().await;
        for image in images.unwrap_or_default() {
            assert_eq!(image.size, Figure::Unknown, "{image:?}");
        }
    }
}
