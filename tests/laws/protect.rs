//! Laws of protection: however many rules there are, each means what it means alone.

use std::hint::black_box;
use std::time::Instant;

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::filter::{Flags, Naming, Subject};
use dtop::domain::item::{Kind, Labels};
use dtop::domain::protect::{Guard, Protection, Rule};
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use proptest::prelude::*;

/// Names, and pieces of them, that rules are made of and that items have: enough alike that many match.
const PIECES: [&str; 14] = [
    "web",
    "shop",
    "Team/",
    "db-",
    "1",
    "12",
    ":latest",
    "registry.io/",
    "é",
    "Σς",
    "İ",
    "-prod",
    "ab",
    "c",
];

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..5).prop_map(|it| it.concat())
}

fn rule() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        name(),
        name().prop_map(|name| format!("={name}")),
        (name(), name()).prop_map(|(a, b)| format!("={a}*{b}")),
        name().prop_map(|name| format!("=*{name}")),
        (name(), "[?*+]|\\{0,2\\}", name()).prop_map(|(a, how, b)| format!(
            "/{}{how}{}/",
            slashed(&a),
            slashed(&b)
        )),
        (name(), name()).prop_map(|(a, b)| format!("/(?i)^({}|x)[{b}]/", slashed(&a))),
        name().prop_map(|name| format!("/x|{}/", slashed(&name))),
        "id:[ab]{1,4}",
        "(sha256:)?[ab]{12}",
        "project:[ab]{1,2}",
        "label:[ab]{1,3}(=[ab]{1,3})?",
        "size[<>][0-9]b",
        "frees[<>][0-9]b",
    ];
    let term = (prop::bool::weighted(0.2), term)
        .prop_map(|(not, term)| format!("{}{term}", if not { "-" } else { "" }));
    prop::collection::vec(term, 1..3).prop_map(|terms| terms.join(" "))
}

fn slashed(name: &str) -> String {
    name.replace('/', "\\/").replace('.', "\\.")
}

fn rules(texts: &[String]) -> Vec<Rule> {
    let rules = texts.iter().filter_map(|text| Rule::parse(text).ok());
    rules.collect()
}

/// What each rule says alone: the first that holds, or else the first that is in doubt.
fn one_by_one(rules: &[Rule], subject: &Subject<'_>) -> Option<Guard> {
    let each: Vec<Option<Guard>> = (rules.iter())
        .map(|rule| Protection::new(vec![rule.clone()], now()).guard(subject))
        .collect();
    let find = |wanted: Guard| each.iter().position(|guard| *guard == Some(wanted));
    let place = |at: usize| u32::try_from(at).expect("a place");
    let holds = find(Guard::Rule(0)).map(|at| Guard::Rule(place(at)));
    holds.or_else(|| find(Guard::Doubt(0)).map(|at| Guard::Doubt(place(at))))
}

fn now() -> Timestamp {
    Timestamp::from_second(1_795_258_845).expect("a time")
}

fn subject<'a>(kind: Kind, names: &'a [Text], id: &'a str, labels: &'a Labels) -> Subject<'a> {
    Subject {
        kind,
        names,
        naming: Naming::default(),
        digests: &[],
        id,
        size: Figure::Known(Bytes(5)),
        frees: Figure::Pending,
        created: None,
        last_used: None,
        project: labels.value("a"),
        nth: None,
        driver: None,
        labels: Some(labels),
        is: Flags::default(),
    }
}

proptest! {
    #[test]
    fn many_rules_mean_what_each_means_alone(
        texts in prop::collection::vec(rule(), 17..40),
        names in prop::collection::vec(name(), 0..4),
        digests in prop::collection::vec(name(), 0..2),
        naming in prop::sample::select(vec![Naming::Plain, Naming::Docker, Naming::Podman]),
        id in "(sha256:)?[ab]{0,14}",
        labels in prop::collection::vec(("[ab]{1,3}", "[ab]{1,3}"), 0..3),
        kind in prop::sample::select(Kind::ALL.to_vec()),
    ) {
        let rules = rules(&texts);
        let labels = Labels::new(labels.into_iter().map(|(k, v)| (k.into(), v.into())).collect());
        let names: Vec<Text> = names.into_iter().map(Text::from).collect();
        let digests: Vec<Text> = digests.into_iter().map(Text::from).collect();
        let subject = Subject {
            naming,
            digests: &digests,
            ..subject(kind, &names, &id, &labels)
        };
        let together = Protection::new(rules.clone(), now()).guard(&subject);
        prop_assert_eq!(together, one_by_one(&rules, &subject), "{:?}", texts);
    }
}

/// Five thousand rules and ten thousand images. A build for tests is not held to any time.
#[test]
fn thousands_of_rules_cost_little() {
    let rule = |at: usize| match at % 5 {
        0 => format!("=registry.example.org/team-{at}/*"),
        1 => format!("=prod-{at}:latest"),
        2 => format!("/^registry\\.example\\.org\\/shop-{at}(:v[0-9]+)?$/"),
        3 => format!("web-{at}"),
        _ => format!("label:owner=person-{at}"),
    };
    let (rules_in_all, number) = if cfg!(debug_assertions) {
        (500, 1_000)
    } else {
        (5_000, 10_000)
    };
    let texts: Vec<String> = (0..rules_in_all).map(rule).collect();
    let start = Instant::now();
    let protection = Protection::new(rules(&texts), now());
    let read = start.elapsed();
    let images: Vec<(Vec<Text>, String, Labels)> = (0..number)
        .map(|at| {
            let name = match at % 3 {
                0 => format!("registry.example.org/team-{at}/api:1"),
                1 => format!("prod-{at}:latest"),
                _ => format!("docker.io/library/web-{at}x:2"),
            };
            let owner = ("owner".into(), format!("person-{}", at * 2).into());
            (
                vec![name.into()],
                format!("sha256:{at:064x}"),
                Labels::new(vec![owner]),
            )
        })
        .collect();
    let start = Instant::now();
    let mut protected = 0;
    for (names, id, labels) in &images {
        let guard = protection.guard(&subject(Kind::Image, names, id, labels));
        protected += usize::from(black_box(guard).is_some());
    }
    let asked = start.elapsed();
    assert!(protected > number / 20, "{protected}");
    let took = (read + asked).as_millis();
    assert!(
        took < 100 || cfg!(debug_assertions),
        "read in {read:?}, asked in {asked:?}"
    );
}
