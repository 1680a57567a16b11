//! The cheap lists of containers, volumes and services.

use serde_json::Value;

use super::{Row, image_id, mounts};
use crate::domain::bytes::Figure;
use crate::domain::item::{Container, ContainerId, Service, State, Volume, VolumeName, short_id};

/// Containers of `/containers/json`.
#[must_use]
pub fn containers(answer: &Value) -> Vec<Container> {
    Row(answer).rows().filter_map(container).collect()
}

fn container(row: Row<'_>) -> Option<Container> {
    let id = row.filled("Id")?;
    let (volumes, image_mounts) = mounts(row.0);
    Some(Container {
        id: ContainerId::new(id),
        name: container_name(row).unwrap_or(short_id(id)).into(),
        image_id: image_id(row.text("ImageID")),
        image: row.text("Image").into(),
        command: row.texts("Command").collect::<Vec<_>>().join(" ").into(),
        state: state(row.text("State")),
        created: row.time("Created"),
        labels: row.labels("Labels"),
        volumes,
        image_mounts,
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

fn volume(row: Row<'_>) -> Option<Volume> {
    let name = row.filled("Name")?;
    let labels = row.labels("Labels");
    let has_options = row
        .at("Options")
        .0
        .as_object()
        .is_some_and(|options| !options.is_empty());
    Some(Volume {
        name: VolumeName::new(name),
        driver: row.text("Driver").into(),
        // Only these are ever measured (ENGINE.md §1.3).
        size: if row.text("Driver") == "local" && !has_options {
            Figure::Pending
        } else {
            Figure::Unknown
        },
        anonymous: is_anonymous(name, labels.value("com.docker.volume.anonymous")),
        created: row.time("CreatedAt"),
        labels,
        mountpoint: row.text("Mountpoint").into(),
        has_options,
    })
}

/// Docker 23 and newer label them; before, and on Podman, the name tells (ENGINE.md §1.3).
fn is_anonymous(name: &str, label: Option<&str>) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    label.is_some() || (name.len() == 64 && name.bytes().all(hex))
}

/// Services of `/services`.
#[must_use]
pub fn services(answer: &Value) -> Vec<Service> {
    let specs = Row(answer).rows().map(|row| row.at("Spec"));
    specs
        .filter_map(|spec| {
            let container = spec.at("TaskTemplate").at("ContainerSpec");
            Some(Service {
                name: spec.text("Name").into(),
                image: container.filled("Image")?.into(),
            })
        })
        .collect()
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
    fn a_service_holds_the_image_it_names() {
        let spec = |image| json!({"Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": image}}}});
        let answer =
            json!([spec("nginx:1@sha256:1"), {"Spec": {"Name": "plugin", "TaskTemplate": {}}}]);
        let services = services(&answer);
        assert_eq!(services.len(), 1);
        assert_eq!(&*services[0].image, "nginx:1@sha256:1");
    }
}
