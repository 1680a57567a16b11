//! Every object of every recorded answer, counted against what the engine wrote.

use super::*;

/// Distinct texts under a key, in a list of objects.
fn texts(rows: &Value, key: &str) -> HashSet<String> {
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    let texts = rows.iter().map(|row| row[key].as_str().unwrap().to_owned());
    texts.collect()
}

/// Each folder, whatever is recorded next: nothing that the engine wrote down is missing afterwards.
#[test]
fn every_folder_loads_in_full() {
    let place = [env!("CARGO_MANIFEST_DIR"), "tests/recorded"];
    let folders = fs::read_dir(place.iter().collect::<PathBuf>()).unwrap();
    let folders = folders.map(|folder| folder.unwrap());
    let mut names: Vec<String> = folders
        .filter(|folder| folder.file_type().unwrap().is_dir())
        .map(|folder| folder.file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut known: Vec<&str> = DOCKERS.into_iter().chain([PODMAN]).collect();
    known.sort_unstable();
    assert_eq!(names, known, "a folder without tests of its own");
    for name in &names {
        images_load_in_full(name);
        let raw = body(name, "containers");
        let listed = containers(&raw);
        let ids: HashSet<String> = listed.iter().map(|c| c.id.as_str().to_owned()).collect();
        assert_eq!(ids, texts(&raw, "Id"), "{name}");
        assert!(listed.iter().all(|c| inspected(name, c).size_rw.is_some()));
        let raw = body(name, "volumes");
        let listed: HashSet<String> = volumes(&raw)
            .unwrap()
            .iter()
            .map(|volume| volume.name.as_str().to_owned())
            .collect();
        assert_eq!(listed, texts(&raw["Volumes"], "Name"), "{name}");
        for form in ["df", "df-verbose", "df-type-volume", "df-type-build-cache"] {
            let raw = body(name, form);
            // Older engines do not know `type` and answer everything.
            let rows = |usage: &str, legacy: &str| match &raw[usage]["Items"] {
                Value::Array(items) => Value::Array(items.clone()),
                _ => raw[legacy].clone(),
            };
            let ids: HashSet<String> = records(Df::from(&raw))
                .unwrap()
                .iter()
                .map(|record| record.id.as_str().to_owned())
                .collect();
            assert_eq!(
                ids,
                texts(&rows("BuildCacheUsage", "BuildCache"), "ID"),
                "{name} {form}"
            );
            let sizes: HashSet<String> = volume_sizes(Df::from(&raw))
                .unwrap()
                .iter()
                .map(|(name, _)| name.as_str().to_owned())
                .collect();
            assert_eq!(
                sizes,
                texts(&rows("VolumeUsage", "Volumes"), "Name"),
                "{name} {form}"
            );
        }
    }
}

fn images_load_in_full(name: &str) {
    let raw = body(name, "images");
    let listed = listed(name);
    let ids: HashSet<String> = listed.iter().map(|i| i.id.as_str().to_owned()).collect();
    assert_eq!(ids, texts(&raw, "Id"), "{name}");
    let tags = raw.as_array().unwrap().iter();
    let tags = tags.flat_map(|row| row["RepoTags"].as_array().into_iter().flatten());
    let tags: HashSet<&str> = tags
        .map(|tag| tag.as_str().unwrap())
        .filter(|tag| *tag != "<none>:<none>")
        .collect();
    let names = listed.iter().flat_map(|image| &image.names);
    assert_eq!(
        names.map(|name| &**name).collect::<HashSet<_>>(),
        tags,
        "{name}"
    );
    // Other forms of the same list, by which newer engines tell more.
    for form in ["images-shared-size", "images-manifests"] {
        let more = images(&body(name, form), engine(name).1);
        assert_eq!(more.len(), listed.len(), "{name} {form}");
    }
}
