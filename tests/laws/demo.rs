//! What a plan of the demo's fleet promises is what its store loses, to the byte: the store counts references
//! itself and knows nothing of plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use dtop::domain::bytes::Bytes;
use dtop::domain::inventory::{EngineInfo, Inventory};
use dtop::domain::item::{ItemId, Kind};
use dtop::domain::plan::{AddedBy, Plan, Selection, unlock};
use dtop::domain::removal::account::{Change, FreedBy};
use dtop::domain::removal::event::Event;
use dtop::domain::removal::outcome::Outcome;
use dtop::domain::survey::Survey;
use dtop::engine::Engine;
use dtop::engine::demo::{DemoEngine, Pace};
use dtop::engine::host::{ListedIds, LogOrder};
use dtop::engine::journal::Journal;
use dtop::engine::removal::{Confirmed, remove};
use dtop::engine::scan::{ScanScope, scan_once};
use futures_util::FutureExt as _;
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
            .start_paused(true)
            .build()
            .unwrap();
        let nothing = Inventory::default();
        let scan = scan_once(&*engine, ScanScope::ALL, &nothing, |_, _| {});
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
        let order = Confirmed { plan: plan.clone(), base: survey.inventory().clone(), journal: Journal::default(), save: None, until: None };
        let removal = tokio.block_on(remove(engine, order, Arc::default(), |_| {})).unwrap();
        for done in &removal.done {
            let log = done.id.kind() == Kind::Log;
            let expected = if log { Outcome::Truncated } else { Outcome::Removed };
            prop_assert_eq!(done.outcome, expected, "{:?}", done);
        }
        prop_assert_eq!(removal.done.len(), plan.steps.len());
        let freed = demo.freed_so_far();
        let sum: Bytes = plan.steps.iter().map(|step| step.frees.at_least).sum();
        prop_assert_eq!(sum, plan.frees.at_least);
        prop_assert!(plan.frees.at_least <= freed && freed <= plan.frees.at_most);
        let account = &removal.account;
        prop_assert_eq!(account.freed, freed, "the account");
        prop_assert_eq!(account.by, FreedBy::Engine);
        let observed: Bytes = removal.done.iter().filter_map(|done| done.freed.known()).sum();
        prop_assert_eq!(observed, freed, "the steps of the account");
        let change = account.disk.map(|disk| disk.available);
        prop_assert_eq!(change, (!plan.steps.is_empty()).then_some(Change::More(freed)));
        if plan.frees.is_exact() {
            prop_assert_eq!(freed, plan.frees.at_least);
            prop_assert_eq!(&account.differences, &[]);
        }
    }

    #[test]
    fn the_account_is_true_while_somebody_else_removes_things_too(
        picks in some(),
        others in prop::collection::vec((0..12_usize, any::<Index>()), 1..12),
    ) {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let demo = Arc::new(DemoEngine::new(now).with_pace(Pace::Instant));
        let engine: Arc<dyn Engine> = demo.clone();
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let nothing = Inventory::default();
        let scan = scan_once(&*engine, ScanScope::ALL, &nothing, |_, _| {});
        let survey = Survey::new(tokio.block_on(scan).unwrap());
        let items = all(&survey);
        let selection = Selection {
            items: picks
                .iter()
                .map(|pick| (pick.get(&items).clone(), AddedBy::Selection))
                .collect::<BTreeMap<_, _>>(),
            ..Selection::default()
        };
        let plan = Plan::new(&survey, &selection);
        let order = Confirmed { plan, base: survey.inventory().clone(), journal: Journal::default(), save: None, until: None };
        let mut elsewhere = Bytes::ZERO;
        let mut events = 0;
        let mut log = Vec::new();
        let disturb = |event: Event| {
            if !matches!(event, Event::Started { .. } | Event::Checked { .. }) {
                return;
            }
            if let Event::Started { index } = event {
                log.push(format!("step {index}, so far {}", (demo.freed_so_far() - elsewhere).0));
            }
            // What a container has written, and its log, are as they were when they were measured.
            let others = others.iter().map(|(at, other)| (at, other.get(&items)));
            let others = others.filter(|(at, other)| **at == events && other.kind() != Kind::Log);
            for (_, other) in others {
                let before = demo.bytes();
                log.push(format!("{other:?}"));
                somebody_else_removes(&*demo, other);
                elsewhere += before - demo.bytes();
            }
            events += 1;
        };
        let removal = tokio.block_on(remove(engine, order, Arc::default(), disturb)).unwrap();
        let freed = demo.freed_so_far() - elsewhere;
        let account = &removal.account;
        let observed: Bytes = removal.done.iter().filter_map(|done| done.freed.known()).sum();
        if account.by == FreedBy::Disk {
            // A volume of no known size went; what others removed shows on the disk too.
            prop_assert!(account.about && account.freed <= freed + elsewhere);
            return Ok(());
        }
        prop_assert_eq!(observed, account.freed);
        if account.about {
            prop_assert!(account.freed <= freed, "{:?} {:?}", account, freed);
        } else {
            prop_assert_eq!(account.freed, freed, "{:?} {:?}", removal.done, log);
        }
        let went = removal.done.iter().any(|done| matches!(done.outcome, Outcome::Removed | Outcome::Truncated));
        let changed = freed + elsewhere;
        if went && let Some(Change::More(change)) = account.disk.map(|disk| disk.available) {
            prop_assert!(change <= changed && change >= freed);
        }
    }
}

/// The demo answers at once, so this needs no runtime. What the engine refuses stays.
fn somebody_else_removes(engine: &dyn Engine, id: &ItemId) {
    let _ = match id {
        ItemId::Image(id) => engine.remove_image(id).now_or_never().map(|it| it.is_ok()),
        ItemId::Container(id) => engine
            .remove_container(id)
            .now_or_never()
            .map(|it| it.is_ok()),
        ItemId::Volume(name) => engine
            .remove_volume(name)
            .now_or_never()
            .map(|it| it.is_ok()),
        ItemId::Record(id) => engine
            .prune_records(std::slice::from_ref(id))
            .now_or_never()
            .map(|it| it.is_ok()),
        ItemId::Log(id) => engine
            .truncate_log(LogOrder {
                container: id.clone(),
                path: None,
                bounded: false,
                engine: Arc::new(EngineInfo::default()),
                known: ListedIds::default(),
            })
            .now_or_never()
            .map(|it| it.is_ok()),
    };
}
