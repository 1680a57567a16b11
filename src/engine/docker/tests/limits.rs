//! Every question has an end, whatever becomes of the answer.

use std::time::Instant;

use super::super::limits::Limits;
use super::*;

/// Far enough from each other for a machine that has much else to do.
const SHORT: Limits = Limits {
    inspect: Duration::from_millis(800),
    walk: Duration::from_secs(5),
    doubt: Duration::from_millis(40),
};

async fn hasty(fake: &Fake) -> DockerEngine {
    let options = ClientOptions {
        limits: SHORT,
        ..ClientOptions::default()
    };
    DockerEngine::open(fake.address(), options).await.unwrap()
}

#[test]
fn an_inspection_has_fifteen_seconds_and_a_walk_ten_minutes() {
    let limits = Limits::default();
    let seconds = [limits.inspect, limits.walk, limits.doubt].map(|it| it.as_secs());
    assert_eq!(seconds, [15, 600, 5]);
}

/// Returns a container of which somebody reads an archive, and one that is large.
fn stalled_and_large(request: &str) -> fake::Answer {
    match request {
        "GET /containers/bb/json" => fake::Answer::json(r#"{"LogPath":"/l"}"#),
        "GET /containers/cc/json?size=1" => {
            fake::Answer::json(r#"{"SizeRw":7}"#).after(SHORT.doubt * 3)
        }
        _ => fake::Answer::never(),
    }
}

#[tokio::test]
async fn a_container_that_is_held_is_told_from_one_that_is_large() {
    let fake = engine("1.44", stalled_and_large);
    let engine = hasty(&fake).await;
    for size in [true, false] {
        let begun = Instant::now();
        let error = engine.container_details(&id("aa"), size).await.unwrap_err();
        let words = error.to_string();
        assert!(matches!(error, EngineError::Stalled { .. }), "{words}");
        assert!(words.starts_with("container aa: "), "{words}");
        let took = begun.elapsed();
        assert!(
            took >= SHORT.inspect && took < SHORT.walk,
            "{size} {took:?}"
        );
    }
    let begun = Instant::now();
    let error = engine.container_details(&id("bb"), true).await.unwrap_err();
    assert!(matches!(error, EngineError::TimedOut { .. }), "{error}");
    assert!(begun.elapsed() >= SHORT.walk);
    let details = engine.container_details(&id("bb"), false).await.unwrap();
    assert_eq!(details.log_path.as_deref(), Some("/l"));
    // A walk that ends while that is asked is taken.
    let details = engine.container_details(&id("cc"), true).await.unwrap();
    assert_eq!(details.size_rw, Some(Bytes(7)));
}

#[tokio::test]
async fn an_image_and_a_walk_over_all_have_an_end() {
    let of = async |api: &'static str| {
        let fake = engine(api, |_| fake::Answer::never());
        let engine = hasty(&fake).await;
        let begun = Instant::now();
        let image = engine.image_details(&ImageId::new("sha256:1")).await;
        assert!(matches!(image, Err(EngineError::TimedOut { .. })));
        let name = engine.resolve("a:1").await;
        assert!(matches!(name, Err(EngineError::TimedOut { .. })));
        assert!(begun.elapsed() < SHORT.walk);
        let (shared, volumes, cache, fingerprint) = tokio::join!(
            engine.shared_sizes(),
            engine.volume_sizes(),
            engine.build_cache(),
            engine.build_cache_fingerprint(),
        );
        for answer in [
            shared.map(drop),
            volumes.map(drop),
            cache.map(drop),
            fingerprint.map(drop),
        ] {
            assert!(matches!(answer, Err(EngineError::TimedOut { .. })), "{api}");
        }
    };
    tokio::join!(of("1.41"), of("1.44"), of("1.52"));
}

/// Somebody else's walk, which an old engine makes everybody wait for, and this one take no longer together.
#[tokio::test]
async fn a_walk_of_somebody_else_is_not_waited_for_longer() {
    let fake = engine("1.41", |_| {
        fake::Answer::status(
            500,
            r#"{"message":"a disk usage operation is already running"}"#,
        )
    });
    let engine = hasty(&fake).await;
    let begun = Instant::now();
    engine.volume_sizes().await.unwrap_err();
    assert!(begun.elapsed() < SHORT.walk * 2);
}

/// The list names no image of a mount; who does is held: it may be any, and the list is told all the same.
#[tokio::test]
async fn a_list_with_a_container_that_is_held_comes_all_the_same() {
    let list = r#"[{"Id":"aa","Names":["/held"],"Mounts":[{"Type":"image",
        "Name":"x","Source":"/d/overlay2/x/merged","Destination":"/m"},
        {"Type":"volume","Name":"v"}]},{"Id":"bb","Names":["/free"],"Mounts":[]}]"#;
    let fake = engine("1.52", move |request| match request {
        "GET /containers/json?all=1" => fake::Answer::json(list),
        _ => fake::Answer::never(),
    });
    let engine = hasty(&fake).await;
    let containers = engine.containers().await.unwrap();
    assert_eq!(containers.len(), 2);
    let held = containers.iter().find(|it| it.name == "held").unwrap();
    assert_eq!(held.volumes, [VolumeName::new("v")]);
    let mounts: Vec<_> = held
        .image_mounts
        .iter()
        .map(|it| &*it.destination)
        .collect();
    assert_eq!(mounts, ["/m"]);

    // A list that says nothing of mounts leaves out what may hold anything.
    let fake = engine_without_mounts();
    let engine = hasty(&fake).await;
    let error = engine.containers().await.unwrap_err();
    assert!(matches!(error, EngineError::Stalled { .. }), "{error}");
}

fn engine_without_mounts() -> Fake {
    engine("1.41", |request| match request {
        "GET /containers/json?all=1" => fake::Answer::json(r#"[{"Id":"aa","Names":["/held"]}]"#),
        _ => fake::Answer::never(),
    })
}
