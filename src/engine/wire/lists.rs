//! The cheap lists of containers, volumes and services.

use serde_json::Value;

use super::{Row, image_id, mounts};
use crate::domain::bytes::Figure;
use crate::domain::item::{
    Backing, Container, ContainerId, STACK, State, Volume, VolumeName, short_id,
};
use crate::domain::outsider::{Outsider, OutsiderKind};
use crate::domain::paths::Paths;
use crate::domain::text::Text;

/// Containers of `/containers/json`.
#[must_use]
pub fn containers(answer: &Value) -> Vec<Container> {
    Row(answer).rows().filter_map(container).collect()
}

fn container(row: Row<'_>) -> Option<Container> {
    let id = row.filled("Id")?;
    let mounts = mounts(row.0);
    Some(Container {
        id: ContainerId::new(id),
        name: container_name(row).unwrap_or(short_id(id)).into(),
        image_id: image_id(row.text("ImageID")),
        image: row.text("Image").into(),
        command: row.texts("Command").collect::<Vec<_>>().join(" ").into(),
        state: state(row.text("State")),
        created: row.time("Created"),
        labels: row.labels("Labels"),
        volumes: mounts.volumes,
        image_mounts: mounts.images,
        binds: mounts.binds,
        details: Figure::Pending,
    })
}

/// Containers whose mounts must be asked of inspect: where the list says nothing of mounts (Podman before
/// 4), and where one is an image, which only inspect calls by its name.
#[must_use]
pub fn with_hidden_mounts(answer: &Value) -> Vec<ContainerId> {
    let is_image = |mount: Row<'_>| mount.text("Type").eq_ignore_ascii_case("image");
    Row(answer)
        .rows()
        .filter(|row| !row.at("Mounts").0.is_array() || row.at("Mounts").rows().any(is_image))
        .filter_map(|row| row.filled("Id").map(ContainerId::new))
        .collect()
}

/// Returns true if a list of containers tells what this one mounts.
#[must_use]
pub fn lists_mounts(answer: &Value, id: &ContainerId) -> bool {
    let mut rows = Row(answer).rows();
    let own = rows.find(|row| row.text("Id") == id.as_str());
    own.is_some_and(|row| row.at("Mounts").0.is_array())
}

/// Its own name. Links add names such as `/web/db`, in any order.
fn container_name(row: Row<'_>) -> Option<&str> {
    row.texts("Names")
        .map(|name| name.strip_prefix('/').unwrap_or(name))
        .find(|name| !name.is_empty() && !name.contains('/'))
}

/// Podman lets its own states through (ENGINE.md §8). `stopping` still runs: it stays a word of its own,
/// which is never treated as stopped.
fn state(word: &str) -> State {
    match word.to_ascii_lowercase().as_str() {
        "created" | "initialized" | "configured" => State::Created,
        "running" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "removing" => State::Removing,
        "exited" | "stopped" => State::Exited,
        "dead" => State::Dead,
        "" => State::Other("unknown".into()),
        _ => State::Other(word.into()),
    }
}

/// Volumes of `/volumes`; `None` where that is no such list: it must not pass for an empty one.
#[must_use]
pub fn volumes(answer: &Value) -> Option<Vec<Volume>> {
    let list = answer.get("Volumes")?;
    let rows = Row(list).rows();
    (list.is_array() || list.is_null()).then(|| rows.filter_map(volume).collect())
}

/// So many warnings are kept, and so much of each: an engine may say anything.
const MOST_WARNINGS: usize = 8;
const LONGEST_WARNING: usize = 300;

/// Returns what `/volumes` warns of: drivers that did not answer, whose volumes the list leaves out.
#[must_use]
pub fn volume_warnings(answer: &Value) -> Vec<Text> {
    let warnings = Row(answer).texts("Warnings").filter(|it| !it.is_empty());
    let cut = |text: &str| text.chars().take(LONGEST_WARNING).collect::<String>();
    warnings
        .take(MOST_WARNINGS)
        .map(|it| cut(it).into())
        .collect()
}

fn volume(row: Row<'_>) -> Option<Volume> {
    let name = row.filled("Name")?;
    let labels = row.labels("Labels");
    let driver = row.text("Driver");
    let backing = backing(driver, row.at("Options").0);
    Some(Volume {
        name: VolumeName::new(name),
        driver: driver.into(),
        // Only these are ever measured (ENGINE.md §1.3).
        size: if backing == Backing::Folder {
            Figure::Pending
        } else {
            Figure::Unknown
        },
        anonymous: is_anonymous(name, labels.value("com.docker.volume.anonymous")),
        created: row.time("CreatedAt"),
        labels,
        mountpoint: row.text("Mountpoint").into(),
        scope: match row.text("Scope") {
            "" | "local" => arcstr::literal!("local"),
            scope => scope.into(),
        },
        backing,
        usage: None,
    })
}

/// Options that bound a volume or set its owner, whatever their case.
const ABOUT_FOLDER: [&str; 7] = ["copy", "gid", "inodes", "nocopy", "noquota", "size", "uid"];

/// Returns what a volume's options make of it. The `local` driver mounts what `type` and `device` name, and nothing
/// without both (moby's `volume/local`); some options only bound it or set its owner. Podman writes those in
/// capitals, and keeps the `o` that they came in beside them (`needsMount` of its `libpod/volume_internal.go`).
#[must_use]
pub fn backing(driver: &str, options: &Value) -> Backing {
    let options = Row(options);
    if driver != "local" {
        return Backing::Unknown;
    }
    let Some(all) = options.0.as_object() else {
        return Backing::Folder;
    };
    if let (Some(sort), Some(device)) = (options.filled("type"), options.filled("device")) {
        return Backing::Mount {
            sort: sort.into(),
            device: device.into(),
        };
    }
    let is_about = |key: &str| ABOUT_FOLDER.iter().any(|it| it.eq_ignore_ascii_case(key));
    let has_any = all.keys().any(|key| is_about(key));
    let is_plain = |key: &String| is_about(key) || has_any && key == "o";
    if all.keys().all(is_plain) {
        Backing::Folder
    } else {
        Backing::Unknown
    }
}

/// Docker 23 and newer label them; before, and on Podman, the name tells (ENGINE.md §1.3).
fn is_anonymous(name: &str, label: Option<&str>) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    label.is_some() || (name.len() == 64 && name.bytes().all(hex))
}

/// Services of `/services`.
#[must_use]
pub fn services(answer: &Value) -> Vec<Outsider> {
    let specs = Row(answer).rows().map(|row| row.at("Spec"));
    specs
        .filter_map(|spec| {
            let container = spec.at("TaskTemplate").at("ContainerSpec");
            Some(Outsider {
                images: vec![container.filled("Image")?.into()],
                volumes: mounted_volumes(container),
                binds: mounted_folders(container),
                project: spec.labels("Labels").value(STACK).map(Into::into),
                ..Outsider::new(OutsiderKind::Service, spec.text("Name"))
            })
        })
        .collect()
}

/// Returns the volumes that a service's containers mount. One that is not there yet is made with its task.
fn mounted_volumes(container: Row<'_>) -> Vec<VolumeName> {
    let mounts = container.at("Mounts").rows();
    let mounts = mounts.filter(|mount| mount.text("Type").eq_ignore_ascii_case("volume"));
    mounts
        .filter_map(|mount| mount.filled("Source").map(VolumeName::new))
        .collect()
}

/// Returns the folders that a service's containers mount. The engine takes the dots out of their paths as text.
fn mounted_folders(container: Row<'_>) -> Paths {
    let mounts = container.at("Mounts").rows();
    let binds = mounts.filter(|mount| mount.text("Type").eq_ignore_ascii_case("bind"));
    let sources: Vec<String> = binds.map(|it| without_dots(it.text("Source"))).collect();
    Paths::new(sources.iter().map(String::as_str))
}

/// Returns a path without `.` and `..`, as Go's `path.Clean` has it.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let slash = if path.starts_with('/') { "/" } else { "" };
    format!("{slash}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
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
}
