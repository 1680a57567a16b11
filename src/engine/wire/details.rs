//! What inspect and history tell of one image or one container.

use serde_json::Value;

use super::Row;
use super::recent::{behind_shared, shared};
use crate::domain::bytes::Bytes;
use crate::domain::item::{
    ContainerDetails, Content, HistoryRow, PackedSize, Source, Text, VolumeName,
};
use crate::domain::texts::Texts;
use crate::domain::time::Timestamp;

/// Layers, history and overlay folders of an image, each with the lowest or oldest first. Without a
/// history (an engine can refuse it, ENGINE.md §1.10) the layers stay known and their sizes are not.
#[must_use]
pub fn image_content(inspect: &Value, history: &Value) -> Content {
    let inspect = Row(inspect);
    let diff_ids: Texts = inspect.at("RootFS").texts("Layers").collect();
    let mut history: Vec<HistoryRow> = Row(history).rows().map(history_row).collect();
    history.reverse();
    let mut folders = image_folders(inspect.at("GraphDriver").at("Data"));
    let layers = diff_ids.len();
    if folders.len() != layers {
        // They would be taken for other layers' folders.
        folders = Texts::default();
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

/// The size that inspect says, which on the containerd store is of blobs alone, and of an index with several
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

fn history_row(row: Row<'_>) -> HistoryRow {
    HistoryRow {
        created: row.time("Created"),
        created_by: shared(row.text("CreatedBy")),
        comment: shared(row.text("Comment")),
        size: row.bytes("Size").unwrap_or_default(),
    }
}

/// When a name was last given to the image on this engine.
#[must_use]
pub fn last_tagged(inspect: &Value) -> Option<Timestamp> {
    Row(inspect).at("Metadata").time("LastTagTime")
}

/// Where the image came from, where the engine keeps a record of that (`Identity`, API 1.53, ENGINE.md §10).
#[must_use]
pub fn image_source(inspect: &Value) -> Option<Source> {
    let identity = Row(inspect).at("Identity");
    let has = |key| identity.at(key).rows().next().is_some();
    match (has("Pull"), has("Build")) {
        (true, _) => Some(Source::Registry),
        (false, true) => Some(Source::Local),
        (false, false) => None,
    }
}

/// Overlay folders of an image: `LowerDir` lists those below the top, the upper first (ENGINE.md §2.5).
fn image_folders(data: Row<'_>) -> Texts {
    let Some(top) = folder(data.text("UpperDir")) else {
        return Texts::default();
    };
    lower_folders(data).into_iter().chain([top]).collect()
}

/// The folders in `LowerDir`, the lowest first; none at all if one of them is of another form.
fn lower_folders(data: Row<'_>) -> Vec<&str> {
    let Some(lower) = data.filled("LowerDir") else {
        return Vec::new();
    };
    let names: Option<Vec<&str>> = lower.split(':').rev().map(folder).collect();
    names.unwrap_or_default()
}

/// The layer's own folder in a path such as `/var/lib/docker/overlay2/<folder>/diff`.
fn folder(path: &str) -> Option<&str> {
    let (_, name) = path.strip_suffix("/diff")?.rsplit_once('/')?;
    (!name.is_empty()).then_some(name)
}

/// Everything that only inspecting a container tells. Sizes are there if they were asked for.
#[must_use]
pub fn container_details(inspect: &Value) -> ContainerDetails {
    let inspect = Row(inspect);
    let (host, state) = (inspect.at("HostConfig"), inspect.at("State"));
    let size_root = inspect.bytes("SizeRootFs");
    // Engines leave a zero out (ENGINE.md §1.2); the other size says that it was measured.
    let absent = inspect.at("SizeRw").0.is_null() && size_root.is_some();
    let mut folders = lower_folders(inspect.at("GraphDriver").at("Data"));
    folders.retain(|folder| !folder.ends_with("-init"));
    ContainerDetails {
        size_rw: inspect.bytes("SizeRw").or(absent.then_some(Bytes::ZERO)),
        size_root,
        started: state.time("StartedAt"),
        finished: state.time("FinishedAt"),
        auto_remove: host.flag("AutoRemove"),
        stop_timeout: inspect.at("Config").number("StopTimeout"),
        log_path: inspect.filled("LogPath").map(Text::from),
        log_driver: host.at("LogConfig").text("Type").into(),
        log_bounded: log_bounded(host.at("LogConfig")),
        log: None,
        folders: folders.into_iter().collect(),
        manifest: inspect
            .at("ImageManifestDescriptor")
            .filled("digest")
            .map(Text::from),
    }
}

/// Whether something ends the growth of a container's log. The engine writes the driver and the options that it
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

/// Volumes and images that a container mounts, from a row of the list or from inspect.
///
/// Of an image mount the list tells only a folder and a name made up for it; the image's own name stands
/// in inspect's `HostConfig.Mounts` alone.
#[must_use]
pub fn mounts(container: &Value) -> (Vec<VolumeName>, Vec<Text>) {
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
    let mut images: Vec<Text> = asked
        .rows()
        .filter(|row| of_type(row, "image"))
        .filter_map(|row| row.filled("Source").map(Text::from))
        .collect();
    if images.is_empty() {
        let rows = listed.rows().filter(|row| of_type(row, "image"));
        images.extend(
            rows.filter_map(|row| row.filled("Source").or(row.filled("Name")))
                .map(Text::from),
        );
    }
    (volumes, images)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::bytes::Bytes;

    #[test]
    fn history_is_turned_round_and_folders_are_lowest_first() {
        let inspect = json!({
            "RootFS": {"Layers": ["sha256:1", "sha256:2", "sha256:3"]},
            "GraphDriver": {"Data": {"UpperDir": "/d/o/c/diff", "LowerDir": "/d/o/b/diff:/d/o/a/diff"}},
        });
        let history = json!([
            {"CreatedBy": "last", "Size": 5, "Created": 1_795_258_838},
            {"CreatedBy": "first", "Size": -1, "Created": 0},
        ]);
        let content = image_content(&inspect, &history);
        assert_eq!(content.folders, ["a", "b", "c"].iter().collect());
        assert_eq!(&*content.history[0].created_by, "first");
        assert_eq!(content.history[0].created, None);
        assert_eq!(content.history[0].size, Bytes::ZERO);
        assert_eq!(content.history[1].size, Bytes(5));
        assert!(content.history[1].created.is_some());
    }

    #[test]
    fn folders_that_do_not_fit_the_layers_are_not_guessed() {
        for data in [
            json!(null),
            json!({"UpperDir": "/d/o/c/diff"}),
            json!({"UpperDir": "/d/o/c/diff", "LowerDir": "/odd:root/diff"}),
            json!({"dataset": "zpool/x"}),
        ] {
            let inspect = json!({"RootFS": {"Layers": ["1", "2"]}, "GraphDriver": {"Data": data}});
            assert_eq!(
                image_content(&inspect, &json!(null)).folders,
                Texts::default()
            );
        }
    }

    #[test]
    fn a_containers_own_folders_are_not_layers_below_it() {
        let data =
            json!({"LowerDir": "/o/x-init/diff:/o/b/diff:/o/a/diff", "UpperDir": "/o/x/diff"});
        let details = container_details(&json!({"GraphDriver": {"Data": data}, "LogPath": ""}));
        assert_eq!(details.folders, ["a", "b"].iter().collect());
        assert_eq!(details.log_path, None);
        assert_eq!(details.size_rw, None);
    }

    #[test]
    fn a_size_left_out_beside_the_other_is_zero() {
        let size = |inspect| container_details(&inspect).size_rw;
        assert_eq!(size(json!({"SizeRootFs": 7})), Some(Bytes::ZERO));
        assert_eq!(size(json!({"SizeRootFs": 7, "SizeRw": -1})), None);
        assert_eq!(size(json!({"SizeRootFs": 7, "SizeRw": 2})), Some(Bytes(2)));
    }

    #[test]
    fn an_image_mount_is_named_by_inspect() {
        let list = json!({"Mounts": [
            {"Type": "image", "Name": "6162", "Source": "/d/o/x/merged"},
            {"Type": "volume", "Name": "data"},
            {"Type": "volume", "Name": "data"},
            {"Type": "bind", "Source": "/srv"},
        ]});
        assert_eq!(
            mounts(&list),
            (vec![VolumeName::new("data")], vec!["/d/o/x/merged".into()])
        );
        let mut inspect = list;
        inspect["HostConfig"] =
            json!({"Mounts": [{"Type": "image", "Source": "tools:1", "Target": "/t"}]});
        assert_eq!(mounts(&inspect).1, ["tools:1"]);
    }

    #[test]
    fn identity_tells_the_source_where_there_is_one() {
        let of = |identity| image_source(&json!({"Identity": identity}));
        assert_eq!(of(json!(null)), None);
        assert_eq!(of(json!({"Build": [{"Ref": "x"}]})), Some(Source::Local));
        assert_eq!(
            of(json!({"Pull": [{"Repository": "x"}]})),
            Some(Source::Registry)
        );
        assert_eq!(of(json!({"Pull": []})), None);
    }
}
