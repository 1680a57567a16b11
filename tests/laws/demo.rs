//! What a plan of the demo's fleet promises is what its store loses, to the byte: the store counts references
//! itself and knows nothing of plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use dtop::domain::bytes::Bytes;
use dtop::domain::inventory::Inventory;
use dtop::domain::item::{ItemId, Kind};
use dtop::domain::outcome::Outcome;
use dtop::domain::plan::{AddedBy, Plan, Selection, unlock};
use dtop::domain::survey::Survey;
use dtop::engine::Engine;
use dtop::engine::demo::{DemoEngine, Pace};
use dtop::engine::removal::{Order, remove};
use dtop::engine::watch::{Wanted, scan_once};
use proptest::prelude::*;
use proptest::sample::{Index, SizeRange};

fn all(survey: &Survey) -> Vec<ItemId> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| survey.rows(kind).map(move |at| survey.item(kind, at).id()))
        .collect()
}

fn some() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), SizeRange::from(1..60))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_demo_frees_what_was_promised(picks in some(), unlocked: bool, stop: bool) {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let demo = Arc::new(DemoEngine::new(now).with_pace(Pace::Instant));
        let engine: Arc<dyn Engine> = demo.clone();
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let nothing = Inventory::default();
        let scan = scan_once(&*engine, Wanted::ALL, &nothing, |_, _| {});
        let survey = Survey::new(tokio.block_on(scan).unwrap());
        let items = all(&survey);
        let mut selection = Selection {
            items: picks
                .iter()
                .map(|pick| (pick.get(&items).clone(), AddedBy::Selection))
                .collect::<BTreeMap<_, _>>(),
            stop,
            ..Selection::default()
        };
        if unlocked {
            let more = unlock(&survey, &selection);
            selection.items.extend(more.into_iter().map(|id| (id, AddedBy::Unlock)));
        }
        let plan = Plan::new(&survey, &selection);
        let order = Order { plan: plan.clone(), base: survey.inventory().clone() };
        let removal = tokio.block_on(remove(engine, order, Arc::default(), |_| {})).unwrap();
        for done in &removal.done {
            prop_assert_eq!(done.outcome, Outcome::Removed, "{:?}", done);
        }
        prop_assert_eq!(removal.done.len(), plan.steps.len());
        let freed = demo.freed_so_far();
        let sum: Bytes = plan.steps.iter().map(|step| step.frees.at_least).sum();
        prop_assert_eq!(sum, plan.frees.at_least);
        prop_assert!(plan.frees.at_least <= freed && freed <= plan.frees.at_most);
        if plan.frees.is_exact() {
            prop_assert_eq!(freed, plan.frees.at_least);
        }
    }
}
