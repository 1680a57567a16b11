//! What stands in the journal, and when.

use super::*;
use crate::engine::journal::Journal;

/// Requests that remove something, and what the journal calls it.
const REMOVALS: [(&str, &str); 5] = [
    ("rm job", "job"),
    ("rmi app", "app"),
    ("prune", "low"),
    ("prune", "high"),
    ("volume rm data", "data"),
];

#[tokio::test]
async fn what_is_removed_stands_on_the_disk_before_it_goes() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("journal.jsonl");
    let model = Arc::new(Model::new(scene()));
    let early = Arc::new(std::sync::Mutex::new(Vec::new()));
    for (request, id) in REMOVALS {
        let (path, early) = (path.clone(), Arc::clone(&early));
        model.before(request, move |_| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let is_intent = |line: &str| {
                line.contains("\"intent\"") && line.contains(&format!("\"id\":\"{id}\""))
            };
            let ends = text.lines().filter(|line| line.contains("\"outcome\""));
            let intents = text.lines().filter(|line| is_intent(line)).count();
            early.lock().unwrap().push((id, intents, ends.count()));
        });
    }
    let items = [
        a_container("job"),
        a_container("zen"),
        an_image("app"),
        a_record("low"),
        a_record("high"),
        a_volume("data"),
    ];
    let journal = Journal::below(folder.path().to_owned());
    let order = Confirmed {
        journal: journal.clone(),
        ..order(&scene(), &items)
    };
    let removal = carry_out(&model, order).await;
    assert!(removal.done.iter().all(|done| done.outcome == Removed));
    // Both containers went before the records, those before the image, and that before the volume.
    let early = early.lock().unwrap().clone();
    assert_eq!(early.len(), REMOVALS.len(), "{:?}", model.writes());
    assert!(
        early.iter().all(|(_, intents, _)| *intents == 1),
        "{early:?}"
    );
    let ended = |id| early.iter().find(|it| it.0 == id).unwrap().2;
    assert_eq!((ended("low"), ended("app"), ended("data")), (2, 4, 5));
    let entries = journal.history().await.unwrap().into_entries();
    assert_eq!(entries.len(), 6);
    assert!(entries.iter().all(|entry| entry.outcome == Some(Removed)));
    let app = entries.iter().find(|entry| &*entry.id == "app").unwrap();
    assert_eq!(app.names.len(), 3);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let model = Arc::new(Model::new(scene()));
    let journal = Journal::below(blocked.join("dtop"));
    let order = Confirmed {
        journal: journal.clone(),
        ..order(&scene(), &chosen())
    };
    let removal = carry_out(&model, order).await;
    assert!(removal.done.iter().all(|done| done.outcome == Removed));
    assert!(journal.trouble().is_some());
}

#[tokio::test]
async fn what_was_never_begun_is_not_in_it() {
    let model = Arc::new(Model::new(scene()));
    model.fault("rm job", refused("no"));
    let journal = Journal::in_memory();
    let items = [a_container("job"), a_container("zen"), an_image("app")];
    let order = Confirmed {
        journal: journal.clone(),
        ..order(&scene(), &items)
    };
    carry_out(&model, order).await;
    let entries = journal.history().await.unwrap().into_entries();
    let ends: Vec<_> = (entries.iter())
        .map(|entry| (&*entry.id, entry.outcome))
        .collect();
    // The image was skipped: its container is still there.
    assert_eq!(ends, [("zen", Some(Removed)), ("job", Some(Failed))]);
}
