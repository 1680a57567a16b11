//! What an image is called: by tags, by digests, by its ID; what a filter means by each, and what goes by it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::engine::{PrivateEngine, Store, run};
use crate::support::program::CALLERS_ENGINE;
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::scene::{Builder, Scene};

/// An engine, a registry that it may write to, and dtop with settings of its own.
struct Place<'a> {
    engine: &'a PrivateEngine,
    registry: Registry,
    config: PathBuf,
}

impl<'a> Place<'a> {
    /// None where there is no registry here.
    fn new(engine: &'a PrivateEngine) -> Option<Self> {
        let registry = match Registry::start(engine.folder()) {
            Ok(registry) => registry,
            Err(missing) => {
                let required = std::env::var_os("DTOP_REQUIRE_ENGINES").is_some();
                assert!(!required, "{missing}");
                return None;
            }
        };
        if !engine.is_podman() {
            let mut login = engine.client();
            let login = login.args(["login", "--username", USER, "--password", PASSWORD]);
            run(login.arg(&registry.address));
        }
        let config = engine.folder().join("dtop-config");
        fs::create_dir_all(config.join("dtop")).expect("a folder");
        Some(Self {
            engine,
            registry,
            config,
        })
    }

    fn with_registry(&self, verb: &str, name: &str) {
        if self.engine.is_podman() {
            let key = format!("{USER}:{PASSWORD}");
            self.engine
                .podman(&[verb, "--tls-verify=false", "--creds", &key, name]);
        } else {
            self.engine.docker(&[verb, name]);
        }
    }

    /// An image in the registry and nowhere else; returns its name and its digest.
    fn published(&self, scene: &Scene<'_>, path: &str, bytes: u32) -> (String, String) {
        let name = format!("{}/{path}", self.registry.address);
        let file = format!("FROM base:1\nRUN dd if=/dev/zero of=/data bs={bytes} count=1\n");
        scene.build(Builder::Classic, &name, &file);
        self.with_registry("push", &name);
        // What the registry has of it counts, not what was pushed.
        self.engine.docker(&["rmi", &name]);
        self.with_registry("pull", &name);
        let image = self.engine.get(&format!("/images/{name}/json"));
        let digest = image["RepoDigests"][0].as_str().unwrap_or_default();
        let (_, digest) = digest.split_once('@').expect("a digest");
        self.engine.docker(&["rmi", &name]);
        (name, digest.to_owned())
    }

    fn dtop(&self, args: &[&str]) -> Output {
        let mut command = Command::new(crate::support::dtop());
        for name in CALLERS_ENGINE {
            command.env_remove(name);
        }
        command
            .env("XDG_STATE_HOME", self.engine.folder().join("state"))
            .env("XDG_CONFIG_HOME", &self.config)
            .env("DOCKER_CONFIG", self.engine.folder().join("client"))
            .args(["-H", &self.engine.host()])
            .args(args)
            .stdin(Stdio::null());
        command.output().expect("dtop runs")
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.dtop(&[args, &["--json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
    }

    fn protect(&self, rules: &str) {
        let file = self.config.join("dtop/config.toml");
        fs::write(file, format!("protect = [{rules}]\n")).expect("a config");
    }

    /// IDs of the images that a filter chooses.
    fn chosen(&self, filter: &str) -> BTreeSet<String> {
        let plan = self.json(&["plan", "--images", filter, "--all-names"]);
        texts(&plan["steps"], "id")
    }

    fn is_there(&self, id: &str) -> bool {
        let (status, _) = self.engine.request("GET", &format!("/images/{id}/json"));
        status == 200
    }

    /// All that the engine itself says of what an image is called.
    fn references(&self, id: &str) -> [BTreeSet<String>; 2] {
        let image = self.engine.get(&format!("/images/{id}/json"));
        ["RepoTags", "RepoDigests"].map(|key| {
            let texts = image[key].as_array().into_iter().flatten();
            texts
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect()
        })
    }
}

fn texts(rows: &Value, key: &str) -> BTreeSet<String> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| row[key].as_str().map(str::to_owned))
        .collect()
}

fn one(id: &str) -> BTreeSet<String> {
    BTreeSet::from([id.to_owned()])
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub fn a_digest_is_a_name(engine: &PrivateEngine) {
    let Some(place) = Place::new(engine) else {
        return;
    };
    let scene = Scene::on(engine);
    let (tagged, digest) = place.published(&scene, "team/svc:1", 70_000);
    let repository = tagged.strip_suffix(":1").expect("a tag");
    let name = format!("{repository}@{digest}");
    place.with_registry("pull", &name);
    let id = engine.get(&format!("/images/{name}/json"))["Id"].clone();
    let id = id.as_str().expect("an ID");
    let id = format!("sha256:{}", id.trim_start_matches("sha256:"));
    let short = format!("{repository}@{}", &digest["sha256:".len()..][..8]);

    // It is shown, and called, by it.
    let report = place.json(&["report"]);
    let images = report["images"].as_array().expect("images");
    let image = images.iter().find(|image| image["id"] == id.as_str());
    assert_eq!(image.expect("listed")["names"], serde_json::json!([name]));
    let shown = said(&place.dtop(&["report"]));
    assert!(shown.contains("svc@"), "{shown}");
    let shown = said(&place.dtop(&["plan", "--images", "svc"]));
    assert!(shown.contains(&short), "{shown}");

    // Dangling is what the engine says of it.
    let filter = "%7B%22dangling%22%3A%5B%22true%22%5D%7D";
    let dangling = engine.get(&format!("/images/json?filters={filter}"));
    let dangling: BTreeSet<String> = texts(&dangling, "Id")
        .into_iter()
        .map(|id| format!("sha256:{}", id.trim_start_matches("sha256:")))
        .collect();
    assert_eq!(place.chosen("is:dangling"), dangling);
    let is_passed_over = !engine.is_podman() && engine.store() == Store::GraphDriver;
    assert_eq!(dangling.contains(&id), is_passed_over);

    for filter in [
        "svc",
        "TEAM",
        &format!("={repository}"),
        &format!("={repository}:*"),
        &format!("={repository}@*"),
        &format!("={name}"),
        &format!("={short}"),
        "/svc/",
        "/team\\/svc@sha256:/",
        "svc nth<2",
    ] {
        assert_eq!(place.chosen(filter), one(&id), "{filter}");
    }
    for filter in [&format!("={tagged}"), "=svc", "svc nth>1"] {
        assert_eq!(place.chosen(filter), BTreeSet::new(), "{filter}");
    }

    for rule in ["\"/svc/\"", &format!("\"={repository}:*\"")] {
        place.protect(rule);
        for filter in ["is:dangling", "/svc/", &format!("id:{id}")] {
            let output = place.dtop(&["clean", "--yes", "--images", filter]);
            assert!(output.status.success(), "{}", said(&output));
            assert!(place.is_there(&id), "{rule} {filter}: {}", said(&output));
        }
    }
    place.protect("");

    // It counts among an image's names.
    engine.docker(&["tag", &name, "mine:1"]);
    let mine = format!("={}", scene.name("mine:1"));
    let output = place.dtop(&["clean", "--yes", "--images", &mine]);
    let words = said(&output);
    assert!(place.is_there(&id), "{words}");
    assert!(words.contains(&format!("also named {short}")), "{words}");
    let before = place.references(&id);
    let output = place.dtop(&["clean", "--yes", "--images", &mine, "--all-names"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!place.is_there(&id), "{}", said(&output));
    let entry = place.json(&["history"])["entries"][0].clone();
    let names = entry["names"].as_array().expect("names");
    assert!(names.contains(&name.as_str().into()), "{entry}");
    assert_eq!(names.len(), 2, "{entry}");

    // Podman pulls without TLS only where its own settings say so.
    if engine.is_podman() {
        return;
    }
    let output = place.dtop(&["restore", &short]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(place.references(&id), before, "its names, and none more");
}

pub fn a_digest_beside_its_tag_is_no_further_name(engine: &PrivateEngine) {
    let Some(place) = Place::new(engine) else {
        return;
    };
    let scene = Scene::on(engine);
    let (name, digest) = place.published(&scene, "team/svc:1", 70_000);
    let repository = name.strip_suffix(":1").expect("a tag");
    let by_digest = format!("{repository}@{digest}");
    for first in [&name, &by_digest] {
        place.with_registry("pull", first);
        place.with_registry("pull", &name);
        place.with_registry("pull", &by_digest);
        let id = scene.image_id(&name);
        let plan = place.json(&["plan", "--images", &format!("={name}")]);
        assert_eq!(plan["steps"][0]["names"], serde_json::json!([name]));
        let by_digest = format!("={by_digest}");
        let plan = place.json(&["plan", "--images", &by_digest]);
        assert_eq!(plan["steps"][0]["names"], serde_json::json!([name]));
        let output = place.dtop(&["clean", "--yes", "--images", &format!("={name}")]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(!place.is_there(&id), "{}", said(&output));
    }
}

pub fn an_image_comes_back_with_the_names_that_it_had(engine: &PrivateEngine) {
    // Podman pulls without TLS only where its own settings say so.
    let place = if engine.is_podman() {
        None
    } else {
        Place::new(engine)
    };
    let Some(place) = place else {
        return;
    };
    let scene = Scene::on(engine);
    let (name, digest) = place.published(&scene, "team/svc:1", 70_000);
    let repository = name.strip_suffix(":1").expect("a tag");
    // As a service's task pulls it.
    let deployed = format!("{repository}:9@{digest}");
    place.with_registry("pull", &name);
    let id = scene.image_id(&name);
    engine.docker(&["tag", &name, &format!("{repository}:2")]);
    engine.docker(&["tag", &name, "mine:1"]);
    let before = place.references(&id);
    let by_id = format!("id:{id}");
    let clean = || {
        let output = place.dtop(&["clean", "--yes", "--images", &by_id]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(!place.is_there(&id), "{}", said(&output));
    };
    clean();
    let output = place.dtop(&["restore", &name]);
    assert!(output.status.success(), "{}", said(&output));
    let after = place.references(&id);
    assert_eq!(after[0], before[0], "its names, and none more");
    // It goes whole again.
    clean();
    // With one name, and with the digest alone.
    for reference in [&name, &format!("{repository}@{digest}"), &deployed] {
        place.with_registry("pull", reference);
        let before = place.references(&id);
        clean();
        let output = place.dtop(&["restore", id.trim_start_matches("sha256:")]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(place.references(&id), before, "{reference}");
        clean();
    }
}

pub fn an_image_is_a_registrys_only_where_all_of_it_is(engine: &PrivateEngine) {
    // Podman tells it of nothing but what is called `localhost/`.
    if engine.is_podman() {
        return;
    }
    let Some(place) = Place::new(engine) else {
        return;
    };
    let scene = Scene::on(engine);
    let (name, _) = place.published(&scene, "team/svc:1", 70_000);
    place.with_registry("pull", &name);
    let pulled = scene.image_id(&name);
    // On a pulled base, with a layer of its own and with none, and each again the base of a build.
    let file = format!("FROM {name}\nCOPY note /note\n");
    let mut here = vec![scene.build(Builder::Classic, "own:1", &file)];
    let file = format!("FROM {name}\nENV A=1\n");
    here.push(scene.build(Builder::Classic, "bare:1", &file));
    for base in ["own:1", "bare:1"] {
        let file = format!("FROM {base}\nRUN true # {base}\n");
        here.push(scene.build(Builder::BuildKit, &format!("on-{base}"), &file));
    }
    here.push(scene.image_id("base:1"));
    let report = place.json(&["report"]);
    let source = |id: &str| {
        let images = report["images"].as_array().expect("images").iter();
        let image = images.clone().find(|image| image["id"] == id);
        image.unwrap_or_else(|| panic!("{id}: {report}"))["source"].clone()
    };
    assert_eq!(source(&pulled), "registry");
    for id in &here {
        assert_eq!(source(id), "local", "{id}: {report}");
    }
    let chosen = place.chosen("is:registry");
    assert!(chosen.is_subset(&one(&pulled)), "{chosen:?}");

    // What was pushed can be had again; under a name of elsewhere nobody says so.
    let pushed = format!("{}/team/own:1", place.registry.address);
    engine.docker(&["tag", "own:1", &pushed]);
    place.with_registry("push", &pushed);
    let plan = place.json(&["plan", "--images", "=own:1", "--all-names"]);
    let comes_back = &plan["steps"][0]["comes_back"];
    assert!(*comes_back == "yes" || *comes_back == "pulled", "{plan}");
}

pub fn the_digits_of_an_id_mean_the_image(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let config = engine.folder().join("dtop-config");
    let dtop = |args: &[&str]| {
        let mut command = Command::new(crate::support::dtop());
        for name in CALLERS_ENGINE {
            command.env_remove(name);
        }
        command
            .env("XDG_STATE_HOME", engine.folder().join("state"))
            .env("XDG_CONFIG_HOME", &config)
            .args(["-H", &engine.host()])
            .args(args)
            .stdin(Stdio::null());
        command.output().expect("dtop runs")
    };
    let id = scene.image_id("base:1");
    scene.tag("base:1", "other:1");
    let digits = id.trim_start_matches("sha256:");
    for word in [&digits[..12], digits, &format!("sha256:{digits}")] {
        let output = dtop(&["plan", "--images", word, "--json"]);
        let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let names = plan["steps"][0]["names"].as_array().map(Vec::len);
        assert_eq!(names, Some(2), "{word}: {plan}");
    }
    let output = dtop(&["plan", "--images", &digits[..11], "--json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(plan["steps"], serde_json::json!([]));
    let output = dtop(&["clean", "--yes", "--images", &digits[..12]]);
    assert_eq!(output.status.code(), Some(2));
    let words = said(&output);
    assert!(words.contains(&format!("id:{}", &digits[..12])), "{words}");
    let output = dtop(&[
        "clean",
        "--yes",
        "--images",
        &format!("id:{}", &digits[..12]),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let (status, _) = engine.request("GET", &format!("/images/{id}/json"));
    assert_eq!(status, 404);
}

pub fn podmans_short_names_mean_what_podman_means(engine: &PrivateEngine) {
    if !engine.is_podman() {
        return;
    }
    let Some(place) = Place::new(engine) else {
        return;
    };
    let scene = Scene::on(engine);
    let hub = scene.build(Builder::Classic, "aba:1", "FROM base:1\nRUN true\n");
    engine.docker(&["tag", "base:1", "localhost/aba:2"]);
    engine.docker(&["tag", "base:1", "quay.io/me/aba:3"]);
    let base = scene.image_id("base:1");
    let hub = format!("sha256:{}", hub.trim_start_matches("sha256:"));
    let base = format!("sha256:{}", base.trim_start_matches("sha256:"));
    let both = BTreeSet::from([hub.clone(), base.clone()]);
    for (filter, ids) in [
        ("=aba:1", one(&hub)),
        ("=aba:2 -=aba:1", one(&base)),
        ("=aba:*", both),
        ("=me/aba:3", BTreeSet::new()),
        ("=docker.io/library/aba:1", one(&hub)),
    ] {
        // Children go before their parents here, so that a plan may refuse what a filter chose.
        let plan = place.json(&["plan", "--images", filter, "--all-names"]);
        let mut found = texts(&plan["steps"], "id");
        found.extend(texts(&plan["refused"], "id"));
        assert_eq!(found, ids, "{filter}");
    }
    place.protect("\"=aba:1\"");
    let output = place.dtop(&["clean", "--yes", "--images", "/aba/", "--all-names"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(place.is_there(&hub), "{}", said(&output));
}

pub fn parents_that_go_along_are_named(engine: &PrivateEngine) {
    // The steps of Podman's builds are images of their own; BuildKit's are none.
    if engine.is_podman() {
        return;
    }
    let Some(place) = Place::new(engine) else {
        return;
    };
    let scene = Scene::on(engine);
    let file = "FROM base:1\nENV A=1\nRUN dd if=/dev/zero of=/data bs=70000 count=1\nENV B=2\n";
    scene.build(Builder::Classic, "app:1", file);
    let plan = place.json(&["plan", "--images", "=app:1"]);
    let parents = plan["steps"][0]["parents"].as_array().expect("parents");
    let parents: Vec<&str> = parents.iter().filter_map(Value::as_str).collect();
    assert_eq!(parents.len(), 2, "{plan}");
    let shown = said(&place.dtop(&["plan", "--images", "=app:1"]));
    for parent in &parents {
        assert!(place.is_there(parent), "{parent}");
        let short = &parent.trim_start_matches("sha256:")[..12];
        assert!(shown.contains(short), "{parent}: {shown}");
    }
    let output = place.dtop(&["clean", "--yes", "--images", "=app:1"]);
    assert!(output.status.success(), "{}", said(&output));
    let entry = place.json(&["history"])["entries"][0].clone();
    assert_eq!(entry["parents"], serde_json::json!(parents), "{entry}");
    for parent in &parents {
        assert!(!place.is_there(parent), "{parent}");
    }
}
