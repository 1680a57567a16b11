use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::domain::item::{ImageId, VolumeName};
use crate::domain::plan::scene::{an_image, image, inventory};
use crate::domain::plan::{AddedBy, Selection};
use crate::domain::time::Timestamp;
use crate::engine::demo::{DemoEngine, Pace};

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    let state = folder.path().join("state/dtop");
    (folder, state)
}

fn file(state: &Path) -> PathBuf {
    state.join("journal.jsonl")
}

fn survey(ids: &[&str]) -> (Survey, Plan) {
    let images = ids.iter().map(|id| image(id, &[&format!("{id}:1")]));
    let survey = Survey::new(inventory(images.collect(), Vec::new()));
    let items = ids.iter().map(|id| (an_image(id), AddedBy::Selection));
    let selection = Selection {
        items: items.collect(),
        ..Selection::default()
    };
    let plan = Plan::new(&survey, &selection);
    (survey, plan)
}

fn about() -> EngineInfo {
    EngineInfo {
        host: "demo".into(),
        ..EngineInfo::default()
    }
}

fn done(step: &Step, outcome: Outcome) -> Done {
    Done {
        id: step.id.clone(),
        name: (&*step.name).into(),
        outcome,
        error: None,
        freed: Figure::Known(Bytes(5)),
        saved: None,
    }
}

/// Begins the removal of these images, and ends the first `ended` of them.
async fn begin(journal: &Journal, ids: &[&str], ended: usize) -> JournalRun {
    let (survey, plan) = survey(ids);
    let mut run = journal.begin(&about());
    for (at, step) in plan.steps.iter().enumerate() {
        run.intend(at, std::slice::from_ref(step), &survey, |_| None)
            .await;
        if at < ended {
            run.ended(at, &done(step, Outcome::Removed)).await;
        }
    }
    run
}

/// Names and outcomes, the newest first.
async fn told(journal: &Journal) -> Vec<(String, Option<Outcome>)> {
    let history = journal.history().await.expect("a history");
    let entries = history.into_entries().into_iter();
    entries
        .map(|entry| (entry.name.to_string(), entry.outcome))
        .collect()
}

fn removed(name: &str) -> (String, Option<Outcome>) {
    (name.to_owned(), Some(Outcome::Removed))
}

#[tokio::test]
async fn what_is_written_is_read_again_and_is_nobody_elses() {
    let (_folder, state) = folder();
    let journal = Journal::below(state.clone());
    assert_eq!(told(&journal).await, [], "no file is an empty history");
    assert!(!file(&state).exists(), "to read makes nothing");
    let run = begin(&journal, &["a", "b"], 1).await;
    assert_eq!(
        told(&journal).await,
        [("b:1".to_owned(), None), removed("a:1")]
    );
    drop(run);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!((mode(&file(&state)), mode(&state)), (0o600, 0o700));
    // One that others may read is closed again.
    fs::set_permissions(file(&state), Permissions::from_mode(0o644)).expect("a mode");
    begin(&Journal::below(state.clone()), &["c"], 1).await;
    assert_eq!(mode(&file(&state)), 0o600);
    assert_eq!(journal.trouble(), None);
}

#[tokio::test]
async fn torn_and_foreign_lines_are_passed_over_and_cost_no_other() {
    let (_folder, state) = folder();
    begin(&Journal::below(state.clone()), &["a"], 1).await;
    let foreign: &[&[u8]] = &[
        b"\n\nnot JSON\n[1,2]\n{\"line\":\"intent\"}\n{\"line\":\"later\",\"run\":\"x\",\"number\":0}\n",
        b"{\"line\":\"intent\",\"run\":\"x\",\"number\":1e99,\"kind\":\"moon\",\"id\":\"1\"}\n\xff\xfe\0\n",
        b"{\"line\":\"outcome\",\"run\":\"nobody\",\"number\":7,\"outcome\":\"removed\"}\n{\"line\":\"int",
    ];
    let mut raw = fs::OpenOptions::new()
        .append(true)
        .open(file(&state))
        .expect("the file");
    for part in foreign {
        raw.write_all(part).expect("bytes");
    }
    // What follows a torn line stands on a line of its own.
    let journal = Journal::below(state.clone());
    begin(&journal, &["b"], 1).await;
    assert_eq!(told(&journal).await, [removed("b:1"), removed("a:1")]);
    // Where two wrote at once, the later line is read even so.
    let text = fs::read_to_string(file(&state)).unwrap_or_default();
    let lossy = fs::read(file(&state)).expect("bytes");
    let text = if text.is_empty() {
        String::from_utf8_lossy(&lossy).into_owned()
    } else {
        text
    };
    let joined = text.replace("{\"line\":\"int\n{", "{\"line\":\"int{");
    assert_ne!(joined, text);
    fs::write(file(&state), joined).expect("written");
    assert_eq!(told(&journal).await, [removed("b:1"), removed("a:1")]);
}

#[tokio::test]
async fn two_writers_share_it() {
    let (_folder, state) = folder();
    let writers = (0..4).map(|writer| {
        let state = state.clone();
        tokio::spawn(async move {
            let journal = Journal::below(state);
            for at in 0..25 {
                let name = format!("w{writer}n{at}");
                begin(&journal, &[&name], 1).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    let all = told(&Journal::below(state)).await;
    assert_eq!(all.len(), 100);
    assert!(all.iter().all(|(_, end)| *end == Some(Outcome::Removed)));
}

#[tokio::test]
async fn what_cannot_be_written_is_kept_and_written_as_soon_as_it_can_be() {
    let (folder, state) = folder();
    // A file stands where its folder should be: nobody, not even root, can write there.
    fs::write(folder.path().join("state"), "").expect("a file");
    let journal = Journal::below(state.clone());
    let run = begin(&journal, &["a"], 1).await;
    assert!(journal.trouble().is_some_and(|why| why.contains("journal")));
    assert_eq!(told(&journal).await, [removed("a:1")], "it knows it itself");
    run.finish(&Plan::default(), &[]).await;
    fs::remove_file(folder.path().join("state")).expect("it goes");
    begin(&journal, &["b"], 1).await;
    assert_eq!(journal.trouble(), None);
    let anew = Journal::below(state);
    assert_eq!(told(&anew).await, [removed("b:1"), removed("a:1")]);
}

#[tokio::test]
async fn no_link_is_followed_and_no_pipe_waited_for() {
    let (folder, state) = folder();
    fs::create_dir_all(&state).expect("a folder");
    let other = folder.path().join("other");
    fs::write(&other, "mine\n").expect("a file");
    symlink(&other, file(&state)).expect("a link");
    let journal = Journal::below(state.clone());
    begin(&journal, &["a"], 1).await;
    assert!(journal.trouble().is_some());
    assert_eq!(fs::read_to_string(&other).expect("text"), "mine\n");
    fs::remove_file(file(&state)).expect("it goes");
    let made = std::process::Command::new("mkfifo")
        .arg(file(&state))
        .status();
    assert!(made.expect("mkfifo").success());
    let journal = Journal::below(state);
    begin(&journal, &["a"], 1).await;
    assert!(journal.trouble().is_some());
    assert!(journal.history().await.is_err());
}

#[tokio::test]
async fn a_file_with_another_name_is_neither_written_nor_read() {
    let (folder, state) = folder();
    begin(&Journal::below(state.clone()), &["a"], 1).await;
    let other = folder.path().join("other");
    fs::hard_link(file(&state), &other).expect("a link");
    let before = fs::read(&other).expect("text");
    let journal = Journal::below(state.clone());
    let run = begin(&journal, &["b"], 1).await;
    let trouble = journal.trouble().expect("a reason");
    assert!(trouble.contains("hard link"), "{trouble}");
    let unread = Journal::below(state.clone()).history().await;
    assert!(unread.is_err_and(|why| why.contains("hard link")));
    assert_eq!(fs::read(&other).expect("text"), before);
    // What waits is written once it is one file again, also where that happens in the midst of a removal.
    fs::remove_file(&other).expect("it goes");
    run.finish(&Plan::default(), &[]).await;
    assert_eq!(journal.trouble(), None);
    let anew = Journal::below(state.clone());
    assert_eq!(told(&anew).await, [removed("b:1"), removed("a:1")]);
    let run = begin(&anew, &["c"], 1).await;
    fs::hard_link(file(&state), &other).expect("a link");
    let before = fs::read(&other).expect("text");
    begin(&anew, &["d"], 1).await;
    drop(run);
    assert!(anew.trouble().is_some());
    assert_eq!(fs::read(&other).expect("text"), before);
}

#[tokio::test]
async fn one_that_has_no_place_says_so() {
    let journal = Journal(Some(Arc::new(JournalFile::of_nobody())));
    begin(&journal, &["a"], 1).await;
    assert_eq!(told(&journal).await, [removed("a:1")]);
    let trouble = journal.trouble().expect("a reason");
    assert!(trouble.contains("XDG_STATE_HOME"), "{trouble}");
}

#[tokio::test]
async fn words_are_stored_safe_and_short() {
    let (_folder, state) = folder();
    let (survey, plan) = survey(&["a"]);
    let mut run = Journal::below(state.clone()).begin(&about());
    run.intend(0, &plan.steps, &survey, |_| None).await;
    let failed = Done {
        error: Some(format!("\u{1b}[2J{}", "x".repeat(100_000))),
        ..done(&plan.steps[0], Outcome::Failed)
    };
    run.ended(0, &failed).await;
    let text = fs::read_to_string(file(&state)).expect("text");
    assert!(text.len() < 3_000, "{}", text.len());
    assert!(!text.contains("u001b"));
}

/// A start looks for what is in hand: it must not wait for a journal of another engine's, however long.
#[tokio::test]
async fn hundreds_of_thousands_of_open_lines_cost_little() {
    let number = if cfg!(debug_assertions) {
        20_000
    } else {
        300_000
    };
    let (_folder, state) = folder();
    begin(&Journal::below(state.clone()), &["a"], 0).await;
    let line = fs::read_to_string(file(&state)).expect("text");
    for here in [false, true] {
        let host = if here { "\"demo\"" } else { "\"ssh://web-3\"" };
        let lines: String = (0..number)
            .map(|at| {
                let line = line.replace("\"number\":0", &format!("\"number\":{at}"));
                line.replace("\"demo\"", host)
            })
            .collect();
        fs::write(file(&state), lines).expect("written");
        let journal = Journal::below(state.clone());
        let engine = DemoEngine::new(clock::now()).with_pace(Pace::Instant);
        let start = std::time::Instant::now();
        let resolved = journal.resolve(&engine).await;
        let took = start.elapsed();
        assert_eq!(resolved.is_some(), here);
        assert!(
            took < Duration::from_millis(500) || cfg!(debug_assertions),
            "{took:?}, here: {here}"
        );
        let once_more = journal.resolve(&engine).await;
        assert_eq!(once_more, None);
    }
}

#[tokio::test]
async fn what_was_in_hand_is_resolved_by_listing() {
    let (_folder, state) = folder();
    let engine = DemoEngine::new(clock::now()).with_pace(Pace::Instant);
    let there = engine.images().await.expect("images")[0].id.clone();
    let ids = [there.as_str(), "gone"];
    let run = begin(&Journal::below(state.clone()), &ids, 0).await;
    let journal = Journal::below(state.clone());
    assert_eq!(
        journal.resolve(&engine).await,
        None,
        "another dtop has it in hand"
    );
    // Killed: its lock goes with it.
    drop(run);
    let resolved = journal.resolve(&engine).await.expect("two");
    assert!(!resolved.gap);
    let ends: Vec<(bool, Option<Outcome>)> = (resolved.entries.iter())
        .map(|entry| (*entry.id == *there.as_str(), entry.outcome))
        .collect();
    assert!(ends.contains(&(true, Some(Outcome::Failed))), "{ends:?}");
    assert!(ends.contains(&(false, Some(Outcome::Removed))), "{ends:?}");
    assert_eq!(journal.resolve(&engine).await, None, "it stands there now");
    assert!(told(&journal).await.iter().all(|(_, end)| end.is_some()));
}

#[tokio::test]
async fn another_engines_are_left_alone() {
    let (_folder, state) = folder();
    let journal = Journal::below(state);
    let (survey, plan) = survey(&["a"]);
    let elsewhere = EngineInfo {
        host: "ssh://web-3".into(),
        ..EngineInfo::default()
    };
    let mut run = journal.begin(&elsewhere);
    run.intend(0, &plan.steps, &survey, |_| None).await;
    run.finish(&plan, &[]).await;
    let engine = DemoEngine::new(clock::now()).with_pace(Pace::Instant);
    assert_eq!(journal.resolve(&engine).await, None);
    assert_eq!(told(&journal).await, [("a:1".to_owned(), None)]);
}

#[tokio::test]
async fn a_gap_is_told_once() {
    let (_folder, state) = folder();
    begin(&Journal::below(state.clone()), &["a"], 1).await;
    // What a full disk lets a dtop do that is killed then.
    let raw = fs::File::options()
        .append(true)
        .open(file(&state))
        .expect("the file");
    let missing = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    raw.set_modified(missing).expect("a time");
    let journal = Journal::below(state);
    let engine = DemoEngine::new(clock::now()).with_pace(Pace::Instant);
    let resolved = journal.resolve(&engine).await.expect("a gap");
    assert!(resolved.gap && resolved.entries.is_empty());
    assert!(resolved.words()[0].contains("gap"));
    assert_eq!(journal.resolve(&engine).await, None);
}

/// Its time moves with each write on 20.10: what is there must not be called gone.
#[test]
fn a_volume_of_the_name_is_still_there_whatever_its_time() {
    let listed = Listed([(Kind::Volume, "data".to_owned())].into());
    let mut entry = crate::domain::removal::history::tests::an_entry(Kind::Volume, "data");
    assert_eq!(entry.item(), ItemId::Volume(VolumeName::new("data")));
    entry.created = Timestamp::from_second(1_700_000_000);
    assert!(listed.has(&entry));
    let other = crate::domain::removal::history::tests::an_entry(Kind::Volume, "other");
    assert!(!listed.has(&other));
    assert_eq!(an_image("a"), ItemId::Image(ImageId::new("a")));
}
