use serde_json::json;

use super::*;

fn config(value: &Value) -> ImageConfig {
    match Document::read(value.to_string().as_bytes()) {
        Document::Config(config) => config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_layer_has_the_time_of_the_row_that_made_it() {
    let read = config(&json!({
        "os": "linux", "architecture": "arm", "variant": "v7",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]},
        "history": [
            {"created": "2026-11-21T12:00:00.123456789Z", "created_by": "COPY"},
            {"created": "2026-11-21T12:00:01Z", "created_by": "CMD", "empty_layer": true},
            {"created": "2026-11-21T14:00:02.5+02:00", "created_by": "RUN", "empty_layer": false},
        ],
    }));
    assert_eq!(read.diff_ids, ["sha256:a", "sha256:b"]);
    assert_eq!(read.platform.variant, "v7");
    assert_eq!(
        read.created,
        [
            "2026-11-21T12:00:00.123456789Z".parse().ok(),
            "2026-11-21T12:00:02.5Z".parse().ok()
        ]
    );
}

#[test]
fn rows_that_do_not_fit_the_layers_give_no_times() {
    let row = json!({"created": "2026-11-21T12:00:00Z"});
    let odd = json!({"created": "1970-01-01T00:00:00Z"});
    for (history, created) in [
        (json!(null), vec![None, None]),
        (json!([row]), vec![None, None]),
        (json!([row, row, row]), vec![None, None]),
        (json!([{"created": 5}, "row"]), vec![None, None]),
        // Times that nobody meant are none (reproducible builds).
        (json!([odd, odd]), vec![None, None]),
        (
            json!([odd, row]),
            vec![None, "2026-11-21T12:00:00Z".parse().ok()],
        ),
    ] {
        let value = json!({"rootfs": {"diff_ids": ["a", "b"]}, "history": history});
        assert_eq!(config(&value).created, created, "{value}");
    }
}

#[test]
fn documents_are_told_by_what_they_have() {
    let read = |value: Value| Document::read(value.to_string().as_bytes());
    let tar = "application/vnd.oci.image.layer.v1.tar+zstd";
    assert_eq!(
        read(json!({"config": {"digest": "c"}, "layers": [{"digest": "l", "mediaType": tar}]})),
        Document::Manifest {
            config: "c".into(),
            layers: vec!["l".into()]
        }
    );
    let attestation = json!({
        "config": {"digest": "c"},
        "layers": [{"digest": "l", "mediaType": "application/vnd.in-toto+json"}],
    });
    assert_eq!(read(attestation), Document::Other);
    let index = read(json!({"manifests": [{"digest": "a"}, {}, 3, {"digest": "b"}]}));
    assert_eq!(index.leads_to(), ["a", "b"]);
    for odd in [
        json!(null),
        json!([]),
        json!({"manifests": null}),
        json!({"rootfs": 1}),
    ] {
        assert_eq!(read(odd), Document::Other);
    }
    assert_eq!(Document::read(b"\xff{"), Document::Other);
    assert_eq!(Document::read(&b"[".repeat(100_000)), Document::Other);
}
