//! Whole commands against the demo engine.

use std::io::Write;

use serde_json::Value;

mod target;

use super::*;
use crate::cli::{Cli, Command, FilterTexts};
use crate::commands::past;
use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::plan::scene::at;
use crate::domain::protect::Rule;
use crate::domain::time::Timestamp;
use crate::engine::demo::{DemoEngine, Pace};
use crate::engine::journal::Journal;
use crate::engine::scan::{WalkOf, scan_once};
use crate::report::page::Page;
use crate::ui::text::sanitise;

fn now() -> Timestamp {
    at(30 * 86_400)
}

/// A command that has ended: how, what it wrote, and what it did to the engine.
struct Ran {
    code: u8,
    out: String,
    err: String,
    engine: Arc<DemoEngine>,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).expect("one object")
    }
}

/// Around a command: what is typed, if there is a terminal to type on, and what else befalls it.
#[derive(Clone, Copy, Default)]
struct Scene<'a> {
    answer: Option<&'a str>,
    progress: bool,
    is_interrupted: bool,
    finds_nothing: bool,
    protect: &'a [&'a str],
    /// What the disk gains of what goes, in percent.
    gains: Option<u64>,
}

fn ran(line: &[&str], answer: &str) -> Ran {
    let scene = Scene {
        answer: Some(answer),
        ..Scene::default()
    };
    ran_in(line, scene)
}

fn ran_in(line: &[&str], scene: Scene<'_>) -> Ran {
    let mut out = Vec::new();
    let (code, err, engine) = ran_into(line, scene, &mut out);
    let out = String::from_utf8(out).expect("text");
    Ran {
        code,
        out,
        err,
        engine,
    }
}

fn ran_into(line: &[&str], scene: Scene<'_>, out: &mut dyn Write) -> (u8, String, Arc<DemoEngine>) {
    let demo = DemoEngine::new(now()).with_pace(Pace::Instant);
    let demo = Arc::new(demo.with_disk_gaining(scene.gains.unwrap_or(100)));
    let words = std::iter::once("dtop").chain(line.iter().copied());
    let cli = Cli::read(words).expect("a right line");
    let mut err = Vec::new();
    let mut console = Console {
        input: &mut scene.answer.unwrap_or_default().as_bytes(),
        out,
        err: &mut err,
        asks: scene.answer.is_some(),
        progress: scene.progress,
        page: Page {
            now: now(),
            width: 80,
            ascii: cli.global.screen.ascii,
        },
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let code = runtime.block_on(command(&cli, demo.clone(), scene, &mut console));
    (code, String::from_utf8(err).expect("text"), demo)
}

async fn command(
    cli: &Cli,
    engine: Arc<dyn Engine>,
    scene: Scene<'_>,
    console: &mut Console<'_>,
) -> u8 {
    let found = async {
        if scene.finds_nothing {
            return Err("no engine: nobody is there; look".to_owned());
        }
        let rules = scene.protect.iter();
        let rules = rules.map(|text| Rule::parse(text).expect("a rule"));
        Ok((engine, Protection::new(rules.collect(), now())))
    };
    let interrupt = async {
        if !scene.is_interrupted {
            std::future::pending::<()>().await;
        }
        Ending::Interrupt
    };
    match cli.command.as_ref().expect("a command") {
        Command::Report { fast, output } => report(found, *fast, output.json, console).await,
        Command::Plan { select, output } => plan(found, select, output.json, console).await,
        Command::Clean {
            select,
            yes,
            save,
            output,
        } => {
            let wish = Clean {
                select,
                yes: *yes,
                read_only: cli.global.engine.read_only,
                json: output.json,
                journal: &Journal::in_memory(),
                save: save.as_deref(),
            };
            match Box::pin(prepared(found, wish, console)).await {
                Ok(planned) => Box::pin(clean(planned, wish, console, interrupt)).await,
                Err(code) => code,
            }
        }
        Command::History { output } => {
            past::history(&Journal::in_memory(), found, output.json, console).await
        }
        Command::Restore { ids, output } => {
            past::restore(&Journal::in_memory(), found, ids, output.json, console).await
        }
        Command::Completions { .. } | Command::Man => panic!("no command for an engine"),
    }
}

const STOPPED: [&str; 3] = ["clean", "--containers", "is:stopped"];

fn with<'a>(line: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    line.iter().chain(more).copied().collect()
}

#[test]
fn the_demo_is_reported_both_ways() {
    let json = ran(&["report", "--json"], "");
    assert_eq!((json.code, json.err.as_str()), (0, ""));
    let images = json.json()["totals"]["images"].as_u64();
    assert!(images.is_some_and(|bytes| bytes > 0), "{}", json.out);
    let text = ran(&["report"], "");
    assert!(text.out.contains("\nImages "), "{}", text.out);
    assert!(ran(&["report", "--ascii"], "").out.is_ascii());
}

#[test]
fn fast_leaves_only_walked_figures_out() {
    let report = ran(&["report", "--fast", "--json"], "").json();
    assert_eq!(report["totals"]["containers"], Value::Null);
    assert_eq!(report["totals"]["volumes"], Value::Null);
    assert!(report["totals"]["images"].is_u64());
    let containers = report["containers"].as_array().expect("containers");
    assert!(containers.iter().any(|one| one["finished"].is_string()));
    assert!(containers.iter().all(|one| one["size"].is_null()));
}

#[test]
fn a_plan_changes_nothing() {
    let line = [
        "plan",
        "--containers",
        "is:stopped",
        "--cache",
        "",
        "--json",
    ];
    let ran = ran(&line, "");
    assert_eq!(ran.code, 0);
    assert!(!ran.json()["steps"].as_array().expect("steps").is_empty());
    assert!(ran.engine.writes().is_empty());
}

#[test]
fn a_plan_of_less_is_the_same_as_one_from_everything() {
    // What is not asked of the engine must not be missed.
    for line in [
        &["plan", "--images", "is:unused"][..],
        &["plan", "--images", "idle>20d"],
        &["plan", "--images", "", "--unlock"],
        &["plan", "--containers", ""],
        &["plan", "--containers", "", "--stop"],
        &["plan", "--volumes", ""],
        &["plan", "--volumes", "idle>2d"],
        &["plan", "--cache", ""],
        &["plan", "--cache", "", "--images", "is:unused"],
    ] {
        let line = with(line, &["--json"]);
        let all = with(
            &line,
            &["--containers", "=nothing", "--volumes", "=nothing"],
        );
        let (less, all) = (ran(&line, ""), ran(&all, ""));
        assert_eq!((less.code, less.err), (0, all.err), "{line:?}");
        assert_eq!(less.out, all.out, "{line:?}");
    }
}

#[test]
fn only_a_yes_is_a_yes() {
    for answer in ["", "\n", "n\n", "delete\n", "yes please\n"] {
        let ran = ran(&STOPPED, answer);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{answer:?}");
        assert!(
            ran.err.ends_with("\ndtop: nothing was removed\n") || !answer.is_empty(),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("nothing was removed"), "{}", ran.err);
        assert!(ran.engine.writes().is_empty(), "{answer:?}");
    }
    let ran = ran(&STOPPED, "y\n");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.engine.writes().is_empty());
}

#[test]
fn plan_and_question_leave_standard_output_to_what_was_done() {
    let ran = ran(&STOPPED, "y\n");
    assert!(ran.err.contains("\nchosen\n"), "{}", ran.err);
    assert!(ran.err.contains("[y/N] "), "{}", ran.err);
    assert!(!ran.out.is_empty());
    let is_line = |line: &str| line.starts_with("removed ");
    assert!(ran.out.lines().all(is_line), "{}", ran.out);
}

#[test]
fn a_volume_with_data_wants_the_word() {
    let line = ["clean", "--volumes", "is:unused"];
    for answer in ["y\n", "yes\n", "Delete\n", "delete it\n"] {
        let no = ran(&line, answer);
        assert!(no.err.contains("Type delete to remove"), "{}", no.err);
        assert!(no.engine.writes().is_empty(), "{answer}");
    }
    let yes = ran(&line, "delete\n");
    assert!(yes.engine.freed_so_far() > Bytes::ZERO);
}

#[test]
fn a_volume_of_unknown_size_never_frees_0_b() {
    let before = ran(&["report", "--json"], "").json();
    let unknown: Vec<&str> = before["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .filter(|volume| volume["size"].is_null())
        .filter_map(|volume| volume["name"].as_str())
        .collect();
    let ran = ran(&["clean", "--volumes", "=s3_archive", "--yes"], "");
    let of = |name: &str| format!("removed volume {name}, freed –");
    let shown = unknown.iter().filter(|name| ran.out.contains(&of(name)));
    assert!(shown.count() > 0, "{}", ran.out);
    assert!(!ran.out.contains("freed 0 B"), "{}", ran.out);
}

#[test]
fn clean_as_json_is_one_object_whatever_happens() {
    let nothing = ["clean", "--containers", "=nothing"];
    for (line, answer, code) in [
        (with(&STOPPED, &["--yes"]), "", 0),
        (STOPPED.to_vec(), "y\n", 0),
        (STOPPED.to_vec(), "n\n", 0),
        (with(&nothing, &["--yes"]), "", 0),
        (nothing.to_vec(), "", 0),
        (with(&STOPPED, &["--yes", "--read-only"]), "", 1),
    ] {
        let ran = ran(&with(&line, &["--json"]), answer);
        assert_eq!(ran.code, code, "{line:?}");
        let object = ran.json();
        assert_eq!(object["schema"], 1);
        assert_eq!(object["error"].is_string(), code == 1, "{line:?}");
    }
    let scene = Scene {
        finds_nothing: true,
        ..Scene::default()
    };
    let ran = ran_in(&with(&STOPPED, &["--yes", "--json"]), scene);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json()["error"], "no engine: nobody is there; look");
    assert_eq!(ran.err, "dtop: no engine: nobody is there; look\n");
}

#[test]
fn nothing_to_do_is_silent() {
    for more in [&["--yes"][..], &[]] {
        let ran = ran(&with(&["clean", "--images", "=nothing:1"], more), "");
        let silent = (0, "", "");
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), silent);
    }
}

#[test]
fn what_is_refused_is_named_beside_what_goes() {
    let line = ["clean", "--containers", "", "--yes"];
    let mixed = ran(&line, "");
    assert!(!mixed.out.is_empty());
    assert!(!mixed.err.is_empty());
    let is_line = |line: &str| line.starts_with("refused container ") && line.contains(": ");
    assert!(mixed.err.lines().all(is_line), "{}", mixed.err);
    let alone = ran(&["clean", "--containers", "is:running", "--yes"], "");
    assert_eq!((alone.code, alone.out.as_str()), (0, ""));
    assert!(alone.err.lines().all(is_line) && !alone.err.is_empty());
    assert_eq!(ran(&with(&line, &["--json"]), "").err, "");
}

#[test]
fn read_only_and_nobody_to_ask_come_before_the_engine() {
    let scene = Scene {
        finds_nothing: true,
        ..Scene::default()
    };
    let ran = ran_in(&STOPPED, scene);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("say --yes"), "{}", ran.err);
    let ran = ran_in(&with(&STOPPED, &["--read-only"]), scene);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("--read-only"), "{}", ran.err);
}

#[test]
fn what_an_interrupt_leaves_is_skipped() {
    let line = with(&STOPPED, &["--cache", "", "--yes"]);
    let scene = Scene {
        is_interrupted: true,
        ..Scene::default()
    };
    let text = ran_in(&line, scene);
    assert_eq!(text.code, 3);
    assert!(text.engine.writes().is_empty());
    assert!(!text.out.is_empty());
    let mut lines = text.out.lines();
    assert!(lines.all(|line| line.starts_with("skipped ")));
    assert!(text.err.contains("interrupted"), "{}", text.err);
    let json = ran_in(&with(&line, &["--json"]), scene).json();
    let done = json["done"].as_array().expect("done");
    assert_eq!(done.len(), text.out.lines().count());
    assert!(done.iter().all(|done| done["outcome"] == "skipped"));
    assert_eq!(json["freed"], 0);
}

/// A standard output that takes nothing.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_who_has_gone_is_no_complaint_and_stops_no_removal() {
    let mut closed = Closed(io::ErrorKind::BrokenPipe);
    for line in [&["report"][..], &["plan", "--images", "", "--json"]] {
        let (code, err, _) = ran_into(line, Scene::default(), &mut closed);
        assert_eq!((code, err.as_str()), (141, ""));
    }
    for line in [
        with(&STOPPED, &["--yes"]),
        with(&STOPPED, &["--yes", "--json"]),
    ] {
        let (code, err, engine) = ran_into(&line, Scene::default(), &mut closed);
        assert_eq!((code, err.as_str()), (141, ""));
        assert_eq!(engine.writes(), ran(&line, "").engine.writes());
        let scene = Scene {
            is_interrupted: true,
            ..Scene::default()
        };
        assert_eq!(ran_into(&line, scene, &mut closed).0, 3);
    }
}

#[test]
fn a_full_disk_is_told_and_stops_no_removal() {
    let mut full = Closed(io::ErrorKind::StorageFull);
    for (line, expected) in [
        (vec!["report"], 1),
        (vec!["plan", "--images", "", "--json"], 1),
        (with(&STOPPED, &["--yes"]), 3),
        (with(&STOPPED, &["--yes", "--json"]), 3),
    ] {
        let (code, err, engine) = ran_into(&line, Scene::default(), &mut full);
        assert_eq!(code, expected, "{line:?}");
        assert!(err.starts_with("dtop: standard output: "), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert_eq!(engine.writes(), ran(&line, "").engine.writes());
    }
}

#[test]
fn progress_is_one_line_for_a_terminal_and_leaves_nothing() {
    let scene = Scene {
        progress: true,
        ..Scene::default()
    };
    for (line, dots) in [
        (&["report"][..], "…"),
        (&["report", "--ascii"], "..."),
        (&["plan", "--images", "", "--ascii"], "..."),
    ] {
        let ran = ran_in(line, scene);
        assert!(ran.err.contains(&format!("layers{dots}\r")), "{}", ran.err);
        assert!(ran.err.ends_with("\r\u{1b}[K"), "{:?}", ran.err);
        assert_eq!(ran.err.is_ascii(), line.contains(&"--ascii"));
        assert!(!ran.err.contains('\n'), "{:?}", ran.err);
        assert!(!ran.out.contains("measuring"));
    }
}

#[test]
fn what_an_engine_says_at_the_end_names_it_and_what_to_try() {
    let error = |request: &str| EngineError::TimedOut {
        request: request.to_owned(),
        seconds: 60,
    };
    let stop = Stop::engine("ssh://web-3", &error("images"));
    assert_eq!(stop.code, 1);
    assert_eq!(
        stop.why,
        "ssh://web-3: images: no answer within 60 s; is the engine hanging? its log tells more \
         (journalctl -u docker)"
    );
    let gone = EngineError::Unreachable {
        host: "tcp://h:1".to_owned(),
        cause: "cut".to_owned(),
    };
    let stop = Stop::engine("tcp://h:1", &gone);
    assert_eq!(stop.why, "tcp://h:1: cut; is the engine still running?");
    assert_eq!(sanitise(&stop.why), stop.why);
}

#[test]
fn only_what_a_plan_needs_is_measured() {
    let protecting = |rule: &str| Protection::new(vec![Rule::parse(rule).expect("a rule")], now());
    let bare = Protection::default();
    let needed = |images: &[&str], volumes: &[&str], unlock: bool, protection: &Protection| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let select = Select {
            filters: FilterTexts {
                images: texts(images),
                volumes: texts(volumes),
                ..FilterTexts::default()
            },
            ..Select::default()
        };
        let how = How {
            unlock,
            ..How::default()
        };
        let wanted = super::needed(&select.filters(false).expect("filters"), how, protection);
        (
            wanted.container_details,
            wanted.container_sizes,
            wanted.volume_sizes,
        )
    };
    assert_eq!(
        needed(&["is:unused"], &[], false, &bare),
        (true, WalkOf::Hidden, false)
    );
    assert_eq!(
        needed(&["is:unused"], &[], true, &bare),
        (true, WalkOf::All, true)
    );
    assert_eq!(
        needed(&[], &["is:unused"], false, &bare),
        (false, WalkOf::None, true)
    );
    assert_eq!(
        needed(&[], &["-idle<3d"], false, &bare),
        (true, WalkOf::None, true)
    );
    assert_eq!(
        needed(&[], &["is:unused"], false, &protecting("idle<9d")),
        (true, WalkOf::None, true)
    );
}

#[test]
fn what_the_config_protects_stays_and_says_so() {
    let line = [
        "clean",
        "--volumes",
        "",
        "--images",
        "=node:20-alpine",
        "--yes",
        "--json",
    ];
    let stays = |ran: &Ran, name: &str, why: &str| {
        let json = ran.json();
        let refused = json["refused"].as_array().expect("a list");
        let of_name = |it: &&Value| it["name"] == name;
        let found = refused.iter().find(of_name).expect(name);
        assert_eq!(found["why"], why);
        assert_eq!(found["unlock"], serde_json::json!([]));
        assert!(
            ran.engine
                .writes()
                .iter()
                .all(|write| !write.contains(name)),
            "{name}"
        );
    };
    let kept = ran_in(
        &line,
        Scene {
            protect: &["size>3gb is:unused", "=node:*"],
            ..Scene::default()
        },
    );
    stays(
        &kept,
        "shop_media",
        "protected by config: `size>3gb is:unused`",
    );
    stays(&kept, "node:20-alpine", "protected by config: `=node:*`");
    let free = ran_in(&line, Scene::default());
    for name in ["shop_media", "node:20-alpine", "minio_test"] {
        let went = |ran: &Ran| {
            let json = ran.json();
            let done = json["done"].as_array().expect("a list").clone();
            done.iter()
                .any(|it| it["name"] == name && it["outcome"] == "removed")
        };
        assert!(went(&free), "{name}: {}", free.out);
        assert_eq!(went(&kept), name == "minio_test", "{name}");
    }
}
