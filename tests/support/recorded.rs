//! The recorded answers of real engines (tests/recorded), as the inventory that a finished scan gives.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dtop::domain::bytes::Figure;
use dtop::domain::inventory::{Inspected, Inventory, Part, Progress, Stage};
use dtop::domain::item::ImageId;
use dtop::domain::time::Timestamp;
use dtop::engine::wire;
use serde_json::Value;

pub const GRAPH_DRIVERS: [&str; 4] = [
    "docker-20.10.24-overlay2",
    "docker-26.1.5-overlay2",
    "docker-28.5.2-overlay2",
    "docker-29.7.2-overlay2",
];
pub const CONTAINERD: [&str; 2] = ["docker-28.5.2-containerd", "docker-29.7.2-containerd"];

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

fn df(engine: &str, name: &str) -> wire::Df {
    let answer = body(engine, name).to_string();
    wire::Df::parse("GET /system/df", answer.as_bytes(), wire::Reading::All)
        .expect("an answer that can be read")
}

/// Everything that an engine answered, with all stages done.
pub fn inventory(engine: &str) -> Inventory {
    let version = body(engine, "version");
    let podman = wire::is_podman(&version);
    let about = wire::about(&body(engine, "info"), &version, podman);
    let dialect = wire::Dialect {
        podman,
        store: about.store,
    };
    let mut inventory = Inventory::default();
    let images = wire::images(&body(engine, "images"), dialect);
    let containers = wire::containers(&body(engine, "containers"));
    let layers = layers(engine, images.iter().map(|image| &image.id));
    let inspected = read(engine, "container-inspect-size");
    let mut parts = vec![Part::Engine(Arc::new(about)), Part::Images(images)];
    for container in &containers {
        let details = wire::container_details(&inspected[container.id.as_str()], true);
        parts.push(Part::ContainerDetails(
            container.id.clone(),
            Figure::Known(Arc::new(details)),
        ));
    }
    parts.insert(0, Part::Containers(containers));
    parts.push(Part::Layers(layers));
    parts.push(Part::Volumes(
        wire::volumes(&body(engine, "volumes")).unwrap_or_default(),
    ));
    let usage = ["df-type-build-cache", "df"].map(|name| wire::records(df(engine, name)));
    if let Some(records) = usage.into_iter().flatten().find(|list| !list.is_empty()) {
        parts.push(Part::BuildCache(records));
    }
    let volumes = ["df-type-volume", "df"].map(|name| wire::volume_sizes(df(engine, name)));
    if let Some(sizes) = volumes.into_iter().flatten().find(|list| !list.is_empty()) {
        parts.push(Part::VolumeSizes {
            sizes,
            complete: true,
        });
    }
    for stage in Stage::ALL {
        parts.push(Part::Stage(stage, Progress::Done(Timestamp::UNIX_EPOCH)));
    }
    for part in parts {
        inventory.apply(part);
    }
    inventory
}

fn layers<'a>(engine: &str, images: impl Iterator<Item = &'a ImageId>) -> Vec<Inspected> {
    let inspected = read(engine, "image-inspect");
    let histories = read(engine, "image-history");
    images
        .map(|id| {
            let key = [id.as_str(), id.as_str().trim_start_matches("sha256:")]
                .into_iter()
                .find(|key| !inspected[key].is_null())
                .unwrap();
            let content = wire::image_content(&inspected[key], &histories[key]);
            Inspected {
                content: Figure::Known(Arc::new(content)),
                ..Inspected::unavailable(id.clone())
            }
        })
        .collect()
}
