use super::*;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::filter::Flags;
use crate::domain::text::Text;

fn subject<'a>(kind: Kind, names: &'a [Text], labels: Option<&'a Labels>) -> Subject<'a> {
    Subject {
        kind,
        names,
        naming: crate::domain::filter::Naming::default(),
        digests: &[],
        id: "sha256:1f",
        size: Figure::Known(Bytes(7)),
        frees: Figure::Pending,
        created: None,
        last_used: None,
        project: labels.and_then(Labels::project),
        driver: None,
        nth: None,
        labels,
        is: Flags::default(),
    }
}

fn protection(rules: &[&str]) -> Protection {
    let rules = rules.iter().map(|text| Rule::parse(text).expect(text));
    Protection::new(rules.collect(), Timestamp::UNIX_EPOCH)
}

#[test]
fn the_label_protects_whatever_its_value_but_false() {
    for (value, guard) in [
        ("", Some(Guard::Label)),
        ("true", Some(Guard::Label)),
        ("no", Some(Guard::Label)),
        ("false", None),
    ] {
        let labels = Labels::new(vec![(LABEL.into(), value.into())]);
        let names = ["a".into()];
        let it = subject(Kind::Volume, &names, Some(&labels));
        assert_eq!(protection(&[]).guard(&it), guard, "{value}");
    }
}

#[test]
fn a_rule_holds_for_the_kinds_that_have_all_its_terms() {
    let labels = Labels::new(vec![("com.docker.compose.project".into(), "shop".into())]);
    let names = ["shop-db".into()];
    for (rule, kinds) in [
        ("shop", &Kind::ALL[..]),
        ("=shop-*", &Kind::ALL),
        ("size>5", &Kind::ALL),
        (
            "project:shop",
            &[Kind::Image, Kind::Container, Kind::Volume, Kind::Log],
        ),
        ("-is:anonymous", &[Kind::Volume]),
        ("size>7", &[]),
        ("other", &[]),
    ] {
        let protection = protection(&[rule]);
        for kind in Kind::ALL {
            let labels = (kind != Kind::BuildCache).then_some(&labels);
            let mut it = subject(kind, &names, labels);
            it.is.anonymous = Some(false);
            let guard = kinds.contains(&kind).then_some(Guard::Rule(0));
            assert_eq!(protection.guard(&it), guard, "{rule} {kind:?}");
        }
    }
}

#[test]
fn what_is_not_known_protects_but_a_rule_that_holds_is_named_first() {
    let names = ["a".into()];
    let it = subject(Kind::Image, &names, None);
    for (rules, says) in [
        (
            &["frees>1gb"][..],
            Some("protected by config: `frees>1gb`, of which a figure is not known"),
        ),
        (
            &["-frees>1gb"],
            Some("protected by config: `-frees>1gb`, of which a figure is not known"),
        ),
        (&["age<30d", "=a"], Some("protected by config: `=a`")),
        (&["age<30d b"], None),
    ] {
        let protection = protection(rules);
        let why = protection.guard(&it).map(|guard| protection.why(guard));
        assert_eq!(why.as_deref(), says, "{rules:?}");
    }
}

#[test]
fn a_word_that_is_no_key_in_other_letters_is_a_name() {
    for text in [
        "=projct:shop",
        "\"projct:shop\"",
        "/projct:shop/",
        "projct",
        "prjct:shop",
        "web:1",
        "ids:1",
        "agee:1",
        "r:5000/lable:1",
        "=shop project:shop",
    ] {
        assert!(Rule::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_rule_that_cannot_be_used_says_why() {
    for (text, says) in [
        (" ", "would protect everything"),
        ("-is:marked", "say nothing here"),
        ("a is:protected", "say nothing here"),
        ("size>big", "\"big\" is not a size"),
        (
            "is:running is:anonymous",
            "no kind of thing has all of these terms",
        ),
        ("is:nothing", "no kind of thing has all of these terms"),
        ("/(/", "the regular expression cannot be read"),
        (
            "projct:shop",
            "projct is no key; write project:shop, or =projct:shop for a name",
        ),
        ("a -lable:x", "write label:x"),
        ("porject:shop", "write project:shop"),
        ("projject:shop", "write project:shop"),
        ("projekt:shop", "write project:shop"),
        ("Project:shop", "write project:shop"),
        ("labels:x=y", "write label:x=y"),
        ("siez:1gb", "write size>500mb, or =siez:1gb for a name"),
        ("idel:3d", "write idle>30d"),
        ("diver:nfs", "write driver:nfs"),
    ] {
        let error = Rule::parse(text).expect_err(text);
        assert!(error.message.contains(says), "{text}: {error}");
        assert!(error.at.end <= text.len());
    }
}
