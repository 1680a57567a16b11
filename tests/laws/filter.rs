//! Laws of the filter language.

use dtop::app::list::{Around, Pane};
use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::filter::{Filter, Verdict};
use dtop::domain::inventory::Inventory;
use dtop::domain::item::{Backing, Kind, Labels, Volume, VolumeName};
use dtop::domain::plan::Tally;
use dtop::domain::survey::Survey;
use dtop::domain::time::Timestamp;
use jiff::SignedDuration;
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_795_258_845).expect("a time")
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

/// Pieces of filters in any order: mostly nearly right, often wrong.
fn scrap() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "size",
        "frees",
        "age",
        "idle",
        "created",
        ">",
        "<=",
        "=",
        ":",
        "is:",
        "used",
        "id:",
        "sha256:",
        "label:",
        "project:",
        "/",
        "\\",
        "\"",
        "-",
        " ",
        "*",
        "30d",
        "1.5gb",
        "(",
        "日",
        "e\u{301}",
        "\u{2003}",
        "2026-07-07",
        "\u{1b}",
    ]);
    let piece = prop_oneof![
        4 => pieces.prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Terms that every kind has, or that volumes have.
fn term() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "=[a-c*]{1,4}",
        "/[a-c.]{1,3}/",
        "id:[a-c]",
        "(size|frees)(<|<=|>|>=)[0-9]{1,2}b",
        "(age|idle)(<|<=|>|>=)[0-9]{1,2}d",
        "created(<|<=|>|>=)2026-11-[12][0-9]",
        "is:(used|unused|anonymous|marked|protected)",
        "project:[ab]",
        "label:[ab](=[ab])?",
    ]
}

fn volume() -> impl Strategy<Value = Volume> {
    let size = prop_oneof![
        3 => (0_u64..100).prop_map(|bytes| Figure::Known(Bytes(bytes))),
        1 => Just(Figure::Pending),
        1 => Just(Figure::Unknown),
    ];
    let labels = prop::collection::vec(("[ab]", "[ab]"), 0..3).prop_map(|pairs| {
        let pairs = pairs.into_iter().map(|(k, v)| (k.into(), v.into()));
        Labels::new(pairs.collect())
    });
    let age = prop::option::of(0_i64..40);
    ("[a-c]{1,5}", size, labels, age, any::<bool>()).prop_map(
        |(name, size, labels, age, anonymous)| Volume {
            name: VolumeName::new(name),
            driver: "local".into(),
            size,
            anonymous,
            created: age.map(|days| now() - SignedDuration::from_hours(24 * days)),
            labels,
            mountpoint: "".into(),
            scope: "local".into(),
            backing: Backing::Folder,
            usage: None,
        },
    )
}

fn survey(volumes: Vec<Volume>) -> Survey {
    let mut inventory = Inventory::default();
    let mut seen = std::collections::HashSet::new();
    inventory.volumes = volumes
        .into_iter()
        .filter(|volume| seen.insert(volume.name.clone()))
        .collect();
    Survey::new(inventory)
}

fn verdict(survey: &Survey, filter: &str, at: usize) -> Verdict {
    let subject = survey.subject(Kind::Volume, at, false);
    Filter::parse(filter, Kind::Volume)
        .expect("a filter that can be read")
        .verdict(&subject, now())
}

proptest! {
    #[test]
    fn any_text_is_read_or_points_at_its_mistake(text in prop_oneof![scrap(), any::<String>()], kind in kind()) {
        if let Err(error) = Filter::parse(&text, kind) {
            let at = text.get(error.at.clone());
            prop_assert!(at.is_some_and(|at| !at.is_empty()), "{:?} in {text:?}", error.at);
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn a_term_and_its_negation_never_both_hold(term in term(), volume in volume()) {
        let survey = survey(vec![volume]);
        let both = (verdict(&survey, &term, 0), verdict(&survey, &format!("-{term}"), 0));
        prop_assert!(
            matches!(
                both,
                (Verdict::Shown, Verdict::Hidden)
                    | (Verdict::Hidden, Verdict::Shown)
                    | (Verdict::NotKnown, Verdict::NotKnown)
            ),
            "{term}: {both:?}"
        );
    }

    #[test]
    fn all_terms_must_hold_in_whatever_order(
        terms in prop::collection::vec(term(), 1..4),
        volume in volume(),
    ) {
        let survey = survey(vec![volume]);
        let each: Vec<Verdict> = terms.iter().map(|term| verdict(&survey, term, 0)).collect();
        let expected = if each.contains(&Verdict::Hidden) {
            Verdict::Hidden
        } else if each.contains(&Verdict::NotKnown) {
            Verdict::NotKnown
        } else {
            Verdict::Shown
        };
        let backwards: Vec<String> = terms.iter().rev().cloned().collect();
        prop_assert_eq!(verdict(&survey, &terms.join(" "), 0), expected);
        prop_assert_eq!(verdict(&survey, &backwards.join("  "), 0), expected);
    }

    #[test]
    fn filter_then_sort_is_sort_then_filter(
        volumes in prop::collection::vec(volume(), 0..20),
        term in term(),
        column in 0_usize..8,
        reversed: bool,
    ) {
        let survey = survey(volumes);
        let tally = Tally::default();
        let around = Around { survey: &survey, tally: &tally, now: now(), page: 10 };
        let sort = |pane: &mut Pane| {
            pane.sort_by(column, around);
            if reversed {
                pane.reverse(around);
            }
        };
        let mut first = Pane::new(Kind::Volume);
        first.set_filter(&term, around).expect("a filter");
        sort(&mut first);
        let mut last = Pane::new(Kind::Volume);
        sort(&mut last);
        last.set_filter(&term, around).expect("a filter");
        prop_assert_eq!(&first.rows, &last.rows);
        prop_assert_eq!(first.not_known, last.not_known);
        // And it is exactly what the filter lets through.
        let mut shown = first.rows.clone();
        shown.sort_unstable();
        let expected: Vec<usize> = survey
            .rows(Kind::Volume)
            .filter(|at| verdict(&survey, &term, *at) == Verdict::Shown)
            .collect();
        prop_assert_eq!(shown, expected);
    }
}
