//! The running account of the marks says after every change what a weighing of all of them from the beginning
//! says.

use std::collections::BTreeSet;

use dtop::domain::item::ItemId;
use dtop::domain::plan::{AddedBy, Selection, Tally, frees};
use dtop::domain::survey::Survey;
use proptest::prelude::*;

use crate::fleet::{Fleet, Traits, fleet};

fn any_fleet() -> impl Strategy<Value = Fleet> {
    let traits = |twins, bare, hidden| Traits {
        twins,
        bare,
        hidden,
        doubled: false,
    };
    prop_oneof![
        fleet(traits(false, false, false)),
        fleet(traits(true, false, false)),
        fleet(traits(false, true, true)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_running_account_of_marks_is_the_account_of_all_of_them(
        fleet in any_fleet(),
        changes in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..6), 1..12),
    ) {
        let items = fleet.items();
        prop_assume!(!items.is_empty());
        let survey = Survey::new(fleet.inventory.clone());
        let mut tally = Tally::default();
        let mut marks: BTreeSet<ItemId> = BTreeSet::new();
        for change in changes {
            let change: Vec<(ItemId, bool)> = change
                .iter()
                .map(|(index, marked)| (index.get(&items).clone(), *marked))
                .collect();
            for (id, marked) in &change {
                if *marked {
                    marks.insert(id.clone());
                } else {
                    marks.remove(id);
                }
            }
            let numbers = survey.numbers();
            let change = change.iter().map(|(id, marked)| (numbers.number_of(id).unwrap(), *marked));
            let running = tally.change(&survey, change);
            let selection = Selection {
                items: marks.iter().map(|id| (id.clone(), AddedBy::Selection)).collect(),
                ..Selection::default()
            };
            prop_assert_eq!(running, frees(&survey, &selection));
            for id in &items {
                let number = numbers.number_of(id).unwrap();
                prop_assert_eq!(tally.is_marked(number), marks.contains(id));
            }
        }
    }
}
