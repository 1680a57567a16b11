//! The engine's client against a socket that answers as engines do.

mod hostile;
mod limits;
mod writes;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;

use super::*;
use crate::domain::item::Source;
use crate::engine::fake::{self, Fake};

const DOCKER: &str = r#"{"Version":"1","MinAPIVersion":"1.12","Components":[{"Name":"Engine"}]}"#;
const PODMAN: &str = r#"{"Version":"4","Components":[{"Name":"Podman Engine"}]}"#;

/// Returns an engine of an API version; `answer` sees requests without that version.
fn engine(
    api: &'static str,
    answer: impl Fn(&str) -> fake::Answer + Send + Sync + 'static,
) -> Fake {
    Fake::start(move |request| match unversioned(request).as_str() {
        "GET /_ping" => fake::Answer::json("OK")
            .header("Api-Version", api)
            .header("Date", "Sat, 21 Nov 2026 21:26:07 GMT"),
        "GET /version" => fake::Answer::json(DOCKER),
        "GET /info" => fake::Answer::json(r#"{"Driver":"overlay2","ID":"AB:CD"}"#),
        other => answer(other),
    })
}

fn podman(answer: impl Fn(&str) -> fake::Answer + Send + Sync + 'static) -> Fake {
    Fake::start(move |request| match unversioned(request).as_str() {
        "GET /_ping" => fake::Answer::json("OK")
            .header("Api-Version", "1.41")
            .header("Libpod-API-Version", "4.3.1"),
        "GET /version" => fake::Answer::json(PODMAN),
        "GET /info" => fake::Answer::json("{}"),
        other => answer(other),
    })
}

async fn open(fake: &Fake) -> DockerEngine {
    DockerEngine::open(fake.address(), ClientOptions::default())
        .await
        .unwrap()
}

/// Returns the request without the version in its path.
fn unversioned(request: &str) -> String {
    match request.split_once(" /v1.") {
        Some((method, rest)) => {
            let path = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{method} {path}")
        }
        None => request.to_owned(),
    }
}

/// Requests after those of [`DockerEngine::open`].
fn sent(fake: &Fake) -> Vec<String> {
    fake.requests().split_off(3)
}

fn id(text: &str) -> ContainerId {
    ContainerId::new(text)
}

#[tokio::test]
async fn the_greeting_agrees_on_a_version() {
    let fake = engine("1.99", |_| fake::Answer::json("[]"));
    let engine = open(&fake).await;
    engine.images().await.unwrap();
    let mut requests = fake.requests();
    // These two come at once.
    requests[1..3].sort();
    assert_eq!(
        requests,
        [
            "GET /_ping",
            "GET /v1.55/info",
            "GET /version",
            "GET /v1.55/images/json?all=1"
        ]
    );
    let about = engine.about().await.unwrap();
    assert_eq!((&*about.api, &*about.driver), ("1.55", "overlay2"));
    assert_eq!(&*about.engine_id, "AB:CD");
    assert!(!about.local && about.has_build_cache);
}

/// Returns what a daemon answers before and after it was replaced: another version, with its other store.
fn replaced(request: &str, is_new: bool) -> fake::Answer {
    const OLD: &str = r#"{"Driver":"overlay2"}"#;
    const NEW: &str =
        r#"{"Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#;
    let (api, info) = if is_new { ("1.51", NEW) } else { ("1.41", OLD) };
    match request {
        "GET /_ping" => fake::Answer::json("OK").header("Api-Version", api),
        "GET /version" => fake::Answer::json(DOCKER),
        _ if !request.contains(&format!(" /v{api}/")) => {
            fake::Answer::status(400, r#"{"message":"client version is too new"}"#)
        }
        _ if request.ends_with("/info") => fake::Answer::json(info),
        _ if request.ends_with("/images/json?all=1") => fake::Answer::json(
            r#"[{"Id":"sha256:1","RepoTags":["a:1"],"RepoDigests":["a@sha256:1"]}]"#,
        ),
        _ => fake::Answer::json("{}"),
    }
}

#[tokio::test]
async fn an_engine_that_was_replaced_is_spoken_to_in_its_own_way() {
    let restarts = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&restarts);
    let fake = Fake::start(move |request| replaced(request, seen.load(Ordering::Relaxed) % 2 == 1));
    let engine = open(&fake).await;
    for (api, source, df) in [
        ("1.41", Source::Registry, "GET /v1.41/system/df"),
        ("1.51", Source::Unknown, "GET /v1.51/system/df?type=volume"),
        // The older one again: nothing of the newer is kept.
        ("1.41", Source::Registry, "GET /v1.41/system/df"),
    ] {
        let about = engine.about().await.unwrap();
        assert_eq!(&*about.api, api);
        let is_containerd = about.store == Store::Containerd;
        assert_eq!(is_containerd, source == Source::Unknown);
        // A digest tells a pull on the one store, and nothing on the other.
        assert_eq!(engine.images().await.unwrap()[0].source, source, "{api}");
        engine.volume_sizes().await.unwrap();
        assert_eq!(fake.requests().last().map(String::as_str), Some(df));
        restarts.fetch_add(1, Ordering::Relaxed);
    }
}

const USED: &str = r#"{"Images":[{"Id":"sha256:1","SharedSize":5}],"Volumes":[{"Name":"v",
    "UsageData":{"Size":7}}],"BuildCache":[{"ID":"r1","Parent":"r0","Size":9}]}"#;

#[tokio::test]
async fn an_old_engine_walks_its_disk_once_a_scan() {
    let fake = engine("1.41", |request| {
        assert_eq!(request, "GET /system/df");
        fake::Answer::json(USED).after(Duration::from_millis(30))
    });
    let engine = open(&fake).await;
    let (records, shared) = tokio::join!(engine.build_cache(), engine.shared_sizes());
    assert_eq!(records.unwrap()[0].parents[..], [RecordId::new("r0")]);
    assert_eq!(
        shared.unwrap().images,
        [(ImageId::new("sha256:1"), Some(Bytes(5)))]
    );
    let sizes = engine.volume_sizes().await.unwrap();
    assert_eq!(sizes, [(VolumeName::new("v"), Some(Bytes(7)))]);
    assert_eq!(sent(&fake).len(), 1);
    // What was read already is asked anew: a plan is made from it.
    engine.build_cache().await.unwrap();
    assert_eq!(sent(&fake).len(), 2);
}

#[tokio::test]
async fn a_removal_makes_old_usage_old() {
    let fake = engine("1.41", |request| match request {
        "GET /system/df" => fake::Answer::json(USED),
        _ => fake::Answer::status(204, ""),
    });
    let engine = open(&fake).await;
    engine.shared_sizes().await.unwrap();
    engine.remove_volume(&VolumeName::new("v")).await.unwrap();
    engine.volume_sizes().await.unwrap();
    let walks = sent(&fake).iter().filter(|r| r.contains("df")).count();
    assert_eq!(walks, 2);
}

#[tokio::test]
async fn a_busy_engine_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let fake = engine("1.41", move |_| {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => fake::Answer::status(
                500,
                r#"{"message":"a disk usage operation is already running"}"#,
            ),
            _ => fake::Answer::json(USED),
        }
    });
    let engine = open(&fake).await;
    assert_eq!(engine.build_cache().await.unwrap().len(), 1);
    assert_eq!(sent(&fake).len(), 3);
}

#[tokio::test]
async fn a_walk_that_a_removal_crossed_is_asked_again() {
    const GONE: &str = r#"{"message":"NotFound: snapshot a-view does not exist: not found"}"#;
    let asked = AtomicUsize::new(0);
    let fake = engine("1.51", move |request| {
        let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        match request {
            "GET /images/a/history" => fake::Answer::json("[]"),
            "GET /images/a/json" => fake::Answer::status(404, GONE),
            _ if is_first => fake::Answer::status(404, GONE),
            _ if request.contains("df") => fake::Answer::json(USED),
            _ => fake::Answer::json("[]"),
        }
    });
    let engine = open(&fake).await;
    assert_eq!(engine.build_cache().await.unwrap().len(), 1);
    assert_eq!(sent(&fake).len(), 2);
    // An object that is not there is not there.
    let gone = engine.image_details(&ImageId::new("a")).await;
    assert!(matches!(gone, Err(EngineError::NotFound(_))));
    assert_eq!(sent(&fake).len(), 4);
}

#[tokio::test]
async fn a_list_that_is_never_found_is_said() {
    let fake = engine("1.51", |_| {
        fake::Answer::status(404, r#"{"message":"page not found"}"#)
    });
    let images = open(&fake).await.images().await;
    let words = "GET /images/json: page not found (status 404)";
    assert_eq!(images.unwrap_err().to_string(), words);
}

#[tokio::test]
async fn a_walk_nobody_waits_for_is_given_up() {
    let fake = engine("1.41", |_| fake::Answer::never());
    let engine = open(&fake).await;
    let both = async { tokio::join!(engine.volume_sizes(), engine.shared_sizes()) };
    let waited = tokio::time::timeout(Duration::from_millis(50), both).await;
    assert!(waited.is_err());
    fake.wait_for_closed(1).await;
    assert_eq!(sent(&fake).len(), 1);
}

#[tokio::test]
async fn a_newer_engine_is_asked_for_one_thing_at_a_time() {
    let fake = engine("1.52", |_| {
        fake::Answer::json(r#"{"BuildCacheUsage":{"Items":[{"ID":"r1"," Parents":["r0"]}]}}"#)
    });
    let engine = open(&fake).await;
    let records = engine.build_cache().await.unwrap();
    assert_eq!(records[0].parents[..], [RecordId::new("r0")]);
    engine.volume_sizes().await.unwrap();
    let fingerprint = engine.build_cache_fingerprint().await;
    assert_eq!(fingerprint, Ok(Fingerprint::of(&records)));
    assert_eq!(
        sent(&fake),
        [
            "GET /v1.52/system/df?type=build-cache&verbose=1",
            "GET /v1.52/system/df?type=volume&verbose=1",
            "GET /v1.52/system/df?type=build-cache&verbose=1"
        ]
    );
}

#[tokio::test]
async fn podman_has_no_build_cache_and_tells_mounts_on_inspect() {
    let fake = podman(|request| match request {
        "GET /containers/json?all=1" => fake::Answer::json(
            r#"[{"Id":"c1","Mounts":null},{"Id":"c2","State":"stopped","Mounts":[]}]"#,
        ),
        "GET /containers/c1/json" => {
            fake::Answer::json(r#"{"Mounts":[{"Type":"volume","Name":"pv"}]}"#)
        }
        _ => fake::Answer::status(404, "Not Found"),
    });
    let engine = open(&fake).await;
    assert_eq!(engine.build_cache().await, Ok(Vec::new()));
    assert_eq!(
        engine.build_cache_fingerprint().await,
        Ok(Fingerprint::default())
    );
    let pruned = engine.prune_records(&[RecordId::new("a")]).await;
    assert!(
        matches!(pruned, Err(EngineError::NotSupported(_))),
        "{pruned:?}"
    );
    assert_eq!(sent(&fake), Vec::<String>::new());
    assert!(!engine.about().await.unwrap().has_build_cache);
    let containers = engine.containers().await.unwrap();
    assert_eq!(containers[0].volumes, [VolumeName::new("pv")]);
    assert!(containers[1].state.is_stopped());
    assert_eq!(engine.services().await, Ok(Vec::new()));
}

/// Podman's own API has external containers, and where it is not served a number shows that there are some.
#[tokio::test]
async fn external_containers_are_named_or_told_by_their_number() {
    const IMAGES: &str = r#"[{"Id":"sha256:a","Containers":2},{"Id":"sha256:b","Containers":1}]"#;
    const ROW: &str = r#"[{"Id":"e1","Names":["built"],"State":"storage","ImageID":"b"}]"#;
    const ASKED: &str = "GET /v4.3.1/libpod/containers/json?all=true&external=true";
    const UNNAMED: &str = "(not named by the engine)";
    // Refused or cut, it costs the names only.
    for (status, name, images) in [
        (Some(200), "built", &["sha256:b"][..]),
        (Some(404), UNNAMED, &["sha256:a", "sha256:b"]),
        (Some(403), UNNAMED, &["sha256:a", "sha256:b"]),
        (None, UNNAMED, &["sha256:a", "sha256:b"]),
    ] {
        let fake = podman(move |request| match request {
            "GET /images/json?all=1" => fake::Answer::json(IMAGES),
            "GET /containers/json?all=1" => {
                fake::Answer::json(r#"[{"Id":"c1","ImageID":"sha256:a","Mounts":[]}]"#)
            }
            ASKED => status.map_or_else(fake::Answer::cut, |it| fake::Answer::status(it, ROW)),
            _ => fake::Answer::status(400, "what is that?"),
        });
        let engine = open(&fake).await;
        engine.images().await.unwrap();
        engine.containers().await.unwrap();
        let mut found = engine.external().await.unwrap();
        found[0].images.sort_unstable();
        assert_eq!(
            (&*found[0].name, &found[0].images[..]),
            (
                name,
                &images.iter().map(|it| Text::from(*it)).collect::<Vec<_>>()[..]
            ),
            "{status:?}"
        );
        assert_eq!(sent(&fake).last().unwrap(), ASKED);
    }
    let docker = engine("1.48", |_| fake::Answer::cut());
    assert_eq!(open(&docker).await.external().await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_image_mount_gets_its_name() {
    let fake = engine("1.48", |request| match request {
        "GET /containers/json?all=1" => fake::Answer::json(
            r#"[{"Id":"c1","Mounts":[{"Type":"image","Name":"6162","Source":"/d","Destination":"/t"}]},{"Id":"c2","Mounts":[]}]"#,
        ),
        _ => fake::Answer::json(
            r#"{"HostConfig":{"Mounts":[{"Type":"image","Source":"t:1","Target":"/t"}]}}"#,
        ),
    });
    let containers = open(&fake).await.containers().await.unwrap();
    assert_eq!(&*containers[0].image_mounts[0].image, "t:1");
    assert_eq!(sent(&fake).len(), 2);
}

#[tokio::test]
async fn a_damaged_image_fails_nothing_else() {
    let fake = engine("1.41", |request| match request {
        "GET /images/sha256:a/json" => fake::Answer::json(r#"{"RootFS":{"Layers":["sha256:1"]}}"#),
        "GET /images/sha256:c/json" | "GET /images/sha256:c/history" => {
            fake::Answer::status(404, r#"{"message":"No such image: sha256:c"}"#)
        }
        _ => fake::Answer::status(500, r#"{"message":"layer was not found (corruption?)"}"#),
    });
    let engine = open(&fake).await;
    let details = engine
        .image_details(&ImageId::new("sha256:a"))
        .await
        .unwrap();
    let content = details.content.known().unwrap();
    assert_eq!((content.diff_ids.len(), content.history.len()), (1, 0));
    // Whoever scans takes it for that image's own, unless it is so with all of them.
    let damaged = engine.image_details(&ImageId::new("sha256:b")).await;
    assert!(damaged.unwrap_err().is_of_object());
    let gone = engine.image_details(&ImageId::new("sha256:c")).await;
    assert!(matches!(gone, Err(EngineError::NotFound(_))));
}

#[tokio::test]
async fn a_name_means_an_image_or_none() {
    let fake = engine("1.41", |request| match request {
        "GET /images/a/b:1/json" => fake::Answer::json(r#"{"Id":"1f"}"#),
        _ => fake::Answer::status(404, r#"{"message":"No such image"}"#),
    });
    let engine = open(&fake).await;
    assert_eq!(
        engine.resolve("a/b:1").await,
        Ok(Some(ImageId::new("sha256:1f")))
    );
    assert_eq!(engine.resolve("c:1").await, Ok(None));
    assert_eq!(engine.resolve("../info").await, Ok(None));
    assert_eq!(sent(&fake).len(), 2);
}

/// Without `/info` the engine's own words tell whether there is a swarm. A worker knows of services and does not tell.
#[tokio::test]
async fn services_are_those_of_a_manager_and_of_others_not_known() {
    const LIST: &str =
        r#"[{"Spec":{"Name":"w","TaskTemplate":{"ContainerSpec":{"Image":"w:1"}}}}]"#;
    const WORKER: &str = r#"{"message":"This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state."}"#;
    const NO_SWARM: &str = r#"{"message":"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."}"#;
    let info = |swarm: &str| (200, format!(r#"{{"Swarm":{swarm}}}"#));
    let manager = r#"{"LocalNodeState":"active","ControlAvailable":true}"#;
    let worker = r#"{"LocalNodeState":"active","ControlAvailable":false}"#;
    let locked = r#"{"LocalNodeState":"locked"}"#;
    let forbidden = (403, "<html>".to_owned());
    for (info, services, count) in [
        (info(manager), (200, LIST), Ok(1)),
        (info(r#"{"LocalNodeState":"inactive"}"#), (500, ""), Ok(0)),
        (info("null"), (503, NO_SWARM), Ok(0)),
        (info(worker), (503, WORKER), Err("Worker nodes can't")),
        (info(locked), (503, WORKER), Err("Worker nodes can't")),
        (
            info(manager),
            (403, "<html>"),
            Err("a proxy in between refuses GET /services (403)"),
        ),
        (
            forbidden.clone(),
            (403, "<html>"),
            Err("refuses GET /services (403)"),
        ),
        (forbidden.clone(), (503, NO_SWARM), Ok(0)),
        (forbidden.clone(), (503, WORKER), Err("Worker nodes can't")),
        (forbidden, (200, LIST), Ok(1)),
    ] {
        let name = format!("{info:?} {services:?}");
        let fake = Fake::start(move |request| match request {
            "GET /_ping" => fake::Answer::json("OK").header("Api-Version", "1.41"),
            "GET /version" => fake::Answer::json(DOCKER),
            "GET /v1.41/info" => fake::Answer::status(info.0, &info.1),
            "GET /v1.41/services" => fake::Answer::status(services.0, services.1),
            other => panic!("{other}"),
        });
        match (open(&fake).await.services().await, count) {
            (Ok(services), Ok(count)) => assert_eq!(services.len(), count, "{name}"),
            (Err(error), Err(words)) => {
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
            (answer, _) => panic!("{name}: {answer:?}"),
        }
    }
}

/// A proxy that says nothing of what the engine is: it is listed all the same, and its store is not guessed.
#[tokio::test]
async fn an_engine_that_does_not_say_what_it_is_is_one() {
    for (status, body) in [
        (403, "<html>403</html>"),
        (404, ""),
        (500, "sick"),
        (501, ""),
    ] {
        let fake = Fake::start(move |request| match request {
            "GET /_ping" => fake::Answer::json("OK")
                .header("Api-Version", "1.51")
                .header("Server", "Docker/28.5.2 (linux)"),
            "GET /v1.51/images/json?all=1" => fake::Answer::json(
                r#"[{"Id":"sha256:a1","RepoTags":["a:1"],"RepoDigests":["a@sha256:d1"],"Size":7}]"#,
            ),
            _ => fake::Answer::status(status, body),
        });
        let engine = open(&fake).await;
        let info = engine.about().await.unwrap();
        assert_eq!((info.store, info.swarm), (Store::Unknown, Swarm::Unknown));
        assert_eq!((&*info.product, &*info.version), ("Docker", "28.5.2"));
        assert_eq!((&*info.driver, &*info.root, info.local), ("", "", false));
        let untold = info.untold.expect("a reason");
        assert!(
            untold.contains("/info") || status == 500 || status == 501,
            "{untold}"
        );
        assert!(!untold.contains('<'), "{untold}");
        let images = engine.images().await.unwrap();
        assert_eq!(images[0].source, crate::domain::item::Source::Unknown);
    }
}

#[tokio::test]
async fn changes_come_line_by_line_until_the_connection_ends() {
    let fake = engine("1.41", |_| {
        fake::Answer::json(concat!(
            "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"c1\"}}\n",
            "not json\n",
            "{\"Type\":\"pod\",\"Action\":\"start\"}\n",
            "{\"Type\":\"image\",\"Action\":\"tag\"}\n",
            "{\"Type\":\"builder\",\"Action\":\"prune\"}",
        ))
    });
    let engine = open(&fake).await;
    let changes: Vec<Change> = engine.changes().try_collect().await.unwrap();
    assert_eq!(
        changes,
        [
            Change::Container(id("c1")),
            Change::Images,
            Change::BuildCache
        ]
    );
    let events = "GET /v1.41/events?since=1795296367&filters=%7B%22type%22";
    assert!(sent(&fake)[0].starts_with(events));
}

#[tokio::test]
async fn an_engine_that_does_not_tell_what_was_is_asked_for_nothing_that_may_be_old() {
    let fake = Fake::start(|request| match unversioned(request).as_str() {
        "GET /_ping" => fake::Answer::json("OK").header("Api-Version", "1.41"),
        "GET /version" => fake::Answer::json(DOCKER),
        _ => fake::Answer::json("[]"),
    });
    let engine = open_ahead(&fake).await;
    engine.images().await.unwrap();
    let _: Vec<Change> = engine.changes().try_collect().await.unwrap();
    let requests = fake.requests();
    let events = requests.iter().find(|it| it.contains("/events"));
    assert!(events.unwrap().starts_with("GET /v1.41/events?filters="));
    let last = requests.iter().rposition(|it| it.contains("/images/json"));
    assert!(last.unwrap() > 3, "{requests:?}");
}

async fn open_ahead(fake: &Fake) -> DockerEngine {
    let options = ClientOptions {
        asks_ahead: true,
        ..ClientOptions::default()
    };
    DockerEngine::open(fake.address(), options).await.unwrap()
}

fn lists(fake: &Fake) -> usize {
    let is_list = |request: &String| request.contains("/images/json");
    fake.requests().iter().filter(|it| is_list(it)).count()
}

#[tokio::test]
async fn images_are_asked_for_ahead_and_once() {
    let asked = AtomicUsize::new(0);
    let fake = engine("1.41", move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        fake::Answer::json(format!(r#"[{{"Id":"sha256:{number}"}}]"#))
    });
    let engine = open_ahead(&fake).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(engine.images().await.unwrap()[0].id.clone());
    }
    assert_eq!(ids, ["sha256:0", "sha256:1"].map(ImageId::new));
    assert_eq!(lists(&fake), 2);
}

#[tokio::test]
async fn a_list_that_failed_ahead_is_asked_for_again() {
    let asked = AtomicUsize::new(0);
    let fake = engine("1.41", move |_| {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => fake::Answer::status(500, r#"{"message":"not yet"}"#),
            _ => fake::Answer::json("[]"),
        }
    });
    let engine = open_ahead(&fake).await;
    assert_eq!(engine.images().await.unwrap(), []);
    assert_eq!(lists(&fake), 2);
}

#[tokio::test]
async fn a_list_ahead_that_nobody_takes_is_let_go() {
    let fake = engine("1.41", |_| fake::Answer::never());
    let engine = open_ahead(&fake).await;
    assert_eq!(lists(&fake), 1);
    drop(engine);
    fake.wait_for_closed(2).await;
}

#[tokio::test]
async fn a_silent_engine_is_no_engine() {
    let fake = Fake::start(|_| fake::Answer::status(503, "upstream is down"));
    let error = DockerEngine::open(fake.address(), ClientOptions::default()).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "a proxy in between gets no answer to GET /_ping (503)"
    );
}
