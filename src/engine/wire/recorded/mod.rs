//! The recorded answers of seven engines, each after the same scene (tests/recorded/README.md).

mod full;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::domain::bytes::Figure;
use crate::domain::inventory::Store;
use crate::domain::item::{Container, Image, Source, State};
use crate::engine::fingerprint::Fingerprint;

const DOCKERS: [&str; 6] = [
    "docker-20.10.24-overlay2",
    "docker-26.1.5-overlay2",
    "docker-28.5.2-overlay2",
    "docker-29.7.2-overlay2",
    "docker-28.5.2-containerd",
    "docker-29.7.2-containerd",
];
const PODMAN: &str = "podman-4.3.1";

fn read(engine: &str, name: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/recorded", engine, name]
        .iter()
        .collect();
    let file = fs::read(path.with_extension("json")).unwrap();
    serde_json::from_slice(&file).unwrap()
}

fn body(engine: &str, name: &str) -> Value {
    read(engine, name)["body"].take()
}

fn engine(name: &str) -> (crate::domain::inventory::EngineInfo, Dialect) {
    let version = body(name, "version");
    let podman = is_podman(&version);
    let info = about(&body(name, "info"), &version, podman);
    let store = info.store;
    (info, Dialect { podman, store })
}

fn listed(name: &str) -> Vec<Image> {
    images(&body(name, "images"), engine(name).1)
}

fn inspected(name: &str, container: &Container) -> crate::domain::item::ContainerDetails {
    container_details(
        &read(name, "container-inspect-size")[container.id.as_str()],
        true,
    )
}

#[test]
fn which_engine_it_is() {
    for name in DOCKERS {
        let (info, dialect) = engine(name);
        assert!(!dialect.podman);
        assert_eq!(&*info.product, "Docker");
        assert!(
            name.contains(info.version.split('+').next().unwrap()),
            "{name}"
        );
        let blobs = name.ends_with("containerd");
        assert_eq!(info.store == Store::Containerd, blobs, "{name}");
        assert_eq!(&*info.driver, if blobs { "overlayfs" } else { "overlay2" });
        assert_eq!(&*info.root, "/var/lib/docker");
        assert!(info.has_build_cache);
    }
    let (info, dialect) = engine(PODMAN);
    assert!(dialect.podman && !info.has_build_cache);
    assert_eq!(&*info.version, "4.3.1");
}

#[test]
fn every_image_with_its_names_and_parents() {
    for name in DOCKERS {
        let images = listed(name);
        let blobs = name.ends_with("containerd");
        assert_eq!(images.len(), if blobs { 9 } else { 10 }, "{name}");
        let mut names: Vec<&str> = images
            .iter()
            .flat_map(|i| i.names.iter().map(|n| &**n))
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "app:1",
                "base:1",
                "imported:1",
                "old:1",
                "web:1",
                "web:latest"
            ]
        );
        assert_eq!(
            images.iter().filter(|i| i.parent.is_some()).count(),
            4,
            "{name}"
        );
        let digests: usize = images.iter().map(|i| i.digests.len()).sum();
        assert_eq!(digests, if blobs { 5 } else { 0 }, "{name}");
        let source = if blobs {
            Source::Unknown
        } else {
            Source::Local
        };
        assert!(images.iter().all(|i| i.source == source), "{name}");
        assert!(
            images
                .iter()
                .all(|i| i.created.is_some() && i.shared.is_pending())
        );
        assert!(
            images
                .iter()
                .all(|i| i.size.known().is_some_and(|s| s.0 > 1_000_000))
        );
    }
    let images = listed(PODMAN);
    assert_eq!(images.len(), 2);
    assert_eq!(images[0].names.len(), 2);
    assert!(
        images
            .iter()
            .all(|i| i.source == Source::Unknown && i.shared == Figure::Unknown)
    );
}

#[test]
fn every_container_with_its_image_and_volumes() {
    for name in DOCKERS {
        let ids: HashSet<ImageId> = listed(name).into_iter().map(|i| i.id).collect();
        let containers = containers(&body(name, "containers"));
        let seen: Vec<(&str, &State, usize)> = containers
            .iter()
            .map(|c| (&*c.name, &c.state, c.volumes.len()))
            .collect();
        assert_eq!(
            seen,
            [
                ("never-started", &State::Created, 0),
                ("job-1", &State::Exited, 1),
                ("web-1", &State::Running, 1)
            ],
            "{name}"
        );
        assert_eq!(containers[2].volumes[0].as_str(), "shop_db");
        assert_eq!(containers[2].labels.project(), Some("shop"));
        assert!(
            containers
                .iter()
                .all(|c| ids.contains(c.image_id.as_ref().unwrap()))
        );
    }
    let containers = containers(&body(PODMAN, "containers"));
    assert_eq!(&*containers[0].name, "p1");
    assert_eq!(containers[0].image_id, Some(listed(PODMAN)[0].id.clone()));
}

#[test]
fn every_volume_with_its_size() {
    for name in DOCKERS {
        let volumes = volumes(&body(name, "volumes")).unwrap();
        assert_eq!(volumes.len(), 4, "{name}");
        assert_eq!(volumes.iter().filter(|v| v.anonymous).count(), 1, "{name}");
        assert!(
            volumes
                .iter()
                .all(|v| v.size.is_pending() && v.created.is_some())
        );
        for form in ["df-type-volume", "df", "df-verbose"] {
            let mut sizes: Vec<u64> = volume_sizes(Df::from(&body(name, form)))
                .unwrap()
                .into_iter()
                .map(|(_, size)| size.unwrap().0)
                .collect();
            sizes.sort_unstable();
            assert_eq!(sizes, [0, 614_400, 3_072_000, 5_120_000], "{name} {form}");
        }
    }
    assert_eq!(volumes(&body(PODMAN, "volumes")).unwrap().len(), 2);
    assert_eq!(
        volume_sizes(Df::from(&body(PODMAN, "df"))).unwrap().len(),
        2
    );
}

#[test]
fn every_record_with_its_parents() {
    for name in DOCKERS {
        for form in ["df-type-build-cache", "df", "df-verbose"] {
            let answer = body(name, form);
            let records = records(Df::from(&answer)).unwrap();
            assert_eq!(records.len(), 11, "{name} {form}");
            let answer = answer.to_string();
            let fingerprint = Df::parse("GET /", answer.as_bytes(), Reading::BuildCacheGist);
            assert_eq!(
                gist_of_records(fingerprint.unwrap()),
                Ok(Fingerprint::of(&records))
            );
            let ids: HashSet<_> = records.iter().map(|r| &r.id).collect();
            let parents: Vec<_> = records.iter().flat_map(|r| &r.parents).collect();
            assert_eq!(parents.len(), 8, "{name} {form}");
            assert!(parents.iter().all(|p| ids.contains(p)));
            let sources = records.iter().filter(|r| &*r.kind == "source.local");
            assert_eq!(sources.count(), 2, "{name} {form}");
            assert!(
                records
                    .iter()
                    .all(|r| r.size.known().is_some() && r.created.is_some())
            );
        }
    }
    assert_eq!(records(Df::from(&body(PODMAN, "df"))), Ok(Vec::new()));
}

#[test]
fn shared_sizes_are_of_listed_images() {
    for name in DOCKERS {
        let ids: HashSet<ImageId> = listed(name).into_iter().map(|i| i.id).collect();
        for form in ["df", "df-verbose"] {
            let sizes = shared_sizes(Df::from(&body(name, form))).unwrap().images;
            assert!(sizes.len() >= 5, "{name} {form}");
            assert!(
                sizes
                    .iter()
                    .all(|(id, size)| ids.contains(id) && size.is_some())
            );
            assert!(sizes.iter().any(|(_, size)| size.unwrap().0 > 1_000_000));
        }
    }
    let shared = shared_sizes(Df::from(&body(PODMAN, "df"))).unwrap();
    assert_eq!(shared.images[0].0, listed(PODMAN)[0].id);
}

#[test]
fn every_image_knows_its_layers_and_their_bytes() {
    for name in DOCKERS.into_iter().chain([PODMAN]) {
        let (inspects, histories) = (read(name, "image-inspect"), read(name, "image-history"));
        let graph = engine(name).0.store == Store::GraphDriver;
        for image in listed(name) {
            let id = image.id.as_str();
            let content = image_content(&inspects[id], &histories[id]);
            assert!(!content.diff_ids.is_empty(), "{name} {id}");
            let folders = if graph { content.diff_ids.len() } else { 0 };
            assert_eq!(content.folders.len(), folders, "{name} {id}");
            assert!(
                content.history.len() >= content.diff_ids.len(),
                "{name} {id}"
            );
            assert!(
                content.history.is_sorted_by_key(|row| row.created),
                "{name} {id}"
            );
            let sum: Bytes = content.history.iter().map(|row| row.size).sum();
            if graph && name != PODMAN {
                assert_eq!(Figure::Known(sum), image.size, "{name} {id}");
            }
        }
    }
}

#[test]
fn every_container_knows_its_sizes_and_layers() {
    for name in DOCKERS {
        let blobs = name.ends_with("containerd");
        let containers = containers(&body(name, "containers"));
        let sizes: Vec<u64> = containers
            .iter()
            .map(|c| inspected(name, c).size_rw.unwrap().0)
            .collect();
        let expected = if blobs {
            [4_096, 266_240, 1_544_192]
        } else {
            [0, 256_000, 1_536_000]
        };
        assert_eq!(sizes, expected, "{name}");
        for container in &containers {
            let details = inspected(name, container);
            assert_eq!(details.manifest.is_some(), blobs, "{name}");
            assert_eq!(&*details.log_driver, "json-file");
            assert_eq!(details.started.is_some(), container.state != State::Created);
            let image = container.image_id.as_ref().unwrap().as_str();
            let below = image_content(&read(name, "image-inspect")[image], &Value::Null);
            assert_eq!(details.folders, below.folders, "{name} {}", container.name);
        }
    }
    let details = inspected(PODMAN, &containers(&body(PODMAN, "containers"))[0]);
    assert_eq!(details.size_rw, Some(Bytes(12)));
    assert_eq!(details.folders.len(), 1);
}

#[test]
fn the_newest_engine_says_what_was_built_here() {
    let inspects = read("docker-29.7.2-containerd", "image-inspect");
    let built = inspects
        .as_object()
        .unwrap()
        .values()
        .filter(|image| image_source(image) == Some(Source::Local));
    assert_eq!(built.count(), 3);
}

/// Podman writes a row a tag there, and IDs without their algorithm (ENGINE.md §8).
#[test]
fn rows_of_podmans_usage_are_of_listed_images() {
    let rows = shared_sizes(Df::from(&body(PODMAN, "df"))).unwrap().images;
    let ids: HashSet<ImageId> = listed(PODMAN).into_iter().map(|image| image.id).collect();
    let seen: HashSet<ImageId> = rows.iter().map(|(id, _)| id.clone()).collect();
    assert!(rows.len() > seen.len(), "one image has two tags");
    assert_eq!(seen, ids);
}

/// Whatever one field of one row turns into, the other rows stay, and that row goes only with its identity.
#[test]
fn an_odd_field_costs_no_other_row() {
    type Count = fn(&Value) -> usize;
    let lists: [(&str, &str, &str, Count); 4] = [
        ("images", "", "Id", |v| images(v, Dialect::default()).len()),
        ("containers", "", "Id", |v| containers(v).len()),
        ("volumes", "/Volumes", "Name", |v| {
            volumes(v).map_or(0, |list| list.len())
        }),
        ("df", "/BuildCache", "ID", |v| {
            records(Df::from(v)).unwrap().len()
        }),
    ];
    let odd = serde_json::json!([null, true, -1, 0.5, "", "odd", [], [[]], {}, {"a": 1}]);
    let engines = [
        "docker-20.10.24-overlay2",
        "docker-28.5.2-containerd",
        PODMAN,
    ];
    let lists = lists
        .iter()
        .flat_map(|list| engines.map(|engine| (engine, *list)));
    for (engine, (file, place, identity, count)) in lists {
        let whole = body(engine, file);
        let rows = whole.pointer(place).unwrap().as_array().unwrap();
        assert_eq!(count(&whole), rows.len(), "{file}");
        for (number, row) in rows.iter().enumerate() {
            for key in row.as_object().unwrap().keys() {
                for value in odd.as_array().unwrap() {
                    let mut changed = whole.clone();
                    changed.pointer_mut(place).unwrap()[number][key] = value.clone();
                    let kept = count(&changed);
                    let least = rows.len() - usize::from(key == identity);
                    assert!(kept >= least, "{engine} {file} {key} {value}");
                }
            }
        }
    }
}
