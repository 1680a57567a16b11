//! What is sent when something is to be removed.

use super::*;

#[tokio::test]
async fn each_write_is_one_unforced_request() {
    let fake = engine("1.41", |request| match request {
        "DELETE /images/a:1?force=false&noprune=true" => {
            fake::Answer::json(r#"[{"Untagged":"a:1"}]"#)
        }
        "DELETE /images/sha256:1?force=false&noprune=false" => {
            fake::Answer::json(r#"[{"Untagged":"b:1"},{"Deleted":"1"}]"#)
        }
        _ => fake::Answer::status(204, ""),
    });
    let engine = open(&fake).await;
    engine.unpause(&id("c")).await.unwrap();
    engine.stop(&id("c")).await.unwrap();
    engine.remove_container(&id("c")).await.unwrap();
    engine.remove_volume(&VolumeName::new("v?w")).await.unwrap();
    let untagged = engine.untag("a:1").await.unwrap();
    assert_eq!((untagged.untagged.len(), untagged.deleted.len()), (1, 0));
    let removed = engine
        .remove_image(&ImageId::new("sha256:1"))
        .await
        .unwrap();
    assert_eq!(removed.deleted, ["sha256:1"]);
    assert_eq!(
        sent(&fake),
        [
            "POST /v1.41/containers/c/unpause",
            "POST /v1.41/containers/c/stop",
            "DELETE /v1.41/containers/c?v=false&force=false&link=false",
            "DELETE /v1.41/volumes/v%3Fw?force=false",
            "DELETE /v1.41/images/a:1?force=false&noprune=true",
            "DELETE /v1.41/images/sha256:1?force=false&noprune=false",
        ]
    );
}

#[tokio::test]
async fn read_only_sends_none_of_them() {
    let fake = engine("1.41", |_| fake::Answer::status(204, ""));
    let options = ClientOptions {
        read_only: true,
        ..ClientOptions::default()
    };
    let engine = DockerEngine::open(fake.address(), options).await.unwrap();
    let records = [RecordId::new("r1")];
    let (volume, image) = (VolumeName::new("v"), ImageId::new("sha256:1"));
    let errors = [
        engine.unpause(&id("c")).await.err(),
        engine.stop(&id("c")).await.err(),
        engine.remove_container(&id("c")).await.err(),
        engine.remove_volume(&volume).await.err(),
        engine.untag("a:1").await.err(),
        engine.remove_image(&image).await.err(),
        engine.prune_records(&records).await.err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Some(EngineError::ReadOnly { .. })),
            "{error:?}"
        );
    }
    assert_eq!(sent(&fake), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_of_writes_keep_their_class_and_words() {
    let fake = engine("1.41", |request| match request {
        "POST /containers/gone/stop" => {
            fake::Answer::status(404, r#"{"message":"No such container: gone"}"#)
        }
        "POST /containers/stopped/stop" => fake::Answer::status(304, ""),
        "POST /containers/cut/stop" => fake::Answer::cut(),
        _ => fake::Answer::status(409, r#"{"message":"volume is in use - [c1]"}"#),
    });
    let engine = open(&fake).await;
    assert_eq!(
        engine.stop(&id("gone")).await,
        Err(EngineError::NotFound("No such container: gone".into()))
    );
    assert_eq!(engine.stop(&id("stopped")).await, Ok(()));
    assert_eq!(
        engine.remove_volume(&VolumeName::new("v")).await,
        Err(EngineError::Conflict("volume is in use - [c1]".into()))
    );
    // What may have taken effect is neither repeated nor called a refusal.
    let cut = engine.stop(&id("cut")).await;
    assert!(
        matches!(cut, Err(EngineError::Unreachable { .. })),
        "{cut:?}"
    );
    let stops = sent(&fake).iter().filter(|r| r.contains("cut")).count();
    assert_eq!(stops, 1);
}

/// A chain of records, each the child of the one before; the engine prunes those asked for whose children
/// are gone, again and again, as BuildKit does.
#[tokio::test]
async fn records_go_in_chunks_whatever_their_order() {
    const COUNT: usize = 700;
    let left = std::sync::Mutex::new(COUNT);
    let fake = engine("1.47", move |request| {
        let asked: Vec<usize> = request
            .split(['r', '%', '('])
            .filter_map(|word| word.strip_prefix("x")?.parse().ok())
            .collect();
        assert!(
            asked.len() <= 300 && request.contains("all=true"),
            "{request}"
        );
        let mut left = left.lock().unwrap();
        let mut deleted = Vec::new();
        while *left > 0 && asked.contains(&(*left - 1)) {
            *left -= 1;
            deleted.push(format!("\"rx{left}\""));
        }
        fake::Answer::json(format!(
            r#"{{"CachesDeleted":[{}],"SpaceReclaimed":{}}}"#,
            deleted.join(","),
            deleted.len()
        ))
    });
    let engine = open(&fake).await;
    let mut ids: Vec<_> = (0..COUNT)
        .map(|n| RecordId::new(format!("rx{n}")))
        .collect();
    ids.push(RecordId::new(".*"));
    let pruned = engine.prune_records(&ids).await.unwrap();
    assert_eq!(pruned.deleted.len(), COUNT);
    assert_eq!(pruned.claimed, Bytes(COUNT as u64));
    assert!(sent(&fake).iter().all(|request| !request.contains(".*")));
}

#[tokio::test]
async fn one_regular_expression_names_all_records() {
    let fake = engine("1.47", |_| fake::Answer::json(r#"{"CachesDeleted":null}"#));
    let engine = open(&fake).await;
    let ids = [RecordId::new("aa"), RecordId::new("b2")];
    assert_eq!(engine.prune_records(&ids).await, Ok(Pruned::default()));
    assert_eq!(
        sent(&fake),
        [
            "POST /v1.47/build/prune?all=true&filters=%7B%22id%22%3A%5B%22%5E%28aa%7Cb2%29%24%22%5D%7D"
        ]
    );
}

#[tokio::test]
async fn nothing_to_prune_sends_nothing() {
    let fake = engine("1.47", |_| fake::Answer::json("{}"));
    let engine = open(&fake).await;
    let ids = [RecordId::new(""), RecordId::new("a|b")];
    assert_eq!(engine.prune_records(&ids).await, Ok(Pruned::default()));
    assert_eq!(sent(&fake), Vec::<String>::new());
}
