use super::*;
use crate::domain::bytes::Bytes;
use crate::domain::item::{Image, Kind};
use crate::domain::plan::ComesBack;
use crate::domain::removal::history::tests::an_entry;
use crate::engine::Gate;
use crate::engine::demo::{DemoEngine, Pace};
use crate::engine::port::clock;

fn demo() -> DemoEngine {
    DemoEngine::new(clock::now()).with_pace(Pace::Instant)
}

/// Returns an image of the demo that was pulled and that nothing uses, gone, and what the journal says of it.
async fn without_one(engine: &DemoEngine) -> (Image, Entry, Bytes) {
    let containers = engine.containers().await.expect("containers");
    let images = engine.images().await.expect("images");
    let image = images.iter().find(|image| {
        let used = containers
            .iter()
            .any(|it| it.image_id.as_ref() == Some(&image.id));
        !used && !image.digests.is_empty() && !image.names.is_empty()
    });
    let image = image.expect("one in the demo").clone();
    let before = engine.bytes();
    for name in image.names.iter().skip(1) {
        engine.untag(name).await.expect("a name");
    }
    engine.remove_image(&image.id).await.expect("it goes");
    let entry = Entry {
        names: image.names.clone(),
        digests: image.digests.clone(),
        ..an_entry(Kind::Image, image.id.as_str())
    };
    (image, entry, before)
}

async fn find(engine: &DemoEngine, id: &ImageId) -> Option<Image> {
    let images = engine.images().await.expect("images");
    images.into_iter().find(|image| image.id == *id)
}

#[tokio::test]
async fn an_image_comes_back_with_its_id_and_its_names() {
    let engine = demo();
    let (image, entry, before) = without_one(&engine).await;
    assert_eq!(find(&engine, &image.id).await, None);
    assert_eq!(restore(&engine, &entry, &|_| {}).await, Ok(vec![]));
    let back = find(&engine, &image.id).await.expect("it is back");
    assert_eq!((back.names, engine.bytes()), (image.names, before));
    // Once more changes nothing.
    let writes = engine.writes();
    assert_eq!(restore(&engine, &entry, &|_| {}).await, Ok(vec![]));
    assert_eq!(engine.writes(), writes);
}

#[tokio::test]
async fn a_name_that_means_another_image_now_is_left_to_it() {
    let engine = demo();
    let (image, entry, _) = without_one(&engine).await;
    let images = engine.images().await.expect("images");
    let other = images[0].id.clone();
    engine.tag(&other, &entry.names[0]).await.expect("a tag");
    let missing = restore(&engine, &entry, &|_| {}).await.expect("it is back");
    assert_eq!(missing.len(), 1);
    assert!(
        missing[0].contains("names another image now"),
        "{missing:?}"
    );
    let found = engine.resolve(&entry.names[0]).await.expect("an answer");
    assert_eq!(found, Some(other));
    assert!(find(&engine, &image.id).await.is_some());
}

#[tokio::test]
async fn what_does_not_come_back_says_why_and_nothing_is_sent() {
    let engine = demo();
    let local = Entry {
        digests: Vec::new(),
        comes_back: ComesBack::No,
        ..an_entry(Kind::Image, "sha256:9")
    };
    let volume = an_entry(Kind::Volume, "data");
    for (entry, words) in [(local, "no registry has it"), (volume, "no copy")] {
        let why = restore(&engine, &entry, &|_| {}).await.expect_err("why");
        assert!(why.contains(words), "{why}");
    }
    let gone = Entry {
        digests: vec!["nowhere@sha256:1".into()],
        ..an_entry(Kind::Image, "sha256:9")
    };
    let why = restore(&engine, &gone, &|_| {}).await.expect_err("why");
    assert!(why.contains("nowhere@sha256:1"), "{why}");
    assert_eq!(engine.writes(), ["POST /images/create nowhere@sha256:1"]);
}

#[tokio::test]
async fn read_only_restores_nothing() {
    let engine = demo().with_gate(Gate::new(true));
    let entry = an_entry(Kind::Image, "sha256:9");
    let why = restore(&engine, &entry, &|_| {}).await.expect_err("why");
    assert!(why.contains("read-only"), "{why}");
    assert!(engine.writes().is_empty());
}

/// A load gives the names in the archive to its image.
#[tokio::test]
async fn a_copy_is_not_loaded_over_a_name_that_means_another_image_now() {
    let engine = demo();
    let (_, mut entry, _) = without_one(&engine).await;
    entry.saved = Some("copy.tar".into());
    let other = engine.images().await.expect("images")[0].id.clone();
    engine.tag(&other, &entry.names[0]).await.expect("a tag");
    let before = engine.bytes();
    let why = restore(&engine, &entry, &|_| {}).await.unwrap_err();
    assert!(why.contains("names another image now"), "{why}");
    let named = engine.resolve(&entry.names[0]).await.expect("an answer");
    assert_eq!((named, engine.bytes()), (Some(other), before));
}
