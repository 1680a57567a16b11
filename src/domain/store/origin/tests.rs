use super::*;
use crate::domain::plan::scene::{image, texts};

fn of(repositories: &[&str]) -> Origin {
    Origin::Repositories(texts(repositories).into())
}

#[test]
fn labels_tell_every_repository() {
    let labels = |pairs: &[(&str, &str)]| -> Vec<(Text, Text)> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    };
    let own = labels(&[
        ("containerd.io/uncompressed", "sha256:1"),
        (
            "containerd.io/distribution.source.docker.io",
            "library/b,library/a",
        ),
        ("containerd.io/distribution.source.127.0.0.1", "team/svc"),
    ]);
    let all = [
        "127.0.0.1/team/svc",
        "docker.io/library/a",
        "docker.io/library/b",
    ];
    assert_eq!(Origin::of_labels(&own), of(&all));
    assert_eq!(Origin::of_labels(&[]), Origin::Here);
    assert!(Origin::is_of_build(&labels(&[(
        "moby/build.ref.x/y/z",
        "{}"
    )])));
    assert!(!Origin::is_of_build(&own));
}

#[test]
fn only_what_all_blobs_have_in_common_says_something() {
    let (a, b) = (of(&["r/a"]), of(&["r/b"]));
    let both = of(&["r/a", "r/b"]);
    for (blobs, common) in [
        (&[a.clone(), both.clone()][..], a.clone()),
        (&[a.clone(), Origin::Here], Origin::Here),
        (&[a.clone(), b], Origin::Here),
        (&[a.clone(), Origin::Unknown], Origin::Unknown),
        (&[Origin::Unknown, Origin::Here], Origin::Here),
        (&[], Origin::Unknown),
        (&[both.clone(), both.clone()], both),
    ] {
        assert_eq!(Origin::in_common(blobs.iter()), common, "{blobs:?}");
    }
}

#[test]
fn a_registry_has_an_image_under_the_names_of_its_repository() {
    for (name, repository, source) in [
        ("a:1", "docker.io/library/a", Source::Registry),
        ("me/a:1", "docker.io/me/a", Source::Registry),
        (
            "127.0.0.1:5055/team/svc@sha256:1",
            "127.0.0.1/team/svc",
            Source::Registry,
        ),
        ("[::1]:5055/a:1", "::1/a", Source::Registry),
        ("localhost/a:1", "localhost/a", Source::Registry),
        ("mine:1", "docker.io/library/a", Source::Unknown),
    ] {
        let origin = of(&[repository]);
        assert_eq!(origin.source(&image("i", &[name])), source, "{name}");
    }
    assert_eq!(Origin::Here.source(&image("i", &["a:1"])), Source::Local);
}
