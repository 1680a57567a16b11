//! What inspect and history tell of one image or one container.

use serde_json::Value;

use super::Row;
use super::recent::{behind_shared, shared};
use crate::domain::bytes::Bytes;
use crate::domain::compact::texts::DigestList;
use crate::domain::item::{
    ContainerDetails, Content, HistoryRow, ImageMount, PackedSize, Source, VolumeName,
};
use crate::domain::paths::Paths;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Layers, history and overlay folders of an image, each with the lowest or oldest first. Without a
/// history (an engine can refuse it, ENGINE.md §1.10) the layers stay known and their sizes are not.
#[must_use]
pub fn image_content(inspect: &Value, history: &Value) -> Content {
    let inspect = Row(inspect);
    let diff_ids: DigestList = inspect.at("RootFS").texts("Layers").collect();
    let mut history: Vec<HistoryRow> = Row(history).rows().map(history_row).collect();
    history.reverse();
    let mut folders = image_folders(inspect.at("GraphDriver").at("Data"));
    let layers = diff_ids.len();
    if folders.len() != layers {
        // They would be taken for other layers' folders.
        folders = DigestList::default();
    }
    let packed = packed_size(inspect, &history, layers);
    Content {
        created: inspect.time("Created"),
        diff_ids: behind_shared(diff_ids),
        history,
        folders: behind_shared(folders),
        packed,
    }
}

/// Keys, digest and size of a layer in a manifest, indented as BuildKit does it.
const LAYER_IN_MANIFEST: usize = 210;
/// What a manifest has besides its layers.
const MANIFEST: usize = 330;
/// A diff ID in a config, with its quotes and comma.
const LAYER_IN_CONFIG: usize = 75;
/// Times and keys of a row of history, and of the config itself.
const ROW: usize = 75;
const CONFIG: usize = 200;

/// Returns the size that inspect says, which on the containerd store is of blobs alone, and of an index with several
/// platforms of the one that is shown (`LimitManifests(…, 1)` in 24 to 28); Podman and graph drivers mean
/// something else by it. Manifest and config are estimated by what they hold (ENGINE-CONTAINERD.md §5).
fn packed_size(inspect: Row<'_>, history: &[HistoryRow], layers: usize) -> Option<PackedSize> {
    let written: usize = history
        .iter()
        .map(|row| ROW + row.created_by.len() + row.comment.len())
        .sum();
    let settings = inspect.at("Config").0.to_string().len();
    let config = Bytes((CONFIG + settings + written + layers * LAYER_IN_CONFIG) as u64);
    let usual = Bytes((MANIFEST + layers * LAYER_IN_MANIFEST) as u64);
    if let Some(manifest) = shown_manifest(inspect) {
        return Some(PackedSize {
            total: manifest.at("Size").bytes("Content")?,
            documents: manifest.at("Descriptor").bytes("size").unwrap_or(usual) + config,
        });
    }
    let total = inspect.bytes("Size")?;
    // Of an index its own size, and of a manifest that one's (API 1.48).
    let descriptor = inspect.at("Descriptor");
    let told = descriptor.bytes("size");
    let kind = descriptor.text("mediaType");
    let is_index = kind.contains("index") || kind.contains("manifest.list");
    let manifests = match told {
        Some(index) if is_index => index + usual,
        Some(manifest) => manifest,
        None => usual,
    };
    Some(PackedSize {
        total,
        documents: manifests + config,
    })
}

/// Returns the one manifest of an image that the store has, where the engine tells its sizes. Of several it is not said
/// which one the rest is about.
fn shown_manifest(inspect: Row<'_>) -> Option<Row<'_>> {
    let manifests = inspect.at("Manifests").rows();
    let mut images = manifests.filter(|it| it.text("Kind") == "image" && it.flag("Available"));
    let only = images.next()?;
    let is_only = images.next().is_none();
    is_only.then_some(only)
}

fn history_row(row: Row<'_>) -> HistoryRow {
    HistoryRow {
        created: row.time("Created"),
        created_by: shared(row.text("CreatedBy")),
        comment: shared(row.text("Comment")),
        size: row.bytes("Size").unwrap_or_default(),
    }
}

/// Returns when a container was made, to the nanosecond.
#[must_use]
pub fn created(inspect: &Value) -> Option<Timestamp> {
    Row(inspect).time("Created")
}

/// When a name was last given to the image on this engine.
#[must_use]
pub fn last_tagged(inspect: &Value) -> Option<Timestamp> {
    Row(inspect).at("Metadata").time("LastTagTime")
}

/// Returns where the image came from, where the engine keeps a record of that (`Identity`, API 1.53, ENGINE.md §10):
/// `Build` says that it was made here. `Pull` alone says nothing: BuildKit leaves it on whatever a build was based on,
/// too, and only the labels of the layers tell which it was ([`crate::domain::store::origin`]).
#[must_use]
pub fn image_source(inspect: &Value) -> Option<Source> {
    let built = Row(inspect).at("Identity").at("Build");
    built.rows().next().map(|_| Source::Local)
}

/// Overlay folders of an image: `LowerDir` lists those below the top, the upper first (ENGINE.md §2.5).
fn image_folders(data: Row<'_>) -> DigestList {
    let Some(top) = folder(data.text("UpperDir")) else {
        return DigestList::default();
    };
    lower_folders(data).into_iter().chain([top]).collect()
}

/// Returns the folders in `LowerDir`, the lowest first; none at all if one of them is of another form.
fn lower_folders(data: Row<'_>) -> Vec<&str> {
    let Some(lower) = data.filled("LowerDir") else {
        return Vec::new();
    };
    let names: Option<Vec<&str>> = lower.split(':').rev().map(folder).collect();
    names.unwrap_or_default()
}

/// Returns the layer's own folder in a path such as `/var/lib/docker/overlay2/<folder>/diff`.
fn folder(path: &str) -> Option<&str> {
    let (_, name) = path.strip_suffix("/diff")?.rsplit_once('/')?;
    (!name.is_empty()).then_some(name)
}

/// Returns everything that only inspecting a container tells. Sizes are read only if they were asked for (`size`):
/// Podman writes `SizeRootFs: 0` into an answer that was not (seen on 4.3.1 and 5.8.6).
#[must_use]
pub fn container_details(inspect: &Value, size: bool) -> ContainerDetails {
    let inspect = Row(inspect);
    let (host, state) = (inspect.at("HostConfig"), inspect.at("State"));
    let sizes = Row(if size { inspect.0 } else { &Value::Null });
    let size_root = sizes.bytes("SizeRootFs");
    // Engines leave a zero out (ENGINE.md §1.2); the other size says that it was measured.
    let absent = sizes.at("SizeRw").0.is_null() && size_root.is_some();
    let mut folders = lower_folders(inspect.at("GraphDriver").at("Data"));
    folders.retain(|folder| !folder.ends_with("-init"));
    ContainerDetails {
        size_rw: sizes.bytes("SizeRw").or(absent.then_some(Bytes::ZERO)),
        size_root,
        started: state.time("StartedAt"),
        finished: state.time("FinishedAt"),
        auto_remove: host.flag("AutoRemove"),
        stop_timeout: inspect.at("Config").number("StopTimeout"),
        log_path: inspect.filled("LogPath").map(Text::from),
        log_driver: host.at("LogConfig").text("Type").into(),
        log_bounded: log_bounded(host.at("LogConfig")),
        log: None,
        usage: None,
        folders: folders.into_iter().collect(),
        manifest: inspect
            .at("ImageManifestDescriptor")
            .filled("digest")
            .map(Text::from),
    }
}

/// Returns whether something ends the growth of a container's log. The engine writes the driver and the options that it
/// took from its own settings into each container as it makes it. Drivers that keep the log elsewhere have a
/// copy here that is bounded, as is what the `local` driver writes unless that was turned off.
fn log_bounded(config: Row<'_>) -> Option<bool> {
    let most = config.at("Config").filled("max-size");
    match config.text("Type") {
        "" | "k8s-file" => None,
        "json-file" => Some(most.is_some_and(|most| most != "-1")),
        "local" => Some(most != Some("-1")),
        _ => Some(true),
    }
}

/// What a container mounts.
#[derive(Debug, Default)]
pub struct ContainerMounts {
    pub volumes: Vec<VolumeName>,
    pub images: Vec<ImageMount>,
    pub binds: Paths,
}

/// Volumes, images and folders that a container mounts, from a row of the list or from inspect.
///
/// Of an image mount the list of older engines tells only a folder and a name made up for it; the image's own name
/// stands in inspect's `HostConfig.Mounts`, unless the mount is that of another container (`--volumes-from`).
#[must_use]
pub fn mounts(container: &Value) -> ContainerMounts {
    let container = Row(container);
    let of_type = |row: &Row<'_>, kind: &str| row.text("Type").eq_ignore_ascii_case(kind);
    let listed = container.at("Mounts");
    let mut volumes: Vec<VolumeName> = listed
        .rows()
        .filter(|row| of_type(row, "volume"))
        .filter_map(|row| row.filled("Name").map(VolumeName::new))
        .collect();
    volumes.sort();
    volumes.dedup();
    let asked = container.at("HostConfig").at("Mounts");
    let mut images: Vec<ImageMount> = asked
        .rows()
        .filter(|row| of_type(row, "image"))
        .filter_map(|row| {
            Some(ImageMount {
                image: row.filled("Source")?.into(),
                destination: row.text("Target").into(),
                folder: Text::new(),
            })
        })
        .collect();
    for row in listed.rows().filter(|row| of_type(row, "image")) {
        add_image_mount(&mut images, row);
    }
    ContainerMounts {
        volumes,
        images,
        binds: binds(container),
    }
}

/// Folders of the engine's machine that a container mounts: those that are told with their way, or else as they
/// were asked for.
fn binds(container: Row<'_>) -> Paths {
    let of_type = |row: &Row<'_>| row.text("Type").eq_ignore_ascii_case("bind");
    let listed = container.at("Mounts").rows().filter(of_type);
    let listed = listed.map(|row| row.text("Source"));
    let config = container.at("HostConfig");
    let asked = config.at("Mounts").rows().filter(of_type);
    let asked = asked.map(|row| row.text("Source"));
    // `/folder:/in/it:ro`; what begins otherwise is a volume's name.
    let short = config.texts("Binds");
    let short = short.map(|bind| bind.split(':').next().unwrap_or_default());
    if container.at("Mounts").0.is_array() {
        Paths::new(listed)
    } else {
        Paths::new(asked.chain(short))
    }
}

/// Adds what a row of a container's mounts tells of an image mount to the mount that was asked for.
fn add_image_mount(images: &mut Vec<ImageMount>, row: Row<'_>) {
    let (source, destination) = (row.text("Source"), row.text("Destination"));
    let folder = Some(source).filter(|source| source.starts_with('/'));
    let is_same = |it: &&mut ImageMount| it.destination.trim_end_matches('/') == destination;
    if let Some(asked) = images.iter_mut().find(is_same) {
        asked.destination = destination.into();
        asked.folder = folder.unwrap_or_default().into();
        return;
    }
    // Podman has the image's name for a source.
    let named = row.filled("Name").or(row.filled("Source"));
    images.extend(named.map(|image| ImageMount {
        image: if folder.is_some() { image } else { source }.into(),
        destination: destination.into(),
        folder: folder.unwrap_or_default().into(),
    }));
}

#[cfg(test)]
mod tests;
