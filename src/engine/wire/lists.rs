//! The cheap lists: images, containers, volumes, services.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Dialect, Row, image_id, mounts};
use crate::domain::bytes::Figure;
use crate::domain::inventory::Store;
use crate::domain::item::{
    Container, ContainerId, Image, ImageId, Service, Source, State, Text, Volume, VolumeName,
    short_id,
};

/// Images of `/images/json`, one an ID: an engine that lists one a name has its names put together.
#[must_use]
pub fn images(answer: &Value, dialect: Dialect) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    let mut places: HashMap<ImageId, usize> = HashMap::new();
    for image in Row(answer).rows().filter_map(|row| image(row, dialect)) {
        if let Some(&place) = places.get(&image.id) {
            let first = &mut images[place];
            first.names.extend(image.names);
            first.digests.extend(image.digests);
        } else {
            places.insert(image.id.clone(), images.len());
            images.push(image);
        }
    }
    for image in &mut images {
        keep_once(&mut image.names);
        keep_once(&mut image.digests);
    }
    images
}

/// In the order in which they come first. There may be as many as an engine likes to write.
fn keep_once(texts: &mut Vec<Text>) {
    if texts.len() > 1 {
        let mut seen = HashSet::with_capacity(texts.len());
        texts.retain(|text| seen.insert(Text::clone(text)));
    }
}

fn image(row: Row<'_>, dialect: Dialect) -> Option<Image> {
    let (names, digests) = names(row);
    Some(Image {
        id: image_id(row.text("Id"))?,
        parent: image_id(row.text("ParentId")),
        created: row.time("Created"),
        size: row.bytes("Size").into(),
        // Podman never computes it (ENGINE.md §8).
        shared: if dialect.podman {
            Figure::Unknown
        } else {
            Figure::Pending
        },
        labels: row.labels("Labels"),
        source: source(&names, &digests, dialect),
        names,
        digests,
        last_tagged: None,
        content: Figure::Pending,
    })
}

/// Tags and digest references. API below 1.43 writes `<none>:<none>` for none, Podman may put digests
/// among the tags (ENGINE.md §1.1, §8).
fn names(row: Row<'_>) -> (Vec<Text>, Vec<Text>) {
    let (mut names, mut digests) = (Vec::new(), Vec::new());
    for name in row.texts("RepoTags").chain(row.texts("RepoDigests")) {
        if name.contains("<none>") {
            continue;
        }
        let list = if name.contains('@') {
            &mut digests
        } else {
            &mut names
        };
        list.push(name.into());
    }
    (names, digests)
}

/// On a graph driver of Docker's a digest is written by a pull or a push. The containerd store and
/// Podman write one for whatever was built or loaded, too (ENGINE.md §3, §10).
fn source(names: &[Text], digests: &[Text], dialect: Dialect) -> Source {
    let built = |name: &Text| name.starts_with("localhost/");
    let makes_them_up = dialect.podman || dialect.store == Store::Containerd;
    match (dialect.podman, makes_them_up) {
        (true, _) if !names.is_empty() && names.iter().all(built) => Source::Local,
        (_, true) => Source::Unknown,
        _ if digests.is_empty() => Source::Local,
        _ => Source::Registry,
    }
}

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

    const DOCKER: Dialect = Dialect {
        podman: false,
        store: Store::GraphDriver,
    };

    #[test]
    fn one_bad_row_costs_at_most_itself() {
        let answer = json!([
            7, null, {"Id": ""}, {"Size": 3},
            {"Id": "sha256:a", "RepoTags": 5, "Created": "soon", "Size": "x", "Labels": []},
            {"Id": "sha256:b", "RepoTags": ["b:1"], "Size": 3},
        ]);
        let images = images(&answer, DOCKER);
        assert_eq!(images.len(), 2);
        assert_eq!(images[0].size, Figure::Unknown);
        assert_eq!(images[0].names, Vec::<Text>::new());
        assert_eq!(images[1].names, ["b:1".into()]);
    }

    #[test]
    fn none_is_no_name_and_a_digest_is_no_tag() {
        let answer = json!([
            {"Id": "sha256:a", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
            {"Id": "b", "RepoTags": ["x/y:1", "x/y@sha256:1"], "RepoDigests": ["x/y@sha256:1"]},
        ]);
        let images = images(&answer, DOCKER);
        assert!(images[0].names.is_empty() && images[0].digests.is_empty());
        assert_eq!(images[0].source, Source::Local);
        assert_eq!(images[1].id, ImageId::new("sha256:b"));
        assert_eq!(images[1].names, ["x/y:1".into()]);
        assert_eq!(images[1].digests, ["x/y@sha256:1".into()]);
        assert_eq!(images[1].source, Source::Registry);
    }

    #[test]
    fn a_digest_is_no_proof_where_engines_make_them_up() {
        let answer = json!([
            {"Id": "a", "RepoTags": ["localhost/a:1"], "RepoDigests": ["localhost/a@sha256:1"]},
            {"Id": "b", "RepoTags": ["docker.io/b:1"], "RepoDigests": ["docker.io/b@sha256:1"]},
        ]);
        let sources = |podman, store| {
            let images = images(&answer, Dialect { podman, store });
            images.iter().map(|image| image.source).collect::<Vec<_>>()
        };
        assert_eq!(sources(false, Store::Containerd), [Source::Unknown; 2]);
        assert_eq!(
            sources(true, Store::GraphDriver),
            [Source::Local, Source::Unknown]
        );
    }

    #[test]
    fn rows_of_one_image_are_one_image() {
        let answer = json!([
            {"Id": "sha256:a", "RepoTags": ["a:1"]},
            {"Id": "sha256:b", "RepoTags": ["b:1"]},
            {"Id": "sha256:a", "RepoTags": ["a:2", "a:1"]},
        ]);
        let images = images(&answer, DOCKER);
        assert_eq!(images.len(), 2);
        assert_eq!(images[0].names, ["a:1".into(), "a:2".into()]);
    }

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
