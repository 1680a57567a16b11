use serde_json::json;

use super::*;

#[test]
fn states_of_any_engine_and_none_of_them_stopped_by_mistake() {
    for (word, stopped) in [
        ("created", true),
        ("exited", true),
        ("dead", true),
        ("stopped", true),
        ("initialized", true),
        ("running", false),
        ("paused", false),
        ("restarting", false),
        ("removing", false),
        ("stopping", false),
        ("unknown", false),
        ("", false),
        ("hibernating", false),
    ] {
        assert_eq!(state(word).is_stopped(), stopped, "{word}");
    }
    assert_eq!(state("stopping").word(), "stopping");
}

#[test]
fn a_container_has_its_own_name_not_a_link() {
    let answer = json!([
        {"Id": "0123456789abcdef", "Names": ["/web/db", "/db-1"], "State": "weird"},
        {"Id": "0123456789abcdef", "Names": ["p1"], "Command": ["a", "b"]},
        {"Id": "0123456789abcdef", "Names": null},
    ]);
    let containers = containers(&answer);
    let names: Vec<_> = containers.iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["db-1", "p1", "0123456789ab"]);
    assert_eq!(&*containers[1].command, "a b");
    assert_eq!(containers[0].image_id, None);
}

#[test]
fn which_volumes_are_anonymous_and_which_can_be_measured() {
    let hex = "0123456789abcdef".repeat(4);
    let answer = json!({"Volumes": [
        {"Name": hex, "Driver": "local", "Options": null},
        {"Name": "v", "Driver": "local", "Labels": {"com.docker.volume.anonymous": ""}},
        {"Name": "nfs", "Driver": "local", "Options": {"type": "nfs"}},
        {"Name": "plugin", "Driver": "rexray"},
        {"Name": hex.to_uppercase(), "Driver": "local", "Options": {}},
    ]});
    let volumes = volumes(&answer).unwrap();
    for odd in [
        json!([]),
        json!({}),
        json!({"Volumes": 1}),
        json!({"message": "no"}),
    ] {
        assert_eq!(
            super::volumes(&odd),
            None,
            "{odd}: it says nothing of volumes"
        );
    }
    assert_eq!(super::volumes(&json!({"Volumes": null})), Some(Vec::new()));
    let anonymous: Vec<_> = volumes.iter().map(|v| v.anonymous).collect();
    assert_eq!(anonymous, [true, true, false, false, false]);
    let pending: Vec<_> = volumes.iter().map(|v| v.size.is_pending()).collect();
    assert_eq!(pending, [true, true, false, false, true]);
}

#[test]
fn warnings_are_kept_within_bounds() {
    let many = vec!["x".repeat(100_000); 100];
    let warnings = |value| volume_warnings(&json!({"Volumes": [], "Warnings": value}));
    assert_eq!(warnings(json!(null)), Vec::<Text>::new());
    assert_eq!(
        warnings(json!(["plugin \"a\" not found", ""])),
        ["plugin \"a\" not found"]
    );
    let warned = warnings(json!(many));
    assert_eq!(
        (warned.len(), warned[0].len()),
        (MOST_WARNINGS, LONGEST_WARNING)
    );
}

/// By its spec alone, whether it runs or not.
#[test]
fn a_service_holds_what_it_mounts() {
    let mounts = json!([
        {"Type": "volume", "Source": "shop_db", "Target": "/db"},
        {"Type": "volume", "Target": "/anonymous"},
        {"Type": "bind", "Source": "/d//volumes/x/../y/_data/", "Target": "/y"},
        {"Type": "tmpfs", "Target": "/t"},
    ]);
    let answer = json!([{"Spec": {
        "Name": "shop_db",
        "Labels": {"com.docker.stack.namespace": "shop"},
        "Mode": {"Replicated": {"Replicas": 0}},
        "TaskTemplate": {"ContainerSpec": {"Image": "db:1", "Mounts": mounts}},
    }}]);
    let service = &services(&answer)[0];
    assert_eq!(service.volumes, [VolumeName::new("shop_db")]);
    assert_eq!(service.binds, Paths::new(["/d/volumes/y/_data"]));
    assert_eq!(service.project.as_deref(), Some("shop"));
}

#[test]
fn what_options_make_of_a_volume() {
    let mount = |sort: &str, device: &str| Backing::Mount {
        sort: sort.into(),
        device: device.into(),
    };
    for (driver, options, made) in [
        ("local", json!(null), Backing::Folder),
        ("local", json!({}), Backing::Folder),
        ("local", json!({"size": "10m"}), Backing::Folder),
        (
            "local",
            json!({"type": "nfs", "o": "addr=10.0.0.9", "device": ":/x"}),
            mount("nfs", ":/x"),
        ),
        (
            "local",
            json!({"type": "none", "o": "bind", "device": "/srv"}),
            mount("none", "/srv"),
        ),
        (
            "local",
            json!({"type": "tmpfs", "device": "tmpfs", "size": "1m"}),
            mount("tmpfs", "tmpfs"),
        ),
        // As Podman 4.3.1 keeps `-o o=uid=1000,gid=1000`, `-o o=size=1G` and `-o nocopy`.
        (
            "local",
            json!({"UID": "1000", "GID": "1000", "o": "uid=1000,gid=1000"}),
            Backing::Folder,
        ),
        (
            "local",
            json!({"SIZE": "1G", "o": "size=1G"}),
            Backing::Folder,
        ),
        (
            "local",
            json!({"NOQUOTA": "true", "INODES": "9", "copy": "", "nocopy": ""}),
            Backing::Folder,
        ),
        // What of this is mounted, nobody says.
        ("local", json!({"o": "bind"}), Backing::Unknown),
        (
            "local",
            json!({"type": "nfs", "device": ""}),
            Backing::Unknown,
        ),
        ("local", json!({"device": "/srv"}), Backing::Unknown),
        (
            "local",
            json!({"size": "1", "mystery": "1"}),
            Backing::Unknown,
        ),
        ("rexray", json!(null), Backing::Unknown),
        ("image", json!({"image": "a:1"}), Backing::Unknown),
    ] {
        assert_eq!(backing(driver, &options), made, "{driver} {options}");
    }
}

#[test]
fn a_volume_of_other_machines_is_none_of_this_one_alone() {
    let answer = json!({"Volumes": [
        {"Name": "a", "Driver": "local", "Scope": "local"},
        {"Name": "b", "Driver": "local"},
        {"Name": "c", "Driver": "local", "Scope": "global"},
        {"Name": "d", "Driver": "netapp:latest", "Scope": "local"},
    ]});
    let volumes = volumes(&answer).unwrap();
    let elsewhere: Vec<bool> = volumes.iter().map(Volume::is_elsewhere).collect();
    assert_eq!(elsewhere, [false, false, true, true]);
    assert_eq!(&*volumes[1].scope, "local");
}

#[test]
fn a_service_holds_the_image_it_names() {
    let spec = |image| json!({"Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": image}}}});
    let answer =
        json!([spec("nginx:1@sha256:1"), {"Spec": {"Name": "plugin", "TaskTemplate": {}}}]);
    let services = services(&answer);
    assert_eq!(services.len(), 1);
    assert_eq!(
        (services[0].volumes.len(), services[0].project.as_deref()),
        (0, None)
    );
    assert_eq!(services[0].images, ["nginx:1@sha256:1"]);
}
