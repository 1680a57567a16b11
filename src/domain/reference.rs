//! Which image a reference means, wherever one is met: in a container, a mount, a service, a filter.

/// Where names without a registry come from; Docker leaves it out of the names that it lists.
const DEFAULT: [&str; 2] = ["docker.io/library/", "docker.io/"];

/// Looks a reference up among exact names (IDs, tags, digests): an ID with or without its algorithm, a tag, a bare
/// name, a digest, or `name:tag@digest`, with or without Docker's own registry in front.
pub fn find<T>(reference: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let as_it_is = |name: &str| {
        known(name)
            .or_else(|| known(&format!("sha256:{name}")))
            .or_else(|| known(&format!("{name}:latest")))
            .or_else(|| {
                let (name, digest) = name.split_once('@')?;
                known(&format!("{}@{digest}", repository(name)))
            })
    };
    as_it_is(reference).or_else(|| {
        let mut short = DEFAULT.iter().filter_map(|it| reference.strip_prefix(it));
        short.find_map(as_it_is)
    })
}

/// The part of a reference before its tag or digest.
#[must_use]
pub fn repository(reference: &str) -> &str {
    if let Some((name, _)) = reference.split_once('@') {
        return repository(name);
    }
    reference
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .map_or(reference, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
