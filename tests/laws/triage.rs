//! The safest set, on random fleets: it frees what was asked for, nothing in it could stay, no tier is touched
//! before those below it are used up, and no choice of fewer things would do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::disk::{Disk, Places};
use dtop::domain::item::{ItemId, Labels, Source, State};
use dtop::domain::plan::{AddedBy, Plan, Selection, Step};
use dtop::domain::survey::{Item, Survey};
use dtop::domain::time::Timestamp;
use dtop::domain::triage::{Chosen, Goal, LOG_BOUND, Tier, Wish, choose, reach, tier};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::fleet::{Fleet, Traits, fleet};

/// So many things of a tier are tried in every choice there is.
const FEW: usize = 8;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// What is said of a thing beside its bytes, by a number for each.
fn dress(mut fleet: Fleet, luck: &[u8]) -> Fleet {
    let mut luck = luck.iter().copied().cycle();
    let mut next = || luck.next().unwrap();
    let days = |number: u8| now() - SignedDuration::from_hours(24 * i64::from(number));
    let keep = || Labels::new(vec![("dtop.keep".into(), "".into())]);
    for image in &mut fleet.inventory.images {
        if next() % 2 == 0 {
            image.source = Source::Registry;
            if !image.names.is_empty() {
                image.digests = vec![format!("image@{}", image.id).into()];
            }
        }
        image.last_tagged = (next() % 4 > 0).then(|| days(next()));
        if next() % 16 == 0 {
            image.labels = keep();
        }
    }
    for container in &mut fleet.inventory.containers {
        if let Figure::Known(details) = &mut container.details {
            let details = Arc::make_mut(details);
            details.started = Some(days(20));
            details.finished = Some(days(next() % 20));
        }
        if next() % 8 == 0 {
            container.state = State::Running;
        }
        if next() % 16 == 0 {
            container.labels = keep();
        }
    }
    for at in 0..fleet.inventory.containers.len() {
        if next() % 2 == 0 {
            fleet.log(at, 1_000_000 * u64::from(next()), next() % 4 == 0);
        }
    }
    for volume in &mut fleet.inventory.volumes {
        volume.anonymous = next() % 2 == 0;
        if next() % 4 == 0 {
            let project = ("com.docker.compose.project".into(), "shop".into());
            volume.labels = Labels::new(vec![project]);
        }
    }
    for record in &mut fleet.inventory.cache {
        record.last_used = (next() % 4 > 0).then(|| days(next() % 20));
        record.in_use = next() % 16 == 0;
    }
    fleet
}

fn any_fleet() -> impl Strategy<Value = Fleet> {
    let traits = |twins, bare, hidden| Traits {
        twins,
        bare,
        hidden,
        doubled: false,
    };
    let fleet = prop_oneof![
        3 => fleet(traits(false, false, false)),
        1 => fleet(traits(true, false, false)),
        1 => fleet(traits(false, true, true)),
    ];
    let luck = prop::collection::vec(any::<u8>(), 64);
    (fleet, luck).prop_map(|(fleet, luck)| dress(fleet, &luck))
}

fn selection<'a>(items: impl IntoIterator<Item = &'a ItemId>) -> Selection {
    Selection {
        items: items
            .into_iter()
            .map(|id| (id.clone(), AddedBy::Free))
            .collect(),
        ..Selection::default()
    }
}

fn frees<'a>(survey: &Survey, items: impl IntoIterator<Item = &'a ItemId>) -> Bytes {
    Plan::new(survey, &selection(items)).frees.at_least
}

/// All that may go, each with its tier.
fn tiers(survey: &Survey, even_volumes: bool) -> BTreeMap<ItemId, Tier> {
    let numbers = 0..u32::try_from(survey.numbers().len()).unwrap();
    let tiers = numbers.filter_map(|number| {
        let tier =
            tier(survey, number, now()).filter(|tier| even_volumes || *tier < Tier::Named)?;
        Some((survey.numbered(number).id(), tier))
    });
    tiers.collect()
}

/// A part of all that could go, in hundredths.
fn target(survey: &Survey, share: u64) -> Bytes {
    let all = frees(survey, tiers(survey, false).keys());
    Bytes(all.0 * share / 100)
}

/// So much is to be available on each disk of a law with several.
const FULL: Bytes = Bytes(1 << 40);

fn of_layers() -> Places {
    Places {
        layers: true,
        ..Places::default()
    }
}

fn of_the_rest() -> Places {
    Places {
        logs: true,
        volumes: true,
        ..Places::default()
    }
}

/// A disk that lacks so much.
fn disk(holds: Places, lack: Bytes) -> Disk {
    Disk {
        path: "/".into(),
        total: FULL + FULL,
        free: FULL - lack,
        holds,
        ..Disk::default()
    }
}

/// True if these free so much there, without anything else; and what they free.
fn enough<'a>(
    survey: &Survey,
    items: impl IntoIterator<Item = &'a ItemId>,
    bytes: Bytes,
    at: Places,
) -> (bool, Bytes) {
    let wish = Wish {
        bytes,
        at,
        even_volumes: true,
    };
    let chosen = choose(survey, &selection(items), wish, now());
    (chosen.met && chosen.items.is_empty(), chosen.frees)
}

fn chosen(survey: &Survey, bytes: Bytes, even_volumes: bool) -> Chosen {
    let wish = Wish {
        bytes,
        at: Places::ALL,
        even_volumes,
    };
    choose(survey, &Selection::default(), wish, now())
}

/// What a step says that nobody may take.
fn is_taboo(survey: &Survey, step: &Step) -> bool {
    let Some(item) = survey.find(&step.id) else {
        return true;
    };
    let number = survey.numbers().number_of(&step.id).unwrap();
    let in_use = match item {
        Item::Image(_) => survey.users(number).iter().any(
            |user| matches!(survey.numbered(*user), Item::Container(it) if !it.state.is_stopped()),
        ),
        Item::Container(container) => !container.state.is_stopped(),
        Item::Volume(volume) => {
            !survey.users(number).is_empty() || volume.labels.project().is_some()
        }
        Item::Record(record) => record.in_use,
        Item::Log(container) => {
            let details = container.details.as_ref().known().unwrap();
            let is_small = details.truncatable() <= LOG_BOUND;
            details.log_bounded != Some(false) || is_small
        }
    };
    in_use || survey.facts_of_number(number).flags.protected
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_set_frees_what_was_asked_for_and_nothing_that_is_needed(
        fleet in any_fleet(), share in 1_u64..=100,
    ) {
        let survey = Survey::new(fleet.inventory.clone());
        let target = target(&survey, share);
        let chosen = chosen(&survey, target, false);
        prop_assert!(chosen.met, "{chosen:?}");
        let plan = Plan::new(&survey, &selection(chosen.items.keys()));
        prop_assert!(plan.frees.at_least >= target, "{plan:?} {target:?}");
        prop_assert_eq!(plan.frees.at_least, chosen.frees);
        prop_assert!(plan.refused.is_empty(), "{:?}", plan.refused);
        prop_assert!(!plan.steps.iter().any(|step| is_taboo(&survey, step)), "{plan:?}");
        // The store itself, with all that the engine takes along.
        let follows = plan.steps.iter().flat_map(Step::follows);
        let steps = plan.steps.iter().map(|step| step.id.clone());
        let gone: BTreeSet<ItemId> = steps.chain(follows.cloned().map(ItemId::Image)).collect();
        prop_assert!(fleet.frees(&gone) >= target.0, "{gone:?}");
    }

    #[test]
    fn nothing_in_the_set_could_stay(fleet in any_fleet(), share in 1_u64..=100) {
        let survey = Survey::new(fleet.inventory.clone());
        let target = target(&survey, share);
        let chosen = chosen(&survey, target, false);
        for left in chosen.items.keys() {
            let rest = chosen.items.keys().filter(|id| *id != left);
            let freed = frees(&survey, rest);
            prop_assert!(freed < target, "without {left:?} {freed:?} of {target:?}: {chosen:?}");
        }
    }

    #[test]
    fn no_tier_is_touched_before_those_below_are_not_enough(
        fleet in any_fleet(), share in 1_u64..=100,
    ) {
        let survey = Survey::new(fleet.inventory.clone());
        let target = target(&survey, share);
        let chosen = chosen(&survey, target, false);
        let top = chosen.items.values().max();
        prop_assume!(top.is_some());
        let all = tiers(&survey, false);
        let below = all.iter().filter(|(_, tier)| Some(*tier) < top);
        let freed = frees(&survey, below.map(|(id, _)| id));
        prop_assert!(freed < target, "{freed:?} of {target:?} below {top:?}");
    }

    #[test]
    fn no_fewer_things_of_a_tier_would_do(fleet in any_fleet(), share in 1_u64..=100) {
        let survey = Survey::new(fleet.inventory.clone());
        let target = target(&survey, share);
        let chosen = chosen(&survey, target, false);
        let all = tiers(&survey, false);
        let used: BTreeSet<Tier> = chosen.items.values().copied().collect();
        for tier in used {
            // All that is less missed, and what was chosen of what is missed more.
            let below = all.iter().filter(|(_, other)| **other < tier);
            let above = chosen.items.iter().filter(|(_, other)| **other > tier);
            let around: Vec<&ItemId> = below.chain(above).map(|(id, _)| id).collect();
            let of_tier: Vec<&ItemId> = all.iter().filter(|(_, other)| **other == tier).map(|(id, _)| id).collect();
            if of_tier.len() > FEW {
                continue;
            }
            let sets = (0_u32..1 << of_tier.len()).filter(|set| {
                let picked = of_tier.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
                frees(&survey, around.iter().copied().chain(picked.map(|(_, id)| *id))) >= target
            });
            let best = sets.map(u32::count_ones).min().unwrap();
            let number = chosen.items.values().filter(|other| **other == tier).count();
            prop_assert!(number <= best as usize + 1, "{number} of {tier:?}, {best} would do: {chosen:?}");
        }
    }

    #[test]
    fn what_cannot_be_met_is_the_most_there_is(fleet in any_fleet(), even_volumes in any::<bool>()) {
        let survey = Survey::new(fleet.inventory.clone());
        let most = frees(&survey, tiers(&survey, even_volumes).keys());
        let chosen = chosen(&survey, most + Bytes(1), even_volumes);
        prop_assert!(!chosen.met);
        prop_assert_eq!(chosen.frees, most);
        prop_assert_eq!(frees(&survey, chosen.items.keys()), most);
    }

    #[test]
    fn what_was_selected_counts(
        fleet in any_fleet(), share in 1_u64..=100, mine in any::<prop::sample::Index>(),
    ) {
        let items = fleet.items();
        prop_assume!(!items.is_empty());
        let survey = Survey::new(fleet.inventory.clone());
        let mut selected = Selection::default();
        selected.items.insert(mine.get(&items).clone(), AddedBy::Selection);
        let wish = Wish { bytes: target(&survey, share), at: Places::ALL, even_volumes: false };
        let chosen = choose(&survey, &selected, wish, now());
        let with_mine = chosen.items.keys().chain(selected.items.keys());
        let freed = frees(&survey, with_mine);
        prop_assert!(!chosen.items.contains_key(mine.get(&items)));
        prop_assert!(freed >= chosen.frees);
        prop_assert!(!chosen.met || freed >= wish.bytes);
    }
    #[test]
    fn several_disks_have_enough_each_and_nothing_goes_in_vain(
        fleet in any_fleet(),
        layers in 1_u64..=100,
        rest in 1_u64..=100,
    ) {
        let mut fleet = fleet;
        let disks = [of_layers(), of_the_rest()];
        let all = Survey::new(fleet.inventory.clone());
        let most = |at: Places| enough(&all, tiers(&all, true).keys(), Bytes(u64::MAX), at).1;
        let lacks = [(disks[0], layers), (disks[1], rest)]
            .map(|(at, share)| (at, Bytes(most(at).0 * share / 100)));
        fleet.inventory.disks = lacks.map(|(holds, lack)| disk(holds, lack)).to_vec();
        let survey = Survey::new(fleet.inventory);
        let wish = (Goal::Until(FULL), true);
        let chosen = reach(&survey, &Selection::default(), wish, now()).expect("disks");
        prop_assert!(chosen.met, "{lacks:?}");
        let is_enough = |items: &BTreeSet<&ItemId>| {
            let reaches = |(at, lack)| enough(&survey, items.iter().copied(), lack, at).0;
            lacks.into_iter().all(reaches)
        };
        let items: BTreeSet<&ItemId> = chosen.items.keys().collect();
        prop_assert!(is_enough(&items), "{items:?} {lacks:?}");
        for item in &items {
            let mut without = items.clone();
            without.remove(item);
            prop_assert!(!is_enough(&without), "{item:?} of {items:?} goes in vain, {lacks:?}");
        }
    }
}
