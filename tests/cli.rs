//! The program as a shell and a script see it: exit codes, JSON, and what it says where.
#![allow(
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod support;

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::process::{Command, ExitCode, Output, Stdio};

use serde_json::Value;

use support::length::Length;
use support::trial;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    (
        "a_mistake_is_one_line_and_exit_code_2",
        a_mistake_is_one_line_and_exit_code_2,
    ),
    ("no_engine_is_exit_code_1", no_engine_is_exit_code_1),
    (
        "read_only_removes_nothing_and_exits_with_1",
        read_only_removes_nothing_and_exits_with_1,
    ),
    (
        "what_the_config_protects_is_in_no_plan",
        what_the_config_protects_is_in_no_plan,
    ),
    (
        "a_config_that_cannot_be_used_lets_nothing_run_that_meets_an_engine",
        a_config_that_cannot_be_used_lets_nothing_run_that_meets_an_engine,
    ),
    (
        "a_read_only_config_removes_nothing",
        a_read_only_config_removes_nothing,
    ),
    (
        "without_a_terminal_the_report_is_printed",
        without_a_terminal_the_report_is_printed,
    ),
    (
        "a_reader_who_goes_early_is_quietly_told_to_the_shell",
        a_reader_who_goes_early_is_quietly_told_to_the_shell,
    ),
    ("a_full_disk_is_an_error", a_full_disk_is_an_error),
    ("a_plan_is_what_is_then_done", a_plan_is_what_is_then_done),
    ("a_report_has_schema_1", a_report_has_schema_1),
    (
        "the_figures_of_a_report_agree",
        the_figures_of_a_report_agree,
    ),
    ("a_plan_has_schema_1", a_plan_has_schema_1),
    (
        "another_reader_of_json_takes_it",
        another_reader_of_json_takes_it,
    ),
    (
        "what_clean_prints_is_a_line_an_object_and_nothing_else",
        what_clean_prints_is_a_line_an_object_and_nothing_else,
    ),
    (
        "nobody_to_ask_is_a_usage_error",
        nobody_to_ask_is_a_usage_error,
    ),
    (
        "completions_and_the_man_page_know_every_command",
        completions_and_the_man_page_know_every_command,
    ),
    (
        "history_tells_what_a_journal_holds_and_that_an_empty_one_is_empty",
        history_tells_what_a_journal_holds_and_that_an_empty_one_is_empty,
    ),
    (
        "what_is_not_in_the_history_is_not_restored",
        what_is_not_in_the_history_is_not_restored,
    ),
];

fn main() -> ExitCode {
    let trials = TESTS
        .iter()
        .map(|&(name, test)| trial::plain(name, Length::Short, test));
    trial::run_waiting(trials.collect(), 4)
}

/// The program with nothing of the caller's around it, least of all an engine.
fn dtop(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dtop"));
    command
        .args(words)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

fn ran(words: &[&str]) -> Output {
    dtop(words).output().expect("dtop runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What a command that ends well prints, with a silent standard error.
fn printed(words: &[&str]) -> String {
    let output = ran(words);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{words:?}");
    text(&output.stdout)
}

fn json(words: &[&str]) -> Value {
    serde_json::from_str(&printed(words)).expect("JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key}"))
}

fn sum(values: &[Value], key: &str) -> u64 {
    values.iter().filter_map(|value| value[key].as_u64()).sum()
}

fn a_mistake_is_one_line_and_exit_code_2() {
    for words in [
        &["clean", "--yes"][..],
        &["plan"],
        &["-H", "unix:///nonexistent", "-c", "prod", "report"],
        &["-c", "nowhere", "report"],
        &["-H", "gopher://h", "report"],
        &["--free", "much"],
        &["--free", "1gb", "report"],
        &["plan", "--images", "size>many"],
        &["plan", "--images", "is:running"],
        &["clean", "--yes", "--images", "web"],
        &["--demo", "clean", "--images", "web"],
        &["frobnicate"],
    ] {
        let output = ran(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{words:?}");
        let error = text(&output.stderr);
        assert!(error.starts_with("dtop: "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

fn no_engine_is_exit_code_1() {
    let at = "unix:///nonexistent";
    for words in [
        &["-H", at][..],
        &["-H", at, "report", "--json"],
        &["plan", "--images", "", "-H", at],
        &["-H", at, "clean", "--images", "", "--yes"],
        &["-H", at, "clean", "--images", "", "--yes", "--json"],
    ] {
        let output = ran(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(at), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        if words.contains(&"clean") && words.contains(&"--json") {
            let object: Value = serde_json::from_slice(&output.stdout).expect("one object");
            assert!(object["error"].is_string());
            assert_eq!(object["steps"], Value::Array(Vec::new()));
        } else {
            assert_eq!(text(&output.stdout), "");
        }
    }
}

fn read_only_removes_nothing_and_exits_with_1() {
    let output = ran(&[
        "--demo",
        "--read-only",
        "clean",
        "--containers",
        "",
        "--yes",
    ]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("--read-only"));
}

/// A folder for a config with this text, and a command that reads it.
fn with_config(text: &str) -> (tempfile::TempDir, impl Fn(&[&str]) -> Output) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("dtop")).expect("a folder");
    let file = folder.path().join("dtop/config.toml");
    std::fs::write(file, text).expect("a file");
    let at = folder.path().to_owned();
    let run = move |words: &[&str]| {
        let mut command = dtop(words);
        let command = command.env("XDG_CONFIG_HOME", &at);
        command.output().expect("dtop runs")
    };
    (folder, run)
}

fn what_the_config_protects_is_in_no_plan() {
    let (_folder, run) = with_config("protect = [\"=shop_*\", \"label:tier\"]\n");
    let report = run(&["--demo", "report", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let is_kept = |it: &&Value| it["protected"] == true && it["project"] == "shop";
    let kept: Vec<&Value> = list(&report, "volumes").iter().filter(is_kept).collect();
    assert!(!kept.is_empty());
    let plan = run(&["--demo", "plan", "--volumes", "", "--stop", "--json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    for volume in kept {
        assert_eq!(volume["frees"], 0);
        let is_it = |it: &Value| it["name"] == volume["name"];
        assert!(!list(&plan, "steps").iter().any(is_it), "{volume}");
        let refused = list(&plan, "refused").iter().find(|it| is_it(it));
        let why = refused.expect("a refusal")["why"].as_str();
        assert!(why.is_some_and(|why| why.contains("`=shop_*`")), "{why:?}");
    }
}

fn a_config_that_cannot_be_used_lets_nothing_run_that_meets_an_engine() {
    let (folder, run) = with_config("read_only = true\nprotect = [\"size>many\"]\n");
    let engine = &["plan", "--images", "", "--demo"][..];
    for words in [&["--demo"][..], &["--demo", "report"], engine] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        let error = text(&output.stderr);
        assert!(
            error.contains("dtop/config.toml:2: protect: at `size>many`"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(output.stdout.is_empty());
    }
    for words in [&["man"][..], &["completions", "bash"], &["--help"]] {
        assert!(run(words).status.success(), "{words:?}");
    }
    std::fs::remove_dir_all(folder.path().join("dtop")).expect("it goes");
    assert!(run(engine).status.success());
}

fn a_read_only_config_removes_nothing() {
    let (_folder, run) = with_config("read_only = true\nascii = true\n");
    let output = run(&["--demo", "clean", "--containers", "", "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(run(&["--demo", "report"]).stdout.is_ascii());
}

fn without_a_terminal_the_report_is_printed() {
    let report = printed(&["--demo"]);
    assert!(report.starts_with("dtop report · "), "{report}");
    for heading in ["\nImages ", "\nContainers ", "\nVolumes ", "\nBuild cache "] {
        assert!(report.contains(heading), "{heading}: {report}");
    }
    assert!(!report.contains('\u{1b}'));
    assert!(printed(&["--demo", "--ascii"]).is_ascii());
    let plain = dtop(&["--demo"]).env("LC_ALL", "C").output();
    assert!(plain.expect("dtop runs").stdout.is_ascii());
}

fn a_reader_who_goes_early_is_quietly_told_to_the_shell() {
    let mut child = dtop(&["--demo", "report", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dtop runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(text(&output.stderr), "");
}

fn a_full_disk_is_an_error() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return;
    };
    for (words, code) in [
        (&["man"][..], 1),
        (&["--help"], 1),
        (&["--demo", "report", "--fast"], 1),
        (&["--demo", "clean", "--cache", "", "--yes"], 3),
    ] {
        let full = full.try_clone().expect("one more");
        let output = dtop(words).stdout(full).output().expect("dtop runs");
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        let error = text(&output.stderr);
        assert!(error.contains("standard output: "), "{error}");
    }
}

fn a_plan_is_what_is_then_done() {
    let select = ["--images", "is:unused", "--containers", "is:stopped"];
    // Of a plugin's volume nobody knows whether it is used: it would be left out, and that said.
    let more = [
        "--cache",
        "",
        "--volumes",
        "driver:local is:unused",
        "--unlock",
    ];
    let words = |command: &'static str| {
        let mut words = vec!["--demo", command];
        words.extend(select.iter().chain(&more));
        words.push("--json");
        words
    };
    let mut plan = json(&words("plan"));
    let mut clean = words("clean");
    clean.push("--yes");
    let clean = json(&clean);
    // Nobody waits for registries under --yes: there `pulled` is all that is known.
    for step in plan["steps"].as_array_mut().expect("a list") {
        if step["kind"] == "image" && step["comes_back"] == "yes" {
            step["comes_back"] = "pulled".into();
        }
    }
    for key in ["frees", "at_most", "exact", "why", "steps", "stays"] {
        assert_eq!(plan[key], clean[key], "{key}");
    }
    assert_eq!(plan["refused"], clean["refused"]);
    assert_eq!(plan["held_back"], clean["held_back"]);
    let ids = |of: &[Value]| -> Vec<(Value, Value)> {
        let id = |one: &Value| (one["kind"].clone(), one["id"].clone());
        of.iter().map(id).collect()
    };
    let (steps, done) = (list(&plan, "steps"), list(&clean, "done"));
    assert!(steps.len() > 20);
    assert_eq!(ids(steps), ids(done));
    for one in done {
        assert_eq!(one["outcome"], "removed", "{one}");
        assert_eq!(one["error"], Value::Null);
    }
    assert_eq!(sum(steps, "frees"), plan["frees"].as_u64().expect("bytes"));
    assert_eq!(clean["freed"], plan["frees"]);
    assert_eq!(clean["freed"], sum(done, "freed"));
}

/// What a value may be, as the tables below write it: `s` a text, `n` a number of bytes, `b` true or false,
/// `t` a time, `l` texts, `o` texts by name, `L` a list, `?` or null, else one of these words.
fn fits(value: &Value, kind: &str) -> bool {
    if let Some(kind) = kind.strip_suffix('?') {
        return value.is_null() || fits(value, kind);
    }
    match kind {
        "s" => value.is_string(),
        "n" => value.is_u64(),
        "b" => value.is_boolean(),
        "t" => value.as_str().is_some_and(is_utc),
        "l" => value
            .as_array()
            .is_some_and(|of| of.iter().all(Value::is_string)),
        "o" => value
            .as_object()
            .is_some_and(|of| of.values().all(Value::is_string)),
        "L" => value.is_array(),
        "null" => value.is_null(),
        words => value
            .as_str()
            .is_some_and(|is| words.split('|').any(|word| word == is)),
    }
}

fn is_utc(time: &str) -> bool {
    time.ends_with('Z') && time.parse::<dtop::domain::time::Timestamp>().is_ok()
}

/// Checks that an object has exactly these fields: `name:kind`.
fn assert_fits(value: &Value, fields: &str) {
    let object = value.as_object().expect("an object");
    let mut count = 0;
    for field in fields.split_whitespace() {
        let (name, kind) = field.split_once(':').expect("name:kind");
        let is = object
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {value}"));
        assert!(fits(is, kind), "{name}: {is} is not {kind}");
        count += 1;
    }
    assert_eq!(object.len(), count, "{value}");
}

fn assert_all_fit(values: &[Value], fields: &str) {
    assert!(!values.is_empty(), "{fields}");
    for value in values {
        assert_fits(value, fields);
    }
}

fn a_report_has_schema_1() {
    let report = json(&["--demo", "report", "--json"]);
    assert_eq!(report["schema"], 1);
    assert_eq!(report.as_object().expect("an object").len(), 12);
    assert_fits(
        &report["engine"],
        "host:demo why:s product:demo version:s api:s store:overlay2 driver:overlay2 root:s local:b",
    );
    assert_all_fit(
        list(&report, "disks"),
        "path:s total:n free:n inodes_total:n inodes_free:n",
    );
    assert_fits(
        &report["totals"],
        "images:n containers:n volumes:n build_cache:n logs:n unexplained:n",
    );
    assert_all_fit(
        list(&report, "images"),
        "id:s names:l digests:l created:t? size:n? shared:n? frees:n? exact:b by:blocks|length? state:used|unused|dangling \
         source:registry|local|unknown containers:l held_by:L last_used:t? last_used_by:s? labels:o protected:b",
    );
    assert_all_fit(
        list(&report, "containers"),
        "id:s name:s image_id:s? image:s state:s size:n? log:n? log_bounded:b? frees:n? exact:b by:blocks|length? created:t? finished:t? \
         project:s? protected:b",
    );
    assert_all_fit(
        list(&report, "volumes"),
        "name:s driver:s size:n? scope:s frees:n? exact:b by:blocks|length? anonymous:b containers:l held_by:L project:s? builder:s? created:t? protected:b",
    );
    assert_all_fit(
        list(&report, "build_cache"),
        "id:s parents:l type:s description:s size:n? frees:n? exact:b by:blocks|length? in_use:b shared:b created:t? last_used:t?",
    );
    assert_all_fit(
        list(&report, "logs"),
        "container:s name:s driver:s bounded:b? size:n? frees:n? exact:b by:blocks|length?",
    );
    assert_all_fit(
        list(&report, "unexplained"),
        "cause:s path:s bytes:n advice:s",
    );
    assert_eq!(report["failed"], Value::Array(Vec::new()));
}

fn the_figures_of_a_report_agree() {
    let report = json(&["--demo", "report", "--json"]);
    let (images, containers) = (list(&report, "images"), list(&report, "containers"));
    let (volumes, cache) = (list(&report, "volumes"), list(&report, "build_cache"));
    let total = |key: &str| report["totals"][key].as_u64().expect("bytes");
    assert_eq!(total("volumes"), sum(volumes, "size"));
    assert!(total("images") <= sum(images, "size"));
    assert!(total("containers") >= sum(containers, "size"));
    assert!(total("build_cache") <= sum(cache, "size"));
    let disk = &list(&report, "disks")[0];
    let used = disk["total"].as_u64().expect("bytes") - disk["free"].as_u64().expect("bytes");
    let all = ["images", "containers", "volumes", "build_cache"].map(total);
    assert!(all.iter().sum::<u64>() <= used, "{all:?} {used}");
    for one in images.iter().chain(volumes) {
        if let (Some(frees), Some(size)) = (one["frees"].as_u64(), one["size"].as_u64()) {
            assert!(frees <= size, "{one}");
        }
    }
    let mut names = HashSet::new();
    for name in images.iter().flat_map(|image| list(image, "names")) {
        assert!(names.insert(name), "{name} twice");
    }
    let called: HashSet<&Value> = containers.iter().map(|one| &one["name"]).collect();
    assert_eq!(called.len(), containers.len());
    for one in images.iter().chain(volumes) {
        let users = list(one, "containers");
        assert!(users.iter().all(|user| called.contains(user)), "{one}");
        if !users.is_empty() {
            assert_eq!(one["frees"], 0, "{one}");
        }
    }
    for image in images {
        let is_used = !list(image, "containers").is_empty();
        assert_eq!(image["state"] == "used", is_used, "{image}");
    }
}

fn a_plan_has_schema_1() {
    let words = [
        "--demo",
        "plan",
        "--images",
        "",
        "--containers",
        "",
        "--volumes",
        "",
    ];
    let words = [&words[..], &["--cache", "", "--json"]].concat();
    let plan = json(&words);
    assert_fits(
        &plan,
        "schema:n frees:n at_most:n? exact:b why:l steps:L refused:L held_back:L stays:L",
    );
    assert_all_fit(
        list(&plan, "steps"),
        "kind:image|container|volume|build_cache id:s name:s names:l frees:n \
         comes_back:yes|pulled|no|unknown added_by:selection parents:l",
    );
    assert_all_fit(list(&plan, "refused"), "kind:s id:s name:s why:s unlock:L");
    assert_all_fit(list(&plan, "held_back"), "kind:s id:s name:s bytes:n by:L");
    let (at_least, at_most) = (plan["frees"].as_u64(), plan["at_most"].as_u64());
    // Among the volumes is one of a plugin, whose size nobody here knows.
    assert_eq!(at_most, None);
    assert_eq!(plan["exact"], false);
    let known = json(&["--demo", "plan", "--images", "", "--cache", "", "--json"]);
    assert!(known["frees"].as_u64() <= known["at_most"].as_u64());
    assert_eq!(plan["exact"] == true, list(&plan, "why").is_empty());
    assert_eq!(at_least, Some(sum(list(&plan, "steps"), "frees")));
    let ids = |key: &str| -> HashSet<String> {
        let id = |one: &Value| format!("{} {}", one["kind"], one["id"]);
        list(&plan, key).iter().map(id).collect()
    };
    assert!(ids("steps").is_disjoint(&ids("refused")));
    assert_eq!(ids("steps").len(), list(&plan, "steps").len());
}

fn another_reader_of_json_takes_it() {
    let report = printed(&["--demo", "report", "--fast", "--json"]);
    let python = Command::new("python3")
        .args(["-m", "json.tool"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        return;
    };
    let mut input = python.stdin.take().expect("an input");
    input.write_all(report.as_bytes()).expect("it reads");
    drop(input);
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn what_clean_prints_is_a_line_an_object_and_nothing_else() {
    let cleaned = printed(&[
        "--demo",
        "clean",
        "--cache",
        "is:unused -is:shared",
        "--yes",
    ]);
    assert!(cleaned.lines().count() > 5);
    for line in cleaned.lines() {
        assert!(line.starts_with("removed build cache record "), "{line}");
    }
    let nothing = ["--demo", "clean", "--images", "=no/such:1", "--yes"];
    assert_eq!(printed(&nothing), "");
}

fn nobody_to_ask_is_a_usage_error() {
    let mut child = dtop(&["--demo", "clean", "--containers", "is:stopped"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dtop runs");
    // It may have ended before it could read that.
    let _ = child.stdin.take().expect("an input").write_all(b"y\n");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("--yes"));
}

fn completions_and_the_man_page_know_every_command() {
    for (shell, begins) in [
        ("bash", "_dtop() {"),
        ("zsh", "#compdef dtop"),
        ("fish", "complete -c dtop"),
        ("man", ".TH dtop"),
    ] {
        let page = if shell == "man" {
            printed(&["man"])
        } else {
            printed(&["completions", shell])
        };
        assert!(page.contains(begins), "{shell}: {page}");
        for word in ["report", "plan", "clean", "completions"] {
            assert!(page.contains(word), "{shell}: {word}");
        }
        if shell == "bash" {
            let checked = Command::new("bash").args(["-n", "-c", &page]).status();
            assert!(checked.is_ok_and(|status| status.success()) || cfg!(not(unix)));
        }
    }
    assert!(printed(&["--version"]).starts_with("dtop "));
    assert!(printed(&["clean", "--help"]).contains("--yes"));
}

fn history_tells_what_a_journal_holds_and_that_an_empty_one_is_empty() {
    let home = tempfile::TempDir::new().expect("a folder");
    let run = |words: &[&str]| {
        let state = home.path().join("state");
        let output = dtop(words).env("XDG_STATE_HOME", state).output();
        output.expect("dtop runs")
    };
    let empty = run(&["history"]);
    assert_eq!(text(&empty.stdout), "nothing was removed with dtop yet\n");
    let empty = run(&["history", "--json"]);
    let empty: Value = serde_json::from_slice(&empty.stdout).expect("JSON");
    assert_eq!(empty["schema"], 1);
    assert_eq!(list(&empty, "entries").len(), 0);

    let folder = home.path().join("state/dtop");
    std::fs::create_dir_all(&folder).expect("a folder");
    let evil = "evil\\u001b[2J:1";
    let lines = format!(
        "{{\"line\":\"intent\",\"run\":\"1\",\"number\":0,\"time\":\"2026-11-21T10:00:00Z\",\"host\":\"ssh://web-3\",\
         \"kind\":\"image\",\"id\":\"sha256:3f2a4b5c6d7e8f90\",\"name\":\"{evil}\",\"names\":[\"{evil}\"],\
         \"digests\":[\"evil@sha256:77\"],\"size\":7,\"labels\":{{\"a\":\"b\"}},\"comes_back\":\"pulled\"}}\n\
         {{\"line\":\"outcome\",\"run\":\"1\",\"number\":0,\"outcome\":\"removed\",\"freed\":7}}\n"
    );
    std::fs::write(folder.join("journal.jsonl"), lines).expect("a journal");
    let shown = text(&run(&["history"]).stdout);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    for part in [
        "2026-11-21 10:00  removed",
        "7 B",
        "dtop restore 3f2a4b5c6d7e",
        "from ssh://web-3",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let told: Value = serde_json::from_slice(&run(&["history", "--json"]).stdout).expect("JSON");
    let entry = &told["entries"][0];
    assert_eq!(entry["outcome"], "removed");
    assert_eq!(entry["freed"], 7);
    assert_eq!(entry["labels"]["a"], "b");
    assert_eq!(entry["comes_back"], "pulled");
    assert_eq!(entry["how"], "docker pull evil@sha256:77");
    assert_eq!(entry["saved"], Value::Null);
}

fn what_is_not_in_the_history_is_not_restored() {
    let output = ran(&["--demo", "restore", "nothing:1", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("nothing:1: no such removal"), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(list(&told, "restored").len(), 0);
    assert!(
        told["error"]
            .as_str()
            .is_some_and(|it| it.contains("nothing:1"))
    );
    let output = ran(&["--demo", "--read-only", "restore", "nothing:1"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("read-only"), "{output:?}");
}
