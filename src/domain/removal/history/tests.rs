use super::*;

pub fn an_entry(kind: Kind, id: &str) -> Entry {
    Entry {
        time: Timestamp::from_second(1_795_000_000).expect("a time"),
        host: "unix:///var/run/docker.sock".into(),
        engine: "".into(),
        kind,
        id: id.into(),
        name: "web:1".into(),
        names: vec!["web:1".into(), "other:latest".into()],
        digests: vec!["web@sha256:77".into()],
        parents: Vec::new(),
        size: Some(Bytes(7)),
        labels: Labels::default(),
        created: None,
        comes_back: ComesBack::Pulled,
        saved: None,
        outcome: Some(Outcome::Removed),
        freed: Some(Bytes(7)),
        error: None,
    }
}

#[test]
fn an_entry_is_meant_by_its_id_or_a_name_of_it() {
    let entry = an_entry(Kind::Image, "sha256:3f2abc");
    for word in ["3f2", "sha256:3f2", "web:1", "other", "web@sha256:77"] {
        assert!(entry.is_meant_by(word), "{word}");
    }
    for word in ["3", "2a", "web", "", "other:late"] {
        assert!(!entry.is_meant_by(word), "{word:?}");
    }
    let mut volume = an_entry(Kind::Volume, "db-old");
    volume.names.clear();
    volume.name = "db-old".into();
    assert!(volume.is_meant_by("db-old") && !volume.is_meant_by("db"));
}

#[test]
fn an_id_that_is_a_digest_is_had_from_every_repository_that_names_it() {
    let texts = |words: &[&str]| words.iter().map(|it| Text::from(*it)).collect::<Vec<_>>();
    let names = texts(&["r:5000/a:1", "r:5000/a:2", "mine:1"]);
    let listed = texts(&["mine@sha256:7"]);
    assert_eq!(
        reference::sources("sha256:7", &names, &listed),
        texts(&["r:5000/a@sha256:7", "mine@sha256:7"])
    );
    assert_eq!(reference::sources("sha256:8", &names, &listed), listed);
}

#[test]
fn how_it_comes_back_is_said_only_where_something_brings_it_back() {
    let image = an_entry(Kind::Image, "sha256:1");
    assert_eq!(image.how().as_deref(), Some("docker pull web@sha256:77"));
    assert!(image.can_be_restored());
    let local = Entry {
        comes_back: ComesBack::No,
        ..image.clone()
    };
    assert_eq!(local.how(), None);
    assert!(!local.can_be_restored());
    let saved = Entry {
        saved: Some("/s/a.tar".into()),
        ..local
    };
    assert_eq!(saved.how().as_deref(), Some("docker load -i /s/a.tar"));
    let stayed = Entry {
        outcome: Some(Outcome::Failed),
        ..image
    };
    assert!(!stayed.can_be_restored());
    assert_eq!(an_entry(Kind::Volume, "v").how(), None);
}
