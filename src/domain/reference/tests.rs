use super::*;

fn texts(words: &[&str]) -> Vec<Text> {
    words.iter().map(|word| Text::from(*word)).collect()
}

#[test]
fn whole_names_are_listed_without_dockers_own_registry() {
    for (whole, listed) in [
        ("docker.io/library/nginx:1", Some("nginx:1")),
        ("docker.io/library/a/b:1", Some("library/a/b:1")),
        ("docker.io/me/tool:2", Some("me/tool:2")),
        ("docker.io/me/tool@sha256:ab", Some("me/tool@sha256:ab")),
        ("r:5/a/b:1@sha256:ab", Some("r:5/a/b:1@sha256:ab")),
        ("localhost/a:1", Some("localhost/a:1")),
        ("ghcr.io/a__b/c-d:v1.2-X", Some("ghcr.io/a__b/c-d:v1.2-X")),
        // What Docker would have written otherwise, or not at all.
        ("nginx:1", None),
        ("me/tool:1", None),
        ("docker.io/nginx:1", None),
        ("index.docker.io/library/nginx:1", None),
        ("docker.io/library/nginx", None),
        ("docker.io/library/Nginx:1", None),
        ("docker.io/library/nginx:1 ", None),
        ("docker.io/library/:1", None),
        ("docker.io//a:1", None),
        ("moby-dangling@sha256:ab", None),
        ("", None),
    ] {
        assert_eq!(familiar(whole), listed, "{whole}");
    }
}

#[test]
fn a_digest_is_a_name_where_its_repository_has_no_tag() {
    for (tags, digests, all) in [
        (&["a:1"][..], &["a@sha256:1"][..], &["a:1"][..]),
        (&["a:1"], &["b@sha256:1"], &["a:1", "b@sha256:1"]),
        (
            &[],
            &[
                "r:5000/a@sha256:1",
                "r:5000/a@sha256:2",
                "r:5000/a@sha256:1",
            ],
            &["r:5000/a@sha256:1", "r:5000/a@sha256:2"],
        ),
        (&["r:5000/a:1"], &["r:5000/a:2@sha256:1"], &["r:5000/a:1"]),
        (&[], &["a:2@sha256:1", "a@sha256:1"], &["a:2@sha256:1"]),
        (&[], &["sha256:1"], &[]),
        (&["r:5000/a"], &["r:5000/a@sha256:1"], &["r:5000/a"]),
    ] {
        assert_eq!(names(texts(tags), &texts(digests)), texts(all));
    }
}

#[test]
fn a_digest_is_shown_by_its_first_digits() {
    for (name, words) in [
        ("r:5000/a@sha256:6db55d7b0123", "r:5000/a@6db55d7b"),
        ("a:2@sha256:6db55d7b0123", "a@6db55d7b"),
        ("a@odd", "a@odd"),
        ("a@", "a@"),
        ("a@sha256:ééééé", "a@éééé"),
        ("a:1", "a:1"),
    ] {
        assert_eq!(shown(name), words);
    }
}

#[test]
fn every_form_of_a_name_means_the_same_image() {
    let known = |name: &str| match name {
        "sha256:1f" | "reg:5000/a:1" | "reg:5000/a@sha256:d" => Some("a"),
        "nginx:latest" => Some("nginx"),
        "me/tool:2" => Some("tool"),
        _ => None,
    };
    for (reference, image) in [
        ("sha256:1f", Some("a")),
        ("1f", Some("a")),
        ("reg:5000/a:1", Some("a")),
        ("reg:5000/a@sha256:d", Some("a")),
        ("reg:5000/a:9@sha256:d", Some("a")),
        ("reg:5000/a", None),
        ("nginx", Some("nginx")),
        ("docker.io/library/nginx", Some("nginx")),
        ("docker.io/library/nginx:latest", Some("nginx")),
        ("docker.io/me/tool:2", Some("tool")),
        ("other/nginx", None),
        ("", None),
    ] {
        assert_eq!(find(reference, known), image, "{reference}");
    }
}

#[test]
fn a_port_is_no_tag() {
    for (reference, name) in [
        ("reg:5000/a", "reg:5000/a"),
        ("reg:5000/a:1", "reg:5000/a"),
        ("reg:5000/a:1@sha256:d", "reg:5000/a"),
        ("a@sha256:d", "a"),
        ("a", "a"),
    ] {
        assert_eq!(repository(reference), name);
    }
}
