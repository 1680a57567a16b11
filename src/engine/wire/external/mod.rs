//! Containers in Podman's store that other programs have made.

use serde_json::Value;

use super::{Row, image_id};
use crate::domain::item::short_id;
use crate::domain::outsider::{Outsider, OutsiderKind};

/// What Podman calls a container that it has not made itself.
const EXTERNAL: &str = "storage";

/// External containers of `/libpod/containers/json?external=true`, which has Podman's own, too.
#[must_use]
pub fn external(answer: &Value) -> Vec<Outsider> {
    Row(answer).rows().filter_map(container).collect()
}

fn container(row: Row<'_>) -> Option<Outsider> {
    let is_external = row.text("State").eq_ignore_ascii_case(EXTERNAL);
    let id = row.filled("Id").filter(|_| is_external)?;
    let name = row.texts("Names").next().unwrap_or(short_id(id));
    let image = image_id(row.text("ImageID"));
    Some(Outsider {
        images: image.iter().map(|image| image.text().clone()).collect(),
        ..Outsider::new(OutsiderKind::External, name)
    })
}

#[cfg(test)]
mod tests;
