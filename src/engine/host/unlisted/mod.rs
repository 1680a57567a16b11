//! What an engine's folder tells of containers that no list does: of those that the engine does not load, because
//! they belong to its other store or are damaged, and of the images that listed ones mount.
//!
//! Each container has a folder with its settings (`containers/<id>/config.v2.json`). An engine loads those whose
//! `Driver` is the storage driver in use (moby's `daemon/daemon.go`, 20.10 to 29); the others and their volumes wait
//! for the day when it is switched back.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::Dir;
use serde_json::Value;

use super::proof::ListedIds;
use super::root::{Root, is_random, unless_gone};
use crate::domain::item::{ContainerId, ImageId, VolumeName, short_id};
use crate::domain::outsider::{Outsider, OutsiderKind, Perhaps};
use crate::domain::paths::Paths;
use crate::domain::store::mounted::{MountedImage, MountedImages};
use crate::engine::metadata::layerdb::mounted_layers;
use crate::engine::wire::Row;

/// A container's settings are some kilobytes.
const LONGEST: u64 = 4 << 20;

/// What the folder tells beside the list of containers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unlisted {
    pub containers: Vec<Outsider>,
    pub mounted: MountedImages,
}

/// Reads the settings of containers that are not listed, and of those that mount images. It opens files: call it
/// where blocking is allowed.
///
/// # Errors
/// The folder of containers, or that of the driver's layers, may not be read.
pub fn unlisted(root: &Root, driver: &str, known: &ListedIds) -> io::Result<Unlisted> {
    let listed: HashSet<&str> = known.containers.iter().map(ContainerId::as_str).collect();
    let mut found = Unlisted::default();
    for id in container_folders(root)? {
        if !listed.contains(&*id) {
            found.containers.extend(container(root, driver, &id));
        }
    }
    for (id, _) in &known.mounting {
        found.mounted.images.extend(images_of(root, id));
    }
    found.mounted.layers = mounted_layers(root, driver, &listed)?;
    Ok(found)
}

/// The names of all containers' folders.
fn container_folders(root: &Root) -> io::Result<Vec<String>> {
    let Some(folder) = unless_gone(root.open_folder(Path::new("containers")))? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name().to_str().ok();
        names.extend(name.filter(|name| is_random(name)).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// One of the files of a container: what it says, nothing where it is not there.
///
/// # Errors
/// It is there and cannot be read, or is not what the engine writes.
fn settings(root: &Root, id: &str, file: &str) -> io::Result<Option<Value>> {
    let path = Path::new("containers").join(id).join(file);
    let Some(file) = unless_gone(root.open_file(&path))? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    let value: Value = serde_json::from_slice(&text)?;
    value
        .is_object()
        .then_some(Some(value))
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Returns a container that is not listed; nothing where its folder has no settings: what is left of one then is no
/// container.
fn container(root: &Root, driver: &str, id: &str) -> Option<Outsider> {
    let config = match settings(root, id, "config.v2.json") {
        Ok(config) => config?,
        Err(_) => return Some(damaged(root, id)),
    };
    let config = Row(&config);
    let is_other = config.filled("Driver").is_some_and(|of| of != driver);
    let kind = if is_other {
        OutsiderKind::OtherStore
    } else {
        OutsiderKind::Unlisted
    };
    let name = config.text("Name").trim_start_matches('/');
    let name = if name.is_empty() { short_id(id) } else { name };
    let mounts = config.at("MountPoints").values();
    let names = mounts.clone().filter_map(|mount| mount.filled("Name"));
    Some(Outsider {
        volumes: names.map(VolumeName::new).collect(),
        // Those of a volume are its own folder, or none yet.
        binds: Paths::new(mounts.map(|mount| mount.text("Source"))),
        ..Outsider::new(kind, name)
    })
}

/// Returns a container whose settings cannot be read. A second file says what was asked for when it was made; which
/// volumes it got without being asked, nothing does.
fn damaged(root: &Root, id: &str) -> Outsider {
    let unknown = Outsider::new(OutsiderKind::Unlisted, short_id(id));
    let Ok(Some(asked)) = settings(root, id, "hostconfig.json") else {
        return Outsider {
            perhaps: Perhaps::AnyVolume,
            ..unknown
        };
    };
    let asked = Row(&asked);
    let short = asked.texts("Binds");
    let short = short.map(|bind| bind.split(':').next().unwrap_or_default());
    let long = asked.at("Mounts").rows().map(|mount| mount.text("Source"));
    let sources: Vec<&str> = short.chain(long).filter(|it| !it.is_empty()).collect();
    let names = sources.iter().filter(|source| !source.starts_with('/'));
    let takes_others = asked.texts("VolumesFrom").next().is_some();
    Outsider {
        volumes: names.map(|name| VolumeName::new(*name)).collect(),
        binds: Paths::new(sources),
        perhaps: if takes_others {
            Perhaps::AnyVolume
        } else {
            Perhaps::AnonymousVolumes
        },
        ..unknown
    }
}

/// Returns the images that a listed container mounts, as the engine found them when it was made.
fn images_of(root: &Root, id: &ContainerId) -> Vec<MountedImage> {
    let config = settings(root, id.as_str(), "config.v2.json").ok().flatten();
    let config = config.unwrap_or_default();
    let mounts = Row(&config).at("MountPoints").values();
    let images = mounts.filter(|mount| mount.text("Type").eq_ignore_ascii_case("image"));
    images
        .filter_map(|mount| {
            let image = mount.at("Spec").text("Source");
            Some(MountedImage {
                container: id.clone(),
                destination: mount.filled("Destination")?.into(),
                image: image.starts_with("sha256:").then(|| ImageId::new(image))?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
