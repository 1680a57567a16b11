use super::*;

const DIGEST: &str =
    "r:5/team/svc@sha256:6db55d7b0000000000000000000000000000000000000000000000000000cafe";

#[test]
fn a_digest_is_meant_by_its_repository_and_by_itself() {
    for pattern in [
        "r:5/team/svc",
        "r:5/team/svc:*",
        "r:5/team/svc@*",
        "r:5/team/*:*",
        "r:5/*",
        "*/svc",
        DIGEST,
        "r:5/team/svc@6db55d7b",
        "r:5/team/svc@sha256:6db5*",
        &DIGEST.replace("svc@", "svc:2@"),
        "*@sha256:6db55d7b*",
    ] {
        assert!(Naming::Docker.is_whole(DIGEST, pattern), "{pattern}");
    }
    for pattern in [
        "svc",
        "r:5/team/svc:1",
        "r:5/team/sv",
        "*cafe",
        "*6db5*",
        "r:5/team/svc@sha256:7*",
    ] {
        assert!(!Naming::Docker.is_whole(DIGEST, pattern), "{pattern}");
    }
    let swarm = DIGEST.replace("svc@", "svc:2@");
    for pattern in ["r:5/team/svc:2", "r:5/team/svc", DIGEST, &swarm] {
        assert!(Naming::Docker.is_whole(&swarm, pattern), "{pattern}");
    }
    assert!(!Naming::Docker.is_whole(&swarm, "r:5/team/svc:3"));
}

#[test]
fn the_digits_of_a_digest_are_no_words() {
    let has = |name: &str, word: &str| name.contains(word);
    let is_met = |word: &str| Naming::Docker.has_word(DIGEST, word, has);
    for word in [
        "svc",
        "r:5",
        "svc@",
        "sha256:6db5",
        "svc@6db5",
        "svc@sha256:6",
        "6db55d7b",
    ] {
        assert!(is_met(word), "{word}");
    }
    for word in ["cafe", "6db5", "db", "0000000000"] {
        assert!(!is_met(word), "{word}");
    }
    let is_found = |text: &str| Naming::Docker.has_pattern(DIGEST, &Regex::new(text).expect(text));
    for text in [
        "svc",
        "^r:5",
        "svc@sha256:6db5",
        "@6db55d7b$",
        "(?i)SVC",
        "6db55d7b00",
    ] {
        assert!(is_found(text), "{text}");
    }
    for text in ["cafe", "db", "^svc", "6db5", "0{20}"] {
        assert!(!is_found(text), "{text}");
    }
    assert!(Naming::Plain.has_word("pulled from a@sha256:6db5", "db", has));
}

#[test]
fn a_short_name_is_one_of_podmans_too() {
    for (name, pattern) in [
        ("localhost/app:1", "app:1"),
        ("docker.io/library/app:1", "app:1"),
        ("docker.io/library/app:latest", "app"),
        ("docker.io/user/app:1", "user/app:1"),
        ("localhost/user/app:1", "user/app:*"),
        ("docker.io/library/app@sha256:6db55d7b0123", "app:*"),
        ("docker.io/library/app:1", "library/app:1"),
    ] {
        assert!(Naming::Podman.is_whole(name, pattern), "{name} {pattern}");
        assert!(!Naming::Docker.is_whole(name, pattern), "{name} {pattern}");
    }
    for (name, pattern) in [
        ("docker.io/user/app:1", "app:1"),
        ("quay.io/app:1", "app:1"),
        ("docker.io/library/app:1", "app:2"),
        ("docker.io/library/app:1", "localhost/app:1"),
    ] {
        assert!(!Naming::Podman.is_whole(name, pattern), "{name} {pattern}");
    }
}
