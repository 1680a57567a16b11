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
mod tests {
    use serde_json::json;

    use super::*;

    /// As Podman 4.3.1 answers, with a container of its own, one of a killed build, and that of a volume.
    #[test]
    fn only_containers_of_others_are_external() {
        let row = |name, state, image: &str| json!({"Id": "0123456789abcdef", "Names": [name], "State": state, "ImageID": image});
        let answer = json!([
            row("web", "running", "aa"), row("app-working-container", "storage", "aa"),
            row("iv+volume", "storage", "bb"), row("scratch", "storage", ""),
            {"Id": "0123456789abcdef", "Names": null, "State": "storage", "ImageID": "sha256:cc"},
            7, null, {"State": "storage"},
        ]);
        let found = external(&answer);
        let told: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|it| (&*it.name, it.images.iter().map(|it| &**it).collect()))
            .collect();
        assert_eq!(
            told,
            [
                ("app-working-container", vec!["sha256:aa"]),
                ("iv+volume", vec!["sha256:bb"]),
                ("scratch", vec![]),
                ("0123456789ab", vec!["sha256:cc"]),
            ]
        );
    }
}
