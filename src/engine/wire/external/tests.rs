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
