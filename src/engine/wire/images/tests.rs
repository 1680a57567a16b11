use serde_json::json;

use super::*;

const DOCKER: Dialect = Dialect {
    podman: false,
    store: Store::GraphDriver,
};

#[test]
fn one_bad_row_costs_at_most_itself() {
    let answer = json!([
        7, null, {"Id": ""}, {"Size": 3},
        {"Id": "sha256:a", "RepoTags": 5, "Created": "soon", "Size": "x", "Labels": []},
        {"Id": "sha256:b", "RepoTags": ["b:1"], "Size": 3},
    ]);
    let images = images(&answer, DOCKER);
    assert_eq!(images.len(), 2);
    assert_eq!(images[0].size, Figure::Unknown);
    assert_eq!(images[0].names, Vec::<Text>::new());
    assert_eq!(images[1].names, ["b:1"]);
}

#[test]
fn none_is_no_name_and_a_digest_is_no_tag() {
    let answer = json!([
        {"Id": "sha256:a", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
        {"Id": "b", "RepoTags": ["x/y:1", "x/y@sha256:1"], "RepoDigests": ["x/y@sha256:1"]},
    ]);
    let images = images(&answer, DOCKER);
    assert!(images[0].names.is_empty() && images[0].digests.is_empty());
    assert_eq!(images[0].source, Source::Local);
    assert_eq!(images[1].id, ImageId::new("sha256:b"));
    assert_eq!(images[1].names, ["x/y:1"]);
    assert_eq!(images[1].digests, ["x/y@sha256:1"]);
    assert_eq!(images[1].source, Source::Registry);
}

#[test]
fn a_digest_is_a_name_where_an_image_has_no_tag() {
    let digest = "r:5/svc@sha256:6db5";
    let answer = json!([
        // A graph driver's, pulled by digest; the same on the containerd store, and on both beside a tag.
        {"Id": "sha256:a", "RepoTags": null, "RepoDigests": [digest]},
        {"Id": "sha256:6db5", "RepoTags": [digest], "RepoDigests": [digest]},
        {"Id": "sha256:b", "RepoTags": ["r:5/svc:1", digest], "RepoDigests": [digest]},
        {"Id": "sha256:c", "RepoTags": ["mine:1"], "RepoDigests": ["mine@sha256:c", digest]},
        // As a service's task pulls it on the containerd store.
        {"Id": "sha256:d", "RepoTags": ["r:5/svc:2@sha256:d"], "RepoDigests": ["r:5/svc@sha256:d"]},
    ]);
    let images = images(&answer, DOCKER);
    let names: Vec<&[Text]> = images.iter().map(|image| &*image.names).collect();
    assert_eq!(names[0], [digest]);
    assert_eq!(names[1], [digest]);
    assert_eq!(names[2], ["r:5/svc:1"]);
    assert_eq!(names[3], ["mine:1", digest]);
    assert_eq!(names[4], ["r:5/svc:2@sha256:d"]);
}

#[test]
fn the_digest_of_an_artifact_is_no_name_of_it() {
    let answer = json!([
        {"Id": "sha256:a", "RepoTags": ["r:5/model:1"], "RepoDigests": ["sha256:a"]},
        {"Id": "sha256:b", "RepoTags": null, "RepoDigests": ["sha256:b"]},
    ]);
    let images = images(&answer, DOCKER);
    assert_eq!(images[0].names, ["r:5/model:1"]);
    assert_eq!(
        images[0].digests,
        ["r:5/model@sha256:a"],
        "a registry has it"
    );
    assert!(images[1].names.is_empty() && images[1].digests.is_empty());
}

#[test]
fn a_digest_is_no_proof_where_engines_make_them_up() {
    let answer = json!([
        {"Id": "a", "RepoTags": ["localhost/a:1"], "RepoDigests": ["localhost/a@sha256:1"]},
        {"Id": "b", "RepoTags": ["docker.io/b:1"], "RepoDigests": ["docker.io/b@sha256:1"]},
    ]);
    let sources = |podman, store| {
        let images = images(&answer, Dialect { podman, store });
        images.iter().map(|image| image.source).collect::<Vec<_>>()
    };
    assert_eq!(sources(false, Store::Containerd), [Source::Unknown; 2]);
    assert_eq!(
        sources(true, Store::GraphDriver),
        [Source::Local, Source::Unknown]
    );
}

#[test]
fn rows_of_one_image_are_one_image() {
    let answer = json!([
        {"Id": "sha256:a", "RepoTags": ["a:1"]},
        {"Id": "sha256:b", "RepoTags": ["b:1"]},
        {"Id": "sha256:a", "RepoTags": ["a:2", "a:1"]},
    ]);
    let images = images(&answer, DOCKER);
    assert_eq!(images.len(), 2);
    assert_eq!(images[0].names, ["a:1", "a:2"]);
}
