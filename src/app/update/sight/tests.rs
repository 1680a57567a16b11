use std::sync::Arc;

use super::*;
use crate::app::keys;
use crate::app::model::Options;
use crate::app::msg::Msg;
use crate::app::update::update;
use crate::domain::inventory::{EngineInfo, Part};
use crate::domain::plan::scene::{a_record, record};
use crate::domain::store::disk_usage::Measuring;
use crate::domain::time::Timestamp;

fn measuring(done: usize) -> Part {
    let since = Timestamp::UNIX_EPOCH;
    Part::Measuring(Some(Measuring {
        since,
        done,
        all: 9,
    }))
}

#[test]
fn what_is_in_sight_or_marked_is_said_once() {
    let mut model = Model::new(Options::default(), 80, 24, Timestamp::UNIX_EPOCH);
    let engine = EngineInfo {
        local: true,
        ..EngineInfo::default()
    };
    update(&mut model, Msg::Connected);
    let ids: Vec<String> = (0..99).map(|number| format!("r{number:02}")).collect();
    let records = ids.iter().map(|id| record(id, &[])).collect();
    let parts = vec![Part::Engine(Arc::new(engine)), Part::BuildCache(records)];
    assert_eq!(
        update(&mut model, Msg::Scan(parts)),
        [],
        "nothing is measured"
    );
    let page = usize::from(model.layout.page);
    model.open = crate::domain::item::Kind::BuildCache;
    let said = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::MeasureFirst(items, _)] => items.clone(),
        other => panic!("{other:?}"),
    };
    let seen = said(update(&mut model, Msg::Scan(vec![measuring(0)])));
    assert_eq!(seen.len(), page);
    assert_eq!(
        update(&mut model, Msg::Scan(vec![measuring(1)])),
        [],
        "the same"
    );
    let space = keys::parse("space").expect("a key");
    let marked = said(update(&mut model, Msg::Key(space)));
    assert_eq!(marked.len(), page + 1);
    assert!(model.marks.contains_key(&marked[page]), "{marked:?}");
    let end = keys::parse("end").expect("a key");
    let seen = said(update(&mut model, Msg::Key(end)));
    assert_ne!(seen[..page], marked[..page]);
    assert!(seen.iter().all(|id| *id != a_record("none")));
    assert_eq!(
        update(&mut model, Msg::Scan(vec![Part::Measuring(None)])),
        []
    );
    assert_eq!(model.measured_first, []);
}
