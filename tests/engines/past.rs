//! The way back: what was removed comes back from its registry, and what a killed dtop had in hand is resolved.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::engine::{PrivateEngine, run};
use crate::support::program::CALLERS_ENGINE;
use crate::support::proxy::{Manner, Proxy};
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::scene::{Builder, Scene};

const SOON: Duration = Duration::from_secs(30);

/// dtop with a journal and settings of this engine's own.
fn dtop(engine: &PrivateEngine, host: &str, args: &[&str]) -> Command {
    let mut command = Command::new(crate::support::dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command
        .env("XDG_STATE_HOME", engine.folder().join("state"))
        .env("XDG_CONFIG_HOME", engine.folder())
        .env("HOME", engine.folder())
        .args(["-H", host])
        .args(args)
        .stdin(Stdio::null());
    command
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All entries of the history, and what it says beside them.
fn history(engine: &PrivateEngine) -> (Vec<Value>, String) {
    let output = dtop(engine, &engine.host(), &["history", "--json"]).output();
    let output = output.expect("dtop runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (
        told["entries"].as_array().expect("entries").clone(),
        said(&output),
    )
}

fn tags(engine: &PrivateEngine, id: &str) -> Vec<String> {
    let image = engine.get(&format!("/images/{id}/json"));
    let tags = image["RepoTags"].as_array().cloned().unwrap_or_default();
    let mut tags: Vec<String> = tags
        .iter()
        .filter_map(|tag| tag.as_str().map(str::to_owned))
        .collect();
    tags.sort();
    tags
}

pub fn an_image_comes_back_from_its_registry(engine: &PrivateEngine) {
    // Podman pulls without TLS only where its own settings say so.
    if engine.is_podman() {
        return;
    }
    let registry = match Registry::start(engine.folder()) {
        Ok(registry) => registry,
        Err(missing) => {
            let required = std::env::var_os("DTOP_REQUIRE_ENGINES").is_some();
            assert!(!required, "{missing}");
            return;
        }
    };
    let scene = Scene::on(engine);
    let name = format!("{}/team/web:1", registry.address);
    let other = format!("{}/team/web:2", registry.address);
    let id = scene.build(
        Builder::Classic,
        &name,
        "FROM base:1\nRUN dd if=/dev/zero of=/data bs=70000 count=1\n",
    );
    scene.tag(&name, &other);
    let mut login = engine.client();
    let login = login.args(["login", "--username", USER, "--password", PASSWORD]);
    run(login.arg(&registry.address));
    for name in [&name, &other] {
        engine.docker(&["push", name]);
    }
    scene.tag(&name, "mine:1");
    let before = tags(engine, &id);
    assert_eq!(before.len(), 3);

    // The credentials of a helper, not those of the client that pushed.
    let folder = engine.folder().join("settings");
    fs::create_dir_all(&folder).expect("a folder");
    let helper = folder.join("docker-credential-dtop-test");
    let answer = json!({"ServerURL": registry.address, "Username": USER, "Secret": PASSWORD});
    let script = format!(
        "#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get {}' ] && echo '{answer}'\n",
        registry.address
    );
    fs::write(&helper, script).expect("a helper");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("it runs");
    let config = json!({"credHelpers": {&registry.address: "dtop-test"}});
    fs::write(folder.join("config.json"), config.to_string()).expect("settings");
    let path = std::env::var("PATH").unwrap_or_default();
    let with_key = |args: &[&str]| {
        let mut command = dtop(engine, &engine.host(), args);
        command
            .env("DOCKER_CONFIG", &folder)
            .env("PATH", format!("{}:{path}", folder.display()));
        command.output().expect("dtop runs")
    };

    let filter = format!("={name}");
    // Only who has the key sees the manifest; without it nothing is claimed.
    let comes_back = |output: Output| {
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        told["steps"][0]["comes_back"].clone()
    };
    let plan = ["plan", "--images", &filter, "--all-names", "--json"];
    assert_eq!(comes_back(with_key(&plan)), "yes");
    let without = dtop(engine, &engine.host(), &plan).output();
    let without = comes_back(without.expect("dtop runs"));
    assert!(without == "pulled" || without == "unknown", "{without}");

    let cleaned = with_key(&["clean", "--yes", "--images", &filter, "--all-names"]);
    assert_eq!(code(&cleaned), Some(0), "{}", said(&cleaned));
    let (status, _) = engine.request("GET", &format!("/images/{id}/json"));
    assert_eq!(status, 404, "it is gone");
    let (entries, _) = history(engine);
    assert_eq!(entries[0]["id"], id.as_str());
    assert_eq!(entries[0]["outcome"], "removed");
    assert_eq!(entries[0]["names"].as_array().map(Vec::len), Some(3));

    // A name of it means another image by now.
    scene.tag("base:1", "mine:1");
    let keyless = dtop(engine, &engine.host(), &["restore", &name]).output();
    let keyless = keyless.expect("dtop runs");
    assert_eq!(code(&keyless), Some(3), "{}", said(&keyless));
    assert!(said(&keyless).contains("is not back"), "{}", said(&keyless));
    let read_only = with_key(&["--read-only", "restore", &name]);
    assert_eq!(code(&read_only), Some(1), "{}", said(&read_only));
    let (status, _) = engine.request("GET", &format!("/images/{id}/json"));
    assert_eq!(status, 404, "nobody pulled it");

    let restored = with_key(&["restore", &name, "--json"]);
    assert_eq!(code(&restored), Some(3), "{}", said(&restored));
    let told: Value = serde_json::from_slice(&restored.stdout).expect("JSON");
    let missing = told["restored"][0]["missing"][0].as_str().unwrap_or("");
    assert!(missing.starts_with("mine:1 names another image"), "{told}");
    let pushed: Vec<String> = before
        .iter()
        .filter(|it| *it != "mine:1")
        .cloned()
        .collect();
    assert_eq!(tags(engine, &id), pushed, "the same image, its names");

    engine.docker(&["rmi", "mine:1"]);
    let short: String = id.trim_start_matches("sha256:").chars().take(12).collect();
    let whole = with_key(&["restore", &short]);
    assert_eq!(code(&whole), Some(0), "{}", said(&whole));
    assert_eq!(tags(engine, &id), before);
}

/// Begins to remove a volume and is killed while the engine has not answered.
fn killed(engine: &PrivateEngine, volume: &str) {
    let manner = Manner {
        hides: Some("/volumes/held"),
        ..Manner::default()
    };
    let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
    let filter = format!("={volume}");
    let clean = ["clean", "--yes", "--volumes", &filter];
    let mut child = dtop(engine, &proxy.host(), &clean)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dtop runs");
    let start = Instant::now();
    while !proxy.writes().iter().any(|it| it.method == "DELETE") {
        assert!(start.elapsed() < SOON, "nothing was sent");
        sleep(Duration::from_millis(20));
    }
    // SIGKILL: it writes nothing more.
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

pub fn what_a_killed_dtop_had_in_hand_is_resolved(engine: &PrivateEngine) {
    // Podman tells no ID, and the proxy's address is not its own.
    if engine.is_podman() {
        return;
    }
    let scene = Scene::on(engine);
    scene.volume("held", 5_000);
    killed(engine, "held");
    let (entries, words) = history(engine);
    assert!(words.contains("volume held: still there"), "{words}");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["outcome"], "failed");
    killed(engine, "held");
    engine.docker(&["volume", "rm", "held"]);
    // The next `clean` says it, too, whatever it is for.
    let clean = ["clean", "--yes", "--images", "=nothing:1"];
    let output = dtop(engine, &engine.host(), &clean).output();
    let words = said(&output.expect("dtop runs"));
    assert!(words.contains("volume held: gone"), "{words}");
    let (entries, words) = history(engine);
    assert_eq!(words, "", "it is said once");
    let ends: Vec<&Value> = entries.iter().map(|entry| &entry["outcome"]).collect();
    assert_eq!(ends, ["removed", "failed"]);
}
