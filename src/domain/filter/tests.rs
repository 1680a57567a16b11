use super::*;

const NOW: i64 = 1_795_258_845;
const DAY: i64 = 86_400;

struct Thing {
    kind: Kind,
    names: Vec<Text>,
    id: &'static str,
    size: Figure<Bytes>,
    created: Option<i64>,
    used: Option<i64>,
    project: Option<&'static str>,
    labels: Labels,
    is: Flags,
}

fn thing(kind: Kind, names: &[&str]) -> Thing {
    Thing {
        kind,
        names: names.iter().map(|name| Text::from(*name)).collect(),
        id: "sha256:9c872a6119cc",
        size: Figure::Known(Bytes(154_000_000)),
        created: Some(NOW - 40 * DAY),
        used: None,
        project: Some("shop"),
        labels: Labels::new(vec![("tier".into(), "front end".into())]),
        is: Flags {
            used: Some(false),
            ..Flags::default()
        },
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

impl Thing {
    fn verdict(&self, filter: &str) -> Verdict {
        let filter = Filter::parse(filter, self.kind).expect("a filter that can be read");
        filter.verdict(&self.subject(), time(NOW))
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            kind: self.kind,
            names: &self.names,
            naming: Naming::Docker,
            digests: &[],
            id: self.id,
            size: self.size,
            frees: Figure::Pending,
            created: self.created.map(time),
            last_used: self.used.map(time),
            project: self.project,
            driver: matches!(self.kind, Kind::Volume | Kind::Log).then_some("vieux/sshfs:latest"),
            nth: Some(4),
            labels: Some(&self.labels),
            is: self.is,
        }
    }
}

#[test]
fn a_filter_tells_whether_it_asks_for_the_last_use() {
    for (text, asks) in [
        ("idle>3d", true),
        ("is:unused -idle<3d", true),
        ("age>3d", false),
        ("idle", false),
        ("", false),
    ] {
        let filter = Filter::parse(text, Kind::Volume).expect(text);
        assert_eq!(filter.asks_last_use(), asks, "{text}");
    }
}

#[test]
fn a_driver_is_a_whole_name_with_colons_and_only_some_have_one() {
    for kind in [Kind::Volume, Kind::Log] {
        let thing = thing(kind, &["v"]);
        for (text, verdict) in [
            ("driver:vieux/sshfs:latest", Verdict::Shown),
            ("driver:vieux/*", Verdict::Shown),
            ("driver:*:latest", Verdict::Shown),
            ("driver:vieux/sshfs", Verdict::Hidden),
            ("driver:local", Verdict::Hidden),
            ("-driver:local", Verdict::Shown),
        ] {
            assert_eq!(thing.verdict(text), verdict, "{text}");
        }
        assert!(Filter::parse("driver:", kind).is_err());
    }
    for kind in [Kind::Image, Kind::Container, Kind::BuildCache] {
        let error = Filter::parse("x driver:local", kind).expect_err("it has none");
        assert_eq!(error.at, 2..14);
        assert!(error.message.contains("only volumes and logs"), "{error}");
    }
}

#[test]
fn every_term_holds_or_does_not() {
    let image = thing(
        Kind::Image,
        &["postgres:13-beta1-alpine", "localhost:5000/PG:latest"],
    );
    for (filter, verdict) in [
        ("", Verdict::Shown),
        ("   ", Verdict::Shown),
        ("POST", Verdict::Shown),
        ("post beta", Verdict::Shown),
        ("post redis", Verdict::Hidden),
        ("-redis", Verdict::Shown),
        ("-post", Verdict::Hidden),
        ("postgres:13", Verdict::Shown),
        ("=postgres", Verdict::Hidden),
        ("=postgres:*", Verdict::Shown),
        ("=*beta*alpine", Verdict::Shown),
        ("=*alpine*beta", Verdict::Hidden),
        ("=localhost:5000/PG", Verdict::Shown),
        ("=localhost:5000/pg", Verdict::Hidden),
        ("/^postgres:13-beta\\d/", Verdict::Shown),
        (r"/localhost:5000\/PG/", Verdict::Shown),
        ("/^beta/", Verdict::Hidden),
        ("-/(?i)pg/", Verdict::Hidden),
        ("id:9c87", Verdict::Shown),
        ("9c872a6119cc", Verdict::Shown),
        ("9C872A6119CC", Verdict::Shown),
        ("sha256:9c872a6119cc", Verdict::Shown),
        ("-9c872a6119cc", Verdict::Hidden),
        ("9c872a6119c", Verdict::Hidden),
        ("872a6119cc00", Verdict::Hidden),
        ("id:sha256:9C87", Verdict::Shown),
        ("id:0", Verdict::Hidden),
        ("size>153.9mb", Verdict::Shown),
        ("size>154mb", Verdict::Hidden),
        ("size>=154MB size<=154000000", Verdict::Shown),
        ("size<147MiB", Verdict::Shown),
        ("age>30d", Verdict::Shown),
        ("age>6w", Verdict::Hidden),
        ("created<2026-10-13", Verdict::Shown),
        ("created<2026-10-12", Verdict::Hidden),
        ("created<=2026-10-12", Verdict::Shown),
        ("created>2026-10-12", Verdict::Hidden),
        ("created>=2026-10-12", Verdict::Shown),
        ("project:shop", Verdict::Shown),
        ("project:sho", Verdict::Hidden),
        ("project:sh*", Verdict::Shown),
        ("-project:*", Verdict::Hidden),
        ("nth>3", Verdict::Shown),
        ("nth<=3", Verdict::Hidden),
        ("label:tier", Verdict::Shown),
        ("label:\"tier=front end\"", Verdict::Shown),
        ("label:tier=front", Verdict::Hidden),
        ("is:unused", Verdict::Shown),
        ("-is:unused", Verdict::Hidden),
        ("\"age>30d\"", Verdict::Hidden),
    ] {
        assert_eq!(image.verdict(filter), verdict, "{filter}");
    }
}

#[test]
fn what_is_not_known_holds_for_nothing_and_neither_does_its_negation() {
    let mut image = thing(Kind::Image, &["a:1"]);
    image.created = None;
    for filter in [
        "frees>1",
        "-frees>1",
        "idle>1d",
        "-idle>1d",
        "age<1d",
        "-age<1d",
        "is:dangling",
    ] {
        assert_eq!(image.verdict(filter), Verdict::NotKnown, "{filter}");
    }
    assert_eq!(image.verdict("frees>1 b:1"), Verdict::Hidden);
    assert_eq!(image.verdict("frees>1 a:1"), Verdict::NotKnown);
}

#[test]
fn mistakes_point_at_their_term_and_say_what_to_write() {
    for (filter, kind, at, words) in [
        (
            "web is:running",
            Kind::Image,
            4..14,
            "images have no is:running; try used",
        ),
        ("is:", Kind::Container, 0..3, "try running, paused, stopped"),
        (
            "size>big web",
            Kind::Volume,
            0..8,
            "\"big\" is not a size; write size>500mb",
        ),
        ("size>", Kind::Volume, 0..5, "is not a size"),
        ("a age:30d", Kind::Image, 2..9, "age>30d"),
        ("age>30", Kind::Image, 0..6, "not a duration"),
        ("created<soon", Kind::Image, 0..12, "not a date"),
        (
            "foo>3",
            Kind::Image,
            0..5,
            "only size, frees, age, idle, created, nth",
        ),
        ("x project:shop", Kind::BuildCache, 2..14, "no project"),
        ("nth>x", Kind::Image, 0..5, "not a number; write nth>3"),
        ("nth>3", Kind::Volume, 0..5, "volumes have no nth"),
        ("label:a", Kind::BuildCache, 0..7, "no labels"),
        ("a /b", Kind::Image, 2..4, "no closing /"),
        ("/(/", Kind::Image, 0..3, "cannot be read"),
        ("/a/b", Kind::Image, 0..4, "nothing may follow"),
        ("\"a", Kind::Image, 0..2, "no end"),
        ("=", Kind::Image, 0..1, "whole name"),
        ("a -", Kind::Image, 2..3, "nothing stands here"),
        ("id:", Kind::Image, 0..3, "beginning of an ID"),
        ("id:sha256:", Kind::Image, 0..10, "beginning of an ID"),
    ] {
        let error = Filter::parse(filter, kind).expect_err(filter);
        assert_eq!(error.at, at, "{filter}");
        assert!(error.message.contains(words), "{filter}: {}", error.message);
    }
}

#[test]
fn only_the_names_that_were_asked_for_are_matched() {
    let image = thing(Kind::Image, &["app:1", "app:2", "prod:stable"]);
    for (filter, matched) in [
        ("app", &["app:1", "app:2"][..]),
        ("=app:1", &["app:1"]),
        ("/^app/ 2", &["app:2"]),
        ("id:9c", &["app:1", "app:2", "prod:stable"]),
        ("is:unused", &["app:1", "app:2", "prod:stable"]),
        ("-web", &["app:1", "app:2", "prod:stable"]),
        // An ID is all of it, a name is not.
        ("9c872a6119cc", &["app:1", "app:2", "prod:stable"]),
        ("sha256:9c872a6119cc", &["app:1", "app:2", "prod:stable"]),
        ("9c872a6119cc =app:1", &["app:1", "app:2", "prod:stable"]),
        ("nothing", &[]),
    ] {
        let filter = Filter::parse(filter, Kind::Image).expect("a filter");
        let found: Vec<&str> = filter
            .matched_names(&image.subject())
            .into_iter()
            .map(|name| &**name)
            .collect();
        assert_eq!(found, matched, "{filter:?}");
    }
}

#[test]
fn a_digest_means_the_names_of_its_repository() {
    let digest = "app@sha256:6db55d7b";
    let mut subject_of = thing(Kind::Image, &["app:1", "prod:stable"]);
    let digests: Vec<Text> = vec![digest.into(), "prod@sha256:6db55d7b".into()];
    let mut found = |text: &str, names: &[&str]| {
        subject_of.names = names.iter().map(|name| Text::from(*name)).collect();
        let filter = Filter::parse(text, Kind::Image).expect("a filter");
        let subject = Subject {
            digests: &digests,
            ..subject_of.subject()
        };
        let matched = filter.matched_names(&subject);
        let is_shown = filter.verdict(&subject, time(NOW)) == Verdict::Shown;
        assert_eq!(is_shown, !matched.is_empty(), "{text}");
        matched
            .into_iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let tagged = ["app:1", "prod:stable"];
    assert_eq!(found("=app@sha256:6db55d7b", &tagged), ["app:1"]);
    assert_eq!(found("=app:9@sha256:6db55d7b", &tagged), ["app:1"]);
    assert!(found("sha256:6db55d7b", &tagged).is_empty());
    assert_eq!(found("=app", &[digest, "prod:stable"]), [digest]);
}

#[test]
fn a_word_that_is_an_id_is_proposed_as_one() {
    for (word, instead) in [
        ("web", "=web or /web/"),
        ("r/web", "=r/web or /r\\/web/"),
        ("7b63ff9698b6", "id:7b63ff9698b6"),
        ("7b63ff9698b", "=7b63ff9698b or /7b63ff9698b/"),
        ("sha256:7b63ff9698b6", "id:sha256:7b63ff9698b6"),
    ] {
        assert_eq!(instead_of(word), instead);
    }
}

#[test]
fn a_bare_word_is_found() {
    let bare = |text| {
        Filter::parse(text, Kind::Image)
            .expect("a filter")
            .bare_word()
            .map(str::to_owned)
    };
    assert_eq!(bare("is:unused web"), Some("web".to_owned()));
    assert_eq!(bare("=web /x/ id:3"), None);
}

#[test]
fn sizes_as_people_write_them() {
    use super::values::parse_size;
    for (text, size) in [
        ("0", Some(0)),
        ("7b", Some(7)),
        ("500mb", Some(500_000_000)),
        ("1.5GB", Some(1_500_000_000)),
        ("10MiB", Some(10_485_760)),
        ("0.1kb", Some(100)),
        ("", None),
        ("mb", None),
        ("1.", None),
        ("1.2.3", None),
        ("-1", None),
        ("1xb", None),
        ("99999999999999999999", None),
        ("18446744073709551615pb", None),
    ] {
        assert_eq!(parse_size(text), size.map(Bytes), "{text}");
    }
}
