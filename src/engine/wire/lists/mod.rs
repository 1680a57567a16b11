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
mod tests;
