//! The harness itself: what it builds is there, and what it listens to it hears.

use crate::support::census::Census;
use crate::support::engine::{PrivateEngine, run};
use crate::support::proxy::Proxy;
use crate::support::scene::{Builder, Scene};

pub fn the_harness_sees_what_its_scene_built(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let built = scene.build(
        Builder::BuildKit,
        "built:1",
        "FROM base:1\nRUN true # mine\n",
    );
    scene.build(
        Builder::Classic,
        "classic:1",
        "FROM base:1\nCOPY note /note\n",
    );
    let dangling = scene.dangling(Builder::Classic, "moved:1");
    let stopped = scene.stopped("idle", 30_000, &[], "base:1");
    let running = scene.running("busy", &["--volume", "named:/data"], "base:1");
    scene.paused("held", "built:1");
    let anonymous = scene.vanishing("brief", "base:1");
    scene.volume("spare", 7_000);

    let census = Census::of(engine);
    assert!(census.images.contains_key(&built));
    assert_eq!(census.images[&dangling], Vec::<String>::new());
    assert!(census.containers.contains_key(&stopped) && census.containers.contains_key(&running));
    for volume in ["named", "spare", &anonymous] {
        assert!(
            census.volumes.contains_key(volume),
            "{volume}: {:?}",
            census.volumes
        );
    }
    if engine.has_build_cache() {
        census.record("# mine");
    }
    let size = engine.get(&format!("/containers/{stopped}/json?size=1"))["SizeRw"].as_u64();
    // The containerd store counts blocks and folders, Podman a file of its own.
    assert!(
        size.is_some_and(|size| (30_000..40_000).contains(&size)),
        "{size:?}"
    );

    engine.docker(&["volume", "rm", "spare"]);
    let gone = census.without(&Census::of(engine));
    assert_eq!(gone.volumes.into_keys().collect::<Vec<_>>(), ["spare"]);
    assert_eq!(
        (gone.images.len(), gone.containers.len(), gone.records.len()),
        (0, 0, 0)
    );
}

pub fn the_proxy_writes_down_every_request(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let through = |args: &[&str]| run(engine.client_at(&proxy.host()).args(args));
    through(&["image", "ls"]);
    assert_eq!(proxy.writes(), []);
    // A body, an upgraded connection and an answer without end, each on its own terms.
    if !engine.is_podman() {
        let echo = ["base:1", "sh", "-c", "echo said"];
        let said = through(&[&["run", "--rm", "--network", "none"], &echo[..]].concat());
        assert_eq!(said, "said");
    }
    through(&["create", "--network", "none", "base:1", "sh"]);
    through(&["image", "tag", "base:1", "other:1"]);
    through(&["image", "rm", "other:1"]);
    let writes = proxy.writes();
    let seen = |method: &str, part: &str| {
        writes
            .iter()
            .any(|it| it.method == method && it.path.contains(part))
    };
    assert!(seen("POST", "/containers/create"), "{writes:?}");
    assert!(seen("POST", "/tag?repo="), "{writes:?}");
    assert!(seen("DELETE", "/images/other:1"), "{writes:?}");
    assert!(!scene.image_id("base:1").is_empty());
}
